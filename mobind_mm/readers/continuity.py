"""What the measurements tell of their times.

A body moves smoothly. So the values tell whether two rows are neighbours in
time, whether rows are of one sensor, and which of two clocks is the better.
"""

from __future__ import annotations

import numpy as np

_WINDOW = 100
"""Rows on both sides by which a step of the values is judged."""
_BESIDE = 8
"""Rows on both sides by which it is told whether a sensor moves."""
_CLEAR = 7.0
"""Logarithm of the odds from which something is clear (1,000 to 1)."""
_BETTER = 1.5
"""How much smaller the error of the better clock must be."""


def regular_step(steps: np.ndarray, rate: float | None = None) -> float:
    """Usual interval in seconds: that of the rate, or the median."""
    if rate is not None:
        return 1 / rate
    forward = steps[steps > 0]
    return float(np.median(forward)) if len(forward) else 0.0


def continues(
    values: np.ndarray | None, place: int, missing: float = np.inf
) -> bool | None:
    """Whether the values continue after a row as if nothing were missing.

    Compares how much they bend there with how they bend nearby, and with how
    they would if so many samples were missing. The step after the row
    ``place`` has room for ``missing`` samples. None if they do not tell, as
    those of a still sensor.
    """
    if values is None or not 2 <= place < len(values) - 3:
        return None
    reach = int(min(max(_WINDOW, 3 * missing), 20 * _WINDOW))
    first = max(place - reach, 0)
    around = np.asarray(values[first : place + reach], float)
    at = place - first
    bends = _bends(around, 1)
    others = np.delete(bends, np.s_[max(at - 2, 0) : at + 1], axis=0)
    if len(others) < 5:
        return None
    near = 1.5 * np.sqrt(np.mean(others**2, axis=0))
    far = np.sqrt(2) * around.std(axis=0)
    if missing + 20 < len(around) / 2:
        far = np.sqrt(np.mean(_bends(around, int(missing) + 1) ** 2, axis=0))
    # Where it is still on both sides, the values are the same after a gap.
    sides = around[max(at - _BESIDE, 0) : at + 1], around[at + 1 :][:_BESIDE]
    moving = np.max([side.std(axis=0) for side in sides], axis=0)
    tells = np.minimum(far, 3 * moving) > 3 * np.maximum(near, 1e-9)
    near, far = np.maximum(near[tells], 1e-9), far[tells]
    bend = bends[at - 1][tells]
    odds = np.log(far / near) + bend**2 / 2 * (far**-2.0 - near**-2.0)
    total = float(np.maximum(odds, -3 * _CLEAR).sum())
    return None if abs(total) < _CLEAR else total > 0


def _bends(values: np.ndarray, lag: int) -> np.ndarray:
    """What a step over some rows differs from the steps on both sides.

    The first is that after the second row.
    """
    steps = np.diff(values, axis=0)
    over = values[1 + lag : -1] - values[1 : -1 - lag]
    return over - (steps[: len(over)] + steps[-len(over) :]) / 2


def several_streams(values: np.ndarray | None, size: int) -> bool:
    """Whether rows that share a time are of so many sensors, in turn."""
    if values is None or size < 2 or len(values) < 3 * size:
        return False
    values = np.asarray(values, float)
    scale = values.std(axis=0) + 1e-12
    next_row = np.abs(np.diff(values, axis=0) / scale).mean()
    next_turn = np.abs((values[size:] - values[:-size]) / scale).mean()
    return bool(next_turn < 0.5 * next_row)


def smoother(
    values: np.ndarray | None, one: np.ndarray, other: np.ndarray
) -> bool | None:
    """Whether values are smoother on one clock than on another.

    Args:
        values: (T, c) measurements.
        one: (T,) times.
        other: (T,) times.

    Returns:
        None if they do not tell.
    """
    if values is None or len(values) < 20:
        return None
    values = np.asarray(values, float)
    errors = []
    for times in (one, other):
        width = times[2:] - times[:-2]
        share = (times[1:-1] - times[:-2]) / np.maximum(width, 1e-12)
        between = values[:-2] + share[:, None] * (values[2:] - values[:-2])
        errors.append(values[1:-1] - between)
    gaps = np.maximum(*(t[2:] - t[:-2] for t in (one, other)))
    plain = gaps <= 4 * np.quantile(gaps, 0.9)
    first, second = (
        np.sqrt(np.mean(error[plain] ** 2, axis=0)) for error in errors
    )
    ratio = float(np.median((second + 1e-12) / (first + 1e-12)))
    if 1 / _BETTER < ratio < _BETTER:
        return None
    return ratio > 1
