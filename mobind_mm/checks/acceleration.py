"""Is acceleration in m/s², and is gravity in it as the header says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..recordings import STANDARD_GRAVITY
from ..synchronization.signals import integrate
from .finding import Opinion, Rule, Unit, judge, name_changes
from .reading import ORDERS, Reading, rotations, window_index, window_means

UNITS = (
    Unit('m/s2', 1.0),
    Unit('g', STANDARD_GRAVITY, 'looks like g, not m/s²'),
    Unit('mg', STANDARD_GRAVITY / 1000, 'looks like mg, not m/s²'),
    Unit(
        'm/s2',
        1 / STANDARD_GRAVITY,
        'looks like m/s², but was converted as if it were in g',
    ),
)
_M_S2, _G, _MG, _ = UNITS

_NEAR = 1.25
"""Largest ratio between a measured level and the gravity it passes for."""
_STEADY, _RESTLESS = 0.08, 0.16
"""Spread of levels below which it is gravity, and above which it is not."""
_KEPT = 0.85
"""Share of the magnitude left in means: gravity stays, motion does not."""
_PART = 0.6
"""Share of gravity left even where no reading of the orientation fits."""
_LEAST = 4
"""Fewest windows to judge by."""
_SWUNG = 3.0
"""Multiple of gravity that a limb in circles may feel all the time."""
_LIVELY = 1.4
"""A median within this factor of gravity is that of a foot that walks, not
of another unit."""
_NOTHING = 0.5
"""m/s² below which a sensor is at rest and without gravity."""
_CORRELATED = 0.5
"""Correlation of sensor and limb from which their sizes are compared."""
_WITHIN = 3.0
"""A ratio of sizes within this factor of a unit's is taken for it."""


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

    The frame in which gravity is constant is not known yet, so every
    reading of the orientation is tried: none makes the mean of motion as
    steady as that of gravity.

    Args:
        times: (T,) seconds.
        channels: ``acc`` (T, 3), and ``gyro`` and ``quat`` if present.
    """
    acc = channels['acc']
    index, filled = window_index(times)
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


def _spread(levels: np.ndarray) -> float:
    """Median deviation of levels (W,) from their median, relative to it."""
    level = np.median(levels)
    return float(np.median(np.abs(levels - level)) / max(level, 1e-9))


def _steadiness(levels: np.ndarray) -> float:
    """How long levels (W,) are for how much they differ."""
    return float(np.median(levels) / (1 + 10 * _spread(levels)))


_WITH_GRAVITY = (
    Rule(lambda e: e.unit is _M_S2, 'fine'),
    Rule(
        lambda e: e.missing,
        'gravity',
        'acc is said to include gravity, but only {e.level:.2f} m/s² of its '
        '{e.median:.2f} m/s² (median) is constant in the world frame',
        'gravity: removed',
        lambda e: Reading(gravity=False),
    ),
    Rule(
        lambda e: (
            not e.unit and (e.level < STANDARD_GRAVITY or e.swung or e.lively)
        ),
        'unknown',
    ),
    Rule(lambda e: e.unit is _G and not e.steady, 'unknown'),
    Rule(
        lambda e: not e.unit,
        'acc_unit',
        'acc has a median magnitude of {e.median:.4g}, where gravity alone '
        'would be 9.81 m/s²',
        'units.acc: none of m/s2, g and mg fits; scale the table',
        lambda e: Reading(acc_scale=STANDARD_GRAVITY / e.level),
    ),
    Rule(
        lambda e: True,
        'acc_unit',
        'acc {e.unit.seems} (median |acc| {e.median:.4g})',
        'units.acc: {e.unit.key}',
        lambda e: Reading(acc_scale=e.unit.factor),
    ),
)
"""Of streams whose header says that gravity is included."""

_CONSTANT = (
    'acc is said to be without gravity, but {e.level:.2f} of it is constant '
    'in the world frame'
)
_WITHOUT_GRAVITY = (
    Rule(
        lambda e: e.steady and e.unit is _M_S2,
        'gravity',
        _CONSTANT,
        'gravity: included',
        lambda e: Reading(gravity=True),
    ),
    Rule(
        lambda e: e.steady and e.unit is _MG,
        'gravity',
        _CONSTANT,
        'gravity: included and units.acc: mg',
        lambda e: Reading(gravity=True, acc_scale=e.unit.factor),
    ),
    Rule(lambda e: True, 'fine'),
)
"""Of streams whose header says that gravity is removed."""


def judge_acceleration(
    facts: Sequence[AccelerationFacts], gravity: bool
) -> tuple[Opinion, Reading]:
    """Opinion on unit and gravity of a sensor, and what fixes them."""
    levels = np.concatenate([np.zeros(0), *(f.levels for f in facts)])
    if len(levels) < _LEAST:
        return Opinion('unknown'), Reading()
    median = float(np.median([f.median for f in facts if len(f.levels)]))
    level, spread = float(np.median(levels)), _spread(levels)
    unit = _unit(level)
    kept = level > _KEPT * median and spread < 2 * _RESTLESS
    steady = spread < _STEADY or kept
    missing = (
        level < _PART * STANDARD_GRAVITY if unit is None else level < _NOTHING
    )
    if unit is _G:
        missing = not steady and spread >= _RESTLESS
    evidence = SimpleNamespace(
        median=median,
        level=level,
        unit=unit,
        steady=steady,
        missing=missing,
        lively=1 / _LIVELY < median / STANDARD_GRAVITY < _LIVELY,
        swung=level < _SWUNG * STANDARD_GRAVITY and spread > _STEADY,
    )
    return judge(_WITH_GRAVITY if gravity else _WITHOUT_GRAVITY, evidence)


def _unit(level: float) -> Unit | None:
    """Unit in which a level is that of gravity, if there is one."""
    for unit in UNITS:
        ratio = level * unit.factor / STANDARD_GRAVITY
        if 1 / _NEAR < ratio < _NEAR:
            return unit
    return None


def judge_scale(sizes: Sequence[np.ndarray]) -> Opinion:
    """Judge unit and sign of one sensor's acceleration without gravity.

    The acceleration of the limb in the image, in metres by the height of the
    person, is regressed on that of the sensor: noise of the keypoints does not
    bias the slope. ``sizes`` are (3,) each: energies of sensor and limb and
    their product, see :class:`.agreement.Agreement`.
    """
    if not sizes:
        return Opinion('unknown')
    sensor, limb, both = np.sum(sizes, axis=0)
    correlation = both / np.sqrt(max(sensor * limb, 1e-12))
    if correlation < -_CORRELATED:
        seen = f'it and its limb correlate by {correlation:.2f} vertically'
        return name_changes(Reading(acc_signs=(-1, -1, -1)), seen)[0]
    if correlation < _CORRELATED:
        return Opinion('unknown')
    slope = both / sensor
    for unit in UNITS:
        if 1 / _WITHIN < slope / unit.factor < _WITHIN:
            if unit is _M_S2:
                return Opinion('fine')
            return Opinion(
                'wrong',
                'acc_unit',
                f'acc {unit.seems} (the limb moves {slope:.2g} times as much)',
                f'units.acc: {unit.key}',
            )
    return Opinion('unknown')
