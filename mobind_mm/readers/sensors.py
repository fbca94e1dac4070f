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

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ..recordings import SensorStream
from ..utils.errors import READ_ERRORS, below, mistake, prefixed, shown
from .archives import is_file, is_folder, open_file
from .arrays import ARRAYS
from .base import FileReader, get_reader, recognize
from .dates import is_date
from .dialects import Dialect
from .joining import join_parts, with_gravity
from .keys import check_keys, read_yaml
from .mapping import Columns, ImuFile, Part, Sensor, Skeleton, Units
from .placing import place_sensors
from .stuck import without_stuck
from .table_streams import clock_of as clock_of
from .table_streams import counter_among, losses_of, shifted, table_stream
from .tables import Table, TableFile, column_names, is_text, units_row

K = TypeVar('K', Sensor, Skeleton)


class UnknownColumnsError(ValueError):
    """The names of a table's columns do not say what they are."""


AXES = {'acc': 'xyz', 'gyro': 'xyz', 'quat': 'wxyz', 'mag': 'xyz'}
ACC = {
    'acc': (True, 'sensor'),
    'acc_free': (False, 'sensor'),
    'acc_world': (True, 'world'),
    'acc_world_free': (False, 'world'),
}
"""What a column of acceleration is called, by gravity and frame."""
_NO_TEXT = {
    b'PK\x03\x04': (
        'a workbook or an archive that no reader knows',
        'Save its sheet as CSV, or unpack it',
    ),
    b'\xd0\xcf\x11\xe0': ('a workbook', 'Save its sheet as CSV'),
    b'\x1f\x8b': ('compressed', 'Unpack it'),
    b'\x89HDF': ('HDF5', 'Call it .h5'),
    b'SQLite format': ('a database', 'Export the table as CSV'),
    b'Device Identity': (
        'binary data of GENEActiv',
        'Export raw data as CSV in its software',
    ),
    b'XDF:': ('a recording of LSL', 'Write the stream as a table, by pyxdf'),
    b'Obj\x01': ('binary data (Avro)', 'Export it as CSV'),
    b'MATLAB': ('a file of MATLAB', 'Call it .mat'),
    b'\x93NUMPY': ('an array of NumPy', 'Call it .npy'),
    b'{': ('JSON that no reader knows', 'Export it as CSV'),
    b'[': ('JSON that no reader knows', 'Export it as CSV'),
}
"""First bytes of files that are not tables: what they are, what to do."""
_NO_SENSORS = {'lin', 'linear', 'user', 'free', 'raw', 'cal', 'total', 'body'}
"""What acceleration of other programs is called, not sensors of ours."""
OWN_UNITS: dict[str, Any] = {
    'time': 's',
    'acc': 'm/s2',
    'gyro': 'rad/s',
    'mag': 'uT',
}


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
    if not (path.exists() or is_file(path)):
        raise FileNotFoundError(
            f'There is no IMU file {path}; check the path.'
        )
    kind = None if mapping is not None else recognize(path)
    if of_poses(kind) and path.suffix.lower() in ARRAYS:
        kind = None  # which holds arrays of anything
    if kind is None and mapping is None and is_folder(path):
        raise mistake(
            path,
            'is not the export of a device that is known',
            'Give one of its files; a table of another device needs a '
            'mapping (--mapping, docs/own_data.md)',
        )
    if kind is None or kind.name == 'table':
        if mapping is None:
            _refuse_no_text(path)
        streams = read_imu_tables(path, mapping, placement)
    else:
        given = {} if placement is None else {'placement': placement}
        streams = kind(path, **given).read_imu()
    for name, stream in streams.items():
        if stream.clock.num_samples < 2:
            what = f'has one sample of {name}, which is no movement'
            raise mistake(path, what, 'Record longer, or export it again')
    if placement is None or (kind is not None and kind.places):
        return streams
    return place_sensors(streams, placement, f'{path}:')


def of_poses(kind: type[Any] | None) -> bool:
    """Whether a reader reads skeletons only."""
    return kind is not None and (
        not issubclass(kind, FileReader)
        or kind.read_imu is FileReader.read_imu
    )


def _refuse_no_text(path: Path) -> None:
    """Say what a file is that is neither a table nor of a known device."""
    if not is_text(path):
        return
    with open_file(path, 64) as file:
        start = file.read(64)
    if not start:
        raise mistake(path, 'is empty', 'Export it again')
    for magic, (what, fix) in _NO_TEXT.items():
        if start.lstrip().startswith(magic):
            raise mistake(path, f'is {what}', fix)
    if b'\0' in start and start[:2] not in (b'\xff\xfe', b'\xfe\xff'):
        fix = "Export it as CSV or text with the device's software"
        if start[:2] == b'MD' and path.suffix.lower() == '.cwa':
            fix = 'Export it as CSV with OmGui or cwa-convert'
        raise mistake(path, 'is binary, not a table', fix)


def read_imu_tables(
    source: Path,
    mapping: str | Path | Mapping | None = None,
    placement: str | Mapping[str, str] | None = None,
) -> dict[str, SensorStream]:
    """Sensors of a table, or of the tables that a mapping names."""
    content, root, where = read_mapping(source, mapping)
    if content is None:
        described = _own_sensors(source)
        streams = read_sensors(described, '.', f'{source}:')
        return _noted_rest(source, described, streams)
    if isinstance(placement, str) and not {'imu', 'placement'} & {*content}:
        content = {**content, 'placement': placement}
    keys = check_keys(ImuFile, content, where)
    sensors = {
        name: placed_keys(Sensor, spec, source, root, f'{where} {name}')
        for name, spec in keys.sensors(where).items()
    }
    return read_sensors(sensors, '.', where)


def _noted_rest(
    path: Path, sensors: Mapping[str, Sensor], streams: dict[str, SensorStream]
) -> dict[str, SensorStream]:
    """Streams with a note of the columns that are not read."""
    used = {'time'}
    for keys in sensors.values():
        columns = keys.columns
        for channel in AXES:
            used |= {*(getattr(columns, channel, None) or ())}
    names = column_names(path, ('time',), Dialect())
    rest = [name for name in names if name and name not in used]
    rest = [n for n in rest if not re.search('count|packet', n, re.I)]
    if not rest:
        return streams
    note = f'{path}: not read: {shown(rest, 6)}'
    return {
        name: replace(stream, notes=(*stream.notes, note))
        for name, stream in streams.items()
    }


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
    there = {*names}
    for name in names if 'time' in there else ():
        for label, channel in labels.items():
            axes = [f'_{label}_{axis}' for axis in AXES[channel]]
            sensor = name.removesuffix(axes[0])
            wanted = [sensor + axis for axis in axes]
            if sensor != name and there.issuperset(wanted):
                columns.setdefault(sensor, {'time': 'time'})[channel] = wanted
                if channel == 'acc':
                    acc[sensor] = ACC[label]
    if not columns or {*columns} & _NO_SENSORS:
        listed = shown(names, 8) or 'nothing'
        error = mistake(
            path,
            f'its columns ({listed}, ...) do not say what they are: without '
            'a mapping they must be time, right_wrist_acc_x, '
            'right_wrist_acc_y, ...',
            'Describe the file with a mapping (--mapping, docs/inference.md)',
        )
        raise UnknownColumnsError(str(error))
    _check_axes(path, there, columns, labels)
    first = next(iter(columns.values()))
    axes = [n for c, ns in first.items() if c in AXES for n in ns]
    if row := units_row(path, axes):
        what = 'gives units below names that are of fixed units'
        error = mistake(path, what, 'Remove that row', row=row)
        raise UnknownColumnsError(str(error))
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


def _check_axes(
    path: Path,
    names: Set[str],
    columns: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, str],
) -> None:
    """Refuse an axis without the others: the channel would be lost."""
    used = {n for kinds in columns.values() for n in chain(*kinds.values())}
    ends = [
        (f'_{label}_{axis}', label, AXES[channel])
        for label, channel in labels.items()
        for axis in AXES[channel]
    ]
    for name in sorted(names - used):
        for end, label, axes in ends:
            if not name.endswith(end):
                continue
            sensor = name.removesuffix(end)
            wanted = [f'{sensor}_{label}_{axis}' for axis in axes]
            missing = [n for n in wanted if n not in names]
            if missing:
                raise mistake(
                    path,
                    f'has a column {name!r}, but none {missing[0]!r}',
                    'Correct the names of the columns, or remove these',
                )


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

    def numbered(self, part: Part) -> tuple[Part, Table]:
        """A part and its table, with its counter if a rate hides losses."""
        table, columns = self.table(part), part.columns
        assert columns is not None  # it was checked
        if columns.time or columns.counter or part.header == 0:
            return part, table
        numbers, _ = _columns(part)
        names = column_names(table.path, numbers, part.dialect())
        for name in counter_among(names):
            update = {'counter': name}
            counted = part.model_copy(
                update={'columns': columns.model_copy(update=update)}
            )
            try:
                with_counter = self.table(counted)
            except READ_ERRORS:
                continue
            note = losses_of(with_counter, name)
            if note:
                notes = (*with_counter.notes, note)
                return counted, replace(with_counter, notes=notes)
        return part, table

    def table(self, part: Part) -> Table:
        """Columns of one sensor, in its rows."""
        key, (numbers, time) = self._key(part), _columns(part)
        file = self.opened.get(key)
        names = {*numbers, *time, *(part.where or ())}
        if file is None or not names <= {*file.columns}:
            try:
                file = self._open([*self.parts[key], part])
            except ValueError:  # perhaps because of another sensor
                file = self._open([part])
            self.opened[key] = file
        return file.select(
            numbers,
            time,
            where=part.where,
            time_format=part.time_format,
            timezone=part.timezone,
            dated=not is_date(part.start_s or 0),
        )


def _columns(part: Part) -> tuple[list[str], list[str]]:
    """Columns of numbers and of times; ``-ax`` is ``ax``, negated."""
    axes = [n for names in part.channels().values() for n in names]
    numbers = [name.removeprefix('-') for name in axes]
    time = part.columns.time if part.columns else None
    for name in ('fraction', 'counter'):
        column = getattr(part.columns, name, None)
        numbers += [column] if column else []
    return numbers, [time] if time else []


def _read_sensor(
    sensor: Sensor, placement: str, files: _Files
) -> SensorStream:
    tables = sensor.tables()
    parts = [
        table_stream(*files.numbered(part))
        if part.format in (None, 'table')
        else _foreign_stream(part, placement, files.root)
        for part in tables
    ]
    name = str(files.root / str(tables[0].file))
    stream = parts[0] if sensor.parts is None else join_parts(parts, name)
    return without_stuck(with_gravity(stream, name), placement)


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
