"""The beginning of a file, by which readers recognise their formats.

Devices write lines of metadata, the names of the columns, and sometimes rows
of units, in one of several delimiters. :func:`find_header` finds the names by
patterns; :func:`find_head` by a test, and tells the rest in the keys of a
mapping.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .archives import is_file, open_file, stat

DELIMITERS = (',', ';', '\t', '|')
_NUMBER = re.compile(r'[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?')
_COMMA = re.compile(r'[+-]?\d*,\d+([eE][+-]?\d+)?')
_FIRST_ROWS = 200
_BYTES = 1 << 16

OLDER = {
    'gb18030': ('时间', '加速度', '角速度'),
    'cp932': ('時間', '時刻', '加速度'),
    'cp949': ('시간', '가속도', '각속도'),
}
"""Encodings before UTF-8, and words of tables of sensors."""

Names = tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """Names of the columns of a text table.

    Args:
        path: The table.
        line: Line of the names, from 1; 0: there is none.
        delimiter: Character between cells.
        names: Names of the columns, as they are written; none without line.
    """

    path: Path
    line: int
    delimiter: str
    names: Names

    def column(self, index: int) -> str:
        """What a mapping calls a column."""
        return self.names[index]

    def index(self, *patterns: str) -> int | None:
        """First column whose whole name fits the first pattern that fits.

        Upper and lower case are one.
        """
        for pattern in patterns:
            for index, name in enumerate(self.names):
                if re.fullmatch(pattern, name, re.IGNORECASE):
                    return index
        return None

    def find(self, *patterns: str) -> str | None:
        """What a mapping calls the column of :meth:`index`."""
        index = self.index(*patterns)
        return None if index is None else self.column(index)

    def axes(self, *patterns: str, axes: Iterable[str] = 'xyz') -> list[str]:
        """Columns of the first pattern that each axis fits in place of ``@``.

        There are none if one of them is missing.
        """
        for pattern in patterns:
            columns = [self.find(pattern.replace('@', axis)) for axis in axes]
            names = [name for name in columns if name]
            if len({*names}) == len(columns):
                return names
        return []

    def metadata(self, *labels: str) -> str | None:
        """Value of a line ``label: value`` or ``label:,value``.

        Lines down to the names are searched; the case of labels does not
        count.
        """
        for line in head_lines(self.path, self.line):
            text = line.strip().lstrip('/#').strip()
            for label in labels:
                match = re.match(
                    rf'"?{re.escape(label)}"?\s*[:=]\s*[,;\t]?\s*"?([^,;\t"]*)',
                    text,
                    re.IGNORECASE,
                )
                if match and match[1].strip():
                    return match[1].strip()
        return None


@dataclass(frozen=True)
class Head(Header):
    """The beginning of a table, with the first of its rows.

    Args:
        above: Rows above the names.
        between: Rows between the names and the numbers, such as units.
        rows: First rows of numbers.
        encoding: Of the file, if its beginning is not UTF-8.
    """

    above: tuple[Names, ...]
    between: tuple[Names, ...]
    rows: tuple[Names, ...]
    encoding: str | None = None

    @property
    def decimal(self) -> str:
        """``,`` if the first rows have numbers with a comma."""
        cells = (cell for row in self.rows for cell in row)
        comma = self.delimiter != ',' and any(map(_COMMA.fullmatch, cells))
        return ',' if comma else '.'

    @property
    def unique(self) -> bool:
        """Whether columns can go by their names."""
        names = [name for name in self.names if name]
        return len({*names}) == len(names)

    def keys(self) -> dict[str, Any]:
        """How the file is written, in keys of a mapping."""
        keys: dict[str, Any] = {
            'delimiter': self.delimiter,
            'decimal': self.decimal,
            'header': self.line if self.unique else 0,
        }
        if self.encoding:
            keys['encoding'] = self.encoding
        skip = len(self.between) + (0 if self.unique else self.line)
        return {**keys, 'skip_rows': skip} if skip else keys

    def column(self, index: int) -> str:
        """What a mapping calls a column: its name or its number from 1."""
        return self.names[index] if self.unique else str(index + 1)

    def filled(self, index: int | None) -> bool:
        """Whether the first rows have values in a column."""
        if index is None:
            return False
        return any(
            row[index : index + 1] not in ((), ('',)) for row in self.rows
        )

    def values(self, index: int) -> list[float]:
        """Numbers of the first rows in a column."""
        rows = (row for row in self.rows if len(row) > index)
        cells = [row[index].replace(',', '.') for row in rows]
        return [float(c) for c in cells if _NUMBER.fullmatch(c)]


def find_header(path: Path, *patterns: str, most: int = 30) -> Header | None:
    """The first line with a name for each pattern, None if there is none.

    Patterns are regular expressions of whole names, in any case; ``@`` stands
    for ``x``. The first ``most`` lines are looked at.
    """
    wanted = [re.compile(p.replace('@', 'x'), re.IGNORECASE) for p in patterns]

    def test(names: Names) -> bool:
        return all(any(map(one.fullmatch, names)) for one in wanted)

    row = next(_rows(_split(head(path))[:most], test), None)
    return None if row is None else Header(path, *row)


def find_head(path: Path, test: Callable[[Names], Any]) -> Head | None:
    """Names of a table's columns among its first lines, which pass a test.

    None if no line has such names, or no numbers follow.
    """
    lines = _split(head(path))
    for number, delimiter, names in _rows(lines, test):
        rows = [dict(row).get(delimiter, ()) for row in lines]
        later = rows[number:]
        first = next(
            (i for i, r in enumerate(later) if any(map(_NUMBER.fullmatch, r))),
            None,
        )
        if first is None:  # a text that quotes the names
            continue
        data = filter(any, later[first:])
        return Head(
            path,
            number,
            delimiter,
            names,
            (*rows[: number - 1],),
            (*later[:first],),
            (*data,),
            encoding_of(path),
        )
    return None


def _rows(
    lines: Sequence[Sequence[tuple[str, Names]]], test: Callable[[Names], Any]
) -> Iterator[tuple[int, str, Names]]:
    """Lines from 1, delimiters and names, where the names pass a test."""
    for number, rows in enumerate(lines, 1):
        for delimiter, names in rows:
            if len(names) > 1 and test(names):
                yield number, delimiter, names


def encoding_of(path: Path) -> str | None:
    """Encoding of a text file whose beginning is not UTF-8."""
    with open_file(path, _BYTES) as file:
        data = file.read(_BYTES)
    try:
        data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        cut = len(data) == _BYTES and error.start > _BYTES - 4
        return None if cut else older_encoding(data)
    return None


def older_encoding(data: bytes) -> str:
    """Encoding of text that is not UTF-8, by its words, or else Windows'."""
    for name, words in OLDER.items():
        if any(word.encode(name) in data for word in words):
            return name
    return 'cp1252'


@lru_cache(maxsize=64)
def _split(text: str) -> list[list[tuple[str, Names]]]:
    """Cells of the first lines by each delimiter that a line has."""
    lines = text.split('\n', _FIRST_ROWS)[:_FIRST_ROWS]
    return [
        [(m, cells) for m in DELIMITERS if (cells := split_cells(line, m))]
        for line in lines
    ]


def split_cells(line: str, delimiter: str) -> Names:
    """Cells of one line, without quotes and spaces; () if it has but one."""
    if delimiter not in line:
        return ()
    with suppress(csv.Error):
        row = next(
            csv.reader([line], delimiter=delimiter, skipinitialspace=True), []
        )
        return tuple(cell.strip() for cell in row)
    return ()


def data_row(line: str) -> Names:
    """Cells of a line; a comma may be a decimal where others separate."""
    others = (mark for mark in ';\t|' if line.count(mark) > 1)
    return split_cells(line, next(others, ','))


def has(names: Sequence[str], *wanted: str) -> bool:
    """Whether all are there; upper and lower case are one."""
    known = {name.lower() for name in names}
    return all(name.lower() in known for name in wanted)


def head(path: str | Path) -> str:
    """First characters of a text file; empty for anything else.

    At most 64 KiB, decoded as UTF-8 (with or without a byte order mark), or
    else as Windows-1252; a line end is a newline. A binary file, a folder
    and a file that cannot be read are empty.
    """
    path = Path(path)
    try:
        facts = stat(path)
        if not is_file(path):
            return ''
        return _head(path, facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError):
        return ''


@lru_cache(maxsize=64)
def _head(path: Path, changed: int, size: int) -> str:
    with open_file(path, _BYTES) as file:
        data = file.read(_BYTES)
    if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
        data = data[: len(data) // 2 * 2].decode('utf-16', 'replace').encode()
    if b'\0' in data:  # no text, or one whose end was never written
        lines = data.rstrip(b'\0').split(b'\n')
        written = [line for line in lines if b'\0' not in line]
        if len(written) < 0.9 * len(lines):
            return ''
        data = b'\n'.join(written)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut.
        cut = len(data) == _BYTES and error.start > _BYTES - 4
        text = data.decode('utf-8' if cut else older_encoding(data), 'replace')
    text = text.lstrip('\ufeff')
    return plain_cells(text).replace('\r\n', '\n').replace('\r', '\n')


def skip_marks(file: Any) -> None:
    """Go to the end of all byte order marks at the start of a file."""
    start = 0
    while file.read(len(BOM_UTF8)) == BOM_UTF8:
        start += len(BOM_UTF8)
    file.seek(start)


_MINUS = re.compile(r'(?<![^\s,;|"eE])\u2212(?=[\d.,])')
_STAMPED = re.compile(
    r'^(\d\d:\d\d:\d\d\.\d{3}) -> (?=[^,;\t \n]*([,;\t ])?)', re.MULTILINE
)
"""What the Arduino IDE writes before each line."""


def plain_cells(text: str) -> str:
    """Text whose numbers have the minus of ASCII, and stamps a cell.

    Phones of some languages, such as Norwegian, write that of typesetters.

    >>> plain_cells('10:00:00.250 -> 1,2')
    '10:00:00.250,1,2'
    """
    if ' -> ' in text:
        text = _STAMPED.sub(lambda m: m[1] + (m[2] or ','), text)
    return _MINUS.sub('-', text) if '\u2212' in text else text


def head_lines(path: str | Path, most: int = 150) -> list[str]:
    """First lines of a text file, without line ends; see :func:`head`."""
    return head(path).split('\n', most)[:most]
