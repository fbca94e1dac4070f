"""Archives of embeddings on disk, against comparing everything."""

import json
import os
import signal
from importlib.util import find_spec

import numpy as np
import pytest
from processes import warm

from mobind_mm.evaluation import archive
from mobind_mm.evaluation.archive import EmbeddingArchive
from mobind_mm.evaluation.archive import lists as module
from mobind_mm.utils.similarity import Vectors

needs_faiss = pytest.mark.skipif(
    find_spec('faiss') is None, reason='needs faiss'
)


def table(count, seed=0, limbs=(), width=16, centres=40):
    """Embeddings in clusters, as those of actions are."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(0).normal(size=(centres, *limbs, width))
    action = rng.integers(centres, size=count)
    x = means[action] + 0.5 * rng.normal(size=(count, *limbs, width))
    mask = np.ones((count, *(limbs or (1,))), bool)
    if limbs:
        mask[rng.random(mask.shape) < 0.3] = False
        mask[~mask.any(axis=1), 0] = True
    return {
        'imu_embedding': x.astype(np.float32),
        'pose_embedding': x.astype(np.float32),
        'imu_mask': mask,
        'pose_mask': mask,
        'take': np.array([f'take {seed}-{i // 10}' for i in range(count)]),
        'window_start': np.array([0.5 * (i % 10) for i in range(count)]),
        'action': action,
    }


def brute_force(items, query, k):
    """Similarities (M, k) of the best, by the float32 embeddings."""
    x = Vectors.of(query['imu_embedding'], query['imu_mask'])
    y = Vectors.of(items['pose_embedding'], items['pose_mask'])
    return np.sort(x.cosines(y), axis=1)[:, ::-1][:, :k]


@pytest.mark.parametrize('limbs', [(), (3,)])
def test_a_small_archive_is_exact(tmp_path, limbs):
    items, query = table(500, 0, limbs), table(7, 1, limbs)
    archive = EmbeddingArchive.create(tmp_path / 'a', 'pose', 'a model')
    assert archive.add(items, ['x'] * 40, block=200) == 500
    archive = EmbeddingArchive(tmp_path / 'a')
    assert len(archive) == 500 and len(archive.facts['shards']) == 3
    found = archive.search(query['imu_embedding'], 5, query['imu_mask'])
    scores = [[match.similarity for match in some] for some in found]
    np.testing.assert_allclose(scores, brute_force(items, query, 5), atol=2e-3)
    best = found[0][0]
    row = int(best.take.split('-')[1]) * 10 + round(best.start_s / 0.5)
    one = {k: v[row : row + 1] for k, v in items.items()}
    assert brute_force(one, query, 1)[0, 0] == pytest.approx(
        best.similarity, abs=2e-3
    )


@needs_faiss
def test_lists_find_nearly_all(tmp_path, monkeypatch):
    monkeypatch.setattr(module, 'EXACT_BELOW', 1000)
    items, more, query = table(6000, 0), table(3000, 2), table(50, 1)
    archive = EmbeddingArchive.create(tmp_path / 'a', 'pose')
    archive.add(items, block=2500)
    archive.add(more)
    assert list((tmp_path / 'a').glob('*.faiss'))
    both = {k: np.concatenate([items[k], more[k]]) for k in items}
    expected = brute_force(both, query, 10)
    found = archive.search(query['imu_embedding'], 10)
    scores = np.array([[m.similarity for m in some] for some in found])
    recall = np.mean(scores >= expected[:, -1:] - 2e-3)
    assert recall > 0.95
    before = {f.name for f in (tmp_path / 'a').glob('*.faiss')}
    archive.train()
    after = {f.name for f in (tmp_path / 'a').glob('*.faiss')}
    assert len(before) == 3 and len(after) == 2 and not before & after
    again = archive.search(query['imu_embedding'], 10)
    scores = np.array([[m.similarity for m in some] for some in again])
    assert np.mean(scores >= expected[:, -1:] - 2e-3) > 0.95
    # Vectors without codes are compared one by one.
    late = table(500, 3)
    archive.add(late, encode=False)
    found = archive.search(late['imu_embedding'][:20], 1)
    assert [m.take for (m,) in found] == late['take'][:20].tolist()
    assert {f.name for f in (tmp_path / 'a').glob('*.faiss')} == after
    archive.encode()
    assert len(archive.facts['lists']) == 2
    found = archive.search(late['imu_embedding'][:20], 1)
    assert [m.take for (m,) in found] == late['take'][:20].tolist()


def test_what_does_not_fit_is_refused(tmp_path):
    archive = EmbeddingArchive.create(tmp_path / 'a', 'pose', 'a model')
    with pytest.raises(ValueError, match='holds no windows'):
        archive.search(np.ones((1, 16), np.float32))
    archive.add(table(20))
    with pytest.raises(ValueError, match=r'\(16,\).*\(8,\).*a model'):
        archive.add(table(20, width=8))
    with pytest.raises(ValueError, match=r'\(16,\).*\(8,\)'):
        archive.search(np.ones((1, 8), np.float32))
    bad = table(5)
    bad['pose_embedding'][3] = np.nan
    with pytest.raises(ValueError, match='NaN'):
        archive.add(bad)
    assert len(EmbeddingArchive(tmp_path / 'a')) == 20
    with pytest.raises(ValueError, match='not an empty directory'):
        EmbeddingArchive.create(tmp_path / 'a', 'pose')
    with pytest.raises(FileNotFoundError, match='not an archive'):
        EmbeddingArchive(tmp_path)


def add_and_die(path):
    archive.write_facts = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    archive.EmbeddingArchive(path).add(table(30, 1))


def test_a_killed_addition_changes_nothing(tmp_path):
    path = tmp_path / 'a'
    archive = EmbeddingArchive.create(path, 'pose')
    archive.add(table(50))
    before = (path / 'archive.json').read_bytes()
    killed = warm().Process(target=add_and_die, args=(path,))
    killed.start()
    killed.join()
    assert killed.exitcode == -9
    assert (path / 'archive.json').read_bytes() == before
    assert len(list(path.glob('*.safetensors'))) == 2  # one is a stray
    archive = EmbeddingArchive(path)
    assert len(archive) == 50
    archive.add(table(10, 2))
    assert len(list(path.glob('*.safetensors'))) == 2
    assert len(archive) == 60


def test_a_killed_creation_is_in_nobodys_way(tmp_path):
    path = tmp_path / 'a'
    path.mkdir()
    (path / '.archive.json.host-1-0123abcd.tmp').write_text('{')
    archive = EmbeddingArchive.create(path, 'pose')
    archive.add(table(20))
    assert len(EmbeddingArchive(path)) == 20
    other = tmp_path / 'b'
    other.mkdir()
    (other / 'notes.txt').write_text('mine')
    with pytest.raises(ValueError, match='b is not an empty.*killed'):
        EmbeddingArchive.create(other, 'pose')


@pytest.mark.parametrize(
    'change',
    [
        {'format': 'other'},
        {'version': 2},
        {'shards': [{'name': '../x', 'rows': 1}]},
        {'shards': [{'name': 'x', 'rows': '1'}]},
        {'shards': 3},
        {'width': [-1]},
        {'training': '../../x'},
        {'lists': [{'name': 'x', 'shards': 2}]},
        {'modality': None},
    ],
)
def test_a_damaged_list_is_named(tmp_path, change):
    EmbeddingArchive.create(tmp_path / 'a', 'pose').add(table(5))
    path = tmp_path / 'a' / 'archive.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=r'archive\.json'):
        EmbeddingArchive(tmp_path / 'a')


def test_commands(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    command('mobind', 'example', 'example')
    folder = tmp_path / 'example'
    sensors = next(iter(sorted(folder.glob('*.csv'))))
    people = sorted(folder.glob('*.json'))
    video = ('--fps', 30, '--img-shape', 1080, 1920, '--quiet')
    index = ('mobind', 'index')
    status, built, _ = command(*index, 'build', 'archive', people[0], *video)
    assert status == 0 and 'windows' in built
    search = (*index, 'search', 'archive', '--imu', sensors, '-k', 2)
    assert '1. ' in command(*search)[1]
    found = json.loads((tmp_path / 'search' / 'search.json').read_text())
    assert len(found[0]['found']) == 2
