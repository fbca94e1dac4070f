"""phyphox: a folder with a table per sensor, or one table with several.

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

from ..recordings import Clock, SensorStream
from .archives import files_of, is_folder
from .base import register_reader
from .exports import (
    ExportReader,
    Header,
    described,
    find_header,
)
from .headers import split_cells
from .peek import head_lines

_TIME = r'.*\(s\)'
_UNITS = {
    r'\(m/s(\^2|²|2)\)': ('acc', 'm/s2'),
    r'\(rad/s\)': ('gyro', 'rad/s'),
    r'\([µμ]T\)': ('mag', 'uT'),
}
_FREE = re.compile(r'linear|lin\.|without g|ohne g|sans g|sin g', re.I)


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
        found: dict[str, tuple[Header, list[str]]] = {}
        for path in files:
            for quantity, where in _quantities(path).items():
                found.setdefault(quantity, where)
        folder = files[0].parent.name
        name, notes = self.placed([self.source.stem, folder])
        others = {header.path.name for header, _ in found.values()}
        if not is_folder(self.source) and others != {self.source.name}:
            listed = ', '.join(sorted(others - {self.source.name}))
            notes.append(f'{self.source}: read with {listed} beside it')
        free = 'acc' not in found and 'free' in found
        if free:
            found['acc'] = found.pop('free')
            path = found['acc'][0].path
            notes.append(
                f'{path}: acceleration is without gravity, and the app knows '
                'no orientation; record "Acceleration with g" too'
            )
        parts = []
        for channel in ('acc', 'gyro', 'mag'):
            if channel in found:
                header, names = found[channel]
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
        keys = {'parts': parts} if len(parts) > 1 else parts[0]
        return {name: {**keys, '_notes': notes}}

    def read_imu(self) -> dict[str, SensorStream]:
        """The phone, with the times of day that the export knows."""
        streams = super().read_imu()
        starts = _starts(self.source)
        if not len(starts) or 'start_s' in self.options:
            return streams
        return {n: _dated(s, starts) for n, s in streams.items()}


def _quantities(path: Path) -> dict[str, tuple[Header, list[str]]]:
    """Columns of a table by channel; ``free`` is without gravity."""
    found: dict[str, tuple[Header, list[str]]] = {}
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
            if names and kind not in found:
                found[kind] = header, names
    return found


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
