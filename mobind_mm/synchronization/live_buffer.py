"""The last seconds of a stream whose samples arrive in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..recordings.schema import as_numbers
from ..recordings.streams import LARGEST_SEC, measurable
from ..utils.errors import mistake

_STEP_SEC = 0.2
"""Arrivals that step back by more start a run of their own."""
_SURE_SEC = 0.3
"""A run that contradicts the clock this long shows that it was set."""
GAP_SEC = 0.5
"""Longer stretches without samples are gaps: a clock may be set in them."""
_LATE_SEC = 2.0
"""How long a gap may still be filled by samples that are late."""
_CROWDED = 1.6
"""Neighbours closer than so many periods leave no room for a sample."""
_MOST_PENDING = 2000
"""Chunks that wait to be sorted in."""


class Event(NamedTuple):
    """Something odd about the times of a stream.

    Args:
        kind: ``gap``, ``back`` (the clock was set back) or ``ahead`` (set
            ahead, or silent for longer than the memory).
        at: Time of the last sample before, in seconds.
        seconds: From there to the next sample.
    """

    kind: str
    at: float
    seconds: float


class StreamBuffer:
    """Samples of the last seconds, in the order of their times.

    Late chunks are sorted in and repeated ones left out. Samples that come
    again and again where there are others already mean that the clock was
    set back; what it overwrites is dropped.

    Args:
        name: What messages call the stream.
        memory_sec: Seconds that are kept.

    >>> buffer = StreamBuffer('head', 10.0)
    >>> for start in (0.0, 2.0, 1.0):  # the third chunk is late
    ...     times = start + np.arange(100) / 100
    ...     buffer.push(times, {'acc': np.zeros((100, 3))})
    >>> buffer.settle(), len(buffer.times), buffer.newest
    ([], 300, 2.99)
    """

    def __init__(self, name: str, memory_sec: float) -> None:
        self.name, self.memory_sec = name, memory_sec
        self.times = np.empty(0)
        self.channels: dict[str, np.ndarray] = {}
        self.dropped = 0
        """Samples that came twice, too late, or with a time of their own."""
        self.latest = -np.inf
        """Time up to which the last chunk reached; may be nonsense."""
        self._pending: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        self._strays = 0
        self._looked = -np.inf  # until when gaps have been reported

    @property
    def newest(self) -> float:
        """Time of the newest sample in seconds; -inf without any."""
        return float(self.times[-1]) if len(self.times) else -np.inf

    @property
    def holes(self) -> list[Event]:
        """Gaps that are so young that they may still be filled."""
        return [self._gap(i) for i in self._gaps(self._looked, np.inf)]

    @property
    def period(self) -> float:
        """Usual seconds between samples."""
        if len(self.times) < 3:
            return 0.05
        return float(np.median(np.diff(self.times[-200:])))

    def push(
        self, times: np.ndarray | Sequence[float], channels: Mapping
    ) -> None:
        """Add samples.

        Args:
            times: (N,) seconds, finite, in any order.
            channels: (N, ...) by name; the same names in every chunk.

        Raises:
            ValueError: If shapes or names do not fit, or a time is not
                finite.
        """
        where = f'A chunk of {self.name}'
        times = np.atleast_1d(as_numbers(times, where, 'times'))
        if times.ndim != 1 or not (np.abs(times) < LARGEST_SEC).all():
            raise mistake(
                where,
                'has times that are not one finite number per sample',
                'Give seconds',
            )
        values = {}
        for name, given in channels.items():
            value = as_numbers(given, where, name)
            if value.ndim == 1 and len(times) == 1:
                value = value[None]
            known = self.channels.get(name, value)
            if value.shape != (len(times), *known.shape[1:]):
                raise mistake(
                    where,
                    f'has {name} of shape {value.shape} for {len(times)} '
                    f'times, expected {(len(times), *known.shape[1:])}',
                )
            value = np.where(measurable(value), value, np.nan)
            values[name] = value.astype(np.float32)
        known_names = set(self.channels) or set(
            self._pending[0][1] if self._pending else values
        )
        if set(values) != known_names:
            raise mistake(
                where,
                f'has the channels {sorted(values)}, and the chunks before '
                f'had {sorted(known_names)}',
                'Give the same in every chunk',
            )
        if len(times):
            self.latest = float(times.max())
            self._pending.append((times, values))
        if len(self._pending) > _MOST_PENDING:
            self.settle()

    def between(
        self, start: float, end: float
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Times and channels with ``start <= time <= end``."""
        first, stop = np.searchsorted(self.times, [start, end + 1e-9])
        part = slice(int(first), int(stop))
        return self.times[part], {k: v[part] for k, v in self.channels.items()}

    def settle(self) -> list[Event]:
        """Sort in what has arrived; returns what is odd about its times."""
        if not self._pending:
            return []
        times = np.concatenate([t for t, _ in self._pending])
        channels = {
            name: np.concatenate([c[name] for _, c in self._pending])
            for name in self._pending[0][1]
        }
        self._pending = []
        events: list[Event] = []
        before = self.newest
        if np.isneginf(self._looked):
            self._looked = float(times.min())
        top = np.maximum.accumulate(np.concatenate([[before], times]))[:-1]
        step = np.diff(times, prepend=times[0])
        far = (times > top + self.memory_sec) & np.isfinite(top)
        apart = (step < -_STEP_SEC) | (step > self.memory_sec) | far
        apart[0] = False
        borders = [0, *np.flatnonzero(apart), len(times)]
        for first, stop in zip(borders[:-1], borders[1:]):
            order = first + np.argsort(times[first:stop], kind='stable')
            run = times[order], {k: v[order] for k, v in channels.items()}
            events += self._place(*run, last=stop == len(times))
        settled = self.newest - _LATE_SEC
        reported = [event.at for event in events]
        for gap in map(self._gap, self._gaps(self._looked, settled)):
            if gap.at not in reported:
                events.append(gap)
        self._looked = max(self._looked, settled)
        first = int(np.searchsorted(self.times, self.newest - self.memory_sec))
        if first:
            self._keep(slice(first, None))
        return events

    def _gaps(self, after: float, until: float) -> np.ndarray:
        """Indices of the samples before gaps that end in a time."""
        first = max(int(np.searchsorted(self.times, after)) - 1, 0)
        times = self.times[first:]
        wide = np.diff(times) > max(GAP_SEC, 5 * self.period)
        return first + np.flatnonzero(wide & (times[1:] <= until))

    def _gap(self, i: int) -> Event:
        """The gap after sample ``i``."""
        at, after = map(float, self.times[i : i + 2])
        return Event('gap', at, after - at)

    def _place(
        self, times: np.ndarray, channels: dict, last: bool
    ) -> list[Event]:
        """Sort in a run of samples whose times increase."""
        newest, period = self.newest, self.period
        if (
            not len(self.times)
            or newest < times[0] <= newest + self.memory_sec
        ):
            self._merge(times, channels)
            return []
        sure = times[-1] - times[0] >= _SURE_SEC
        kind = 'ahead' if times[0] > newest else ''
        if not kind:
            right = np.searchsorted(self.times, times)
            inside = (right > 0) & (right < len(self.times))
            at = np.clip(right, 1, max(len(self.times) - 1, 1))
            at = np.minimum(at, len(self.times) - 1)
            near = np.minimum(
                np.abs(self.times[at] - times),
                np.abs(times - self.times[at - 1]),
            )
            twice = (near < 1e-3 * period) & self._same(at, times, channels)
            gap = self.times[at] - self.times[at - 1]
            crowded = inside & (gap <= _CROWDED * period) & ~twice
            old = times < newest - self.memory_sec
            overlap = (times <= newest).sum()
            if (crowded | old).sum() < 0.5 * overlap or twice.sum() > (
                0.5 * overlap
            ):
                self.dropped += int((twice | crowded | old).sum())
                kept = ~(twice | crowded | old)
                self._merge(
                    times[kept], {k: v[kept] for k, v in channels.items()}
                )
                return []
            kind = 'back'
        if not sure:
            # Too short to tell; more of it may come, but not for ever.
            self._strays += 1
            if last and self._strays < 3:
                self._pending.append((times, channels))
            else:
                self.dropped += len(times)
            return []
        self._strays = 0
        if kind == 'back':
            self._keep(slice(0, int(np.searchsorted(self.times, times[0]))))
            self._looked = float(times[0])
        self._merge(times, channels)
        return [Event(kind, newest, float(times[0]) - newest)]

    def _same(
        self, at: np.ndarray, times: np.ndarray, channels: dict
    ) -> np.ndarray:
        """Whether samples have the values of the nearest ones here."""
        before = np.maximum(at - 1, 0)
        late = np.abs(self.times[at] - times) < np.abs(
            times - self.times[before]
        )
        nearest = np.where(late, at, before)
        same = np.ones(len(times), bool)
        for name, values in channels.items():
            equal = np.isclose(
                self.channels[name][nearest], values, equal_nan=True
            )
            same &= equal.reshape(len(times), -1).all(axis=1)
        return same

    def _merge(self, times: np.ndarray, channels: dict) -> None:
        together = np.concatenate([self.times, times])
        order = np.argsort(together, kind='stable')
        kept = np.diff(together[order], prepend=-np.inf) > 1e-9
        self.dropped += int((~kept).sum())
        order = order[kept]
        self.times = together[order]
        self.channels = {
            name: np.concatenate([self.channels[name], new])[order]
            if name in self.channels
            else new[order]
            for name, new in channels.items()
        }

    def _keep(self, part: slice) -> None:
        self.times = self.times[part].copy()
        self.channels = {k: v[part].copy() for k, v in self.channels.items()}
