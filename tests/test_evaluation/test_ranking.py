"""Ranking by both kinds of evidence, against loops."""

import numpy as np
import pytest
import torch
from embedding_samples import evaluate, random_samples

from mobind_mm.evaluation.functional import (
    disjoint_rivals,
    matrix_ranks,
    rank_by_both,
    retrieval_ranks,
)
from mobind_mm.evaluation.metrics import RetrievalMetric
from mobind_mm.synchronization.conformance import simulate_recording


@pytest.mark.parametrize('candidates', [1, 3, 7, None])
def test_candidates_are_ordered_by_both_and_the_rest_as_before(candidates):
    rng = np.random.default_rng(0)
    learned = rng.uniform(-1, 1, (5, 7))
    signals = rng.exponential(2, (5, 7))
    scores = rank_by_both(learned, signals, 0.3, candidates)
    for row in range(5):
        order = sorted(range(7), key=lambda j: -learned[row, j])
        first = order[: candidates or 7]
        first.sort(key=lambda j: -learned[row, j] - 0.3 * signals[row, j])
        expected = first + order[len(first) :]
        assert np.argsort(-scores[row]).tolist() == expected
    with pytest.raises(ValueError, match='cannot be added'):
        rank_by_both(learned, signals[:, 1:])
    with pytest.raises(ValueError, match='at least 1'):
        rank_by_both(learned, signals, candidates=0)


def test_ranks_of_a_matrix_are_those_of_its_vectors():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 20, 4))
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y))
    rivals = disjoint_rivals(
        np.arange(20) // 4, np.arange(20.0), np.full(20, 2.0)
    )
    for some in (None, rivals):
        np.testing.assert_array_equal(
            matrix_ranks(x @ y.T, some), retrieval_ranks(x, y, rivals=some)
        )
    assert matrix_ranks(np.ones((4, 4))).tolist() == [4] * 4


def test_the_metric_ranks_by_both():
    """The embeddings know nothing; the streams know the window."""
    takes = [
        simulate_recording(seed=s, seconds=4.0, offset=0.0) for s in range(4)
    ]
    samples = random_samples(4, constant=True)
    for sample, take in zip(samples, takes):
        sample.set_metainfo(dict(role='query', streams=take, window_sec=4.0))
    alone = evaluate(RetrievalMetric(topk=(1,), galleries=('all',)), samples)
    assert alone['retrieval/imu2pose_R@1'] == 0
    metric = RetrievalMetric(
        topk=(1,), galleries=('all', 'disjoint'), signal_weight=0.1
    )
    both = evaluate(metric, samples)
    for direction in ('imu2pose', 'pose2imu'):
        assert both[f'retrieval/{direction}_R@1'] == 1
    bare = random_samples(4, constant=True)
    with pytest.raises(ValueError, match='needs the raw streams'):
        evaluate(RetrievalMetric(signal_weight=0.1), bare)


def test_the_mean_of_embeddings_and_tokens_ranks():
    """Each knows half of the pairs apart; their mean knows them all."""
    samples = random_samples(6, constant=True)
    for number, sample in enumerate(samples):
        sample.set_metainfo(dict(role='query', window_sec=4.0))
        for name in ('imu', 'pose'):
            embedding = torch.zeros_like(getattr(sample, f'{name}_embedding'))
            embedding[..., number % 3] = 1.0
            tokens = torch.zeros_like(getattr(sample, f'{name}_tokens'))
            tokens[..., number // 3] = 1.0
            setattr(sample, f'{name}_embedding', embedding)
            setattr(sample, f'{name}_tokens', tokens)
    for similarity, recall in (('embedding', 0), ('tokens', 0), ('mean', 1)):
        metric = RetrievalMetric((1,), ('all',), similarity)
        found = evaluate(metric, samples)
        for direction in ('imu2pose', 'pose2imu'):
            assert found[f'retrieval/{direction}_R@1'] == recall
    assert metric.similarity.max() == pytest.approx(1.0, abs=1e-3)
