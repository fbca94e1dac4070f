"""All people whom a pose estimator saw in a video."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..recordings.streams import undetected
from ..skeleton import get_layout
from ..utils.errors import mistake
from .foreign_values import consists_of
from .instance_batches import MAX_COORDINATE, parse_batch
from .json_items import shorten

_AT_ONCE, _MOST_POINTS = 128, 100_000
"""Instances, and keypoints of them, that wait to be parsed together."""


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
        ids: (M,) int64 who each is, by the tool that wrote the file; -1 for
            nobody knows. None: it did not say.
        notes: What the reader repaired, dropped or assumed.
        source: The file they are from, for messages and notes.

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
    ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    source: object = ''

    def select(self, rows: np.ndarray) -> Detections:
        """Keep some instances: a boolean mask (M,) or ascending indices."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(
            self,
            **{
                name: array[rows]
                for name, array in arrays.items()
                if isinstance(array, np.ndarray)
            },
        )

    def noted(self, *notes: str) -> Detections:
        """The same with further notes."""
        return replace(self, notes=(*self.notes, *notes))

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

    Args:
        prepare: Makes an instance, as :func:`parse_instance` takes one, of
            a person as the tool writes it; None: it is one.
        logits: Whether scores of such people are logits.
    """

    def __init__(
        self,
        prepare: Callable[[Any, bool, str], Any] | None = None,
        logits: bool = False,
    ) -> None:
        self._prepare, self._logits = prepare, logits
        self._num_keypoints: int | None = None
        self._lost = 0
        self._frames = array('q')
        self._ids = array('q')
        self._numbers = array('f')
        self._waiting: list[tuple[int, Any, str]] = []
        self._size = 0

    @property
    def frames(self) -> array[int]:
        """Frame of each instance, as :meth:`add` got it."""
        self._flush()
        return self._frames

    @property
    def num_keypoints(self) -> int | None:
        """Keypoints of an instance; None without any."""
        self._flush()
        return self._num_keypoints

    def add(self, frame: int, instance: Any, where: str) -> None:
        """Append one instance, if anything of it was detected.

        What is wrong with it may be said later, when others were added.
        """
        if isinstance(instance, dict):
            if not instance.keys() <= _USED:
                instance = {k: v for k, v in instance.items() if k in _USED}
            points = instance.get('keypoints')
            self._size += len(points) if isinstance(points, list) else 1
        self._waiting.append((frame, instance, where))
        if len(self._waiting) >= _AT_ONCE or self._size > _MOST_POINTS:
            self._flush()

    def _flush(self) -> None:
        """Parse those that wait."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if not waiting:
            return
        foreign = self._prepare is not None
        people = [person for _, person, _ in waiting]
        batch = parse_batch(people, foreign, self._logits)
        if batch is None or self._num_keypoints not in (
            None,
            batch.scores.shape[1],
        ):
            for one in waiting:
                self._add_one(*one)
            return
        self._num_keypoints = batch.scores.shape[1]
        self._lost += batch.lost
        seen = np.asarray((batch.scores > 0).any(axis=1))
        kept = [one for one, there in zip(waiting, seen.tolist()) if there]
        self._frames.extend(frame for frame, _, _ in kept)
        self._ids.extend(identity(person) for _, person, _ in kept)
        count = len(seen)
        parts = [part.reshape(count, -1)[seen] for part in batch[:3]]
        self._numbers.frombytes(_single(np.concatenate(parts, axis=1)))

    def _add_one(self, frame: int, instance: Any, where: str) -> None:
        if self._prepare is not None:
            instance = self._prepare(instance, self._logits, where)
        keypoints, scores, box, lost = parse_instance(instance, where)
        if self._num_keypoints is None:
            self._num_keypoints = len(scores)
        if len(scores) != self._num_keypoints:
            raise ValueError(
                f'{where} has {len(scores)} keypoints, those before have '
                f'{self._num_keypoints}; keep one model in a file.'
            )
        self._lost += lost
        if not (scores > 0).any():
            return
        if box is None:
            seen = keypoints[scores > 0]
            box = np.concatenate([seen.min(axis=0), seen.max(axis=0)])
        self._frames.append(frame)
        self._ids.append(identity(instance))
        for part in (keypoints, scores, box):
            self._numbers.frombytes(_single(part))

    def detections(
        self,
        num_frames: int,
        source: object,
        numbers: np.ndarray | None = None,
        layout: str | None = None,
    ) -> Detections:
        """All of them, in the order of their frames, without a layout.

        Args:
            num_frames: Frames of the video.
            source: File, for messages and notes.
            numbers: (n,) frame from 0 by what :meth:`add` got as the frame;
                None if that is the same.
            layout: Its number of keypoints counts where nobody is seen.

        Raises:
            ValueError: If nobody is seen, and no layout is named.
        """
        k = self.num_keypoints
        if k is None:
            if layout is None:
                what = 'nobody is seen, so that nothing tells what keypoints '
                fix = 'If that is right, name the layout (--layout)'
                raise mistake(source, f'{what}there would be', fix)
            k = len(get_layout(layout))
        table = np.frombuffer(self._numbers, np.float32)
        table = table.reshape(len(self.frames), 3 * k + 4)
        frames = np.array(self.frames, np.int64)
        frames = frames if numbers is None else numbers[frames]
        order = np.argsort(frames, kind='stable')
        frames, table = frames[order], table[order]
        keypoints, scores, boxes = np.split(table, (2 * k, 3 * k), axis=1)
        scores, notes = from_percent(scores, source)
        notes = (*notes, *lost_note(source, self._lost))
        ids = np.array(self._ids, np.int64)[order]
        kept, why = usable_ids(frames, ids)
        notes += (f'{source}: {why}',) if why else ()
        points = keypoints.reshape(len(table), k, 2)
        return Detections(
            num_frames,
            frames,
            points,
            np.minimum(scores, 1.0),
            boxes,
            '',
            ids if kept else None,
            notes,
            source,
        )


def _single(values: np.ndarray) -> bytes:
    """Bytes of float32; scores of damaged files may be beyond."""
    most = np.finfo(np.float32).max
    return np.clip(values, -most, most).astype(np.float32).tobytes()


IDENTITIES = (
    *('track_id', 'idx', 'person_id', 'instance_id', 'tracking_id'),
    *('object_id', 'body_id', 'trackId', 'personId', 'trackingId'),
    *('objectId', 'bodyId', 'track_ids', 'person_ids', 'ids'),
)
"""Keys under which tools write who an instance is."""
_UNTRACKED = frozenset(IDENTITIES).isdisjoint
_USED = frozenset(('keypoints', 'keypoint_scores', 'bbox', *IDENTITIES))
"""Keys that are read."""
_PERCENT = 30.0
"""Median score from which scores are percent; those of MMPose's SimCC models
exceed 1, too."""
_MOST_UNKNOWN = 0.5
"""Share of the instances that may lack an identity where others have one."""


def identity(instance: Any) -> int:
    """Who an instance is, by its tool; -1 if it does not say.

    >>> identity({'trackId': '3'}), identity({'idx': [[7.0]]}), identity({})
    (3, 7, -1)
    """
    if not isinstance(instance, (dict, Mapping)) or _UNTRACKED(instance):
        return -1
    for key in IDENTITIES:
        value: Any = instance.get(key)
        while isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str) and value.isdecimal():
            value = int(value) if len(value) < 16 else -1
        number = isinstance(value, (int, float)) and value == value
        if number and 0 <= value < 2**53 and value == int(value):
            return int(value)
    return -1


def usable_ids(frames: np.ndarray, ids: np.ndarray) -> tuple[bool, str]:
    """Whether (M,) identities tell people apart, and a note.

    They do not if two of one frame are the same, if all are 0 (the tool
    did not track), if no two frames share one, or if most are unknown.
    """
    known = ids >= 0
    if not known.any():
        return False, ''
    pairs = np.stack([frames, ids], axis=1)[known]
    names = np.unique(ids[known])
    if len(np.unique(pairs, axis=0)) < len(pairs):
        return False, (
            'two people of a frame have the same identity in the file; they '
            'are followed by where they are'
        )
    if len(names) == len(pairs) > 1:
        return False, ''
    if names.tolist() == [0]:  # of AlphaPose, when it does not track
        return False, ''
    if known.mean() < _MOST_UNKNOWN:
        return False, (
            f'{(~known).mean():.0%} of the people have no identity in the '
            'file; they are followed by where they are'
        )
    people = '1 person' if len(names) == 1 else f'{len(names)} people'
    note = f'the identities of the file are used: {people}'
    if not known.all():
        note += f'; {int((~known).sum())} instances without one are left out'
    return True, note


def boxes_of(keypoints: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Boxes (M, 4) around the keypoints (M, K, 2) with a score."""
    seen = (scores > 0)[..., None]
    none: np.ndarray = np.all(scores <= 0, axis=1)[:, None]
    low = np.where(seen, keypoints, np.inf).min(axis=1)
    high = np.where(seen, keypoints, -np.inf).max(axis=1)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(none, 0.0, boxes).astype(np.float32)


def from_percent(
    scores: np.ndarray, source: object
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Scores of any, those in percent by the hundred, and a note of it.

    >>> from_percent(np.array([50.0, 93.0]), 'a.json')[0]
    array([0.5 , 0.93])
    """
    given = scores[np.isfinite(scores) & (scores != 0) & (scores != -1)]
    percent = len(given) and given.min() > 0 and given.max() <= 100
    if not percent or np.median(given) <= _PERCENT:
        return scores, ()
    note = f'{source}: scores are percent and taken by the hundred'
    return scores / 100, (note,)


def lost_note(source: object, lost: int) -> tuple[str, ...]:
    """Note of keypoints with a score, but no place."""
    if not lost:
        return ()
    what = 'keypoint is' if lost == 1 else 'keypoints are'
    return (
        f'{source}: {lost} {what} at (0, 0) or NaN and taken as not detected',
    )


def parse_instance(
    instance: Any, where: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Parse one person in one frame.

    Args:
        instance: Dict with ``keypoints``, (K, 2) or (K, 3) with the score,
            ``keypoint_scores`` (K,), and ``bbox``, (4,) or (1, 4).
        where: File, frame and index, for messages.

    Returns:
        Keypoints (K, 2) in pixels, scores (K,) from 0, the box (4,) or
        None, and the number of keypoints that had a score, but no place. A
        keypoint with a null or NaN, or at exactly (0, 0), is (0, 0) with
        score 0.

    Raises:
        ValueError: ``where`` and what is wrong.
    """
    if not isinstance(instance, dict):
        raise ValueError(
            f'{where} is {shorten(instance)}, expected a dict with '
            'keypoints and keypoint_scores.'
        )
    keypoints, scores, lost = _keypoints(instance, where)
    return keypoints, scores, _box(instance, where), lost


def _keypoints(
    instance: Mapping, where: str
) -> tuple[np.ndarray, np.ndarray, int]:
    """Keypoints (K, 2) and scores (K,) of an instance, and those lost."""
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
    known = ~undetected(keypoints) & np.isfinite(scores)
    lost = int((~known & (scores > 0)).sum())
    beyond = known & (np.abs(keypoints) > MAX_COORDINATE).any(axis=1)
    if beyond.any():
        index = int(np.argmax(beyond))
        raise ValueError(
            f'{where}: keypoint {index} is {keypoints[index].tolist()}, '
            'which is not a place in an image; expected pixels.'
        )
    scores = np.maximum(np.where(known, scores, 0.0), 0.0)
    return np.where(known[:, None], keypoints, 0.0), scores, lost


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
