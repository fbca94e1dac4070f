"""Rows of text tables, checked and parsed in blocks by pandas.

pandas parses columns of plain numbers. It gives any other column as texts, to
which rules apply that can name the first cell that breaks them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..utils.compat import exact_floats
from ..utils.errors import mistake
from .dialects import MAX_LINE, MISSING, NUMBER, Dialect, open_text
from .headers import Header, plain_cells, split_cells

LARGEST = 3e38  # of float32, in which recordings are kept
BLOCK = 1 << 22
"""Characters that are parsed at once."""
_SPELLINGS = ['NaN', *(f(m) for m in MISSING for f in (str, str.upper))]
"""Those that pandas looks for; in texts, upper and lower case are one."""
_MOST_BELOW = 20
"""Lines that may follow a table."""
_DATE = re.compile(r'(?i:(?<![a-z])(date|day|datum|fecha))|[a-z]Date')
_BORN = re.compile(r'birth|born|geburt|dob|naci', re.IGNORECASE)
_NULS = re.compile('[^\n]*\0{8,}[^\n]*')
"""A line in which a disk kept room that was never written."""


class _Block(NamedTuple):
    """Some rows as UTF-8, their lines from 1, and what separates cells."""

    data: bytes
    lines: np.ndarray
    mark: bytes


class Rows:
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
        if not self.repair or all(map(NUMBER.fullmatch, self.places)):
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
            self._dates[key] = Rows(*more).parse(places, '.')
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
            if block.lines[row] > 1 and (below := self._below(line)):
                self.notes += (f'{self.path}: {below}',)
                keep[row:] = False
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

    def _below(self, line: int) -> str:
        """What the rows from a line on are, if the table ends before it."""
        with open_text(self.path, self.dialect.encoding) as file:
            rows = [*islice(file, line - 1, line + _MOST_BELOW)]
        if len(rows) == 1 and not rows[0].endswith('\n'):
            return f'the last row, {line}, is cut and left out'
        mark = self.header.delimiter
        short = (len(split_cells(row, mark)) < self.width for row in rows)
        if not len(rows) <= _MOST_BELOW < line - self.first or not all(short):
            return ''
        text = rows[0].strip()[:40]
        return f'what follows row {line - 1} is no table ({text!r}), left out'

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
            if not (np.abs(table) > LARGEST).any():
                for name, place in self.places.items():
                    column = table[:, frame.columns.get_loc(place)]
                    columns[name] = column[rows].copy()
                return columns
        for name, place in self.places.items():
            column = frame[place][1:][keep]
            if column.dtype.kind == 'f':
                values = column.to_numpy()
                if not (np.abs(values) > LARGEST).any():
                    columns[name] = values
                    continue
                # 1e999, inf: named as they are written
                again = self._columns(block, keep, {*texts, name}, decimal)
                columns[name] = again[name]
                continue
            column = column.astype(object).where(column.notna(), '')
            columns[name] = np.array([str(c).strip() for c in column], object)
        return columns


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
    with open_text(path, encoding) as file:
        for _ in range(skipped):
            file.readline(MAX_LINE)
        done = 0
        while text := file.read(BLOCK):
            if not text.endswith('\n'):  # within a line, or the last one
                text += _line_end(path, file)
            text = plain_cells(text)
            if '"' in text or delimiter == ' ':
                lines = chain(io.StringIO(text), map(plain_cells, file))
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


def _line_end(path: Path, file: io.TextIOBase) -> str:
    """The rest of a line, of whose NULs only some are kept."""
    rest = ''
    while part := file.readline(MAX_LINE):
        rest += part if part.strip('\0') else part[:8]
        if part.endswith('\n'):
            break
        if len(rest) > MAX_LINE:
            what = f'has a line of more than {MAX_LINE:,} characters'
            raise mistake(path, what, 'Export it again, as CSV')
    return rest


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
            if size >= BLOCK:
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
