"""Guesses of what the sensors of an unknown table are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..readers.column_names import header_unit, kind_of_word, parse_column
from ..readers.devices import CHANNEL
from ..readers.further_sensors import VARIANTS
from ..readers.keys import unit_factor
from ..readers.mapping import GRAVITY, UNITS
from ..readers.placing import placement_in
from ..recordings import STANDARD_GRAVITY, SensorStream
from ..skeleton import LIMBS, placement_name
from ..utils.errors import shown
from .guessed_mapping import AGAIN, AXES, GYRO, SENSED, Guess
from .guessed_units import EVIDENT, UNCLEAR, acc_unit, gyro_unit, strange_unit
from .plausibility import still_level

_NO_SENSOR = re.compile(
    r'(?<![a-z])(pos(itions?)?|vel(ocity|ocities)?|angles?|euler|orientations?'
    r'|quat\w*|joints?|keypoints?|markers?|skeletons?|poses?)(?![a-z])',
    re.IGNORECASE,
)
"""What names of files call values of x, y and z that are no acceleration."""
_MOST_UNNAMED = 10
"""Columns without names that may be of one sensor: acc, gyro, mag, labels."""
_TYPES = {'1': 'acc', '2': 'mag', '4': 'gyro', '9': 'gravity', '10': 'linear'}
"""Numbers of Android's types of sensors."""
_WHOLE = re.compile('includ[a-z]*[ _]?gravity', re.IGNORECASE)
"""What acceleration is called beside one without gravity."""
_BY_NAME = 'by the name of the column'

Stream = Callable[..., 'SensorStream | None']
"""Reads channels of some columns, and of some rows; None if it cannot."""


@dataclass
class _Sensor:
    """Columns of a sensor, and what is said about them.

    Args:
        name: Its name; empty if it is the only one.
        columns: Those of each channel, one per axis.
        free: Whether ``acc`` is without gravity.
        where: Rows of each channel, if they are not all.
        keys: Keys of the mapping.
    """

    name: str
    columns: dict[str, list[str]] = field(default_factory=dict)
    free: bool = False
    where: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keys: dict[str, Any] = field(init=False, default_factory=dict)

    @property
    def of(self) -> str:
        """How a doubt names the sensor."""
        return f' of {self.name}' if self.name else ''

    def say(self, guess: Guess, key: str, value: Any, why: str) -> None:
        """Set a key, or one below the part before a dot."""
        part, _, rest = key.partition('.')
        keys = self.keys.setdefault(part, {}) if rest else self.keys
        keys[rest or part] = value
        above = f'imu.{placement_name(self.name)}.' if self.name else ''
        guess.reasons[key] = guess.reasons[above + key] = why


def guess_sensors(
    path: Path, columns: Mapping[str, np.ndarray], read: Stream, guess: Guess
) -> None:
    """Guess what the sensors of a table are, and how they are described."""
    sensors = _group(path, columns, guess)
    sensors = sensors or _nameless(path, columns, read, guess)
    if not sensors:
        guess.notes.append(
            'no columns of a sensor were recognised among '
            + (', '.join(list(columns)[:12]) or 'columns without numbers')
        )
        if guess.mapping.get('header') == 0:
            guess.notes.append(
                'columns without names are described by their numbers in a '
                'mapping (docs/own_data.md)'
            )
        return
    sensors = _placed(_by_owner(sensors, columns, guess))
    for sensor in sensors.values():
        _describe(sensor, columns, read, guess)
    _share_unit_of_gyro(sensors, guess)
    if len(sensors) > 1:
        shared = {key: guess.mapping.pop(key) for key in [*guess.mapping]}
        guess.mapping['sensor'] = shared
        guess.mapping['imu'] = {
            placement_name(name or 'sensor'): sensor.keys
            for name, sensor in sensors.items()
        }
        for sensor in sensors.values():
            if sensor.where:
                sensor.keys['where'] = sensor.where['acc']
        return
    (sensor,) = sensors.values()
    place = placement_name(sensor.name) if sensor.name else ''
    guess.unplaced = place not in LIMBS
    if guess.unplaced:
        guess.set('placement', 'right_wrist', 'SAY WHERE IT IS WORN')
    else:
        guess.set('placement', place, 'by the names of the columns')
    if sensor.where:
        _add_parts(path, sensor, guess)
        return
    for key, value in sensor.keys.items():
        if isinstance(value, dict):
            guess.mapping.setdefault(key, {}).update(value)
        else:
            guess.mapping[key] = value


def _placed(sensors: dict[str, _Sensor]) -> dict[str, _Sensor]:
    """Sensors by the placements that their names speak of, if those differ."""
    places = [placement_in(name) for name in sensors]
    named = (
        replace(sensor, name=place)
        if place and places.count(place) == 1
        else sensor
        for sensor, place in zip(sensors.values(), places)
    )
    return {sensor.name: sensor for sensor in named}


def _share_unit_of_gyro(sensors: Mapping[str, _Sensor], guess: Guess) -> None:
    """Take the unit of the sensors that show theirs for all of a table."""
    units = {
        n: s.keys['units'] for n, s in sensors.items() if 'gyro' in s.columns
    }
    doubts = {
        name: [d for d in guess.doubts if d.startswith(f'{GYRO} of {name} (')]
        for name in units
        if name
    }
    sure = {u['gyro'] for n, u in units.items() if not doubts.get(n)}
    if len(sure) == 1:
        for name, doubt in doubts.items():
            units[name].update(gyro=next(iter(sure)))
            guess.doubts[:] = [d for d in guess.doubts if d not in doubt]


def _group(
    path: Path, columns: Mapping[str, np.ndarray], guess: Guess
) -> dict[str, _Sensor]:
    """Group columns into channels of sensors."""
    groups: dict[tuple[str, str, bool], dict[str, str]] = {}
    twice: dict[str, str] = {}
    parsed = {n: c for n in columns if (c := parse_column(guess.labels[n]))}
    plain = {(c.sensor, c.kind, c.axis) for c in parsed.values()}
    bodies = {
        column.sensor
        for name, column in parsed.items()
        if not (column.kind or AGAIN.search(guess.labels[name]))
    }
    whole = any(_WHOLE.search(guess.labels[name]) for name in parsed)
    for name, column in parsed.items():
        label = guess.labels[name]
        kind = column.kind or _kind_of_unit(label)
        if not kind and column.axis in 'xyz':
            kind = _kind_of_file(path)
        of = column.sensor if column.kind or len(bodies) > 1 else ''
        words = [w for w in of.split('_') if w not in VARIANTS]
        if '_'.join(words) != of:  # other values of the same sensor
            of = '_'.join(words)
            if (of, column.kind, column.axis) in plain:
                continue
        free = whole and kind == 'acc' and not _WHOLE.search(label)
        group = groups.setdefault((of, kind, column.free or free), {})
        first = group.setdefault(column.axis, name)
        if kind in SENSED and first != name:
            twice[label] = guess.labels[first]
    again = [n for n, first in twice.items() if AGAIN.sub('', n) == first]
    if again:
        guess.doubts.append(
            f'of which sensor or channel the columns {shown(again)} are, '
            'whose names are there more than once'
        )
    sensors: dict[str, _Sensor] = {}
    order = sorted(groups.items(), key=lambda group: group[0][2])
    for (of, kind, free), axes in order:
        wanted = 'xyz' if kind == GRAVITY else AXES.get(kind, '')
        if kind == 'quat' and {*'0123'} <= {*axes}:
            axes = dict(zip('wxyz', (axes[i] for i in '0123')))
        if kind in SENSED and {*axes} in ({*'012'}, {*'123'}):
            axes = dict(zip('xyz', (axes[i] for i in sorted(axes))))
        missing = {*wanted} - {*axes}
        if kind in SENSED and len(missing) == 1:
            names = shown(axes.values())
            doubt = f'where the third axis of {names} is'
            guess.reasons[f'columns: {names} left out'] = doubt
            guess.doubts.append(doubt)
        if missing or not wanted:
            continue
        sensor = sensors.setdefault(of, _Sensor(of))
        if kind not in sensor.columns:
            sensor.columns[kind] = [axes[axis] for axis in wanted]
            sensor.free |= kind == 'acc' and free
    for sensor in sensors.values():
        if not sensor.free:  # it is in acc already
            sensor.columns.pop(GRAVITY, None)
    return {name: s for name, s in sensors.items() if s.columns}


def _nameless(
    path: Path, columns: Mapping[str, np.ndarray], read: Stream, guess: Guess
) -> dict[str, _Sensor]:
    """A sensor in columns without names, if they show gravity at rest."""
    named = any(label != name for name, label in guess.labels.items())
    time = guess.mapping.get('columns', {}).get('time')
    rest = [
        name
        for name, values in columns.items()
        if name != time and not _rises(values)
    ]
    if named or guess.mapping.get('header') != 0:
        return {}
    if len(rest) > _MOST_UNNAMED:
        what = f'what its {len(columns)} columns without names are'
        guess.doubts.append(what)
    rest = rest[:6]
    if len(rest) < 3:
        return {}
    if len(rest) == 3 and _kind_of_file(path) == 'gyro':
        return {'': _Sensor('', {'gyro': rest})}
    stream = read({'acc': rest[:3]})
    if stream is None or not acc_unit(stream, False)[1]:
        return {}
    sensor = _Sensor('', {'acc': rest[:3]})
    if len(rest) == 6:
        sensor.columns['gyro'] = rest[3:]
    return {'': sensor}


def _rises(values: np.ndarray) -> bool:
    """Whether a column goes up alone, as a counter does."""
    steps = np.diff(values)
    return bool((steps >= 0).all() and steps.any())


def _by_owner(
    sensors: dict[str, _Sensor],
    columns: Mapping[str, np.ndarray],
    guess: Guess,
) -> dict[str, _Sensor]:
    """Sensors by whose their rows are, or one whose channels have rows."""
    if not guess.owners:
        return sensors
    channels = next(iter(sensors.values())).columns
    names = next(iter(channels.values()))
    kinds = {owner: kind_of_word(owner) for owner in guess.owners}
    types = {o: _TYPES[o] for o in guess.owners if o in _TYPES}
    if len(channels) == 1 and not any(kinds.values()):
        sizes = [_size(columns, names, guess.owners[o]) for o in types]
        if sizes and max(sizes) > 2 * min(sizes):
            kinds = types  # of numbered sensors, all would show gravity
    if any(kinds.values()):
        owners = {kind: owner for owner, kind in reversed(kinds.items())}
        free = 'acc' not in owners and 'linear' in owners
        owners['acc'] = owners.get('acc') or owners.get('linear') or ''
        chosen = {k: owners[k] for k in SENSED if owners.get(k)}
        where = {k: guess.owners[o] for k, o in chosen.items()}
        return {'': _Sensor('', dict.fromkeys(chosen, names), free, where)}
    owned = (
        replace(
            sensor,
            name=f'{owner}_{name}'.rstrip('_'),
            where=dict.fromkeys(AXES, where),
        )
        for owner, where in guess.owners.items()
        for name, sensor in sensors.items()
    )
    return {sensor.name: sensor for sensor in owned}


def _size(
    columns: Mapping[str, np.ndarray],
    names: Sequence[str],
    where: Mapping[str, str],
) -> float:
    """Median magnitude of the rows of a number; NaN if some are texts."""
    ((name, owner),) = where.items()
    rows = columns.get(name, np.nan) == float(owner)
    if not np.any(rows):
        return float('nan')
    values = np.stack([columns[n][rows] for n in names], axis=1)
    return float(np.nanmedian(np.linalg.norm(values, axis=1)))


def _add_parts(path: Path, sensor: _Sensor, guess: Guess) -> None:
    """Make parts of channels that have rows of their own."""
    placement = guess.mapping.pop('placement')
    shared = {**guess.mapping, 'file': str(path)}
    time = shared.pop('columns', {})
    units = shared.pop('units', {})
    keys = sensor.keys
    about = {k: v for k, v in keys.items() if k in ('gravity', 'frame')}
    parts = [
        {
            **shared,
            'where': dict(sensor.where[channel]),
            'columns': {**time, channel: names},
            'units': {**units, channel: keys['units'][channel]},
            **(about if channel == 'acc' else {}),
        }
        for channel, names in sensor.columns.items()
        if channel in sensor.where
    ]
    guess.mapping.clear()
    guess.mapping.update(placement=placement, parts=parts)


def _kind_of_unit(name: str) -> str:
    kinds = ('acc', 'gyro', 'mag')
    return next((kind for kind in kinds if header_unit(name, kind)), '')


def _kind_of_file(path: Path) -> str:
    words = {'gyr': 'gyro', 'mag': 'mag', '': 'acc'}
    if _NO_SENSOR.search(path.stem):
        return 'other'
    text = path.stem.lower()
    if 'acc' not in text and (above := CHANNEL.search(path.parent.stem)):
        text += above[0].lower()
    return next(kind for word, kind in words.items() if word in text)


def _describe(
    sensor: _Sensor,
    columns: Mapping[str, np.ndarray],
    read: Stream,
    guess: Guess,
) -> None:
    """Say what a sensor has: columns, units, gravity."""
    named = sensor.columns
    sensor.keys = {'columns': {**named}, 'units': {}}
    streams = _streams(sensor, read)
    first = {c: guess.labels[names[0]] for c, names in named.items()}
    for channel in SENSED:
        labels = (guess.labels[n] for n in named.get(channel, ()))
        if len({header_unit(label, channel) for label in labels}) > 1:
            why = 'its columns give several'
            guess.doubts.append(f'the unit of {channel}{sensor.of} ({why})')
    if 'acc' in named:
        _describe_acc(sensor, first['acc'], streams['acc'], guess)
    if 'gyro' in named:
        unit, seen = header_unit(first['gyro'], 'gyro'), _BY_NAME
        if not unit:
            unit, seen = gyro_unit(streams)
            if not seen.endswith(EVIDENT) or strange_unit(first['gyro']):
                guess.doubts.append(f'{GYRO}{sensor.of} ({seen})')
        sensor.say(guess, 'units.gyro', unit, seen)
    if 'mag' in named:
        unit = header_unit(first['mag'], 'mag')
        field = np.stack([columns[n] for n in named['mag']], axis=1)
        level = float(np.nanmedian(np.linalg.norm(field, axis=1)))
        fits = [u for u, f in UNITS['mag'].items() if 15 < level * f < 150]
        seen = _BY_NAME if unit else f'|mag| is {level:.3g}'
        unit = unit or (fits[0] if fits else 'uT')
        sensor.say(guess, 'units.mag', unit, seen)
    if 'quat' in named:
        sensor.say(guess, 'quat_order', 'wxyz', 'by the names of the columns')
        sensor.say(guess, 'quat_direction', 'sensor_to_world', 'usual')


def _streams(sensor: _Sensor, read: Stream) -> dict[str, SensorStream | None]:
    """Acceleration and angular rate, in one stream if of the same rows."""
    named = sensor.columns
    of = {'acc': ('acc', GRAVITY), 'gyro': ('gyro',)}
    rows = {c: sensor.where.get(c) for c in SENSED if c in named}
    if len(rows) > 1 and rows['acc'] == rows['gyro']:
        both = {c: n for c, n in named.items() if c in (*SENSED, GRAVITY)}
        return dict.fromkeys(rows, read(both, rows['acc']))
    return {
        channel: read({c: named[c] for c in of[channel] if c in named}, where)
        for channel, where in rows.items()
    }


def _describe_acc(
    sensor: _Sensor, label: str, stream: SensorStream | None, guess: Guess
) -> None:
    """Say unit, gravity and frame of acceleration."""
    column = sensor.columns['acc'][0]
    level = still_level(stream) if stream is not None else float('nan')
    gravity, why = not sensor.free, 'a still sensor shows it'
    unit: Any = header_unit(label, 'acc')
    if unit:
        scale = unit_factor(unit, UNITS['acc'])
        seen = _BY_NAME
        gravity = gravity and not level * scale < 0.2 * STANDARD_GRAVITY
    else:
        unit, gravity, seen = acc_unit(stream, gravity)
    if sensor.free:
        why = 'by the names of the columns'
    elif np.isnan(level):
        why = 'not seen: the sensor never rests'
        guess.doubts.append(f'whether acc{sensor.of} has gravity ({why})')
    if re.search('uncal', column, re.IGNORECASE):
        seen = f'{seen}: {UNCLEAR[3]}'
    if seen.endswith(UNCLEAR) or strange_unit(label, 'acc'):
        guess.doubts.append(f'the unit of acc{sensor.of} ({seen})')
    sensor.say(guess, 'units.acc', unit, seen)
    gravity = gravity and GRAVITY not in sensor.columns
    sensor.say(guess, 'gravity', 'included' if gravity else 'removed', why)
    world = re.search(r'free|world', column, re.IGNORECASE)
    sensor.say(guess, 'frame', 'world' if world else 'sensor', 'usual')
