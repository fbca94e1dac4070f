"""IMU and skeleton tables: every spelling gives the same recording."""

import copy
import datetime
import itertools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from raw_tables import (
    SENSOR,
    mmpose_frames,
    people,
    pose_columns,
    sensor_columns,
    times_of,
    write_csv,
    write_skeletons,
)
from scipy.spatial.transform import Rotation

from mobind_mm.readers.dates import parse_date
from mobind_mm.readers.dialects import Dialect
from mobind_mm.readers.headers import Head, head
from mobind_mm.readers.keys import check_keys
from mobind_mm.readers.mapping import Sensor, Skeleton
from mobind_mm.readers.parquet import read_parquet
from mobind_mm.readers.sensors import read_sensors
from mobind_mm.readers.skeletons import read_skeleton
from mobind_mm.readers.tables import read_table


@pytest.fixture(scope='module')
def recording():
    (recording,) = people()
    return recording


def spec(**changes):
    changed = copy.deepcopy(SENSOR)
    for key, value in changes.items():
        if isinstance(value, dict):
            changed[key] = {**changed.get(key, {}), **value}
        else:
            changed[key] = value
        if value is None:
            del changed[key]
    return changed


def read_imu_tables(imu, root):
    sensors = {
        name: check_keys(Sensor, keys, f'imu.{name}')
        for name, keys in imu.items()
    }
    for name, sensor in sensors.items():
        sensor.check(f'imu.{name}')
    return read_sensors(sensors, root)


def read_pose_source(source, root):
    keys = check_keys(Skeleton, source, 'pose')
    keys.check('pose')
    return read_skeleton(keys, root)


def read(root, **changes):
    imu = {'left_wrist': spec(**changes)}
    return read_imu_tables(imu, root)['left_wrist']


def check_same(found, expected, time_atol=1e-9):
    np.testing.assert_allclose(
        times_of(found), times_of(expected), rtol=0, atol=time_atol
    )
    assert set(found.channels) == set(expected.channels)
    for name, values in expected.channels.items():
        assert found.channels[name].dtype == np.float32
        np.testing.assert_allclose(
            found.channels[name], values[:], rtol=1e-5, atol=1e-6, err_msg=name
        )
    assert (found.gravity, found.frame) == (expected.gravity, expected.frame)


UNITS = list(
    itertools.product(
        ('m/s2', 'g', 'mg'),
        ('rad/s', 'deg/s'),
        ('wxyz', 'xyzw'),
        ('sensor_to_world', 'world_to_sensor'),
    )
)


@pytest.mark.parametrize(('acc', 'gyro', 'order', 'direction'), UNITS)
def test_units_and_quaternions(
    recording, tmp_path, acc, gyro, order, direction
):
    stream = recording.imu['left_wrist']
    write_csv(
        tmp_path / 'imu.csv',
        sensor_columns(stream, acc, gyro, order, direction),
    )
    found = read(
        tmp_path,
        columns={'quat': [f'q{letter}' for letter in order]},
        units={'acc': acc, 'gyro': gyro},
        quat_order=order,
        quat_direction=direction,
    )
    check_same(found, stream)


@pytest.mark.parametrize(
    ('unit', 'factor'), [('s', 1), ('ms', 1e3), ('us', 1e6), ('ns', 1e9)]
)
@pytest.mark.parametrize('start', [0.0, 1714557600.0])
def test_time_units_and_epochs(recording, tmp_path, unit, factor, start):
    stream = recording.imu['head']
    columns = sensor_columns(stream)
    columns['t'] = (times_of(stream) + start) * factor
    write_csv(tmp_path / 'imu.csv', columns)
    found = read(tmp_path, units={'time': unit})
    np.testing.assert_allclose(
        times_of(found) - start, times_of(stream), rtol=0, atol=1e-6
    )
    later = read(tmp_path, units={'time': unit}, start_s=2.5)
    np.testing.assert_allclose(
        times_of(later) - 2.5, times_of(found), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ('zone', 'hours'), [('Z', 0), ('', 0), ('+02:00', 2), ('-0530', -5.5)]
)
def test_dates(recording, tmp_path, zone, hours):
    """Dates written by the standard library are the seconds they are of."""
    stream = recording.imu['head']
    begin = datetime.datetime(2024, 2, 29, 23, 59, 58, 250000)
    times = np.arange(len(times_of(stream))) / 100
    columns = sensor_columns(stream)
    columns['t'] = [
        (begin + datetime.timedelta(seconds=t)).isoformat(sep=' ') + zone
        for t in times
    ]
    write_csv(tmp_path / 'imu.csv', columns)
    found = read(tmp_path, units={'time': None})
    utc = begin.replace(tzinfo=datetime.timezone.utc).timestamp()
    expected = utc - hours * 3600 + times
    np.testing.assert_allclose(times_of(found), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    'text',
    ['2024-13-01T00:00:00', '2024-02-30 00:00', '2024-01-01', '12:00', 'x'],
)
def test_what_is_no_date(text):
    assert parse_date(text) is None


DIALECTS = {
    'crlf': dict(newline='\r\n'),
    'old mac': dict(newline='\r'),
    'bom': dict(bom=True),
    'utf-16': dict(encoding='utf-16'),
    'semicolon': dict(delimiter=';'),
    'semicolon, decimal comma': dict(delimiter=';', decimal=','),
    'tab': dict(delimiter='\t'),
    'tab, decimal comma': dict(delimiter='\t', decimal=','),
    'pipe': dict(delimiter='|'),
    'space': dict(delimiter=' '),
    'lines before': dict(before=['DeviceTag:,D4', 'Rate: 60 Hz', '']),
    'sep line': dict(before=['sep=;'], delimiter=';', newline='\r\n'),
}


@pytest.mark.parametrize('dialect', DIALECTS.values(), ids=DIALECTS)
def test_dialects_are_found(recording, tmp_path, dialect):
    stream = recording.imu['left_wrist']
    write_csv(tmp_path / 'imu.csv', sensor_columns(stream), **dialect)
    check_same(read(tmp_path), stream)


def test_dialects_that_are_named(recording, tmp_path):
    stream = recording.imu['left_wrist']
    columns = sensor_columns(stream)
    units = '\t'.join(['s', *['m/s2'] * 3, *['rad/s'] * 3, *['1'] * 4])
    write_csv(
        tmp_path / 'imu.csv', columns, '\t', ',', before=['t'], after=[units]
    )
    named = dict(delimiter='\t', decimal=',', header=2, skip_rows=1)
    check_same(read(tmp_path, **named), stream)
    # Without names, columns go by number.
    write_csv(tmp_path / 'imu.csv', columns, header=False, after=['# made'])
    numbered = dict(time=1, acc=[2, 3, 4], gyro=[5, 6, 7], quat=[8, 9, 10, 11])
    check_same(read(tmp_path, columns=numbered, header=0, skip_rows=1), stream)


def test_thousands_are_no_decimals(tmp_path):
    path = tmp_path / 'imu.csv'
    keys = dict(
        file='imu.csv',
        columns={'time': 't', 'acc': ['x', 'y', 'z']},
        units={'time': 'ms', 'acc': 'mg'},
        gravity='included',
        frame='sensor',
    )

    def read(root, **more):
        return read_imu_tables({'head': {**keys, **more}}, root)['head']

    path.write_text('t;x;y;z\n0;1,024;1,000;-9,810\n10;1,024;1,000;980\n')
    with pytest.raises(ValueError, match="row 2: .*'-9,810'.* decimal: ','"):
        read(tmp_path)
    said = read(tmp_path, decimal=',')
    assert said.channels['acc'][0, 0] == pytest.approx(1.024 * 9.80665e-3)
    # One cell that can only be a decimal comma settles it.
    path.write_text('t;x;y;z\n0;1,024;1,000;-9,81\n10;1,024;1,000;980\n')
    found = read(tmp_path)
    assert found.channels['acc'][0, 0] == said.channels['acc'][0, 0]


def test_frame_and_gravity_are_those_of_the_mapping(recording, tmp_path):
    write_csv(tmp_path / 'imu.csv', sensor_columns(recording.imu['head']))
    found = read(tmp_path, frame='world', gravity='removed')
    assert (found.frame, found.gravity) == ('world', False)


def test_negated_and_swapped_columns(recording, tmp_path):
    stream = recording.imu['left_wrist']
    columns = sensor_columns(stream)
    columns['acc_y'] = -columns['acc_y']
    columns['gyro_x'], columns['gyro_z'] = (
        columns['gyro_z'],
        -columns['gyro_x'],
    )
    write_csv(tmp_path / 'imu.csv', columns)
    named = dict(
        acc=['acc_x', '-acc_y', 'acc_z'], gyro=['-gyro_z', 'gyro_y', 'gyro_x']
    )
    check_same(read(tmp_path, columns=named), stream)


def test_rate_instead_of_times(recording, tmp_path):
    stream = recording.imu['left_wrist']
    columns = sensor_columns(stream)
    write_csv(tmp_path / 'imu.csv', columns)
    start = float(times_of(stream)[0])
    regular = dict(columns={'time': None}, rate=100, start_s=start)
    found = read(tmp_path, **regular)
    assert found.clock.rate == 100 and found.clock.times is None
    check_same(found, stream)
    # Missing rows leave a gap: what follows keeps its time.
    for row in (10, 11, 50):
        columns['gyro_y'][row] = np.nan
    write_csv(tmp_path / 'imu.csv', columns)
    found = read(tmp_path, **regular)
    kept = np.delete(np.arange(len(columns['t'])), [10, 11, 50])
    np.testing.assert_allclose(times_of(found), times_of(stream)[kept])
    np.testing.assert_allclose(
        found.channels['acc'], stream.channels['acc'][kept], atol=1e-6
    )
    (note,) = found.notes
    assert f'3 of {len(columns["t"])} rows' in note


@pytest.mark.parametrize('empty', ['', 'NaN', 'nan', 'NA', 'null', ' '])
def test_empty_cells_are_gaps(recording, tmp_path, empty):
    stream = recording.imu['left_wrist']
    columns = {
        k: [*map(repr, v.tolist())] for k, v in sensor_columns(stream).items()
    }
    columns['acc_z'][7] = columns['qw'][9] = columns['t'][20] = empty
    write_csv(tmp_path / 'imu.csv', columns)
    found = read(tmp_path)
    kept = np.delete(np.arange(len(columns['t'])), [7, 9, 20])
    np.testing.assert_allclose(times_of(found), times_of(stream)[kept])


def test_jitter_and_gaps_are_kept(tmp_path):
    (recording,) = people(imu_jitter=0.0008)
    stream = recording.imu['left_wrist']
    columns = sensor_columns(stream)
    kept = np.r_[0:100, 250 : len(columns['t'])]
    write_csv(tmp_path / 'imu.csv', {k: v[kept] for k, v in columns.items()})
    found = times_of(read(tmp_path))
    np.testing.assert_allclose(found, times_of(stream)[kept], atol=1e-9)
    assert np.diff(found).max() > 1.4 and np.diff(found)[:50].std() > 3e-4


def test_wide_and_long_tables(recording, tmp_path):
    placements = ('left_wrist', 'right_wrist', 'head')
    wide, long = {}, {'id': []}
    for number, placement in enumerate(placements, 1):
        stream = recording.imu[placement]
        one = sensor_columns(stream, prefix=f'{placement}.')
        wide.update(one)
        for name, values in sensor_columns(stream).items():
            long.setdefault(name, []).extend(values)
        long['id'] += [f'S{number}'] * len(times_of(stream))
    write_csv(tmp_path / 'wide.csv', wide)
    # Samples of the sensors take turns.
    order = np.argsort(long['t'], kind='stable')
    long = {name: [values[i] for i in order] for name, values in long.items()}
    write_csv(tmp_path / 'long.csv', long)
    imu_wide, imu_long = {}, {}
    for number, placement in enumerate(placements, 1):
        columns = {
            key: f'{placement}.{names}'
            if isinstance(names, str)
            else [f'{placement}.{name}' for name in names]
            for key, names in SENSOR['columns'].items()
        }
        imu_wide[placement] = spec(file='wide.csv', columns=columns)
        imu_long[placement] = spec(file='long.csv', where={'id': f'S{number}'})
    for imu in (imu_wide, imu_long):
        found = read_imu_tables(imu, tmp_path)
        assert list(found) == list(placements)
        for placement in placements:
            check_same(found[placement], recording.imu[placement])


def test_channels_in_several_files(recording, tmp_path):
    """Sine waves sampled at other times come back as what they are."""

    def wave(times):
        return np.stack([np.sin(3 * times + k) for k in range(3)], axis=1)

    def turn(times):
        axis = np.array([0.36, 0.48, 0.8])
        turned = Rotation.from_rotvec(2 * times[:, None] * axis)
        return np.roll(turned.as_quat(), 1, axis=1)

    clocks = {
        'acc': np.arange(0.0, 4.0, 0.01),
        'gyro': np.arange(0.013, 3.7, 0.005),
        'quat': np.delete(np.arange(-0.103, 5.0, 0.02), np.s_[60:90]),
    }
    made = {'acc': wave, 'gyro': wave, 'quat': turn}
    parts = []
    for name, times in clocks.items():
        values = made[name](times)
        if name == 'quat':
            values[1::2] *= -1  # the same orientations
        names = [f'v{k}' for k in range(values.shape[1])]
        columns = {'t': times, **dict(zip(names, values.T))}
        write_csv(tmp_path / f'{name}.csv', columns)
        parts.append(
            {'file': f'{name}.csv', 'columns': {'time': 't', name: names}}
        )
    sensor = spec(file=None, columns=None, parts=parts)
    found = read_imu_tables({'head': sensor}, tmp_path)['head']
    times = times_of(found)
    first, last = -0.103 + 59 * 0.02, -0.103 + 90 * 0.02
    inside = (clocks['acc'] >= 0.013) & (clocks['acc'] <= clocks['gyro'][-1])
    inside &= (clocks['acc'] <= first) | (clocks['acc'] >= last)
    np.testing.assert_allclose(times, clocks['acc'][inside])
    lost = len(inside) - inside.sum()
    gap, left_out = found.notes
    assert 'quat.csv: 30 samples are missing' in gap
    assert f'{lost} of {len(inside)} samples' in left_out
    np.testing.assert_array_equal(
        found.channels['acc'], wave(times).astype(np.float32)
    )
    np.testing.assert_allclose(found.channels['gyro'], wave(times), atol=3e-5)
    same = np.abs((found.channels['quat'] * turn(times)).sum(axis=1))
    np.testing.assert_allclose(same, 1, atol=1e-6)


@pytest.mark.parametrize('suffix', ['parquet', 'pq'])
def test_parquet(recording, tmp_path, suffix):
    arrow = pytest.importorskip('pyarrow')
    parquet = pytest.importorskip('pyarrow.parquet')
    stream = recording.imu['left_wrist']
    columns = sensor_columns(stream)
    path = tmp_path / f'imu.{suffix}'
    columns['id'] = ['a', 'b'] * (len(columns['t']) // 2)
    parquet.write_table(arrow.table(columns), path)
    check_same(read(tmp_path, file=path.name), stream)
    half = times_of(read(tmp_path, file=path.name, where={'id': 'b'}))
    np.testing.assert_allclose(half, times_of(stream)[1::2])
    # Integers, float32, missing values, times of day.
    micro = np.round(times_of(stream) * 1e6).astype('int64') + 10**15
    columns['t'] = arrow.array(micro, arrow.timestamp('us', 'UTC'))
    columns['qw'] = arrow.array([None, *columns['qw'][1:]], arrow.float32())
    parquet.write_table(arrow.table(columns), path)
    found = read(tmp_path, file=path.name, units={'time': None})
    np.testing.assert_allclose(
        times_of(found) - 1e9, times_of(stream)[1:], rtol=0, atol=2e-6
    )


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    (tmp_path / 'imu.parquet').write_bytes(b'PAR1')
    with pytest.raises(ImportError, match=r'imu\.parquet.*install pyarrow'):
        read(tmp_path, file='imu.parquet')


def break_cell(column, row, value):
    def change(columns):
        columns[column] = [*columns[column]]
        columns[column][row] = value

    return change


@pytest.mark.parametrize('value', [0.0, 99999.0])
def test_quaternions_that_stand_for_none(recording, tmp_path, value):
    columns = sensor_columns(recording.imu['left_wrist'])
    for letter in 'wxyz':
        columns[f'q{letter}'][:30:10] = value
    write_csv(tmp_path / 'imu.csv', columns)
    found = read(tmp_path)
    assert len(found.channels['quat']) == len(columns['t']) - 3
    assert any('3 rows' in n and 'norm' in n for n in found.notes)


def not_unit(columns):
    columns['qx'][12] += 0.7


# The header is row 1, so sample i is in row i + 2.
BAD_CELLS = [
    (break_cell('acc_x', 5, 'oops'), r"row 7: column 'acc_x' has 'oops'"),
    (break_cell('acc_x', 5, '1_0'), r"row 7: column 'acc_x' has '1_0'"),
    (break_cell('acc_x', 5, '0x10'), r"row 7.*'0x10'"),
    (break_cell('acc_x', 5, 'inf'), r"row 7.*'inf'"),
    (break_cell('qw', 0, '1e999'), r"row 2: column 'qw' has '1e999'.*finite"),
    (break_cell('t', 3, 'noon'), r"row 5: column 't' has 'noon'"),
    (break_cell('t', 3, '2024-05-01T10:00:00Z'), r'row 5.*2024'),
    (not_unit, r'row 14: the norm of the quaternion'),
]


@pytest.mark.parametrize(('change', 'message'), BAD_CELLS)
def test_bad_cells_are_named(recording, tmp_path, change, message):
    columns = sensor_columns(recording.imu['left_wrist'])
    change(columns)
    path = write_csv(tmp_path / 'imu.csv', columns)
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(f'imu.left_wrist: {path}, ')
    assert '\n' not in str(caught.value)


BAD_FILES = {
    'empty': (b'', 'is empty'),
    'header only': (b't,a,b,c\n', 'has no rows'),
    'cut row': (b't,a,b,c\n0,1,2,3\n1,1,2\n', r'row 3: 3 cells.*expected 4'),
    'long row': (b't,a,b,c\n0,1,2,3,4\n', r'row 2: 5 cells'),
    'decimal comma': (b't,a,b,c\n0,1,1,5,2,0\n', 'row 2: 6 cells.*decimal'),
    'latin-1': (b't,a,b,c\n0,1,2,\xb0\n', r"row 2: column 'c' has '°'"),
    'no text': (b't,a,b,c\n0,1,2,\x81\n', r'not text in UTF-8 \(row 2\)'),
    'nul': (b't,a,b,c\n0,1,\x00,3\n', r'row 2'),
    'twice': (b't,a,a,b,c\n0,1,2,3,4\n', r"row 1: column 'a' is there 2"),
    'other names': (
        b't,A,B,C\n0,1,2,3\n',
        r"no column 'a'; row 1 has 't', 'A",
    ),
    'open quote': (b't,a,b,c\n0,1,2,"3\n' + b'1,1,1,1\n' * 9, r'row'),
    'no value': (b't,a,b,c\n0,1,2,\n', 'every row has an empty cell'),
}


@pytest.mark.parametrize(
    ('content', 'message'), BAD_FILES.values(), ids=BAD_FILES
)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / 'imu.csv'
    path.write_bytes(content)
    columns = dict(time='t', acc=['a', 'b', 'c'], gyro=None, quat=None)
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, columns=columns)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


WHOLE = b't,a,b,c\n' + b''.join(b'%d,1,2,-3\n' % i for i in range(20))
ODD_FILES = {
    'power lost': (WHOLE + b'20,1,2,' + b'\0' * 99, 20, 'NULs.*first 22'),
    'and found again': (WHOLE[:-2] + b'\0' * 99 + WHOLE[8:], 38, 'NULs'),
    'cut at the end': (WHOLE + b'20,1,-', 20, 'row, 22, is cut'),
    'marked twice': (b'\xef\xbb\xbf' * 2 + WHOLE, 20, ''),
    'units': (WHOLE[:8] + b's,m/s^2,m/s^2,g\n' + WHOLE[8:], 20, "row 2.*'g'"),
    'two rows of units': (
        WHOLE[:8] + b's,g,,\n,a,b,c\n' + WHOLE[8:],
        20,
        "'s",
    ),
    'a blank row': (WHOLE[:8] + b'\n' + WHOLE[8:], 20, ''),
    'units below one': (WHOLE[:8] + b'\ns,g,,\n' + WHOLE[8:], 20, "row 3.*'s"),
    'spellings of none': (WHOLE + b'20,-nan(ind),--,#N/A\n', 21, ''),
}


@pytest.mark.parametrize(
    ('content', 'rows', 'note'), ODD_FILES.values(), ids=ODD_FILES
)
def test_odd_files_are_read_with_a_note(tmp_path, content, rows, note):
    path = tmp_path / 'a.csv'
    path.write_bytes(content)
    table = read_table(path, ['a', 'b', 'c'], ['t'])
    assert len(table) == rows
    assert (table.numbers['c'][:20] == -3).all()
    assert re.search(note, ''.join(table.notes))
    assert bool(note) == bool(table.notes)
    assert head(path).lstrip().startswith('t,a,b,c')


def test_long_files_are_read_in_pieces(tmp_path):
    rows = 20_000
    values = np.arange(rows) / 128
    path = write_csv(tmp_path / 'a.csv', {'t': values, 'x': -values})
    table = read_table(path, ['x'], ['t'], dialect=Dialect())
    np.testing.assert_array_equal(table.numbers['x'], -values)
    np.testing.assert_array_equal(table.lines, np.arange(rows) + 2)


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'score': None},
        {'units': {'keypoints': 'fraction'}},
        {'time': None, 'rate': 30.0},
        {'keypoint_names': {'left_wrist': 'LWRI'}},
        {'drop': ('left_eye', 'right_eye')},
    ],
    ids=str,
)
def test_pose_tables(recording, tmp_path, changes):
    pose = recording.pose
    scores, keypoints = pose.scores[:].copy(), pose.keypoints[:].copy()
    height, width = pose.img_shape
    columns = pose_columns(
        pose,
        score='{}_score' if changes.get('score', 1) else None,
        scale=(width, height) if 'units' in changes else (1, 1),
    )
    for name, other in changes.get('keypoint_names', {}).items():
        columns = {k.replace(name, other): v for k, v in columns.items()}
    named = dict(x='{keypoint}_x', y='{keypoint}_y', score='{keypoint}_score')
    if 'score' in changes:
        del named['score']
        scores = (scores > 0).astype(np.float32)
    start = float(times_of(pose)[0])
    source = dict(
        file='pose.csv',
        format='table',
        layout='coco',
        img_shape=list(pose.img_shape),
        columns=named,
        units={'time': 's', **changes.get('units', {})},
    )
    if 'rate' in changes:
        source.update(rate=30.0, start_s=start)
    else:
        named['time'] = 't'
    if 'keypoint_names' in changes:
        source['keypoint_names'] = changes['keypoint_names']
    for name in changes.get('drop', ()):
        columns = {k: v for k, v in columns.items() if name not in k}
    scores[:, [1, 2]] *= 'drop' not in changes
    write_csv(tmp_path / 'pose.csv', columns, newline='\r\n')
    found = read_pose_source(source, tmp_path)
    np.testing.assert_allclose(times_of(found), times_of(pose), atol=1e-9)
    np.testing.assert_allclose(found.scores, scores)
    keypoints[scores == 0] = 0
    np.testing.assert_allclose(found.keypoints, keypoints, atol=1e-3)
    assert (found.layout, found.img_shape) == ('coco', pose.img_shape)
    assert bool(found.notes) == ('drop' in changes)


def test_mmpose_json_from_frame_one(recording, tmp_path):
    import json

    pose = recording.pose
    path = tmp_path / 'pose.json'
    path.write_text(json.dumps(mmpose_frames(pose, first=1)))
    source = dict(
        file='pose.json',
        format='mmpose',
        img_shape=list(pose.img_shape),
        rate=30,
        start_s=1.5,
    )
    found = read_pose_source(source, tmp_path)
    assert found.clock.span[0] == 1.5 and found.clock.rate == 30
    np.testing.assert_allclose(found.keypoints, pose.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.scores, pose.scores, atol=1e-6)


def test_mmaction_pickle(tmp_path):
    two = people(num=2, people=(2, 2))
    streams = [recording.pose for recording in two]
    # The first is away for half the time, the second is taller on screen.
    half = len(streams[0].scores) // 2
    scores = streams[0].scores[:].copy()
    scores[:half] = 0
    keypoints = streams[1].keypoints[:] * 0.5
    first = streams[0].__class__(
        streams[0].clock, streams[0].keypoints, scores, 'coco', (1080, 1920)
    )
    second = first.__class__(
        streams[1].clock, keypoints, streams[1].scores, 'coco', (1080, 1920)
    )
    write_skeletons(tmp_path / 'all.pkl', {'a': [first, second]})
    source = dict(file='all.pkl', format='mmaction', name='a', rate=30)
    by_rule = {
        rule: read_pose_source({**source, 'person': rule}, tmp_path)
        for rule in ('longest', 'largest', 0, 1)
    }
    for rule, stream in zip(
        ('longest', 1, 'largest', 0), (second, second, first, first)
    ):
        np.testing.assert_array_equal(by_rule[rule].scores, stream.scores)
        np.testing.assert_array_equal(
            by_rule[rule].keypoints,
            np.where(stream.scores[:][..., None] > 0, stream.keypoints, 0),
        )
    assert by_rule[0].img_shape == (1080, 1920)
    with pytest.raises(ValueError, match=r'no person 2; there are 0, 1'):
        read_pose_source({**source, 'person': 2}, tmp_path)
    with pytest.raises(ValueError, match=r"frame_dir 'b'.*It has 1: a"):
        read_pose_source({**source, 'name': 'b'}, tmp_path)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoint': np.zeros((1, 9, 25, 3))}, r'\(1, 9, 25, 3\)'),
        ({'keypoint': [['a']]}, 'keypoint is list'),
        ({'keypoint': [[1.0]]}, r'keypoint has shape \(1, 1\)'),
        ({'keypoint_score': np.zeros((1, 2, 17))}, r'\(1, 2, 17\)'),
        ({'keypoint_score': None, 'img_shape': None}, 'no img_shape'),
        ({'img_shape': 'large'}, "img_shape is 'large'"),
        ({'total_frames': 7}, 'total_frames is 7'),
        ({'frame_dir': 5}, 'annotation 0 has frame_dir 5'),
    ],
)
def test_bad_mmaction_pickles(recording, tmp_path, changes, message):
    write_skeletons(tmp_path / 'a.pkl', {'a': [recording.pose]}, **changes)
    source = dict(file='a.pkl', format='mmaction', name='a', rate=30)
    with pytest.raises(ValueError, match=message) as caught:
        read_pose_source(source, tmp_path)
    assert str(tmp_path / 'a.pkl') in str(caught.value)


@pytest.mark.parametrize(
    ('unit', 'factor'), [('uT', 1), ('mT', 1e-3), ('gauss', 1e-2)]
)
def test_magnetometers(tmp_path, unit, factor):
    field = np.random.default_rng(0).normal(0, 30, (50, 3))  # uT
    columns = dict(zip('txyz', [np.arange(50) / 50, *(field * factor).T]))
    write_csv(tmp_path / 'mag.csv', columns)
    sensor = {
        'file': 'mag.csv',
        'columns': {'time': 't', 'mag': ['x', 'y', 'z']},
        'units': {'time': 's', 'mag': unit},
    }
    found = read_imu_tables({'head': sensor}, tmp_path)['head']
    np.testing.assert_allclose(found.channels['mag'], field, rtol=1e-5)


def test_rows_where_several_columns_fit(tmp_path):
    columns = {
        'x': np.arange(8.0),
        'id': ['a', 'a', 'b', 'b'] * 2,
        'valid': ['1.0', '0.0'] * 4,
    }
    path = write_csv(tmp_path / 'a.csv', columns)
    table = read_table(path, ['x'], where={'id': 'b', 'valid': '1'})
    np.testing.assert_array_equal(table.numbers['x'], [2, 6])
    np.testing.assert_array_equal(table.lines, [4, 8])


def test_a_number_that_ends_in_a_comma():
    """Found by the soak: a Polar file's 59962800322000000, raised."""
    rows = (('5,',), ('1.5',), ('x',), ('1,234.5',))
    head = Head(Path('polar.txt'), 1, ';', ('t',), (), (), rows)
    assert head.values(0) == [5.0, 1.5]


def test_a_text_of_parquet_is_held_once(tmp_path):
    pyarrow = pytest.importorskip('pyarrow')
    from pyarrow import parquet

    path = tmp_path / 'a.parquet'
    texts = ['x' * 1000, None, ' b ', 'x' * 1000]
    table = {'t': texts, 'k': pyarrow.array(texts).dictionary_encode()}
    parquet.write_table(pyarrow.table(table), path)
    for values in read_parquet(path, ['t', 'k'])[1].values():
        assert values.tolist() == ['x' * 1000, '', 'b', 'x' * 1000]
        assert values[0] is values[3]  # 2 GB of a file of 200 kB
