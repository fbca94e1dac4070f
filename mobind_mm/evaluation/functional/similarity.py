"""Cosine similarity of clips, per limb where sensors differ."""

from __future__ import annotations

import numpy as np

NO_SHARED_LIMB = -2.0
"""Similarity of clips that have no limb in common: below any cosine."""


def check_finite(name: str, x: np.ndarray) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: Naming the first offending row.
    """
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        raise ValueError(
            f'{name} has NaN or infinity in {int(bad.sum())} of {len(x)} '
            f'rows, first in row {int(bad.argmax())}; a diverged training '
            'does this, and such embeddings cannot be ranked.'
        )


def _unit(x: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.maximum(norm, 1e-12)


def cosine_similarity(
    a: np.ndarray,
    b: np.ndarray,
    a_mask: np.ndarray | None = None,
    b_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Similarity of every clip of ``a`` with every clip of ``b``.

    Clip embeddings (D,) are compared by their cosine. Per-limb embeddings
    (S, D) by the mean cosine over the limbs that *both* clips have: a
    query with a wrist sensor is compared with everybody's wrist, whatever
    sensor the other clip was recorded with, so the placement of a gallery
    clip's own sensor tells the query nothing.

    Args:
        a: (M, D) or (M, S, D).
        b: (G, D) or (G, S, D).
        a_mask: (M, S) boolean, limbs present; all if omitted.
        b_mask: (G, S) boolean.

    Returns:
        (M, G) similarities in [-1, 1]; :data:`NO_SHARED_LIMB` where two
        clips share no limb.

    Raises:
        ValueError: For NaN, or shapes that do not fit.
    """
    if a.ndim != b.ndim or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f'Embeddings of shape {a.shape} and {b.shape} cannot be compared.'
        )
    check_finite('The first set of embeddings', a)
    check_finite('The second set of embeddings', b)
    if a.ndim == 2:
        return _unit(a) @ _unit(b).T
    a_mask = np.ones(a.shape[:2], bool) if a_mask is None else a_mask
    b_mask = np.ones(b.shape[:2], bool) if b_mask is None else b_mask
    left = (_unit(a) * a_mask[..., None]).reshape(len(a), -1)
    right = (_unit(b) * b_mask[..., None]).reshape(len(b), -1)
    shared = a_mask.astype(left.dtype) @ b_mask.astype(left.dtype).T
    similarity = left @ right.T / np.maximum(shared, 1)
    return np.where(shared > 0, similarity, NO_SHARED_LIMB)
