"""The clock of streams while they are recorded: asked, doubted, followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Recording
from .base import ClipEvidence, SyncResult
from .clock_map import ClockMap
from .fused import MIN_MOTION, FusedSynchronizer
from .jumps import find_jumps
from .live_budget import Budget
from .live_streams import LiveStreams
from .live_track import LiveState, Track
from .single import (
    APART,
    CHECK_SIDES,
    DIFFERS_SEC,
    EXCHANGED,
    GAIN,
    GUARD_SEC,
    MISFIT,
    SAME_SEC,
    STRIDE_SEC,
    Question,
    check_sensors,
    constant_clock,
    find_border,
    on_both_sides,
    scanning,
    with_sides_exchanged,
)

REACH_SEC = 6.0
"""How far from the known offset it is looked for: as far as jumps go."""
STRETCH_SEC = 5.0
"""Shortest stretch after a jump that may tell the new offset."""
_WIDE_EVERY = 12
"""Every so many questions, offsets far from the known one are asked, too."""
SUSPECTED = 0.3
"""Most confidence in a clock that seems to have jumped, or may have."""
_YOUNG_SEC = 30.0
_JUMP_ODDS = 1 / 3
"""Prior odds that a clock which is followed has jumped, rather than that the
movement misleads."""
_CONTRADICTS = 8.0
"""Evidence by which the newest seconds may prefer another offset."""
_OUTWEIGHS = 6.0
"""Evidence by which a window must prefer another offset to that of a clock
which is followed. Steps of a walk, of one leg, lead by up to 4.6 at an offset
that is 0.1 s off; after jumps of 0.3 s, it is 6.8 and more."""
_SUPPORTS = 4.0
"""Evidence from which a part of a window confirms an offset."""
_KNOWN = 3
"""Windows that must have confirmed a clock which others need not."""
_CLEAR_SIDES = 10.0
"""Evidence by which sensors must prefer their own sides to be clear."""
_SELDOM = 8
"""Windows between looks at the sides, once they are clear."""


class Follower:
    """Asks windows of streams, one after the other, and keeps the clock.

    ``search`` is the middle and half width of the offsets that can be, as the
    user says; None to go by the streams.
    """

    def __init__(
        self,
        streams: LiveStreams,
        track: Track,
        budget: Budget,
        sync: FusedSynchronizer,
        search: tuple[float, float] | None,
        window_sec: float,
        every_sec: float,
    ) -> None:
        self.streams, self.track, self.budget = streams, track, budget
        self.sync, self._search = sync, search
        self.window_sec, self.every_sec = window_sec, every_sec
        self.belief = LiveState()
        self.searched = 0.0, streams.max_lag
        """Middle and half width of the last search of all offsets."""
        self.next = -np.inf
        """Pose time of the next question."""
        self.confirmed = -np.inf
        """End of the last window that agreed."""
        self.confirmed_by = SyncResult(0.0)
        self.odd = -np.inf
        """Pose time at which a clock may have been set."""
        self.guess = 0.0  # by how much
        self.doubted = np.inf  # pose time since which it is doubted
        self.apart: dict[str, list[float]] = {}
        """How much the clocks of sensors differ that have their own."""
        self._misses = 0.0
        self._asked = 0
        self._misfits: dict[str, int] = {}
        self._sides: Any = 0.0
        self._sides_due = -np.inf
        self._sides_apart = 0.0  # seconds, if exchanged sides fit better

    def alarm(self, at: float, guess: float = 0.0) -> None:
        """Doubt the clock until it is seen to go on as before.

        ``at`` is the pose time of what makes it doubtful; it may have been set
        by about ``guess`` seconds.
        """
        if self.track.known and at > self.odd:
            self.odd, self.guess = at, guess
            self.doubted = min(self.doubted, at)
            self.next = min(self.next, at + STRETCH_SEC + 0.5)

    def since(self) -> float:
        """Where a clock jumped, or may have, for the last time."""
        since = self.odd
        if len(self.track.segments) > 1:
            since = max(since, self.track.since)
        return since + GUARD_SEC

    def is_still(self) -> bool:
        """Whether no sensor moved when it was last asked."""
        moved = self.budget.motion.values()
        return bool(moved) and max(moved) < MIN_MOTION

    def _speaking(self, everybody: bool) -> list[str]:
        """Sensors to ask."""
        return self.budget.chosen(self.streams.speaking(), everybody)

    def _evidence(
        self,
        span: tuple[float, float],
        sensors: Sequence[str],
        around: float,
        reach: float,
    ) -> tuple[ClipEvidence, Question] | None:
        """Evidence of a stretch of video about ``offset - around``."""
        streams = self.streams.recording(span[0] - 1.0, sensors)
        if streams.pose is None or not streams.imu:
            return None
        asked = Question(streams, self.sync, reach, around)
        with self.budget.priced(len(streams.imu), reach <= REACH_SEC):
            evidence = asked.evidence(span)
        assert evidence is not None  # signals need no features
        for name, clip in evidence.alone.items():
            self.budget.motion[name] = clip.motion
        return evidence, asked

    def affords(self) -> bool:
        """Whether there is processor time for more than what must be."""
        age = self.streams.pose.newest - self.doubted
        return self.budget.affords(0 <= age < _YOUNG_SEC)

    def _calm(self, start: float, end: float) -> bool:
        """Whether no sensor moves in a window of the pose clock."""
        by = self.searched[0]
        if self.track.known:
            by = self.track.line(end)[0]
        for name in self._speaking(True):
            _, channels = self.streams.imu[name].between(start + by, end + by)
            acc = channels['acc']
            if len(acc) < 8 or not np.isfinite(acc).all():
                return False
            if np.sqrt(acc.var(axis=0).sum()) > MIN_MOTION:
                return False
        return True

    def ask(self, start: float, end: float) -> None:
        """Compare a window, and draw the consequences."""
        self._asked += 1
        if self.track.known and self._calm(start, end):
            self.budget.motion = dict.fromkeys(self.streams.imu, 0.0)
            self._rest()
            return
        if not self.track.known:
            self.searched = self._search_range()
            if self._search is None and self._calm(start, end):
                self._believe(reason='still')
                return
            if not self.affords():  # wait for processor time
                self.next = end + self.budget.wait_sec
            else:
                self._look_everywhere((start, end))
                self._check_sides((start, end))
            return
        if self._asked % _WIDE_EVERY == 0 and self.affords():
            result = self._search_all((start, end))
            if result is not None and not result.abstained:
                middle = 0.5 * (start + end)
                if abs(result.offset - self.track.line(middle)[0]) > REACH_SEC:
                    self._moved(None, (start, end), result)
                    return
        if not self._doubtful:
            self._follow((start, end))
        elif np.isfinite(self.odd):
            self._verify((start, end))
        else:
            self._follow((start, end), everybody=self.affords())
        self._check_sides((start, end))
        if self._doubtful:
            self.doubted = min(self.doubted, end)
            self.next = min(self.next, end + self.every_sec / 2)
        else:
            self.doubted = np.inf

    def _believe(self, **changes: Any) -> None:
        self.belief = replace(self.belief, **changes)

    @property
    def _doubtful(self) -> bool:
        return self.belief.abstained or np.isfinite(self.odd)

    def _verify(self, span: tuple[float, float]) -> None:
        """Ask what follows a moment at which a clock may have been set."""
        around = self.track.line(span[0])[0] + self.guess
        reach = REACH_SEC + abs(self.guess)
        evidence_at = self._evidence(span, self._speaking(True), around, reach)
        if evidence_at is None:
            return
        result = self.sync.decide([evidence_at[0]]).moved(around)
        if result.abstained:
            if result.reason != 'still':
                self._doubt('clock jumps', min(result.confidence, SUSPECTED))
            return
        line = self.track.line(0.5 * (span[0] + span[1]))[0]
        if abs(result.offset - line) < SAME_SEC:
            self.odd = -np.inf
            self._accept(span, result, evidence_at[0], around)
        else:
            self._begin(self.odd, span, result)

    def _search_range(self) -> tuple[float, float]:
        """Middle and half width of the offsets that can be."""
        if self._search is not None:
            return self._search
        streams = self.streams
        return streams.newest_imu - streams.pose.newest, self.streams.max_lag

    def _search_all(self, span: tuple[float, float]) -> SyncResult | None:
        """Answer of a stretch of video at all offsets that can be."""
        around, reach = self.searched = self._search_range()
        evidence_at = self._evidence(span, self._speaking(True), around, reach)
        if evidence_at is None:
            return None
        return self.sync.decide([evidence_at[0]]).moved(around)

    def _look_everywhere(self, span: tuple[float, float]) -> None:
        """Search while no offset is known."""
        around, reach = self._search_range()
        answer = self._evidence(span, self._speaking(True), around, reach)
        if answer is None:
            return
        result = self.sync.decide([answer[0]]).moved(around)
        # The more often nothing was found, the less likely that there is
        # something to find: the rule of succession.
        confidence = _with_prior(result.confidence, 1 / (1 + self._misses))
        share = self.every_sec / self.window_sec
        if result.abstained or confidence < self.sync.min_confidence:
            if result.reason not in ('still', 'too short'):
                self._misses += share
            self._believe(
                offset=result.offset,
                confidence=min(confidence, 0.5),
                reason=result.reason or 'weak',
            )
            if not result.abstained:
                self._misses *= 0.5**share
            return
        result = replace(result, confidence=confidence)
        self._accept(span, result, answer[0], around)

    def _accept(
        self,
        span: tuple[float, float],
        result: SyncResult,
        evidence: ClipEvidence,
        around: float,
    ) -> None:
        """An answer that agrees with the clock, or is the first.

        ``span`` is that of the window on the pose clock, ``evidence`` that
        about ``offset - around``.
        """
        offset, confidence = result.offset, result.confidence
        self.track.add(0.5 * (span[0] + span[1]), offset, confidence)
        self.confirmed_by = result
        self.confirmed = max(
            self.confirmed, *self._support(evidence, offset - around)
        )
        self._misses *= 0.5 ** (self.every_sec / self.window_sec)
        self._believe(confidence=confidence, abstained=False, reason='')

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
        self._believe(
            confidence=min(confidence, 0.5), abstained=True, reason=reason
        )

    def _follow(
        self, span: tuple[float, float], everybody: bool = False
    ) -> None:
        """Compare near the known offset."""
        middle = 0.5 * (span[0] + span[1])
        line = self.track.line(middle)[0]
        names = self._speaking(everybody)
        evidence_at = self._evidence(span, names, line, REACH_SEC)
        if evidence_at is None:
            self._doubt('too short', self.belief.confidence)
            return
        evidence, asked = evidence_at
        stretch = self._jumped(evidence)
        if stretch is not None:
            self._after_jump(asked, span, *stretch)
            return
        result = self.sync.decide([evidence]).moved(line)
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
            elif not complete and self.affords():
                self._follow(span, everybody=True)
            else:
                self._doubt('clock jumps', SUSPECTED)
        elif not complete and self.affords():
            self._follow(span, everybody=True)
        elif not result.abstained:
            if _gain(evidence, 0.0, result.offset - line) < _OUTWEIGHS:
                self._doubt('weak', result.confidence)
                return
            self._moved(asked, span, result)
        elif result.reason == 'still' or self.is_still():
            self._rest()
        elif not (near and self._keep(result, evidence, line)):
            self._look_at_newest(span, result)

    def _keep(
        self, result: SyncResult, evidence: ClipEvidence, around: float
    ) -> bool:
        """Whether a clock is still believed that a window hardly confirms.

        Its best offset is that of the clock, but by itself it is not sure.
        Windows overlap, so what is new in it is a part of what it says.
        """
        offset = result.offset - around
        known = len(self.track.segments[-1].points) >= _KNOWN
        doubted = self.belief.abstained or not known
        if doubted or self._contradicted(evidence, offset):
            return False
        odds = result.confidence / max(1 - result.confidence, 1e-6)
        odds **= self.every_sec / self.window_sec
        confidence = _with_prior(self.belief.confidence, odds)
        if confidence < self.sync.min_confidence:
            return False
        support = self._support(evidence, offset)
        self.confirmed = max(self.confirmed, *support)
        self._believe(confidence=confidence)
        return True

    def _check_sides(self, span: tuple[float, float]) -> None:
        """Note or doubt if sensors fit better with left and right exchanged.

        One window after the other adds its evidence (2, G), as the sensors
        are said to be worn and exchanged, about the clock that is followed.
        """
        if self._doubtful or not self.track.known:
            return
        shared = [n for n in self._speaking(True) if n not in self.apart]
        due = self._sides_due <= span[1] and on_both_sides(shared)
        if due and self.affords():
            worn = self.streams.recording(span[0] - 1.0, shared)
            exchanged = with_sides_exchanged(worn)
            if exchanged is not None:
                self._compare_sides(worn, exchanged, span)
        if abs(self._sides_apart) > DIFFERS_SEC:
            self._doubt('wrong limb or person', SUSPECTED)

    def _compare_sides(
        self, worn: Recording, exchanged: Recording, span: tuple[float, float]
    ) -> None:
        """Add the evidence of a window, and note what it says by now."""
        line = self.track.line(0.5 * (span[0] + span[1]))[0]
        quick, scores = scanning(self.sync), []
        for streams in (worn, exchanged):
            asked = Question(streams, quick, STRIDE_SEC, line)
            clip = asked.evidence(span)
            assert clip is not None  # signals need no features
            offsets = clip.offsets
            scores.append(clip.score)
        self._sides = self._sides + np.array(scores)
        as_worn, other = self._sides
        clear = as_worn.max() - other.max() > _CLEAR_SIDES
        self._sides_due = span[1] + self.window_sec * (_SELDOM if clear else 1)
        self._sides_apart = 0.0
        for text in [t for t in self.streams.notes if EXCHANGED in t]:
            self.streams.notes.pop(text)
        if other.max() > as_worn.max():
            self._sides_apart = float(offsets[other.argmax()])
            self.streams.note(f'{EXCHANGED}; {CHECK_SIDES}')

    def _rest(self) -> None:
        """Nobody moves: nothing confirms the clock, and nothing doubts it."""
        if self.belief.abstained and self.belief.reason != 'still':
            return
        self._believe(reason='', abstained=False)

    def _look_at_newest(
        self, span: tuple[float, float], result: SyncResult
    ) -> None:
        """Ask the end of a window alone that does not fit as a whole."""
        start = max(span[0], span[1] - 2 * STRETCH_SEC)
        if start > span[0] and self.affords():
            newest = self._search_all((start, span[1]))
            if newest is not None and not newest.abstained:
                line = self.track.line(0.5 * (start + span[1]))[0]
                if abs(newest.offset - line) >= SAME_SEC:
                    self._moved(None, (start, span[1]), newest)
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
        pair = self.track.line(at)[0] - asked.around, size
        at = find_border(asked, at, pair, span)
        start = at + GUARD_SEC
        evidence_at = None
        if span[1] - start >= STRETCH_SEC - GUARD_SEC:
            evidence_at = self._evidence(
                (start, span[1]),
                self._speaking(True),
                asked.around + size,
                REACH_SEC,
            )
        if evidence_at is not None:
            result = self.sync.decide([evidence_at[0]])
            result = result.moved(asked.around + size)
            if not result.abstained:
                self._begin(at, (start, span[1]), result)
                return
        if text not in self.streams.notes:
            self.streams.note(text)
        self._doubt('clock jumps', SUSPECTED)
        self._believe(confidence=min(self.belief.confidence, SUSPECTED))

    def _moved(
        self,
        asked: Question | None,
        span: tuple[float, float],
        result: SyncResult,
    ) -> None:
        """A whole window that is sure of another offset than the clock's."""
        at = min(max(self.confirmed - STRETCH_SEC, span[0]), span[1])
        if asked is not None:
            line = self.track.line(at)[0] - asked.around
            pair = line, result.offset - asked.around
            first = float(self.streams.pose.times[0])
            at = find_border(asked, at, pair, (first, span[1]))
        self._begin(at, span, result)

    def _begin(
        self, at: float, span: tuple[float, float], result: SyncResult
    ) -> None:
        """Start anew at a jump."""
        middle = 0.5 * (max(at, span[0]) + span[1])
        size = result.offset - self.track.line(middle)[0]
        if abs(size) < SAME_SEC:
            self._doubt('weak', result.confidence)
            return
        sure = _with_prior(result.confidence, _JUMP_ODDS)
        if sure < self.sync.min_confidence:
            self._doubt('clock jumps', min(sure, SUSPECTED))
            return
        jumped = self.track.jump(at, middle, result.offset, result.confidence)
        for text in [t for t in self.streams.notes if 'seems to jump' in t]:
            self.streams.notes.pop(text)
        text = f'a clock jumped by {size:+.3f} s at video second {at:.0f}'
        if not jumped:
            text = f'corrected by {size:+.3f} s since video second {at:.0f}'
        self.streams.note(text)
        self.confirmed, self.confirmed_by = span[1], result
        self.odd = self._sides_due = -np.inf
        self._sides, self._sides_apart = 0.0, 0.0
        self.apart.clear()
        self._believe(confidence=result.confidence, abstained=False, reason='')

    def _compare_sensors(
        self, evidence: ClipEvidence, clock: ClockMap
    ) -> None:
        """Keep account of the sensors that do not share the clock."""
        assert clock.result is not None
        for name in evidence.alone:
            of_sensor = clock.sensors.get(name)
            result = None if of_sensor is None else of_sensor.result
            if result is None:
                self.apart.pop(name, None)
                self._misfits.pop(name, None)
            elif result.reason == 'weak':
                continue  # it shows too little to tell
            elif result.abstained:
                self._misfits[name] = self._misfits.get(name, 0) + 1
                if self._misfits[name] == 3:
                    self.streams.note(MISFIT.format(name))
            else:
                seen = self.apart.setdefault(name, [])
                seen.append(result.offset - clock.result.offset)
                del seen[:-4]
                if len(seen) == 2:
                    self.streams.note(APART.format(name, seen[-1]))


def _gain(evidence: ClipEvidence, old: float, new: float) -> float:
    """By how much a clip prefers a new offset to an old one."""
    kept, best = (
        evidence.score[np.abs(evidence.offsets - at) < 0.5 * SAME_SEC].max()
        for at in (old, new)
    )
    return float(best - kept)


def _with_prior(confidence: float, odds: float) -> float:
    """A probability if the prior odds are not one, but these.

    >>> round(_with_prior(0.9, 1 / 9), 3), _with_prior(1.0, 0.5)
    (0.5, 1.0)
    """
    if confidence >= 1:
        return 1.0
    scaled = odds * confidence / (1 - confidence)
    return scaled / (1 + scaled)
