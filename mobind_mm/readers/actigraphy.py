"""Wrist actigraphs: Axivity, ActiGraph, GENEActiv and UK Biobank's tools.

Tables of acceleration in g, with dates that rarely name a time zone. Means or
counts per epoch, which the same programs write, hold no movement to compare
with a video and are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake
from .base import register_reader
from .dates import Dates
from .devices import ExportReader, columns_of, described, unit_of_gravity
from .dialects import Dialect
from .headers import Header, data_row, find_header, head, head_lines

_NUMBER = re.compile(r'[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?')
_MOST_G = 28.0
"""More than accelerometers of 16 g per axis show."""
_WHEN = re.compile(r'\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ]\d{1,2}[:.]\d\d.*')
_SERIAL = re.compile(r'(\d{5}|7\d{5})[.,]\d{5,}$')
"""Days, with their fractions, as spreadsheets and MATLAB count them."""
_RAW = 'Export the raw data, one line per sample'
_LONGEST = 0.5
"""Seconds between raw samples; epochs are longer."""


class _Actigraph(ExportReader):
    """One sensor in one file."""

    device = 'actigraph'

    def describe(self) -> dict[str, dict[str, Any]]:
        """The only sensor, called after the device."""
        notes: list[str] = []
        keys = self.keys(notes)
        zoned = 'start_s' not in keys and self._zoned()
        if not zoned and 'timezone' not in {*keys, *self.options}:
            notes.append(
                f'{self.source}: its times name no time zone and are taken '
                'for UTC'
            )
        place = keys.pop('_place', None)
        texts = [*([place] if place else []), self.source.stem]
        name, said = self.placed(texts)
        keys = {'gravity': 'included', 'frame': 'sensor', **keys}
        return {name: {**keys, '_notes': [*said, *notes]}}

    def keys(self, notes: list[str]) -> dict[str, Any]:
        """Keys of the sensor; notes are added.

        Raises:
            ValueError: If the file is of this format, but damaged.
        """
        raise NotImplementedError

    def _zoned(self) -> bool:
        """Whether times are not dates, or dates with a zone."""
        rows = (data_row(line) for line in head_lines(self.source, 150))
        dates = [r[0] for r in rows if len(r) > 3 and _WHEN.fullmatch(r[0])]
        return not dates or bool(re.search(r':\d.*(Z|[+-]\d)', dates[0]))

    def numbered(self, skipped: int) -> dict[str, Any]:
        """Keys of rows without names: perhaps a date, then three axes."""
        cells = data_row(self._line(skipped))
        dated = bool(_WHEN.fullmatch(cells[0]) or _SERIAL.match(cells[0]))
        first = 2 if dated else 1
        names = [str(first + axis) for axis in range(3)]
        columns: dict[str, Any] = {'acc': names}
        if dated:
            columns['time'] = '1'
        return described(
            self.source,
            columns=columns,
            units={'acc': 'g'},
            header=0,
            skip_rows=skipped,
        )

    def _line(self, index: int) -> str:
        lines = head_lines(self.source, index + 1)
        return lines[index] if len(lines) > index else ''


@register_reader
class ActiGraphReader(_Actigraph):
    """ActiLife's CSV of raw data, with or without times and header."""

    name = 'actigraph'
    title = 'ActiGraph'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the first line, or by the names of the columns and a date."""
        if re.match(r'-+ *Data .*ActiGraph', head(path)):
            return True
        header = find_header(path, 'Timestamp', 'Accelerometer @', most=2)
        lines = head_lines(path, 3)
        return (
            header is not None
            and len(lines) > header.line
            and bool(
                _WHEN.fullmatch((data_row(lines[header.line]) or [''])[0])
            )
        )

    def keys(self, notes: list[str]) -> dict[str, Any]:
        """Start, rate and order of dates are in the header."""
        lines = head_lines(self.source, 14)
        facts = '\n'.join(lines[:10]) if lines[0][:3] == '---' else ''
        header = find_header(self.source, 'Accelerometer @', most=14)
        timing = self._timing(facts)
        if header is None:
            keys = self._unnamed(lines, facts, notes)
        else:
            time = header.find('Timestamp')
            keys = described(
                self.source,
                columns={
                    'time': time,
                    'acc': header.axes('Accelerometer @'),
                    'gyro': header.axes('Gyroscope @'),
                    'mag': header.axes('Magnetometer @'),
                },
                units={'acc': 'g', 'gyro': 'deg/s', 'mag': 'uT'},
            )
        if 'time' in keys['columns']:
            timing = {k: v for k, v in timing.items() if k == 'time_format'}
        else:
            timing.pop('time_format', None)
            if 'rate' not in timing and 'rate' not in self.options:
                raise mistake(
                    self.source,
                    'has neither times nor the rate in its header',
                    'Export it with timestamps',
                )
        return {**keys, **timing}

    def _unnamed(
        self, lines: list[str], facts: str, notes: list[str]
    ) -> dict[str, Any]:
        """Rows that follow the header without names."""
        count = 10 if facts else 0
        cells = data_row(lines[count]) if len(lines) > count else []
        plain = [bool(_NUMBER.fullmatch(cell)) for cell in cells]
        if not (plain == [True] * 3 or plain[1:] == [True] * 3):
            raise mistake(
                self.source,
                'has no columns Accelerometer X, Accelerometer Y, '
                'Accelerometer Z; counts per epoch cannot be compared with '
                'a video',
                _RAW,
                row=count + 1,
            )
        notes.append(
            f'{self.source}: columns have no names; the last three are taken '
            'for acceleration in g'
        )
        return self.numbered(count)

    def _timing(self, facts: str) -> dict[str, Any]:
        """What the header says of time."""
        result: dict[str, Any] = {}
        rate = re.search(r'\bat *([\d.]+) *Hz', facts)
        if rate and 0 < float(rate[1].rstrip('.') or 0) < 10_000:
            result['rate'] = float(rate[1].rstrip('.'))
        order = re.search(
            r'date format *([dMy]+)[-/.]([dMy]+)[-/.][dMy]+', facts
        )
        if order and order[1][0] in 'dM':
            day_first = order[1][0] == 'd'
            result['time_format'] = 'dd/mm/yyyy' if day_first else 'mm/dd/yyyy'
        start = re.search(r'Start Time *([\d:]+)', facts)
        day = re.search(r'Start Date *(\d+)[-/.](\d+)[-/.](\d+)', facts)
        if start and day and order:
            places = {order[1][0]: 1, order[2][0]: 2}
            places.setdefault('y', 3)
            places.setdefault('d', 3)
            year, month, date = (day[places[k]] for k in 'yMd')
            text = f'{int(year):04}-{int(month):02}-{int(date):02}'
            result['start_s'] = f'{text}T{start[1].zfill(8)}'
        return result


@register_reader
class GENEActivReader(_Actigraph):
    """GENEActiv's CSV: about 100 lines of header, then rows without names."""

    name = 'geneactiv'
    title = 'GENEActiv'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the type of device in the header."""
        start = '\n'.join(head_lines(path, 12))
        return bool(
            re.search(r'^"?Device Type"?[,;\t] *"?GENEA', start, re.M | re.I)
        )

    def keys(self, notes: list[str]) -> dict[str, Any]:
        """Where it was worn and the time zone are in the header."""
        lines = head_lines(self.source, 150)
        rows = [data_row(line) for line in lines]
        times = [
            index
            for index, cells in enumerate(rows)
            if len(cells) > 3 and _WHEN.fullmatch(cells[0])
        ]
        if not times:
            raise mistake(
                self.source,
                'has no row of a date and three axes in its first 150 lines',
                _RAW,
            )
        facts = dict(
            re.split(' *[,;\t] *', line.replace('"', ''), maxsplit=1)
            for line in lines[: times[0]]
            if re.search('[,;\t]', line)
        )
        starts = [Dates()(rows[index][0]) or 0.0 for index in times]
        if len(starts) > 1 and np.median(np.diff(starts)) > _LONGEST:
            raise mistake(
                self.source,
                'holds means over epochs, which cannot be compared with a '
                'video',
                _RAW,
                row=times[0] + 1,
            )
        keys = self.numbered(times[0])
        zone = re.match(
            r'(?:GMT|UTC)? *([+-]\d\d:?\d\d)', facts.get('Time Zone', '')
        )
        if zone:
            keys['timezone'] = zone[1]
        keys['_place'] = facts.get('Device Location Code', '').strip(' ,;')
        return keys


@register_reader
class AxivityReader(_Actigraph):
    """Axivity AX3 and AX6 by OmGui or cwa-convert, with or without names."""

    name = 'axivity'
    title = 'Axivity'
    device = 'axivity'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By ``Accel-X (g)``; without names, by a date and three axes."""
        if _named(path):
            return True
        cells = data_row((head_lines(path, 1) or [''])[0])
        plain = [bool(_NUMBER.fullmatch(cell)) for cell in cells[1:]]
        iso = re.match(
            r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+$',
            cells[0] if cells else '',
        )
        dated = iso is not None or bool(cells and _SERIAL.match(cells[0]))
        return dated and len(plain) >= 3 and all(plain)

    def keys(self, notes: list[str]) -> dict[str, Any]:
        """Acceleration, and of AX6 angular rate."""
        header = _named(self.source)
        if header is None:
            return self._unnamed(notes)
        time = header.find('Time') or header.names[0]
        lines = head_lines(self.source, header.line + 1)
        cells = data_row(lines[-1]) if len(lines) > header.line else []
        units = {'acc': 'g', 'gyro': 'deg/s', 'mag': 'uT'}
        if cells and _NUMBER.fullmatch(cells[0]):
            if not float(cells[0].replace(',', '.')) > 1e8:
                raise mistake(
                    self.source,
                    'has times that are neither dates nor seconds since 1970',
                    'Export it with formatted timestamps',
                    row=header.line + 1,
                    column=time,
                )
            units['time'] = 's'
        return described(
            self.source,
            columns={
                'time': time,
                'acc': header.axes(r'Accel-@ \(g\)'),
                'gyro': header.axes(r'Gyro-@ \(d(eg)?/s\)', r'Gyro-@ \(dps\)'),
                'mag': header.axes(r'Mag-@ \([uµμ]T\)'),
            },
            units=units,
        )

    def _unnamed(self, notes: list[str]) -> dict[str, Any]:
        """Rows without names."""
        keys = self.numbered(0)
        names, dialect = keys['columns']['acc'], Dialect(header=0)
        acc = columns_of(self.source, [names[0], *names], dialect)[1]
        keys['units']['acc'] = _unit(self.source, acc)
        notes.append(
            f'{self.source}: columns have no names; the three after the date '
            f'are taken for acceleration in {keys["units"]["acc"]}, as their '
            'values show'
        )
        width = len(data_row(self._line(0)))
        if width >= 7:
            names = ['5', '6', '7']
            more = columns_of(self.source, ['5', *names], dialect)[1]
            largest = np.linalg.norm(more, axis=1).max(initial=0.0)
            # A gyroscope that mostly rests may show about 1 deg/s, too.
            if unit_of_gravity(more, 1.2) == 'g' and largest < _MOST_G:
                raise mistake(
                    self.source,
                    'has no names of columns, and 5 to 7 are usually 1 in '
                    'size, as if they were those of a second accelerometer',
                    'Give each sensor a file of its own, or describe them '
                    'with a mapping (--mapping, docs/own_data.md)',
                )
            if (more < 0).any(axis=0).all():
                keys['columns']['gyro'] = names
                keys['units']['gyro'] = 'deg/s'
                notes.append(
                    f'{self.source}: columns 5 to 7 have both signs and are '
                    'taken for angular rate in deg/s'
                )
        return keys


def _named(path: Path) -> Header | None:
    return find_header(path, r'Accel-@ \(g\)', most=3)


def _unit(path: Path, acc: np.ndarray) -> str:
    """Unit of acceleration, by its values."""
    unit = unit_of_gravity(acc)
    if unit is None:
        usual = (
            float(np.median(np.linalg.norm(acc, axis=1))) if len(acc) else 0
        )
        raise mistake(
            path,
            f'acceleration is usually {usual:.3g} in size, which is gravity '
            'neither in g nor in m/s²',
            'Describe the file with a mapping (--mapping, docs/own_data.md)',
        )
    return unit


@register_reader
class BiobankReader(_Actigraph):
    """``time,x,y,z`` of UK Biobank's tools (accelerometer, actipy)."""

    name = 'biobank'
    title = 'UK Biobank accelerometer tools'

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the names of the columns and a date."""
        header = find_header(path, 'time', 'x', 'y', 'z', most=1)
        lines = head_lines(path, 2)
        if header is None or header.names[:4] != ('time', 'x', 'y', 'z'):
            return False
        cells = data_row(lines[1]) if len(lines) > 1 else []
        return bool(cells and _WHEN.fullmatch(cells[0]))

    def keys(self, notes: list[str]) -> dict[str, Any]:
        """The unit is g, unless values show m/s^2."""
        names = ['x', 'y', 'z']
        unit = _unit(self.source, columns_of(self.source, ['x', *names])[1])
        return described(
            self.source,
            columns={'time': 'time', 'acc': names},
            units={'acc': unit},
        )
