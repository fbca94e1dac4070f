"""Evidence from the model: how well each offset explains its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import log_softmax

from .base import Feats

LEARNED_NAMES = ('tokens',)
"""Names of the rows of what :func:`learned_evidence` gives."""

TEMPERATURE = 0.02
"""Of the softmax in :func:`learned_evidence`."""
_ROUNDING = 1e-4  # of a token


def stream_tokens(
    tokens: np.ndarray,
    mask: np.ndarray | None,
    window_starts: np.ndarray,
    token_sec: float,
) -> tuple[np.ndarray, np.ndarray]:
    """One row of tokens for a whole clip from those of its sub-windows.

    Tokens at one position of the window may share a component that encodes
    the position, whatever the window shows. It is subtracted; otherwise equal
    positions would look alike and suggest equal times. What all positions
    have in common, such as a posture, stays.

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
    norm = np.linalg.norm(tokens, axis=3, keepdims=True)
    tokens = tokens / np.maximum(norm, 1e-12) * weight
    if W > 1:
        sums, counts = tokens.sum(axis=0), weight.sum(axis=0)
        common = sums.sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
        position = sums / np.maximum(counts, 1) - common[:, None]
        tokens = (tokens - position) * weight
        # What is left of tokens that encode only their position is rounding.
        left = np.linalg.norm(tokens, axis=3, keepdims=True)
        tokens = np.where(left > _ROUNDING, tokens, 0)
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

    As in training, a token names its partner by a softmax of its cosines with
    all tokens of the other modality. The log of how much more probable than
    by chance that makes a pair of times is averaged over both directions, and
    summed over the pairs that belong together at an offset.

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
        known = imu_known[s][:, None] & pose_known[s]
        if known.sum() < 2:
            continue
        gain = _gain(a @ b.T, known)
        lags = np.arange(1 - len(a), len(a))
        # Straight lines between tokens would put the top on one of them.
        curve = CubicSpline(lags * token_sec, _diagonals(gain))(offsets)
        outside = np.abs(offsets) > (len(a) - 1) * token_sec
        curves[placement] = np.where(outside, 0.0, curve)[None]
    return curves


def _gain(cosines: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Log of the probability (M, M) of pairs, relative to chance.

    Of cosines (M, M) of sensor and limb tokens, where both are ``known``.
    """
    # Far below all others, but finite: rows may be unknown.
    scaled = np.where(known, cosines / TEMPERATURE, -1e6)
    total = np.zeros_like(scaled)
    for axis in (0, 1):
        choices = np.maximum(known.sum(axis=axis, keepdims=True), 1)
        total += log_softmax(scaled, axis=axis) + np.log(choices)
    return np.where(known, 0.5 * total, 0.0)


def _diagonals(values: np.ndarray) -> np.ndarray:
    """Sums (2 M - 1,) along the diagonals: of ``values[n + lag, n]``."""
    size = len(values)
    padded = np.pad(values[:, ::-1], ((0, 0), (0, size)))
    # One column less, and each row begins one farther left.
    return padded.ravel()[:-size].reshape(size, -1).sum(axis=0)
