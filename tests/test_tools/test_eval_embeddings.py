"""tools/analysis_tools/eval_embeddings.py on files of embeddings."""

import csv
import json
from functools import partial

import numpy as np
import pytest

from mobind_mm.evaluation.embedding_table import select, write_embeddings


@pytest.fixture
def tool(command):
    return partial(command, 'analysis_tools/eval_embeddings.py')


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    imu = rng.normal(size=(12, 4)).astype(np.float32)
    names = np.array([f'take{i}' for i in range(12)], dtype=object)
    return dict(
        imu_embedding=imu,
        pose_embedding=imu.copy(),
        imu_mask=np.ones((12, 1), bool),
        pose_mask=np.ones((12, 1), bool),
        action=np.arange(12) % 2,
        role=np.array(['query'] * 6 + ['gallery'] * 6),
        take=names,
        subject=names,
        scene=names,
        camera=names,
        window_start=np.zeros(12),
        window_sec=np.ones(12),
    )


def test_both_files_give_the_numbers_of_one(tool, table, tmp_path):
    whole, asked, known = (
        tmp_path / f'{name}.safetensors' for name in ('all', 'query', 'known')
    )
    write_embeddings(whole, table, ('sit', 'walk'))
    write_embeddings(asked, select(table, slice(0, 6)), ('sit', 'walk'))
    write_embeddings(known, select(table, slice(6, 12)), ('sit', 'walk'))
    status, out, _ = tool(whole, '--out', tmp_path / 'one.json')
    assert status == 0
    assert 'retrieval' in out
    status, *_ = tool(
        *(asked, '--gallery', known, '--out', tmp_path / 'two.json'),
        *('--dump-cases', tmp_path / 'cases', '--probe-C', '0.1'),
        *('--neighbours', tmp_path / 'near.csv', '--k', '2'),
    )
    assert status == 0
    results = json.loads((tmp_path / 'one.json').read_text())
    assert results == json.loads((tmp_path / 'two.json').read_text())
    assert results['retrieval/imu2pose_R@1'] == 1.0
    assert results['retrieval/num_windows'] == 6
    assert results['action/num_gallery'] == 6
    assert 0 <= results['action/linear_macro_f1'] <= 1
    for name in ('RetrievalMetric', 'ActionKNNMetric', 'ActionProbeMetric'):
        lines = (tmp_path / f'cases/{name}.csv').read_text().splitlines()
        assert len(lines) == 7
    with (tmp_path / 'near.csv').open() as file:
        near = list(csv.DictReader(file))
    # Asked are the windows of the first file, found those of the gallery.
    assert [row['take'] for row in near[:3]] == ['take0', 'take0', 'take1']
    assert {row['found_take'] for row in near} <= {
        f'take{i}' for i in range(6, 12)
    }


def test_localization_of_saved_tokens(tool, table, tmp_path):
    """Pairs of people with two limbs each, who move by tokens of their own."""
    rng = np.random.default_rng(1)
    tokens = rng.normal(size=(12, 2, 5, 8)).astype(np.float16)
    table = dict(
        table,
        **{f'{name}_mask': np.ones((12, 2), bool) for name in ('imu', 'pose')},
        **{f'{name}_tokens': tokens for name in ('imu', 'pose')},
        pose_token_mask=np.ones((12, 2, 5), bool),
        scene=np.array([f's{i // 2}' for i in range(12)], dtype=object),
        camera=np.full(12, None, dtype=object),
    )
    path, out = tmp_path / 'e.safetensors', tmp_path / 'out.json'
    write_embeddings(path, table)
    status, *_ = tool(path, '--localization', '--out', out)
    assert status == 0
    results = json.loads(out.read_text())
    # Queries only: the gallery's people are no candidates.
    assert results['localization/num_subject'] == 6
    assert results['localization/subject_acc'] == 1.0
    assert results['localization/part_acc'] == 1.0


def test_mistakes_end_with_one_line(tool, table, tmp_path):
    path = tmp_path / 'e.safetensors'
    write_embeddings(path, select(table, slice(0, 6)), ('sit', 'walk'))
    other = tmp_path / 'other.safetensors'
    write_embeddings(other, table, ('run', 'jump'))
    for arguments, message in [
        ((tmp_path / 'none.safetensors',), 'does not exist'),
        ((path, '--gallery', other), 'other actions'),
        ((path, '--gallery', path), 'both query and gallery'),
        ((path, '--similarity', 'tokens'), '--dump-tokens'),
        ((path, '--localization'), '--dump-tokens'),
    ]:
        status, _, err = tool(*arguments)
        assert status == 2
        assert err.startswith('error: ') and message in err
        assert len(err.splitlines()) == 1
