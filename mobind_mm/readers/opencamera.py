"""OpenCamera Sensors (Android): tables without names beside a video.

``VID_..._accel.csv`` and ``..._gyro.csv`` hold x, y, z and nanoseconds since
the phone started, with or without the underscore; ``..._timestamps.csv`` the
times of the video's frames on the same clock.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..utils.errors import mistake
from .archives import files_of, is_folder
from .base import register_reader
from .exports import ExportReader, data_row, described
from .peek import head_lines

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
            own = _NAME.fullmatch(self.source.stem)
            takes = {own[1]: takes[own[1]]} if own else {}
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
        keys = {'parts': parts} if len(parts) > 1 else parts[0]
        return {name: {**keys, '_notes': notes}}


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
