"""Read numbers and times of a table: CSV or Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .table_csv import Dialect, csv_names, read_csv
from .table_parquet import parquet_names, read_parquet
from .table_times import parse_date

MISSING = frozenset(('', 'nan', 'na', 'n/a', 'null', 'none'))
"""Cells without a value, in lower case."""
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(,\d{3})+')
_PLAIN = frozenset('0123456789.+-eE')
_LARGEST = 3e38  # of float32, in which recordings are kept

Cells = Sequence[str]


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Args:
        path: The file.
        lines: (T,) line or row of each sample in the file, from 1.
        numbers: Column name to (T,) float64, NaN where a cell is empty.
        texts: Column name to T texts.
        dates: Columns whose values are seconds since 1970.
    """

    path: Path
    lines: np.ndarray
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    dates: frozenset[str] = frozenset()

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
) -> Table:
    """Read columns of a CSV or, by its suffix, a Parquet file.

    Args:
        path: File; ``.parquet`` and ``.pq`` are Parquet.
        numbers: Columns of numbers.
        times: Columns of numbers or of ISO 8601 dates.
        texts: Columns of text.
        where: Column to the value that rows must have there.
        dialect: How a text file is written.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If Parquet cannot be read here.
        ValueError: Naming file, row, column and value.
    """
    path, where = Path(path), dict(where or {})
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; correct file.')
    numbers, times, texts = (
        tuple(dict.fromkeys(names)) for names in (numbers, times, texts)
    )
    names = list(dict.fromkeys((*numbers, *times, *texts, *where)))
    if _is_parquet(path):
        pieces, reader = read_parquet(path, names), _Reader(path, '.')
    else:
        dialect = dialect or Dialect()
        pieces = read_csv(path, names, dialect)
        reader = _Reader(path, dialect.decimal)
    lines: list[np.ndarray] = []
    found: dict[str, list] = {name: [] for name in names}
    for piece_lines, columns in pieces:
        cells = dict(zip(names, columns))
        keep = _matching(cells, where, len(piece_lines))
        kept_lines = np.asarray(piece_lines, np.int64)[keep]
        lines.append(kept_lines)
        for name in names:
            cells[name] = _select(cells[name], keep)
        for name in dict.fromkeys((*numbers, *times)):
            found[name].append(
                reader.values(cells[name], kept_lines, name, name in times)
            )
        for name in texts:
            found[name] += map(str, cells[name])
    reader.check_decimal()
    table = Table(
        path=path,
        lines=np.concatenate(lines) if lines else np.zeros(0, np.int64),
        numbers={
            n: np.concatenate(found[n]) if found[n] else np.zeros(0)
            for n in (*numbers, *times)
        },
        texts={n: found[n] for n in texts},
        dates=frozenset(reader.dates),
    )
    if not len(table):
        matching = f' where {where}' if where else ''
        raise ValueError(f'{path} has no rows{matching}.')
    return table


def column_names(
    path: str | Path, wanted: Iterable[str], dialect: Dialect
) -> tuple[str, ...]:
    """Names of all columns of a file.

    Args:
        path: CSV or Parquet file.
        wanted: Names of which the header of a text file has some.
        dialect: How a text file is written.

    Raises:
        ImportError: If Parquet cannot be read here.
        ValueError: If the file is damaged.
    """
    if _is_parquet(Path(path)):
        return parquet_names(Path(path))
    return csv_names(Path(path), set(wanted), dialect)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in ('.parquet', '.pq')


class _Reader:
    """Turns cells into numbers, in one spelling for the whole file."""

    def __init__(self, path: Path, decimal: str | None) -> None:
        self.path = path
        self.decimal = decimal
        self.dates: set[str] = set()
        self._thousands: tuple[int, str, str] | None = None
        self._sure = decimal is not None
        self._plain: set[str] = set()

    def values(
        self,
        cells: Cells | np.ndarray,
        lines: np.ndarray,
        name: str,
        may_be_date: bool,
    ) -> np.ndarray:
        """(T,) float64, NaN where a cell is empty."""
        if isinstance(cells, np.ndarray) and cells.dtype.kind == 'M':
            if not may_be_date:
                raise ValueError(
                    f'{self.path}: column {name!r} holds dates, expected '
                    'numbers; correct columns.'
                )
            self.dates.add(name)
            unit = np.timedelta64(1, 's')
            values = (cells - np.datetime64(0, 's')) / unit
        elif isinstance(cells, np.ndarray):
            values = np.asarray(cells, np.float64)
        else:
            values = self._parse(cells, lines, name, may_be_date)
        bad = np.abs(values) > _LARGEST
        if bad.any():
            row = int(np.argmax(bad))
            self._fail(lines[row], name, str(cells[row]), 'is not finite')
        return values

    def _parse(
        self, cells: Cells, lines: np.ndarray, name: str, may_be_date: bool
    ) -> np.ndarray:
        if self.decimal in (None, '.') and set(''.join(cells)) <= _PLAIN:
            try:  # usual numbers, ten times as fast
                values = np.array([float(cell) for cell in cells])
            except ValueError:
                pass
            else:
                self._plain.add(name)
                return values
        values = np.full(len(cells), np.nan)
        for row, cell in enumerate(cells):
            if cell.lower() in MISSING:
                continue
            parsed = self._date(cell, name) if may_be_date else None
            if parsed is None:
                parsed = self._number(cell, name)
                if not self._sure and ',' in cell:
                    self._sure = not _THOUSANDS.fullmatch(cell)
                    self._thousands = (int(lines[row]), name, cell)
            if parsed is None:
                self._fail(lines[row], name, cell, 'is not a number')
            values[row] = parsed
        return values

    def _date(self, cell: str, name: str) -> float | None:
        if name in self._plain:
            return None
        parsed = parse_date(cell)
        if parsed is not None:
            self.dates.add(name)
        return parsed

    def _number(self, cell: str, name: str) -> float | None:
        if name in self.dates:  # a number among dates
            return None
        if self.decimal is None and (',' in cell or '.' in cell):
            self.decimal = ',' if ',' in cell else '.'
        if self.decimal == ',':
            if '.' in cell:
                return None
            cell = cell.replace(',', '.')
        if not _NUMBER.fullmatch(cell):
            return None
        self._plain.add(name)
        return float(cell)

    def check_decimal(self) -> None:
        """Refuse a file whose commas may all separate thousands."""
        if self._sure or self._thousands is None:
            return
        line, name, cell = self._thousands
        raise ValueError(
            f'{self.path}, row {line}: column {name!r} has {cell!r}, which '
            'may be thousands or a decimal comma, and so may all numbers '
            "with a comma there. Say decimal: ',' or write them without."
        )

    def _fail(self, line: int, name: str, cell: str, why: str) -> None:
        hint = ''
        if ',' in cell or '.' in cell:
            hint = f' (decimal: {self.decimal!r})'
        raise ValueError(
            f'{self.path}, row {line}: column {name!r} has {cell[:40]!r}, '
            f'which {why}{hint}. Correct or empty the cell, or correct '
            'columns, decimal or skip_rows.'
        )


def _matching(
    cells: Mapping[str, Cells], where: Mapping[str, str], length: int
) -> np.ndarray:
    """(T,) bool: rows that have the values."""
    keep = np.ones(length, bool)
    for name, value in where.items():
        keep &= np.array([_same(cell, value) for cell in cells[name]], bool)
    return keep


def _same(cell: object, value: str) -> bool:
    """Equal as text or as numbers."""
    if str(cell) == value:
        return True
    try:
        return float(cell) == float(value)  # type: ignore[arg-type]
    except ValueError:
        return False


def _select(cells: Cells | np.ndarray, keep: np.ndarray) -> Cells:
    if isinstance(cells, np.ndarray):
        return cells[keep]
    return [cell for cell, kept in zip(cells, keep) if kept]
