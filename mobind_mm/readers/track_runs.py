"""People while they are followed, in one frame or in many frames at once.

As long as every frame shows as many people as the one before, and each of
them fits one person best, there is nothing to decide: whether a detection
continues a person depends on earlier frames only by the velocity. The rest
is computed for many frames together. A frame where anything is in doubt is
left to :mod:`.tracking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from .detections import Detections

SAME_PERSON = 0.06
"""Distance of a keypoint, as a share of the diagonal of the box, at which
two skeletons in one frame look like one with a likelihood of exp(-1/2)."""

REACH, REACH_PER_FRAME, REACH_MAX = 0.3, 0.06, 1.0
"""How far from where they are expected people are looked for: diagonals of
their box, for the next frame, for every further one, and at most."""

GROWTH = 2.0
"""Factor by which the diagonal of a box may change."""

WEIGHTS = {'overlap': 0.2, 'offset': 0.4, 'shape': 0.4}
"""Parts of the cost of a pair: 1 - IoU, offset as a share of the reach, and
what is left of the keypoints' distance as a share of :data:`SHAPE`."""

SHAPE = 0.2
"""Mean distance of the keypoints of two moved onto each other, in diagonals
of the box, that costs as much as the greatest offset."""

HIDDEN = 0.05
"""Cost for whoever was not seen in the frame before: of two that fit equally
well, the visible one is continued."""


def pair_costs(
    offsets: np.ndarray,
    shapes: np.ndarray,
    boxes: np.ndarray,
    new_boxes: np.ndarray,
    missed: np.ndarray,
) -> np.ndarray:
    """What it costs to continue people by detections (..., n, m).

    Infinite where it cannot be.

    Args:
        offsets: (..., n, m, 2) pixels from where the person is expected.
        shapes: (..., n, m) pixels that the keypoints are apart without the
            offset.
        boxes: (..., n, 4) where the people are expected.
        new_boxes: (..., m, 4) of the detections.
        missed: (..., n) frames in which the person was not seen.
    """
    missed = missed[..., None]
    size, new_size = sizes(boxes)[..., None], sizes(new_boxes)[..., None, :]
    reach = np.minimum(REACH + REACH_PER_FRAME * missed, REACH_MAX)
    mean_size = np.sqrt(size * new_size)
    far = length(offsets) / mean_size
    costs = (
        WEIGHTS['overlap'] * (1 - overlaps(boxes, new_boxes))
        + WEIGHTS['offset'] * far / reach
        + WEIGHTS['shape'] * np.minimum(shapes / mean_size / SHAPE, 1)
        + HIDDEN * (missed > 0)
    )
    growth = np.maximum(size, new_size) / np.minimum(size, new_size)
    return np.where((far > reach) | (growth > GROWTH), np.inf, costs)


def sizes(boxes: np.ndarray) -> np.ndarray:
    """Diagonals (...) of boxes (..., 4) in pixels, at least 1."""
    return np.maximum(length(boxes[..., 2:] - boxes[..., :2]), 1.0)


def length(vectors: np.ndarray) -> np.ndarray:
    """Lengths (...) of vectors (..., 2)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (..., n, m) of boxes (..., n or m, 4)."""
    one, two = first[..., :, None, :], second[..., None, :, :]
    low = np.maximum(one[..., :2], two[..., :2])
    high = np.minimum(one[..., 2:], two[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    area = [(b[..., 2:] - b[..., :2]).prod(axis=-1) for b in (one, two)]
    return shared / np.maximum(area[0] + area[1] - shared, 1e-9)


def keypoint_offsets(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How skeletons lie to each other, weighted by the scores of both.

    Args:
        first: Keypoints (..., n, K, 2), scores (..., n, K) and boxes
            (..., n, 4).
        second: The same of m others.

    Returns:
        Mean offset (..., n, m, 2) from the first to the second in pixels,
        and what it leaves of the distance of the keypoints (..., n, m).
        Skeletons without a common keypoint are as far apart as their boxes.
    """
    weights = first[1][..., :, None, :] * second[1][..., None, :, :]
    total = weights.sum(axis=-1)
    safe, common = np.maximum(total, 1e-9), total > 1e-9
    apart = second[0][..., None, :, :, :] - first[0][..., :, None, :, :]
    offset = (weights[..., None, :] @ apart)[..., 0, :] / safe[..., None]
    left = length(apart - offset[..., None, :])
    left = (weights * left).sum(axis=-1) / safe
    centres = [
        (boxes[..., :2] + boxes[..., 2:]) / 2
        for boxes in (first[2], second[2])
    ]
    between = centres[1][..., None, :, :] - centres[0][..., :, None, :]
    return (
        np.where(common[..., None], offset, between),
        np.where(common, left, 0.0),
    )


def similarities(
    keypoints: np.ndarray, scores: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """Likeness (..., n, n) in [0, 1] of the skeletons of one frame.

    Like COCO's object keypoint similarity, with one tolerance
    (:data:`SAME_PERSON`) for all keypoints, and weighted by the scores.
    """
    weights = scores[..., :, None, :] * scores[..., None, :, :]
    apart = length(
        keypoints[..., :, None, :, :] - keypoints[..., None, :, :, :]
    )
    size = sizes(boxes)
    size = np.maximum(size[..., :, None], size[..., None, :])[..., None]
    alike = np.exp(-0.5 * (apart / (SAME_PERSON * size)) ** 2)
    total = np.maximum(weights.sum(axis=-1), 1e-9)
    return (weights * alike).sum(axis=-1) / total


DUPLICATE = 0.6
"""Similarity from which two skeletons of a frame are one person."""

COAST = 15
"""Frames over which a hidden person is expected to move as before."""

VELOCITY_MEMORY = 0.8
"""Share of the old velocity in the new one, for each frame."""


class Seen:
    """The distinct people of one frame, in float64."""

    def __init__(self, detections: Detections, rows: np.ndarray) -> None:
        self.rows = rows.tolist()
        arrays = detections.keypoints, detections.scores, detections.boxes
        self.parts = [array[rows].astype(np.float64) for array in arrays]


class Person:
    """A track while it grows: where it was last, and where it goes."""

    def __init__(self, frame: int, seen: Seen, index: int) -> None:
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

    def costs(
        self, frames: np.ndarray, seen: Sequence[np.ndarray]
    ) -> np.ndarray:
        """What P detections (n, P) of n frames cost, as it is hidden."""
        away = frames - self.frame
        moved = np.zeros((len(away), 2))
        if self.velocity is not None:
            moved = np.minimum(away, COAST)[:, None] * self.velocity
        keypoints, scores, box = (part[None] for part in self.parts)
        expected = [
            keypoints + moved[:, None, None],
            np.broadcast_to(scores, (len(away), *scores.shape)),
            box + np.tile(moved, 2)[:, None],
        ]
        offsets, shapes = keypoint_offsets(expected, seen)
        return pair_costs(
            offsets, shapes, expected[2], seen[2], away[:, None] - 1
        )[:, 0]

    def extend(
        self, frame: int, seen: Seen, index: int, offset: np.ndarray
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


def follow_together(
    active: Sequence[Person],
    detections: Detections,
    rows: np.ndarray,
    max_gap: int,
) -> int:
    """Continue people over many frames, as far as there is nothing to decide.

    Where every detection costs one of the visible people less than anybody
    else, hidden people included, and less than leaving it, no other assignment
    costs as little. ``active`` people, of whom as many as P were seen last,
    are changed; ``rows`` are (n, P) of the next frames. Returns how many
    frames were followed.
    """
    last = max(person.frame for person in active)
    group = [p for p in active if p.frame == last]
    hidden = [p for p in active if p.frame != last]
    frames = np.r_[last, detections.frames[rows[:, 0]]]
    arrays = detections.keypoints, detections.scores, detections.boxes
    parts = [
        np.concatenate(
            [np.stack([p.parts[i] for p in group])[None], array[rows]],
            dtype=np.float64,
        )
        for i, array in enumerate(arrays)
    ]
    before, after = [p[:-1] for p in parts], [p[1:] for p in parts]
    offsets, shapes = keypoint_offsets(before, after)
    # Whom a detection follows, and where everybody is from frame to frame.
    link = (length(offsets) + shapes).argmin(axis=1)
    places, whole = _follow_links(link)
    frames, rows = frames[: whole + 1], rows[:whole]
    if not whole:
        return 0
    step, same = np.arange(whole)[:, None], np.arange(len(group))
    now, then = places[:-1], places[1:]
    pairs = step[..., None], now[..., None], then[:, None]
    offsets, shapes = offsets[pairs], shapes[pairs]
    boxes, new = before[2][step, now], after[2][step, then]
    gaps = np.diff(frames)
    paths, moved = zip(
        *(
            velocities(gaps, offsets[:, i, i], person.velocity)
            for i, person in enumerate(group)
        )
    )
    moved = np.stack(moved, axis=1)
    offsets -= moved[:, :, None]
    missed = np.repeat(gaps[:, None] - 1, len(group), axis=1)
    expected = boxes + np.tile(moved, 2)
    costs = pair_costs(offsets, shapes, expected, new, missed)
    mine = costs[:, same, same].copy()
    costs[:, same, same] = np.inf
    sound = (mine < 1).all(axis=1) & (gaps - 1 <= max_gap)
    sound &= (mine < costs.min(axis=1)).all(axis=1)
    for person in hidden:
        away = frames[1:] - person.frame - 1
        there = np.flatnonzero(away <= max_gap)
        if len(there):
            rival = person.costs(frames[1:][there], [a[there] for a in after])
            rival = np.take_along_axis(rival, then[there], axis=1)
            sound[there] &= (mine[there] < rival).all(axis=1)
    alike = similarities(*(part[:whole] for part in after))
    alike[:, same, same] = 0
    sound &= (alike < DUPLICATE).all(axis=(1, 2))
    made = whole if sound.all() else int(np.argmin(sound))
    for i, person in enumerate(group if made else ()):
        place = places[1 : made + 1, i]
        person.frame = int(frames[made])
        person.rows += rows[np.arange(made), place].tolist()
        person.parts = [part[made, place[-1]] for part in parts]
        known = bool(np.isfinite(paths[i][made]).all())
        person.velocity = paths[i][made] if known else None
    return made


def _follow_links(link: np.ndarray) -> tuple[np.ndarray, int]:
    """Place of P people in every frame, by that in the frame before (n, P).

    Returns (n + 1, P) places, and for how many frames no two are the same.
    """
    whole = (np.sort(link, axis=1) == np.arange(link.shape[1])).all(axis=1)
    count = len(link) if whole.all() else int(np.argmin(whole))
    places = np.empty((count + 1, link.shape[1]), int)
    places[0] = np.arange(link.shape[1])
    following = np.argsort(link[:count], axis=1)
    if (following == places[0]).all():
        places[:] = places[0]
    else:
        for frame, one in enumerate(following):
            places[frame + 1] = one[places[frame]]
    return places, count


def velocities(
    gaps: np.ndarray, offsets: np.ndarray, first: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity of a person before each step and after all, if all are made.

    Args:
        gaps: (n,) frames of each step, 1 without a gap.
        offsets: (n, 2) pixels from one place to the next.
        first: (2,) velocity before them in pixels a frame; None if unknown.

    Returns:
        (n + 1, 2) pixels a frame, NaN where unknown; (n, 2) pixels by which
        the person was expected to move.
    """
    weights = {
        gap: (1 - VELOCITY_MEMORY**gap) / gap for gap in {*gaps.tolist()}
    }
    ways = np.minimum(gaps, COAST)[:, None]

    def next_velocity(old: float, step: tuple[int, float]) -> float:
        gap, offset = step
        if old != old:  # unknown
            return offset / gap
        if gap > COAST:
            return float('nan')
        return old + weights[gap] * (offset - old * gap)

    start = (float('nan'),) * 2 if first is None else map(float, first)
    path = np.array(
        [
            [*accumulate(zip(gaps.tolist(), axis), next_velocity, initial=one)]
            for axis, one in zip(offsets.T.tolist(), start)
        ]
    ).T
    moved = path[:-1] * ways
    return path, np.where(np.isnan(moved), 0.0, moved)
