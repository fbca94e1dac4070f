"""Movella (Xsens) DOT and MTw: one table per sensor.

Columns and units: Movella, *DOT User Manual*, sections on recording and
export; Xsens, *MT Manager User Manual* and *MTw Awinda User Manual*. DOT
writes deg/s, MT Manager rad/s; the magnetic field is in arbitrary units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .devices import LabReader, columns_of, unit_of_rotation
from .dialects import Dialect
from .headers import Head, Names, has, head_lines
from .tables import read_table

_MOTION = r'(free|cal_free)?acc_[xe]|gyr_x|quat_(w|q0)|euler_x|mat\[1\]\[1\]'
_MOTION += r'|dq_w|roll|oriinc_(q0|w)|quaternion_w'
_MATRIX = [f'Mat[{row}][{column}]' for row in '123' for column in '123']
_MT_ONLY = ('quat_q0', 'mat[1][1]', 'utc_nano', 'roll', 'oriinc_q0')
_PART = r'[\W_]*(part|teil|split)?[\W_]*\d*$'
"""What the names of files of one recording differ by."""
_LONGEST_BREAK = 10.0
"""Samples between two files of one recording."""
_SMALLEST_MICROSECONDS = 500.0
"""Median step of SampleTimeFine from which it counts microseconds: that of
2,000 Hz. MTi and MTw count 0.1 ms, and are never slower than 20 Hz."""


def _is_mt(head: Head) -> bool:
    """Whether MT Manager wrote a table, not the DOT software."""
    if head.metadata('DeviceTag', 'Measurement Mode'):
        return False
    lines = head_lines(head.path, 20)
    first = next((line for line in lines if line.strip()), '')
    return first.lstrip().startswith('//') or any(
        has(head.names, name) for name in _MT_ONLY
    )


class XsensReader(LabReader):
    """What the exports of DOT and MTw share."""

    mt: bool
    gyro: str

    @classmethod
    def fits(cls, names: Names) -> bool:
        """Whether they are those of DOT, its server, MTw or MTi."""
        clock = has(names, 'PacketCounter') or has(names, 'SampleTimeFine')
        clock |= has(names, 'Timestamp', 'Address', 'Tag')
        return clock and any(re.fullmatch(_MOTION, n, re.I) for n in names)

    @classmethod
    def reads(cls, path: Path) -> bool:
        """By the names of the columns and the lines above them."""
        head = cls.head(path)
        return head is not None and _is_mt(head) == cls.mt

    def describe_files(
        self, paths: list[Path]
    ) -> Iterator[tuple[Path, dict[str, dict[str, Any]]]]:
        """Files, or the first of those that continue each other."""
        described = [*super().describe_files(paths)]
        names = [re.sub(_PART, '', n) for _, keys in described for n in keys]
        last: dict[str, tuple[dict[str, Any], float]] = {}
        for path, sensors in described:
            (name, *others), (keys, *_) = [*sensors], [*sensors.values()]
            name = re.sub(_PART, '', name)
            if others or names.count(name) == 1:
                yield path, sensors
                continue
            start, end, step = _span(path, keys)
            before, until = last.get(name, (keys, np.inf))
            later = 0 < start - until < _LONGEST_BREAK * step
            last[name] = before if later else keys, end
            if later:
                before.setdefault('_later', []).append(keys)
            else:
                yield path, sensors

    def describe_table(self, head: Head) -> dict[str, dict[str, Any]]:
        """Keys of the sensor of a file, or of those of a DOT server."""
        path = head.path
        keys: dict[str, Any] = {'file': str(path), **head.keys()}
        notes: list[str] = []
        units: dict[str, Any] = {'acc': 'm/s2', 'gyro': self.gyro}
        columns = self._clock(head, keys, units)
        _add_motion(head, columns, keys)
        _add_orientation(head, columns, keys)
        if not {'acc', 'gyro'} & {*columns}:
            _add_increments(head, columns, units, notes)
        if 'gyro' in columns and not self.mt and not has_metadata(head):
            units['gyro'], why = self._gyro_unit(path, columns, keys, units)
            notes.append(
                f'{path}: nothing says who wrote it; Gyr is taken to be '
                f'{units["gyro"]}, {why}'
            )
        if columns.keys() <= {'time', 'counter'}:
            raise mistake(
                path,
                'has no acceleration, rotation or orientation',
                'Export with free acceleration and orientation, or with '
                'rate quantities',
            )
        if 'acc' in columns:
            keys['gravity'] = keys.get('gravity', 'included')
            keys['frame'] = keys.get('frame', 'sensor')
        keys.update(columns=columns, units=units, _notes=notes)
        if has(head.names, 'Timestamp', 'Address', 'Tag'):
            return _by_tag(head, keys)
        return {self._name(head): keys}

    def _gyro_unit(
        self,
        path: Path,
        columns: dict[str, Any],
        keys: dict[str, Any],
        units: dict[str, Any],
    ) -> tuple[str, str]:
        """Unit of the rotation by the values, else as DOT writes it; why."""
        names = [*columns.get('acc', ()), *columns['gyro']]
        if len(names) == 6 and 'time' in columns and 'gravity' not in keys:
            unit, _ = unit_of_rotation(
                path, columns, units['time'], dialect_of(keys)
            )
            if unit is not None:
                return unit, 'by how fast gravity turns'
        return self.gyro, 'as DOT writes it'

    def _name(self, head: Head) -> str:
        raise NotImplementedError

    def _clock(
        self, head: Head, keys: dict[str, Any], units: dict[str, Any]
    ) -> dict[str, Any]:
        """Columns of the clock; adds its unit, or the nominal rate."""
        fine = head.index('SampleTimeFine', 'Timestamp')
        counter = head.find('PacketCounter')
        rate = _rate(head) or self.options.get('rate')
        if rate and counter and (self.mt or not head.filled(fine)):
            keys['rate'] = rate
            return {'counter': counter}
        if fine is not None and head.filled(fine):
            units['time'] = _unit_of_time(head, fine)
            return {'time': head.column(fine)}
        raise mistake(
            head.path,
            'has no times: SampleTimeFine is empty, and no line says the rate',
            'Give rate in a mapping, such as {format: '
            f'{self.name}, file: {head.path.name}, placement: right_wrist, '
            'rate: 100}',
        )


def _span(path: Path, keys: dict[str, Any]) -> tuple[float, float, float]:
    """First and last time of a file, and its step; NaN without times."""
    time = keys['columns'].get('time')
    if time is None:
        return np.nan, np.nan, np.nan
    times, _ = columns_of(path, [time], dialect_of(keys))
    steps = np.diff(times)
    return (times[0], times[-1], np.median(steps)) if len(steps) else (0, 0, 0)


def has_metadata(head: Head) -> bool:
    """Whether lines above the table say that it is of DOT."""
    known = ('DeviceTag', 'Measurement Mode', 'OutputRate', 'AppVersion')
    return head.metadata(*known) is not None


def _add_motion(
    head: Head, columns: dict[str, Any], keys: dict[str, Any]
) -> None:
    """Acceleration in the sensor frame or the world, and rotation."""
    acc = _filled(head, r'Acc_@')
    if not acc:
        acc = _filled(head, r'FreeAcc_@') or _filled(head, r'FreeAcc_@', 'enu')
        if acc:
            keys.update(gravity='removed', frame='world')
    gyro = _filled(head, r'Gyr_@')
    columns.update({'acc': acc} if acc else {})
    columns.update({'gyro': gyro} if gyro else {})


def _add_orientation(
    head: Head, columns: dict[str, Any], keys: dict[str, Any]
) -> None:
    """A quaternion, a rotation matrix or angles, whichever there is first."""
    quat = _filled(head, r'Quat(?:ernion)?_@', 'wxyz') or _filled(
        head, r'Quat_q@', '0123'
    )
    matrix = [head.find(re.escape(name)) for name in _MATRIX]
    euler = _filled(head, r'Euler_@')
    angles = [head.find(name) for name in ('Roll', 'Pitch', 'Yaw')]
    if quat:
        columns['quat'] = quat
        keys['quat_order'] = 'wxyz'
    elif all(matrix) and head.filled(head.index(re.escape(_MATRIX[0]))):
        columns['matrix'] = matrix
    elif euler:
        columns['euler'] = euler
    elif all(angles) and head.filled(head.index('Roll')):
        columns['euler'] = angles
    else:
        return
    keys['quat_direction'] = 'sensor_to_world'


def _add_increments(
    head: Head,
    columns: dict[str, Any],
    units: dict[str, Any],
    notes: list[str],
) -> None:
    """Changes of velocity and of orientation per sample, over its time."""
    velocity = (
        _filled(head, r'dv\[@\]', '123')
        or _filled(head, r'dv_@')
        or _filled(head, r'VelInc_@')
    )
    turn = _filled(head, r'dq_@') or _filled(head, r'OriInc_q@', '123')
    if not (velocity or turn):
        return
    fine = head.index('SampleTimeFine')
    step = _step(head, fine) * _unit_of_time(head, fine)
    rate = _rate(head) or (1 / step if step > 0 else None)
    if rate is None:
        what = 'has changes per sample, but neither rate nor times'
        raise mistake(head.path, what, 'Export rate quantities')
    if velocity:
        columns['acc'], units['acc'] = velocity, rate
    if turn:  # half the angle is the vector's length
        columns['gyro'], units['gyro'] = turn, 2 * rate
    notes.append(
        f'{head.path}: acceleration and rotation are the changes of velocity '
        f'and orientation per sample, times {rate:g} Hz'
    )


def _rate(head: Head) -> float | None:
    """Samples per second, as a line above the table says."""
    text = head.metadata('OutputRate', 'Update Rate') or ''
    match = re.match(r'\d+(\.\d+)?', text)
    return float(match[0]) if match and float(match[0]) > 0 else None


def _step(head: Head, fine: int | None) -> float:
    """Median step of SampleTimeFine."""
    times = head.values(fine) if fine is not None else []
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def _unit_of_time(head: Head, fine: int | None) -> float:
    """What 1 of SampleTimeFine is in seconds."""
    return 1e-4 if 0 < _step(head, fine) < _SMALLEST_MICROSECONDS else 1e-6


def _filled(head: Head, pattern: str, axes: str = 'xyz') -> list[str]:
    """Columns of all axes, if the first of them has values."""
    first = head.index(pattern.replace('@', axes[0]))
    return head.axes(pattern, axes=axes) if head.filled(first) else []


def dialect_of(keys: dict[str, Any]) -> Dialect:
    """How the table of a sensor's keys is written."""
    return Dialect(
        keys['delimiter'],
        keys['decimal'],
        keys['header'],
        keys.get('skip_rows', 0),
        keys.get('encoding'),
    )


def _by_tag(head: Head, keys: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sensors that a DOT server wrote into one table."""
    tag = head.find('Tag')
    assert tag is not None
    table = read_table(head.path, [], texts=[tag], dialect=dialect_of(keys))
    return {
        name: {**keys, 'where': {tag: name}}
        for name in dict.fromkeys(table.texts[tag])
        if name
    }


@register_reader
class XsensDotReader(XsensReader):
    """Reads CSV files of Movella (Xsens) DOT, recorded or streamed."""

    name = 'xsens_dot'
    title = 'Movella DOT'
    mt = False
    gyro = 'deg/s'

    def _name(self, head: Head) -> str:
        return head.metadata('DeviceTag') or head.path.stem


@register_reader
class XsensMtwReader(XsensReader):
    """Reads text files that MT Manager exports of MTw Awinda and MTi."""

    name = 'xsens_mtw'
    title = 'Xsens MTw Awinda'
    mt = True
    gyro = 'rad/s'

    def _name(self, head: Head) -> str:
        stem = head.path.stem
        ids = re.findall(r'(?<![0-9A-F])00[0-9A-F]{6}(?![0-9A-F])', stem)
        given = head.metadata('DeviceId', 'Device ID')
        return ids[-1] if ids else given or stem
