"""What the channels of each sensor say about how they were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..recordings import IMU_CHANNELS, SensorStream
from ..synchronization.signals import known_samples
from .acceleration import (
    AccelerationFacts,
    acceleration_facts,
    judge_acceleration,
)
from .finding import Finding, Opinion, Unit, findings_of_takes
from .gyroscope import (
    gyro_gain,
    gyroscope_facts,
    judge_fastest,
    judge_gyro_gain,
    judge_gyroscope,
)
from .orientation import OrientationFacts, judge_orientation, orientation_facts
from .reading import Reading
from .streams import StreamRow, sensor_row

_RATES = (1.0, 20000.0)
"""Hz between which a sensor may sample."""
_MAG_UNITS = (
    Unit('uT', 1.0),
    Unit('mT', 1e3, 'looks like mT, not µT'),
    Unit('gauss', 1e2, 'looks like gauss, not µT'),
)
_FIELD = (15.0, 150.0)
"""Microtesla of the earth's field indoors, with iron nearby."""
_ACC = 'unit and gravity of acc'
_SHARE = 0.5
"""Share of takes that must show a mistake to call it one of all takes."""


@dataclass(frozen=True)
class SensorFacts:
    """One sensor of one take: its header, and what was measured.

    Args:
        row: Its names, clock and ranges.
        gravity: Whether gravity is in ``acc``, by the header.
        frame: Frame of ``acc``, by the header.
        channels: Names of its channels.
        acceleration: None without ``acc``.
        orientation: None without ``quat``.
        gyroscope: None with ``quat`` or without ``gyro``.
        field: Median magnitude of ``mag``; NaN without.
        turning: What the magnitude of ``gyro`` exceeds in one sample of a
            hundred; NaN without.
    """

    row: StreamRow
    gravity: bool
    frame: str
    channels: tuple[str, ...]
    acceleration: AccelerationFacts | None
    orientation: OrientationFacts | None
    gyroscope: np.ndarray | None
    field: float
    turning: float


def sensor_facts(
    take: str, placement: str, stream: SensorStream
) -> SensorFacts:
    """Measure one sensor of one take."""
    times, channels = known_samples(stream, IMU_CHANNELS)
    acceleration = orientation = gyroscope = None
    if len(times) >= 4:
        if 'acc' in channels:
            acceleration = acceleration_facts(times, channels)
        if 'quat' in channels:
            orientation = orientation_facts(times, channels)
        elif 'gyro' in channels and 'acc' in channels:
            gyroscope = gyroscope_facts(times, channels)
    mag = channels.get('mag')
    if mag is None or not len(mag):
        mag = np.full((1, 3), np.nan)
    gyro = channels.get('gyro')
    if gyro is None or not len(gyro):
        gyro = np.full((1, 3), np.nan)
    return SensorFacts(
        row=sensor_row(take, placement, stream),
        gravity=stream.gravity,
        frame=stream.frame,
        channels=tuple(stream.channels),
        acceleration=acceleration,
        orientation=orientation,
        gyroscope=gyroscope,
        field=float(np.median(np.linalg.norm(mag, axis=1))),
        turning=float(np.quantile(np.linalg.norm(gyro, axis=1), 0.99)),
    )


@dataclass
class SensorVerdict:
    """What all sensors say together.

    Args:
        findings: Likely mistakes.
        readings: How to fix a sensor of a take, by take and placement.
        unknown: Questions without an answer, by placement.
    """

    findings: list[Finding] = field(default_factory=list)
    readings: dict[tuple[str, str], Reading] = field(default_factory=dict)
    unknown: dict[str, list[str]] = field(default_factory=dict)


def judge_sensors(facts: Sequence[SensorFacts]) -> SensorVerdict:
    """Judge every sensor by all of its takes, then by each of them.

    What most takes show is a mistake of all; a single take is named if the
    others do not show it.
    """
    groups: dict[tuple, list[SensorFacts]] = {}
    for f in facts:
        key = (f.row.stream, f.gravity, f.frame, f.channels)
        groups.setdefault(key, []).append(f)
    suspect = _suspect(_judge(group)[1] for group in groups.values())
    verdict = SensorVerdict()
    for group in groups.values():
        _judge_group(group, suspect, verdict)
    return verdict


Judgement = tuple[list[Opinion], Reading]
"""Opinions on a sensor, and the reading that fixes it."""


def _judge_group(
    group: Sequence[SensorFacts],
    suspect: Reading | None,
    verdict: SensorVerdict,
) -> None:
    """Add the judgement on one sensor to the verdict."""
    placement = group[0].row.stream
    alone: dict[str, Judgement] = {}
    if len(group) > 1:
        alone = {f.row.take: _judge([f], suspect) for f in group}
    opinions, reading = _judge(_alike(group, alone), suspect)
    if not _common(opinions, alone):
        opinions, reading = [], Reading()
    common = [o.finding(placement) for o in opinions if o.wrong]
    single: list[tuple[str, Opinion]] = []
    for take in (f.row.take for f in group):
        verdict.readings[take, placement] = reading
        answers, fix = alone.get(take, ([], Reading()))
        wrong = [(take, o) for o in answers if o.wrong]
        if wrong and not common:
            verdict.readings[take, placement] = fix
            single += wrong
    verdict.findings += common + findings_of_takes(placement, single)
    unknown = [o.question for o in opinions if o.status == 'unknown']
    if unknown:
        verdict.unknown[placement] = unknown


def _alike(
    group: Sequence[SensorFacts], alone: Mapping[str, Judgement]
) -> list[SensorFacts]:
    """The takes without those in which ``acc`` differs from most."""
    by_kind: dict[tuple, list[SensorFacts]] = {}
    for sensor in group:
        opinions, _ = alone.get(sensor.row.take, ([], Reading()))
        kinds = {o.kind + o.fix for o in opinions if o.question == _ACC}
        by_kind.setdefault(tuple(sorted(kinds)), []).append(sensor)
    return max(by_kind.values(), key=len)


def _common(
    opinions: Sequence[Opinion], alone: Mapping[str, Judgement]
) -> bool:
    """Whether most takes show what all of them together show."""
    for opinion in opinions:
        showing = able = 0
        for answers, _ in alone.values():
            same = [o for o in answers if o.question == opinion.question]
            showing += any(o.kind == opinion.kind for o in same)
            able += any(o.status != 'unknown' for o in same)
        if opinion.wrong and showing < _SHARE * able:
            return False
    return True


def _suspect(readings: Iterable[Reading]) -> Reading | None:
    """The most frequent orientation mistake of all sensors."""
    plain = [
        replace(r, acc_scale=1.0, gyro_scale=1.0, gravity=None)
        for r in readings
    ]
    count = Counter(r for r in plain if r != Reading())
    return count.most_common(1)[0][0] if count else None


def _judge(
    group: Sequence[SensorFacts], suspect: Reading | None = None
) -> Judgement:
    """Ask all questions about one sensor; later ones rest on earlier ones."""
    rate = _judge_rate([sensor.row.rate for sensor in group])
    opinions, reading = _judge_acc_and_quat(group, suspect)
    of_gyro, reading = _judge_gyro(group, reading)
    opinions = [replace(rate, question='rate'), *opinions, *of_gyro]
    if 'mag' in group[0].channels:
        mag = judge_magnetometer([f.field for f in group])
        opinions.append(replace(mag, question='unit of mag'))
    return opinions, reading


def _judge_rate(rates: Sequence[float]) -> Opinion:
    """Judge whether a sensor can sample that fast, or that slowly."""
    rate = float(np.median(rates))
    if np.isnan(rate) or _RATES[0] <= rate <= _RATES[1]:
        return Opinion('fine')
    message = f'{rate:.4g} samples per second is not the rate of a sensor'
    fix = 'units.time (s, ms, us or ns), or rate'
    return Opinion('wrong', 'rate', message, fix)


def _judge_acc_and_quat(
    group: Sequence[SensorFacts], suspect: Reading | None
) -> Judgement:
    """Judge unit and gravity of ``acc``, then the convention of ``quat``."""
    header = group[0]
    accs = [f.acceleration for f in group if f.acceleration]
    turns = [f.orientation for f in group if f.orientation]
    acc, reading = judge_acceleration(accs, header.gravity)
    of_acc = [replace(acc, question=_ACC)] if accs else []
    if not turns:
        return of_acc, reading
    gravity = header.gravity if reading.gravity is None else reading.gravity
    scale = 0.0 if acc.status == 'unknown' else reading.acc_scale
    opinions, fix = judge_orientation(
        turns, scale, gravity, header.frame, suspect
    )
    if reading.gravity and any(o.kind == 'orientation' for o in opinions):
        # A limb in circles: what is steady is not gravity according to quat.
        of_acc = [Opinion('unknown', question=_ACC)]
        reading = Reading()
        opinions, fix = judge_orientation(
            turns, 0.0, header.gravity, header.frame, suspect
        )
    of_quat = [replace(o, question='convention of quat') for o in opinions]
    fix = replace(fix, acc_scale=reading.acc_scale, gravity=reading.gravity)
    return of_acc + of_quat, fix


def _judge_gyro(group: Sequence[SensorFacts], reading: Reading) -> Judgement:
    """Judge the gyroscope by ``quat``, or by gravity without it."""
    header = group[0]
    gravity = header.gravity if reading.gravity is None else reading.gravity
    turns = [f.orientation for f in group if f.orientation]
    gyros = [f.gyroscope for f in group if f.gyroscope is not None]
    if turns and 'gyro' in header.channels:
        question = 'unit of gyro'
        opinion, fix = judge_gyro_gain(gyro_gain(turns, reading))
        reading = replace(reading, gyro_scale=fix.gyro_scale)
    elif gyros and gravity and header.frame == 'sensor':
        question = 'unit and axes of gyro'
        opinion, fix = judge_gyroscope(gyros)
        scale, signs = fix.gyro_scale, fix.gyro_signs
        reading = replace(reading, gyro_scale=scale, gyro_signs=signs)
    else:
        question, opinion = 'unit of gyro', Opinion('fine')
    turning = [f.turning for f in group if f.turning > 0]
    if turning and opinion.status != 'wrong':
        fast = judge_fastest(float(np.median(turning)))
        if fast is not None:
            opinion, fix = fast
            reading = replace(reading, gyro_scale=fix.gyro_scale)
    if opinion.status == 'fine' and question == 'unit of gyro' and not turns:
        return [], reading
    return [replace(opinion, question=question)], reading


def judge_magnetometer(fields: Sequence[float]) -> Opinion:
    """Judge the unit of one sensor by its takes' median magnitudes."""
    fields = [level for level in fields if not np.isnan(level)]
    if not fields:
        return Opinion('unknown')
    level = float(np.median(fields))
    fits = [
        unit
        for unit in _MAG_UNITS
        if _FIELD[0] < level * unit.factor < _FIELD[1]
    ]
    if not fits or fits[0].key == 'uT':
        return Opinion('fine')
    return Opinion(
        'wrong',
        'mag_unit',
        f'mag {fits[0].seems} (median |mag| {level:.3g})',
        f'units.mag: {fits[0].key}',
    )
