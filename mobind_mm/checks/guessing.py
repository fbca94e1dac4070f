"""A first mapping of a table that nobody knows: guesses, marked as such."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..readers.arrival import comes_in_packets
from ..readers.clocks import COUNTER_BITS, TIME_UNITS, unwrap
from ..readers.dates import is_day, looks_like_date, serial_dates
from ..readers.headers import head_lines
from ..readers.keys import unit_factor
from ..readers.mapping import UNITS, Columns, Part, Units
from ..readers.orientation import rate_unit
from ..readers.sensors import read_imu_file
from ..readers.table_streams import table_stream
from ..readers.tables import PARQUET, Dialect, TableFile, column_names
from ..recordings import STANDARD_GRAVITY, SensorStream
from ..skeleton import LIMBS, placement_name
from ..utils.errors import READ_ERRORS, mistake, shown
from .column_names import header_unit, kind_of_word, parse_column
from .gyroscope import gyroscope_facts, judge_gyroscope
from .plausibility import still_level

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'mag': 'xyz', 'quat': 'wxyz'}
_SENSED = ('acc', 'gyro')
_TIME = re.compile(
    r'time|stamp|epoch|epoc|second|date|^t$|clock|^ts$|^n?secs?$|elapsed|millis|micros'
    r'|nanos|tick|zeit|temps|heure|tiempo|hora|tijd|时间|時刻|時間|시간',
    re.IGNORECASE,
)
_UNIT = re.compile(r'[(\[]\s*([^\d\W]{1,5}(/[^\s)\]]+)?)\s*[)\]]')
"""What stands in brackets as a unit does."""
_COUNTER = re.compile(r'count|packet|sample|index|frame|^n$|seq', re.I)
_NUMBER = re.compile(r'\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*')
_STEPS = {'s': 1.0, 'ms': 1e3, 'us': 1e6, 'ns': 1e9}
"""How many of a unit are a second."""
_OF = re.compile(
    r'sensor|device|type|tag|node|imu|name|address|mac|placement|location|'
    r'position|channel|source|^id$|_id$',
    re.IGNORECASE,
)
"""Columns that say whose a row is."""
_TYPES = {'1': 'acc', '2': 'mag', '4': 'gyro', '9': 'gravity', '10': 'linear'}
"""Numbers of Android's types of sensors."""
_MOST_OWNERS, _MIXED = 40, 0.1
"""Sensors in a table; share of the rows that are of another one."""
_RATES = (2.0, 3000.0)
_COUNTS = (16384, 8192, 4096, 2048, 1024, 256, 64)
_FASTEST = 87.0
"""rad/s that no body turns at for long."""
_MOST_ROWS, _FEWEST = 200_000, 8
_UNCLEAR = (
    'seems to be removed',
    'no unit explains',
    'never rests',
    'counts whose zero is not known',
)
_EVIDENT = 'turns as fast, or only that can be'
"""How reasons end that are none, and that are some."""


@dataclass
class Guess:
    """A mapping, and why.

    Args:
        mapping: Content of a mapping of one file.
        reasons: Why a key is so, by its path, such as ``units.acc``.
        notes: What was not understood.
        doubts: Guesses without evidence, or against some, as sentences.
        columns: Names of the columns of numbers.
        only_times: Whether the table has no other column than times.
        unplaced: Whether nothing says where its only sensor is worn.
        owners: ``where`` of the rows by whose they are, if a column says it.
        problem: Why the table cannot be read with this mapping.
    """

    mapping: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    only_times: bool = False
    unplaced: bool = False
    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    problem: str = ''


def guess_mapping(path: str | Path) -> Guess | None:
    """Guess what the columns of a table are; None if it is no table.

    By the names of the columns, the units beside them, and the values: the
    level of a still sensor tells g from m/s², the turning of gravity deg/s
    from rad/s, the steps of time seconds from milliseconds.

    Args:
        path: CSV or Parquet file.
    """
    path = Path(path)
    dialect, names = _find_table(path)
    if not names:
        return None
    guess = Guess()
    for key in ('delimiter', 'decimal', 'header', 'skip_rows'):
        value = getattr(dialect, key)
        usual = {'delimiter': value, 'header': 1, 'skip_rows': 0}
        if value is not None and value != usual.get(key):
            guess.mapping[key] = value
    try:
        table = TableFile(path, dialect, [n for n in names if n])
    except READ_ERRORS as error:
        guess.notes.append(str(error))
        kinds = [c.kind for c in map(parse_column, names) if c]
        guess.problem = str(error) if {*_SENSED} & {*kinds} else ''
        return guess
    numbers = {n: _numbers(c[:_MOST_ROWS]) for n, c in table.columns.items()}
    columns = {n: c for n, c in numbers.items() if np.isfinite(c).any()}
    texts = {n: c for n, c in table.columns.items() if n not in columns}
    guess.columns = [*columns]
    for name, cells in texts.items():
        column = parse_column(name)
        if column is not None and column.kind in _SENSED:
            cell = next((c for c in map(str, cells) if c.strip()), '')
            told = f'what {name!r} holds: {cell[:40]!r} is not a number'
            guess.reasons[f'columns: {name!r} left out'] = told
            guess.doubts.append(told)
    _guess_time(columns, texts, guess)
    guess.only_times = 'columns' in guess.mapping and len(columns) == 1
    table.columns = {n: c[:_MOST_ROWS] for n, c in table.columns.items()}
    table.lines = table.lines[:_MOST_ROWS]
    _guess_owners(table, numbers, guess)
    _guess_sensors(path, columns, _reader(table, guess), guess)
    return guess


Stream = Callable[..., 'SensorStream | None']


def _reader(table: TableFile, guess: Guess) -> Stream:
    """What reads channels with the guessed clock, in the units of the file."""
    keys = {k: v for k, v in guess.mapping.items() if k != 'columns'}
    clock = guess.mapping.get('columns', {})
    time, counter = clock.get('time'), clock.get('counter')
    unit = guess.mapping.get('units', {}).get('time')

    def read(
        channels: Mapping[str, Sequence[str]],
        where: Mapping[str, str] | None = None,
    ) -> SensorStream | None:
        part = Part.model_construct(
            rate=keys.get('rate'),
            columns=Columns.model_construct(
                None, time=time, counter=counter, **channels
            ),
            units=Units.model_construct(time=unit, acc=1.0, gyro=1.0, mag=1.0),
        )
        names = [name for some in channels.values() for name in some]
        names += [counter] if counter else []
        try:
            rows = table.select(
                names, [time] if time else [], where=where, dated=False
            )
            stream = table_stream(part, rows)
        except READ_ERRORS as error:
            guess.problem = guess.problem or str(error)
            return None
        return stream if stream.clock.num_samples >= _FEWEST else None

    return read


def _guess_owners(
    table: TableFile, numbers: Mapping[str, np.ndarray], guess: Guess
) -> None:
    """Find a column that says whose a row is: a sensor's, or a channel's."""
    for name, cells in table.columns.items():
        if not _OF.search(name) or name in guess.mapping.get('columns', ()):
            continue
        texts = [str(cell).removesuffix('.0') for cell in cells.tolist()]
        owners, which, counts = np.unique(
            texts, return_inverse=True, return_counts=True
        )
        if not 1 < len(owners) <= _MOST_OWNERS or counts.min() < _FEWEST:
            continue
        # What somebody does follows one another; sensors log together.
        times = numbers.get(guess.mapping.get('columns', {}).get('time', ''))
        spans = [
            (times[which == i].min(), times[which == i].max())
            for i in range(len(owners))
            if times is not None and np.isfinite(times).all()
        ]
        firsts, lasts = zip(*spans) if spans else ((0.0,), (0.0,))
        mixed = (np.diff(which) != 0).mean() > _MIXED
        if mixed or max(firsts) < min(lasts):
            guess.owners = {str(owner): {name: str(owner)} for owner in owners}
            return


def _numbers(cells: np.ndarray) -> np.ndarray:
    """(T,) float64, NaN where a cell is not a number; all NaN for texts.

    A column of numbers with a few texts is one of numbers: who reads it
    names the cell. Left out, its channel would be lost without a word.
    """
    if cells.dtype.kind == 'f':
        return cells.astype(float)
    values = np.full(len(cells), np.nan)
    if cells.dtype.kind != 'O':  # dates
        return values
    fine = np.array([_NUMBER.fullmatch(c) is not None for c in cells], bool)
    if fine.mean() > 0.5:
        values[fine] = [float(c.replace(',', '.')) for c in cells[fine]]
    return values


def read_guessed(
    path: str | Path, placement: str | Mapping[str, str] | None = None
) -> dict[str, SensorStream]:
    """Read a table that nobody described, if what it holds is evident.

    Every unit must stand in the names of the columns or show in the values,
    times must be there, and a single sensor needs a placement.

    Args:
        path: CSV or Parquet file.
        placement: As for :func:`~mobind_mm.readers.sensors.read_imu_file`.

    Returns:
        Name to stream, with a note of what was taken for what.

    Raises:
        ValueError: Naming what is in doubt.
    """
    path = Path(path)
    guess = guess_mapping(path)
    hint = f'Run "mobind inspect {path.name} --write-mapping mapping.yml"'
    if guess is not None and guess.problem:
        raise ValueError(guess.problem)
    if guess is None or not {'imu', 'placement'} & {*guess.mapping}:
        names = shown(_find_table(path)[1], 8) or 'nothing'
        raise mistake(
            path,
            f'its columns ({names}) do not say what they are: no acceleration '
            'or angular rate of three axes is among them',
            'Describe the file with a mapping (--mapping, docs/own_data.md)',
        )
    mapping = dict(guess.mapping)
    if guess.unplaced:
        del mapping['placement']
        if placement is None and not guess.doubts:
            raise mistake(
                path,
                'holds one sensor, and nothing says where it is worn',
                'Give --placement',
            )
    if guess.doubts:
        doubts = '; '.join(guess.doubts)
        raise mistake(
            path,
            f'has columns that were recognised, but it is in doubt {doubts}',
            f'{hint}, correct it, and give it as --mapping',
        )
    sensors = mapping.get('imu') or {'': mapping}
    parts = [p for keys in sensors.values() for p in keys.get('parts', [keys])]
    for keys in parts:
        # Nothing shows which way quaternions turn, or what mag is in.
        keys['columns'] = {
            channel: columns
            for channel, columns in keys['columns'].items()
            if channel not in ('quat', 'mag')
        }
    if 'imu' in mapping:
        mapping['imu'] = sensors = {
            name: keys for name, keys in sensors.items() if _senses(keys)
        }
    if not any(map(_senses, sensors.values())):
        raise mistake(
            path,
            'holds no acceleration or angular rate of three axes, only other '
            'channels',
            'Export those of the accelerometer and the gyroscope, too',
        )
    streams = read_imu_file(path, mapping, placement)
    shared = mapping.get('sensor', {})
    read = [*_columns_in(mapping)]
    rest = [name for name in guess.columns if name not in read]
    left = [f'{path}: not read: {shown(rest, 6)}'] if rest else []
    return {
        name: replace(
            stream, notes=(_told(path, keys, shared), *left, *stream.notes)
        )
        for (name, stream), keys in zip(streams.items(), sensors.values())
    }


def _columns_in(keys: Any) -> Iterator[str]:
    """Names of columns in a mapping, and other texts."""
    if isinstance(keys, Mapping):
        keys = [*keys.values(), *keys.get('where', ())]
    if isinstance(keys, str):
        yield keys
    elif isinstance(keys, Sequence):
        for part in keys:
            yield from _columns_in(part)


def _senses(keys: Mapping[str, Any]) -> bool:
    """Whether a sensor has a channel by which it can be compared."""
    parts = keys.get('parts', [keys])
    return any({*_SENSED} & {*part['columns']} for part in parts)


def _told(path: Path, keys: Mapping, shared: Mapping) -> str:
    """A note of what was taken for what."""
    parts: dict[str, None] = {}
    for part in keys.get('parts', [keys]):
        units = {**part.get('units', {}), **shared.get('units', {})}
        rows = part.get('where', {}).items()
        where = ''.join(f' where {n} is {value}' for n, value in rows)
        columns = {**part['columns'], **shared.get('columns', {})}
        for channel, names in columns.items():
            names = [names] if isinstance(names, str) else names
            unit = f' in {units[channel]}' if channel in units else ''
            of = where if channel in AXES else ''
            parts[f'{channel} = {", ".join(names)}{unit}{of}'] = None
    return (
        f'{path}: nobody says what its columns are; by names and values, '
        f'{"; ".join(parts)}; a mapping would overrule it'
    )


def _find_table(path: Path) -> tuple[Dialect, Sequence[str]]:
    """How a file is written, and the names of its columns."""
    if path.suffix.lower() in PARQUET:
        return Dialect(), column_names(path, (), Dialect())
    lines = head_lines(path, 150)
    best: tuple[tuple[int, int], Dialect, list[str]]
    best = (0, 0), Dialect(), []
    for mark in (',', ';', '\t', '|', ' '):
        rows = [_cells(line, mark) for line in lines]
        first = next((i for i in range(len(rows)) if _is_data(rows, i)), None)
        if first is None:
            continue
        count = len(rows[first])
        numbers = sum(map(_is_number, rows[first]))
        if numbers < 1 or (mark == ' ' and numbers < 3):
            continue
        names, line = _names(rows, first)
        # Commas may be decimals, and spaces stand within texts.
        if (numbers, -count) > best[0]:
            decimal = None
            if mark != ',' and any(
                re.fullmatch(r'\s*-?\d+,\d+\s*', c) for c in rows[first]
            ):
                decimal = ','
            skip = first - line if line else first
            header = line if line else 0
            best = (
                (numbers, -count),
                Dialect(mark, decimal, header, skip),
                names,
            )
    return best[1], best[2]


def _cells(line: str, mark: str) -> list[str]:
    try:
        cells = next(
            csv.reader([line], delimiter=mark, skipinitialspace=True), []
        )
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell))


def _is_data(rows: Sequence[Sequence[str]], first: int) -> bool:
    """Whether from here on rows of numbers follow one another."""
    part = [row for row in rows[first : first + 6] if any(row)]
    if len(part) < 2 or len({len(row) for row in part}) > 1:
        return False
    numbers = [sum(map(_is_number, row)) for row in part]
    filled = [sum(map(bool, row)) for row in part]
    return min(numbers) >= 1 and all(
        2 * n >= f - 1 for n, f in zip(numbers, filled)
    )


def _names(rows: Sequence[Sequence[str]], first: int) -> tuple[list[str], int]:
    """Names of the columns and their line from 1; 0: numbers from 1."""
    count = len(rows[first])
    best: tuple[int, int] = (0, 0)
    for line in range(max(first - 4, 0), first):
        row = rows[line]
        words = sum(
            bool(cell) and not _is_number(cell) for cell in row[:count]
        )
        different = len({*filter(None, row)}) == sum(map(bool, row))
        fits = abs(len(row) - count) <= 1 or len(row) > count
        if fits and different and words > 0.6 * count and words > best[0]:
            best = words, line + 1
    if not best[1]:
        return [str(i + 1) for i in range(count)], 0
    return list(rows[best[1] - 1]), best[1]


def _guess_time(
    columns: Mapping[str, np.ndarray],
    texts: Mapping[str, np.ndarray],
    guess: Guess,
) -> None:
    """Choose the column of times."""
    scored: list[tuple[float, str, str, str]] = []
    for name, values in columns.items():
        known = values[np.isfinite(values)]
        if len(known) < 8:
            continue
        steps = np.diff(known)
        rising = max(float((steps >= 0).mean()), float((steps <= 0).mean()))
        if rising < 0.95 or not np.ptp(known):
            continue
        unit, why = _time_unit(name, known, steps)
        named = bool(_TIME.search(name))
        if not named and (_COUNTER.search(name) or not unit):
            continue
        score = 2 * named + bool(unit) + rising
        score += 0.5 * float((steps != 0).mean())
        if name.isdigit() and not named:
            score += 0.2 * (name == '1')
        scored.append((score, name, unit or 's', why))
    dated = [
        name
        for name, cells in texts.items()
        if _TIME.search(name)
        and len(cells)
        and (
            re.search(r'\d[:.]\d\d', str(cells[0]))
            or looks_like_date(str(cells[0]))
        )
        and not is_day(str(cells[0]))
    ]
    if dated and (not scored or max(scored)[0] < 3):
        _set(guess, 'columns.time', dated[0], 'dates')
        return
    if not scored:
        counters = [n for n in columns if _COUNTER.search(n)]
        hint = f'; {counters[0]} may be columns.counter' if counters else ''
        _set(guess, 'rate', 100, f'no column of times was found{hint}')
        guess.doubts.append('when samples were taken: no times were found')
        return
    _, name, unit, why = max(scored)
    own = {k for _, n, *_ in scored for k in ('acc', 'gyr') if k in n.lower()}
    if len(own) > 1:
        names = shown(n for _, n, *_ in scored)
        guess.doubts.append(f'which of the times {names} are of which sensor')
    values = columns[name][np.isfinite(columns[name])]
    whole = [
        n
        for n, c in columns.items()
        if n != name and _TIME.search(n) and _counts_seconds(c)
    ]
    if np.ptp(values) * TIME_UNITS.get(unit, 1.0) <= 1.0 and whole:
        guess.doubts.append(
            f'when samples were taken: {whole[0]!r} counts seconds, {name!r} '
            'their parts; write their sum into one column'
        )
    counter = next(
        (n for n, c in columns.items() if _numbers_packets(n, c)), ''
    )
    if counter and comes_in_packets(np.diff(values)):
        why = 'it counts the packets in which rows come'
        _set(guess, 'columns.counter', counter, why)
    if 'tick' in name.lower() and why.startswith('steps of'):
        guess.doubts.append(f'the unit of time ({name!r}: what is a tick?)')
    _set(guess, 'columns.time', name, 'it rises all the time')
    _set(guess, 'units.time', unit, why)


def _numbers_packets(name: str, values: np.ndarray) -> bool:
    """Whether a column numbers packets of rows, or rows."""
    if not _COUNTER.search(name) or not np.isfinite(values).all():
        return False
    steps = np.diff(unwrap(values, [2.0**bits for bits in COUNTER_BITS])[0])
    if not steps.any() or (steps < 0).any():
        return False
    return float(np.median(steps[steps > 0])) == 1


def _counts_seconds(values: np.ndarray) -> bool:
    """Whether whole numbers go up by 1 again and again."""
    steps = np.diff(values)
    rising = (steps[steps != 0] == 1).all() and (steps > 0).sum() > 3
    return bool(rising and (values == np.round(values)).all())


def _time_unit(
    name: str, values: np.ndarray, steps: np.ndarray
) -> tuple[str, str]:
    """Unit of a column of times, if one fits, and why."""
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
        if _RATES[0] <= factor / max(step, 1e-12) <= _RATES[1]
    }
    for unit, rate in fits.items():
        if 9e8 < first / _STEPS[unit] < 2.5e9:
            why = f'{first:.4g} is a date since 1970 in {unit}'
            return unit, f'{why}, at {rate:.4g} Hz'
    for unit, rate in fits.items():
        return unit, f'steps of {step:.4g} are {rate:.4g} Hz in {unit}'
    return '', ''


def _set(guess: Guess, key: str, value: Any, why: str) -> None:
    node = guess.mapping
    *above, last = key.split('.')
    for part in above:
        node = node.setdefault(part, {})
    node[last] = value
    guess.reasons[key] = why


def _guess_sensors(
    path: Path, columns: Mapping[str, np.ndarray], read: Stream, guess: Guess
) -> None:
    """Group columns into channels of sensors, and guess their units."""
    groups: dict[tuple[str, str, bool], dict[str, str]] = {}
    for name in columns:
        column = parse_column(name)
        if column is not None:
            kind = column.kind or _kind_of_unit(name) or _kind_of_file(path)
            of = column.sensor if column.kind else ''
            group = groups.setdefault((of, kind, column.free), {})
            group.setdefault(column.axis, name)
    sensors: dict[str, dict[str, Any]] = {}
    order = sorted(groups.items(), key=lambda group: group[0][2])
    for (sensor, kind, free), axes in order:
        wanted = AXES.get(kind, '')
        if kind == 'quat' and {*'0123'} <= {*axes}:
            axes = dict(zip('wxyz', (axes[i] for i in '0123')))
        if not wanted or not {*wanted} <= {*axes}:
            missing = {*wanted} - {*axes}
            if kind in _SENSED and len(missing) == 1:
                names = shown(axes.values())
                told = f'where the third axis of {names} is'
                guess.reasons[f'columns: {names} left out'] = told
                guess.doubts.append(told)
            continue
        found = sensors.setdefault(sensor, {'columns': {}})
        if kind not in found['columns']:
            found['columns'][kind] = [axes[axis] for axis in wanted]
            found['free'] = found.get('free', False) or (
                kind == 'acc' and free
            )
    if not sensors and guess.mapping.get('header') == 0:
        rest = [n for n in columns if not _is_time(guess, n)][:6]
        if len(rest) >= 3 and _is_acceleration(rest[:3], read):
            sensors[''] = {'columns': {'acc': rest[:3]}}
            if len(rest) == 6:
                sensors['']['columns']['gyro'] = rest[3:]
    if not sensors:
        guess.notes.append(
            'no columns of a sensor were recognised among '
            + ', '.join(list(columns)[:12])
        )
        return
    sensors = _by_owner(sensors, guess)
    described = {
        name: _describe(found, columns, read, guess, name)
        for name, found in sensors.items()
    }
    if len(described) == 1:
        (name, keys), *_ = described.items()
        place = placement_name(name) if name else ''
        known = place in LIMBS
        guess.unplaced = not known
        why = 'by the names of the columns'
        _set(
            guess,
            'placement',
            place if known else 'right_wrist',
            why if known else 'SAY WHERE IT IS WORN',
        )
        wheres = sensors[name].get('where')
        if wheres:
            _add_parts(path, keys, wheres, guess)
            return
        for key, value in keys.items():
            if isinstance(value, dict):
                guess.mapping.setdefault(key, {}).update(value)
            else:
                guess.mapping[key] = value
        return
    shared = {key: guess.mapping.pop(key) for key in [*guess.mapping]}
    guess.mapping['sensor'] = shared
    guess.mapping['imu'] = {
        placement_name(name or 'sensor'): {
            **keys,
            **(
                {'where': w['acc']}
                if (w := sensors[name].get('where'))
                else {}
            ),
        }
        for name, keys in described.items()
    }


def _by_owner(
    sensors: dict[str, dict[str, Any]], guess: Guess
) -> dict[str, dict[str, Any]]:
    """Sensors by whose their rows are, or one whose channels have rows."""
    if not guess.owners:
        return sensors
    kinds = {
        owner: _TYPES.get(owner) or kind_of_word(owner)
        for owner in guess.owners
    }
    if any(kinds.values()):
        names = next(iter(next(iter(sensors.values()))['columns'].values()))
        owners = {kind: owner for owner, kind in reversed(kinds.items())}
        free = 'acc' not in owners and 'linear' in owners
        owners['acc'] = owners.get('acc') or owners.get('linear') or ''
        chosen = {k: owners[k] for k in _SENSED if owners.get(k)}
        return {
            '': {
                'columns': dict.fromkeys(chosen, names),
                'free': free,
                'where': {k: guess.owners[o] for k, o in chosen.items()},
            }
        }
    return {
        f'{owner}_{name}'.rstrip('_'): {
            **found,
            'where': dict.fromkeys(('acc', 'gyro', 'mag', 'quat'), where),
        }
        for owner, where in guess.owners.items()
        for name, found in sensors.items()
    }


def _add_parts(
    path: Path,
    keys: Mapping[str, Any],
    wheres: Mapping[str, Mapping[str, str]],
    guess: Guess,
) -> None:
    """Make parts of channels that have rows of their own."""
    placement = guess.mapping.pop('placement')
    shared = {**guess.mapping, 'file': str(path)}
    time = shared.pop('columns', {})
    units = shared.pop('units', {})
    about = {k: v for k, v in keys.items() if k in ('gravity', 'frame')}
    parts = [
        {
            **shared,
            'where': dict(wheres[channel]),
            'columns': {**time, channel: names},
            'units': {**units, channel: keys['units'][channel]},
            **(about if channel == 'acc' else {}),
        }
        for channel, names in keys['columns'].items()
        if channel in wheres
    ]
    guess.mapping.clear()
    guess.mapping.update(placement=placement, parts=parts)


def _is_acceleration(names: Sequence[str], read: Stream) -> bool:
    """Whether columns without names are at the level of gravity at rest."""
    stream = read({'acc': names})
    return stream is not None and _acc_unit(stream, False)[1]


def _is_time(guess: Guess, name: str) -> bool:
    return guess.mapping.get('columns', {}).get('time') == name


def _kind_of_unit(name: str) -> str:
    for kind in ('acc', 'gyro', 'mag'):
        if header_unit(name, kind):
            return kind
    return ''


def _kind_of_file(path: Path) -> str:
    stem = path.stem.lower()
    for kind, word in (('gyro', 'gyr'), ('mag', 'mag'), ('acc', '')):
        if word in stem:
            return kind
    return 'acc'


def _describe(
    found: Mapping[str, Any],
    columns: Mapping[str, np.ndarray],
    read: Stream,
    guess: Guess,
    sensor: str,
) -> dict[str, Any]:
    """Keys of one sensor: columns, units, gravity."""
    named: dict[str, list[str]] = found['columns']
    keys: dict[str, Any] = {'columns': dict(named), 'units': {}}
    wheres = found.get('where', {})
    sensed = {c: names for c, names in named.items() if c in _SENSED}
    streams = {c: read({c: n}, wheres.get(c)) for c, n in sensed.items()}
    if len(sensed) > 1 and (same := wheres.get('acc')) == wheres.get('gyro'):
        streams = dict.fromkeys(sensed, read(sensed, same))
    prefix = f'imu.{placement_name(sensor)}.' if sensor else ''
    of = f' of {sensor}' if sensor else ''

    def say(key: str, value: Any, why: str) -> None:
        part, _, rest = key.partition('.')
        if rest:
            keys[part][rest] = value
        else:
            keys[key] = value
        guess.reasons[key] = guess.reasons[prefix + key] = why

    if 'acc' in named:
        unit: Any = header_unit(named['acc'][0], 'acc')
        stream = streams['acc']
        level = still_level(stream) if stream is not None else float('nan')
        gravity, why = not found.get('free'), 'a still sensor shows it'
        if not unit:
            unit, gravity, seen = _acc_unit(stream, gravity)
        else:
            scale = unit_factor(unit, UNITS['acc'])
            seen = 'by the name of the column'
            gravity = gravity and not level * scale < 0.2 * STANDARD_GRAVITY
        if found.get('free'):
            why = 'by the names of the columns'
        elif np.isnan(level):
            why = 'not seen: the sensor never rests'
            guess.doubts.append(f'whether acc{of} has gravity ({why})')
        if re.search('uncal', named['acc'][0], re.IGNORECASE):
            seen = f'{seen}: {_UNCLEAR[3]}'
        if seen.endswith(_UNCLEAR) or _strange(named['acc'][0], 'acc'):
            guess.doubts.append(f'the unit of acc{of} ({seen})')
        say('units.acc', unit, seen)
        say('gravity', 'included' if gravity else 'removed', why)
        world = re.search(r'free|world', named['acc'][0], re.IGNORECASE)
        say('frame', 'world' if world else 'sensor', 'usual')
    if 'gyro' in named:
        unit = header_unit(named['gyro'][0], 'gyro')
        seen = 'by the name of the column'
        if not unit:
            unit, seen = _gyro_unit(streams)
            if not seen.endswith(_EVIDENT) or _strange(named['gyro'][0]):
                guess.doubts.append(f'the unit of gyro{of} ({seen})')
        say('units.gyro', unit, seen)
    if 'mag' in named:
        unit = header_unit(named['mag'][0], 'mag')
        field = np.stack([columns[n] for n in named['mag']], axis=1)
        level = float(np.nanmedian(np.linalg.norm(field, axis=1)))
        fits = [u for u, f in UNITS['mag'].items() if 15 < level * f < 150]
        seen = 'by the name of the column' if unit else f'|mag| is {level:.3g}'
        say('units.mag', unit or (fits[0] if fits else 'uT'), seen)
    if 'quat' in named:
        say('quat_order', 'wxyz', 'by the names of the columns')
        say('quat_direction', 'sensor_to_world', 'usual')
    return keys


def _strange(name: str, kind: str = 'gyro') -> bool:
    """Whether a unit stands in the name of a column that is not known."""
    return bool(_UNIT.search(name)) and not header_unit(name, kind)


def _acc_unit(
    stream: SensorStream | None, gravity: bool
) -> tuple[Any, bool, str]:
    """Unit by the level of a still sensor, whether gravity is in it, why."""
    level = still_level(stream) if stream is not None else float('nan')
    seen = f'a still sensor shows {level:.4g}'
    if stream is None or np.isnan(level):
        return 'm/s2', gravity, f'not seen: the sensor {_UNCLEAR[2]}'
    values = stream.channels['acc'][:]
    if (values > 0).all() and (values == np.round(values)).all():
        return 'm/s2', gravity, f'whole numbers above 0, so {_UNCLEAR[3]}'
    for unit, factor in UNITS['acc'].items():
        if abs(level * factor / STANDARD_GRAVITY - 1) < 0.15:
            return unit, True, seen
    for count in _COUNTS:
        if abs(level / count - 1) < 0.1:
            factor = STANDARD_GRAVITY / count
            why = f'{seen}, as if 1 g were {count} counts'
            return float(f'{factor:.6g}'), True, why
    if level < 2.0:
        return 'm/s2', False, f'{seen}: gravity {_UNCLEAR[0]}'
    return 'm/s2', gravity, f'{seen}, which {_UNCLEAR[1]}'


def _gyro_unit(streams: Mapping[str, SensorStream | None]) -> tuple[str, str]:
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
        return 'rad/s', f'it stays below {fast} in 99 % of the rows'
    seen = f'it exceeds {fast} in 1 % of the rows: gravity in acc'
    return unit, f'{seen} {_EVIDENT}'


def to_yaml(guess: Guess, path: Path) -> str:
    """The mapping as YAML, with every guess marked in a comment."""
    lines = [
        f'# A first mapping of {path.name}. Lines with "guess" were guessed:',
        '# correct them, then use it with --mapping.',
    ]
    lines += [f'# {note}' for note in guess.notes]
    return '\n'.join([*lines, *_yaml(guess.mapping, guess.reasons), ''])


def _yaml(
    node: Mapping[str, Any], reasons: Mapping[str, str], above: str = ''
) -> list[str]:
    import yaml

    lines = []
    indent = '  ' * above.count('.')
    for key, value in node.items():
        place = f'{above}{key}'
        why = reasons.get(place)
        if why is None and not above.startswith('imu.'):
            why = reasons.get(place.removeprefix('sensor.'))
        comment = f'  # guess: {why}' if why else ''
        if isinstance(value, Mapping):
            lines.append(f'{indent}{key}:')
            lines += _yaml(value, reasons, f'{place}.')
        else:
            text = yaml.safe_dump(
                value, default_flow_style=True, width=10**6, allow_unicode=True
            ).removesuffix('...\n')
            lines.append(f'{indent}{key}: {text.strip()}{comment}')
    return lines
