"""Tables of single samples."""

import csv
import math

import numpy as np
import pytest

from mobind_mm.evaluation.metrics.embedding_metric import (
    check_dump,
    write_cases,
)


def read(path):
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_worst_come_first_and_values_survive(tmp_path):
    path = tmp_path / 'new' / 'cases.csv'
    rows = [
        dict(take='a', error=0.25, subject=None),
        dict(take='b, "ü"\n', error=math.nan),
        dict(take='c', error=np.float32(2), path=np.arange(2)),
        dict(take='d', error=np.int64(2)),
    ]
    write_cases(path, rows, lambda row: row['error'])
    found = read(path)
    # NaN is the worst; equals keep their order.
    assert [row['take'] for row in found] == ['b, "ü"\n', 'c', 'd', 'a']
    assert list(found[0]) == ['take', 'error', 'subject', 'path']
    assert [row['error'] for row in found] == ['nan', '2.0', '2', '0.25']
    assert found[1]['path'] == '[0, 1]'
    assert found[3]['subject'] == found[3]['path'] == ''


def test_a_failed_write_leaves_the_old_table(tmp_path):
    path = tmp_path / 'cases.csv'
    write_cases(path, [dict(a=1)], lambda row: row['a'])
    with pytest.raises(KeyError):
        write_cases(path, [dict(a=1)], lambda row: row['b'])
    assert read(path) == [{'a': '1'}]
    assert [p.name for p in tmp_path.iterdir()] == ['cases.csv']
    write_cases(path, [], lambda row: 0)
    assert path.read_text() == ''


def test_a_wrong_name_is_refused_early(tmp_path):
    assert check_dump(None) is None
    for name in ('cases.json', 'cases'):
        with pytest.raises(ValueError, match=name):
            check_dump(tmp_path / name)
    (tmp_path / 'dir.csv').mkdir()
    with pytest.raises(ValueError, match='dir.csv'):
        check_dump(tmp_path / 'dir.csv')
