"""Exports of laboratory sensors are read as the arrays they were made of."""

import json
import sys

import numpy as np
import pytest
import raw_devices as raw
from corruption import check_damaged
from shared import shared_path

from mobind_mm.cli.main import main
from mobind_mm.readers.base import FILE_FORMATS, get_reader, recognize
from mobind_mm.readers.sensors import read_imu_file

G = raw.G
LEFT, RIGHT = raw.motion(seed=1), raw.motion(seed=2)
ONE = raw.motion()
TWO = {'Thigh_L': LEFT, 'Foot_R': RIGHT}
SLOW = raw.motion(num=200, rate=32)


def expected(m, channels, start=0.0, gravity=True, frame='sensor', notes=0):
    """What a stream must hold."""
    values = {'acc': m.acc, 'gyro': m.gyro, 'quat': m.quat}
    if frame == 'world':
        values['acc'] = m.free
    return {
        'times': m.times + start,
        'channels': {name: values[name] for name in channels.split()},
        'gravity': gravity,
        'frame': frame,
        'notes': notes,
    }


def one(name, write, channels, file='take.csv', sensor=None, **facts):
    """A format whose file holds :data:`ONE`."""

    def make(folder):
        path = write(folder / file)
        return path, {sensor or path.stem: expected(ONE, channels, **facts)}

    return name, make


def dot(kind):
    return lambda path: raw.write_dot(path, ONE, kind)


def dots(folder):
    for tag, m in TWO.items():
        raw.write_dot(folder / 'dots' / f'{tag}_2021.csv', m, tag=tag)
    return folder / 'dots', {
        'right_foot': expected(RIGHT, 'acc gyro', start=5.0, notes=1),
        'left_thigh': expected(LEFT, 'acc gyro', start=5.0, notes=1),
    }


def dot_server(folder):
    path = raw.write_dot_server(folder / 'log.csv', {'A1': LEFT, 'B2': RIGHT})
    facts = {'start': 5.0}
    return path, {
        'A1': expected(LEFT, 'acc gyro', **facts),
        'B2': expected(RIGHT, 'acc gyro', **facts),
    }


def mtw(**how):
    return lambda path: raw.write_mtw(path, ONE, **how)


def mvnx(kind):
    def make(folder):
        sensors = {'T8': LEFT, 'RightForeArm': RIGHT, 'RightShoulder': ONE}
        path = raw.write_mvnx(folder / 'walk.mvnx', sensors, kind)
        facts = {'gravity': False, 'frame': 'world'} if kind != 'raw' else {}
        facts['notes'] = int(kind == 'segments')
        channels = 'acc quat' if kind == 'free' else 'acc quat gyro'
        names = ('sternum', 'right_forearm', 'RightShoulder')
        return path, {
            name: expected(m, channels, **facts)
            for name, m in zip(names, sensors.values())
        }

    return make


def metawear(given, notes, unit='acc'):
    def make(folder):
        acc, gyro = ONE.acc / G, np.rad2deg(ONE.gyro)
        raw.write_metawear(
            folder / 'S1_Accelerometer_100.000Hz_1.5.0.csv',
            ONE.times,
            acc,
            'g',
        )
        raw.write_metawear(
            folder / 'S1_Gyroscope_100.000Hz_1.5.0.csv',
            ONE.times,
            gyro,
            'deg/s',
            first='epoch (ms)',
        )
        raw.write_metawear(
            folder / 'S1_Gravity_100.000Hz_1.5.0.csv', ONE.times, acc, 'g'
        )
        facts = {'start': 1.56e9, 'notes': notes}
        return folder / given, {'S1': expected(ONE, 'acc gyro', **facts)}

    return make


def polar(given, notes):
    def make(folder):
        acc = ONE.acc / G * 1000
        raw.write_polar(folder / 'Polar_H10_ACC.txt', ONE.times, acc, 'mg')
        raw.write_polar(
            folder / 'Polar_H10_GYRO.txt',
            ONE.times,
            np.rad2deg(ONE.gyro),
            'dps',
        )
        raw.write_polar(folder / 'Polar_H10_ECG.txt', ONE.times, acc, 'uV')
        start = 599_628_003.0 + 946_684_800
        return folder / given, {
            'Polar_H10': expected(ONE, 'acc gyro', start=start, notes=notes)
        }

    return make


def e4(folder):
    path = raw.write_e4(folder / 'ACC.csv', SLOW)
    (folder / 'HR.csv').write_text('1470000010.00\n1.000000\n70.0\n71.0\n')
    facts = expected(SLOW, 'acc', start=1.47e9)
    counts = np.round(SLOW.acc * 64 / G)
    facts['channels']['acc'] = counts / 64 * G
    return path, {'e4': facts}


def embrace(counts):
    def make(folder):
        path = raw.write_embrace(
            folder / 'accelerometer.csv', ONE, counts=counts
        )
        facts = expected(ONE, 'acc', start=1.6e9, notes=int(counts))
        if counts:
            facts['channels']['acc'] = np.round(ONE.acc / G * 2048) / 2048 * G
        return path, {'embraceplus': facts}

    return make


def wide(write, **how):
    """Two sensors of one table, named by what they are worn on."""
    names = how.pop('names', ('Left thigh', 'Right foot'))
    channels = how.pop('channels', 'acc gyro')

    def make(folder):
        path = write(
            folder / 'take.csv', dict(zip(names, (LEFT, RIGHT))), **how
        )
        return path, {
            'left_thigh': expected(LEFT, channels),
            'right_foot': expected(RIGHT, channels),
        }

    return make


NORAXON = {
    'names': (('LT', 'Thigh'), ('RT', 'Foot')),
    'channels': 'acc gyro quat',
}
CASES = {
    'dot rate': one(
        'xsens_dot', dot('rate'), 'acc gyro', start=5.0, sensor='RW'
    ),
    'dot quat': one(
        'xsens_dot',
        dot('quat'),
        'acc quat',
        start=5.0,
        sensor='RW',
        gravity=False,
        frame='world',
    ),
    'dot euler': one(
        'xsens_dot', dot('euler'), 'acc gyro quat', start=5.0, sensor='RW'
    ),
    'dot delta': one(
        'xsens_dot', dot('delta'), 'acc gyro', start=5.0, sensor='RW', notes=1
    ),
    'dot folder': ('xsens_dot', dots),
    'dot server': ('xsens_dot', dot_server),
    'mtw matrix': one(
        'xsens_mtw',
        mtw(),
        'acc gyro quat',
        file='MT_012005D6_009-001_00B42D4F.txt',
        sensor='00B42D4F',
    ),
    'mtw quat': one('xsens_mtw', mtw(how='quat'), 'acc gyro quat'),
    'mtw angles, ticks': one(
        'xsens_mtw',
        mtw(how='roll', rate=None, fine=1000 + 1e4 * ONE.times),
        'acc gyro quat',
        start=0.1,
    ),
    'mtw free': one(
        'xsens_mtw', mtw(free=True), 'acc quat', gravity=False, frame='world'
    ),
    'mvnx free': ('mvnx', mvnx('free')),
    'mvnx raw': ('mvnx', mvnx('raw')),
    'mvnx segments': ('mvnx', mvnx('segments')),
    'shimmer': one(
        'shimmer',
        lambda p: raw.write_shimmer(p, ONE),
        'acc gyro',
        sensor='Shimmer_40AC',
        start=1.59e9,
    ),
    'shimmer tabs': one(
        'shimmer',
        lambda p: raw.write_shimmer(p, ONE, delimiter='\t'),
        'acc gyro',
        sensor='Shimmer_40AC',
        start=1.59e9,
    ),
    'shimmer old': one(
        'shimmer', lambda p: raw.write_old_shimmer(p, ONE), 'acc gyro'
    ),
    'metawear acc': (
        'metawear',
        metawear('S1_Accelerometer_100.000Hz_1.5.0.csv', 1),
    ),
    'metawear gyro': (
        'metawear',
        metawear('S1_Gyroscope_100.000Hz_1.5.0.csv', 1),
    ),
    'metawear folder': ('metawear', metawear('.', 1)),
    'polar acc': ('polar', polar('Polar_H10_ACC.txt', 1)),
    'polar folder': ('polar', polar('.', 1)),
    'e4': ('empatica', e4),
    'embraceplus': ('empatica', embrace(False)),
    'embraceplus counts': ('empatica', embrace(True)),
    'delsys': ('delsys', wide(raw.write_emgworks)),
    'delsys without units': ('delsys', wide(raw.write_emgworks, units=False)),
    'delsys discover': ('delsys', wide(raw.write_discover)),
    'delsys decimal comma': (
        'delsys',
        wide(raw.write_discover, delimiter=';', decimal=','),
    ),
    'noraxon': ('noraxon', wide(raw.write_noraxon, **NORAXON)),
    'noraxon decimal comma': (
        'noraxon',
        wide(
            raw.write_noraxon,
            delimiter=';',
            decimal=',',
            head=['Name;Test', 'Rate;100'],
            **NORAXON,
        ),
    ),
}
FORMATS = [
    name
    for name in FILE_FORMATS
    if name not in ('recording', 'table', 'mmpose')
]


def same(stream, wanted, tolerance=2e-6):
    times, facts = stream.clock.at(), wanted['channels']
    assert {*stream.channels} == {*facts}
    np.testing.assert_allclose(times, wanted['times'], atol=2e-3, rtol=0)
    steps = np.diff(times - times[0]) - np.diff(wanted['times'])
    assert np.abs(steps).max() < 1e-3
    for name, values in facts.items():
        found = np.asarray(stream.channels[name])
        if name == 'quat':
            found = found * np.sign(found[:, :1])
        size = np.abs(values).max()
        np.testing.assert_allclose(
            found, values, atol=tolerance * size, err_msg=name
        )
    assert stream.gravity is wanted['gravity']
    assert stream.frame == wanted['frame']
    assert len(stream.notes) == wanted['notes'], stream.notes


@pytest.mark.parametrize('case', CASES)
def test_streams_are_the_arrays_that_were_written(case, tmp_path):
    _, make = CASES[case]
    path, wanted = make(tmp_path)
    streams = read_imu_file(path)
    assert list(streams) == list(wanted)
    for sensor, facts in wanted.items():
        same(streams[sensor], facts)


@pytest.mark.parametrize('case', CASES)
def test_exactly_one_reader_recognizes_a_file(case, tmp_path):
    name, make = CASES[case]
    path, _ = make(tmp_path)
    found = [n for n in FORMATS if get_reader(n).recognizes(path)]
    assert found == [name]
    assert recognize(path).name == name


DAMAGED = (
    *('dot quat', 'mtw matrix', 'mvnx free', 'shimmer', 'metawear acc'),
    *('polar acc', 'e4', 'delsys discover', 'noraxon decimal comma'),
)


@pytest.mark.parametrize(
    'count', [pytest.param(24), pytest.param(1000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize('case', DAMAGED)
def test_damaged_copies_end_in_streams_or_one_clear_error(
    case, count, tmp_path
):
    _, make = CASES[case]
    path, _ = make(tmp_path / 'whole')
    is_folder = path.is_dir()
    paths = [p for p in sorted((tmp_path / 'whole').rglob('*')) if p.is_file()]
    if not is_folder:
        paths = [path, *(p for p in paths if p != path)]
    files = {p.name: cut(p) for p in paths}

    def read(path):
        return read_imu_file(path.parent if is_folder else path)

    outcomes = check_damaged(read, files, tmp_path / 'damaged', count)
    assert outcomes['read'] and outcomes['refused']
    print(f'{case}: {outcomes}')


def cut(path):
    """The first 60 rows or so of a file, which is read often."""
    content = path.read_bytes()
    if path.suffix == '.mvnx':
        head, *frames = content.split(b'<frame ')
        tail = b'</frames></subject></mvnx>'
        return b'<frame '.join([head, *frames[:40]]) + tail
    return b'\n'.join(content.split(b'\n')[:60]) + b'\n'


# Exports as people posted them: no mapping, one command

EARLY = 0.019371
"""Seconds before the video at which the sensors start."""
OFFSETS = {
    '01_xsens_dot_realtime/dot_wrap.csv': 4279.967296 + EARLY,
    '01_xsens_dot_realtime/dot_offline.csv': 2974.023062 + EARLY,
    '01_xsens_dot_realtime/dot_latin1.csv': 3343.444552 + EARLY,
    '02_xsens_mtw_txt/mtw_lost.txt': 0.017,
    '02_xsens_mtw_txt/mtw_wrap.txt': 0.017,
    # The first packet of three arrived 20 ms after its first sample.
    '04_metawear_bursts/RW_Accelerometer.csv': 1560463956.71 + EARLY,
    '07_polar/ACC.txt': 1546312803.217,
    '07_polar': 1546312803.217,
    '12_raw_counts/e4_ACC.csv': 1470000000 + EARLY,
}
SENSORS = {
    '01_xsens_dot_realtime/dot_wrap.csv': ('RW', 'acc quat', 1900),
    '01_xsens_dot_realtime/dot_offline.csv': ('RW', 'acc gyro quat', 1490),
    '02_xsens_mtw_txt/mtw_lost.txt': ('mtw_lost', 'acc gyro quat', 3900),
    '04_metawear_bursts/RW_Gyroscope.csv': ('RW', 'acc gyro', 590),
    '07_polar/GYRO.txt': ('polar', 'acc gyro', 590),
}


@pytest.mark.slow
@pytest.mark.parametrize('name', OFFSETS)
def test_offset_is_right_or_refused(name, tmp_path, capsys, monkeypatch):
    pose = shared_path('cases/_shared/pose.json')
    arguments = ['sync', '--imu', str(shared_path(f'cases/{name}'))]
    arguments += ['--placement', 'right_wrist', '--pose', str(pose)]
    arguments += ['--fps', '30', '--img-shape', '1080', '1920']
    arguments += ['--out-dir', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', ['mobind', *arguments])
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (None, 0, 1), capsys.readouterr().err
    found = json.loads((tmp_path / 'sync.json').read_text())
    assert found['abstained'] or (
        abs(found['offset_s'] - OFFSETS[name]) < 0.02
    )
    assert not found['abstained'] or name.startswith('12')


@pytest.mark.parametrize('name', SENSORS)
def test_sensors_of_the_file(name):
    sensor, channels, num = SENSORS[name]
    streams = read_imu_file(shared_path(f'cases/{name}'))
    (stream,) = streams.values()
    assert list(streams) == [sensor]
    assert sorted(stream.channels) == channels.split()
    assert stream.clock.num_samples >= num * 0.95
