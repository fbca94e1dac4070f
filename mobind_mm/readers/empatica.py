"""Empatica: ``ACC.csv`` of E4, and the table of acceleration of EmbracePlus.

E4 (``info.txt`` of its exports): the first row is the start, the second the
rate, and the numbers are 1/64 g. EmbracePlus (Empatica, *Reading raw data*):
``unix_timestamp,x,y,z`` in microseconds and g, or in counts of the sensor.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .headers import Head, Names, find_head, split_cells
from .lab_files import LabReader
from .peek import head_lines

_NUMBER = re.compile(r'-?\d+(\.\d+)?')
_DATE = 1e8
_COUNTS = 50.0
"""Median length of acceleration from which it is counts, not g."""
_COUNTS_PER_G = 2048


def _first_rows(path: Path) -> list[list[float]]:
    """First three rows of three numbers; nothing if they are not."""
    rows = [split_cells(line, ',') for line in head_lines(path, 4)][:3]
    numeric = [len(r) == 3 and all(map(_NUMBER.fullmatch, r)) for r in rows]
    return [[*map(float, row)] for row in rows] if all(numeric) else []


def _is_e4(path: Path) -> bool:
    rows = _first_rows(path)
    if len(rows) < 3:
        return False
    (start, *starts), (rate, *rates), _ = rows
    same = {*starts} == {start} and {*rates} == {rate}
    return same and start >= _DATE and 1 <= rate <= 1000


def _is_embrace(names: Names) -> bool:
    lower = [name.lower() for name in names]
    return 'unix_timestamp' in lower and lower[-3:] == ['x', 'y', 'z']


@register_reader
class EmpaticaReader(LabReader):
    """Reads acceleration of Empatica E4 and EmbracePlus."""

    name = 'empatica'
    title = 'Empatica'

    @classmethod
    def reads(cls, path: Path) -> bool:
        """By the first rows of E4, or the names of EmbracePlus."""
        return _is_e4(path) or (
            find_head(path, _is_embrace) is not None
            and 'gyro' not in path.stem.lower()
        )

    def describe_file(self, path: Path) -> dict[str, dict[str, Any]]:
        """Keys of the wrist band's accelerometer."""
        keys: dict[str, Any] = {
            'file': str(path),
            'gravity': 'included',
            'frame': 'sensor',
        }
        head = find_head(path, _is_embrace)
        if head is not None:
            return {'embraceplus': {**keys, **_embrace(path, head)}}
        rows = _first_rows(path)
        keys.update(
            delimiter=',',
            header=0,
            skip_rows=2,
            start_s=rows[0][0],
            rate=rows[1][0],
            columns={'acc': ['1', '2', '3']},
            units={'acc': '1/64 g'},
        )
        return {'e4': keys}


def _embrace(path: Path, head: Head) -> dict[str, Any]:
    """Keys of EmbracePlus, whose values may be counts."""
    axes = [head.index(axis) for axis in 'xyz']
    values = [head.values(i) for i in axes if i is not None]
    shortest = min(map(len, values))
    if not shortest:
        raise mistake(path, 'has no samples', 'Export the file again')
    lengths = np.linalg.norm([v[:shortest] for v in values], axis=0)
    counts = float(np.median(lengths)) > _COUNTS
    note = f'{path}: acceleration is taken to be counts, 1/2048 g each'
    return {
        **head.keys(),
        'columns': {
            'time': head.find('unix_timestamp'),
            'acc': head.axes('{}'),
        },
        'units': {
            'time': 'us',
            'acc': f'1/{_COUNTS_PER_G} g' if counts else 'g',
        },
        '_notes': [note] if counts else [],
    }
