"""What a file is, and a first mapping of a table that nobody knows."""

import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from deliberate import recordings

from mobind_mm.apis.study.files import Options, find_sources
from mobind_mm.checks.guessed_mapping import to_yaml
from mobind_mm.checks.guessing import guess_mapping
from mobind_mm.checks.inspection import describe_facts, inspect_path
from mobind_mm.readers.column_names import parse_column
from mobind_mm.readers.files import load_people, write_imu_table
from mobind_mm.readers.sensors import read_imu_file
from mobind_mm.recordings import write_imu, write_pose

G = 9.80665
DEG = 180 / np.pi


@pytest.fixture(scope='module')
def right():
    """A recording of 30 s with a sensor on the left wrist."""
    found = recordings(('left_wrist',), take_sec=30.0, num_takes=1)
    return next(iter(found.values()))


def write(path, right, names, acc=1.0, gyro=1.0, time=lambda t: t, above=()):
    """A table with columns of other names and units."""
    stream = right.imu['left_wrist']
    columns = [time(stream.clock.at())[:, None]]
    columns += [stream.channels['acc'] * acc, stream.channels['gyro'] * gyro]
    table = np.concatenate(columns, axis=1)[:, : len(names)]
    mark = ';' if ';' in ''.join(above) else ','
    lines = [*above, mark.join(names)]
    lines += [mark.join(f'{x:.15g}' for x in row) for row in table.tolist()]
    path.write_text('\n'.join(lines))
    return path


AX = ('ax', 'ay', 'az', 'gx', 'gy', 'gz')


@pytest.mark.parametrize(
    ('names', 'options', 'expected'),
    [
        (('t', *AX), {}, dict(time='s', acc='m/s2', gyro='rad/s')),
        (
            (
                'millis',
                *(f'Acc_{x}' for x in 'XYZ'),
                'Gyr_X',
                'Gyr_Y',
                'Gyr_Z',
            ),
            dict(acc=1 / G, gyro=DEG, time=lambda t: 1000 * t),
            dict(time='ms', acc='g', gyro='deg/s'),
        ),
        (
            ('time', 'X [mg]', 'Y [mg]', 'Z [mg]'),
            dict(acc=1000 / G, time=lambda t: 1e6 * t),
            dict(time='us', acc='mg'),
        ),
        (
            ('epoch', 'accelX', 'accelY', 'accelZ'),
            dict(acc=16384 / G, time=lambda t: np.round(1e3 * (1.7e9 + t))),
            dict(time='ms', acc='1/16384 g'),
        ),
        (
            ('timestamp', *AX),
            dict(gyro=DEG, above=('device;7', 'rate;100')),
            dict(time='s', acc='m/s2', gyro='deg/s'),
        ),
    ],
)
def test_units_of_a_table_are_guessed(
    tmp_path, right, names, options, expected
):
    path = write(tmp_path / 'log.csv', right, names, **options)
    guess = guess_mapping(path)
    units = guess.mapping['units']
    assert units.keys() == expected.keys()
    for name, unit in expected.items():
        assert units[name] == unit
    text = to_yaml(guess, path)
    content = yaml.safe_load(text)
    assert content == guess.mapping
    assert 'units:' in text and '# guess: ' in text
    content['placement'] = 'left_wrist'
    stream = read_imu_file(path, content)['left_wrist']
    expected_acc = right.imu['left_wrist'].channels['acc']
    assert len(stream.channels['acc']) == len(expected_acc)
    np.testing.assert_allclose(
        stream.channels['acc'], expected_acc, rtol=1e-3, atol=1e-2
    )
    if 'gyro' in stream.channels:
        np.testing.assert_allclose(
            stream.channels['gyro'],
            right.imu['left_wrist'].channels['gyro'],
            rtol=1e-3,
            atol=1e-2,
        )


@pytest.mark.parametrize(
    ('name', 'kind', 'axis', 'sensor'),
    [
        ('right_wrist_acc_x', 'acc', 'x', 'right_wrist'),
        ('accelerationX', 'acc', 'x', ''),
        ('Gyroscope y (deg/s)', 'gyro', 'y', ''),
        ('rotationRateZ', 'gyro', 'z', ''),
        ('GyrX', 'gyro', 'x', ''),
        ('Quat_q0', 'quat', '0', ''),
        ('qw', 'quat', 'w', ''),
        ('x-axis (g)', '', 'x', ''),
        ('mz', 'mag', 'z', ''),
        ('gravityX', 'gravity', 'x', ''),
    ],
)
def test_names_of_columns(name, kind, axis, sensor):
    column = parse_column(name)
    assert (column.kind, column.axis) == (kind, axis)
    if kind:
        assert column.sensor == sensor


@pytest.mark.parametrize('name', ['time', 'Temperature', 'heart_rate', ''])
def test_names_that_say_nothing(name):
    assert parse_column(name) is None


def test_files_of_ours(tmp_path, right):
    write_imu(tmp_path / 'imu.safetensors', right.imu)
    write_pose(tmp_path / 'pose.safetensors', right.pose)
    stream = right.imu['left_wrist']
    write_imu_table(tmp_path / 'imu.csv', right.imu, stream.clock.at())
    for name in ('imu.safetensors', 'imu.csv'):
        facts = inspect_path(tmp_path / name)
        assert facts['use'] == '--imu' and not facts['problem']
        sensor = facts['sensors']['left_wrist']
        assert sensor['rate_hz'] == pytest.approx(stream.clock.mean_rate)
        assert sensor['samples'] == stream.clock.num_samples
        assert facts['findings'] == []
    facts = inspect_path(tmp_path / 'pose.safetensors')
    assert facts['use'] == '--pose'
    (person,) = facts['people'].values()
    assert person['layout'] == right.pose.layout
    assert person['frames'] == right.pose.clock.num_samples
    folder = inspect_path(tmp_path)
    assert len(folder['files']) == 3
    assert 'imu.csv' in '\n'.join(describe_facts(folder))


def test_what_is_nothing_of_ours(tmp_path):
    (tmp_path / 'README').write_text('Please read me.\nThanks.\n')
    (tmp_path / 'odd.bin').write_bytes(b'\0\1\2\3')
    (tmp_path / 'cut.npz').write_bytes(b'PK\3\4 no archive')
    (tmp_path / 'empty.csv').write_text('')
    (tmp_path / 'odd.yml').write_text('colour: red\n')
    (tmp_path / 's1_acting1_Xsens.sensors').write_text('13\t900\n1\n')
    with zipfile.ZipFile(tmp_path / 'arrays.zip', 'w') as archive:
        archive.writestr('a.mat', b'')
    titles = {
        path.name: inspect_path(path)['title'] for path in tmp_path.iterdir()
    }
    assert titles['README'] == 'text'
    assert 'binary' in titles['odd.bin'] and 'no mapping' in titles['odd.yml']
    assert titles['s1_acting1_Xsens.sensors'] == 'TotalCapture, sensors'
    (inside,) = inspect_path(tmp_path / 'arrays.zip')['files']
    assert 'a.mat is in an archive. Unpack it' in inside['problem']
    assert inspect_path(tmp_path / 'cut.npz')['problem']
    assert inspect_path(tmp_path / 'empty.csv')['problem']
    with pytest.raises(FileNotFoundError, match='does not exist'):
        inspect_path(tmp_path / 'nothing')


def test_the_command_writes_a_mapping(tmp_path, right, command):
    path = write(tmp_path / 'log.csv', right, ('t', *AX), acc=1 / G)
    out, mapping = tmp_path / 'facts.json', tmp_path / 'map.yml'
    words = ['inspect', path, '--json', out, '--write-mapping', mapping]
    status, printed, _ = command('mobind', *words)
    assert status == 0
    assert 'table of an unknown format' in printed and 'units.acc' in printed
    facts = json.loads(out.read_text())
    assert facts['mapping'] == mapping.read_text()
    stream = read_imu_file(path, mapping)['right_wrist']
    np.testing.assert_allclose(
        stream.channels['acc'],
        right.imu['left_wrist'].channels['acc'],
        atol=1e-2,
    )


def test_what_skeletons_do_not_tell_of_their_video(tmp_path):
    person = {'keypoints': [[5.0, 6.0]] * 17, 'keypoint_scores': [0.9] * 17}
    frames = [{'frame_id': n, 'instances': [person]} for n in range(20)]
    path = tmp_path / 'pose.json'
    path.write_text(json.dumps({'instance_info': frames}))
    facts = inspect_path(path)
    assert facts['untold'] == ['rate', 'img_shape']
    asked = [note for note in facts['notes'] if 'does not give the' in note]
    assert '(--fps)' in asked[0] and 'the size of' in asked[1]


@pytest.mark.parametrize(
    'text',
    [
        'takes: 5',
        'sensor:\ncolumns: {time: t}',
        'sensor: 5',
        'imu: [1, 2]',
        'imu: 7',
        'imu: {head: 5}',
        'takes: {a: 1}',
        'pattern: [1, 2]',
    ],
)
def test_a_mapping_of_odd_types_is_inspected(tmp_path, text):
    (tmp_path / 'm.yml').write_text(text)
    facts = inspect_path(tmp_path / 'm.yml')
    assert facts['use'] == '--mapping' or 'm.yml: ' in facts['problem']


def test_folders_that_lead_back_and_pipes_in_them(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / 'pipe.csv')
    (tmp_path / 'a.csv').write_text('time,activity\n1,walking\n')
    for name in ('one', 'two'):
        (tmp_path / name).symlink_to(tmp_path)
    facts = inspect_path(tmp_path)
    assert [Path(f['path']).name for f in facts['files']] == [
        'a.csv',
        'pipe.csv',
    ]
    (tmp_path / 'root').symlink_to('/')
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, '.'):
        found = find_sources(folder, Options())
        assert [source.name for source in found] == ['a.csv']
        with pytest.raises(ValueError, match='without files of a known pose'):
            load_people(folder)  # no pipe is opened, nor a file of the system


def test_archives_of_tables_are_looked_at(tmp_path):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        for name in ('a', 'b', 'c', 'd', 'e'):
            archive.writestr(f'walk/{name}.csv', 'a,b\nx,y\n')
    facts = inspect_path(tmp_path / 'a.zip')
    assert facts['title'] == 'archive of 1 files and folders'
    (folder,) = facts['files']
    assert len(folder['files']) == 5
    text = '\n'.join(describe_facts(facts))  # of the same, the first ones
    assert text.count('cannot be read') == 3 and 'd.csv, ...: text' in text


def test_folders_deeper_than_any_stack(tmp_path):
    deep = tmp_path.joinpath(*'a' * 500)
    deep.mkdir(parents=True)
    text = '\n'.join(describe_facts(inspect_path(tmp_path)))
    assert 'too deep' in text and len(text) < 5000


def test_what_is_shown_of_a_folder_has_an_end(tmp_path):
    for number in range(150):
        suffix = ('csv', 'json')[number % 2]
        (tmp_path / f'{number:03d}.{suffix}').write_text('a,b\n1,2\n')
    lines = describe_facts(inspect_path(tmp_path))
    assert len(lines) == 201 and lines[-1].endswith('more lines (--json)')


def test_terminals_are_told_nothing_by_names_of_files(tmp_path, command):
    path = tmp_path / '\x1b[2Ja\u202eb\nc.csv'
    path.write_text('a,b\n1,2\n')
    _, text, _ = command('mobind', 'inspect', path)
    assert r'\x1b[2Ja\u202eb\nc.csv' in text
    assert not {'\x1b', '\u202e'} & {*text}


def test_an_archive_of_too_many_files(tmp_path):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        for number in range(20_001):
            archive.writestr(f'{number}.csv', '')
    start = time.process_time()
    facts = inspect_path(path)
    assert 'no reader knows' in facts['title']
    assert time.process_time() - start < 2


def test_a_pipe_in_the_place_of_annotations(tmp_path):
    (tmp_path / 'annotations').mkdir()
    os.mkfifo(tmp_path / 'annotations/train.json')
    facts = inspect_path(tmp_path)
    assert 'train.json is a pipe' in facts['problem']
