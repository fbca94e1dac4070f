"""Is the gyroscope as fast as the quaternions turn?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .finding import Opinion
from .orientation_candidates import AGREE, agreement
from .orientation_facts import TURNS, OrientationFacts
from .reading import Reading
from .wording import GYRO_UNITS, gyro_unit_opinion

_SLOW = 0.1
"""Root mean square in rad/s below which nothing turns."""
_STEPS = 50
"""Samples to judge turning by."""


def gyro_gain(facts: Sequence[OrientationFacts], reading: Reading) -> float:
    """How many times the quaternions' rate the gyroscope shows.

    NaN if they turn too little or do not agree.
    """
    total = reduce(lambda a, b: a + b, facts)
    turn = TURNS.index((reading.quat_order, reading.inverse))
    rms = np.sqrt(total.rate_square[0].sum() / max(total.steps, 1))
    if total.steps < _STEPS or rms < _SLOW or not total.gyro_square:
        return np.nan
    if agreement(total, turn, reading.gyro_signs) < AGREE:
        return np.nan
    shared = total.rates[turn] @ np.array(reading.gyro_signs)
    return float(shared / total.rate_square[turn].sum())


def judge_gyro_gain(gain: float) -> tuple[Opinion, Reading]:
    """Judge the unit of the gyroscope by its gain over the quaternions."""
    if np.isnan(gain):
        return Opinion('unknown'), Reading()
    for unit, factor in GYRO_UNITS.items():
        if 0.7 < gain * factor < 1.4:
            if factor == 1:
                return Opinion('fine'), Reading()
            return gyro_unit_opinion(
                unit, f'it is {gain:.3g} times as fast as quat turns'
            ), Reading(gyro_scale=factor)
    return Opinion(
        'wrong',
        'gyro_gain',
        f'gyro is {gain:.3g} times as fast as quat turns: the clock runs '
        'wrong, or the unit is none of rad/s and deg/s',
        'rate, or units.time',
    ), Reading()
