"""Evidence from the model: how well each offset explains its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy.interpolate import CubicSpline

from .base import Feats

LEARNED_NAMES = ('tokens',)
"""Names of the rows of what :func:`learned_evidence` gives."""

_ROUNDING = 1e-4  # of the largest token
_BLOCK = 128  # tokens
_MORE_LAGS = 16  # beyond the offsets: a spline does not feel farther knots


def stream_tokens(
    tokens: np.ndarray,
    mask: np.ndarray | None,
    window_starts: np.ndarray,
    token_sec: float,
) -> tuple[np.ndarray, np.ndarray]:
    """One row of tokens for a whole clip from those of its sub-windows.

    Tokens at one position of the window share a component that encodes the
    position, whatever the window shows. It is subtracted; otherwise equal
    positions would look alike and suggest equal times.

    Args:
        tokens: (W, S, N, D) tokens of the sub-windows.
        mask: (W, S, N) boolean, None if all are valid.
        window_starts: (W,) seconds from the start of the clip.
        token_sec: Seconds that a token stands for.

    Returns:
        (S, M, D) unit means of the tokens at each time, and (S, M)
        whether there are any.
    """
    W, S, N, D = tokens.shape  # noqa: N806
    if mask is None:
        mask = np.ones((W, S, N), dtype=bool)
    weight = mask[..., None].astype(tokens.dtype)
    tokens = tokens * weight
    size = np.linalg.norm(tokens, axis=3, keepdims=True).max()
    if W > 1:
        mean = tokens.sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
        tokens = (tokens - mean) * weight
        # What is left of tokens that encode only their position is rounding.
        left = np.linalg.norm(tokens, axis=3, keepdims=True)
        tokens = np.where(left > _ROUNDING * size, tokens, 0)
    first = np.round(np.asarray(window_starts) / token_sec).astype(int)
    total = np.zeros((first.max() + N, S, D))
    count = np.zeros((len(total), S, 1))
    for w, start in enumerate(first):
        total[start : start + N] += tokens[w].swapaxes(0, 1)
        count[start : start + N] += weight[w].swapaxes(0, 1)
    norm = np.linalg.norm(total, axis=2, keepdims=True)
    unit = total / np.maximum(norm, 1e-12)
    return unit.swapaxes(0, 1), count[..., 0].T > 0


def learned_evidence(
    feats: Feats,
    placements: Sequence[str],
    token_sec: float,
    offsets: np.ndarray,
) -> dict[str, np.ndarray]:
    """Compare the tokens of every sensor and its limb at every offset.

    Similarities are standardised over all pairs of times of the clip. If
    those of pairs that belong together have some mean m > 0 instead of 0,
    n of them with mean z support an offset with ``n z^2 / 2``.

    Args:
        feats: ``imu_tokens`` and ``pose_tokens`` (W, S, N, D),
            ``pose_token_mask`` (W, S, N), ``imu_mask`` and ``pose_mask``
            (W, S), ``window_starts`` (W,) seconds.
        placements: S names.
        token_sec: Seconds that a token stands for.
        offsets: (G,) seconds.

    Returns:
        (len(LEARNED_NAMES), G) log likelihood ratios by placement, of the
        limbs that both modalities show.
    """
    starts = feats['window_starts']
    imu_mask = np.repeat(
        feats['imu_mask'][..., None], feats['imu_tokens'].shape[2], axis=2
    )
    imu, imu_known = stream_tokens(
        feats['imu_tokens'], imu_mask, starts, token_sec
    )
    pose, pose_known = stream_tokens(
        feats['pose_tokens'], feats['pose_token_mask'], starts, token_sec
    )
    curves = {}
    for s, placement in enumerate(placements):
        a, b = imu[s], pose[s]
        pairs = imu_known[s].sum() * pose_known[s].sum()
        if pairs < 2:
            continue
        # Of all pairs of times, without their matrix.
        mean = a.sum(axis=0) @ b.sum(axis=0) / pairs
        square = ((a.T @ a) * (b.T @ b)).sum() / pairs
        std = np.sqrt(max(square - mean**2, 0.0))
        farthest = int(np.ceil(np.abs(offsets).max() / token_sec))
        lags, total, count = _diagonals(
            a, b, imu_known[s], pose_known[s], farthest + _MORE_LAGS
        )
        total = (total - mean * count) / max(std, 1e-6)
        score = np.maximum(total, 0) ** 2 / (2 * np.maximum(count, 1))
        # Straight lines between tokens would put the top on one of them.
        curve = CubicSpline(lags * token_sec, score)(offsets)
        outside = np.abs(offsets) > (len(a) - 1) * token_sec
        curve = np.where(outside, 0.0, np.maximum(curve, 0.0))
        curves[placement] = curve[None]
    return curves


def _diagonals(
    a: np.ndarray,
    b: np.ndarray,
    a_known: np.ndarray,
    b_known: np.ndarray,
    max_lag: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums along the diagonals of ``a @ b.T``: lags, sums and counts.

    Args:
        a: (M, D) tokens, zero where unknown; b likewise.
        b: (M, D).
        a_known: (M,) boolean; b_known likewise.
        b_known: (M,).
        max_lag: Farthest diagonal on either side.
    """
    reach = min(max_lag, len(a) - 1)
    total = _band_sums(a, b, reach)
    count = _band_sums(
        a_known[:, None].astype(np.float64),
        b_known[:, None].astype(np.float64),
        reach,
    )
    return np.arange(-reach, reach + 1), total, count


def _band_sums(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
    """Sums (2 reach + 1,) of ``a[n + lag] * b[n]`` over n and features.

    In blocks: matrix products of some rows of b with the rows of a within
    reach, most of which are on one of the diagonals that are asked for.
    """
    size = len(a)
    a = np.pad(a, ((reach, reach), (0, 0)))
    total = np.zeros(2 * reach + 1)
    for start in range(0, size, _BLOCK):
        rows = b[start : start + _BLOCK]
        near = a[start : start + len(rows) + 2 * reach]
        product = rows @ near.T
        down, right = product.strides
        # Row i begins with its own diagonal.
        diagonals = as_strided(
            product, (len(rows), 2 * reach + 1), (down + right, right)
        )
        total += diagonals.sum(axis=0)
    return total
