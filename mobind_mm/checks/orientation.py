"""Which reading of the quaternions agrees with gravity and gyroscope?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .acceleration import GRAVITY
from .finding import Opinion
from .orientation_candidates import OFF, Candidate, candidates
from .orientation_facts import OrientationFacts
from .reading import Reading
from .wording import sign_opinion

_FLOOR = 0.04
"""Error of gravity, relative, that a good sensor leaves."""
_HALF = 0.5
"""Another reading must have this share of the error, or less."""
_DISAGREE = 0.6
"""Correlation of gyroscope and turning quaternion that is certainly wrong."""
_SLOW = 0.1
"""Root mean square in rad/s below which nothing turns."""
_LEAST = 4
"""Windows to judge by."""
_STEPS = 50
"""Samples to judge turning by."""


def judge_orientation(
    facts: Sequence[OrientationFacts],
    acc_scale: float,
    gravity: bool,
    frame: str,
    suspect: Reading | None = None,
) -> tuple[list[Opinion], Reading]:
    """Judge how quaternions, frame and axes of one sensor are read.

    Of the readings that agree with gravity and gyroscope the one with the
    fewest mistakes is taken, the best among those. What is stored is right
    unless it is clearly worse.

    Args:
        facts: Those of the sensor's takes.
        acc_scale: Factor that brings ``acc`` to m/s^2; 0: there is none.
        gravity: Whether gravity is in ``acc``.
        frame: Frame that the header says.
        suspect: A reading found at the person's other sensors: a slighter
            preference is enough for it.

    Returns:
        One opinion for each mistake, or a single one; and the reading.
    """
    if not facts:
        return [Opinion('unknown')], Reading()
    total = reduce(lambda a, b: a + b, facts)
    level = acc_scale if gravity and total.count >= _LEAST else 0.0
    rms = np.sqrt(total.rate_square[0].sum() / max(total.steps, 1))
    turns = total.steps >= _STEPS and total.gyro_square > 0 and rms > _SLOW
    if not level and not turns:
        return [Opinion('unknown')], Reading()
    found = list(candidates(total, level, turns, frame))
    stored = found[0]
    if suspect is not None:
        for other in found[1:]:
            if other.reading == suspect and _slightly(other, stored):
                return _opinions(other, stored), other.reading
    if stored.adequate:
        return [Opinion('fine')], Reading()
    better = [
        c
        for c in found[1:]
        if c.adequate and c.misfit + _FLOOR**2 < _HALF**2 * stored.misfit
    ]
    if better:
        cost = min(c.cost for c in better)
        best = min(
            (c for c in better if c.cost == cost), key=lambda c: c.misfit
        )
        return _opinions(best, stored), best.reading
    if stored.off > 2 * OFF or stored.agree < _DISAGREE:
        return [_unexplained(stored, total, level)], Reading()
    return [Opinion('unknown')], Reading()


def _slightly(other: Candidate, stored: Candidate) -> bool:
    """Whether a suspected reading fits better than what is stored."""
    floor = _FLOOR**2
    return other.adequate and (
        other.misfit + floor < 0.6 * (stored.misfit + floor)
    )


def _opinions(best: Candidate, stored: Candidate) -> list[Opinion]:
    """One opinion for each change of a reading."""
    reading, found = best.reading, []
    seen = _evidence(stored, best)
    if reading.quat_order:
        was = 'last' if reading.quat_order == 'xyzw' else 'first'
        found.append(
            Opinion(
                'wrong',
                'quat_order',
                f'the scalar of quat seems to be its {was} column ({seen})',
                f'quat_order: {reading.quat_order}',
            )
        )
    if reading.inverse:
        found.append(
            Opinion(
                'wrong',
                'quat_direction',
                f'quat seems to turn from world to sensor ({seen})',
                'quat_direction: world_to_sensor (or sensor_to_world, if it '
                'says the former)',
            )
        )
    if reading.frame:
        found.append(
            Opinion(
                'wrong',
                'frame',
                f'acc seems to be in the {reading.frame} frame ({seen})',
                f'frame: {reading.frame}',
            )
        )
    for name, signs in (
        ('acc', reading.acc_signs),
        ('gyro', reading.gyro_signs),
    ):
        if min(signs) < 0:
            found.append(sign_opinion(name, signs, seen))
    return found


def _evidence(stored: Candidate, best: Candidate) -> str:
    """The numbers that speak for a reading."""
    parts = []
    if not np.isnan(best.off):
        parts.append(
            f'gravity is {100 * stored.off:.0f} % off as stored, '
            f'{100 * best.off:.0f} % then'
        )
    if not np.isnan(best.agree):
        parts.append(
            f'gyro and quat correlate {stored.agree:.2f} as stored, '
            f'{best.agree:.2f} then'
        )
    return '; '.join(parts)


def _unexplained(
    stored: Candidate, total: OrientationFacts, level: float
) -> Opinion:
    """That nothing usual mends it, or that the world lies on its side."""
    mean = level * total.axes[0].sum(axis=1) / max(total.count, 1)
    length = np.linalg.norm(mean)
    if abs(length - GRAVITY) < 0.2 * GRAVITY:
        direction = ', '.join(f'{x / length:.2f}' for x in mean)
        return Opinion(
            'wrong',
            'world_up',
            f'gravity points along ({direction}) in the world of quat, not '
            'along z',
            'columns.quat: turn the quaternions so that z is up',
        )
    seen = _evidence(stored, stored).split(', ')[0]
    return Opinion(
        'wrong',
        'orientation',
        f'quat does not fit acc and gyro in any usual reading ({seen})',
        'columns.quat, columns.acc and columns.gyro: check the axes',
    )
