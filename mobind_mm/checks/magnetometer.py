"""Is the magnetic field in microtesla?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .finding import Opinion

UNITS: dict[str, float] = {'uT': 1.0, 'mT': 1e3, 'gauss': 1e2}
"""Factor to microtesla."""

_FIELD = (15.0, 150.0)
"""Microtesla of the earth's field indoors, with iron nearby."""


def median_field(mag: np.ndarray | None) -> float:
    """Median magnitude of (T, 3); NaN without samples."""
    if mag is None or not len(mag):
        return float('nan')
    return float(np.median(np.linalg.norm(mag, axis=1)))


def judge_magnetometer(fields: Sequence[float]) -> Opinion:
    """Judge the unit of one sensor by its takes' median magnitudes."""
    fields = [f for f in fields if not np.isnan(f)]
    if not fields:
        return Opinion('unknown')
    level = float(np.median(fields))
    fits = [
        unit
        for unit, factor in UNITS.items()
        if _FIELD[0] < level * factor < _FIELD[1]
    ]
    if not fits or 'uT' in fits:
        return Opinion('fine')
    return Opinion(
        'wrong',
        'mag_unit',
        f'mag looks like {fits[0]}, not uT (median |mag| {level:.3g})',
        f'units.mag: {fits[0]}',
    )
