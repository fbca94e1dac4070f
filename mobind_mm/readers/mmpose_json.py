"""Read MMPose's predictions on a video, in both shapes that it writes.

A bare list ``[{frame_id, instances}]`` comes from its inferencer, a dict
``{meta_info, instance_info: [{frame_id, instances}]}`` from its demos and
from ``tools/extract_pose.py``.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np

from ..skeleton import get_layout
from .detections import Detections
from .json_items import JSONItems, shorten
from .mmpose_instance import parse_instance
from .mmpose_layout import find_layout

MAX_UNLISTED = (1000, 20)
"""A file of n frames may leave out 1000 + 20 n others, so that a damaged
``frame_id`` cannot make anybody allocate."""

MAX_PEOPLE = 300
"""In one frame; MMDetection's detectors find no more. Everybody is compared
with everybody."""


def read_mmpose_json(
    path: str | Path,
    layout: str | None = None,
    first_frame: int | None = None,
) -> Detections:
    """Read the instances of all frames.

    Frames count from 0 if there is a frame 0, and from 1 if the smallest is
    1. The layout is the one that has the keypoint names in ``meta_info``,
    else the one that it calls ``dataset_name``, else the built-in one with
    that many keypoints (17: ``coco``, which MMPose's body models predict).

    Scores are clipped to [0, 1], since those of MMPose's SimCC models pass
    1 a little. A keypoint that is ``null`` or NaN has score 0; an instance
    without any keypoint of score > 0 is left out. A missing box is the
    smallest around the keypoints of score > 0.

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


def read_mmpose_video(
    path: str | Path,
    layout: str | None = None,
    first_frame: int | None = None,
) -> tuple[Detections, dict]:
    """Read the instances, and what the file says about its video.

    Args:
        path: JSON file; see :func:`read_mmpose_json`, also for the errors.
        layout: Skeleton layout; None takes it from the file.
        first_frame: ``frame_id`` of the video's first frame.

    Returns:
        The instances, and ``fps``, ``height``, ``width`` and the like as
        ``tools/extract_pose.py`` notes them; empty in other files.
    """
    items = JSONItems(path, 'instance_info')
    ids: list[int] = []
    seen: set[int] = set()
    instances = Instances()
    for item in items:
        where = f'{path}: frame number {len(ids)} of the file'
        frame = _frame_id(item, where)
        where = f'{path}: frame_id {frame}'
        if frame in seen:
            raise ValueError(
                f'{where} is there twice; keep the predictions of one video '
                'in a file.'
            )
        seen.add(frame)
        for index, instance in enumerate(_instances(item, where)):
            instances.add(len(ids), instance, f'{where}, instances[{index}]')
        ids.append(frame)
    numbers = _from_zero(ids, first_frame, path)
    order = np.argsort(numbers[instances.frames], kind='stable')
    meta = items.others.get('meta_info')
    layout = find_layout(layout, meta, instances.num_keypoints, path)
    keypoints, scores, boxes = instances.arrays(len(get_layout(layout)))
    video = meta.get('video') if isinstance(meta, dict) else None
    found = Detections(
        num_frames=int(numbers.max()) + 1,
        frames=numbers[instances.frames][order],
        keypoints=keypoints[order],
        scores=scores[order],
        boxes=boxes[order],
        layout=layout,
    )
    return found, video if isinstance(video, dict) else {}


class Instances:
    """Grows arrays by instances, without an object for each number.

    ``frames`` holds what :meth:`add` was told of each instance.
    """

    def __init__(self) -> None:
        self.frames = array('q')
        self.num_keypoints: int | None = None
        self._numbers = array('f')

    def add(self, frame: int, instance: Any, where: str) -> None:
        """Append one instance, if anything of it was detected."""
        keypoints, scores, box = parse_instance(instance, where)
        if self.num_keypoints is None:
            self.num_keypoints = len(scores)
        if len(scores) != self.num_keypoints:
            raise ValueError(
                f'{where} has {len(scores)} keypoints, those before have '
                f'{self.num_keypoints}; keep one model in a file.'
            )
        if not (scores > 0).any():
            return
        if box is None:
            found = keypoints[scores > 0]
            box = np.concatenate([found.min(axis=0), found.max(axis=0)])
        self.frames.append(frame)
        for part in (keypoints, scores, box):
            self._numbers.frombytes(part.astype(np.float32).tobytes())

    def arrays(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints (M, k, 2), scores (M, k) and boxes (M, 4)."""
        numbers = np.frombuffer(self._numbers, np.float32)
        rows = numbers.reshape(len(self.frames), 3 * k + 4)
        keypoints, scores, boxes = np.split(rows, (2 * k, 3 * k), axis=1)
        return keypoints.reshape(len(rows), k, 2), scores, boxes


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
    if len(instances) > MAX_PEOPLE:
        raise ValueError(
            f'{where} has {len(instances)} instances, expected at most '
            f'{MAX_PEOPLE} people; predict on the video again.'
        )
    return instances


def _from_zero(
    ids: list[int], first_frame: int | None, path: str | Path
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
                'that of the first frame of the video (first_frame: 0 or 1).'
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
            'frames is damaged; predict on the video again.'
        )
    return np.array(ids, np.int64) - first_frame
