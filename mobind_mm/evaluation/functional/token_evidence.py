"""How well any sensor fits any limb, from tokens that do not encode it."""

from __future__ import annotations

import numpy as np

from ...utils.arguments import check_choice
from ...utils.similarity import NO_SHARED_LIMB, check_finite, chunks

TOKEN_KINDS = ('token_posterior', 'tokens')

_AT_ONCE = 2**24
"""Cosines of tokens that are held in memory."""
_MOST_FITTED = 200_000
"""Tokens that the spread of a gallery is estimated from."""


def token_evidence(
    imu_tokens: np.ndarray,
    pose_tokens: np.ndarray,
    pose_token_mask: np.ndarray,
    kind: str = 'token_posterior',
    scale: float = 10.0,
) -> np.ndarray:
    """Compare each of M sensors with each of L limbs in the same window.

    ``tokens`` is the mean cosine of simultaneous tokens. For
    ``token_posterior`` the cosines times ``scale`` are logits by which a
    token finds its simultaneous one among those of the other stream, as in
    the token term of the objective; the evidence is the mean log
    probability, over both directions, above that of a guess. It asks
    whether the two streams *happen at the same times*: a pair that is alike
    throughout (two people who walk) gets little, constant tokens get 0, and
    unrelated ones less than that.

    Args:
        imu_tokens: (M, N, D) of sensors.
        pose_tokens: (L, N, D) of limbs.
        pose_token_mask: (L, N) boolean; other tokens are left out.
        kind: ``token_posterior`` or ``tokens``.
        scale: Inverse temperature of the posterior.

    Returns:
        (M, L) evidence, a cosine or nats; 0 for a limb without any token.

    Raises:
        ValueError: For another kind, NaN, or shapes that do not fit.

    Source: MoBind, token-wise contrastive term.
    """
    check_choice('kind', kind, TOKEN_KINDS)
    imu, pose = _unit(imu_tokens), _unit(pose_tokens)
    mask = np.asarray(pose_token_mask, dtype=bool)
    if imu.shape[1:] != pose.shape[1:] or mask.shape != pose.shape[:2]:
        raise ValueError(
            f'Tokens of shape {imu.shape} and {pose.shape} with a mask of '
            f'shape {mask.shape} cannot be compared.'
        )
    count = mask.sum(axis=1)
    if kind == 'tokens':
        cosines = np.einsum('mnd,lnd,ln->ml', imu, pose, mask, optimize=True)
        return cosines / np.maximum(count, 1)
    evidence = [_posterior(x, pose, mask, scale) for x in imu]
    guess = np.log(np.maximum(count, 1))
    return np.reshape(evidence, (len(imu), len(pose))) + guess


def _posterior(
    imu: np.ndarray, pose: np.ndarray, mask: np.ndarray, scale: float
) -> np.ndarray:
    """Mean log posterior (L,) of one sensor (N, D) and limbs (L, N, D)."""
    logits = scale * np.einsum('nd,lkd->lnk', imu, pose, optimize=True)
    match = np.einsum('lnn->ln', logits)
    # Cosines are at most 1: this keeps the exponentials in range.
    weights = np.exp(logits - scale) * (mask[:, :, None] & mask[:, None])
    log_sums = scale + 0.5 * (
        np.log(weights.sum(axis=1), where=mask, out=np.zeros_like(match))
        + np.log(weights.sum(axis=2), where=mask, out=np.zeros_like(match))
    )
    total = ((match - log_sums) * mask).sum(axis=1)
    return total / np.maximum(mask.sum(axis=1), 1)


def anytime_similarity(
    a: np.ndarray, b: np.ndarray, a_mask: np.ndarray, b_mask: np.ndarray
) -> np.ndarray:
    """Compare windows by what happens in them, whenever it does.

    Each token is compared with the most similar one of the other window, in
    both directions, and the mean tokens with each other; the mean of both
    cosines counts. Windows may differ in length.

    Args:
        a: (A, S, N, D) tokens of S limbs.
        b: (B, S, M, D) tokens.
        a_mask: (A, S, N) boolean, tokens that count.
        b_mask: (B, S, M) boolean.

    Returns:
        (A, B) means over the limbs that both show, as cosines;
        :data:`~mobind_mm.utils.similarity.NO_SHARED_LIMB` without any.

    >>> walk, sit = np.eye(2)[:, None, None]
    >>> first = np.concatenate([walk, walk, sit], axis=1)[None]
    >>> seen = np.ones((1, 1, 3), dtype=bool)
    >>> anytime_similarity(first, first[:, :, ::-1], seen, seen).item()
    1.0
    """
    total = np.zeros((len(a), len(b)), np.float32)
    count = np.zeros((len(a), len(b)), int)
    for limb in range(a.shape[1]):
        rows, columns = (
            np.flatnonzero(mask[:, limb].any(axis=1))
            for mask in (a_mask, b_mask)
        )
        if not len(rows) or not len(columns):
            continue
        y, y_seen = b[columns, limb], b_mask[columns, limb]
        size = max(_AT_ONCE // (a.shape[2] * y_seen.size), 1)
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            at = np.ix_(part, columns)
            total[at] += _anytime(a[part, limb], y, a_mask[part, limb], y_seen)
            count[at] += 1
    return np.where(count > 0, total / np.maximum(count, 1), NO_SHARED_LIMB)


def _anytime(
    a: np.ndarray, b: np.ndarray, a_seen: np.ndarray, b_seen: np.ndarray
) -> np.ndarray:
    """Similarity (A, B) of one limb's tokens (A, N, D) and (B, M, D)."""
    (x, _), (y, _) = _masked(a, a_seen), _masked(b, b_seen)
    cosine = np.tensordot(x, y, (2, 2))  # (A, N, B, M)
    there = np.where(b_seen, cosine, -1).max(axis=3)
    there = np.where(a_seen[..., None], there, 0).sum(axis=1)
    back = np.where(a_seen[..., None, None], cosine, -1).max(axis=1)
    back = np.where(b_seen, back, 0).sum(axis=2)
    nearest = there / a_seen.sum(axis=1)[:, None] + back / b_seen.sum(axis=1)
    mean = _unit(x.sum(axis=1)) @ _unit(y.sum(axis=1)).T
    return (nearest / 2 + mean) / 2


def lagged_similarity(
    a: np.ndarray,
    b: np.ndarray,
    a_mask: np.ndarray,
    b_mask: np.ndarray,
    max_lag: int,
) -> np.ndarray:
    """Compare windows that may be some tokens out of step.

    Args:
        a: (A, S, N, D) tokens of S limbs.
        b: (B, S, N, D) tokens.
        a_mask: (A, S, N) boolean, tokens that count.
        b_mask: (B, S, N) boolean.
        max_lag: Tokens by which they may be out of step; with half of the
            window or less in common, they are not compared.

    Returns:
        (A, B) mean cosines of the tokens that coincide at the lag where
        these are largest;
        :data:`~mobind_mm.utils.similarity.NO_SHARED_LIMB` without any.

    >>> walk = np.eye(6)[None, None]
    >>> seen = np.ones((1, 1, 6), dtype=bool)
    >>> late = np.roll(walk, 1, axis=2)
    >>> lagged_similarity(walk, late, seen, seen, 0).item()
    0.0
    >>> lagged_similarity(walk, late, seen, seen, 2).item()
    1.0
    """
    length = a.shape[2]
    most = min(max_lag, (length - 1) // 2)
    best = np.full((len(a), len(b)), NO_SHARED_LIMB, np.float32)
    x, x_seen = _masked(a, a_mask)
    for rows in chunks(b):  # as float32, all of them take too much memory
        y, y_seen = _masked(b[rows], b_mask[rows])
        for lag in range(-most, most + 1):
            here = slice(max(-lag, 0), length - max(lag, 0))
            there = slice(max(lag, 0), length - max(-lag, 0))
            mean, count = (
                one[:, :, here].reshape(len(a), -1)
                @ other[:, :, there].reshape(len(y), -1).T
                for one, other in ((x, y), (x_seen, y_seen))
            )
            mean /= np.maximum(count, 1)
            mean[count == 0] = NO_SHARED_LIMB
            np.maximum(best[:, rows], mean, out=best[:, rows])
    return best


def _masked(
    tokens: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Unit tokens, 0 where the mask is False, and the mask, as float32."""
    seen = mask.astype(np.float32)
    return _unit(tokens.astype(np.float32)) * seen[..., None], seen


def whitened(
    query: np.ndarray, gallery: np.ndarray, gallery_mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tokens as what is particular in a gallery, each direction in its spread.

    What all movements of a gallery have in common fills much of a cosine and
    tells nothing of their actions. The mean and the covariance (Ledoit-Wolf)
    of the gallery's unit tokens take it out. For tokens of one modality: the
    directions in which two modalities agree are the wide ones.

    Args:
        query: (..., D) tokens.
        gallery: (..., D) tokens.
        gallery_mask: (...) boolean, tokens of the gallery that count.

    Returns:
        Query and gallery, float32; as they are if the gallery has no spread.

    Source: Ledoit and Wolf, A well-conditioned estimator for
    large-dimensional covariance matrices (2004).

    >>> hello = np.array([[1.0, 0.1], [1.0, -0.1]])
    >>> seen = np.ones(2, dtype=bool)
    >>> np.round(whitened(hello, hello, seen)[0], 1)
    array([[ 0.,  1.],
           [ 0., -1.]], dtype=float32)
    """
    x, y = (_unit(tokens.astype(np.float32)) for tokens in (query, gallery))
    seen = y[gallery_mask]
    seen = seen[:: len(seen) // _MOST_FITTED + 1].astype(float)
    if len(seen) < 2 or not np.ptp(seen, axis=0).any():
        return x, y
    from sklearn.covariance import ledoit_wolf

    mean = seen.mean(axis=0)
    seen -= mean  # a copy, which is large
    covariance, _ = ledoit_wolf(seen, assume_centered=True)
    size, axes = np.linalg.eigh(covariance)
    size = np.maximum(size, 1e-9 * size[-1])
    to_white = ((axes * size**-0.5) @ axes.T).astype(np.float32)
    mean = mean.astype(np.float32)
    return (x - mean) @ to_white, (y - mean) @ to_white


def lagged_evidence(
    imu_tokens: np.ndarray,
    pose_tokens: np.ndarray,
    pose_token_mask: np.ndarray,
    max_lag: int,
) -> np.ndarray:
    """Compare M sensors with L limbs at every lag of whole tokens.

    Lag g sets pose token n against IMU token n + g: the pose window starts
    g tokens later than the IMU window. The cosines of a pair
    are taken above their mean over all pairs of its tokens, and summed over
    the overlap, so that a lag with little overlap counts little.

    Args:
        imu_tokens: (M, N, D) of sensors.
        pose_tokens: (L, N, D) of limbs.
        pose_token_mask: (L, N) boolean.
        max_lag: Greatest lag in tokens, below N.

    Returns:
        (M, L, 2 * max_lag + 1) evidence; lag g is at g + max_lag. For
        :func:`.assignment.assign_with_offset`.

    Raises:
        ValueError: For a lag out of range, or NaN.
    """
    num_tokens = imu_tokens.shape[1]
    if not 0 <= max_lag < num_tokens:
        raise ValueError(
            f'max_lag must be in [0, {num_tokens}) tokens, got {max_lag}.'
        )
    imu, pose = _unit(imu_tokens), _unit(pose_tokens)
    mask = np.asarray(pose_token_mask, dtype=bool)
    known = np.maximum(mask.sum(axis=1), 1)
    out = np.zeros((len(imu), len(pose), 2 * max_lag + 1), imu.dtype)
    for row, x in enumerate(imu):
        # (L, N of pose, N of IMU)
        cosines = np.einsum('kd,lnd->lnk', x, pose, optimize=True)
        cosines *= mask[..., None]
        mean = cosines.sum(axis=(1, 2)) / known / num_tokens
        cosines -= mean[:, None, None] * mask[..., None]
        for lag in range(-max_lag, max_lag + 1):
            diagonal = np.diagonal(cosines, lag, axis1=1, axis2=2)
            out[row, :, lag + max_lag] = diagonal.sum(axis=1) / num_tokens
    return out


def _unit(tokens: np.ndarray) -> np.ndarray:
    check_finite('The tokens', tokens)
    norm = np.linalg.norm(tokens, axis=-1, keepdims=True)
    return tokens / np.maximum(norm, 1e-12)
