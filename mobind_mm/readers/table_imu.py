"""Sensors of tables: units, axes and clocks as the mapping names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..recordings import Clock, SensorStream
from ..recordings.schema import IMU_CHANNELS
from .own_data.keys import SENSOR, UNITS, check_imu, check_sensor
from .own_data.values import merged, named
from .sensor_parts import join_parts
from .table_csv import Dialect
from .table_times import TIME_UNITS, check_forward, is_date
from .tables import Table, read_table

_MAX_NORM_ERROR = 0.05


def read_imu_tables(
    spec: Mapping,
    root: str | Path = '.',
    where: str = 'imu',
    notes: list[str] | None = None,
) -> dict[str, SensorStream]:
    """Read the sensors of one recording.

    Args:
        spec: Placement to its keys, see docs/own_data.md.
        root: Directory that ``file`` is relative to.
        where: File and key of ``spec``, for messages.
        notes: List that remarks are added to, such as rows left out.

    Returns:
        Placement to stream. Times are those of the file plus ``start_s``;
        of dates, seconds since 1970.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming key, file, row, column and value.
    """
    spec = check_imu(spec, where)
    notes = [] if notes is None else notes
    return {
        placement: read_sensor(sensor, root, f'{where}.{placement}', notes)
        for placement, sensor in spec.items()
    }


def read_sensor(
    spec: Mapping, root: str | Path, where: str, notes: list[str]
) -> SensorStream:
    """Read one sensor, of one table or of several parts.

    Args:
        spec: Its keys, see docs/own_data.md.
        root: Directory that ``file`` is relative to.
        where: File and key of ``spec``, for messages.
        notes: List that remarks are added to.

    Raises:
        FileNotFoundError: If a file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming key, file, row, column and value.
    """
    spec = merged({}, SENSOR(spec, where))
    check_sensor(spec, where)
    with named(where):
        return _read_tables(spec, Path(root), notes)


def _read_tables(spec: Mapping, root: Path, notes: list[str]) -> SensorStream:
    if 'parts' not in spec:
        return read_imu_table(spec, root, notes)
    shared = {key: v for key, v in spec.items() if key != 'parts'}
    parts = [
        read_imu_table(merged(shared, part), root, notes)
        for part in spec['parts']
    ]
    return join_parts(parts, notes, spec['parts'][0]['file'])


def read_imu_table(
    spec: Mapping, root: Path, notes: list[str]
) -> SensorStream:
    """Read one sensor from one table; see :func:`read_imu_tables`."""
    columns = spec['columns']
    channels = {c: columns[c] for c in IMU_CHANNELS if c in columns}
    wanted = [name for names in channels.values() for name in names]
    time = columns.get('time')
    table = _read(spec, root, wanted, time)
    signed = {name: _signed(table, name) for name in wanted}
    arrays = {
        c: np.stack([signed[name] for name in names], axis=1)
        for c, names in channels.items()
    }
    known = np.ones(len(table), bool)
    for values in (*arrays.values(), *_time_column(table, time)):
        known &= np.isfinite(values.reshape(len(table), -1)).all(axis=1)
    dropped = len(table) - int(known.sum())
    if dropped:
        notes.append(
            f'{table.path}: {dropped} of {len(table)} rows have empty '
            'cells and are left out'
        )
    if not known.any():
        raise ValueError(
            f'{table.path}: every row has an empty cell in one of the '
            f'columns {wanted}; correct columns.'
        )
    clock = _clock(spec, table, known)
    arrays = {c: values[known] for c, values in arrays.items()}
    lines = table.lines[known]
    for name, factors in UNITS.items():
        if name in arrays:
            arrays[name] = arrays[name] * factors[spec['units'][name]]
    if 'quat' in arrays:
        arrays['quat'] = _quaternion(arrays['quat'], spec, table.path, lines)
    return SensorStream(
        clock=clock,
        channels={c: v.astype(np.float32) for c, v in arrays.items()},
        gravity=spec.get('gravity', 'included') == 'included',
        frame=spec.get('frame', 'sensor'),
    )


def dialect_of(spec: Mapping) -> Dialect:
    """How the text file of a sensor or a skeleton is written."""
    names = ('delimiter', 'decimal', 'header', 'skip_rows')
    return Dialect(**{name: spec[name] for name in names if name in spec})


def _read(
    spec: Mapping, root: Path, wanted: list[str], time: str | None
) -> Table:
    """Read columns; ``-ax`` is the column ``ax``, negated."""
    return read_table(
        root / spec['file'],
        numbers=[name[1:] if name[0] == '-' else name for name in wanted],
        times=[time] if time else [],
        where=spec.get('where'),
        dialect=dialect_of(spec),
    )


def _signed(table: Table, name: str) -> np.ndarray:
    negated = name[0] == '-'
    return -table.numbers[name[1:]] if negated else table.numbers[name]


def _time_column(table: Table, time: str | None) -> list[np.ndarray]:
    return [table.numbers[time]] if time else []


def _clock(spec: Mapping, table: Table, known: np.ndarray) -> Clock:
    """Clock of the rows that are complete."""
    start = spec.get('start_s', 0.0)
    time = spec['columns'].get('time')
    if time is None:
        if known.all():
            return Clock(len(table), rate=spec['rate'], start=start)
        times = start + np.flatnonzero(known) / spec['rate']
        return Clock(len(times), times=times)
    return Clock(
        int(known.sum()), times=read_times(spec, table, time, known, start)
    )


def read_times(
    spec: Mapping,
    table: Table,
    time: str,
    known: np.ndarray,
    start: float,
) -> np.ndarray:
    """Times of some rows in seconds, strictly increasing.

    Args:
        spec: Keys of the sensor or skeleton.
        table: Its table.
        time: Column of the times.
        known: (T,) rows to take.
        start: ``start_s`` in seconds.

    Raises:
        ValueError: If a unit is missing, or a time does not go forward.
    """
    times, lines = table.numbers[time][known], table.lines[known]
    if time not in table.dates:
        unit = spec.get('units', {}).get('time')
        if unit is None:
            raise ValueError(
                f'{table.path}: column {time!r} holds numbers; add '
                f'units.time: {" or ".join(TIME_UNITS)}.'
            )
        times = times * TIME_UNITS[unit]
    if is_date(times[0]) and is_date(start):
        raise ValueError(
            f'{table.path}, row {lines[0]}: column {time!r} counts from 1970 '
            '(or units.time is wrong), so start_s cannot be a date too; '
            'leave start_s out.'
        )
    check_forward(times, lines, table.path, time)
    return times + start


def _quaternion(
    quat: np.ndarray, spec: Mapping, path: Path, lines: np.ndarray
) -> np.ndarray:
    """(T, 4) unit, scalar first, sensor to world."""
    if spec['quat_order'] == 'xyzw':
        quat = np.roll(quat, 1, axis=1)
    norm = np.linalg.norm(quat, axis=1)
    bad = np.abs(norm - 1) > _MAX_NORM_ERROR
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f'{path}, row {lines[row]}: the norm of the quaternion is '
            f'{norm[row]:.3f}, expected 1. Correct columns.quat, or empty '
            'the cells of samples without orientation.'
        )
    quat = quat / norm[:, None]
    if spec['quat_direction'] == 'world_to_sensor':
        quat = quat * (1, -1, -1, -1)
    return quat
