"""Cross-modal retrieval: ranks, recall, and which items compete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...utils.arguments import check_count
from ...utils.similarity import (
    TIE,
    Vectors,
    check_comparable,
    chunks,
    vectors_of,
)

Rivals = Callable[[slice, slice], np.ndarray]
"""Which items of the gallery compete for a query: (rows, columns) to a
boolean array of that shape. The match itself always takes part."""

_EPS = 1e-6  # seconds; window starts come from divisions
_CHUNK = 4096


def retrieval_ranks(
    query: np.ndarray,
    gallery: np.ndarray,
    query_mask: np.ndarray | None = None,
    gallery_mask: np.ndarray | None = None,
    rivals: Rivals | None = None,
    chunk_size: int | None = None,
) -> np.ndarray:
    """Rank of the true match, item i of the gallery for query i.

    Ties count against the query: the rank is one more than the number of
    rivals that are at least as similar as the match, or less so by at most
    :data:`~.similarity.TIE`. A constant encoder therefore gets the last
    rank everywhere, and the order of the samples does not matter.

    Besides its arguments it holds only chunks: 0.15 GB for any number of
    clip embeddings.

    Args:
        query: (M, D) or (M, S, D) embeddings.
        gallery: (M, D) or (M, S, D) embeddings, aligned with ``query``.
        query_mask: (M, S) boolean, limbs present.
        gallery_mask: (M, S) boolean.
        rivals: Which items compete for which query; all if omitted.
            See :func:`disjoint_rivals` and :func:`same_label_rivals`.
        chunk_size: Rows of a chunk; by default bounded by memory.

    Returns:
        (M,) integer ranks, 1 is best.

    Raises:
        ValueError: For NaN or shapes that do not fit.

    >>> query = np.eye(3)
    >>> retrieval_ranks(query, query[[0, 2, 1]]).tolist()
    [1, 3, 3]
    """
    _check_aligned(query, gallery)
    check_comparable(query, gallery)
    match = _match_similarity(query, gallery, query_mask, gallery_mask)
    ranks = np.ones(len(query), dtype=np.int64)
    for columns in chunks(gallery, chunk_size):
        items = vectors_of(gallery, gallery_mask, columns)
        for rows in chunks(query, chunk_size):
            asked = vectors_of(query, query_mask, rows)
            beaten = asked.cosines(items) >= match[rows, None] - TIE
            if rivals is not None:
                beaten &= rivals(rows, columns)
            match_at = np.arange(
                max(rows.start, columns.start), min(rows.stop, columns.stop)
            )
            beaten[match_at - rows.start, match_at - columns.start] = False
            ranks[rows] += np.count_nonzero(beaten, axis=1)
    return ranks


def rerank(
    ranks: np.ndarray,
    query: tuple[np.ndarray, np.ndarray | None],
    gallery: tuple[np.ndarray, np.ndarray | None],
    fine_query: tuple[np.ndarray, np.ndarray],
    fine_gallery: tuple[np.ndarray, np.ndarray],
    candidates: int,
    rivals: Rivals | None = None,
) -> np.ndarray:
    """Order the best candidates by a sharper similarity, such as tokens.

    A query whose match is not among its ``candidates`` best keeps its rank.
    Otherwise its rank is that of the match among the candidates, by the
    sharper similarity. Ties count against the query in both stages: items
    as similar as the last candidate are candidates too.

    Args:
        ranks: (M,) of :func:`retrieval_ranks` with the same arguments.
        query: Embeddings of the first stage and their mask or None.
        gallery: The same of the gallery.
        fine_query: (M, L, D) embeddings of the second stage and their mask
            (M, L), see :func:`~.similarity.flat_tokens`.
        fine_gallery: The same of the gallery.
        candidates: Items that the second stage orders.
        rivals: As in :func:`retrieval_ranks`.

    Returns:
        (M,) integer ranks, 1 is best.

    Raises:
        ValueError: For NaN, shapes that do not fit, or no candidates.
    """
    check_count('candidates', candidates)
    _check_aligned(query[0], gallery[0])
    check_comparable(query[0], gallery[0])
    check_comparable(fine_query[0], fine_gallery[0])
    ranks, place = ranks.copy(), min(candidates, len(ranks))
    everything = slice(0, len(ranks))
    items = Vectors.of(*gallery)
    for rows in chunks(query[0], max(1, 2**24 // max(len(ranks), 1))):
        coarse = vectors_of(*query, rows).cosines(items)
        if rivals is not None:
            compete = rivals(rows, everything)
            match_at = np.arange(rows.start, rows.stop)
            compete[match_at - rows.start, match_at] = True
            coarse[~compete] = -np.inf
        for i in range(rows.start, rows.stop):
            if ranks[i] > candidates:
                continue
            row = coarse[i - rows.start]
            last = np.partition(row, -place)[-place]
            row[i] = -np.inf
            nearest = np.flatnonzero((row >= last - TIE) & np.isfinite(row))
            nearest = np.append(nearest, i)
            asked = vectors_of(*fine_query, slice(i, i + 1))
            fine = asked.cosines(vectors_of(*fine_gallery, nearest))[0]
            ranks[i] = np.count_nonzero(fine >= fine[-1] - TIE)
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

    >>> round(recall_summary(np.array([1, 2, 4]), topk=(1,))['mAP'], 3)
    0.583
    """
    if len(ranks) == 0:
        raise ValueError('No window to retrieve; the split is empty.')
    summary = {f'R@{k}': float(np.mean(ranks <= k)) for k in topk}
    summary['medR'] = float(np.median(ranks))
    summary['mAP'] = float(np.mean(1.0 / ranks))
    return summary


def _check_aligned(query: np.ndarray, gallery: np.ndarray) -> None:
    if len(query) != len(gallery):
        raise ValueError(
            f'{len(query)} queries and {len(gallery)} gallery items; item i '
            'must be the match of query i.'
        )


def _match_similarity(
    query: np.ndarray,
    gallery: np.ndarray,
    query_mask: np.ndarray | None,
    gallery_mask: np.ndarray | None,
) -> np.ndarray:
    """Similarity (M,) of every query and its match."""
    parts = [
        vectors_of(query, query_mask, rows).paired_cosines(
            vectors_of(gallery, gallery_mask, rows)
        )
        for rows in chunks(query)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def disjoint_rivals(
    takes: ArrayLike, starts: ArrayLike, lengths: ArrayLike
) -> Rivals:
    """Leave out the windows that overlap the query in time.

    Windows overlap if they share time of the same take, whatever camera
    filmed it: they show part of the same motion. Other people of the same
    scene are takes of their own and stay.

    Args:
        takes: (M,) names.
        starts: (M,) starts of the windows in seconds.
        lengths: (M,) lengths of the windows in seconds.
    """
    take = np.unique(np.asarray(takes, dtype=str), return_inverse=True)[1]
    starts = np.asarray(starts, dtype=np.float64)
    ends = starts + np.asarray(lengths, dtype=np.float64) - _EPS

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        apart = take[rows, None] != take[columns]
        apart |= starts[rows, None] >= ends[columns]
        apart |= starts[columns] >= ends[rows, None]
        return apart

    return rivals


def other_camera_rivals(
    takes: Iterable, starts: Iterable, cameras: ArrayLike
) -> Rivals | None:
    """Leave out the query's own window as other cameras filmed it.

    Such windows share one IMU signal, so either is a right answer, and as
    a rival it would tie with every match.

    Args:
        takes: (M,) names.
        starts: (M,) starts of the windows in seconds, None where unknown.
        cameras: (M,) names.

    Returns:
        None if no window has a second camera: all compete.
    """
    names = [f'{take} {start}' for take, start in zip(takes, starts)]
    window = np.unique(names, return_inverse=True)[1]
    camera = np.unique(np.asarray(cameras, str), return_inverse=True)[1]
    both = np.unique(np.stack([window, camera]), axis=1)
    if both.shape[1] == len(np.unique(window)):
        return None

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        other = window[rows, None] != window[columns]
        return other | (camera[rows, None] == camera[columns])

    return rivals


def same_label_rivals(labels: np.ndarray) -> Rivals:
    """Leave out the windows with another action, and without one (-1).

    Args:
        labels: (M,) integer labels.
    """
    labels = np.asarray(labels)

    def rivals(rows: slice, columns: slice) -> np.ndarray:
        same = labels[rows, None] == labels[columns]
        return same & (labels[rows, None] >= 0)

    return rivals


def count_rivals(rivals: Rivals, size: int) -> np.ndarray:
    """Number (M,) of items that compete for each query, besides the match.

    Args:
        rivals: Of :func:`disjoint_rivals` or :func:`same_label_rivals`.
        size: Number M of queries and items.
    """
    parts = [slice(i, min(i + _CHUNK, size)) for i in range(0, size, _CHUNK)]
    counts = np.zeros(size, dtype=np.int64)
    for rows in parts:
        for columns in parts:
            compete = rivals(rows, columns)
            if rows == columns:
                np.fill_diagonal(compete, False)
            counts[rows] += np.count_nonzero(compete, axis=1)
    return counts
