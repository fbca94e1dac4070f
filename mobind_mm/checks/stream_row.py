"""What a stream looks like: rate, jitter, gaps, ranges."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..recordings import Clock, PoseStream, SensorStream

_GAP = 2.5
"""An interval of so many usual ones is a gap."""
_RAILED = 20.0
"""m/s^2 that an axis must reach to count as saturated where it stays."""


@dataclass(frozen=True)
class StreamRow:
    """One stream of one take, for the table and the report.

    Args:
        take: Name of the take, with the camera for a skeleton.
        stream: Placement, or ``pose``.
        rate: Samples per second.
        jitter: Standard deviation in seconds of the intervals, without
            gaps.
        num_gaps: Intervals longer than 2.5 usual ones.
        longest_gap: Seconds of the longest of them.
        span: Times of the first and last sample in seconds.
        ranges: Least and greatest value by channel.
        saturated: Share of samples that stay at the greatest or least
            acceleration.
        undetected: Share of keypoints without a score.
    """

    take: str
    stream: str
    rate: float
    jitter: float
    num_gaps: int
    longest_gap: float
    span: tuple[float, float]
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    saturated: float = 0.0
    undetected: float = 0.0


def sensor_row(take: str, placement: str, stream: SensorStream) -> StreamRow:
    """Describe one sensor."""
    ranges = {}
    for name in stream.channels:
        values = np.asarray(stream.channels[name])
        if values.size:
            ranges[name] = (float(values.min()), float(values.max()))
    saturated = 0.0
    if 'acc' in stream.channels:
        saturated = saturated_share(np.asarray(stream.channels['acc']))
    timing = clock_facts(stream.clock)
    return StreamRow(take, placement, *timing, ranges, saturated)


def pose_row(take: str, stream: PoseStream) -> StreamRow:
    """Describe one skeleton."""
    scores = np.asarray(stream.scores)
    seen = scores > 0
    points = np.asarray(stream.keypoints)[seen]
    ranges = {}
    if len(points):
        for name, column in zip('xy', points.T):
            ranges[name] = (float(column.min()), float(column.max()))
    undetected = float(1 - seen.mean()) if seen.size else 1.0
    timing = clock_facts(stream.clock)
    return StreamRow(take, 'pose', *timing, ranges, undetected=undetected)


def clock_facts(
    clock: Clock,
) -> tuple[float, float, int, float, tuple[float, float]]:
    """Rate, jitter, number of gaps, longest gap and span of a clock."""
    if clock.rate is not None or clock.num_samples < 3:
        rate = clock.rate or float('nan')
        return rate, 0.0, 0, 0.0, clock.span
    steps = np.diff(clock.times)
    usual = float(np.median(steps))
    gap = steps > _GAP * usual
    longest = float(steps[gap].max()) if gap.any() else 0.0
    jitter = float(steps[~gap].std())
    return 1 / usual, jitter, int(gap.sum()), longest, clock.span


def saturated_share(acc: np.ndarray) -> float:
    """Share of samples (T, 3) that stay at the end of the range.

    A sensor that meets its end repeats the very value; motion does not.
    """
    if len(acc) < 3:
        return 0.0
    stuck = np.zeros(len(acc), dtype=bool)
    for axis in acc.T:
        for end in (axis.max(), axis.min()):
            if abs(end) >= _RAILED:
                at = axis == end
                run = at[1:-1] & at[:-2] & at[2:]
                if run.any():
                    stuck |= at
    return float(stuck.mean())
