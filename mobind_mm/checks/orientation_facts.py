"""What quaternions, gravity and gyroscope of a stream have in common."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from .reading import ORDERS, rotations
from .window_means import window_index, window_means

TURNS = tuple(product(ORDERS, (False, True)))
"""Readings of a quaternion: order of its columns, world to sensor."""

_WINDOW_SEC = 2.0


@dataclass(frozen=True)
class OrientationFacts:
    """Sums over one stream; those of several streams add up.

    Args:
        count: Windows of 2 s behind ``axes``, ``square``, ``means``.
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


def orientation_facts(
    times: np.ndarray, channels: dict[str, np.ndarray]
) -> OrientationFacts:
    """Measure a stream with ``quat``.

    Args:
        times: (T,) seconds.
        channels: ``quat`` (T, 4) and, if there, ``acc`` and ``gyro`` (T, 3).
    """
    index, filled = window_index(times, _WINDOW_SEC)
    acc = channels.get('acc', np.zeros((len(times), 3)))
    gyro = channels.get('gyro', np.zeros((len(times), 3)))
    axes, square, rates, rate_square = [], [], [], []
    period = np.median(np.diff(times))
    step = np.diff(times)
    near = step < 2.5 * period  # across a gap nobody knows how it turned
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
        int(filled.sum()),
        np.array(axes),
        np.array(square),
        still.sum(axis=0),
        float((still**2).sum()),
        int(near.sum()),
        np.array(rates),
        np.array(rate_square),
        float((middle**2).sum()),
    )
