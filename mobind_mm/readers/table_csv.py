"""Read columns of delimited text: the dialect is found or named."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .own_data.values import nearest

DELIMITERS = (',', ';', '\t', '|', ' ')
_HEADER_LINES = 100
"""Lines in which the names of the columns are looked for."""
_MAX_LINE = 1_000_000
_CHUNK = 8192


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
class Header:
    """Where the cells of a file are.

    Args:
        line: Line of the names from 1; 0: none.
        delimiter: Character between cells.
        names: Names of the columns; empty without names.
    """

    line: int
    delimiter: str
    names: tuple[str, ...]


def read_csv(
    path: Path, names: Sequence[str], dialect: Dialect
) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Read some columns in pieces.

    Args:
        path: File in UTF-8, or in UTF-16 with its mark.
        names: Columns.
        dialect: What is known of the spelling.

    Yields:
        Lines (from 1) and the cells of each column, without blanks around.

    Raises:
        ValueError: Naming file, line and column.
    """
    with _open(path) as file:
        header = find_header(path, file, names, dialect)
        file.seek(0)
        first = header.line + dialect.skip_rows
        for _ in range(first):
            file.readline(_MAX_LINE)
        reader = csv.reader(file, delimiter=header.delimiter)
        if header.delimiter == ' ':
            reader = csv.reader(file, delimiter=' ', skipinitialspace=True)
        places = _places(path, names, header)
        width = max([*places, len(_strip_tail(header.names)) - 1]) + 1
        lines: list[int] = []
        cells: list[list[str]] = [[] for _ in names]
        for row in reader:
            line = first + reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            _check_width(path, line, row, width, header)
            lines.append(line)
            for place, column in zip(places, cells):
                column.append(row[place].strip())
            if len(lines) == _CHUNK:
                yield lines, cells
                lines, cells = [], [[] for _ in names]
        yield lines, cells


def csv_names(
    path: Path, wanted: set[str], dialect: Dialect
) -> tuple[str, ...]:
    """Names of the columns: the line that has the most of some names."""
    with _open(path) as file:
        rows = _candidates(file, dialect)
        best = max(
            rows, key=lambda row: len(wanted & set(row.names)), default=None
        )
    return best.names if best else ()


def find_header(
    path: Path, file: io.TextIOBase, names: Sequence[str], dialect: Dialect
) -> Header:
    """Find the line with the names of the columns, and the delimiter.

    Raises:
        ValueError: If no line has all of the names.
    """
    wanted = set(names)
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
    lacking = sorted(wanted - set(near.names))
    found = ', '.join(repr(name[:40]) for name in near.names[:20])
    raise ValueError(
        f'{path} has no column {lacking[0]!r}; row {near.line} has {found}. '
        f'{nearest(lacking[0], near.names)}Correct columns, or set '
        'delimiter, or header: 0 for a file without names.'
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
            yield Header(line, delimiter, tuple(_split(text, delimiter)))


def _places(path: Path, names: Sequence[str], header: Header) -> list[int]:
    """Index of each column."""
    if header.line:
        for name in names:
            if header.names.count(name) > 1:
                raise ValueError(
                    f'{path}, row {header.line}: column {name!r} is there '
                    f'{header.names.count(name)} times; rename one.'
                )
        return [header.names.index(name) for name in names]
    for name in names:
        if not name.isdigit() or not 1 <= int(name) <= 10_000:
            raise ValueError(
                f'{path}: header: 0 says that columns have no names, so '
                f'{name!r} must be a number from 1.'
            )
    return [int(name) - 1 for name in names]


def _check_width(
    path: Path, line: int, row: Sequence[str], width: int, header: Header
) -> None:
    """Refuse rows that are cut or have surplus cells."""
    surplus = header.line and any(c.strip() for c in row[len(header.names) :])
    if len(row) < width or surplus:
        raise ValueError(
            f'{path}, row {line}: {len(row)} cells between '
            f'{header.delimiter!r}, expected {len(header.names) or width}. '
            'Remove the row if it is cut; name delimiter and decimal if the '
            'file is written otherwise.'
        )


def _split(line: str, delimiter: str) -> list[str]:
    try:
        rows = list(
            csv.reader(
                [line],
                delimiter=delimiter,
                skipinitialspace=delimiter == ' ',
            )
        )
    except csv.Error:
        return []
    return [cell.strip() for cell in rows[0]] if rows else []


def _strip_tail(names: Sequence[str]) -> Sequence[str]:
    """Names without empty ones at the end, which a last delimiter makes."""
    while names and not names[-1]:
        names = names[:-1]
    return names


@contextmanager
def _open(path: Path) -> Iterator[io.TextIOBase]:
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
    except csv.Error as error:
        raise ValueError(
            f'{path} is not a table ({error}); save it again as CSV (UTF-8).'
        ) from None


def _bad_line(path: Path) -> str:
    """`` (row n)`` of the first line that is not UTF-8."""
    with open(path, 'rb') as file:
        lines = iter(lambda: file.readline(_MAX_LINE), b'')
        for number, line in enumerate(islice(lines, 10**8), 1):
            try:
                line.decode('utf-8')
            except UnicodeDecodeError:
                return f' (row {number})'
    return ''
