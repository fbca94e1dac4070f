"""Archives whose files say something else than archive.json."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
from corruption import check_contained, corruptions
from json_mutations import mutations
from reader_fixtures import quick_collection  # noqa: F401
from safetensors import safe_open
from safetensors.numpy import save, save_file
from test_archive import table

from mobind_mm.evaluation.archive import EmbeddingArchive
from mobind_mm.evaluation.archive import files as archive_files
from mobind_mm.evaluation.archive import lists as module
from mobind_mm.evaluation.archive.files import FORMAT, VERSION, read_facts

ITEMS, QUERY = table(60, 0, (3,)), table(3, 1, (3,))


@pytest.fixture
def root(tmp_path):
    root = tmp_path / 'archive'
    archive = EmbeddingArchive.create(root, 'pose', 'a model')
    archive.add(ITEMS, ['x'] * 40)
    return root


def search(root):
    archive = EmbeddingArchive(root)
    found = archive.search(QUERY['imu_embedding'], 4, QUERY['imu_mask'])
    for match in (match for some in found for match in some):
        assert isinstance(match.take, str)
        assert np.isfinite([match.similarity, match.start_s]).all()


def rewrite(path, change=lambda arrays: None, header=None):
    """Write a shard with other arrays, or another header."""
    with safe_open(path, 'numpy') as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        known = (file.metadata() or {}).get('header')
    arrays = change(arrays) or arrays
    text = known if header is None else json.dumps(header)
    path.unlink()
    save_file(arrays, path, {'header': text} if header != 'none' else None)
    return json.loads(known or '0')


def shard_of(root):
    (path,) = root.glob('*.safetensors')
    return path


@pytest.mark.parametrize(
    'change',
    [
        lambda a: {**a, 'vectors': a['vectors'].astype(np.float32)},
        lambda a: {**a, 'vectors': a['vectors'][:, :5].copy()},
        lambda a: {**a, 'vectors': np.full_like(a['vectors'], np.nan)},
        lambda a: {**a, 'mask': a['mask'].astype(np.uint8)},
        lambda a: {**a, 'mask': a['mask'][:, :2].copy()},
        lambda a: {**a, 'take': a['take'] + 1000},
        lambda a: {**a, 'take': a['take'] - 1000},
        lambda a: {**a, 'take': a['take'][:5].copy()},
        lambda a: {**a, 'action': a['action'].astype(np.float32)},
        lambda a: {n: x for n, x in a.items() if n != 'window_start'},
    ],
)
def test_arrays_of_a_shard(root, change):
    rewrite(shard_of(root), change)
    with pytest.raises(ValueError, match=r'\.safetensors .*Build the archive'):
        search(root)


def test_headers_of_a_shard(root):
    known = rewrite(shard_of(root))
    outcomes = set()
    for odd in [None, 5, 'none', *mutations(known, 0, 40)]:
        rewrite(shard_of(root), header=odd)
        outcome = check_contained(lambda: search(root), root / '-')
        assert outcome == 'fine' or 'safetensors' in outcome, outcome
        outcomes.add(outcome == 'fine')
    assert outcomes == {True, False}


def test_lists_of_an_archive(root):
    path = root / 'archive.json'
    known = json.loads(path.read_text())
    for odd in mutations(known, 0, 60):
        path.write_text(json.dumps(odd))
        outcome = check_contained(lambda: search(root), root / '-')
        assert outcome == 'fine' or str(root) in outcome, outcome


needs_faiss = pytest.mark.skipif(
    find_spec('faiss') is None, reason='needs faiss'
)


@pytest.fixture
def coded(tmp_path, monkeypatch):
    """An archive with lists, and what searching and adding find in it."""
    monkeypatch.setattr(module, 'EXACT_BELOW', 100)
    archive = EmbeddingArchive.create(tmp_path / 'archive', 'pose')
    archive.add(table(300, 0, (), 8))
    query = table(3, 1, (), 8)['imu_embedding']

    def use(number=0):
        archive = EmbeddingArchive(tmp_path / 'archive')
        if not number:  # the second index is read to add to it
            return [[m.take for m in f] for f in archive.search(query, 4)]
        return archive.add(table(2, 5, (), 8))

    lists, training = (archive.facts[key] for key in ('lists', 'training'))
    names = lists[0]['name'], training
    files = [tmp_path / f'archive/{name}.faiss' for name in names]
    return use, files


@needs_faiss
def test_damaged_lists_are_never_searched(coded):
    use, files = coded
    right = use()
    for number, path in enumerate(files):
        content = path.read_bytes()
        for _, damaged in corruptions(content, number, 24):
            path.write_bytes(damaged)
            if damaged == content:
                continue
            said = check_contained(lambda n=number: use(n), path / '-')
            assert f'{path} is damaged. Delete it and run mobind' in said
        path.unlink()
    EmbeddingArchive(files[0].parent).train()
    assert use() == right


@needs_faiss
@pytest.mark.parametrize(
    ('kind', 'width', 'count'),
    [('Flat', 8, 300), ('IVF2,Flat', 8, 299), ('IVF2,Flat', 9, 300)],
)
def test_lists_of_another_archive(coded, kind, width, count):
    import faiss

    use, (path, _) = coded
    index = faiss.index_factory(width, kind)
    vectors = np.random.default_rng(0).normal(size=(count, width))
    index.train(vectors.astype(np.float32))
    index.add(vectors.astype(np.float32))
    facts = json.loads((path.parent / 'archive.json').read_text())
    module.write_index(index, path, facts)
    (path.parent / 'archive.json').write_text(json.dumps(facts))
    with pytest.raises(ValueError, match='no index of lists|holds .* not 300'):
        use()


@needs_faiss
def test_lists_that_name_rows_of_nobody(coded):
    import faiss

    use, (path, _) = coded
    facts = json.loads((path.parent / 'archive.json').read_text())
    index = faiss.read_index(str(path))
    vectors = np.random.default_rng(0).normal(size=(300, 8))
    index.reset()
    index.add_with_ids(vectors.astype(np.float32), np.arange(300) + 10**6)
    module.write_index(index, path, facts)
    (path.parent / 'archive.json').write_text(json.dumps(facts))
    with pytest.raises(ValueError, match='names rows that are not there'):
        use()


def test_rows_that_no_archive_has(tmp_path):
    facts = dict(
        **dict(format=FORMAT, version=VERSION, modality='pose', model=''),
        **dict(width=[4], training=None, lists=[]),
        shards=[{'name': 'a', 'rows': 1 << 63}],
    )
    (tmp_path / 'archive.json').write_text(json.dumps(facts))
    with pytest.raises(ValueError, match='is damaged'):
        read_facts(tmp_path)  # OverflowError, later


def test_a_damaged_shard_without_asserts(tmp_path, optimised):
    module = optimised(archive_files.__file__, archive_files.__package__)
    content = save({'vectors': np.zeros((2, 4), np.float16)})
    (tmp_path / 'a.safetensors').write_bytes(content)
    shard = module.Shard(tmp_path, {'width': [4]}, {'name': 'a', 'rows': 2})
    with pytest.raises(ValueError, match="has no array 'mask'"):
        shard.vectors(slice(0, 2))  # read without a look at the rest
