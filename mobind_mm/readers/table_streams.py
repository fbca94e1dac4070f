"""One sensor of one table: its channels in our units, and its clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import time as now
from typing import Any

import numpy as np

from ..recordings import Clock, SensorStream
from ..recordings.streams import LARGEST
from ..utils.errors import mistake
from .clocks import SampleTimes, sample_times
from .counters import COUNTER_BITS, unwrap
from .dates import DAY, EPOCHS, is_date
from .joining import join_parts
from .keys import unit_factor
from .mapping import GRAVITY, UNITS, Part, Skeleton
from .orientation import to_quaternions
from .tables import Table
from .time_units import TIME_UNITS, check_time_unit

_MAX_NORM_ERROR = 0.05
_YEAR, _YEARS = 31556952.0, (2005.0, 2045.0)
"""Seconds of a year; when people wear sensors that know the date."""
_YEARS_BACK = 6
"""Years before this one of which files of GPS may be."""
_LEAST_PART = 0.01
"""Share of a unit of time that its largest part is at least."""
_MOST_ZEROS = 0.5
"""Share of rows of zeros from which they are not a loss."""
_IMPOSSIBLE = {'acc': 5000.0, 'gyro': 600.0}
"""m/s² and rad/s that no sensor on a body shows."""
_NO_NORM = 1e-2
"""Norm of a quaternion below which, or above whose inverse, there is none."""
_NINES = [10.0**digits - 1 for digits in range(3, 10)]
_FAR_BEYOND = 10
"""How many times larger than nearly all others such values are."""
_MOST_IMPOSSIBLE = 0.2
"""Share of the values from which they are in another unit."""
_FULL = 0.9
"""Share of the rows in which channels of one clock have values."""
_COUNTER = re.compile(
    r'(packet|sample|frame)?[ _-]?'
    r'(counter|count|number|no|nr|index|idx|seq|sequence)',
    re.IGNORECASE,
)


def table_stream(part: Part, table: Table) -> SensorStream:
    """One sensor of one table.

    A channel that has values in some rows only, as if it were sampled less
    often, is interpolated to the times of the others.

    Raises:
        ValueError: Naming file, row, column and value.
    """
    arrays = {
        channel: np.stack(
            [
                -table.numbers[name[1:]]
                if name[0] == '-'
                else table.numbers[name]
                for name in names
            ],
            axis=1,
        )
        for channel, names in part.channels().items()
    }
    part, notes = _without_empty_time(part, table)
    notes += _strange_years(part, table)
    dropped = np.zeros(len(table), bool)
    notes += _drop_zeros(part, table, arrays, dropped)
    notes += _drop_impossible(part, table, arrays, dropped)
    _refuse_huge(table, arrays)
    timed = _timed(part, table)
    known = {c: timed & _whole(np.isfinite(v)) for c, v in arrays.items()}
    for channel, names in part.channels().items():
        if not known[channel].any():
            _refuse_empty(table, [name.removeprefix('-') for name in names])
    fastest = max(known, key=lambda channel: int(known[channel].sum()))
    together = {c: v for c, v in arrays.items() if c == fastest}
    slower, rows = [], known[fastest]
    for channel, values in arrays.items():
        both = rows & known[channel]
        if both.sum() >= _FULL * known[fastest].sum():
            together[channel], rows = values, both
        else:
            slower.append(channel)
    order = [c for c in arrays if c in together]
    together = {channel: together[channel] for channel in order}
    there = timed.copy()
    for values in arrays.values():
        there |= ~_whole(np.isnan(values))
    there &= ~dropped
    left_out = int((there & ~rows).sum())
    if left_out and not slower:
        notes.append(
            f'{table.path}: {left_out} of {int(there.sum())} rows have '
            'empty cells and are left out'
        )
    streams = [_rows_stream(part, table, together, rows)]
    for channel in slower:
        alone = {channel: arrays[channel]}
        streams.append(_rows_stream(part, table, alone, known[channel]))
        notes.append(
            f'{table.path}: {channel} has values in '
            f'{int(known[channel].sum())} rows, {" and ".join(order)} in '
            f'{int(rows.sum())} of {len(table)}; {channel} is interpolated '
            f'to their times'
        )
    stream = streams[0]
    if slower:
        stream = join_parts(streams, str(table.path))
    return replace(stream, notes=(*notes, *stream.notes))


def _whole(cells: np.ndarray) -> np.ndarray:
    """(T,) rows of (T, c) that are all true; by columns, which are long."""
    return np.logical_and.reduce([*cells.T])


def counter_among(names: Sequence[str]) -> list[str]:
    """Names of columns that count samples.

    >>> counter_among(['PacketCounter', 'Acc_X', 'Counter'])
    ['PacketCounter', 'Counter']
    """
    unique = [name for name in names if names.count(name) == 1]
    return [name for name in unique if _COUNTER.fullmatch(name)]


def losses_of(table: Table, counter: str) -> str | None:
    """What to tell of a column that counts samples, if some are missing."""
    values = table.numbers[counter]
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        return None
    values, _, _ = unwrap(values, [2.0**bits for bits in COUNTER_BITS])
    steps = np.diff(values)
    if not len(steps) or (steps < 1).any() or (steps == 1).mean() < 0.5:
        return None
    if (steps == 1).all():
        return None
    return (
        f'{table.path}: column {counter!r} counts the samples and shows that '
        'some are missing, so it is used beside the rate'
    )


def _timed(part: Part, table: Table) -> np.ndarray:
    """(T,) rows that have a time and a number, as far as there are columns."""
    timed = np.ones(len(table), bool)
    assert part.columns is not None  # it was checked
    columns = part.columns
    for name in (columns.time, columns.fraction, columns.counter):
        if name is not None:
            filled = np.isfinite(table.numbers[name])
            if not filled.any():
                _refuse_empty(table, [name])
            timed &= filled
    return timed


def _without_empty_time(part: Part, table: Table) -> tuple[Part, list[str]]:
    """A part that goes by its rate if no row has a time; notes."""
    notes, columns = [*table.notes], part.columns
    assert columns is not None  # it was checked
    empty = columns.time and not np.isfinite(table.numbers[columns.time]).any()
    if not empty or part.rate is None:
        return part, notes
    notes.append(
        f'{table.path}: column {columns.time!r} is empty, so the rate of '
        f'{part.rate:g} Hz is the clock'
    )
    columns = columns.model_copy(update={'time': None})
    return part.model_copy(update={'columns': columns}), notes


def _strange_years(part: Part, table: Table) -> list[str]:
    """A note of times that are dates of a strange year, or of GPS."""
    time = part.columns.time if part.columns else None
    unit = part.units.time if part.units else None
    if time is None or time in table.dates or unit is None:
        return []
    if part.epoch is not None or part.start_s:
        return []
    values = table.numbers[time][np.isfinite(table.numbers[time])]
    second = float(np.median(values)) if len(values) else 0.0
    second *= unit_factor(unit, TIME_UNITS)
    year = 1970 + second / _YEAR
    if not is_date(second):
        return []
    text = f'{table.path}: times of column {time!r} would be of {int(year)} '
    text += 'if they count from 1970'
    since_1980 = 1970 + (second + EPOCHS['1980']) / _YEAR
    this_year = 1970 + now() / _YEAR
    recent = this_year - _YEARS_BACK < since_1980 < this_year + 1
    if recent or re.search('gps|gnss', time, re.IGNORECASE):
        return [
            f'{text}, and of {int(since_1980)} if from 1980, as those of GPS '
            'do (epoch, in a mapping)'
        ]
    if _YEARS[0] < year < _YEARS[1]:
        return []
    return [
        f'{text}; clocks of Apple count from 2001, those of Polar from 2000 '
        '(epoch, in a mapping)'
    ]


def _drop_zeros(
    part: Part,
    table: Table,
    arrays: dict[str, np.ndarray],
    dropped: np.ndarray,
) -> list[str]:
    """Empty the rows that a device fills with zeros; a note of them."""
    if part.gravity not in (None, 'included') or GRAVITY in arrays:
        return []
    sensed = [arrays[c] for c in ('acc', 'gyro') if c in arrays]
    if 'acc' not in arrays or not sensed:
        return []
    zero = np.all([_whole(values == 0) for values in sensed], axis=0)
    if not zero.any() or zero.mean() > _MOST_ZEROS:
        return []
    _leave_out(zero, arrays, dropped)
    return [
        f'{table.path}: {int(zero.sum())} rows are all zeros, without '
        'gravity, and are left out'
    ]


def _leave_out(
    rows: np.ndarray, arrays: Mapping[str, np.ndarray], dropped: np.ndarray
) -> None:
    """Empty rows, and mark them as dropped."""
    for values in arrays.values():
        values[rows] = np.nan
    dropped |= rows


def _refuse_huge(table: Table, arrays: Mapping[str, np.ndarray]) -> None:
    for channel, values in arrays.items():
        if (huge := np.abs(values) >= LARGEST).any():
            raise mistake(
                table.path,
                f'is more than any sensor measures ({channel})',
                'Correct or empty the cell, or correct columns',
                value=float(values[huge][0]),
            )


def _drop_impossible(
    part: Part,
    table: Table,
    arrays: dict[str, np.ndarray],
    dropped: np.ndarray,
) -> list[str]:
    """Empty the rows with values that stand for none; a note of them."""
    gone, examples = np.zeros(len(table), bool), []
    for channel, most in _IMPOSSIBLE.items():
        if channel not in arrays:
            continue
        size = np.abs(arrays[channel])
        if not np.fmax.reduce(size, None, initial=0.0) >= _NINES[0]:
            continue
        unit = unit_factor(getattr(part.units, channel), UNITS[channel])
        beyond = size * unit > most
        # Numbers of nines are what programs write for none.
        beyond |= np.isin(size, _NINES)
        if not beyond.any() or beyond.mean() > _MOST_IMPOSSIBLE:
            continue
        usual = np.nanquantile(np.where(beyond, np.nan, size), 0.99)
        beyond &= size > _FAR_BEYOND * usual
        gone |= beyond.any(axis=1)
        examples += [
            f'{value:g} in {channel}' for value in arrays[channel][beyond][:1]
        ]
    if 'quat' in arrays and arrays['quat'].shape[1] == 4:
        norm = np.linalg.norm(arrays['quat'], axis=1)
        none = (norm < _NO_NORM) | (norm > 1 / _NO_NORM)
        if none.any() and none.mean() <= _MOST_IMPOSSIBLE:
            gone |= none
            examples.append(f'a norm of {norm[none][0]:g} of quat')
    if not examples:
        return []
    _leave_out(gone, arrays, dropped)
    return [
        f'{table.path}: {int(gone.sum())} rows have values that no sensor '
        f'gives ({", ".join(examples)}), first row '
        f'{table.lines[np.argmax(gone)]}, and are left out'
    ]


def _refuse_empty(table: Table, names: Sequence[str]) -> None:
    """Name the columns that make every row incomplete."""
    empty = [n for n in names if not np.isfinite(table.numbers[n]).any()]
    which = ', '.join(map(repr, empty or names))
    what = 'is empty' if len(empty or names) == 1 else 'are empty'
    if not empty:
        what = 'are never filled in one row'
    raise mistake(
        table.path,
        f'every row has an empty cell: {which} {what}',
        'Correct columns; for an empty time, leave it out and give rate, '
        'with columns.counter if the file counts its samples',
    )


def _rows_stream(
    part: Part,
    table: Table,
    arrays: Mapping[str, np.ndarray],
    known: np.ndarray,
) -> SensorStream:
    """Channels in some rows (T,) of a table."""
    # No copies of what is kept as a whole: a file may be long.
    some: Any = slice(None) if known.all() else known
    chosen = {channel: values[some] for channel, values in arrays.items()}
    rebuilt = _sample_times(part, table, known, [*chosen.values()])
    count = len(rebuilt.rows)
    rows: Any = rebuilt.rows
    if count == known.sum() and (rows == np.arange(count)).all():
        rows = slice(None)
    lines = table.lines[some][rows]
    channels = {}
    for channel, values in chosen.items():
        values = values[rows]
        unit = 'acc' if channel == GRAVITY else channel
        if unit in UNITS:
            values = values * unit_factor(
                getattr(part.units, unit), UNITS[unit]
            )
        else:
            quat = to_quaternions(channel, values)
            values = _unit_quaternions(quat, part, table.path, lines)
            channel = 'quat'
        channels[channel] = values.astype(np.float32)
    return SensorStream(
        clock=rebuilt.clock,
        channels=channels,
        gravity=part.gravity in (None, 'included') and GRAVITY not in arrays,
        frame=part.frame or 'sensor',
        notes=rebuilt.notes,
    )


def _sample_times(
    keys: Part, table: Table, known: np.ndarray, values: Sequence[np.ndarray]
) -> SampleTimes:
    """Times of some rows (T,) of a table, plus ``start_s``."""
    assert keys.columns is not None
    time, counter = keys.columns.time, keys.columns.counter
    if time is None and counter is None:
        assert keys.rate is not None  # it was checked
        start, count = keys.start_s or 0.0, int(known.sum())
        clock = Clock(count, rate=keys.rate, start=start)
        if not known.all():
            clock = Clock(
                count, times=start + np.flatnonzero(known) / keys.rate
            )
        return SampleTimes(clock, np.arange(count))
    times: np.ndarray | None = None
    wraps: tuple[float, ...] = ()
    if time is not None:
        times, wraps = _seconds(keys, table, time, known)
    rebuilt = sample_times(
        times,
        table.path,
        counter=None if counter is None else table.numbers[counter][known],
        counter_bits=keys.counter_bits,
        rate=keys.rate,
        wraps=wraps,
        arrival=None if keys.clock is None else keys.clock == 'arrival',
        values=values,
        lines=table.lines[known],
    )
    return replace(rebuilt, clock=shifted(rebuilt.clock, _start(keys)))


def clock_of(keys: Part | Skeleton, table: Table, known: np.ndarray) -> Clock:
    """Clock of some rows (T,) of a table, in their order."""
    start = keys.start_s or 0.0
    time = keys.columns.time if keys.columns else None
    if time is None:
        assert keys.rate is not None  # else there are times
        if known.all():
            return Clock(len(table), rate=keys.rate, start=start)
        times = start + np.flatnonzero(known) / keys.rate
        return Clock(len(times), times=times)
    times, _ = _seconds(keys, table, time, known)
    bad = ~(np.diff(times) > 0)
    if bad.any():
        at, lines = int(np.argmax(bad)), table.lines[known]
        before, after = times[at], times[at + 1]
        how = 'repeats' if after == before else 'goes back before'
        raise mistake(
            table.path,
            f'{how} the time of row {lines[at]} ({after:.6f} s after '
            f'{before:.6f} s)',
            'Correct the times; if the clock is regular, give rate instead '
            'of columns.time; if the rows are of several people, choose '
            'with where',
            row=lines[at + 1],
            column=time,
        )
    return Clock(len(times), times=times + _start(keys))


def _start(keys: Part | Skeleton) -> float:
    """Seconds to add to the times of a file."""
    start = keys.start_s or 0.0
    return 0.0 if start in EPOCHS.values() else start


def _seconds(
    keys: Part | Skeleton, table: Table, time: str, known: np.ndarray
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Times of some rows in seconds, and after what they may start over.

    Raises:
        ValueError: If the unit is missing, or certainly another.
    """
    times, part = table.numbers[time][known], 0.0
    wraps: tuple[float, ...] = ()
    if (fraction := getattr(keys.columns, 'fraction', None)) is not None:
        units: Any = keys.units  # it was checked
        second = unit_factor(units.fraction, TIME_UNITS)
        part = table.numbers[fraction][known] * second
        one = (
            1.0 if units.time is None else unit_factor(units.time, TIME_UNITS)
        )
        most = float(np.abs(part).max())
        if most > max(one, 1.0) or 0 < most < _LEAST_PART * one:
            raise mistake(
                table.path,
                f'is up to {most:.3g} s in {units.fraction}, expected parts '
                f'of {one:g} s',
                'Correct units.fraction',
                column=fraction,
            )
    if time in table.hours:
        return times + part, (DAY,)
    if time in table.dates:
        times = times + part
    else:
        unit = keys.units.time if keys.units else None
        if unit is None:
            raise mistake(
                table.path,
                'holds numbers',
                f'Add units.time: {" or ".join(TIME_UNITS)}',
                column=time,
            )
        factor = unit_factor(unit, TIME_UNITS)
        if _COUNTER.fullmatch(time) and np.median(np.diff(times)) == 1:
            raise mistake(
                table.path,
                'counts samples, it is not a time',
                'Give it as columns.counter, and the rate in Hz',
                column=time,
            )
        times = times + part / factor
        check_time_unit(times, factor, table.path, time)
        times = times * factor
        wraps = tuple(factor * 2.0**bits for bits in COUNTER_BITS)
        if keys.epoch is not None:
            times = times + keys.epoch
        elif keys.start_s in EPOCHS.values():
            times = times + keys.start_s
    if is_date(times[0]) and is_date(_start(keys)):
        raise mistake(
            table.path,
            'counts from 1970 (or units.time is wrong), so start_s cannot '
            'be a date too',
            'Leave start_s out; for a clock that counts from another date, '
            'give epoch, such as 2000',
            row=table.lines[known][0],
            column=time,
        )
    return times, wraps


def _unit_quaternions(
    quat: np.ndarray, part: Part, path: Path, lines: np.ndarray
) -> np.ndarray:
    """(T, 4) unit, scalar first, sensor to world."""
    named = part.columns.quat if part.columns else None
    if part.quat_order == 'xyzw' and len(named or ()) == 4:
        quat = np.roll(quat, 1, axis=1)
    norm = np.linalg.norm(quat, axis=1)
    bad = np.abs(norm - 1) > _MAX_NORM_ERROR
    if bad.any():
        row = int(np.argmax(bad))
        what = f'the norm of the quaternion is {norm[row]:.3f}, expected 1'
        fix = 'Correct columns.quat, or empty the cells of samples without '
        raise mistake(path, what, f'{fix}orientation', row=lines[row])
    quat = quat / norm[:, None]
    if part.quat_direction == 'world_to_sensor':
        quat = quat * (1, -1, -1, -1)
    return quat


def shifted(clock: Clock, seconds: float | None) -> Clock:
    """A clock that shows so many seconds more."""
    if not seconds:
        return clock
    if clock.times is not None:
        return replace(clock, times=clock.times + seconds)
    return replace(clock, start=clock.start + seconds)
