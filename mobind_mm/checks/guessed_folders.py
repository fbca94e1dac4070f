"""Folders of tables that nobody described.

A file may hold a sensor, one channel of a sensor (``RW_acc.csv`` and
``RW_gyro.csv``) or a part of a recording (``log_1.csv``, ``log_2.csv``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..readers.archives import is_file, is_folder, listing
from ..readers.arrays import ARRAYS
from ..readers.devices import CHANNEL, SUFFIXES, recording_of
from ..readers.joining import join_parts, one_after_another
from ..readers.parquet import PARQUET
from ..readers.placing import place_sensors, placement_in
from ..readers.sensors import UnknownColumnsError, read_imu_file
from ..recordings import SensorStream
from ..skeleton import LIMBS
from ..utils.errors import first_few, mistake, shown
from .guessed_mapping import SENSED
from .guessed_streams import read_guessed
from .guessed_units import EVIDENT, gyro_unit

_MOST_FILES, _DEEPEST = 40, 4
_TABLES = (*SUFFIXES, *PARQUET, *ARRAYS)
_NUMBERED = re.compile(r'[\W_]*(part|teil|split)?[\W_]*\d+$', re.IGNORECASE)
"""What the names of parts of one recording differ by."""
_SENSOR = re.compile(
    r'(sensor|imu|device|node|unit|tag|dot|mtw|wearable)s?$', re.IGNORECASE
)
"""After what a number is that of a sensor."""
_BESIDE = ('linear', 'gravity', 'quat', 'euler')
"""Channels that are not read where there is acceleration with gravity."""


class _Table(NamedTuple):
    """A sensor of a file: its stream, and the doubt in the unit of gyro.

    ``name`` is that of one of several sensors in the file.
    """

    file: Path
    stream: SensorStream
    doubt: Exception | None
    name: str


_Recorded = dict[tuple[Path, str, str], list[_Table]]
"""Tables by their folder and what their names say beside the channel."""


def read_guessed_folder(
    folder: Path, placement: str | Mapping[str, str] | None = None
) -> dict[str, SensorStream]:
    """Read the tables of a folder or archive that is of no known device.

    Sensors are called after their placement, if their names say one, or else
    after their files. Notes say which files were taken for what.

    Raises:
        UnknownColumnsError: If none of them is a table of a sensor.
        ValueError: Naming what is in doubt.
    """
    tried: list[Path] = []
    recorded = _recorded(folder, folder, tried)
    used = {table.file for tables in recorded.values() for table in tables}
    others = [
        f'{path.name}/' if path.is_dir() else path.name
        for path in tried
        if path not in used
    ]
    if not recorded:
        what = 'is not the export of a device that is known, and holds no '
        what += f'table of a sensor ({shown(others, 5) or "no table at all"})'
        fix = 'Give a file of sensors, with a mapping if it needs one'
        fix = f'{fix} (docs/own_data.md)'
        raise mistake(folder, what, fix, kind=UnknownColumnsError)
    sensors = _in_parts(_named(folder, recorded))
    _check_together(folder, sensors)
    notes = [f'{folder}: of no known device; its tables are read one by one']
    if others:
        notes.append(f'{folder}: not read: {shown(others, 6)}')
    places = {name: placement_in(name) for name in sensors}
    known = [*places.values()]
    streams = {}
    for name, stream in sensors.items():
        place = places[name]
        given = isinstance(placement, Mapping) and name in placement
        if place and known.count(place) == 1 and not given:
            name = place
        streams[name] = replace(stream, notes=(*notes, *stream.notes))
    return place_sensors(streams, placement, f'{folder}:')


def _recorded(
    folder: Path, root: Path, tried: list[Path], depth: int = _DEEPEST
) -> _Recorded:
    """Tables of sensors of a folder, or else of the folders in it.

    All are below ``root``. ``tried`` takes all tables that were looked at, and
    folders that were not.
    """
    inside = listing(folder)
    tables = (path for path in inside if path.suffix.lower() in _TABLES)
    files = {file: _parsed(file, root) for file in tables if is_file(file)}
    tried += files
    if len(tried) > _MOST_FILES:
        what = f'holds more than {_MOST_FILES} tables of no known device'
        raise mistake(folder, what, 'Put those of one recording in a folder')
    recorded: _Recorded = {}
    with_acc = {key for word, key in files.values() if word[:3] == 'acc'}
    for file, (word, key) in files.items():
        if word.startswith(_BESIDE) and key in with_acc:
            continue
        try:
            streams, doubt = _read(file)
        except UnknownColumnsError:
            continue
        for name, stream in streams.items():
            several = name if len(streams) > 1 else ''
            if several or name in LIMBS:
                key = (key[0], '', name)
            table = _Table(file, stream, doubt, several)
            recorded.setdefault(key, []).append(table)
    folders = [*filter(is_folder, inside)]
    if recorded:
        tried += folders
    elif depth:
        for path in folders:
            for key, more in _recorded(path, root, tried, depth - 1).items():
                recorded.setdefault(key, []).extend(more)
    return recorded


def _read(file: Path) -> tuple[dict[str, SensorStream], Exception | None]:
    """Sensors of a table; and the doubt, if angular rate may be in rad/s."""
    try:
        return read_imu_file(file), None
    except UnknownColumnsError:
        pass
    try:
        return read_guessed(file, name=file.stem), None
    except ValueError as error:
        if isinstance(error, UnknownColumnsError):
            raise
        with suppress(ValueError):
            return read_guessed(file, None, file.stem, 'deg/s'), error
        raise


def _parsed(file: Path, root: Path) -> tuple[str, tuple[Path, str, str]]:
    """The channel that a file's name speaks of, and whose it is.

    Folders and archives below ``root`` that are called after a channel are
    one.
    """
    words = CHANNEL.findall(_spaced(file.stem))
    place = file.parent
    if place != root and CHANNEL.search(_spaced(place.stem)):
        rest = CHANNEL.sub('', _spaced(place.stem)).strip(' _-.')
        place = place.with_name(rest) if rest else place.parent
    key = (place, *recording_of(_spaced(file.stem), CHANNEL))
    return words[-1][0].lower() if words else '', key


def _spaced(stem: str) -> str:
    return re.sub('(?<=[a-z0-9])(?=[A-Z])', '_', stem)


def _named(folder: Path, recorded: _Recorded) -> dict[str, SensorStream]:
    """Sensors by name, of which each file may hold a channel."""
    places = {parent for parent, *_ in recorded}
    labels = {key[1:] for key in recorded}
    groups: dict[str, list[_Table]] = {}
    for (parent, *words), tables in recorded.items():
        label = ' '.join(filter(None, words))
        above = ' '.join(parent.relative_to(folder).parts)
        if len(places) > 1:
            label = above if len(labels) == 1 else f'{above} {label}'
        label = label.strip() or above
        if not _again(tables):
            label = label or (folder if tables[1:] else tables[0].file).stem
            groups.setdefault(label, []).extend(tables)
            continue
        for table in tables:  # numbers tell them apart
            rest = CHANNEL.sub('', _spaced(table.file.stem)).strip(' _-.')
            label = ' '.join(filter(None, (above, table.name, rest)))
            groups.setdefault(label, []).append(table)
    sensors: dict[str, SensorStream] = {}
    for label, tables in groups.items():
        if not _again(tables):
            sensors[label] = _joined(folder, label, tables)
            continue
        for table in tables:
            inside = table.file.relative_to(folder)
            name = ' '.join([*inside.parts, *filter(None, [table.name])])
            sensors[name] = _joined(folder, name, [table])
    return sensors


def _again(tables: list[_Table]) -> bool:
    """Whether a channel is there twice."""
    channels = [c for table in tables for c in table.stream.channels]
    return len({*channels}) < len(channels)


def _joined(folder: Path, name: str, tables: list[_Table]) -> SensorStream:
    """One sensor of tables that hold a channel each."""
    tables = sorted(tables, key=lambda t: 'acc' not in t.stream.channels)
    doubt = next((t.doubt for t in tables if t.doubt), None)
    if doubt and 'acc' not in tables[0].stream.channels:
        raise doubt
    stream = join_parts([table.stream for table in tables], name)
    if len(tables) > 1:
        files = first_few([table.file.name for table in tables], 4)
        note = f'{folder}: {files} are taken for channels of one sensor'
        stream = replace(stream, notes=(note, *stream.notes))
    return _with_unit(stream, doubt) if doubt else stream


def _with_unit(stream: SensorStream, doubt: Exception) -> SensorStream:
    """A sensor whose rotation is in deg/s or rad/s, as gravity tells."""
    channels = {**stream.channels, 'gyro': np.rad2deg(stream.channels['gyro'])}
    as_written = replace(stream, channels=channels)
    unit, seen = gyro_unit(dict.fromkeys(SENSED, as_written))
    if not seen.endswith(EVIDENT):
        raise doubt
    notes = [note.replace('in deg/s', f'in {unit}') for note in stream.notes]
    notes.append(f'the unit of gyro is {unit}: {seen}')
    chosen = as_written if unit == 'rad/s' else stream
    return replace(chosen, notes=tuple(notes))


def _in_parts(sensors: dict[str, SensorStream]) -> dict[str, SensorStream]:
    """Sensors, where numbered files that do not overlap are parts of one."""
    parts: dict[str, list[str]] = {}
    for name in sensors:
        parts.setdefault(_NUMBERED.sub('', name), []).append(name)
    joined: dict[str, SensorStream] = {}
    for base, names in parts.items():
        if _SENSOR.search(base):  # numbers tell sensors apart
            joined |= {name: sensors[name] for name in names}
            continue
        spans = sorted(sensors[name].clock.span for name in names)
        apart = all(a[1] < b[0] for a, b in zip(spans, spans[1:]))
        if base and len(names) > 1 and apart:
            joined[base] = one_after_another(
                [sensors[name] for name in names], names
            )
        else:
            joined |= {name: sensors[name] for name in names}
    return joined


def _check_together(folder: Path, sensors: dict[str, SensorStream]) -> None:
    """Refuse files that were not recorded together."""
    spans = {name: stream.clock.span for name, stream in sensors.items()}
    last = max(spans, key=lambda name: spans[name][0])
    first = min(spans, key=lambda name: spans[name][1])
    if spans[last][0] > spans[first][1]:
        raise mistake(
            folder,
            'holds recordings of different times, or of clocks that differ: '
            f'{first} ends at {spans[first][1]:.3f} s, {last} begins at '
            f'{spans[last][0]:.3f} s',
            'Give one of its files',
        )
