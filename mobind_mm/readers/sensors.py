"""Sensors as a mapping describes them: units, axes, clocks, empty cells.

Tables are read here; other formats are read by their registered readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import Clock, SensorStream
from ..utils.errors import READ_ERRORS, below, mistake, prefixed
from .base import FileReader, get_reader
from .mapping import UNITS, Part, Sensor, Skeleton
from .tables import (
    TIME_UNITS,
    Dialect,
    Table,
    TableFile,
    check_forward,
    is_date,
)

_MAX_NORM_ERROR = 0.05
_MAX_GAP = 4.0
"""Longest interval that is interpolated over, in usual intervals."""
_WORTH_A_NOTE = 0.01
"""Share of samples; a few at both ends are always lost."""


def read_sensors(
    sensors: Mapping[str, Sensor], root: str | Path = '.', where: str = 'imu'
) -> dict[str, SensorStream]:
    """Read the sensors of one recording; each file is parsed once.

    Args:
        sensors: Placement to its keys, on which ``check`` was called.
        root: Directory that ``file`` is relative to.
        where: File and key of ``sensors``, for messages.

    Returns:
        Placement to stream. Times are those of the file plus ``start_s``;
        of dates, seconds since 1970.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming key, file, row, column and value.
    """
    files = _Files(Path(root), sensors.values())
    streams = {}
    for placement, sensor in sensors.items():
        try:
            streams[placement] = _read_sensor(sensor, placement, files)
        except READ_ERRORS as error:
            raise prefixed(error, below(where, placement)) from None
    return streams


class _Files:
    """The tables of several sensors."""

    def __init__(self, root: Path, sensors: Iterable[Sensor]) -> None:
        self.root = root
        self._opened: dict[tuple[Path, Dialect], list[TableFile]] = {}
        self._wanted: dict[tuple[Path, Dialect], list[str]] = {}
        for sensor in sensors:
            for part in sensor.tables():
                if part.columns is not None:
                    wanted = self._wanted.setdefault(self._key(part), [])
                    wanted += _names(part)

    def _key(self, part: Part) -> tuple[Path, Dialect]:
        return self.root / str(part.file), part.dialect()

    def table(self, part: Part) -> Table:
        """Columns of one sensor, in its rows."""
        key, names = self._key(part), _names(part)
        opened = self._opened.setdefault(key, [])
        for file in opened:
            if set(names) <= set(file.columns):
                break
        else:
            file = TableFile(*key, names, more=self._wanted[key])
            opened.append(file)
        columns = part.columns
        time = [columns.time] if columns and columns.time else []
        numbers = [n.lstrip('-') for n in _axes(part)]
        return file.select(numbers, time, where=part.where)


def _axes(part: Part) -> list[str]:
    return [name for names in part.channels().values() for name in names]


def _names(part: Part) -> list[str]:
    """Columns that a sensor needs; ``-ax`` is the column ``ax``, negated."""
    columns = part.columns
    time = [columns.time] if columns and columns.time else []
    axes = [name[1:] if name[0] == '-' else name for name in _axes(part)]
    return [*axes, *time, *(part.where or ())]


def _read_sensor(
    sensor: Sensor, placement: str, files: _Files
) -> SensorStream:
    parts = [_read_part(p, placement, files) for p in sensor.tables()]
    if sensor.parts is None:
        return parts[0]
    return join_parts(parts, str(sensor.tables()[0].file))


def _read_part(part: Part, placement: str, files: _Files) -> SensorStream:
    if part.format not in (None, 'table'):
        reader = reader_of(part, files.root, placement=placement)
        streams = reader.read_imu()
        if placement not in streams and len(streams) != 1:
            raise mistake(
                reader.source,
                f'holds the sensors {", ".join(streams)}, none of which '
                f'is {placement}',
                'Correct the placement',
                name=placement,
                known=streams,
            )
        stream = streams.get(placement) or next(iter(streams.values()))
        return replace(stream, clock=shifted(stream.clock, part.start_s))
    return _table_stream(part, files.table(part))


def reader_of(keys: Part | Skeleton, root: Path, **options: Any) -> FileReader:
    """The registered reader of a file, bound to its keys."""
    kind = get_reader(str(keys.format))
    options.update(keys.plain())
    given = {
        key: value
        for key, value in options.items()
        if key not in ('file', 'format', 'start_s', 'parts')
    }
    path = root / str(keys.file)
    if not path.exists():
        raise mistake(path, 'does not exist', kind=FileNotFoundError)
    return kind(path, **given)


def shifted(clock: Clock, seconds: float | None) -> Clock:
    """A clock that shows so many seconds more."""
    if not seconds:
        return clock
    if clock.times is not None:
        return replace(clock, times=clock.times + seconds)
    return replace(clock, start=clock.start + seconds)


def _table_stream(part: Part, table: Table) -> SensorStream:
    """One sensor of one table."""
    arrays = {
        channel: np.stack([_signed(table, name) for name in names], axis=1)
        for channel, names in part.channels().items()
    }
    time = part.columns.time if part.columns else None
    known = np.ones(len(table), bool)
    for values in (*arrays.values(), *([table.numbers[time]] if time else ())):
        known &= np.isfinite(values.reshape(len(table), -1)).all(axis=1)
    if not known.any():
        raise mistake(
            table.path,
            f'every row has an empty cell in one of the columns {_axes(part)}',
            'Correct columns',
        )
    notes = []
    dropped = len(table) - int(known.sum())
    if dropped:
        notes.append(
            f'{table.path}: {dropped} of {len(table)} rows have empty '
            'cells and are left out'
        )
    arrays = {c: values[known] for c, values in arrays.items()}
    for name, factors in UNITS.items():
        if name in arrays:
            arrays[name] = arrays[name] * factors[getattr(part.units, name)]
    if 'quat' in arrays:
        arrays['quat'] = _unit_quaternions(
            arrays['quat'], part, table.path, table.lines[known]
        )
    return SensorStream(
        clock=clock_of(part, table, known),
        channels={c: v.astype(np.float32) for c, v in arrays.items()},
        gravity=part.gravity in (None, 'included'),
        frame=part.frame or 'sensor',
        notes=tuple(notes),
    )


def _signed(table: Table, name: str) -> np.ndarray:
    if name[0] == '-':
        return -table.numbers[name[1:]]
    return table.numbers[name]


def clock_of(keys: Part | Skeleton, table: Table, known: np.ndarray) -> Clock:
    """Clock of some rows (T,) of a table."""
    start = keys.start_s or 0.0
    time = keys.columns.time if keys.columns else None
    if time is not None:
        times = _times(keys, table, time, known)
        return Clock(len(times), times=times + start)
    assert keys.rate is not None  # else there are times
    if known.all():
        return Clock(len(table), rate=keys.rate, start=start)
    times = start + np.flatnonzero(known) / keys.rate
    return Clock(len(times), times=times)


def _times(
    keys: Part | Skeleton, table: Table, time: str, known: np.ndarray
) -> np.ndarray:
    """Times of some rows in seconds, strictly increasing."""
    times, lines = table.numbers[time][known], table.lines[known]
    if time not in table.dates:
        unit = keys.units.time if keys.units else None
        if unit is None:
            raise mistake(
                table.path,
                'holds numbers',
                f'Add units.time: {" or ".join(TIME_UNITS)}',
                column=time,
            )
        times = times * TIME_UNITS[unit]
    if is_date(times[0]) and is_date(keys.start_s or 0.0):
        raise mistake(
            table.path,
            'counts from 1970 (or units.time is wrong), so start_s cannot '
            'be a date too',
            'Leave start_s out',
            row=lines[0],
            column=time,
        )
    check_forward(times, lines, table.path, time)
    return times


def _unit_quaternions(
    quat: np.ndarray, part: Part, path: Path, lines: np.ndarray
) -> np.ndarray:
    """(T, 4) unit, scalar first, sensor to world."""
    if part.quat_order == 'xyzw':
        quat = np.roll(quat, 1, axis=1)
    norm = np.linalg.norm(quat, axis=1)
    bad = np.abs(norm - 1) > _MAX_NORM_ERROR
    if bad.any():
        row = int(np.argmax(bad))
        raise mistake(
            path,
            f'the norm of the quaternion is {norm[row]:.3f}, expected 1',
            'Correct columns.quat, or empty the cells of samples without '
            'orientation',
            row=lines[row],
        )
    quat = quat / norm[:, None]
    if part.quat_direction == 'world_to_sensor':
        quat = quat * (1, -1, -1, -1)
    return quat


def join_parts(parts: Sequence[SensorStream], name: str) -> SensorStream:
    """Join the channels of one sensor, on the clock of the first part.

    Numbers are interpolated linearly, orientations as rotations. Samples
    of the first part that lie outside another part, or in one of its gaps,
    are left out; a note says so if they are many.

    Args:
        parts: Streams of one device, in one frame.
        name: File of the first part, for messages.

    Raises:
        ValueError: If the parts do not overlap in time.
    """
    first = parts[0]
    times = _times_of(first)
    keep = np.ones(len(times), bool)
    for part in parts[1:]:
        keep &= _covered(times, _times_of(part))
    if not keep.any():
        raise mistake(
            name,
            'it and the other parts do not overlap in time',
            'All parts need one clock',
        )
    notes = [note for part in parts for note in part.notes]
    lost = int((~keep).sum())
    if lost > _WORTH_A_NOTE * len(keep):
        notes.append(
            f'{name}: {lost} of {len(keep)} samples lie outside the other '
            'parts or in their gaps and are left out'
        )
    kept = times[keep]
    channels = {c: np.asarray(v)[keep] for c, v in first.channels.items()}
    for part in parts[1:]:
        for channel, values in part.channels.items():
            channels[channel] = _interpolate(
                channel, kept, _times_of(part), np.asarray(values, float)
            )
    with_acc = next((p for p in parts if 'acc' in p.channels), first)
    clock = first.clock
    if not keep.all() or clock.times is not None:
        clock = Clock(len(kept), times=kept)
    return SensorStream(
        clock, channels, with_acc.gravity, with_acc.frame, tuple(notes)
    )


def _times_of(stream: SensorStream) -> np.ndarray:
    return stream.clock.at(slice(0, stream.clock.num_samples))


def _covered(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(T,) whether a time lies in a short interval of others, or on one."""
    after = np.searchsorted(given, wanted, side='left')
    inside = (after > 0) & (after < len(given))
    index = np.clip(after, 1, max(len(given) - 1, 1))
    exact = given[np.clip(after, 0, len(given) - 1)] == wanted
    if len(given) < 2:
        return exact
    intervals = np.diff(given)
    short = intervals[index - 1] <= _MAX_GAP * np.median(intervals)
    return exact | (inside & short)


def _interpolate(
    channel: str, wanted: np.ndarray, given: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """(T, c) float32 at other times."""
    if channel == 'quat' and len(given) > 1:
        from scipy.spatial.transform import Rotation, Slerp

        turns = Rotation.from_quat(np.roll(values, -1, axis=1))
        between = Slerp(given, turns)(wanted).as_quat()
        return np.roll(between, 1, axis=1).astype(np.float32)
    columns = [np.interp(wanted, given, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)
