"""Many people of a file at once, as arrays.

What pose tools write is the same for everybody in a file, so lists of
numbers become arrays some hundred people at a time. Whatever is not alike, or
not as it should be, is left to the rules for one person, which can name it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ..recordings.streams import undetected
from ..skeleton import LAYOUTS

MAX_COORDINATE = 1e6
"""Pixels; a coordinate beyond is a damaged number."""
SIZES = frozenset(map(len, LAYOUTS.values()))
"""Numbers of keypoints of the layouts."""
SPATIAL = len(LAYOUTS['mediapipe33'])
"""Keypoints of MediaPipe, whose third column may be a depth."""
SCORES = (
    'visibility', 'score', 'confidence', 'conf', 'visible', 'likelihood', 'v',
    'c', 'prob', 'probability', 'presence',
)  # fmt: skip
"""Keys of the score of a point."""
NAMES = (
    'name', 'part', 'type', 'landmark', 'bodypart', 'joint', 'label',
    'class_name', 'class',
)  # fmt: skip
"""Keys of the name of a point."""
NUMBERS = ('id', 'index', 'idx', 'keypoint_id', 'landmark_id', 'joint_id')
"""Keys of the number of a point."""
LOGIT_LIMIT = 60.0
"""Logits are clipped to it."""

_NUMBERS = {int, float, type(None)}


class Batch(NamedTuple):
    """N people.

    Attributes:
        keypoints: (N, K, 2) float64, 0 where a point is unknown.
        scores: (N, K) float64 in [0, 1].
        boxes: (N, 4) float64.
        lost: How many keypoints had a score, but no place.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    lost: int


def parse_batch(
    people: Sequence[Any], foreign: bool = False, logits: bool = False
) -> Batch | None:
    """Parse people as :func:`.detections.parse_instance` does.

    Args:
        people: Each a dict with ``keypoints``.
        foreign: Whether points may be written as pose tools do (see
            :func:`.pose_json.points_of`), and boxes are left alone.
        logits: Whether scores are logits.

    Returns:
        None if they are not alike, or one is wrong.
    """
    if set(map(type, people)) != {dict}:
        return None
    points = [person.get('keypoints') for person in people]
    table = _foreign_table(points) if foreign else _rows(points)
    if table is None or table.shape[2] not in (2, 3) or not table.shape[1]:
        return None
    if foreign:
        if table.shape[2] == 2:
            table = np.concatenate([table, np.ones_like(table[..., :1])], 2)
        if logits:
            clipped = np.clip(table[..., 2], -LOGIT_LIMIT, LOGIT_LIMIT)
            table[..., 2] = 1 / (1 + np.exp(-clipped))
    scores = _scores(people, table, foreign)
    if scores is None:
        return None
    keypoints = table[..., :2]
    known = ~undetected(keypoints) & np.isfinite(scores)
    beyond = np.abs(keypoints) > MAX_COORDINATE
    if (beyond & known[..., None]).any():
        return None
    lost = int((~known & (scores > 0)).sum())
    scores = np.maximum(np.where(known, scores, 0.0), 0.0)
    keypoints = np.where(known[..., None], keypoints, 0.0)
    boxes = _boxes(people, keypoints, scores, foreign)
    return None if boxes is None else Batch(keypoints, scores, boxes, lost)


def _scores(
    people: Sequence[dict], table: np.ndarray, foreign: bool
) -> np.ndarray | None:
    """(N, K) scores, of their own key or of the third column."""
    given = [person.get('keypoint_scores') for person in people]
    if all(one is None for one in given):
        named = foreign and any('keypoint_scores' in p for p in people)
        return None if named or table.shape[2] < 3 else table[..., 2]
    scores = _numbers(given)
    if scores is None or scores.shape != table.shape[:2]:
        return None
    if table.shape[2] == 3 and not foreign:
        third = table[..., 2]
        return scores if np.array_equal(third, scores, True) else None
    return scores


def _boxes(
    people: Sequence[dict],
    keypoints: np.ndarray,
    scores: np.ndarray,
    foreign: bool,
) -> np.ndarray | None:
    """(N, 4) boxes as they are given, or around what is seen."""
    given = [None if foreign else person.get('bbox') for person in people]
    if all(box is None for box in given):
        # Keypoints in front: a minimum over the last axes is slow.
        places = np.ascontiguousarray(keypoints.transpose(1, 0, 2))
        seen = np.ascontiguousarray(scores.T > 0)[..., None]
        low = np.where(seen, places, np.inf).min(axis=0)
        high = np.where(seen, places, -np.inf).max(axis=0)
        return np.concatenate([low, high], axis=1)
    nested = [
        box[0] for box in given if isinstance(box, list) and len(box) == 1
    ]
    boxes = _numbers(nested if len(nested) == len(given) else given)
    if boxes is None or boxes.shape[1] != 4:
        return None
    valid = (np.abs(boxes) <= MAX_COORDINATE).all()
    valid &= (boxes[:, 2:] >= boxes[:, :2]).all()
    return boxes if valid else None


def _numbers(lists: Sequence[Any]) -> np.ndarray | None:
    """(N, n) float64 of N lists of n numbers; null is NaN."""
    if set(map(type, lists)) != {list} or len(set(map(len, lists))) != 1:
        return None
    flat = list(chain.from_iterable(lists))
    if not flat or not set(map(type, flat)) <= _NUMBERS:
        return None
    try:
        return np.array(flat, np.float64).reshape(len(lists), -1)
    except OverflowError:
        return None


def _rows(points: Sequence[Any]) -> np.ndarray | None:
    """(N, K, n) of lists of rows."""
    if set(map(type, points)) != {list} or len(set(map(len, points))) != 1:
        return None
    table = _numbers(list(chain.from_iterable(points)))
    if table is None:
        return None
    return table.reshape(len(points), -1, table.shape[1])


def _foreign_table(points: Sequence[Any]) -> np.ndarray | None:
    """(N, K, 2 or 3) of points in any of the forms that tools write."""
    first = points[0]
    if isinstance(first, dict):
        return _of_columns(points)
    if not isinstance(first, list) or not first:
        return None
    if isinstance(first[0], dict):
        return _of_points(points)
    if isinstance(first[0], list):
        table = _rows(points)
        if table is not None and table.shape[1:] == (SPATIAL, 3):
            return None  # the third may be a depth
        return _flat_depth(table)
    table = _numbers(points)
    if table is None:
        return None
    width = flat_width(table.shape[1])
    if width is None:
        return None
    return _flat_depth(table.reshape(len(points), -1, width))


def flat_width(count: int) -> int | None:
    """Numbers of each point in a flat list of so many."""
    for width in (3, 2, 4):
        if count % width == 0 and count // width in SIZES:
            return width
    return None


def _flat_depth(table: np.ndarray | None) -> np.ndarray | None:
    """Without the depth, where a point is x, y, z, score."""
    if table is None or table.shape[2] != 4:
        return table
    return table[..., [0, 1, 3]]


def _of_columns(points: Sequence[Any]) -> np.ndarray | None:
    """Of Ultralytics' dicts of x, y, visible."""
    if set(map(type, points)) != {dict}:
        return None
    names = _names(points)
    if names is None:
        return None
    columns = [_numbers([one[name] for one in points]) for name in names]
    known = [column for column in columns if column is not None]
    if len(known) < len(names) or len({c.shape for c in known}) != 1:
        return None
    return np.stack(known, axis=2)


def _of_points(points: Sequence[Any]) -> np.ndarray | None:
    """Of lists of dicts of x, y, score."""
    if set(map(type, points)) != {list} or len(set(map(len, points))) != 1:
        return None
    flat = list(chain.from_iterable(points))
    if set(map(type, flat)) != {dict}:
        return None
    names = _names(flat)
    number = next((key for key in NUMBERS if key in flat[0]), None)
    if names is None or (
        number is not None
        and any(
            [*map(itemgetter(number), one)] != [*range(len(one))]
            for one in points
        )
    ):
        return None
    values = list(chain.from_iterable(map(itemgetter(*names), flat)))
    if not set(map(type, values)) <= _NUMBERS:
        return None
    try:
        table = np.array(values, np.float64)
    except OverflowError:
        return None
    return table.reshape(len(points), -1, len(names))


def _names(dicts: Sequence[Mapping]) -> tuple[str, ...] | None:
    """Keys of x, y and the score, if all dicts have the same keys.

    Points with names are none of these: the names tell their order.
    """
    keys = set(map(tuple, dicts))
    if len(keys) != 1:
        return None
    there = keys.pop()
    if 'x' not in there or 'y' not in there or {*NAMES} & {*there}:
        return None
    return ('x', 'y', *[key for key in SCORES if key in there][:1])
