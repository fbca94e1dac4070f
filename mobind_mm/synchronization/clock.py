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
    GAIN,
    GUARD_SEC,
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
    middle_result,
)

Track = Callable[[Iterable, str], Iterable]
"""Shows the progress of an iteration; takes its description."""

CLIP_SEC = 20.0
"""Length of a clip."""
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
    stride_sec: float = 10.0,
    max_drift_ppm: float = 1000.0,
    knot_sec: float = 120.0,
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
        stride_sec: Seconds between clips.
        max_drift_ppm: Largest drift in parts per million.
        knot_sec: Seconds between the knots of the clock.
        around: Offset in the middle of the search, in seconds.
        track: Shows the progress.

    Raises:
        ValueError: If there is no skeleton or no sensor, the recording is
            shorter than two clips, or features are missing that the
            synchroniser needs.
    """
    _check(streams)
    first, last = _pose_span(streams)
    if last - first < clip_sec + stride_sec:
        raise ValueError(
            f'The skeleton lasts {last - first:.1f} s, and drift needs two '
            f'clips, {clip_sec + stride_sec:g} s; synchronise it as one clip '
            '(no drift), or shorten clip_sec.'
        )
    check_fulfilled(synchronizer)
    track = track or (lambda items, description: items)

    asked = Question(streams, synchronizer, max_offset, around, feats)
    starts = np.arange(first, last - clip_sec + 1e-6, stride_sec)
    times, clips, in_detail = _look_everywhere(asked, starts, clip_sec, track)
    span = (first, last)
    apart_sec = stride_sec * len(starts) / min(len(starts), COARSE_CLIPS)
    path = _stretches(clips, apart_sec, max_drift_ppm)
    if len(path) > 1:
        edges = [0.5 * (times[s.first - 1] + times[s.first]) for s in path[1:]]
        return _in_pieces(
            asked,
            [float(clips[0].offsets[s.index]) for s in path],
            [float(edge) for edge in edges],
            2.0 * float(np.median(np.diff(times))),
            clip_sec=clip_sec,
            stride_sec=stride_sec,
            max_drift_ppm=max_drift_ppm,
            knot_sec=knot_sec,
            track=track,
        )
    clock = coarse = fit_clock(times, clips, max_drift_ppm, knot_sec, span)
    result = _decide(times, clips, coarse, synchronizer)
    unlike: tuple[str, ...] = ()
    if result.abstained:
        sure = _sure_offsets(times, clips, coarse, synchronizer)
        middle = np.interp(np.mean(span), coarse.times, coarse.offsets)
        sure = {n: r.moved(around + float(middle)) for n, r in sure.items()}
        group = agreeing(sure)
        others = {n: r for n, r in sure.items() if n not in group}
        most = {k: v for k, v in streams.imu.items() if k not in others}
        if len(clips[0].alone) > 2 and 2 * len(others) >= len(sure) > 0:
            each = [f'{n} at {r.offset:+.3f} s' for n, r in sure.items()]
            unlike = (UNLIKE.format(', '.join(each)),)
        elif others and most:
            main = synchronize_clocks(
                replace(streams, imu=most),
                synchronizer,
                max_offset,
                feats,
                clip_sec,
                stride_sec,
                max_drift_ppm,
                knot_sec,
                around,
                track,
            )
            if not main.abstained:
                return _with_own_clocks(main, others)
    placed = times  # clips by which the clock is placed
    if in_detail and not result.abstained:
        centre = float(np.mean(span))
        offset, drift = best_line(
            times - centre,
            clips[0].offsets,
            capped_scores(clips),
            max_drift_ppm,
        )
        step = clips[0].offsets[1] - clips[0].offsets[0]
        near = Question(
            streams_on_line(streams, around + offset, drift, centre),
            synchronizer,
            max(_NEAR_SEC, 5 * step),
            feats=None if synchronizer.needs_streams else feats,
        )
        placed, fine = _near_line(near, clip_sec, track)
        if fine:
            bend = 1e6 * _BEND_SEC / (0.5 * np.ptp(span))
            rest = fit_clock(placed, fine, bend, knot_sec, span, drift)
            clock = rest.added(offset, drift, centre)
    middle = float(np.interp(np.mean(span), clock.times, clock.offsets))
    result = replace(result, offset=middle, drift_ppm=clock.drift_ppm)
    own_offsets: dict[str, SyncResult] = {}
    if not result.abstained:
        own_offsets = _sure_offsets(times, clips, clock, synchronizer)
    apart = {
        name: replace(
            clock.moved(of_sensor.offset).moved(around),
            result=replace(
                of_sensor, offset=middle + of_sensor.offset + around
            ),
        )
        for name, of_sensor in own_offsets.items()
        if abs(of_sensor.offset) >= SAME_SEC
    }
    return replace(
        clock.moved(around),
        sensors=apart,
        notes=(
            *unlike,
            *(
                APART.format(
                    name, of_sensor.offsets[0] - clock.offsets[0] - around
                )
                for name, of_sensor in apart.items()
            ),
        ),
        abstained=result.abstained,
        result=result.moved(around),
        unknown=_unknown(placed, clock.agrees, clip_sec),
    )


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
    times: np.ndarray, agrees: np.ndarray, clip_sec: float
) -> tuple[tuple[float, float], ...]:
    """Stretches in which at least two clips in a row do not agree."""
    stretches, start = [], None
    for i, good in enumerate([*agrees, True]):
        if not good and start is None:
            start = i
        elif good and start is not None:
            if i - start >= 2:
                first = float(times[start] - 0.5 * clip_sec)
                last = float(times[i - 1] + 0.5 * clip_sec)
                stretches.append((first, last))
            start = None
    return tuple(stretches)


def _stretches(
    clips: list[ClipEvidence], stride_sec: float, max_drift_ppm: float
) -> list[Stretch]:
    """Clips in a row that share a clock; one stretch unless it jumps."""
    offsets = clips[0].offsets
    step = float(offsets[1] - offsets[0])
    if clips[0].parts is None or len(clips) < 4:
        return best_path(capped_scores(clips), step, cost=np.inf)
    slack = int(np.ceil(max_drift_ppm * 1e-6 * stride_sec / step))
    scores = capped_scores(clips)
    path, whole, gain = find_jumps(scores, step, slack)
    short = any(s.stop - s.first < 2 for s in path)
    return whole if short or gain < GAIN else path


def _in_pieces(
    asked: Question,
    offsets: list[float],
    borders: list[float],
    reach: float,
    **options: Any,
) -> ClockMap:
    """A clock that jumps, piece by piece.

    Args:
        asked: The question.
        offsets: About the offset of each piece, less ``around``.
        borders: About the times between them on the pose clock.
        reach: How far from there the jumps may be, in seconds.
        **options: Of :func:`synchronize_clocks`.
    """
    pose, span = asked.streams.pose, _pose_span(asked.streams)
    assert pose is not None
    jumps = [
        find_border(asked, border, pair, span, reach)
        for border, pair in zip(borders, zip(offsets[:-1], offsets[1:]))
    ]
    edges = [span[0], *jumps, span[1]]
    clocks = []
    for i, offset in enumerate(offsets):
        low = edges[i] + GUARD_SEC * (i > 0)
        high = edges[i + 1] - GUARD_SEC * (i < len(offsets) - 1)
        piece = replace(
            asked.streams, pose=pose.cut(pose.clock.between(low, high))
        )
        near = min(_PIECE_SEC, asked.max_offset)
        centre = asked.around + offset
        if high - low >= options['clip_sec'] + 3 * options['stride_sec']:
            clock = synchronize_clocks(
                piece,
                asked.synchronizer,
                near,
                asked.feats,
                around=centre,
                **options,
            )
        else:
            clock = synchronize_clip(
                piece, asked.synchronizer, near, asked.feats, centre
            )
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
