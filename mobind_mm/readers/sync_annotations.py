"""Published lists of synchronisation clips: ``annotations.txt``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ..utils.files import read_text

COLUMNS = ('index', 'start', 'end', 'subject', 'action', 'offset_ms')
TIME_UNITS = ('seconds', 'frames')


def read_sync_file(
    path: str, time_unit: str | None, frame_rate: float | None = None
) -> list[dict]:
    """Read rows ``index start end subject action offset_ms``.

    Columns are separated by tabs, commas or spaces; with spaces the action
    is everything between the fourth and the last. Blank lines, lines that
    start with ``#`` and a line of column names are skipped.

    Args:
        path: The file.
        time_unit: Unit of start and end, ``seconds`` or ``frames``. The
            file does not say it, so there is no default.
        frame_rate: Frames per second, for ``frames``.

    Returns:
        Per row ``where`` (file and line), ``index``, ``start`` and ``end``
        in seconds, ``subject``, ``action``, ``offset`` in seconds, and
        ``tolerance``: how exact start and end are, in seconds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming the first bad line, its value and the fix.
    """
    if time_unit not in TIME_UNITS:
        raise ValueError(
            f'sync_file needs time_unit, one of {TIME_UNITS}: the unit of '
            f'start and end in the file, got {time_unit!r}.'
        )
    if (time_unit == 'frames') != (frame_rate is not None) or (
        frame_rate is not None and not frame_rate > 0
    ):
        raise ValueError(
            "frame_rate must be given, and > 0, if time_unit is 'frames', "
            f'and only then; got time_unit={time_unit!r} and '
            f'frame_rate={frame_rate}.'
        )
    if not Path(path).is_file():
        raise FileNotFoundError(f'sync_file {path} does not exist.')
    unit = 1.0 if frame_rate is None else 1.0 / frame_rate
    rows: list[dict] = []
    seen: dict[str, int] = {}
    lines = read_text(path).splitlines()
    for number, line in enumerate(lines, 1):
        cells = _split(line)
        if not cells or tuple(cells) == COLUMNS:
            continue
        where = f'{path}, line {number}'
        row = _parse(cells, where, unit)
        if row['index'] in seen:
            raise ValueError(
                f'{where}: index {row["index"]} is that of line '
                f'{seen[row["index"]]} too; each row needs its own.'
            )
        seen[row['index']] = number
        row['tolerance'] = 1.001 * unit if time_unit == 'frames' else 1e-3
        rows.append(row)
    if not rows:
        raise ValueError(f'{path} has no rows; expected {" ".join(COLUMNS)}.')
    return rows


def _split(line: str) -> list[str]:
    line = line.strip()
    if not line or line.startswith('#'):
        return []
    for separator in ('\t', ','):
        if separator in line:
            return [cell.strip() for cell in line.split(separator)]
    cells = line.split()
    if len(cells) <= len(COLUMNS):
        return cells
    return [*cells[:4], ' '.join(cells[4:-1]), cells[-1]]


def _parse(cells: list[str], where: str, unit: float) -> dict:
    if len(cells) != len(COLUMNS):
        raise ValueError(
            f'{where}: {len(cells)} columns ({" | ".join(cells)[:80]}), '
            f'expected {len(COLUMNS)}: {" ".join(COLUMNS)}.'
        )
    row: dict[str, Any] = dict(zip(COLUMNS, cells), where=where)
    for name in ('start', 'end', 'offset_ms'):
        try:
            row[name] = float(row[name])
        except ValueError:
            row[name] = math.nan
        if not math.isfinite(row[name]):
            raise ValueError(
                f'{where}: {name} is {cells[COLUMNS.index(name)][:40]!r}, '
                'expected a number.'
            )
    if not row['start'] < row['end']:
        raise ValueError(
            f'{where}: start {row["start"]:g} is not before end '
            f'{row["end"]:g}.'
        )
    row['start'] *= unit
    row['end'] *= unit
    row['offset'] = row.pop('offset_ms') / 1000
    return row
