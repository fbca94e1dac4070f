"""Sensors of a single file, and the table that is written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from raw_tables import SENSOR, people, sensor_columns, times_of, write_csv

from mobind_mm.readers.files import write_imu_table
from mobind_mm.readers.keys import check_keys, read_yaml
from mobind_mm.readers.mapping import (
    ImuFile,
    Sensor,
    Skeleton,
    Study,
    TableKeys,
    TakeKeys,
    mapping_schema,
)
from mobind_mm.readers.sensors import read_imu_file, read_sensors
from mobind_mm.recordings import write_imu

TINY = """
placement: right_wrist
columns: {time: t, acc: [acc_x, acc_y, acc_z], gyro: [gyro_x, gyro_y, gyro_z]}
units: {time: s, acc: g, gyro: deg/s}
gravity: included
frame: sensor
"""
SEVERAL = """
sensor:
  columns: {time: t}
  units: {time: s, acc: m/s2}
  gravity: included
  frame: sensor
imu:
  head: {columns: {acc: [head_acc_x, head_acc_y, head_acc_z]}}
  unknown_1: {columns: {acc: [s1_acc_x, s1_acc_y, s1_acc_z]}}
"""


@pytest.fixture(scope='module')
def take():
    (recording,) = people(seconds=3.0)
    return recording


def assert_same(found, stream, channels=('acc', 'gyro')):
    assert set(found.channels) >= set(channels)
    for name in channels:
        np.testing.assert_allclose(
            found.channels[name], stream.channels[name], atol=2e-5
        )
    np.testing.assert_allclose(times_of(found), times_of(stream), atol=1e-6)


def test_a_tiny_mapping_is_enough(tmp_path, take):
    stream = take.imu['right_wrist']
    csv = tmp_path / 'phone.csv'
    write_csv(csv, sensor_columns(stream, acc='g', gyro='deg/s'))
    mapping = tmp_path / 'phone.yml'
    mapping.write_text(TINY)
    found = read_imu_file(csv, mapping)
    assert list(found) == ['right_wrist']
    assert_same(found['right_wrist'], stream)
    # The mapping may name the file itself, relative to the mapping.
    mapping.write_text(TINY + 'file: phone.csv\n')
    assert_same(read_imu_file(mapping)['right_wrist'], stream)


def test_several_sensors_share_keys(tmp_path, take):
    columns = sensor_columns(take.imu['head'], prefix='head_')
    columns.update(sensor_columns(take.imu['left_knee'], prefix='s1_'))
    columns['t'] = columns['head_t']
    csv, mapping = tmp_path / 'all.csv', tmp_path / 'all.yml'
    write_csv(csv, columns)
    mapping.write_text(SEVERAL)
    found = read_imu_file(csv, mapping)
    assert list(found) == ['head', 'unknown_1']
    assert_same(found['head'], take.imu['head'], ['acc'])
    assert_same(found['unknown_1'], take.imu['left_knee'], ['acc'])


def test_what_is_written_needs_no_mapping(tmp_path, take):
    names = ('head', 'left_knee')
    streams = {name: take.imu[name] for name in names}
    write_imu_table(tmp_path / 'a.csv', streams, times_of(streams['head']))
    found = read_imu_file(tmp_path / 'a.csv')
    assert tuple(found) == names
    for name in names:
        assert_same(found[name], streams[name], ('acc', 'gyro', 'quat'))
    write_imu(tmp_path / 'a.safetensors', streams)
    found = read_imu_file(tmp_path / 'a.safetensors')
    assert_same(found['head'], streams['head'])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (TINY.replace('right_wrist', 'wrist'), 'not a placement of a sensor'),
        (TINY.replace('g, gyro', 'G, gyro'), r"units\.acc: 'G' is not known"),
        (TINY.replace('gravity: included', ''), 'gravity is missing'),
        (TINY.replace('acc_z]', 'az]'), 'az'),
        (TINY.replace('columns', 'colums'), "Did you mean 'columns'"),
        (TINY.replace('placement: right_wrist', ''), 'neither is'),
        (SEVERAL + 'placement: head\n', 'both are'),
        (SEVERAL + 'gravity: removed\n', 'below sensor'),
    ],
)
def test_mistakes_in_a_mapping(tmp_path, take, text, message):
    csv, mapping = tmp_path / 'phone.csv', tmp_path / 'phone.yml'
    write_csv(csv, sensor_columns(take.imu['head']))
    mapping.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_imu_file(csv, mapping)


def test_columns_that_say_nothing(tmp_path, take):
    csv = tmp_path / 'phone.csv'
    write_csv(csv, sensor_columns(take.imu['head']))
    with pytest.raises(ValueError, match=r"'acc_x'.*Describe the file"):
        read_imu_file(csv)
    with pytest.raises(FileNotFoundError, match=r'no IMU file .*none\.csv'):
        read_imu_file(tmp_path / 'none.csv')


@pytest.mark.parametrize('gravity', [True, False])
@pytest.mark.parametrize('frame', ['sensor', 'world'])
def test_gravity_and_frame_survive(tmp_path, take, gravity, frame):
    stream = replace(take.imu['right_wrist'], gravity=gravity, frame=frame)
    path = tmp_path / 'imu.csv'
    write_imu_table(path, {'right_wrist': stream}, times_of(stream))
    found = read_imu_file(path)['right_wrist']
    assert (found.gravity, found.frame) == (gravity, frame)
    assert_same(found, stream)


# The mapping's keys: their page, their schema, and their single parser

PAGE = Path(__file__).parents[2] / 'docs/own_data.md'


@pytest.mark.parametrize(
    ('title', 'model'),
    [
        ('key', Study),
        ('key of a take', TakeKeys),
        ('key of a sensor', Sensor),
        ('key of a skeleton', Skeleton),
    ],
)
def test_the_page_prints_the_keys(title, model):
    above = {*TableKeys.model_fields} - {'file', 'rate'}
    fields = sorted(model.model_fields.items(), key=lambda f: f[0] in above)
    rows = [
        f'| `{name}` | {field.description} |'
        for name, field in fields
        if model is not Skeleton or name not in {'file', *above}
    ]
    table = '\n'.join([f'| {title} | |', '|---|---|', *rows, ''])
    assert table in PAGE.read_text()


def test_the_schema_names_every_key_and_choice():
    schema = mapping_schema()
    sensor = schema['$defs']['Sensor']
    assert set(sensor['properties']) == set(Sensor.model_fields)
    assert sensor['additionalProperties'] is False
    frame = sensor['properties']['frame']['anyOf'][0]
    assert frame['enum'] == ['sensor', 'world']
    kinds = schema['properties']['takes']['anyOf'][0]['items']['oneOf']
    assert {kind.get('type', 'object') for kind in kinds} == {
        'string',
        'object',
    }


def test_keys_come_back_as_they_were_written(tmp_path):
    content = {
        'takes': ['a', {'take': 7, 'pose': None, 'imu': {'head': SENSOR}}],
        'defaults': {'subject': 'anna', 'origin': '1970-01-01T00:00:01Z'},
    }
    plain = check_keys(Study, content, 'a.yml:').plain()
    assert list(plain) == ['takes', 'defaults']
    assert plain['takes'][1] == {
        'take': '7',
        'pose': None,
        'imu': {'head': SENSOR},
    }
    assert list(plain['takes'][1]['imu']['head']) == list(SENSOR)
    assert plain['defaults']['origin'] == 1.0
    path = tmp_path / 'a.yml'
    path.write_text('placement: head\nrate: 5\n')
    keys = check_keys(ImuFile, read_yaml(path), f'{path}:')
    assert keys.sensors(f'{path}:') == {'head': {'rate': 5.0}}


def test_a_file_of_many_sensors_is_parsed_once(tmp_path, monkeypatch):
    columns = {'t': np.arange(50) / 50}
    sensors = {}
    for name in ('head', 'pelvis', 'left_wrist'):
        axes = [f'{name}_{axis}' for axis in 'xyz']
        columns.update({axis: np.arange(50.0) for axis in axes})
        keys = {**SENSOR, 'columns': {'time': 't', 'acc': axes}}
        sensors[name] = check_keys(Sensor, keys, name)
    write_csv(tmp_path / 'imu.csv', columns)
    calls = []
    read_csv = pandas.read_csv

    def counted(*args, **kwargs):
        calls.append(kwargs['usecols'])
        return read_csv(*args, **kwargs)

    monkeypatch.setattr(pandas, 'read_csv', counted)
    assert len(read_sensors(sensors, tmp_path)) == 3
    assert calls == [list(range(10))]
