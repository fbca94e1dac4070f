"""A first mapping of a table that nobody knows: guesses, marked as such."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..readers.arrays import ARRAYS, other_columns, rate_said
from ..readers.arrival import comes_in_packets
from ..readers.column_names import header_unit, kind_of_word, parse_column
from ..readers.counters import COUNTER_BITS, unwrap
from ..readers.dates import (
    Dates,
    find_order,
    is_day,
    looks_like_date,
    serial_dates,
)
from ..readers.devices import CHANNEL
from ..readers.headers import head_lines
from ..readers.joining import with_gravity
from ..readers.keys import unit_factor
from ..readers.mapping import GRAVITY, UNITS, Columns, Part, Units
from ..readers.placing import placement_in
from ..readers.table_streams import table_stream
from ..readers.tables import TableFile
from ..readers.time_units import TIME_UNITS
from ..recordings import STANDARD_GRAVITY, SensorStream
from ..skeleton import LIMBS, placement_name
from ..utils.errors import READ_ERRORS, mistake, shown
from .guessed_units import (
    EVIDENT,
    RATES,
    SLOW,
    UNCLEAR,
    acc_unit,
    gyro_unit,
    strange_unit,
    time_unit,
)
from .plausibility import still_level
from .table_layout import NUMBER, find_table, labels_of

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'mag': 'xyz', 'quat': 'wxyz'}
SENSED = ('acc', 'gyro')
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
_OF = re.compile(
    r'sensor|device|type|tag|node|imu|name|address|mac|placement|location|'
    r'position|channel|source|^id$|_id$',
    re.IGNORECASE,
)
"""Columns that say whose a row is."""
_NO_SENSOR = re.compile(
    r'(?<![a-z])(pos(itions?)?|vel(ocity|ocities)?|angles?|euler|orientations?'
    r'|quat\w*|joints?|keypoints?|markers?|skeletons?|poses?)(?![a-z])',
    re.IGNORECASE,
)
"""What names of files call values of x, y and z that are no acceleration."""
_TYPES = {'1': 'acc', '2': 'mag', '4': 'gyro', '9': 'gravity', '10': 'linear'}
"""Numbers of Android's types of sensors."""
_MOST_OWNERS, _MIXED = 40, 0.1
"""Sensors in a table; share of the rows that are of another one."""
_MOST_UNNAMED = 10
"""Columns without names that may be of one sensor: acc, gyro, mag, labels."""
_MOST_ROWS, _FEWEST, _FIRST = 200_000, 8, 400
GYRO = 'the unit of gyro'
"""How a doubt in it begins."""


@dataclass
class Guess:
    """A mapping, and why.

    Args:
        mapping: Content of a mapping of one file.
        reasons: Why a key is so, by its path, such as ``units.acc``.
        notes: What was not understood.
        doubts: Guesses without evidence, or against some, as sentences.
        columns: Names of the columns of numbers.
        labels: Names of columns, with the units that a row below gives.
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
    labels: dict[str, str] = field(default_factory=dict)
    only_times: bool = False
    unplaced: bool = False
    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    problem: str = ''


def guess_mapping(path: str | Path) -> Guess | None:
    """Guess what the columns of a table are; None if it is not a table.

    By the names of the columns, the units beside them, and the values: the
    level of a still sensor tells g from m/s², the turning of gravity deg/s
    from rad/s, the steps of time seconds from milliseconds.
    """
    path = Path(path)
    dialect, names = find_table(path)
    if not names:
        return None
    guess = Guess(labels=labels_of(path, dialect, names))
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
        guess.problem = str(error) if {*SENSED} & {*kinds} else ''
        return guess
    numbers = {n: _numbers(c[:_MOST_ROWS]) for n, c in table.columns.items()}
    columns = {n: c for n, c in numbers.items() if np.isfinite(c).any()}
    texts = {n: c for n, c in table.columns.items() if n not in columns}
    guess.columns = [*columns]
    for name, cells in texts.items():
        column = parse_column(name)
        if column is not None and column.kind in SENSED:
            cell = next((c for c in map(str, cells) if c.strip()), '')
            doubt = f'what {name!r} holds: {cell[:40]!r} is not a number'
            guess.reasons[f'columns: {name!r} left out'] = doubt
            guess.doubts.append(doubt)
    if path.suffix.lower() in ARRAYS:
        parsed = {n: parse_column(n) for n in other_columns(path)}
        others = [n for n, c in parsed.items() if c and c.kind in SENSED]
        if others:
            guess.doubts.append(
                f'to which times {shown(others, 6)} belong, of which there '
                'are more or fewer samples'
            )
    _guess_time(path, columns, texts, guess)
    guess.only_times = 'columns' in guess.mapping and len(columns) == 1
    table.columns = {n: c[:_MOST_ROWS] for n, c in table.columns.items()}
    table.lines = table.lines[:_MOST_ROWS]
    _guess_owners(table, numbers, guess)
    _guess_sensors(path, columns, _reader(path, table, guess), guess)
    sensed = {'imu', 'placement'} & {*guess.mapping}
    if sensed and len(table.lines) < _FEWEST and guess.doubts:
        few = f'has only {len(table.lines)} rows, from which units and times '
        few += 'cannot be told'
        again = 'Record longer, or export it again'
        guess.problem = str(mistake(path, few, again))
    return guess


Stream = Callable[..., 'SensorStream | None']


def _reader(path: Path, table: TableFile, guess: Guess) -> Stream:
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
        stream = with_gravity(stream, str(path))
        return stream if stream.clock.num_samples >= _FEWEST else None

    return read


def _guess_owners(
    table: TableFile, numbers: Mapping[str, np.ndarray], guess: Guess
) -> None:
    """Find a column that says whose a row is: a sensor's, or a channel's."""
    for name, cells in table.columns.items():
        if name in guess.mapping.get('columns', {}).values():
            continue
        if not (_OF.search(name) or _alternates(cells, numbers)):
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


def _alternates(cells: np.ndarray, numbers: Mapping[str, np.ndarray]) -> bool:
    """Whether a few values take turns from row to row, and sensors with them.

    Places in a packet take turns, too, but rows of one sensor follow closely.
    """
    texts = [*map(str, cells[:_FIRST].tolist())]
    count = len({*texts})
    if not 1 < count <= len(texts) / _FEWEST:
        return False
    again = [a == b for a, b in zip(texts, texts[count:])]
    other = [a != b for a, b in zip(texts, texts[1:])]
    axes = (v[:_FIRST] for n, v in numbers.items() if parse_column(n))
    sensed = [values for values in axes if np.isfinite(values).all()]
    if min(np.mean(again), np.mean(other)) < 0.9 or not sensed:
        return False
    near, within = (
        sum(float(np.abs(v[k:] - v[:-k]).mean()) for v in sensed)
        for k in (1, count)
    )
    return within < 0.5 * near


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
    fine = np.array([NUMBER.fullmatch(c) is not None for c in cells], bool)
    if fine.mean() > 0.5:
        values[fine] = [float(c.replace(',', '.')) for c in cells[fine]]
    return values


def _guess_time(
    path: Path,
    columns: Mapping[str, np.ndarray],
    texts: Mapping[str, np.ndarray],
    guess: Guess,
) -> None:
    """Choose the column of times."""
    scored: list[tuple[float, str, str, str]] = []
    back = ''
    called = {
        name: guess.labels[name] if name.isdigit() else name
        for name in (*columns, *texts)
    }
    for name, values in columns.items():
        known = values[np.isfinite(values)]
        if len(known) < 8:
            continue
        steps = np.diff(known)
        rising = max(float((steps >= 0).mean()), float((steps <= 0).mean()))
        if rising < 0.95 or not np.ptp(known):
            if _TIME.fullmatch(called[name]) and rising < 0.95:
                share = f'{min((steps < 0).mean(), (steps > 0).mean()):.0%}'
                back = f'{name!r} goes back in {share} of the rows'
            continue
        unit, why = time_unit(guess.labels[name], known, steps)
        named = bool(_TIME.search(called[name]))
        if not named and (_COUNTER.search(called[name]) or not unit):
            continue
        score = 2 * named + bool(unit) + rising
        score += 0.5 * float((steps != 0).mean())
        if name.isdigit() and not named:
            score += 0.2 * (name == '1')
        scored.append((score, name, unit or 's', why))
    # A name in another encoding may be anything.
    dates = [n for n, cells in texts.items() if looks_like_date(str(cells[0]))]
    dated = [
        name
        for name, cells in texts.items()
        if (_TIME.search(called[name]) or [name] == dates)
        and len(cells)
        and (
            re.search(r'\d[:.]\d\d', str(cells[0]))
            or looks_like_date(str(cells[0]))
        )
        and not is_day(str(cells[0]))
    ]
    scored = _of_one_length(scored, columns, [texts[n] for n in dated])
    if dated and (not scored or max(scored)[0] < 3):
        _set(guess, 'columns.time', dated[0], 'dates')
        return
    if not scored:
        counters = [n for n in columns if _COUNTER.search(called[n])]
        rate = None if back else _rate_above(path, guess.mapping)
        if rate is not None:
            why = 'a line above the table says so'
            if path.suffix.lower() in ARRAYS:
                why = 'a number in the file says so'
            _set(guess, 'rate', rate, why)
            for name in counters:
                if (np.diff(columns[name]) == 1).mean() > 0.5:
                    why = 'it counts the samples'
                    _set(guess, 'columns.counter', name, why)
                    break
            return
        hint = f'; {counters[0]} may be columns.counter' if counters else ''
        _set(guess, 'rate', 100, f'no column of times was found{hint}')
        doubt = back or 'no times were found'
        guess.doubts.append(f'when samples were taken: {doubt}')
        return
    _, name, unit, why = max(scored)
    channels_timed = {
        k for _, n, *_ in scored for k in ('acc', 'gyr') if k in n.lower()
    }
    if len(channels_timed) > 1:
        names = shown(n for _, n, *_ in scored)
        guess.doubts.append(f'which of the times {names} are of which sensor')
    values = columns[name][np.isfinite(columns[name])]
    whole = [
        n
        for n, c in columns.items()
        if n != name and _TIME.search(n) and _counts_seconds(c)
    ]
    parts = [(n, name) for n in whole]
    if np.ptp(values) * TIME_UNITS.get(unit, 1.0) > 1.0:
        seconds = np.diff(columns[name]) > 0
        parts = [
            (name, n)
            for n, c in columns.items()
            if np.array_equal(np.diff(c) < 0, seconds)
            and _counts_seconds(columns[name])
        ]
    if parts:
        guess.doubts.append(
            'when samples were taken: {!r} counts seconds, {!r} their parts; '
            'write their sum into one column'.format(*parts[0])
        )
    counter = next(
        (n for n, c in columns.items() if _numbers_packets(n, c)), ''
    )
    if counter and comes_in_packets(np.diff(values)):
        why = 'it counts the packets in which rows come'
        _set(guess, 'columns.counter', counter, why)
    if 'tick' in name.lower() and why.startswith('steps of'):
        guess.doubts.append(f'the unit of time ({name!r}: what is a tick?)')
    elif why.endswith(SLOW):
        guess.doubts.append(f'the unit of time ({name!r}: {why})')
    _set(guess, 'columns.time', name, 'it rises all the time')
    _set(guess, 'units.time', unit, why)


def _rate_above(path: Path, mapping: Mapping[str, Any]) -> float | None:
    """Samples per second, as a line above a table says."""
    if path.suffix.lower() in ARRAYS:
        return rate_said(path)
    last = mapping.get('header', 1) - 1
    rates = {
        float(match[1])
        for line in head_lines(path, max(last, mapping.get('skip_rows', 0)))
        if (match := _RATE.search(line))
        and RATES[0] <= float(match[1]) <= RATES[1]
    }
    return rates.pop() if len(rates) == 1 else None


def _of_one_length(
    scored: Sequence[tuple[float, str, str, str]],
    columns: Mapping[str, np.ndarray],
    dates: Sequence[np.ndarray],
) -> list[tuple[float, str, str, str]]:
    """Times as long as those of known unit, if there are any beside them.

    A clock that counts 10 us at 100 Hz looks like one of 1000 us at 1 Hz.
    """

    def length(name: str, unit: str) -> float:
        dates = serial_dates(columns[name])
        values = dates[0] if dates else columns[name]
        steps = np.abs(np.diff(values[np.isfinite(values)]))
        steps = steps[steps < 1e3 * np.median(steps[steps > 0])]
        return float(steps.sum()) * unit_factor(unit, TIME_UNITS)

    lengths = {name: length(name, unit) for _, name, unit, _ in scored}
    said = [lengths[n] for *_, n, _, w in scored if w and w[:5] != 'steps']
    for cells in dates:
        ends = [str(cells[0]), str(cells[-1])]
        first, last = map(Dates(find_order(ends) or 'dmy'), ends)
        if first is not None and last is not None and last > first:
            said.append(last - first)
    return [
        time
        for time in scored
        if not said or any(abs(lengths[time[1]] - s) < 0.05 * s for s in said)
    ]


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
    """Guess what the sensors of a table are, and how they are described."""
    sensors = _group(path, columns, read, guess)
    if not sensors:
        guess.notes.append(
            'no columns of a sensor were recognised among '
            + ', '.join(list(columns)[:12])
        )
        if guess.mapping.get('header') == 0:
            guess.notes.append(
                'columns without names are described by their numbers in a '
                'mapping (docs/own_data.md)'
            )
        return
    sensors = _placed(_by_owner(sensors, columns, guess))
    described = {
        name: _describe(sensor, columns, read, guess, name)
        for name, sensor in sensors.items()
    }
    _share_unit_of_gyro(described, guess)
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


def _placed(sensors: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sensors by the placements that their names speak of, if those differ."""
    places = [placement_in(name) for name in sensors]
    return {
        place if place and places.count(place) == 1 else name: entry
        for (name, entry), place in zip(sensors.items(), places)
    }


def _share_unit_of_gyro(
    described: Mapping[str, Mapping[str, Any]], guess: Guess
) -> None:
    """Take the unit of the sensors that show theirs for all of a table."""
    units = {
        n: k['units'] for n, k in described.items() if 'gyro' in k['units']
    }
    doubts = {
        name: [d for d in guess.doubts if d.startswith(f'{GYRO} of {name} (')]
        for name in units
        if name
    }
    sure = {u['gyro'] for n, u in units.items() if not doubts.get(n)}
    if len(sure) == 1:
        for name, doubt in doubts.items():
            units[name].update(gyro=next(iter(sure)))
            guess.doubts[:] = [d for d in guess.doubts if d not in doubt]


def _group(
    path: Path, columns: Mapping[str, np.ndarray], read: Stream, guess: Guess
) -> dict[str, dict[str, Any]]:
    """Group columns into channels of sensors."""
    groups: dict[tuple[str, str, bool], dict[str, str]] = {}
    parsed = {name: parse_column(guess.labels[name]) for name in columns}
    bodies = {c.sensor for c in parsed.values() if c and not c.kind}
    for name, column in parsed.items():
        if column is not None:
            kind = column.kind or _kind_of_unit(guess.labels[name])
            if not kind and column.axis in 'xyz':
                kind = _kind_of_file(path)
            of = column.sensor if column.kind or len(bodies) > 1 else ''
            group = groups.setdefault((of, kind, column.free), {})
            group.setdefault(column.axis, name)
    sensors: dict[str, dict[str, Any]] = {}
    order = sorted(groups.items(), key=lambda group: group[0][2])
    for (sensor, kind, free), axes in order:
        wanted = 'xyz' if kind == GRAVITY else AXES.get(kind, '')
        if kind == 'quat' and {*'0123'} <= {*axes}:
            axes = dict(zip('wxyz', (axes[i] for i in '0123')))
        if kind in SENSED and {*axes} in ({*'012'}, {*'123'}):
            axes = dict(zip('xyz', (axes[i] for i in sorted(axes))))
        if not wanted or not {*wanted} <= {*axes}:
            missing = {*wanted} - {*axes}
            if kind in SENSED and len(missing) == 1:
                names = shown(axes.values())
                doubt = f'where the third axis of {names} is'
                guess.reasons[f'columns: {names} left out'] = doubt
                guess.doubts.append(doubt)
            continue
        entry = sensors.setdefault(sensor, {'columns': {}})
        if kind not in entry['columns']:
            entry['columns'][kind] = [axes[axis] for axis in wanted]
            entry['free'] = entry.get('free', False) or (
                kind == 'acc' and free
            )
    for entry in sensors.values():
        if not entry.get('free'):  # it is in acc already
            entry['columns'].pop(GRAVITY, None)
    sensors = {
        name: entry for name, entry in sensors.items() if entry['columns']
    }
    unnamed = all(label == name for name, label in guess.labels.items())
    if not sensors and guess.mapping.get('header') == 0 and unnamed:
        time = guess.mapping.get('columns', {}).get('time')
        rest = [
            name
            for name, values in columns.items()
            if name != time and not (np.diff(values) >= 0).all()
        ]
        if len(rest) > _MOST_UNNAMED:
            what = f'what its {len(columns)} columns without names are'
            guess.doubts.append(what)
        rest = rest[:6]
        if len(rest) == 3 and _kind_of_file(path) == 'gyro':
            return {'': {'columns': {'gyro': rest}}}
        # Columns without names may be at the level of gravity at rest.
        stream = read({'acc': rest[:3]}) if len(rest) >= 3 else None
        if stream is not None and acc_unit(stream, False)[1]:
            sensors[''] = {'columns': {'acc': rest[:3]}}
            if len(rest) == 6:
                sensors['']['columns']['gyro'] = rest[3:]
    return sensors


def _by_owner(
    sensors: dict[str, dict[str, Any]],
    columns: Mapping[str, np.ndarray],
    guess: Guess,
) -> dict[str, dict[str, Any]]:
    """Sensors by whose their rows are, or one whose channels have rows."""
    if not guess.owners:
        return sensors
    channels = next(iter(sensors.values()))['columns']
    names = next(iter(channels.values()))
    kinds = {owner: kind_of_word(owner) for owner in guess.owners}
    types = {o: _TYPES[o] for o in guess.owners if o in _TYPES}
    if len(channels) == 1 and not any(kinds.values()):
        sizes = [_size(columns, names, guess.owners[o]) for o in types]
        if sizes and max(sizes) > 2 * min(sizes):
            kinds = types  # of numbered sensors, all would show gravity
    if any(kinds.values()):
        owners = {kind: owner for owner, kind in reversed(kinds.items())}
        free = 'acc' not in owners and 'linear' in owners
        owners['acc'] = owners.get('acc') or owners.get('linear') or ''
        chosen = {k: owners[k] for k in SENSED if owners.get(k)}
        return {
            '': {
                'columns': dict.fromkeys(chosen, names),
                'free': free,
                'where': {k: guess.owners[o] for k, o in chosen.items()},
            }
        }
    return {
        f'{owner}_{name}'.rstrip('_'): {
            **entry,
            'where': dict.fromkeys(('acc', 'gyro', 'mag', 'quat'), where),
        }
        for owner, where in guess.owners.items()
        for name, entry in sensors.items()
    }


def _size(
    columns: Mapping[str, np.ndarray],
    names: Sequence[str],
    where: Mapping[str, str],
) -> float:
    """Median magnitude of the rows of a number; NaN if some are texts."""
    ((name, owner),) = where.items()
    rows = columns.get(name, np.nan) == float(owner)
    if not np.any(rows):
        return float('nan')
    values = np.stack([columns[n][rows] for n in names], axis=1)
    return float(np.nanmedian(np.linalg.norm(values, axis=1)))


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


def _kind_of_unit(name: str) -> str:
    kinds = ('acc', 'gyro', 'mag')
    return next((kind for kind in kinds if header_unit(name, kind)), '')


def _kind_of_file(path: Path) -> str:
    words = {'gyr': 'gyro', 'mag': 'mag', '': 'acc'}
    if _NO_SENSOR.search(path.stem):
        return 'other'
    text = path.stem.lower()
    if 'acc' not in text and (above := CHANNEL.search(path.parent.stem)):
        text += above[0].lower()
    return next(kind for word, kind in words.items() if word in text)


def _describe(
    entry: Mapping[str, Any],
    columns: Mapping[str, np.ndarray],
    read: Stream,
    guess: Guess,
    sensor: str,
) -> dict[str, Any]:
    """Keys of one sensor: columns, units, gravity."""
    named: dict[str, list[str]] = entry['columns']
    keys: dict[str, Any] = {'columns': dict(named), 'units': {}}
    wheres = entry.get('where', {})
    of_acc = ('acc', GRAVITY) if GRAVITY in named else ('acc',)
    sensed = {c: n for c, n in named.items() if c in (*SENSED, GRAVITY)}
    streams = {
        c: read({k: named[k] for k in (of_acc if c == 'acc' else (c,))}, where)
        for c, where in ((c, wheres.get(c)) for c in SENSED if c in named)
    }
    if len(streams) > 1 and (same := wheres.get('acc')) == wheres.get('gyro'):
        streams = dict.fromkeys(streams, read(sensed, same))
    prefix = f'imu.{placement_name(sensor)}.' if sensor else ''
    of = f' of {sensor}' if sensor else ''

    def say(key: str, value: Any, why: str) -> None:
        part, _, rest = key.partition('.')
        if rest:
            keys[part][rest] = value
        else:
            keys[key] = value
        guess.reasons[key] = guess.reasons[prefix + key] = why

    first = {c: guess.labels[names[0]] for c, names in named.items()}
    for channel in SENSED:
        labels = (guess.labels[n] for n in named.get(channel, ()))
        units = {header_unit(label, channel) for label in labels}
        if len(units) > 1:
            doubt = f'the unit of {channel}{of} (its columns give several)'
            guess.doubts.append(doubt)
    if 'acc' in named:
        unit: Any = header_unit(first['acc'], 'acc')
        stream = streams['acc']
        level = still_level(stream) if stream is not None else float('nan')
        gravity, why = not entry.get('free'), 'a still sensor shows it'
        if not unit:
            unit, gravity, seen = acc_unit(stream, gravity)
        else:
            scale = unit_factor(unit, UNITS['acc'])
            seen = 'by the name of the column'
            gravity = gravity and not level * scale < 0.2 * STANDARD_GRAVITY
        if entry.get('free'):
            why = 'by the names of the columns'
        elif np.isnan(level):
            why = 'not seen: the sensor never rests'
            guess.doubts.append(f'whether acc{of} has gravity ({why})')
        if re.search('uncal', named['acc'][0], re.IGNORECASE):
            seen = f'{seen}: {UNCLEAR[3]}'
        if seen.endswith(UNCLEAR) or strange_unit(first['acc'], 'acc'):
            guess.doubts.append(f'the unit of acc{of} ({seen})')
        say('units.acc', unit, seen)
        gravity = gravity and GRAVITY not in named
        say('gravity', 'included' if gravity else 'removed', why)
        world = re.search(r'free|world', named['acc'][0], re.IGNORECASE)
        say('frame', 'world' if world else 'sensor', 'usual')
    if 'gyro' in named:
        unit = header_unit(first['gyro'], 'gyro')
        seen = 'by the name of the column'
        if not unit:
            unit, seen = gyro_unit(streams)
            if not seen.endswith(EVIDENT) or strange_unit(first['gyro']):
                guess.doubts.append(f'{GYRO}{of} ({seen})')
        say('units.gyro', unit, seen)
    if 'mag' in named:
        unit = header_unit(first['mag'], 'mag')
        field = np.stack([columns[n] for n in named['mag']], axis=1)
        level = float(np.nanmedian(np.linalg.norm(field, axis=1)))
        fits = [u for u, f in UNITS['mag'].items() if 15 < level * f < 150]
        seen = 'by the name of the column' if unit else f'|mag| is {level:.3g}'
        say('units.mag', unit or (fits[0] if fits else 'uT'), seen)
    if 'quat' in named:
        say('quat_order', 'wxyz', 'by the names of the columns')
        say('quat_direction', 'sensor_to_world', 'usual')
    return keys


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
