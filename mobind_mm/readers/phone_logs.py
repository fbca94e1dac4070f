"""Other logs of phones: one wide table whose names say what it holds.

Each log is a table of patterns. Where a log leaves units open, values tell:
gravity the unit of acceleration, how fast it turns in the sensor's frame the
unit of angular rate. What they do not tell is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import STANDARD_GRAVITY
from ..utils.errors import mistake
from .base import register_reader
from .devices import (
    ExportReader,
    columns_of,
    described,
    unit_of_gravity,
    unit_of_rotation,
)
from .headers import Header, data_row, find_header, head_lines
from .keys import unit_factor
from .orientation import UNFIT_QUATERNIONS, find_attitude
from .sensors import UnknownColumnsError
from .time_units import TIME_UNITS, clock_ticks

_SEPARATED = '[-_. ]?'
_SQUARED = r'm/?s(\^2|²|2|\^-2)?'
_RATE = re.compile(r'(rad|deg|°) ?/ ?s|\bdps\b', re.IGNORECASE)
"""Units of angular rate in the name of a column."""
_LEAST_RATES = 0.2
"""Angular rate in rad/s (rms) below which its unit cannot be told."""


@dataclass(frozen=True)
class _Log:
    """Names of the columns of one kind of log.

    Args:
        title: What users call it.
        time: Pattern of the time.
        acc: Patterns of acceleration with gravity.
        free: Of acceleration without gravity.
        gravity: Of gravity, which can be added to ``free``.
        gyro: Of angular rate.
        mag: Of the magnetic field, in uT.
        quat: Of quaternions.
        needs: Quantities by any of which the log is known.
        units: Units that are always the same.
        ios: Whether signs are reversed where the unit is g.
    """

    title: str
    time: str
    acc: str = ''
    free: str = ''
    gravity: str = ''
    gyro: str = ''
    mag: str = ''
    quat: str = ''
    needs: tuple[tuple[str, ...], ...] = (('acc',),)
    units: Mapping[str, str] = field(default_factory=dict)
    ios: bool = False

    def header(self, path: Path) -> Header | None:
        """The line of the names, if a file is such a log."""
        for needs in self.needs:
            patterns = [getattr(self, need) for need in needs]
            header = find_header(path, self.time, *patterns, most=12)
            if header is None or not all(map(header.axes, patterns)):
                continue
            turns = any(map(_RATE.search, header.names))
            if not turns or (self.gyro and header.axes(self.gyro)):
                return header  # no angular rate would be lost
        return None


_LOGS = (
    _Log(
        'Physics Toolbox Sensor Suite',
        time='time',
        acc='gF@',
        free='a@',
        gyro='w@',
        mag='B@',
        needs=(('acc',), ('free', 'gyro')),
        units={'acc': 'g', 'free': 'm/s2', 'gyro': 'rad/s', 'time': 's'},
    ),
    _Log(
        'AndroSensor',
        time=r'Time since start in ms ?',
        acc=r'ACCELEROMETER @ \(m/s.*\)',
        free=r'LINEAR ACCELERATION @ \(m/s.*\)',
        gravity=r'GRAVITY @ \(m/s.*\)',
        gyro=r'GYROSCOPE @ \(rad/s\)',
        mag=r'MAGNETIC FIELD @ \([µμu]T\)',
        needs=(('acc',), ('free',), ('gyro',)),
        units={
            **dict.fromkeys(('acc', 'free', 'gravity'), 'm/s2'),
            **{'gyro': 'rad/s', 'time': 'ms'},
        },
    ),
    _Log(
        'a log of camera and sensors (EuRoC, MARS Logger)',
        time=r'#? ?timestamp ?[\[(](ns|nanosec)[\])]',
        acc=r'a_RS_S_@.*|a@(\[m/s\^2\])?',
        gyro=r'w_RS_S_@.*|g@(\[rad/s\])?',
        needs=(('acc', 'gyro'),),
        units={'acc': 'm/s2', 'gyro': 'rad/s', 'time': 'ns'},
    ),
    _Log(
        'Core Motion (iOS)',
        time=r'#?(time|timestamp|epoch|time_?s|epoch_?s)(\(.*\))?',
        free=rf'(motion)?user{_SEPARATED}acc(el|eleration)?{_SEPARATED}@',
        gravity=rf'(motion)?gravity{_SEPARATED}@',
        gyro=rf'(motion)?rotation{_SEPARATED}(rate)?{_SEPARATED}@',
        quat=rf'(attitude|quaternion|quat){_SEPARATED}q?@',
        needs=(('free', 'gravity'), ('free', 'gyro')),
        units={'gyro': 'rad/s'},
        ios=True,
    ),
    _Log(
        'an Android log',
        time=r'#?(sensor_?)?(time|timestamp)[ _]?[\[(]?(ns|us|ms|s)[\])]?',
        acc=rf'acc(el|elerometer|eleration)?{_SEPARATED}@'
        rf'([ _][\[(]?({_SQUARED}|mss|m_s2|mps2)[\])]?)?',
        gyro=rf'(gyro?(scope)?|angular ?(velocity|rate)){_SEPARATED}@'
        r'([ _][\[(]?(rad/?s|rads|rad_s|radps|°/s|deg/?s|dps)[\])]?)?',
        mag=rf'mag(netometer)?{_SEPARATED}@([ _]?[\[(]?[uµμ]T[\])]?)?',
        needs=(('acc',),),
    ),
)


@register_reader
class PhoneLogReader(ExportReader):
    """Reads a log whose names of columns are those of a known app."""

    name = 'phone_log'
    title = 'Android and iOS logs'
    device = 'phone'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the names of the columns."""
        return any(log.header(path) for log in _LOGS)

    def describe(self) -> dict[str, dict[str, Any]]:
        """The only sensor."""
        headers = ((log, log.header(self.source)) for log in _LOGS)
        log, header = next((log, h) for log, h in headers if h is not None)
        name, notes = self.placed([self.source.stem])
        notes.append(f'{self.source}: read as {log.title}')
        keys = _keys(log, header, notes)
        return {name: {**keys, '_notes': notes}}


def _keys(log: _Log, header: Header, notes: list[str]) -> dict[str, Any]:
    """Keys of the sensor of a log."""
    path, time = header.path, str(header.find(log.time))
    names_of: dict[str, list[str]] = {}
    for quantity in ('acc', 'free', 'gravity', 'gyro', 'mag', 'quat'):
        pattern = getattr(log, quantity)
        axes = 'wxyz' if quantity == 'quat' else 'xyz'
        names = header.axes(pattern, axes=axes) if pattern else []
        if names:
            names_of[quantity] = names
    columns: dict[str, Any] = {'time': time, 'gyro': names_of.get('gyro')}
    columns['mag'] = names_of.get('mag')
    units = {'gyro': log.units.get('gyro'), 'mag': 'uT'}
    units['time'] = _time_unit(header, time, log, notes)
    total = names_of.get('acc') or names_of.get('gravity')
    shown = None
    if total:
        shown = columns_of(path, [time, *total])[1]
        units['acc'] = log.units.get('acc') or unit_of_gravity(shown, 1.5)
        if 'acc' not in names_of:
            units['acc'] = log.units.get('gravity') or unit_of_gravity(
                shown, 1.5
            )
        if units['acc'] is None:
            raise mistake(
                path,
                'acceleration does not show gravity in g or m/s²',
                'Describe the file with a mapping (--mapping, '
                'docs/own_data.md)',
                column=total[0],
            )
    elif 'free' in names_of:
        units['acc'] = log.units.get('free') or ('g' if log.ios else 'm/s2')
    sign = ''
    if log.ios and units.get('acc') == 'g':
        sign = '-'
        notes.append(
            f'{path}: acceleration is in g with the reversed sign of iOS, '
            'which is turned back'
        )
    gravity = 'included'
    if 'acc' in names_of:
        columns['acc'] = names_of['acc']
    elif 'free' in names_of:
        gravity = 'removed'
        columns['acc'] = [f'{sign}{name}' for name in names_of['free']]
        if 'gravity' in names_of:
            columns['gravity'] = [
                f'{sign}{name}' for name in names_of['gravity']
            ]
    if names_of.get('gyro') and re.search('rad', names_of['gyro'][0]):
        units['gyro'] = 'rad/s'
    elif names_of.get('gyro') and re.search('°|deg|dps', names_of['gyro'][0]):
        units['gyro'] = 'deg/s'
    if names_of.get('gyro') and not units['gyro']:
        units['gyro'] = _gyro_unit(header, columns, units, notes)
    keys = {'gravity': gravity, 'frame': 'sensor'} if 'acc' in columns else {}
    quat = names_of.get('quat')
    if quat:
        direction = _direction(path, columns, units, quat, sign)
        if direction is None:
            notes.append(f'{path}: {UNFIT_QUATERNIONS}')
        else:
            columns['quat'] = quat
            keys.update(quat_order='wxyz', quat_direction=direction)
    if gravity == 'removed' and not {'gravity', 'quat'} & {*columns}:
        notes.append(
            f'{path}: acceleration is without gravity, and no orientation is '
            'known with it; log acceleration with gravity next time'
        )
    units = {name: unit for name, unit in units.items() if unit}
    return described(path, columns=columns, units=units, **keys)


def _time_unit(
    header: Header, time: str, log: _Log, notes: list[str]
) -> str | None:
    """Unit of the time: of the log, of its name, or by its values."""
    if 'time' in log.units:
        return log.units['time']
    for unit in ('ns', 'us', 'ms'):
        if time.lower().rstrip(')]').endswith(unit):
            return unit
    lines = head_lines(header.path, 12)[header.line :]
    cells = data_row(lines[0]) if lines else []
    place = header.names.index(time)
    if len(cells) > place and ':' in cells[place]:
        return None  # a date
    times, _ = columns_of(header.path, [time, time])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    dated = len(times) and times[0] > 1e8
    if not dated and (ticks := clock_ticks(np.diff(times))):
        notes.append(f'{header.path}: {time!r} is in {ticks[0]}: {ticks[1]}')
        return ticks[0]
    if len(times) > 1 and (np.diff(times) == 1).all():
        raise mistake(
            header.path,
            'counts the rows, or is in ms at 1000 Hz',
            'Give it as columns.counter, with a rate, in a mapping '
            '(docs/own_data.md)',
            column=time,
            kind=UnknownColumnsError,
        )
    for unit, second in TIME_UNITS.items():
        since_1970 = 1e8 < times[0] * second < 1e10 if dated else True
        if since_1970 and 5e-4 < step * second < 0.5:
            if unit != 's':
                notes.append(
                    f'{header.path}: {time!r} is taken for {unit}, as its '
                    'values show'
                )
            return unit
    return 's'


def _gyro_unit(
    header: Header,
    columns: Mapping[str, Any],
    units: Mapping[str, Any],
    notes: list[str],
) -> str:
    """Unit of angular rate, by how fast gravity turns in the sensor."""
    unit, strength = unit_of_rotation(
        header.path, columns, unit_factor(units['time'] or 's', TIME_UNITS)
    )
    if unit is None and strength > _LEAST_RATES:
        raise mistake(
            header.path,
            'does not show whether it is in rad/s or deg/s',
            'Say so with a mapping (--mapping, docs/own_data.md)',
            column=columns['gyro'][0],
            kind=UnknownColumnsError,
        )
    notes.append(
        f'{header.path}: angular rate is taken for {unit or "rad/s"}, by how '
        'fast gravity turns'
    )
    return unit or 'rad/s'


def _direction(
    path: Path,
    columns: Mapping[str, Any],
    units: Mapping[str, Any],
    quat: list[str],
    sign: str,
) -> str | None:
    """Direction of quaternions, if they fit."""
    factor = STANDARD_GRAVITY if units.get('acc') == 'g' else 1.0
    factor *= -1 if sign else 1
    total = columns.get('gravity') or ()
    total = [name.removeprefix('-') for name in total]
    gyro = list(columns.get('gyro') or ())
    times, values = columns_of(path, [columns['time'], *quat, *gyro, *total])
    times = times * unit_factor(units['time'] or 's', TIME_UNITS)
    rates = (times, values[:, 4:7]) if gyro else None
    acc = (times, factor * values[:, -3:]) if total else None
    attitude = find_attitude(times, values[:, :4], rates, acc)
    return None if attitude is None or attitude.up < 0 else attitude.direction
