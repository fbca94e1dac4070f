"""People whom a tracker lost and found again under another identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..utils.errors import first_few
from .detections import Detections
from .track_runs import keypoint_offsets, overlaps, pair_costs, sizes

_SAME_SIZE = 1.25
"""Factor by which the size of a person may change while out of view."""
_ENDS = 5
"""Frames at the end and the start of a track that tell place and size."""
_MOST = 3
"""Pairs that a note names."""
_SAME_PLACE = 0.3
"""Overlap of two boxes of one person."""
_LONGEST = 60.0
"""Seconds after which nobody is taken for somebody else."""


@dataclass(frozen=True)
class Gap:
    """Two tracks that may be one person.

    Args:
        first: Place of the earlier one among the tracks.
        second: Place of the later one.
        missed: Frames between them.
        cost: Of continuing one by the other; from 1, it would not be.
    """

    first: int
    second: int
    missed: int
    cost: float


def gaps_between(
    tracks: Sequence[np.ndarray], detections: Detections, most: int
) -> list[Gap]:
    """Pairs of tracks of which one begins where the other has ended.

    A track is in one pair as the earlier one at most, and in one as the later
    one. ``tracks`` are rows of the detections of each person; at most ``most``
    frames may be between them.
    """
    frames = detections.frames
    ends = np.array([frames[rows[-1]] for rows in tracks])
    starts = np.array([frames[rows[0]] for rows in tracks])
    gaps = []
    for second, start in enumerate(starts.tolist()):
        missed = start - ends - 1
        near = np.flatnonzero((missed >= 0) & (missed <= most))
        for first in near[np.argsort(missed[near])][:10].tolist():
            rows = tracks[first][-_ENDS:], tracks[second][:_ENDS]
            cost = _cost(detections, *rows, int(missed[first]))
            if cost < 1:
                gaps.append(Gap(first, second, int(missed[first]), cost))
    chosen: list[Gap] = []
    for gap in sorted(gaps, key=lambda g: (g.missed, g.cost)):
        if all(
            gap.first != one.first and gap.second != one.second
            for one in chosen
        ):
            chosen.append(gap)
    return chosen


def _cost(
    detections: Detections, before: np.ndarray, after: np.ndarray, missed: int
) -> float:
    """What it costs to continue one by the other, as when people are followed.

    Infinite if their sizes differ.
    """
    boxes = detections.boxes
    size, new = (np.median(sizes(boxes[rows])) for rows in (before, after))
    if max(size, new) > _SAME_SIZE * min(size, new):
        return np.inf
    first, second = (
        [
            part[[row]].astype(np.float64)
            for part in (detections.keypoints, detections.scores, boxes)
        ]
        for row in (int(before[-1]), int(after[0]))
    )
    offsets, shapes = keypoint_offsets(first, second)
    costs = pair_costs(
        offsets, shapes, first[2], second[2], np.array([missed])
    )
    return float(costs[0, 0])


def _alone(
    before: np.ndarray, after: np.ndarray, detections: Detections
) -> bool:
    """Whether nobody else is where one track ends and the other begins."""
    ends = detections.boxes[[before[-1], after[0]]]
    first, last = detections.frames[[before[-1], after[0]]]
    near = (detections.frames >= first) & (detections.frames <= last)
    near[[*before, *after]] = False
    boxes = detections.boxes[near]
    return not (overlaps(ends, boxes) > 0).any()


def unswapped(detections: Detections) -> tuple[np.ndarray, str]:
    """Identities of a file, changed back where some change places; a note.

    From one frame to the next, somebody is away from where he was, and
    exactly where another one was, who is away, too.
    """
    frames, boxes = detections.frames, detections.boxes
    ids: np.ndarray = np.array(detections.ids)
    changed = ids.copy()
    order = np.lexsort((frames, ids))
    before, after = order[:-1], order[1:]
    near = (ids[before] == ids[after]) & (ids[after] >= 0)
    near &= frames[after] - frames[before] == 1
    low = np.maximum(boxes[before, :2], boxes[after, :2])
    high = np.minimum(boxes[before, 2:], boxes[after, 2:])
    jumps = near & ((high - low) <= 0).any(axis=1)
    before, after = before[jumps], after[jumps]
    by_frame = np.argsort(frames[after], kind='stable')
    before, after = before[by_frame], after[by_frame]
    at, first = np.unique(frames[after], return_index=True)
    # By identity of the file: rows from which it has another one.
    steps: dict[int, list[tuple[int, int]]] = {}
    swapped = []
    parts = zip(np.split(before, first[1:]), np.split(after, first[1:]))
    for frame, (old, new) in zip(at.tolist(), parts):
        if len(old) < 2:
            continue
        same = overlaps(boxes[old], boxes[new])
        rows, columns = linear_sum_assignment(-same)
        if (same[rows, columns] < _SAME_PLACE).any():
            continue
        swapped.append(f'{frame} ({", ".join(map(str, ids[old]))})')
        row = int(np.searchsorted(frames, frame))
        names = [
            steps.setdefault(name, [(0, name)])[-1][1]
            for name in ids[old[rows]].tolist()
        ]
        for name, value in zip(ids[new[columns]].tolist(), names):
            steps.setdefault(name, [(0, name)]).append((row, value))
    for name, changes in steps.items():
        starts, values = np.transpose(changes)
        rows = np.flatnonzero(ids == name)
        changed[rows] = values[np.searchsorted(starts, rows, 'right') - 1]
    if not swapped:
        return ids, ''
    return changed, (
        'identities of the file change places from one frame to the next, '
        f'and are changed back, in frame {first_few(swapped, _MOST)}'
    )


def joined(
    ids: Sequence[int],
    tracks: Sequence[np.ndarray],
    detections: Detections,
    max_gap: int,
) -> tuple[list[int], list[np.ndarray], str]:
    """Tracks of a file's identities, those of one person joined, and a note.

    They are joined where we would have followed the person without them:
    after ``max_gap`` frames at most, at the same place and size, while
    nobody else is there.
    """
    gaps = [
        gap
        for gap in gaps_between(tracks, detections, max_gap)
        if _alone(tracks[gap.first], tracks[gap.second], detections)
    ]
    names, parts = _chained(ids, tracks, gaps)
    if not gaps:
        return names, parts, ''
    pairs = [f'{ids[g.second]} to {ids[g.first]}' for g in gaps]
    note = (
        f'{len(gaps)} identities of the file begin where another has ended, '
        f'within {max_gap} frames, and are joined to it '
        f'({first_few(pairs, _MOST)})'
    )
    return names, parts, note


def returned(
    ids: Sequence[int],
    tracks: Sequence[np.ndarray],
    detections: Detections,
    rate: float,
) -> tuple[list[int], list[np.ndarray], str]:
    """Tracks of a video, those of one person joined, and a note.

    If two people are never seen at once, who appears where the last one was,
    of the same size, is taken for the same person.
    """
    frames = detections.frames
    spans = sorted((frames[rows[0]], frames[rows[-1]]) for rows in tracks)
    gaps = []
    if all(end < start for (_, end), (start, _) in zip(spans, spans[1:])):
        gaps = gaps_between(tracks, detections, round(_LONGEST * rate))
    if not gaps:
        return [*ids], [*tracks], ''
    longest = max(gap.missed for gap in gaps) / rate
    note = (
        'two people are never seen at once, and who appears where the last '
        f'one was, of the same size, up to {longest:.1f} s later, is taken '
        f'for the same person ({len(gaps)} times). If they are several '
        'people, say so (max_gap_sec: 1 in a mapping)'
    )
    return *_chained(ids, tracks, gaps), note


def _chained(
    ids: Sequence[int], tracks: Sequence[np.ndarray], gaps: Sequence[Gap]
) -> tuple[list[int], list[np.ndarray]]:
    """Identities and rows of tracks, joined over gaps."""
    next_of = {gap.first: gap.second for gap in gaps}
    later = {*next_of.values()}
    names, parts = [], []
    for start in range(len(tracks)):
        if start in later:
            continue
        chain = [start]
        while chain[-1] in next_of:
            chain.append(next_of[chain[-1]])
        names.append(ids[start])
        parts.append(np.concatenate([tracks[i] for i in chain]))
    return names, parts


def lost_note(
    ids: Sequence[int],
    tracks: Sequence[np.ndarray],
    detections: Detections,
    rate: float,
    max_gap: int,
) -> str:
    """Note of people who may be one, whom nobody saw for long; or ''."""
    gaps = gaps_between(tracks, detections, round(_LONGEST * rate))
    gaps = [gap for gap in gaps if gap.missed > max_gap]
    if not gaps:
        return ''
    pairs = [
        f'{ids[g.first]} and {ids[g.second]} ({g.missed / rate:.1f} s apart)'
        for g in gaps
    ]
    longest = np.ceil(max(gap.missed for gap in gaps) / rate)
    return (
        'these people are never seen together, and the later one appears '
        'where the other was last, of the same size: '
        f'{first_few(pairs, _MOST)}. If they are one person, allow so long '
        f'an absence (max_gap_sec: {longest:.0f} in a mapping)'
    )
