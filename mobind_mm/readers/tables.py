"""Columns of tables: numbers, dates, times of day and texts of a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown
from .archives import is_file, stat
from .arrays import ARRAYS, array_columns, read_columns
from .cells import Column, guess_decimal, holds_dates
from .dates import is_unclear_year, zone_in
from .dialects import (
    Dialect,
    find_encoding,
    find_header,
    find_headers,
    units_below,
)
from .parquet import PARQUET, open_parquet, read_parquet
from .table_rows import BLOCK, Rows


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
        path: CSV or Parquet file, or one of arrays (:data:`.arrays.ARRAYS`).
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
        if not is_text(path):
            arrays = path.suffix.lower() in ARRAYS
            read = read_columns if arrays else read_parquet
            self.lines, self.columns = read(path, names)
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
        try:
            self.columns = rows.parse(texts, self.decimal or '.', self._commas)
        except MemoryError as error:
            size = f'{stat(path).st_size / 1e9:.2g} GB'
            raise MemoryError(f'to read {path}, of {size}: {error}') from None
        self.lines = rows.lines
        if rows.commas:
            self.decimal = ','
        elif self.decimal is None:
            self.decimal = guess_decimal(path, self.columns, texts, self.lines)
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
            column = Column(self.path, name, self.columns[name][rows], lines)
            dates = None
            if name in timed:
                dates = self._dates(column, rows, time_format, timezone, dated)
            if dates is None:
                values[name] = column.numbers(self.decimal, name in timed)
                continue
            values[name], what, more = dates
            notes += more
            for kind in what:
                kinds[kind].add(name)
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

    def _dates(
        self,
        column: Column,
        rows: Any,
        time_format: str | None,
        timezone: str | None,
        dated: bool,
    ) -> tuple[np.ndarray, list[str], list[str]] | None:
        """Seconds (T,) of a column, of which kinds they are, and notes.

        None if it holds numbers that are no dates.
        """
        cells, where = column.cells, f'{self.path}: '
        if cells.dtype.kind == 'f' and (
            serial := column.serial_dates(timezone or 'UTC')
        ):
            note = (
                f'{where}numbers of column {column.name!r} count {serial[1]}; '
                'they are taken for dates'
            )
            return serial[0], ['dates'], [note]
        if not time_format and not holds_dates(cells):
            return None
        zone = timezone or zone_in(column.name)
        form = time_format, zone or 'UTC'
        values, whole = column.dates(*form)
        kinds, notes = ['dates' if whole else 'hours'], []
        cell = str(cells[0]) if whole and not time_format else ''
        if is_unclear_year(cell):
            year = np.datetime64(int(values[0]), 's').item().year
            notes.append(
                f'{where}{cell!r} in column {column.name!r} is taken for a '
                f'day of {year}; if it is none, set time_format'
            )
        if dated and not whole and self._rows:
            beside = self._rows.called_dates(column.name)
            beside = {name: texts[rows] for name, texts in beside.items()}
            joined, more = column.with_days(beside, *form)
            notes += more
            if joined is not None:
                values = joined
                kinds.append('dates')
        if zone and not timezone:
            notes.append(
                f'{where}times of column {column.name!r} are in the zone '
                f'{zone}, as its name says'
            )
        return values, kinds, notes

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

    def _commas(
        self, columns: Mapping[str, np.ndarray], texts: Collection[str]
    ) -> bool:
        """Whether the first rows already show decimal commas."""
        if self.decimal is not None:
            return False
        with suppress(ValueError):
            lines = range(BLOCK)  # not known yet, and not told
            return guess_decimal(self.path, columns, texts, lines) == ','
        return False


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


def is_text(path: Path) -> bool:
    """Whether a table is one of text, by its suffix."""
    return path.suffix.lower() not in (*PARQUET, *ARRAYS)


def units_row(path: Path, names: Sequence[str]) -> int | None:
    """Line of the texts, such as units, that follow the names of columns."""
    if not is_text(path):
        return None
    dialect = Dialect(encoding=find_encoding(path, None)[0])
    header, places = find_header(path, names, dialect)
    units = units_below(header, places, dialect)
    return units.line if units else None


def column_names(
    path: Path, wanted: Iterable[str], dialect: Dialect
) -> tuple[str, ...]:
    """Names of all columns of a file, whose header has some of ``wanted``."""
    if path.suffix.lower() in ARRAYS:
        return array_columns(path)
    if not is_text(path):
        with open_parquet(path) as (file, _):
            return tuple(file.schema_arrow.names)
    encoding, _ = find_encoding(path, dialect.encoding)
    dialect = replace(dialect, encoding=encoding)
    headers = find_headers(path, {*wanted}, dialect)
    return headers[0].names if headers else ()
