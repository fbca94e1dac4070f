"""Embeddings on disk: what is written is what is evaluated."""

import csv
import json
import math

import numpy as np
import pytest
from embedding_samples import evaluate, random_samples, sample
from safetensors.numpy import load_file, save_file

from mobind_mm.evaluation import (
    ActionKNNMetric,
    DumpEmbeddings,
    RetrievalMetric,
)
from mobind_mm.evaluation.embedding_table import (
    FORMAT,
    join,
    list_neighbours,
    read_embeddings,
    select,
    write_embeddings,
)
from mobind_mm.evaluation.metrics.embedding_metric import (
    check_dump,
    write_cases,
)


def dump(path, samples, **options):
    metric = DumpEmbeddings(path, **options)
    metric.dataset_meta = dict(classes=('wave', 'walk', 'run', 'sit'))
    assert evaluate(metric, samples) == {
        'embeddings/num_windows': len(samples)
    }
    return read_embeddings(path)


@pytest.mark.parametrize('limbs', [None, 2])
def test_a_file_gives_the_numbers_of_the_run(tmp_path, limbs):
    samples = random_samples(31, limbs=limbs)
    table, classes = dump(
        tmp_path / 'new' / 'e.safetensors', samples, tokens=True
    )
    assert classes == ['wave', 'walk', 'run', 'sit']
    metrics = [
        RetrievalMetric,
        ActionKNNMetric,
        lambda: RetrievalMetric(similarity='tokens', rerank=4),
    ]
    for make in metrics:
        metric, expected = make(), evaluate(make(), samples)
        values = metric.evaluate_table(table)
        values = {f'{metric.prefix}/{k}': v for k, v in values.items()}
        assert values == expected


def test_names_and_unknowns_survive(tmp_path):
    samples = [
        sample([1, 2], [3, 4], take='ü', camera=None, window_start=0.1),
        sample([1, 2], [3, 4], subject=None, window_start=None, action=-1),
    ]
    table, _ = dump(tmp_path / 'e.safetensors', samples)
    assert table['take'].tolist() == ['ü', 'query-take']
    assert table['camera'].tolist() == [None, None]
    assert table['subject'].tolist() == ['s', None]
    assert table['window_start'].tolist() == [0.1, None]
    assert table['action'].tolist() == [0, -1]
    assert table['imu_embedding'].tolist() == [[1, 2], [1, 2]]
    assert 'imu_tokens' not in table


def test_join_sets_the_roles(tmp_path):
    table, _ = dump(tmp_path / 'e.safetensors', random_samples(7))
    joined = join(select(table, np.arange(3)), table)
    assert joined['role'].tolist() == ['query'] * 3 + ['gallery'] * 7
    assert (joined['take'] == [*table['take'][:3], *table['take']]).all()
    narrow = {**table, 'imu_embedding': table['imu_embedding'][:, :4]}
    with pytest.raises(ValueError, match='two models'):
        join(table, narrow)


def test_neighbours_are_the_most_similar_poses(tmp_path):
    table, _ = dump(tmp_path / 'e.safetensors', random_samples(9))
    rows = list_neighbours(table, table, 2)
    assert len(rows) == 18
    assert [row['place'] for row in rows[:4]] == [1, 2, 1, 2]
    # Poses are their IMU's embedding, nearly.
    for i, row in enumerate(rows[::2]):
        assert row['take'] == row['found_take'] == table['take'][i]
        assert row['found_window_start'] == table['window_start'][i]
        assert row['similarity'] > rows[2 * i + 1]['similarity']


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'e.safetensors'
    dump(path, random_samples(5, limbs=2))
    return path


def damage(path, arrays=(), **header):
    """Change arrays and the header of a file; None deletes."""
    from safetensors import safe_open

    with safe_open(path, framework='numpy') as handle:
        meta = json.loads(handle.metadata()['header'])
    tensors = {**load_file(path), **dict(arrays)}
    tensors = {k: v for k, v in tensors.items() if v is not None}
    meta = {k: v for k, v in {**meta, **header}.items() if v is not None}
    save_file(tensors, path, {'header': json.dumps(meta)})


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(format='other'), 'does not say'),
        (dict(version=2), 'version 2'),
        (dict(take=None), 'take is missing'),
        (dict(arrays=dict(imu_mask=None)), 'imu_mask is missing'),
        (dict(scene=['a'] * 4), 'scene has 4 rows'),
        (dict(arrays=dict(action=np.zeros(6, int))), 'action has 6 rows'),
        (
            dict(arrays=dict(pose_mask=np.ones((5, 3), bool))),
            r'pose_mask must have shape \(5, 2\)',
        ),
        (
            dict(arrays=dict(imu_mask=np.ones((5, 2)))),
            'imu_mask is float64 .* booleans',
        ),
        (
            dict(arrays=dict(pose_embedding=np.ones((5, 2, 7)))),
            'pose_embedding',
        ),
    ],
)
def test_a_damaged_file_is_refused(file, change, message):
    damage(file, **change)
    with pytest.raises(ValueError, match=rf'e\.safetensors.*{message}'):
        read_embeddings(file)


def test_what_is_no_file_is_refused(file, tmp_path):
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match='not a complete'):
        read_embeddings(file)
    with pytest.raises(FileNotFoundError, match='--dump-embeddings'):
        read_embeddings(tmp_path / 'none.safetensors')
    save_file({'x': np.ones(2)}, file)
    with pytest.raises(ValueError, match='does not hold embeddings'):
        read_embeddings(file)
    with pytest.raises(ValueError, match=r'e\.pkl'):
        DumpEmbeddings(tmp_path / 'e.pkl')


def test_a_failed_write_leaves_the_old_file(file):
    table, _ = read_embeddings(file)
    before = file.read_bytes()
    with pytest.raises(TypeError):
        write_embeddings(file, table, classes=[object()])
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


# Tables of single samples


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


def embeddings(path, arrays=(), **header):
    """A file of six windows with some parts changed."""
    rows, ones = 6, np.ones((6, 2), bool)
    x = np.random.default_rng(0).normal(size=(rows, 2, 4)).astype(np.float32)
    tokens = np.repeat(x[:, :, None], 3, axis=2)
    whole = {
        'imu_embedding': x,
        'pose_embedding': x,
        'imu_mask': ones,
        'pose_mask': ones,
        'action': np.arange(rows) % 2,
        'window_start': np.arange(rows, dtype=float),
        'window_sec': np.ones(rows),
        'imu_tokens': tokens,
        'pose_tokens': tokens,
        'pose_token_mask': np.ones((rows, 2, 3), bool),
        **dict(arrays),
    }
    header = {
        'format': FORMAT,
        'version': 1,
        'classes': ['a', 'b'],
        'role': ['query', 'gallery'] * 3,
        **dict.fromkeys(('take', 'subject'), ['x'] * rows),
        **dict.fromkeys(('scene', 'camera'), [None] * rows),
        **header,
    }
    whole = {k: v for k, v in whole.items() if v is not None}
    save_file(whole, path, {'header': json.dumps(header)})
    return read_embeddings(path)


def test_whole_embeddings(tmp_path):
    read, classes = embeddings(tmp_path / 'e.safetensors')
    assert classes == ['a', 'b'] and len(read['role']) == 6


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('window_start', np.zeros((6, 2))),  # TypeError
        ('window_sec', np.array(5.0)),
        ('action', np.array(1)),
        ('action', np.zeros(6)),
        ('action', np.full(6, 2)),
        ('action', np.full(6, -2)),
        ('imu_mask', np.array(True)),
        ('imu_embedding', np.zeros((6, 2, 4), int)),
        ('imu_tokens', np.zeros((6, 2, 4), np.float32)),
        ('pose_tokens', np.zeros((6, 2, 9, 4), np.float32)),
        ('pose_token_mask', None),
        ('pose_token_mask', np.ones((6, 2, 3), np.uint8)),
        ('other', np.array(1)),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, name, value):
    with pytest.raises(ValueError, match=rf'e\.safetensors.*{name}'):
        embeddings(tmp_path / 'e.safetensors', {name: value})


@pytest.mark.parametrize('odd', [[], {}, 0, False])
def test_names_that_are_none(tmp_path, odd):
    with pytest.raises(ValueError, match=r'safetensors: take has'):
        embeddings(tmp_path / 'e.safetensors', take=[odd] * 6)


def test_roles_that_are_none(tmp_path):
    with pytest.raises(ValueError, match=r"role has 'QUERY'"):
        embeddings(tmp_path / 'e.safetensors', role=['QUERY'] * 6)
