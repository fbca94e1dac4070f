"""Sensors that a table of a device holds beside the one that is read.

People put the tables of their sensors together, side by side. A reader that
knows the names of one sensor would leave out the others without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..utils.errors import mistake, shown
from .column_names import parse_column
from .headers import head_lines, split_cells
from .mapping import GRAVITY, Part, Sensor
from .sensors import UnknownColumnsError
from .tables import column_names

_SENSED = ('acc', 'gyro', GRAVITY)
VARIANTS = {
    '', 'hr', 'cal', 'raw', 'uncal', 'uncalibrated', 'motion', 'filtered',
    'bias', 'drift', 'offset', 'mean', 'std', 'var', 'cov', 'covariance',
    'filt', 'unfiltered', 'smooth', 'smoothed', 'corrected', 'lp', 'hp',
}  # fmt: skip
"""Words for other values of the same axis of a sensor."""


def refuse_more_sensors(sensors: Iterable[Sensor]) -> None:
    """Refuse tables that have the channels of a sensor more than once.

    Somebody put files together; a device writes one sensor into a table.

    Args:
        sensors: Keys of all that is read of the tables.

    Raises:
        UnknownColumnsError: Naming the columns of the others.
        ValueError: The same, if they are called as those that are read.
    """
    tables: dict[str, tuple[Part, set[str]]] = {}
    for part in (part for sensor in sensors for part in sensor.tables()):
        axes = (part.channels().get(channel, ()) for channel in _SENSED)
        read = {name.removeprefix('-') for names in axes for name in names}
        tables.setdefault(str(part.file), (part, set()))[1].update(read)
    for file, (part, read) in tables.items():
        names = _names_of(part, read) if read else {}
        ours = [n for column, n in names.items() if column in read]
        others = [n for column, n in names.items() if column not in read]
        more = [n for n in others if any(_again(one, n) for one in ours)]
        if len(more) > 2:
            raise mistake(
                file,
                'has columns of another sensor or channel '
                f'({shown(more, 6)}) beside {shown(ours, 6)}',
                'Give each sensor a file of its own, or describe them with a '
                'mapping (--mapping, docs/own_data.md)',
                kind=ValueError if {*ours} & {*more} else UnknownColumnsError,
            )


def channels_left_out(sensor: Sensor) -> list[str]:
    """A note for each table with a channel that nothing is read of."""
    read = {c for part in sensor.tables() for c in part.channels()}
    notes: dict[str, None] = {}
    for part in sensor.tables() if {'acc', 'gyro'} - read else ():
        axes = [
            name.removeprefix('-')
            for n in part.channels().values()
            for name in n
        ]
        names = _names_of(part, axes).values()
        columns = [(name, parse_column(name)) for name in names]
        lost = [
            n for n, c in columns if c and c.kind in {'acc', 'gyro'} - read
        ]
        if len(lost) > 2:
            notes[f'{part.file}: not read: {shown(lost, 6)}'] = None
    return [*notes]


def _names_of(part: Part, read: Iterable[str]) -> dict[str, str]:
    """Names of the columns of a table, by what a mapping calls them."""
    path, dialect = Path(str(part.file)), part.dialect()
    if dialect.header != 0:
        names = column_names(path, read, dialect)
        return dict(zip(names, names))
    mark = dialect.delimiter or ','
    lines = head_lines(path, dialect.skip_rows)[: dialect.skip_rows]
    rows = [split_cells(line, mark) for line in lines]
    best = max(rows, key=lambda r: len([*filter(parse_column, r)]), default=())
    return {str(i): name for i, name in enumerate(best, 1)}


def _again(one: str, other: str) -> bool:
    """Whether columns hold one axis of one quantity, of two sensors."""
    first, second = parse_column(one), parse_column(other)
    if not (first and second) or first.axis != second.axis:
        return one == re.sub(r'[\W_]*\d+$', '', other)
    if not first.kind:  # the name is that of an axis alone
        return True
    same = (first.kind, first.free) == (second.kind, second.free)
    words = [{*of.split('_')} for of in (first.sensor, second.sensor)]
    of_one = one != other and (words[0] ^ words[1]) <= VARIANTS
    return same and not of_one
