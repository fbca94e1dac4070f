"""Folders of tables that nobody described."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from raw_devices import lines_of, motion, write_lines
from reader_fixtures import worn  # noqa: F401

from mobind_mm.apis.sources import to_imu
from mobind_mm.checks.inspection import inspect_path

NAMES = {
    'acc': 'time,x,y,z',
    'gyro': 'time,x,y,z',
    'both': 'time (s),' + ','.join(
        f'{kind}_{axis} ({unit})'
        for kind, unit in (('acc', 'm/s2'), ('gyro', 'rad/s'))
        for axis in 'xyz'
    ),
}  # fmt: skip


def write(path, m, kind='both', unit=1.0):
    values = {'acc': [m.acc], 'gyro': [m.gyro * unit]}
    values = values.get(kind, [m.acc, m.gyro])
    columns = [axis for channel in values for axis in channel.T]
    return write_lines(path, NAMES[kind], lines_of(m.times, *columns))


def same(stream, m):
    times = stream.clock.at()
    assert len(times) == len(m.times)
    for channel, truth in (('acc', m.acc), ('gyro', m.gyro)):
        wanted = np.stack([np.interp(times, m.times, x) for x in truth.T], 1)
        np.testing.assert_allclose(stream.channels[channel], wanted, atol=1e-4)
    return True


def read(folder, **given):
    return to_imu({'file': folder, **given}, placements_only=False)


@pytest.mark.parametrize('packed', [False, True])
def test_a_file_for_each_sensor(tmp_path, worn, packed):  # noqa: F811
    other = motion(2000, seed=1)
    folder = tmp_path / 'walk'
    write(folder / 'right_wrist.csv', worn)
    write(folder / 'B2.csv', other)
    (folder / 'notes.txt').write_text('subject 4\n')
    if packed:
        with zipfile.ZipFile(tmp_path / 'walk.zip', 'w') as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
        folder = tmp_path / 'walk.zip'
    streams = read(folder, placement={'B2': 'head'})
    assert {*streams} == {'right_wrist', 'head'}
    assert same(streams['right_wrist'], worn) and same(streams['head'], other)
    notes = ' '.join(streams['head'].notes)
    assert 'of no known device' in notes and "not read: 'notes.txt'" in notes


@pytest.mark.parametrize('unit', [1.0, 180 / np.pi])
@pytest.mark.parametrize(
    'files',
    [
        {'acc': 'acc.csv', 'gyro': 'gyro.csv'},
        {'acc': 'S1 Accelerometer.csv', 'gyro': 'S1 Gyroscope.csv'},
        {'acc': 'handAcc.csv', 'gyro': 'handGyr.csv'},
        {'acc': 'hand/d5l/10-00/acc.csv', 'gyro': 'hand/d5l/10-00/gyro.csv'},
        {'acc': 'P01-accl.csv', 'gyro': 'P01-gyro.csv'},
        {
            'acc': 'acc_walk_csv/acc_walk.csv',
            'gyro': 'gyr_walk_csv/Gyr_walk.csv',
        },
        {'acc': 'Accelerometer/walk.csv', 'gyro': 'Gyroscope/walk.csv'},
    ],
)
def test_a_file_for_each_channel(tmp_path, worn, files, unit):  # noqa: F811
    for kind, name in files.items():
        write(tmp_path / 'take' / name, worn, kind, unit)
    streams = read(tmp_path / 'take', placement='right_wrist')
    assert same(streams['right_wrist'], worn)
    notes = ' '.join(streams['right_wrist'].notes)
    assert 'channels of one sensor' in notes
    assert f'gyro is {"rad" if unit == 1.0 else "deg"}/s' in notes


def test_channels_of_sensors_in_folders(tmp_path, worn):  # noqa: F811
    other = motion(2000, seed=1)
    for place, m in (('right_wrist', worn), ('left_knee', other)):
        write(tmp_path / 'take' / place / 'data.csv', m)
    streams = read(tmp_path / 'take')
    assert same(streams['right_wrist'], worn)
    assert same(streams['left_knee'], other)


def test_channels_of_numbered_sensors(tmp_path, worn):  # noqa: F811
    other = worn.part(slice(None))
    other.acc, other.gyro = worn.acc[:, [1, 2, 0]], worn.gyro[:, [1, 2, 0]]
    for number, m in (('1', worn), ('2', other)):
        write(tmp_path / f'acc{number}.csv', m, 'acc')
        write(tmp_path / f'gyro{number}.csv', m, 'gyro')
        write(tmp_path / f'linear_acc{number}.csv', m, 'acc')
    streams = read(tmp_path)
    assert same(streams['1'], worn) and same(streams['2'], other)
    (tmp_path / 'acc2.csv').unlink()  # of nothing, its unit would be a guess
    (tmp_path / 'linear_acc2.csv').unlink()
    with pytest.raises(ValueError, match=r'gyro2.csv .*the unit of gyro'):
        read(tmp_path)


def test_parts_of_one_recording_or_several(tmp_path, worn):  # noqa: F811
    write(tmp_path / 'parts' / 'log_1.csv', worn.part(slice(900)))
    write(tmp_path / 'parts' / 'log_2.csv', worn.part(slice(900, None)))
    streams = read(tmp_path / 'parts', placement='head')
    assert same(streams['head'], worn)
    for name, rows in (('run', slice(900)), ('walk', slice(900, None))):
        write(tmp_path / 'takes' / f'{name}.csv', worn.part(rows))
    with pytest.raises(ValueError, match='recordings of different times'):
        read(tmp_path / 'takes')


def test_numbers_of_sensors_are_no_parts(tmp_path, worn):  # noqa: F811
    first, second = worn.part(slice(0, 1000)), worn.part(slice(1010, None))
    for number, part in enumerate((first, second), 1):
        write(tmp_path / 'parts' / f'log_{number}.csv', part)
        write(tmp_path / 'sensors' / f'sensor_{number}.csv', part)
    (stream,) = read(tmp_path / 'parts').values()
    assert len(stream.clock.at()) == 1990
    with pytest.raises(ValueError, match='recordings of different times'):
        read(tmp_path / 'sensors')


def test_what_is_shown_of_a_folder(tmp_path, worn):  # noqa: F811
    for name in ('band_A', 'band_B', 'more/deep'):
        write(tmp_path / f'{name}.csv', worn)
    facts = inspect_path(tmp_path)
    assert [*facts['sensors']] == ['band_A', 'band_B']
    notes = ' '.join(facts['notes'])
    assert "not read: 'more/'" in notes and 'band_B=NAME' in notes


def test_no_table_of_a_sensor(tmp_path):
    (tmp_path / 'notes.txt').write_text('subject 4\n')
    with pytest.raises(ValueError, match=r"no table of a sensor \('notes.txt"):
        read(tmp_path)


def test_parts_of_several_sensors_in_a_file(tmp_path, worn):  # noqa: F811
    other = motion(2000, seed=1)
    names = ','.join(
        f'{place}_{name}'
        for place in ('right_wrist', 'left_wrist')
        for name in NAMES['both'].split(',')[1:]
    )
    for number, rows in ((1, slice(900)), (2, slice(900, None))):
        parts = [m.part(rows) for m in (worn, other)]
        axes = [x for m in parts for c in (m.acc, m.gyro) for x in c.T]
        lines = lines_of(parts[0].times, *axes)
        write_lines(tmp_path / f'log_{number}.csv', f'time (s),{names}', lines)
    streams = read(tmp_path)
    assert {*streams} == {'right_wrist', 'left_wrist'}
    assert same(streams['right_wrist'], worn)
    assert same(streams['left_wrist'], other)


def test_rotation_in_doubt_of_several_sensors(tmp_path, worn):  # noqa: F811
    names = [f'{p}_gyro_{x}' for p in ('knee', 'foot') for x in 'xyz']
    lines = lines_of(worn.times, *worn.gyro.T, *worn.gyro.T)
    write_lines(tmp_path / 'both.csv', ','.join(['time (s)', *names]), lines)
    write(tmp_path / 'head.csv', worn)
    with pytest.raises(ValueError, match='the unit of gyro of knee'):
        read(tmp_path)


def test_tables_of_one_name_and_others_beside(tmp_path, worn):  # noqa: F811
    other = motion(2000, seed=1)
    write(tmp_path / 'log.csv', worn)
    write(tmp_path / 'log.txt', other)
    events = ['1.0,jump', '2.0,walk']
    write_lines(tmp_path / 'events.csv', 'time,label', events)
    streams = read(tmp_path)
    assert same(streams['log.csv'], worn) and same(streams['log.txt'], other)
    assert "not read: 'events.csv'" in streams['log.csv'].notes[1]


@pytest.mark.parametrize('packed', [False, True])
def test_folders_beside_a_text(tmp_path, worn, packed):  # noqa: F811
    folder = tmp_path / 'take'
    write(folder / 'head' / 'data.csv', worn)
    write(folder / 'left_knee' / 'new' / 'data.csv', worn)
    (folder / 'README.txt').write_text('subject 4\n')
    if packed:
        with zipfile.ZipFile(tmp_path / 'take.zip', 'w') as archive:
            for file in filter(Path.is_file, folder.rglob('*')):
                archive.write(file, file.relative_to(tmp_path))
        folder = tmp_path / 'take.zip'
    streams = read(folder)
    assert len(streams) == 2 and same(streams['head'], worn)


def test_more_tables_than_are_read(tmp_path):
    for number in range(41):
        (tmp_path / f'{number}.csv').touch()
    with pytest.raises(ValueError, match='holds more than 40 tables'):
        read(tmp_path)
