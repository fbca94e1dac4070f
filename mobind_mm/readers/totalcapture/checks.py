"""Check the IMUs of TotalCapture against themselves.

Their files name neither units nor frames; physics tells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import SensorStream
from .take import RATE

LEAST_SEC = 2.0
"""Shorter takes tell neither gravity nor units and are not checked."""

MAX_TILT_DEG = 30.0
"""How far gravity may be off the vertical after calibration."""

_MOVING = 0.3  # rad/s; slower samples are mostly noise


def world_force(stream: SensorStream) -> np.ndarray:
    """Mean specific force (3,) in the world, m/s^2: about gravity's."""
    turn = orientation(stream)
    return turn.apply(stream.channels['acc']).mean(axis=0)


def orientation(stream: SensorStream) -> Rotation:
    """Rotation from the sensor to the world at every sample."""
    return Rotation.from_quat(np.roll(stream.channels['quat'], -1, axis=1))


def check_gravity(
    path: str | Path, streams: Mapping[str, SensorStream]
) -> None:
    """The mean force in the world is gravity's, as nobody flies away.

    It has one direction for all sensors, whatever that is.

    Raises:
        ValueError: If units or quaternions are of another kind.
    """
    if _is_short(streams):
        return
    force = np.mean([world_force(s) for s in streams.values()], axis=0)
    length = np.linalg.norm(force)
    if not 9.0 < length < 10.6:
        raise ValueError(
            f'{path}: the mean acceleration of the sensors, turned by their '
            f'quaternions, is {length:.2f} m/s^2, expected '
            'gravity, 9.8: the quaternions are not w x y z from sensor to '
            'world, or the acceleration is not in m/s^2 with gravity. Get '
            'the original file.'
        )


def check_gyro(path: str | Path, streams: Mapping[str, SensorStream]) -> None:
    """The gyroscope measures the change of the orientation in rad/s.

    A median over the samples in which a sensor turns bears single jumps of
    the orientation.

    Raises:
        ValueError: If it has another unit or another order of axes.
    """
    if _is_short(streams):
        return
    slopes = []
    for stream in streams.values():
        turn = orientation(stream)
        rate = (turn[:-1].inv() * turn[1:]).as_rotvec() * RATE
        gyro = stream.channels['gyro'].astype(np.float64)
        gyro = (gyro[:-1] + gyro[1:]) / 2
        square = np.einsum('tc,tc->t', rate, rate)
        moving = square > _MOVING**2
        product = np.einsum('tc,tc->t', gyro[moving], rate[moving])
        slopes.append(product / square[moving])
    slopes = np.concatenate(slopes)
    if len(slopes) < LEAST_SEC * RATE:
        return  # everything is still
    slope = np.median(slopes)
    if not 0.8 < slope < 1.25:
        raise ValueError(
            f'{path}: the gyroscopes change by {slope:.3g} for every rad/s '
            'by which the quaternions turn, expected 1 (57.3 would be '
            'deg/s): the columns are not gx gy gz in rad/s in the frame of '
            'the sensor. Get the original file, or move it away to convert '
            'without gyroscope.'
        )


def check_upright(
    path: str | Path, streams: Mapping[str, SensorStream]
) -> None:
    """Gravity points upwards, along Z, once the sensors are calibrated.

    Raises:
        ValueError: If it does not for one of them.
    """
    if _is_short(streams):
        return
    for placement, stream in streams.items():
        force = world_force(stream)
        length = max(np.linalg.norm(force), 1e-9)
        tilt = np.degrees(np.arccos(np.clip(force[2] / length, -1, 1)))
        if tilt > MAX_TILT_DEG:
            raise ValueError(
                f'{path}: {placement}: gravity is {tilt:.0f} degrees off the '
                "vertical of Vicon's world after calibration. The file does "
                'not belong to these sensors, or holds other rotations than '
                'x y z w from the inertial to the Vicon world; convert '
                'without --calibrate.'
            )


def _is_short(streams: Mapping[str, SensorStream]) -> bool:
    clock = next(iter(streams.values())).clock
    return clock.num_samples < LEAST_SEC * RATE
