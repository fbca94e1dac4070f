"""Is what was given plausible? Asked before any answer is.

Where a mistake is certain, the streams are corrected and a note says so;
where it is not, the user is asked. What only may be wrong becomes a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from ..recordings import (
    IMU_CHANNELS,
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from ..skeleton import LIMBS, get_limb
from ..synchronization.signals import imu_motion, known_samples, make_grid
from ..utils.errors import mistake
from .finding import Finding
from .reading import Reading
from .sensors import judge_sensors, sensor_facts
from .streams import corrected_pose, image_facts, judge_image, rotated_finding

MOST_SEC = 300.0
"""Of a longer stream only so much, around its middle, is looked at."""
_PIECE_SEC = 5.0
"""Read at once: of a long recording no more need be in memory."""
S = TypeVar('S', SensorStream, PoseStream)

CONVERT, ASK, SAY = 'convert', 'ask', 'say'
"""What is done about a finding."""

_NEAR = 0.05
"""Relative error up to which the level of a still sensor is gravity's."""
_STILL_SEC, _STILL = 0.5, 0.02
"""Windows in which |acc| varies less, relative to its level, are still."""
_NOTHING = 1.0
"""m/s² up to which a still sensor shows no gravity."""
_COUNTS = (64, 256, 512, 1000, 1024, 2048, 4096, 8192, 16384)
"""What converters usually give for 1 g."""
_RATES = (5.0, 2000.0)
"""Hz between which most sensors sample."""
_USUAL = (20.0, 800.0)
"""Hz between which nearly all sensors sample."""
_YEAR_2200 = 7.26e9
_TIMES = {
    1e-3: 'ms instead of s, us instead of ms, or ns instead of us',
    1e-6: 'us instead of s, or ns instead of ms',
    1e-9: 'ns instead of s',
    1e3: 's instead of ms, ms instead of us, or us instead of ns',
    1e6: 's instead of us, or ms instead of ns',
    1e9: 's instead of ns',
}
"""Factor on the times, and what units.time then is."""
_ASKED = {
    'acc_unit', 'gravity', 'quat_order', 'quat_direction', 'frame', 'acc_sign',
    'gyro_sign', 'gyro_counts', 'rate', 'upside_down',
}  # fmt: skip
"""Kinds that matter to every answer, and that the user must settle."""


@dataclass(frozen=True)
class Doubt:
    """A finding, and what is done about it.

    Args:
        finding: What is seen.
        action: :data:`CONVERT`, :data:`ASK` or :data:`SAY`.
        read: How it was read, of what was converted; its fix if omitted.
    """

    finding: Finding
    action: str = SAY
    read: str = ''

    @property
    def note(self) -> str:
        """The finding as a note of the stream."""
        text = f'{self.finding.where}: {self.finding.message}'
        if self.action == CONVERT:
            return f'{text}; read as {self.read or self.finding.fix}'
        return f'{text}. {self.finding.fix}'


def check_inputs(
    imu: Mapping[str, SensorStream], pose: PoseStream | None = None
) -> list[Finding]:
    """Look for mistakes in how sensors and a skeleton were described.

    Their clocks need not agree: nothing here compares what they show.

    Args:
        imu: Sensors by placement, or by any name.
        pose: The skeleton, if there is one.

    Example:
        >>> still = np.tile([0.0, 0.0, 1.0], (1000, 1))
        >>> wrist = SensorStream(Clock(1000, rate=100.0), {'acc': still})
        >>> print(*check_inputs({'left_wrist': wrist}))
        left_wrist: acc looks like g, not m/s² (median |acc| 1). units.acc: g
    """
    doubts, _ = _examine(imu, pose)
    return [doubt.finding for doubt in doubts]


def settle_inputs(
    imu: Mapping[str, SensorStream], pose: PoseStream | None = None
) -> tuple[dict[str, SensorStream], PoseStream | None]:
    """Correct what is certainly wrong, with a note.

    Args:
        imu: Sensors by placement, or by any name.
        pose: The skeleton, if there is one.

    Returns:
        The streams as they should have been read, with notes.

    Raises:
        ValueError: If something is wrong whose correction is not certain;
            names sensor, value and fix.

    Example:
        >>> still = np.tile([0.0, 0.0, 1.0], (1000, 1))
        >>> wrist = SensorStream(Clock(1000, rate=100.0), {'acc': still})
        >>> settled, _ = settle_inputs({'left_wrist': wrist})
        >>> settled['left_wrist'].channels['acc'][0]
        array([0.     , 0.     , 9.80665])
        >>> print(*settled['left_wrist'].notes)
        left_wrist: acc looks like g, not m/s² (median |acc| 1); read as units.acc: g
    """  # noqa: E501
    doubts, (sensors, skeleton) = _examine(imu, pose)
    asked = [d.finding for d in doubts if d.action == ASK]
    if asked:
        texts = dict.fromkeys(f'{f.message}. {f.fix}' for f in asked)
        more = f' ({len(texts) - 1} more like this)' if len(texts) > 1 else ''
        first = asked[0]
        wheres = [f.where for f in asked if f.message == first.message]
        raise mistake(
            ', '.join(wheres),
            f'{first.message}{more}',
            f'Correct {first.fix}, or pass --no-check (check=False) if '
            'everything is as described',
        )
    notes: dict[str, list[str]] = {}
    for doubt in doubts:
        for name in doubt.finding.where.split(', '):
            notes.setdefault(name, []).append(doubt.note)
    sensors = {
        name: _noted(stream, notes.get(name, ()))
        for name, stream in sensors.items()
    }
    if skeleton is not None:
        skeleton = _noted(skeleton, notes.get('pose', ()))
    return sensors, skeleton


def _noted(stream: S, notes: Sequence[str]) -> S:
    return replace(stream, notes=(*stream.notes, *notes)) if notes else stream


def _examine(
    imu: Mapping[str, SensorStream], pose: PoseStream | None
) -> tuple[list[Doubt], tuple[dict[str, SensorStream], PoseStream | None]]:
    """All doubts, and the streams corrected where they are certain."""
    doubts: list[Doubt] = []
    sensors: dict[str, SensorStream] = {}
    video = None if pose is None else float(np.ptp(pose.clock.span))
    for name, stream in imu.items():
        doubt, sensors[name] = _judge_times(name, stream, video)
        doubts += doubt
    looked = {name: _middle(stream) for name, stream in sensors.items()}
    doubts += [Doubt(f, ASK) for f in find_copies(looked)]
    doubts += _judge_sensors(sensors, looked)
    if pose is not None:
        findings, pose = _judge_pose(pose)
        doubts += findings
    return doubts, (sensors, pose)


def _judge_times(
    name: str, stream: SensorStream, video: float | None
) -> tuple[list[Doubt], SensorStream]:
    """Whether the times of a sensor are in seconds."""
    clock = stream.clock
    if clock.num_samples < 8:
        return [], stream
    start, end = clock.span
    rate = clock.mean_rate
    late = abs(start) > _YEAR_2200
    seen = f'{rate:.4g} samples per second over {_duration(end - start)}'
    if video is not None:
        seen += f', of a video of {_duration(video)}'
    if not late and 1.0 <= rate <= 20000.0:
        tens = _in_tens(rate, (end - start) / video) if video else None
        if tens is None:
            return [], stream
        finding = Finding(
            'tens',
            name,
            f'{seen}; with a unit of time {tens:g} times as long, it would '
            f'be {rate / tens:.4g} Hz over {_duration((end - start) * tens)}',
            'units.time, if so',
        )
        return [Doubt(finding)], stream
    fits = [
        factor
        for factor in _TIMES
        if _RATES[0] <= rate / factor <= _RATES[1]
        and abs(start * factor) < _YEAR_2200
        and (video is None or video / 10 < (end - start) * factor < 10 * video)
    ]
    if late:
        seen += f', that begin in the year {1970 + start / 31556952:.0f}'
    finding = Finding(
        'rate',
        name,
        f'{seen}: the unit of its times seems to be wrong',
        'units.time (s, ms, us or ns), or rate',
    )
    if len(fits) != 1:
        return [Doubt(finding, ASK)], stream
    factor = fits[0]
    fix = f'units.time: {_TIMES[factor]}'
    moved = Clock(clock.num_samples, times=clock.at() * factor)
    doubt = Doubt(replace(finding, fix=fix), CONVERT)
    return [doubt], replace(stream, clock=moved)


def _in_tens(rate: float, length: float) -> float | None:
    """Tens by which times make an unusual rate usual, and a video's length.

    Args:
        rate: Samples per second.
        length: Seconds of them in lengths of the video.

    >>> _in_tens(10.0, 10.2), _in_tens(1000.0, 0.1), _in_tens(10.0, 1.1)
    (0.1, 10.0, None)
    """
    least, most = _USUAL
    if least <= rate <= most:
        return None
    tens = 10.0 ** -round(float(np.log10(length))) if length > 0 else 1.0
    usual = least <= rate / tens <= most and 0.8 < length * tens < 1.25
    return tens if usual else None


def _duration(seconds: float) -> str:
    for size, unit in ((86400 * 365.25, 'years'), (3600, 'h')):
        if seconds >= size:
            return f'{seconds / size:.3g} {unit}'
    return f'{seconds:.3g} s'


def find_copies(imu: Mapping[str, SensorStream]) -> Iterator[Finding]:
    """Sensors whose samples are the very same."""
    for (a, one), (b, other) in combinations(imu.items(), 2):
        same = [
            len(values) > 8
            and len(values) == len(other.channels[channel])
            and np.array_equal(values[:], other.channels[channel][:])
            and np.ptp(np.asarray(values[:]), axis=0).any()
            for channel, values in one.channels.items()
            if channel in other.channels
        ]
        if any(same):
            yield Finding(
                'identical',
                f'{a}, {b}',
                'the two have the same samples: one file or column was named '
                'twice',
                'file or columns of one of them',
            )


def _judge_sensors(
    sensors: dict[str, SensorStream], looked: Mapping[str, SensorStream]
) -> list[Doubt]:
    """Units, gravity, axes and quaternions; what is certain is corrected."""
    facts = {
        name: sensor_facts('', name, part) for name, part in looked.items()
    }
    verdict = judge_sensors([*facts.values()])
    doubts = []
    for finding in verdict.findings:
        name = finding.where
        stream, reading = sensors[name], verdict.readings['', name]
        action = ASK if finding.kind in _ASKED else SAY
        if finding.kind == 'rate':
            continue  # named by the times already
        certain = _certain(finding, looked[name], reading)
        if certain is not None:
            action = CONVERT
            sensors[name] = certain.apply(stream)
        elif finding.kind == 'acc_unit':
            finding = _in_counts(finding, looked[name])
        doubts.append(Doubt(finding, action))
    return doubts + [Doubt(finding) for finding in without_gravity(sensors)]


def without_gravity(imu: Mapping[str, SensorStream]) -> list[Finding]:
    """Sensors that a video cannot be compared with for want of gravity."""
    return [
        Finding(
            'no_gravity',
            name,
            'acc is without gravity and there is no orientation, so it cannot '
            'be compared with a video',
            'Record gravity too (such as TotalAcceleration), add its vector '
            '(columns.gravity), or the orientation (columns.quat)',
        )
        for name, stream in imu.items()
        if not stream.gravity and not _comparable(stream)
    ]


def _certain(
    finding: Finding, stream: SensorStream, reading: Reading
) -> Reading | None:
    """The part of a reading that corrects a finding beyond doubt."""
    if finding.kind == 'gyro_unit':
        return Reading(gyro_scale=reading.gyro_scale)
    if finding.kind not in ('acc_unit', 'gravity'):
        return None
    level = still_level(stream)
    if finding.kind == 'gravity' and not reading.gravity:
        return Reading(gravity=False) if level < _NOTHING else None
    unit = finding.fix.rpartition('units.acc: ')[2]
    if finding.kind == 'acc_unit' and 'none of' in unit:
        return None
    if abs(level * reading.acc_scale / STANDARD_GRAVITY - 1) > _NEAR:
        return None
    return Reading(acc_scale=reading.acc_scale, gravity=reading.gravity)


def still_level(stream: SensorStream) -> float:
    """Median |acc| of the stillest windows; NaN if the sensor never rests."""
    times, channels = known_samples(stream, IMU_CHANNELS)
    if 'acc' not in channels or len(times) < 8:
        return float('nan')
    size = np.linalg.norm(channels['acc'], axis=1)
    count = max(round(_STILL_SEC / np.median(np.diff(times))), 4)
    windows = size[: len(size) // count * count].reshape(-1, count)
    if not len(windows):
        return float('nan')
    levels, spread = np.median(windows, axis=1), windows.std(axis=1)
    calm = spread <= max(
        np.quantile(spread, 0.1), _STILL * float(np.median(levels))
    )
    return float(np.median(levels[calm]))


def _in_counts(finding: Finding, stream: SensorStream) -> Finding:
    """Name the counts of a converter that a level of acc may be."""
    level = still_level(stream)
    if not level > 2 * STANDARD_GRAVITY:
        return finding
    hints = [
        f'{9.80665 / count:.6g} if 1 g is {count} counts'
        for unit in (1.0, STANDARD_GRAVITY, STANDARD_GRAVITY / 1000)
        for count in _COUNTS
        if abs(level / unit / count - 1) < _NEAR
    ]
    return replace(
        finding,
        message=f'acc is {level:.5g} m/s² where it is still (raw counts?); '
        'gravity alone would be 9.81 m/s²',
        fix='units.acc: the m/s² of one count'
        + (f' ({hints[0]})' if hints else ''),
    )


def _middle(stream: S) -> S:
    """The stream in memory, or the middle of a long one."""
    clock = stream.clock
    start, end = clock.span
    centre, half = (start + end) / 2, min(end - start, MOST_SEC) / 2
    whole = slice(0, clock.num_samples)
    if end - start > MOST_SEC:
        whole = clock.between(centre - half, centre + half)
    length = whole.stop - whole.start
    seconds = max(2 * half, 1e-9)
    step = max(int(length * min(_PIECE_SEC / seconds, 1.0)), 1)
    pieces = [
        slice(first, min(first + step, whole.stop))
        for first in range(whole.start, whole.stop, step)
    ]

    def read(array: np.ndarray) -> np.ndarray:
        if not pieces:
            return np.asarray(array[0:0])
        return np.concatenate([np.asarray(array[part]) for part in pieces])

    if clock.times is not None or length < clock.num_samples:
        clock = Clock(length, times=clock.at(whole))
    values: dict[str, Any] = {}
    if isinstance(stream, PoseStream):
        values['keypoints'] = read(stream.keypoints)
        values['scores'] = read(stream.scores)
    else:
        values['channels'] = {k: read(v) for k, v in stream.channels.items()}
    return replace(stream, clock=clock, **values)


def _comparable(stream: SensorStream) -> bool:
    """Whether a sensor can be compared with a video at all."""
    start = stream.clock.span[0]
    part = stream.clock.between(start, start + _PIECE_SEC)
    times = stream.clock.at(part)
    if len(times) < 8:
        return True  # too short, which is another matter
    channels = {c: np.asarray(v[part]) for c, v in stream.channels.items()}
    clock = Clock(len(times), times=times - start)
    piece = replace(stream, clock=clock, channels=channels)
    return imu_motion(piece, make_grid(times[-1] - start)) is not None


def _judge_pose(pose: PoseStream) -> tuple[list[Doubt], PoseStream]:
    """Whether keypoints are pixels of an upright image."""
    doubts, facts = [], image_facts(_middle(pose))
    if facts.lying:
        seen = 'unless the person lies down'
        doubts.append(Doubt(rotated_finding(facts, seen)))
    for opinion in judge_image([facts]):
        if not opinion.wrong:
            continue
        kind, action = opinion.kind, ASK if opinion.kind in _ASKED else SAY
        finding = opinion.finding('pose')
        if kind in ('zeros', 'normalised'):
            action, pose = CONVERT, corrected_pose(pose, [kind])
            read = {'zeros': 'not detected', 'normalised': 'fractions'}[kind]
            doubts.append(Doubt(finding, action, read))
            continue
        doubts.append(Doubt(finding, action))
    return doubts, pose


def comparable_sensors(streams: Recording) -> tuple[Recording, list[str]]:
    """Leave out sensors that cannot be compared with a skeleton, with notes.

    Returns:
        The recording with the other sensors, and a note for each that was
        left out, or whose limb another one stands for.

    Raises:
        ValueError: If none is left; says why.
    """
    pose, notes = streams.pose, []
    kept: dict[str, SensorStream] = {}
    if pose is None:
        return streams, []
    for name, stream in streams.imu.items():
        missing = _missing(name, pose.layout)
        if missing:
            notes.append(f'{name}: left out: {missing}')
            continue
        kept[name] = stream
        limb, seen = get_limb(name), get_limb(name).seen_by(pose.layout)
        if seen is not limb:
            joints = ', '.join(seen.keypoints)
            notes.append(
                f'{name}: the skeleton ({pose.layout}) has no '
                f'{limb.keypoints[-1]}, so {joints} are used instead'
            )
    useless = [finding.where for finding in without_gravity(kept)]
    if len(useless) < len(kept):  # of all, the answer says why
        for name in useless:
            del kept[name]
            notes.append(f'{name}: left out of the comparison')
    if streams.imu and not kept:
        what = 'no sensor can be compared with the video'
        raise mistake(what, '; '.join(notes))
    return Recording(kept, pose), notes


def _missing(name: str, layout: str) -> str:
    """Why a skeleton has no limb for a sensor, if so."""
    if name not in LIMBS:
        return 'it is not a placement'
    try:
        get_limb(name).seen_by(layout)
    except ValueError:
        joints = ', '.join(get_limb(name).keypoints)
        return f'the skeleton ({layout}) has not all of {joints}'
    return ''
