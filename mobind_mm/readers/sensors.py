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
from .clocks import (
    COUNTER_BITS,
    TIME_UNITS,
    SampleTimes,
    check_time_unit,
    sample_times,
)
from .dates import DAY, EPOCHS, is_date
from .keys import check_keys, read_yaml, unit_factor
from .mapping import (
    GRAVITY,
    UNITS,
    Columns,
    ImuFile,
    Part,
    Sensor,
    Skeleton,
    Units,
)
from .placing import place_sensors
from .tables import Dialect, Table, TableFile, column_names

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
_FULL = 0.9
"""Share of the rows in which channels of one clock have values."""
_WORTH_A_NOTE = 0.01
"""Share of samples; a few at both ends are always lost."""


def read_imu_file(
    path: str | Path,
    mapping: str | Path | Mapping | None = None,
    placement: str | Mapping[str, str] | None = None,
) -> dict[str, SensorStream]:
    """Read the sensors of one file, or of one folder.

    Args:
        path: What a registered reader knows: a recording of ours, a CSV or
            Parquet table, a YAML mapping that names its tables itself, the
            export of a device, ...
        mapping: YAML file or its content, for a table; None goes by the
            names of the columns.
        placement: Where the only sensor is worn, or names of sensors in the
            file to where they are worn; before what the file or the mapping
            says.

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
        streams = read_imu_tables(path, mapping, placement)
    else:
        streams = kind(path).read_imu()
    if placement is None:
        return streams
    return place_sensors(streams, placement, f'{path}:')


def read_imu_tables(
    source: Path,
    mapping: str | Path | Mapping | None = None,
    placement: str | Mapping[str, str] | None = None,
) -> dict[str, SensorStream]:
    """Sensors of a table, or of the tables that a mapping names.

    Args:
        source: The table, or the mapping.
        mapping: YAML file or its content.
        placement: Where the only sensor is worn, if the mapping does not
            say.
    """
    content, root, where = read_mapping(source, mapping)
    if content is None:
        return read_sensors(_own_sensors(source), '.', f'{source}:')
    if isinstance(placement, str) and not {'imu', 'placement'} & {*content}:
        content = {**content, 'placement': placement}
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
        return file.select(
            numbers,
            time,
            where=part.where,
            time_format=part.time_format,
            timezone=part.timezone,
        )


def _columns(part: Part) -> tuple[list[str], list[str]]:
    """Columns of numbers and of times; ``-ax`` is ``ax``, negated."""
    axes = [n for names in part.channels().values() for n in names]
    numbers = [name.removeprefix('-') for name in axes]
    time = part.columns.time if part.columns else None
    counter = part.columns.counter if part.columns else None
    numbers += [counter] if counter else []
    return numbers, [time] if time else []


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
    name = str(files.root / str(tables[0].file))
    stream = parts[0] if sensor.parts is None else join_parts(parts, name)
    return _with_gravity(stream, name)


def _with_gravity(stream: SensorStream, name: str) -> SensorStream:
    """Add gravity, where it is in columns of its own, to ``acc``."""
    if GRAVITY not in stream.channels:
        return stream
    channels = dict(stream.channels)
    added = channels.pop(GRAVITY)
    if 'acc' not in channels:
        what = 'columns.gravity needs columns.acc, to which it is added'
        raise mistake(name, what)
    channels['acc'] = channels['acc'] + added
    return replace(stream, channels=channels, gravity=True)


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
    arrays = {
        channel: np.stack(
            [
                -table.numbers[name[1:]]
                if name[0] == '-'
                else table.numbers[name]
                for name in names
            ],
            axis=1,
        )
        for channel, names in part.channels().items()
    }
    timed = _timed(part, table)
    known = {c: timed & np.isfinite(v).all(axis=1) for c, v in arrays.items()}
    for channel, names in part.channels().items():
        if not known[channel].any():
            _refuse_empty(table, [name.removeprefix('-') for name in names])
    fastest = max(known, key=lambda channel: int(known[channel].sum()))
    together = {c: v for c, v in arrays.items() if c == fastest}
    slower, rows = [], known[fastest]
    for channel, values in arrays.items():
        both = rows & known[channel]
        if both.sum() >= _FULL * known[fastest].sum():
            together[channel], rows = values, both
        else:
            slower.append(channel)
    order = [c for c in arrays if c in together]
    together = {channel: together[channel] for channel in order}
    left_out = int((~rows).sum())
    notes = [*table.notes]
    if left_out and not slower:
        notes.append(
            f'{table.path}: {left_out} of {len(table)} rows have '
            'empty cells and are left out'
        )
    streams = [_rows_stream(part, table, together, rows)]
    for channel in slower:
        alone = {channel: arrays[channel]}
        streams.append(_rows_stream(part, table, alone, known[channel]))
        notes.append(
            f'{table.path}: {channel} has values in '
            f'{int(known[channel].sum())} rows, {" and ".join(order)} in '
            f'{int(rows.sum())} of {len(table)}; {channel} is interpolated '
            f'to their times'
        )
    stream = streams[0]
    if slower:
        stream = join_parts(streams, str(table.path))
    return replace(stream, notes=(*notes, *stream.notes))


def _timed(part: Part, table: Table) -> np.ndarray:
    """(T,) rows that have a time and a number, as far as there are columns."""
    timed = np.ones(len(table), bool)
    assert part.columns is not None  # it was checked
    for name in (part.columns.time, part.columns.counter):
        if name is not None:
            filled = np.isfinite(table.numbers[name])
            if not filled.any():
                _refuse_empty(table, [name])
            timed &= filled
    return timed


def _refuse_empty(table: Table, names: Sequence[str]) -> None:
    """Name the columns that make every row incomplete."""
    empty = [n for n in names if not np.isfinite(table.numbers[n]).any()]
    which = ', '.join(map(repr, empty or names))
    what = 'is empty' if len(empty or names) == 1 else 'are empty'
    if not empty:
        what = 'are never filled in one row'
    raise mistake(
        table.path,
        f'every row has an empty cell: {which} {what}',
        'Correct columns; for an empty time, leave it out and give rate, '
        'with columns.counter if the file counts its samples',
    )


def _rows_stream(
    part: Part,
    table: Table,
    arrays: Mapping[str, np.ndarray],
    known: np.ndarray,
) -> SensorStream:
    """Channels in some rows (T,) of a table."""
    chosen = {channel: values[known] for channel, values in arrays.items()}
    values = np.concatenate([*chosen.values()], axis=1)
    rebuilt = _sample_times(part, table, known, values)
    lines = table.lines[known][rebuilt.rows]
    channels = {}
    for channel, values in chosen.items():
        values = values[rebuilt.rows]
        unit = 'acc' if channel == GRAVITY else channel
        if unit in UNITS:
            values = values * unit_factor(
                getattr(part.units, unit), UNITS[unit]
            )
        else:
            values = _unit_quaternions(values, part, table.path, lines)
        channels[channel] = values.astype(np.float32)
    return SensorStream(
        clock=rebuilt.clock,
        channels=channels,
        gravity=part.gravity in (None, 'included') and GRAVITY not in arrays,
        frame=part.frame or 'sensor',
        notes=rebuilt.notes,
    )


def _sample_times(
    keys: Part, table: Table, known: np.ndarray, values: np.ndarray
) -> SampleTimes:
    """Times of some rows (T,) of a table, plus ``start_s``."""
    assert keys.columns is not None
    time, counter = keys.columns.time, keys.columns.counter
    if time is None and counter is None:
        assert keys.rate is not None  # it was checked
        start, count = keys.start_s or 0.0, int(known.sum())
        clock = Clock(count, rate=keys.rate, start=start)
        if not known.all():
            clock = Clock(
                count, times=start + np.flatnonzero(known) / keys.rate
            )
        return SampleTimes(clock, np.arange(count))
    times: np.ndarray | None = None
    wraps: tuple[float, ...] = ()
    if time is not None:
        times, wraps = _seconds(keys, table, time, known)
    rebuilt = sample_times(
        times,
        table.path,
        counter=None if counter is None else table.numbers[counter][known],
        counter_bits=keys.counter_bits,
        rate=keys.rate,
        wraps=wraps,
        arrival=None if keys.clock is None else keys.clock == 'arrival',
        values=values,
        lines=table.lines[known],
    )
    return replace(rebuilt, clock=shifted(rebuilt.clock, _start(keys)))


def clock_of(keys: Part | Skeleton, table: Table, known: np.ndarray) -> Clock:
    """Clock of some rows (T,) of a table, in their order."""
    start = keys.start_s or 0.0
    time = keys.columns.time if keys.columns else None
    if time is None:
        assert keys.rate is not None  # else there are times
        if known.all():
            return Clock(len(table), rate=keys.rate, start=start)
        times = start + np.flatnonzero(known) / keys.rate
        return Clock(len(times), times=times)
    times, _ = _seconds(keys, table, time, known)
    bad = ~(np.diff(times) > 0)
    if bad.any():
        at, lines = int(np.argmax(bad)), table.lines[known]
        before, after = times[at], times[at + 1]
        how = 'repeats' if after == before else 'goes back before'
        raise mistake(
            table.path,
            f'{how} the time of row {lines[at]} ({after:.6f} s after '
            f'{before:.6f} s)',
            'Correct the times; if the clock is regular, give rate instead '
            'of columns.time; if the rows are of several people, choose '
            'with where',
            row=lines[at + 1],
            column=time,
        )
    return Clock(len(times), times=times + _start(keys))


def _start(keys: Part | Skeleton) -> float:
    """Seconds to add to the times of a file."""
    start = keys.start_s or 0.0
    return 0.0 if start in EPOCHS.values() else start


def _seconds(
    keys: Part | Skeleton, table: Table, time: str, known: np.ndarray
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Times of some rows in seconds, and after what they may start over.

    Raises:
        ValueError: If the unit is missing, or certainly another.
    """
    times = table.numbers[time][known]
    if time in table.hours:
        return times, (DAY,)
    if time in table.dates:
        wraps: tuple[float, ...] = ()
    else:
        unit = keys.units.time if keys.units else None
        if unit is None:
            raise mistake(
                table.path,
                'holds numbers',
                f'Add units.time: {" or ".join(TIME_UNITS)}',
                column=time,
            )
        factor = unit_factor(unit, TIME_UNITS)
        check_time_unit(times, factor, table.path, time)
        times = times * factor
        wraps = tuple(factor * 2.0**bits for bits in COUNTER_BITS)
        if keys.epoch is not None:
            times = times + keys.epoch
        elif keys.start_s in EPOCHS.values():
            times = times + keys.start_s
    if is_date(times[0]) and is_date(_start(keys)):
        raise mistake(
            table.path,
            'counts from 1970 (or units.time is wrong), so start_s cannot '
            'be a date too',
            'Leave start_s out; for a clock that counts from another date, '
            'give epoch, such as 2000',
            row=table.lines[known][0],
            column=time,
        )
    return times, wraps


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
