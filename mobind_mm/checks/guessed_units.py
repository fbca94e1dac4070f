"""Units that values show where the names of the columns do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..readers.column_names import header_unit
from ..readers.dates import serial_dates
from ..readers.mapping import UNITS
from ..readers.orientation import rate_unit
from ..readers.time_units import RATES as SET_RATES
from ..readers.time_units import clock_ticks, near_rate
from ..recordings import STANDARD_GRAVITY, SensorStream
from .gyroscope import gyroscope_facts, judge_gyroscope
from .plausibility import still_level

_UNIT = re.compile(
    r'[(\[]\s*(?![xyzXYZ]\W)([^\d\W]{1,5}(/[^\s)\]]+)?)\s*[)\]]'
)
"""What is written in brackets as a unit is."""
_STEPS = {'s': 1.0, 'ms': 1e3, 'us': 1e6, 'ns': 1e9}
"""How many of a unit are a second."""
RATES = (2.0, 3000.0)
"""Samples per second that a sensor may have."""
_SLOWEST, _QUICKEST = 5.0, 700.0
"""Samples per second beyond which a rate needs to be a usual one."""
_HIGH = (*SET_RATES, 1125, 1600, 2000)
_COUNTS = (16384, 8192, 4096, 2048, 1024, 256, 64)
_UNSIGNED = 60_000
"""Counts of 16 bits that would be little below 0."""
_COUNTED = 1500.0
"""What a still accelerometer shows that counts, and neither mg nor less."""
_FASTEST, _FASTEST_DEG = 87.0, 5000.0
"""rad/s and deg/s that no body turns at for long."""
UNCLEAR = (
    'seems to be removed',
    'no unit explains',
    'never rests',
    'counts whose zero is not known',
)
COUNTS = 'counts, of which only the data sheet tells how many are 1 deg/s'
SLOW = 'slower than movement is measured'
FAST = 'faster than movement is usually measured'
EVIDENT = 'turns as fast, or only that can be'
"""How reasons end that are none, and that are some."""


def time_unit(
    name: str, values: np.ndarray, steps: np.ndarray, rate: float | None = None
) -> tuple[str, str]:
    """Unit of a column of times, if one fits, and why.

    Args:
        name: Of the column.
        values: (T,) its numbers.
        steps: (T - 1,) between them.
        rate: Samples per second, if the file says them.

    >>> ticks = np.round(np.arange(500) * 20.48)
    >>> time_unit('timestamp', ticks, np.diff(ticks))[0]
    '1/1024 s'
    """
    if dates := serial_dates(values):
        return 's', f'its numbers count {dates[1]}'
    unit = header_unit(name, 'time')
    if unit:
        return unit, 'by the name of the column'
    steps = steps if (steps > 0).sum() >= (steps < 0).sum() else -steps
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    # Packets share a stamp, counters wrap, and hours may be missing.
    step = float(np.clip(steps, 0, 100 * usual).mean())
    first = float(np.median(values))
    fits = {
        unit: factor / max(step, 1e-12)
        for unit, factor in _STEPS.items()
        if RATES[0] <= factor / max(step, 1e-12) <= RATES[1]
    }
    for unit, found in fits.items():
        if 9e8 < first / _STEPS[unit] < 2.5e9:
            why = f'{first:.4g} is a date since 1970 in {unit}'
            return unit, f'{why}, at {found:.4g} Hz'
    if ticks := clock_ticks(steps, rate):
        return ticks
    for unit, found in fits.items():
        why = f'steps of {step:.4g} are {found:.4g} Hz in {unit}'
        if found < _SLOWEST:
            return unit, f'{why}, {SLOW}'
        if found > _QUICKEST and (
            step == 1 or not near_rate(found, _HIGH, 0.02)
        ):
            return unit, f'{why}, {FAST}'
        return unit, why
    return '', ''


def strange_unit(name: str, kind: str = 'gyro') -> bool:
    """Whether a unit is in the name of a column that is not known."""
    return bool(_UNIT.search(name)) and not header_unit(name, kind)


def acc_unit(
    stream: SensorStream | None, gravity: bool
) -> tuple[Any, bool, str]:
    """Unit by the level of a still sensor, whether gravity is in it, why."""
    level = still_level(stream) if stream is not None else float('nan')
    seen = f'a still sensor shows {level:.4g}'
    if stream is None or np.isnan(level):
        return 'm/s2', gravity, f'not seen: the sensor {UNCLEAR[2]}'
    values = stream.channels['acc'][:]
    if (values >= 0).all() and (values == np.round(values)).all():
        seen = 'whole numbers, none below 0'
        if values.max() > _UNSIGNED:
            seen += ', as if 65535 were -1'
        return 'm/s2', gravity, f'{seen}, so {UNCLEAR[3]}'
    for unit, factor in UNITS['acc'].items():
        if abs(level * factor / STANDARD_GRAVITY - 1) < 0.15:
            return unit, True, seen
    for count in _COUNTS:
        if abs(level / count - 1) < 0.1:
            why = f'{seen}, as if 1 g were {count} counts'
            return f'1/{count} g', True, why
    if level < 2.0:
        return 'm/s2', False, f'{seen}: gravity {UNCLEAR[0]}'
    return 'm/s2', gravity, f'{seen}, which {UNCLEAR[1]}'


def gyro_unit(streams: Mapping[str, SensorStream | None]) -> tuple[str, str]:
    """Unit by the turning of gravity, or else by the size."""
    acc, gyro = streams.get('acc'), streams.get('gyro')
    if gyro is None:
        return 'rad/s', 'not seen'
    times, rates = gyro.clock.at(), np.asarray(gyro.channels['gyro'][:])
    beside = np.zeros_like(rates)
    if acc is not None:
        values = acc.channels['acc'][:].T
        axes = [np.interp(times, acc.clock.at(), axis) for axis in values]
        beside = np.stack(axes, axis=1)
    unit = rate_unit(times, beside, rates)
    size = np.linalg.norm(rates, axis=1)
    if unit is None and acc is not None:
        facts = gyroscope_facts(times, {'acc': beside, 'gyro': rates})
        opinion, reading = judge_gyroscope([facts])
        if opinion.status == 'fine' and np.quantile(size, 0.99) < _FASTEST:
            unit = 'rad/s'
        elif opinion.kind == 'gyro_unit' and reading.gyro_scale < 1:
            unit = 'deg/s'
    fast = f'{np.quantile(size, 0.99):.3g}'
    if unit is None:
        why = f'it stays below {fast} in 99 % of the rows'
        level = np.median(np.linalg.norm(beside, axis=1))
        counted = level > _COUNTED and (beside % 1 == 0).all()
        counted = counted or np.quantile(size, 0.99) > _FASTEST_DEG
        if counted and (rates % 1 == 0).all():
            why += f': {COUNTS}'
        return 'rad/s', why
    seen = f'it exceeds {fast} in 1 % of the rows: gravity in acc'
    return unit, f'{seen} {EVIDENT}'
