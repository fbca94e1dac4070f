"""What may be wrong with how an orientation was read, and how it fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from .acceleration import GRAVITY
from .orientation_facts import TURNS, OrientationFacts
from .reading import Reading

SIGNS = tuple(sorted(product((1, -1), repeat=3), key=lambda s: s.count(-1)))
"""Which axes are inverted, fewest first."""
OFF = 0.25
"""Error of gravity, relative to it, that is too large."""
AGREE = 0.8
"""Correlation of gyroscope and turning quaternion that is enough."""


@dataclass(frozen=True)
class Candidate:
    """A reading of a stream, how unlikely it is, and how badly it fits.

    Args:
        cost: Number of mistakes that it supposes.
        reading: The changes.
        off: Error of gravity relative to it, NaN if not in question.
        agree: Correlation of gyroscope and quaternions, NaN likewise.
    """

    cost: float
    reading: Reading
    off: float
    agree: float

    @property
    def adequate(self) -> bool:
        """Whether nothing that can be tested speaks against it."""
        return not self.off > OFF and not self.agree < AGREE

    @property
    def misfit(self) -> float:
        """Both errors as one number, for comparing."""
        off = 0.0 if np.isnan(self.off) else self.off**2
        turn = 0.0 if np.isnan(self.agree) else 1 - max(self.agree, 0)
        return off + turn


def candidates(
    total: OrientationFacts, level: float, turns: bool, frame: str
) -> Iterator[Candidate]:
    """What is stored first, then all that may be wrong with it."""
    other = 'world' if frame == 'sensor' else 'sensor'
    for (i, (order, inverse)), swapped in product(
        enumerate(TURNS), (False, True)
    ):
        at = other if swapped else frame
        wrong = (order != '') + inverse + swapped
        for signs in SIGNS:
            # Axes are only doubted if all else is right.
            bad = (
                0
                if signs == (1, 1, 1)
                else 1 + 0.5 * (min(signs) < max(signs))
            )
            if bad and wrong:
                continue
            off = np.nan
            if level and at == 'sensor':
                off = _off(total, i, np.array(signs), level)
            elif level:
                off = _still_off(total, np.array(signs), level)
            elif bad or swapped:
                continue  # only gravity tells
            agree = agreement(total, i, (1, 1, 1)) if turns else np.nan
            yield Candidate(
                wrong + bad,
                Reading(
                    acc_signs=signs,
                    quat_order=order,
                    inverse=inverse,
                    frame=other if swapped else '',
                ),
                off,
                agree,
            )
            if bad or wrong or not turns:
                continue
            for gyro in SIGNS[1:]:
                cost = 1 + 0.5 * (min(gyro) < max(gyro))
                agree = agreement(total, i, gyro)
                yield Candidate(cost, Reading(gyro_signs=gyro), off, agree)


def _off(
    total: OrientationFacts, turn: int, signs: np.ndarray, scale: float
) -> float:
    """Root mean square distance of window means from gravity upwards."""
    square = scale**2 * signs @ total.square[turn] @ signs
    up = scale * (total.axes[turn] @ signs)[2]
    return _relative(square, up, total.count)


def _still_off(
    total: OrientationFacts, signs: np.ndarray, scale: float
) -> float:
    """The same if ``acc`` is in the world already."""
    up = scale * total.still[2] * signs[2]
    return _relative(scale**2 * total.still_square, up, total.count)


def _relative(square: float, up: float, count: int) -> float:
    error = square / count - 2 * GRAVITY * up / count + GRAVITY**2
    return float(np.sqrt(max(error, 0.0)) / GRAVITY)


def agreement(
    total: OrientationFacts, turn: int, signs: tuple[int, int, int]
) -> float:
    """Correlation of the gyroscope with the turning quaternion."""
    energy = total.gyro_square * total.rate_square[turn].sum()
    shared = total.rates[turn] @ np.array(signs)
    return float(shared / np.sqrt(max(energy, 1e-12)))
