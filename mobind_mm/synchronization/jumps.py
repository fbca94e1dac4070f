"""Offsets that jump: a path through the evidence of parts, and what it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

JUMP_COST = 12.0
"""Evidence (natural logarithm) that a jump must explain."""
_SAME_SEC = 0.03
"""How far parts of one clock may differ by noise."""


@dataclass(frozen=True)
class Stretch:
    """Parts in a row that share an offset.

    Args:
        first: Index of the first part.
        stop: Index after the last one.
        index: Index of the offset.
        evidence: Sum of the parts' evidence there.
    """

    first: int
    stop: int
    index: int
    evidence: float


def best_path(
    parts: np.ndarray, step: float, slack: int = 0, cost: float = JUMP_COST
) -> list[Stretch]:
    """Offsets along time that gather most evidence, jumps paid for.

    Dynamic programming over the offset of each part (Viterbi).

    Args:
        parts: (K, G) evidence of parts in their order.
        step: Distance of the offsets in seconds.
        slack: Samples of the grid by which a drifting clock may move from
            one part to the next at no cost.
        cost: What a jump must gain.

    >>> import numpy as np
    >>> parts = np.zeros((4, 201))
    >>> parts[:2, 50] = parts[2:, 150] = 20.0
    >>> [(s.first, s.stop, s.index) for s in best_path(parts, 0.01)]
    [(0, 2, 50), (2, 4, 150)]
    """
    reach = max(round(_SAME_SEC / step), 1)
    soft = maximum_filter1d(parts, 2 * reach + 1, axis=1, mode='nearest')
    value, came = soft[0], []
    moves = np.arange(-slack, slack + 1)
    index = np.arange(parts.shape[1])
    for row in soft[1:]:
        near = np.clip(index + moves[:, None], 0, len(index) - 1)
        # The middle first: ties stay where they are.
        near = near[np.argsort(np.abs(moves), kind='stable')]
        back = near[value[near].argmax(axis=0), index]
        top = int(value.argmax())
        jumps = value[back] < value[top] - cost
        came.append(np.where(jumps, top, back))
        value = row + np.where(jumps, value[top] - cost, value[back])
    at = [int(value.argmax())]
    for back in came[::-1]:
        at.append(int(back[at[-1]]))
    path = np.array(at[::-1])
    borders = [0, *np.flatnonzero(np.abs(np.diff(path)) > slack) + 1]
    stretches = []
    for first, stop in zip(borders, [*borders[1:], len(path)]):
        middle = int(path[(first + stop) // 2])
        wide = reach + slack * (stop - first)
        near = slice(max(middle - wide, 0), middle + wide + 1)
        total = soft[first:stop].sum(axis=0)[near]
        # In the middle of what the filter has widened.
        sharp = parts[first:stop].sum(axis=0)[near]
        index_of = int(near.start + np.argmax(total + 1e-3 * sharp))
        stretches.append(
            Stretch(int(first), int(stop), index_of, float(total.max()))
        )
    return stretches


def find_jumps(
    parts: np.ndarray, step: float, slack: int = 0
) -> tuple[list[Stretch], list[Stretch], float]:
    """The path with jumps, the one without, and what jumps gain net of cost.

    Arguments are those of :func:`best_path`.
    """
    path = best_path(parts, step, slack)
    whole = best_path(parts, step, slack, cost=np.inf)
    gain = sum(s.evidence for s in path) - whole[0].evidence
    return path, whole, gain - JUMP_COST * (len(path) - 1)


def border_between(
    parts: np.ndarray, before: int, after: int, step: float
) -> int:
    """Where the offset changes: parts before this index have the first one.

    ``parts`` (K, G) are the evidence of short parts in their order; ``before``
    and ``after`` are indices of offsets, ``step`` seconds apart.
    """
    reach = max(round(_SAME_SEC / step), 1)
    soft = maximum_filter1d(parts, 2 * reach + 1, axis=1, mode='nearest')
    gain = soft[:, after] - soft[:, before]
    later = np.concatenate([np.cumsum(gain[::-1])[::-1], [0.0]])
    return int(np.argmax(later))
