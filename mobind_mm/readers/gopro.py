"""Telemetry of GoPro cameras as CSV: a file of each stream.

``cts`` counts milliseconds from the start of the video, so the times are
those of the camera's own video. ACCL and GYRO have rates of their own. Axes
are named in the header, in the order z, x, y that the camera stores.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .archives import files_of, is_folder
from .base import register_reader
from .exports import (
    ExportReader,
    Header,
    described,
    find_header,
)

_UNIT = {'acc': r' \[m/s(²|2|\^2)\]', 'gyro': r' \[rad/s\]'}
_LABEL = {'acc': 'Accelerometer', 'gyro': 'Gyroscope'}
_WORDS = {'x': 'right/left', 'y': 'forward/back', 'z': 'up/down'}
_STREAM = re.compile(r'[ _-]?(ACCL|GYRO|accl?|accel\w*|gyro\w*)$', re.I)


@register_reader
class GoProReader(ExportReader):
    """Reads one stream with the other beside it, or a folder of them."""

    name = 'gopro'
    title = 'GoPro telemetry'
    device = 'camera'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By ``cts`` and the names of acceleration or angular rate."""
        files = files_of(path, '.csv') if is_folder(path) else [path]
        return any(_streams(file) for file in files)

    def describe(self) -> dict[str, dict[str, Any]]:
        """A sensor for each camera file, called after it if there are two."""
        takes: dict[str, dict[str, tuple[Header, list[str]]]] = {}
        notes: dict[str, list[str]] = {}
        stem = _take(self.source)
        for path in files_of(self.source, '.csv'):
            take = _take(path)
            if not is_folder(self.source) and take != stem:
                continue
            for channel, found in _streams(path, notes.setdefault(take, [])):
                takes.setdefault(take, {}).setdefault(channel, found)
        sensors = {}
        for take, channels in takes.items():
            name, said = self.placed([take])
            name = name if len(takes) == 1 or said else take or 'camera'
            names = {header.path.name for header, _ in channels.values()}
            if not is_folder(self.source) and names != {self.source.name}:
                listed = ', '.join(sorted(names - {self.source.name}))
                said.append(f'{self.source}: read with {listed} beside it')
            parts = [
                _part(channel, *channels[channel])
                for channel in ('acc', 'gyro')
                if channel in channels
            ]
            keys = {'parts': parts} if len(parts) > 1 else parts[0]
            sensors[name] = {**keys, '_notes': [*said, *notes[take]]}
        return sensors


def _take(path: Path) -> str:
    """Name of a file without that of its stream."""
    return _STREAM.sub('', path.stem)


def _streams(
    path: Path, notes: list[str] | None = None
) -> list[tuple[str, tuple[Header, list[str]]]]:
    """Channels of a file with their columns."""
    found = []
    for channel, unit in _UNIT.items():
        label = _LABEL[channel]
        for start in (rf'{label} \(.*\)', label):
            header = find_header(path, r'cts|date', start + unit, most=2)
            if header is not None:
                break
        else:
            continue
        names = header.axes(rf'{label} \(@\){unit}')
        if names is None:
            named = [
                header.find(rf'{label} \({word}\){unit}')
                for word in _WORDS.values()
            ]
            names = None if None in named else [str(n) for n in named]
        first = header.find(label + unit)
        if names is None and first and {'1', '2'} <= {*header.names}:
            names = ['1', '2', first]  # stored as z, x, y
            if notes is not None:
                notes.append(
                    f'{path}: the axes have no names; they are taken for z, '
                    'x, y, as GoPro stores them'
                )
        if names is not None:
            found.append((channel, (header, names)))
    return found


def _part(channel: str, header: Header, names: list[str]) -> dict[str, Any]:
    counted = header.find('cts')
    keys: dict[str, Any] = {}
    if channel == 'acc':
        keys = {'gravity': 'included', 'frame': 'sensor'}
    units = {'acc': 'm/s2', 'gyro': 'rad/s'}
    if counted:
        units['time'] = 'ms'
    return described(
        header.path,
        columns={'time': counted or header.find('date'), channel: names},
        units=units,
        **keys,
    )
