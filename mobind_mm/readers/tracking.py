"""Who is who: identities of people over the frames of a video."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from .detections import Detections
from .lone_tracks import steps_between, velocities

SAME_PERSON = 0.06
"""Distance of a keypoint, as a share of the diagonal of the box, at which
two skeletons in one frame look like one with a likelihood of exp(-1/2)."""

DUPLICATE = 0.6
"""Similarity from which two skeletons of a frame are one person."""

REACH, REACH_PER_FRAME, REACH_MAX = 0.3, 0.06, 1.0
"""How far from where they are expected people are looked for: diagonals of
their box, for the next frame, for every further one, and at most."""

LEAST_SEEN = 0.9
"""Share of the frames with somebody below which a choice is doubted."""

GROWTH = 2.0
"""Factor by which the diagonal of a box may change."""

COAST = 15
"""Frames over which a hidden person is expected to move as before."""

VELOCITY_MEMORY = 0.8
"""Share of the old velocity in the new one, for each frame."""

WEIGHTS = {'overlap': 0.2, 'offset': 0.4, 'shape': 0.4}
"""Parts of the cost of a pair: 1 - IoU, offset as a share of the reach, and
what is left of the keypoints' distance as a share of :data:`SHAPE`."""

SHAPE = 0.2
"""Mean distance of the keypoints of two moved onto each other, in diagonals
of the box, that costs as much as the greatest offset."""

HIDDEN = 0.05
"""Cost for whoever was not seen in the frame before: of two that fit equally
well, the visible one is continued."""

_RUN, _MOST_ROWS = 8, 4096
"""Frames with one person that are followed together, at least and most."""

RULES = ('longest', 'largest')
"""How to choose a person, besides by id."""


@dataclass(frozen=True)
class Track:
    """One person.

    Args:
        id: Number from 0, in the order of first appearance; or the identity
            in the file.
        instances: (n,) int64 rows of the :class:`Detections`, one per frame,
            ascending.
    """

    id: int
    instances: np.ndarray


def track_people(detections: Detections, max_gap: int) -> list[Track]:
    """Follow people from frame to frame.

    Where the tool that wrote the file says who is who, that is used.
    Otherwise, skeletons of one frame that coincide are one person; the one
    with the greater sum of scores stays. Then every frame is assigned to the
    tracks at the least total cost: overlap of the boxes, offset and shape of
    the skeletons, against where a track is expected if it keeps its
    velocity. Hidden people compete with the others: whoever comes out from
    behind somebody is taken for the one who went there.

    Args:
        detections: What the pose estimator saw.
        max_gap: Frames without the person that a track survives.

    Returns:
        Tracks by id.

    Raises:
        ValueError: If ``max_gap`` is negative.
    """
    if max_gap < 0:
        raise ValueError(f'max_gap must be >= 0 frames, got {max_gap}.')
    if detections.ids is not None:
        return _identified(detections.ids)
    people: list[_Person] = []
    active: list[_Person] = []
    frames, starts = np.unique(detections.frames, return_index=True)
    ends = np.r_[starts[1:], len(detections.frames)]
    crowded = np.r_[np.flatnonzero(ends - starts > 1), len(frames)]
    at = 0
    while at < len(frames):
        frame, start, end = int(frames[at]), int(starts[at]), int(ends[at])
        active = [p for p in active if frame - p.frame - 1 <= max_gap]
        alone = int(crowded[np.searchsorted(crowded, at)]) - at
        if len(active) == 1 and alone >= _RUN:
            rows = start + np.arange(min(alone, _MOST_ROWS))
            made = active[0].follow_alone(detections, rows, max_gap)
            if made:
                at += made
                continue
        seen = _Seen(detections, _distinct(detections, start, end))
        for index in _follow(active, seen, frame):
            active.append(_Person(frame, seen, index))
            people.append(active[-1])
        at += 1
    return [
        Track(number, np.array(person.rows, dtype=np.int64))
        for number, person in enumerate(people)
    ]


def _identified(ids: np.ndarray) -> list[Track]:
    """Tracks by identities (M,), in the order of their first appearance."""
    names, first = np.unique(ids, return_index=True)
    return [
        Track(name, np.flatnonzero(ids == name))
        for name in names[np.argsort(first)].tolist()
        if name >= 0
    ]


def choose_person(
    tracks: list[Track], detections: Detections, rule: str | int
) -> Track:
    """Choose one person.

    Args:
        tracks: Of :func:`track_people`.
        detections: What they were made of.
        rule: ``longest``: who is seen in most frames; ``largest``: whose
            boxes, added up over the frames, are highest; or an id. The
            first to appear wins a tie.

    Raises:
        ValueError: If there is nobody, no such id or no such rule.
    """
    if not tracks:
        raise ValueError('nobody was detected; there is no person to choose.')
    if rule == 'longest':
        return max(tracks, key=lambda t: len(t.instances))
    if rule == 'largest':
        heights = detections.boxes[:, 3] - detections.boxes[:, 1]
        return max(tracks, key=lambda t: heights[t.instances].sum(dtype=float))
    for track in tracks:
        if type(rule) is int and track.id == rule:
            return track
    shown = ', '.join(
        f'{t.id} ({len(t.instances)} frames)' for t in tracks[:10]
    )
    raise ValueError(
        f'person {rule!r} is none of {", ".join(RULES)}, and of the ids '
        f'{shown}{" and more" if len(tracks) > 10 else ""}.'
    )


def follow_person(
    detections: Detections, rule: str | int, max_gap: int, path: str | Path
) -> Track:
    """Follow people and choose one; warn if that person is often absent.

    See :func:`track_people` and :func:`choose_person`; ``path`` names where
    the detections are from in messages.
    """
    tracks = track_people(detections, max_gap)
    try:
        track = choose_person(tracks, detections, rule)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    share = len(track.instances) / len(np.unique(detections.frames))
    if share < LEAST_SEEN:
        from mmengine.logging import print_log  # which loads PyTorch

        print_log(
            f'{path}: person {rule!r} is there in {share:.0%} of the frames '
            f'that show somebody; there are {len(tracks)} people. Choose '
            'another person'
            + (
                ', or, if several are the same person who was away, allow a '
                'longer absence (max_gap_sec).'
                if detections.ids is None
                else '; who is who is said by the file.'
            ),
            logger='current',
            level=logging.WARNING,
        )
    return track


class _Seen:
    """The distinct people of one frame, in float64."""

    def __init__(self, detections: Detections, rows: np.ndarray) -> None:
        self.rows = rows.tolist()
        arrays = detections.keypoints, detections.scores, detections.boxes
        self.parts = [array[rows].astype(np.float64) for array in arrays]


class _Person:
    """A track while it grows: where it was last, and where it goes."""

    def __init__(self, frame: int, seen: _Seen, index: int) -> None:
        self.frame = frame
        self.rows = [seen.rows[index]]
        self.parts = [part[index] for part in seen.parts]
        self.velocity: np.ndarray | None = None

    def expected(self, frame: int) -> list[np.ndarray]:
        """Keypoints, scores and box if the person moves as before."""
        keypoints, scores, box = self.parts
        if self.velocity is None:
            return self.parts
        moved = self.velocity * min(frame - self.frame, COAST)
        return [keypoints + moved, scores, box + np.tile(moved, 2)]

    def extend(
        self, frame: int, seen: _Seen, index: int, offset: np.ndarray
    ) -> None:
        """Add a detection, ``offset`` pixels from where it was expected."""
        frames = frame - self.frame
        memory = VELOCITY_MEMORY**frames
        if self.velocity is None:
            self.velocity = offset / frames
        elif frames <= COAST:
            self.velocity = self.velocity + (1 - memory) * offset / frames
        else:
            self.velocity = None
        self.frame = frame
        self.rows.append(seen.rows[index])
        self.parts = [part[index] for part in seen.parts]

    def follow_alone(
        self, detections: Detections, rows: np.ndarray, max_gap: int
    ) -> int:
        """Add detections that are alone in their frames, as far as they fit.

        Gives what :func:`_follow` gives, frame by frame.

        Args:
            detections: Of the video.
            rows: (n,) the next ones, in the order of their frames.
            max_gap: Frames without the person that a track survives.

        Returns:
            How many fit; the next one does not, or is of nobody known.
        """
        parts = [
            np.concatenate([part[None], array[rows]], dtype=np.float64)
            for part, array in zip(
                self.parts,
                (detections.keypoints, detections.scores, detections.boxes),
            )
        ]
        frames = np.r_[self.frame, detections.frames[rows]]
        keypoints, scores, boxes = parts
        steps = steps_between(frames, keypoints, scores, boxes, sizes)
        path, moved = velocities(steps, self.velocity, VELOCITY_MEMORY, COAST)
        missed = steps.frames - 1
        expected = boxes[:-1] + np.tile(moved, 2)
        low = np.maximum(expected[:, :2], boxes[1:, :2])
        high = np.minimum(expected[:, 2:], boxes[1:, 2:])
        shared = np.maximum(high - low, 0).prod(axis=1)
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        union = np.maximum(area[:-1] + area[1:] - shared, 1e-9)
        costs, fits = _costs(
            np.linalg.norm(steps.offset - moved, axis=1),
            steps.shape,
            shared / union,
            (steps.size[:, 0], steps.size[:, 1]),
            missed,
        )
        fits &= (costs < 1) & (missed <= max_gap)
        made = len(rows) if fits.all() else int(np.argmin(fits))
        if made:
            self.frame = int(frames[made])
            self.rows += rows[:made].tolist()
            self.parts = [part[made] for part in parts]
            known = np.isfinite(path[made]).all()
            self.velocity = path[made] if known else None
        return made


def _costs(
    far: np.ndarray,
    shapes: np.ndarray,
    overlap: np.ndarray,
    diagonals: tuple[np.ndarray, np.ndarray],
    missed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What it costs to continue people by detections, and whether one can.

    Args:
        far: Pixels from where the person is expected.
        shapes: Pixels that the keypoints are apart without the offset.
        overlap: Intersection over union of the boxes.
        diagonals: Of the box of the person, and of the detection.
        missed: Frames in which the person was not seen.
    """
    size, new_size = diagonals
    reach = np.minimum(REACH + REACH_PER_FRAME * missed, REACH_MAX)
    mean_size = np.sqrt(size * new_size)
    far = far / mean_size
    costs = (
        WEIGHTS['overlap'] * (1 - overlap)
        + WEIGHTS['offset'] * far / reach
        + WEIGHTS['shape'] * np.minimum(shapes / mean_size / SHAPE, 1)
        + HIDDEN * (missed > 0)
    )
    growth = np.maximum(size, new_size) / np.minimum(size, new_size)
    return costs, ~((far > reach) | (growth > GROWTH))


def _distinct(detections: Detections, start: int, end: int) -> np.ndarray:
    """Rows of a frame without the duplicates of a person."""
    rows = np.arange(start, end)
    if len(rows) < 2:
        return rows
    keypoints, scores, boxes = _Seen(detections, rows).parts
    alike = similarities(keypoints, scores, boxes)
    kept: list[int] = []
    for index in np.argsort(-scores.sum(axis=1), kind='stable').tolist():
        if not kept or alike[index, kept].max() < DUPLICATE:
            kept.append(index)
    return rows[sorted(kept)]


def _follow(group: list[_Person], seen: _Seen, frame: int) -> list[int]:
    """Give people their detections; returns those that nobody took."""
    left = list(range(len(seen.rows)))
    if not group:
        return left
    expected = [np.stack(p) for p in zip(*(p.expected(frame) for p in group))]
    boxes, new_boxes = expected[2], seen.parts[2]
    offsets, shapes = keypoint_offsets(expected, seen.parts)
    costs, fits = _costs(
        np.linalg.norm(offsets, axis=2),
        shapes,
        overlaps(boxes, new_boxes),
        (sizes(boxes)[:, None], sizes(new_boxes)[None]),
        np.array([frame - person.frame - 1 for person in group])[:, None],
    )
    costs[~fits] = np.inf
    for row, column in assign(costs):
        group[row].extend(frame, seen, column, offsets[row, column])
        left.remove(column)
    return left


def sizes(boxes: np.ndarray) -> np.ndarray:
    """Diagonals (n,) of boxes (n, 4) in pixels, at least 1."""
    return np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1.0)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    area = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (first, second)]
    union = area[0][:, None] + area[1][None] - shared
    return shared / np.maximum(union, 1e-9)


def keypoint_offsets(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How skeletons lie to each other, weighted by the scores of both.

    Args:
        first: Keypoints (n, K, 2), scores (n, K) and boxes (n, 4).
        second: The same of m others.

    Returns:
        Mean offset (n, m, 2) from the first to the second in pixels, and
        what it leaves of the distance of the keypoints (n, m). Skeletons
        without a common keypoint are as far apart as their boxes.
    """
    weights = first[1][:, None] * second[1][None]
    total = weights.sum(axis=2)
    apart = second[0][None] - first[0][:, None]
    safe = np.maximum(total, 1e-9)
    offset = np.einsum('nmk,nmkc->nmc', weights, apart) / safe[..., None]
    left = np.linalg.norm(apart - offset[:, :, None], axis=3)
    left = np.einsum('nmk,nmk->nm', weights, left) / safe
    centres = [
        (boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first[2], second[2])
    ]
    between = centres[1][None] - centres[0][:, None]
    common = total > 1e-9
    return (
        np.where(common[..., None], offset, between),
        np.where(common, left, 0.0),
    )


def similarities(
    keypoints: np.ndarray, scores: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """Likeness (n, n) in [0, 1] of the skeletons of one frame.

    Like COCO's object keypoint similarity, with one tolerance
    (:data:`SAME_PERSON`) for all keypoints, and weighted by the scores.
    """
    weights = scores[:, None] * scores[None]
    apart = np.linalg.norm(keypoints[:, None] - keypoints[None], axis=3)
    size = sizes(boxes)
    size = np.maximum(size[:, None], size[None])[..., None]
    alike = np.exp(-0.5 * (apart / (SAME_PERSON * size)) ** 2)
    total = np.maximum(weights.sum(axis=2), 1e-9)
    return (weights * alike).sum(axis=2) / total


def assign(costs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost.

    Args:
        costs: (n, m); a pair is made only if it costs less than 1, which is
            the price of leaving a row alone. Infinite if it cannot be.
    """
    n, m = costs.shape
    priced = np.concatenate([np.minimum(costs, 2.0), np.ones((n, n))], axis=1)
    rows, columns = linear_sum_assignment(priced)
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist())
        if column < m
    ]
