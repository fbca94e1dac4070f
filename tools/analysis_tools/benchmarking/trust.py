"""Trials that a trustworthy synchroniser answers rightly, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarking import trust_sources
from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.skeleton import mirrored

CONDITIONS = (
    'matched',
    'out of reach',
    'wrong person',
    'another time',
    'wrong limb',
    'sides swapped',
    'unrelated',
    'frozen',
    'zeros',
    'lost packets',
    'dropped frames',
    'clock jump',
    'frame rate',
    'varying rate',
    'sensor rate',
    'sensors disagree',
    'partial overlap',
)
NO_ANSWER = (
    'wrong person',
    'another time',
    'unrelated',
    'frozen',
    'frame rate',
)
"""Conditions in which no offset is right. On the wrong limb of the right
person, or beyond the search, an offset can be right, all the same."""
FITTING_SEEDS = (5, 6, 8, 9, 410, 411, 412, 413, 414, 416)
"""Those of the trials to which weights and trees were fitted."""
_LONG = (
    'lost packets',
    'dropped frames',
    'clock jump',
    'frame rate',
    'varying rate',
    'sensor rate',
    'partial overlap',
)
"""Conditions of recordings of 20 s or more, where the person is so long."""
_JUMPS = ('lost packets', 'dropped frames', 'clock jump', 'varying rate')
"""Conditions in which a clock jumps, while sensors and video have data."""
_LEAST_JUMP_SEC = 0.1
"""From one of five frames to the next; at a varying rate, it is less."""
_LEAST_JUMPING_SEC = 7.0
"""Less shared data than this leaves no room for three seconds on each side of
a jump."""


@dataclass(frozen=True)
class Trial:
    """A recording, and what is true of it.

    Args:
        source: Where it comes from.
        condition: One of :data:`CONDITIONS`.
        streams: What a synchroniser gets.
        truth: True offset (T,) at pose times (T,), by sensor; None if there
            is no right answer.
        max_offset: Search that the user asks for; None for everything.
    """

    source: str
    condition: str
    streams: Recording
    truth: Callable[[np.ndarray], dict[str, np.ndarray]] | None
    max_offset: float | None = None


def gather(
    data: Path | None,
    fitting: bool,
    count: int,
    seed: int,
    unseen: bool = False,
) -> Iterator[Trial]:
    """Trials of all sources and conditions.

    Args:
        data: Folder of real data with ``mocap`` and ``utd_mhad``.
        fitting: Whether for fitting, or for checking: other subjects.
        count: Recordings per source.
        seed: Of everything.
        unseen: Whether to leave out subjects of motion capture whom the
            shipped model trained on. Of the walks, nobody is left then.
    """
    split = 'train' if fitting else 'test'
    sources = {
        'procedural': list(trust_sources.procedural(split, count, seed))
    }
    if data is not None and (data / 'mocap').exists():
        sources['mocap'] = list(
            trust_sources.motion_capture(
                data / 'mocap', not fitting, count, seed, unseen
            )
        )
    if data is not None and (data / 'utd_mhad').exists():
        sources['utd'] = list(
            trust_sources.utd_mhad(
                data / 'utd_mhad', not fitting, max(count // 2, 2), seed
            )
        )
    rng, again = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    others = {
        condition: np.random.default_rng((seed, 2 + i))
        for i, condition in enumerate(('varying rate', 'sensor rate'))
    }
    for source, people in sources.items():
        for person, recording in people:
            other = someone_else(people, person, rng)
            if other is None:
                continue
            for condition in CONDITIONS:
                sensors, drawn = other, others.get(condition, rng)
                if condition == 'another time':
                    # Takes of UTD-MHAD may stand in two rows of a subject.
                    sensors, drawn = None, again
                    if source != 'utd':
                        sensors = another_time(
                            people, person, recording, again
                        )
                if sensors is None:
                    continue
                trial = make_trial(
                    source, condition, recording, sensors, drawn
                )
                if trial is not None:
                    yield trial
    if data is not None and (data / 'mocap').exists() and not unseen:
        yield from stride_trials(data / 'mocap', fitting, 2 * count, seed)


def someone_else(
    people: Sequence[tuple[str, Recording]],
    person: str,
    rng: np.random.Generator,
) -> Recording | None:
    """A recording of somebody else; None if there is nobody."""
    others = [recording for name, recording in people if name != person]
    return others[int(rng.integers(len(others)))] if others else None


def another_time(
    people: Sequence[tuple[str, Recording]],
    person: str,
    recording: Recording,
    rng: np.random.Generator,
) -> Recording | None:
    """Another recording of the same person; None if there is none.

    Those of the same length may be the same motion, filmed again.
    """

    def samples(one: Recording) -> int:
        return next(iter(one.imu.values())).clock.num_samples

    others = [
        other
        for name, other in people
        if name == person and samples(other) != samples(recording)
    ]
    return others[int(rng.integers(len(others)))] if others else None


def stride_trials(
    folder: Path, fitting: bool, count: int, seed: int
) -> Iterator[Trial]:
    """Walking, searched within 4 s: matched, of another walk, of others.

    Args:
        folder: Motion capture.
        fitting: As in :func:`gather`.
        count: Recordings.
        seed: Of everything.
    """
    rng, again = np.random.default_rng(seed), np.random.default_rng((seed, 1))
    people = list(trust_sources.strides(folder, not fitting, count, seed))
    for person, recording in people:
        other = someone_else(people, person, rng)
        if other is None:
            continue
        same = another_time(people, person, recording, again)
        for condition, sensors, rng_of in (
            ('matched', recording, rng),
            ('wrong person', other, rng),
            ('another time', same, again),
        ):
            if sensors is None:
                continue
            offset = float(rng_of.uniform(-3, 3))
            number = int(rng_of.choice([2, 4, 7, 7]))
            names = rng_of.permutation(list(sensors.imu))[:number]
            first, last = sensors.imu[names[0]].clock.span
            late = float(rng_of.choice([0.0, rng_of.uniform(-0.3, 0.3)]))
            late *= last - first
            imu = {
                str(n): _moved(
                    cut_imu(sensors.imu[n], first + late, last + late), offset
                )
                for n in names
            }

            def truth(
                times: np.ndarray,
                offset: float = offset,
                worn: tuple = (*imu,),
            ) -> dict[str, np.ndarray]:
                return dict.fromkeys(worn, np.full(len(times), offset))

            yield Trial(
                'strides',
                condition,
                Recording(imu, recording.pose),
                truth if condition == 'matched' else None,
                4.0,
            )


def make_trial(
    source: str,
    condition: str,
    recording: Recording,
    other: Recording,
    rng: np.random.Generator,
) -> Trial | None:
    """Spoil a recording; None if it cannot be spoiled like that."""
    number = int(rng.choice([1, 2, 5]))
    if condition in ('sides swapped', 'sensors disagree'):
        number = max(number, 2)
    names = [p for p in recording.imu if p in other.imu]
    worn = [names[i] for i in rng.permutation(len(names))[:number]]
    if condition == 'sides swapped':
        worn = _both_sides(names, number, rng)
    if not worn or (condition == 'sensors disagree' and len(worn) < 2):
        return None
    pose = recording.pose
    first, last = pose.clock.span
    length = float(
        min(rng.choice([8.0, 12.0, 20.0, 30.0, 42.0]), last - first)
    )
    if condition in _LONG:
        length = float(min(max(length, 20.0), last - first))
    start = rng.uniform(first, last - length)
    keep = rng.uniform(0.75, 1.0) * length  # of the pose
    begin = start + rng.uniform(0, length - keep)
    pose = cut_pose(pose, begin, begin + keep)
    offset = rng.uniform(-7, 7)
    reach: float | None = None
    if condition == 'out of reach':
        reach = 4.0
        offset = float(rng.uniform(5, 12) * rng.choice([-1, 1]))
    someone = condition in ('wrong person', 'another time')
    sensors = other if someone else recording
    # Half of the sensors begin late, or end early.
    late = float(rng.choice([0.0, rng.uniform(-0.6, 0.6) * length]))
    imu = {
        p: cut_imu(sensors.imu[p], start + late, start + length + late)
        for p in worn
    }
    if not all(s.clock.num_samples for s in imu.values()):
        return None  # the other's recording ends before
    if condition == 'partial overlap':
        # The sensors begin after the video, or end before it, or both.
        pose = cut_pose(recording.pose, start, start + length)
        shared = rng.uniform(0.4, 0.75) * length
        worn_from = start + rng.choice([0.0, 0.5, 1.0]) * (length - shared)
        begins = worn_from > start
        ends = worn_from + shared < start + length - 1e-9
        imu = {
            p: cut_imu(
                recording.imu[p],
                worn_from if begins else first,
                worn_from + shared if ends else last,
            )
            for p in worn
        }
    if condition == 'unrelated':
        if last - first < 2 * 10:
            return None
        half = 0.5 * (first + last)
        pose = cut_pose(recording.pose, first, half - 1)
        imu = {p: cut_imu(recording.imu[p], half + 1, last) for p in worn}
    if condition == 'wrong limb':
        wrong = [p for p in names if p not in worn]
        if len(wrong) < len(worn):
            worn = worn[:1]
            wrong = [p for p in names if p not in worn]
        if not wrong and source != 'utd':
            return None
        wrong = wrong or ['left_wrist', 'right_knee', 'left_knee']
        wrong = [wrong[i] for i in rng.permutation(len(wrong))]
        imu = {w: imu[p] for w, p in zip(wrong, worn)}
    if condition == 'sides swapped':
        imu = {mirrored(p): s for p, s in imu.items()}
    jumps: list[tuple[float, float]] = []  # pose time, added to the offset
    # What both have: elsewhere, nothing would be lost.
    spans = [pose.clock.span, *(s.clock.span for s in imu.values())]
    begin, end = max(a for a, _ in spans), min(b for _, b in spans)
    if condition in _JUMPS and end - begin < _LEAST_JUMPING_SEC:
        return None
    if condition == 'lost packets':
        cuts = np.sort(rng.uniform(begin + 3, end - 3, 4))
        cuts = cuts[np.insert(np.diff(cuts) > 2.0, 0, True)]
        gap = rng.uniform(0.4, 1.2)
        imu = {p: _lose(s, cuts, gap) for p, s in imu.items()}
        jumps = [(c, -gap) for c in cuts]
    if condition == 'clock jump':
        at = begin + rng.uniform(0.25, 0.75) * (end - begin)
        size = float(rng.uniform(0.5, 4) * rng.choice([-1, 1]))
        imu = {p: _jump(s, at, abs(size)) for p, s in imu.items()}
        jumps = [(at, abs(size))]
    if condition == 'sensors disagree':
        late = float(rng.uniform(0.15, 1.0) * rng.choice([-1, 1]))
        imu[worn[0]] = _moved(imu[worn[0]], late)
    if condition == 'dropped frames':
        cuts = np.sort(rng.uniform(begin + 3, end - 3, 3))
        pose, jumps = _drop(pose, cuts, rng.uniform(0.3, 1.0))
    if condition == 'varying rate':
        pose, jumps = _slow_down(pose, begin, end, rng)
    if condition == 'frame rate':
        factor = rng.choice([25 / 30, 30 / 25, 0.5, 2.0, 24 / 30, 50 / 60])
        clock = pose.clock
        pose = replace(
            pose,
            clock=Clock(
                clock.num_samples,
                rate=clock.mean_rate * factor,
                start=clock.span[0],
            ),
        )
    if condition == 'frozen':
        points = np.array(pose.keypoints)
        points[:] = points[len(points) // 2]
        points += rng.normal(0, 0.3, points.shape).astype(np.float32)
        pose = replace(pose, keypoints=points)
    if condition == 'zeros':
        pose = _zeros(pose, rng)
    imu = {p: _moved(s, offset) for p, s in imu.items()}
    # What the sensors call a second may be a little longer, or shorter.
    faster = 0.0
    if condition == 'sensor rate':
        faster = rng.uniform(0.01, 0.06) * rng.choice([-1, 1])
        imu = {p: _quicker(s, faster) for p, s in imu.items()}

    def truth(times: np.ndarray) -> dict[str, np.ndarray]:
        moved = np.full(len(times), offset)
        for at, size in jumps:
            moved = moved + size * (times >= at)
        moved = moved + faster * (times + moved)
        result = dict.fromkeys(imu, moved)
        if condition == 'sensors disagree':
            result[worn[0]] = moved + late
        return result

    none = condition in NO_ANSWER
    return Trial(
        source, condition, Recording(imu, pose), None if none else truth, reach
    )


def _both_sides(names, number, rng):
    kinds = {p.split('_', 1)[1] for p in names if p.startswith('left_')}
    kinds = [k for k in sorted(kinds) if f'right_{k}' in names]
    if not kinds:
        return []
    chosen = [kinds[i] for i in rng.permutation(len(kinds))]
    chosen = chosen[: max(number // 2, 1)]
    return [f'{side}_{k}' for k in chosen for side in ('left', 'right')]


def cut_imu(stream: SensorStream, start: float, end: float) -> SensorStream:
    """Samples of a stretch of time; the clock stays."""
    part = stream.clock.between(start, end)
    return stream.cut(part).at_times(stream.clock.at(part))


def cut_pose(pose: PoseStream, start: float, end: float) -> PoseStream:
    """Frames of a stretch of time; the clock stays."""
    part = pose.clock.between(start, end)
    times, rate = pose.clock.at(part), pose.clock.mean_rate
    clock = Clock(len(times), rate=rate, start=times[0])
    return replace(pose.cut(part), clock=clock)


def _moved(stream: SensorStream, by: float) -> SensorStream:
    return stream.at_times(stream.clock.at() + by)


def _quicker(stream: SensorStream, by: float) -> SensorStream:
    """As if a sensor sampled at another rate than it does."""
    return stream.at_times(stream.clock.at() * (1 + by))


def _lose(stream: SensorStream, cuts: np.ndarray, gap: float) -> SensorStream:
    """Samples after each cut are lost, and the clock does not know."""
    times = stream.clock.at()
    kept = np.ones(len(times), bool)
    for cut in cuts:
        kept &= ~((times >= cut) & (times < cut + gap))
    clock = Clock(kept.sum(), times=times[: kept.sum()])
    channels = {k: v[kept] for k, v in stream.channels.items()}
    return replace(stream, clock=clock, channels=channels)


def _jump(stream: SensorStream, at: float, size: float) -> SensorStream:
    times = stream.clock.at()
    return stream.at_times(times + size * (times >= at))


def _drop(
    pose: PoseStream, cuts: np.ndarray, gap: float
) -> tuple[PoseStream, list[tuple[float, float]]]:
    times = pose.clock.at()
    kept = np.ones(len(times), bool)
    for cut in cuts:
        kept &= ~((times >= cut) & (times < cut + gap))
    return _keep(pose, kept)


def _slow_down(
    pose: PoseStream, begin: float, end: float, rng: np.random.Generator
) -> tuple[PoseStream, list[tuple[float, float]]]:
    """A camera in the dark films fewer frames for a while, and does not say.

    Some of what is between ``begin`` and ``end`` is slower.
    """
    times, length = pose.clock.at(), end - begin
    start = begin + rng.uniform(0.2, 0.5) * length
    stop = start + rng.uniform(0.15, 0.35) * length
    share = rng.choice([22 / 30, 24 / 30, 27 / 30])
    slow = np.flatnonzero((times >= start) & (times < stop))
    kept = np.ones(len(times), bool)
    kept[slow] = np.diff(np.floor(share * np.arange(len(slow) + 1))) > 0
    return _keep(pose, kept)


def _keep(
    pose: PoseStream, kept: np.ndarray
) -> tuple[PoseStream, list[tuple[float, float]]]:
    """Frames (T,) that are left, and where the offset jumps, by how much."""
    times = pose.clock.at()
    left, named = times[kept], times[: kept.sum()]
    late = np.diff(left - named)
    jumps = [
        (float(named[i + 1]), float(late[i]))
        for i in np.flatnonzero(late > 1e-6)
    ]
    clock = Clock(len(named), rate=pose.clock.mean_rate, start=named[0])
    return (
        replace(
            pose,
            clock=clock,
            keypoints=pose.keypoints[kept],
            scores=pose.scores[kept],
        ),
        jumps,
    )


def _zeros(pose: PoseStream, rng: np.random.Generator) -> PoseStream:
    """Keypoints are (0, 0) with score 1 in stretches of half a second."""
    points, scores = np.array(pose.keypoints), np.array(pose.scores)
    frames = max(round(0.5 * pose.clock.mean_rate), 1)
    share = rng.choice([0.03, 0.08, 0.15])
    for k in range(points.shape[1]):
        for start in range(0, len(points), frames):
            if rng.random() < share:
                points[start : start + frames, k] = 0
                scores[start : start + frames, k] = 1
    return replace(pose, keypoints=points, scores=scores)


def largest_error(trial: Trial, clock, sensors: dict | None = None) -> float:
    """Largest error of a clock where the video has a person, in seconds.

    Args:
        trial: What is true.
        clock: A :class:`~mobind_mm.synchronization.ClockMap`.
        sensors: Clocks of sensors that differ from it, by name.
    """
    if trial.truth is None:
        return float('inf')
    times = trial.streams.pose.clock.at()[::5]
    truth = trial.truth(times)
    worst = 0.0
    for name, expected in truth.items():
        own = (sensors or {}).get(name, clock)
        if own is not clock and own.abstained:
            continue  # named as doubtful
        error = np.abs(own.to_imu_time(times) - times - expected)
        # A jump may be placed up to two seconds wrong.
        steps = np.flatnonzero(np.abs(np.diff(expected)) > _LEAST_JUMP_SEC)
        far = np.ones(len(times), bool)
        for i in steps:
            far &= np.abs(times - times[i]) > 2.0
        inside = times + expected
        span = trial.streams.imu[name].clock.span
        far &= (inside >= span[0]) & (inside <= span[1])
        if far.any():
            worst = max(worst, float(error[far].max()))
    return worst
