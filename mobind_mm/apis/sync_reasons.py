"""Why no offset is given, as true and as helpful as can be found out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..checks.agreement import VIDEO_RATES, at_rate, liveliest
from ..recordings import Recording, SensorStream
from ..skeleton import layout_limbs
from ..synchronization import (
    ClipEvidence,
    ClockMap,
    Synchronizer,
    SyncResult,
    build_synchronizer,
)
from ..synchronization.breaks import missing
from ..synchronization.coarse import coarse_offset, offset_range
from ..synchronization.single import (
    CHECK_SIDES,
    DIFFERS_SEC,
    EXCHANGED,
    STRIDE_SEC,
    Question,
    in_depth,
    scanning,
    with_sides_exchanged,
)
from ..synchronization.trust import drift_gain

WHY = {
    'too short': (
        'sensors and skeleton share too little data at the best offset; '
        'record longer, or widen the search (--max-offset, --around)'
    ),
    'still': (
        'hardly anybody moves, so nothing can be compared; record a stretch '
        'in which the person with the sensors moves'
    ),
    'periodic': (
        'the movement repeats itself, so several offsets fit as well; record '
        'something that happens once, such as a jump'
    ),
    'weak': (
        'no offset stands out from beginning to end; record longer, or more '
        'movement, with the limbs that wear the sensors in view'
    ),
    'out of reach': (
        'the best offset lies at the edge of the search or beyond; leave out '
        'its limits (--max-offset, --around), or move them'
    ),
    'wrong limb or person': (
        'these movements do not belong together; check the placements, left '
        'and right, and that these sensors are on this person in this video'
    ),
    'clock jumps': (
        'no single offset fits the whole recording: a clock jumps, samples '
        'or frames are missing, or the frame rate varies; give the counter '
        'of the samples (columns.counter) or the times of the frames '
        '(--frame-times)'
    ),
    'frame rate': (
        'the video runs at another speed than its frame rate says, or the '
        'sensors at another than theirs; correct it (--fps, or rate in the '
        'mapping), or give the times of the frames (--frame-times)'
    ),
    'no gravity or orientation': (
        'acceleration without gravity tells nothing without the orientation '
        'of the sensor; export acceleration with gravity, or quaternions, or '
        'acceleration in the frame of the world'
    ),
}
"""What a reason to abstain means, and what helps."""

_LIMBS = ('wrist', 'upper_arm', 'thigh', 'knee', 'foot')
_CLIP_SEC = 40.0
_PROMISING = 2.0
"""What a sure answer has, and more, by which it leads in a first look."""
_SURE = 0.9
"""One of many questions must be answered with more confidence than this."""
_CHECKED = 2
"""How many of the best are looked at closely."""
_EDGE_SEC = 0.1
_ALIKE = 0.5
"""A sensor fits its limb if it shows that much of its best evidence there."""
_DRIFTING_SEC = 4.0
"""How far from the best offset one that drifts is followed."""
_STEP_SEC = 0.02
"""Offsets are this close to each other, or closer."""
_SHORT_SEC = 8.0
"""Recordings shorter than this tell too little to look for other reasons."""


def explain_search(
    streams: Recording, clock: ClockMap, search: tuple[float, float]
) -> ClockMap:
    """Say so if the offset is not within the search that was asked for.

    ``search`` is its middle and half width in seconds.
    """
    result = clock.result
    assert result is not None
    beyond = search[1] - abs(result.offset - search[0])
    if beyond < _EDGE_SEC:
        return _refused(clock, 'out of reach')
    if not clock.abstained or result.reason == 'no gravity or orientation':
        return clock
    low, high = offset_range(streams)
    if search[0] - search[1] <= low and high <= search[0] + search[1]:
        return clock
    anywhere = _anywhere(streams)
    if anywhere.abstained or abs(anywhere.offset - search[0]) <= search[1]:
        return clock
    note = f'the streams fit at {anywhere.offset:+.3f} s, beyond the search'
    return _refused(clock, 'out of reach', note)


def check_beyond(
    streams: Recording, clock: ClockMap, search: tuple[float, float]
) -> ClockMap:
    """Refuse an answer of a narrowed search if one beyond it fits better.

    ``search`` is its middle and half width in seconds.
    """
    low, high = offset_range(streams)
    if clock.abstained or high - low > 240:
        return clock  # too wide for a first look
    if search[0] - search[1] <= low and high <= search[0] + search[1]:
        return clock
    everywhere = _evidence(streams, _scanner())
    if everywhere is None:
        return clock
    distance = np.abs(everywhere[0].offsets + everywhere[1] - search[0])
    beyond = distance > search[1] + _EDGE_SEC
    score = everywhere[0].score
    if beyond.all() or not beyond.any():
        return clock
    best = int(np.argmax(np.where(beyond, score, -np.inf)))
    if score[best] < score[~beyond].max():
        return clock
    at = float(everywhere[0].offsets[best] + everywhere[1])
    note = f'the streams fit at {at:+.2f} s as well, beyond the search'
    return _refused(clock, 'out of reach', note)


def check_sides(streams: Recording, clock: ClockMap) -> ClockMap:
    """Note if sensors of both sides fit better with left and right exchanged.

    Walking does not tell the sides apart but by half a stride. If they fit
    better at another offset, the answer is refused.
    """
    shared = {n: s for n, s in streams.imu.items() if n not in clock.sensors}
    streams = replace(streams, imu=shared)  # others move the best offset
    exchanged = with_sides_exchanged(streams)
    if clock.abstained or exchanged is None:
        return clock
    assert streams.pose is not None
    centre = np.mean(streams.pose.clock.span, keepdims=True)
    offset = float((clock.to_imu_time(centre) - centre)[0])
    best = []
    for worn in (streams, exchanged):
        search = offset, STRIDE_SEC
        evidence_at = _evidence(worn, _scanner(), search=search)
        assert evidence_at is not None  # the search is given
        evidence, _ = evidence_at
        top = int(evidence.score.argmax())
        best.append((evidence.score[top], float(evidence.offsets[top])))
    (as_worn, _), (other, apart) = best
    if other <= as_worn:
        return clock
    if abs(apart) <= DIFFERS_SEC:
        note = f'{EXCHANGED}; {CHECK_SIDES}'
        return replace(clock, notes=(*clock.notes, note))
    return _refused(
        clock,
        'wrong limb or person',
        f'{EXCHANGED}, and {apart:+.1f} s from this offset; {CHECK_SIDES}',
    )


def explain(streams: Recording, clock: ClockMap) -> ClockMap:
    """Look for the reason why nothing fits."""
    result = clock.result
    if result is None or not clock.abstained:
        return clock
    if not any(_has_direction(s) for s in streams.imu.values()):
        return _refused(clock, 'no gravity or orientation')
    if result.reason not in ('weak', 'periodic', 'clock jumps'):
        return clock
    if result.reason == 'weak' and _shared_sec(streams) < _SHORT_SEC:
        return _refused(clock, 'too short')
    sync = build_synchronizer('signals')
    lively = Recording(liveliest(streams.imu, 2), streams.pose)
    for fps in _likely_rates(streams):
        anywhere = _anywhere(at_rate(lively, fps), sync)
        if not anywhere.abstained and anywhere.confidence > _SURE:
            note = f'the streams fit at {fps:g} frames per second'
            return _refused(clock, 'frame rate', note)
    notes = list(_wrong_rate(streams, lively, clock))
    if notes:
        return _refused(clock, 'frame rate', *notes)
    if result.reason == 'clock jumps':
        return replace(clock, notes=(*clock.notes, *_missing(streams)))
    parts = list(_certain_parts(streams, sync, clock))
    if parts:
        return _refused(clock, 'clock jumps', *parts)
    notes = list(_better_limbs(streams, sync))
    if notes:
        return _refused(clock, 'wrong limb or person', *notes)
    notes = list(_missing(streams))
    if result.reason == 'weak' and result.confidence < 0.1:
        return _refused(clock, 'wrong limb or person', *notes)
    if notes and result.reason == 'weak':
        return _refused(clock, 'clock jumps', *notes)
    return replace(clock, notes=(*clock.notes, *notes))


def _missing(streams: Recording) -> Iterator[str]:
    """Sentences about where samples or frames seem to be missing."""
    for times, text in zip(missing(streams), (_SAMPLES, _FRAMES)):
        if times:
            yield text.format(', '.join(f'{time:.2f}' for time in times))


_SAMPLES = 'sensor second {}: the signals step, as if samples were missing'
_FRAMES = (
    'video second {}: the skeleton steps, as if frames were missing, or as if '
    'it were that of somebody else from then on'
)


def name_jumps(streams: Recording, clock: ClockMap) -> ClockMap:
    """Say what each jump of a clock may come from, and what helps."""
    assert streams.pose is not None
    if not clock.jumps:
        return clock
    rate = streams.pose.clock.mean_rate
    notes = [
        _JUMPED[size > 0].format(
            time=time, size=abs(size), frames=max(round(abs(size) * rate), 1)
        )
        for time, size in clock.jumps
    ]
    return replace(clock, notes=(*clock.notes, *notes))


_JUMPED = {
    True: (
        'video second {time:.1f}: {size:.3f} s of video (about {frames} '
        'frames) are missing, as if the camera had dropped them, or the clock '
        'of the sensors was set forward; if frames were dropped, give the '
        'times of the frames (--frame-times)'
    ),
    False: (
        'video second {time:.1f}: {size:.3f} s of the sensors are missing, as '
        'if packets had been lost, or their clock was set back; if packets '
        'were lost, give the counter of the samples (columns.counter)'
    ),
}
"""What a jump of the sensors' clock, forward or back, may come from."""


def _refused(clock: ClockMap, reason: str, *notes: str) -> ClockMap:
    assert clock.result is not None
    rivals = clock.result.rivals if reason == 'periodic' else []
    result = clock.result.refused(reason, 0.3, rivals=rivals)
    return replace(
        clock, abstained=True, result=result, notes=(*clock.notes, *notes)
    )


def _shared_sec(streams: Recording) -> float:
    """Most seconds that sensors and skeleton can have in common."""
    assert streams.pose is not None
    clocks = [streams.pose.clock, *(s.clock for s in streams.imu.values())]
    return min(clock.span[1] - clock.span[0] for clock in clocks)


def _has_direction(stream: SensorStream) -> bool:
    """Whether a sensor's acceleration can be compared with a video."""
    known = stream.gravity or stream.frame == 'world'
    return 'acc' in stream.channels and (known or 'quat' in stream.channels)


def _anywhere(
    streams: Recording,
    sync: Synchronizer | None = None,
    span: tuple[float, float] | None = None,
) -> SyncResult:
    """Answer of a stretch of a recording, its middle if None.

    What a first look shows not to stand out is not asked in full.
    """
    sync = sync or build_synchronizer('signals')
    evidence_at = _evidence(streams, _scanner(), span)
    if evidence_at is None:
        return SyncResult(0.0, abstained=True, reason='weak')
    evidence, middle = evidence_at
    if _lead(evidence) < _PROMISING:
        best = int(np.argmax(evidence.score))
        return SyncResult(
            float(evidence.offsets[best]) + middle,
            abstained=True,
            reason='weak',
            evidence=float(evidence.score[best]),
        )
    reach = float(evidence.offsets[-1])
    evidence_at = _evidence(streams, sync, span, (middle, reach))
    assert evidence_at is not None  # the search is given
    return sync.decide([evidence_at[0]]).moved(middle)


def _evidence(
    streams: Recording,
    sync: Synchronizer,
    span: tuple[float, float] | None = None,
    search: tuple[float, float] | None = None,
) -> tuple[ClipEvidence, float] | None:
    """Evidence of at most 40 s, and the offset in the middle of its search.

    ``search`` is that middle and the half width, in seconds; None searches
    the whole range.
    """
    assert streams.pose is not None
    first, last = span or streams.pose.clock.span
    low, high = offset_range(streams)
    middle, reach = 0.5 * (low + high), max(0.5 * (high - low), 0.5)
    if search is not None:
        middle, reach = search
    elif reach > 120:
        coarse = coarse_offset(streams)
        if coarse is None:
            return None
        middle, reach = coarse, 10.0
    centre = 0.5 * (first + last)
    half = 0.5 * min(last - first, _CLIP_SEC)
    asked = Question(streams, sync, reach, middle)
    evidence = asked.evidence((centre - half, centre + half))
    assert evidence is not None  # signals need no features
    return evidence, middle


def _scanner() -> Synchronizer:
    return scanning(build_synchronizer('signals'))


def _lead(clip: ClipEvidence) -> float:
    """By how much the best offset exceeds all that are not close to it."""
    best = int(np.argmax(clip.score))
    far = np.abs(clip.offsets - clip.offsets[best]) > 0.25
    rival = float(clip.score[far].max()) if far.any() else 0.0
    return float(clip.score[best]) - rival


def _certain_parts(
    streams: Recording, sync: Synchronizer, clock: ClockMap
) -> Iterator[str]:
    """Sentences about the start, middle or end that contradict a clock."""
    assert streams.pose is not None
    first, last = streams.pose.clock.span
    seconds = min(max((last - first) / 3, 12.0), _CLIP_SEC)
    if last - first < 1.5 * seconds:
        return
    for start in np.linspace(first, last - seconds, 3):
        result = _anywhere(streams, sync, (start, start + seconds))
        middle = start + 0.5 * seconds
        known = float(clock.to_imu_time(np.array(middle))) - middle
        sure = not result.abstained and result.confidence > _SURE
        if sure and abs(result.offset - known) > DIFFERS_SEC:
            yield (
                f'video second {start:.0f} to {start + seconds:.0f} fits at '
                f'{result.offset:+.3f} s'
            )


def _likely_rates(streams: Recording) -> list[float]:
    """The other frame rates at which the streams fit best, best first."""
    scanner = _scanner()
    liveliest_one = Recording(liveliest(streams.imu, 1), streams.pose)
    leads: dict[float, float] = {}
    for fps in _other_rates(streams):
        evidence_at = _evidence(at_rate(liveliest_one, fps), scanner)
        if evidence_at is not None:
            leads[fps] = _lead(evidence_at[0])
    return sorted(leads, key=lambda fps: -leads[fps])[:_CHECKED]


def _wrong_rate(
    streams: Recording, lively: Recording, clock: ClockMap
) -> Iterator[str]:
    """A sentence on rates at which the streams fit, a few per cent away."""
    assert streams.pose is not None and clock.result is not None
    fps = streams.pose.clock.rate
    if fps is None:
        return  # each frame has its own time
    sync = in_depth(build_synchronizer('signals'))
    evidence_at = _evidence(streams, sync)
    if evidence_at is None:
        return
    evidence, middle = evidence_at
    moved = evidence.offsets + middle - clock.result.offset
    near = np.abs(moved) < _DRIFTING_SEC
    assert evidence.parts is not None  # it looks at parts
    if len(evidence.parts) < 2 or np.abs(moved).min() > _STEP_SEC:
        return
    gain, drift = drift_gain(
        evidence.part_times, evidence.parts[:, near], moved[near]
    )
    if gain < _PROMISING or not drift:
        return
    anywhere = _anywhere(at_rate(lively, fps / (1 + drift)), sync)
    if not anywhere.abstained and anywhere.confidence > _SURE:
        rates = [s.clock.mean_rate * (1 + drift) for s in streams.imu.values()]
        hertz = ', '.join(dict.fromkeys(f'{r:.1f}' for r in sorted(rates)))
        yield (
            f'the streams fit at {fps / (1 + drift):.2f} frames per second, '
            f'or if the sensors are sampled at {hertz} Hz'
        )


def _other_rates(streams: Recording) -> Iterator[float]:
    """Frame rates that the video may have instead."""
    assert streams.pose is not None
    clock = streams.pose.clock
    if clock.rate is None:
        return  # each frame has its own time
    for fps in VIDEO_RATES:
        if abs(fps / clock.rate - 1) > 0.02 and clock.num_samples > 5 * fps:
            yield float(fps)


def _better_limbs(streams: Recording, sync: Synchronizer) -> Iterator[str]:
    """Sentences about sensors that fit another limb than their own."""
    pose = streams.pose
    assert pose is not None
    others = [f'{s}_{limb}' for s in ('left', 'right') for limb in _LIMBS]
    seen = layout_limbs(pose.layout)
    others = [o for o in [*others, 'pelvis', 'head'] if o in seen]
    scanner = _scanner()
    for name, stream in liveliest(streams.imu, 2).items():
        tried = Recording({o: stream for o in others if o != name}, pose)
        scanned = _evidence(tried, scanner)
        if scanned is None:
            continue
        alone = scanned[0].alone
        likely = sorted(alone, key=lambda o: -_lead(alone[o]))[:_CHECKED]
        results = {
            limb: _anywhere(Recording({limb: stream}, pose), sync)
            for limb in likely
        }
        sure = {
            o: r
            for o, r in results.items()
            if not r.abstained and r.confidence > _SURE
        }
        if not sure:
            continue
        limb = max(sure, key=lambda o: sure[o].confidence)
        best = sure[limb]
        # Limbs of one person may move alike; that is not a contradiction.
        at_own_limb = _anywhere(Recording({name: stream}, pose), sync)
        alike = at_own_limb.evidence >= _ALIKE * best.evidence
        if not alike or abs(at_own_limb.offset - best.offset) > DIFFERS_SEC:
            yield f'{name} moves like {limb}, at {best.offset:+.3f} s'
