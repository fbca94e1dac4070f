"""Streams as they arrive, and what is odd about them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

import numpy as np

from ..recordings import Clock, PoseStream, Recording, SensorStream
from ..recordings.schema import as_numbers
from ..skeleton import get_layout, get_limb, placement_name
from ..utils.errors import mistake
from .live_buffer import Event, StreamBuffer
from .live_track import Track

_WAIT_SEC = 2.5
"""How long the video waits for sensors that are behind."""
_SILENT_SEC = 3.0
"""A stream that is this far behind the others is silent."""
_MOST_NOTES = 50
_ARRIVALS = 4096
"""Chunks of which is kept how far the other stream was."""


class LiveStreams:
    """The newest samples of sensors and of a skeleton, and notes on them.

    Of these, ``pose_sec`` and ``imu_sec`` seconds are kept; one stream may
    arrive ``max_lag`` seconds later than the other. ``frame`` is that of
    ``acc``: ``sensor`` or ``world``. Once ``track`` knows the clock, it turns
    times of sensors into those of the video.

    Raises:
        ValueError: If the layout is unknown.
    """

    def __init__(
        self,
        layout: str,
        img_shape: tuple[int, int],
        gravity: bool,
        frame: str,
        max_lag: float,
        pose_sec: float,
        imu_sec: float,
        track: Track,
    ) -> None:
        self._joints = len(get_layout(layout))
        self.layout, self.img_shape = layout, img_shape
        self.gravity, self.frame, self.max_lag = gravity, frame, max_lag
        self._imu_sec, self._track = imu_sec, track
        self.pose = StreamBuffer('the skeleton', pose_sec)
        self.imu: dict[str, StreamBuffer] = {}
        self.notes: dict[str, None] = {}
        self._arrivals: dict[str, deque[tuple[float, float]]] = defaultdict(
            lambda: deque(maxlen=_ARRIVALS)
        )

    def push_imu(
        self,
        sensor: str,
        times: np.ndarray | Sequence[float],
        acc: np.ndarray,
        gyro: np.ndarray | None = None,
        quat: np.ndarray | None = None,
    ) -> None:
        """Add samples, see :meth:`.LiveSynchronizer.push_imu`."""
        name = placement_name(str(sensor))
        if name not in self.imu:
            get_limb(name).seen_by(self.layout)
            self.imu[name] = StreamBuffer(name, self._imu_sec)
        given = {'acc': acc, 'gyro': gyro, 'quat': quat}
        channels = {
            k: as_numbers(v, name, k)
            for k, v in given.items()
            if k == 'acc' or v is not None
        }
        for key, value in channels.items():
            width = 4 if key == 'quat' else 3
            if value.shape[-1:] != (width,):
                raise mistake(
                    name,
                    f'{key} has shape {value.shape}, expected (N, {width})',
                )
        self._push(self.imu[name], times, channels, self.pose.latest)

    def push_pose(
        self,
        times: np.ndarray | Sequence[float],
        keypoints: np.ndarray,
        scores: np.ndarray | None = None,
    ) -> None:
        """Add frames, see :meth:`.LiveSynchronizer.push_pose`."""
        keypoints = as_numbers(keypoints, self.pose.name, 'keypoints')
        shape = keypoints.shape
        if shape[-2:] != (self._joints, 2):
            raise mistake(
                'keypoints',
                f'have shape {shape}, expected (N, {self._joints}, 2) in the '
                f'layout {self.layout}',
            )
        if scores is None:
            scores = np.ones(shape[:-1])
        scores = as_numbers(scores, self.pose.name, 'scores')
        if scores.shape != shape[:-1]:
            raise mistake(
                'scores',
                f'have shape {scores.shape}, expected {shape[:-1]}, one for '
                'each keypoint',
            )
        if len(shape) == 2:
            keypoints, scores = keypoints[None], scores[None]
        channels = {'keypoints': keypoints, 'scores': scores}
        latest = [buffer.latest for buffer in self.imu.values()]
        self._push(self.pose, times, channels, max(latest, default=-np.inf))

    def _push(
        self,
        buffer: StreamBuffer,
        times: np.ndarray | Sequence[float],
        channels: dict[str, np.ndarray],
        other: float,
    ) -> None:
        """Add samples; ``other`` is how far the other stream is."""
        buffer.push(times, channels)
        if np.isfinite(other):
            self._arrivals[buffer.name].append((buffer.latest, other))

    def _was_silent(self, buffer: StreamBuffer, gap: Event) -> bool:
        """Whether a stream has a gap because nothing arrived.

        Meanwhile the other stream went on for as long; if a clock was set
        ahead, it did not.
        """
        arrivals = np.array(self._arrivals[buffer.name]).reshape(-1, 2)
        before = np.flatnonzero(arrivals[:, 0] <= gap.at + 1e-6)[-1:]
        silent, other = arrivals[int(before.sum()) :].T
        after = np.flatnonzero(silent >= gap.at + gap.seconds - 1e-6)[:1]
        if not len(before) or not len(after):
            return False
        gone = (other - silent)[after] - (other - silent)[0]
        return bool(abs(gone) < 0.5 * gap.seconds)

    def note(self, text: str) -> None:
        """Keep a sentence; the oldest ones are forgotten."""
        self.notes.pop(text, None)
        self.notes[text] = None
        while len(self.notes) > _MOST_NOTES:
            self.notes.pop(next(iter(self.notes)))

    def settle(self) -> Iterator[tuple[Event, bool]]:
        """Sort in what has arrived, and note what is odd about its times.

        Yields:
            What may be a clock that was set, with its pose time, and
            whether it is the video's.
        """
        for event in self.pose.settle():
            silent = self._was_silent(self.pose, event)
            self.note(_sentence(event, 'the skeleton', silent))
            if not silent:
                yield event, True
        heard: dict[tuple[str, float, float, bool], list[str]] = {}
        for name, buffer in self.imu.items():
            for event in buffer.settle():
                at, silent = event.at, self._was_silent(buffer, event)
                if self._track.known:
                    at -= self._track.line(at)[0]
                key = event.kind, round(event.seconds, 1), round(at), silent
                heard.setdefault(key, []).append(name)
        for (kind, seconds, at, silent), names in heard.items():
            event = Event(kind, at, seconds)
            who = ', '.join(names) if len(names) < 3 else 'most sensors'
            self.note(_sentence(event, who, silent))
            # What happens to most sensors may be their common clock.
            if not silent and len(names) >= 0.5 * len(self.imu):
                yield event, False

    @property
    def newest_imu(self) -> float:
        """Newest time of any sensor."""
        newest = [buffer.newest for buffer in self.imu.values()]
        return max(newest, default=-np.inf)

    @property
    def now(self) -> float:
        """Newest time of the pose clock, of the streams' if that stalls."""
        now = self.pose.newest
        if self._track.known:
            for buffer in self.imu.values():
                at = buffer.newest
                if np.isfinite(at):
                    at -= self._track.line(at)[0]
                    # What is later by a little is the video's delay.
                    now = max(now, at - self.max_lag)
        return now

    @property
    def ready(self) -> float:
        """Pose time up to which both streams have arrived."""
        newest = self.pose.newest
        if not self._track.known or not np.isfinite(newest):
            return newest
        imu = self.newest_imu - self._track.line(newest)[0]
        return max(min(newest, imu), newest - _WAIT_SEC)

    @property
    def has_hole(self) -> bool:
        """Whether the skeleton, or half of the sensors, waits for samples.

        A stream that was silent does not.
        """
        pose, *imu = (
            any(not self._was_silent(buffer, hole) for hole in buffer.holes)
            for buffer in (self.pose, *self.imu.values())
        )
        return pose or sum(imu) >= 0.5 * len(imu)

    def silent(self) -> list[str]:
        """Sentences about streams that have stopped."""
        newest, now = {n: b.newest for n, b in self.imu.items()}, self.now
        if not newest or not np.isfinite(now):
            return []
        last = max(newest.values())
        notes = [
            f'{name}: silent for {last - at:.0f} s'
            for name, at in newest.items()
            if last - at > _SILENT_SEC
        ]
        if self._track.known:
            ahead = last - self._track.line(now)[0] - self.pose.newest
            if ahead > self.max_lag:
                notes.append(f'the skeleton: silent for {ahead:.0f} s')
            elif -ahead > self.max_lag:
                notes.append(f'all sensors: silent for {-ahead:.0f} s')
        return notes

    def speaking(self) -> list[str]:
        """Sensors whose newest samples are there."""
        last = self.newest_imu
        return [
            name
            for name, buffer in self.imu.items()
            if last - buffer.newest <= _SILENT_SEC and len(buffer.times) > 50
        ]

    def recording(
        self, start: float = -np.inf, sensors: Sequence[str] | None = None
    ) -> Recording:
        """Sensors in memory, and the skeleton from a time on."""
        imu = {}
        for name in self.imu if sensors is None else sensors:
            buffer = self.imu[name]
            if len(buffer.times) >= 8:
                clock = Clock(len(buffer.times), times=buffer.times)
                imu[name] = SensorStream(
                    clock, buffer.channels, self.gravity, self.frame
                )
        times, channels = self.pose.between(start, np.inf)
        pose = None
        if len(times) >= 8:
            pose = PoseStream(
                Clock(len(times), times=times),
                channels['keypoints'],
                channels['scores'],
                self.layout,
                self.img_shape,
            )
        return Recording(imu, pose)


def _sentence(event: Event, who: str, silent: bool) -> str:
    """A sentence about the times of a stream, which may have been silent."""
    what = {
        'gap': 'no samples for {:.1f} s',
        'back': 'the clock went back by {:.1f} s',
        'ahead': 'the times leap ahead by {:.1f} s',
    }['gap' if silent else event.kind].format(abs(event.seconds))
    return f'{who}: {what} at second {event.at:.0f}'
