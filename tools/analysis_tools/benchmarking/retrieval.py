"""Time and memory of the retrieval metric."""

from __future__ import annotations

import numpy as np

from benchmarking.settings import Settings, peak_mib, synchronized
from mobind_mm.evaluation.functional import retrieval_ranks

_DIMS = 256
_REFERENCE = 4000


def reference_ranks(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Sort all N x N similarities and look up where the match is."""
    query = query / np.linalg.norm(query, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    order = np.argsort(-(query @ gallery.T), axis=1)
    return np.argmax(order == np.arange(len(query))[:, None], axis=1) + 1


def measure_retrieval(settings: Settings) -> dict:
    """One direction in chunks, and the N x N ranking at a smaller N."""
    count, few = settings.items, min(_REFERENCE, settings.items)
    query, gallery = _pairs(count)
    rows = {}
    for name, ranks, size in (
        ('reference', reference_ranks, few),
        ('chunked_same_size', retrieval_ranks, few),
        ('chunked', retrieval_ranks, count),
    ):
        start = synchronized('cpu')
        memory = peak_mib(lambda f=ranks, n=size: f(query[:n], gallery[:n]))
        rows[name] = dict(
            items=size, seconds=synchronized('cpu') - start, memory_mib=memory
        )
    # Similarities in single precision, their order in 64-bit integers, and
    # where each order equals the match.
    rows['reference_gib_at_full_size'] = count**2 * (4 + 8 + 1) / 2**30
    rows['arguments_mib'] = 2 * count * _DIMS * 4 / 2**20
    return rows


def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of matching pairs, moderately similar."""
    rng = np.random.default_rng(0)
    query = rng.standard_normal((count, _DIMS), dtype=np.float32)
    gallery = query + rng.standard_normal((count, _DIMS), dtype=np.float32)
    return query, gallery
