"""Dates and times of day, as exports write them.

ISO 8601, days before months or after them, dots and colons for seconds, zones
as numbers or names. What a single cell does not tell (is 6/2 in June?) is
decided from the whole column.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Sequence
from functools import lru_cache
from time import time

import numpy as np

DATE_FROM = 1e8
"""Seconds from which a time is a date since 1970, not a stopwatch's."""
EPOCHS = {
    '1970': 0.0,
    '1980': 315964782.0,
    '2000': 946684800.0,
    '2001': 978307200.0,
}
"""Seconds since 1970 of what devices count from; GPS counts from 6 January
1980, and is 18 s ahead of UTC since 2017."""
DAY, HOUR = 86400.0, 3600.0

_CELL = re.compile(
    r'(?:(\d{1,4}([-/.])\d{1,2}\2\d{1,4})(?:T|_|,? +))?'  # the day
    r'(\d{1,2}([:.])\d\d?)(?:\4(\d\d?)(?:[.,:_](\d{1,9}))?)?'
    r'(?: ?([AaPp])[Mm])?'
    r' ?(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d\d)?)?(?: ?\[([\w/+-]+)\])?'
)
_NAMES = (
    'jan', 'feb', 'mar|mär|mrz|mars', 'apr|avr|abr', 'may|mai|mag',
    'jun|juin|giu', 'jul|juil|lug', 'aug|août|ago|aou', 'sep|set',
    'oct|okt|ott|out', 'nov', 'dec|dez|déc|dic',
)  # fmt: skip
_MONTHS = {
    name: f'{month:02}'
    for month, names in enumerate(_NAMES, 1)
    for name in names.split('|')
}
_REWRITTEN = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r'(\d{4})(?:年|\. ?)(\d{1,2})(?:月|\. ?)(\d{1,2})[日.]', r'\1-\2-\3'),
        (r'(\d{4}-\d\d-\d\d)[ _T](\d\d)-(\d\d)-(\d\d)', r'\1 \2:\3:\4'),
        (r'(\d+) ?[时時시] ?(\d+) ?[分분] ?([\d.]+) ?[秒초]', r'\1:\2:\3'),
        (r'(?:上午|午前|오전) ?([\d:.]+)', r'\1 AM'),
        (r'(?:下午|午後|오후) ?([\d:.]+)', r'\1 PM'),
        (r'\s([apAP])\.\s?[mM]\.', r' \1m'),
        (r' \([^()]*\)$', ''),  # the name of a zone
        (r'^(?:\w{2,9},? )?([^\W\d]{3,9})\.? +(\d\d?) ([\d:.]+) (\d{4})$',
         r'\2 \1 \4 \3'),
        (r'^(?:\w{2,9},? )?([^\W\d]{3,9})\.? (\d\d?),? (\d{4})\b',
         r'\2 \1 \3'),
        (r'^(\d\d?:\d\d[.,]\d{1,9})$', r'00:\1'),
        (r'^0 days,? ', ''),  # lengths of time of pandas
    )
)  # fmt: skip
"""Dates of languages and programs, and how they are written here."""
_ZONES = {
    **{'WET': '+00', 'CET': '+01', 'WEST': '+01', 'CEST': '+02', 'EET': '+02'},
    **{'EEST': '+03', 'JST': '+09', 'KST': '+09', 'EDT': '-04', 'EST': '-05'},
    **{'CDT': '-05', 'MDT': '-06', 'MST': '-07', 'PDT': '-07', 'PST': '-08'},
}
"""Zones by short names that are those of one zone (CST, IST, BST are not)."""
_NAMED = re.compile(
    r'(?:[^\W\d]{2,9}\.?,? )?(\d{1,2})[-. /]+([^\W\d]{3,9})\.?[-. /]+(\d{4})\b'
)
"""A day such as 22-Jun-2015 or Mon 22 June 2015."""
_COMPACT = re.compile(
    r'((?:19|20)\d\d)(\d\d)(\d\d)([T_ -]?)(\d\d)(\d\d)(\d\d)'
    r'(?:[._,:]?(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?'
)
"""20150622_005606_197."""
_ISO = re.compile(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?.*')
_OFFSET = re.compile(r'(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?')
_IN_NAME = re.compile(
    r'[\[( ]((?:UTC|GMT)?[+-]\d\d:?\d\d|UTC|GMT|[A-Z]\w+/[A-Z]\w+)[\])]?$'
)
_NUMBERS = re.compile(r'\d+')


def is_date(second: float) -> bool:
    """Whether seconds count from 1970 rather than from a start.

    >>> is_date(12.5), is_date(parse_date('2024-05-01T10:00:00'))
    (False, True)
    """
    return abs(second) >= DATE_FROM


def parse_date(value: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date with a time of day.

    Without a zone it counts as UTC. None if the text is not such a date.

    >>> parse_date('1970-01-01T01:00:00.5+01:00')
    0.5
    """
    value = value.strip()
    return Dates()(value) if _ISO.fullmatch(value) else None


def parse_zone(name: str) -> datetime.tzinfo:
    """A zone such as ``+02:00``, ``UTC`` or ``Europe/London``.

    Raises:
        ValueError: If it is not known here.
    """
    if name in ('Z', 'UTC', 'GMT'):
        return datetime.timezone.utc
    match = _OFFSET.fullmatch(name)
    if match:
        hours, minutes = int(match[2]), int(match[3] or 0)
        shift = datetime.timedelta(hours=hours, minutes=minutes)
        if shift < datetime.timedelta(days=1):
            return datetime.timezone(-shift if match[1] == '-' else shift)
    else:
        import zoneinfo

        try:
            return zoneinfo.ZoneInfo(name)
        except (LookupError, OSError, ValueError):
            pass
    raise ValueError("is not a time zone such as +02:00 or 'Europe/London'")


def zone_in(name: str) -> str | None:
    """Zone in the name of a column.

    >>> zone_in('timestamp (-0700)'), zone_in('time (s)')
    ('-0700', None)
    """
    match = _IN_NAME.search(name)
    return match[1] if match else None


_SERIALS = {
    'days from 1900, as spreadsheets do': (DAY, -25569 * DAY),
    'days, as MATLAB does': (DAY, -719529 * DAY),
    'days from 1970': (DAY, 0.0),
    '100 ns from 1601, as Windows does': (1e-7, -11644473600.0),
    '100 ns from year 1, as .NET does': (1e-7, -62135596800.0),
}
"""What numbers may count, and the seconds of 1 and since 1970 of 0."""


def serial_dates(values: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Seconds since 1970 of numbers (T,) that are dates; what they count.

    They are dates if they are of 2005 to 2045, at 5 Hz or more; as seconds
    or nanoseconds they would have rates that no sensor has.

    >>> serial_dates(45413 + np.arange(100) / 100 / 86400)[1]
    'days from 1900, as spreadsheets do'
    >>> serial_dates(45413 + np.arange(100) / 100)
    """
    known = values[np.isfinite(values)]
    if len(known) < 5 or not np.ptp(known):
        return None
    step = float(np.ptp(known) / (len(known) - 1))
    for what, (second, zero) in _SERIALS.items():
        first, last = (f(known) * second + zero for f in (np.min, np.max))
        if first > 1.1e9 and last < 2.4e9 and step * second < 0.2:
            return values * second + zero, what
    return None


class Dates:
    """Reads dates of one form.

    Args:
        order: Of day, month and year where the year is last: ``dmy`` or
            ``mdy``.
        zone: Of dates that do not give theirs.

    Example:
        >>> Dates('dmy')('02/01/1970 00:00:01.5')
        86401.5
        >>> Dates()('16:47:50:500')
        60470.5
    """

    def __init__(self, order: str = 'ymd', zone: str = 'UTC') -> None:
        self.order, self.zone = order, zone

    def __call__(self, cell: str) -> float | None:
        """Seconds since 1970, or of the day; None if it is neither."""
        match = _match(cell)
        if not match or (match[1] is None and match[4] == '.'):
            return None
        second = int(match[5] or 0)
        zone = match[8] or match[9] or self.zone
        whole = _minute(match[1], match[3], self.order, match[7], zone)
        if whole is None or second > 60:  # 60 is a leap second
            return None
        return whole + second + float(f'0.{match[6] or 0}')


def plain_date(cell: str) -> str:
    """A date with its month as a number, and with separators.

    >>> plain_date('22-Jun-2015 00:56'), plain_date('20150622_005606_197')
    ('2015-06-22 00:56', '2015-06-22 00:56:06.197')
    >>> plain_date('Mon Jun 22 2015 00:56:06 GMT+0100 (BST)')
    '2015-06-22 00:56:06 GMT+0100'
    """
    rest, _, zone = cell.strip().rpartition(' ')
    cell = f'{rest}{_ZONES[zone]}' if zone in _ZONES else cell.strip()
    for pattern, text in _REWRITTEN:
        cell = pattern.sub(text, cell)
    if match := _COMPACT.fullmatch(cell):
        year, month, day, _, hour, minute, second, rest, zone = match.groups()
        rest = f'.{rest}' if rest else ''
        clock = f'{hour}:{minute}:{second}{rest}{zone or ""}'
        return f'{year}-{month}-{day} {clock}'
    if match := _NAMED.match(cell):
        day, name, year = match.groups()
        known = (n for n in (4, 3) if name[:n].lower() in _MONTHS)
        if length := next(known, 0):
            month = _MONTHS[name[:length].lower()]
            return f'{year}-{month}-{int(day):02}{cell[match.end() :]}'
    return cell


def _match(cell: str) -> re.Match[str] | None:
    """Parts of a date, however it is written."""
    return _CELL.fullmatch(cell.strip()) or _CELL.fullmatch(plain_date(cell))


@lru_cache(maxsize=4096)
def _minute(
    day: str | None, clock: str, order: str, half: str | None, zone: str
) -> float | None:
    """Seconds at which a minute begins."""
    hour, minute = (int(number) for number in _NUMBERS.findall(clock))
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in 'Pp' else 0)
    if day is None:
        return 3600.0 * hour + 60 * minute if minute < 60 else None
    numbers = _NUMBERS.findall(day)
    order = 'ymd' if len(numbers[0]) == 4 else order
    fields = dict(zip(order, numbers))
    if len(fields['y']) == 2:  # 22.6.15
        fields['y'] = f'20{fields["y"]}'
    if len(fields['y']) != 4 or len(fields['d']) > 2:
        return None
    try:
        year, month, date = (int(fields[f]) for f in 'ymd')
        moment = datetime.datetime(year, month, date, hour, minute)
        shift = moment.replace(tzinfo=parse_zone(zone)).utcoffset()
    except (ValueError, OverflowError):
        return None
    assert shift is not None  # it has a zone
    return calendar.timegm(moment.timetuple()) - shift.total_seconds()


def looks_like_date(cell: str) -> bool:
    """Whether a cell has the shape of a date or of a time of day."""
    return any(Dates(order)(cell) is not None for order in ('dmy', 'mdy'))


def has_day(cell: str) -> bool:
    """Whether a cell that looks like a date has more than a time of day."""
    match = _match(cell)
    return match is not None and match[1] is not None


def is_day(cell: str) -> bool:
    """Whether a cell is a date without a time of day.

    >>> is_day('01.05.2024'), is_day('1.05'), is_day('2024-05-01 10:00')
    (True, False, False)
    """
    return ':' not in cell and looks_like_date(f'{cell.strip()} 00:00')


def join_days(
    days: Sequence[str], hours: Sequence[str], form: str | None, zone: str
) -> np.ndarray | None:
    """Seconds (T,) since 1970 of dates and times of day in two columns.

    Args:
        days: T dates, see :func:`is_day`.
        hours: T times of day.
        form: How they are written: ``dd/mm/yyyy`` (dates) or ``%H %M %S``
            (times); found if the columns tell.
        zone: Of times that do not give theirs.

    Returns:
        None if day and month cannot be told apart, or a date does not exist.

    >>> join_days(['13/01/1970'], ['00:00:01.5'], None, 'UTC').item()
    1036801.5
    >>> join_days(['02/01/1970'], ['00:00:01.5'], None, 'UTC')
    """
    distinct = [f'{day.strip()} 00:00' for day in sorted({*days})]
    order = (order_of(form) if form else None) or find_order(distinct)
    if order is None or not distinct:
        return None
    whole = [f'{day.strip()} {hour}' for day, hour in zip(days, hours)]
    if form is not None and '%' in form:
        mark = re.sub(r'\d', '', distinct[0])[0]
        parts = mark.join(f'%{part}' for part in order.replace('y', 'Y'))
        seconds = strptime(whole, f'{parts} {form}', zone)
    else:
        seconds = np.array([*map(Dates(order, zone), whole)], float)
    return None if np.isnan(seconds).any() else seconds


def order_of(time_format: str) -> str | None:
    """Order of day, month and year in words such as ``dd/mm/yyyy``.

    >>> order_of('M/d/yyyy HH:mm'), order_of('%d.%m.%Y')
    ('mdy', None)
    """
    first = time_format.split(' ')[0].lower()
    letters = re.sub('[^dmy]', '', first) if '%' not in time_format else ''
    order = ''.join(dict.fromkeys(letters))
    return order if order in ('dmy', 'mdy', 'ymd') else None


def find_order(cells: Sequence[str]) -> str | None:
    """Order of day, month and year in a column; None: it does not tell.

    A number above 12 tells, as do dots, which stand between day and month
    in this order only, and days that follow each other in one order only.
    A year of two digits is first if it would be a day of the future
    otherwise, so old dates may be another day: see :func:`is_unclear_year`.
    """
    matches = map(_match, cells)
    written = (m[1] for m in matches if m and m[1])
    days = {day for day in written if len(_NUMBERS.findall(day)[0]) < 4}
    if not days:
        return 'ymd'
    if all('.' in day for day in days):
        return 'dmy'
    spans, latest = {}, {}
    for order in ('dmy', 'mdy', 'ymd'):
        begins = [_minute(day, '00:00', order, None, 'UTC') for day in days]
        known = [begin for begin in begins if begin is not None]
        if len(known) == len(days):
            spans[order] = max(known) - min(known)
            latest[order] = max(known)
    follow = [o for o in spans if spans[o] == (len(days) - 1) * DAY]
    if len(follow) == 1 and len(days) > 1:
        return follow[0]
    now = time() + 2 * DAY
    year_first = latest.pop('ymd', now) < now
    if year_first and all(last > now for last in latest.values()):
        return 'ymd'
    spans.pop('ymd', None)
    if len(spans) == 2 and any(
        len({*_NUMBERS.findall(d)[:2]}) > 1 for d in days
    ):
        return None
    return next(iter(spans), 'dmy')


def is_unclear_year(cell: str) -> bool:
    """Whether the year of a date may be its first or its last two digits.

    >>> is_unclear_year('24-04-25 11:00'), is_unclear_year('24-04-32 11:00')
    (True, False)
    """
    match = _match(cell)
    day = (match and match[1]) or ''
    if not day or len(_NUMBERS.findall(day)[0]) == 4:
        return False
    begins = [_minute(day, '00:00', o, None, 'UTC') for o in ('dmy', 'ymd')]
    return None not in begins and begins[0] != begins[1]


def strptime(cells: Sequence[str], form: str, zone: str) -> np.ndarray:
    """(T,) seconds since 1970 by a format; NaN where it does not fit."""
    import pandas

    try:
        read = pandas.to_datetime(
            pandas.Series([*cells], dtype=object),
            format=form,
            errors='coerce',
            utc='%z' in form or '%Z' in form,
        )
    except (ValueError, TypeError, OverflowError):
        return np.full(len(cells), np.nan)
    if read.dt.tz is None:
        read = read.dt.tz_localize(
            parse_zone(zone), ambiguous=True, nonexistent='shift_forward'
        )
    read = read.dt.tz_convert('UTC').dt.tz_localize(None)
    values = read.to_numpy().astype('datetime64[ns]')
    seconds = (values - np.datetime64(0, 's')) / np.timedelta64(1, 's')
    dated = any(f'%{letter}' in form for letter in 'dDjxcyYs')
    return seconds if dated else seconds % DAY
