"""Sensors of cameras: OpenCamera Sensors (Android) and GoPro.

OpenCamera Sensors writes tables without names beside a video:
``VID_..._accel.csv`` and ``..._gyro.csv`` hold x, y, z and nanoseconds since
the phone started, with or without the underscore; ``..._timestamps.csv`` the
times of the video's frames on the same clock.

Telemetry of GoPro comes as a CSV file of each stream. ``cts`` counts
milliseconds from the start of the video, so the times are those of the
camera's own video. ACCL and GYRO have rates of their own. Axes are named in
the header, in the order z, x, y that the camera stores.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..utils.errors import mistake
from .archives import files_of, is_folder
from .base import register_reader
from .devices import ExportReader, described, of_parts
from .headers import Header, data_row, find_header, head_lines

_UNIT = {'acc': r' \[m/s(²|2|\^2)\]', 'gyro': r' \[rad/s\]'}
_LABEL = {'acc': 'Accelerometer', 'gyro': 'Gyroscope'}
_WORDS = ('right/left', 'forward/back', 'up/down')
"""What x, y and z may be called."""
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
            for channel, stream in _streams(path, notes.setdefault(take, [])):
                takes.setdefault(take, {}).setdefault(channel, stream)
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
            sensors[name] = of_parts(parts, [*said, *notes[take]])
        return sensors


def _take(path: Path) -> str:
    """Name of a file without that of its stream."""
    return _STREAM.sub('', path.stem)


def _streams(
    path: Path, notes: list[str] | None = None
) -> list[tuple[str, tuple[Header, list[str]]]]:
    """Channels of a file with their columns."""
    streams = []
    for channel, unit in _UNIT.items():
        label = _LABEL[channel]
        for start in (rf'{label} \(.*\)', label):
            header = find_header(path, r'cts|date', start + unit, most=2)
            if header is not None:
                break
        else:
            continue
        names = header.axes(rf'{label} \(@\){unit}')
        if not names:
            names = header.axes(rf'{label} \(@\){unit}', axes=_WORDS)
        first = header.find(label + unit)
        if not names and first and {'1', '2'} <= {*header.names}:
            names = ['1', '2', first]  # stored as z, x, y
            if notes is not None:
                notes.append(
                    f'{path}: the axes have no names; they are taken for z, '
                    'x, y, as GoPro stores them'
                )
        if names:
            streams.append((channel, (header, names)))
    return streams


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


_NAME = re.compile(
    r'(.*?)[_-]?(accel|gyro|magnetic|(?:imu_)?timestamps)', re.I
)
_CHANNELS = {'accel': 'acc', 'gyro': 'gyro', 'magnetic': 'mag'}
_UNITS = {'acc': 'm/s2', 'gyro': 'rad/s', 'mag': 'uT'}
_NUMBER = re.compile(r'[+-]?\d+(\.\d*)?([eE][+-]?\d+)?')


@register_reader
class OpenCameraReader(ExportReader):
    """Reads the tables of one video, from one of them or their folder."""

    name = 'opencamera'
    title = 'OpenCamera Sensors'
    device = 'phone'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By rows of three numbers and nanoseconds, and the files' names."""
        files = files_of(path, '.csv') if is_folder(path) else [path]
        return any(_channel(file) for file in files)

    def describe(self) -> dict[str, dict[str, Any]]:
        """The phone that filmed."""
        takes: dict[str, dict[str, Path]] = {}
        frames = {}
        for path in files_of(self.source, '.csv'):
            match = _NAME.fullmatch(path.stem)
            if match is None:
                continue
            if match[2].lower().endswith('timestamps'):
                frames[match[1]] = path
            elif _channel(path):
                takes.setdefault(match[1], {})[_channel(path)] = path
        if not is_folder(self.source):
            named = _NAME.fullmatch(self.source.stem)
            takes = {named[1]: takes[named[1]]} if named else {}
        if len(takes) != 1:
            raise mistake(
                self.source,
                f'holds tables of {len(takes)} videos ({", ".join(takes)})',
                'Give one of the tables, such as VID_..._accel.csv',
            )
        take, files = next(iter(takes.items()))
        name, notes = self.placed([take, self.source.stem])
        if take in frames:
            notes.append(
                f'{frames[take]}: holds the times of the frames of the '
                "phone's own video on the clock of these sensors; it is not "
                'read here (--frame-times)'
            )
        parts = [
            described(
                files[channel],
                columns={'time': '4', channel: ['1', '2', '3']},
                units={'time': 'ns', channel: _UNITS[channel]},
                header=0,
                gravity='included' if channel == 'acc' else None,
                frame='sensor' if channel == 'acc' else None,
            )
            for channel in ('acc', 'gyro', 'mag')
            if channel in files
        ]
        return {name: of_parts(parts, notes)}


def _channel(path: Path) -> str:
    """Channel of a table; empty if it is not of this app."""
    match = _NAME.fullmatch(path.stem)
    cells = data_row((head_lines(path, 1) or [''])[0])
    numbers = all(_NUMBER.fullmatch(cell) for cell in cells)
    if match is None or len(cells) != 4 or not numbers:
        return ''
    if not re.fullmatch(r'\d{10,19}', cells[3]):
        return ''
    return _CHANNELS.get(match[2].lower(), '')
