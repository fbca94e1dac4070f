"""Means of vectors over short windows: what is left is gravity."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

_FILLED = 0.7
"""Share of its samples that a window needs."""


def window_index(
    times: np.ndarray, window_sec: float
) -> tuple[np.ndarray, np.ndarray]:
    """Assign samples to windows.

    A window shrinks to half of a short recording, so that there are two.

    Args:
        times: (T,) seconds, increasing.
        window_sec: Length of a window in seconds.

    Returns:
        Index (T,) of each sample's window, and which windows (W,) have
        enough samples to have a mean.
    """
    if len(times) < 4:
        return np.zeros(len(times), dtype=int), np.zeros(1, dtype=bool)
    period = float(np.median(np.diff(times)))
    span = times[-1] - times[0] + period
    window = max(min(window_sec, span / 2), 2 * period)
    # Gaps of hours need no windows: number only those that have samples.
    bins = np.floor((times - times[0]) / window + 1e-9)
    _, index = np.unique(bins, return_inverse=True)
    count = np.bincount(index)
    return index, count >= _FILLED * window / period


def window_means(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Means (W, C) of samples (T, C) by window."""
    count = np.maximum(np.bincount(index), 1)
    sums = [np.bincount(index, column) for column in values.T]
    return np.stack(sums, axis=1) / count[:, None]


def integrate(times: np.ndarray, gyro: np.ndarray) -> Rotation:
    """Sensor-to-start rotations (T,) from angular rates.

    Args:
        times: (T,) seconds.
        gyro: (T, 3) rad/s in the sensor's frame.
    """
    steps = np.diff(times)[:, None]
    turns = Rotation.from_rotvec(0.5 * (gyro[1:] + gyro[:-1]) * steps)
    quats = np.vstack([[0.0, 0.0, 0.0, 1.0], turns.as_quat()])
    reach = 1  # running product by doubling
    while reach < len(quats):
        product = Rotation.from_quat(quats[:-reach]) * Rotation.from_quat(
            quats[reach:]
        )
        quats = np.vstack([quats[:reach], product.as_quat()])
        reach *= 2
    return Rotation.from_quat(quats)
