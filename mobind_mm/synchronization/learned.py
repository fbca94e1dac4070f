"""How well each time offset explains a clip: evidence from the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

LEARNED_NAMES = ('tokens',)
"""Names of the rows of what :func:`learned_evidence` gives."""

_ROUNDING = 1e-4  # of the largest token


def stream_tokens(
    tokens: np.ndarray,
    mask: np.ndarray | None,
    window_starts: np.ndarray,
    token_sec: float,
) -> tuple[np.ndarray, np.ndarray]:
    """One row of tokens for a whole clip from those of its sub-windows.

    What tokens at one place of the window have in common, whatever the
    window shows, is the place: it is taken off, or else equal places would
    look alike and speak for equal times.

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
        # What is left of tokens that are only their place is rounding.
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
    feats: Mapping[str, np.ndarray],
    placements: Sequence[str],
    token_sec: float,
    offsets: np.ndarray,
) -> dict[str, np.ndarray]:
    """Compare the tokens of every sensor and its limb at every offset.

    Similarities are standardised over all pairs of times of the clip. If
    those of pairs that belong together have some mean m > 0 instead of 0,
    n of them with mean z speak for an offset with ``n z^2 / 2``.

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
    found = {}
    for s, placement in enumerate(placements):
        known = imu_known[s][:, None] & pose_known[s]
        if known.sum() < 2:
            continue
        similarity = imu[s] @ pose[s].T
        values = similarity[known]
        z = (similarity - values.mean()) / max(values.std(), 1e-6)
        lags, total, count = _diagonals(z * known, known)
        score = np.maximum(total, 0) ** 2 / (2 * np.maximum(count, 1))
        # Straight lines between tokens would put the top on one of them.
        curve = CubicSpline(lags * token_sec, score)(offsets)
        outside = np.abs(offsets) > lags[-1] * token_sec
        curve = np.where(outside, 0.0, np.maximum(curve, 0.0))
        found[placement] = curve[None]
    return found


def _diagonals(
    values: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums along the diagonals of (M, M): lags, sums and counts."""
    rows, columns = values.shape
    lag = np.arange(rows)[:, None] - np.arange(columns) + columns - 1
    size = rows + columns - 1
    total = np.bincount(lag.ravel(), values.ravel(), size)
    count = np.bincount(lag.ravel(), known.ravel(), size)
    return np.arange(size) - (columns - 1), total, count
