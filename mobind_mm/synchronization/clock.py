"""Offset and drift of two clocks over a long recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import lsq_linear

from ..structures import Clock, PoseStream, Recording, SensorStream
from .fused import ClipEvidence, FusedSynchronizer
from .refine import peak_offset

Feats = Callable[[Recording], Mapping[str, np.ndarray]]
"""What gives the model's features of a clip, see ``SyncMetric``."""

_CAP = 30.0
"""Evidence that one clip may give: no clip outvotes all others."""
_CLOSE_SEC = 0.15
"""A clip agrees with the common line if its own top is this near."""


@dataclass(frozen=True)
class ClockMap:
    """How two clocks run against each other, piecewise linear.

    Args:
        times: (M,) seconds of the pose clock, ascending.
        offsets: (M,) seconds to add there to get the IMU clock.
        drift_ppm: Mean slope of the offsets in parts per million; positive
            if the IMU clock runs fast.
        clip_times: (C,) middle of each clip on the pose clock.
        clip_offsets: (C,) offset that each clip alone shows near the line.
        agrees: (C,) boolean, clips that agree with the line.
        abstained: Whether too few clips agree to trust it.
    """

    times: np.ndarray
    offsets: np.ndarray
    drift_ppm: float
    clip_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    clip_offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    agrees: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    abstained: bool = False

    def to_imu_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the pose clock (T,) on the IMU clock.

        Beyond its ends the map goes on with the slope of its last piece.
        """
        times = np.asarray(times, dtype=np.float64)
        offset = np.interp(times, self.times, self.offsets)
        for end, inner in ((0, 1), (-1, -2)):
            run = self.times[end] - self.times[inner]
            slope = (self.offsets[end] - self.offsets[inner]) / run
            beyond = (
                times < self.times[0] if end == 0 else (times > self.times[-1])
            )
            linear = self.offsets[end] + slope * (times - self.times[end])
            offset = np.where(beyond, linear, offset)
        return times + offset


def synchronize_clocks(
    streams: Recording,
    synchronizer: FusedSynchronizer,
    max_offset: float,
    feats: Feats | None = None,
    clip_sec: float = 20.0,
    stride_sec: float = 10.0,
    max_drift_ppm: float = 1000.0,
    knot_sec: float = 120.0,
) -> ClockMap:
    """Follow the offset through a long recording.

    The recording is cut into clips; each gives evidence for every offset.
    One line (offset and drift) is sought that most evidence of all clips
    lies on; near it every clip has its own fine offset; a piecewise linear
    clock is fitted to these, as straight as cross-validation allows.

    Args:
        streams: The recording; IMU and pose have their own clocks.
        synchronizer: Judges each clip.
        max_offset: Largest offset anywhere in the recording, in seconds.
        feats: Gives the model's features of a clip; signals only without.
        clip_sec: Length of a clip in seconds.
        stride_sec: Seconds between clips.
        max_drift_ppm: Largest drift in parts per million.
        knot_sec: Seconds between the knots of the clock.

    Raises:
        ValueError: If there is no skeleton, or it is shorter than a clip.
    """
    if streams.pose is None or not streams.imu:
        raise ValueError('To align clocks takes a skeleton and a sensor.')
    first, last = streams.pose.clock.span
    if last - first < clip_sec:
        raise ValueError(
            f'The skeleton lasts {last - first:.1f} s, less than one clip of '
            f'{clip_sec} s; shorten clip_sec or synchronise it as one clip.'
        )
    starts = np.arange(first, last - clip_sec + 1e-6, stride_sec)
    clips = []
    for start in starts:
        clip = _cut(streams, start, clip_sec, max_offset)
        found = None if feats is None else feats(clip)
        clips.append(synchronizer.evidence(clip, found, max_offset))
    middle = starts + clip_sec / 2
    return fit_clock(
        middle, clips, synchronizer, max_drift_ppm, knot_sec, (first, last)
    )


def fit_clock(
    times: np.ndarray,
    clips: list[ClipEvidence],
    synchronizer: FusedSynchronizer,
    max_drift_ppm: float,
    knot_sec: float,
    span: tuple[float, float],
) -> ClockMap:
    """Fit a piecewise linear clock to the evidence of clips.

    Args:
        times: (C,) middle of each clip in seconds.
        clips: Evidence of each, on the same offsets.
        synchronizer: Weighs it.
        max_drift_ppm: Largest drift in parts per million.
        knot_sec: Seconds between the knots.
        span: First and last time of the clock in seconds.
    """
    offsets = clips[0].offsets
    scores = np.array([synchronizer.total(clip) for clip in clips])
    scores = np.minimum(scores, _CAP)
    centre = 0.5 * (span[0] + span[1])
    offset, drift = _best_line(times - centre, offsets, scores, max_drift_ppm)
    line = offset + drift * (times - centre)
    fine, weight = np.empty(len(times)), np.zeros(len(times))
    for i, clip in enumerate(clips):
        near = np.abs(offsets - line[i]) <= _CLOSE_SEC
        if near.sum() < 3:
            fine[i] = line[i]
            continue
        score = synchronizer.total(clip, fine=True)
        fine[i] = peak_offset(offsets[near], score[near])
        inside = abs(fine[i] - line[i]) < _CLOSE_SEC - 0.02
        # What the clip would say if the line did not guide it.
        alone = abs(offsets[scores[i].argmax()] - line[i]) < _CLOSE_SEC
        weight[i] = max(scores[i].max(), 0.0) * inside * alone
    agrees = weight > 0
    if agrees.sum() < 2:
        ends = np.array(span)
        return ClockMap(
            *(ends, offset + drift * (ends - centre), drift * 1e6),
            *(times, fine, agrees, True),
        )
    knots = np.linspace(*span, max(round(np.ptp(span) / knot_sec), 1) + 1)
    values = _smooth_clock(times, fine, weight, knots)
    slope = np.polyfit(
        times[agrees], np.interp(times, knots, values)[agrees], 1
    )
    return ClockMap(
        *(knots, values, float(slope[0] * 1e6), times, fine, agrees),
        abstained=bool(agrees.mean() < 0.25),
    )


def _best_line(
    times: np.ndarray,
    offsets: np.ndarray,
    scores: np.ndarray,
    max_drift_ppm: float,
) -> tuple[float, float]:
    """Offset at time 0 and drift whose line gathers most evidence."""
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
        best = max(best, (total[top], peak_offset(offsets, total), drift))
    return best[1], best[2]


def _smooth_clock(
    times: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    knots: np.ndarray,
) -> np.ndarray:
    """Values (M,) at knots: robust, with as few bends as data demand."""
    basis = np.array(
        [np.interp(times, knots, row) for row in np.eye(len(knots))]
    ).T
    bends = np.diff(np.eye(len(knots)), 2, axis=0)
    fold = np.arange(len(times)) % 5
    best = (np.inf, np.inf)
    for stiffness in (1e4, 1e2, 1.0, 1e-2) if len(bends) else (1.0,):
        error = 0.0
        for k in range(5):
            train = weight * (fold != k)
            if (train > 0).sum() < 2:
                continue
            fitted = _robust_fit(basis, values, train, bends, stiffness)
            left = np.abs(values - basis @ fitted) * (fold == k) * (weight > 0)
            error += left.sum()
        # Bends must be worth it: a tenth better, at least.
        if error < 0.9 * best[0]:
            best = (error, stiffness)
    return _robust_fit(basis, values, weight, bends, best[1])


def _robust_fit(
    basis: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    bends: np.ndarray,
    stiffness: float,
) -> np.ndarray:
    """Penalised least absolute deviations by reweighting."""
    weight = weight / weight.sum()
    scale = weight.copy()
    for _ in range(20):
        root = np.sqrt(scale)[:, None]
        rows = np.vstack([basis * root, np.sqrt(stiffness) * bends])
        right = np.concatenate([values * root[:, 0], np.zeros(len(bends))])
        fitted = lsq_linear(rows, right).x
        left = np.abs(values - basis @ fitted)
        scale = weight / np.maximum(left, 2e-3)
        scale = scale / scale.sum()
    return fitted


def _cut(
    streams: Recording, start: float, seconds: float, margin: float
) -> Recording:
    """A clip of the pose, and the IMU from a margin before to one after.

    Both clocks count from the start of the IMU's part, so that streams in
    step have offset 0.
    """
    origin = start - margin
    imu = {
        placement: _cut_sensor(stream, origin, seconds + 2 * margin)
        for placement, stream in streams.imu.items()
    }
    pose, part = streams.pose, streams.pose.clock.slice(start, start + seconds)
    return Recording(
        imu,
        PoseStream(
            _shifted(pose.clock, part, origin),
            np.asarray(pose.keypoints[part]),
            np.asarray(pose.scores[part]),
            pose.layout,
            pose.img_shape,
        ),
    )


def _cut_sensor(
    stream: SensorStream, start: float, seconds: float
) -> SensorStream:
    part = stream.clock.slice(start, start + seconds)
    channels = {k: np.asarray(v[part]) for k, v in stream.channels.items()}
    clock = _shifted(stream.clock, part, start)
    return SensorStream(clock, channels, stream.gravity, stream.frame)


def _shifted(clock: Clock, part: slice, origin: float) -> Clock:
    """Clock of a part of a stream, counting from another origin."""
    times = clock.at(part) - origin
    if clock.times is not None:
        return Clock(len(times), times=times)
    start = float(times[0]) if len(times) else 0.0
    return Clock(len(times), rate=clock.rate, start=start)
