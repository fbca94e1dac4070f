"""Read the IMUs of TotalCapture, check them, and calibrate them to bones.

Their files name neither units nor frames; physics reveals them. All
functions raise FileNotFoundError for a missing file, and ValueError for a
damaged one, with the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import Clock, SensorStream
from .files import AGAIN, OR_MOVE, RATE, TextFile, not_unit

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
"""Greatest acceleration in m/s^2; the sensors' range ends at 160."""
MAX_GYRO = 100.0
"""Greatest rate in rad/s; the sensors' range ends at 35."""
LEAST_SEC = 2.0
"""Shorter takes reveal neither gravity nor units and are not checked."""
MAX_TILT_DEG = 30.0
"""How far gravity may be off the vertical after calibration."""
Z_UP = Rotation.from_rotvec([np.pi / 2, 0, 0])
"""From Vicon's world, Y up, to one with Z up: (x, y, z) to (x, -z, y)."""

_NO_GYRO = (
    'Download the file again, or move it away to convert without gyroscope.'
)
_MOVING = 0.3  # rad/s; slower samples are mostly noise
_PLAIN, _AUX = 7, 13  # numbers after the name of a sensor


def read_sensors(
    path: str | Path, mag_unit: float | None = None
) -> dict[str, SensorStream]:
    """Read ``..._Xsens.sensors`` or ``..._Xsens_AuxFields.sensors``.

    The file does not state the unit of the gyroscope: it is assumed to be
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
        ValueError: Also if the units are not m/s^2 with gravity, unit
            quaternions and rad/s.
    """
    text = TextFile(path)
    names, frames = _read_structure(text)
    width = len(text.words(2)) - 1
    if width not in (_PLAIN, _AUX):
        problem = (
            f'{width} numbers, expected {_PLAIN} (w x y z ax ay az) or {_AUX} '
            '(and gx gy gz mx my mz)'
        )
        raise text.error(2, problem)
    streams = {}
    for slot, (name, placement) in enumerate(names.items(), 2):
        rows = range(slot, len(text), len(names) + 1)
        values = text.numbers(rows, width, name)
        _check_values(text, rows, values)
        channels = {'acc': values[:, 4:7], 'quat': values[:, :4]}
        if width == _AUX:
            channels['gyro'] = values[:, 7:10]
            if mag_unit is not None:
                channels['mag'] = values[:, 10:13] * mag_unit
        # Halves the memory; the recording is float32 too.
        channels = {k: v.astype(np.float32) for k, v in channels.items()}
        streams[placement] = SensorStream(Clock(frames, rate=RATE), channels)
    if frames >= LEAST_SEC * RATE:
        _check_gravity(path, streams)
        if width == _AUX:
            _check_gyro(path, streams)
    return streams


def count_frames(path: str | Path) -> int:
    """Number of frames that the first line of a file of sensors states."""
    return _read_counts(TextFile(path, size=100))[1]


def read_rotations(path: str | Path) -> dict[str, Rotation]:
    """Read ``..._calib_imu_ref.txt`` or ``..._calib_imu_bone.txt``.

    A line with the number of sensors, then ``<sensor> x y z w`` for each.
    Returns the rotation of every placement.
    """
    text = TextFile(path)
    if text.words(0) != [str(len(PLACEMENTS)).encode()]:
        expected = f'{len(PLACEMENTS)}, the number of sensors'
        raise text.unexpected(0, expected, text.lines[0])
    names = _read_names(text, range(1, len(text)))
    rotations = {}
    for row, (name, placement) in enumerate(names.items(), 1):
        rows = range(row, row + 1)
        quat = text.numbers(rows, 4, name)
        problem = 'not a unit quaternion x y z w'
        text.check(rows, not_unit(quat), problem, AGAIN)
        rotations[placement] = Rotation.from_quat(quat[0])
    missing = [n for n, p in PLACEMENTS.items() if p not in rotations]
    if missing:
        raise ValueError(f'{path} lacks {missing}. {AGAIN}')
    return rotations


def calibrate_sensors(
    streams: Mapping[str, SensorStream], ref: str | Path, bone: str | Path
) -> dict[str, SensorStream]:
    """Express IMUs in the frames of their bones and in Vicon's world.

    With ``q`` from the sensor to the inertial world, ``q_ref`` from there
    to Vicon's world and ``q_bone`` from the sensor to its bone, the bone is
    oriented as ``q_ref q q_bone^-1``. Vectors that the sensor measures are
    turned by ``q_bone``. Vicon's world is turned to have Z up, like that of
    the sensors.

    Args:
        streams: By placement, with ``quat`` and channels of three axes.
        ref: File of ``q_ref``.
        bone: File of ``q_bone``.

    Raises:
        ValueError: Also if gravity does not point upwards afterwards: then
            the files do not belong to these sensors.
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
        turn = to_world[placement] * _orientation(stream) * mounting.inv()
        channels['quat'] = np.roll((Z_UP * turn).as_quat(), 1, axis=1)
        calibrated[placement] = replace(stream, channels=channels)
    if stream.clock.num_samples >= LEAST_SEC * RATE:
        _check_upright(ref, calibrated)
    return calibrated


def _read_counts(text: TextFile) -> tuple[int, int]:
    """Numbers of sensors and of frames, in the first line."""
    words = text.words(0)
    if len(words) != 2 or not all(w.isdigit() and len(w) < 10 for w in words):
        expected = 'the numbers of sensors and of frames'
        raise text.unexpected(0, expected, text.lines[0])
    return int(words[0]), int(words[1])


def _read_structure(text: TextFile) -> tuple[dict[bytes, str], int]:
    """Check the first frame and the lines between the sensors.

    Returns placements by name, in the order of the file, and the number of
    frames.
    """
    count, frames = _read_counts(text)
    if count != len(PLACEMENTS):
        problem = f'{count} sensors, TotalCapture has {len(PLACEMENTS)}'
        raise text.error(0, problem)
    held = (len(text) - 1) / (count + 1)
    if frames < 2 or held != frames:
        problem = (
            f'{frames} frames, but the {len(text)} lines of the file hold '
            f'{held:.2f}'
        )
        raise text.error(0, problem, OR_MOVE)
    rows = range(1, len(text), count + 1)
    numbers = text.numbers(rows, 1)[:, 0]
    expected = np.arange(frames) + (numbers[0] == 1)
    problem = 'frames must be numbered from 0 or 1 without a gap'
    text.check(rows, numbers != expected, problem)
    return _read_names(text, range(2, 2 + count)), frames


def _read_names(text: TextFile, rows: range) -> dict[bytes, str]:
    """Placement by the name that each of these lines begins with."""
    known = {sensor.lower(): p for sensor, p in PLACEMENTS.items()}
    names: dict[bytes, str] = {}
    for row in rows:
        name = (text.words(row) or [b''])[0]
        placement = known.get(name.decode('ascii', 'replace').lower())
        if placement is None or placement in names.values():
            expected = f'each of {list(PLACEMENTS)} once'
            raise text.unexpected(row, expected, name)
        names[name] = placement
    return names


def _check_values(text: TextFile, rows: range, values: np.ndarray) -> None:
    """Refuse what no sensor of these units measures."""
    problem = 'the first four numbers are not a unit quaternion w x y z'
    text.check(rows, not_unit(values[:, :4]), problem)
    bad = np.abs(values[:, 4:7]).max(axis=1) > MAX_ACC
    text.check(rows, bad, f'an acceleration above {MAX_ACC:g} m/s^2')
    bad = (np.abs(values[:, 7:]) > MAX_GYRO).any(axis=1)
    problem = f'a gyroscope (rad/s) or magnetometer above {MAX_GYRO:g}'
    text.check(rows, bad, problem, _NO_GYRO)


def _orientation(stream: SensorStream) -> Rotation:
    """Rotation from the sensor to the world at every sample."""
    return Rotation.from_quat(np.roll(stream.channels['quat'], -1, axis=1))


def _world_force(stream: SensorStream) -> np.ndarray:
    """Mean specific force (3,) in the world, m/s^2: about gravity's."""
    turn = _orientation(stream)
    return turn.apply(stream.channels['acc']).mean(axis=0)


def _check_gravity(
    path: str | Path, streams: Mapping[str, SensorStream]
) -> None:
    """The mean force in the world is gravity's, as nobody flies away.

    It has one direction for all sensors, whatever that is.
    """
    force = np.mean([_world_force(s) for s in streams.values()], axis=0)
    length = np.linalg.norm(force)
    if not 9.0 < length < 10.6:
        raise ValueError(
            f'{path}: the mean acceleration of the sensors, turned by their '
            f'quaternions, is {length:.2f} m/s^2, expected gravity, 9.8: the '
            'quaternions are not w x y z from sensor to world, or the '
            'acceleration is not in m/s^2 with gravity. Download the '
            'original file.'
        )


def _check_gyro(path: str | Path, streams: Mapping[str, SensorStream]) -> None:
    """The gyroscope measures the change of the orientation in rad/s.

    The median over the samples in which a sensor turns is robust to single
    jumps of the orientation.
    """
    ratios = []
    for stream in streams.values():
        turn = _orientation(stream)
        rate = (turn[:-1].inv() * turn[1:]).as_rotvec() * RATE
        gyro = stream.channels['gyro'].astype(np.float64)
        gyro = (gyro[:-1] + gyro[1:]) / 2
        square = np.einsum('tc,tc->t', rate, rate)
        moving = square > _MOVING**2
        product = np.einsum('tc,tc->t', gyro[moving], rate[moving])
        ratios.append(product / square[moving])
    slopes = np.concatenate(ratios)
    if len(slopes) < LEAST_SEC * RATE:
        return  # everything is still
    slope = np.median(slopes)
    if not 0.8 < slope < 1.25:
        raise ValueError(
            f'{path}: the gyroscopes change by {slope:.3g} for every rad/s '
            'by which the quaternions turn, expected 1 (57.3 would be '
            'deg/s): the columns are not gx gy gz in rad/s in the frame of '
            'the sensor. Download the original file, or move it away to '
            'convert without gyroscope.'
        )


def _check_upright(
    path: str | Path, streams: Mapping[str, SensorStream]
) -> None:
    """Gravity points upwards, along Z, once the sensors are calibrated."""
    for placement, stream in streams.items():
        force = _world_force(stream)
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
