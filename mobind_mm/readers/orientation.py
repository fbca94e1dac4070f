"""Orientations: as quaternions, and which way these turn.

Apps do not say whether their quaternions turn the sensor to the world or the
world to the sensor, and gravity shows up or down. The gyroscope tells the
direction, gravity tells whether z of the world is the vertical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..recordings import STANDARD_GRAVITY

UNFIT_QUATERNIONS = (
    'its quaternions do not fit gravity and angular rate, or nothing shows '
    'which way they turn; they are left out'
)
"""Note of a file of whose attitude nothing is used."""
_MAX_ERROR = 0.05


def to_quaternions(kind: str, values: np.ndarray) -> np.ndarray:
    """Quaternions of orientations.

    Args:
        kind: ``quat``: quaternions, or x, y and z of those whose w is not
            negative; ``matrix``: a rotation matrix row by row; ``euler``:
            degrees about x, y and z, such as roll, pitch and yaw, of which z
            turns first and each axis is that of the turned sensor.
        values: (T, 3), (T, 4) or (T, 9).

    Returns:
        (T, 4), scalar first unless they are given; not of norm 1 where
        ``values`` are not an orientation.

    >>> to_quaternions('quat', np.array([[0.6, 0.0, 0.0]]))
    array([[0.8, 0.6, 0. , 0. ]])
    """
    from scipy.spatial.transform import Rotation

    if kind == 'quat' and values.shape[1] == 4:
        return values
    if kind == 'quat':
        squared = 1 - (values**2).sum(axis=1)
        return np.column_stack([np.sqrt(np.maximum(squared, 0)), values])
    if kind == 'euler':
        turns = Rotation.from_euler('ZYX', values[:, ::-1], degrees=True)
        return np.roll(turns.as_quat(), 1, axis=1)
    matrices = values.reshape(-1, 3, 3)
    product = matrices @ matrices.transpose(0, 2, 1)
    error = np.abs(product - np.eye(3)).max(axis=(1, 2))
    error = np.maximum(error, np.abs(np.linalg.det(matrices) - 1))
    fine = error <= _MAX_ERROR
    turns = Rotation.from_matrix(
        np.where(fine[:, None, None], matrices, np.eye(3))
    )
    quat = np.roll(turns.as_quat(), 1, axis=1)
    return np.where(fine[:, None], quat, 0.0)


_MOST = 20_000
"""Samples that are looked at."""
_SPAN = 0.03
"""Seconds over which gravity turns enough to be seen."""
_CERTAIN = 3.0
"""Standard errors."""
_GAINS = 0.003, 0.1
"""Least gain of deg/s, which is 1/57, and of rad/s, which is 1."""
_FASTEST = 36.0, 2100.0
"""Numbers of a gyroscope that are deg/s: its range is 2,000 of them."""


def rate_unit(
    times: np.ndarray, acc: np.ndarray, gyro: np.ndarray
) -> str | None:
    """Unit of angular rates, by how fast they turn gravity in the sensor.

    What is constant in the world changes in a sensor that turns by
    ``acc x gyro`` per second. The slope of the changes over that is 1 for
    rad/s and 1/57 for deg/s, whatever the unit and the sign of ``acc``.

    Args:
        times: (T,) seconds.
        acc: (T, 3) acceleration with gravity, in any unit.
        gyro: (T, 3) angular rates.

    Returns:
        ``rad/s`` or ``deg/s``; None if nothing tells.

    >>> times = np.arange(300) / 100
    >>> angle = np.sin(3 * times)
    >>> acc = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    >>> turn = np.outer(-3 * np.cos(3 * times), [0, 1, 0])
    >>> rate_unit(times, acc, turn), rate_unit(times, acc, np.rad2deg(turn))
    ('rad/s', 'deg/s')
    """
    known = np.isfinite(np.c_[times, acc, gyro]).all(axis=1)
    times, acc, gyro = times[known], acc[known], gyro[known]
    steps = np.diff(times)
    if len(steps) < 8 or not (steps > 0).any():
        return None
    usual = float(np.median(steps[steps > 0]))
    span = max(round(_SPAN / usual), 1)
    elapsed = times[span:] - times[:-span]
    good = (elapsed > 0) & (elapsed < 3 * span * usual)
    turns = np.cross(acc, gyro)
    sums = np.cumsum(np.r_[np.zeros((1, 3)), turns[:-1] + turns[1:]], axis=0)
    turned = (sums[span:] - sums[:-span]) / (2 * span)
    change = (acc[span:] - acc[:-span])[good] / elapsed[good, None]
    turned = turned[good]
    length = min(round(1 / usual), len(turned) // 8)
    block = np.arange(len(turned)) // max(length, span)
    power = np.bincount(block, (turned**2).sum(axis=1))
    shared = np.bincount(block, (turned * change).sum(axis=1))
    if len(power) < 3 or not power.sum():
        return None
    gain = shared.sum() / power.sum()
    error = np.sqrt(((shared - gain * power) ** 2).sum()) / power.sum()
    low, high = gain - _CERTAIN * error, gain + _CERTAIN * error
    least, most = _GAINS
    if most < low and high < 1 / most:
        return 'rad/s'
    slow, fast = _FASTEST
    degrees = slow < np.quantile(np.linalg.norm(gyro, axis=1), 0.99) < fast
    if high < most and (low > least or (degrees and high > least)):
        return 'deg/s'
    return None


_TURNS = 0.2
"""Angular rate in rad/s (rms) from which the gyroscope tells a direction."""
_LEVEL = 0.25
"""Largest error of the mean acceleration with gravity, in gravities."""


@dataclass(frozen=True)
class Attitude:
    """What is known of quaternions.

    Args:
        direction: ``sensor_to_world`` or ``world_to_sensor``.
        up: 1 if acceleration with gravity shows up where the sensor is
            still, as ours; -1 if it shows down; 0 if nothing tells.
    """

    direction: str
    up: int


def find_attitude(
    times: np.ndarray,
    quat: np.ndarray,
    gyro: tuple[np.ndarray, np.ndarray] | None = None,
    acc: tuple[np.ndarray, np.ndarray] | None = None,
) -> Attitude | None:
    """Direction of quaternions; None if they do not fit, or nothing tells.

    Args:
        times: (T,) seconds.
        quat: (T, 4), w x y z.
        gyro: Times (N,) and angular rates (N, 3) in rad/s.
        acc: Times (N,) and acceleration with gravity, or gravity (N, 3), in
            m/s^2.
    """
    from scipy.spatial.transform import Rotation

    norm = np.linalg.norm(quat, axis=1)
    known = np.isfinite(quat).all(axis=1) & np.isfinite(times)
    known &= np.abs(norm - 1) < 0.05
    times, quat = times[known], quat[known]
    first = np.unique(times, return_index=True)[1]
    if len(first) < 8:
        return None
    times, quat = times[first][:_MOST], quat[first][:_MOST]
    forth = Rotation.from_quat(np.roll(quat, -1, axis=1))
    ways = {'sensor_to_world': forth, 'world_to_sensor': forth.inv()}
    by_gyro = None if gyro is None else _by_gyro(times, ways, *gyro)
    if gyro is not None and by_gyro == '':
        return None
    means = {}
    if acc is not None:
        inside = _at(times, *acc)
        for way, turns in ways.items():
            mean = turns.apply(inside).mean(axis=0) / STANDARD_GRAVITY
            for up in (1, -1):
                means[way, up] = float(np.linalg.norm(mean - [0, 0, up]))
    level = sorted(
        (error, way, up)
        for (way, up), error in means.items()
        if error < _LEVEL and by_gyro in (None, way)
    )
    if acc is None:
        return Attitude(by_gyro, 0) if by_gyro else None
    if not level:
        return None
    error, way, up = level[0]
    others = [e for e, other, _ in level if other != way]
    if by_gyro is None and others and others[0] < 2 * error + 0.02:
        return None
    return Attitude(way, up)


def _by_gyro(
    times: np.ndarray,
    ways: dict[str, Any],
    gyro_times: np.ndarray,
    gyro: np.ndarray,
) -> str | None:
    """The direction; None if there is too little movement, '' if none fits."""
    intervals = np.diff(times)
    middle = times[:-1] + intervals / 2
    usual = intervals < 4 * np.median(intervals)
    measured = _at(middle, gyro_times, gyro)[usual]
    strength = np.sqrt((measured**2).sum(axis=1).mean())
    if not strength > _TURNS:
        return None
    errors = {}
    for way, turns in ways.items():
        steps = (turns[:-1].inv() * turns[1:]).as_rotvec()[usual]
        rates = steps / intervals[usual, None]
        error = np.median(np.linalg.norm(rates - measured, axis=1))
        errors[way] = float(
            error / np.median(np.linalg.norm(measured, axis=1))
        )
    best = min(errors, key=lambda way: errors[way])
    other = max(errors.values())
    return best if errors[best] < 0.5 and other > 2 * errors[best] else ''


def _at(
    wanted: np.ndarray, times: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """(T, 3) at other times; NaN-free samples are interpolated."""
    known = np.isfinite(values).all(axis=1) & np.isfinite(times)
    order = np.argsort(times[known], kind='stable')
    times, values = times[known][order], values[known][order]
    if not len(times):
        return np.zeros((len(wanted), values.shape[1]))
    columns = [np.interp(wanted, times, column) for column in values.T]
    return np.stack(columns, axis=1)
