"""Read markers over time from the tables of motion capture systems.

Vicon: *Nexus User Guide*, export of ASCII files: sections, each with its rate,
names above columns, and rows of units. Qualisys: *QTM Manual*, motion data
(.tsv): facts, names of the markers, then numbers. OptiTrack: *Motive
Documentation*, export of CSV: facts in pairs, and rows of what each column is
of. Markers and bones are drawn as those of TRC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .headers import head, head_lines
from .json_items import open_text
from .motions.tree import find_joints
from .trc import Markers, TRCReader, begins_later, lacks_frames

_LINES = 60
"""Lines in which the names of the columns are looked for."""
_AXES = 3
_LEAST = 6
"""Bones that make a skeleton."""
Row = tuple[int, list[str]]


class MarkerTableReader(TRCReader):
    """Reads a table of markers; derived classes know its header.

    Attributes:
        mark: Regular expression that the file begins with.
    """

    mark: ClassVar[str] = ''

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its first words."""
        return re.match(cls.mark, head(path).lstrip('\ufeff')) is not None


def _split(line: str) -> list[str]:
    """Cells of a line of a header; decimal commas are in none."""
    mark = next((m for m in '\t;' if m in line), ',')
    return [cell.strip().strip('"').strip() for cell in line.split(mark)]


def _rows_below(path: Path, line: int) -> Iterator[Row]:
    """Rows below a line, from 1, each with its number."""
    with open_text(path, 'replace') as file:
        for number, text in enumerate(islice(file, line, None), line + 1):
            yield number, _split(text)


def _numbers(
    path: Path, rows: Iterable[Row], columns: Sequence[int], width: int
) -> tuple[np.ndarray, list[str]]:
    """Numbers (T, columns) of rows, NaN where a cell is empty, and notes.

    The header has ``width`` cells.
    """
    table, lengths, notes = [], [], []
    for number, cells in rows:
        if any(cells[width:]):  # such as decimal commas between commas
            what = f'has {len(cells)} cells under {width} names'
            again = 'Export it again, with decimal points'
            raise mistake(path, what, again, row=number)
        some = [cells[i] if i < len(cells) else '' for i in columns]
        try:
            table.append(
                [float(c.replace(',', '.')) if c else np.nan for c in some]
            )
        except ValueError:
            what = 'has something else than numbers'
            raise mistake(path, what, 'Export it again', row=number) from None
        lengths.append(len(cells))
    if lengths and lengths[-1] < lengths[0]:
        notes.append(f'{path}: its last row is cut and left out')
        table.pop()
    if not table:
        raise mistake(path, 'holds no positions of markers', 'Export it again')
    return np.array(table, np.float64), notes


def _space(path: Path, names: Sequence[str], numbers: np.ndarray) -> dict:
    """Positions (T, 3) by name of numbers (T, names * 3).

    Systems write zeros for a marker that they do not see.
    """
    points = numbers.reshape(len(numbers), -1, _AXES)
    points = np.where((points == 0).all(2, keepdims=True), np.nan, points)
    space = {
        name: points[:, i]
        for i, name in enumerate(names)
        if name and names.count(name) == 1
    }
    if not space:
        what = 'holds no marker whose name is its own'
        raise mistake(path, what, 'Export it again, with names of the markers')
    return space


def _rate(path: Path, name: str, text: str) -> float:
    """A rate that a header gives."""
    if not re.fullmatch(r'\d+([.,]\d*)?', text) or not float(
        text.replace(',', '.')
    ):
        what = 'is no rate'
        raise mistake(path, what, 'Export it again', name=name, value=text)
    return float(text.replace(',', '.'))


@register_reader
class ViconReader(MarkerTableReader):
    """Reads the trajectories of a CSV file of Vicon Nexus."""

    name = 'vicon'
    title = 'Vicon Nexus'
    up = 2
    mark = (
        r'"?(Trajectories|Model Outputs|Joints|Segments|Devices)"?[,;\t ]*'
        r'\r?\n[^\n]*\n[^\n]*\n"?Frame"?[,;\t]"?Sub Frame'
    )

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By its first words; those of devices may be of sensors alone."""
        if not super().recognizes(path):
            return False
        return not head(path).startswith('Devices') or bool(_section(path))

    def markers(self) -> Markers:
        """Trajectories by subject and marker."""
        path = self.source
        line = _section(path)
        if not line:
            raise mistake(
                path, 'has no section Trajectories', 'Export trajectories, too'
            )
        rows = takewhile(lambda row: any(row[1]), _rows_below(path, line))
        above = [cells for _, cells in islice(rows, 4)]
        if len(above) < 4:
            what = 'ends within the header of its trajectories'
            raise mistake(path, what, 'Export it again')
        rate, owners, axes, units = above
        starts = [
            i
            for i in range(2, len(axes) - 2)
            if axes[i : i + _AXES] == ['X', 'Y', 'Z'] and owners[i : i + 1]
        ]
        names = [owners[i] for i in starts]
        columns = [i + axis for i in starts for axis in range(_AXES)]
        numbers, notes = _numbers(path, rows, [0, *columns], len(axes))
        hertz = _rate(path, 'Trajectories', rate[0])
        times = (numbers[:, 0] - 1) / hertz
        unit = next((units[i] for i in starts if i < len(units)), '')
        notes += begins_later(path, numbers[0, 0], times[0])
        return _space(path, names, numbers[:, 1:]), unit, times, notes


def _section(path: Path) -> int:
    """Line of the trajectories, from 1; 0 if there are none."""
    with open_text(path, 'replace') as file:
        for number, line in enumerate(file, 1):
            if _split(line)[0] == 'Trajectories':
                return number
    return 0


def _is_fact(cells: Sequence[str]) -> bool:
    return re.fullmatch(r'[A-Z_]{4,}', cells[0]) is not None


@register_reader
class QualisysReader(MarkerTableReader):
    """Reads motion data of Qualisys Track Manager as TSV."""

    name = 'qualisys'
    title = 'Qualisys'
    up = 2
    mark = r'(FILE_VERSION|NO_OF_FRAMES)[\t,;]'

    def markers(self) -> Markers:
        """Markers by name; frames count from 1."""
        path = self.source
        above = [*takewhile(_is_fact, map(_split, head_lines(path, _LINES)))]
        facts = {cells[0]: cells[1:] for cells in above}
        line = len(above)
        names = [name for name in facts.get('MARKER_NAMES', []) if name]
        kind = ''.join(facts.get('DATA_INCLUDED', ['3D'])[:1])
        if not names or kind != '3D':
            what = f'holds {kind} data' if names else 'has no MARKER_NAMES'
            raise mistake(
                path,
                f'{what}; markers by name in space are read',
                'Export 3D data, with the header',
            )
        rows = [r for r in _rows_below(path, line) if len(r[1]) > 1]
        if rows and not re.match(r'-?[.\d]|$', rows[0][1][0]):
            rows = rows[1:]  # names of the columns
        length = max((len(cells) for _, cells in rows), default=0)
        before = length - _AXES * len(names)
        if rows and before not in (0, 2):
            raise mistake(
                path,
                f'has {length} numbers in a row for {len(names)} markers',
                'Export it again',
            )
        numbers, notes = _numbers(path, rows, range(length), length)
        if before:
            times = numbers[:, 1]
            notes += begins_later(path, numbers[0, 0], times[0])
        else:  # which an external clock leaves out
            rate = _rate(path, 'FREQUENCY', facts.get('FREQUENCY', [''])[0])
            times = np.arange(len(numbers)) / rate
        said = facts.get('NO_OF_FRAMES', [''])[0]
        notes += lacks_frames(path, len(numbers), said, 'NO_OF_FRAMES')
        return _space(path, names, numbers[:, before:]), 'mm', times, notes


@register_reader
class MotiveReader(MarkerTableReader):
    """Reads markers or bones of a CSV file of OptiTrack Motive."""

    name = 'motive'
    title = 'OptiTrack Motive'
    mark = r'"?Format Version"?[,;]'

    def markers(self) -> Markers:
        """Bones, which begin at joints, else markers, by name."""
        path = self.source
        lines = [_split(line) for line in head_lines(path, _LINES)]
        facts = dict(zip(lines[0][::2], lines[0][1::2]))
        line = next((i for i, c in enumerate(lines) if c[0] == 'Frame'), 0)
        above = lines[1:line]
        names = next((c for c in above if c[1:2] == ['Name']), [])
        types = next((c for c in above if 'Position' not in c and c[2:]), [])
        if not names or not line:
            raise mistake(
                path,
                'does not have the header of Motive: a row Name, and a row '
                'Frame, Time',
                'Export it again, with the header',
            )
        axes, kinds = lines[line], lines[line - 1]
        places = {
            (types[i], names[i]): i
            for i in range(min(len(types), len(names), len(axes) - 2))
            if axes[i : i + _AXES] == ['X', 'Y', 'Z']
            and kinds[i : i + 1] == ['Position']
        }
        bones = _bones([n for kind, n in places if kind == 'Bone'])
        chosen = {
            bones[name]: i
            for (kind, name), i in places.items()
            if kind == 'Bone' and name in bones
        }
        if not chosen:
            markers = sorted(places, key=lambda place: place[0] != 'Marker')
            for place in markers:
                chosen.setdefault(place[1], places[place])
        elif facts.get('Coordinate Space', 'Global') != 'Global':
            raise mistake(
                path,
                'gives each bone relative to the one above it',
                'Export in the coordinate space Global',
            )
        columns = [i + axis for i in chosen.values() for axis in range(_AXES)]
        rows = (r for r in _rows_below(path, line + 1) if len(r[1]) > 1)
        numbers, notes = _numbers(path, rows, [1, *columns], len(axes))
        said = facts.get('Total Exported Frames', '')
        notes += lacks_frames(path, len(numbers), said, 'its first row')
        unit = facts.get('Length Units', 'Meters')
        return (
            _space(path, [*chosen], numbers[:, 1:]),
            unit,
            numbers[:, 0],
            notes,
        )


def _bones(names: Sequence[str]) -> dict[str, str]:
    """Joints at which bones begin, with their subject if there are several.

    >>> names = ['A:LThigh', 'A:LShin', 'A:LFoot', 'A:LUArm', 'A:LFArm']
    >>> _bones([*names, 'A:LHand', 'A:LShoulder'])['A:LUArm']
    'left_shoulder'
    """
    subjects: dict[str, list[str]] = {}
    for name in names:
        subjects.setdefault(name.rpartition(':')[0], []).append(name)
    joints = {}
    for subject, some in subjects.items():
        prefix = f'{subject}:' if len(subjects) > 1 else ''
        for joint, index in find_joints(some).items():
            side, _, part = joint.partition('_')
            word = {'l': 'left_', 'r': 'right_'}.get(side, '')
            ours = f'{word}{part}' if word else _MIDDLE.get(joint)
            if ours is not None:
                joints[some[index]] = prefix + _ENDS.get(ours, ours)
    return joints if len(joints) >= _LEAST else {}


_MIDDLE = {'pelvis': 'hip', 'neck': 'neck'}
_ENDS = {'left_toe': 'left_big_toe', 'right_toe': 'right_big_toe'}
