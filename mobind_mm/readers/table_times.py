"""Times of tables: units, dates, and whether they only go forward."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence

import numpy as np

TIME_UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
"""Seconds of one unit."""

DATE_FROM = 1e8
"""Seconds from which a time is a date since 1970, not a stopwatch's."""

_DATE = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?'
    r' ?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?'
)


def parse_date(value: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date with a time of day.

    Without a zone it counts as UTC.

    Returns:
        None if the text is no such date.
    """
    match = _DATE.fullmatch(value.strip())
    if not match:
        return None
    year, month, day, hour, minute = (int(match[i]) for i in range(1, 6))
    second, zone = int(match[6] or 0), match[8] or 'Z'
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 60:
        return None
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    whole = calendar.timegm((year, month, day, hour, minute, second))
    if zone[0] in '+-':
        digits = zone[1:].replace(':', '').ljust(4, '0')
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        whole -= offset if zone[0] == '+' else -offset
    return whole + float(f'0.{match[7] or 0}')


def is_date(second: float) -> bool:
    """Whether seconds count from 1970 rather than from a start."""
    return abs(second) >= DATE_FROM


def check_forward(
    times: np.ndarray, lines: Sequence[int], path: object, name: str
) -> None:
    """Check that every time is later than the one before.

    Args:
        times: (T,) seconds.
        lines: (T,) lines or rows of the file.
        path: File, for the message.
        name: Column, for the message.

    Raises:
        ValueError: Naming the first line that is not later.
    """
    bad = ~(np.diff(times) > 0)
    if not bad.any():
        return
    index = int(np.argmax(bad))
    kind = (
        'repeats the time'
        if times[index + 1] == times[index]
        else ('goes back behind the time')
    )
    raise ValueError(
        f'{path}, row {lines[index + 1]}: column {name!r} {kind} of row '
        f'{lines[index]} ({times[index + 1]:.6f} s after {times[index]:.6f} '
        's). Remove such rows; if the clock is regular, give rate instead '
        'of columns.time; if the rows are of several sensors, choose with '
        'where.'
    )
