"""Source streams of many recordings in one array, resampled row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from ...recordings import Clock
from ..transforms.resampling import (
    _INTERPOLATE,
    _LOW_PASS,
    _SAME_RATE,
    _TABLE_STEPS,
    HALF_WIDTH,
    regularize,
)

_TABLES = np.stack([_INTERPOLATE, _LOW_PASS]).astype(np.float32)


@dataclass(frozen=True)
class SourceStream:
    """One stream on a regular clock.

    Args:
        values: (T, C) float32.
        first: Time of the first sample in seconds.
        rate: Samples per second.
        times: (T',) seconds of the samples that were measured, where the
            clock was irregular; else None.
    """

    values: np.ndarray
    first: float
    rate: float
    times: np.ndarray | None = None

    @classmethod
    def of(cls, values: np.ndarray, clock: Clock) -> SourceStream:
        """A stream whose clock may be irregular, put on a grid of its rate."""
        times = clock.at()
        rate = clock.mean_rate if clock.num_samples > 1 else 1.0
        if clock.times is None:
            return cls(values, float(times[0]), rate)
        span = (float(times[0]), float(times[-1]))
        grid, first = regularize(values, times, rate, 0.0, span)
        return cls(grid, first, rate, times)


class StreamTable:
    """Streams of one width C that are resampled in any combination."""

    def __init__(self, streams: Sequence[SourceStream]) -> None:
        self.flat = np.concatenate([s.values for s in streams])
        self.length = np.array([len(s.values) for s in streams])
        self.offset = np.cumsum(self.length) - self.length
        self.first = np.array([s.first for s in streams])
        self.rate = np.array([s.rate for s in streams])
        self.times = [s.times for s in streams]
        self.irregular = np.array([s.times is not None for s in streams])
        # Every value once more as a tensor, which shares its memory.
        self._table = torch.from_numpy(self.flat)

    def resample(
        self,
        rows: np.ndarray,
        start: np.ndarray,
        speed: np.ndarray,
        count: int,
        rate: float,
    ) -> np.ndarray:
        """Windows of some streams, as :func:`.resampling.resample` has them.

        Args:
            rows: (R,) numbers of the streams.
            start: (R,) seconds on the clock of each.
            speed: (R,) seconds of the stream per second of the window.
            count: Samples of a window.
            rate: Its samples per second.

        Returns:
            (R, count, C) float32.
        """
        rate_in = self.rate[rows] * speed
        filtered = rate_in > _SAME_RATE * rate
        scale = np.where(filtered, rate / rate_in, 1.0)
        reach = int(np.ceil(HALF_WIDTH / scale.min()))
        origin = (start - self.first[rows]) * self.rate[rows]
        steps = np.arange(count)[None] / rate
        position = origin[:, None] + steps * rate_in[:, None]
        base = np.floor(position)
        taps = np.arange(1 - reach, reach + 1)
        # Distances in steps of the table, whose parts follow one another.
        size, unit = _TABLES.shape[1], (scale * _TABLE_STEPS)[:, None]
        fraction = ((position - base) * unit).astype(np.float32)
        unit = (unit * taps).astype(np.float32)[:, None]
        distance = np.abs(fraction[..., None] - unit)
        np.minimum(distance, size - 2, out=distance)
        entry = distance.astype(np.intp)
        distance -= entry
        entry += np.where(filtered, size, 0)[:, None, None]
        weights = np.take(_TABLES, entry, mode='clip')
        entry += 1
        following = np.take(_TABLES, entry, mode='clip')
        following -= weights
        following *= distance
        weights += following
        index = base.astype(np.intp)[..., None] + taps
        first, last = self.offset[rows], self.length[rows] - 1
        if index.min() < 0 or (index[:, -1, -1] > last).any():
            np.clip(index, 0, last[:, None, None], out=index)
        index += first[:, None, None]
        shape = (len(rows) * count, len(taps))
        out = F.embedding_bag(
            torch.from_numpy(index.reshape(shape)),
            self._table,
            per_sample_weights=torch.from_numpy(weights.reshape(shape)),
            mode='sum',
        ).numpy()
        out /= weights.reshape(shape).sum(axis=1, keepdims=True)
        return out.reshape(len(rows), count, -1)

    def near(
        self,
        rows: np.ndarray,
        start: np.ndarray,
        speed: np.ndarray,
        count: int,
        rate: float,
        max_gap_sec: float,
    ) -> np.ndarray:
        """Which times (R, count) of the windows are near a sample."""
        limit = np.maximum(max_gap_sec, 1.5 / (self.rate[rows] * speed))
        limit = (limit * speed)[:, None]
        times = start[:, None] + np.arange(count) / rate * speed[:, None]
        first = self.first[rows][:, None]
        last = first + ((self.length[rows] - 1) / self.rate[rows])[:, None]
        near = (times >= first - limit) & (times <= last + limit)
        for number in np.flatnonzero(self.irregular[rows]).tolist():
            known = self.times[rows[number]]
            assert known is not None  # an irregular clock
            after = np.searchsorted(known, times[number])
            before = known[np.maximum(after - 1, 0)]
            following = known[np.minimum(after, len(known) - 1)]
            distance = np.minimum(
                np.abs(times[number] - before),
                np.abs(following - times[number]),
            )
            near[number] = distance <= limit[number]
        return near
