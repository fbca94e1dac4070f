"""The keys of sensors and skeletons in a mapping, and which they need."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..table_times import TIME_UNITS
from . import values as v

UNITS = {
    'acc': {'m/s2': 1.0, 'g': 9.80665, 'mg': 9.80665e-3},
    'gyro': {'rad/s': 1.0, 'deg/s': np.pi / 180},
    'mag': {'uT': 1.0, 'mT': 1e3, 'gauss': 100.0},
}
"""What one unit is in ours: m/s^2, rad/s and uT."""
CHANNELS = ('acc', 'gyro', 'quat', 'mag')

_FILE = {
    'file': v.text,
    'where': v.map_of(v.text, v.text),
    'delimiter': v.choice(',', ';', '\t', '|', ' '),
    'decimal': v.choice('.', ','),
    'header': v.count,
    'skip_rows': v.count,
    'rate': v.positive,
    'start_s': v.moment,
}
"""Keys of any table."""

_PART = {
    **_FILE,
    'columns': v.keys(
        {
            'time': v.column,
            'acc': v.columns(3),
            'gyro': v.columns(3),
            'quat': v.columns(4),
            'mag': v.columns(3),
        }
    ),
    'units': v.keys(
        {
            'time': v.choice(*TIME_UNITS),
            'acc': v.choice(*UNITS['acc']),
            'gyro': v.choice(*UNITS['gyro']),
            'mag': v.choice(*UNITS['mag']),
        }
    ),
    'quat_order': v.choice('wxyz', 'xyzw'),
    'quat_direction': v.choice('sensor_to_world', 'world_to_sensor'),
    'gravity': v.choice('included', 'removed'),
    'frame': v.choice('sensor', 'world'),
}
SENSOR = v.keys({**_PART, 'parts': v.list_of(v.keys(_PART))})
"""Keys of one sensor."""

IMU = v.map_of(v.placement, SENSOR)
"""Sensors by placement."""

POSE_FORMATS = ('mmpose', 'table', 'mmaction')
_COMMON = {
    'file': v.text,
    'format': v.choice(*POSE_FORMATS),
    'layout': v.text,
    'img_shape': v.img_shape,
    'rate': v.positive,
    'start_s': v.moment,
}
_BY_FORMAT = {
    'mmpose': {
        'person': v.person,
        'max_gap_sec': v.positive,
        'first_frame': v.count,
        'num_frames': v.count,
    },
    'table': {
        **{k: check for k, check in _FILE.items() if k not in _COMMON},
        'columns': v.keys(
            {
                'time': v.column,
                'x': v.template('keypoint'),
                'y': v.template('keypoint'),
                'score': v.template('keypoint'),
            }
        ),
        'units': v.keys(
            {
                'time': v.choice(*TIME_UNITS),
                'keypoints': v.choice('px', 'fraction'),
            }
        ),
        'keypoint_names': v.map_of(v.text, v.text),
    },
    'mmaction': {'person': v.person, 'name': v.text},
}
POSE = v.keys(
    {
        **_COMMON,
        **{k: c for own in _BY_FORMAT.values() for k, c in own.items()},
    }
)
"""Keys of a skeleton, of any format."""

_EXAMPLES = {
    'file': 'a path below root, such as raw/{take}.csv',
    'columns': '{time: t, acc: [ax, ay, az]}',
    'columns.time': 'the column of the times',
    'units.acc': ' or '.join(UNITS['acc']),
    'units.gyro': ' or '.join(UNITS['gyro']),
    'units.mag': ' or '.join(UNITS['mag']),
    'gravity': "included (a still sensor's acc is 9.81 m/s2) or removed",
    'frame': 'sensor or world, the frame of acc',
    'quat_order': 'wxyz or xyzw',
    'quat_direction': 'sensor_to_world or world_to_sensor',
    'format': ' or '.join(POSE_FORMATS),
    'img_shape': '[height, width] of the video in pixels',
    'rate': 'frames per second of the video',
    'layout': 'the skeleton, such as coco',
    'columns.x': "'{keypoint}_x'",
    'columns.y': "'{keypoint}_y'",
    'name': 'frame_dir of the take in the pickle',
}


def check_imu(spec: Mapping, where: str) -> dict:
    """Check the values of sensors by placement; see :data:`IMU`.

    Raises:
        ValueError: Naming key and value.
    """
    return v.merged({}, IMU(spec, where))


def check_sensor(spec: Mapping, where: str) -> None:
    """Check that a sensor has every key that it needs.

    Raises:
        ValueError: Naming the key that is missing or contradicts another.
    """
    if 'parts' not in spec:
        _check_table(spec, where)
        return
    shared = {key: value for key, value in spec.items() if key != 'parts'}
    seen: dict[str, int] = {}
    for index, part in enumerate(spec['parts']):
        place = f'{where}.parts[{index}]'
        _check_table(v.merged(shared, part), place)
        for channel in CHANNELS:
            if channel not in v.merged(shared, part)['columns']:
                continue
            if channel in seen:
                raise ValueError(
                    f'{place}: parts[{seen[channel]}] has {channel} '
                    'already; name each channel in one part.'
                )
            seen[channel] = index


def _check_table(spec: Mapping, where: str) -> None:
    """Check the keys of one table of a sensor."""
    v.require(spec, ('file', 'columns'), where, _EXAMPLES)
    columns = spec['columns']
    channels = [channel for channel in CHANNELS if channel in columns]
    if not channels:
        raise ValueError(
            f'{where}.columns: no channel; name the columns of '
            f'{", ".join(CHANNELS)}.'
        )
    needed = [f'units.{c}' for c in channels if c != 'quat']
    if 'acc' in channels:
        needed += ['gravity', 'frame']
    if 'quat' in channels:
        needed += ['quat_order', 'quat_direction']
    v.require(spec, needed, where, _EXAMPLES)
    names = [n.lstrip('-') for c in channels for n in columns[c]]
    names += [columns['time']] if 'time' in columns else []
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f'{where}.columns: {twice[0]!r} serves two purposes; correct one.'
        )
    check_clock(spec, where)


def check_clock(spec: Mapping, where: str) -> None:
    """Check that a stream has times or a rate, not both.

    Raises:
        ValueError: Naming both keys.
    """
    timed = 'time' in spec.get('columns', {})
    if timed == ('rate' in spec):
        raise ValueError(
            f'{where}: give either columns.time (with units.time) or rate in '
            f'Hz; {"both are" if timed else "neither is"} there.'
        )


def check_pose(spec: Mapping, where: str) -> None:
    """Check that a skeleton has the keys that its format needs.

    Raises:
        ValueError: Naming the key that is missing or belongs to another
            format.
    """
    v.require(spec, ('file', 'format'), where, _EXAMPLES)
    kind = spec['format']
    known = {**_COMMON, **_BY_FORMAT[kind]}
    for key in spec:
        if key not in known:
            raise ValueError(
                f'{where}: format {kind} has no key {key}. Known: '
                f'{", ".join(known)}.'
            )
    needed = {
        'mmpose': ('img_shape', 'rate'),
        'table': ('layout', 'img_shape', 'columns.x', 'columns.y'),
        'mmaction': ('rate', 'name'),
    }
    v.require(spec, needed[kind], where, _EXAMPLES)
    if kind == 'table':
        check_clock(spec, where)
