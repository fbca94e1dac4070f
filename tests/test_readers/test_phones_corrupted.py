"""Damaged copies of exports end in one clear error or in sound streams."""

import numpy as np
import pandas
import pytest
import raw_phones as raw
from corruption import check_damaged

from mobind_mm.readers.base import get_reader
from mobind_mm.recordings import STANDARD_GRAVITY as G


def _phyphox(folder, move):
    tables = {
        'Accelerometer': (move.times, 'Acceleration', move.acc, 'm/s^2'),
        'Gyroscope': (move.times, 'Gyroscope', move.gyro, 'rad/s'),
    }
    starts = [('START', 0.0, raw.EPOCH), ('PAUSE', 1.0, raw.EPOCH + 1)]
    raw.phyphox(folder, tables, starts=starts)


def _sensor_logger(folder, move):
    files = ('Accelerometer', 'Gravity', 'Gyroscope', 'Orientation')
    raw.sensor_logger(folder, move, files, -1, metadata=('ios', False))


def _core_motion(folder, move):
    names = (
        'timestamp,userAccelerationX,userAccelerationY,userAccelerationZ,'
        'gravityX,gravityY,gravityZ,rotationRateX,rotationRateY,rotationRateZ'
    )
    lines = raw.rows(move.times, -move.free / G, -move.gravity / G, move.gyro)
    raw.write(folder / 'motion.csv', names, *lines)


def _android(folder, move):
    names = 'timestamp(ns),accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z'
    stamps = raw.nanoseconds(move.times)
    raw.write(folder / 'a.csv', names, *raw.rows(stamps, move.acc, move.gyro))


EXPORTS = {
    'sensor_logger': _sensor_logger,
    'sensor_logger watch': lambda folder, move: raw.wrist_motion(
        folder / 'WristMotion.csv', move
    ),
    'sensorlog': lambda folder, move: raw.sensor_log(folder / 'a.csv', move),
    'phyphox': _phyphox,
    'actigraph': lambda folder, move: raw.actigraph(folder / 'a.csv', move),
    'actigraph plain': lambda folder, move: raw.actigraph(
        folder / 'a.csv', move, stamps=False, names=False
    ),
    'geneactiv': lambda folder, move: raw.geneactiv(folder / 'a.csv', move),
    'axivity': lambda folder, move: raw.axivity(folder / 'a.csv', move),
    'axivity plain': lambda folder, move: raw.axivity(
        folder / 'a.csv', move, named=False
    ),
    'biobank': lambda folder, move: raw.biobank(folder / 'a.csv', move),
    'gopro': lambda folder, move: [
        raw.gopro(folder / f'a-{stream}.csv', move, stream)
        for stream in ('ACCL', 'GYRO')
    ],
    'opencamera': lambda folder, move: raw.open_camera(folder, move, move),
    'phone_log ios': _core_motion,
    'phone_log android': _android,
}


@pytest.fixture(scope='module', autouse=True)
def texts():
    """Texts of pandas set memory aside once, which no copy should pay for."""
    pandas.Series(['a', 'b']).str.strip()


def damaged(name, tmp_path, count):
    """Outcomes of damaged copies of one export."""
    move = raw.movement(seconds=1.0)
    EXPORTS[name](tmp_path / 'sound', move)
    root = tmp_path / 'sound'
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }
    assert all(np.isfinite(move.acc).ravel())
    kind = get_reader(name.split(' ')[0])

    def read(path):
        source = path.parent if len(files) > 1 else path
        return kind(source).read_imu()

    outcome = check_damaged(read, files, tmp_path / 'copies', count)
    assert outcome['refused']
    return outcome


@pytest.mark.parametrize('name', EXPORTS)
def test_damaged_exports(name, tmp_path):
    damaged(name, tmp_path, 24)


@pytest.mark.slow
@pytest.mark.parametrize('name', EXPORTS)
def test_a_thousand_damaged_exports(name, tmp_path):
    print(name, damaged(name, tmp_path, 1000))
