"""Offset and drift of two clocks over a recording of any length."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Recording
from ..recordings.schema import check_times
from .base import ClipEvidence, Synchronizer, SyncResult, check_fulfilled
from .clips import cut_clip, streams_on_line
from .clock_map import ClockMap, best_line, capped_scores, fit_clock, join
from .fused import FusedSynchronizer
from .jumps import Stretch, best_path, find_jumps
from .single import (
    APART,
    DOUBTED,
    GAIN,
    GUARD_SEC,
    MISFIT,
    SAME_SEC,
    UNLIKE,
    WITHOUT_FEATS,
    Feats,
    Question,
    agreeing,
    check_sensors,
    constant_clock,
    find_border,
    follow_jumps,
    in_depth,
    likely_apart,
    middle_result,
)
from .trust import doubtful

Track = Callable[[Iterable, str], Iterable]
"""Shows the progress of an iteration; takes its description."""

CLIP_SEC = 20.0
"""Length of a clip."""
_CLIP_STRIDE_SEC = 10.0
"""From the start of a clip to that of the next."""
_MAX_DRIFT_PPM = 1000.0
"""Largest drift that is looked for."""
_KNOT_SEC = 120.0
"""Between the knots of a clock."""
COARSE_CLIPS = 30
"""Clips in which the offset is looked for everywhere."""
TOKEN_CLIPS = 12
"""Of these, clips of which the model is asked, too."""
_FEW_CLIPS = 12
"""Up to so many clips, all of them are looked at closely at once."""
_COARSE_HZ = 25.0
"""Offsets per second of the clips that are looked at closely later."""
_BLOCK_CLIPS = 6
"""Clips in a row that are filtered together."""
_NEAR_SEC = 1.0
"""How far from the common line the other clips look for their offset."""
_PIECE_SEC = 2.0
"""How far from its offset a piece between jumps looks for it."""
_BEND_SEC = 0.2
"""How far the ends of the line may still move then."""


def synchronize_clip(
    streams: Recording,
    synchronizer: Synchronizer,
    max_offset: float,
    feats: Feats | None = None,
    around: float = 0.0,
) -> ClockMap:
    """One offset for a whole recording, whose clocks run alike.

    Args:
        streams: The recording; IMU and pose have their own clocks.
        synchronizer: Any; see :func:`.build_synchronizer`.
        max_offset: Largest difference from ``around``, in seconds.
        feats: Returns the model's features of a clip; signals only if None.
        around: Offset in the middle of the search, in seconds.

    Returns:
        A map with the same offset everywhere; where a clock jumped, of
        several offsets.

    Raises:
        ValueError: If there is no skeleton or no sensor, or features are
            missing that the synchroniser needs.

    >>> from mobind_mm.synchronization import build_synchronizer
    >>> from mobind_mm.synchronization.conformance import simulate_recording
    >>> recording = simulate_recording(seed=0, seconds=20.0, offset=0.5)
    >>> sync = build_synchronizer('signals')
    >>> clock = synchronize_clip(recording, sync, max_offset=2.0)
    >>> round(clock.result.offset, 2)
    0.5
    """
    check_fulfilled(synchronizer)
    synchronizer = in_depth(synchronizer)
    _check(streams)
    first, last = _pose_span(streams)
    asked = Question(streams, synchronizer, max_offset, around, feats)
    evidence = asked.evidence((first, last))
    if evidence is None:
        raise ValueError(WITHOUT_FEATS.format(type(synchronizer).__name__))
    result = synchronizer.decide([evidence])
    clock = constant_clock((first, last), result.moved(around))
    if evidence.parts is None:
        return clock
    clock = check_sensors(asked, evidence, clock)
    return follow_jumps(asked, evidence, clock)


def synchronize_clocks(
    streams: Recording,
    synchronizer: Synchronizer,
    max_offset: float,
    feats: Feats | None = None,
    clip_sec: float = CLIP_SEC,
    around: float = 0.0,
    track: Track | None = None,
) -> ClockMap:
    """Follow the offset through a long recording, from coarse to fine.

    The recording is cut into clips. :data:`COARSE_CLIPS` of them, spread
    over it, give evidence for every offset, and the model is asked about
    :data:`TOKEN_CLIPS` of these: it tells apart offsets that are seconds
    from each other, for which a few clips suffice. Then the line (offset and
    drift) is sought on which most evidence lies. Clips side by side then look
    for their own offset within a second of that line, in the signals, which
    decide the milliseconds anyway; a piecewise linear clock is fitted to
    these, as straight as cross-validation allows. The time hardly depends
    on ``max_offset``, and memory does not depend on the length of the
    recording, provided that its arrays are read when sliced.

    Args:
        streams: The recording; IMU and pose have their own clocks.
        synchronizer: Any; see :func:`.build_synchronizer`.
        max_offset: Largest difference of the offset from ``around``
            anywhere in the recording, in seconds.
        feats: Returns the model's features of a clip; signals only if None.
        clip_sec: Length of a clip in seconds.
        around: Offset in the middle of the search, in seconds.
        track: Shows the progress.

    Raises:
        ValueError: If there is no skeleton or no sensor, the recording is
            shorter than two clips, or features are missing that the
            synchroniser needs.
    """
    _check(streams)
    first, last = _pose_span(streams)
    if last - first < clip_sec + _CLIP_STRIDE_SEC:
        raise ValueError(
            f'The skeleton lasts {last - first:.1f} s, and drift needs two '
            f'clips, {clip_sec + _CLIP_STRIDE_SEC:g} s; synchronise it as one '
            'clip (no drift), or shorten clip_sec.'
        )
    check_fulfilled(synchronizer)
    asked = Question(streams, synchronizer, max_offset, around, feats)
    return _follow(asked, clip_sec, track or (lambda items, name: items))


def _follow(asked: Question, clip_sec: float, track: Track) -> ClockMap:
    """The clock of a recording that lasts two clips or longer."""
    first, last = span = _pose_span(asked.streams)
    starts = np.arange(first, last - clip_sec + 1e-6, _CLIP_STRIDE_SEC)
    times, clips, in_detail = _look_everywhere(asked, starts, clip_sec, track)
    apart_sec = _CLIP_STRIDE_SEC * len(starts) / min(len(starts), COARSE_CLIPS)
    path = _stretches(clips, apart_sec)
    if len(path) > 1:
        return _in_pieces(asked, times, clips, path, clip_sec, track)
    clock = fit_clock(times, clips, _MAX_DRIFT_PPM, _KNOT_SEC, span)
    result = _decide(times, clips, clock, asked.synchronizer)
    notes: list[str] = []
    if result.abstained:
        others, notes = _of_another_offset(asked, times, clips, clock)
        if others:
            imu = asked.streams.imu.items()
            most = {name: s for name, s in imu if name not in others}
            streams = replace(asked.streams, imu=most)
            main = _follow(replace(asked, streams=streams), clip_sec, track)
            if not main.abstained:
                return _with_own_clocks(main, others)
    elif in_detail:
        clock = _in_detail(asked, times, clips, clip_sec, track) or clock
    middle = float(np.interp(np.mean(span), clock.times, clock.offsets))
    sensors: dict[str, ClockMap] = {}
    if not result.abstained:
        alone = _sure_offsets(times, clips, clock, asked.synchronizer)
        for name, likely in _doubtful(times, clips, clock).items():
            if name in alone:
                continue
            reason = 'wrong limb or person' if likely else 'weak'
            notes.append((MISFIT if likely else DOUBTED).format(name))
            refused = replace(result, offset=middle, rivals=[])
            refused = refused.refused(reason, 0.3)
            sensors[name] = replace(
                clock.moved(asked.around),
                abstained=True,
                result=refused.moved(asked.around),
            )
        for name, own in alone.items():
            if abs(own.offset) >= SAME_SEC:
                notes.append(APART.format(name, own.offset))
                sensors[name] = replace(
                    clock.moved(own.offset).moved(asked.around),
                    result=replace(
                        own, offset=middle + own.offset + asked.around
                    ),
                )
    result = replace(result, offset=middle, drift_ppm=clock.drift_ppm)
    return replace(
        clock.moved(asked.around),
        sensors=sensors,
        notes=tuple(notes),
        abstained=result.abstained,
        result=result.moved(asked.around),
        unknown=_unknown(clock, clip_sec),
    )


def _of_another_offset(
    asked: Question,
    times: np.ndarray,
    clips: list[ClipEvidence],
    clock: ClockMap,
) -> tuple[dict[str, SyncResult], list[str]]:
    """Sensors that are sure of another offset than most, and a note.

    If they are as many as the rest, none are named, and the note says so.
    """
    sure = _sure_offsets(times, clips, clock, asked.synchronizer)
    centre = np.mean(_pose_span(asked.streams))
    middle = float(np.interp(centre, clock.times, clock.offsets))
    sure = {n: r.moved(asked.around + middle) for n, r in sure.items()}
    group = agreeing(sure)
    others = {n: r for n, r in sure.items() if n not in group}
    if len(clips[0].alone) > 2 and 2 * len(others) >= len(sure) > 0:
        each = [f'{n} at {r.offset:+.3f} s' for n, r in sure.items()]
        return {}, [UNLIKE.format(', '.join(each))]
    return others, []


def _in_detail(
    asked: Question,
    times: np.ndarray,
    clips: list[ClipEvidence],
    clip_sec: float,
    track: Track,
) -> ClockMap | None:
    """The clock that clips side by side show, near the line of ``clips``."""
    span = _pose_span(asked.streams)
    centre = float(np.mean(span))
    offsets = clips[0].offsets
    offset, drift = best_line(
        times - centre, offsets, capped_scores(clips), _MAX_DRIFT_PPM
    )
    sync = asked.synchronizer
    near = Question(
        streams_on_line(asked.streams, asked.around + offset, drift, centre),
        sync,
        max(_NEAR_SEC, 5 * (offsets[1] - offsets[0])),
        feats=None if sync.needs_streams else asked.feats,
    )
    placed, fine = _near_line(near, clip_sec, track)
    if not fine:
        return None
    bend = 1e6 * _BEND_SEC / (0.5 * np.ptp(span))
    rest = fit_clock(placed, fine, bend, _KNOT_SEC, span, drift)
    return rest.added(offset, drift, centre)


def _look_everywhere(
    asked: Question, starts: np.ndarray, clip_sec: float, track: Track
) -> tuple[np.ndarray, list[ClipEvidence], bool]:
    """Times and evidence of some clips of ``clip_sec``, for every offset.

    Also whether more clips, or a finer grid, can place the offset better.
    """
    name = type(asked.synchronizer).__name__
    chosen = _spread(len(starts), COARSE_CLIPS)
    in_detail = len(chosen) < len(starts)
    quick: Any = copy.copy(asked.synchronizer)
    if len(starts) > _FEW_CLIPS and hasattr(quick, 'grid_hz'):
        quick.grid_hz, in_detail = _COARSE_HZ, True
    with_model = replace(asked, synchronizer=quick)
    without = replace(with_model, feats=None)
    encoded = set(_spread(len(chosen), TOKEN_CLIPS).tolist())
    if not quick.needs_streams:
        encoded = set(range(len(chosen)))
    times, clips = _known(
        starts[chosen] + clip_sec / 2,
        [
            (with_model if i in encoded else without).evidence(
                (start, start + clip_sec)
            )
            for i, start in enumerate(track(starts[chosen], 'Search'))
        ],
    )
    if not clips:
        raise ValueError(WITHOUT_FEATS.format(name))
    if len(clips[0].offsets) < 3:
        raise ValueError(
            f'{name} has {len(clips[0].offsets)} offset to choose from within '
            f'{asked.max_offset:g} s; give a larger max_offset.'
        )
    return times, clips, in_detail


def _near_line(
    asked: Question, clip_sec: float, track: Track
) -> tuple[np.ndarray, list[ClipEvidence]]:
    """Times and evidence of clips side by side, which no others overlap.

    The streams are about in step.
    """
    first, last = _pose_span(asked.streams)
    sync, reach = asked.synchronizer, asked.max_offset
    if not isinstance(sync, FusedSynchronizer):
        starts = np.arange(first, last - clip_sec + 1e-6, clip_sec)
        return _known(
            starts + clip_sec / 2,
            [
                asked.evidence((start, start + clip_sec))
                for start in track(starts, 'Follow')
            ],
        )
    count = max(int(np.ceil((last - first) / clip_sec / _BLOCK_CLIPS)), 1)
    edges = np.linspace(first, last, count + 1)
    times: list[float] = []
    clips: list[ClipEvidence] = []
    for start, end in track(list(zip(edges[:-1], edges[1:])), 'Follow'):
        block = cut_clip(asked.streams, start, end - start, reach)
        if block.pose is None or block.pose.clock.num_samples < 2:
            continue
        pieces = sync.pieces(block, reach, clip_sec)
        low, high = block.pose.clock.span
        borders = np.linspace(low, high, len(pieces) + 1) + start - reach
        times += (0.5 * (borders[:-1] + borders[1:])).tolist()
        clips += pieces
    return np.array(times), clips


def _sure_offsets(
    times: np.ndarray,
    clips: list[ClipEvidence],
    clock: ClockMap,
    synchronizer: Synchronizer,
) -> dict[str, SyncResult]:
    """Sensors that are sure alone, and how much they differ from a clock."""
    names = list(clips[0].alone)
    if len(names) < 2:
        return {}
    line = np.interp(times, clock.times, clock.offsets)
    results = {}
    for name in names:
        evidence = [
            clip.alone[name].shifted(by)
            for clip, by in zip(clips, line)
            if name in clip.alone
        ]
        result = synchronizer.decide(evidence)
        if not result.abstained:
            results[name] = result
    return results


def _doubtful(
    times: np.ndarray, clips: list[ClipEvidence], clock: ClockMap
) -> dict[str, bool]:
    """Sensors that do not confirm a clock, and if they likely have another."""
    line = np.interp(times, clock.times, clock.offsets)
    moved = [clip.shifted(by) for clip, by in zip(clips, line)]
    offsets = moved[0].offsets
    doubts = {}
    for name in doubtful(moved, int(np.abs(offsets).argmin())):
        known = [clip.alone[name] for clip in moved if name in clip.alone]
        score = np.sum([clip.score for clip in known], axis=0)
        doubts[name] = likely_apart(score, offsets)
    return doubts


def _with_own_clocks(
    main: ClockMap, others: dict[str, SyncResult]
) -> ClockMap:
    """A clock, with those of sensors that are sure of another offset."""
    assert main.result is not None
    sensors, notes = dict(main.sensors), [*main.notes]
    for name, result in others.items():
        gap = float(result.offset - main.result.offset)
        sensors[name] = replace(
            main.moved(gap), result=result, sensors={}, notes=()
        )
        notes.append(APART.format(name, gap))
    return replace(main, sensors=sensors, notes=tuple(notes))


def _unknown(
    clock: ClockMap, clip_sec: float
) -> tuple[tuple[float, float], ...]:
    """Stretches in which at least two clips in a row do not agree."""
    times = clock.clip_times
    stretches, start = [], None
    for i, good in enumerate([*clock.agrees, True]):
        if not good and start is None:
            start = i
        elif good and start is not None:
            if i - start >= 2:
                first = float(times[start] - 0.5 * clip_sec)
                last = float(times[i - 1] + 0.5 * clip_sec)
                stretches.append((first, last))
            start = None
    return tuple(stretches)


def _stretches(clips: list[ClipEvidence], stride_sec: float) -> list[Stretch]:
    """Clips in a row that share a clock; one stretch unless it jumps."""
    offsets = clips[0].offsets
    step = float(offsets[1] - offsets[0])
    if clips[0].parts is None or len(clips) < 4:
        return best_path(capped_scores(clips), step, cost=np.inf)
    slack = int(np.ceil(_MAX_DRIFT_PPM * 1e-6 * stride_sec / step))
    scores = capped_scores(clips)
    path, whole, gain = find_jumps(scores, step, slack)
    short = any(s.stop - s.first < 2 for s in path)
    return whole if short or gain < GAIN else path


def _in_pieces(
    asked: Question,
    times: np.ndarray,
    clips: list[ClipEvidence],
    path: list[Stretch],
    clip_sec: float,
    track: Track,
) -> ClockMap:
    """A clock that jumps between the stretches of a path, piece by piece."""
    pose, span = asked.streams.pose, _pose_span(asked.streams)
    assert pose is not None
    offsets = [float(clips[0].offsets[s.index]) for s in path]
    borders = [
        0.5 * float(times[s.first - 1] + times[s.first]) for s in path[1:]
    ]
    reach = 2.0 * float(np.median(np.diff(times)))
    jumps = [
        find_border(asked, border, pair, span, reach)
        for border, pair in zip(borders, zip(offsets[:-1], offsets[1:]))
    ]
    edges = [span[0], *jumps, span[1]]
    near = min(_PIECE_SEC, asked.max_offset)
    clocks = []
    for i, offset in enumerate(offsets):
        low = edges[i] + GUARD_SEC * (i > 0)
        high = edges[i + 1] - GUARD_SEC * (i < len(offsets) - 1)
        part = pose.cut(pose.clock.between(low, high))
        piece = replace(asked.streams, pose=part)
        search = piece, asked.synchronizer, near, asked.feats
        centre = asked.around + offset
        if high - low >= clip_sec + 3 * _CLIP_STRIDE_SEC:
            clock = synchronize_clocks(*search, clip_sec, centre, track)
        else:
            clock = synchronize_clip(*search, centre)
        clocks.append(clock)
    joined = join(clocks, jumps)
    results = [clock.result for clock in clocks if clock.result is not None]
    # Each piece was looked for where the others say: they stand together.
    sure = min(result.confidence for result in results)
    least = getattr(asked.synchronizer, 'min_confidence', 0.5)
    refused = joined.abstained or sure < least
    result = replace(
        middle_result(clocks, jumps, float(np.mean(span))),
        drift_ppm=joined.drift_ppm,
        confidence=min(sure, 0.5) if refused else sure,
        abstained=refused,
        reason='clock jumps' if refused else '',
        evidence=sum(result.evidence for result in results),
    )
    return replace(joined, abstained=refused, result=result)


def _pose_span(streams: Recording) -> tuple[float, float]:
    assert streams.pose is not None
    return streams.pose.clock.span


def _check(streams: Recording) -> None:
    """Refuse what has no skeleton or no sensor, or times out of order."""
    if streams.pose is None or not streams.imu:
        raise ValueError('Aligning clocks needs a skeleton and a sensor.')
    for name, stream in streams.imu.items():
        check_times(stream.clock.times, f'imu {name!r}')
    check_times(streams.pose.clock.times, 'pose')


def _known(
    times: np.ndarray, clips: list[ClipEvidence | None]
) -> tuple[np.ndarray, list[ClipEvidence]]:
    """Clips with evidence, and their times."""
    known = [i for i, clip in enumerate(clips) if clip is not None]
    return times[known], [clip for clip in clips if clip is not None]


def _spread(count: int, most: int) -> np.ndarray:
    """Indices of at most ``most`` of ``count`` items, evenly spread."""
    if count <= most:
        return np.arange(count)
    return np.round(np.linspace(0, count - 1, most)).astype(int)


def _decide(
    times: np.ndarray,
    clips: list[ClipEvidence],
    clock: ClockMap,
    synchronizer: Synchronizer,
) -> SyncResult:
    """All clips as one answer about the offset in the middle of the clock.

    Their evidence is corrected for the clock's drift and summed. Large sums
    are confident even where the streams have nothing in common, so the
    answer counts only if enough clips would have found it alone; otherwise
    the reason is that of most of them.
    """
    middle = float(np.interp(clock.times.mean(), clock.times, clock.offsets))
    drift = np.interp(times, clock.times, clock.offsets) - middle
    result = synchronizer.decide(
        [clip.shifted(by) for clip, by in zip(clips, drift)]
    )
    if not clock.abstained:
        return result
    alone = Counter(synchronizer.decide([clip]).reason for clip in clips)
    reason, count = alone.most_common(1)[0]
    reason = reason if reason and count > len(clips) / 2 else 'weak'
    return result.refused(reason, float(clock.agrees.mean()))
