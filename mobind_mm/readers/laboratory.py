"""Delsys, Noraxon and Shimmer: many sensors in one wide table.

Delsys EMGworks writes a column of times (``X [s]``) before each channel, or
before the first; Trigno Discover names the sensor two rows above its columns
(``ACC X Time Series (s)``, ``ACC X (G)``). Noraxon myoRESEARCH names the
segment in each column, and of a quaternion writes x, y and z.

Columns of Shimmer: Shimmer, *Consensys User Guide*, export of CSV files:
names, and rows of the kind (CAL, RAW) and the unit of each column.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..utils.errors import mistake
from .base import register_reader
from .devices import LabReader
from .headers import Head, Names, head_lines
from .placing import placement_in

_UNITS = {
    'g': 'g',
    'mg': 'mg',
    'm/s^2': 'm/s2',
    'm/s2': 'm/s2',
    'm/s²': 'm/s2',
    'deg/s': 'deg/s',
    'deg/sec': 'deg/s',
    'dps': 'deg/s',
    '°/s': 'deg/s',
    'rad/s': 'rad/s',
}
_USUAL = {'acc': 'g', 'gyro': 'deg/s'}


def _sensor_keys(head: Head, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys of a sensor whose channels have columns and units each."""
    shared = {'file': str(head.path), **head.keys()}
    for part in parts:
        if 'acc' in part['columns']:
            part.update(gravity='included', frame='sensor')
        if 'quat' in part['columns']:
            part['quat_direction'] = 'sensor_to_world'
            part['quat_order'] = 'wxyz'
    if len(parts) == 1:
        return {**shared, **parts[0]}
    return {'parts': [{**shared, **part} for part in parts]}


_TIME = re.compile(r'X ?\[s\]|.*Time Series \(s\)|Time ?[\[(]s[\])]', re.I)
_CHANNEL = re.compile(
    r'(?:(?P<sensor>.*):\s*)?(?P<kind>acc|gyr)[a-z]*?[ ._]*\d*[ ._]*'
    r'(?P<axis>[xyz])(?![a-z]).*',
    re.IGNORECASE,
)
_LABEL = re.compile(
    r'"?Label: (.*?) Sampling frequency:.* Unit: (\S+)', re.IGNORECASE
)


def _channel_of(name: str) -> re.Match[str] | None:
    return None if _TIME.fullmatch(name) else _CHANNEL.fullmatch(name)


@register_reader
class DelsysReader(LabReader):
    """Reads CSV files of Delsys EMGworks and Trigno Discover."""

    name = 'delsys'
    title = 'Delsys Trigno'
    several = True

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By columns of times and of an accelerometer or gyroscope."""
        first = next((n for n in names if n), '')
        timed = re.match(r'X ?\[s\]$', first, re.I) or any(
            'time series (s)' in name.lower() for name in names
        )
        return bool(timed) and any(map(_channel_of, names))

    def describe_table(self, head: Head) -> dict[str, dict[str, Any]]:
        """Keys of the sensors; each channel has times of its own."""
        units: dict[str, str] = {}
        for line in head_lines(head.path, head.line):
            if match := _LABEL.match(line):
                units[match[1]] = match[2]
        owners = _owners(head)
        time: int | None = None
        columns_of: dict[str, dict[str, dict[str, tuple[int, int, str]]]] = {}
        for index, name in enumerate(head.names):
            if _TIME.fullmatch(name):
                time = index
            match = _channel_of(name)
            if match is None or time is None:
                continue
            kind = 'acc' if match['kind'].lower() == 'acc' else 'gyro'
            sensor = match['sensor'] or owners[index]
            axes = columns_of.setdefault(sensor, {}).setdefault(kind, {})
            unit = _unit_in(name) or units.get(name, '')
            axes.setdefault(match['axis'].lower(), (time, index, unit))
        sensors = {}
        for sensor, kinds in columns_of.items():
            parts = [
                _delsys_part(head, kind, kinds[kind])
                for kind in _USUAL
                if len(kinds.get(kind, ())) == 3
            ]
            if parts:
                sensors[sensor] = _sensor_keys(head, parts)
        return sensors


def _owners(head: Head) -> list[str]:
    """Sensor of each column, by the row above that has names of sensors."""
    rows = [
        row
        for row in head.above
        if any(row) and len(row) > 2 and 'sensor mode' not in row[0].lower()
    ]
    names, owner = [], 'sensor'
    row = rows[-1] if rows else ()
    for index in range(len(head.names)):
        cell = row[index] if index < len(row) else ''
        owner = re.sub(r'\s*\(\d+\)$', '', cell) or owner
        names.append(owner)
    return names


def _unit_in(name: str) -> str:
    """Unit in the brackets of a column's name."""
    units = re.findall(r'[\[(]([^\])]*)[\])]', name)
    return next((u for u in reversed(units) if u.lower() in _UNITS), '')


def _delsys_part(
    head: Head, kind: str, axes: dict[str, tuple[int, int, str]]
) -> dict[str, Any]:
    """Columns of one channel, on the times of its first axis."""
    time, _, unit = axes['x']
    columns = {
        'time': head.column(time),
        kind: [head.column(axes[axis][1]) for axis in 'xyz'],
    }
    unit = _UNITS.get(unit.lower(), _USUAL[kind])
    return {'columns': columns, 'units': {'time': 's', kind: unit}}


_SEGMENT = re.compile(
    r'(?:noraxon\s+)?(?:(?:my[oO]motion|ultium(?:\s+(?:emg|motion))?)'
    r'[-. ]+)?(?:(?:segments|sensors)[-. ]+)?(?P<name>.*?)[ .-]*'
    r'\b(?P<kind>accel|gyro|rot|quat)[a-z]*(?: sensor)?(?P<number> \d+)?'
    r'[ -]+[ag]?(?P<axis>[xyz])(?P<side> LT| RT)?\s*'
    r'(?:[,(]\s*(?P<unit>[^)]*)\)?)?',
    re.IGNORECASE,
)
_NORAXON_TIME = r'time(?:[ ,]*[\[(]?s[\])]?)?'
_KINDS = {'accel': 'acc', 'gyro': 'gyro', 'rot': 'quat', 'quat': 'quat'}


@register_reader
class NoraxonReader(LabReader):
    """Reads CSV files of Noraxon myoRESEARCH."""

    name = 'noraxon'
    title = 'Noraxon Ultium Motion'
    several = True

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By columns of acceleration in mG, and of times."""
        timed = any(re.fullmatch(_NORAXON_TIME, n, re.I) for n in names[:3])
        matches = map(_SEGMENT.fullmatch, names)
        return timed and any(
            m['kind'].lower() == 'accel' and (m['unit'] or '').lower() == 'mg'
            for m in matches
            if m
        )

    def describe_table(self, head: Head) -> dict[str, dict[str, Any]]:
        """Keys of the sensors by their segments."""
        time = head.find(_NORAXON_TIME)
        columns_of: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
        for index, name in enumerate(head.names):
            match = _SEGMENT.fullmatch(name)
            if match is None or not head.filled(index):
                continue
            unit = (match['unit'] or '').strip().lower()
            kind = _KINDS[match['kind'].lower()]
            if (kind == 'quat') != (unit not in _UNITS) or unit == 'deg':
                continue
            segment = _segment(match)
            axes = columns_of.setdefault(segment, {}).setdefault(kind, {})
            axes.setdefault(match['axis'].lower(), (head.column(index), unit))
        sensors = {}
        for segment, kinds in columns_of.items():
            whole = {k: axes for k, axes in kinds.items() if len(axes) == 3}
            if not {'acc', 'gyro'} & {*whole}:
                continue
            columns: dict[str, Any] = {'time': time}
            units = {'time': 's'}
            for kind, axes in whole.items():
                columns[kind] = [axes[axis][0] for axis in 'xyz']
                if kind != 'quat':
                    units[kind] = _UNITS[axes['x'][1]]
            part = {'columns': columns, 'units': units}
            name = placement_in(segment) or segment
            name = segment if name in sensors else name
            sensors[name] = _sensor_keys(head, [part])
        return sensors


def _segment(match: re.Match[str]) -> str:
    """Name of a segment or sensor, its side first."""
    name = re.sub(r'[-.]+', ' ', match['name'])
    words = [*name.split(), *(match['side'] or '').split()]
    words += (match['number'] or '').split()
    sides = [w.upper() for w in words if w.upper() in ('LT', 'RT')]
    rest = [w for w in words if w.upper() not in ('LT', 'RT')]
    return ' '.join([*sides, *rest]) or 'sensor'


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
    'wide-range': r'(?:Accel_WR_@|Wide Range Accelerometer @)_CAL',
    'low-noise': r'(?:Accel_LN_@|Low Noise Accelerometer @)_CAL',
    'only': r'(?:Accel|Accelerometer)[_ ]@_CAL',
}
_GYRO = r'(?:Gyro_@|Gyroscope @)_CAL'
_UNIT_ROWS = (
    (r'm/\(?s(ec)?\^?2\)?', 'm/s2'),
    (r'g', 'g'),
    (r'deg/s(ec)?', 'deg/s'),
    (r'rad/s(ec)?', 'rad/s'),
    (r'm(illi)?s(ecs?|econds)?', 'ms'),
    (r's(ecs?|econds)?', 's'),
)


@register_reader
class ShimmerReader(LabReader):
    """Reads CSV files of Shimmer Consensys."""

    name = 'shimmer'
    title = 'Shimmer'
    several = True

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By the name of the column of times."""
        stamp = any(re.fullmatch(_STAMP, n, re.I) for n in names)
        old = any(re.fullmatch(r'time ?stamp', n, re.I) for n in names)
        old &= any('Accelerometer X' in n or 'Gyroscope X' in n for n in names)
        return stamp or old

    @classmethod
    def reads(cls, path: Path) -> bool:
        """By columns CAL or RAW besides."""
        table = cls.head(path)
        return table is not None and any(
            re.search('_(CAL|RAW)$', name, re.I)
            for name in _with_kinds(table).names
        )

    def describe_table(self, head: Head) -> dict[str, dict[str, Any]]:
        """Keys of the sensors, by what stands before their columns."""
        table, head = head, _with_kinds(head)
        motion = r'(.*?)_?(?:Accel|Gyro|Low Noise|Wide Range).*_CAL'
        owners = dict.fromkeys(
            match[1]
            for name in head.names
            if (match := re.fullmatch(motion, name, re.IGNORECASE))
        )
        if not owners:
            raise mistake(
                head.path,
                'has no calibrated acceleration or rotation',
                'Export calibrated signals of the accelerometer and the '
                'gyroscope',
            )
        return {
            owner or head.path.stem: _shimmer_sensor(table, head, owner)
            for owner in owners
        }


def _shimmer_sensor(table: Head, head: Head, owner: str) -> dict[str, Any]:
    """Keys of one sensor; ``head`` has the kinds in its names."""
    before = f'{re.escape(owner)}_' if owner else ''
    stamps = [f'{before}{time}' for time in _TIMES]
    stamps += [f'(?:.*_)?{time}' for time in _TIMES]
    stamp = head.index(*stamps)
    if stamp is None:
        raise mistake(
            head.path, 'has no calibrated time stamps', 'Export them, too'
        )
    kinds = {
        kind: axes
        for kind, pattern in _ACC.items()
        if (axes := _axes(head, before + pattern))
    }
    gyro = _axes(head, before + _GYRO)
    notes = []
    if len(kinds) > 1:
        kind = next(iter(kinds))
        notes.append(
            f'{head.path}: of several accelerometers the {kind} one is read'
        )
    channels = {'acc': next(iter(kinds.values()), []), 'gyro': gyro}
    columns: dict[str, Any] = {'time': table.column(stamp)}
    units = {'time': _unit(head, stamp, 'ms')}
    for channel, usual in (('acc', 'm/s2'), ('gyro', 'deg/s')):
        if channels[channel]:
            indices = channels[channel]
            columns[channel] = [table.column(i) for i in indices]
            units[channel] = _unit(head, indices[0], usual)
    keys = {'file': str(head.path), **table.keys(), '_notes': notes}
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
    places = [head.index(pattern.replace('@', axis)) for axis in 'xyz']
    return [i for i in places if i is not None] if None not in places else []


def _unit(head: Head, index: int, usual: str) -> str:
    """Unit of a column, by the rows between names and numbers."""
    for row in head.between:
        for pattern, unit in _UNIT_ROWS:
            cell = row[index] if len(row) > index else ''
            if re.fullmatch(pattern, cell, re.IGNORECASE):
                return unit
    return usual
