"""Search in an index against a full sort."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobind_mm.evaluation.functional import cosine_similarity, search_index

BACKENDS = ['numpy'] + ['faiss'] * (find_spec('faiss') is not None)


@pytest.mark.parametrize('backend', BACKENDS)
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 25))
def test_search_equals_a_full_sort(backend, seed, size, k):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(4, 6)).astype(np.float32)
    index = rng.normal(size=(size, 6)).astype(np.float32)
    found, similarity = search_index(query, index, k, backend=backend)
    everything = cosine_similarity(query, index)
    for i, row in enumerate(everything.tolist()):
        best = sorted(range(size), key=lambda j: -row[j])[:k]
        assert found[i].tolist() == best
        np.testing.assert_allclose(
            similarity[i], everything[i, best], atol=1e-6
        )


def test_masked_limbs_are_searched_without_faiss():
    rng = np.random.default_rng(0)
    query, index = rng.normal(size=(3, 2, 5)), rng.normal(size=(9, 2, 5))
    mask, index_mask = rng.random((3, 2)) < 0.5, rng.random((9, 2)) < 0.5
    _, similarity = search_index(query, index, 1, mask, index_mask)
    everything = cosine_similarity(query, index, mask, index_mask)
    np.testing.assert_allclose(similarity[:, 0], everything.max(axis=1))
    with pytest.raises(ValueError, match="backend='numpy'"):
        search_index(query, index, backend='faiss')


def test_duplicates_come_in_the_order_of_the_index():
    index = np.eye(3)[[0, 1, 0, 0, 2]]
    found, _ = search_index(np.eye(3)[:1], index, 3, backend='numpy')
    assert found.tolist() == [[0, 2, 3]]


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(backend='fais'), "got 'fais'"),
        (dict(k=0), 'got 0'),
        (dict(index=np.zeros((0, 2))), 'empty'),
        (dict(index=np.ones((1, 3))), 'compared'),
    ],
)
def test_unusable_searches_are_refused(options, message):
    options = {'index': np.ones((1, 2)), **options}
    with pytest.raises(ValueError, match=message):
        search_index(np.ones((1, 2)), **options)


@pytest.mark.skipif('faiss' in BACKENDS, reason='faiss is installed')
def test_faiss_that_is_not_installed_is_named():
    with pytest.raises(ImportError, match='pip install faiss-cpu'):
        search_index(np.ones((1, 2)), np.ones((1, 2)), backend='faiss')
