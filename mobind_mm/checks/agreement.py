"""How well every sensor fits every limb, by time offset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import numpy as np

from ..recordings import Clock, Recording, SensorStream
from ..skeleton import LIMBS, mirrored
from ..synchronization.clips import cut_clip
from ..synchronization.correlate import bandpass
from ..synchronization.evidence import (
    SensorEvidence,
    limb_pairs,
    offset_grid,
    signal_evidence,
)
from ..synchronization.fused import WEIGHTS
from ..synchronization.kinds import SIGNAL_NAMES
from ..synchronization.signals import RATE, IMUMotion, LimbMotion
from .acceleration import judge_scale
from .finding import Finding, name_changes
from .reading import Reading
from .streams import ImageFacts, image_facts, rotated_finding, turned_pose

CLIP_SEC = 30.0
MAX_CLIPS = 4
_SHORTEST = 1.5
"""Seconds below which two streams have nothing to compare."""
_SCALE_BAND = (0.6, 3.0)
"""Band in Hz in which the size of accelerations is compared."""
_CLEAR, _SHARE = 8.0, 0.06
"""Evidence, and share of it, by which another reading must be better: most
of the evidence does not depend on it."""

VIDEO_RATES = (24, 25, 30, 48, 50, 60, 100, 120, 240)
"""Frame rates that videos have."""
_CLEAR_RATE, _RATE_SHARE = 12.0, 0.5
"""Evidence, and share of it, by which another frame rate must be better: at a
wrong one, hardly anything fits."""

_Key = TypeVar('_Key')


@dataclass(frozen=True)
class Agreement:
    """What one recording in one camera shows.

    Args:
        offsets: (G,) seconds.
        curves: Log likelihood ratio (G,) of each offset, by sensor and
            limb: ``t_imu = t_pose + offset``.
        variants: The same for a sensor and its own limb, by sensor and the
            reading of it that is tried.
        sizes: Energies of the vertical accelerations of each sensor without
            gravity and of its limb in the image, in (m/s²)² s, and their
            product.
        motion: Standard deviation of each sensor's acceleration in m/s².
        turned: Evidence of all sensors on their own limbs by the degrees by
            which the image is rotated clockwise, of somebody who lies.
    """

    offsets: np.ndarray
    curves: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    variants: dict[tuple[str, Reading], np.ndarray] = field(
        default_factory=dict
    )
    sizes: dict[str, np.ndarray] = field(default_factory=dict)
    motion: dict[str, float] = field(default_factory=dict)
    turned: dict[int, float] = field(default_factory=dict)


def cut_clips(recording: Recording, margin: float) -> Iterator[Recording]:
    """Clips of a recording, spread evenly over it.

    Each has a part of the skeleton, and the sensors from a margin before it
    to one after it; all clocks count from the start of the sensors' part,
    so streams in step have the offset 0.

    Args:
        recording: All streams count from one origin.
        margin: Seconds.
    """
    assert recording.pose is not None  # only filmed recordings are compared
    spans = [s.clock.span for s in recording.imu.values()]
    pose = recording.pose.clock
    if not spans or pose.num_samples < 2:
        return
    start = max(pose.span[0], min(s[0] for s in spans) - margin)
    end = min(pose.span[1], max(s[1] for s in spans) + margin)
    length = end - start
    if length < _SHORTEST:
        return
    count = int(np.clip(round(length / CLIP_SEC), 1, MAX_CLIPS))
    seconds = min(CLIP_SEC * 1.5, length) if count == 1 else CLIP_SEC
    seconds = min(seconds, length)
    for first in np.linspace(start, end - seconds, count):
        yield cut_clip(recording, float(first), seconds, margin)


def measure_agreement(
    recording: Recording,
    max_lag: float,
    variants: Mapping[str, Sequence[Reading]],
) -> Agreement:
    """Compare the sensors of a recording with the limbs that could carry them.

    Those are the limbs of all its sensors and their mirror images.

    Args:
        recording: Streams that count from one origin.
        max_lag: Largest offset in seconds.
        variants: Further readings to try, by sensor.
    """
    assert recording.pose is not None  # only filmed recordings are compared
    agreement = Agreement(offset_grid(max_lag))
    limbs = candidate_limbs(recording.imu)
    image = image_facts(recording.pose)
    metre, turns = image.metre, (0, 90, 270) if image.lying else ()
    weights = np.array([WEIGHTS[name] for name in SIGNAL_NAMES])
    for clip in cut_clips(recording, max_lag):
        for sensor, stream in clip.imu.items():
            for limb in limbs:
                evidence = _evidence(stream, limb, clip, max_lag)
                if evidence is None:
                    continue
                curve = weights @ evidence.signals
                _add(agreement.curves, (sensor, limb), curve)
                if limb == sensor:
                    motion = agreement.motion.get(sensor, 0.0)
                    motion = float(np.maximum(motion, evidence.motion))
                    agreement.motion[sensor] = motion
            for reading in variants.get(sensor, ()):
                other = reading.apply(stream)
                evidence = _evidence(other, sensor, clip, max_lag)
                if evidence is not None:
                    curve = weights @ evidence.signals
                    _add(agreement.variants, (sensor, reading), curve)
        for degrees in turns:
            assert clip.pose is not None  # as of the recording
            pose = turned_pose(clip.pose, degrees)
            whole = signal_evidence(Recording(clip.imu, pose), max_lag)
            total = sum(np.max(weights @ e.signals) for e in whole.values())
            total += agreement.turned.get(degrees, 0.0)
            agreement.turned[degrees] = float(total)
        for sensor, (imu, limb_motion) in limb_pairs(clip).items():
            if not clip.imu[sensor].gravity:  # else gravity tells the unit
                size = _sizes(imu, limb_motion, metre)
                _add(agreement.sizes, sensor, size)
    return agreement


def evidence_at_rates(recording: Recording, max_lag: float) -> np.ndarray:
    """Evidence at the frame rates that the video may have instead.

    That of the liveliest sensors at their limbs, in two clips, at the stored
    rate and then at each of :data:`VIDEO_RATES`.
    """
    pose = recording.pose
    assert pose is not None and pose.clock.rate is not None
    weights = np.array([WEIGHTS[name] for name in SIGNAL_NAMES])
    recording, clips_at = Recording(liveliest(recording.imu, 2), pose), []
    for fps in (pose.clock.rate, *VIDEO_RATES):
        total = 0.0
        for clip in islice(cut_clips(at_rate(recording, fps), max_lag), 2):
            shown = signal_evidence(clip, max_lag).values()
            curves = [weights @ evidence.signals for evidence in shown]
            total += float(np.max(np.sum(curves, axis=0))) if curves else 0.0
        clips_at.append(total)
    return np.array(clips_at)


def at_rate(recording: Recording, fps: float) -> Recording:
    """The recording as if its video had another frame rate."""
    pose = recording.pose
    assert pose is not None
    clock = Clock(pose.clock.num_samples, rate=fps, start=pose.clock.start)
    return Recording(recording.imu, replace(pose, clock=clock))


def liveliest(
    imu: Mapping[str, SensorStream], most: int
) -> dict[str, SensorStream]:
    """The sensors that move most."""

    def motion(name: str) -> float:
        acc = imu[name].channels.get('acc')
        if acc is None or not len(acc):
            return 0.0
        return float(np.nanstd(np.asarray(acc), axis=0).sum())

    names = sorted(imu, key=motion, reverse=True)[:most]
    return {name: imu[name] for name in names}


def judge_rate(
    evidence: Mapping[str, np.ndarray], stored: float
) -> Finding | None:
    """Whether videos fit at another frame rate than the one that is stored.

    ``evidence`` is that of :func:`evidence_at_rates` by take.
    """
    total = np.sum([*evidence.values()], axis=0)
    best = int(np.argmax(total))
    gain = float(total[best] - total[0])
    if not gain > max(_CLEAR_RATE, _RATE_SHARE * total[best]):
        return None
    fps = VIDEO_RATES[best - 1]
    message = (
        f'the sensors fit the video at {fps:g} frames per second, not at '
        f'{stored:g} ({gain:.0f} nats)'
    )
    return Finding('rate', 'pose', message, f'rate of pose: {fps:g}')


def _evidence(
    stream: SensorStream, limb: str, clip: Recording, max_lag: float
) -> SensorEvidence | None:
    """Evidence of a sensor and a limb in one clip, if there is any."""
    if not stream.clock.num_samples:
        return None
    pair = Recording({limb: stream}, clip.pose)
    return signal_evidence(pair, max_lag).get(limb)


def _add(totals: dict[_Key, np.ndarray], key: _Key, value: np.ndarray) -> None:
    totals[key] = totals.get(key, 0.0) + value


def _sizes(imu: IMUMotion, limb: LimbMotion, metre: float) -> np.ndarray:
    """Energies (3,) of sensor and limb, and their product."""
    both = (imu.mask > 0) & (limb.mask > 0)
    up = bandpass(np.stack([imu.acc[2], metre * limb.acc[1]]), *_SCALE_BAND)
    x, y = np.nan_to_num(up[:, both])
    return np.array([x @ x, y @ y, x @ y]) / RATE


def candidate_limbs(placements: Iterable[str]) -> list[str]:
    """Limbs of the placements, and those on the other side."""
    both = [p for name in placements for p in (name, mirrored(name))]
    return [p for p in dict.fromkeys(both) if p in LIMBS]


def variants_of(stream: SensorStream) -> list[Reading]:
    """Readings of a sensor that only the video can tell apart.

    With gravity in ``acc``, gravity tells them apart.
    """
    channels = stream.channels
    if stream.gravity or 'acc' not in channels or 'quat' not in channels:
        return []
    other = 'world' if stream.frame == 'sensor' else 'sensor'
    variants = [Reading(frame=other)]
    if 'gyro' not in channels and stream.frame == 'sensor':
        variants += [
            Reading(inverse=True),
            Reading(quat_order='xyzw'),
            Reading(quat_order='wxyz'),
        ]
    return variants


def judge_variants(
    views: Mapping[str, Agreement], sensors: Sequence[str]
) -> tuple[list[Finding], dict[str, Agreement]]:
    """Judge frame, quaternions, unit and sign of sensors without gravity.

    Returns likely mistakes, and the views with the evidence for the readings
    that were found.
    """
    findings, corrected = [], dict(views)
    for sensor in sensors:
        best, gain = _best_variant(views, sensor)
        if best is not None:
            seen = f'it then fits its limb better, by {gain:.0f} nats'
            findings += [
                opinion.finding(sensor) for opinion in name_changes(best, seen)
            ]
            for name, view in corrected.items():
                if (sensor, best) in view.variants:
                    curve = view.variants[sensor, best]
                    curves = {**view.curves, (sensor, sensor): curve}
                    corrected[name] = replace(view, curves=curves)
            continue
        sizes = [v.sizes[sensor] for v in views.values() if sensor in v.sizes]
        opinion = judge_scale(sizes)
        if opinion.wrong:
            findings.append(opinion.finding(sensor))
    return findings, corrected


def judge_rotation(
    views: Mapping[str, Agreement], images: Mapping[str, ImageFacts]
) -> list[Finding]:
    """Whether sensors fit the skeletons better in a rotated image.

    People who lie down fit best as they are.
    """
    findings = []
    for name, view in views.items():
        stored = view.turned.get(0, 0.0)
        best = max(view.turned.values(), default=0.0)
        if best - stored > max(_CLEAR, _SHARE * best):
            seen = f'the sensors then fit better, by {best - stored:.0f} nats'
            finding = rotated_finding(images[name], seen)
            findings.append(replace(finding, takes=(name,)))
    return findings


def _best_variant(
    views: Mapping[str, Agreement], sensor: str
) -> tuple[Reading | None, float]:
    """The reading that is clearly better than what is stored, if any."""
    stored: dict[str, np.ndarray] = {}
    totals: dict[Reading, np.ndarray] = {}
    for view in views.values():
        if (sensor, sensor) in view.curves:
            _add(stored, sensor, view.curves[sensor, sensor])
        for (name, reading), curve in view.variants.items():
            if name == sensor:
                _add(totals, reading, curve)
    if not totals:
        return None, 0.0
    best = max(totals, key=lambda reading: np.max(totals[reading]))
    top = float(np.max(totals[best]))
    gain = top - float(np.max(stored.get(sensor, 0.0)))
    return (best, gain) if gain > max(_CLEAR, _SHARE * top) else (None, gain)
