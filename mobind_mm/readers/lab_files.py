"""Files of laboratory sensors: which belong together, and what they say.

A folder holds several sensors, or the acceleration and the rotation of one
sensor in files of their own. Names of files and of sensors often say where a
sensor is worn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.errors import mistake, shown
from .devices import DeviceReader
from .placing import placement_in

_MOST_FILES = 40
"""Files of a folder by which it is recognised."""
_LONGEST = 60
"""Characters of a sensor's name."""
_SUFFIXES = ('.csv', '.txt', '.tsv', '.log', '.mvnx', '')


class LabReader(DeviceReader):
    """Reads one file of a device, or all of a folder.

    Derived classes implement :meth:`reads` and :meth:`describe_file`, or
    :meth:`describe_files` where several files are one sensor.
    """

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether a file is of this device; quick, never raises."""
        raise NotImplementedError

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether it is such a file, or a folder with some."""
        if path.is_dir():
            return any(map(cls.reads, files_in(path)[:_MOST_FILES]))
        return path.is_file() and cls.reads(path)

    def describe_file(self, path: Path) -> dict[str, dict[str, Any]]:
        """Keys of the sensors of one file by their names.

        Raises:
            ValueError: If the file is of this format, but damaged.
        """
        raise NotImplementedError

    def describe_files(
        self, paths: list[Path]
    ) -> Iterator[tuple[Path, dict[str, dict[str, Any]]]]:
        """Files, or the first of those that belong together; their sensors."""
        for path in paths:
            yield path, self.describe_file(path)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Keys of each sensor by its name, see :class:`DeviceReader`."""
        paths, others = [self.source], []
        if self.source.is_file() and not self.reads(self.source):
            raise mistake(
                self.source,
                f'is damaged, or is not an export of {self.title}',
                'Export it again',
            )
        if self.source.is_dir():
            files = files_in(self.source)
            paths = [path for path in files if self.reads(path)]
            others = [path.name for path in files if path not in paths]
        described = [*self.describe_files(paths)]
        names = [name for _, found in described for name in found]
        sensors: list[_Named] = []
        for path, found in described:
            for name, keys in found.items():
                alone = len(found) == 1
                if names.count(name) > 1:
                    name = path.stem if alone else f'{path.stem} {name}'
                text = f'{path.stem} {name}' if alone else name
                sensors.append(_Named(path, name[:_LONGEST], text, keys))
        if not sensors:
            raise mistake(
                self.source,
                f'is of the format {self.name!r}, but has no acceleration, '
                'rotation or orientation',
                'Export those',
            )
        if others:
            note = (
                f'{self.source}: {len(others)} other files are not read: '
                f'{shown(others, 5)}'
            )
            keys = sensors[0].keys
            keys['_notes'] = (*keys.get('_notes', ()), note)
        return self._worn(sensors)

    def _worn(self, sensors: Sequence[_Named]) -> dict[str, dict[str, Any]]:
        """Sensors by the placement that their names speak of."""
        placement = self.options.get('placement')
        given = placement if isinstance(placement, Mapping) else {}
        places = [placement_in(sensor.text) for sensor in sensors]
        result: dict[str, dict[str, Any]] = {}
        for (path, name, text, keys), place in zip(sensors, places):
            told = isinstance(placement, str) or name in given
            if place and not told and places.count(place) == 1:
                plain = re.sub(r'[\W_]+', '_', name.strip().lower())
                if place not in given and plain != place:
                    note = (
                        f'{path}: the sensor is taken to be worn at {place}, '
                        f'by the name {text[:60]!r}; say --placement if not'
                    )
                    keys = {**keys, '_notes': (*keys.get('_notes', ()), note)}
                name = place
            result[name] = keys
        return result


class _Named(NamedTuple):
    """A sensor: its file, its name, what may say its placement, its keys."""

    path: Path
    name: str
    text: str
    keys: dict[str, Any]


def files_in(folder: Path) -> list[Path]:
    """Files directly in a folder that may be tables, sorted by name."""
    try:
        paths = [
            path
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in _SUFFIXES and path.name[0] != '.'
        ]
        return [path for path in paths if path.is_file()]
    except OSError:
        return []


def recording_of(stem: str, pattern: re.Pattern[str]) -> tuple[str, str]:
    """What is left of a file's name without the word for its content.

    Two files of one recording leave the same. Numbers after the word, such
    as rates, do not count.

    >>> word = re.compile('acc|gyro', re.IGNORECASE)
    >>> recording_of('S1_Acc_100.000Hz', word) == recording_of(
    ...     'S1_Gyro_50.000Hz', word)
    True
    """
    match = [*pattern.finditer(stem)]
    if not match:
        return stem, ''
    last = match[-1]
    before = stem[: last.start()].strip(' _-.')
    after = re.sub(r'\d[\d.]*\s*(hz)?', '', stem[last.end() :], flags=re.I)
    return before, after.strip(' _-.')
