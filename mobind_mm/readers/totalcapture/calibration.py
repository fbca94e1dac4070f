"""Turn the IMUs of TotalCapture from their straps to the bones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import SensorStream
from .checks import check_upright, orientation
from .imu import PLACEMENTS
from .text import check_rows, read_lines, read_rows, shown

Z_UP = Rotation.from_rotvec([np.pi / 2, 0, 0])
"""From Vicon's world, Y up, to one with Z up: (x, y, z) to (x, -z, y)."""


def read_rotations(path: str | Path) -> dict[str, Rotation]:
    """Read ``..._calib_imu_ref.txt`` or ``..._calib_imu_bone.txt``.

    A line with the number of sensors, then ``<sensor> x y z w`` each.

    Returns:
        Rotation of every placement.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or does not have every sensor once.
    """
    lines = read_lines(path)
    if lines[0].split() != [str(len(PLACEMENTS)).encode()]:
        raise ValueError(
            f'{path}, line 1: expected {len(PLACEMENTS)}, the number of '
            f'sensors, got {shown(lines[0])}. Get this file again.'
        )
    known = {name.lower(): name for name in PLACEMENTS}
    rotations = {}
    for row in range(1, len(lines)):
        words = lines[row].split() or [b'']
        name = known.get(words[0].decode('ascii', 'replace').lower())
        if name is None or PLACEMENTS[name] in rotations:
            raise ValueError(
                f'{path}, line {row + 1}: expected each of '
                f'{list(PLACEMENTS)} once, got {shown(words[0])}. Get this '
                'file again.'
            )
        rows = range(row, row + 1)
        quat = read_rows(path, lines, rows, 4, words[0])
        check_rows(
            *(path, rows, np.abs(np.linalg.norm(quat, axis=1) - 1) > 0.01),
            'not a unit quaternion x y z w. Get this file again.',
        )
        rotations[PLACEMENTS[name]] = Rotation.from_quat(quat[0])
    missing = [n for n, p in PLACEMENTS.items() if p not in rotations]
    if missing:
        raise ValueError(f'{path} lacks {missing}. Get this file again.')
    return rotations


def calibrate_sensors(
    streams: Mapping[str, SensorStream], ref: str | Path, bone: str | Path
) -> dict[str, SensorStream]:
    """Express IMUs in the frames of their bones and in Vicon's world.

    With ``q`` from the sensor to the inertial world, ``q_ref`` from there
    to Vicon's world and ``q_bone`` from the sensor to its bone, the bone is
    oriented as ``q_ref q q_bone^-1``. Vectors that the sensor measures are
    turned by ``q_bone``. Vicon's world is turned to have Z up, as that of
    the sensors.

    Args:
        streams: By placement, with ``quat`` and channels of three axes.
        ref: File of ``q_ref``.
        bone: File of ``q_bone``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged, or gravity does not point upwards
            afterwards: then the files do not belong to these sensors.
    """
    to_world, to_bone = read_rotations(ref), read_rotations(bone)
    calibrated = {}
    for placement, stream in streams.items():
        mounting = to_bone[placement]
        channels = {
            name: mounting.apply(array)
            for name, array in stream.channels.items()
            if name != 'quat'
        }
        turn = to_world[placement] * orientation(stream) * mounting.inv()
        channels['quat'] = np.roll((Z_UP * turn).as_quat(), 1, axis=1)
        calibrated[placement] = replace(stream, channels=channels)
    check_upright(ref, calibrated)
    return calibrated
