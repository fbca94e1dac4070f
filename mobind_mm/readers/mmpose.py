"""Read what MMPose predicts on a video: files, and results in Python.

Files have two shapes. A bare list ``[{frame_id, instances}]`` comes from
MMPose's inferencer, a dict ``{meta_info, instance_info: [{frame_id,
instances}]}`` from its demos and from ``mobind pose``.

Results in Python are one item per frame: a ``PoseDataSample`` of all people
or a list of those of single people, what ``MMPoseInferencer`` yields
(``{'predictions': [...]}``), a list of instances (``keypoints``,
``keypoint_scores``, ``bbox``), or ``{'instances': [...]}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import PoseStream
from ..utils.errors import mistake
from .archives import open_file
from .base import register_reader
from .detections import Detections, Instances
from .json_items import JSONItems, shorten, without_cycles
from .layout_choice import named_in_file, with_layout
from .people import PoseReader, all_people
from .pose_people import MOST_PEOPLE
from .pose_video import Video

MAX_UNLISTED = (1000, 20)
"""A file of n frames may leave out 1000 + 20 n others, so that a damaged
``frame_id`` cannot make anybody allocate."""


_SOURCE = 'MMPose results'
_HEAD = 1 << 18
"""Bytes within which a file shows what it is."""


def read_mmpose_json(
    path: str | Path, layout: str | None = None, first_frame: int | None = None
) -> Detections:
    """Read the instances of all frames.

    Frames count from 0 if there is a frame 0, and from 1 if the smallest is
    1. The layout is the one that has the keypoint names in ``meta_info``,
    else the one that it calls ``dataset_name``, else the one with as many
    keypoints that fits, see :func:`.layout_choice.with_layout` (17: mostly
    ``coco``, which MMPose's body models predict).

    Scores are clipped to [0, 1], since those of MMPose's SimCC models
    exceed 1 slightly. A keypoint that is ``null`` or NaN has score 0; an
    instance without any keypoint of score > 0 is left out. A missing box is
    the smallest around the keypoints of score > 0.

    Args:
        path: JSON file.
        layout: Skeleton layout; None takes it from the file.
        first_frame: ``frame_id`` of the video's first frame; None decides
            as above.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, holds something else, or leaves
            the layout or the first frame open; names file and frame.
    """
    return read_mmpose_video(path, layout, first_frame)[0]


@without_cycles()
def read_mmpose_video(
    path: str | Path, layout: str | None = None, first_frame: int | None = None
) -> tuple[Detections, dict]:
    """Read the instances, and what the file says about its video.

    See :func:`read_mmpose_json` for the arguments and the errors.

    Returns:
        The instances, and ``fps``, ``height``, ``width`` and the like as
        ``mobind pose`` notes them; empty in other files.
    """
    items = JSONItems(path, 'instance_info')
    ids: list[int] = []
    seen: set[int] = set()
    instances = Instances()
    source = str(path)
    for item in items:
        where = f'{source}: frame number {len(ids)} of the file'
        frame = _frame_id(item, where)
        where = f'{source}: frame_id {frame}'
        if frame in seen:
            raise ValueError(
                f'{where} occurs twice; keep the predictions of one video '
                'in a file.'
            )
        seen.add(frame)
        for index, instance in enumerate(_instances(item, where)):
            instances.add(len(ids), instance, f'{where}, instances[{index}]')
        ids.append(frame)
    numbers = from_zero(ids, first_frame, path)
    meta = items.others.get('meta_info')
    video = meta.get('video') if isinstance(meta, dict) else None
    detections = instances.detections(
        int(numbers.max()) + 1, path, numbers, layout
    )
    detections = named_in_file(detections, meta, layout) or with_layout(
        detections, layout, noted=not meta
    )
    noted = meta.get('notes') if isinstance(meta, dict) else None
    if isinstance(noted, list):  # of mobind pose
        texts = [str(note)[:300] for note in noted[:20]]
        detections = detections.noted(*texts)
    return detections, video if isinstance(video, dict) else {}


def _frame_id(item: Any, where: str) -> int:
    if not isinstance(item, dict) or 'frame_id' not in item:
        raise ValueError(
            f'{where} is {shorten(item)}, expected a dict with frame_id and '
            'instances: predictions on a video, not on an image.'
        )
    frame = item['frame_id']
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
        raise ValueError(
            f'{where} has frame_id {shorten(frame)}, expected an integer >= 0.'
        )
    return frame


def _instances(item: dict, where: str) -> list:
    instances = item.get('instances')
    if not isinstance(instances, list):
        raise ValueError(
            f'{where} has instances {shorten(instances)}, expected a list, '
            'empty where nobody was seen.'
        )
    if len(instances) > MOST_PEOPLE:
        raise ValueError(
            f'{where} has {len(instances)} instances, expected at most '
            f'{MOST_PEOPLE} people; predict on the video again.'
        )
    return instances


def from_zero(
    ids: Sequence[int], first_frame: int | None, path: str | Path
) -> np.ndarray:
    """Frames (n,) int64 that count from 0."""
    if not ids:
        raise ValueError(
            f'{path}: no frames. Predict on the whole video again.'
        )
    smallest, largest = min(ids), max(ids)
    if first_frame is None:
        if smallest > 1:
            raise ValueError(
                f'{path}: the smallest frame_id is {shorten(smallest)}; name '
                'that of the first frame of the video (first_frame, in a '
                'mapping): 0 or 1 if nobody is seen before, else the smallest.'
            )
        first_frame = smallest
    if smallest < first_frame:
        raise ValueError(
            f'{path}: frame_id {smallest} comes before first_frame '
            f'{first_frame}; name the frame_id of the first frame of the '
            'video.'
        )
    base, factor = MAX_UNLISTED
    if largest - first_frame + 1 - len(ids) > base + factor * len(ids):
        raise ValueError(
            f'{path}: frame_id {shorten(largest)} in a file of {len(ids)} '
            'frames is damaged, or a time; predict on the video again, or '
            'write times as timestamp_ms.'
        )
    return np.array(ids, np.int64) - first_frame


def counts_from_one(path: str | Path) -> tuple[str, ...]:
    """Note of frames that begin with 1 where nobody said so."""
    return (
        f'{path}: the first frame with a person is 1, and frames are taken to '
        'count from 1 (else: first_frame: 0)',
    )


def read_mmpose_person(
    path: str | Path, *, person: str | int = 'longest', **video: Any
) -> PoseStream:
    """Read one person.

    Args:
        path: JSON file; see :func:`read_mmpose_json`.
        person: ``longest``, ``largest`` or an id; see
            :func:`.tracking.choose_person`.
        **video: Fields of :class:`.people.Video`, such as ``rate=30.0,
            img_shape=(1080, 1920)``.

    Returns:
        All frames of the video; keypoints and scores are 0 where the person
        was not detected.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, contradicts the arguments, or
            has no such person; names the file.
    """
    return MMPoseReader(path, **video).read_person(person)


def read_mmpose_people(
    path: str | Path, *, min_sec: float = 1.0, **video: Any
) -> Mapping[int, PoseStream]:
    """Read everybody who is seen for ``min_sec``, by id.

    Arguments and errors are those of :func:`read_mmpose_person`, except
    that there may be nobody.
    """
    detections, known = MMPoseReader(path, **video).detections()
    return all_people(detections, known, min_sec)


@register_reader
class MMPoseReader(PoseReader):
    """Reads everybody in a JSON file of MMPose 1.x, or of ``mobind pose``."""

    name = 'mmpose'
    title = 'MMPose'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether the file begins like predictions on a video."""
        try:
            with open_file(path, _HEAD) as file:
                text = file.read(_HEAD).decode('utf-8-sig', 'replace')
        except (OSError, ValueError):
            return False
        if text.lstrip().startswith('{'):
            return '"instance_info"' in text
        start = re.match(r'\s*\[\s*\{\s*"(frame_id|instances)"', text)
        return start is not None and '"instances"' in text

    def detect(self, video: Video) -> tuple[Detections, Video]:
        """Everybody, and rate, times and size where the file notes them."""
        detections, facts = read_mmpose_video(
            self.source, video.layout, video.first_frame
        )
        size = facts.get('height'), facts.get('width')
        file_video = Video(rate=facts.get('fps'), times=facts.get('times'))
        return detections, file_video.completed(
            img_shape=size if all(size) else None
        )


def collect_results(
    results: Iterable[Any], layout: str | None = None
) -> tuple[Detections, tuple[int, int] | None]:
    """Gather the people of all frames.

    Args:
        results: One item per frame, in the order of the video; may be a
            generator, of which only what is needed is kept.
        layout: Skeleton layout; None decides by the number of keypoints.

    Returns:
        The people, and (height, width) of the video if the results say so.

    Raises:
        ValueError: If an item is something else; names the frame.

    >>> person = {'keypoints': [[9, 9]] * 17, 'keypoint_scores': [0.9] * 17}
    >>> detections, img_shape = collect_results([[person], [], [person]])
    >>> detections.num_frames, detections.frames.tolist(), detections.layout
    (3, [0, 2], 'coco')
    """
    instances, img_shape, frame = Instances(), None, -1
    for frame, item in enumerate(_frames(results)):
        where = f'{_SOURCE}, frame {frame}'
        for index, (instance, shape) in enumerate(_people(item, where)):
            img_shape = img_shape or shape
            instances.add(frame, instance, f'{where}, instances[{index}]')
    if frame < 0:
        raise ValueError(f'{_SOURCE}: no frames.')
    detections = instances.detections(frame + 1, _SOURCE, None, layout)
    detections = with_layout(detections, layout, noted=False)
    return detections, img_shape


def _frames(results: Iterable[Any]) -> Iterator[Any]:
    """Items of single frames; the inferencer may give batches of them."""
    if not isinstance(results, Iterable):
        what = f'are of type {type(results).__name__}'
        raise mistake(_SOURCE, what, 'Give one item per frame, or a file')
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
        for person in item:
            yield from _people(person, where)
    else:
        raise ValueError(
            f'{where} is a {type(item).__name__}, expected a PoseDataSample, '
            'a list of instances, or what MMPoseInferencer yields.'
        )


def _of_sample(sample: Any) -> Iterator[tuple[dict, tuple | None]]:
    """Instances of a PoseDataSample."""
    people = sample.pred_instances
    shape = getattr(sample, 'ori_shape', None)
    shape = None if shape is None else (int(shape[0]), int(shape[1]))
    for row in range(len(people.keypoints)):
        instance = {
            'keypoints': people.keypoints[row],
            'keypoint_scores': people.keypoint_scores[row],
        }
        if 'bboxes' in people:
            instance['bbox'] = people.bboxes[row]
        yield _plain(instance), shape


def _plain(instance: Mapping) -> dict:
    """Arrays and tensors as lists, as a JSON file has them."""
    return {
        key: value.tolist() if hasattr(value, 'tolist') else value
        for key, value in instance.items()
    }
