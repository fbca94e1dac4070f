"""Channels that follow from others."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.spatial.transform import Rotation

from .schema import STANDARD_GRAVITY


def derivable(channels: Collection[str]) -> set[str]:
    """The channels of a sensor, and those that follow from them.

    >>> sorted(derivable(['acc', 'quat']))
    ['acc', 'gyro', 'quat']
    """
    return {*channels, *(['gyro'] if 'quat' in channels else [])}


def quat_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products (4, ...) of quaternions w x y z (4, ...).

    By hand: ``Rotation.__mul__`` takes ten times as long.
    """
    w, x, y, z = a
    p, q, r, s = b
    return np.stack(
        [
            w * p - x * q - y * r - z * s,
            w * q + x * p + y * s - z * r,
            w * r - x * s + y * p + z * q,
            w * s + x * r - y * q + z * p,
        ]
    )


def turning_rate(times: np.ndarray, quat: np.ndarray) -> np.ndarray:
    """Angular rate of an orientation, as a gyroscope measures it.

    The turn from the sample before to the one after, over the time between;
    at the ends, that to the neighbour.

    Args:
        times: (T,) seconds, increasing.
        quat: (T, 4) unit, scalar first, sensor to world.

    Returns:
        (T, 3) float32 rad/s in the sensor frame; zero for one sample.

    >>> half = np.arange(3) / 20  # turning about z by 1 rad/s
    >>> quat = np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], 1)
    >>> turning_rate(np.arange(3) / 10, quat).round(3)[1].tolist()
    [0.0, 0.0, 1.0]
    """
    if len(times) < 2:
        return np.zeros((len(times), 3), np.float32)
    quat = np.asarray(quat, np.float64)
    turn = Rotation.from_quat(quat[:, [1, 2, 3, 0]])
    index = np.arange(len(times))
    before = np.maximum(index - 1, 0)
    after = np.minimum(index + 1, len(times) - 1)
    steps = (turn[before].inv() * turn[after]).as_rotvec()
    times = np.asarray(times, np.float64)
    rate = steps / (times[after] - times[before])[:, None]
    return rate.astype(np.float32)


def specific_force(
    acc: np.ndarray, quat: np.ndarray, frame: str
) -> np.ndarray:
    """Acceleration without gravity to what an accelerometer measures.

    Args:
        acc: (T, 3) m/s² without gravity.
        quat: (T, 4) unit, scalar first, sensor to world with z up.
        frame: Of ``acc``: ``sensor`` or ``world``.

    Returns:
        (T, 3) float32 m/s² in the sensor frame, gravity included.

    >>> specific_force(np.zeros((1, 3)), np.array([[1, 0, 0, 0]]), 'sensor')
    array([[0.     , 0.     , 9.80665]], dtype=float32)
    """
    to_world = Rotation.from_quat(np.asarray(quat, float)[:, [1, 2, 3, 0]])
    acc = np.asarray(acc, np.float64)
    up = np.array([0.0, 0.0, STANDARD_GRAVITY])
    if frame == 'world':
        return to_world.apply(acc + up, inverse=True).astype(np.float32)
    return (acc + to_world.apply(up, inverse=True)).astype(np.float32)
