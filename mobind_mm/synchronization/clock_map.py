"""How two clocks run against each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .result import SyncResult


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
            of the pose; None of a map that was fitted to given evidence.
    """

    times: np.ndarray
    offsets: np.ndarray
    drift_ppm: float
    clip_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    clip_offsets: np.ndarray = field(default_factory=lambda: np.empty(0))
    agrees: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    abstained: bool = False
    result: SyncResult | None = None

    def to_imu_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the pose clock (T,) on the IMU clock.

        Beyond its ends the map goes on with the slope of its last piece.
        """
        return _piecewise(times, self.times, self.times + self.offsets)

    def to_pose_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the IMU clock (T,) on the pose clock: the inverse."""
        return _piecewise(times, self.times + self.offsets, self.times)


def _piecewise(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Straight lines through (x, y), which go on beyond both ends."""
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
