"""Who is who: identities of people over the frames of a video."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .detections import Detections
from .lost_people import joined, lost_note, returned, unswapped
from .track_runs import (
    DUPLICATE,
    Person,
    Seen,
    follow_together,
    keypoint_offsets,
    pair_costs,
    similarities,
)

LEAST_SEEN = 0.9
"""Share of the frames with somebody below which a choice is doubted."""

_RUN, _MOST = 8, 2**18
"""Frames that are followed together at least, and skeletons that are compared
with one another at most."""

_LONG = 1.0
"""Seconds for which people are seen; what is seen for less may be none."""

RULES = ('longest', 'largest')
"""How to choose a person, besides by id."""


@dataclass(frozen=True)
class Track:
    """One person.

    Args:
        id: Number from 0, in the order of first appearance, see
            :func:`numbered`; or the identity in the file.
        instances: (n,) int64 rows of the :class:`Detections`, one per frame,
            ascending.
    """

    id: int
    instances: np.ndarray


def track_people(detections: Detections, max_gap: int) -> list[Track]:
    """Follow people from frame to frame.

    Where the tool that wrote the file says who is who, that is used; whom it
    lost and found again within ``max_gap`` is one person, see
    :mod:`.lost_people`. Otherwise, skeletons of one frame that coincide are
    one person; the one with the greater sum of scores stays. Then every frame
    is assigned to the tracks at the least total cost: overlap of the boxes,
    offset and shape of the skeletons, against where a track is expected if it
    keeps its velocity. Hidden people compete with the others: whoever comes
    out from behind somebody is taken for the one who went there. Returns
    tracks by id.

    Raises:
        ValueError: If ``max_gap`` is negative.
    """
    return tracks_with_note(detections, max_gap)[0]


def tracks_with_note(
    detections: Detections, max_gap: int
) -> tuple[list[Track], str]:
    """Tracks of :func:`track_people`, and a note of identities joined."""
    if max_gap < 0:
        raise ValueError(f'max_gap must be >= 0 frames, got {max_gap}.')
    if detections.ids is not None:
        return _identified(detections, max_gap)
    return _followed(detections, max_gap), ''


def _followed(detections: Detections, max_gap: int) -> list[Track]:
    """Tracks of detections without identities."""
    people: list[Person] = []
    active: list[Person] = []
    frames, starts = np.unique(detections.frames, return_index=True)
    counts = np.diff(np.r_[starts, len(detections.frames)])
    changes = np.r_[np.flatnonzero(np.diff(counts)) + 1, len(frames)]
    at, run = 0, _RUN
    while at < len(frames):
        frame, start, count = (int(x[at]) for x in (frames, starts, counts))
        active = [p for p in active if frame - p.frame - 1 <= max_gap]
        last = max((p.frame for p in active), default=0)
        visible = sum(p.frame == last for p in active)
        left = int(changes[np.searchsorted(changes, at, 'right')]) - at
        if visible == count and left >= _RUN:
            most = max(_MOST // (len(active) * count), _RUN)
            asked = min(run, left, most)
            rows = start + np.arange(asked * count).reshape(-1, count)
            made = follow_together(active, detections, rows, max_gap)
            run = 2 * run if made == asked and run < most else _RUN
            if made:
                at += made
                continue
        seen = Seen(detections, _distinct(detections, start, start + count))
        for index in _follow(active, seen, frame):
            active.append(Person(frame, seen, index))
            people.append(active[-1])
        at += 1
    return [
        Track(number, np.array(person.rows, dtype=np.int64))
        for number, person in enumerate(people)
    ]


def _identified(
    detections: Detections, max_gap: int
) -> tuple[list[Track], str]:
    """Tracks by identities, in the order of appearance, and a note."""
    ids, swapped = unswapped(detections)
    names, first = np.unique(ids, return_index=True)
    ordered = [n for n in names[np.argsort(first)].tolist() if n >= 0]
    tracks = [np.flatnonzero(ids == name) for name in ordered]
    ordered, tracks, note = joined(ordered, tracks, detections, max_gap)
    notes = '; '.join(n for n in (swapped, note) if n)
    return [*map(Track, ordered, tracks)], notes


def numbered(tracks: list[Track], rate: float) -> list[Track]:
    """Tracks whose first numbers are those of people, then what flashes up."""
    short = [len(track.instances) < _LONG * rate for track in tracks]
    order = np.argsort(short, kind='stable').tolist()
    return [Track(i, tracks[n].instances) for i, n in enumerate(order)]


def who_was_lost(
    tracks: list[Track], detections: Detections, rate: float, max_gap: int
) -> str:
    """A note of people who may be one, or ''."""
    long = [t for t in tracks if len(t.instances) >= _LONG * rate]
    names, rows = [t.id for t in long], [t.instances for t in long]
    least = max_gap if detections.ids is None else -1
    return lost_note(names, rows, detections, rate, least)


def who_returned(
    tracks: list[Track], detections: Detections, rate: float
) -> tuple[list[Track], str]:
    """Tracks, one of those of a person who is alone and was away; a note."""
    long = [t for t in tracks if len(t.instances) >= _LONG * rate]
    names, rows = [t.id for t in long], [t.instances for t in long]
    names, rows, note = returned(names, rows, detections, rate)
    if not note:
        return tracks, ''
    short = [t for t in tracks if len(t.instances) < _LONG * rate]
    return sorted([*map(Track, names, rows), *short], key=_first), note


def _first(track: Track) -> int:
    return int(track.instances[0])


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
    detections: Detections,
    rule: str | int,
    max_gap: int,
    tracks: list[Track] | None = None,
) -> Track:
    """Follow people and choose one; warn if that person is often absent.

    ``tracks`` are the people, if they were followed before. See
    :func:`track_people` and :func:`choose_person`.
    """
    tracks = track_people(detections, max_gap) if tracks is None else tracks
    try:
        track = choose_person(tracks, detections, rule)
    except ValueError as error:
        raise ValueError(f'{detections.source}: {error}') from None
    share = len(track.instances) / len(np.unique(detections.frames))
    if share < LEAST_SEEN:
        from mmengine.logging import print_log  # which loads PyTorch

        print_log(
            f'{detections.source}: person {rule!r} is there in {share:.0%} '
            'of the frames that show somebody; there are '
            f'{len(tracks)} people. Choose another person'
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


def _distinct(detections: Detections, start: int, end: int) -> np.ndarray:
    """Rows of a frame without the duplicates of a person."""
    rows = np.arange(start, end)
    if len(rows) < 2:
        return rows
    alike = similarities(*Seen(detections, rows).parts)
    scores = detections.scores[rows].astype(np.float64)
    kept: list[int] = []
    for index in np.argsort(-scores.sum(axis=1), kind='stable').tolist():
        if not kept or alike[index, kept].max() < DUPLICATE:
            kept.append(index)
    return rows[sorted(kept)]


def _follow(group: list[Person], seen: Seen, frame: int) -> list[int]:
    """Give people their detections; returns those that nobody took."""
    left = list(range(len(seen.rows)))
    if not group:
        return left
    expected = [np.stack(p) for p in zip(*(p.expected(frame) for p in group))]
    offsets, shapes = keypoint_offsets(expected, seen.parts)
    missed = np.array([frame - person.frame - 1 for person in group])
    boxes, new_boxes = expected[2], seen.parts[2]
    costs = pair_costs(offsets, shapes, boxes, new_boxes, missed)
    for row, column in assign(costs):
        group[row].extend(frame, seen, column, offsets[row, column])
        left.remove(column)
    return left


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
