"""Guesses of when the samples of an unknown table were taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..readers.arrival import comes_in_packets
from ..readers.counters import COUNTER_BITS, unwrap
from ..readers.dates import (
    Dates,
    find_order,
    is_day,
    looks_like_date,
    serial_dates,
)
from ..readers.headers import head_lines
from ..readers.keys import unit_factor
from ..readers.time_units import TIME_UNITS
from ..utils.errors import shown
from .guessed_mapping import Guess
from .guessed_units import RATES, SLOW, time_unit

_TIME = re.compile(
    r'time|stamp|epoch|epoc|second|date|^t$|clock|^ts$|^n?secs?$|elapsed|millis|micros'
    r'|nanos|tick|zeit|temps|heure|tiempo|hora|tijd|时间|時刻|時間|시간',
    re.IGNORECASE,
)
_COUNTER = re.compile(r'count|packet|sample|index|frame|^n$|seq', re.I)
_RATE = re.compile(
    r'(?<!baud )(?<!heart )(?<!frame )(?<!bit )(?<!refresh )'
    r'(?<!cutoff )(?<!cut-off )(?<!filter )(?<!corner )'
    r'(?:rate|frequency)\b(?! *[(\[]m?s)[^\d\n]{0,12}?'
    r'(\d+(?:\.\d+)?) ?(?:hz|$|[;\t"]|,(?!\d))',
    re.IGNORECASE,
)


class _Times(NamedTuple):
    """A column that may hold times, its unit, and why; the best is largest."""

    score: float
    name: str
    unit: str
    why: str


def guess_time(
    path: Path,
    columns: Mapping[str, np.ndarray],
    texts: Mapping[str, np.ndarray],
    guess: Guess,
) -> None:
    """Choose the column of times."""
    called = {
        name: guess.labels[name] if name.isdigit() else name
        for name in (*columns, *texts)
    }
    rising, back = _rising(columns, called, guess.labels)
    dated = _dated(texts, called)
    rising = _of_one_length(rising, columns, [texts[n] for n in dated])
    if dated and (not rising or max(rising).score < 3):
        guess.set('columns.time', dated[0], 'dates')
    elif rising:
        _take(max(rising), rising, columns, guess)
    else:
        counters = [n for n in columns if _COUNTER.search(called[n])]
        _do_without(path, {n: columns[n] for n in counters}, back, guess)


def _rising(
    columns: Mapping[str, np.ndarray],
    called: Mapping[str, str],
    labels: Mapping[str, str],
) -> tuple[list[_Times], str]:
    """Columns that rise like times, and a doubt about one that does not."""
    rising, back = [], ''
    for name, values in columns.items():
        known = values[np.isfinite(values)]
        if len(known) < 8:
            continue
        steps = np.diff(known)
        even = max(float((steps >= 0).mean()), float((steps <= 0).mean()))
        if even < 0.95 or not np.ptp(known):
            if _TIME.fullmatch(called[name]) and even < 0.95:
                share = f'{min((steps < 0).mean(), (steps > 0).mean()):.0%}'
                back = f'{name!r} goes back in {share} of the rows'
            continue
        unit, why = time_unit(labels[name], known, steps)
        named = bool(_TIME.search(called[name]))
        if not named and (_COUNTER.search(called[name]) or not unit):
            continue
        score = 2 * named + bool(unit) + even
        score += 0.5 * float((steps != 0).mean())
        if name == '1' and not named:
            score += 0.2
        rising.append(_Times(score, name, unit or 's', why))
    return rising, back


def _dated(
    texts: Mapping[str, np.ndarray], called: Mapping[str, str]
) -> list[str]:
    """Columns of dates with times of day."""
    firsts = {name: str(c[0]) for name, c in texts.items() if len(c)}
    dates = [name for name, cell in firsts.items() if looks_like_date(cell)]
    return [
        name
        for name, cell in firsts.items()
        # A name in another encoding may be anything.
        if (_TIME.search(called[name]) or [name] == dates)
        and (re.search(r'\d[:.]\d\d', cell) or looks_like_date(cell))
        and not is_day(cell)
    ]


def _of_one_length(
    rising: Sequence[_Times],
    columns: Mapping[str, np.ndarray],
    dates: Sequence[np.ndarray],
) -> list[_Times]:
    """Times as long as those of known unit, if there are any beside them.

    A clock that counts 10 us at 100 Hz looks like one of 1000 us at 1 Hz.
    """

    def length(name: str, unit: str) -> float:
        dates = serial_dates(columns[name])
        values = dates[0] if dates else columns[name]
        steps = np.abs(np.diff(values[np.isfinite(values)]))
        steps = steps[steps < 1e3 * np.median(steps[steps > 0])]
        return float(steps.sum()) * unit_factor(unit, TIME_UNITS)

    lengths = {name: length(name, unit) for _, name, unit, _ in rising}
    said = [lengths[n] for _, n, _, w in rising if w and w[:5] != 'steps']
    for cells in dates:
        ends = [str(cells[0]), str(cells[-1])]
        first, last = map(Dates(find_order(ends) or 'dmy'), ends)
        if first is not None and last is not None and last > first:
            said.append(last - first)
    return [
        time
        for time in rising
        if not said
        or any(abs(lengths[time.name] - s) < 0.05 * s for s in said)
    ]


def _take(
    time: _Times,
    rising: Sequence[_Times],
    columns: Mapping[str, np.ndarray],
    guess: Guess,
) -> None:
    """Take a column as that of the times, with what is in doubt about it."""
    _, name, unit, why = time
    timed = {k for t in rising for k in ('acc', 'gyr') if k in t.name.lower()}
    if len(timed) > 1:
        names = shown(t.name for t in rising)
        guess.doubts.append(f'which of the times {names} are of which sensor')
    parts = _parts_of_seconds(time, columns)
    if parts:
        guess.doubts.append(
            'when samples were taken: {!r} counts seconds, {!r} their parts; '
            'write their sum into one column'.format(*parts)
        )
    counter = next(
        (n for n, c in columns.items() if _numbers_packets(n, c)), ''
    )
    values = columns[name][np.isfinite(columns[name])]
    if counter and comes_in_packets(np.diff(values)):
        said = 'it counts the packets in which rows come'
        guess.set('columns.counter', counter, said)
    if 'tick' in name.lower() and why.startswith('steps of'):
        guess.doubts.append(f'the unit of time ({name!r}: what is a tick?)')
    elif why.endswith(SLOW):
        guess.doubts.append(f'the unit of time ({name!r}: {why})')
    guess.set('columns.time', name, 'it rises all the time')
    guess.set('units.time', unit, why)


def _parts_of_seconds(
    time: _Times, columns: Mapping[str, np.ndarray]
) -> tuple[str, str] | None:
    """Names of columns of seconds and of their parts; ``time`` is one."""
    times = columns[time.name]
    values = times[np.isfinite(times)]
    if np.ptp(values) * TIME_UNITS.get(time.unit, 1.0) <= 1.0:
        pairs = (
            (n, time.name)
            for n, c in columns.items()
            if n != time.name and _TIME.search(n) and _counts_seconds(c)
        )
    else:
        seconds = np.diff(times) > 0
        pairs = (
            (time.name, n)
            for n, c in columns.items()
            if np.array_equal(np.diff(c) < 0, seconds)
            and _counts_seconds(times)
        )
    return next(pairs, None)


def _do_without(
    path: Path, counters: Mapping[str, np.ndarray], back: str, guess: Guess
) -> None:
    """Take a rate that a line above the table gives, or any."""
    rate = None if back else _rate_above(path, guess.mapping)
    if rate is not None:
        guess.set('rate', rate, 'a line above the table says so')
        for name, values in counters.items():
            if (np.diff(values) == 1).mean() > 0.5:
                guess.set('columns.counter', name, 'it counts the samples')
                break
        return
    first = next(iter(counters), '')
    hint = f'; {first} may be columns.counter' if first else ''
    guess.set('rate', 100, f'no column of times was found{hint}')
    doubt = back or 'no times were found'
    guess.doubts.append(f'when samples were taken: {doubt}')


def _rate_above(path: Path, mapping: Mapping[str, Any]) -> float | None:
    """Samples per second, as a line above a table says."""
    last = mapping.get('header', 1) - 1
    rates = {
        float(match[1])
        for line in head_lines(path, max(last, mapping.get('skip_rows', 0)))
        if (match := _RATE.search(line))
        and RATES[0] <= float(match[1]) <= RATES[1]
    }
    return rates.pop() if len(rates) == 1 else None


def _numbers_packets(name: str, values: np.ndarray) -> bool:
    """Whether a column numbers packets of rows, their first rows, or rows."""
    if not _COUNTER.search(name) or not np.isfinite(values).all():
        return False
    steps = np.diff(unwrap(values, [2.0**bits for bits in COUNTER_BITS])[0])
    if not steps.any() or (steps < 0).any():
        return False
    forward = steps[steps > 0]
    rows = round(len(values) / (len(forward) + 1))
    return float(np.median(forward)) in (1, rows)


def _counts_seconds(values: np.ndarray) -> bool:
    """Whether whole numbers go up by 1 again and again."""
    steps = np.diff(values)
    rising = (steps[steps != 0] == 1).all() and (steps > 0).sum() > 3
    return bool(rising and (values == np.round(values)).all())
