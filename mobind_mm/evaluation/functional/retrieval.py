"""Cross-modal retrieval: ranks, recall, median rank, mAP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .similarity import cosine_similarity


def retrieval_ranks(
    query: np.ndarray,
    gallery: np.ndarray,
    query_mask: np.ndarray | None = None,
    gallery_mask: np.ndarray | None = None,
    chunk_size: int = 1024,
) -> np.ndarray:
    """Rank of the true match, item i of the gallery for query i.

    Ties count against the query: the rank is the number of gallery items
    at least as similar as the match, itself included. A constant encoder
    therefore gets the last rank everywhere.

    Args:
        query: (M, D) or (M, S, D) embeddings.
        gallery: (M, D) or (M, S, D) embeddings, aligned with ``query``.
        query_mask: (M, S) boolean, limbs present.
        gallery_mask: (M, S) boolean.
        chunk_size: Queries compared at a time, which bounds the memory.

    Returns:
        (M,) integer ranks, 1 is best.

    Raises:
        ValueError: For NaN or shapes that do not fit.
    """
    if len(query) != len(gallery):
        raise ValueError(
            f'{len(query)} queries and {len(gallery)} gallery items; item i '
            'must be the match of query i.'
        )
    ranks = np.zeros(len(query), dtype=np.int64)
    for start in range(0, len(query), chunk_size):
        rows = slice(start, start + chunk_size)
        mask = None if query_mask is None else query_mask[rows]
        similarity = cosine_similarity(
            query[rows], gallery, mask, gallery_mask
        )
        index = np.arange(len(similarity))
        match = similarity[index, start + index]
        # The match itself compares equal, so a rank is at least 1.
        ranks[rows] = (similarity >= match[:, None]).sum(axis=1)
    return ranks


def recall_summary(
    ranks: np.ndarray, topk: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Recall at k, median rank, mAP of retrieval with one match each.

    Args:
        ranks: (M,) ranks, 1 is best.
        topk: Cut-offs k.

    Returns:
        ``R@k`` in [0, 1], ``medR``, and ``mAP`` (with one match it is the
        mean reciprocal rank).

    Raises:
        ValueError: If there is no rank.
    """
    if len(ranks) == 0:
        raise ValueError('No window to retrieve; the split is empty.')
    summary = {f'R@{k}': float(np.mean(ranks <= k)) for k in topk}
    summary['medR'] = float(np.median(ranks))
    summary['mAP'] = float(np.mean(1.0 / ranks))
    return summary
