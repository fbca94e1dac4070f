"""What the cells of a column mean: numbers, dates or times of day."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..utils.errors import mistake
from .dates import (
    DAY,
    Dates,
    find_order,
    has_day,
    is_day,
    join_days,
    looks_like_date,
    order_of,
    parse_zone,
    serial_dates,
    strptime,
)
from .dialects import MISSING, NUMBER
from .table_rows import LARGEST

_DIGITS = re.compile(r'[-+.,\deE]+')
"""What cells of numbers are written with, and texts of several are not."""
_SPACES = re.compile("(?<=\\d)['\u2019\u00a0\u202f](?=\\d{3})")
_GROUPED = re.compile(r'[+-]?[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*(?!\1)[.,]\d+')
"""Separators of thousands: marks of no other use, and before a decimal."""
_THOUSANDS = re.compile(r'[+-]?[1-9]\d{0,2}(,\d{3})+')


@dataclass(frozen=True)
class Column:
    """Cells of one column; what they cannot be is refused by row and value.

    Args:
        path: The table.
        name: Of the column.
        cells: (T,) float64, datetime64, or texts of which some are numbers.
        lines: (T,) line of each in the file, from 1.
    """

    path: Path
    name: str
    cells: np.ndarray
    lines: np.ndarray

    @cached_property
    def filled(self) -> np.ndarray:
        """(T,) texts that are not one of the spellings of nothing."""
        texts = (cell.lower() for cell in self.cells)
        return np.array([text not in MISSING for text in texts], bool)

    def numbers(self, decimal: str | None, times: bool) -> np.ndarray:
        """Values of numbers.

        Args:
            decimal: ``.`` or ``,``.
            times: Whether they could be dates, for the message.

        Returns:
            (T,) float64, NaN where a cell is empty.
        """
        cells = self.cells
        values, bad = cells, np.zeros(len(cells), bool)
        if cells.dtype.kind == 'M':
            what = 'holds dates, expected numbers'
            raise mistake(self.path, what, 'Correct columns', column=self.name)
        if cells.dtype.kind == 'O':
            values = np.full(len(cells), np.nan)
            texts = cells[self.filled]
            values[self.filled] = [_number(text, decimal) for text in texts]
            bad = self.filled & np.isnan(values)
        infinite = np.abs(values) > LARGEST
        if not (bad | infinite).any():
            return values
        row = int(np.argmax(bad | infinite))
        cell = str(cells[row])
        if times and bad[row] and not infinite[row]:
            raise self._no_date(row)
        what = f'is not {"finite" if infinite[row] else "a number"}'
        if ',' in cell or '.' in cell:
            what += f' (decimal: {decimal or "."!r})'
        raise mistake(
            self.path,
            what,
            'Correct or empty the cell, or correct columns, decimal or '
            'skip_rows',
            row=self.lines[row],
            column=self.name,
            value=cell[:40],
        )

    def dates(self, form: str | None, zone: str) -> tuple[np.ndarray, bool]:
        """Values of dates or times of day.

        Args:
            form: How they are written; None: found.
            zone: Of those that do not give theirs.

        Returns:
            (T,) seconds, NaN where a cell is empty; whether since 1970.
        """
        cells = self.cells
        if cells.dtype.kind == 'M':
            since = cells - np.datetime64(0, 's')
            return since / np.timedelta64(1, 's'), True
        if cells.dtype.kind != 'O':
            what, fix = 'holds numbers', 'Give units.time, not time_format'
            raise mistake(self.path, what, fix, column=self.name)
        filled = self.filled
        values, texts = np.full(len(cells), np.nan), cells[filled]
        if form is not None and '%' in form:
            values[filled] = strptime(texts, form, zone)
            dated = bool((values[filled] >= DAY).any())
        else:
            order = order_of(form) if form else find_order(texts)
            if order is None:
                what = 'may be day/month or month/day'
                if form:
                    what = 'cannot be read'
                raise mistake(
                    self.path,
                    what,
                    'Set time_format to dd/mm/yyyy, mm/dd/yyyy or a format '
                    "such as '%d.%m.%y %H:%M:%S.%f'",
                    row=self.lines[int(np.argmax(filled))],
                    column=self.name,
                    value=texts[0][:40] if len(texts) else form,
                )
            values[filled] = [*map(Dates(order, zone), texts)]
            dated = len(texts) > 0 and has_day(texts[0])
        bad = filled & np.isnan(values)
        if bad.any():
            raise self._no_date(int(np.argmax(bad)))
        return values, dated

    def serial_dates(self, zone: str) -> tuple[np.ndarray, str] | None:
        """Values of numbers that are dates, as those of spreadsheets.

        Returns:
            (T,) seconds since 1970, and what the numbers count; None if they
            are no dates.
        """
        dates = serial_dates(self.cells)
        if not dates:
            return None
        seconds, what = dates
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
                column=self.name,
            )
        moment = np.datetime64(int(known[0]), 's').item()
        shift = parse_zone(zone).utcoffset(moment)
        return seconds - (shift.total_seconds() if shift else 0.0), what

    def with_days(
        self, beside: Mapping[str, np.ndarray], form: str | None, zone: str
    ) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Values of times of day, on the days of the column beside them.

        Args:
            beside: Columns (T,) of texts that may be the days.
            form: As of :meth:`dates`.
            zone: As of :meth:`dates`.

        Returns:
            (T,) seconds since 1970, and notes. None if not one column holds
            a date wherever there is a time, or if its dates cannot be read.
        """
        filled = self.filled
        beside = {n: cells[filled] for n, cells in beside.items()}
        beside = {n: c for n, c in beside.items() if all(map(is_day, {*c}))}
        if len(beside) != 1:
            return None, ()
        ((day, days),) = beside.items()
        joined = join_days([*days], [*self.cells[filled]], form, zone)
        if joined is None:
            return None, (
                f'{self.path}: the dates of column {day!r} are not of one '
                'form, or may be day/month or month/day (time_format says '
                f'which), so column {self.name!r} gives only the times of day',
            )
        values = np.full(len(filled), np.nan)
        values[filled] = joined
        return values, (
            f'{self.path}: the times of day of column {self.name!r} are '
            f'those of the dates in column {day!r}',
        )

    def _no_date(self, row: int) -> Exception:
        return mistake(
            self.path,
            'is not a number or a date of a form that is read',
            'Correct or empty the cell, or set time_format, such as '
            "'%d/%m/%Y %H:%M:%S.%f'",
            row=self.lines[row],
            column=self.name,
            value=str(self.cells[row])[:40],
        )


def ungrouped(text: str) -> str:
    """A number without separators of thousands, if they cannot be decimals.

    >>> [ungrouped(t) for t in ('1.234,5', '1,234.5', "1'234", '1,234')]
    ['1234,5', '1234.5', '1234', '1,234']
    """
    text = _SPACES.sub('', text)
    if match := _GROUPED.fullmatch(text):
        return text.replace(match[1], '')
    return text


def _number(text: str, decimal: str | None) -> float | None:
    text = ungrouped(text)
    if decimal == ',':
        text = '' if '.' in text else text.replace(',', '.')
    return float(text) if NUMBER.fullmatch(text) else None


def holds_dates(cells: np.ndarray) -> bool:
    """Whether the first cell that is filled is a date or a time of day."""
    if cells.dtype.kind == 'O':
        filled = (c for c in cells if c.lower() not in MISSING)
        return looks_like_date(next(filled, ''))
    return cells.dtype.kind == 'M'


def guess_decimal(
    path: Path,
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
        if name in texts or cells.dtype.kind == 'f' or holds_dates(cells):
            continue
        for row, cell in enumerate(cells):
            cell = ungrouped(cell)
            if not _DIGITS.fullmatch(cell):
                continue
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
        path,
        'may be thousands or a decimal comma, and so may all numbers '
        'with a comma there',
        "Set decimal: ',', or write them without thousands separators",
        row=row,
        column=name,
        value=cell,
    )
