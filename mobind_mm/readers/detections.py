"""All people whom a pose estimator saw in a video, without identity."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .foreign_values import consists_of
from .json_items import shorten

MAX_COORDINATE = 1e6
"""Pixels; a coordinate beyond is a damaged number."""


@dataclass(frozen=True)
class Detections:
    """Instances in the order of their frames.

    Args:
        num_frames: Frames of the video, with those that show nobody.
        frames: (M,) int64 frame of each instance, from 0, ascending.
        keypoints: (M, K, 2) float32 pixels.
        scores: (M, K) float32 in [0, 1], 0 where nothing was detected.
        boxes: (M, 4) float32 pixels: x0, y0, x1, y1.
        layout: Name of the skeleton layout.

    >>> detections = Detections(
    ...     2, np.array([0, 1]), np.ones((2, 17, 2)), np.ones((2, 17)),
    ...     np.array([[0, 0, 90, 60], [8, 8, 20, 40]]), 'coco',
    ... )
    >>> detections.without_whole_image((60, 90)).frames.tolist()
    [1]
    """

    num_frames: int
    frames: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    layout: str

    def select(self, rows: np.ndarray) -> Detections:
        """Keep some instances: a boolean mask (M,) or ascending indices."""
        arrays = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name not in ('num_frames', 'layout')
        }
        return replace(self, **arrays)

    def without_whole_image(self, img_shape: tuple[int, int]) -> Detections:
        """Drop what MMPose writes for a frame in which it found nobody.

        Its inferencer then takes the whole image, (height, width) in pixels,
        for the box of a person. If all boxes are the whole image, no
        detector was used, and nothing is dropped.
        """
        height, width = img_shape
        whole = (self.boxes == (0, 0, width, height)).all(axis=1)
        return self if whole.all() else self.select(~whole)


class Instances:
    """Grows arrays by instances, without an object for each number.

    ``frames`` holds the frame of each instance, as :meth:`add` got it.
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
            seen = keypoints[scores > 0]
            box = np.concatenate([seen.min(axis=0), seen.max(axis=0)])
        self.frames.append(frame)
        for part in (keypoints, scores, box):
            self._numbers.frombytes(part.astype(np.float32).tobytes())

    def arrays(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Keypoints (M, k, 2), scores (M, k) and boxes (M, 4)."""
        numbers = np.frombuffer(self._numbers, np.float32)
        rows = numbers.reshape(len(self.frames), 3 * k + 4)
        keypoints, scores, boxes = np.split(rows, (2 * k, 3 * k), axis=1)
        return keypoints.reshape(len(rows), k, 2), scores, boxes


def parse_instance(
    instance: Any, where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Parse one person in one frame.

    Args:
        instance: Dict with ``keypoints``, (K, 2) or (K, 3) with the score,
            ``keypoint_scores`` (K,), and ``bbox``, (4,) or (1, 4).
        where: File, frame and index, for messages.

    Returns:
        Keypoints (K, 2) in pixels, scores (K,) in [0, 1], and the box (4,)
        or None. A keypoint with a null or NaN is (0, 0) with score 0.

    Raises:
        ValueError: ``where`` and what is wrong.
    """
    if not isinstance(instance, dict):
        raise ValueError(
            f'{where} is {shorten(instance)}, expected a dict with '
            'keypoints and keypoint_scores.'
        )
    return (*_keypoints(instance, where), _box(instance, where))


def _keypoints(instance: Mapping, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (K, 2) and scores (K,) of an instance."""
    table = _numbers(instance.get('keypoints'), f'{where}: keypoints')
    if table.ndim != 2 or table.shape[1] not in (2, 3) or not len(table):
        raise ValueError(
            f'{where}: keypoints has shape {table.shape}, expected (K, 2): '
            'x y of each in pixels, or (K, 3): x y score.'
        )
    keypoints, third = table[:, :2], table[:, 2:].ravel()
    scores = third
    if instance.get('keypoint_scores') is not None or not len(third):
        scores = _numbers(
            instance.get('keypoint_scores'), f'{where}: keypoint_scores'
        )
    if scores.shape != keypoints.shape[:1]:
        raise ValueError(
            f'{where}: keypoint_scores has shape {scores.shape}, expected '
            f'({len(keypoints)},), one for each keypoint.'
        )
    if len(third) and not np.array_equal(third, scores, equal_nan=True):
        raise ValueError(
            f'{where}: the third column of keypoints is not '
            'keypoint_scores; use 2D predictions (x y in pixels), not 3D.'
        )
    known = np.isfinite(keypoints).all(axis=1) & np.isfinite(scores)
    beyond = known & (np.abs(keypoints) > MAX_COORDINATE).any(axis=1)
    if beyond.any():
        index = int(np.argmax(beyond))
        raise ValueError(
            f'{where}: keypoint {index} is {keypoints[index].tolist()}, '
            'which is not a place in an image; expected pixels.'
        )
    scores = np.clip(np.where(known, scores, 0.0), 0.0, 1.0)
    return np.where(known[:, None], keypoints, 0.0), scores


def _box(instance: Mapping, where: str) -> np.ndarray | None:
    """Box (4,), nested one level or not, or None if there is none."""
    if instance.get('bbox') is None:
        return None
    box = _numbers(instance['bbox'], f'{where}: bbox')
    if box.shape == (1, 4):
        box = box[0]
    valid = box.shape == (4,) and (np.abs(box) <= MAX_COORDINATE).all()
    if not valid or (box[2:] < box[:2]).any():
        raise ValueError(
            f'{where}: bbox is {shorten(instance["bbox"])}, expected '
            '[x0, y0, x1, y1] in pixels with x0 <= x1 and y0 <= y1.'
        )
    return box


def _numbers(value: Any, where: str) -> np.ndarray:
    """Nested lists of numbers as float64; null is NaN."""
    if isinstance(value, list) and consists_of(value, _is_number):
        # Lists of different lengths, or a number beyond float64.
        with contextlib.suppress(ValueError, OverflowError):
            return np.array(value, np.float64)
    raise ValueError(
        f'{where} is {shorten(value)}, expected a list of numbers.'
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float, type(None))  # true is not a number
