"""Does the gyroscope agree with quaternions, or else with gravity?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ..synchronization.signals import integrate
from .finding import Opinion, Unit, name_changes
from .orientation import AGREE, SIGNS, SLOW, STEPS, TURNS, OrientationFacts
from .reading import Reading, Signs, window_index, window_means

UNITS = (
    Unit('rad/s', 1.0),
    Unit('deg/s', np.pi / 180, 'looks like deg/s, not rad/s'),
    Unit(
        'rad/s',
        180 / np.pi,
        'looks like rad/s, but was converted as if it were in deg/s',
    ),
)

HYPOTHESES: tuple[tuple[float, Signs], ...] = (
    *((unit.factor, SIGNS[0]) for unit in UNITS),
    *((1.0, signs) for signs in SIGNS[1:]),
    (0.0, SIGNS[0]),
)
"""Factor on the gyroscope and on its axes; 0: the sensor does not turn."""

_LEAST = 6
"""Fewest pairs of windows to judge by."""
_FASTEST = 87.0
"""rad/s (5,000 deg/s) that no body turns at for long."""
_HALF, _THIRD, _SWINGING = 0.5, 0.35, 0.05
_STILL = 1e-3
"""Relative mean square change of gravity below which nothing turns."""


def gyro_gain(facts: Sequence[OrientationFacts], reading: Reading) -> float:
    """How many times the quaternions' rate the gyroscope shows.

    NaN if they turn too little or do not agree.
    """
    total = reduce(lambda a, b: a + b, facts)
    turn = TURNS.index((reading.quat_order, reading.inverse))
    enough = total.steps >= STEPS and not total.turning < SLOW
    if not enough or not total.gyro_square:
        return np.nan
    if total.agreement(turn, reading.gyro_signs) < AGREE:
        return np.nan
    shared = total.rates[turn] @ np.array(reading.gyro_signs)
    return float(shared / total.rate_square[turn].sum())


def judge_gyro_gain(gain: float) -> tuple[Opinion, Reading]:
    """Judge the unit of the gyroscope by its gain over the quaternions."""
    if np.isnan(gain):
        return Opinion('unknown'), Reading()
    for unit in UNITS:
        if 0.7 < gain * unit.factor < 1.4:
            if unit.factor == 1:
                return Opinion('fine'), Reading()
            seen = f'it is {gain:.3g} times as fast as quat turns'
            return _in_unit(unit, seen)
    return Opinion(
        'wrong',
        'gyro_gain',
        f'gyro is {gain:.3g} times as fast as quat turns: the clock is '
        'wrong, or the unit is neither rad/s nor deg/s',
        'rate, or units.time',
    ), Reading()


def judge_fastest(turning: float) -> tuple[Opinion, Reading] | None:
    """Judge the unit of rates that no sensor reaches; None of others.

    Args:
        turning: What the rates exceed in one sample of a hundred.
    """
    if not turning > _FASTEST:
        return None
    seen = f'it exceeds {turning:.0f} in 1 % of the samples'
    if turning * UNITS[1].factor < _FASTEST:
        return _in_unit(UNITS[1], seen)
    message = f'gyro is in neither rad/s nor deg/s (raw counts?): {seen}'
    fix = "units.gyro: what one count is, such as '1/131 deg/s'"
    return Opinion('wrong', 'gyro_counts', message, fix), Reading()


def _in_unit(unit: Unit, seen: str) -> tuple[Opinion, Reading]:
    """That the gyroscope is in another unit."""
    message, fix = f'gyro {unit.seems} ({seen})', f'units.gyro: {unit.key}'
    opinion = Opinion('wrong', 'gyro_unit', message, fix)
    return opinion, Reading(gyro_scale=unit.factor)


def gyroscope_facts(
    times: np.ndarray, channels: dict[str, np.ndarray]
) -> np.ndarray:
    """How steady gravity is in one stream if the gyroscope is right.

    Args:
        times: (T,) seconds.
        channels: ``acc`` and ``gyro`` (T, 3), sensor frame.

    Returns:
        (W, len(HYPOTHESES)) square of the change of the mean of ``acc``
        from a window of 2 s to the next, by hypothesis, relative to the
        square of the median magnitude; infinite if no body turns so fast.
    """
    acc, gyro = channels['acc'], channels['gyro']
    index, filled = window_index(times)
    middle = window_means(times[:, None], index)[:, 0]
    pairs = filled[1:] & filled[:-1]
    if pairs.any():  # what happened during a gap is unknown
        pairs &= np.diff(middle) < 1.5 * np.median(np.diff(middle)[pairs])
    level = max(float(np.median(np.linalg.norm(acc, axis=1))), 1e-9)
    fastest = np.quantile(np.linalg.norm(gyro, axis=1), 0.99)
    changes = []
    for scale, signs in HYPOTHESES:
        if scale > 1 and scale * fastest > _FASTEST:  # would blur gravity
            changes.append(np.full(pairs.sum(), np.inf))
            continue
        turned = integrate(times, scale * np.array(signs) * gyro).apply(acc)
        step = np.diff(window_means(turned / level, index), axis=0)[pairs]
        changes.append((step**2).sum(axis=1))
    return np.stack(changes, axis=1)


def judge_gyroscope(facts: Sequence[np.ndarray]) -> tuple[Opinion, Reading]:
    """Judge unit and signs of the gyroscope of one sensor without ``quat``.

    All axes of ``acc`` inverted look the same as none, and one inverted
    axis of ``acc`` looks like the two others of ``gyro``: gravity alone
    does not tell these apart.
    """
    changes = np.concatenate([np.zeros((0, len(HYPOTHESES))), *facts])
    if len(changes) < _LEAST:
        return Opinion('unknown'), Reading()
    # A throw or a blow must not decide: the upper tenth is left out.
    kept = np.sort(changes, axis=0)[: max(int(0.9 * len(changes)), 1)]
    change = kept.mean(axis=0)
    stored, still = change[0], change[-1]
    best = int(np.argmin(change[:-1]))
    # At rest, bias and noise drift the same way as rates in another unit.
    if max(stored, still) < _STILL:
        return Opinion('unknown'), Reading()
    if best == 0:
        clear = stored < _HALF * still
        return Opinion('fine' if clear else 'unknown'), Reading()
    # Where limbs swing to and fro, gravity is as steady without turning.
    turns = change[best] < _HALF * still
    if change[best] > (_THIRD if turns else _SWINGING) * stored:
        return Opinion('unknown'), Reading()
    scale, signs = HYPOTHESES[best]
    ratio = np.sqrt(stored / change[best])
    seen = f'gravity drifts {ratio:.1f} times as much as it would then'
    if scale != 1:
        return _in_unit(UNITS[best], seen)
    reading = Reading(gyro_signs=signs)
    return name_changes(reading, seen)[0], reading
