"""SensorLog (iPhone, Apple Watch) and phyphox.

SensorLog writes one wide table. Acceleration is in g with the reversed sign
of iOS: as measured (``accelerometerAcceleration``), and apart into that of
the user and gravity (``motionUserAcceleration``, ``motionGravity``), which
share their times with angular rate and orientation. Cells of sensors that are
off are 0 or null.

phyphox writes a folder with a table per sensor, or one table with several.
Names of columns end in units: ``Acceleration x (m/s^2)``, ``X (m/s^2)``,
``Linear Acceleration x (m/s^2)`` (without gravity), ``Gyroscope x (rad/s)``.
``meta/time.csv`` says when the experiment started, and when it paused. On
iPhones the app turns acceleration to the signs of Android itself.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import STANDARD_GRAVITY, Clock, SensorStream
from ..utils.errors import mistake
from .archives import files_of, is_folder
from .base import register_reader
from .devices import ExportReader, described, of_parts
from .headers import Header, find_header, head_lines, split_cells
from .orientation import UNFIT_QUATERNIONS, find_attitude
from .tables import Table, read_table

_TIME = r'.*\(s\)'
_UNITS = {
    r'\(m/s(\^2|²|2)\)': ('acc', 'm/s2'),
    r'\(rad/s\)': ('gyro', 'rad/s'),
    r'\([µμ]T\)': ('mag', 'uT'),
}
_FREE = re.compile(
    r'lin[eé]a|lin\.|(without|ohne|sans|sin|senza|sem|zonder|bez) g', re.I
)


@register_reader
class PhyphoxReader(ExportReader):
    """Reads the folder of an export, or one of its tables."""

    name = 'phyphox'
    title = 'phyphox'
    device = 'phone'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By columns such as ``Time (s)`` and ``Gyroscope x (rad/s)``."""
        files = files_of(path, '.csv') if is_folder(path) else [path]
        return any(_quantities(file) for file in files)

    def describe(self) -> dict[str, dict[str, Any]]:
        """One phone; with gravity where both accelerations are there."""
        files, beside = [self.source], files_of(self.source, '.csv')
        if is_folder(self.source) or (self.source.parent / 'meta').is_dir():
            files += [path for path in beside if path not in files]
        columns_of: dict[str, tuple[Header, list[str]]] = {}
        for path in files:
            for quantity, where in _quantities(path).items():
                columns_of.setdefault(quantity, where)
        folder = files[0].parent.name
        name, notes = self.placed([self.source.stem, folder])
        others = {header.path.name for header, _ in columns_of.values()}
        if not is_folder(self.source) and others != {self.source.name}:
            listed = ', '.join(sorted(others - {self.source.name}))
            notes.append(f'{self.source}: read with {listed} beside it')
        free = 'acc' not in columns_of and 'free' in columns_of
        if free:
            columns_of['acc'] = columns_of.pop('free')
            path = columns_of['acc'][0].path
            notes.append(
                f'{path}: acceleration is without gravity, and the app knows '
                'no orientation; record "Acceleration with g" too'
            )
        parts = []
        for channel in ('acc', 'gyro', 'mag'):
            if channel in columns_of:
                header, names = columns_of[channel]
                unit = dict(_UNITS.values())[channel]
                keys: dict[str, Any] = {}
                if channel == 'acc':
                    gravity = 'removed' if free else 'included'
                    keys = {'gravity': gravity, 'frame': 'sensor'}
                part = described(
                    header.path,
                    columns={'time': header.find(_TIME), channel: names},
                    units={'time': 's', channel: unit},
                    **keys,
                )
                parts.append(part)
        return {name: of_parts(parts, notes)}

    def read_imu(self) -> dict[str, SensorStream]:
        """The phone, with the times of day that the export knows."""
        streams = super().read_imu()
        starts = _starts(self.source)
        if not len(starts) or 'start_s' in self.options:
            return streams
        return {n: _dated(s, starts) for n, s in streams.items()}


def _quantities(path: Path) -> dict[str, tuple[Header, list[str]]]:
    """Columns of a table by channel; ``free`` is without gravity."""
    quantities: dict[str, tuple[Header, list[str]]] = {}
    for unit, (channel, _) in _UNITS.items():
        header = find_header(path, _TIME, rf'(.* )?x {unit}', most=3)
        for name in header.names if header else ():
            match = re.fullmatch(rf'(.* |)x {unit}', name, re.I)
            if match is None or header is None:
                continue
            label = match[1]
            names = header.axes(rf'{re.escape(label)}@ {unit}')
            kind = channel
            if channel == 'acc' and _FREE.search(label or path.stem):
                kind = 'free'
            if channel == 'acc' and 'gravity' in label.lower():
                continue
            if names and kind in quantities:
                return {}  # of several sensors, which no phone has
            if names:
                quantities[kind] = header, names
    return quantities


def _starts(source: Path) -> np.ndarray:
    """(n, 2) experiment time of each start, and seconds since 1970."""
    folder = source if is_folder(source) else source.parent
    if is_folder(source) and files_of(source, '.csv'):
        folder = files_of(source, '.csv')[0].parent
    rows = []
    for line in head_lines(folder / 'meta' / 'time.csv', 1000):
        delimiter = max(',;\t', key=line.count)
        cells = split_cells(line, delimiter)
        if len(cells) > 2 and cells[0].upper() == 'START':
            try:
                numbers = [float(c.replace(',', '.')) for c in cells[1:3]]
            except ValueError:
                continue
            rows.append(numbers)
    starts = np.array(rows, float).reshape(-1, 2)
    increasing = (np.diff(starts, axis=0) >= 0).all()
    return starts if np.isfinite(starts).all() and increasing else starts[:0]


def _dated(stream: SensorStream, starts: np.ndarray) -> SensorStream:
    """The stream with seconds since 1970; pauses become gaps."""
    times = stream.clock.at()
    runs = np.searchsorted(starts[:, 0], times, 'right') - 1
    leads = starts[:, 1] - starts[:, 0]
    times = times + leads[np.maximum(runs, 0)]
    notes = stream.notes
    pauses = leads[1:] - leads[:-1]
    if len(pauses):
        notes = (
            *notes,
            f'meta/time.csv: the experiment was paused {len(pauses)} times, '
            f'for {pauses.sum():.3f} s in all; the pauses are gaps',
        )
    return replace(stream, clock=Clock(len(times), times=times), notes=notes)


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
            sensors[name] = of_parts(_parts(header, notes), notes)
        return sensors


def _header(path: Path) -> Header | None:
    some = [_COLUMNS[name] for name in ('raw', 'user', 'rate', 'gyro')]
    headers = (find_header(path, _LOGGING, name, most=3) for name in some)
    return next((header for header in headers if header), None)


def _parts(header: Header, notes: list[str]) -> list[dict[str, Any]]:
    """Parts of the only sensor of a table."""
    path, table, columns_of = header.path, *_read(header, notes)
    acc = columns_of.get('user') or columns_of.get('raw')
    groups: dict[str, dict[str, Any]] = {}
    keys: dict[str, Any] = {}
    if 'user' in columns_of and 'gravity' in columns_of:
        keys = {'gravity': 'removed', 'frame': 'sensor'}
        columns = {'acc': columns_of['user'], 'gravity': columns_of['gravity']}
        groups['motion'] = {c: _negated(names) for c, names in columns.items()}
    elif acc is not None:
        raw = 'raw' in columns_of
        acc = columns_of['raw'] if raw else acc
        keys = {'gravity': 'included' if raw else 'removed', 'frame': 'sensor'}
        groups['accelerometer' if raw else 'motion'] = {'acc': _negated(acc)}
    if acc is not None:
        notes.append(
            f'{path}: acceleration has the reversed sign of iOS, which is '
            'turned back'
        )
    clock = 'motion' if 'rate' in columns_of else 'gyro'
    gyro = columns_of.get('rate', columns_of.get('gyro'))
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
    if 'quat' in columns_of:
        parts += _quaternions(table, columns_of, parts, notes)
    known = {channel for part in parts for channel in part['columns']}
    removed = keys.get('gravity') == 'removed'
    if removed and not {'gravity', 'quat'} & known:
        notes.append(
            f'{path}: acceleration is without gravity, and no orientation is '
            'known with it; switch on Accelerometer or Device Motion with '
            'gravity in the app for the next recording'
        )
    return parts


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
    columns_of: dict[str, list[str]],
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
            for name, names in columns_of.items()
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
        notes.append(f'{table.path}: {UNFIT_QUATERNIONS}')
        return []
    keys = {k: v for k, v in motion[0].items() if k in ('units', 'start_s')}
    part = described(
        table.path,
        columns={'time': time, 'quat': columns_of['quat']},
        quat_order='wxyz',
        quat_direction=attitude.direction,
        **keys,
    )
    return [part]
