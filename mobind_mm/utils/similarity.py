"""Cosine similarity of clips, limb by limb where sensors differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

NO_SHARED_LIMB = -2.0
"""Similarity of clips that have no limb in common: below any cosine."""

TIE = 5e-6
"""Similarities closer than this are equal. A float32 product is off by up to
1.5e-6 (measured, D = 256 and 125 tokens of 128), and rounds equal pairs
differently by their place in the matrix."""

_CHUNK_ELEMENTS = 2**23  # of one chunk of embeddings: 32 MB in float32


@dataclass(frozen=True)
class Vectors:
    """Embeddings prepared for comparison by a matrix product.

    Args:
        flat: (M, S * D) a unit vector per limb, zero where it is absent.
        mask: (M, S) 1 where a limb is present, or None for clip embeddings.
    """

    flat: np.ndarray
    mask: np.ndarray | None

    @classmethod
    def of(cls, x: np.ndarray, mask: np.ndarray | None = None) -> Vectors:
        """Normalise embeddings (M, D) or (M, S, D), in float32 or better."""
        dtype = np.result_type(x.dtype, np.float32)
        x = x.astype(dtype)
        x /= np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
        if x.ndim == 2:
            return cls(x, None)
        if mask is None:
            mask = np.ones(x.shape[:2])
        x *= mask[..., None]
        return cls(x.reshape(len(x), -1), mask.astype(dtype))

    def rows(self, part: slice) -> Vectors:
        """Some of the items."""
        mask = None if self.mask is None else self.mask[part]
        return Vectors(self.flat[part], mask)

    def cosines(self, other: Vectors) -> np.ndarray:
        """Similarity (M, G) of all items of these and of those."""
        product = self.flat @ other.flat.T
        if self.mask is None or other.mask is None:
            return product
        return _mean(product, self.mask @ other.mask.T)

    def paired_cosines(self, other: Vectors) -> np.ndarray:
        """Similarity (M,) of item i of these with item i of those."""
        product = np.einsum('md,md->m', self.flat, other.flat)
        if self.mask is None or other.mask is None:
            return product
        shared = np.einsum('ms,ms->m', self.mask, other.mask)
        return _mean(product, shared)


def _mean(total: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Mean over the shared limbs, in place."""
    total /= np.maximum(shared, 1)
    total[shared == 0] = NO_SHARED_LIMB
    return total


def check_finite(name: str, x: np.ndarray) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: Naming the first offending row.
    """
    bad = ~np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    if bad.any():
        raise ValueError(
            f'{name} has NaN or infinity in {int(bad.sum())} of {len(x)} '
            f'rows, first in row {int(bad.argmax())}; a diverged training '
            'does this, and such embeddings cannot be ranked.'
        )


def check_comparable(a: np.ndarray, b: np.ndarray) -> None:
    """Refuse embeddings that cannot be compared with one another.

    Raises:
        ValueError: For NaN, or shapes that do not fit.
    """
    if a.ndim not in (2, 3) or a.ndim != b.ndim or a.shape[1:] != b.shape[1:]:
        raise ValueError(
            f'Embeddings of shape {a.shape} and {b.shape} cannot be compared.'
        )
    check_finite('The first set of embeddings', a)
    check_finite('The second set of embeddings', b)


def chunks(x: np.ndarray, size: int | None = None) -> Iterator[slice]:
    """Slices of at most ``size`` rows of ``x``.

    By default, as many as fit 32 MB, at most 4096.
    """
    if size is None:
        elements = max(int(np.prod(x.shape[1:])), 1)
        size = int(np.clip(_CHUNK_ELEMENTS // elements, 1, 4096))
    for start in range(0, len(x), size):
        yield slice(start, min(start + size, len(x)))


def vectors_of(
    x: np.ndarray, mask: np.ndarray | None, rows: slice | np.ndarray
) -> Vectors:
    """Vectors of some rows of embeddings and of their mask."""
    return Vectors.of(x[rows], None if mask is None else mask[rows])


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
    clip's own sensor tells the query nothing. Tokens compare in the same
    way when (S, N, D) is given as (S * N, D), see :func:`flat_tokens`.

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

    >>> a, b = np.eye(2, 3), np.array([[1.0, 0, 0], [0, 2, 0], [1, 1, 0]])
    >>> cosine_similarity(a, b).round(3)
    array([[1.   , 0.   , 0.707],
           [0.   , 1.   , 0.707]])
    """
    check_comparable(a, b)
    return Vectors.of(a, a_mask).cosines(Vectors.of(b, b_mask))


def flat_tokens(
    tokens: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reshape tokens to what :func:`cosine_similarity` calls limbs.

    Args:
        tokens: (M, S, N, D).
        mask: (M, S) limbs present, or (M, S, N) tokens present.

    Returns:
        Tokens (M, S * N, D) and their mask (M, S * N).
    """
    M, S, N, D = tokens.shape  # noqa: N806
    if mask.ndim == 2:
        mask = np.repeat(mask[..., None], N, axis=2)
    return tokens.reshape(M, S * N, D), mask.reshape(M, S * N)


def window_similarity(feats: Mapping[str, np.ndarray]) -> np.ndarray:
    """Similarity of all sub-windows of a clip.

    Args:
        feats: ``imu_embedding`` and ``pose_embedding`` (W, D) or (W, S, D),
            ``imu_mask`` and ``pose_mask`` (W, S).

    Returns:
        (W, W), IMU sub-windows in rows; per-limb embeddings are compared
        over the limbs that both have. ``NO_SHARED_LIMB`` where there is
        nothing to compare.
    """
    imu, pose = feats['imu_embedding'], feats['pose_embedding']
    imu_mask, pose_mask = feats['imu_mask'], feats['pose_mask']
    if imu.ndim == 3:
        return cosine_similarity(imu, pose, imu_mask, pose_mask)
    seen = np.any(imu_mask, axis=1)[:, None] & np.any(pose_mask, axis=1)
    return np.where(seen, cosine_similarity(imu, pose), NO_SHARED_LIMB)
