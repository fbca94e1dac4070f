"""How a text table is written, given or found.

Its encoding, what separates cells, the line with the names of the columns,
and rows of units below it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..utils.errors import mistake, shown
from .archives import open_file
from .dates import looks_like_date
from .headers import Header, older_encoding, plain_cells, skip_marks

DELIMITERS = (',', ';', '\t', '|', ' ')
MISSING = (
    '', 'nan', '-nan', 'na', 'n/a', '#n/a', '<na>', 'null', 'none', '-',
    'nan(ind)', '-nan(ind)', '-1.#ind', '1.#qnan', '--',
)  # fmt: skip
"""Cells without a value, in lower case."""
NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
MAX_LINE = 1_000_000
_HEADER_LINES = 100
"""Lines in which the names of the columns are looked for."""
_UNIT_ROWS = 3
"""Rows of units and the like that may follow the names."""
_MAX_COLUMNS = 10_000
_SHORT = 131_072
"""Characters of a line in which no cell is too long for a CSV reader."""


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


class _Units(NamedTuple):
    """Lines down to the last row of texts; line and cells of the first one."""

    skip: int
    line: int
    cells: list[str]


def units_below(
    header: Header, places: Sequence[int], dialect: Dialect
) -> _Units | None:
    """Rows of texts between the names and the first row of numbers."""
    first = header.line + dialect.skip_rows
    with open_text(header.path, dialect.encoding) as file:
        lines = [*islice(file, first, first + _UNIT_ROWS + 1)]
    units: list[_Units] = []
    for skip, line in enumerate(lines, 1):
        row = _split(plain_cells(line), header.delimiter)
        cells = [row[p].strip() for p in places if p < len(row)]
        filled = [c for c in cells if c.lower() not in MISSING]
        if any(
            NUMBER.fullmatch(c.replace(',', '.')) or looks_like_date(c)
            for c in filled
        ):
            return units[0]._replace(skip=units[-1].skip) if units else None
        if filled:
            units.append(_Units(skip, first + skip, filled))
    return None


def find_headers(
    path: Path, wanted: set[str], dialect: Dialect
) -> list[Header]:
    """First lines split by each delimiter, most similar to the names first."""
    first, last = 1, _HEADER_LINES
    if dialect.header is not None:
        first = last = dialect.header or dialect.skip_rows + 1
    headers = []
    with open_text(path, dialect.encoding) as file:
        for line in range(1, last + 1):
            text = file.readline(MAX_LINE)
            if not text or line < first:
                continue
            if len(text) == MAX_LINE:
                raise mistake(
                    path,
                    f'has {MAX_LINE:,} characters and more in one line',
                    'Divide the table into files with fewer columns',
                    row=line,
                )
            for mark in dialect.delimiter or DELIMITERS:
                with suppress(csv.Error):
                    cells = _split(plain_cells(text), mark)
                    names = tuple(map(str.strip, cells))
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


def find_header(
    path: Path, names: Sequence[str], dialect: Dialect
) -> tuple[Header, list[int]]:
    """The line with the names of the columns, and the place of each name."""
    headers = find_headers(path, {*names}, dialect)
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


def find_encoding(
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
def open_text(path: Path, encoding: str | None) -> Iterator[io.TextIOBase]:
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
