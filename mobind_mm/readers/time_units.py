"""Numbers of a time column: their unit, and fractions that lost zeros."""

from __future__ import annotations

import numpy as np

from ..utils.errors import mistake
from .dates import is_date

TIME_UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
"""Seconds of one unit."""
_LATEST = 4.2e9  # the year 2103
_IMPOSSIBLE = 1e5
_SLOWEST, _FASTEST = 0.5, 20_000.0


def check_time_unit(
    values: np.ndarray, factor: float, where: object, column: str
) -> None:
    """Refuse a unit of time that cannot be right.

    Args:
        values: (T,) numbers of the column.
        factor: Seconds of the unit.
        where: File, for the message.
        column: Its name.

    Raises:
        ValueError: Naming the unit that fits.

    >>> stamps = 1.7e12 + 10 * np.arange(500)
    >>> check_time_unit(stamps, 1.0, 'a.csv', 't')
    Traceback (most recent call last):
    ...
    ValueError: a.csv: column 't' would be of the year 55840. Correct units.time: ms fits (100 Hz, in 2023).
    """  # noqa: E501
    if len(values) < 5 or not np.ptp(values):
        return
    steps = np.diff(values)
    mean = float(np.ptp(values) / len(steps))
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else mean

    def wrong(factor: float) -> str:
        last = float(np.quantile(np.abs(values), 0.9) * factor)
        if last > _LATEST:
            return f'would be of the year {int(1970 + last / 31556952)}'
        for step in (usual, mean):
            if _SLOWEST <= 1 / (step * factor) <= _FASTEST:
                return ''
        return f'would be of {1 / (usual * factor):.3g} Hz'

    what = wrong(factor)
    if not what:
        return
    fix = 'Correct units.time'
    for unit, other in TIME_UNITS.items():
        if other != factor and not wrong(other):
            rate, first = 1 / (usual * other), values[0] * other
            date = f', in {int(1970 + first / 31556952)}'
            fix += f': {unit} fits ({rate:.3g} Hz'
            fix += f'{date if is_date(first) else ""})'
            break
    else:
        if 'Hz' in what and usual * factor > 1 / _IMPOSSIBLE:
            return  # nothing is better, so it may be right
    raise mistake(where, what, fix, column=column)


def padded_fractions(times: np.ndarray) -> np.ndarray | None:
    """Seconds whose fractions were written without their leading zeros.

    A program that writes seconds and milliseconds as two whole numbers gives
    12.98, 12.99, 13.0, 13.10 (of 10 ms): in every second the fractions go
    back where they get a digit more.

    Args:
        times: (T,) seconds.

    Returns:
        (T,) the seconds that were meant; None if they are as they should be.

    >>> parts = [(s, ms) for s in range(5) for ms in range(0, 1000, 50)]
    >>> written = np.array([float(f'{s}.{ms}') for s, ms in parts])
    >>> padded_fractions(written)[20:23]
    array([1.  , 1.05, 1.1 ])
    """
    steps, whole = np.diff(times), np.floor(times)
    back = steps < 0
    spans = len(np.unique(whole))
    if (np.diff(whole) < 0).any() or back.sum() < max(3, 0.8 * (spans - 2)):
        return None
    passed = np.r_[0, np.cumsum(back)]
    ends = passed[np.searchsorted(whole, whole, 'right') - 1]
    fraction = (times - whole) / 10.0 ** (ends - passed)
    usual = float(np.median(np.diff(whole + fraction)))
    last = whole == whole[-1]  # it may end before it gets a digit more
    before = (whole + fraction)[~last][-1:].sum()
    for _ in range(2):
        if (whole + fraction)[last][0] - before > 3 * usual:
            fraction[last] /= 10
    padded = whole + fraction
    after = np.diff(padded)
    fits = usual > 0 and (after >= 0).all()
    return padded if fits and (after < 3 * usual).mean() > 0.8 else None
