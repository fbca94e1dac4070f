"""The top of a curve between its samples."""

from __future__ import annotations

import numpy as np


def peak_offset(offsets: np.ndarray, score: np.ndarray) -> float:
    """Offset of the largest score, on the parabola through its neighbours.

    Args:
        offsets: (G,) evenly spaced seconds.
        score: (G,) finite scores.

    Returns:
        Seconds, at most half a step from the largest sample; the sample
        itself at an end of the curve or on a plateau.
    """
    best = int(np.argmax(score))
    if not 0 < best < len(score) - 1:
        return float(offsets[best])
    left, top, right = score[best - 1 : best + 2]
    bend = left - 2 * top + right
    if bend > -1e-12:
        return float(offsets[best])
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    return float(offsets[best] + shift * (offsets[1] - offsets[0]))
