"""What the channels of each sensor say about how they were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..recordings import SensorStream
from .acceleration import (
    AccelerationFacts,
    acceleration_facts,
    judge_acceleration,
)
from .finding import Finding, Opinion
from .gyro_gain import gyro_gain, judge_gyro_gain
from .gyroscope import GyroscopeFacts, gyroscope_facts, judge_gyroscope
from .magnetometer import judge_magnetometer, median_field
from .orientation import judge_orientation
from .orientation_facts import OrientationFacts, orientation_facts
from .reading import Reading, usable_samples
from .stream_row import StreamRow, sensor_row

_RATES = (1.0, 20000.0)
"""Hz between which a sensor may sample."""
_ACC = 'unit and gravity of acc'
_SHARE = 0.5
"""Share of takes that must show a mistake to call it one of all takes."""


@dataclass(frozen=True)
class SensorFacts:
    """One sensor of one take.

    Args:
        take: Name of the take.
        placement: Where it is worn.
        row: Its clock and ranges.
        gravity: What the header says.
        frame: What the header says.
        channels: Names of its channels.
        acceleration: See there; None without ``acc``.
        orientation: See there; None without ``quat``.
        gyroscope: See there; None with ``quat`` or without ``gyro``.
        field: Median magnitude of ``mag``, NaN without.
    """

    take: str
    placement: str
    row: StreamRow
    gravity: bool
    frame: str
    channels: tuple[str, ...]
    acceleration: AccelerationFacts | None
    orientation: OrientationFacts | None
    gyroscope: GyroscopeFacts | None
    field: float


def sensor_facts(
    take: str, placement: str, stream: SensorStream
) -> SensorFacts:
    """Measure one sensor of one take."""
    times, channels = usable_samples(stream)
    acceleration = orientation = gyroscope = None
    if len(times) >= 4:
        if 'acc' in channels:
            acceleration = acceleration_facts(times, channels)
        if 'quat' in channels:
            orientation = orientation_facts(times, channels)
        elif 'gyro' in channels and 'acc' in channels:
            gyroscope = gyroscope_facts(times, channels)
    return SensorFacts(
        take=take,
        placement=placement,
        row=sensor_row(take, placement, stream),
        gravity=stream.gravity,
        frame=stream.frame,
        channels=tuple(stream.channels),
        acceleration=acceleration,
        orientation=orientation,
        gyroscope=gyroscope,
        field=median_field(channels.get('mag')),
    )


@dataclass
class SensorVerdict:
    """What all sensors say together.

    Args:
        findings: Likely mistakes.
        readings: How to mend a sensor of a take, by take and placement.
        unknown: Questions without an answer, by placement.
    """

    findings: list[Finding]
    readings: dict[tuple[str, str], Reading]
    unknown: dict[str, list[str]]


def judge_sensors(facts: Sequence[SensorFacts]) -> SensorVerdict:
    """Judge every sensor by all of its takes, then by each of them.

    What most takes show is a mistake of all; a single take is named if the
    others do not show it.
    """
    groups: dict[tuple, list[SensorFacts]] = {}
    for one in facts:
        key = (one.placement, one.gravity, one.frame, one.channels)
        groups.setdefault(key, []).append(one)
    first = {key: _judge(group) for key, group in groups.items()}
    suspect = _suspect(reading for _, reading in first.values())
    verdict = SensorVerdict([], {}, {})
    for (placement, *_), group in groups.items():
        alone = {}
        if len(group) > 1:
            alone = {one.take: _judge([one], suspect) for one in group}
        opinions, reading = _judge(_alike(group, alone), suspect)
        doubted = _not_common(opinions, alone)
        if doubted:
            opinions, reading = [], Reading()
        kinds = {o.kind for o in opinions if o.status == 'wrong'}
        for opinion in opinions:
            if opinion.status == 'wrong':
                verdict.findings.append(opinion.finding(placement))
        single: dict[str, list[tuple[str, Opinion]]] = {}
        for one in group:
            verdict.readings[one.take, placement] = reading
            own, mended = alone.get(one.take, ([], Reading()))
            wrong = [o for o in own if o.status == 'wrong']
            if wrong and not kinds:
                verdict.readings[one.take, placement] = mended
                for opinion in wrong:
                    single.setdefault(opinion.kind, []).append(
                        (one.take, opinion)
                    )
        for rows in single.values():
            takes = tuple(take for take, _ in rows)
            verdict.findings.append(rows[0][1].finding(placement, takes))
        unknown = [o.question for o in opinions if o.status == 'unknown']
        if unknown:
            verdict.unknown[placement] = unknown
    return verdict


def _alike(group: list[SensorFacts], alone: dict) -> list[SensorFacts]:
    """The takes without those in which ``acc`` differs from most."""
    by_kind: dict[tuple, list[SensorFacts]] = {}
    for one in group:
        opinions, _ = alone.get(one.take, ([], None))
        kinds = {o.kind + o.fix for o in opinions if o.question == _ACC}
        by_kind.setdefault(tuple(sorted(kinds)), []).append(one)
    return max(by_kind.values(), key=len)


def _not_common(opinions: list[Opinion], alone: dict) -> bool:
    """Whether what all takes together show is the work of a few."""
    for opinion in opinions:
        if opinion.status != 'wrong':
            continue
        showing = able = 0
        for own, _ in alone.values():
            same = [o for o in own if o.question == opinion.question]
            showing += any(o.kind == opinion.kind for o in same)
            able += any(o.status != 'unknown' for o in same)
        if showing < _SHARE * able:
            return True
    return False


def _judge(
    group: Sequence[SensorFacts], suspect: Reading | None = None
) -> tuple[list[Opinion], Reading]:
    """Opinions on the streams of one sensor, and how to mend them."""
    first = group[0]
    opinions = [_judge_rate(group)]
    reading, gravity, told = Reading(), first.gravity, False
    accs = [f.acceleration for f in group if f.acceleration]
    if accs:
        opinion, reading = judge_acceleration(accs, first.gravity)
        opinions.append(replace(opinion, question=_ACC))
        gravity = first.gravity if reading.gravity is None else reading.gravity
        told = opinion.status != 'unknown'
    turns = [f.orientation for f in group if f.orientation]
    if turns:
        found, mend = judge_orientation(
            turns,
            reading.acc_scale if told else 0.0,
            gravity,
            first.frame,
            suspect,
        )
        if reading.gravity and any(o.kind == 'orientation' for o in found):
            # A limb in circles: what is steady is no gravity for quat.
            opinions[-1] = Opinion('unknown', question=_ACC)
            reading, gravity = Reading(), first.gravity
            found, mend = judge_orientation(
                turns, 0.0, gravity, first.frame, suspect
            )
        opinions += [replace(o, question='convention of quat') for o in found]
        gain, scale = judge_gyro_gain(gyro_gain(turns, mend))
        if 'gyro' in first.channels:
            opinions.append(replace(gain, question='unit of gyro'))
        reading = replace(
            mend,
            acc_scale=reading.acc_scale,
            gravity=reading.gravity,
            gyro_scale=scale.gyro_scale,
        )
    gyros = [f.gyroscope for f in group if f.gyroscope]
    if gyros and gravity and first.frame == 'sensor':
        opinion, mend = judge_gyroscope(gyros)
        opinions.append(replace(opinion, question='unit and axes of gyro'))
        reading = replace(
            reading, gyro_scale=mend.gyro_scale, gyro_signs=mend.gyro_signs
        )
    if 'mag' in first.channels:
        opinions.append(judge_magnetometer([f.field for f in group]))
    return opinions, reading


def _suspect(readings: Iterable[Reading]) -> Reading | None:
    """The most frequent orientation mistake of all sensors."""
    plain = [
        replace(r, acc_scale=1.0, gyro_scale=1.0, gravity=None)
        for r in readings
    ]
    count = Counter(r for r in plain if r != Reading())
    return count.most_common(1)[0][0] if count else None


def _judge_rate(group: Sequence[SensorFacts]) -> Opinion:
    """Whether a sensor can sample that fast, or that slowly."""
    rate = float(np.median([f.row.rate for f in group]))
    if np.isnan(rate) or _RATES[0] <= rate <= _RATES[1]:
        return Opinion('fine')
    return Opinion(
        'wrong',
        'rate',
        f'{rate:.4g} samples a second is no rate of a sensor',
        'units.time (s, ms, us or ns), or rate',
    )
