"""Which reading of the quaternions agrees with gravity and gyroscope?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from types import SimpleNamespace

import numpy as np

from ..recordings import STANDARD_GRAVITY
from .finding import Opinion, Rule, judge, name_changes
from .reading import (
    ORDERS,
    Reading,
    Signs,
    rotations,
    window_index,
    window_means,
)

TURNS = tuple(product(ORDERS, (False, True)))
"""Readings of a quaternion: order of its columns, world to sensor."""
SIGNS: tuple[Signs, ...] = tuple(
    sorted(
        ((x, y, z) for x in (1, -1) for y in (1, -1) for z in (1, -1)),
        key=lambda signs: signs.count(-1),
    )
)
"""Which axes are inverted, fewest first."""
_INVERTED = 0.93
"""Correlation with axes inverted of a gyroscope that is so."""
AGREE = 0.8
"""Correlation of gyroscope and turning quaternion that is sufficient."""
SLOW = 0.1
"""Root mean square in rad/s below which nothing turns."""
STEPS = 50
"""Fewest samples to judge turning by."""

_OFF = 0.25
"""Relative error of gravity above which a reading is wrong."""
_FLOOR = 0.04
"""Relative error of gravity that a good sensor leaves."""
_HALF = 0.5
"""Another reading must have this share of the error, or less."""
_DISAGREE = 0.6
"""Correlation of gyroscope and turning quaternion that is certainly wrong."""
_LEAST = 4
"""Fewest windows to judge by."""


@dataclass(frozen=True)
class OrientationFacts:
    """Sums over one stream; those of several streams add up.

    Args:
        count: Windows of 2 s behind ``axes``, ``square`` and ``still``.
        axes: (6, 3, 3) sums of the means of each axis of ``acc`` in the
            world, by reading of :data:`TURNS`: columns are sensor axes.
        square: (6, 3, 3) sums of their products over the world's axes.
        still: (3,) sum of the means of ``acc`` as stored.
        still_square: Sum of their squares.
        steps: Samples behind the rates.
        rates: (6, 3) sums of products, by axis, of the gyroscope with the
            rate of the quaternions in each reading.
        rate_square: (6, 3) sums of squares of the quaternions' rates.
        gyro_square: Sum of squares of the gyroscope.
    """

    count: int
    axes: np.ndarray
    square: np.ndarray
    still: np.ndarray
    still_square: float
    steps: int
    rates: np.ndarray
    rate_square: np.ndarray
    gyro_square: float

    def __add__(self, other: OrientationFacts) -> OrientationFacts:
        names = self.__dataclass_fields__
        return OrientationFacts(
            *(getattr(self, name) + getattr(other, name) for name in names)
        )

    @property
    def turning(self) -> float:
        """Root mean square in rad/s of the quaternions' rate."""
        return np.sqrt(self.rate_square[0].sum() / max(self.steps, 1))

    def agreement(self, turn: int, signs: Signs) -> float:
        """Correlation of the gyroscope with the turning quaternion."""
        energy = self.gyro_square * self.rate_square[turn].sum()
        shared = self.rates[turn] @ np.array(signs)
        return float(shared / np.sqrt(max(energy, 1e-12)))


def orientation_facts(
    times: np.ndarray, channels: dict[str, np.ndarray]
) -> OrientationFacts:
    """Measure a stream with ``quat``.

    Args:
        times: (T,) seconds.
        channels: ``quat`` (T, 4) and, if present, ``acc`` and ``gyro``
            (T, 3).
    """
    index, filled = window_index(times)
    acc = channels.get('acc', np.zeros((len(times), 3)))
    gyro = channels.get('gyro', np.zeros((len(times), 3)))
    axes, square, rates, rate_square = [], [], [], []
    period = np.median(np.diff(times))
    step = np.diff(times)
    near = step < 2.5 * period  # how it turned across a gap is unknown
    middle = 0.5 * (gyro[1:] + gyro[:-1])[near]
    for order, inverse in TURNS:
        turn = rotations(channels['quat'][:, ORDERS[order]])
        turn = turn.inv() if inverse else turn
        in_world = turn.as_matrix() * acc[:, None]
        means = window_means(in_world.reshape(-1, 9), index)[filled]
        means = means.reshape(-1, 3, 3)
        axes.append(means.sum(axis=0))
        square.append(np.einsum('wci,wcj->ij', means, means))
        rate = (turn[:-1].inv() * turn[1:]).as_rotvec()[near]
        rate = rate / step[near, None]
        rates.append((rate * middle).sum(axis=0))
        rate_square.append((rate**2).sum(axis=0))
    still = window_means(acc, index)[filled]
    return OrientationFacts(
        count=int(filled.sum()),
        axes=np.array(axes),
        square=np.array(square),
        still=still.sum(axis=0),
        still_square=float((still**2).sum()),
        steps=int(near.sum()),
        rates=np.array(rates),
        rate_square=np.array(rate_square),
        gyro_square=float((middle**2).sum()),
    )


@dataclass(frozen=True)
class Candidate:
    """A reading of a stream, how unlikely it is, and how badly it fits.

    Args:
        cost: Number of mistakes that it assumes.
        reading: The changes.
        off: Error of gravity relative to it; NaN if not in question.
        agree: Correlation of gyroscope and quaternions; NaN likewise.
    """

    cost: float
    reading: Reading
    off: float
    agree: float

    @property
    def adequate(self) -> bool:
        """Whether nothing that can be tested speaks against it."""
        return not self.off > _OFF and not self.agree < AGREE

    @property
    def misfit(self) -> float:
        """Both errors as one number, for comparison."""
        off = 0.0 if np.isnan(self.off) else self.off**2
        turn = 0.0 if np.isnan(self.agree) else 1 - max(self.agree, 0)
        return off + turn


def _cost(signs: Signs) -> float:
    """How unlikely inverted axes are: some of them more than all."""
    if signs == SIGNS[0]:
        return 0.0
    return 1 + 0.5 * (min(signs) < max(signs))


def _candidates(
    total: OrientationFacts, level: float, turns: bool, frame: str
) -> Iterator[Candidate]:
    """What is stored first, then everything that may be wrong with it."""
    other = 'world' if frame == 'sensor' else 'sensor'
    for (turn, (order, inverse)), swapped in product(
        enumerate(TURNS), (False, True)
    ):
        wrong = (order != '') + inverse + swapped
        # Axes are only doubted if all else is right.
        for signs in SIGNS[:1] if wrong else SIGNS:
            inverted = signs != SIGNS[0]
            if not level and (inverted or swapped):
                continue  # only gravity tells
            at = other if swapped else frame
            off = _gravity_error(total, turn, signs, level, at)
            agree = total.agreement(turn, SIGNS[0]) if turns else np.nan
            reading = Reading(
                acc_signs=signs,
                quat_order=order,
                inverse=inverse,
                frame=other if swapped else '',
            )
            yield Candidate(wrong + _cost(signs), reading, off, agree)
            if inverted or wrong or not turns:
                continue
            for gyro in SIGNS[1:]:
                agree = total.agreement(turn, gyro)
                if agree < _INVERTED:
                    continue  # exchanged axes agree so far in places
                reading = Reading(gyro_signs=gyro)
                yield Candidate(_cost(gyro), reading, off, agree)


def _gravity_error(
    total: OrientationFacts, turn: int, signs: Signs, scale: float, frame: str
) -> float:
    """Root mean square distance of window means from gravity upwards.

    Relative to gravity; NaN without a scale of ``acc``.
    """
    if not scale:
        return np.nan
    if frame == 'sensor':
        factors = np.array(signs)
        square = scale**2 * factors @ total.square[turn] @ factors
        up = scale * (total.axes[turn] @ factors)[2]
    else:
        square = scale**2 * total.still_square
        up = scale * total.still[2] * signs[2]
    error = square / total.count - 2 * STANDARD_GRAVITY * up / total.count
    return float(
        np.sqrt(max(error + STANDARD_GRAVITY**2, 0.0)) / STANDARD_GRAVITY
    )


_STORED = (
    Rule(lambda e: e.stored.adequate, 'fine'),
    Rule(
        lambda e: (
            not e.stored.off > 2 * _OFF and not e.stored.agree < _DISAGREE
        ),
        'unknown',
    ),
    Rule(
        lambda e: (
            e.stored.off > 2 * _OFF
            and abs(e.length - STANDARD_GRAVITY) < 0.2 * STANDARD_GRAVITY
        ),
        'world_up',
        'gravity points along ({e.direction}) in the world frame of quat, '
        'not along z',
        'columns.quat: turn the quaternions so that z points up',
    ),
    Rule(
        lambda e: True,
        'orientation',
        'quat does not fit acc and gyro in any usual reading ({e.seen})',
        'columns.quat, columns.acc and columns.gyro: check the axes',
    ),
)
"""Of streams for which no other reading is better."""


def judge_orientation(
    facts: Sequence[OrientationFacts],
    acc_scale: float,
    gravity: bool,
    frame: str,
    suspect: Reading | None = None,
) -> tuple[list[Opinion], Reading]:
    """Judge how quaternions, frame and axes of one sensor are read.

    Of the readings that agree with gravity and gyroscope, the one with the
    fewest mistakes is taken, and the best among those. What is stored is
    right unless it is clearly worse.

    Args:
        facts: Those of the sensor's takes.
        acc_scale: Factor that brings ``acc`` to m/s²; 0: there is none.
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
    enough = total.steps >= STEPS and total.turning > SLOW
    turns = enough and total.gyro_square > 0
    if not level and not turns:
        return [Opinion('unknown')], Reading()
    stored, *others = _candidates(total, level, turns, frame)
    better = _better(stored, others, suspect)
    if better is not None:
        seen = _comparison(stored, better)
        return name_changes(better.reading, seen), better.reading
    mean = level * total.axes[0].sum(axis=1) / max(total.count, 1)
    length = float(np.linalg.norm(mean))
    evidence = SimpleNamespace(
        stored=stored,
        length=length,
        direction=', '.join(f'{x / max(length, 1e-9):.2f}' for x in mean),
        seen='; '.join(
            part.split(', ')[0]
            for part in _comparison(stored, stored).split('; ')
        ),
    )
    opinion, reading = judge(_STORED, evidence)
    return [opinion], reading


def _better(
    stored: Candidate, others: Sequence[Candidate], suspect: Reading | None
) -> Candidate | None:
    """The candidate to take in place of what is stored, if there is one."""
    floor = _FLOOR**2
    slightly = 0.6 * (stored.misfit + floor)
    for other in others:
        fits = other.adequate and other.misfit + floor < slightly
        if fits and other.reading == suspect:
            return other
    if stored.adequate:
        return None
    clearly = _HALF**2 * stored.misfit
    better = [c for c in others if c.adequate and c.misfit + floor < clearly]
    return min(better, key=lambda c: (c.cost, c.misfit), default=None)


def _comparison(stored: Candidate, better: Candidate) -> str:
    """The numbers that speak for another reading."""
    parts = []
    if not np.isnan(better.off):
        parts.append(
            f'gravity is {100 * stored.off:.0f} % off as stored, '
            f'{100 * better.off:.0f} % with this change'
        )
    if not np.isnan(better.agree):
        parts.append(
            f'gyro and quat correlate by {stored.agree:.2f} as stored, '
            f'{better.agree:.2f} with this change'
        )
    return '; '.join(parts)
