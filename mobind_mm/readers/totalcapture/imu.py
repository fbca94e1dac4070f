"""Read the Xsens files of TotalCapture: 13 IMUs at 60 Hz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...recordings import Clock, SensorStream
from .checks import check_gravity, check_gyro
from .take import RATE
from .text import check_rows, read_lines, read_rows, shown

PLACEMENTS: dict[str, str] = {
    'Head': 'head',
    'Sternum': 'sternum',
    'Pelvis': 'pelvis',
    'L_UpArm': 'left_upper_arm',
    'R_UpArm': 'right_upper_arm',
    'L_LowArm': 'left_wrist',
    'R_LowArm': 'right_wrist',
    'L_UpLeg': 'left_thigh',
    'R_UpLeg': 'right_thigh',
    'L_LowLeg': 'left_knee',
    'R_LowLeg': 'right_knee',
    'L_Foot': 'left_foot',
    'R_Foot': 'right_foot',
}
"""Placement of each sensor."""

MAX_ACC = 1000.0
"""Greatest acceleration in m/s^2; the sensors end at 160."""
MAX_GYRO = 100.0
"""Greatest rate in rad/s; the sensors end at 35."""

_PLAIN, _AUX = 7, 13  # numbers after the name of a sensor


def read_sensors(
    path: str | Path, mag_unit: float | None = None
) -> dict[str, SensorStream]:
    """Read ``..._Xsens.sensors`` or ``..._Xsens_AuxFields.sensors``.

    The unit of the gyroscope is not written in the file: it is taken for
    rad/s and compared with the change of the orientation.

    Args:
        path: The file.
        mag_unit: Microtesla that a reading of 1 of the magnetometer stands
            for. Xsens gives the field relative to the one of a calibration,
            so without it ``mag`` is left out.

    Returns:
        Streams by placement: ``acc``, ``quat``, and with AuxFields
        ``gyro`` and maybe ``mag``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or its units are not m/s^2 with
            gravity, unit quaternions and rad/s.
    """
    lines = read_lines(path)
    names, frames = _read_structure(path, lines)
    width = len(lines[2].split()) - 1
    if width not in (_PLAIN, _AUX):
        raise ValueError(
            f'{path}, line 3: {width} numbers, expected {_PLAIN} (w x y z ax '
            f'ay az) or {_AUX} (and gx gy gz mx my mz). Get this file again.'
        )
    streams = {}
    for slot, (name, placement) in enumerate(names.items(), 2):
        rows = range(slot, len(lines), len(names) + 1)
        values = read_rows(path, lines, rows, width, name)
        _check_values(path, rows, values)
        channels = {'acc': values[:, 4:7], 'quat': values[:, :4]}
        if width == _AUX:
            channels['gyro'] = values[:, 7:10]
            if mag_unit is not None:
                channels['mag'] = values[:, 10:13] * mag_unit
        # Halves the memory; the recording is float32 too.
        channels = {k: v.astype(np.float32) for k, v in channels.items()}
        streams[placement] = SensorStream(Clock(frames, rate=RATE), channels)
    check_gravity(path, streams)
    if width == _AUX:
        check_gyro(path, streams)
    return streams


def _read_structure(
    path: str | Path, lines: list[bytes]
) -> tuple[dict[bytes, str], int]:
    """Check the first frame and the lines between the sensors.

    Returns:
        Placement by name, in the order of the file, and number of frames.
    """
    words = lines[0].split()
    if len(words) != 2 or not all(w.isdigit() and len(w) < 10 for w in words):
        raise ValueError(
            f'{path}, line 1: expected the numbers of sensors and of frames, '
            f'got {shown(lines[0])}. Get this file again.'
        )
    count, frames = map(int, words)
    if count != len(PLACEMENTS):
        raise ValueError(
            f'{path}, line 1: {count} sensors, TotalCapture has '
            f'{len(PLACEMENTS)}. Get this file again.'
        )
    found = (len(lines) - 1) / (count + 1)
    if frames < 2 or found != frames:
        raise ValueError(
            f'{path}, line 1: {frames} frames, but the {len(lines)} lines of '
            f'the file hold {found:.2f}. Get this file again, or move the '
            'take away.'
        )
    rows = range(1, len(lines), count + 1)
    numbers = read_rows(path, lines, rows, 1)[:, 0]
    expected = np.arange(frames) + (numbers[0] == 1)
    check_rows(
        *(path, rows, numbers != expected),
        'frames must be numbered from 0 or 1 without a gap. Get this file '
        'again, or move the take away.',
    )
    return _read_names(path, lines[2 : 2 + count]), frames


def _read_names(path: str | Path, lines: list[bytes]) -> dict[bytes, str]:
    """Placement by the name that each line of the first frame begins with."""
    known = {sensor.lower(): p for sensor, p in PLACEMENTS.items()}
    names: dict[bytes, str] = {}
    for number, line in enumerate(lines, 3):
        name = (line.split() or [b''])[0]
        placement = known.get(name.decode('ascii', 'replace').lower())
        if placement is None or placement in names.values():
            raise ValueError(
                f'{path}, line {number}: expected each of {list(PLACEMENTS)} '
                f'once, got {shown(name)}. Get this file again.'
            )
        names[name] = placement
    return names


def _check_values(path: str | Path, rows: range, values: np.ndarray) -> None:
    """Refuse what no sensor of these units measures."""
    norm = np.linalg.norm(values[:, :4], axis=1)
    check_rows(
        *(path, rows, np.abs(norm - 1) > 0.01),
        'the first four numbers are not a unit quaternion w x y z. Get this '
        'file again, or move the take away.',
    )
    check_rows(
        *(path, rows, np.abs(values[:, 4:7]).max(axis=1) > MAX_ACC),
        f'an acceleration above {MAX_ACC:g} m/s^2. Get this file again, or '
        'move the take away.',
    )
    aux = values[:, 7:]
    check_rows(
        *(path, rows, (np.abs(aux) > MAX_GYRO).any(axis=1)),
        f'a gyroscope (rad/s) or magnetometer above {MAX_GYRO:g}. Get this '
        'file again, or move it away to convert without gyroscope.',
    )
