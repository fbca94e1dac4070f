"""Columns of tables: numbers, dates, times of day and texts of a file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown
from .archives import is_file
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
from .dialects import (
    MISSING,
    NUMBER,
    Dialect,
    find_encoding,
    find_header,
    find_headers,
    units_below,
)
from .parquet import PARQUET, open_parquet, read_parquet
from .table_rows import BLOCK, LARGEST, Rows

_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(,\d{3})+')


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
        self._rows: Rows | None = None
        if path.suffix.lower() in PARQUET:
            self.lines, self.columns = read_parquet(path, names)
            self.notes: tuple[str, ...] = ()
            return
        encoding, self.notes = find_encoding(path, dialect.encoding)
        dialect = replace(dialect, encoding=encoding)
        header, indices = find_header(path, names, dialect)
        places = dict(zip(names, indices))
        if repair and header.line:
            cells = [places[name] for name in names if name not in texts]
            units = units_below(header, cells, dialect)
            if units:
                skip = dialect.skip_rows + units.skip
                dialect = replace(dialect, skip_rows=skip)
                self.notes += (
                    f'{path}: row {units.line} below the names holds no '
                    f'numbers ({shown(units.cells, 6)}), as if it gave units, '
                    'and is left out',
                )
        self._rows = rows = Rows(header, dialect, places, repair)
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
        filled = np.array([c.lower() not in MISSING for c in cells])
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
        filled = np.array([c.lower() not in MISSING for c in cells], bool)
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
            filled = np.array([c.lower() not in MISSING for c in cells])
            values = np.full(len(cells), np.nan)
            values[filled] = [self._number(cell) for cell in cells[filled]]
            bad = filled & np.isnan(values)
        infinite = np.abs(values) > LARGEST
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
        return float(cell) if NUMBER.fullmatch(cell) else None

    def _commas(
        self, columns: Mapping[str, np.ndarray], texts: Collection[str]
    ) -> bool:
        """Whether the first rows already show decimal commas."""
        if self.decimal is not None:
            return False
        with suppress(ValueError):
            lines = range(BLOCK)  # not known yet, and not told
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
        filled = (c for c in cells if c.lower() not in MISSING)
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


def units_row(path: Path, names: Sequence[str]) -> int | None:
    """Line of the texts, such as units, that follow the names of columns."""
    if path.suffix.lower() in PARQUET:
        return None
    dialect = Dialect(encoding=find_encoding(path, None)[0])
    header, places = find_header(path, names, dialect)
    units = units_below(header, places, dialect)
    return units.line if units else None


def column_names(
    path: Path, wanted: Iterable[str], dialect: Dialect
) -> tuple[str, ...]:
    """Names of all columns of a file, whose header has some of ``wanted``."""
    if path.suffix.lower() in PARQUET:
        with open_parquet(path) as (file, _):
            return tuple(file.schema_arrow.names)
    encoding, _ = find_encoding(path, dialect.encoding)
    dialect = replace(dialect, encoding=encoding)
    headers = find_headers(path, {*wanted}, dialect)
    return headers[0].names if headers else ()
