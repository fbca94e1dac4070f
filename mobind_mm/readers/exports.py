"""What exports of devices have in common: names of columns, files, places."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..recordings import STANDARD_GRAVITY, SensorStream
from ..utils.errors import mistake
from .devices import DeviceReader
from .headers import DELIMITERS, Names, split_cells
from .peek import head_lines
from .placing import placement_in
from .tables import Dialect, read_table


@dataclass(frozen=True)
class Header:
    """Names of the columns of a text table.

    Args:
        path: The table.
        line: Line of the names, from 1; 0 if columns go by number.
        names: Names in their order.
    """

    path: Path
    line: int
    names: tuple[str, ...]

    def find(self, pattern: str) -> str | None:
        """First name that a pattern describes; see :func:`find_header`."""
        for name in self.names:
            if re.fullmatch(pattern, name, re.IGNORECASE):
                return name
        return None

    def axes(
        self, *patterns: str, axes: str = 'xyz', sign: str = ''
    ) -> list[str] | None:
        """Names of the axes of a channel, by the first pattern that fits.

        Args:
            patterns: Patterns in which ``@`` stands for the axis.
            axes: Letters of the axes, in our order.
            sign: ``-`` to negate every column.
        """
        for pattern in patterns:
            found = [self.find(pattern.replace('@', axis)) for axis in axes]
            if None not in found and len({*found}) == len(found):
                return [f'{sign}{name}' for name in found]
        return None


def find_header(path: Path, *patterns: str, most: int = 30) -> Header | None:
    """The first line with a name for each pattern, None if there is none.

    Args:
        path: A text table.
        patterns: Regular expressions of whole names, in any case; ``@``
            stands for ``x``.
        most: Lines that are looked at.
    """
    wanted = [pattern.replace('@', 'x') for pattern in patterns]
    for number, line in enumerate(head_lines(path, most), 1):
        for delimiter in DELIMITERS:
            names = split_cells(line, delimiter)
            header = Header(path, number, names)
            if len(names) > 1 and all(map(header.find, wanted)):
                return header
    return None


def data_row(line: str) -> Names:
    """Cells of a line; a comma may be a decimal where others separate."""
    others = (mark for mark in ';\t|' if line.count(mark) > 1)
    return split_cells(line, next(others, ','))


def columns_of(
    path: Path, names: Iterable[str], dialect: Dialect | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) of a column, and numbers of others (T, c).

    Of dates, seconds since 1970. Rows with an empty cell are left out.

    Raises:
        ValueError: Naming file, row, column and value.
    """
    names = [*names]
    table = read_table(path, names[1:], names[:1], dialect=dialect)
    values = np.stack([table.numbers[name] for name in names], axis=1)
    values = values[np.isfinite(values).all(axis=1)]
    return values[:, 0], values[:, 1:]


def unit_of_gravity(acc: np.ndarray, factor: float = 3.0) -> str | None:
    """Unit of acceleration with gravity, or of gravity alone.

    A worn sensor usually shows about gravity.

    Args:
        acc: (T, 3).
        factor: How far off the usual size may be.

    Returns:
        ``m/s2``, ``g`` or ``mg``; None if none of them fits.

    >>> unit_of_gravity(np.array([[0.0, 0.1, -1.0]]))
    'g'
    """
    if not len(acc):
        return None
    usual = float(np.median(np.linalg.norm(acc, axis=1)))
    one = {'m/s2': STANDARD_GRAVITY, 'g': 1.0, 'mg': 1000.0}
    for unit, gravity in one.items():
        if gravity / factor < usual < factor * gravity:
            return unit
    return None


class ExportReader(DeviceReader):
    """Reads an export whose only sensor is called after the device.

    Attributes:
        device: What the sensor is called where no place is known.
    """

    device: ClassVar[str] = 'sensor'

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement or device.

        Raises:
            ValueError: If the file is damaged, or of another format.
        """
        if not self.recognizes(self.source):
            raise mistake(
                self.source,
                f'is damaged, or is not an export of {self.title}',
                'Export it again',
            )
        return super().read_imu()

    def placed(
        self, texts: Iterable[str], device: str | None = None
    ) -> tuple[str, list[str]]:
        """What to call a sensor, and notes.

        Args:
            texts: Names of the file and its folder, that of the file first.
            device: Its name where no place is known.
        """
        for text in texts:
            place = placement_in(text)
            if place is not None:
                note = (
                    f'{self.source}: the name {text!r} says {place}; '
                    '--placement would overrule it'
                )
                return place, [note]
        return device or self.device, []


def described(file: Path, **keys: Any) -> dict[str, Any]:
    """Keys of a sensor or a part, without columns that are not there.

    >>> described(Path('a.csv'), columns={'acc': ['x', 'y', 'z'], 'mag': None})
    {'file': 'a.csv', 'columns': {'acc': ['x', 'y', 'z']}}
    """
    columns = keys.pop('columns', {})
    there = {name: value for name, value in columns.items() if value}
    keys = {name: value for name, value in keys.items() if value is not None}
    return {'file': str(file), 'columns': there, **keys}
