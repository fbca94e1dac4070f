"""Sensors of files: whichever registered reader knows one, and tables.

A mapping for a single table is a part of what docs/own_data.md describes::

    placement: right_wrist
    columns: {time: t, acc: [ax, ay, az], gyro: [gx, gy, gz]}
    units: {time: s, acc: m/s2, gyro: rad/s}
    gravity: included
    frame: sensor

or, for several sensors, ``imu: {right_wrist: {...}, head: {...}}`` and
``sensor: {...}`` with the keys that they share. Without a mapping the columns
must have the names that :func:`.files.write_imu_table` gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..recordings import Clock, SensorStream
from ..utils.errors import READ_ERRORS, below, mistake, prefixed
from .base import FileReader, get_reader, recognize
from .keys import check_keys, read_yaml
from .mapping import UNITS, Columns, ImuFile, Part, Sensor, Skeleton, Units
from .tables import (
    TIME_UNITS,
    Dialect,
    Table,
    TableFile,
    column_names,
    is_date,
)

K = TypeVar('K', Sensor, Skeleton)

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'quat': 'wxyz', 'mag': 'xyz'}
ACC = {
    'acc': (True, 'sensor'),
    'acc_free': (False, 'sensor'),
    'acc_world': (True, 'world'),
    'acc_world_free': (False, 'world'),
}
"""What a column of acceleration is called, by gravity and frame."""
OWN_UNITS: dict[str, Any] = {
    'time': 's',
    'acc': 'm/s2',
    'gyro': 'rad/s',
    'mag': 'uT',
}


_MAX_NORM_ERROR = 0.05
_MAX_GAP = 4.0
"""Longest interval that is interpolated over, in usual intervals."""
_WORTH_A_NOTE = 0.01
"""Share of samples; a few at both ends are always lost."""


def read_imu_file(
    path: str | Path, mapping: str | Path | Mapping | None = None
) -> dict[str, SensorStream]:
    """Read the sensors of one file.

    Args:
        path: File of a registered reader: a recording of ours, a CSV or
            Parquet table, a YAML mapping that names its tables itself, ...
        mapping: YAML file or its content, for a table; None goes by the
            names of the columns.

    Returns:
        Name to stream. A name that is not a placement is a sensor of which
        nobody knows where it is worn.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming file, key, row, column and value.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f'There is no IMU file {path}; check the path.'
        )
    kind = None if mapping is not None else recognize(path)
    if kind is None or kind.name == 'table':
        return read_imu_tables(path, mapping)
    return kind(path).read_imu()


def read_imu_tables(
    source: Path, mapping: str | Path | Mapping | None = None
) -> dict[str, SensorStream]:
    """Sensors of a table, or of the tables that a mapping names."""
    content, root, where = read_mapping(source, mapping)
    if content is None:
        return read_sensors(_own_sensors(source), '.', f'{source}:')
    keys = check_keys(ImuFile, content, where)
    sensors = {
        name: placed_keys(Sensor, spec, source, root, f'{where} {name}')
        for name, spec in keys.sensors(where).items()
    }
    return read_sensors(sensors, '.', where)


def read_mapping(
    source: Path, mapping: str | Path | Mapping | None
) -> tuple[Mapping | None, Path, str]:
    """Content of the mapping, its directory, and what to call it."""
    if source.suffix in ('.yml', '.yaml'):
        mapping = source
    if mapping is None or isinstance(mapping, Mapping):
        return mapping, Path('.'), 'mapping:'
    return read_yaml(mapping), Path(mapping).parent, f'{mapping}:'


def placed_keys(
    model: type[K], spec: Mapping, source: Path, root: Path, where: str
) -> K:
    """Checked keys, with the path of the table."""
    spec = dict(spec)
    if 'parts' in spec:
        spec['parts'] = [_below_root(part, root) for part in spec['parts']]
    if source.suffix in ('.yml', '.yaml'):
        spec = _below_root(spec, root)
    else:
        spec['file'] = str(source)
    keys = check_keys(model, spec, where)
    keys.check(where.rstrip(':'))
    return keys


def _below_root(spec: Mapping[str, Any], root: Path) -> dict[str, Any]:
    if 'file' not in spec:
        return dict(spec)
    return {**spec, 'file': str(root / spec['file'])}


def _own_sensors(path: Path) -> dict[str, Sensor]:
    """Keys of a table whose columns are called as we call them."""
    names = column_names(path, ('time',), Dialect())
    labels = {channel: channel for channel in AXES} | dict.fromkeys(ACC, 'acc')
    columns: dict[str, dict[str, Any]] = {}
    acc: dict[str, tuple[bool, str]] = {}
    for name in names if 'time' in names else ():
        for label, channel in labels.items():
            axes = [f'_{label}_{axis}' for axis in AXES[channel]]
            sensor = name.removesuffix(axes[0])
            wanted = [sensor + axis for axis in axes]
            if sensor != name and {*wanted} <= {*names}:
                columns.setdefault(sensor, {'time': 'time'})[channel] = wanted
                if channel == 'acc':
                    acc[sensor] = ACC[label]
    if not columns:
        listed = ', '.join(map(repr, names[:8])) or 'nothing'
        raise mistake(
            path,
            f'its columns ({listed}, ...) do not say what they are: without '
            'a mapping they must be time, right_wrist_acc_x, '
            'right_wrist_acc_y, ...',
            'Describe the file with a mapping (--mapping, docs/inference.md)',
        )
    sensors = {}
    for sensor, channels in columns.items():
        gravity, frame = acc.get(sensor, ACC['acc'])
        sensors[sensor] = Sensor.model_construct(
            file=str(path),
            columns=Columns.model_construct(**channels),
            units=Units.model_construct(**OWN_UNITS),
            gravity='included' if gravity else 'removed',
            frame=frame,
            quat_order='wxyz',
            quat_direction='sensor_to_world',
        )
    return sensors


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
    """Tables of several sensors, each parsed once if it has all columns."""

    def __init__(self, root: Path, sensors: Iterable[Sensor]) -> None:
        self.root = root
        self.opened: dict[tuple, TableFile] = {}
        self.parts: dict[tuple, list[Part]] = {}
        for sensor in sensors:
            for part in sensor.tables():
                if part.format in (None, 'table'):
                    self.parts.setdefault(self._key(part), []).append(part)

    def _key(self, part: Part) -> tuple[Path, Dialect]:
        return self.root / str(part.file), part.dialect()

    def _open(self, parts: Sequence[Part]) -> TableFile:
        names = [n for part in parts for some in _columns(part) for n in some]
        texts = [name for part in parts for name in part.where or ()]
        return TableFile(*self._key(parts[0]), [*names, *texts], texts)

    def table(self, part: Part) -> Table:
        """Columns of one sensor, in its rows."""
        key, (numbers, time) = self._key(part), _columns(part)
        file = self.opened.get(key)
        names = {*numbers, *time, *(part.where or ())}
        if file is None or not names <= {*file.columns}:
            try:
                file = self._open(self.parts[key])
            except ValueError:  # perhaps because of another sensor
                file = self._open([part])
            self.opened[key] = file
        return file.select(numbers, time, where=part.where)


def _columns(part: Part) -> tuple[list[str], list[str]]:
    """Columns of numbers and of times; ``-ax`` is ``ax``, negated."""
    axes = [n for names in part.channels().values() for n in names]
    time = part.columns.time if part.columns else None
    return [name.removeprefix('-') for name in axes], [time] if time else []


def _read_sensor(
    sensor: Sensor, placement: str, files: _Files
) -> SensorStream:
    tables = sensor.tables()
    parts = [
        _table_stream(part, files.table(part))
        if part.format in (None, 'table')
        else _foreign_stream(part, placement, files.root)
        for part in tables
    ]
    if sensor.parts is None:
        return parts[0]
    return join_parts(parts, str(tables[0].file))


def _foreign_stream(part: Part, placement: str, root: Path) -> SensorStream:
    reader = reader_of(part, root, placement=placement)
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


def reader_of(keys: Part | Skeleton, root: Path, **options: Any) -> FileReader:
    """The registered reader of a file, bound to its keys."""
    options.update(keys.plain())
    for key in ('file', 'format', 'start_s', 'parts'):
        options.pop(key, None)
    path = root / str(keys.file)
    if not path.exists():
        raise mistake(path, 'does not exist', kind=FileNotFoundError)
    return get_reader(str(keys.format))(path, **options)


def shifted(clock: Clock, seconds: float | None) -> Clock:
    """A clock that shows so many seconds more."""
    if not seconds:
        return clock
    if clock.times is not None:
        return replace(clock, times=clock.times + seconds)
    return replace(clock, start=clock.start + seconds)


def _table_stream(part: Part, table: Table) -> SensorStream:
    """One sensor of one table."""
    arrays, notes = {}, []
    known = np.ones(len(table), bool)
    for channel, names in part.channels().items():
        columns = [
            -table.numbers[name[1:]] if name[0] == '-' else table.numbers[name]
            for name in names
        ]
        arrays[channel] = np.stack(columns, axis=1)
    numbers, time = _columns(part)
    for name in (*numbers, *time):
        known &= np.isfinite(table.numbers[name])
    if not known.any():
        what = f'every row has an empty cell in one of the columns {numbers}'
        raise mistake(table.path, what, 'Correct columns')
    if not known.all():
        notes.append(
            f'{table.path}: {int((~known).sum())} of {len(table)} rows have '
            'empty cells and are left out'
        )
    for channel, values in arrays.items():
        values = values[known]
        if channel in UNITS:
            values *= UNITS[channel][getattr(part.units, channel)]
        else:
            lines = table.lines[known]
            values = _unit_quaternions(values, part, table.path, lines)
        arrays[channel] = values.astype(np.float32)
    return SensorStream(
        clock=clock_of(part, table, known),
        channels=arrays,
        gravity=part.gravity in (None, 'included'),
        frame=part.frame or 'sensor',
        notes=tuple(notes),
    )


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
    bad = ~(np.diff(times) > 0)
    if bad.any():
        at = int(np.argmax(bad))
        before, after = times[at], times[at + 1]
        how = 'repeats' if after == before else 'goes back before'
        raise mistake(
            table.path,
            f'{how} the time of row {lines[at]} ({after:.6f} s after '
            f'{before:.6f} s)',
            'Remove such rows; if the clock is regular, give rate instead of '
            'columns.time; if the rows are of several sensors, choose with '
            'where',
            row=lines[at + 1],
            column=time,
        )
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
        what = f'the norm of the quaternion is {norm[row]:.3f}, expected 1'
        fix = 'Correct columns.quat, or empty the cells of samples without '
        raise mistake(path, what, f'{fix}orientation', row=lines[row])
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
    clocks = [p.clock.at() for p in parts]
    keep = np.ones(len(clocks[0]), bool)
    for times in clocks[1:]:
        keep &= _covered(clocks[0], times)
    if not keep.any():
        what = 'it and the other parts do not overlap in time'
        raise mistake(name, what, 'All parts need one clock')
    notes = [note for part in parts for note in part.notes]
    lost = int((~keep).sum())
    if lost > _WORTH_A_NOTE * len(keep):
        notes.append(
            f'{name}: {lost} of {len(keep)} samples lie outside the other '
            'parts or in their gaps and are left out'
        )
    kept = clocks[0][keep]
    channels = {c: np.asarray(v)[keep] for c, v in first.channels.items()}
    for part, times in zip(parts[1:], clocks[1:]):
        for channel, values in part.channels.items():
            values = np.asarray(values, float)
            channels[channel] = _interpolate(channel, kept, times, values)
    with_acc = next((p for p in parts if 'acc' in p.channels), first)
    clock = first.clock
    if not keep.all() or clock.times is not None:
        clock = Clock(len(kept), times=kept)
    return SensorStream(
        clock, channels, with_acc.gravity, with_acc.frame, tuple(notes)
    )


def _covered(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(T,) whether a time lies in a short interval of others, or on one."""
    after = np.searchsorted(given, wanted)
    exact = given[np.minimum(after, len(given) - 1)] == wanted
    if len(given) < 2:
        return exact
    intervals = np.diff(given)
    short = intervals <= _MAX_GAP * np.median(intervals)
    inside = (after > 0) & (after < len(given))
    return exact | (inside & short[np.clip(after, 1, len(short)) - 1])


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
