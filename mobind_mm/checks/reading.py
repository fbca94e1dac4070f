"""How stored numbers should have been read, and what their means show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..recordings import SensorStream

Signs = tuple[int, int, int]
"""Factor, 1 or -1, on each axis."""

ORDERS: dict[str, tuple[int, int, int, int]] = {
    '': (0, 1, 2, 3),
    'xyzw': (3, 0, 1, 2),
    'wxyz': (1, 2, 3, 0),
}
"""Where w, x, y, z are in what is stored, by the order of the table.

``xyzw``: the last column was the scalar and became an x, y or z.
``wxyz``: the first column was the scalar and became z.
"""

_WINDOW_SEC, _FILLED = 2.0, 0.7
"""Length of a window, and the share of its samples that it needs."""


@dataclass(frozen=True)
class Reading:
    """Changes that turn what is stored into what it should be.

    Args:
        acc_scale: Factor on the acceleration.
        acc_signs: Factor, 1 or -1, on each axis of the acceleration.
        gyro_scale: Factor on the angular rate.
        gyro_signs: Factor, 1 or -1, on each axis of the angular rate.
        quat_order: Key of :data:`ORDERS`.
        inverse: Whether quaternions rotate from world to sensor.
        frame: Frame of the acceleration; ``''``: as the header says.
        gravity: Whether gravity is included; None: as the header says.
    """

    acc_scale: float = 1.0
    acc_signs: Signs = (1, 1, 1)
    gyro_scale: float = 1.0
    gyro_signs: Signs = (1, 1, 1)
    quat_order: str = ''
    inverse: bool = False
    frame: str = ''
    gravity: bool | None = None

    def apply(self, stream: SensorStream) -> SensorStream:
        """The stream as it should have been stored."""
        channels = {name: x[:] for name, x in stream.channels.items()}
        for name, factor, signs in (
            ('acc', self.acc_scale, self.acc_signs),
            ('gyro', self.gyro_scale, self.gyro_signs),
        ):
            if name in channels:
                channels[name] = channels[name] * (factor * np.array(signs))
        if 'quat' in channels:
            quat = channels['quat'][:, ORDERS[self.quat_order]]
            conjugate = [1, -1, -1, -1] if self.inverse else [1, 1, 1, 1]
            channels['quat'] = quat * conjugate
        gravity = stream.gravity if self.gravity is None else self.gravity
        frame = self.frame or stream.frame
        return replace(stream, channels=channels, gravity=gravity, frame=frame)


def rotations(quat: np.ndarray) -> Rotation:
    """Rotations (T,) from quaternions (T, 4), scalar first."""
    return Rotation.from_quat(quat[:, [1, 2, 3, 0]])


def window_index(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign samples to windows, of whose means motion averages out.

    Windows shrink to half of a short recording, so that there are two.

    Args:
        times: (T,) seconds, increasing.

    Returns:
        Index (T,) of each sample's window, and which windows (W,) have
        enough samples to have a mean.
    """
    if len(times) < 4:
        return np.zeros(len(times), dtype=int), np.zeros(1, dtype=bool)
    period = float(np.median(np.diff(times)))
    span = times[-1] - times[0] + period
    window = max(min(_WINDOW_SEC, span / 2), 2 * period)
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
