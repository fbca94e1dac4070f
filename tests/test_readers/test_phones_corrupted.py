"""Damaged copies of exports end in one clear error or in sound streams."""

import numpy as np
import pandas
import pytest
import raw_phones as raw
from corruption import check_contained, check_damaged, corruptions
from raw_pose_tools import RATE, SHAPE, TOOLS, person
from raw_totalcapture import (
    PUBLISHED,
    convert_takes,
    make_cameras,
    make_take,
    write_dataset,
)

from mobind_mm.readers.base import get_reader
from mobind_mm.readers.files import Video, load_people
from mobind_mm.recordings import STANDARD_GRAVITY as G
from mobind_mm.recordings import read_imu, read_pose


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


# Damaged files of pose tools: one clear error, or a result


@pytest.fixture(autouse=True, scope='module')
def text_columns():
    """Let pandas' texts reserve their memory before it is limited."""
    pandas.Series(['a', 'b']).astype(str).map(str.upper)
    pandas.Series(['a', 1.0]).astype('str')


def read(path):
    source = path if path.parent.name not in ('json', 'labels') else None
    video = Video(rate=RATE, img_shape=SHAPE)
    return load_people(source or path.parent, video, min_sec=0.1)


def damage(tool, folder, count):
    files = TOOLS[tool][0](*person(24))
    some = [*files][5:8] if len(files) > 1 else None
    return check_damaged(read, files, folder, count, damage=some)


@pytest.mark.parametrize('tool', TOOLS)
def test_damaged_files(tool, tmp_path):
    outcomes = damage(tool, tmp_path, 24)
    assert sum(outcomes.values()) >= 24


@pytest.mark.slow
@pytest.mark.parametrize('tool', TOOLS)
def test_many_damaged_files(tool, tmp_path):
    outcomes = damage(tool, tmp_path, 1000)
    assert outcomes['read'] and outcomes['refused']


# 200 damaged copies of each of TotalCapture's files

RAW = make_take(seconds=0.5)
CAMERAS = make_cameras(2)


@pytest.mark.parametrize('kind', [*PUBLISHED, 'calibration'])
def test_damage_is_contained(tmp_path, kind):
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    kinds = [k for k in PUBLISHED if kind == 'auxfields' or k != 'auxfields']
    (paths,) = write_dataset(src, [RAW], CAMERAS, kinds=kinds)
    paths['calibration'] = src / 'calibration.cal'
    content = paths[kind].read_bytes()
    refused = 0
    for number, (done, damaged) in enumerate(corruptions(content, 0, 200)):
        paths[kind].write_bytes(damaged)
        out = dst / str(number)
        outcome = check_contained(
            lambda out=out: convert_takes(src, out, calibrate=True), out
        )
        if outcome != 'fine':
            refused += 1
            assert str(paths[kind]) in outcome, f'{done}: {outcome}'
            continue
        # What cannot be told from a true value must at least be in range.
        imu = read_imu(out / 'imu/s1_acting1.safetensors')
        assert len(imu) == 13, done
        for stream in imu.values():
            assert np.abs(stream.channels['acc'][:]).max() < 2000, done
        for camera in ('cam1', 'cam2'):
            pose = read_pose(out / f'pose/s1_acting1_{camera}.safetensors')
            assert abs(pose.clock.num_samples - 30) <= 3, done
            assert np.isfinite(pose.keypoints[:]).all(), done
    assert 100 < refused < 200
