"""The table of metrics: every value once, under its row and column."""

import json
import random

import numpy as np
import pytest
from row_files import read_rows, write_rows

from mobind_mm.utils.results import format_metrics

METRICS = {
    'retrieval/imu2pose_R@1': 0.12345,
    'retrieval/imu2pose_medR': 3.0,
    'retrieval/pose2imu_R@1': 0.25,
    'retrieval/pose2imu_medR': 2.5,
    'retrieval/num_windows': 288,
    'retrieval/disjoint_imu2pose_R@1': 0.5,
    'retrieval/num_disjoint_imu2pose': 281,
    'retrieval/disjoint_mean_size': 54.5,
    'sync/mae_s': 0.01234,
    'sync/acc@0.1': 1.0,
    'sync/vote_mae_s': float('nan'),
    'localization/subject_acc_P2': 0.75,
    'localization/num_subject_acc_P2': 40,
    'localization/unmatched_f1': None,
    'localization/num_unmatched': 3,
    'localization/joint_acc': 0.5,
    'odd': 7,
}

TABLE = """
                                      test
── retrieval (288 windows) ──────────────
                         R@1    medR  number
  imu2pose             0.123       3
  pose2imu             0.250     2.5
  disjoint_imu2pose    0.500             281
                       value
  disjoint_mean_size  54.500
── sync ─────────────────────────────────
         mae_s  acc@0.1
  all   0.0123    1.000
  vote       -
── localization ─────────────────────────
                 acc  number
  subject_P2   0.750      40
  joint        0.500
                  f1  number
  unmatched        -       3
── other ────────────────────────────────
        value
  odd   7.000
─────────────────────────────────────────
"""


def test_closed_form():
    def bare(text):
        return [line.rstrip().rstrip('─') for line in text.splitlines()]

    assert bare(format_metrics(METRICS, 'test')) == bare(TABLE)[1:]


def test_many_measures_wrap_at_the_width_of_a_terminal():
    names = ['R@1', 'R@5', 'R@10', 'top1', 'mAP', 'mae_s', 'coverage', 'f1']
    rows = ['a' * 10, 'b', 'c' * 20]
    metrics = {
        f'task/{row}_{name}': random.Random(row + name).random()
        for row in rows
        for name in names
    }
    text = format_metrics(metrics, 'wide')
    assert max(map(len, text.splitlines())) == 79
    assert sum(text.count(f'  {row} ') for row in rows) == 2 * len(rows)
    for key, value in metrics.items():
        digits = 4 if key.endswith('_s') else 3
        assert text.count(f'{value:.{digits}f}') >= 1


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
