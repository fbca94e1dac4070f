"""A wrong mapping ends in one line that names file, key, value and fix."""

import copy
import json
import time

import pytest
from raw_tables import (
    SENSOR,
    mmpose_frames,
    people,
    sensor_columns,
    times_of,
    write_csv,
    write_mapping,
    write_skeletons,
)

from mobind_mm.apis.sources import to_imu
from mobind_mm.apis.study.files import named_files
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers.convert import convert
from mobind_mm.readers.keys import read_yaml, unit_factor
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.readers.own_takes import find_fields
from mobind_mm.utils.errors import mistake

REMOVE = object()


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
    """One take of a second, in every format, and a mapping that is right."""
    root = tmp_path_factory.mktemp('raw')
    (recording,) = people(seconds=1.0)
    stream, pose = recording.imu['head'], recording.pose
    start = float(times_of(pose)[0])
    columns = sensor_columns(stream, start=start)
    write_csv(root / 'imu.csv', columns)
    (root / 'pose.json').write_text(json.dumps(mmpose_frames(pose)))
    write_skeletons(root / 'pose.pkl', {'a': [pose]})
    (root / 'labels.csv').write_text('start_s,end_s,label\n0,1,wave\n')
    return root, pose.img_shape


@pytest.fixture
def content(raw):
    root, img_shape = raw
    return {
        'name': 'lab',
        'root': str(root),
        'classes': ['wave', 'jump'],
        'defaults': {
            'subject': 'anna',
            'split': 'train',
            'sensor': copy.deepcopy(SENSOR),
        },
        'takes': [
            {
                'take': 'a',
                'label': 'wave',
                'imu': {'head': {}},
                'pose': {
                    'file': 'pose.json',
                    'format': 'mmpose',
                    'img_shape': list(img_shape),
                    'rate': 30,
                },
            }
        ],
    }


def put(content, path, value):
    """Set or remove the value at a path such as ``takes.0.imu``."""
    *parents, last = path.split('.')
    for name in parents:
        content = content[int(name) if name.isdigit() else name]
    last = int(last) if last.isdigit() else last
    if value is REMOVE:
        del content[last]
    else:
        content[last] = value


SENSOR_PATH = 'defaults.sensor'
TAKE = r'takes\[0\]'
HEAD = rf'{TAKE}\.imu\.head'
POSE_KEY = rf'{TAKE}\.pose'
# Path, value, what the message must say.
MISTAKES = [
    ('taks', [], r"lab\.yml: unknown key 'taks'\. Did you mean 'takes'"),
    ('takes', REMOVE, r'takes is missing'),
    ('takes', [], r'takes: \[\] must be a list'),
    ('takes', 'a', r"takes: 'a' must be a list"),
    ('takes.0', ['a'], rf"{TAKE}: \['a'\] is not text"),
    ('takes.0.take', REMOVE, rf'{TAKE}: take is missing'),
    ('takes.0.take', '../a', rf"{TAKE}: take '\.\./a' must be letters"),
    ('takes.0.take', True, rf'{TAKE}\.take: True is not text.*quotes'),
    ('takes.0.subjct', 'x', rf"{TAKE}: unknown key 'subjct'.*'subject'"),
    ('defaults.subject', REMOVE, rf'{TAKE}: subject is missing'),
    ('defaults.split', REMOVE, rf'{TAKE}: no split; add split: train'),
    ('defaults.split', 'tain', rf"{TAKE}\.split: 'tain'.*'train'"),
    ('split', {'train': ['anna']}, r'split: by is missing'),
    ('split', {'by': 'subject', 'test': ['ana']}, r"split\.test: .*'anna'"),
    (
        'split',
        {'by': 'subject', 'train': ['anna'], 'test': ['anna']},
        r"split\.test: 'anna' is in train already",
    ),
    ('classes', ['wave', 'wave'], r'classes: .* names a label twice'),
    ('classes', ['wive'], rf"{TAKE}: label 'wave' is not in .*'wive'"),
    ('root', 'nowhere', r'nowhere/imu\.csv does not exist'),
    ('takes.0.imu', {'hed': {}}, rf"{TAKE}\.imu: 'hed' is no.*'head'"),
    ('takes.0.imu', ['head'], rf"{TAKE}\.imu: \['head'\] must be a mapping"),
    (f'{SENSOR_PATH}.file', REMOVE, rf'{HEAD}: file is missing'),
    ('takes.0.imu.head.file', 'i.csv', rf'{HEAD}\.file: .*i\.csv does not'),
    ('takes.0.imu.head.file', '{tke}.csv', rf'{HEAD}\.file: .*\{{tke\}}'),
    ('takes.0.imu.head.unit', {}, rf"{HEAD}: unknown key 'unit'.*'units'"),
    (
        'takes.0.imu.head.units',
        {'acc': 'm/s^2'},
        rf"{HEAD}\.units\.acc: 'm/s\^2'.*Did you mean 'm/s2'",
    ),
    (
        f'{SENSOR_PATH}.units.gyro',
        'dps',
        r"lab\.yml: defaults\.sensor\.units\.gyro: 'dps'.*rad/s, deg/s",
    ),
    (f'{SENSOR_PATH}.units.acc', REMOVE, rf'{HEAD}: units\.acc is missing'),
    (f'{SENSOR_PATH}.units.time', REMOVE, rf"{HEAD}: .*'t' holds numbers"),
    (f'{SENSOR_PATH}.gravity', REMOVE, rf'{HEAD}: gravity is missing'),
    (f'{SENSOR_PATH}.gravity', True, r'sensor\.gravity: True is not known'),
    (f'{SENSOR_PATH}.frame', 'body', r"sensor\.frame: 'body'.*sensor, world"),
    (f'{SENSOR_PATH}.frame', REMOVE, rf'{HEAD}: frame is missing'),
    (f'{SENSOR_PATH}.quat_order', 'wzyx', r"quat_order: 'wzyx'.*'wxyz'"),
    (f'{SENSOR_PATH}.quat_order', REMOVE, r'quat_order is missing'),
    (f'{SENSOR_PATH}.quat_direction', REMOVE, r'quat_direction is missing'),
    (f'{SENSOR_PATH}.columns.acc', ['x', 'y'], r'acc: .* list of 3 columns'),
    (
        f'{SENSOR_PATH}.columns.acc',
        ['acc_x', 'acc_x', 'acc_z'],
        r'columns\.acc: .* names a column twice',
    ),
    (
        f'{SENSOR_PATH}.columns.gyro',
        ['acc_x', 'gyro_y', 'gyro_z'],
        rf"{HEAD}\.columns: 'acc_x' serves two purposes",
    ),
    (
        f'{SENSOR_PATH}.columns.acc',
        ['ac_x', 'acc_y', 'acc_z'],
        rf"{HEAD}: .*imu\.csv has no column 'ac_x'; row 1 .*'acc_x'",
    ),
    (f'{SENSOR_PATH}.columns', {'time': 't'}, rf'{HEAD}\.columns: no channel'),
    (f'{SENSOR_PATH}.rate', 100, None),
    (f'{SENSOR_PATH}.counter_bits', 100, rf'{HEAD}\.counter_bits: 100 is not'),
    (f'{SENSOR_PATH}.encoding', 'utf-9', r"encoding: 'utf-9' is not the na"),
    (f'{SENSOR_PATH}.timezone', 'Mars', r"timezone: 'Mars' is not a time z"),
    (f'{SENSOR_PATH}.epoch', 'now', r"epoch: 'now' is neither 1970"),
    (f'{SENSOR_PATH}.clock', 'phone', r"clock: 'phone'.*samples, arrival"),
    (f'{SENSOR_PATH}.units.gyro', -1, r'units\.gyro: -1 must be greater'),
    (f'{SENSOR_PATH}.units.acc', '1/64 G', r"units\.acc: '1/64 G' is not"),
    (f'{SENSOR_PATH}.columns.time', REMOVE, rf'{HEAD}: .*neither is there'),
    (f'{SENSOR_PATH}.rate', -5, r'sensor\.rate: -5 must be greater than 0'),
    (f'{SENSOR_PATH}.rate', 'fast', r"sensor\.rate: 'fast' is not a number"),
    (f'{SENSOR_PATH}.start_s', 'noon', r"sensor\.start_s: 'noon' is neither"),
    (f'{SENSOR_PATH}.start_s', 500, rf'{TAKE}: .*do not overlap.*start_s'),
    (f'{SENSOR_PATH}.where', {'id': 'x'}, rf"{HEAD}: .*no column 'id'"),
    (f'{SENSOR_PATH}.where', {'t': 'x'}, rf"{HEAD}: .*no rows where .*'x'"),
    (f'{SENSOR_PATH}.delimiter', 'comma', r"delimiter: 'comma' is not known"),
    (f'{SENSOR_PATH}.decimal', ',', rf"{HEAD}: .*row 2.*decimal: ','"),
    (f'{SENSOR_PATH}.header', 3, rf'{HEAD}: .*no column .*; row 3 has'),
    ('takes.0.pose.format', 'json', rf"{POSE_KEY}\.format: 'json'.*mmpose"),
    ('takes.0.pose.format', REMOVE, rf'{POSE_KEY}: format is missing'),
    ('takes.0.pose.file', 'p.json', rf'{POSE_KEY}\.file: .*p\.json does not'),
    ('takes.0.pose.rate', REMOVE, rf'{POSE_KEY}: rate is missing'),
    ('takes.0.pose.img_shape', REMOVE, rf'{POSE_KEY}: img_shape is missing'),
    ('takes.0.pose.img_shape', [9], rf'{POSE_KEY}\.img_shape: \[9\] must be'),
    ('takes.0.pose.img_shape', [0, 9], rf'{POSE_KEY}\.img_shape: \[0, 9\]'),
    ('takes.0.pose.layout', 'cocoo', rf'{POSE_KEY}: .*cocoo'),
    ('takes.0.pose.person', 'tall', rf"{POSE_KEY}\.person: 'tall' is not"),
    ('takes.0.pose.person', 7, rf'{POSE_KEY}: .*7'),
    ('takes.0.pose.columns', {'x': 'x'}, r"columns\.x: 'x' must hold"),
    (
        'takes.0.pose.keypoint_names',
        {'nose': 'n'},
        rf'{POSE_KEY}: format mmpose has no key keypoint_names',
    ),
    ('takes.0.pose', REMOVE, None),
    ('takes.0.imu', REMOVE, None),
    ('takes.0.segments', [], rf'{TAKE}\.segments: \[\] must be a list'),
    (
        'takes.0.segments',
        [{'start_s': 0, 'end_s': 1, 'label': 'wave'}],
        rf'{TAKE}\.segments: label is there too',
    ),
    ('pattern', '*.csv', r"pattern: '\*\.csv' has no placeholder"),
    ('pattern', '/x/{take}', r'pattern: .* must be a path below root'),
    ('pattern', '{take}.txt', r'pattern: no file fits'),
    ('pattern', '{take}mu.csv', rf"{TAKE}: no file of pattern is take 'a'"),
]


def converted(content, tmp_path):
    path = write_mapping(tmp_path / 'lab.yml', content)
    return convert(OwnDataReader(path), tmp_path / 'dst')


def left_in(dst):
    return [p.name for p in dst.rglob('*') if p.is_file()]


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    MISTAKES,
    ids=[f'{i}-{path}' for i, (path, *_) in enumerate(MISTAKES)],
)
def test_mistakes_are_named(content, tmp_path, path, value, message):
    put(content, path, value)
    if message is None:  # one modality is enough
        assert converted(content, tmp_path).entries['train'] == 1
        return
    with pytest.raises((ValueError, FileNotFoundError), match=message) as e:
        converted(content, tmp_path)
    assert str(tmp_path / 'lab.yml') in str(e.value)
    assert '\n' not in str(e.value)
    assert not (tmp_path / 'dst/annotations').exists()


SEGMENTS = [
    ([{'start_s': 0, 'end_s': 1}], r'segments\[0\]: label is missing'),
    ([{'start_s': 1, 'end_s': 1, 'label': 'wave'}], r'\[0\]: start_s 1'),
    ([{'start_s': 7, 'end_s': 8, 'label': 'wave'}], r'none lies in'),
    ([{'start': 7}], r"\[0\]: unknown key 'start'.*'start_s'"),
    ([{'start_s': 0, 'end_s': 1, 'label': True}], r'label: True is not text'),
    ({'file': 'none.csv'}, r'segments: .*none\.csv does not exist'),
    ({'file': 'imu.csv'}, r"segments: .*imu\.csv has no column 'end_s'"),
    ({'path': 'labels.csv'}, r"segments: unknown key 'path'"),
]


@pytest.mark.parametrize(('segments', 'message'), SEGMENTS)
def test_wrong_segments(content, tmp_path, segments, message):
    del content['takes'][0]['label']
    content['takes'][0]['segments'] = segments
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        converted(content, tmp_path)


def test_together(content, tmp_path):
    """What is right for each take alone and wrong for all."""
    twice = copy.deepcopy(content)
    twice['takes'] *= 2
    with pytest.raises(ValueError, match=r"takes\[1\]: take 'a' is there tw"):
        converted(twice, tmp_path)
    scene = copy.deepcopy(content)
    scene['takes'].append({**scene['takes'][0], 'take': 'b', 'origin': 1})
    scene['defaults']['scene'] = 'hall'
    with pytest.raises(ValueError, match=r'takes\[1\].*same scene at 0'):
        converted(scene, tmp_path)
    with pytest.raises(ValueError, match=r'two files are take .x.'):
        converted(
            {
                **content,
                'pattern': '{n}.csv',
                'takes': None,
                'defaults': {**content['defaults'], 'take': 'x'},
            },
            tmp_path,
        )


TEXTS = {
    'tab': ('name: x\n\ttakes: []\n', r'lab\.yml, line 2: not YAML'),
    'open bracket': ('takes: [a\n', r'lab\.yml, line \d: not YAML'),
    'key twice': ('name: x\nname: y\n', r"key 'name' is there twice, line 2"),
    'a list': ('- a\n- b\n', r'holds list, expected a mapping'),
    'nothing': ('', r'holds NoneType'),
    'no date': ('takes: 2024-13-45\n', r'not YAML \(month must be'),
    'python': (
        'takes: !!python/object/apply:os.system ["touch marker"]\n',
        r'line 1: not YAML \(could not determine a constructor',
    ),
    'deep': ('[' * 2_000, r'not YAML'),
    'laughs': (
        'a0: &a0 {x: 1}\n'
        + ''.join(
            f'a{i}: &a{i} {{<<: [{", ".join([f"*a{i - 1}"] * 9)}]}}\n'
            for i in range(1, 20)
        ),
        r"more than 10000 keys|unknown key 'a0'",
    ),
    'more laughs': (
        'name: &a0 [x]\n'
        + ''.join(
            f'classes: &a{i} {[f"*a{i - 1}"] * 9}\n'.replace("'", '')
            if i == 19
            else f'b{i}: &a{i} {[f"*a{i - 1}"] * 9}\n'.replace("'", '')
            for i in range(1, 20)
        ),
        r'more than 2000000 values once its aliases',
    ),
    'recursive': ('takes: &a [*a]\n', r'an alias .* within what it stands'),
    'latin-1': ('name: caf\xe9\n', r'not YAML|lab\.yml'),
}


@pytest.mark.parametrize(('text', 'message'), TEXTS.values(), ids=TEXTS)
def test_what_is_no_mapping(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'lab.yml'
    path.write_bytes(text.encode('latin-1'))
    with pytest.raises(ValueError, match=message) as caught:
        convert(OwnDataReader(path), tmp_path / 'dst')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert left_in(tmp_path) == ['lab.yml']


def test_no_such_mapping(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.yml does not exist'):
        convert(OwnDataReader(tmp_path / 'none.yml'), tmp_path / 'dst')


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


@pytest.mark.parametrize('unit', ['9' * 400 + ' g', '1/' + '9' * 300 + ' g'])
def test_units_that_leave_nothing_of_a_value(unit):
    with pytest.raises(KeyError):
        unit_factor(unit, {'g': 9.8})


TABLE = 'time,x,y,z\n' + ''.join(f'{n / 50},0,0,9.81\n' for n in range(100))


MAPPING = """
imu:
  left_wrist:
    columns: {time: time, acc: [x, y, z]}
    units: {time: s, acc: m/s2}
    gravity: included
    frame: sensor
"""


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ('    epoch: .inf\n', r'm\.yml: .*epoch'),  # a warning of NumPy
        ('    epoch: .nan\n', r'm\.yml: .*epoch'),
        ('    start_s: {a: 1}\n', r'm\.yml: .*start_s'),
    ],
)
def test_values_of_a_mapping(tmp_path, changes, said):
    (tmp_path / 'a.csv').write_text(TABLE)
    mapping = tmp_path / 'm.yml'
    mapping.write_text(MAPPING.replace('    units', f'{changes}    units'))
    with pytest.raises(ValueError, match=said):
        to_imu({'file': tmp_path / 'a.csv', 'mapping': str(mapping)})


@pytest.mark.parametrize(
    'old, new',
    [('left_wrist', 'x' * 900), ('time: time', 'time: ' + 'x' * 5000)],
)
def test_names_that_fill_a_screen(tmp_path, old, new):
    (tmp_path / 'a.csv').write_text(TABLE)
    mapping = tmp_path / 'm.yml'
    mapping.write_text(MAPPING.replace(old, new))
    with pytest.raises(ValueError) as error:
        to_imu({'file': tmp_path / 'a.csv', 'mapping': str(mapping)})
    assert len(str(error.value)) < 2100 and 'a.csv' in str(error.value)


def test_a_placeholder_has_a_name(tmp_path):
    with pytest.raises(ValueError, match='has no placeholder'):
        find_fields(tmp_path, 'raw/{0}.csv', 'a.yml: pattern')  # re.error


def test_a_message_fits_on_a_screen():
    assert len(str(mistake('a.csv', 'is odd', 'x' * 10_000))) < 2100
