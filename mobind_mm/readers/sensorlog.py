"""SensorLog (iPhone, Apple Watch): one wide table.

Acceleration is in g with the reversed sign of iOS: as measured
(``accelerometerAcceleration``), and apart into that of the user and gravity
(``motionUserAcceleration``, ``motionGravity``), which share their times with
angular rate and orientation. Cells of sensors that are off are 0 or null.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import STANDARD_GRAVITY
from ..utils.errors import mistake
from .archives import files_of, is_folder
from .attitude import find_attitude
from .base import register_reader
from .exports import (
    ExportReader,
    Header,
    described,
    find_header,
)
from .tables import Table, read_table

_LOGGING = r'loggingTime(\(txt\))?'
_COLUMNS = {
    'raw': r'accelerometerAcceleration@(\(G\))?',
    'user': r'motionUserAcceleration@(\(G\))?',
    'gravity': r'motionGravity@(\(G\))?',
    'rate': r'motionRotationRate@(\(rad/s\))?',
    'quat': r'motionQuaternion@(\(R\))?',
    'gyro': r'gyroRotation@(\(rad/s\))?',
}
_CLOCKS = ('motion', 'accelerometer', 'gyro')
_REBOOT = r'{}Timestamp_sinceReboot(\(s\))?'


@register_reader
class SensorLogReader(ExportReader):
    """Reads the CSV of a phone or a watch, or a folder of such files."""

    name = 'sensorlog'
    title = 'SensorLog'
    device = 'phone'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By ``loggingTime`` and the names of its sensors."""
        files = files_of(path, '.csv') if is_folder(path) else [path]
        return any(_header(file) for file in files)

    def describe(self) -> dict[str, dict[str, Any]]:
        """One sensor a file."""
        files = [self.source]
        if is_folder(self.source):
            files = files_of(self.source, '.csv')
        sensors: dict[str, dict[str, Any]] = {}
        for path in files:
            header = _header(path)
            if header is None:
                continue
            watch = 'watch' in path.stem.lower()
            name, notes = self.placed([path.stem], 'watch' if watch else None)
            name = path.stem if name in sensors else name
            sensors[name] = {**_sensor(header, notes), '_notes': notes}
        return sensors


def _header(path: Path) -> Header | None:
    some = [_COLUMNS[name] for name in ('raw', 'user', 'rate', 'gyro')]
    headers = (find_header(path, _LOGGING, name, most=3) for name in some)
    return next((header for header in headers if header), None)


def _sensor(header: Header, notes: list[str]) -> dict[str, Any]:
    """Keys of the only sensor of a table."""
    path, table, found = header.path, *_read(header, notes)
    acc = found.get('user') or found.get('raw')
    groups: dict[str, dict[str, Any]] = {}
    keys: dict[str, Any] = {}
    if 'user' in found and 'gravity' in found:
        keys = {'gravity': 'removed', 'frame': 'sensor'}
        columns = {'acc': found['user'], 'gravity': found['gravity']}
        groups['motion'] = {c: _negated(names) for c, names in columns.items()}
    elif acc is not None:
        raw = 'raw' in found
        acc = found['raw'] if raw else acc
        keys = {'gravity': 'included' if raw else 'removed', 'frame': 'sensor'}
        groups['accelerometer' if raw else 'motion'] = {'acc': _negated(acc)}
    if acc is not None:
        notes.append(
            f'{path}: acceleration has the reversed sign of iOS, which is '
            'turned back'
        )
    clock = 'motion' if 'rate' in found else 'gyro'
    gyro = found.get('rate', found.get('gyro'))
    if gyro is not None:
        groups.setdefault(clock, {})['gyro'] = gyro
    if not groups:
        raise mistake(
            path,
            'has neither acceleration nor angular rate: all its cells are 0 '
            'or empty',
            'Switch Accelerometer or Device Motion on in the app',
        )
    parts = []
    for clock, columns in groups.items():
        timing = _timing(header, table, clock, notes)
        more = keys if 'acc' in columns else {}
        units = {'acc': 'g', 'gyro': 'rad/s', **timing.pop('units', {})}
        columns = {**columns, 'time': timing.pop('time')}
        parts.append(
            described(path, columns=columns, units=units, **timing, **more)
        )
    if 'quat' in found:
        parts += _quaternions(table, found, parts, notes)
    known = {channel for part in parts for channel in part['columns']}
    removed = keys.get('gravity') == 'removed'
    if removed and not {'gravity', 'quat'} & known:
        notes.append(
            f'{path}: acceleration is without gravity, and no orientation is '
            'known with it; switch on Accelerometer or Device Motion with '
            'gravity in the app for the next recording'
        )
    return {'parts': parts} if len(parts) > 1 else parts[0]


def _negated(names: list[str]) -> list[str]:
    return [f'-{name}' for name in names]


def _read(
    header: Header, notes: list[str]
) -> tuple[Table, dict[str, list[str]]]:
    """The table, and the columns of each quantity that was recorded."""
    axes = {
        name: header.axes(pattern, axes='WXYZ' if name == 'quat' else 'XYZ')
        for name, pattern in _COLUMNS.items()
    }
    names = [name for some in axes.values() for name in some or ()]
    clocks = [header.find(_REBOOT.format(clock)) for clock in _CLOCKS]
    names += [name for name in clocks if name]
    table = read_table(header.path, names, [header.find(_LOGGING) or ''])
    recorded = {}
    for quantity, some in axes.items():
        values = [np.nan_to_num(table.numbers[name]) for name in some or ()]
        if some and any(column.any() for column in values):
            recorded[quantity] = some
        elif some:
            notes.append(
                f'{header.path}: {some[0]} and its axes are 0 or empty '
                'throughout and are left out'
            )
    return table, recorded


def _timing(
    header: Header, table: Table, clock: str, notes: list[str]
) -> dict[str, Any]:
    """Keys of the times of one clock, and when it started."""
    logging = header.find(_LOGGING) or ''
    name = header.find(_REBOOT.format(clock))
    since = None if name is None else table.numbers[name]
    if since is None or not np.unique(since[np.isfinite(since)]).size > 1:
        return {'time': logging}
    result: dict[str, Any] = {'time': name, 'units': {'time': 's'}}
    if logging in table.dates:
        lead = table.numbers[logging] - since
        # A sample is logged after it was taken.
        result['start_s'] = float(np.nanpercentile(lead, 1))
        notes.append(
            f'{header.path}: times are those of {name}, set to the date by '
            f'{logging}'
        )
    return result


def _quaternions(
    table: Table,
    found: dict[str, list[str]],
    parts: list[dict[str, Any]],
    notes: list[str],
) -> list[dict[str, Any]]:
    """The part with orientation, if it fits the rest."""
    motion = [p for p in parts if p['columns']['time'].startswith('motion')]
    time = motion[0]['columns']['time'] if motion else ''
    attitude = None
    if time in table.numbers:
        arrays = {
            name: np.stack([table.numbers[n] for n in names], axis=1)
            for name, names in found.items()
        }
        times = table.numbers[time]
        gyro = arrays.get('rate')
        gravity = arrays.get('gravity')
        attitude = find_attitude(
            times,
            arrays['quat'],
            None if gyro is None else (times, gyro),
            None if gravity is None else (times, -STANDARD_GRAVITY * gravity),
        )
    if attitude is None or attitude.up < 0:
        notes.append(
            f'{table.path}: its quaternions do not fit gravity and angular '
            'rate, or nothing shows which way they turn; they are left out'
        )
        return []
    keys = {k: v for k, v in motion[0].items() if k in ('units', 'start_s')}
    part = described(
        table.path,
        columns={'time': time, 'quat': found['quat']},
        quat_order='wxyz',
        quat_direction=attitude.direction,
        **keys,
    )
    return [part]
