"""Columns of tables: CSV by pandas, Parquet by pyarrow.

pandas converts whole columns of plain numbers. Any other column, of dates or
with a cell that is not a plain number, is converted cell by cell by rules
that do not depend on a library, and that can name the cell.
"""

from __future__ import annotations

import calendar
import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..utils.compat import exact_floats
from ..utils.errors import mistake, shown

DELIMITERS = (',', ';', '\t', '|', ' ')
TIME_UNITS = {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
"""Seconds of one unit."""
DATE_FROM = 1e8
"""Seconds from which a time is a date since 1970, not a stopwatch's."""
PARQUET = ('.parquet', '.pq')

_MISSING = ('', 'nan', 'na', 'n/a', 'null', 'none')
_SPELLINGS = [
    *_MISSING,
    *(text.upper() for text in _MISSING),
    *('NaN', 'Null', 'None'),
]
"""Cells without a value as pandas looks for them; in other mixtures of upper
and lower case they are found cell by cell."""
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(,\d{3})+')
_DATE = re.compile(
    r'(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?'
    r' ?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?'
)
_LARGEST = 3e38  # of float32, in which recordings are kept
_HEADER_LINES = 100
"""Lines in which the names of the columns are looked for."""
_MAX_LINE = 1_000_000
_MAX_COLUMNS = 10_000
_ROWS_PER_BYTE = 10
"""More rows in a Parquet file are no measurements, however well they pack."""


@dataclass(frozen=True)
class Dialect:
    """How a text table is written; None: found in the file.

    Args:
        delimiter: Character between cells.
        decimal: ``.`` or ``,``.
        header: Line of the names from 1; 0: there are none, columns go by
            number from 1.
        skip_rows: Lines to leave out after the names, such as units.
    """

    delimiter: str | None = None
    decimal: str | None = None
    header: int | None = None
    skip_rows: int = 0


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
    """Read columns of a file; see :class:`TableFile` and its ``select``."""
    numbers, times, texts = [*numbers], [*times], [*texts]
    names = [*numbers, *times, *texts, *(where or ())]
    file = TableFile(path, dialect or Dialect(), names, texts=texts)
    return file.select(numbers, times, texts, where)


class TableFile:
    """A file that is parsed once, however many sensors it holds.

    Args:
        path: CSV or Parquet file.
        dialect: How a text file is written.
        names: Columns that must be there.
        more: Columns to read as well, if they are there.
        texts: Columns of ``names`` that are text.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If Parquet cannot be read here.
        ValueError: Naming file, row and column.
    """

    def __init__(
        self,
        path: str | Path,
        dialect: Dialect,
        names: Iterable[str],
        more: Iterable[str] = (),
        texts: Iterable[str] = (),
    ) -> None:
        self.path = Path(path)
        self.decimal = dialect.decimal
        if not self.path.is_file():
            raise mistake(self.path, 'does not exist', kind=FileNotFoundError)
        wanted = list(dict.fromkeys(names))
        if self.path.suffix.lower() in PARQUET:
            self.lines, self.columns = _read_parquet(self.path, wanted, more)
        else:
            self._read_text(dialect, wanted, more, set(texts))

    def select(
        self,
        numbers: Iterable[str],
        times: Iterable[str] = (),
        texts: Iterable[str] = (),
        where: Mapping[str, str] | None = None,
    ) -> Table:
        """Take columns, in the rows that have some values.

        Args:
            numbers: Columns of numbers.
            times: Columns of numbers or of ISO 8601 dates.
            texts: Columns of text.
            where: Column to the value that rows must have there.

        Raises:
            ValueError: Naming file, row, column and value.
        """
        keep = np.ones(len(self.lines), bool)
        for name, value in (where or {}).items():
            keep &= _equal(self.columns[name], value)
        if not keep.any():
            matching = f' where {where}' if where else ''
            raise ValueError(f'{self.path} has no rows{matching}.')
        cells = {name: column[keep] for name, column in self.columns.items()}
        lines = self.lines[keep]
        values = {
            name: self._values(cells[name], lines, name, name in set(times))
            for name in dict.fromkeys((*numbers, *times))
        }
        return Table(
            path=self.path,
            lines=lines,
            numbers={name: numbers for name, (numbers, _) in values.items()},
            texts={name: [*map(str, cells[name])] for name in texts},
            dates=frozenset(n for n, (_, dates) in values.items() if dates),
        )

    def _values(
        self, cells: np.ndarray, lines: np.ndarray, name: str, is_time: bool
    ) -> tuple[np.ndarray, bool]:
        """(T,) float64, NaN where a cell is empty; and whether dates."""
        kind, is_date, values = cells.dtype.kind, False, cells
        if kind == 'M' and not is_time:
            what = 'holds dates, expected numbers'
            raise mistake(self.path, what, 'Correct columns', column=name)
        if kind == 'M':
            unit = np.timedelta64(1, 's')
            return (cells - np.datetime64(0, 's')) / unit, True
        if kind == 'O':
            values, is_date = self._parse(cells, lines, name, is_time)
        bad = np.abs(values) > _LARGEST
        if bad.any():
            row = int(np.argmax(bad))
            self._fail(lines[row], name, str(cells[row]), 'is not finite')
        return values, is_date

    def _parse(
        self, cells: np.ndarray, lines: np.ndarray, name: str, is_time: bool
    ) -> tuple[np.ndarray, bool]:
        """Values of texts; a column has either numbers or dates."""
        values = np.full(len(cells), np.nan)
        is_date: bool | None = None
        for row, cell in enumerate(cells):
            if cell.lower() in _MISSING:
                continue
            value = None
            if is_time and is_date is not False:
                value = parse_date(cell)
                is_date = is_date or (value is not None) or None
            if value is None and not is_date:
                value = self._number(cell)
                is_date = False
            if value is None:
                self._fail(lines[row], name, cell, 'is not a number')
            values[row] = value
        return values, bool(is_date)

    def _number(self, cell: str) -> float | None:
        if self.decimal == ',':
            cell = '' if '.' in cell else cell.replace(',', '.')
        return float(cell) if _NUMBER.fullmatch(cell) else None

    def _fail(self, line: int, name: str, cell: str, why: str) -> None:
        hint = ''
        if ',' in cell or '.' in cell:
            hint = f' (decimal: {self.decimal or "."!r})'
        raise mistake(
            self.path,
            f'{why}{hint}',
            'Correct or empty the cell, or correct columns, decimal or '
            'skip_rows',
            row=line,
            column=name,
            value=cell[:40],
        )

    def _read_text(
        self,
        dialect: Dialect,
        names: Sequence[str],
        more: Iterable[str],
        texts: set[str],
    ) -> None:
        """Find the header and the rows, then let pandas read columns."""
        header = _find_header(self.path, names, dialect)
        also = [n for n in more if n in header.names or not header.line]
        wanted = list(dict.fromkeys([*names, *also]))
        places = dict(zip(wanted, _places(self.path, wanted, header)))
        text = _Text(self.path, header, dialect.skip_rows, places.values())
        self.lines = text.lines
        columns = text.parse(places, texts, dialect.decimal or '.')
        odd = {n: c for n, c in columns.items() if c.dtype.kind == 'O'}
        odd = {n: c for n, c in odd.items() if n not in texts}
        if dialect.decimal is None and odd:
            self.decimal = self._guess_decimal(odd)
            if self.decimal == ',':
                columns = text.parse(places, texts, ',')
        self.columns = columns

    def _guess_decimal(self, columns: Mapping[str, np.ndarray]) -> str:
        """Decimal of the first cell that shows it.

        Raises:
            ValueError: If all commas may separate thousands.
        """
        decimal, thousands = None, None
        for name, cells in columns.items():
            filled = (c for c in cells if c.lower() not in _MISSING)
            if parse_date(next(filled, '')) is not None:
                continue
            for row, cell in enumerate(cells):
                if ',' not in cell and '.' not in cell:
                    continue
                decimal = decimal or (',' if ',' in cell else '.')
                if decimal == '.' or not _THOUSANDS.fullmatch(cell):
                    return decimal
                thousands = (int(self.lines[row]), name, cell)
        if thousands is None:
            return '.'
        line, name, cell = thousands
        raise mistake(
            self.path,
            'may be thousands or a decimal comma, and so may all numbers '
            'with a comma there',
            "Set decimal: ',', or write them without thousands separators",
            row=line,
            column=name,
            value=cell,
        )


class _Text:
    """Rows of delimited text, of which none is cut or has surplus cells."""

    def __init__(
        self, path: Path, header: Header, skip: int, places: Iterable[int]
    ) -> None:
        self.path, self.delimiter = path, header.delimiter
        num_names = tail = len(header.names)
        while tail and not header.names[tail - 1]:
            tail -= 1  # which a last delimiter makes
        needed = max([*places, tail - 1]) + 1
        self.data, first = _data(path, header.line + skip), header.line + skip
        self.spaces = self.delimiter == ' '
        self.plain = b'"' not in self.data and not self.spaces
        count = self._count_plain if self.plain else self._count_quoted
        lines, self.cells, blank, surplus = count(num_names)
        bad = ~blank & ((self.cells < needed) | surplus)
        bad |= self.cells > max(num_names, needed) + _MAX_COLUMNS
        if bad.any():
            row = int(np.argmax(bad))
            raise mistake(
                path,
                f'{self.cells[row]} cells between {self.delimiter!r}, '
                f'expected {num_names or needed}',
                'Remove the row if it is cut; name delimiter and decimal if '
                'the file is written otherwise',
                row=first + int(lines[row]),
            )
        self.keep = ~blank
        self.lines = first + lines[self.keep]

    def _count_plain(self, num_names: int) -> tuple[np.ndarray, ...]:
        """Line, number of cells, whether blank, whether surplus, by row."""
        mark = self.delimiter.encode()
        others = bytes(set(range(256)) - set(mark + b'\n'))
        cells = _line_lengths(self.data.translate(None, others))
        blank = _line_lengths(self.data.translate(None, mark + b' \t')) < 2
        surplus = np.zeros(len(cells), bool)
        longer = np.flatnonzero(~blank & (cells > num_names))
        if num_names and len(longer):
            rows = self.data.split(b'\n')
            for row in longer.tolist():
                rest = rows[row].split(mark)[num_names:]
                surplus[row] = any(map(bytes.strip, rest))
        return np.arange(1, len(cells) + 1), cells, blank, surplus

    def _count_quoted(self, num_names: int) -> tuple[np.ndarray, ...]:
        """The same where cells may be quoted or several spaces are one."""
        reader = csv.reader(
            io.StringIO(self.data.decode(), newline=''),
            delimiter=self.delimiter,
            skipinitialspace=self.spaces,
        )
        facts = []
        for row in reader:
            filled = [bool(cell.strip()) for cell in row]
            surplus = num_names and any(filled[num_names:])
            facts.append((reader.line_num, len(row), not any(filled), surplus))
        lines, cells, *flags = np.array(facts, int).reshape(-1, 4).T
        return lines, cells, flags[0] > 0, flags[1] > 0

    @cached_property
    def _has_minus_zero(self) -> bool:
        """Whether a cell may be -0, whose sign a column of integers loses."""
        return re.search(rb'-0(?![.0-9])', self.data) is not None

    def parse(
        self, places: Mapping[str, int], texts: set[str], decimal: str
    ) -> dict[str, np.ndarray]:
        """Columns as float64, or as texts where one is not a number."""
        if not len(self.cells):
            return {name: np.zeros(0) for name in places}
        numbers = {place for n, place in places.items() if n not in texts}
        frame: Any = None
        if numbers:
            frame = self._frame(numbers, numbers, decimal)
        columns = {}
        for name, place in places.items():
            column = None if name in texts else frame[place][self.keep]
            if column is not None and column.dtype.kind in 'iuf':
                if not column.all() and self._has_minus_zero:
                    column = self._frame({place}, numbers, decimal, float)
                    column = column[place][self.keep]
                columns[name] = column.to_numpy(np.float64)
                if not (np.abs(columns[name]) > _LARGEST).any():
                    continue
            if column is None or column.dtype.kind in 'biuf':
                column = self._frame({place}, numbers, decimal, str)
                column = column[place][self.keep]
            cells = column.astype(object).where(column.notna(), '')
            columns[name] = np.array([str(c).strip() for c in cells], object)
        return columns

    def _frame(
        self,
        places: set[int],
        numbers: set[int],
        decimal: str,
        kind: type | None = None,
    ) -> Any:
        """Columns as pandas reads them."""
        import pandas

        options: dict[str, Any] = dict(
            sep=self.delimiter,
            decimal=decimal,
            header=None,
            names=range(max(int(self.cells.max()), 1 + max(places))),
            usecols=sorted(places),
            skipinitialspace=self.spaces,
            quoting=csv.QUOTE_NONE if self.plain else csv.QUOTE_MINIMAL,
            keep_default_na=False,
            na_values=dict.fromkeys(places & numbers, _SPELLINGS),
            skip_blank_lines=False,
            low_memory=False,
            dtype=kind,
            **exact_floats(),
        )
        try:
            return pandas.read_csv(io.BytesIO(self.data), **options)
        except (pandas.errors.ParserError, OverflowError) as error:
            reason = ' '.join(str(error).split())[:200]
            raise mistake(
                self.path,
                f'is not a table ({reason})',
                'Check the quotes, or save it again as CSV (UTF-8)',
            ) from None


def _line_lengths(data: bytes) -> np.ndarray:
    """Bytes of each line, its newline included."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord('\n'))
    return np.diff(ends, prepend=-1)


class Header(NamedTuple):
    """Line of the names from 1 (0: none), delimiter, and names (or none)."""

    line: int
    delimiter: str
    names: tuple[str, ...]


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
    path, names = Path(path), set(wanted)
    if path.suffix.lower() in PARQUET:
        with _parquet_file(path) as (file, _):
            return tuple(file.schema_arrow.names)
    with _open_text(path) as text:
        return max(
            (row.names for row in _candidates(text, dialect)),
            key=lambda row: len(names & set(row)),
            default=(),
        )


def _find_header(path: Path, names: Sequence[str], dialect: Dialect) -> Header:
    """Find the line with the names of the columns, and the delimiter."""
    wanted = set(names)
    with _open_text(path) as file:
        rows = list(_candidates(file, dialect))
    if not rows:
        raise ValueError(
            f'{path} is empty, or has no such row as header and skip_rows say.'
        )
    if dialect.header == 0:
        widest = max(rows, key=lambda row: len(row.names))
        return Header(0, widest.delimiter, ())
    for row in rows:
        if wanted <= set(row.names):
            return row
    # The most similar row, for the message.
    near = max(rows, key=lambda row: len(wanted & set(row.names)))
    if not wanted & set(near.names):
        near = max(
            (row for row in rows if row.line == rows[0].line),
            key=lambda row: len(row.names),
        )
    lacking = min(wanted - set(near.names))
    raise mistake(
        path,
        f'has no column {lacking!r}; row {near.line} has {shown(near.names)}',
        'Correct columns, or set delimiter, or header: 0 for a file without '
        'names',
        name=lacking,
        known=near.names,
    )


def _candidates(file: io.TextIOBase, dialect: Dialect) -> Iterator[Header]:
    """First lines of a file, split by each delimiter."""
    first, last = 1, _HEADER_LINES
    if dialect.header is not None:
        first = last = dialect.header or dialect.skip_rows + 1
    delimiters = [dialect.delimiter] if dialect.delimiter else DELIMITERS
    for line in range(1, last + 1):
        text = file.readline(_MAX_LINE)
        if not text:
            return
        for delimiter in delimiters if line >= first else ():
            yield Header(line, delimiter, _split(text, delimiter))


def _split(line: str, delimiter: str) -> tuple[str, ...]:
    spaces = delimiter == ' '
    try:
        reader = csv.reader(
            [line], delimiter=delimiter, skipinitialspace=spaces
        )
        return tuple(cell.strip() for cell in chain(*reader))
    except csv.Error:
        return ()


def _places(path: Path, names: Sequence[str], header: Header) -> list[int]:
    """Index of each column."""
    for name in names:
        if header.line and header.names.count(name) > 1:
            raise mistake(
                path,
                f'is there {header.names.count(name)} times',
                'Rename one',
                row=header.line,
                column=name,
            )
        number = name.isdigit() and 1 <= int(name) <= _MAX_COLUMNS
        if not header.line and not number:
            raise mistake(
                path,
                'header: 0 says that columns have no names, so '
                f'{name!r} must be a number from 1',
            )
    if header.line:
        return [header.names.index(name) for name in names]
    return [int(name) - 1 for name in names]


@contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOBase]:
    """Open as text; errors of the text name the file."""
    with open(path, 'rb') as binary:
        start = binary.read(4)
    utf16 = start.startswith((b'\xff\xfe', b'\xfe\xff'))
    encoding = 'utf-16' if utf16 else 'utf-8-sig'
    try:
        with open(path, encoding=encoding, newline='') as file:
            yield file
    except UnicodeError:
        raise ValueError(
            f'{path} is not text in UTF-8{_bad_line(path)}; save it again '
            'as CSV (UTF-8).'
        ) from None


def _bad_line(path: Path) -> str:
    """`` (row n)`` of the first line that is not UTF-8."""
    with open(path, 'rb') as file:
        lines = iter(lambda: file.readline(_MAX_LINE), b'')
        for number, line in enumerate(lines, 1):
            try:
                line.decode('utf-8')
            except UnicodeDecodeError:
                return f' (row {number})'
    return ''


def _data(path: Path, skipped: int) -> bytes:
    """UTF-8 after some lines, with a newline after each line."""
    with _open_text(path) as file:
        for _ in range(skipped):
            file.readline(_MAX_LINE)
        data = file.read().encode()
    if b'\r' in data:
        data = data.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
    if b'\0' in data:
        row = skipped + 1 + data[: data.index(b'\0')].count(b'\n')
        fix = 'Save it again as CSV (UTF-8)'
        raise mistake(path, 'a NUL is not text', fix, row=row)
    return data if data.endswith(b'\n') or not data else data + b'\n'


def _equal(cells: np.ndarray, value: str) -> np.ndarray:
    """(T,) bool: cells that are equal as text or as numbers."""
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    if cells.dtype.kind == 'f':
        return cells == number
    same: dict[str, bool] = {}
    for text in map(str, cells):
        if text not in same:
            same[text] = text == value or _as_float(text) == number
    return np.array([same[str(cell)] for cell in cells], bool)


def _as_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _read_parquet(
    path: Path, names: Sequence[str], more: Iterable[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows from 1, and columns as float64, datetime64 or texts.

    Raises:
        ImportError: If pyarrow is not installed.
        ValueError: Naming file and column.
    """
    with _parquet_file(path) as (file, pyarrow):
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
            raise ValueError(
                f'{path} claims {rows} rows in {size} bytes; it is damaged. '
                'Download or export the file again.'
            )
        also = [name for name in more if there.count(name) == 1]
        wanted = list(dict.fromkeys([*names, *also]))
        found: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        for batch in file.iter_batches(columns=wanted, use_threads=False):
            for name, pieces in found.items():
                column = batch.column(name)
                pieces.append(_arrow_values(path, name, column, pyarrow))
        columns = {
            name: np.concatenate(pieces) if pieces else np.zeros(0)
            for name, pieces in found.items()
        }
        return np.arange(1, rows + 1), columns


@contextmanager
def _parquet_file(path: Path) -> Iterator[tuple[Any, ModuleType]]:
    """Open with pyarrow, whose errors become one that names the file."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            f'{path}: Parquet needs pyarrow; run pip install pyarrow, or '
            'save the table as CSV.'
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=False) as file:
            yield file, pyarrow
    except Exception as error:  # pyarrow raises many kinds
        if type(error) is ValueError:  # ours
            raise
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{path} is not a complete Parquet file ({reason}). Download or '
            'export the file again.'
        ) from None


def _arrow_values(
    path: Path, name: str, column: Any, pyarrow: Any
) -> np.ndarray:
    """Numbers as float64, dates as datetime64, text as objects."""
    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_timestamp(kind):
        return column.to_numpy(zero_copy_only=False)
    if types.is_string(kind) or types.is_large_string(kind):
        texts = [sys.intern((v or '').strip()) for v in column.to_pylist()]
        return np.array(texts, object)
    numeric = (types.is_integer, types.is_floating, types.is_decimal)
    if types.is_null(kind) or any(test(kind) for test in numeric):
        values = column.cast(pyarrow.float64(), safe=False)
        return values.fill_null(float('nan')).to_numpy(zero_copy_only=False)
    raise ValueError(
        f'{path}: column {name!r} is {kind}; store numbers, text or times '
        'of day.'
    )


def parse_date(value: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 date with a time of day.

    Without a zone it counts as UTC.

    Returns:
        None if the text is no such date.

    >>> parse_date('1970-01-01T01:00:00.5+01:00')
    0.5
    """
    match = _DATE.fullmatch(value.strip())
    if not match:
        return None
    year, month, day, hour, minute = (int(match[i]) for i in range(1, 6))
    second, zone = int(match[6] or 0), match[8] or 'Z'
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 60:
        return None
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    whole = calendar.timegm((year, month, day, hour, minute, second))
    if zone[0] in '+-':
        digits = zone[1:].replace(':', '').ljust(4, '0')
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        whole -= offset if zone[0] == '+' else -offset
    return whole + float(f'0.{match[7] or 0}')


def is_date(second: float) -> bool:
    """Whether seconds count from 1970 rather than from a start.

    >>> is_date(12.5), is_date(parse_date('2024-05-01T10:00:00'))
    (False, True)
    """
    return abs(second) >= DATE_FROM


def check_forward(
    times: np.ndarray,
    lines: Sequence[int] | np.ndarray,
    path: object,
    name: str,
) -> None:
    """Check that every time is later than the one before.

    Args:
        times: (T,) seconds.
        lines: (T,) lines or rows of the file.
        path: File, for the message.
        name: Column, for the message.

    Raises:
        ValueError: Naming the first line that is not later.
    """
    bad = ~(np.diff(times) > 0)
    if not bad.any():
        return
    at = int(np.argmax(bad))
    repeats = times[at + 1] == times[at]
    raise mistake(
        path,
        f'{"repeats" if repeats else "goes back before"} the time of row '
        f'{lines[at]} ({times[at + 1]:.6f} s after {times[at]:.6f} s)',
        'Remove such rows; if the clock is regular, give rate instead of '
        'columns.time; if the rows are of several sensors, choose with where',
        row=lines[at + 1],
        column=name,
    )
