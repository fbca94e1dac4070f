"""Exports of devices: tables whose mapping the reader knows.

A device writes its table in one way. So its reader recognises the file by its
content, and says how to read it in the keys that users write for tables of
their own (docs/own_data.md). Clocks, units, losses and notes are then those
of any table.

A folder holds several sensors, or the acceleration and the rotation of one
sensor in files of their own. Names of files and of sensors often say where a
sensor is worn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..recordings import STANDARD_GRAVITY, SensorStream
from ..utils.errors import mistake, shown
from .archives import files_of, is_folder, listing
from .base import FileReader
from .dialects import Dialect
from .further_sensors import channels_left_out, refuse_more_sensors
from .headers import Head, Names, find_head
from .joining import one_after_another
from .keys import check_keys
from .mapping import Sensor
from .orientation import rate_unit
from .placing import place_sensors, placement_in
from .sensors import read_sensors
from .tables import read_table


class DeviceReader(FileReader):
    """Reads the export of a device, a file or a folder.

    Derived classes set ``name`` and ``title``, and implement
    :meth:`recognizes` (by the content, see :mod:`.headers`) and
    :meth:`describe`.

    Attributes:
        title: What users call the device or app, such as ``Movella DOT``.
        several: Whether it finds all sensors of a table.

    Args:
        source: The file or folder.
        options: ``placement``: where the only sensor is worn, or a mapping
            of names in the file to placements. Any key of a sensor in a
            mapping overrides that of :meth:`describe`.
    """

    title: ClassVar[str]
    several: ClassVar[bool] = False
    places = True

    def describe(self) -> dict[str, dict[str, Any]]:
        """Keys of each sensor, as in a mapping, by its name in the file.

        ``file`` is absolute or relative to the working directory.
        ``_notes`` is a list of what is assumed or left out, ``_later`` of
        the keys of files in which the recording of the sensor continues.

        Raises:
            ValueError: If the file is of this format, but damaged.
        """
        raise NotImplementedError

    def _damaged(self) -> Exception:
        what = f'is damaged, or is not an export of {self.title}'
        return mistake(self.source, what, 'Export it again')

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown."""
        keys: dict[str, dict[str, Any]] = {}
        parts: dict[str, list[str]] = {}
        given = {
            name: value
            for name, value in self.options.items()
            if name in Sensor.model_fields
        }
        where = f'{self.source}:'
        for name, content in place_sensors(
            self.describe(), self.options.get('placement'), where
        ).items():
            parts[name] = [name]
            for number, more in enumerate(content.pop('_later', ()), 2):
                parts[name].append(f'{name}, part {number}')
                keys[parts[name][-1]] = more
            keys[name] = content
        sensors, notes = {}, {}
        for name, content in keys.items():
            content = {**content, **given}
            notes[name] = tuple(content.pop('_notes', ()))
            sensors[name] = check_keys(Sensor, content, f'{where} {name}')
            sensors[name].check(f'{where} {name}')
        if not (self.several or 'columns' in given):
            refuse_more_sensors(sensors.values())
        streams = {
            name: replace(
                stream,
                notes=(
                    *notes[name],
                    *channels_left_out(sensors[name]),
                    *stream.notes,
                ),
            )
            for name, stream in read_sensors(
                sensors, '.', f'{self.title}:'
            ).items()
        }
        return {
            name: one_after_another(
                [streams[part] for part in names],
                [str(sensors[part].tables()[0].file) for part in names],
            )
            for name, names in parts.items()
        }


def columns_of(
    path: Path, names: Iterable[str], dialect: Dialect | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) of a column, and numbers of others (T, c).

    Of dates, seconds since 1970. Rows with an empty cell are left out.

    Raises:
        ValueError: Naming file, row, column and value.
    """
    names = [*names]
    table = read_table(path, names[1:], names[:1], dialect=dialect)
    values = np.stack([table.numbers[name] for name in names], axis=1)
    values = values[np.isfinite(values).all(axis=1)]
    return values[:, 0], values[:, 1:]


def unit_of_gravity(acc: np.ndarray, factor: float = 3.0) -> str | None:
    """Unit of acceleration with gravity, or of gravity alone.

    A worn sensor usually shows about gravity.

    Args:
        acc: (T, 3).
        factor: How far off the usual size may be.

    Returns:
        ``m/s2``, ``g`` or ``mg``; None if none of them fits.

    >>> unit_of_gravity(np.array([[0.0, 0.1, -1.0]]))
    'g'
    """
    if not len(acc):
        return None
    usual = float(np.median(np.linalg.norm(acc, axis=1)))
    one = {'m/s2': STANDARD_GRAVITY, 'g': 1.0, 'mg': 1000.0}
    for unit, gravity in one.items():
        if gravity / factor < usual < factor * gravity:
            return unit
    return None


def unit_of_rotation(
    path: Path,
    columns: Mapping[str, Any],
    second: float,
    dialect: Dialect | None = None,
) -> tuple[str | None, float]:
    """Unit of angular rate by how fast gravity turns, and its rms."""
    names = [columns['time'], *columns['acc'], *columns['gyro']]
    times, values = columns_of(path, names, dialect)
    acc, gyro = values[:, :3], values[:, 3:]
    strength = np.sqrt((gyro**2).sum(axis=1).mean()) if len(gyro) else 0.0
    return rate_unit(times * second, acc, gyro), float(strength)


class ExportReader(DeviceReader):
    """Reads an export whose only sensor is called after the device.

    Attributes:
        device: What the sensor is called where no place is known.
    """

    device: ClassVar[str] = 'sensor'

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement or device.

        Raises:
            ValueError: If the file is damaged, or of another format.
        """
        if not self.recognizes(self.source):
            raise self._damaged()
        return super().read_imu()

    def placed(
        self, texts: Iterable[str], device: str | None = None
    ) -> tuple[str, list[str]]:
        """What to call a sensor by the names of file and folder, and notes.

        It is called ``device`` where no place is known.
        """
        for text in texts:
            place = placement_in(text)
            if place is not None:
                note = (
                    f'{self.source}: the name {text!r} says {place}; '
                    '--placement would overrule it'
                )
                return place, [note]
        return device or self.device, []


def of_parts(
    parts: list[dict[str, Any]], notes: Sequence[str]
) -> dict[str, Any]:
    """Keys of a sensor of one table, or of several, and its notes."""
    keys = parts[0] if len(parts) == 1 else {'parts': parts}
    return {**keys, '_notes': notes}


def described(file: Path, **keys: Any) -> dict[str, Any]:
    """Keys of a sensor or a part, without columns that are not there.

    >>> described(Path('a.csv'), columns={'acc': ['x', 'y', 'z'], 'mag': None})
    {'file': 'a.csv', 'columns': {'acc': ['x', 'y', 'z']}}
    """
    columns = keys.pop('columns', {})
    there = {name: value for name, value in columns.items() if value}
    keys = {name: value for name, value in keys.items() if value is not None}
    return {'file': str(file), 'columns': there, **keys}


_MOST_FILES = 40
"""Files of a folder by which it is recognised."""
_LONGEST = 60
"""Characters of a sensor's name."""
CHANNEL = re.compile(
    r'(?<![a-z])(linear[ _-]?acc(el(eration)?)?|acc([el]|el(erometer|eration)?'
    r')?|gyr(o(scope)?)?|mag(netometer)?|gravity|quat(ernion)?|euler'
    r'([ _-]?angles)?)(?![a-z])',
    re.IGNORECASE,
)
"""What names of files call the channel in them."""
SUFFIXES = ('.csv', '.txt', '.tsv', '.log', '.dat', '.mvnx', '')


class LabReader(DeviceReader):
    """Reads one file of a device, or all of a folder.

    Derived classes implement :meth:`fits` and :meth:`describe_table`;
    :meth:`reads` and :meth:`describe_file` where a file is no such table, or
    :meth:`describe_files` where several files are one sensor.
    """

    @classmethod
    def fits(cls, names: Names) -> bool:
        """Whether a table of this device has columns of these names."""
        raise NotImplementedError

    @classmethod
    def head(cls, path: Path) -> Head | None:
        """The beginning of a table of this device."""
        return find_head(path, cls.fits)

    @classmethod
    def reads(cls, path: Path) -> bool:
        """Whether a file is of this device; quick, never raises."""
        return cls.head(path) is not None

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether it is such a file, or a folder with some."""
        if is_folder(path):
            return any(map(cls.reads, tables_of(path)[:_MOST_FILES]))
        return path.is_file() and cls.reads(path)

    def describe_file(self, path: Path) -> dict[str, dict[str, Any]]:
        """Keys of the sensors of one file by their names.

        Raises:
            ValueError: If the file is of this format, but damaged.
        """
        head = self.head(path)
        assert head is not None  # reads() was asked
        return self.describe_table(head)

    def describe_table(self, head: Head) -> dict[str, dict[str, Any]]:
        """The same of a table that begins so."""
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
        folder = is_folder(self.source)
        if not folder and not self.reads(self.source):
            raise self._damaged()
        if folder:
            files = tables_of(self.source)
            paths = [path for path in files if self.reads(path)]
            others = [path.name for path in files if path not in paths]
            if any(path.parent == self.source for path in paths):
                folders = filter(is_folder, listing(self.source))
                others += [f'{path.name}/' for path in folders]
        described = [*self.describe_files(paths)]
        names = [name for _, parts in described for name in parts]
        sensors: list[_Named] = []
        for path, parts in described:
            for name, keys in parts.items():
                alone = len(parts) == 1
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
            is_given = isinstance(placement, str) or name in given
            if place and not is_given and places.count(place) == 1:
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


def tables_of(folder: Path) -> list[Path]:
    """Files of a folder or archive, or else of the folders in it, by name."""
    with suppress(OSError):
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        paths = [p for p in paths if p.suffix.lower() in SUFFIXES]
        if files := [p for p in paths if p.name[0] != '.' and p.is_file()]:
            return files
    return files_of(folder, *SUFFIXES, several=True)


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
