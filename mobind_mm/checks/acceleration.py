"""Is acceleration in m/s^2, and is gravity in it as the header says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .finding import Opinion
from .reading import ORDERS, Reading, rotations
from .window_means import integrate, window_index, window_means

GRAVITY = 9.81
WINDOW_SEC = 2.0
UNITS: dict[str, float] = {
    'm/s2': 1.0,
    'g': GRAVITY,
    'mg': GRAVITY / 1000,
    'm/s2, and was multiplied as if it were g': 1 / GRAVITY,
}
"""Factor to m/s^2 by what the numbers are in."""

_NEAR = 1.25
"""Greatest ratio of a level of gravity to the one it is taken for."""
_STEADY, _RESTLESS = 0.08, 0.16
"""Spread of levels: below the first it is gravity, above the second not."""
_KEPT = 0.85
"""Share of the magnitude that gravity keeps in means, motion does not."""
_PART = 0.6
"""Of gravity; as much may be lost if no reading of the orientation fits."""
_LEAST = 4
"""Windows to judge by."""
_SWUNG = 3.0
"""Times gravity that a limb in circles may feel all the time."""
_NOTHING = 0.5
"""m/s^2; less than this is a still sensor without gravity."""


@dataclass(frozen=True)
class AccelerationFacts:
    """What the magnitudes of one stream show.

    Args:
        median: Median magnitude of the acceleration.
        levels: (W,) magnitudes of the means of windows of 2 s, in the frame
            in which they are long and alike: gravity stays, motion does not.
    """

    median: float
    levels: np.ndarray


def acceleration_facts(
    times: np.ndarray, channels: dict[str, np.ndarray]
) -> AccelerationFacts:
    """Measure one stream.

    The frame in which gravity stands still is not known yet, so every
    reading of the orientation is tried: none makes the mean of motion as
    steady as that of gravity.

    Args:
        times: (T,) seconds.
        channels: ``acc`` (T, 3), and ``gyro`` and ``quat`` if there.
    """
    acc = channels['acc']
    index, filled = window_index(times, WINDOW_SEC)
    if not filled.any():
        return AccelerationFacts(0.0, np.zeros(0))
    turned = [acc]
    if 'quat' in channels:
        for order in ORDERS.values():
            turn = rotations(channels['quat'][:, order])
            turned += [turn.apply(acc), turn.inv().apply(acc)]
    if 'gyro' in channels:
        for scale in (1.0, np.pi / 180, 180 / np.pi):
            turn = integrate(times, scale * channels['gyro'])
            turned.append(turn.apply(acc))
    levels = [
        np.linalg.norm(window_means(values, index)[filled], axis=1)
        for values in turned
    ]
    median = float(np.median(np.linalg.norm(acc, axis=1)))
    return AccelerationFacts(median, max(levels, key=_steadiness))


def judge_acceleration(
    facts: Sequence[AccelerationFacts], gravity: bool
) -> tuple[Opinion, Reading]:
    """Judge unit and gravity of the streams of one sensor.

    Args:
        facts: Those of its takes.
        gravity: Whether the header says that gravity is included.

    Returns:
        The opinion, and the reading that mends it.
    """
    levels = np.concatenate([np.zeros(0), *(f.levels for f in facts)])
    if len(levels) < _LEAST:
        return Opinion('unknown'), Reading()
    median = float(np.median([f.median for f in facts if len(f.levels)]))
    level = float(np.median(levels))
    spread = spread_of(levels)
    unit = _unit(level)
    steady = spread < _STEADY or (
        level > _KEPT * median and spread < 2 * _RESTLESS
    )
    if gravity:
        if unit == 'm/s2':
            return Opinion('fine'), Reading()
        if level < _NOTHING or (not unit and level < _PART * GRAVITY):
            return _removed(level, median), Reading(gravity=False)
        swung = level < _SWUNG * GRAVITY and spread > _STEADY
        if not unit and (level < GRAVITY or swung):
            return Opinion('unknown'), Reading()
        if unit == 'g' and not steady:
            if spread < _RESTLESS:
                return Opinion('unknown'), Reading()
            return _removed(level, median), Reading(gravity=False)
        return _wrong_unit(unit, median), Reading(
            acc_scale=UNITS.get(unit, GRAVITY / level)
        )
    if steady and unit in ('m/s2', 'mg'):
        return _included(level, unit), Reading(
            gravity=True, acc_scale=UNITS[unit]
        )
    return Opinion('fine'), Reading()


def spread_of(levels: np.ndarray) -> float:
    """Median deviation of levels (W,) from their median, relative to it."""
    level = np.median(levels)
    return float(np.median(np.abs(levels - level)) / max(level, 1e-9))


def _steadiness(levels: np.ndarray) -> float:
    """How long levels (W,) are for how much they differ."""
    return float(np.median(levels) / (1 + 10 * spread_of(levels)))


def _unit(level: float) -> str:
    """Unit in which gravity has a magnitude; empty if in none."""
    for unit, factor in UNITS.items():
        ratio = level * factor / GRAVITY
        if 1 / _NEAR < ratio < _NEAR:
            return unit
    return ''


def _removed(level: float, median: float) -> Opinion:
    return Opinion(
        'wrong',
        'gravity',
        f'acc is said to include gravity, but only {level:.2f} m/s2 of its '
        f'{median:.2f} m/s2 (median) stand still in the world',
        'gravity: removed',
    )


def _included(level: float, unit: str) -> Opinion:
    also = '' if unit == 'm/s2' else f' and units.acc: {unit}'
    return Opinion(
        'wrong',
        'gravity',
        f'acc is said to be without gravity, but {level:.2f} of it stand '
        'still in the world',
        f'gravity: included{also}',
    )


def _wrong_unit(unit: str, median: float) -> Opinion:
    if not unit:
        return Opinion(
            'wrong',
            'acc_unit',
            f'acc has a median magnitude of {median:.4g}, where gravity '
            'alone makes 9.81 m/s2',
            'units.acc: none of m/s2, g and mg fits; scale the table',
        )
    key, _, history = unit.partition(',')
    return Opinion(
        'wrong',
        'acc_unit',
        f'acc looks like {key}, not m/s2 (median |acc| {median:.4g}'
        f'{"," + history if history else ""})',
        f'units.acc: {key}',
    )
