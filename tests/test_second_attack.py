"""What a second attack found: inputs that hung, crashed or misled."""

import time

import pytest

from mobind_mm.apis.study_files import named_files
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers.keys import read_yaml


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


@pytest.mark.parametrize('text', [bomb(), 'imu: &a {head: *a}'])
def test_aliases_that_grow_without_end(tmp_path, text):
    path = tmp_path / 'm.yml'
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r'm\.yml has more than .*aliases'):
        read_yaml(path)
    assert 'aliases' in inspect_path(path)['problem']
    assert named_files(path) == []  # a study looks for files in all of them
    assert time.monotonic() - start < 10
