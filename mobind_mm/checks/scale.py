"""Unit and sign of an acceleration without gravity, by what video shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .acceleration import UNITS
from .finding import Opinion
from .wording import sign_opinion

_CORRELATED = 0.5
_WITHIN = 3.0
"""A ratio within this factor of one is that one."""


def judge_scale(sizes: Sequence[np.ndarray]) -> Opinion:
    """Judge unit and sign of one sensor's acceleration.

    The acceleration of the limb in the image, in metres by the height of
    the person, is regressed on that of the sensor: noise of the keypoints
    does not bias the slope.

    Args:
        sizes: (3,) each, energies of sensor and limb and their product, see
            :class:`.agreement.Agreement`.
    """
    if not sizes:
        return Opinion('unknown')
    sensor, limb, both = np.sum(sizes, axis=0)
    correlation = both / np.sqrt(max(sensor * limb, 1e-12))
    if correlation < -_CORRELATED:
        seen = f'upwards it and its limb correlate {correlation:.2f}'
        return sign_opinion('acc', (-1, -1, -1), seen)
    if correlation < _CORRELATED:
        return Opinion('unknown')
    slope = both / sensor
    for unit, factor in UNITS.items():
        if 1 / _WITHIN < slope / factor < _WITHIN:
            if factor == 1:
                return Opinion('fine')
            key, _, history = unit.partition(',')
            return Opinion(
                'wrong',
                'acc_unit',
                f'acc looks like {key}, not m/s2 (the limb moves {slope:.2g} '
                f'times as much){"," + history if history else ""}',
                f'units.acc: {key}',
            )
    return Opinion('unknown')
