"""Ranks, galleries and reranking against slow references."""

import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import warm

from mobind_mm.evaluation.functional import (
    NO_SHARED_LIMB,
    count_rivals,
    disjoint_rivals,
    flat_tokens,
    recall_summary,
    rerank,
    retrieval_ranks,
    same_label_rivals,
)

EPS = 5e-6


def slow_cosine(x, y, x_mask, y_mask):
    """Mean cosine over the shared limbs of two windows (S, D)."""
    shared = [s for s in range(len(x)) if x_mask[s] and y_mask[s]]
    if not shared:
        return NO_SHARED_LIMB
    total = 0.0
    for s in shared:
        a, b = x[s].astype(float), y[s].astype(float)
        norms = np.sqrt((a * a).sum()) * np.sqrt((b * b).sum())
        total += (a * b).sum() / norms if norms else 0.0
    return total / len(shared)


def slow_matrix(query, gallery, query_mask, gallery_mask):
    return [
        [slow_cosine(x, y, m, n) for y, n in zip(gallery, gallery_mask)]
        for x, m in zip(query, query_mask)
    ]


def slow_overlap(a, b):
    """Whether two windows (take, start, length) share time of a take."""
    common = min(a[1] + a[2], b[1] + b[2]) - max(a[1], b[1])
    return a[0] == b[0] and common > 1e-6


def draw(seed, size, limbs, dtype=np.float32):
    """Windows of few directions (ties, duplicates), masks, ids."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(4, 3))
    picks = rng.integers(0, 4, size=(2, size, limbs))
    scales = rng.uniform(0.5, 3, size=(2, size, limbs, 1))
    query, gallery = (directions[picks] * scales).astype(dtype)
    query_mask, gallery_mask = rng.random((2, size, limbs)) < 0.7
    takes = rng.choice(['a', 'b'], size=size)
    starts = rng.integers(0, 6, size=size) * 0.5
    labels = rng.integers(-1, 2, size=size)
    return query, gallery, query_mask, gallery_mask, takes, starts, labels


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 9),
    st.integers(1, 3),
    st.sampled_from([None, 1, 2, 4]),
    st.sampled_from(['all', 'disjoint', 'same_action']),
)
def test_ranks_equal_reference(seed, size, limbs, chunk, gallery_kind):
    q, g, q_mask, g_mask, takes, starts, labels = draw(seed, size, limbs)
    lengths = np.full(size, 1.0)
    windows = list(zip(takes, starts, lengths))

    def competes(i, j):
        if gallery_kind == 'disjoint':
            return not slow_overlap(windows[i], windows[j])
        if gallery_kind == 'same_action':
            return labels[i] == labels[j] and labels[i] >= 0
        return True

    rivals = {
        'all': None,
        'disjoint': disjoint_rivals(takes, starts, lengths),
        'same_action': same_label_rivals(labels),
    }[gallery_kind]
    ranks = retrieval_ranks(q, g, q_mask, g_mask, rivals, chunk)
    matrix = slow_matrix(q, g, q_mask, g_mask)
    others = [
        [j for j in range(size) if j != i and competes(i, j)]
        for i in range(size)
    ]
    expected = [
        1 + sum(matrix[i][j] >= matrix[i][i] - EPS for j in others[i])
        for i in range(size)
    ]
    assert ranks.tolist() == expected
    if rivals is not None:
        counts = count_rivals(rivals, size).tolist()
        assert counts == [len(rest) for rest in others]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 10), st.booleans()
)
def test_rerank_equals_reference(seed, size, candidates, strict):
    q, g, _, _, takes, starts, _ = draw(seed, size, 1)
    windows = list(zip(takes, starts, np.ones(size)))
    q, g = q[:, 0], g[:, 0]
    fine_q, fine_g, fine_q_mask, fine_g_mask, *_ = draw(seed + 1, size, 3)
    rivals = None
    if strict:
        rivals = disjoint_rivals(takes, starts, np.ones(size))
    coarse = retrieval_ranks(q, g, rivals=rivals)
    found = rerank(
        coarse,
        (q, None),
        (g, None),
        (fine_q, fine_q_mask),
        (fine_g, fine_g_mask),
        candidates,
        rivals,
    )
    full = np.ones((size, 1), bool)
    first = slow_matrix(q[:, None], g[:, None], full, full)
    second = slow_matrix(fine_q, fine_g, fine_q_mask, fine_g_mask)
    for i in range(size):
        row = [
            j
            for j in range(size)
            if j == i or not strict or not slow_overlap(windows[i], windows[j])
        ]
        expected = coarse[i]
        if coarse[i] <= candidates:
            best = sorted((first[i][j] for j in row), reverse=True)
            last = best[min(candidates, len(row)) - 1]
            kept = [j for j in row if first[i][j] >= last - EPS]
            expected = sum(second[i][j] >= second[i][i] - EPS for j in kept)
        assert found[i] == expected


def test_rerank_of_everything_is_the_fine_rank_and_of_one_the_coarse():
    rng = np.random.default_rng(0)
    q, g = rng.normal(size=(2, 60, 8))
    fine_q, fine_g = rng.normal(size=(2, 60, 4, 8))
    mask = np.ones((60, 4), bool)
    coarse = retrieval_ranks(q, g)
    pairs = (q, None), (g, None), (fine_q, mask), (fine_g, mask)
    fine = retrieval_ranks(fine_q, fine_g, mask, mask)
    assert (rerank(coarse, *pairs, candidates=60) == fine).all()
    assert (rerank(coarse, *pairs, candidates=1) == coarse).all()


def test_float32_duplicates_tie_wherever_they_stand():
    """A product rounds equal columns differently by their place."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(3, 129)).astype(np.float32)
    pick = rng.integers(0, 3, size=1001)
    ranks = retrieval_ranks(base[pick], base[pick])
    assert (ranks == np.bincount(pick)[pick]).all()
    noisy = base[pick] + rng.normal(size=(1001, 129)).astype(np.float32)
    constant = np.full((1001, 129), 0.3, dtype=np.float32)
    assert (retrieval_ranks(noisy, constant) == 1001).all()


def test_order_of_the_samples_gives_nothing_away():
    rng = np.random.default_rng(2)
    q, g = rng.normal(size=(2, 300, 5, 16)).astype(np.float32)
    g = g + q
    g[100:140] = g[60:100]
    q_mask, g_mask = rng.random((2, 300, 5)) < 0.8
    order = rng.permutation(300)
    ranks = retrieval_ranks(q, g, q_mask, g_mask)
    shuffled = retrieval_ranks(
        q[order], g[order], q_mask[order], g_mask[order], chunk_size=37
    )
    assert (shuffled == ranks[order]).all()


def test_one_window_and_no_window():
    one = np.ones((1, 4))
    assert retrieval_ranks(one, one).tolist() == [1]
    assert retrieval_ranks(one[:0], one[:0]).tolist() == []
    rivals = same_label_rivals(np.array([0]))
    assert count_rivals(rivals, 1).tolist() == [0]


def test_windows_that_touch_do_not_overlap():
    takes, starts = ['a', 'a', 'a', 'b'], np.array([0.1, 0.3, 0.2, 0.1])
    rivals = disjoint_rivals(takes, starts, np.full(4, 0.2))
    compete = rivals(slice(0, 4), slice(0, 4))
    # 0.1 + 0.2 is above 0.3 in floating point.
    assert compete.tolist() == [
        [False, True, False, True],
        [True, False, False, True],
        [False, False, False, True],
        [True, True, True, False],
    ]


def test_tokens_compare_at_their_limb_and_time():
    rng = np.random.default_rng(3)
    imu, pose = rng.normal(size=(2, 6, 2, 3, 4))
    worn = rng.random((6, 2)) < 0.8
    seen = rng.random((6, 2, 3)) < 0.8
    x, x_mask = flat_tokens(imu, worn)
    y, y_mask = flat_tokens(pose, seen)
    ranks = retrieval_ranks(x, y, x_mask, y_mask)

    def slow(i, j):
        values = [
            slow_cosine(imu[i, s, n : n + 1], pose[j, s, n : n + 1], [1], [1])
            for s in range(2)
            for n in range(3)
            if worn[i, s] and seen[j, s, n]
        ]
        return np.mean(values) if values else NO_SHARED_LIMB

    expected = [
        sum(slow(i, j) >= slow(i, i) - EPS for j in range(6)) for i in range(6)
    ]
    assert ranks.tolist() == expected


def test_nan_tokens_and_no_candidates_are_refused():
    x, mask = np.ones((3, 2)), np.ones((3, 1), bool)
    fine = np.ones((3, 1, 2))
    bad = fine.copy()
    bad[1] = np.nan
    pairs = (x, None), (x, None), (fine, mask)
    with pytest.raises(ValueError, match='first in row 1'):
        rerank(np.ones(3, int), *pairs, (bad, mask), candidates=2)
    with pytest.raises(ValueError, match='at least 1, got 0'):
        rerank(np.ones(3, int), *pairs, (fine, mask), candidates=0)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def rank_many(size, width):
    """GiB by which ranks let memory grow, and all of it."""
    rng = np.random.default_rng(0)
    query = rng.standard_normal((size, width), dtype=np.float32)
    gallery = rng.standard_normal((size, width), dtype=np.float32)
    gallery += query
    before = peak()
    ranks = retrieval_ranks(query, gallery)
    assert np.mean(ranks == 1) > 0.5, np.mean(ranks == 1)
    return peak() - before, peak()


def memory(size, width):
    with warm().Pool(1) as pool:
        return pool.apply(rank_many, (size, width))


def test_memory_is_that_of_chunks():
    """Half a GiB of similarities would show."""
    growth, _ = memory(12000, 32)
    assert growth < 0.2


@pytest.mark.slow
def test_memory_of_a_large_gallery():
    _, peak = memory(100_000, 256)
    assert peak < 2.0


def test_recall_of_random_ranks_is_chance():
    ranks = np.random.default_rng(4).integers(1, 101, size=20000)
    summary = recall_summary(ranks, (1, 10, 100))
    assert summary['R@1'] == pytest.approx(0.01, abs=0.003)
    assert summary['R@10'] == pytest.approx(0.1, abs=0.01)
    assert summary['R@100'] == 1.0
