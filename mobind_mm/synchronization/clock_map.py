"""How two clocks run against each other, and how that is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import lsq_linear

from .base import ClipEvidence, SyncResult
from .correlate import peak_offset

_CAP = 30.0
"""Evidence that one clip may give: no clip outvotes all others."""
_AGREEING = 0.25
"""Share of the usable clips that must agree."""
DRIFT_PPM = 200.0
"""Clocks rarely drift more; stronger drift needs evidence."""
_CLIP_SEC = 0.001
"""Least error of the offset of a clip."""
_CLOSE_SEC = 0.15
"""A clip agrees with the common line if its own maximum is this close."""


@dataclass(frozen=True)
class ClockMap:
    """How two clocks run against each other, piecewise linear.

    Args:
        times: (M,) seconds of the pose clock, ascending; M >= 2.
        offsets: (M,) seconds to add there to get the IMU clock.
        drift_ppm: Mean slope of the offsets in parts per million; positive
            if the IMU clock runs fast.
        clip_times: (C,) middle of each clip on the pose clock.
        clip_offsets: (C,) offset that each clip alone shows near the line.
        agrees: (C,) boolean, clips that agree with the line.
        abstained: Whether not to trust it.
        result: All clips as one answer: its offset is that at the middle
            of the pose; None for a map that was fitted to given evidence.
        jumps: Where a clock jumped: (time of the pose clock, seconds).
        unknown: Stretches of the pose clock in which no offset was found;
            the map says nothing about them.
        sensors: Clocks of the sensors that do not share this one, by name.
        notes: What is wrong with single sensors, in sentences.

    >>> clock = ClockMap(np.array([0.0, 60.0]), np.array([1.0, 1.3]), 5000.0)
    >>> clock.to_imu_time(np.array([30.0]))
    array([31.15])
    """

    times: np.ndarray
    offsets: np.ndarray
    drift_ppm: float
    clip_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    clip_offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    agrees: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    abstained: bool = False
    result: SyncResult | None = None
    jumps: tuple[tuple[float, float], ...] = ()
    unknown: tuple[tuple[float, float], ...] = ()
    sensors: Mapping[str, ClockMap] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_imu_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the pose clock (T,) on the IMU clock.

        Beyond its ends the map continues with the slope of its last piece.
        """
        return _piecewise(times, self.times, self.times + self.offsets)

    def to_pose_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the IMU clock (T,) on the pose clock: the inverse."""
        return _piecewise(times, self.times + self.offsets, self.times)

    def moved(self, by: float) -> ClockMap:
        """This clock with offsets that are larger by some seconds."""
        return replace(
            self,
            offsets=self.offsets + by,
            clip_offsets=self.clip_offsets + by,
        )

    def added(self, offset: float, drift: float, middle: float) -> ClockMap:
        """This clock and a line: an offset in the middle, and a drift."""

        def line(times: np.ndarray, offsets: np.ndarray) -> np.ndarray:
            return offsets + offset + drift * (times - middle)

        return replace(
            self,
            offsets=line(self.times, self.offsets),
            drift_ppm=self.drift_ppm + drift * 1e6,
            clip_offsets=line(self.clip_times, self.clip_offsets),
        )


def join(clocks: Sequence[ClockMap], borders: Sequence[float]) -> ClockMap:
    """One clock that jumps from each of these to the next.

    Where an IMU lost samples, a stretch of video has none; its IMU time stands
    still there, so that the map can be inverted. ``borders`` are the times of
    the pose clock between them.
    """
    times: list[float] = []
    offsets: list[float] = []
    jumps: list[tuple[float, float]] = []
    edges = [-np.inf, *borders, np.inf]
    for i, clock in enumerate(clocks):
        low, high = edges[i : i + 2]
        inside = (clock.times > low) & (clock.times < high)
        at = [*clock.times[inside]]
        if i:
            before = offsets[-1]
            after = float(_offset_at(clock, low))
            jumps.append((float(low), after - before))
            gap = max(before - after, 0.0) + 1e-3
            at = [low + gap, *(t for t in at if t > low + gap)]
        if i < len(clocks) - 1:
            at = [*(t for t in at if t < high), high]
        times += at
        offsets += [float(_offset_at(clock, t)) for t in at]
    order = np.argsort(times, kind='stable')
    kept = np.concatenate([[True], np.diff(np.array(times)[order]) > 0])
    order = order[kept]
    lengths = [max(float(np.ptp(clock.times)), 1e-9) for clock in clocks]
    drifts = [clock.drift_ppm for clock in clocks]
    return replace(
        clocks[0],
        times=np.array(times)[order],
        offsets=np.array(offsets)[order],
        drift_ppm=float(np.average(drifts, weights=lengths)),
        clip_times=np.concatenate([c.clip_times for c in clocks]),
        clip_offsets=np.concatenate([c.clip_offsets for c in clocks]),
        agrees=np.concatenate([c.agrees for c in clocks]),
        abstained=any(clock.abstained for clock in clocks),
        jumps=tuple(jumps),
        sensors={},
        unknown=tuple(part for clock in clocks for part in clock.unknown),
    )


def with_sets(
    clock: ClockMap, sets: Sequence[tuple[float, float]]
) -> ClockMap:
    """A clock of sensors whose own clock was set forward now and then.

    Args:
        clock: What it would be otherwise.
        sets: Times of the last sample before, on the clock of the sensors as
            it is, and seconds, as ``clock_sets`` gives them.
    """
    for time, size in sets:  # ascending: those before are in the clock then
        clock = _set_forward(clock, time, size)
    return clock


def _set_forward(clock: ClockMap, time: float, size: float) -> ClockMap:
    """A clock whose sensors' time leaps after one of their times."""
    border = float(clock.to_pose_time(np.array(time)))
    inside = clock.times[0] < border < clock.times[-1]
    knots = [border, border + 1e-3] if inside else []
    times = np.unique(np.concatenate([clock.times, knots]))
    result = clock.result
    if result is not None and np.mean(clock.times[[0, -1]]) > border:
        result = result.moved(size)
    jumps = [*clock.jumps, (border, size)] if inside else clock.jumps
    after = border if inside else np.nextafter(border, -np.inf)
    return replace(
        clock,
        times=times,
        offsets=clock.to_imu_time(times) - times + size * (times > after),
        clip_offsets=clock.clip_offsets + size * (clock.clip_times > border),
        result=result,
        jumps=tuple(sorted(jumps)),
        sensors={
            name: _set_forward(own, time, size)
            for name, own in clock.sensors.items()
        },
    )


def _offset_at(clock: ClockMap, time: float) -> np.ndarray:
    return clock.to_imu_time(np.array(time)) - time


def _piecewise(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Straight lines through (x, y), which continue beyond both ends."""
    at = np.asarray(at, dtype=np.float64)
    # Less rounding than of the values, should these be seconds since 1970.
    value = np.interp(at, x, y - x)
    for end, inner in ((0, 1), (-1, -2)):
        run = x[end] - x[inner]
        slope = ((y[end] - x[end]) - (y[inner] - x[inner])) / run
        beyond = at < x[0] if end == 0 else at > x[-1]
        linear = (y[end] - x[end]) + slope * (at - x[end])
        value = np.where(beyond, linear, value)
    return at + value


def fit_clock(
    times: np.ndarray,
    clips: Sequence[ClipEvidence],
    max_drift_ppm: float,
    knot_sec: float,
    span: tuple[float, float],
    known_drift: float = 0.0,
) -> ClockMap:
    """Fit a piecewise linear clock to the evidence of clips.

    Args:
        times: (C,) middle of each clip in seconds.
        clips: Evidence of each, on the same offsets.
        max_drift_ppm: Largest drift in parts per million.
        knot_sec: Seconds between the knots.
        span: First and last time of the clock in seconds.
        known_drift: What the streams have been corrected for already.
    """
    offsets = clips[0].offsets
    # A coarse grid has its three samples around the line, at least.
    close = max(_CLOSE_SEC, 1.5 * (offsets[1] - offsets[0]) + 1e-6)
    scores = capped_scores(clips)
    centre = 0.5 * (span[0] + span[1])
    offset, drift = best_line(
        times - centre, offsets, scores, max_drift_ppm, known_drift
    )
    line = offset + drift * (times - centre)
    fine, weight = np.empty(len(times)), np.zeros(len(times))
    for i, clip in enumerate(clips):
        near = np.abs(offsets - line[i]) <= close
        if near.sum() < 3:
            fine[i] = line[i]
            continue
        fine[i] = peak_offset(offsets[near], clip.fine_score[near])
        inside = abs(fine[i] - line[i]) < close - 0.02
        # What the clip would say if the line did not guide it.
        alone = abs(offsets[scores[i].argmax()] - line[i]) < close
        weight[i] = max(scores[i].max(), 0.0) * inside * alone
    agrees = weight > 0
    if agrees.sum() < 2:
        ends = np.array(span)
        return ClockMap(
            times=ends,
            offsets=offset + drift * (ends - centre),
            drift_ppm=drift * 1e6,
            clip_times=times,
            clip_offsets=fine,
            agrees=agrees,
            abstained=True,
        )
    knots = np.linspace(*span, max(round(np.ptp(span) / knot_sec), 1) + 1)
    values = _smooth_clock(times, fine, weight, knots, known_drift)
    slope = np.polyfit(
        times[agrees], np.interp(times, knots, values)[agrees], 1
    )
    usable = sum(clip.usable for clip in clips)
    # A line leads through any two clips; a third one must confirm it.
    least = max(_AGREEING * usable, min(usable - 1, 3))
    return ClockMap(
        times=knots,
        offsets=values,
        drift_ppm=float(slope[0] * 1e6),
        clip_times=times,
        clip_offsets=fine,
        agrees=agrees,
        abstained=bool(agrees.sum() < least),
    )


def capped_scores(clips: Sequence[ClipEvidence]) -> np.ndarray:
    """Scores (C, G) of clips, none of which outvotes the rest."""
    return np.minimum([clip.score for clip in clips], _CAP)


def best_line(
    times: np.ndarray,
    offsets: np.ndarray,
    scores: np.ndarray,
    max_drift_ppm: float,
    known_drift: float = 0.0,
) -> tuple[float, float]:
    """Offset at time 0 and drift whose line gathers most evidence.

    Clocks rarely drift more than :data:`DRIFT_PPM`, ``known_drift`` included.
    """
    step = offsets[1] - offsets[0]
    reach = max(np.abs(times).max(), 1.0)
    limit = max_drift_ppm * 1e-6
    count = int(np.ceil(2 * limit * reach / step)) | 1  # odd: has zero drift
    best = (-np.inf, 0.0, 0.0)
    for drift in np.linspace(-limit, limit, max(count, 3)):
        total = np.zeros(len(offsets))
        for time, score in zip(times, scores):
            total += np.interp(
                offsets + drift * time, offsets, score, left=0, right=0
            )
        top = int(total.argmax())
        highest = (
            total[top] - 0.5 * (1e6 * (drift + known_drift) / DRIFT_PPM) ** 2
        )
        best = max(best, (highest, peak_offset(offsets, total), drift))
    return best[1], best[2]


def _smooth_clock(
    times: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    knots: np.ndarray,
    known_drift: float,
) -> np.ndarray:
    """Values (M,) at knots: robust, with no more bends than data demand.

    A line through few clips, whose offsets scatter, may drift a lot by chance,
    so a drift counts as far as it stands out from :data:`DRIFT_PPM`.
    """
    basis = np.array(
        [np.interp(times, knots, row) for row in np.eye(len(knots))]
    ).T
    bends = np.diff(np.eye(len(knots)), 2, axis=0)
    ends = np.eye(len(knots))[[0, -1]]
    slope = (ends[1] - ends[0]) / (knots[-1] - knots[0])
    # How far clips are from a line, which has two freedoms.
    line = _robust_fit(basis, values, weight, bends, 1e4, 0.0 * slope)
    count = int((weight > 0).sum())
    left = weight @ np.abs(values - basis @ line) / weight.sum()
    error = max(np.sqrt(count / max(count - 2, 0.5)) * left, _CLIP_SEC)
    prior = np.sqrt(error / count) / (1e-6 * DRIFT_PPM)
    drift = prior * slope, -prior * known_drift
    fold = np.arange(len(times)) % 5
    best = (np.inf, np.inf)
    for stiffness in (1e4, 1e2, 1.0, 1e-2) if len(bends) else (1.0,):
        error = 0.0
        for k in range(5):
            train = weight * (fold != k)
            if (train > 0).sum() < 2:
                continue
            fitted = _robust_fit(
                basis, values, train, bends, stiffness, *drift
            )
            left = np.abs(values - basis @ fitted) * (fold == k) * (weight > 0)
            error += left.sum()
        # Bends must be worth it: a tenth better, at least.
        if error < 0.9 * best[0]:
            best = (error, stiffness)
    return _robust_fit(basis, values, weight, bends, best[1], *drift)


def _robust_fit(
    basis: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    bends: np.ndarray,
    stiffness: float,
    slope: np.ndarray,
    known_slope: float = 0.0,
) -> np.ndarray:
    """Penalised least absolute deviations by reweighting.

    The product of ``slope`` (M,) with the values is close to ``known_slope``
    beforehand: its square counts as much as mean deviations do.
    """
    weight = weight / weight.sum()
    scale, size = weight.copy(), 0.0
    for _ in range(20):
        root = np.sqrt(scale)[:, None]
        rows = np.vstack(
            [basis * root, np.sqrt(stiffness) * bends, size * slope]
        )
        right = np.concatenate(
            [values * root[:, 0], np.zeros(len(bends)), [size * known_slope]]
        )
        fitted = lsq_linear(rows, right).x
        left = np.abs(values - basis @ fitted)
        scale = weight / np.maximum(left, 2e-3)
        size = float(scale.sum() ** -0.5)
        scale = scale / scale.sum()
    return fitted
