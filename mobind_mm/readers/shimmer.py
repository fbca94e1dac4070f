"""Shimmer Consensys: a table of calibrated signals for one or more sensors.

Columns: Shimmer, *Consensys User Guide*, export of CSV files: names, and
rows of the kind (CAL, RAW) and the unit of each column.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..utils.errors import mistake
from .base import register_reader
from .headers import Head, Names, find_head
from .lab_files import LabReader

_STAMP = r'(?:.*_)?Time ?stamp(?:Sync)?(?:_(?:Formatted)?Unix)?_(?:CAL|RAW)'
_TIMES = tuple(
    rf'Time ?stamp{kind}_CAL'
    for kind in (
        'Sync_Unix',
        '_Unix',
        'Sync_FormattedUnix',
        '_FormattedUnix',
        'Sync',
        '',
    )
)
_ACC = {
    'wide-range': r'(?:Accel_WR_{}|Wide Range Accelerometer {})_CAL',
    'low-noise': r'(?:Accel_LN_{}|Low Noise Accelerometer {})_CAL',
    'only': r'(?:Accel|Accelerometer)[_ ]{}_CAL',
}
_GYRO = r'(?:Gyro_{}|Gyroscope {})_CAL'
_UNITS = (
    (r'm/\(?s(ec)?\^?2\)?', 'm/s2'),
    (r'g', 'g'),
    (r'deg/s(ec)?', 'deg/s'),
    (r'rad/s(ec)?', 'rad/s'),
    (r'm(illi)?s(ecs?|econds)?', 'ms'),
    (r's(ecs?|econds)?', 's'),
)


def _is_table(names: Names) -> bool:
    stamp = any(re.fullmatch(_STAMP, n, re.I) for n in names)
    old = any(re.fullmatch(r'time ?stamp', n, re.I) for n in names)
    old &= any('Accelerometer X' in n or 'Gyroscope X' in n for n in names)
    return stamp or old


@register_reader
class ShimmerReader(LabReader):
    """Reads CSV files of Shimmer Consensys."""

    name = 'shimmer'
    title = 'Shimmer'

    @classmethod
    def reads(cls, path: Path) -> bool:
        """By the name of the column of times."""
        return find_head(path, _is_table) is not None

    def describe_file(self, path: Path) -> dict[str, dict[str, Any]]:
        """Keys of the sensors, by what stands before their columns."""
        table = find_head(path, _is_table)
        assert table is not None  # reads() was asked
        head = _with_kinds(table)
        motion = r'(.*?)_?(?:Accel|Gyro|Low Noise|Wide Range).*_CAL'
        owners = dict.fromkeys(
            match[1]
            for name in head.names
            if (match := re.fullmatch(motion, name, re.IGNORECASE))
        )
        if not owners:
            raise mistake(
                path,
                'has no calibrated acceleration or rotation',
                'Export calibrated signals of the accelerometer and the '
                'gyroscope',
            )
        return {
            owner or path.stem: self._sensor(path, table, head, owner)
            for owner in owners
        }

    def _sensor(
        self, path: Path, table: Head, head: Head, owner: str
    ) -> dict[str, Any]:
        """Keys of one sensor."""
        before = f'{re.escape(owner)}_' if owner else ''
        stamps = [f'{before}{time}' for time in _TIMES]
        stamps += [f'(?:.*_)?{time}' for time in _TIMES]
        stamp = head.index(*stamps)
        if stamp is None:
            raise mistake(
                path, 'has no calibrated time stamps', 'Export them, too'
            )
        kinds = {
            kind: found
            for kind, pattern in _ACC.items()
            if (found := _axes(head, before + pattern))
        }
        gyro = _axes(head, before + _GYRO)
        notes = []
        if len(kinds) > 1:
            kind = next(iter(kinds))
            notes.append(
                f'{path}: of several accelerometers the {kind} one is read'
            )
        channels = {'acc': next(iter(kinds.values()), []), 'gyro': gyro}
        columns: dict[str, Any] = {'time': table.column(stamp)}
        units = {'time': _unit(head, stamp, 'ms')}
        for channel, usual in (('acc', 'm/s2'), ('gyro', 'deg/s')):
            if channels[channel]:
                indices = channels[channel]
                columns[channel] = [table.column(i) for i in indices]
                units[channel] = _unit(head, indices[0], usual)
        keys = {'file': str(path), **table.keys(), '_notes': notes}
        if 'acc' in columns:
            keys.update(gravity='included', frame='sensor')
        return {**keys, 'columns': columns, 'units': units}


def _with_kinds(head: Head) -> Head:
    """Names that end in CAL or RAW, which old files have in a row below."""
    kinds = [''] * len(head.names)
    for row in head.between:
        if any(cell.upper() in ('CAL', 'RAW') for cell in row):
            cells = [cell.upper() for cell in row]
            kinds = [*cells, *kinds][: len(kinds)]
    names = [
        name
        if re.search('_(CAL|RAW)$', name, re.I) or not kind
        else f'{name}_{kind}'
        for name, kind in zip(head.names, kinds)
    ]
    return replace(head, names=(*names,))


def _axes(head: Head, pattern: str) -> list[int]:
    """Indices of the three axes, or nothing."""
    found = [head.index(pattern.replace('{}', axis)) for axis in 'XYZ']
    return [i for i in found if i is not None] if None not in found else []


def _unit(head: Head, index: int, usual: str) -> str:
    """Unit of a column, by the rows between names and numbers."""
    for row in head.between:
        for pattern, unit in _UNITS:
            cell = row[index] if len(row) > index else ''
            if re.fullmatch(pattern, cell, re.IGNORECASE):
                return unit
    return usual
