"""Synchronise streams while they are being recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..recordings import Recording
from ..utils.errors import mistake
from .base import ClipEvidence, SyncResult
from .clock_map import ClockMap
from .fused import FusedSynchronizer
from .jumps import find_jumps
from .live_budget import Budget
from .live_streams import LiveStreams
from .live_track import Track
from .single import (
    APART,
    GAIN,
    GUARD_SEC,
    MISFIT,
    SAME_SEC,
    Question,
    check_sensors,
    constant_clock,
    find_border,
)

_REACH_SEC = 6.0
"""How far from the known offset it is looked for: as far as jumps go."""
_LEAST_SEC = 7.5
"""Shortest window that is asked."""
_STRETCH_SEC = 5.0
"""Shortest stretch after a jump that may tell the new offset."""
_HALF_LIFE_SEC = 120.0
"""A clock that nothing confirms is believed half as much after this long."""
_FRESH_SEC = 12.0
"""What was confirmed so recently is believed as it is."""
_WIDE_EVERY = 12
"""Every so many questions, offsets far from the known one are asked, too."""
_SUSPECTED = 0.3
"""Most confidence in a clock that seems to have jumped, or may have."""
_YOUNG_SEC = 30.0
_CONTRADICTS = 8.0
"""Evidence by which the newest seconds may prefer another offset."""
_SUPPORTS = 4.0
"""Evidence from which a part of a window confirms an offset."""


@dataclass(frozen=True)
class LiveState:
    """What is known at a moment.

    Args:
        video_s: The moment: newest time of the pose clock, in seconds.
        offset: ``t_imu - t_pose`` then, in seconds; 0 while unknown.
        drift_ppm: How much faster the IMU clock runs, in parts per million.
        drift_error_ppm: Standard error of the drift.
        confidence: Probability that the offset is less than 0.1 s wrong.
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
        for name, value, least in (
            ('max_lag', max_lag, 0.0),
            ('max_offset', max_offset, 0.0),
            ('window_sec', window_sec, 2 * _LEAST_SEC),
            ('every_sec', every_sec, 0.5),
            ('load', load, 0.0),
        ):
            if value is not None and not value > least - 1e-9 * (least > 0):
                raise mistake(
                    name, f'must be more than {least:g}', value=value
                )
        if around is not None and max_offset is None:
            max_offset = max_lag
        self.max_lag, self.window_sec = max_lag, window_sec
        self.every_sec, self.load = every_sec, load
        self._search = None
        if max_offset is not None:
            self._search = around or 0.0, max_offset
        reach = max(max_lag, _REACH_SEC, max_offset or 0.0)
        self._sync = synchronizer or FusedSynchronizer(use_feats=False)
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
        self._state = LiveState()
        self._searched = 0.0, max_lag
        self._next = -np.inf  # pose time of the next question
        self._confirmed = -np.inf  # end of the last window that agreed
        self._confirmed_by = SyncResult(0.0)
        self._odd = -np.inf  # pose time at which a clock may have been set
        self._guess = 0.0  # by how much
        self._doubted = np.inf  # pose time since which it is doubted
        self._misses = 0.0
        self._asked = 0
        self._apart: dict[str, list[float]] = {}
        self._misfits: dict[str, int] = {}

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
        now = self._streams.now
        notes = (*self._streams.notes, *self._streams.silent())
        state = replace(self._state, video_s=now, notes=notes)
        if not self._track.known or not np.isfinite(now):
            return state
        offset, drift, error = self._track.line(now)
        state = replace(
            state,
            offset=offset,
            drift_ppm=1e6 * drift,
            drift_error_ppm=1e6 * error,
            confirmed_s=self._confirmed,
            jumps=self._track.jumps,
            sensors={
                name: offset + float(np.mean(own))
                for name, own in self._apart.items()
                if len(own) > 1
            },
        )
        # Beliefs age, and so do doubts about a clock that was set.
        age = max(now - self._confirmed - _FRESH_SEC, 0.0)
        confidence = state.confidence * 0.5 ** (age / _HALF_LIFE_SEC)
        reason = state.reason
        suspected = self._streams.has_hole or np.isfinite(self._odd)
        if suspected and not state.abstained:
            confidence, reason = min(confidence, _SUSPECTED), 'clock jumps'
        if confidence < self._sync.min_confidence and not reason:
            reason = 'still' if self._is_still() else 'too short'
        return replace(
            state,
            confidence=confidence,
            abstained=bool(reason),
            reason=reason,
        )

    def clock(self) -> ClockMap:
        """The clock of the session so far, as other synchronisers give it.

        Its confidence is that of the least certain stretch between jumps.

        Raises:
            ValueError: If no offset is known yet.
        """
        if not self._track.known:
            raise ValueError(
                'No offset is known yet: '
                f'{self._state.reason or "nothing was compared"}.'
            )
        now, track = self._streams.now, self._track
        clock = track.clock(now)
        sure = min(
            float(np.median(segment.points[:, 2]))
            for segment in track.segments
        )
        middle = 0.5 * float(clock.times[0] + clock.times[-1])
        refused = sure < self._sync.min_confidence
        result = replace(
            self._confirmed_by,
            offset=float(clock.to_imu_time(np.array(middle)) - middle),
            confidence=sure,
            abstained=refused,
            reason='clock jumps' if refused else '',
            drift_ppm=clock.drift_ppm,
            rivals=[],
        )
        unknown = clock.unknown
        if now - self._confirmed > 2 * self.window_sec:
            unknown = (*unknown, (self._confirmed, now))
        state = self.state()
        apart = {
            name: replace(
                clock,
                offsets=clock.offsets + offset - state.offset,
                clip_offsets=clock.clip_offsets + offset - state.offset,
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
        return self._searched

    def recording(self) -> Recording:
        """The samples in memory, of a minute or so."""
        self._settle()
        return self._streams.recording()

    def _advance(self) -> None:
        """Ask the next question if its time has come."""
        streams = self._streams
        if not streams.imu or not streams.pose.latest >= self._next:
            return
        self._settle()
        end = streams.ready
        if np.isneginf(streams.newest_imu) or not self._next <= end > -np.inf:
            return
        start = max(
            end - self.window_sec, float(streams.pose.times[0]), self._since()
        )
        least = _LEAST_SEC
        if np.isfinite(self._since()):
            least = _STRETCH_SEC
        if end - start < least:
            self._next = start + least
            return
        self._next = end + self.every_sec
        self._budget.earn(end)
        with self._budget.spent():
            self._ask(start, end)
        if self._track.known and not self._affords():
            self._next = max(self._next, end + 2 * self.every_sec)

    def _settle(self) -> None:
        """Sort in what has arrived, and look at its times."""
        for event, of_video in self._streams.settle():
            at = event.at
            if not of_video:
                # Lost samples leave the offset; a clock that was set moves
                # it by as much.
                self._alarm(at, min(event.seconds, 0.5 * event.seconds))
                continue
            if event.kind == 'back':  # all later times are void
                at += event.seconds
                self._next = min(self._next, at + _STRETCH_SEC)
                self._confirmed = min(self._confirmed, at)
                self._budget.back_to(at)
            self._alarm(at)

    def _alarm(self, at: float, guess: float = 0.0) -> None:
        """Doubt the clock until it is seen to go on as before.

        Args:
            at: Pose time of what makes it doubtful.
            guess: About how far it may have been set, in seconds.
        """
        if self._track.known and at > self._odd:
            self._odd, self._guess = at, guess
            self._doubted = min(self._doubted, at)
            self._next = min(self._next, at + _STRETCH_SEC + 0.5)

    def _since(self) -> float:
        """Where a clock jumped, or may have, for the last time."""
        since = self._odd
        if len(self._track.segments) > 1:
            since = max(since, self._track.since)
        return since + GUARD_SEC

    def _is_still(self) -> bool:
        moved = self._budget.motion.values()
        return bool(moved) and max(moved) < self._sync.min_motion

    def _speaking(self, everybody: bool) -> list[str]:
        """Sensors to ask."""
        return self._budget.chosen(self._streams.speaking(), everybody)

    def _evidence(
        self,
        span: tuple[float, float],
        sensors: Sequence[str],
        around: float,
        reach: float,
    ) -> tuple[ClipEvidence, Question] | None:
        """Evidence of a stretch of video about ``offset - around``."""
        streams = self._streams.recording(span[0] - 1.0, sensors)
        if streams.pose is None or not streams.imu:
            return None
        asked = Question(streams, self._sync, reach, around)
        with self._budget.priced(len(streams.imu), reach <= _REACH_SEC):
            evidence = asked.evidence(span)
        assert evidence is not None  # signals need no features
        for name, clip in evidence.alone.items():
            self._budget.motion[name] = clip.motion
        return evidence, asked

    def _affords(self) -> bool:
        """Whether there is processor time for more than what must be."""
        age = self._streams.pose.newest - self._doubted
        return self._budget.affords(0 <= age < _YOUNG_SEC)

    def _calm(self, start: float, end: float) -> bool:
        """Whether no sensor moves in a window of the pose clock."""
        by = self._searched[0]
        if self._track.known:
            by = self._track.line(end)[0]
        for name in self._speaking(True):
            _, channels = self._streams.imu[name].between(start + by, end + by)
            acc = channels['acc']
            if len(acc) < 8 or not np.isfinite(acc).all():
                return False
            if np.sqrt(acc.var(axis=0).sum()) > self._sync.min_motion:
                return False
        return True

    def _ask(self, start: float, end: float) -> None:
        """Compare a window, and draw the consequences."""
        self._asked += 1
        if self._track.known and self._calm(start, end):
            self._budget.motion = dict.fromkeys(self._streams.imu, 0.0)
            self._rest()
            return
        if not self._track.known:
            self._searched = self._search_range()
            if self._search is None and self._calm(start, end):
                self._state = replace(self._state, reason='still')
                return
            if not self._affords():  # wait for processor time
                self._next = end + self._budget.wait_sec
            else:
                self._look_everywhere((start, end))
            return
        if self._asked % _WIDE_EVERY == 0 and self._affords():
            found = self._search_all((start, end))
            if found is not None and not found.abstained:
                middle = 0.5 * (start + end)
                if (
                    abs(found.offset - self._track.line(middle)[0])
                    > _REACH_SEC
                ):
                    self._moved(None, (start, end), found)
                    return
        if not self._doubtful:
            self._follow((start, end))
        elif np.isfinite(self._odd):
            self._verify((start, end))
        else:
            self._follow((start, end), everybody=self._affords())
        if self._doubtful:
            self._doubted = min(self._doubted, end)
            self._next = min(self._next, end + self.every_sec / 2)
        else:
            self._doubted = np.inf

    @property
    def _doubtful(self) -> bool:
        return self._state.abstained or np.isfinite(self._odd)

    def _verify(self, span: tuple[float, float]) -> None:
        """Ask what follows a moment at which a clock may have been set."""
        around = self._track.line(span[0])[0] + self._guess
        reach = _REACH_SEC + abs(self._guess)
        found = self._evidence(span, self._speaking(True), around, reach)
        if found is None:
            return
        result = self._sync.decide([found[0]]).moved(around)
        if result.abstained:
            if result.reason != 'still':
                self._doubt('clock jumps', min(result.confidence, _SUSPECTED))
            return
        line = self._track.line(0.5 * (span[0] + span[1]))[0]
        if abs(result.offset - line) < SAME_SEC:
            self._odd = -np.inf
            self._accept(span, result, found[0], around)
        else:
            self._begin(self._odd, span, result)

    def _search_range(self) -> tuple[float, float]:
        """Middle and half width of the offsets that can be."""
        if self._search is not None:
            return self._search
        streams = self._streams
        return streams.newest_imu - streams.pose.newest, self.max_lag

    def _search_all(self, span: tuple[float, float]) -> SyncResult | None:
        """Answer of a stretch of video at all offsets that can be."""
        around, reach = self._searched = self._search_range()
        found = self._evidence(span, self._speaking(True), around, reach)
        if found is None:
            return None
        return self._sync.decide([found[0]]).moved(around)

    def _look_everywhere(self, span: tuple[float, float]) -> None:
        """Search while no offset is known."""
        around, reach = self._search_range()
        answer = self._evidence(span, self._speaking(True), around, reach)
        if answer is None:
            return
        found = self._sync.decide([answer[0]]).moved(around)
        # The more often nothing was found, the less likely that there is
        # something to find: the rule of succession.
        confidence = _with_prior(found.confidence, 1 / (1 + self._misses))
        share = self.every_sec / self.window_sec
        if found.abstained or confidence < self._sync.min_confidence:
            if found.reason not in ('still', 'too short'):
                self._misses += share
            self._state = replace(
                self._state,
                offset=found.offset,
                confidence=min(confidence, 0.5),
                reason=found.reason or 'weak',
            )
            if not found.abstained:
                self._misses *= 0.5**share
            return
        found = replace(found, confidence=confidence)
        self._accept(span, found, answer[0], around)

    def _accept(
        self,
        span: tuple[float, float],
        result: SyncResult,
        evidence: ClipEvidence,
        around: float,
    ) -> None:
        """An answer that agrees with the clock, or is the first.

        Args:
            span: Of the window on the pose clock.
            result: The answer.
            evidence: That of the window about ``offset - around``.
            around: Offset in the middle of the search.
        """
        offset, confidence = result.offset, result.confidence
        self._track.add(0.5 * (span[0] + span[1]), offset, confidence)
        self._confirmed_by = result
        self._confirmed = max(
            self._confirmed, *self._support(evidence, offset - around)
        )
        self._misses *= 0.5 ** (self.every_sec / self.window_sec)
        self._state = replace(
            self._state, confidence=confidence, abstained=False, reason=''
        )

    def _support(self, evidence: ClipEvidence, offset: float) -> list[float]:
        """Ends of the parts of a window that confirm an offset."""
        if evidence.parts is None or not len(evidence.parts):
            return [-np.inf]
        close = np.abs(evidence.offsets - offset) < SAME_SEC
        times = evidence.part_times
        half = 0.5 * float(np.diff(times)[0]) if len(times) > 1 else 2.5
        ends = [
            float(at) + half
            for at, curve in zip(times, evidence.parts)
            if curve[close].max() >= max(_SUPPORTS, 0.6 * curve.max())
        ]
        return [-np.inf, *ends]

    def _contradicted(self, evidence: ClipEvidence, offset: float) -> bool:
        """Whether the newest part of a window prefers another offset."""
        if evidence.parts is None or not len(evidence.parts):
            return False
        close = np.abs(evidence.offsets - offset) < SAME_SEC
        newest = evidence.parts[-1]
        kept, most = float(newest[close].max()), float(newest.max())
        return most - kept > _CONTRADICTS and kept < 0.5 * most

    def _doubt(self, reason: str, confidence: float) -> None:
        """The window does not confirm the clock."""
        self._state = replace(
            self._state,
            confidence=min(confidence, 0.5),
            abstained=True,
            reason=reason,
        )

    def _follow(
        self, span: tuple[float, float], everybody: bool = False
    ) -> None:
        """Compare near the known offset."""
        middle = 0.5 * (span[0] + span[1])
        line = self._track.line(middle)[0]
        names = self._speaking(everybody)
        found = self._evidence(span, names, line, _REACH_SEC)
        if found is None:
            self._doubt('too short', self._state.confidence)
            return
        evidence, asked = found
        stretch = self._jumped(evidence)
        if stretch is not None:
            self._after_jump(asked, span, *stretch)
            return
        result = self._sync.decide([evidence]).moved(line)
        clock = constant_clock(span, result)
        if len(evidence.alone) > 1:
            clock = check_sensors(asked, evidence, clock)
            self._compare_sensors(evidence, clock)
        assert clock.result is not None
        result = clock.result
        near = abs(result.offset - line) < SAME_SEC
        complete = everybody or len(names) == len(self._speaking(True))
        if not result.abstained and near:
            if not self._contradicted(evidence, result.offset - line):
                confidence = _with_prior(
                    result.confidence, 1 / (1 + self._misses)
                )
                result = replace(result, confidence=confidence)
                self._accept(span, result, evidence, line)
            elif not complete and self._affords():
                self._follow(span, everybody=True)
            else:
                self._doubt('clock jumps', _SUSPECTED)
        elif not complete and self._affords():
            self._follow(span, everybody=True)
        elif not result.abstained:
            self._moved(asked, span, result)
        elif result.reason == 'still' or self._is_still():
            self._rest()
        else:
            self._look_at_newest(span, result)

    def _rest(self) -> None:
        """Nobody moves: nothing confirms the clock, and nothing doubts it."""
        if self._state.abstained and self._state.reason != 'still':
            return
        self._state = replace(self._state, reason='', abstained=False)

    def _look_at_newest(
        self, span: tuple[float, float], result: SyncResult
    ) -> None:
        """Ask the end of a window alone that does not fit as a whole."""
        start = max(span[0], span[1] - 2 * _STRETCH_SEC)
        if start > span[0] and self._affords():
            found = self._search_all((start, span[1]))
            if found is not None and not found.abstained:
                line = self._track.line(0.5 * (start + span[1]))[0]
                if abs(found.offset - line) >= SAME_SEC:
                    self._moved(None, (start, span[1]), found)
                    return
        reason = 'weak' if result.reason in ('', 'periodic') else result.reason
        self._doubt(reason, result.confidence)

    def _jumped(self, evidence: ClipEvidence) -> tuple[float, float] | None:
        """Pose time and size of a jump within a window, if there is one."""
        if evidence.parts is None or len(evidence.parts) < 2:
            return None
        step = float(evidence.offsets[1] - evidence.offsets[0])
        path, _, gain = find_jumps(evidence.parts, step)
        if len(path) < 2 or gain < GAIN:
            return None
        before, after = path[-2:]
        size = evidence.offsets[after.index]
        if abs(size) < SAME_SEC:
            return None  # it came back to where it was
        times = evidence.part_times
        return 0.5 * float(times[before.stop - 1] + times[after.first]), float(
            size
        )

    def _after_jump(
        self,
        asked: Question,
        span: tuple[float, float],
        at: float,
        size: float,
    ) -> None:
        """Ask what follows a jump alone, or wait until it is long enough."""
        text = f'a clock seems to jump at video second {at:.0f}'
        pair = self._track.line(at)[0] - asked.around, size
        at = find_border(asked, at, pair, span)
        start = at + GUARD_SEC
        found = None
        if span[1] - start >= _STRETCH_SEC - GUARD_SEC:
            found = self._evidence(
                (start, span[1]),
                self._speaking(True),
                asked.around + size,
                _REACH_SEC,
            )
        if found is not None:
            result = self._sync.decide([found[0]])
            result = result.moved(asked.around + size)
            if not result.abstained:
                self._begin(at, (start, span[1]), result)
                return
        if text not in self._streams.notes:
            self._streams.note(text)
        self._doubt('clock jumps', _SUSPECTED)
        self._state = replace(
            self._state, confidence=min(self._state.confidence, _SUSPECTED)
        )

    def _moved(
        self,
        asked: Question | None,
        span: tuple[float, float],
        result: SyncResult,
    ) -> None:
        """A whole window that is sure of another offset than the clock's."""
        at = min(max(self._confirmed - _STRETCH_SEC, span[0]), span[1])
        if asked is not None:
            line = self._track.line(at)[0] - asked.around
            pair = line, result.offset - asked.around
            first = float(self._streams.pose.times[0])
            at = find_border(asked, at, pair, (first, span[1]))
        self._begin(at, span, result)

    def _begin(
        self, at: float, span: tuple[float, float], result: SyncResult
    ) -> None:
        """Start anew at a jump."""
        middle = 0.5 * (max(at, span[0]) + span[1])
        size = result.offset - self._track.line(middle)[0]
        if abs(size) < SAME_SEC:
            self._doubt('weak', result.confidence)
            return
        self._track.jump(at, middle, result.offset, result.confidence)
        for text in [t for t in self._streams.notes if 'seems to jump' in t]:
            self._streams.notes.pop(text)
        self._streams.note(
            f'a clock jumped by {size:+.3f} s at video second {at:.0f}'
        )
        self._confirmed, self._confirmed_by = span[1], result
        self._odd = -np.inf
        self._apart.clear()
        self._state = replace(
            self._state,
            confidence=result.confidence,
            abstained=False,
            reason='',
        )

    def _compare_sensors(
        self, evidence: ClipEvidence, clock: ClockMap
    ) -> None:
        """Keep account of the sensors that do not share the clock."""
        assert clock.result is not None
        for name in evidence.alone:
            own = clock.sensors.get(name)
            result = None if own is None else own.result
            if result is None:
                self._apart.pop(name, None)
                self._misfits.pop(name, None)
            elif result.abstained:
                self._misfits[name] = self._misfits.get(name, 0) + 1
                if self._misfits[name] == 3:
                    self._streams.note(MISFIT.format(name))
            else:
                seen = self._apart.setdefault(name, [])
                seen.append(result.offset - clock.result.offset)
                del seen[:-4]
                if len(seen) == 2:
                    self._streams.note(APART.format(name, seen[-1]))


def _with_prior(confidence: float, odds: float) -> float:
    """A probability if the prior odds are not one, but these.

    >>> round(_with_prior(0.9, 1 / 9), 3), _with_prior(1.0, 0.5)
    (0.5, 1.0)
    """
    if confidence >= 1:
        return 1.0
    scaled = odds * confidence / (1 - confidence)
    return scaled / (1 + scaled)
