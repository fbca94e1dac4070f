"""Nearest items of an index."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from ...utils.similarity import Vectors, check_comparable, chunks, vectors_of

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
    index; which of several items tied for the last place are
    returned is not specified.

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
    if backend not in BACKENDS:
        raise ValueError(f'backend must be one of {BACKENDS}, got {backend!r}')
    if k < 1:
        raise ValueError(f'k must be at least 1, got {k}.')
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
