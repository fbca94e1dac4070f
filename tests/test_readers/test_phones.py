"""Exports of phones, watches, actigraphs and cameras, against one movement."""

import copy
import re
import subprocess
import sys
import zipfile

import numpy as np
import pandas
import pytest
import raw_phones as raw
from raw_phones import EPOCH, movement
from shared import shared_path

from mobind_mm.readers import archives
from mobind_mm.readers.base import FILE_FORMATS, get_reader, recognize
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import STANDARD_GRAVITY

G = STANDARD_GRAVITY


@pytest.fixture(scope='module')
def move():
    return movement()


@pytest.fixture(scope='module')
def shifted():
    """The same movement, 4.3 ms later, as a second sensor samples it."""
    return movement(shift=0.0043)


def read(path, name, **options):
    """Streams by name, after checking which reader recognises the file."""
    kind = recognize(path)
    assert kind is not None and kind.name == name, kind
    return kind(path, **options).read_imu()


def only(path, name, **options):
    ((place, stream),) = read(path, name, **options).items()
    return place, stream


def check(stream, move, start=EPOCH, gyro=None, exact=1e-5, clock=3e-6):
    """Compare a stream with the movement; gyro may be that of other times."""
    times = stream.clock.at() - start
    kept = np.searchsorted(move.times, times - 1e-4)
    assert len(kept) > 0.98 * len(move.times)
    np.testing.assert_allclose(times, move.times[kept], atol=clock)
    acc = np.asarray(stream.channels['acc'])
    expected = move.acc if stream.gravity else move.free
    np.testing.assert_allclose(acc, expected[kept], atol=20 * exact)
    assert stream.frame == 'sensor'
    if 'gyro' in stream.channels:
        source = gyro or move
        at = move.times[kept]
        rates = [np.interp(at, source.times, c) for c in source.gyro.T]
        got = np.asarray(stream.channels['gyro'])
        np.testing.assert_allclose(got, np.transpose(rates), atol=20 * exact)
    if 'quat' in stream.channels:
        got = np.asarray(stream.channels['quat'])
        same = np.abs((got * move.quat[kept]).sum(axis=1))
        assert same.min() > 1 - 1e-6


# Sensor Logger.


def test_total_acceleration_of_android(tmp_path, move, shifted):
    files = ('TotalAcceleration', 'Accelerometer', 'Gravity', 'Gyroscope')
    raw.sensor_logger(tmp_path / 'take', move, files, shifted=shifted)
    name, stream = only(tmp_path / 'take', 'sensor_logger')
    assert name == 'phone' and stream.gravity
    check(stream, move, gyro=shifted)
    assert {*stream.channels} == {'acc', 'gyro'}


def test_a_file_is_read_with_those_beside_it(tmp_path, move):
    folder = raw.sensor_logger(tmp_path / 'take', move)
    name, stream = only(
        folder / 'TotalAcceleration.csv',
        'sensor_logger',
        placement='right_wrist',
    )
    assert name == 'right_wrist'
    check(stream, move)
    assert any('read with Gyroscope.csv' in note for note in stream.notes)


def test_gravity_is_added_on_ios(tmp_path, move):
    files = ('Accelerometer', 'Gravity', 'Gyroscope', 'Orientation')
    raw.sensor_logger(tmp_path / 'a', move, files, -1, metadata=('ios', False))
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert stream.gravity and {*stream.channels} == {'acc', 'gyro', 'quat'}
    check(stream, move)
    assert any('reversed' in note for note in stream.notes)


@pytest.mark.parametrize('inverse', [False, True])
def test_orientation_shows_signs_and_direction(tmp_path, move, inverse):
    """Without metadata, gravity in the world tells that it is an iPhone."""
    files = ('Accelerometer', 'Gravity', 'Gyroscope', 'Orientation')
    raw.sensor_logger(tmp_path / 'a', move, files, -1, inverse=inverse)
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert 'quat' in stream.channels
    check(stream, move)


def test_standardised_frames_of_ios_are_those_of_android(tmp_path, move):
    files = ('Accelerometer', 'Gravity')
    raw.sensor_logger(tmp_path / 'a', move, files, 1, metadata=('ios', 'true'))
    check(only(tmp_path / 'a', 'sensor_logger')[1], move)


def test_uncalibrated_acceleration_is_in_g_on_ios(tmp_path, move):
    files = ('AccelerometerUncalibrated', 'Gyroscope')
    raw.sensor_logger(tmp_path / 'ios', move, files, -1)
    check(only(tmp_path / 'ios', 'sensor_logger')[1], move)
    raw.sensor_logger(tmp_path / 'android', move, files, 1)
    check(only(tmp_path / 'android', 'sensor_logger')[1], move)


def test_acceleration_without_gravity_says_what_to_log(tmp_path, move):
    """No gravity and no orientation: the reason, and what would help."""
    files = ('Accelerometer', 'Gyroscope')
    raw.sensor_logger(tmp_path / 'a', move, files)
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert not stream.gravity
    check(stream, move)
    note = next(n for n in stream.notes if 'without gravity' in n)
    assert 'TotalAcceleration' in note and 'Accelerometer.csv' in note


def test_acceleration_without_gravity_but_with_orientation(tmp_path, move):
    files = ('Accelerometer', 'Gyroscope', 'Orientation')
    raw.sensor_logger(tmp_path / 'a', move, files)
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert not stream.gravity and 'quat' in stream.channels
    check(stream, move)
    assert not any('without gravity' in note for note in stream.notes)


def test_quaternions_that_do_not_fit_are_left_out(tmp_path, move):
    files = ('TotalAcceleration', 'Gyroscope', 'Orientation')
    other = movement()
    other.quat = other.quat[:, [0, 2, 3, 1]]
    raw.sensor_logger(tmp_path / 'a', move, files)
    wrong = raw.sensor_logger(tmp_path / 'b', other, ('Orientation',))
    (wrong / 'Orientation.csv').replace(tmp_path / 'a' / 'Orientation.csv')
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert 'quat' not in stream.channels
    assert any('left out' in note for note in stream.notes)


def test_accelerometer_that_includes_gravity(tmp_path, move):
    """Some apps call acceleration with gravity Accelerometer.csv."""
    quiet = movement(speed=0.1)
    raw.sensor_logger(tmp_path / 'a', quiet)
    table = tmp_path / 'a' / 'TotalAcceleration.csv'
    table.replace(tmp_path / 'a' / 'Accelerometer.csv')
    stream = only(tmp_path / 'a', 'sensor_logger')[1]
    assert stream.gravity
    check(stream, quiet)


@pytest.mark.parametrize('unit', [G, 1.0])
def test_watch_and_phone_are_two_sensors(tmp_path, move, shifted, unit):
    raw.sensor_logger(tmp_path, move)
    sign = -1 if unit == G else 1
    raw.wrist_motion(tmp_path / 'WristMotion.csv', shifted, sign, unit)
    streams = read(
        tmp_path, 'sensor_logger', placement={'watch': 'left_wrist'}
    )
    assert {*streams} == {'phone', 'left_wrist'}
    check(streams['phone'], move)
    check(streams['left_wrist'], shifted)
    assert 'quat' in streams['left_wrist'].channels


def test_headphones_are_on_a_head(tmp_path, move):
    """Their gravity is in m/s^2 where their acceleration is in g."""
    raw.wrist_motion(tmp_path / 'a' / 'Headphone.csv', move, gravity=1.0)
    name, stream = only(tmp_path / 'a', 'sensor_logger')
    assert name == 'head'
    check(stream, move)


def test_watch_of_android(tmp_path, move):
    files = ('WatchAccelerometer', 'WatchGravity', 'WatchGyroscope')
    raw.sensor_logger(tmp_path / 'a', move, files)
    name, stream = only(tmp_path / 'a', 'sensor_logger')
    assert name == 'watch'
    check(stream, move)


def test_names_of_files_and_folders_tell_placements(tmp_path, move):
    raw.sensor_logger(tmp_path / 'right wrist 2024-09-29', move)
    name, stream = only(tmp_path / 'right wrist 2024-09-29', 'sensor_logger')
    assert name == 'right_wrist'
    assert any("'right wrist 2024-09-29'" in note for note in stream.notes)
    folder = raw.sensor_logger(tmp_path / 'both', move)
    for file in [*folder.iterdir()]:
        content = file.read_bytes()
        file.unlink()
        for side in ('left', 'right'):
            (folder / f'{side}_wrist_{file.name}').write_bytes(content)
    assert {*read(folder, 'sensor_logger')} == {'left_wrist', 'right_wrist'}


def test_a_folder_of_two_devices_names_neither(tmp_path, move):
    folder = raw.sensor_logger(tmp_path / 'left wrist', move)
    raw.wrist_motion(folder / 'WristMotion.csv', move)
    assert {*read(folder, 'sensor_logger')} == {'phone', 'watch'}


def test_a_link_that_is_given_is_followed(tmp_path, move):
    folder = raw.sensor_logger(tmp_path / 'a', move)
    (tmp_path / 'b').mkdir()
    link = tmp_path / 'b' / 'TotalAcceleration.csv'
    link.symlink_to(folder / 'TotalAcceleration.csv')
    assert {*only(link, 'sensor_logger')[1].channels} == {'acc'}


def test_a_folder_in_the_folder_and_links(tmp_path, move):
    """An archive that unpacks into its own folder; links are not followed."""
    raw.sensor_logger(tmp_path / 'export' / '2024-09-29', move)
    (tmp_path / 'export' / 'Gravity.csv').symlink_to('/etc/hostname')
    (tmp_path / 'export' / 'loop').symlink_to(tmp_path / 'export')
    (tmp_path / 'export' / '__MACOSX').mkdir()
    check(only(tmp_path / 'export', 'sensor_logger')[1], move)


def test_a_table_whose_name_says_nothing(tmp_path, move):
    folder = raw.sensor_logger(tmp_path / 'a', move)
    path = (folder / 'Gyroscope.csv').rename(tmp_path / 'mine.csv')
    with pytest.raises(ValueError, match=r'mine\.csv does not say .* sensor'):
        read(path, 'sensor_logger')


def zipped(folder, path, inside=''):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob('*')):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                archive.write(file, inside + name)
    return path


@pytest.mark.parametrize('inside', ['', '2024-09-29/'])
def test_an_archive_is_read_without_unpacking(tmp_path, move, inside):
    files = ('Accelerometer', 'Gravity', 'Gyroscope', 'Orientation')
    raw.sensor_logger(tmp_path / 'a', move, files, -1, metadata=('ios', False))
    (tmp_path / 'zips').mkdir()
    path = zipped(tmp_path / 'a', tmp_path / 'zips' / 'left wrist.zip', inside)
    name, stream = only(path, 'sensor_logger')
    assert name == 'left_wrist' and 'quat' in stream.channels
    check(stream, move)
    assert [*path.parent.iterdir()] == [path]


def test_an_archive_of_phyphox(tmp_path, move):
    tables = {'Raw': (move.times, 'Acceleration', move.acc, 'm/s^2')}
    starts = [('START', 0.0, EPOCH)]
    raw.phyphox(tmp_path / 'a', tables, starts=starts)
    check(only(zipped(tmp_path / 'a', tmp_path / 'a.zip'), 'phyphox')[1], move)


def test_archives_that_mean_harm(tmp_path, move, monkeypatch):
    """Names that lead elsewhere, a bomb, and a damaged archive."""
    folder = raw.sensor_logger(tmp_path / 'a', move)
    path = zipped(folder, tmp_path / 'a.zip', inside='../')
    assert recognize(path) is None
    path = zipped(folder, tmp_path / 'a.zip')
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert recognize(path) is None
    path.write_bytes(whole[:2000] + b'damage' + whole[2006:])
    kind = get_reader('sensor_logger')
    (stream,) = kind(path).read_imu().values()
    assert any('Gyroscope.csv: is damaged' in note for note in stream.notes)
    path.write_bytes(whole)
    monkeypatch.setattr(archives, '_MOST_BYTES', 100_000)
    with pytest.raises(ValueError, match=r'larger than 100000 bytes'):
        kind(path).read_imu()


# SensorLog.


@pytest.mark.parametrize('units', [True, False])
def test_sensor_log(tmp_path, move, units):
    path = raw.sensor_log(tmp_path / '2024_Apple Watch.csv', move, units)
    name, stream = only(path, 'sensorlog')
    assert name == 'watch'
    assert {*stream.channels} == {'acc', 'gyro', 'quat'}
    check(stream, move, start=EPOCH + 0.004, clock=6e-4)


def test_sensor_log_without_motion(tmp_path, move):
    off = ('motionUserAcceleration', 'motionGravity', 'motionRotationRate')
    path = raw.sensor_log(tmp_path / 'a.csv', move, off=off)
    name, stream = only(path, 'sensorlog', placement='pelvis')
    assert name == 'pelvis' and stream.gravity
    assert {*stream.channels} == {'acc'}
    check(stream, move, start=EPOCH + 0.004, clock=6e-4)
    assert any('left out' in note for note in stream.notes)


def test_sensor_log_that_repeats_samples(tmp_path):
    """The app logs at 100 Hz what is measured at 50 Hz."""
    move = movement(rate=50.0)
    twice = np.repeat(np.arange(len(move.times)), 2)
    arrays = (getattr(move, name) for name in raw.Movement.__annotations__)
    path = raw.sensor_log(
        tmp_path / 'a.csv', raw.Movement(*(array[twice] for array in arrays))
    )
    logged = np.arange(len(twice)) / 100 + 7200.004
    stamps = raw.dates(logged, '%Y-%m-%d %H:%M:%S.%f +0200')
    names, *lines = path.read_text().splitlines()
    lines = [
        ','.join([stamp, *line.split(',')[1:]])
        for stamp, line in zip(stamps, lines)
    ]
    stream = only(raw.write(path, names, *lines), 'sensorlog')[1]
    check(stream, move, start=EPOCH + 0.004, clock=6e-4)
    assert any('1000 rows are there twice' in note for note in stream.notes)


def test_sensor_log_user_acceleration_alone(tmp_path, move):
    off = ('accelerometerAcceleration', 'motionGravity', 'motionQuaternion')
    path = raw.sensor_log(tmp_path / 'a.csv', move, off=off)
    stream = only(path, 'sensorlog')[1]
    assert not stream.gravity
    check(stream, move, start=EPOCH + 0.004, clock=6e-4)
    assert any('without gravity' in note for note in stream.notes)


# phyphox.


@pytest.mark.parametrize(
    ('delimiter', 'decimal'), [(',', '.'), (';', '.'), ('\t', ','), (';', ',')]
)
def test_phyphox(tmp_path, move, shifted, delimiter, decimal):
    tables = {
        'Accelerometer': (move.times, 'Acceleration', move.acc, 'm/s^2'),
        'Gyroscope': (shifted.times, 'Gyroscope', shifted.gyro, 'rad/s'),
        'Linear Accelerometer': (
            move.times,
            'Linear Acceleration',
            move.free,
            'm/s^2',
        ),
    }
    starts = [('START', 0.0, EPOCH), ('PAUSE', 20.0, EPOCH + 20)]
    raw.phyphox(tmp_path / 'a', tables, delimiter, decimal, starts)
    name, stream = only(tmp_path / 'a', 'phyphox')
    assert name == 'phone' and stream.gravity
    check(stream, move, gyro=shifted)
    alone = only(tmp_path / 'a' / 'Accelerometer.csv', 'phyphox')[1]
    check(alone, move, gyro=shifted)


def test_phyphox_names_of_simple_experiments(tmp_path, move):
    tables = {
        'Accelerometer': (move.times, '', move.acc, 'm/s^2'),
        'Gyroscope': (move.times, '', move.gyro, 'rad/s'),
    }
    raw.phyphox(tmp_path / 'a', tables)
    check(only(tmp_path / 'a', 'phyphox')[1], move, start=0.0)


def test_phyphox_without_gravity(tmp_path, move):
    label = 'Linear Acceleration'
    tables = {'Raw Data': (move.times, label, move.free, 'm/s^2')}
    raw.phyphox(tmp_path / 'a', tables)
    stream = only(tmp_path / 'a' / 'Raw Data.csv', 'phyphox')[1]
    assert not stream.gravity
    check(stream, move, start=0.0)
    assert any('without gravity' in note for note in stream.notes)


def test_pauses_of_phyphox_are_gaps(tmp_path, move):
    """Experiment time stands still while the experiment is paused."""
    tables = {'Raw': (move.times, 'Acceleration', move.acc, 'm/s^2')}
    starts = [
        ('START', 0.0, EPOCH),
        ('PAUSE', 8.0, EPOCH + 8),
        ('START', 8.0, EPOCH + 13.5),
    ]
    raw.phyphox(tmp_path / 'a', tables, starts=starts)
    stream = only(tmp_path / 'a', 'phyphox')[1]
    times = stream.clock.at() - EPOCH
    expected = move.times + 5.5 * (move.times >= 8.0)
    np.testing.assert_allclose(times, expected, atol=1e-6)
    assert any('5.500 s' in note for note in stream.notes)


# Wrist actigraphs.


@pytest.mark.parametrize('stamps', [True, False])
@pytest.mark.parametrize(
    'form', ['dd/MM/yyyy', 'M/d/yyyy', 'yyyy-MM-dd', 'dd.MM.yyyy']
)
def test_actigraph(tmp_path, move, form, stamps):
    path = raw.actigraph(tmp_path / 'a.csv', move, form, stamps)
    name, stream = only(path, 'actigraph', placement='left_wrist')
    assert name == 'left_wrist'
    check(stream, move)


def test_actigraph_without_names(tmp_path, move):
    path = raw.actigraph(tmp_path / 'a.csv', move, stamps=False, names=False)
    stream = only(path, 'actigraph')[1]
    check(stream, move)
    assert any('no names' in note for note in stream.notes)


def test_actigraph_without_its_header(tmp_path, move):
    path = raw.actigraph(tmp_path / 'a.csv', move)
    lines = path.read_text().split('\n')[10:]
    path.write_text('\n'.join(lines))
    check(only(path, 'actigraph')[1], move)


def test_counts_per_epoch_are_refused(tmp_path, move):
    path = raw.actigraph(tmp_path / 'a.csv', move)
    head = path.read_text().split('\n')[:10]
    rows = ['Date,Time,Axis1,Axis2,Axis3', '29/09/2024,08:53:20,3,5,8']
    path.write_text('\n'.join([*head, *rows]))
    with pytest.raises(ValueError, match=r'a\.csv, row 11 .*counts per epoch'):
        read(path, 'actigraph')


def test_geneactiv(tmp_path, move):
    path = raw.geneactiv(tmp_path / 'a.csv', move)
    name, stream = only(path, 'geneactiv')
    assert name == 'left_wrist'
    check(stream, move)
    assert any("'left wrist'" in note for note in stream.notes)
    epochs = raw.geneactiv(tmp_path / 'b.csv', move, step=500)
    with pytest.raises(ValueError, match=r'b\.csv, row 101 .*over epochs'):
        read(epochs, 'geneactiv')


@pytest.mark.parametrize('named', [True, False])
@pytest.mark.parametrize('gyro', [True, False])
def test_axivity(tmp_path, move, named, gyro):
    path = raw.axivity(tmp_path / 'a.csv', move, named, gyro)
    _, stream = only(path, 'axivity')
    assert ('gyro' in stream.channels) == gyro
    check(stream, move)
    rests = copy.copy(move)  # at 1 deg/s, no second accelerometer in g
    rests.gyro = move.gyro.copy()
    rests.gyro[:1500] = 1e-3 * move.gyro[:1500] + np.deg2rad([0.6, -0.6, 0.6])
    path = raw.axivity(tmp_path / 'b.csv', rests, named, gyro)
    check(only(path, 'axivity')[1], rests)


def test_biobank(tmp_path, move):
    path = raw.biobank(tmp_path / 'right_wrist.csv', move)
    name, stream = only(path, 'biobank')
    assert name == 'right_wrist'
    check(stream, move)


# Cameras.


@pytest.mark.parametrize(
    ('labels', 'unit'),
    [
        ('(z) (x) (y)', 'm/s²'),
        ('(z) (x) (y)', 'm/s2'),
        ('(up/down) (right/left) (forward/back)', 'm/s2'),
        ('', 'm/s2'),
    ],
)
def test_gopro(tmp_path, labels, unit):
    """Acceleration and angular rate have rates of their own."""
    acc, gyro = movement(rate=197.0), movement(rate=395.0)
    words = labels if '/' not in labels else '(z) (x) (y)'
    raw.gopro(
        tmp_path / 'GX01-HERO8 Black-ACCL.csv', acc, 'ACCL', labels, unit
    )
    raw.gopro(tmp_path / 'GX01-HERO8 Black-GYRO.csv', gyro, 'GYRO', words)
    name, stream = only(tmp_path, 'gopro', placement='head')
    assert name == 'head'
    check(stream, acc, start=0.0, gyro=gyro)
    one = only(tmp_path / 'GX01-HERO8 Black-ACCL.csv', 'gopro')[1]
    check(one, acc, start=0.0, gyro=gyro)


def test_two_cameras_are_two_sensors(tmp_path, move):
    for camera in ('A', 'B'):
        for stream in ('ACCL', 'GYRO'):
            raw.gopro(tmp_path / f'{camera}-{stream}.csv', move, stream)
    streams = read(tmp_path, 'gopro')
    assert {*streams} == {'A', 'B'}
    check(streams['B'], move, start=0.0)


@pytest.mark.parametrize('underscore', [True, False])
def test_open_camera(tmp_path, move, shifted, underscore):
    folder = raw.open_camera(tmp_path / 'a', move, shifted, underscore)
    stream = only(folder, 'opencamera')[1]
    check(stream, move, start=4000.0, gyro=shifted)
    assert any('_timestamps.csv' in note for note in stream.notes)
    table = next(folder.glob('*gyro.csv'))
    check(only(table, 'opencamera')[1], move, start=4000.0, gyro=shifted)


# Other logs.


def test_physics_toolbox(tmp_path, move):
    lines = raw.rows(move.times, move.acc / G, move.free, move.gyro)
    names = 'time,gFx,gFy,gFz,ax,ay,az,wx,wy,wz'
    check(
        only(raw.write(tmp_path / 'a.csv', '', names, *lines), 'phone_log')[1],
        move,
        start=0.0,
    )


def test_andro_sensor(tmp_path, move):
    names = [
        f'{kind} {axis} ({unit})'
        for kind, unit in (
            ('ACCELEROMETER', 'm/s²'),
            ('GRAVITY', 'm/s²'),
            ('LINEAR ACCELERATION', 'm/s²'),
            ('GYROSCOPE', 'rad/s'),
            ('MAGNETIC FIELD', 'μT'),
        )
        for axis in 'XYZ'
    ]
    names += ['Time since start in ms ', 'YYYY-MO-DD HH-MI-SS_SSS']
    stamps = raw.dates(move.times, '%Y-%m-%d %H:%M:%S:%f')
    field = 40 * np.ones_like(move.gyro)
    lines = raw.rows(
        move.acc,
        move.gravity,
        move.free,
        move.gyro,
        field,
        1000 * move.times,
        stamps,
    )
    lines = [line.replace(',', ';') for line in lines]
    path = raw.write(tmp_path / 'a.csv', ';'.join(names), *lines)
    stream = only(path, 'phone_log')[1]
    check(stream, move, start=0.0)
    np.testing.assert_allclose(stream.channels['mag'], 40.0)


def test_core_motion(tmp_path, move):
    names = (
        'timestamp,userAccelerationX,userAccelerationY,userAccelerationZ,'
        'gravityX,gravityY,gravityZ,rotationRateX,rotationRateY,'
        'rotationRateZ,attitude_qW,attitude_qX,attitude_qY,attitude_qZ'
    )
    lines = raw.rows(
        move.times + 90_000,
        -move.free / G,
        -move.gravity / G,
        move.gyro,
        move.quat,
        form='.12g',
    )
    stream = only(raw.write(tmp_path / 'a.csv', names, *lines), 'phone_log')[1]
    check(stream, move, start=90_000.0)
    assert 'quat' in stream.channels


@pytest.mark.parametrize('unit', ['rad/s', 'deg/s'])
@pytest.mark.parametrize('acc', [1.0, G])
def test_android_log(tmp_path, move, unit, acc):
    """Units that names leave open are found in the values."""
    factor = np.rad2deg(1.0) if unit == 'deg/s' else 1.0
    names = 'timestamp(ns),accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z'
    stamps = raw.nanoseconds(move.times, 5000.0)
    lines = raw.rows(stamps, move.acc / acc, factor * move.gyro)
    path = raw.write(tmp_path / 'a.csv', names, *lines)
    stream = only(path, 'phone_log')[1]
    check(stream, move, start=5000.0)
    assert any(unit in note for note in stream.notes)


@pytest.mark.parametrize(
    'names',
    [
        '#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],'
        'w_RS_S_z [rad s^-1],a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],'
        'a_RS_S_z [m s^-2]',
        'Timestamp[nanosec],gx[rad/s],gy[rad/s],gz[rad/s],ax[m/s^2],'
        'ay[m/s^2],az[m/s^2]',
    ],
)
def test_euroc_and_mars(tmp_path, move, names):
    lines = raw.rows(raw.nanoseconds(move.times), move.gyro, move.acc)
    path = raw.write(tmp_path / 'data.csv', names, *lines)
    check(only(path, 'phone_log')[1], move)


def test_tables_of_others_are_not_taken(tmp_path, move):
    """Names that do not say what they are stay tables that need a mapping."""
    lines = raw.rows(move.times, move.acc, move.gyro)
    for names in (
        'timestamp,ax,ay,az,gx,gy,gz',
        't,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z',
        'millis,AcX,AcY,AcZ,GyX,GyY,GyZ',
        'time,right_wrist_acc_x,right_wrist_acc_y,right_wrist_acc_z,'
        'right_wrist_gyro_x,right_wrist_gyro_y,right_wrist_gyro_z',
    ):
        path = raw.write(tmp_path / 'a.csv', names, *lines)
        assert recognize(path).name == 'table'
    names = 'PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y'
    path = raw.write(tmp_path / 'dot.csv', names, *lines)
    assert recognize(path).name == 'xsens_dot'


# Files beside the checkout.


def test_case_without_gravity():
    folder = shared_path('cases/05_sensor_logger')
    stream = only(folder, 'sensor_logger', placement='right_wrist')[1]
    assert not stream.gravity and {*stream.channels} == {'acc', 'gyro'}
    assert any('switch on TotalAcceleration' in note for note in stream.notes)


def test_case_of_wrist_actigraphy():
    """Four spellings of one recording; GENEActiv's has no zone either."""
    folder = shared_path('cases/09_wrist_actigraphy_dates')
    names = ('actigraph', 'actigraph_us', 'geneactiv', 'biobank')
    streams = [
        only(folder / f'{name}.csv', name.removesuffix('_us'))[1]
        for name in names
    ]
    first = streams[0]
    for stream, hour in zip(streams, (0, 0, 0, 3600)):
        size = min(len(stream.channels['acc']), len(first.channels['acc']))
        np.testing.assert_array_equal(
            stream.channels['acc'][:size], first.channels['acc'][:size]
        )
        start = stream.clock.at()[0] + hour
        assert start == pytest.approx(1434934566.197, abs=1e-3)
        assert stream.clock.mean_rate == pytest.approx(100, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize('app', ['folder', 'zip', 'camera'])
def test_one_command_finds_the_offset(tmp_path, app):
    table = pandas.read_csv(shared_path('cases/_shared/imu.csv'))
    names = [f'right_wrist_{c}_{a}' for c in ('acc', 'gyro') for a in 'xyz']
    values = table[names].to_numpy()
    times = table['time'].to_numpy()
    quat = np.ones((len(times), 4))
    worn = raw.Movement(
        times, values[:, :3], 0 * values[:, :3], values[:, 3:], quat
    )
    path, start = tmp_path / 'take', EPOCH
    if app == 'camera':
        start = 0.0
        for stream in ('ACCL', 'GYRO'):
            raw.gopro(path / f'GX01-{stream}.csv', worn, stream)
    else:
        raw.sensor_logger(path, worn)
    if app == 'zip':
        path = zipped(path, tmp_path / 'take.zip')
    run = subprocess.run(
        [
            *(sys.executable, '-m', 'mobind_mm', 'sync', '--imu', str(path)),
            *('--placement', 'right_wrist', '--fps', '30'),
            *('--pose', str(shared_path('cases/_shared/pose.json'))),
            *('--img-shape', '1080', '1920', '--out', str(tmp_path / 'out')),
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = re.search(r'video time \+ ([\d.]+) s', run.stdout)
    assert float(found[1]) == pytest.approx(start + 3.217, abs=0.02)


@pytest.mark.parametrize('name', ['folder', 'archive.zip'])
def test_a_folder_that_nobody_knows(tmp_path, name):
    raw.write(tmp_path / 'folder' / 'a.csv', 'a,b,c', '1,2,3')
    zipped(tmp_path / 'folder', tmp_path / 'archive.zip')
    with pytest.raises(ValueError, match=rf'{name} is not the export of'):
        read_imu_file(tmp_path / name)


def test_placements_are_given_by_name(tmp_path, move):
    raw.sensor_logger(tmp_path, move)
    raw.wrist_motion(tmp_path / 'WristMotion.csv', move)
    placement = {'watch': 'left_wrist', 'phone': 'pelvis'}
    streams = read_imu_file(tmp_path, placement=placement)
    assert {*streams} == {'left_wrist', 'pelvis'}
    with pytest.raises(ValueError, match=r'2 sensors \(phone, watch\)'):
        read_imu_file(tmp_path, placement='left_wrist')


def test_formats_are_listed():
    names = [*FILE_FORMATS]
    assert names[-1] == 'table'
    assert {'sensor_logger', 'phyphox', 'gopro', 'biobank'} <= {*names}
