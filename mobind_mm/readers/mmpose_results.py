"""What MMPose returns in Python, without importing MMPose.

Accepted is one item a frame: a ``PoseDataSample`` of all people or a list of
those of single people, what ``MMPoseInferencer`` yields (``{'predictions':
[...]}``), a list of instances (``keypoints``, ``keypoint_scores``, ``bbox``),
or ``{'instances': [...]}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..skeleton import get_layout
from .detections import Detections
from .mmpose_json import Instances
from .mmpose_layout import find_layout

_SOURCE = 'MMPose results'


def collect_results(
    results: Iterable[Any], layout: str | None = None
) -> tuple[Detections, tuple[int, int] | None]:
    """Gather the people of all frames.

    Args:
        results: One item a frame, in the order of the video; may be a
            generator, of which only what is needed is kept.
        layout: Skeleton layout; None decides by the number of keypoints.

    Returns:
        The people, and (height, width) of the video if the results say so.

    Raises:
        ValueError: If an item is something else; names the frame.
    """
    instances, img_shape, frame = Instances(), None, -1
    for frame, item in enumerate(_frames(results)):
        where = f'{_SOURCE}, frame {frame}'
        for index, (instance, shape) in enumerate(_people(item, where)):
            img_shape = img_shape or shape
            instances.add(frame, instance, f'{where}, instances[{index}]')
    if frame < 0:
        raise ValueError(f'{_SOURCE}: no frames.')
    layout = find_layout(layout, None, instances.num_keypoints, _SOURCE)
    keypoints, scores, boxes = instances.arrays(len(get_layout(layout)))
    frames = np.array(instances.frames, np.int64)
    found = Detections(frame + 1, frames, keypoints, scores, boxes, layout)
    return found, img_shape


def _frames(results: Iterable[Any]) -> Iterator[Any]:
    """Items of single frames; the inferencer may give batches of them."""
    for item in results:
        if isinstance(item, Mapping) and 'predictions' in item:
            yield from item['predictions']
        else:
            yield item


def _people(item: Any, where: str) -> Iterator[tuple[dict, tuple | None]]:
    """Instances of a frame as dicts, and the size of the image."""
    if isinstance(item, Mapping) and 'instances' in item:
        item = item['instances']
    if hasattr(item, 'pred_instances'):
        yield from _of_sample(item)
    elif isinstance(item, Mapping):
        yield _plain(item), None
    elif isinstance(item, (list, tuple)):
        for one in item:
            yield from _people(one, where)
    else:
        raise ValueError(
            f'{where} is a {type(item).__name__}, expected a PoseDataSample, '
            'a list of instances, or what MMPoseInferencer yields.'
        )


def _of_sample(sample: Any) -> Iterator[tuple[dict, tuple | None]]:
    """Instances of a PoseDataSample."""
    found = sample.pred_instances
    shape = getattr(sample, 'ori_shape', None)
    shape = None if shape is None else (int(shape[0]), int(shape[1]))
    for row in range(len(found.keypoints)):
        instance = {
            'keypoints': found.keypoints[row],
            'keypoint_scores': found.keypoint_scores[row],
        }
        if 'bboxes' in found:
            instance['bbox'] = found.bboxes[row]
        yield _plain(instance), shape


def _plain(instance: Mapping) -> dict:
    """Arrays and tensors as lists, as a JSON file has them."""
    return {
        key: value.tolist() if hasattr(value, 'tolist') else value
        for key, value in instance.items()
    }
