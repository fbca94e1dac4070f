"""Streams with their own clocks, and the recordings they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ..utils.errors import show

_S = TypeVar('_S', bound='_Stream')

LARGEST = 1e12
"""Samples and pixels beyond are no measurements; their squares overflow."""
LARGEST_SEC = 1e15
"""Times beyond are none: a moment of this century is 4e9 s after 1970."""
RATES = (1e-6, 1e6)
"""Hz that a stream may have."""


def as_float(value: Any) -> float:
    """A number as other packages may give it; NaN of what is none."""
    if isinstance(value, (bool, str, bytes)):
        return float('nan')
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float('nan')


@dataclass(frozen=True)
class Clock:
    """Sample times of a stream: a rate and a start, or a time per sample.

    Args:
        num_samples: Length of the stream.
        rate: Samples per second, for a regular stream.
        start: Time of the first sample in seconds, for a regular stream.
        times: (T,) seconds, strictly increasing, for an irregular stream;
            excludes ``rate``.

    Raises:
        ValueError: If both or neither of ``rate`` and ``times`` are given,
            or they are invalid.

    Example:
        >>> clock = Clock(300, rate=100, start=2.0)
        >>> clock.span
        (2.0, 4.99)
        >>> clock.at(clock.between(3.0, 3.02))
        array([3.  , 3.01, 3.02])
        >>> Clock(3, times=np.array([0.0, 0.1, 0.3])).mean_rate
        6.666666666666667
    """

    num_samples: int
    rate: float | None = None
    start: float = 0.0
    times: np.ndarray | None = None

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.times is None):
            raise ValueError(
                'A clock needs either a rate in Hz or one time per sample, '
                f'got rate={self.rate} and times='
                f'{"given" if self.times is not None else None}.'
            )
        if self.rate is not None:
            rate, start = as_float(self.rate), as_float(self.start)
            if not RATES[0] <= rate <= RATES[1]:
                raise ValueError(
                    'A rate must be positive, from 1e-6 to 1e6 Hz, got '
                    f'{show(self.rate)}.'
                )
            if not abs(start) < LARGEST_SEC:
                raise ValueError(
                    f'A start must be seconds, got {show(self.start)}.'
                )
            for name, value in (('rate', rate), ('start', start)):
                if not isinstance(getattr(self, name), (int, float)):
                    object.__setattr__(self, name, value)
        count = self.num_samples
        if not isinstance(count, (int, np.integer)) or count < 0:
            raise ValueError(f'{show(count)} is no number of samples.')
        if self.times is None:
            return
        times = np.asarray(self.times)
        if times.ndim != 1 or times.dtype.kind not in 'fiu':
            raise ValueError(
                'A clock needs one number of seconds per sample, got '
                f'{times.dtype} of shape {times.shape}.'
            )
        if times is not self.times:
            object.__setattr__(self, 'times', times)
        if len(self.times) != self.num_samples:
            raise ValueError(
                f'{len(self.times)} times for {self.num_samples} samples.'
            )

    @property
    def span(self) -> tuple[float, float]:
        """Times of the first and the last sample in seconds."""
        if self.num_samples == 0:
            return (self.start, self.start)
        if self.times is not None:
            return (float(self.times[0]), float(self.times[-1]))
        last = self.start + (self.num_samples - 1) / self._regular_rate
        return (self.start, last)

    @cached_property
    def mean_rate(self) -> float:
        """Samples per second; the inverse median interval if irregular.

        Infinite if most samples share their time with the one before.
        """
        if self.times is None:
            return self._regular_rate
        if self.num_samples < 2:
            raise ValueError('A stream of one sample has no rate.')
        interval = float(np.median(np.diff(self.times)))
        return 1.0 / interval if interval else np.inf

    def between(self, start: float, end: float) -> slice:
        """Indices of the samples with ``start <= time <= end`` (seconds)."""
        if self.times is not None:
            first = int(np.searchsorted(self.times, start, side='left'))
            stop = int(np.searchsorted(self.times, end, side='right'))
        else:
            rate = self._regular_rate
            # A relative epsilon keeps a sample that lies on the border.
            first = np.ceil((start - self.start) * rate - 1e-6)
            stop = np.floor((end - self.start) * rate + 1e-6) + 1
            first = int(np.clip(first, 0, self.num_samples))
            stop = int(np.clip(stop, first, self.num_samples))
        return slice(first, stop)

    def at(self, index: slice | None = None) -> np.ndarray:
        """Times (T,) float64 in seconds of a slice of samples, or of all."""
        if index is None:
            index = slice(0, self.num_samples)
        if self.times is not None:
            return np.asarray(self.times[index], dtype=np.float64)
        steps = np.arange(index.start, index.stop, dtype=np.float64)
        return self.start + steps / self._regular_rate

    def part(self, index: slice, origin: float = 0.0) -> Clock:
        """Clock of some of the samples, which counts from another time."""
        times = self.at(index) - origin
        if self.times is not None:
            return Clock(len(times), times=times)
        start = float(times[0]) if len(times) else 0.0
        return Clock(len(times), rate=self.rate, start=start)

    @property
    def _regular_rate(self) -> float:
        assert self.rate is not None  # else there are times
        return self.rate


@dataclass(frozen=True)
class _Stream:
    """What sensors and skeletons have in common."""

    clock: Clock

    def cut(self: _S, part: slice, origin: float = 0.0) -> _S:
        """Some of the samples; the clock counts from another time.

        Args:
            part: Indices, as :meth:`Clock.between` gives them.
            origin: Seconds of this clock that become 0.
        """
        clock = self.clock.part(part, origin)
        return replace(self, clock=clock, **self._samples(part))

    def window(self: _S, start: float, seconds: float) -> _S:
        """A stretch of time, from whose start the clock counts."""
        return self.cut(self.clock.between(start, start + seconds), start)

    def at_times(self: _S, times: np.ndarray) -> _S:
        """The same samples at other times (T,), in seconds."""
        return replace(self, clock=Clock(len(times), times=times))

    def later(self: _S, by: float) -> _S:
        """The same samples, some seconds later."""
        if self.clock.times is not None:
            return self.at_times(self.clock.times + by)
        clock = replace(self.clock, start=self.clock.start + by)
        return replace(self, clock=clock)

    def _samples(self, part: slice) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class SensorStream(_Stream):
    """One IMU: its channels share a clock.

    Args:
        clock: Sample times.
        channels: Channel name to a sliceable array (T, c):
            ``acc`` m/s^2, ``gyro`` rad/s, ``quat`` (w, x, y, z) sensor to
            world, ``mag`` uT. May be a memory-mapped view.
        gravity: Whether ``acc`` is specific force (gravity included).
        frame: Frame of ``acc``: ``sensor`` or ``world``.
        notes: What a reader repaired, dropped or assumed, for the user.

    Example:
        >>> still = np.tile(np.float32([0.0, 0.0, 9.8]), (300, 1))
        >>> sensor = SensorStream(Clock(300, rate=100), {'acc': still})
        >>> sensor.channels['acc'][sensor.clock.between(1.0, 1.5)].shape
        (51, 3)
    """

    channels: Mapping[str, np.ndarray]
    gravity: bool = True
    frame: str = 'sensor'
    notes: tuple[str, ...] = ()

    def _samples(self, part: slice) -> dict[str, Any]:
        channels = {k: np.asarray(v[part]) for k, v in self.channels.items()}
        return {'channels': channels}


def measurable(values: np.ndarray) -> np.ndarray:
    """Whether values are numbers that something can have measured.

    >>> measurable(np.array([-5.0, np.nan, np.inf, 1e30])).tolist()
    [True, False, False, False]
    """
    return np.abs(values) < LARGEST


def undetected(keypoints: np.ndarray) -> np.ndarray:
    """Whether keypoints (..., 2) are not measurable, or exactly (0, 0).

    Tools write so what they did not detect, with a score or without.

    >>> undetected(np.array([[0, 0], [0, 5], [np.nan, 5]])).tolist()
    [True, False, True]
    """
    x, y = keypoints[..., 0], keypoints[..., 1]
    return ~(measurable(x) & measurable(y) & ((x != 0) | (y != 0)))


@dataclass(frozen=True)
class PoseStream(_Stream):
    """One person's 2D skeleton in one camera.

    Args:
        clock: Sample times.
        keypoints: (T, K, 2) pixels, sliceable.
        scores: (T, K) confidence in [0, 1], 0 where nothing was detected.
        layout: Name of the skeleton layout, see :mod:`mobind_mm.skeleton`.
        img_shape: (height, width) in pixels.
        notes: What a reader repaired, dropped or assumed, for the user.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    layout: str
    img_shape: tuple[int, int]
    notes: tuple[str, ...] = ()

    def _samples(self, part: slice) -> dict[str, Any]:
        return {
            'keypoints': np.asarray(self.keypoints[part]),
            'scores': np.asarray(self.scores[part]),
        }


@dataclass(frozen=True)
class Recording:
    """One person in one camera: IMUs by placement, and the skeleton.

    All clocks count seconds from the same origin.
    """

    imu: Mapping[str, SensorStream] = field(default_factory=dict)
    pose: PoseStream | None = None


def notes_of(
    *sources: Recording | SensorStream | PoseStream | Iterable[str],
) -> list[str]:
    """Notes of streams, and others, each of them once.

    Args:
        *sources: Recordings, streams, or notes.

    >>> sensor = SensorStream(Clock(1, rate=1.0), {}, notes=('2 rows lost.',))
    >>> notes_of(Recording({'head': sensor}), ['Assumed.', '2 rows lost.'])
    ['2 rows lost.', 'Assumed.']
    """
    notes: list[str] = []
    for source in sources:
        if isinstance(source, Recording):
            streams = [*source.imu.values(), source.pose]
            notes += notes_of(*(s for s in streams if s is not None))
        elif isinstance(source, (SensorStream, PoseStream)):
            notes += source.notes
        else:
            notes += source
    return list(dict.fromkeys(notes))
