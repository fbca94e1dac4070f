"""Offset and drift of clocks as estimates come in, between their jumps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .clock_map import DRIFT_PPM, ClockMap, join
from .single import SAME_SEC

_POINT_SEC = 0.01
"""Error of one estimate: windows overlap, so a few are hardly better."""
_MEMORY_SEC = 600.0
"""Drift changes with temperature: older estimates count less."""
_MOST_POINTS = 512
_MOST_SEGMENTS = 64
_KNOT_SEC = 120.0
_KNOT_WIDTH = 300.0
_SILENT_SEC = 20.0
"""Longer stretches without an estimate are unknown."""


@dataclass(frozen=True)
class LiveState:
    """What is known at a moment.

    Args:
        video_s: The moment: newest time of the pose clock, in seconds.
        offset: ``t_imu - t_pose`` then, in seconds; 0 while unknown.
        drift_ppm: How much faster the IMU clock runs, in parts per million.
        drift_error_ppm: Standard error of the drift.
        confidence: Probability that the offset is off by less than 0.1 s.
        abstained: Whether not to rely on it.
        reason: Why it abstains: one of
            :data:`~mobind_mm.synchronization.base.REASONS`.
        confirmed_s: Pose time up to which the streams confirm the offset;
            NaN while unknown.
        jumps: Where a clock jumped: (pose time, seconds), oldest first.
        sensors: Offset of the sensors whose clocks are not that of the
            others, by name.
        notes: What is odd about the streams, in sentences.
    """

    video_s: float = float('nan')
    offset: float = 0.0
    drift_ppm: float = 0.0
    drift_error_ppm: float = float('inf')
    confidence: float = 0.0
    abstained: bool = True
    reason: str = 'too short'
    confirmed_s: float = float('nan')
    jumps: tuple[tuple[float, float], ...] = ()
    sensors: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Segment:
    """Estimates between two jumps; their number is bounded.

    ``start`` is the pose time of the jump before, in seconds.
    """

    def __init__(self, start: float) -> None:
        self.start = start
        self.points = np.empty((0, 3))
        """(P, 3) time, offset and confidence of each."""

    def add(self, time: float, offset: float, confidence: float) -> None:
        """Add an estimate about the middle of a window."""
        self.points = np.vstack([self.points, [time, offset, confidence]])
        if len(self.points) > _MOST_POINTS:  # the older half, two by two
            half = _MOST_POINTS // 2
            old = self.points[:half].reshape(-1, 2, 3).mean(axis=1)
            self.points = np.vstack([old, self.points[half:]])

    def line(
        self, at: float, memory_sec: float = _MEMORY_SEC
    ) -> tuple[float, float, float]:
        """Offset at a time, drift, and the standard error of the drift.

        Robust least squares with a prior on the drift; estimates count less
        the farther they are from ``at``.
        """
        times, offsets, _ = self.points.T
        x = times - at
        weight = np.exp(-np.abs(x) / memory_sec) / _POINT_SEC**2
        prior = (DRIFT_PPM * 1e-6) ** -2
        scale = np.ones(len(x))
        for _ in range(4):
            w = weight * scale
            centre = (w * x).sum() / w.sum()
            mean = (w * offsets).sum() / w.sum()
            spread = (w * (x - centre) ** 2).sum() + prior
            drift = (w * (x - centre) * (offsets - mean)).sum() / spread
            left = np.abs(offsets - mean - drift * (x - centre))
            scale = np.minimum(1.0, 1.5 * _POINT_SEC / np.maximum(left, 1e-9))
        return (
            float(mean - drift * centre),
            float(drift),
            float(spread**-0.5),
        )

    def clock(self, end: float) -> ClockMap:
        """The segment as a piecewise linear clock up to a time."""
        start = min(self.start, float(self.points[0, 0]))
        end = max(end, start + 1e-3)
        count = max(round((end - start) / _KNOT_SEC), 1) + 1
        knots = np.linspace(start, end, count)
        width = _KNOT_WIDTH if count > 2 else _MEMORY_SEC
        offsets = np.array([self.line(knot, width)[0] for knot in knots])
        times = self.points[:, 0]
        edges = [start, *times, end]
        unknown = tuple(
            (float(low), float(high))
            for low, high in zip(edges[:-1], edges[1:])
            if high - low > 2 * _SILENT_SEC
        )
        return ClockMap(
            times=knots,
            offsets=offsets,
            drift_ppm=1e6 * self.line(0.5 * (start + end), 1e6)[1],
            clip_times=times,
            clip_offsets=self.points[:, 1],
            agrees=np.ones(len(times), bool),
            unknown=unknown,
        )


class Track:
    """Segments, one after each jump.

    >>> track = Track()
    >>> for k in range(40):
    ...     track.add(5.0 * k, 0.3 + 1e-4 * 5 * k, 0.99)
    >>> offset, drift, error = track.line(200.0)
    >>> round(offset, 3), round(1e6 * drift), error < 1e-4
    (0.32, 98, True)
    """

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    @property
    def known(self) -> bool:
        """Whether there is an estimate."""
        return bool(self.segments)

    @property
    def since(self) -> float:
        """Pose time at which the present segment starts."""
        return self.segments[-1].start if self.segments else -np.inf

    def add(self, time: float, offset: float, confidence: float) -> None:
        """Add an estimate to the present segment."""
        if not self.segments:
            self.segments.append(Segment(time))
        self.segments[-1].add(time, offset, confidence)

    def jump(
        self, at: float, time: float, offset: float, confidence: float
    ) -> bool:
        """Start a segment at a jump with its first estimate.

        Segments that begin later are void, and so is the jump if nothing is
        left that it leads from, or what is left has the same offset.

        Returns:
            Whether it is a jump.
        """
        while self.segments and self.segments[-1].start >= at:
            self.segments.pop()
        jumped = self.known and abs(offset - self.line(time)[0]) >= SAME_SEC
        if jumped or not self.known:
            self.segments.append(Segment(at))
            del self.segments[:-_MOST_SEGMENTS]
        self.add(time, offset, confidence)
        return jumped

    def line(self, at: float) -> tuple[float, float, float]:
        """Offset, drift and its standard error at a time."""
        return self.segments[-1].line(at)

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """Pose time and size in seconds of the jumps."""
        pairs = zip(self.segments[:-1], self.segments[1:])
        return tuple(
            (b.start, b.line(b.start)[0] - a.line(b.start)[0])
            for a, b in pairs
        )

    def clock(self, end: float) -> ClockMap:
        """All segments as one clock up to a time of the pose clock."""
        borders = [segment.start for segment in self.segments[1:]]
        clocks = [
            segment.clock(stop)
            for segment, stop in zip(self.segments, [*borders, end])
        ]
        if len(clocks) == 1:
            return clocks[0]
        return join(clocks, borders)
