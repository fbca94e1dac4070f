"""Offset and drift of two clocks over a recording of any length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Optional

import numpy as np

from ..recordings import Recording
from . import base
from .base import (
    ClipEvidence,
    Synchronizer,
    SyncResult,
    check_fulfilled,
)
from .clips import cut_clip
from .clock_map import ClockMap, best_line, capped_scores, fit_clock
from .single import (
    Feats,
    Question,
    WITHOUT_FEATS,
    check_sensors,
    clip_evidence,
    constant_clock,
    follow_jumps,
)

Track = Callable[[Iterable, str], Iterable]
"""Shows the progress of an iteration; takes its description."""

CLIP_SEC = 20.0
"""Length of a clip."""
COARSE_CLIPS = 60
"""Clips in which the offset is looked for everywhere."""
TOKEN_CLIPS = 12
"""Of these, clips of which the model is asked, too."""
_NEAR_SEC = 1.0
"""How far from the common line the other clips look for their offset."""
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
    first, last = _pose_span(streams)
    evidence = clip_evidence(
        streams, synchronizer, (first, last), max_offset, around, feats
    )
    result = synchronizer.decide([evidence])
    clock = constant_clock((first, last), result.moved(around))
    if evidence.parts is None:
        return clock
    asked = Question(streams, synchronizer, max_offset, around, feats)
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
    first, last = _pose_span(streams)
    if last - first < clip_sec + stride_sec:
        raise ValueError(
            f'The skeleton lasts {last - first:.1f} s, and drift needs two '
            f'clips, {clip_sec + stride_sec:g} s; synchronise it as one clip '
            '(no drift), or shorten clip_sec.'
        )
    check_fulfilled(synchronizer)
    track = track or (lambda items, description: items)

    def gather(
        start: float, reach: float, offset: float, ask: bool
    ) -> ClipEvidence | None:
        """Evidence of one clip; None if it lacks features it must have."""
        clip = cut_clip(streams, start, clip_sec, reach, offset)
        needed = not synchronizer.needs_streams
        features = None
        if synchronizer.needs_feats and feats is not None and (ask or needed):
            features = feats(clip)
        if needed and features is None:
            return None
        return synchronizer.evidence(clip, features, reach)

    starts = np.arange(first, last - clip_sec + 1e-6, stride_sec)
    chosen = _spread(len(starts), COARSE_CLIPS)
    asked = set(_spread(len(chosen), TOKEN_CLIPS).tolist())
    times, clips = _known(
        starts[chosen] + clip_sec / 2,
        [
            gather(start, max_offset, around, i in asked)
            for i, start in enumerate(track(starts[chosen], 'Search'))
        ],
    )
    if not clips:
        raise ValueError(WITHOUT_FEATS.format(type(synchronizer).__name__))
    if len(clips[0].offsets) < 3:
        raise ValueError(
            f'{type(synchronizer).__name__} has {len(clips[0].offsets)} '
            f'offset to choose from within {max_offset:g} s; give a larger '
            'max_offset.'
        )
    span = (first, last)
    coarse = fit_clock(times, clips, max_drift_ppm, knot_sec, span)
    result = _decide(times, clips, coarse, synchronizer)
    fine = coarse
    if len(chosen) < len(starts) and not result.abstained:
        centre = float(np.mean(span))
        offset, drift = best_line(
            times - centre,
            clips[0].offsets,
            capped_scores(clips),
            max_drift_ppm,
        )
        step = clips[0].offsets[1] - clips[0].offsets[0]
        near = max(_NEAR_SEC, 5 * step)
        # Without overlap: nothing is asked twice.
        starts = np.arange(first, last - clip_sec + 1e-6, clip_sec)
        at = offset + drift * (starts + clip_sec / 2 - centre)
        times, clips = _known(
            starts + clip_sec / 2,
            [
                gather(start, near, around + here, False)
                for start, here in zip(track(starts, 'Follow'), at)
            ],
        )
        if clips:
            bend = 1e6 * _BEND_SEC / (0.5 * np.ptp(span))
            rest = fit_clock(times, clips, bend, knot_sec, span)
            fine = rest.added(offset, drift, centre)
    middle_offset = float(np.interp(np.mean(span), fine.times, fine.offsets))
    result = replace(result, offset=middle_offset, drift_ppm=fine.drift_ppm)
    return replace(
        fine,
        offsets=fine.offsets + around,
        clip_offsets=fine.clip_offsets + around,
        abstained=result.abstained,
        result=result.moved(around),
    )


def _pose_span(streams: Recording) -> tuple[float, float]:
    if streams.pose is None or not streams.imu:
        raise ValueError('Aligning clocks needs a skeleton and a sensor.')
    return streams.pose.clock.span


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
    return replace(
        result,
        abstained=True,
        reason=reason if reason and count > len(clips) / 2 else 'weak',
        confidence=min(result.confidence, float(clock.agrees.mean())),
    )
