"""How stored numbers should have been read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..recordings import SensorStream

ORDERS: dict[str, tuple[int, int, int, int]] = {
    '': (0, 1, 2, 3),
    'xyzw': (3, 0, 1, 2),
    'wxyz': (1, 2, 3, 0),
}
"""Where w, x, y, z are in what is stored, by the order that the table has.

``xyzw``: the last column was the scalar and became an x, y or z.
``wxyz``: the first column was the scalar and became z.
"""


@dataclass(frozen=True)
class Reading:
    """Changes that turn what is stored into what it should be.

    Args:
        acc_scale: Factor on the acceleration.
        acc_signs: Factor, 1 or -1, on each axis of the acceleration.
        gyro_scale: Factor on the angular rate.
        gyro_signs: Factor, 1 or -1, on each axis of the angular rate.
        quat_order: Key of :data:`ORDERS`.
        inverse: Whether quaternions turn from world to sensor.
        frame: Frame of the acceleration, ``''``: as the header says.
        gravity: Whether gravity is included, None: as the header says.
    """

    acc_scale: float = 1.0
    acc_signs: tuple[int, int, int] = (1, 1, 1)
    gyro_scale: float = 1.0
    gyro_signs: tuple[int, int, int] = (1, 1, 1)
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
            signs = [1, -1, -1, -1] if self.inverse else [1, 1, 1, 1]
            channels['quat'] = quat * signs
        gravity = stream.gravity if self.gravity is None else self.gravity
        frame = self.frame or stream.frame
        return SensorStream(stream.clock, channels, gravity, frame)


def rotations(quat: np.ndarray) -> Rotation:
    """Rotations (T,) from quaternions (T, 4) scalar first."""
    return Rotation.from_quat(quat[:, [1, 2, 3, 0]])


def usable_samples(
    stream: SensorStream,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times (T,) and float64 channels (T, c) without unusable samples.

    Samples with NaN or a quaternion of zeros, which some devices write
    until they know their orientation, are left out.
    """
    times = stream.clock.at(slice(0, stream.clock.num_samples))
    channels = {
        name: np.asarray(stream.channels[name], dtype=np.float64)
        for name in ('acc', 'gyro', 'quat', 'mag')
        if name in stream.channels
    }
    usable = np.isfinite(times)
    for values in channels.values():
        usable &= np.isfinite(values).all(axis=1)
    if 'quat' in channels:
        usable &= np.linalg.norm(channels['quat'], axis=1) > 1e-6
    return times[usable], {k: v[usable] for k, v in channels.items()}
