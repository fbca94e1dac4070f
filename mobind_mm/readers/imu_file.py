"""Sensors of one file: a recording of ours, or a table with its mapping.

A mapping for a single file is a part of what docs/own_data.md describes::

    placement: right_wrist
    columns: {time: t, acc: [ax, ay, az], gyro: [gx, gy, gz]}
    units: {time: s, acc: m/s2, gyro: rad/s}
    gravity: included
    frame: sensor

or, for several sensors, ``imu: {right_wrist: {...}, head: {...}}`` and
``sensor: {...}`` with the keys that they share. Without a mapping the columns
must have the names that :func:`write_imu_table` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import SensorStream
from ..recordings.reading import read_imu
from ..utils.files import replacing
from .own_data import values as v
from .own_data.keys import SENSOR
from .own_data.yaml import read_yaml
from .table_csv import Dialect
from .table_imu import read_sensor
from .tables import column_names

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'quat': 'wxyz', 'mag': 'xyz'}
ACC = {
    'acc': (True, 'sensor'),
    'acc_free': (False, 'sensor'),
    'acc_world': (True, 'world'),
    'acc_world_free': (False, 'world'),
}
"""What a column of acceleration is called, by gravity and frame."""
OWN_UNITS = {'time': 's', 'acc': 'm/s2', 'gyro': 'rad/s', 'mag': 'uT'}

_SINGLE = (
    *('columns', 'units', 'quat_order', 'quat_direction', 'gravity', 'frame'),
    *('where', 'delimiter', 'decimal', 'header', 'skip_rows', 'rate'),
    *('start_s', 'file', 'parts'),
)


def read_imu_file(
    path: str | Path,
    mapping: str | Path | Mapping | None = None,
    notes: list[str] | None = None,
) -> dict[str, SensorStream]:
    """Read the sensors of one file.

    Args:
        path: ``.safetensors`` of ours, a CSV or Parquet table, or a YAML
            mapping that names its tables itself.
        mapping: YAML file or its content, for a table; None goes by the
            names of the columns.
        notes: List that remarks are added to, such as rows left out.

    Returns:
        Name to stream. A name that is no placement is a sensor of which
        nobody knows where it is worn.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming file, key, row, column and value.
    """
    path = Path(path)
    notes = [] if notes is None else notes
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no IMU file {path}; check the path.'
        )
    if path.suffix == '.safetensors':
        return read_imu(path)
    root, where = Path('.'), 'mapping'
    if path.suffix in ('.yml', '.yaml'):
        mapping, given = path, None
    else:
        given = str(path)
    if mapping is None:
        return _read_own_columns(path, notes)
    if not isinstance(mapping, Mapping):
        where = f'{mapping}:'
        root = Path(mapping).parent
        mapping = read_yaml(mapping)
    sensors = {}
    for name, spec in _sensors(mapping, where).items():
        if given is not None:
            spec = {**spec, 'file': given}
        elif 'file' in spec:
            spec = {**spec, 'file': str(root / spec['file'])}
        sensors[name] = read_sensor(spec, '.', v.below(where, name), notes)
    return sensors


def write_imu_table(
    path: str | Path, streams: Mapping[str, SensorStream], times: np.ndarray
) -> None:
    """Write sensors that share a clock as a CSV that needs no mapping.

    Columns are ``time`` in seconds and ``<sensor>_<channel>_<axis>``, such
    as ``right_wrist_acc_x``, in the units of the recording format; ``acc``
    is called ``acc_free`` without gravity, ``acc_world`` in the world frame.

    Args:
        path: File to write.
        streams: Sensors by name; of T samples each.
        times: (T,) seconds.
    """
    names, columns = ['time'], [np.asarray(times, np.float64)[:, None]]
    for sensor, stream in streams.items():
        for channel, values in stream.channels.items():
            label = channel
            if channel == 'acc':
                kinds = {kind: name for name, kind in ACC.items()}
                label = kinds[stream.gravity, stream.frame]
            names += [f'{sensor}_{label}_{a}' for a in AXES[channel]]
            columns.append(np.asarray(values))
    table = np.concatenate(columns, axis=1)
    with replacing(path) as temporary:
        np.savetxt(
            *(temporary, table),
            fmt=['%.6f', *['%.7g'] * (len(names) - 1)],
            delimiter=',',
            header=','.join(names),
            comments='',
        )


def _sensors(mapping: Mapping, where: str) -> dict[str, dict]:
    """Keys of each sensor by name."""
    several = v.keys(
        {
            'imu': v.map_of(v.text, SENSOR),
            'sensor': SENSOR,
            'placement': v.placement,
            **dict.fromkeys(_SINGLE, lambda value, where: value),
        }
    )
    content = v.merged({}, several(mapping, where))
    if ('imu' in content) == ('placement' in content):
        raise ValueError(
            f'{where.rstrip(":")}: give either placement (and the keys of '
            'that sensor), or imu: {placement: keys, ...} for several '
            f'sensors; {"both are" if "imu" in content else "neither is"} '
            'there.'
        )
    shared = content.get('sensor', {})
    if 'imu' in content:
        if single := sorted(set(content) & set(_SINGLE)):
            raise ValueError(
                f'{v.below(where, single[0])}: put what all sensors share '
                'below sensor.'
            )
        return {
            name: v.merged(shared, spec)
            for name, spec in content['imu'].items()
        }
    own = {key: content[key] for key in _SINGLE if key in content}
    return {content['placement']: v.merged(shared, own)}


def _read_own_columns(path: Path, notes: list[str]) -> dict[str, SensorStream]:
    """A table whose columns are called as we call them."""
    names = column_names(path, ('time',), Dialect())
    found: dict[str, dict[str, list[str]]] = {}
    kinds: dict[str, tuple[bool, str]] = {}
    labels = {channel: channel for channel in AXES} | dict.fromkeys(ACC, 'acc')
    for name in names:
        for label, channel in labels.items():
            columns = [f'_{label}_{axis}' for axis in AXES[channel]]
            sensor = name.removesuffix(columns[0])
            wanted = [sensor + column for column in columns]
            if sensor != name and set(wanted) <= set(names):
                found.setdefault(sensor, {})[channel] = wanted
                if channel == 'acc':
                    kinds[sensor] = ACC[label]
    if 'time' not in names or not found:
        shown = ', '.join(map(repr, names[:8])) or 'nothing'
        raise ValueError(
            f'{path}: its columns ({shown}, ...) do not say what they are: '
            'without a mapping they must be time, right_wrist_acc_x, '
            'right_wrist_acc_y, ...; describe the file with a mapping '
            '(--mapping, docs/inference.md).'
        )
    sensors = {}
    for sensor, columns in found.items():
        spec: dict[str, Any] = {
            'file': str(path),
            'columns': {'time': 'time', **columns},
            'units': {
                key: unit
                for key, unit in OWN_UNITS.items()
                if key == 'time' or key in columns
            },
        }
        if 'acc' in columns:
            included, frame = kinds[sensor]
            gravity = 'included' if included else 'removed'
            spec.update(gravity=gravity, frame=frame)
        if 'quat' in columns:
            spec.update(quat_order='wxyz', quat_direction='sensor_to_world')
        sensors[sensor] = read_sensor(spec, '.', f'{path}: {sensor}', notes)
    return sensors
