"""Sensor Logger (phones and watches): a folder with a table per sensor.

``Accelerometer.csv`` is without gravity, ``TotalAcceleration.csv`` (Android)
with it; on iOS the two that make it up are apart. Without the app's setting
"Standardise Units & Frames", iOS shows acceleration and gravity with reversed
signs, and some files in g. ``Metadata.csv`` knows both.

Formats: https://github.com/tszheichoi/awesome-sensor-logger (UNITS.md,
COORDINATES.md, CROSSPLATFORM.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import STANDARD_GRAVITY
from ..utils.errors import mistake
from .archives import files_of, is_folder
from .base import register_reader
from .devices import (
    ExportReader,
    columns_of,
    described,
    of_parts,
    unit_of_gravity,
)
from .headers import Header, find_header, head_lines, split_cells
from .orientation import UNFIT_QUATERNIONS, find_attitude

_KINDS = (
    'totalacceleration', 'linearacceleration', 'gravity',
    'accelerometeruncalibrated', 'accelerometer', 'gyroscopeuncalibrated',
    'gyroscope', 'magnetometeruncalibrated', 'magnetometer', 'gameorientation',
    'orientation', 'wristmotion', 'headphone',
)  # fmt: skip
_KIND = re.compile(f'(.*?)(watch)?({"|".join(_KINDS)})')
_DEVICES = {'watch': 'watch', 'wristmotion': 'watch', 'headphone': 'head'}
_FREE = ('accelerometer', 'linearacceleration')
"""Files of acceleration without gravity."""
_XYZ = ['x', 'y', 'z']
_MOST_G = 17.0
_INCLUDED = 0.5
"""Share of samples near gravity from which a file must include it."""


@dataclass
class _Device:
    """Files of one phone, watch or headphones, and what is known of them.

    Args:
        name: What to call the sensor.
        facts: Content of ``Metadata.csv``.
        notes: What is assumed or left out.
        files: Tables by kind.
        total: Times (T,) and acceleration with gravity, or gravity alone
            (T, 3), in m/s^2 and the signs of the file.
    """

    name: str
    facts: Mapping[str, str]
    notes: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    total: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def standard(self) -> bool:
        """Whether units and frames are standardised."""
        return self.facts.get('standardisation') == 'true'


@register_reader
class SensorLoggerReader(ExportReader):
    """Reads the folder of a recording, or one of its files.

    A file that is given alone is read with those beside it.
    """

    name = 'sensor_logger'
    title = 'Sensor Logger'
    device = 'phone'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the columns ``time`` and ``seconds_elapsed``."""
        if is_folder(path):
            files = files_of(path, '.csv')
            return any(_kind(file) and _header(file) for file in files)
        return _header(path) is not None

    def describe(self) -> dict[str, dict[str, Any]]:
        """A phone, a watch and headphones are three sensors."""
        sensors: dict[str, dict[str, Any]] = {}
        for device in self._devices():
            wide = device.files.get('wristmotion')
            wide = wide or device.files.get('headphone')
            parts = _wide(device, wide) if wide else _narrow(device)
            if parts:
                name = device.name
                while name in sensors:
                    name += ' 2'
                sensors[name] = of_parts(parts, device.notes)
        if not sensors:
            raise mistake(
                self.source,
                'has no rows of acceleration or angular rate '
                '(TotalAcceleration.csv, Gravity.csv, Gyroscope.csv, ...)',
                'Give the folder of a recording of Sensor Logger',
            )
        return sensors

    def _devices(self) -> list[_Device]:
        """Files by device; of a file, only those of its own device."""
        devices: dict[tuple[str, str], _Device] = {}
        only = None
        tables = files_of(self.source, '.csv')
        facts = _metadata(tables)
        for path in tables:
            kind = _kind(path)
            if kind is None:
                continue
            prefix, worn, what = kind
            if path.name == self.source.name:
                only = prefix, worn
            device = devices.setdefault((prefix, worn), _Device(worn, facts))
            if _header(path) is None:
                device.notes.append(
                    f'{path}: is damaged or of another app and is left out'
                )
            elif any(line.strip() for line in head_lines(path, 4)[1:]):
                device.files[what] = path
            else:
                device.notes.append(f'{path}: has no rows and is left out')
        for (prefix, worn), device in devices.items():
            texts = [prefix]
            if len(devices) == 1:
                texts += [tables[0].parent.name, self.source.name]
            device.name, notes = self.placed(texts, worn)
            device.notes += notes
        if is_folder(self.source):
            return [*devices.values()]
        if only is None:
            raise mistake(
                self.source,
                'does not say by its name which sensor it is of',
                'Give it the name that the app gave it, such as '
                'TotalAcceleration.csv',
            )
        chosen = devices[only]
        names = sorted(p.name for p in chosen.files.values())
        beside = [name for name in names if name != self.source.name]
        if beside:
            chosen.notes.append(
                f'{self.source}: read with {", ".join(beside)} beside it'
            )
        return [chosen]


def _header(path: Path) -> Header | None:
    header = find_header(path, 'time', 'seconds_elapsed', most=2)
    named = header is not None and (_kind(path) or header.find('x'))
    return header if named else None


def _kind(path: Path) -> tuple[str, str, str] | None:
    """What stands before the name that the app gave, device, and kind."""
    match = _KIND.fullmatch(re.sub('[^a-z]', '', path.stem.lower()))
    if match is None:
        return None
    letters, watch, kind = match.groups()
    prefix = ''
    while re.sub('[^a-z]', '', prefix.lower()) != letters:
        prefix = path.stem[: len(prefix) + 1]
    worn = _DEVICES.get(watch or kind, 'phone')
    return prefix.strip(' _-'), worn, kind


def _metadata(tables: list[Path]) -> Mapping[str, str]:
    """Facts of ``Metadata.csv``; none if it is not there."""
    for path in tables:
        if path.stem.lower().endswith('metadata'):
            lines = head_lines(path, 2)
            rows = [split_cells(line.lower(), ',') for line in lines]
            return dict(zip(*rows)) if len(rows) == 2 else {}
    return {}


def _part(file: Path, channel: str, unit: str, **keys: Any) -> dict[str, Any]:
    """Keys of one table."""
    return described(
        file,
        columns={'time': 'time', channel: _XYZ},
        units={'time': 'ns', 'acc' if channel == 'gravity' else channel: unit},
        **keys,
    )


def _narrow(device: _Device) -> list[dict[str, Any]]:
    """Parts of a sensor whose channels have tables of their own."""
    files = device.files
    parts = _acceleration(device)
    for channel, unit, kinds in (
        ('gyro', 'rad/s', ('gyroscope', 'gyroscopeuncalibrated')),
        ('mag', 'uT', ('magnetometer',)),
    ):
        given = [files[kind] for kind in kinds if kind in files]
        if given and (parts or channel == 'gyro'):
            parts.append(_part(given[0], channel, unit))
    if not parts:
        return []
    up = 0
    turns = files.get('orientation', files.get('gameorientation'))
    if turns is not None:
        gyro = files.get('gyroscope', files.get('gyroscopeuncalibrated'))
        names = ['time', *_XYZ]
        rates = gyro and columns_of(gyro, names)
        quat, up = _attitude(
            device, turns, ['qw', 'qx', 'qy', 'qz'], rates or None
        )
        parts += quat
    _signs(device, parts, up)
    free = any(part.get('gravity') == 'removed' for part in parts)
    if free and device.total is None and 'quat' not in _channels(parts):
        device.notes.append(
            f'{parts[0]["file"]}: acceleration is without gravity, and no '
            'orientation is known with it; switch on TotalAcceleration or '
            'Gravity in the app for the next recording'
        )
    return parts


def _channels(parts: list[dict[str, Any]]) -> set[str]:
    return {channel for part in parts for channel in part['columns']}


def _acceleration(device: _Device) -> list[dict[str, Any]]:
    """Parts with acceleration: the best that is there."""
    files, names = device.files, ['time', *_XYZ]
    total = files.get('totalacceleration')
    free = next((files[kind] for kind in _FREE if kind in files), None)
    if total is None and (free is None or 'gravity' not in files):
        total = files.get('accelerometeruncalibrated')
    if total is None and free is not None:
        times, acc = columns_of(free, names)
        near = np.abs(np.linalg.norm(acc, axis=1) - STANDARD_GRAVITY) < 1.0
        if len(near) and near.mean() > _INCLUDED:
            total = free
            device.notes.append(
                f'{free}: includes gravity, as its values show; no other '
                'file is added to it'
            )
    if total is not None:
        times, acc = columns_of(total, names)
        unit = unit_of_gravity(acc) or 'm/s2'
        device.total = times, acc * (STANDARD_GRAVITY if unit == 'g' else 1)
        return [_part(total, 'acc', unit, gravity='included', frame='sensor')]
    if free is None:
        return []
    unit, acc = 'm/s2', columns_of(free, names)[1]
    parts = [_part(free, 'acc', unit, gravity='removed', frame='sensor')]
    if 'gravity' in files:
        times, gravity = columns_of(files['gravity'], names)
        unit = unit_of_gravity(gravity) or 'm/s2'
        factor = STANDARD_GRAVITY if unit == 'g' else 1.0
        device.total = times, gravity * factor
        parts.append(_part(files['gravity'], 'gravity', unit))
        # No phone measures more g than this.
        if unit == 'g' and np.abs(acc).max(initial=0.0) < _MOST_G:
            parts[0]['units']['acc'] = unit
            device.notes.append(
                f'{free}: is taken to be in g, as {files["gravity"].name} is'
            )
    return parts


def _wide(device: _Device, file: Path) -> list[dict[str, Any]]:
    """Parts of a table with all channels, of a watch or of headphones."""
    header = _header(file)
    assert header is not None  # else it has no kind
    channels = {
        name: header.axes(f'{pattern}@', axes=axes)
        for name, pattern, axes in (
            ('acc', 'acceleration', 'XYZ'),
            ('gravity', 'gravity', 'XYZ'),
            ('gyro', 'rotationRate', 'XYZ'),
            ('quat', 'quaternion', 'WXYZ'),
        )
    }
    acc, gravity = channels['acc'], channels['gravity']
    if not acc:
        return []
    unit, added = 'm/s2' if device.standard else 'g', None
    if gravity:
        times, vectors = columns_of(file, ['time', *gravity])
        added = unit_of_gravity(vectors) or unit
        factor = STANDARD_GRAVITY if added == 'g' else 1.0
        device.total = times, vectors * factor
        if 'headphone' not in device.files:
            unit = added  # of headphones it is always m/s2
    columns = {'time': 'time', 'acc': acc, 'gyro': channels['gyro']}
    units = {'time': 'ns', 'acc': unit, 'gyro': 'rad/s'}
    parts = [
        described(
            file,
            columns=columns,
            units=units,
            gravity='removed',
            frame='sensor',
        )
    ]
    if gravity:
        parts.append(_part(file, 'gravity', str(added)))
        parts[-1]['columns']['gravity'] = gravity
    up = 0
    if channels['quat']:
        rates = channels['gyro'] and columns_of(
            file, ['time', *channels['gyro']]
        )
        quat, up = _attitude(device, file, channels['quat'], rates or None)
        parts += quat
    _signs(device, parts, up)
    return parts


def _attitude(
    device: _Device,
    file: Path,
    names: list[str],
    gyro: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[list[dict[str, Any]], int]:
    """The part with quaternions, if they fit, and where gravity shows."""
    header = _header(file)
    if header is None or not {*names} <= {*header.names}:
        device.notes.append(f'{file}: has no quaternions and is left out')
        return [], 0
    times, quat = columns_of(file, ['time', *names])
    attitude = find_attitude(
        times * 1e-9, quat, _in_seconds(gyro), _in_seconds(device.total)
    )
    if attitude is None:
        device.notes.append(f'{file}: {UNFIT_QUATERNIONS}')
        return [], 0
    part = described(
        file,
        columns={'time': 'time', 'quat': names},
        units={'time': 'ns'},
        quat_order='wxyz',
        quat_direction=attitude.direction,
    )
    return [part], attitude.up


def _in_seconds(
    stream: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray] | None:
    return None if stream is None else (stream[0] * 1e-9, stream[1])


def _signs(device: _Device, parts: list[dict[str, Any]], up: int) -> None:
    """Negate acceleration that has the reversed sign of iOS, and say so."""
    first, units = parts[0]['file'], [part['units'] for part in parts]
    if 'acc' not in parts[0]['columns']:
        return
    why = ''
    if 'platform' in device.facts:
        if device.facts['platform'] == 'ios' and not device.standard:
            why = 'Metadata.csv says iOS without standardised frames'
    elif any(unit.get('acc') == 'g' for unit in units):
        why = 'it is in g, as on iOS'
    elif up < 0:
        why = 'gravity shows down, as on iOS'
    elif up == 0 and 'totalacceleration' not in device.files:
        device.notes.append(
            f'{first}: nothing says whether it is of an iPhone, whose '
            'acceleration has the reversed sign; signs are left as they are'
        )
    if not why:
        return
    for part in parts:
        for channel in ('acc', 'gravity'):
            if channel in part['columns']:
                names = [f'-{name}' for name in part['columns'][channel]]
                part['columns'][channel] = names
    device.notes.append(f'{first}: {why}; the reversed signs are turned back')
