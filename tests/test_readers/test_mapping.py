"""The mapping's keys: their page, their schema, and their single parser."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from raw_tables import SENSOR, write_csv

from mobind_mm.readers.keys import check_keys, read_yaml
from mobind_mm.readers.mapping import (
    ImuFile,
    Sensor,
    Study,
    key_tables,
    mapping_schema,
)
from mobind_mm.readers.sensors import read_sensors

PAGE = Path(__file__).parents[2] / 'docs/own_data.md'


@pytest.mark.parametrize('title', key_tables())
def test_the_page_prints_the_keys(title):
    assert key_tables()[title] in PAGE.read_text()


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
