"""Which way is up, and how a body accelerates, from one IMU's channels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

GRAVITY = 9.81

_LEVEL_SEC = 1.5
"""Standard deviation in seconds of the smoothing that finds the vertical."""


def attitude(times: np.ndarray, acc: np.ndarray, gyro: np.ndarray) -> Rotation:
    """Orientation of a sensor without magnetometer, up to heading.

    The angular rate is integrated; in the frame that this gives, gravity
    would be constant but for the drift, so the slowly varying mean of the
    specific force is what the drift made of the vertical and is turned
    back to it. Works on a whole clip, forwards and backwards in time alike.

    Args:
        times: (T,) seconds.
        acc: (T, 3) specific force in m/s^2, sensor frame.
        gyro: (T, 3) rad/s, sensor frame.

    Returns:
        Sensor-to-level rotations (T,), z up; the heading starts at an
        unknown angle and drifts like the gyroscope.
    """
    steps = np.diff(times)[:, None]
    turns = Rotation.from_rotvec(0.5 * (gyro[1:] + gyro[:-1]) * steps)
    # Running product of the turns, by doubling: log2(T) vectorised steps.
    quats = np.vstack([[0.0, 0.0, 0.0, 1.0], turns.as_quat()]).T
    reach = 1
    while reach < quats.shape[1]:
        product = _product(quats[:, :-reach], quats[:, reach:])
        quats = np.hstack([quats[:, :reach], product])
        reach *= 2
    integrated = Rotation.from_quat(quats.T)
    rate = 1.0 / np.median(np.diff(times))
    up = gaussian_filter1d(
        integrated.apply(acc), _LEVEL_SEC * rate, axis=0, mode='nearest'
    )
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-9)
    return _to_vertical(up) * integrated


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products (4, T) of quaternions (4, T), scalar last.

    By hand: ``Rotation.__mul__`` takes ten times as long.
    """
    x, y, z, w = a
    p, q, r, s = b
    return np.stack(
        [
            w * p + x * s + y * r - z * q,
            w * q - x * r + y * s + z * p,
            w * r + x * q - y * p + z * s,
            w * s - x * p - y * q - z * r,
        ]
    )


def _to_vertical(up: np.ndarray) -> Rotation:
    """Shortest rotations (T,) that turn unit vectors (T, 3) to z."""
    axis = np.cross(up, [0.0, 0.0, 1.0])
    norm = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(norm, up[:, 2:])
    # Upside down, any horizontal axis turns it.
    usable = norm > 1e-9
    axis = np.where(usable, axis / np.where(usable, norm, 1.0), [1.0, 0, 0])
    return Rotation.from_rotvec(axis * angle)
