"""Columns of tables: CSV by pandas, Parquet by pyarrow.

pandas parses columns of plain numbers. It gives any other column as texts, to
which rules apply that can name the first cell that breaks them.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..utils.compat import exact_floats
from ..utils.errors import mistake, shown
from .archives import is_file, open_file
from .dates import (
    DAY,
    Dates,
    find_order,
    has_day,
    is_day,
    is_unclear_year,
    join_days,
    looks_like_date,
    order_of,
    parse_zone,
    serial_dates,
    strptime,
    zone_in,
)
from .headers import Header, older_encoding, plain_minus, skip_marks

DELIMITERS = (',', ';', '\t', '|', ' ')
PARQUET = ('.parquet', '.pq')

_MISSING = (
    *('', 'nan', '-nan', 'na', 'n/a', '#n/a', '<na>', 'null', 'none', '-'),
    *('nan(ind)', '-nan(ind)', '-1.#ind', '1.#qnan', '--'),
)
_SPELLINGS = ['NaN', *(f(m) for m in _MISSING for f in (str, str.upper))]
"""Those that pandas looks for; in texts, upper and lower case are one."""
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(,\d{3})+')
_DATE = re.compile(r'(?i:(?<![a-z])(date|day|datum|fecha))|[a-z]Date')
_BORN = re.compile(r'birth|born|geburt|dob|naci', re.IGNORECASE)
_NULS = re.compile('[^\n]*\0{8,}[^\n]*')
"""A line in which a disk kept room that was never written."""
_LARGEST = 3e38  # of float32, in which recordings are kept
_HEADER_LINES = 100
"""Lines in which the names of the columns are looked for."""
_UNIT_ROWS = 3
"""Rows of units and the like that may follow the names."""
_BLOCK = 1 << 22
"""Characters that are parsed at once."""
_MAX_LINE = 1_000_000
_MAX_COLUMNS = 10_000
_SHORT = 131_072
"""Characters of a line in which no cell is too long for a CSV reader."""
_AGAIN = 'Download or export the file again'
_ROWS_PER_BYTE = 10
"""More rows in a Parquet file are not measurements, however well they pack."""


@dataclass(frozen=True)
class Dialect:
    """How a text table is written; None: found in the file.

    Args:
        delimiter: Character between cells.
        decimal: ``.`` or ``,``.
        header: Line of the names from 1; 0: there are none, columns go by
            number from 1.
        skip_rows: Lines to leave out after the names, such as units.
        encoding: Of the text.
    """

    delimiter: str | None = None
    decimal: str | None = None
    header: int | None = None
    skip_rows: int = 0
    encoding: str | None = None


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Args:
        path: The file.
        lines: (T,) line or row of each sample in the file, from 1.
        numbers: Column name to (T,) float64, NaN where a cell is empty.
        texts: Column name to T texts.
        dates: Columns whose values are seconds since 1970.
        hours: Columns of times of day: their seconds, or, if they are also
            in ``dates``, those since 1970 by a date beside them, which may
            be that of the start.
        notes: What was assumed to read it.
    """

    path: Path
    lines: np.ndarray
    numbers: dict[str, np.ndarray]
    texts: dict[str, list[str]]
    dates: frozenset[str]
    hours: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows T."""
        return len(self.lines)


def read_table(
    path: str | Path,
    numbers: Iterable[str],
    times: Iterable[str] = (),
    texts: Iterable[str] = (),
    where: Mapping[str, str] | None = None,
    dialect: Dialect | None = None,
    time_format: str | None = None,
    timezone: str | None = None,
    repair: bool = True,
    dated: bool = True,
) -> Table:
    """Read columns of a file; see :class:`TableFile` and its ``select``."""
    numbers, times, texts = [*numbers], [*times], [*texts]
    as_text = [*texts, *(where or ())]
    names = [*numbers, *times, *as_text]
    file = TableFile(Path(path), dialect or Dialect(), names, as_text, repair)
    form = time_format, timezone, dated
    return file.select(numbers, times, texts, where, *form)


class TableFile:
    """A file that is parsed once, however many sensors it holds.

    Args:
        path: CSV or Parquet file.
        dialect: How a text file is written.
        names: Columns to read.
        texts: Those of them that are text.
        repair: Whether to leave out lines that repeat the header, as in
            exports that were put together, if time goes on after them, and
            rows of units below the header.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If Parquet cannot be read here.
        ValueError: Naming file, row and column.
    """

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        names: Iterable[str],
        texts: Collection[str] = (),
        repair: bool = True,
    ) -> None:
        self.path, self.decimal = path, dialect.decimal
        if not is_file(path):
            raise mistake(path, 'does not exist', kind=FileNotFoundError)
        names = list(dict.fromkeys(names))
        self._rows: _Rows | None = None
        if path.suffix.lower() in PARQUET:
            self.lines, self.columns = _read_parquet(path, names)
            self.notes: tuple[str, ...] = ()
            return
        encoding, self.notes = _find_encoding(path, dialect.encoding)
        dialect = replace(dialect, encoding=encoding)
        header, indices = _find_header(path, names, dialect)
        places = dict(zip(names, indices))
        if repair and header.line:
            cells = [places[name] for name in names if name not in texts]
            units = _units_below(header, cells, dialect)
            if units:
                skip = dialect.skip_rows + units.skip
                dialect = replace(dialect, skip_rows=skip)
                self.notes += (
                    f'{path}: row {units.line} below the names holds no '
                    f'numbers ({shown(units.cells, 6)}), as if it gave units, '
                    'and is left out',
                )
        self._rows = rows = _Rows(header, dialect, places, repair)
        self.columns = rows.parse(texts, self.decimal or '.', self._commas)
        self.lines = rows.lines
        if rows.commas:
            self.decimal = ','
        elif self.decimal is None:
            self.decimal = self._guess_decimal(self.columns, texts, self.lines)
            if self.decimal == ',':
                self.columns = rows.parse(texts, ',')
        self.notes += rows.notes

    def select(
        self,
        numbers: Iterable[str],
        times: Iterable[str] = (),
        texts: Iterable[str] = (),
        where: Mapping[str, str] | None = None,
        time_format: str | None = None,
        timezone: str | None = None,
        dated: bool = True,
    ) -> Table:
        """Take columns, in the rows that have some values.

        Args:
            numbers: Columns of numbers.
            times: Columns of numbers, dates or times of day.
            texts: Columns of text.
            where: Column to the value that rows must have there.
            time_format: How dates are written, such as ``dd/mm/yyyy`` or
                ``%d.%m.%y %H:%M``; found if the column tells.
            timezone: Of dates that do not give theirs; UTC by default.
            dated: Whether times of day belong to the dates in a column
                beside theirs.

        Raises:
            ValueError: Naming file, row, column and value.
        """
        timed = {*times}
        keep = np.ones(len(self.lines), bool)
        for name, value in (where or {}).items():
            keep &= _equal(self.columns[name], value)
        if not keep.any():
            matching = f' where {where}' if where else ''
            raise ValueError(f'{self.path} has no rows{matching}.')
        # No copies of what is kept as a whole: a file may be long.
        rows: Any = slice(None) if keep.all() else keep
        lines = self.lines[rows]
        values: dict[str, np.ndarray] = {}
        notes = [*self.notes]
        kinds: dict[str, set[str]] = {'dates': set(), 'hours': set()}
        for name in dict.fromkeys((*numbers, *timed)):
            cells = self.columns[name][rows]
            serial = name in timed and cells.dtype.kind == 'f'
            if serial and (dates := serial_dates(cells)):
                values[name] = self._serial(name, *dates, timezone)
                kinds['dates'].add(name)
                notes.append(
                    f'{self.path}: numbers of column {name!r} count '
                    f'{dates[1]}; they are taken for dates'
                )
                continue
            if name in timed and (time_format or _holds_dates(cells)):
                zone = timezone or zone_in(name)
                form = time_format, zone or 'UTC'
                values[name], whole = self._dates(cells, lines, name, *form)
                kinds['dates' if whole else 'hours'].add(name)
                cell = str(cells[0]) if whole and not time_format else ''
                if is_unclear_year(cell):
                    year = np.datetime64(int(values[name][0]), 's').item().year
                    notes.append(
                        f'{self.path}: {cell!r} in column {name!r} is taken '
                        f'for a day of {year}; if it is none, set time_format'
                    )
                if dated and not whole:
                    joined, more = self._with_date(cells, rows, name, *form)
                    notes += more
                    if joined is not None:
                        values[name] = joined
                        kinds['dates'].add(name)
                if zone and not timezone:
                    notes.append(
                        f'{self.path}: times of column {name!r} are in the '
                        f'zone {zone}, as its name says'
                    )
                continue
            values[name] = self._values(cells, lines, name, name in timed)
        chosen = {n: [*map(str, self.columns[n][rows])] for n in texts}
        table = Table(
            self.path,
            lines,
            values,
            chosen,
            frozenset(kinds['dates']),
            frozenset(kinds['hours']),
            tuple(notes),
        )
        return self._continued(table, timed)

    def _continued(self, table: Table, times: Collection[str]) -> Table:
        """The table with a note of headers that are repeated within it."""
        again = self._rows.again if self._rows else []
        if not again:
            return table
        if not _goes_on(table, times, again):
            why = 'after which time begins again'
            if not times:
                why = 'and no times tell what is missing there'
            raise mistake(
                self.path,
                f'the header is there again, {why}',
                'Divide the file there: each recording is a file of its own',
                row=again[0],
            )
        often = 'once' if len(again) == 1 else f'{len(again)} times'
        note = (
            f'{self.path}: the header is repeated {often}, first in row '
            f'{again[0]}; time continues, so such rows are left out'
        )
        return replace(table, notes=(*table.notes, note))

    def _dates(
        self,
        cells: np.ndarray,
        lines: np.ndarray,
        name: str,
        form: str | None,
        zone: str,
    ) -> tuple[np.ndarray, bool]:
        """(T,) seconds, NaN where a cell is empty; whether since 1970."""
        if cells.dtype.kind == 'M':
            return _seconds(cells), True
        if cells.dtype.kind != 'O':
            what, fix = 'holds numbers', 'Give units.time, not time_format'
            raise mistake(self.path, what, fix, column=name)
        filled = np.array([c.lower() not in _MISSING for c in cells])
        values, texts = np.full(len(cells), np.nan), cells[filled]
        if form is not None and '%' in form:
            values[filled] = strptime(texts, form, zone)
            dated = bool((values[filled] >= DAY).any())
        else:
            order = order_of(form) if form else find_order(texts)
            row = int(np.argmax(filled))
            if order is None:
                what = 'may be day/month or month/day'
                if form:
                    what = 'cannot be read'
                raise mistake(
                    self.path,
                    what,
                    'Set time_format to dd/mm/yyyy, mm/dd/yyyy or a format '
                    "such as '%d.%m.%y %H:%M:%S.%f'",
                    row=lines[row],
                    column=name,
                    value=texts[0][:40] if len(texts) else form,
                )
            values[filled] = [*map(Dates(order, zone), texts)]
            dated = len(texts) > 0 and has_day(texts[0])
        bad = filled & np.isnan(values)
        if bad.any():
            self._no_date(cells, lines, name, int(np.argmax(bad)))
        return values, dated

    def _serial(
        self, name: str, seconds: np.ndarray, what: str, zone: str | None
    ) -> np.ndarray:
        """(T,) seconds since 1970 of dates that are numbers."""
        known = seconds[np.isfinite(seconds)]
        steps = np.abs(np.diff(known))
        finest = float(steps[steps > 0].min())
        if finest > 1.0 and (steps == 0).mean() > 0.5:
            raise mistake(
                self.path,
                f'counts {what}, in steps of {finest:.3g} s: its last digits '
                'are lost',
                'Export it with more digits, or as dates with fractions of '
                'a second',
                column=name,
            )
        moment = np.datetime64(int(known[0]), 's').item()
        shift = parse_zone(zone or 'UTC').utcoffset(moment)
        return seconds - (shift.total_seconds() if shift else 0.0)

    def _with_date(
        self,
        cells: np.ndarray,
        rows: Any,
        name: str,
        form: str | None,
        zone: str,
    ) -> tuple[np.ndarray | None, list[str]]:
        """(T,) seconds since 1970 of times of day, and notes.

        None if it is not one column that holds a date wherever there is a
        time, or if its dates cannot be read.
        """
        filled = np.array([c.lower() not in _MISSING for c in cells], bool)
        beside = self._rows.called_dates(name) if self._rows else {}
        beside = {n: c[rows][filled] for n, c in beside.items()}
        beside = {n: c for n, c in beside.items() if all(map(is_day, {*c}))}
        if len(beside) != 1:
            return None, []
        ((day, days),) = beside.items()
        joined = join_days([*days], [*cells[filled]], form, zone)
        if joined is None:
            return None, [
                f'{self.path}: the dates of column {day!r} are not of one '
                'form, or may be day/month or month/day (time_format says '
                f'which), so column {name!r} gives only the times of day'
            ]
        values = np.full(len(cells), np.nan)
        values[filled] = joined
        return values, [
            f'{self.path}: the times of day of column {name!r} are those of '
            f'the dates in column {day!r}'
        ]

    def _no_date(
        self, cells: np.ndarray, lines: np.ndarray, name: str, row: int
    ) -> None:
        raise mistake(
            self.path,
            'is not a number or a date of a form that is read',
            'Correct or empty the cell, or set time_format, such as '
            "'%d/%m/%Y %H:%M:%S.%f'",
            row=lines[row],
            column=name,
            value=str(cells[row])[:40],
        )

    def _values(
        self, cells: np.ndarray, lines: np.ndarray, name: str, times: bool
    ) -> np.ndarray:
        """(T,) float64, NaN where a cell is empty."""
        values, bad = cells, np.zeros(len(cells), bool)
        if cells.dtype.kind == 'M':
            what = 'holds dates, expected numbers'
            raise mistake(self.path, what, 'Correct columns', column=name)
        if cells.dtype.kind == 'O':
            filled = np.array([c.lower() not in _MISSING for c in cells])
            values = np.full(len(cells), np.nan)
            values[filled] = [self._number(cell) for cell in cells[filled]]
            bad = filled & np.isnan(values)
        infinite = np.abs(values) > _LARGEST
        if not (bad | infinite).any():
            return values
        row = int(np.argmax(bad | infinite))
        cell = str(cells[row])
        if times and bad[row] and not infinite[row]:
            self._no_date(cells, lines, name, row)
        what = f'is not {"finite" if infinite[row] else "a number"}'
        if ',' in cell or '.' in cell:
            what += f' (decimal: {self.decimal or "."!r})'
        raise mistake(
            self.path,
            what,
            'Correct or empty the cell, or correct columns, decimal or '
            'skip_rows',
            row=lines[row],
            column=name,
            value=cell[:40],
        )

    def _number(self, cell: str) -> float | None:
        if self.decimal == ',':
            cell = '' if '.' in cell else cell.replace(',', '.')
        return float(cell) if _NUMBER.fullmatch(cell) else None

    def _commas(
        self, columns: Mapping[str, np.ndarray], texts: Collection[str]
    ) -> bool:
        """Whether the first rows already show decimal commas."""
        if self.decimal is not None:
            return False
        with suppress(ValueError):
            lines = range(_BLOCK)  # not known yet, and not told
            return self._guess_decimal(columns, texts, lines) == ','
        return False

    def _guess_decimal(
        self,
        columns: Mapping[str, np.ndarray],
        texts: Collection[str],
        lines: np.ndarray | range,
    ) -> str:
        """Decimal of the first cell that shows it.

        Raises:
            ValueError: If all commas may separate thousands.
        """
        thousands = None
        for name, cells in columns.items():
            if name in texts or cells.dtype.kind == 'f' or _holds_dates(cells):
                continue
            for row, cell in enumerate(cells):
                if ',' in cell and not _THOUSANDS.fullmatch(cell):
                    return ','
                if ',' in cell:
                    thousands = (int(lines[row]), name, cell)
                elif '.' in cell and not thousands:
                    return '.'
        if not thousands:
            return '.'
        row, name, cell = thousands
        raise mistake(
            self.path,
            'may be thousands or a decimal comma, and so may all numbers '
            'with a comma there',
            "Set decimal: ',', or write them without thousands separators",
            row=row,
            column=name,
            value=cell,
        )


def _seconds(dates: np.ndarray) -> np.ndarray:
    return (dates - np.datetime64(0, 's')) / np.timedelta64(1, 's')


def _holds_dates(cells: np.ndarray) -> bool:
    """Whether the first cell that is filled is a date or a time of day."""
    if cells.dtype.kind == 'O':
        filled = (c for c in cells if c.lower() not in _MISSING)
        return looks_like_date(next(filled, ''))
    return cells.dtype.kind == 'M'


def _goes_on(
    table: Table, times: Collection[str], breaks: Sequence[int]
) -> bool:
    """Whether there are times, and all of them are later after breaks.

    Args:
        table: Rows in the order of their lines.
        times: Names of columns.
        breaks: Lines between the rows.
    """
    for name in times:
        known = np.isfinite(table.numbers[name])
        values = table.numbers[name][known]
        after = np.searchsorted(table.lines[known], breaks)
        after = after[(after > 0) & (after < len(values))]
        if not (values[after] > values[after - 1]).all():
            return False
    return len(times) > 0


def _equal(cells: np.ndarray, value: str) -> np.ndarray:
    """(T,) bool: cells that are equal as text or as numbers."""
    import pandas

    column = pandas.Series(cells)
    number = pandas.to_numeric(value, errors='coerce')
    same = pandas.to_numeric(column, errors='coerce') == number
    return (same | (column.astype(str) == value)).to_numpy(bool)


class _Rows:
    """Rows of delimited text, of which none is cut or has surplus cells.

    The file is read in blocks of rows, so that its text is never in memory
    as a whole.
    """

    def __init__(
        self,
        header: Header,
        dialect: Dialect,
        places: Mapping[str, int],
        repair: bool,
    ) -> None:
        self.path, self.header, self.places = header.path, header, places
        self.dialect, self.repair = dialect, repair
        self.first = header.line + dialect.skip_rows
        self.num_names = len(header.names)
        tail = self.num_names
        while tail and not header.names[tail - 1]:
            tail -= 1  # which a last delimiter makes
        self.width = max([*places.values(), tail - 1]) + 1
        self.lines = np.zeros(0, int)
        self.commas = False
        """Whether decimal commas were seen at the start, and used."""
        self.notes: tuple[str, ...] = ()
        """What was left out of the file."""
        self._dates: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
        self.again: list[int] = []
        """Lines that repeat the header and are left out."""

    def parse(
        self,
        texts: Collection[str],
        decimal: str,
        commas: Callable[..., bool] | None = None,
    ) -> dict[str, np.ndarray]:
        """Columns as float64, or as texts where one is not a number.

        Args:
            texts: Columns of text.
            decimal: ``.`` or ``,``.
            commas: Tells from the columns of the first block whether
                decimals are commas after all.
        """
        parts: dict[str, list[np.ndarray]] = {n: [] for n in self.places}
        lines: list[np.ndarray] = []
        unwritten: list[int] = []
        self.again, self.notes = [], ()
        for block in self._blocks(unwritten):
            keep = self._checked(block)
            columns = self._columns(block, keep, texts, decimal)
            if not lines and commas is not None and commas(columns, texts):
                self.commas = True
                return self.parse(texts, ',')
            lines.append(self.first + block.lines[keep])
            for name, column in columns.items():
                parts[name].append(column)
        self.lines = np.concatenate([np.zeros(0, int), *lines])
        if unwritten:
            self.notes += (
                f'{self.path}: rows with NULs, as where a device lost its '
                f'power, are left out: {len(unwritten)}, first {unwritten[0]}',
            )
        mixed = {
            name
            for name, column in parts.items()
            if len({part.dtype.kind for part in column}) > 1
        }
        if mixed:
            return self.parse({*texts, *mixed}, decimal)
        joined = {}
        for name in self.places:
            joined[name] = np.concatenate(parts.pop(name) or [np.zeros(0)])
        return joined

    def _blocks(self, unwritten: list[int]) -> Iterator[_Block]:
        """Blocks of complete rows; adds lines that were never written."""
        encoding, names = self.dialect.encoding, self.header.names
        how = self.header.delimiter, self.first, encoding, unwritten
        blocks = _plain_rows(self.path, *how)
        if not self.repair or all(map(_NUMBER.fullmatch, self.places)):
            return blocks
        sign = max(names, key=len).encode()
        return (
            self._without_headers(block) if sign in block.data else block
            for block in blocks
        )

    def _without_headers(self, block: _Block) -> _Block:
        """A block without rows that are the header to the letter."""
        rows, names = block.data.split(b'\n')[:-1], self.header.names
        cells = (row.decode().split(block.mark.decode()) for row in rows)
        other = np.array([(*map(str.strip, row),) != names for row in cells])
        self.again += (self.first + block.lines[~other]).tolist()
        kept = (row + b'\n' for row, keep in zip(rows, other) if keep)
        return _Block(b''.join(kept), block.lines[other], block.mark)

    def called_dates(self, time: str) -> dict[str, np.ndarray]:
        """Texts (T,) of columns other than ``time`` that are called dates."""
        names = self.header.names
        places = {
            name: place
            for place, name in enumerate(names)
            if name != time
            and _DATE.search(name)
            and not _BORN.search(name)
            and names.count(name) == 1
        }
        if not places:
            return {}
        key = (*places,)
        if key not in self._dates:  # many sensors may share a table
            more = self.header, self.dialect, places, self.repair
            self._dates[key] = _Rows(*more).parse(places, '.')
        return self._dates[key]

    def _checked(self, block: _Block) -> np.ndarray:
        """(n,) rows of a block that hold anything.

        Raises:
            ValueError: If one has too few or too many cells.
        """
        data, mark = block.data, block.mark
        if _is_full(data, mark, self.num_names or self.width):
            return np.ones(len(block.lines), bool)
        others = bytes({*range(256)} - {*mark, *b'\n'})
        cells = _line_lengths(data.translate(None, others))
        keep = _line_lengths(data.translate(None, mark + b' \t')) > 1
        bad = keep & (cells < self.width)
        longer = (cells > self.num_names) & (self.num_names > 0)
        rows = data.split(b'\n') if longer.any() else []
        for row in np.flatnonzero(longer).tolist():
            surplus = rows[row].split(mark)[self.num_names :]
            bad[row] |= any(map(bytes.strip, surplus))
        if bad.any():
            row = int(np.argmax(bad))
            line = self.first + int(block.lines[row])
            if block.lines[row] > 1 and self._ends_in(line):
                self.notes += (
                    f'{self.path}: the last row, {line}, is cut and left out',
                )
                keep[row] = False
                return keep
            raise mistake(
                self.path,
                f'{cells[row]} cells between {self.header.delimiter!r}, '
                f'expected {self.num_names or self.width}',
                'Remove the row if it is cut; name delimiter and decimal if '
                'the file is written otherwise',
                row=line,
            )
        return keep

    def _ends_in(self, line: int) -> bool:
        """Whether the file ends within a line."""
        with _open_text(self.path, self.dialect.encoding) as file:
            return not next(islice(file, line - 1, line), '\n').endswith('\n')

    def _columns(
        self,
        block: _Block,
        keep: np.ndarray,
        texts: Collection[str],
        decimal: str,
    ) -> dict[str, np.ndarray]:
        """Columns of a block."""
        import pandas

        as_text = {self.places[name] for name in texts if name in self.places}
        numbers = {*self.places.values()} - as_text
        spellings: Any = dict.fromkeys(numbers, _SPELLINGS)
        spellings = spellings if as_text else _SPELLINGS  # which is faster
        # After 1e0 whole numbers are floats, too, and -0 keeps its sign.
        first = block.mark.join([b'1e0'] * self.width) + b'\n'
        read_csv: Any = pandas.read_csv
        frame = read_csv(
            io.BytesIO(first + block.data),
            sep=block.mark.decode(),
            decimal=decimal,
            header=None,
            names=range(self.width),
            usecols=sorted({*self.places.values()}),
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
            na_values=spellings,
            skip_blank_lines=False,
            low_memory=False,
            dtype=dict.fromkeys(as_text, str),
            **exact_floats(),
        )
        columns: dict[str, np.ndarray] = {}
        rows: Any = slice(None) if keep.all() else keep
        if {dtype.kind for dtype in frame.dtypes} == {'f'}:
            table = frame.to_numpy()[1:]
            if not (np.abs(table) > _LARGEST).any():
                for name, place in self.places.items():
                    column = table[:, frame.columns.get_loc(place)]
                    columns[name] = column[rows].copy()
                return columns
        for name, place in self.places.items():
            column = frame[place][1:][keep]
            if column.dtype.kind == 'f':
                values = column.to_numpy()
                if not (np.abs(values) > _LARGEST).any():
                    columns[name] = values
                    continue
                # 1e999, inf: named as they are written
                again = self._columns(block, keep, {*texts, name}, decimal)
                columns[name] = again[name]
                continue
            column = column.astype(object).where(column.notna(), '')
            columns[name] = np.array([str(c).strip() for c in column], object)
        return columns


class _Block(NamedTuple):
    """Some rows as UTF-8, their lines from 1, and what separates cells."""

    data: bytes
    lines: np.ndarray
    mark: bytes


def _plain_rows(
    path: Path,
    delimiter: str,
    skipped: int,
    encoding: str | None,
    unwritten: list[int],
) -> Iterator[_Block]:
    """The rows after some lines, in blocks.

    From the first quote on, or where several spaces are one delimiter, the
    cells are given without quotes, and a unit separator between them. Lines
    that were never written are blank, and added to ``unwritten``.
    """
    with _open_text(path, encoding) as file:
        for _ in range(skipped):
            file.readline(_MAX_LINE)
        done = 0
        while text := file.read(_BLOCK):
            if not text.endswith('\n'):  # within a line, or the last one
                text += file.readline()
            text = plain_minus(text)
            if '"' in text or delimiter == ' ':
                lines = chain(io.StringIO(text), map(plain_minus, file))
                written = _written(path, lines, skipped + done, unwritten)
                yield from _quoted_rows(
                    path, delimiter, written, skipped, done
                )
                return
            if '\0' in text:
                whole = text.splitlines(keepends=True)
                text = ''.join(
                    _written(path, whole, skipped + done, unwritten)
                )
            text += '' if text.endswith('\n') else '\n'
            data = text.encode()
            count = data.count(b'\n')
            lines_of = np.arange(done + 1, done + count + 1)
            yield _Block(data, lines_of, delimiter.encode())
            done += count


def _quoted_rows(
    path: Path, delimiter: str, text: Iterable[str], skipped: int, done: int
) -> Iterator[_Block]:
    """Rows of lines of which some have quotes, in blocks."""
    reader = csv.reader(
        text,
        delimiter=delimiter,
        skipinitialspace=True,
        strict=True,  # a quote that is never closed is an error
    )
    rows, lines, size, last = [], [], 0, done
    try:
        for record in reader:
            cells = [re.sub('[\n\x1f]', ' ', cell) for cell in record]
            rows.append('\x1f'.join(cells) + '\n')
            lines.append(done + reader.line_num)
            size += len(rows[-1])
            if size >= _BLOCK:
                data = ''.join(rows).encode()
                yield _Block(data, np.array(lines, int), b'\x1f')
                rows, lines, size, last = [], [], 0, lines[-1]
    except csv.Error as error:
        raise mistake(
            path,
            f'is not a table ({error})',
            'Check the quotes, or save it again as CSV (UTF-8)',
            row=skipped + (lines[-1] if lines else last) + 1,
        ) from None
    if rows:
        yield _Block(''.join(rows).encode(), np.array(lines, int), b'\x1f')


def _written(
    path: Path, text: Iterable[str], done: int, unwritten: list[int]
) -> Iterator[str]:
    """Lines, of which those that were never written are blank.

    Raises:
        ValueError: If a NUL is in another one.
    """
    for number, line in enumerate(text, done + 1):
        if '\0' in line:
            if not _NULS.search(line):
                fix = 'Save it again as CSV (UTF-8)'
                raise mistake(path, 'a NUL is not text', fix, row=number)
            unwritten.append(number)
        yield '\n' if '\0' in line else line


def _is_full(data: bytes, mark: bytes, cells: int) -> bool:
    """Whether certainly all lines have so many cells, and not only blanks."""
    blanks = any(blank in data for blank in (b' ', b'\t') if blank != mark)
    if blanks or len(mark) > 1 or cells > 256:
        return False
    marks = np.frombuffer(data, np.uint8) == ord(mark)
    lengths = _line_lengths(data)
    starts = np.cumsum(lengths) - lengths
    # Modulo 256: no count is less, so if their sum is right, none is more.
    counts = np.add.reduceat(marks.view(np.uint8), starts, dtype=np.uint8)
    total = np.count_nonzero(marks)
    alike = total == (cells - 1) * len(lengths) and (counts == cells - 1).all()
    return bool(alike and (lengths > cells).all())


def _line_lengths(data: bytes) -> np.ndarray:
    """Bytes of each line, its newline included."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord('\n'))
    return np.diff(ends, prepend=-1)


class _Units(NamedTuple):
    """Lines down to the last row of texts; line and cells of the first one."""

    skip: int
    line: int
    cells: list[str]


def units_row(path: Path, names: Sequence[str]) -> int | None:
    """Line of the texts, such as units, that follow the names of columns."""
    if path.suffix.lower() in PARQUET:
        return None
    dialect = Dialect(encoding=_find_encoding(path, None)[0])
    header, places = _find_header(path, names, dialect)
    units = _units_below(header, places, dialect)
    return units.line if units else None


def _units_below(
    header: Header, places: Sequence[int], dialect: Dialect
) -> _Units | None:
    """Rows of texts between the names and the first row of numbers."""
    first = header.line + dialect.skip_rows
    with _open_text(header.path, dialect.encoding) as file:
        lines = [*islice(file, first, first + _UNIT_ROWS + 1)]
    units: list[_Units] = []
    for skip, line in enumerate(lines, 1):
        row = _split(plain_minus(line), header.delimiter)
        cells = [row[p].strip() for p in places if p < len(row)]
        filled = [c for c in cells if c.lower() not in _MISSING]
        if any(
            _NUMBER.fullmatch(c.replace(',', '.')) or looks_like_date(c)
            for c in filled
        ):
            return units[0]._replace(skip=units[-1].skip) if units else None
        if filled:
            units.append(_Units(skip, first + skip, filled))
    return None


def column_names(
    path: Path, wanted: Iterable[str], dialect: Dialect
) -> tuple[str, ...]:
    """Names of all columns of a file, whose header has some of ``wanted``."""
    if path.suffix.lower() in PARQUET:
        with _parquet_file(path) as (file, _):
            return tuple(file.schema_arrow.names)
    encoding, _ = _find_encoding(path, dialect.encoding)
    dialect = replace(dialect, encoding=encoding)
    headers = _headers(path, {*wanted}, dialect)
    return headers[0].names if headers else ()


def _headers(path: Path, wanted: set[str], dialect: Dialect) -> list[Header]:
    """First lines split by each delimiter, most similar to the names first."""
    first, last = 1, _HEADER_LINES
    if dialect.header is not None:
        first = last = dialect.header or dialect.skip_rows + 1
    headers = []
    with _open_text(path, dialect.encoding) as file:
        for line in range(1, last + 1):
            text = file.readline(_MAX_LINE)
            if not text or line < first:
                continue
            if len(text) == _MAX_LINE:
                raise mistake(
                    path,
                    f'has {_MAX_LINE:,} characters and more in one line',
                    'Divide the table into files with fewer columns',
                    row=line,
                )
            for mark in dialect.delimiter or DELIMITERS:
                with suppress(csv.Error):
                    names = tuple(map(str.strip, _split(text, mark)))
                    headers.append(Header(path, line, mark, names))
    return sorted(
        headers,
        key=lambda h: (-len(wanted & {*h.names}), h.line, -len(h.names)),
    )


def _split(line: str, mark: str) -> list[str]:
    """Cells of a line; splitting is twenty times as fast as a reader."""
    plain = '"' not in line and mark != ' ' and len(line) < _SHORT
    if plain and line.strip('\n'):
        return line.rstrip('\n').split(mark)
    cells = csv.reader([line], delimiter=mark, skipinitialspace=True)
    return next(cells, [])


def _find_header(
    path: Path, names: Sequence[str], dialect: Dialect
) -> tuple[Header, list[int]]:
    """The line with the names of the columns, and the place of each name."""
    headers = _headers(path, {*names}, dialect)
    if not headers:
        raise ValueError(
            f'{path} is empty, or has no such row as header and skip_rows say.'
        )
    if dialect.header == 0:
        for name in names:
            place = int(name) if re.fullmatch('[0-9]{1,9}', name) else 0
            if not 1 <= place <= _MAX_COLUMNS:
                what = 'header: 0 says that columns have no names, so '
                raise mistake(path, f'{what}{name!r} must be a number from 1')
        widest = max(headers, key=lambda header: len(header.names))
        unnamed = replace(widest, line=0, names=())
        return unnamed, [int(n) - 1 for n in names]
    best = headers[0]
    counts = Counter(best.names)
    for name in sorted(names):
        if name not in counts:
            raise mistake(
                path,
                f'has no column {name!r}; row {best.line} has '
                f'{shown(best.names)}',
                'Correct columns, or set delimiter, or header: 0 for a file '
                'without names',
                name=name,
                known=best.names,
            )
    for name in names:
        if (count := counts[name]) > 1:
            what, row = f'is there {count} times', best.line
            raise mistake(path, what, 'Rename one', row=row, column=name)
    places = {name: place for place, name in enumerate(best.names)}
    return best, [places[name] for name in names]


def _find_encoding(
    path: Path, given: str | None
) -> tuple[str, tuple[str, ...]]:
    """Encoding of a text file, and a note if it is an assumption."""
    decoder, rest = codecs.getincrementaldecoder('utf-8')(), b''
    with open_file(path) as file:
        if file.read(2) in (b'\xff\xfe', b'\xfe\xff'):
            return 'utf-16', ()
        if given is not None:
            return given, ()
        file.seek(0)
        try:
            while data := file.read(1 << 20):
                if b'\0' in data:  # no text; it may be a large video
                    return 'utf-8-sig', ()
                if rest or not data.isascii():
                    decoder.decode(data)
                    rest = decoder.getstate()[0]
            return 'utf-8-sig', ()
        except UnicodeDecodeError:
            pass
    with open_file(path) as file:
        data = file.read()
    name = older_encoding(data)
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return 'utf-8-sig', ()
    called = name.upper().replace('CP', 'Windows-')
    note = f'{path}: is not text in UTF-8; it is read as {called}'
    return name, (note,)


@contextmanager
def _open_text(path: Path, encoding: str | None) -> Iterator[io.TextIOBase]:
    """Open as text with lines that end in a newline; errors name the file."""
    try:
        with io.TextIOWrapper(open_file(path), encoding) as file:
            if encoding == 'utf-8-sig':
                skip_marks(file.buffer)
            yield file
    except UnicodeError:
        name = str(encoding).upper().replace('UTF-8-SIG', 'UTF-8')
        row = ''
        if name == 'UTF-8':
            with open_file(path) as file:
                text = file.read().decode(errors='replace')
            line = text.count('\n', 0, text.find('\ufffd')) + 1
            row = f' (row {line})'
        raise mistake(
            path,
            f'is not text in {name}{row}',
            'Set encoding, or save it again as CSV (UTF-8)',
        ) from None


def _read_parquet(
    path: Path, names: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows from 1, and columns as float64, datetime64 or texts."""
    with _parquet_file(path, names) as (file, pyarrow):
        there = file.schema_arrow.names
        for name in names:
            if there.count(name) != 1:
                raise mistake(
                    path,
                    f'has {there.count(name)} columns {name!r}; it has '
                    f'{shown(there)}',
                    'Correct columns',
                    name=name,
                    known=there,
                )
        rows, size = file.metadata.num_rows, path.stat().st_size
        if rows > _ROWS_PER_BYTE * size:
            what = f'{path} claims {rows} rows in {size} bytes; it is damaged'
            raise ValueError(f'{what}. {_AGAIN}.')
        table = file.read(columns=[*names], use_threads=False)
        columns = [_arrow_values(path, n, table[n], pyarrow) for n in names]
        return np.arange(1, rows + 1), dict(zip(names, columns))


@contextmanager
def _parquet_file(
    path: Path, names: Sequence[str] = ()
) -> Iterator[tuple[Any, Any]]:
    """Open with pyarrow, whose errors become one that names the file.

    In columns of these names, a repeated text is there once.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            f'{path}: Parquet needs pyarrow; run pip install pyarrow, or '
            'save the table as CSV.'
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(
            path, memory_map=False, read_dictionary=[*names]
        ) as file:
            yield file, pyarrow
    except Exception as error:  # pyarrow raises many kinds
        if type(error) is ValueError:  # ours
            raise
        reason = ' '.join(str(error).split())[:200]
        what = f'is not a complete Parquet file ({reason})'
        raise mistake(path, what, _AGAIN) from None


def _arrow_values(path: Path, name: str, column: Any, arrow: Any) -> Any:
    """Numbers as float64, dates as datetime64, text as objects."""
    types, kind = arrow.types, column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        if types.is_string(kind) or types.is_large_string(kind):
            return np.concatenate([[], *map(_arrow_texts, column.chunks)])
        column = column.cast(kind)
    if types.is_timestamp(kind):
        return column.to_numpy()
    if types.is_string(kind) or types.is_large_string(kind):
        texts = [(text or '').strip() for text in column.to_pylist()]
        return np.array(texts, object)
    numeric = types.is_integer, types.is_floating, types.is_decimal
    if any(test(kind) for test in (*numeric, types.is_null)):
        values = column.cast(arrow.float64(), safe=False)
        return values.fill_null(float('nan')).to_numpy()
    what = f'column {name!r} is {kind}; store numbers, text or times of day'
    raise mistake(path, what)


def _arrow_texts(chunk: Any) -> np.ndarray:
    """Texts of a part of a column, each of which is there once."""
    texts = [(text or '').strip() for text in chunk.dictionary.to_pylist()]
    places = chunk.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    return np.array([*texts, ''], object)[places]
