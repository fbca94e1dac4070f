import json

import numpy as np
import pytest
from row_files import read_rows, write_rows

ROWS = [
    {'name': 'a', 'n': 3, 'task/m': 0.1 + 0.2},
    {'name': 'b+c', 'n': 1, 'task/m': 1e-9, 'task/only_here': 2.5},
]


@pytest.mark.parametrize('suffix', ['json', 'csv'])
def test_rows_come_back(tmp_path, suffix):
    path = tmp_path / 'new' / f'table.{suffix}'
    assert read_rows(path, ('name',)) == []
    write_rows(path, ROWS)
    found = read_rows(path, ('name', 'n'))
    # CSV has every column in every row.
    found = [{k: v for k, v in r.items() if v is not None} for r in found]
    assert found == ROWS
    assert [type(v) for v in found[0].values()] == [str, int, float]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('suffix', ['json', 'csv'])
def test_numbers_that_files_do_not_know(tmp_path, suffix):
    path = tmp_path / f'table.{suffix}'
    write_rows(path, [dict(a=np.float32(0.5), b=float('nan'), c=np.int64(2))])
    assert read_rows(path, ()) == [dict(a=0.5, b=None, c=2)]


def test_another_file_is_not_overwritten(tmp_path):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps({'retrieval/R@1': 0.5}))
    with pytest.raises(ValueError, match="'sensors'.*another name"):
        read_rows(path, ('sensors',))
    path = tmp_path / 'other.csv'
    path.write_text('a,b\n1,2\n')
    with pytest.raises(ValueError, match='other.csv'):
        read_rows(path, ('sensors',))
    with pytest.raises(ValueError, match='table.txt'):
        read_rows(tmp_path / 'table.txt', ())
