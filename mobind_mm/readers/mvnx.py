"""MVNX: the XML that Xsens MVN exports, with all sensors of a suit.

Elements and units: Xsens, *MVN User Manual*, MVNX file. The file is read as a
stream; what could expand or fetch anything (entities) is refused.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from ..recordings import SensorStream
from ..utils.errors import mistake
from .archives import open_file
from .base import FileReader, register_reader
from .clocks import SampleTimes, sample_times
from .headers import encoding_of, head
from .placing import place_sensors, placement_in

_SENSORS = {
    'sensorOrientation': 4,
    'sensorAcceleration': 3,
    'sensorFreeAcceleration': 3,
    'sensorAngularVelocity': 3,
}
_SEGMENTS = {'orientation': 4, 'acceleration': 3, 'angularVelocity': 3}
_WIDTHS = {**_SENSORS, **_SEGMENTS}
_CHUNK = 1 << 20
_LONGEST = 60
"""Characters of a number or a label."""
_MAX_NORM_ERROR = 0.05
_STILL = 5.0
"""m/s^2; the median acceleration of a sensor that shows gravity is longer."""


@register_reader
class MvnxReader(FileReader):
    """Reads the sensors of an MVNX file, or its segments if it has none."""

    name = 'mvnx'
    title = 'Xsens MVN'
    places = True

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the root of the XML."""
        return re.search(r'<mvnx[\s>]', head(path)) is not None

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown."""
        content = _Content(self.source)
        content.parse()
        streams = content.streams()
        placed = {placement_in(name) or name: s for name, s in streams.items()}
        if len(placed) < len(streams):
            placed = streams
        placement = self.options.get('placement')
        return place_sensors(placed, placement, f'{self.source}:')


class _Content:
    """What the parser finds; numbers of all frames behind one another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rate: float | None = None
        self.labels: dict[str, list[str]] = {'sensor': [], 'segment': []}
        self.numbers: dict[str, array[float]] = {}
        self.frames: list[tuple[float, float]] = []
        self._frame: dict[str, str] | None = None
        self._found: dict[str, list[float]] = {}
        self._text: list[str] | None = None
        # What the file says of its encoding would be looked up anywhere.
        latin = encoding_of(path) is not None
        self._parser = expat.ParserCreate('ISO-8859-1' if latin else 'UTF-8')
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._entity

    def parse(self) -> None:
        """Read the file."""
        try:
            with open_file(self.path) as file:
                while chunk := file.read(_CHUNK):
                    self._parser.Parse(chunk, False)
                self._parser.Parse(b'', True)
        except expat.ExpatError as error:
            raise self._mistake(
                f'is not complete XML ({expat.ErrorString(error.code)})',
                'Export the file again',
                error.lineno,
            ) from None

    def _mistake(
        self, what: str, fix: str, row: int | None = None
    ) -> Exception:
        row = row or self._parser.CurrentLineNumber
        return mistake(f'{self.path}, line {row}:', what, fix)

    def _entity(self, *facts: Any) -> None:
        raise self._mistake(
            'declares an entity, which no export does', 'Export it again'
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ('subject', 'mvnxInfo') and 'frameRate' in attributes:
            rate = self._number(attributes['frameRate'])
            self.rate = rate if rate > 0 else None
        elif tag in self.labels:
            labels = self.labels[tag]
            label = attributes.get('label') or f'{tag} {len(labels)}'
            labels.append(label[:_LONGEST])
        elif tag == 'frame':
            kind = attributes.get('type', 'normal')
            self._frame = attributes if kind == 'normal' else None
            self._found = {}
        elif self._frame is not None and self._wanted(tag):
            self._text = []

    def _wanted(self, tag: str) -> bool:
        return tag in (_WIDTHS if not self.frames else self.numbers)

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if tag == 'frame' and self._frame is not None:
            self._end_frame(self._frame)
            self._frame = None
        elif self._text is not None and tag in _WIDTHS:
            words = ''.join(self._text).split()
            self._found[tag] = [self._number(word) for word in words]
            self._text = None

    def _number(self, word: str) -> float:
        try:
            value = float(word[:_LONGEST])
        except ValueError:
            value = float('nan')
        if not abs(value) < 1e18:
            raise self._mistake(
                f'{word[:40]!r} is not a number', 'Export the file again'
            )
        return value

    def _end_frame(self, attributes: dict[str, str]) -> None:
        if not self.frames:
            sensors = {t for t in _SENSORS if self._found.get(t)}
            chosen = sensors or {t for t in _SEGMENTS if self._found.get(t)}
            self.numbers = {tag: array('f') for tag in sorted(chosen)}
            self._lengths = {tag: len(self._found[tag]) for tag in chosen}
        for tag, numbers in self.numbers.items():
            values = self._found.get(tag, [])
            if len(values) != self._lengths[tag]:
                raise self._mistake(
                    f'{tag} has {len(values)} numbers, expected '
                    f'{self._lengths[tag]}',
                    'Export the file again',
                )
            numbers.extend(values)
        index = self._number(attributes.get('index') or f'{len(self.frames)}')
        given = attributes.get('time')
        time = self._number(given) if given else float('nan')
        self.frames.append((index, time))

    def streams(self) -> dict[str, SensorStream]:
        """Sensors, or segments, by their labels."""
        if not self.numbers:
            raise mistake(
                self.path,
                'has no frames with sensors or segments',
                'Export with sensor data (orientation and acceleration)',
            )
        kind = 'sensor' if {*_SENSORS} & {*self.numbers} else 'segment'
        arrays = {
            tag: np.frombuffer(numbers, np.float32).reshape(
                len(self.frames), -1, _WIDTHS[tag]
            )
            for tag, numbers in self.numbers.items()
            if self._lengths[tag] % _WIDTHS[tag] == 0
        }
        counts = {values.shape[1] for values in arrays.values()}
        labels = self.labels[kind]
        if len(arrays) < len(self.numbers) or counts != {len(labels)}:
            raise mistake(
                self.path,
                f'names {len(labels)} {kind}s, but its frames have numbers '
                'of more or fewer',
                'Export the file again',
            )
        times = self._times()
        notes = times.notes
        if kind == 'segment':
            notes = (
                f'{self.path}: has no sensors; its segments are read',
                *notes,
            )
        streams = {}
        for at, label in enumerate(labels):
            facts = _channels(arrays, at)
            channels = {
                name: values[times.rows].astype(np.float32)
                for name, values in facts.pop('channels').items()
            }
            if 'quat' in channels:
                self._check_norm(label, channels['quat'])
            streams[label] = SensorStream(
                times.clock, channels, notes=notes, **facts
            )
        return streams

    def _times(self) -> SampleTimes:
        """Times of the frames: their number over the rate, or as written."""
        index, ms = np.array(self.frames).T
        if self.rate is None and np.isnan(ms).any():
            raise mistake(
                self.path,
                'has neither a frameRate nor times',
                'Export the file again',
            )
        if self.rate is None:
            return sample_times(ms / 1000, str(self.path))
        return sample_times(
            None, str(self.path), counter=index, rate=self.rate
        )

    def _check_norm(self, label: str, quat: np.ndarray) -> None:
        norm = np.linalg.norm(quat, axis=1)
        if (np.abs(norm - 1) > _MAX_NORM_ERROR).any():
            raise mistake(
                self.path,
                f'the orientation of {label} has the norm '
                f'{norm[np.argmax(np.abs(norm - 1))]:.3f}, expected 1',
                'Export the file again',
            )
        quat /= norm[:, None]


def _channels(arrays: dict[str, np.ndarray], at: int) -> dict[str, Any]:
    """Channels, gravity and frame of one sensor or segment."""
    from scipy.spatial.transform import Rotation

    values_of = {tag: values[:, at] for tag, values in arrays.items()}
    channels, facts = {}, {'gravity': False, 'frame': 'world'}
    if 'sensorAcceleration' in values_of:
        channels['acc'] = values_of['sensorAcceleration']
        still = np.median(np.linalg.norm(channels['acc'], axis=1))
        facts = {'gravity': bool(still > _STILL), 'frame': 'sensor'}
    elif 'sensorFreeAcceleration' in values_of:
        channels['acc'] = values_of['sensorFreeAcceleration']
    elif 'acceleration' in values_of:
        channels['acc'] = values_of['acceleration']
    for tag in ('sensorOrientation', 'orientation'):
        if tag in values_of:
            channels['quat'] = values_of[tag]
    if 'sensorAngularVelocity' in values_of:
        channels['gyro'] = values_of['sensorAngularVelocity']
    elif 'angularVelocity' in values_of and _are_turns(channels.get('quat')):
        turns = Rotation.from_quat(np.roll(channels['quat'], -1, axis=1))
        channels['gyro'] = turns.inv().apply(values_of['angularVelocity'])
    return {'channels': channels, **facts}


def _are_turns(quat: np.ndarray | None) -> bool:
    return quat is not None and bool((np.abs(quat).max(axis=1) > 0).all())
