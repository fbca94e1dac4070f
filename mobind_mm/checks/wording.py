"""Sentences that several questions share."""

from __future__ import annotations

import numpy as np

from .finding import Opinion

GYRO_UNITS: dict[str, float] = {
    'rad/s': 1.0,
    'deg/s': np.pi / 180,
    'rad/s, and was multiplied as if it were deg/s': 180 / np.pi,
}
"""Factor to rad/s by what the numbers are in."""


def gyro_unit_opinion(unit: str, reason: str) -> Opinion:
    """That the gyroscope is in another unit."""
    key, _, history = unit.partition(',')
    read = 'deg/s' if history else 'rad/s'
    return Opinion(
        'wrong',
        'gyro_unit',
        f'gyro looks like {key}, not {read} ({reason})',
        f'units.gyro: {key}',
    )


def sign_opinion(name: str, signs: tuple[int, int, int], seen: str) -> Opinion:
    """That axes of a channel are inverted."""
    columns = ', '.join(
        f'"{"-" if sign < 0 else ""}{axis}"'
        for sign, axis in zip(signs, 'xyz')
    )
    axes = [axis for sign, axis in zip(signs, 'xyz') if sign < 0]
    which = ' and '.join(axes) if len(axes) < 3 else 'x, y and z'
    also = ''
    if name == 'acc' and len(axes) == 3:
        also = ', or the world of quat has z downwards'
    return Opinion(
        'wrong',
        f'{name}_sign',
        f'{name} seems inverted along {which}{also} ({seen})',
        f'columns.{name}: [{columns}] ("-" negates a column)',
    )
