"""MetaWear, Polar and Empatica, worn on the wrist or the chest.

The apps of the first two write acceleration and rotation into separate files.
MetaWear (MetaBase, MetaHub): ``epoch (ms),time (...),elapsed (s),x-axis (g)``;
packets of three samples share a stamp. Polar (Polar Sensor Logger): times of
the sensor count nanoseconds from 2000-01-01 (Polar BLE SDK documentation).

Empatica E4 (``info.txt`` of its exports), ``ACC.csv``: the first row is the
start, the second the rate, and the numbers are 1/64 g. EmbracePlus (Empatica,
*Reading raw data*): ``unix_timestamp,x,y,z`` in microseconds and g, or in
counts of the sensor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..utils.errors import mistake
from .archives import files_in, is_folder
from .base import register_reader
from .devices import CHANNEL, SUFFIXES, LabReader, of_parts, recording_of
from .headers import Head, Names, head_lines, split_cells

_CHANNELS = ('acc', 'linear', 'gyro')
"""Contents that are read; of the first two, the first that is there."""


class PairReader(LabReader):
    """Reads files of one recording that hold a channel each.

    Derived classes set :attr:`word` and implement :meth:`fits`,
    :meth:`content` and :meth:`part`.

    Attributes:
        word: What a file's name calls its content.
    """

    word: ClassVar[re.Pattern[str]]

    @classmethod
    def content(cls, head: Head) -> str:
        """``acc``, ``gyro``, ``linear``, or what else the file holds."""
        raise NotImplementedError

    def part(self, head: Head, channel: str) -> dict[str, Any]:
        """Keys of the table of one channel."""
        raise NotImplementedError

    def describe_files(
        self, paths: list[Path]
    ) -> Iterator[tuple[Path, dict[str, dict[str, Any]]]]:
        """Sensors of the recordings that the files belong to."""
        beside = paths
        if not is_folder(self.source):
            files = files_in(self.source.parent, *SUFFIXES)
            beside = [path for path in files if self.reads(path)]
        keys = {
            path: (path.parent, *recording_of(path.stem, self.word))
            for path in (*paths, *beside)
        }
        for key in dict.fromkeys(keys[path] for path in paths):
            same = [path for path in beside if keys[path] == key]
            given = [path for path in paths if path in same]
            name = key[1] or self.name
            if not key[1] and key[0] not in (self.source, self.source.parent):
                name = key[0].name
            yield from self._recording(given, same, name)

    def _recording(
        self, given: list[Path], same: list[Path], name: str
    ) -> Iterator[tuple[Path, dict[str, dict[str, Any]]]]:
        """The sensor of one recording; files that are given come first."""
        heads: dict[str, Head] = {}
        others = []
        for path in dict.fromkeys((*given, *same)):
            head = self.head(path)
            if head is None:
                continue
            content = self.content(head)
            if content not in _CHANNELS or content in heads:
                others.append((path, content))
            else:
                heads[content] = head
        if {'acc', 'linear'} <= heads.keys():
            others.append((heads.pop('linear').path, 'linear acceleration'))
        if not heads:
            contents = ', '.join(sorted({content for _, content in others}))
            raise mistake(
                given[0],
                f'holds no acceleration or rotation ({contents})',
                'Give the file of the accelerometer, or the folder',
            )
        notes = [
            f'{path}: {content} is left out'
            for path, content in others
            if path in given
        ]
        parts = []
        for content in (c for c in _CHANNELS if c in heads):
            beside = heads[content].path
            if beside not in given:
                notes.append(
                    f'{given[0]}: {beside.name} beside it is read, too'
                )
            parts.append(self.part(heads[content], content))
        yield given[0], {name: of_parts(parts, notes)}


def _part(
    head: Head, channel: str, columns: dict[str, Any], units: dict[str, Any]
) -> dict[str, Any]:
    """Keys of a table with one channel."""
    keys = {'file': str(head.path), **head.keys(), 'columns': columns}
    if channel in ('acc', 'linear'):
        gravity = 'included' if channel == 'acc' else 'removed'
        keys.update(gravity=gravity, frame='sensor')
    return {**keys, 'units': units}


@register_reader
class MetaWearReader(PairReader):
    """Reads CSV files of MetaBase and MetaHub for MetaWear sensors."""

    name = 'metawear'
    title = 'MetaWear'
    word = CHANNEL

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By its columns of times."""
        first = re.fullmatch(r'epoch? \(ms\)', names[0], re.IGNORECASE)
        return bool(first) and 'elapsed (s)' in map(str.lower, names)

    @classmethod
    def content(cls, head: Head) -> str:
        """By the unit, and by the name for what else is in g."""
        match = re.search(r'\((.*)\)', head.names[-1])
        unit = match[1].strip() if match else ''
        words = [w[0].lower() for w in cls.word.finditer(head.path.stem)] or [
            ''
        ]
        if unit == 'g' and words[-1].startswith('linear'):
            return 'linear'
        if unit == 'g' and words[-1] == 'gravity':
            return 'gravity'
        kinds = {'g': 'acc', 'deg/s': 'gyro', 'rad/s': 'gyro'}
        return kinds.get(unit, words[-1] or head.names[-1][:40])

    def part(self, head: Head, channel: str) -> dict[str, Any]:
        """The column ``epoch (ms)``, and the three axes."""
        axes = head.axes(r'@-axis \(.*\)')
        if not axes:
            raise mistake(
                head.path, 'has no three axes', 'Export the file again'
            )
        name = 'gyro' if channel == 'gyro' else 'acc'
        unit = 'rad/s' if '(rad/s)' in axes[0] else 'deg/s'
        columns = {'time': head.find(r'epoch? \(ms\)'), name: axes}
        units = {'time': 'ms', name: 'g' if name == 'acc' else unit}
        return _part(head, channel, columns, units)


@register_reader
class PolarReader(PairReader):
    """Reads text files of Polar Sensor Logger."""

    name = 'polar'
    title = 'Polar'
    word = re.compile(
        r'(?<![a-z])(acc(el(erometer|eration)?)?|gyr(o(scope)?)?|mag(n|'
        r'netometer)?|ecg|ppg|ppi|hr|rr)(data)?(?![a-z])|(?<=polar)'
        r'(accelerometer|gyroscope|magnetometer)',
        re.IGNORECASE,
    )

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By its column of the sensor's times."""
        return 'sensor timestamp [ns]' in map(str.lower, names)

    @classmethod
    def content(cls, head: Head) -> str:
        """By the unit."""
        units = {
            'mg': 'acc',
            'g': 'acc',
            'm/s^2': 'acc',
            'm/s2': 'acc',
            'dps': 'gyro',
            'deg/s': 'gyro',
            'deg/sec': 'gyro',
            'rad/s': 'gyro',
        }
        for name in head.names:
            match = re.fullmatch(r'X ?\[(.*)\]', name)
            if match and match[1] in units:
                return units[match[1]]
        words = [w[0].upper() for w in cls.word.finditer(head.path.stem)]
        bare = all(head.find(axis) for axis in 'xyz')
        kinds = {'ACC': 'acc', 'GYR': 'gyro'} if bare else {}
        word = words[-1] if words else ', '.join(head.names[2:4])[:40]
        return kinds.get(word[:3], word)

    def part(self, head: Head, channel: str) -> dict[str, Any]:
        """Times of the sensor, or of the phone if those are empty."""
        axes = head.axes(r'@( ?\[.*\])?')
        stamp = head.index(r'sensor timestamp \[ns\]')
        if not axes or stamp is None:
            raise mistake(
                head.path, 'has no three axes', 'Export the file again'
            )
        first = head.index(r'X( ?\[.*\])?')
        assert first is not None  # axes were found
        unit = head.names[first][1:].strip(' []')
        unit = unit or {'acc': 'mg', 'gyro': 'dps'}[channel]  # as the app
        unit = {'dps': 'deg/s', 'deg/sec': 'deg/s', 'm/s^2': 'm/s2'}.get(
            unit, unit
        )
        units = {channel: unit, 'time': 'ns'}
        if head.filled(stamp) and max(head.values(stamp), default=0) > 0:
            columns = {'time': head.column(stamp), channel: axes}
            keys = _part(head, channel, columns, units)
            since_1970 = max(head.values(stamp)) > _FROM_1970
            return {**keys, 'epoch': '1970' if since_1970 else '2000'}
        phone = head.find(r'phone timestamp')
        return _part(head, channel, {'time': phone, channel: axes}, units)


_FROM_1970 = 1.3e18
"""Nanoseconds: 2041 if they counted from 2000, 2011 if from 1970."""


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


@register_reader
class EmpaticaReader(LabReader):
    """Reads acceleration of Empatica E4 and EmbracePlus."""

    name = 'empatica'
    title = 'Empatica'

    @classmethod
    def fits(cls, names: Names) -> bool:
        """By the names of EmbracePlus."""
        lower = [name.lower() for name in names]
        return 'unix_timestamp' in lower and lower[-3:] == ['x', 'y', 'z']

    @classmethod
    def reads(cls, path: Path) -> bool:
        """By those names, or the first rows of E4."""
        return _is_e4(path) or (
            super().reads(path) and 'gyro' not in path.stem.lower()
        )

    def describe_file(self, path: Path) -> dict[str, dict[str, Any]]:
        """Keys of the wrist band's accelerometer."""
        keys: dict[str, Any] = {
            'file': str(path),
            'gravity': 'included',
            'frame': 'sensor',
        }
        head = self.head(path)
        if head is not None:
            return {'embraceplus': {**keys, **_embrace(head)}}
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


def _embrace(head: Head) -> dict[str, Any]:
    """Keys of EmbracePlus, whose values may be counts."""
    axes = [head.index(axis) for axis in 'xyz']
    values = [head.values(i) for i in axes if i is not None]
    shortest = min(map(len, values))
    if not shortest:
        raise mistake(head.path, 'has no samples', 'Export the file again')
    lengths = np.linalg.norm([v[:shortest] for v in values], axis=0)
    counts = float(np.median(lengths)) > _COUNTS
    note = f'{head.path}: acceleration is taken to be counts, 1/2048 g each'
    return {
        **head.keys(),
        'columns': {
            'time': head.find('unix_timestamp'),
            'acc': head.axes('@'),
        },
        'units': {
            'time': 'us',
            'acc': f'1/{_COUNTS_PER_G} g' if counts else 'g',
        },
        '_notes': [note] if counts else [],
    }
