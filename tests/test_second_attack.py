"""What a second attack found: inputs that hung, crashed or misled."""

import json
import os
import stat
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from corruption import check_contained
from json_mutations import mutations
from recordings import make_entry, make_recording, write_dataset

from mobind_mm.apis.exports import align_sensors
from mobind_mm.apis.sources import to_imu
from mobind_mm.apis.study_files import Options, find_sources, named_files
from mobind_mm.apis.study_pairs import Settings, compare
from mobind_mm.apis.study_signals import prepare
from mobind_mm.checks.inspection import describe_facts, inspect_path
from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.readers.detections import Detections
from mobind_mm.readers.headers import Head
from mobind_mm.readers.keys import read_yaml, unit_factor
from mobind_mm.readers.people import Video, all_people
from mobind_mm.recordings import Clock, SensorStream, write_imu, write_pose
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.signals import integrate
from mobind_mm.utils.results import write_json


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


def bomb():
    """Ten aliases of ten aliases of ..., 10^9 values."""
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for level in range(1, 9):
        aliases = ', '.join([f'*a{level - 1}'] * 10)
        lines.append(f'a{level}: &a{level} [{aliases}]')
    return '\n'.join([*lines, 'imu: *a8'])


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        (bomb(), 'more than .*aliases'),
        ('imu: &a {head: *a}', 'an alias .*within what it stands for'),
    ],
)
def test_aliases_that_grow_without_end(tmp_path, text, what):
    path = tmp_path / 'm.yml'
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(ValueError, match=rf'm\.yml has {what}'):
        read_yaml(path)
    assert 'aliases' in inspect_path(path)['problem']
    assert named_files(path) == []  # a study looks for files in all of them
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    'words',
    [
        ('inspect', 'pipe.csv'),
        ('sync', '--imu', 'pipe.csv', '--pose', 'a.json'),
        ('sync', '--imu', 'a.csv', '--pose', 'a', '--checkpoint', 'pipe.csv'),
        ('index', 'build', 'new', 'pipe.csv'),
        ('eval', 'pipe.csv'),
        ('convert', 'tables', 'a.yml', '--out', 'pipe.csv'),
    ],
)
def test_a_pipe_is_refused_before_anybody_waits_for_it(
    tmp_path, monkeypatch, command, words
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo('pipe.csv')
    status, _, error = command('mobind', *words)
    assert status == 2
    assert 'pipe.csv: is a pipe' in error or 'pipe.csv is a pipe' in error


def test_a_result_takes_the_place_of_files_alone(tmp_path):
    os.mkfifo(tmp_path / 'a.json')
    with pytest.raises(OSError, match=r'a\.json is not a file'):
        write_json(tmp_path / 'a.json', {})
    assert stat.S_ISFIFO((tmp_path / 'a.json').stat().st_mode)
    assert [*tmp_path.iterdir()] == [tmp_path / 'a.json']


def test_folders_that_lead_back_and_pipes_in_them(tmp_path):
    os.mkfifo(tmp_path / 'pipe.csv')
    (tmp_path / 'a.csv').write_text('time,activity\n1,walking\n')
    for name in ('one', 'two'):
        (tmp_path / name).symlink_to(tmp_path)
    facts = inspect_path(tmp_path)
    assert [Path(f['path']).name for f in facts['files']] == [
        'a.csv',
        'pipe.csv',
    ]
    found = find_sources(tmp_path, Options())
    assert [source.name for source in found] == ['a.csv']


def test_folders_deeper_than_any_stack(tmp_path):
    deep = tmp_path.joinpath(*'a' * 500)
    deep.mkdir(parents=True)
    text = '\n'.join(describe_facts(inspect_path(tmp_path)))
    assert 'too deep' in text and len(text) < 5000


def test_what_is_shown_of_a_folder_has_an_end(tmp_path):
    for number in range(150):
        (tmp_path / f'{number}.csv').write_text('a,b\n1,2\n')
    lines = describe_facts(inspect_path(tmp_path))
    assert len(lines) == 201 and lines[-1].endswith('more lines (--json)')


def test_terminals_are_told_nothing_by_names_of_files(tmp_path, command):
    path = tmp_path / '\x1b[2Ja\u202eb\nc.csv'
    path.write_text('a,b\n1,2\n')
    _, text, _ = command('mobind', 'inspect', path)
    assert r'\x1b[2Ja\u202eb\nc.csv' in text
    assert not {'\x1b', '\u202e'} & {*text}


def table(path, change=lambda row, cells: cells, names=''):
    """A table with our own names of columns, in evident other units."""
    rng = np.random.default_rng(0)
    axes = [f'_{kind}_{axis}' for kind in ('acc', 'gyro') for axis in 'xyz']
    own = ','.join(['time', *(f'left_wrist{end}' for end in axes)])
    lines = [names or own]
    for row in range(300):
        values = rng.normal((0, 0, 1, 0, 0, 0), (*[0.01] * 3, *[80] * 3))
        cells = [f'{row / 100}', *(f'{x:.4f}' for x in values)]
        lines.append(','.join(change(row, cells)))
    path.write_text('\n'.join(lines))
    return path


def cell(wanted, text):
    """Change one cell of the first axis, or all of them."""

    def change(row, cells):
        if wanted in (row, None):
            cells[1] = text.format(cells[1])
        return cells

    return change


FOREIGN = 'time,ax,ay,az,gx,gy,gz'


@pytest.mark.parametrize('names', ['', FOREIGN])
@pytest.mark.parametrize(
    'change',
    [cell(9, 'inf'), cell(200, 'oops'), cell(3, '1_0'), cell(None, '{} g')],
)
def test_a_bad_cell_does_not_cost_a_channel(tmp_path, names, change):
    path = table(tmp_path / 'a.csv', change, names)
    with pytest.raises(ValueError, match=r'a\.csv.*(not a number|doubt)'):
        to_imu({'file': path, 'placement': 'left_wrist'})


@pytest.mark.parametrize(
    'names',
    [
        FOREIGN.replace('ax', 'hm'),
        'time,left_wrist_hm_x,left_wrist_acc_y,left_wrist_acc_z,'
        'left_wrist_gyro_x,left_wrist_gyro_y,left_wrist_gyro_z',
    ],
)
def test_a_name_that_is_misspelt_does_not_cost_a_channel(tmp_path, names):
    path = table(tmp_path / 'a.csv', names=names)
    with pytest.raises(ValueError, match='third axis|but none'):
        to_imu({'file': path, 'placement': 'left_wrist'})


@pytest.mark.parametrize('unit', ['9' * 400 + ' g', '1/' + '9' * 300 + ' g'])
def test_units_that_leave_nothing_of_a_value(unit):
    with pytest.raises(KeyError):
        unit_factor(unit, {'g': 9.8})


@pytest.fixture(scope='module')
def study(tmp_path_factory):
    """Sources of a recording and a video, and a folder of results."""
    root = tmp_path_factory.mktemp('study')
    streams = simulate_recording(0, 12.0, offset=0.5)
    write_imu(root / 'in/a.safetensors', streams.imu)
    write_pose(root / 'in/b.safetensors', streams.pose)
    return find_sources(root / 'in', Options()), root / 'out'


def test_a_study_makes_anew_what_is_damaged(study):
    (one, two), out = study
    settings = Settings(max_offset=2.0)

    def run():
        prepared = [prepare(source, out) for source in (one, two)]
        assert not any(p.problem for p in prepared)
        return compare(prepared[0], prepared[1:], out, settings)

    right = run()
    (evidence,) = out.glob('evidence/*.json')
    text = evidence.read_text()
    known = json.loads(text)
    odd = [[], {**known, 'videos': [1]}, {**known, 'videos': {'b': 5}}]
    for copy in [*odd, *mutations(known, 0, 40)]:
        evidence.write_text(json.dumps(copy))
        again = run()
        assert again.keys() == right.keys()
        evidence.write_text(text)
    for path in out.glob('signals/*.npz'):
        content = path.read_bytes()
        for at in range(20, len(content), len(content) // 8):
            damaged = bytearray(content)
            damaged[at] ^= 255
            path.write_bytes(damaged)
            assert run() == right
        with np.load(path) as arrays:
            facts = json.loads(str(arrays['facts']))
        for copy in [5, [], {}, {**facts, 'members': 3}, {**facts, 'x': 1}]:
            np.savez(path, facts=np.array(json.dumps(copy)))
            assert run() == right


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('sync', '--fps', '0'), '--fps: 0 frames per second; expected'),
        (('sync', '--max-offset', 'nan'), '--max-offset: nan is not a number'),
        (('sync', '--around', '1e300'), '--around: 1e+300 is not a number'),
        (('sync', '--img-shape', '0', '0'), '--img-shape: 0; expected 1 to'),
        (('align', '--imu', 'a', '--rate', '1e9'), '--rate: 1e9; expected'),
        (('align', '--imu', 'a', '--to', ','), '--to: names nothing'),
        (('retrieve', '--stride-sec', '0'), '--stride-sec: 0; expected'),
        (('sync', '--nope'), 'unrecognized arguments: --nope'),
        (('inspect',), 'arguments are required: path'),
    ],
)
def test_flags_of_no_use(command, words, said):
    status, _, error = command('mobind', *words)
    assert status == 2
    assert said in error and error.count('\n') == 1, error


@pytest.mark.parametrize('rate', [1e9, 0.0, -1.0, float('nan')])
def test_rows_without_end(rate):
    answer = {
        'clock': {'video_s': [0.0, 1.0], 'offset_s': [0.5, 0.5]},
        'drift_ppm': 0.0,
        'abstained': False,
    }
    wrist = SensorStream(Clock(100, rate=100.0), {'acc': np.zeros((100, 3))})
    with pytest.raises(ValueError, match='rate: .* makes .* rows'):
        align_sensors({'head': wrist}, answer, np.arange(9.0), rate)


@pytest.mark.parametrize('end', [1e7, 1.7e9, 1e15])
def test_an_entry_that_ends_in_years_is_compared_first(tmp_path, end):
    entry = {**make_entry('take', 2.0), 'end_s': end}
    write_dataset(tmp_path, [entry], {'take': make_recording(2.0)})
    start = time.process_time()
    with pytest.raises(ValueError, match=r'train\.json.*end_s'):
        IMUPoseDataset(
            ann_file=str(tmp_path / 'annotations/train.json'),
            data_root=str(tmp_path),
            window_sec=1.0,
            stride_sec=0.5,
        )
    assert time.process_time() - start < 5  # it laid millions of windows


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


def test_turns_of_a_still_sensor_take_no_time():
    """300,000 rows took 46 s: SciPy multiplied them one by one."""
    rate = np.tile([0.0, 0.0, 0.5], (300_000, 1))
    start = time.process_time()
    turned = integrate(np.arange(300_000) / 100, rate)
    assert time.process_time() - start < 2
    angles = np.unwrap(turned.as_euler('zyx')[:, 0])
    np.testing.assert_allclose(angles, 0.5 * np.arange(300_000) / 100)


def test_hundreds_who_pass_by_are_not_in_memory_at_once(tmp_path):
    """Each has all frames of the video: together they are 2 GB."""
    people, frames = 500, 20_000
    points = np.ones((people, 17, 2), np.float32)
    seen = Detections(
        frames,
        np.arange(people) * 40,
        points * (1 + np.arange(people))[:, None, None],
        points[..., 0],
        np.tile([0, 0, 9, 9], (people, 1)),
        'coco',
        np.arange(people),
    )
    video = Video(rate=30.0, img_shape=(1080, 1920))

    def look():
        found = all_people(seen, 'a.json', video, 0.0)
        assert len(found) == people and 499 in found and 500 not in found
        for name, pose in found.items():
            frame = pose.keypoints[40 * name]
            assert (frame == 1 + name).all() and pose.scores[:].sum() == 17
        assert [*found.named()][:2] == ['person 0', 'person 1']

    assert check_contained(look, tmp_path) == 'fine'


def test_a_line_without_end_is_not_read_in_parts(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('time,ax,ay,az\n' + 'x' * 10**6)
    problem = inspect_path(path)['problem']
    assert 'a.csv, row 2 has 1,000,000 characters and more' in problem


def test_thousands_of_columns(tmp_path):
    names = [f's{i}_acc_{axis}' for i in range(3000) for axis in 'xyz']
    path = tmp_path / 'a.csv'
    path.write_text(','.join(['time', *names[:-1], 'other']) + '\n1\n')
    start = time.process_time()
    with pytest.raises(ValueError, match="but none 's2999_acc_z'"):
        to_imu(path)
    assert time.process_time() - start < 5


def test_a_mapping_of_megabytes(tmp_path):
    path = tmp_path / 'm.yml'
    path.write_text('imu:\n' + '  a: {file: b}\n' * 70_000)
    with pytest.raises(ValueError, match=r'm\.yml is larger than 1000000'):
        read_yaml(path)


def test_a_number_that_ends_in_a_comma():
    """Found by the soak: a Polar file's 59962800322000000, raised."""
    rows = (('5,',), ('1.5',), ('x',), ('1,234.5',))
    head = Head(Path('polar.txt'), 1, ';', ('t',), (), (), rows)
    assert head.values(0) == [5.0, 1.5]
