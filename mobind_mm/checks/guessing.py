"""A first mapping of a table that nobody knows: guesses, marked as such."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..readers.arrays import ARRAYS, not_read, other_columns
from ..readers.cells import ungrouped
from ..readers.column_names import kind_of_word, parse_column
from ..readers.joining import with_gravity
from ..readers.mapping import Columns, Part, Units
from ..readers.table_streams import table_stream
from ..readers.tables import TableFile
from ..recordings import SensorStream
from ..utils.errors import READ_ERRORS, mistake, shown
from .guessed_mapping import SENSED, Guess
from .guessed_sensors import Stream, guess_sensors
from .guessed_times import guess_time
from .table_layout import NUMBER, find_table, labels_of

_OF = re.compile(
    r'sensor|device|type|tag|node|imu|name|address|mac|placement|location|'
    r'position|channel|source|^id$|_id$',
    re.IGNORECASE,
)
"""Columns that say whose a row is."""
_MOST_OWNERS, _MIXED = 40, 0.1
"""Sensors in a table; share of the rows that are of another one."""
_MOST_ROWS, _FEWEST, _FIRST = 200_000, 8, 400


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
        odd = [n for n in not_read(path) if kind_of_word(n) in SENSED]
        if odd:
            guess.doubts.append(f'what {shown(odd, 6)} holds: no real numbers')
    guess_time(path, columns, texts, guess)
    guess.only_times = 'columns' in guess.mapping and len(columns) == 1
    table.columns = {n: c[:_MOST_ROWS] for n, c in table.columns.items()}
    table.lines = table.lines[:_MOST_ROWS]
    _guess_owners(table, numbers, guess)
    guess_sensors(path, columns, _reader(path, table, guess), guess)
    sensed = {'imu', 'placement'} & {*guess.mapping}
    if sensed and len(table.lines) < _FEWEST and guess.doubts:
        few = f'has only {len(table.lines)} rows, from which units and times '
        few += 'cannot be told'
        again = 'Record longer, or export it again'
        guess.problem = str(mistake(path, few, again))
    return guess


def _reader(path: Path, table: TableFile, guess: Guess) -> Stream:
    """What reads channels with the guessed clock, in the units of the file."""
    keys = {k: v for k, v in guess.mapping.items() if k != 'columns'}
    clock = guess.mapping.get('columns', {})
    numbers = [clock[key] for key in ('fraction', 'counter') if key in clock]
    units = guess.mapping.get('units', {})

    def read(
        channels: Mapping[str, Sequence[str]],
        where: Mapping[str, str] | None = None,
    ) -> SensorStream | None:
        part = Part.model_construct(
            rate=keys.get('rate'),
            columns=Columns.model_construct(None, **clock, **channels),
            units=Units.model_construct(**units, acc=1.0, gyro=1.0, mag=1.0),
        )
        names = [name for some in channels.values() for name in some]
        times = [clock['time']] if 'time' in clock else []
        try:
            rows = table.select(
                [*names, *numbers], times, where=where, dated=False
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
    texts = np.array([ungrouped(c) for c in cells], object)
    fine = np.array([NUMBER.fullmatch(c) is not None for c in texts], bool)
    if fine.mean() > 0.5:
        values[fine] = [float(c.replace(',', '.')) for c in texts[fine]]
    return values
