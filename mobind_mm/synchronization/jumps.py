"""Offsets that jump: a path through the evidence of parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

JUMP_COST = 12.0
"""Evidence (natural logarithm) that a jump must explain."""
_SAME_SEC = 0.03
"""How far parts of one clock may differ, by noise and drift."""


@dataclass(frozen=True)
class Stretch:
    """Parts in a row that share an offset.

    Args:
        first: Index of the first part.
        stop: Index after the last one.
        index: Index of the offset.
        evidence: Sum of the parts' evidence.
    """

    first: int
    stop: int
    index: int
    evidence: float


def best_path(
    parts: np.ndarray, step: float, cost: float = JUMP_COST
) -> list[Stretch]:
    """Offsets along time that gather most evidence, jumps paid for.

    Dynamic programming over the offset of each part (Viterbi).

    Args:
        parts: (K, G) evidence of parts in their order.
        step: Distance of the offsets in seconds.
        cost: What a jump must gain.
    """
    reach = max(round(_SAME_SEC / step), 1)
    soft = maximum_filter1d(parts, 2 * reach + 1, axis=1, mode='nearest')
    value, came = soft[0], []
    for row in soft[1:]:
        top = int(value.argmax())
        jumps = value < value[top] - cost
        came.append(np.where(jumps, top, np.arange(len(value))))
        value = row + np.where(jumps, value[top] - cost, value)
    at = [int(value.argmax())]
    for back in came[::-1]:
        at.append(int(back[at[-1]]))
    path = np.array(at[::-1])
    borders = np.flatnonzero(np.diff(path)) + 1
    stretches = []
    for first, stop in zip([0, *borders], [*borders, len(path)]):
        total = parts[first:stop].sum(axis=0)
        near = slice(max(path[first] - reach, 0), path[first] + reach + 1)
        index = int(near.start + np.argmax(total[near]))
        stretches.append(Stretch(first, stop, index, float(total[index])))
    return stretches
