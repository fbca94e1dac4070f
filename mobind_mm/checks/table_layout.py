"""Where the rows of a table that nobody knows begin, and their names."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from ..readers.arrays import ARRAYS, why_no_columns
from ..readers.column_names import header_unit
from ..readers.dialects import Dialect
from ..readers.headers import head_lines
from ..readers.tables import column_names, is_text

NUMBER = re.compile(r'\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*')


def find_table(path: Path) -> tuple[Dialect, Sequence[str]]:
    """How a file is written, and the names of its columns."""
    if not is_text(path):
        columns = column_names(path, (), Dialect())
        stems = {re.sub(r'_?\d+$', '', name) for name in columns}
        return Dialect(header=0 if len(stems) == 1 else None), columns
    lines = head_lines(path, 150)
    best: tuple[tuple[int, int], Dialect, list[str]]
    best = (0, 0), Dialect(), []
    for mark in (',', ';', '\t', '|', ' '):
        rows = [_cells(line, mark) for line in lines]
        first = next((i for i in range(len(rows)) if _is_data(rows, i)), None)
        if first is None:
            continue
        count = len(rows[first])
        numbers = sum(map(_is_number, rows[first]))
        if numbers < 1 or (mark == ' ' and numbers < 3):
            continue
        names, line = _names(rows, first)
        # Commas may be decimals, and spaces stand within texts.
        if (numbers, -count) > best[0]:
            decimal = None
            if mark != ',' and any(
                re.fullmatch(r'\s*-?\d+,\d+\s*', c) for c in rows[first]
            ):
                decimal = ','
            skip = first - line if line else first
            header = line if line else 0
            best = (
                (numbers, -count),
                Dialect(mark, decimal, header, skip),
                names,
            )
    return best[1], best[2]


def why_no_table(path: Path) -> tuple[str, str]:
    """What a file without rows of numbers is, and what to do."""
    if path.suffix.lower() in ARRAYS:
        return why_no_columns(path), 'Save its samples as one array'
    lines = head_lines(path, 150)
    marks = (',', ';', '\t', '|', ' ')
    rows = [_cells(line, mark) for line in lines for mark in marks]
    again = 'Record longer, or export it again'
    if any(len(row) > 2 and all(map(_is_number, row)) for row in rows):
        return 'has one row of numbers', again
    if sum(len(re.findall(r'\d[.,]\d', line)) > 2 for line in lines) > 1:
        return (
            'has numbers within text, in no cells of their own',
            'Write a table: a row of names, then rows of numbers',
        )
    return 'has no rows of numbers', again


def labels_of(
    path: Path, dialect: Dialect, names: Sequence[str]
) -> dict[str, str]:
    """Names of columns, with the units that a row below gives in brackets."""
    labels = {name: name for name in names}
    if not is_text(path):
        return labels
    if not dialect.header:
        return labels | _stacked(path, dialect, names)
    last = dialect.header + dialect.skip_rows
    for line in head_lines(path, last)[dialect.header : last]:
        for name, cell in zip(names, _cells(line, dialect.delimiter or ',')):
            label = f'{name} [{cell.strip("()[] ")}]'
            if any(
                header_unit(label, kind) and not header_unit(name, kind)
                for kind in ('acc', 'gyro', 'mag', 'time')
            ):
                labels[name] = label
    return labels


def _stacked(
    path: Path, dialect: Dialect, names: Sequence[str]
) -> dict[str, str]:
    """Names that stand in the rows above, none of which has all of them.

    Cells of the upper row hold until the next one, as merged cells do.
    """
    last = dialect.skip_rows
    lines = head_lines(path, last)[max(last - 3, 0) : last]
    rows = [_cells(line, dialect.delimiter or ',') for line in lines]
    rows = [row for row in rows if abs(len(row) - len(names)) <= 1]
    labels: dict[str, str] = {}
    above = ''
    for place, name in enumerate(names):
        cells = [row[place] if place < len(row) else '' for row in rows]
        if len(cells) > 1:
            cells[0] = above = cells[0] or above
        words = ' '.join(
            f'[{cell}]'
            if any(header_unit(f'[{cell}]', k) for k in ('acc', 'gyro', 'mag'))
            else cell
            for cell in cells
        ).strip()
        labels[name] = words or name
    return labels


def _cells(line: str, mark: str) -> list[str]:
    try:
        cells = next(
            csv.reader([line], delimiter=mark, skipinitialspace=True), []
        )
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell))


def _is_data(rows: Sequence[Sequence[str]], first: int) -> bool:
    """Whether from here on rows of numbers follow one another."""
    part = [row for row in rows[first : first + 12] if any(row)][:6]
    if (
        not any(rows[first])
        or len(part) < 2
        or len({len(row) for row in part}) > 1
    ):
        return False
    numbers = [sum(map(_is_number, row)) for row in part]
    filled = [sum(map(bool, row)) for row in part]
    return min(numbers) >= 1 and all(
        2 * n >= f - 1 for n, f in zip(numbers, filled)
    )


def _names(rows: Sequence[Sequence[str]], first: int) -> tuple[list[str], int]:
    """Names of the columns and their line from 1; 0: numbers from 1."""
    count = len(rows[first])
    best: tuple[int, int] = (0, 0)
    for line in range(max(first - 4, 0), first):
        row = rows[line]
        words = sum(
            bool(cell) and not _is_number(cell) for cell in row[:count]
        )
        different = len({*filter(None, row)}) == sum(map(bool, row))
        fits = abs(len(row) - count) <= 1 or len(row) > count
        if fits and different and words > 0.6 * count and words > best[0]:
            best = words, line + 1
    if not best[1]:
        return [str(i + 1) for i in range(count)], 0
    return list(rows[best[1] - 1]), best[1]
