"""Ranking by what a model has learned and by the signals; nearest items."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from ...utils.arguments import check_choice, check_count
from ...utils.similarity import (
    TIE,
    Vectors,
    check_comparable,
    chunks,
    vectors_of,
)
from .retrieval import Rivals

SIGNAL_WEIGHT = 0.08
"""Cosine that a nat per second of signal evidence is worth.

Fitted with ``tools/analysis_tools/fit_matching.py`` to validation people, who
are neither trained on nor tested: it gives the right window of 5 s the best
likelihood, by one sensor at a time. R@1 hardly changes from 0.02 to 0.12.
"""


def rank_by_both(
    learned: np.ndarray,
    signals: np.ndarray,
    weight: float = SIGNAL_WEIGHT,
    candidates: int | None = None,
) -> np.ndarray:
    """Scores that order items by both kinds of evidence.

    Args:
        learned: (A, B) similarities by a model, such as mean cosines of
            tokens.
        signals: (A, B) log likelihood ratios in nats per second, see
            :func:`mobind_mm.synchronization.in_step.signal_ratios`.
        weight: Similarity that a nat per second is worth.
        candidates: Only so many items of each row, the best ones by
            ``learned``, are ordered by both; the others come after them in
            their old order. All if None.

    Returns:
        (A, B) scores, larger is better.

    Raises:
        ValueError: If the shapes differ, or there are no candidates.

    >>> learned = np.array([[0.9, 0.8, 0.1]])
    >>> signals = np.array([[0.0, 2.0, 12.0]])
    >>> rank_by_both(learned, signals, 0.1).round(1).tolist()
    [[0.9, 1.0, 1.3]]
    >>> rank_by_both(learned, signals, 0.1, candidates=2).round(1).tolist()
    [[0.9, 1.0, -0.8]]
    """
    if learned.shape != signals.shape:
        raise ValueError(
            f'Similarities of shape {learned.shape} and evidence of shape '
            f'{signals.shape} cannot be added.'
        )
    both = learned + weight * signals
    if candidates is None or candidates >= learned.shape[1]:
        return both
    check_count('candidates', candidates)
    last = np.partition(learned, -candidates, axis=1)[:, -candidates, None]
    chosen = learned >= last - TIE
    # Below every candidate, by what they are worth without the signals.
    lowest = np.where(chosen, both, np.inf).min(axis=1, keepdims=True)
    rest = lowest - 1 + learned - last
    return np.where(chosen, both, rest)


def matrix_ranks(
    scores: np.ndarray, rivals: Rivals | None = None
) -> np.ndarray:
    """Rank (M,) of item i for query i; ties count against the query.

    Args:
        scores: (M, M).
        rivals: Which items compete, see :mod:`.retrieval`; all if None.
    """
    everything = slice(0, len(scores))
    beaten = scores >= np.diagonal(scores)[:, None] - TIE
    if rivals is not None:
        beaten &= rivals(everything, everything)
    np.fill_diagonal(beaten, True)
    return beaten.sum(axis=1)


BACKENDS = ('auto', 'faiss', 'numpy')


def search_index(
    query: np.ndarray,
    index: np.ndarray,
    k: int = 10,
    query_mask: np.ndarray | None = None,
    index_mask: np.ndarray | None = None,
    backend: str = 'auto',
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar items of an index, best first.

    Exact with either backend. Equally similar items are in the order of the
    index; which of several items tied for the last place are returned is not
    specified.

    Args:
        query: (M, D) or (M, S, D) embeddings.
        index: (G, D) or (G, S, D) embeddings.
        k: Items per query; G if there are fewer.
        query_mask: (M, S) boolean, limbs present.
        index_mask: (G, S) boolean.
        backend: ``numpy``, ``faiss`` (clip embeddings only), or ``auto``:
            faiss where it is installed and applies.

    Returns:
        Indices (M, k) into ``index`` and similarities (M, k).

    Raises:
        ValueError: For NaN, shapes that do not fit, ``k`` below 1, an
            empty index, or a backend that is unknown or does not apply.
        ImportError: If ``faiss`` is asked for and is not installed.
    """
    check_choice('backend', backend, BACKENDS)
    check_count('k', k)
    if len(index) == 0:
        raise ValueError('The index to search is empty.')
    check_comparable(query, index)
    if backend == 'faiss' and query.ndim == 3:
        raise ValueError(
            'faiss compares clip embeddings (D,) only; per-limb embeddings '
            "with masks need backend='numpy'."
        )
    installed = find_spec('faiss') is not None
    if backend == 'faiss' and not installed:
        raise ImportError(
            "backend='faiss' needs faiss: pip install faiss-cpu, or use "
            "backend='numpy', which finds the same."
        )
    k = min(k, len(index))
    if backend != 'numpy' and installed and query.ndim == 2:
        indices, similarity = _search_faiss(query, index, k)
    else:
        indices, similarity = _search_numpy(
            query, Vectors.of(index, index_mask), k, query_mask
        )
    order = np.lexsort((indices, -similarity))
    return (
        np.take_along_axis(indices, order, axis=1),
        np.take_along_axis(similarity, order, axis=1),
    )


def _search_numpy(
    query: np.ndarray, items: Vectors, k: int, mask: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    size = len(items.flat)
    indices = np.zeros((len(query), k), dtype=np.int64)
    similarity = np.zeros((len(query), k), dtype=items.flat.dtype)
    for rows in chunks(query, max(1, 2**24 // max(size, 1))):
        cosines = vectors_of(query, mask, rows).cosines(items)
        best = np.argpartition(cosines, size - k, axis=1)[:, size - k :]
        indices[rows] = best
        similarity[rows] = np.take_along_axis(cosines, best, axis=1)
    return indices, similarity


def _search_faiss(
    query: np.ndarray, index: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    flat = faiss.IndexFlatIP(index.shape[1])
    flat.add(Vectors.of(index).flat.astype(np.float32))
    asked = Vectors.of(query).flat.astype(np.float32)
    similarity, indices = flat.search(asked, k)
    return indices, similarity
