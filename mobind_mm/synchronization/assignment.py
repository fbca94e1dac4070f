"""Which sensors belong to whom, one to one, and how probable that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import logsumexp

from .pairing import PairEvidence

BELONGS = {'excess': 1.79, 'nats': 2.71, 'excess_rate': 3.45, 'bias': -1.62}
"""Log odds that sensors and a person belong together, where half of all pairs
do. Fitted by maximum likelihood to 3,072 pairs of
``tools/analysis_tools/fit_pairing.py --count 16 --draws 6``: simulated people
and motion capture, 10 to 60 s, one to three sensors, noisy keypoints."""

_OUTDONE = 0.15
"""Log odds that a pair loses for each nat by which another one of the same
sensors or person exceeds it: two who do the same at the same time both fit,
and the better one is the right one."""
_ROUNDS, _DAMPING = 200, 0.5
_MOST = 0.999
"""Nothing is more certain: people and studies differ from those of the fit."""


def shapes(pair: PairEvidence) -> dict[str, float]:
    """Numbers of a pair on scales on which they add up.

    ``excess``: by how much the best offset exceeds what agrees by chance;
    ``nats``: the same, not on a logarithmic scale; ``excess_rate``: the
    share of the evidence.
    """
    chance = max(pair.rival, pair.control)
    excess = pair.top - chance
    return {
        'excess': float(np.sign(excess) * np.log1p(abs(excess) / 2)),
        'excess_rate': float(np.clip(excess / max(pair.top, 1e-6), -1, 1)),
        'nats': float(np.clip(excess, 0, 60) / 10),
    }


def log_odds(pairs: Sequence[Sequence[PairEvidence]]) -> np.ndarray:
    """Log odds (N, P) of each pair against "not these two".

    Of N recordings and P people: a pair is the less probable beforehand, the
    more there are.
    """
    count, people = len(pairs), len(pairs[0]) if pairs else 0
    odds = np.full((count, people), -np.inf)
    excess = np.zeros((count, people))
    for i, row in enumerate(pairs):
        for j, pair in enumerate(row):
            excess[i, j] = pair.top - max(pair.rival, pair.control)
            if pair.sensors:
                odds[i, j] = BELONGS['bias'] + sum(
                    BELONGS[name] * value
                    for name, value in shapes(pair).items()
                )
    if not odds.size:
        return odds
    best = np.maximum(
        excess.max(axis=1, keepdims=True), excess.max(axis=0, keepdims=True)
    )
    return odds - np.log(max(count, people)) - _OUTDONE * (best - excess)


def assign(odds: np.ndarray) -> np.ndarray:
    """The most probable person (N,) by log odds (N, P); -1: "none of these".

    >>> assign(np.array([[3.0, 2.0], [4.0, -1.0], [-2.0, -3.0]]))
    array([ 1,  0, -1])
    """
    chosen = np.full(len(odds), -1)
    if not odds.size:
        return chosen
    gain = np.maximum(odds, 0.0)  # a pair or nobody, whatever is better
    rows, columns = linear_sum_assignment(gain, maximize=True)
    used = gain[rows, columns] > 0
    chosen[rows[used]] = columns[used]
    return chosen


def probabilities(odds: np.ndarray) -> np.ndarray:
    """Probability (N, P) of each pair, if nobody belongs to two.

    Each one-to-one assignment has a probability in proportion to the product
    of the odds of its pairs. The sums over all of them are found by belief
    propagation, which is exact for sums without circles.

    Args:
        odds: (N, P) log odds of each pair.

    >>> probabilities(np.array([[9.0, 9.0]])).round(3)
    array([[0.5, 0.5]])
    """
    if not odds.size:
        return np.zeros(odds.shape)
    # log of the probability that one side is free, but for the pair itself
    free = [np.zeros(odds.shape), np.zeros(odds.shape)]
    for _ in range(_ROUNDS):
        before = [side.copy() for side in free]
        for axis in (0, 1):  # a person's, then a recording's
            terms = odds + free[1 - axis]
            new = -np.logaddexp(0, _sum_of_others(terms, axis))
            free[axis] = _DAMPING * free[axis] + (1 - _DAMPING) * new
        if max(np.abs(a - b).max() for a, b in zip(free, before)) < 1e-6:
            break
    both = odds + free[0] + free[1]
    return np.minimum(np.exp(both - np.logaddexp(0, both)), _MOST)


def _sum_of_others(terms: np.ndarray, axis: int) -> np.ndarray:
    """Logarithm of the sum of exp along an axis, without the term itself."""
    terms = np.moveaxis(terms, axis, -1)
    count = terms.shape[-1]
    if count == 1:
        return np.moveaxis(np.full(terms.shape, -np.inf), -1, axis)
    ordered = np.sort(terms, axis=-1)
    total = logsumexp(terms, axis=-1, keepdims=True)
    # The largest term is left out by a sum of its own: no cancellation.
    rest = logsumexp(ordered[..., :-1], axis=-1, keepdims=True)
    with np.errstate(divide='ignore', invalid='ignore'):
        share = np.exp(np.minimum(terms - total, 0.0))
        others = total + np.log1p(-np.minimum(share, 1.0))
    others = np.where(terms == ordered[..., -1:], rest, others)
    return np.moveaxis(others, -1, axis)
