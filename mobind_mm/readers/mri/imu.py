"""Read ``IMU{i}.csv`` of mRI."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ACC_UNITS: dict[str, float] = {'g': 9.80665, 'm/s2': 1.0}
"""m/s^2 of one unit."""
COLUMNS = ('axg', 'ayg', 'azg', 'q0', 'q1', 'q2', 'q3')
MAX_ACC = 1000.0
"""m/s^2; no sensor of the data set measures more."""

_REST = (0.5, 2.5)
"""Range of the median |acc| in units of standard gravity."""
_GREATEST = 1e6
"""Of any cell; more is damage."""
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?', re.ASCII)
_AGAIN = 'Get the original file again.'


def read_imu_csv(
    path: Path, acc_unit: str = 'g'
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read one sensor.

    Columns are found by name, whatever their order and case; signs that are
    neither letters nor digits do not count (``ax(g)`` is ``axg``). Others
    are left alone.

    Args:
        path: The table.
        acc_unit: Unit of ``axg``, ``ayg``, ``azg``; one of
            :data:`ACC_UNITS`.

    Returns:
        ``acc`` (T, 3) m/s^2 with gravity and unit ``quat`` (T, 4), scalar
        first, and which rows hold a sample (T,): those that are empty or
        entirely zero do not.

    Raises:
        ValueError: If the table is damaged or in another unit.
    """
    table, lines = _read_table(path)
    values = np.nan_to_num(table)
    held = values.any(axis=1)
    norms = np.linalg.norm(values[:, 3:], axis=1)
    for wrong, what in (
        (
            held & np.isnan(table).any(axis=1),
            'has a number in some columns only',
        ),
        (
            held & ~(np.abs(norms - 1) < 0.1),
            'has a quaternion q0 q1 q2 q3 whose norm is not 1',
        ),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f'{path}, line {lines[row]}: {what} '
                f'({table[row].tolist()}). {_AGAIN}'
            )
    if not held.any():
        raise ValueError(f'{path} has no sample in {len(held)} rows. {_AGAIN}')
    acc = values[:, :3] * ACC_UNITS[acc_unit]
    _check_unit(acc[held], acc_unit, path)
    greatest = np.abs(acc).max(axis=1)
    if (greatest > MAX_ACC).any():
        row = int(np.argmax(greatest))
        raise ValueError(
            f'{path}, line {lines[row]}: {greatest[row]:g} m/s^2, expected '
            f'at most {MAX_ACC:g}. {_AGAIN}'
        )
    quat = values[:, 3:] / np.where(held, norms, 1.0)[:, None]
    return {'acc': acc, 'quat': quat}, held


def _check_unit(acc: np.ndarray, unit: str, path: Path) -> None:
    """Half the samples are near 1 g, unless somebody moves all the time."""
    median = float(np.median(np.linalg.norm(acc, axis=1)))
    gravity = ACC_UNITS['g']
    if _REST[0] * gravity < median < _REST[1] * gravity:
        return
    read = median / ACC_UNITS[unit]
    (other,) = ACC_UNITS.keys() - {unit}
    fits = _REST[0] * gravity < read * ACC_UNITS[other] < _REST[1] * gravity
    fix = (
        f'They seem to be in {other}: use --acc-unit {other}.'
        if fits
        else 'Neither g nor m/s2 with gravity fits; is gravity taken off, or '
        'is the unit another one?'
    )
    raise ValueError(
        f'{path}: the median length of (axg, ayg, azg) is {read:.3g}, but in '
        f'{unit} it should be near {gravity / ACC_UNITS[unit]:.3g}. {fix}'
    )


def _read_table(path: Path) -> tuple[np.ndarray, list[int]]:
    """Our columns (T, 7), NaN where a cell is empty, and line numbers."""
    try:
        # Other columns may hold any text, in any encoding.
        with path.open(
            encoding='utf-8-sig', errors='replace', newline=''
        ) as file:
            start = file.readline(1 << 16)
            file.seek(0)
            delimiter = max(',;\t', key=start.count)
            rows = _rows(csv.reader(file, delimiter=delimiter))
            columns, width = _find_columns(next(rows, (1, []))[1], path)
            table, lines = [], []
            for line, row in rows:
                if len(row) != width:
                    raise ValueError(
                        f'{path}, line {line}: {len(row)} columns, but the '
                        f'header has {width}. {_AGAIN}'
                    )
                where = f'{path}, line {line}'
                table.append(
                    [_number(row[i], name, where) for name, i in columns]
                )
                lines.append(line)
    except csv.Error as error:
        raise ValueError(f'{path} is no table ({error}). {_AGAIN}') from None
    if not table:
        raise ValueError(f'{path} has a header but no rows. {_AGAIN}')
    return np.array(table), lines


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of the lines that are not blank."""
    for row in reader:
        if row and (len(row) > 1 or row[0].strip()):
            yield reader.line_num, row


def _find_columns(
    header: list[str], path: Path
) -> tuple[list[tuple[str, int]], int]:
    """Name and index of our columns, and the number of all."""
    names = [re.sub(r'[^a-z0-9]', '', cell.lower()) for cell in header]
    for name in COLUMNS:
        if names.count(name) != 1:
            raise ValueError(
                f'{path} has {names.count(name)} columns {name}, expected '
                f'one; the header is {[c[:20] for c in header[:30]]}. '
                f'{_AGAIN}'
            )
    return [(name, names.index(name)) for name in COLUMNS], len(names)


def _number(cell: str, name: str, where: str) -> float:
    cell = cell.strip()
    if _NUMBER.fullmatch(cell) and abs(number := float(cell)) < _GREATEST:
        return number
    if cell.lower() in ('', 'nan'):
        return np.nan
    raise ValueError(
        f'{where}: {name} is {cell[:40]!r}, expected a number. {_AGAIN}'
    )
