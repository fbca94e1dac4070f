"""Fit the weights of the fused synchroniser by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

from mobind_mm.synchronization.fused import EVIDENCE_NAMES

_NEAR_SEC = 0.1
"""An offset nearer than this to the truth counts as right."""
_FINE_SEC = 0.012
"""Width of the target of the fine term, in seconds."""
_FINE_WEIGHT = 0.05
_DECAY = 1e-3


@dataclass(frozen=True)
class FittedWeights:
    """What ``FusedSynchronizer`` takes.

    Args:
        weights: Weight by name of the evidence.
        sensors_power: See there.
        overlap_power: See there.
        loss: Mean negative log likelihood that was reached.
    """

    weights: dict[str, float]
    sensors_power: float
    overlap_power: float
    loss: float


def fit_weights(
    rows: np.ndarray,
    overlap: np.ndarray,
    num_sensors: np.ndarray,
    truth: np.ndarray,
    offsets: np.ndarray,
) -> FittedWeights:
    """Conditional logit: the true offset competes with all others.

    What is maximised is the log probability within 0.1 s of the truth, and
    with a small weight that of the very place. Weights stay positive.

    Args:
        rows: (M, len(EVIDENCE_NAMES), G) evidence of M clips, summed over
            sensors.
        overlap: (M, G) seconds.
        num_sensors: (M,) sensors of each clip.
        truth: (M,) true offsets in seconds.
        offsets: (G,) seconds.

    Raises:
        ValueError: If the rows have not the names' number.
    """
    if rows.shape[1] != len(EVIDENCE_NAMES):
        raise ValueError(
            f'{rows.shape[1]} rows of evidence for the '
            f'{len(EVIDENCE_NAMES)} names of EVIDENCE_NAMES.'
        )
    distance = offsets - truth[:, None]
    near = np.abs(distance) < _NEAR_SEC
    target = np.exp(-0.5 * (distance / _FINE_SEC) ** 2)
    target /= target.sum(axis=1, keepdims=True)
    log_overlap = np.log(np.maximum(overlap, 0.05))
    log_count = np.log(num_sensors.astype(float))

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        raw, (power, prior) = params[:-2], params[-2:]
        weights = np.logaddexp(0, raw)
        scale = np.exp(-power * log_count)
        mixed = np.einsum('f,mfg->mg', weights, rows) * scale[:, None]
        log_p = log_softmax(mixed + prior * log_overlap, axis=1)
        hit = logsumexp(np.where(near, log_p, -np.inf), axis=1)
        value = -hit.mean() - _FINE_WEIGHT * (target * log_p).sum(1).mean()
        value += _DECAY * ((raw + 1.5) ** 2).sum()
        # d/dscore of both terms: probabilities less where they should be.
        p = np.exp(log_p)
        inside = np.where(near, np.exp(log_p - hit[:, None]), 0.0)
        slope = (p - inside) + _FINE_WEIGHT * (p - target)
        slope /= len(rows)
        scaled = slope * scale[:, None]
        gradient = np.einsum('mg,mfg->f', scaled, rows) * expit(raw)
        gradient += 2 * _DECAY * (raw + 1.5)
        by_power = -(slope * mixed * log_count[:, None]).sum()
        by_prior = (slope * log_overlap).sum()
        return value, np.concatenate([gradient, [by_power, by_prior]])

    start = np.concatenate([np.full(len(EVIDENCE_NAMES), -1.5), [0.0, 0.0]])
    found = minimize(loss, start, jac=True, method='L-BFGS-B')
    weights = np.logaddexp(0, found.x[:-2])
    return FittedWeights(
        dict(zip(EVIDENCE_NAMES, weights.tolist())),
        sensors_power=float(found.x[-2]),
        overlap_power=float(found.x[-1]),
        loss=float(found.fun),
    )
