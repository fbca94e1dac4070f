"""Source streams of many recordings in one array, resampled row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .transforms.resampling import (
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
    def of(
        cls, values: np.ndarray, times: np.ndarray, rate: float, regular: bool
    ) -> SourceStream:
        """A stream whose clock may be irregular, put on a grid of its rate."""
        if regular:
            return cls(values, float(times[0]), rate)
        span = (float(times[0]), float(times[-1]))
        grid, first = regularize(values, times, rate, 0.0, span)
        return cls(grid, first, rate, times)


class StreamTable:
    """Streams that are resampled in any combination.

    Args:
        streams: All of one width C.
    """

    def __init__(self, streams: Sequence[SourceStream]) -> None:
        self.flat = np.concatenate([s.values for s in streams])
        self.length = np.array([len(s.values) for s in streams])
        self.offset = np.cumsum(self.length) - self.length
        self.first = np.array([s.first for s in streams])
        self.rate = np.array([s.rate for s in streams])
        self.times = [s.times for s in streams]

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
        fraction = (position - base).astype(np.float32)
        distance = np.abs(fraction[..., None] - taps.astype(np.float32))
        distance *= (scale * _TABLE_STEPS).astype(np.float32)[:, None, None]
        np.minimum(distance, _TABLES.shape[1] - 2, out=distance)
        entry = distance.astype(np.int32)
        distance -= entry
        entry += (filtered * _TABLES.shape[1]).astype(np.int32)[:, None, None]
        table = _TABLES.reshape(-1)
        weights = table[entry]
        entry += 1
        weights += distance * (table[entry] - weights)
        weights /= weights.sum(axis=2, keepdims=True)
        # A dense matrix of weights per row: products are quicker than picking
        # the samples of each tap.
        lowest = base[:, 0].astype(np.int64) + 1 - reach
        column = (base.astype(np.int64) - lowest[:, None])[..., None] + taps
        width = int(column.max()) + 1
        matrix = np.zeros((len(rows), count, width), np.float32)
        column += width * np.arange(len(rows) * count).reshape(-1, count, 1)
        matrix.reshape(-1)[column] = weights
        index = lowest[:, None] + np.arange(width)
        np.clip(index, 0, self.length[rows][:, None] - 1, out=index)
        index += self.offset[rows][:, None]
        return np.matmul(matrix, self.flat[index])

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
        for number, row in enumerate(rows.tolist()):
            known = self.times[row]
            if known is None:
                continue
            after = np.searchsorted(known, times[number])
            before = known[np.maximum(after - 1, 0)]
            following = known[np.minimum(after, len(known) - 1)]
            distance = np.minimum(
                np.abs(times[number] - before),
                np.abs(following - times[number]),
            )
            near[number] = distance <= limit[number]
        return near
