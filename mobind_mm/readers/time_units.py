"""Numbers of a time column: their unit, and fractions that lost zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..utils.errors import mistake
from .dates import is_date

TIME_UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
"""Seconds of one unit."""
RATES = (
    *(5, 10, 12.5, 13, 15, 16, 20, 25, 26, 30, 31.25, 32, 33, 40, 48, 50),
    *(51.2, 52, 60, 62.5, 64, 75, 80, 96, 100, 102.4, 104, 120, 125, 128),
    *(148, 200, 204.8, 208, 240, 250, 256, 400, 416, 500, 512, 800, 1000),
)
"""Hz at which sensors are set to sample."""
_PER_SECOND = (1, 1e3, 1e6, 1e9)
_TICKS = (1024, 32768)
_OTHER_TICKS = (*(2**n for n in range(5, 16)), 100, 1e4, 5e4, 1e5)
"""Ticks a second of clocks, of which the second need a rate that is said."""
_SET = 3e-4
"""Relative error of a rate that is that of the clock's own oscillator."""
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


def clock_ticks(
    steps: np.ndarray, rate: float | None = None
) -> tuple[str, str] | None:
    """Unit of a clock that counts neither ms nor us, and why.

    Its samples are even to the tick, and in ticks of such a clock, but in no
    other unit, they have the rate that is said, or one that is usual.

    Args:
        steps: (T - 1,) from number to number.
        rate: Samples per second, if the file says them.

    Returns:
        A unit such as ``1/1024 s``; None if it is no such clock.

    >>> clock_ticks(np.diff(np.round(np.arange(500) * 20.48)))[0]
    '1/1024 s'
    """
    forward = steps[steps > 0]
    usual = float(np.median(forward)) if len(forward) else 0.0
    whole = usual and (steps == np.round(steps)).all()
    packets = (steps <= 0).mean() > 0.01  # whose rows share a stamp
    if not whole or packets or (usual < 4 and rate is None):
        return None
    counts = np.round(forward / usual) if usual >= 4 else np.ones(len(forward))
    even = np.abs(forward - counts * usual) <= 1
    if even.mean() < 0.99:
        return None
    step = float(forward[even].sum() / counts[even].sum())
    rates = RATES if rate is None else (rate,)
    if any(near_rate(n / step, rates, 10 * _SET) for n in _PER_SECOND):
        return None
    for count in _TICKS if rate is None else (*_TICKS, *_OTHER_TICKS):
        if found := near_rate(count / step, rates, _SET):
            why = 'a usual rate' if rate is None else 'as the file says'
            why = f'steps of {step:.5g} are {found:g} Hz in it, {why}, and '
            why += f'{1000 / step:.4g} Hz in ms'
            return f'1/{count:g} s', why
    return None


def near_rate(
    rate: float, rates: Sequence[float], error: float
) -> float | None:
    """The rate that another is up to a relative error."""
    return next((r for r in rates if abs(rate / r - 1) < error), None)


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
