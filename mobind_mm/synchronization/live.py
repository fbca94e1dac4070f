"""Synchronise streams while they are being recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Recording
from ..recordings.schema import FRAMES, is_number
from ..recordings.streams import LARGEST_SEC
from ..utils.errors import mistake
from .clock_map import ClockMap
from .fused import FusedSynchronizer
from .live_budget import Budget
from .live_follower import REACH_SEC, STRETCH_SEC, SUSPECTED, Follower
from .live_streams import LiveStreams
from .live_track import LiveState, Track

_WIDEST_SEC = 3600.0
"""Widest search, and longest window."""
_LEAST_SEC = 7.5
"""Shortest window that is asked."""
_HALF_LIFE_SEC = 120.0
"""A clock that nothing confirms is believed half as much after this long."""
_FRESH_SEC = 12.0
"""What was confirmed so recently is believed as it is."""


def _check(name: str, value: Any, least: float, most: float) -> None:
    """Refuse what is not a number of a range."""
    if not is_number(value) or not least <= value <= most:
        raise mistake(
            name, f'must be a number from {least:g} to {most:g}', value=value
        )


class LiveSynchronizer:
    """Offset and drift of sensors and a skeleton, as their samples arrive.

    Push samples and frames in chunks of any size, in any order of the
    streams; ask for :meth:`state` at any moment. The last 20 s are
    compared every few seconds, with the evidence and the confidence of
    :class:`FusedSynchronizer` (signals alone). Until an offset is known, all
    at which the streams can be are searched; from then on those near it,
    and all again from time to time. Where the newest seconds contradict the
    offset, a clock has jumped: the confidence falls at once, and the new
    offset is given as soon as it stands out. A clock that nothing confirms,
    because nobody moves or a stream is silent, is believed less and less.

    Memory is bounded. A push that completes a step takes as long as the
    comparison, some tenths of a second at most.

    Args:
        layout: Layout of the skeleton.
        img_shape: (height, width) of the image in pixels.
        gravity: Whether ``acc`` includes gravity.
        frame: Frame of ``acc``: ``sensor`` or ``world``.
        max_lag: How much later than the other one stream may arrive, in
            seconds; clocks may count from anywhere. Ignored if
            ``max_offset`` is given.
        around: Offset in the middle of the search.
        max_offset: Largest difference from ``around`` (from 0 if that is
            None).
        window_sec: Length of the compared window.
        every_sec: Seconds between comparisons.
        load: Share of a processor core to be used on average. If comparing
            all sensors takes more, only the liveliest and one of the others
            in turn are asked each time, or less often. None for no limit.
        synchronizer: What weighs the evidence; the default if None.

    Raises:
        ValueError: If the layout is unknown or a number is out of range.

    >>> from mobind_mm.synchronization.conformance import simulate_recording
    >>> streams = simulate_recording(seed=0, seconds=22.0, offset=100.3)
    >>> wrist, pose = streams.imu['right_wrist'], streams.pose
    >>> live = LiveSynchronizer()
    >>> for second in range(22):  # as if they came second by second
    ...     part = wrist.clock.between(100.3 + second, 101.299 + second)
    ...     times, acc = wrist.clock.at(part), wrist.channels['acc'][part]
    ...     live.push_imu('right_wrist', times, acc=acc)
    ...     part = pose.clock.between(second, second + 0.999)
    ...     live.push_pose(
    ...         pose.clock.at(part), pose.keypoints[part], pose.scores[part]
    ...     )
    >>> state = live.state()
    >>> round(state.offset, 1), state.confidence > 0.9, state.abstained
    (100.3, True, False)
    """

    def __init__(
        self,
        layout: str = 'coco',
        img_shape: tuple[int, int] = (1080, 1920),
        gravity: bool = True,
        frame: str = 'sensor',
        max_lag: float = 10.0,
        around: float | None = None,
        max_offset: float | None = None,
        window_sec: float = 20.0,
        every_sec: float = 5.0,
        load: float | None = 0.02,
        synchronizer: FusedSynchronizer | None = None,
    ) -> None:
        if np.shape(img_shape) != (2,):
            raise mistake(
                'img_shape', 'must be height and width', value=img_shape
            )
        _check('max_lag', max_lag, 1e-9, _WIDEST_SEC)
        if around is not None:
            _check('around', around, -LARGEST_SEC, LARGEST_SEC)
        if max_offset is not None:
            _check('max_offset', max_offset, 1e-9, _WIDEST_SEC)
        _check('window_sec', window_sec, 2 * _LEAST_SEC, _WIDEST_SEC)
        _check('every_sec', every_sec, 0.5, _WIDEST_SEC)
        if load is not None:
            _check('load', load, 1e-9, 1e9)
        for length in img_shape:
            _check('img_shape', length, 1, 1e5)
        if frame not in FRAMES:
            raise mistake('frame', f'is none of {FRAMES}', value=frame)
        if around is not None and max_offset is None:
            max_offset = max_lag
        reach = max(max_lag, REACH_SEC, max_offset or 0.0)
        self._track = Track()
        self._streams = LiveStreams(
            layout,
            img_shape,
            gravity,
            frame,
            max_lag,
            pose_sec=window_sec + 10,
            imu_sec=window_sec + 2 * reach + 5,
            track=self._track,
        )
        self._budget = Budget(load, every_sec)
        self._follower = Follower(
            self._streams,
            self._track,
            self._budget,
            synchronizer or FusedSynchronizer(use_feats=False),
            None if max_offset is None else (around or 0.0, max_offset),
            window_sec,
            every_sec,
        )
        self.window_sec, self.every_sec = window_sec, every_sec

    def push_imu(
        self,
        sensor: str,
        times: np.ndarray | Sequence[float],
        acc: np.ndarray,
        gyro: np.ndarray | None = None,
        quat: np.ndarray | None = None,
    ) -> None:
        """Add samples of a sensor.

        Args:
            sensor: Where it is worn.
            times: (N,) seconds of the sensor's clock.
            acc: (N, 3) m/s^2.
            gyro: (N, 3) rad/s.
            quat: (N, 4) scalar first, sensor to world.

        Raises:
            ValueError: If the place is unknown, or a shape does not fit.
        """
        self._streams.push_imu(sensor, times, acc, gyro, quat)
        self._advance()

    def push_pose(
        self,
        times: np.ndarray | Sequence[float],
        keypoints: np.ndarray,
        scores: np.ndarray | None = None,
    ) -> None:
        """Add frames of the person who wears the sensors.

        Args:
            times: (N,) seconds of the video's clock.
            keypoints: (N, K, 2) pixels; NaN or (0, 0) where unknown.
            scores: (N, K) confidence, 0 where nothing was detected; 1 if
                omitted.

        Raises:
            ValueError: If a shape does not fit.
        """
        self._streams.push_pose(times, keypoints, scores)
        self._advance()

    def state(self) -> LiveState:
        """What is known now."""
        self._settle()
        follower = self._follower
        now = self._streams.now
        notes = (*self._streams.notes, *self._streams.silent())
        state = replace(follower.belief, video_s=now, notes=notes)
        if not self._track.known or not np.isfinite(now):
            return state
        offset, drift, error = self._track.line(now)
        state = replace(
            state,
            offset=offset,
            drift_ppm=1e6 * drift,
            drift_error_ppm=1e6 * error,
            confirmed_s=follower.confirmed,
            jumps=self._track.jumps,
            sensors={
                name: offset + float(np.mean(offsets))
                for name, offsets in follower.apart.items()
                if len(offsets) > 1
            },
        )
        # Beliefs age, and so do doubts about a clock that was set.
        age = max(now - follower.confirmed - _FRESH_SEC, 0.0)
        confidence = state.confidence * 0.5 ** (age / _HALF_LIFE_SEC)
        reason = state.reason
        suspected = self._streams.has_hole or np.isfinite(follower.odd)
        if suspected and not state.abstained:
            confidence, reason = min(confidence, SUSPECTED), 'clock jumps'
        if confidence < follower.sync.min_confidence and not reason:
            reason = 'still' if follower.is_still() else 'too short'
        return replace(
            state, confidence=confidence, abstained=bool(reason), reason=reason
        )

    def clock(self) -> ClockMap:
        """The clock of the session so far, as other synchronisers give it.

        Its confidence is that of the least certain stretch between jumps.

        Raises:
            ValueError: If no offset is known yet.
        """
        follower = self._follower
        if not self._track.known:
            raise ValueError(
                'No offset is known yet: '
                f'{follower.belief.reason or "nothing was compared"}.'
            )
        now, track = self._streams.now, self._track
        clock = track.clock(now)
        sure = min(
            float(np.median(segment.points[:, 2]))
            for segment in track.segments
        )
        middle = 0.5 * float(clock.times[0] + clock.times[-1])
        refused = sure < follower.sync.min_confidence
        result = replace(
            follower.confirmed_by,
            offset=float(clock.to_imu_time(np.array(middle)) - middle),
            confidence=sure,
            abstained=refused,
            reason='clock jumps' if refused else '',
            drift_ppm=clock.drift_ppm,
            rivals=[],
        )
        unknown = clock.unknown
        if now - follower.confirmed > 2 * self.window_sec:
            unknown = (*unknown, (follower.confirmed, now))
        state = self.state()
        apart = {
            name: replace(
                clock.moved(offset).moved(-state.offset),
                result=result.moved(offset - state.offset),
            )
            for name, offset in state.sensors.items()
        }
        return replace(
            clock,
            abstained=refused,
            result=result,
            unknown=unknown,
            sensors=apart,
            notes=state.notes,
        )

    @property
    def searched(self) -> tuple[float, float]:
        """Middle and half width of the last search of all offsets."""
        return self._follower.searched

    def recording(self) -> Recording:
        """The samples in memory, of a minute or so."""
        self._settle()
        return self._streams.recording()

    def _advance(self) -> None:
        """Ask the next question if its time has come."""
        streams, follower = self._streams, self._follower
        if not streams.imu or not streams.pose.latest >= follower.next:
            return
        self._settle()
        end = streams.ready
        if (
            np.isneginf(streams.newest_imu)
            or not follower.next <= end > -np.inf
        ):
            return
        start = max(
            end - self.window_sec,
            float(streams.pose.times[0]),
            follower.since(),
        )
        least = _LEAST_SEC
        if np.isfinite(follower.since()):
            least = STRETCH_SEC
        if end - start < least:
            follower.next = start + least
            return
        follower.next = end + self.every_sec
        self._budget.earn(end)
        with self._budget.spent():
            follower.ask(start, end)
        if self._track.known and not follower.affords():
            follower.next = max(follower.next, end + 2 * self.every_sec)

    def _settle(self) -> None:
        """Sort in what has arrived, and look at its times."""
        follower = self._follower
        for event, of_video in self._streams.settle():
            at = event.at
            if not of_video:
                # Lost samples leave the offset; a clock that was set moves
                # it by as much.
                follower.alarm(at, min(event.seconds, 0.5 * event.seconds))
                continue
            if event.kind == 'back':  # all later times are void
                at += event.seconds
                follower.next = min(follower.next, at + STRETCH_SEC)
                follower.confirmed = min(follower.confirmed, at)
                self._budget.back_to(at)
            follower.alarm(at)
