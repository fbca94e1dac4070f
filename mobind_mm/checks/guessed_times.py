"""Guesses of when the samples of an unknown table were taken."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..readers.arrays import ARRAYS, rate_said
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
from .guessed_mapping import AGAIN, Guess
from .guessed_units import FAST, RATES, SLOW, time_unit

_TIME = re.compile(
    r'time|stamp|epoc|second|date|^t$|clock|^ts$|^n?secs?$|elapsed|millis|micros'
    r'|nanos|tick|zeit|temps|heure|tiempo|hora|tijd|时间|時刻|時間|시간',
    re.IGNORECASE,
)
_COUNTER = re.compile(r'count|packet|sample|index|frame|^n[ro]?\.?$|seq', re.I)
_RATE = re.compile(
    r'(?<!baud )(?<!heart )(?<!frame )(?<!bit )(?<!refresh )'
    r'(?<!cutoff )(?<!cut-off )(?<!filter )(?<!corner )'
    r'(?:rate|freq(?:uency)?|\bfs|\bodr)\b(?! *[(\[]m?s)[^\d\n]{0,12}?'
    r'(\d+(?:\.\d+)?) ?(?:hz|$|[;\t"]|,(?!\d))',
    re.IGNORECASE,
)
_PARTS = {'s': 1.0, '1/100 s': 1e2, 'ms': 1e3, 'us': 1e6, 'ns': 1e9}
"""Units of parts of seconds, and how many are a second."""


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
    rate, why = _rate_said(path, guess.mapping)
    rising, back, stuck = _rising(columns, called, guess.labels, rate)
    dated = _dated(texts, called)
    rising = _of_one_length(rising, columns, [texts[n] for n in dated])
    part = None
    if dated:
        cells = texts[dated[0]]
        seconds = np.r_[0, np.cumsum(cells[1:] != cells[:-1])]
        part = _fraction(columns, seconds)
    if part and not part[1]:
        part = None
    if part and rising and max(rising).name == part[0]:
        rising = []
    if dated and (not rising or max(rising).score < 3):
        guess.set('columns.time', dated[0], 'dates')
        if part:
            _set_fraction(guess, part)
    elif rising:
        _take(max(rising), rising, called, columns, guess)
    else:
        counters = [n for n in columns if _COUNTER.search(called[n])]
        known = {n: columns[n] for n in counters}
        if rate is not None and not back:
            _count(rate, why, known, guess)
        else:
            _do_without([*known], back or stuck, guess)


def _rising(
    columns: Mapping[str, np.ndarray],
    called: Mapping[str, str],
    labels: Mapping[str, str],
    rate: float | None,
) -> tuple[list[_Times], str, str]:
    """Columns that rise like times, and doubts about others.

    These are a column that goes back, and one that stays.
    """
    rising, back, stuck = [], '', ''
    for name, values in columns.items():
        known = values[np.isfinite(values)]
        if len(known) < 8:
            continue
        steps = np.diff(known)
        even = max(float((steps >= 0).mean()), float((steps <= 0).mean()))
        if even < 0.95 or not np.ptp(known):
            if _TIME.search(called[name]) and not np.ptp(known):
                stuck = f'{name!r} is {known[0]:.10g} in all rows'
            elif _TIME.fullmatch(called[name]):
                share = f'{min((steps < 0).mean(), (steps > 0).mean()):.0%}'
                back = f'{name!r} goes back in {share} of the rows'
            continue
        unit, why = time_unit(labels[name], known, steps, rate)
        named = bool(_TIME.search(called[name]))
        counts = _COUNTER.search(called[name]) or (steps == 1).all()
        if not named and (counts or not unit):
            continue
        score = 2 * named + bool(unit) + even
        score += 0.5 * float((steps != 0).mean())
        if name == '1' and not named:
            score += 0.2
        rising.append(_Times(score, name, unit or 's', why))
    return rising, back, stuck


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
    called: Mapping[str, str],
    columns: Mapping[str, np.ndarray],
    guess: Guess,
) -> None:
    """Take a column as that of the times, with what is in doubt about it."""
    _, name, unit, why = time
    words = {t.name: AGAIN.sub('', called[t.name]) for t in rising}
    rivals = [n for n in words if words[n] == words[name]]
    kinds = {k: [n for n in words if k in n.lower()] for k in ('acc', 'gyr')}
    timed = [*kinds['acc'], *kinds['gyr']] if all(kinds.values()) else []
    if any(
        not np.allclose(columns[n], columns[some[0]], 0, equal_nan=True)
        for some in (rivals, timed)
        for n in some
    ):
        names = shown(words)
        guess.doubts.append(f'which of the times {names} are of which sensor')
    values = columns[name][np.isfinite(columns[name])]
    whole, part, part_unit = _parts_of_seconds(name, columns)
    if part_unit:
        name, unit, why = whole, 's', 'it counts seconds'
        _set_fraction(guess, (part, part_unit))
        values = np.arange(0)
    elif part:
        guess.doubts.append(
            f'when samples were taken: {whole!r} counts seconds, {part!r} '
            'their parts; write their sum into one column'
        )
    counter = next(
        (n for n, c in columns.items() if _numbers_packets(n, c)), ''
    )
    if counter and comes_in_packets(np.diff(values)):
        said = 'it counts the packets in which rows come'
        guess.set('columns.counter', counter, said)
    if 'tick' in name.lower() and unit in TIME_UNITS and why[:5] == 'steps':
        guess.doubts.append(f'the unit of time ({name!r}: what is a tick?)')
    elif why.endswith((SLOW, FAST)):
        guess.doubts.append(f'the unit of time ({name!r}: {why})')
    guess.set('columns.time', name, 'it rises all the time')
    guess.set('units.time', unit, why)


def _parts_of_seconds(
    name: str, columns: Mapping[str, np.ndarray]
) -> tuple[str, str, str]:
    """Columns of seconds and of their parts, of which one is ``name``.

    Also the unit of the parts, as :func:`_fraction`; all empty if there are
    no such columns.
    """
    for whole in columns:
        part = _fraction(columns, columns[whole])
        if part is not None and name in (whole, part[0]):
            return whole, *part
    return '', '', ''


def _fraction(
    columns: Mapping[str, np.ndarray], seconds: np.ndarray
) -> tuple[str, str] | None:
    """The column of the parts of whole seconds (T,), and its unit.

    The parts start again where the seconds go up. The unit is '' if nothing
    tells it; None if there is no such column.
    """
    if not np.isfinite(seconds).all():
        return None
    steps = np.diff(seconds)
    rises, next_one = steps > 0, steps == 1  # more where rows are lost
    if not (seconds == np.round(seconds)).all() or (steps < 0).any():
        return None
    if rises.sum() < 3 or np.median(steps[rises]) != 1 or rises.mean() > 0.5:
        return None
    for name, values in columns.items():
        if not np.isfinite(values).all():
            continue
        falls = np.diff(values) < 0
        fell, least = (falls & next_one).sum(), next_one.sum()
        least -= max(1, 0.1 * least)
        if (values >= 0).all() and least <= fell > 0:
            if (falls & ~rises).any():
                continue
            most = float(values.max())
            sizes = {unit: most / n for unit, n in _PARTS.items()}
            fits = [u for u, size in sizes.items() if 0.5 < size < 1]
            return name, fits[0] if fits else ''
    return None


def _set_fraction(guess: Guess, part: tuple[str, str]) -> None:
    guess.set('columns.fraction', part[0], 'it starts again each second')
    guess.set('units.fraction', part[1], 'its largest is almost a second')


def _count(
    rate: float, why: str, counters: Mapping[str, np.ndarray], guess: Guess
) -> None:
    """Take a rate that the file says."""
    guess.set('rate', rate, why)
    for name, values in counters.items():
        if (np.diff(values) == 1).mean() > 0.5:
            guess.set('columns.counter', name, 'it counts the samples')
            break


def _do_without(counters: Sequence[str], doubt: str, guess: Guess) -> None:
    """Take any rate, and say that it is in doubt."""
    hint = f'; {counters[0]} may be columns.counter' if counters else ''
    guess.set('rate', 100, f'no column of times was found{hint}')
    doubt = doubt or 'no times were found'
    guess.doubts.append(f'when samples were taken: {doubt}')


def _rate_said(
    path: Path, mapping: Mapping[str, Any]
) -> tuple[float | None, str]:
    """Samples per second that a file says, and where."""
    if path.suffix.lower() in ARRAYS:
        rate = rate_said(path)
        fits = rate is not None and RATES[0] <= rate <= RATES[1]
        return rate if fits else None, 'a number in the file says so'
    last = mapping.get('header', 1) - 1
    lines = head_lines(path, max(last, mapping.get('skip_rows', 0)))
    if len(lines) > 1 and re.match('devices', lines[0], re.IGNORECASE):
        lines[1] = f'rate: {lines[1].strip(" ,;")}'  # as Vicon Nexus writes it
    rates = {
        float(match[1])
        for line in lines
        if (match := _RATE.search(line))
        and RATES[0] <= float(match[1]) <= RATES[1]
    }
    rate = rates.pop() if len(rates) == 1 else None
    return rate, 'a line above the table says so'


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
