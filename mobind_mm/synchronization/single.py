"""One clip in depth: its sensors one by one, and jumps of a clock in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np

from ..recordings import Recording
from ..skeleton import mirrored
from . import base
from .base import ClipEvidence, Synchronizer, SyncResult
from .breaks import CLEAR_FRAMES, clear_samples
from .clips import cut_clip
from .clock_map import ClockMap, join
from .jumps import border_between, find_jumps
from .trust import APART_SEC, apart, doubtful

Feats = Callable[[Recording], Optional[base.Feats]]
"""Gives the model's features of a clip; None if it is too short for it."""

SAME_SEC = 0.08
"""Sensors whose offsets differ by less share a clock."""
_SURE = 0.7
"""Confidence with which a sensor may contradict the others."""
_KEPT = 0.6
"""Share of its best evidence that a sensor must have at the common offset."""
_UNSEEN = 0.5
"""What is left of the confidence in a jump at which nothing is missing."""
_BORDER_SEC = 1.5
"""How well the time of a jump is known."""
_PART_SEC = 2.5
"""Length of the parts of a clip that is looked at in depth."""
GAIN = 8.0
"""What jumps must explain beyond their cost before they are looked into."""
_ANOTHER = 0.9
"""Probability that a clock that jumped once did not jump again."""
GUARD_SEC = 0.75
"""Around a jump, whose time is known to about this."""
STRIDE_SEC = 2.0
"""Offsets this close are searched for exchanged sides: a stride and more."""
DIFFERS_SEC = 0.1
"""Offsets that differ by more contradict each other."""
_SCAN_HZ = 25.0
"""Offsets per second of a first look."""
_FINE_SEC = 1.0
"""Length of the parts that tell when a clock jumped."""


@dataclass(frozen=True)
class Question:
    """What is asked about a recording; see :func:`.synchronize_clip`."""

    streams: Recording
    synchronizer: Synchronizer
    max_offset: float
    around: float = 0.0
    feats: Feats | None = None

    def evidence(self, span: tuple[float, float]) -> ClipEvidence | None:
        """Evidence of a stretch of video about ``offset - around``.

        None if features of the model are missing that the synchroniser
        needs.

        Args:
            span: Start and end on the pose clock in seconds.
        """
        (start, end), reach = span, self.max_offset
        clip = cut_clip(self.streams, start, end - start, reach, self.around)
        features = None
        if self.synchronizer.needs_feats and self.feats is not None:
            features = self.feats(clip)
        if features is None and not self.synchronizer.needs_streams:
            return None
        of_clip = self.synchronizer.evidence(clip, features, reach)
        return timed(of_clip, start - reach)


def in_depth(synchronizer: Synchronizer) -> Synchronizer:
    """A synchroniser that looks at shorter parts of a clip, if at any."""
    if getattr(synchronizer, 'part_sec', None) is None:
        return synchronizer
    sharp: Any = copy.copy(synchronizer)
    sharp.part_sec = min(sharp.part_sec, _PART_SEC)
    return sharp


def scanning(synchronizer: Synchronizer) -> Synchronizer:
    """One that finds what may fit in a tenth of the time, but cannot judge."""
    quick: Any = copy.copy(synchronizer)
    quick.part_sec, quick.grid_hz = None, _SCAN_HZ
    return quick


def on_both_sides(names: Collection[str]) -> set[str]:
    """Placements of which the other side is among them, too."""
    return {n for n in names if mirrored(n) != n and mirrored(n) in names}


def with_sides_exchanged(streams: Recording) -> Recording | None:
    """With left and right exchanged, where sensors are worn on both sides."""
    imu = streams.imu
    pairs = on_both_sides(imu)
    if not pairs:
        return None
    exchanged = {mirrored(n) if n in pairs else n: s for n, s in imu.items()}
    return replace(streams, imu=exchanged)


WITHOUT_FEATS = (
    '{} compares features of the model, and got none: give feats, and a '
    'recording as long as the windows of the model.'
)


APART = '{}: its clock differs by {:+.3f} s from that of the other sensors'
UNLIKE = 'these sensors contradict each other: {}; do they share a clock?'
EXCHANGED = 'with left and right exchanged the sensors fit the video better'
CHECK_SIDES = (
    'check on which side each is worn, and that the video is not mirrored'
)
DOUBTED = (
    '{}: its movement tells too little to confirm that its clock is that of '
    'the other sensors, as is assumed'
)
MISFIT = '{}: does not fit this limb at the offset of the other sensors'


def timed(clip: ClipEvidence, origin: float) -> ClipEvidence:
    """Evidence of a clip whose clock starts at a time of the recording."""
    return replace(
        clip,
        part_times=clip.part_times + origin,
        sensor_steps=base.later(clip.sensor_steps, origin),
        video_steps=base.later(clip.video_steps, origin),
        alone={k: timed(c, origin) for k, c in clip.alone.items()},
    )


def constant_clock(span: tuple[float, float], result: SyncResult) -> ClockMap:
    """A clock with the same offset everywhere."""
    ends = np.array([span[0], max(span[1], span[0] + 1e-3)])
    return ClockMap(
        times=ends,
        offsets=np.full(2, result.offset),
        drift_ppm=0.0,
        clip_times=ends.mean(keepdims=True),
        clip_offsets=np.array([result.offset]),
        agrees=np.array([not result.abstained]),
        abstained=result.abstained,
        result=result,
    )


def check_sensors(
    asked: Question, evidence: ClipEvidence, clock: ClockMap
) -> ClockMap:
    """Give sensors whose clocks differ their own, and name the others.

    Args:
        asked: The question.
        evidence: What the clip says, with that of each sensor alone.
        clock: The answer of all sensors together.
    """
    if len(evidence.alone) < 2:
        return clock
    decide = asked.synchronizer.decide
    combine = asked.synchronizer.combine  # type: ignore[attr-defined]
    single = {n: decide([clip]) for n, clip in evidence.alone.items()}
    sure = {
        n: r
        for n, r in single.items()
        if not r.abstained and r.confidence >= _SURE
    }
    assert clock.result is not None
    main = clock.result.offset - asked.around
    if clock.abstained:
        if not sure:
            return clock
        main = float(np.median([sure[n].offset for n in agreeing(sure)]))
    unsure = doubtful([evidence], _index(evidence, main))
    group, other, misfit = [], {}, []
    for name, result in single.items():
        far = name in sure and abs(result.offset - main) >= SAME_SEC
        if far and _contradicts(evidence.alone[name], main, result.offset):
            other[name] = result
        elif name in {*sure, *unsure} or _fits(evidence.alone[name], main):
            group.append(name)
        else:
            misfit.append(name)
    if len(single) > 2 and len(group) <= len(other) + len(misfit):
        # Those that are sure of themselves contradict each other.
        refused = clock.result.refused('wrong limb or person', 0.3, rivals=[])
        return replace(clock, abstained=True, result=refused)
    joint = clock.result.moved(-asked.around)
    if group and (other or misfit):
        kept = {name: evidence.alone[name] for name in group}
        evidence = combine(evidence.offsets, kept)
        joint = decide([evidence])
    doubted = [
        name
        for name in doubtful([evidence], _index(evidence, joint.offset))
        if name not in other and name not in misfit
    ]
    if not (other or misfit or (doubted and not joint.abstained)):
        return clock
    reasons = dict.fromkeys(misfit, 'wrong limb or person')
    for name in doubted:
        score = evidence.alone[name].score
        likely = likely_apart(score, evidence.offsets - joint.offset)
        reasons[name] = 'wrong limb or person' if likely else 'weak'
    span = (float(clock.times[0]), float(clock.times[-1]))
    own = {
        name: single[name].refused(reason, 0.3, offset=joint.offset, rivals=[])
        for name, reason in reasons.items()
    }
    own |= other
    notes = [
        APART.format(n, r.offset - joint.offset) for n, r in other.items()
    ]
    for name, reason in reasons.items():
        notes.append((DOUBTED if reason == 'weak' else MISFIT).format(name))
    return replace(
        constant_clock(span, joint.moved(asked.around)),
        sensors={
            name: constant_clock(span, result.moved(asked.around))
            for name, result in own.items()
        },
        notes=tuple(notes),
    )


def _index(evidence: ClipEvidence, offset: float) -> int:
    """Where an offset is on the grid."""
    return int(np.abs(evidence.offsets - offset).argmin())


def agreeing(sure: Mapping[str, SyncResult]) -> list[str]:
    """The largest group of sensors whose offsets agree; of equals the surest.

    >>> agreeing({'head': SyncResult(0.0), 'left_knee': SyncResult(0.9)})
    ['head']
    """
    groups = [
        [n for n, r in sure.items() if abs(r.offset - one.offset) < SAME_SEC]
        for one in sure.values()
    ]
    return max(
        groups,
        key=lambda g: (len(g), sum(sure[n].confidence for n in g)),
        default=[],
    )


def _contradicts(clip: ClipEvidence, main: float, offset: float) -> bool:
    """Whether a sensor more likely has its own offset than the common one.

    Having chosen another of many strides that look alike is not enough.
    """
    return abs(offset - main) > APART_SEC or likely_apart(
        clip.score, clip.offsets - main
    )


def likely_apart(score: np.ndarray, moved: np.ndarray) -> bool:
    """Whether a sensor more likely has a clock of its own than not.

    Args:
        score: (G,) evidence of the sensor.
        moved: (G,) seconds from the offset of the others.
    """
    return bool(apart(score[None], np.abs(moved))[0] > 0)


def _fits(clip: ClipEvidence, offset: float) -> bool:
    """Whether a sensor can be at an offset, though it does not show it."""
    near = np.abs(clip.offsets - offset) < SAME_SEC
    return bool(
        near.any() and clip.score[near].max() >= _KEPT * clip.score.max()
    )


def follow_jumps(
    asked: Question, evidence: ClipEvidence, clock: ClockMap
) -> ClockMap:
    """Look for jumps of a clock where one offset does not explain a clip.

    Every stretch between jumps is asked alone. If all are answered, so is
    the clip; if some are, the clock jumps, but it is not known how.

    Args:
        asked: The question.
        evidence: What the clip says, part by part.
        clock: The answer with one offset.
    """
    assert evidence.parts is not None and clock.result is not None
    if not clock.abstained or len(evidence.parts) < 2:
        return clock
    offsets = evidence.offsets
    step = float(offsets[1] - offsets[0])
    path, _, gain = find_jumps(evidence.parts, step)
    if len(path) < 2 or gain < 0:
        return clock
    first, last = float(clock.times[0]), float(clock.times[-1])
    times = evidence.part_times
    at = [float(offsets[stretch.index]) for stretch in path]
    borders, sizes, seen = [], [], True
    for i, pair in enumerate(zip(at[:-1], at[1:])):
        middle = 0.5 * (times[path[i].stop - 1] + times[path[i + 1].first])
        border = find_border(asked, middle, pair, (first, last))
        # Where a clock jumps, samples or frames are missing, and that shows.
        broken = broken_at(evidence, border, pair)
        seen = seen and broken is not None
        borders.append(border if broken is None else broken)
        sizes.append(pair[1] - pair[0])
    if gain < GAIN and not seen:
        return clock
    edges = [first, *borders, last]
    answers = []
    for i in range(len(path)):
        start = edges[i] + GUARD_SEC * (i > 0)
        if i:  # what the sensors lack is seen
            start += max(-sizes[i - 1], 0.0)
        end = edges[i + 1] - GUARD_SEC * (i < len(path) - 1)
        if end - start < 2.0:
            continue
        clip = asked.evidence((start, end))
        assert clip is not None  # it needs no features
        result = asked.synchronizer.decide([clip]).moved(asked.around)
        answers.append(constant_clock((edges[i], edges[i + 1]), result))
    results = [a.result for a in answers if a.result is not None]
    refused_all = all(result.abstained for result in results)
    if refused_all and gain < 1.5 * GAIN:
        return clock
    sure = float(np.prod([result.confidence for result in results]))
    least = getattr(asked.synchronizer, 'min_confidence', 0.5)
    sure *= _ANOTHER if seen else _ANOTHER * _UNSEEN
    if len(answers) < len(path) or len(path) > 2 or sure < least:
        refused = clock.result.refused('clock jumps', sure, rivals=[])
        return replace(clock, result=refused, jumps=tuple(zip(borders, sizes)))
    joined = join(answers, borders)
    result = replace(
        middle_result(answers, borders, 0.5 * (first + last)),
        confidence=sure,
        evidence=sum(result.evidence for result in results),
    )
    return replace(joined, result=result, sensors=clock.sensors)


def broken_at(
    evidence: ClipEvidence, border: float, pair: tuple[float, float]
) -> float | None:
    """When samples or frames seem to be missing at a jump of a clock.

    Args:
        evidence: Of the clip.
        border: About when it jumps, in seconds of the pose clock.
        pair: Offsets less ``around`` before and after.

    Returns:
        Seconds of the pose clock; None if nothing seems to be missing.
    """
    frames, clear = evidence.video_steps
    near = np.abs(frames - border) < _BORDER_SEC
    video = np.where(near, clear - CLEAR_FRAMES, 0.0)
    samples, clear = evidence.sensor_steps
    # Until the last sample before, the first offset holds.
    samples = samples - pair[0]
    late = max(pair[0] - pair[1], 0.0)
    near = (samples > border - _BORDER_SEC - late) & (
        samples < border + _BORDER_SEC
    )
    least = clear_samples(evidence.num_sensors)
    sensors = np.where(near, clear - least, 0.0)
    times = np.concatenate([frames, samples])
    strength = np.concatenate([video, sensors])
    if strength.max(initial=0.0) <= 0:
        return None
    return float(times[strength.argmax()])


def middle_result(
    clocks: Sequence[ClockMap], borders: Sequence[float], middle: float
) -> SyncResult:
    """Answer of the piece in the middle, with the offset there.

    ``borders`` are the times of the pose clock between the clocks.
    """
    clock = clocks[int(np.searchsorted(borders, middle))]
    assert clock.result is not None
    offset = float(clock.to_imu_time(np.array(middle)) - middle)
    return replace(clock.result, offset=offset)


def find_border(
    asked: Question,
    middle: float,
    pair: tuple[float, float],
    span: tuple[float, float],
    reach: float = 6.0,
) -> float:
    """When a clock jumped, to about a second.

    Args:
        asked: The question.
        middle: About then, in seconds of the pose clock.
        pair: Offsets less ``around`` before and after the jump.
        span: Ends of the video.
        reach: How far from then it may be.
    """
    sharp = copy.copy(asked.synchronizer)
    sharp.part_sec = _FINE_SEC  # type: ignore[attr-defined]
    start, end = max(middle - reach, span[0]), min(middle + reach, span[1])
    centre = 0.5 * (pair[0] + pair[1])
    wide = 0.5 * abs(pair[1] - pair[0]) + 0.2
    around = asked.around + centre
    evidence = Question(asked.streams, sharp, wide, around).evidence(
        (start, end)
    )
    if evidence is None or evidence.parts is None:
        return middle
    grid = evidence.offsets
    at = [int(np.abs(grid + centre - p).argmin()) for p in pair]
    step = float(grid[1] - grid[0])
    border = border_between(evidence.parts, at[0], at[1], step)
    edges = np.linspace(start, end, len(evidence.parts) + 1)
    length = float(edges[1] - edges[0])
    if length > 2 * _FINE_SEC and 2 * length < reach:  # look closer
        return find_border(asked, edges[border], pair, span, 2 * length)
    return float(edges[border])
