"""Reading tables that nobody described, where what they hold is evident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..readers.sensors import UnknownColumnsError, read_imu_file
from ..recordings import SensorStream
from ..utils.errors import mistake, shown
from .guessed_mapping import AXES, GYRO, SENSED, Guess
from .guessed_units import COUNTS
from .guessing import guess_mapping
from .table_layout import find_table, why_no_table


def read_guessed(
    path: str | Path,
    placement: str | Mapping[str, str] | None = None,
    name: str = '',
    rotation: str = '',
) -> dict[str, SensorStream]:
    """Read a table that nobody described, if what it holds is evident.

    Every unit must be in the names of the columns or show in the values, times
    must be there, and a single sensor needs a placement. A note says what was
    taken for what.

    Args:
        path: The table.
        placement: Where its only sensor is worn, or each by its name.
        name: What to call an only sensor of which nothing says it.
        rotation: Unit of angular rate, if that is all that is in doubt.

    Raises:
        UnknownColumnsError: If it holds no acceleration or angular rate.
        ValueError: Naming what is in doubt.
    """
    path = Path(path)
    guess = _recognized(path)
    mapping = dict(guess.mapping)
    doubts = guess.doubts
    if rotation and all(doubt.startswith(GYRO) for doubt in doubts):
        doubts = []
        for part in _parts(mapping):
            if 'gyro' in part['columns']:
                part['units'] = {**part.get('units', {}), 'gyro': rotation}
    doubts, left, counted = _without_counts(path, _parts(mapping), doubts)
    if guess.unplaced:
        del mapping['placement']
        if name:
            mapping = {'imu': {name: mapping}}
        elif placement is None and not doubts:
            raise mistake(
                path,
                'holds one sensor, and nothing says where it is worn',
                'Give --placement',
            )
    if doubts:
        listed = '; '.join(doubts)
        raise mistake(
            path,
            f'has columns that were recognised, but it is in doubt {listed}',
            f'Run "mobind inspect {path.name} --write-mapping mapping.yml", '
            'correct it, and give it as --mapping',
        )
    sensors = mapping.get('imu') or {'': mapping}
    for keys in _parts(mapping):
        # Nothing shows which way quaternions turn, or what mag is in.
        keys['columns'] = {
            channel: columns
            for channel, columns in keys['columns'].items()
            if channel not in ('quat', 'mag')
        }
    if 'imu' in mapping:
        mapping['imu'] = sensors = {
            name: keys for name, keys in sensors.items() if _senses(keys)
        }
    if not any(map(_senses, sensors.values())):
        raise mistake(
            path,
            'holds no acceleration or angular rate of three axes, only other '
            'channels',
            'Export those of the accelerometer and the gyroscope, too',
            kind=UnknownColumnsError,
        )
    streams = read_imu_file(path, mapping, placement)
    shared = mapping.get('sensor', {})
    read = [*texts_in(mapping), *counted]
    rest = [name for name in guess.columns if name not in read]
    left += [f'{path}: not read: {shown(rest, 6)}'] if rest else []
    return {
        name: replace(
            stream,
            notes=(
                _told(path, keys, shared, guess, stream.clock.mean_rate),
                *left,
                *stream.notes,
            ),
        )
        for (name, stream), keys in zip(streams.items(), sensors.values())
    }


def _without_counts(
    path: Path, parts: Sequence[dict[str, Any]], doubts: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Leave out angular rate in counts where there is acceleration.

    Returns:
        The other doubts, a note, and the columns that are left out.
    """
    counts = any(COUNTS in doubt for doubt in doubts)
    if not counts or any('acc' not in part['columns'] for part in parts):
        return doubts, [], []
    doubts = [doubt for doubt in doubts if COUNTS not in doubt]
    columns = [n for p in parts for n in p['columns'].pop('gyro', [])]
    note = (
        f'{path}: gyro is left out, as it is in {COUNTS}; say it with a '
        "mapping, such as units: {gyro: '1/131 deg/s'} for an MPU-6050 "
        'with a range of 250 deg/s'
    )
    return doubts, [note], columns


def _recognized(path: Path) -> Guess:
    """What the columns of a table are; an error if none is of a sensor."""
    guess = guess_mapping(path)
    if guess is not None and guess.problem:
        raise ValueError(guess.problem)
    if guess is not None and {'imu', 'placement'} & {*guess.mapping}:
        return guess
    dialect, columns = find_table(path)
    if not columns:
        reason = why_no_table(path)
        raise mistake(path, *reason, kind=UnknownColumnsError)
    if dialect.header == 0:
        raise mistake(
            path,
            f'has {len(columns)} columns without names, which do not show '
            'what they are',
            'Say it in a mapping, by their numbers from 1 (--mapping, '
            'docs/own_data.md)',
            kind=UnknownColumnsError,
        )
    raise mistake(
        path,
        f'its columns ({shown(columns, 8)}) do not say what they are: no '
        'acceleration or angular rate of three axes is among them',
        'Describe the file with a mapping (--mapping, docs/own_data.md)',
        kind=UnknownColumnsError,
    )


def texts_in(keys: Any) -> Iterator[str]:
    """Names of columns in keys of a mapping, and other texts."""
    if isinstance(keys, Mapping):
        keys = [*keys.values(), *keys.get('where', ())]
    if isinstance(keys, str):
        yield keys
    elif isinstance(keys, Sequence):
        for part in keys:
            yield from texts_in(part)


def _parts(mapping: dict[str, Any]) -> list[dict[str, Any]]:
    """Keys of the parts of all sensors of a mapping."""
    sensors = mapping.get('imu') or {'': mapping}
    return [p for keys in sensors.values() for p in keys.get('parts', [keys])]


def _senses(keys: Mapping[str, Any]) -> bool:
    """Whether a sensor has a channel by which it can be compared."""
    parts = keys.get('parts', [keys])
    return any({*SENSED} & {*part['columns']} for part in parts)


def _told(
    path: Path, keys: Mapping, shared: Mapping, guess: Guess, rate: float
) -> str:
    """A note of what was taken for what."""
    parts: dict[str, None] = {}
    for part in keys.get('parts', [keys]):
        units = {**part.get('units', {}), **shared.get('units', {})}
        rows = part.get('where', {}).items()
        where = ''.join(f' where {n} is {value}' for n, value in rows)
        columns = {**part['columns'], **shared.get('columns', {})}
        for channel, names in columns.items():
            names = [names] if isinstance(names, str) else names
            unit = f' in {units[channel]}' if channel in units else ''
            of = where if channel in AXES else ''
            why = guess.reasons.get(f'units.{channel}', '')
            if why.startswith('steps') and units[channel] != 's':
                unit += f' (no unit is said; {why})'
            parts[f'{channel} = {", ".join(names)}{unit}{of}'] = None
    return (
        f'{path}: nobody says what its columns are; by names and values, '
        f'{"; ".join(parts)}; {rate:.4g} Hz; a mapping would overrule it'
    )
