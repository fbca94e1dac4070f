"""Sensors and skeletons that arrive by Lab Streaming Layer (pylsl)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..checks.plausibility import check_inputs
from ..readers.column_names import header_unit, parse_column
from ..readers.devices import unit_of_gravity
from ..readers.instance_batches import MAX_COORDINATE
from ..readers.keys import unit_factor
from ..readers.mapping import UNITS
from ..readers.placing import placement_in
from ..recordings.streams import LARGEST_SEC
from ..skeleton import LAYOUTS, LIMBS, USUAL, get_layout, placement_name
from ..synchronization import LiveState, LiveSynchronizer
from ..utils.errors import mistake
from .synchronizing import plain_answer

_AXES = {'acc': 'xyz', 'gyro': 'xyz', 'quat': 'wxyz'}
_UNNAMED = {3: ('acc',), 6: ('acc', 'gyro'), 9: ('acc', 'gyro')}
"""Channels of an IMU stream without labels, by their number."""
_IMU_TYPES = ('imu', 'acc', 'accelerometer', 'inertial', 'motion')
_POSE_WORDS = ('pose', 'skeleton', 'keypoints')
_FIRST_SEC = 1.0
"""Of data that are looked at before the first is passed on."""
_LARGEST = 3e38  # of float32, in which samples are kept
_FIRST_MOST = 20_000
"""Samples that are held back at most, where the times stand still."""
_CHECKED_SEC = 10.0
"""After so long the sensors are checked for wrong units and the like."""
_STALLED_SEC = 3.0
_STEP_SEC = 0.1
"""Between looks at the streams."""
_SHOWN_EVERY = 5
"""Looks from one state to the next."""


def find_streams(wait_sec: float = 3.0) -> list[Any]:
    """Numeric streams in the network, as pylsl describes them.

    Raises:
        ImportError: Without pylsl.
    """
    lsl = _pylsl()
    streams = lsl.resolve_streams(wait_time=wait_sec)
    numeric = [s for s in streams if s.channel_format() != lsl.cf_string]
    return sorted(numeric, key=lambda stream: stream.name())


def _pylsl() -> Any:
    try:
        import pylsl
    except (ImportError, RuntimeError) as error:  # no library liblsl
        raise ImportError(
            'Lab Streaming Layer needs pylsl and its library: pip install '
            f'mobind_mm[lsl] ({str(error).splitlines()[0]}).'
        ) from None
    return pylsl


def describe_stream(info: Any) -> str:
    """A stream in one line."""
    role = {True: 'skeleton', False: 'sensor', None: 'not used'}[_role(info)]
    rate = f'{info.nominal_srate():g} Hz' if info.nominal_srate() else 'uneven'
    return (
        f'{info.name()}: type {info.type() or "unknown"}, '
        f'{info.channel_count()} channels, {rate}, on {info.hostname()} '
        f'({role})'
    )


def _role(info: Any) -> bool | None:
    """Whether a stream is a skeleton (True) or a sensor (False)."""
    kind, name = info.type().lower(), info.name().lower()
    if any(word in f'{kind} {name}' for word in _POSE_WORDS):
        return True
    if kind in _IMU_TYPES or placement_in(info.name()):
        return False
    return None


def choose_streams(
    offered: Sequence[Any],
    imu: Sequence[str] | None = None,
    pose: str | None = None,
) -> tuple[list[Any], Any]:
    """The streams of the sensors, and that of the skeleton.

    Args:
        offered: What :func:`find_streams` gives.
        imu: Names or types of the sensors' streams; by their types if None.
        pose: Name or type of the skeleton's stream; by its type if None.

    Raises:
        ValueError: If there is none, or more than one skeleton.
    """
    listed = ', '.join(stream.name() for stream in offered) or 'none'
    named = {w for s in offered for w in (s.name(), s.type())}
    for word in [*(imu or ()), *([pose] if pose else [])]:
        if word not in named:
            raise mistake(
                'Lab Streaming Layer',
                f'no stream has the name or type {word!r}',
                f'Streams found: {listed}. mobind live --list shows them',
                name=word,
                known=named,
            )

    def chosen(words: Sequence[str] | None, role: bool) -> list[Any]:
        if words is None:
            return [stream for stream in offered if _role(stream) is role]
        return [s for s in offered if s.name() in words or s.type() in words]

    poses = chosen([pose] if pose else None, True)
    sensors = chosen(imu, False)
    sensors = [s for s in sensors if all(s is not p for p in poses)]
    for flag, what, streams in (
        ('--imu', 'stream of a sensor', sensors),
        ('--pose', 'stream of a skeleton', poses),
    ):
        if not streams:
            raise mistake(
                'Lab Streaming Layer',
                f'there is no {what}',
                f'Start it, or name it with {flag}; streams found: {listed}',
            )
    if len(poses) > 1:
        names = ', '.join(stream.name() for stream in poses)
        raise mistake(
            'Lab Streaming Layer',
            f'there are {len(poses)} streams of skeletons ({names})',
            'Choose one with --pose NAME',
        )
    return sensors, poses[0]


class _Inlet:
    """A stream that is being received, on the clock of this computer."""

    def __init__(self, info: Any) -> None:
        lsl = _pylsl()
        self.inlet = lsl.StreamInlet(
            info, max_buflen=60, processing_flags=lsl.proc_clocksync
        )
        self.name = info.name()
        try:
            full = self.inlet.info(timeout=5.0)
        except RuntimeError:  # pylsl's TimeoutError and LostError
            raise mistake(
                f'stream {self.name}',
                'does not say what it holds',
                'Start it again, or leave it out',
            ) from None
        count = full.channel_count()
        self.labels = _texts(full.get_channel_labels(), count)
        self.units = _texts(full.get_channel_units(), count)
        self.heard = time.monotonic()
        self.notes: list[str] = []
        self._timeless = False
        self._early: list[tuple[np.ndarray, np.ndarray]] | None = []

    def pull(self) -> tuple[np.ndarray, np.ndarray] | None:
        """What has arrived: times (N,) and values (N, C).

        The first second is held back, and prepared for with
        :meth:`prepare`.
        """
        values, times = map(np.asarray, self.inlet.pull_chunk(timeout=0.0))
        finite = np.abs(times) < LARGEST_SEC
        if not finite.all() and not self._timeless:
            self._timeless = True
            note = 'samples whose time is not finite are left out'
            self.notes.append(f'{self.name}: {note}')
        if not finite.any():
            return None
        self.heard = time.monotonic()
        chunk = times[finite].astype(float), values[finite].astype(float)
        chunk[1][~(np.abs(chunk[1]) <= _LARGEST)] = np.nan
        if self._early is None:
            return chunk
        self._early.append(chunk)
        together = tuple(map(np.concatenate, zip(*self._early)))
        short = np.ptp(together[0]) < _FIRST_SEC
        if short and len(together[0]) < _FIRST_MOST:
            return None
        self._early = None
        self.prepare(together[1])
        return together[0], together[1]

    def prepare(self, values: np.ndarray) -> None:
        """Look at the first second (N, C)."""

    def push(self, live: LiveSynchronizer) -> None:
        """Pass on what has arrived."""
        raise NotImplementedError


def _texts(given: Sequence[str | None] | None, count: int) -> list[str]:
    """Labels or units of all channels, empty where there are none."""
    known = [text or '' for text in given or ()][:count]
    return known + [''] * (count - len(known))


class SensorInlet(_Inlet):
    """The sensors of one stream.

    Args:
        info: The stream.
        placement: Where sensors are worn, by the name of the stream or of
            the sensor in it.

    Raises:
        ValueError: If it has no acceleration, or does not say where a
            sensor is worn.
    """

    def __init__(self, info: Any, placement: Mapping[str, str]) -> None:
        super().__init__(info)
        self.sensors = {
            self._placed(sensor, placement): channels
            for sensor, channels in self._channels().items()
            if 'acc' in channels
        }
        if not self.sensors:
            raise mistake(
                f'stream {self.name}',
                'holds no acceleration: its channels are '
                f'{", ".join(filter(None, self.labels)) or "not named"}',
                'Name them acc_x, acc_y, acc_z, gyro_x, ... or leave the '
                'stream out with --imu',
            )

    def _channels(self) -> dict[str, dict[str, list[int]]]:
        """Columns of each channel of each sensor."""
        sensors: dict[str, dict[str, dict[str, int]]] = {}
        for index, label in enumerate(self.labels):
            column = parse_column(label)
            if column is None or column.kind not in _AXES:
                continue
            axis = column.axis
            if column.kind == 'quat' and axis.isdecimal():
                axis = 'wxyz'[int(axis)]
            kinds = sensors.setdefault(column.sensor, {})
            kinds.setdefault(column.kind, {})[axis] = index
        if sensors:
            return {
                sensor: {
                    kind: [axes[a] for a in _AXES[kind]]
                    for kind, axes in kinds.items()
                    if set(_AXES[kind]) <= set(axes)
                }
                for sensor, kinds in sensors.items()
            }
        kinds_of = _UNNAMED.get(len(self.labels), ())
        if kinds_of:
            self.notes.append(
                f'{self.name}: channels have no names; taken as '
                f'{", ".join(kinds_of)} in this order'
            )
        return {
            '': {
                kind: list(range(3 * k, 3 * k + 3))
                for k, kind in enumerate(kinds_of)
            }
        }

    def _placed(self, sensor: str, placement: Mapping[str, str]) -> str:
        for key in (sensor, self.name, f'{self.name}/{sensor}'):
            if key in placement:
                place = placement_name(placement[key])
                if place in LIMBS:
                    return place
                raise mistake(
                    '--placement',
                    'is not a placement of a sensor',
                    f'Choose from {", ".join(sorted(LIMBS))}',
                    value=placement[key],
                    name=placement[key],
                    known=LIMBS,
                )
        said = placement_in(sensor) or placement_in(self.name)
        if said is None:
            raise mistake(
                f'stream {self.name}',
                'does not say where its sensor is worn',
                f'Give --placement {sensor or self.name}=right_wrist, or so',
            )
        return said

    def prepare(self, values: np.ndarray) -> None:
        """Settle the units: as the stream says, or as the values look."""
        self.factors: dict[tuple[str, str], float] = {}
        for place, channels in self.sensors.items():
            for kind, columns in channels.items():
                unit = ''
                if kind != 'quat':
                    text = self.units[columns[0]]
                    unit = header_unit(f'[{text}]', kind)
                    unit = unit or header_unit(self.labels[columns[0]], kind)
                part = values[:, columns]
                if kind == 'acc' and not unit:
                    unit = unit_of_gravity(part) or ''
                    self.notes.append(
                        f'{place}: no unit of acc is given; taken as '
                        f'{unit or "m/s2"} by its size'
                    )
                if kind == 'gyro' and not unit:
                    self.notes.append(
                        f'{place}: no unit of gyro is given; taken as rad/s'
                    )
                factor = unit_factor(unit, UNITS[kind]) if unit else 1.0
                self.factors[place, kind] = factor

    def push(self, live: LiveSynchronizer) -> None:
        """Pass on what has arrived."""
        chunk = self.pull()
        if chunk is None:
            return
        times, values = chunk
        for place, channels in self.sensors.items():
            parts = {
                kind: values[:, columns] * self.factors[place, kind]
                for kind, columns in channels.items()
            }
            live.push_imu(place, times, **parts)


class PoseInlet(_Inlet):
    """The skeleton of a stream: x, y and perhaps a score per keypoint.

    Args:
        info: The stream.
        layout: Its layout; by the number of channels if None.
        img_shape: (height, width) in pixels, for coordinates from 0 to 1.

    Raises:
        ValueError: If the number of channels does not fit.
    """

    def __init__(
        self, info: Any, layout: str | None, img_shape: tuple[int, int]
    ) -> None:
        super().__init__(info)
        count = len(self.labels)
        names = [layout] if layout else [n for n in LAYOUTS if n in USUAL]
        fits = {
            (name, each)
            for name in names
            for each in (2, 3)
            if each * len(get_layout(name)) == count
        }
        order = [(n, e) for e in (3, 2) for n in names if (n, e) in fits]
        if not order:
            raise mistake(
                f'stream {self.name}',
                f'has {count} channels, which is neither 2 nor 3 for each '
                f'keypoint of {layout or "any layout"}',
                'Send x, y and a score per keypoint, and give --layout',
            )
        self.layout, self.each = order[0]
        if not layout:
            self.notes.append(
                f'{self.name}: {count} channels, taken as {self.each} for '
                f'each keypoint of {self.layout}'
            )
        self.img_shape, self.scale = img_shape, np.ones(2)

    def prepare(self, values: np.ndarray) -> None:
        """See whether coordinates are pixels."""
        points = values.reshape(len(values), -1, self.each)[..., :2]
        known = points[np.isfinite(points)]
        if len(known) and np.quantile(np.abs(known), 0.95) < 2:
            self.scale = np.array(self.img_shape[::-1], float)
            self.notes.append(
                f'{self.name}: coordinates from 0 to 1, scaled to '
                f'{self.img_shape[1]} x {self.img_shape[0]} pixels'
            )

    def push(self, live: LiveSynchronizer) -> None:
        """Pass on what has arrived."""
        chunk = self.pull()
        if chunk is None:
            return
        times, values = chunk
        values = values.reshape(len(values), -1, self.each)
        scores = values[..., 2] if self.each == 3 else None
        points = values[..., :2] * self.scale
        points[~(np.abs(points) <= MAX_COORDINATE)] = np.nan
        live.push_pose(times, points, scores)


class LiveSession:
    """Streams of a network, synchronised while they arrive.

    Args:
        sensors: Streams of sensors, see :func:`choose_streams`.
        pose: The stream of the skeleton.
        placement: Where sensors are worn, by name.
        layout: Layout of the skeleton; None: by its channels.
        img_shape: (height, width) in pixels.
        **options: Of :class:`LiveSynchronizer`.
    """

    def __init__(
        self,
        sensors: Sequence[Any],
        pose: Any,
        placement: Mapping[str, str] | None = None,
        layout: str | None = None,
        img_shape: tuple[int, int] = (1080, 1920),
        **options: Any,
    ) -> None:
        self.sensors = [SensorInlet(s, placement or {}) for s in sensors]
        self.pose = PoseInlet(pose, layout, img_shape)
        places = [p for inlet in self.sensors for p in inlet.sensors]
        for place in places:
            if places.count(place) > 1:
                raise mistake(
                    'Lab Streaming Layer',
                    f'two sensors are worn at {place}',
                    'Give --placement, or choose with --imu',
                )
        self.live = LiveSynchronizer(self.pose.layout, img_shape, **options)
        self._checked: list[str] | None = None

    def run(self, seconds: float | None = None) -> Iterator[LiveState]:
        """Receive for some seconds; gives the state again and again.

        Args:
            seconds: How long; for ever if None.
        """
        steps = 0
        began = time.monotonic()
        while seconds is None or time.monotonic() - began < seconds:
            for inlet in (*self.sensors, self.pose):
                inlet.push(self.live)
            if self._checked is None and time.monotonic() - began > (
                _CHECKED_SEC
            ):
                streams = self.live.recording().imu
                self._checked = [str(f) for f in check_inputs(streams)]
            steps += 1
            if not steps % _SHOWN_EVERY:
                yield self.live.state()
            time.sleep(_STEP_SEC)

    def notes(self) -> list[str]:
        """What is assumed, odd, or missing."""
        now = time.monotonic()
        inlets = (*self.sensors, self.pose)
        stalled = [
            f'{inlet.name}: nothing has arrived for {now - inlet.heard:.0f} s'
            for inlet in inlets
            if now - inlet.heard > _STALLED_SEC
        ]
        assumed = [note for inlet in inlets for note in inlet.notes]
        return [*assumed, *(self._checked or ()), *stalled]

    def answer(self) -> dict[str, Any]:
        """The answer so far, as ``mobind sync`` gives it.

        Raises:
            ValueError: If no offset is known.
        """
        clock = self.live.clock()
        answer = plain_answer(clock, self.live.recording(), self.live.searched)
        answer['model_used'] = False
        answer['notes'] = [*self.notes(), *answer['notes']]
        return answer
