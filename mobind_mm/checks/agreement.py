"""How well every sensor fits every limb, by time offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..recordings import Recording, SensorStream
from ..skeleton import LIMBS
from ..synchronization.correlate import bandpass
from ..synchronization.evidence import (
    SIGNAL_NAMES,
    limb_pairs,
    offset_grid,
    signal_evidence,
)
from ..synchronization.fused import WEIGHTS
from ..synchronization.signals import RATE, IMUMotion, LimbMotion
from .clips import cut_clips
from .image import image_facts
from .reading import Reading

_SCALE_BAND = (0.6, 3.0)
"""Band in Hz in which the size of accelerations is compared."""


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
            gravity and of its limb in the image, in (m/s^2)^2 s, and their
            product.
        motion: Standard deviation of each sensor's acceleration in m/s^2.
    """

    offsets: np.ndarray
    curves: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    variants: dict[tuple[str, Reading], np.ndarray] = field(
        default_factory=dict
    )
    sizes: dict[str, np.ndarray] = field(default_factory=dict)
    motion: dict[str, float] = field(default_factory=dict)


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
    found = Agreement(offset_grid(max_lag))
    limbs = candidate_limbs(recording.imu)
    metre = image_facts(recording.pose).metre
    motions: dict[str, list[float]] = {}
    for clip in cut_clips(recording, max_lag):
        for sensor, stream in clip.imu.items():
            for limb in limbs:
                key = (sensor, limb)
                _add(found.curves, key, stream, limb, clip, max_lag, motions)
            for reading in variants.get(sensor, ()):
                key = (sensor, reading)
                other = reading.apply(stream)
                _add(found.variants, key, other, sensor, clip, max_lag)
        for sensor, (imu, limb) in limb_pairs(clip).items():
            if clip.imu[sensor].gravity:
                continue  # gravity tells the unit
            size = _sizes(imu, limb, metre)
            found.sizes[sensor] = found.sizes.get(sensor, 0.0) + size
    for sensor, rows in motions.items():
        found.motion[sensor] = float(np.max(rows))
    return found


def _sizes(imu: IMUMotion, limb: LimbMotion, metre: float) -> np.ndarray:
    """Energies (3,) of sensor and limb, and their product; see above."""
    both = (imu.mask > 0) & (limb.mask > 0)
    up = bandpass(np.stack([imu.acc[2], metre * limb.acc[1]]), *_SCALE_BAND)
    x, y = np.nan_to_num(up[:, both])
    return np.array([x @ x, y @ y, x @ y]) / RATE


def _add(
    into: dict,
    key: tuple,
    stream: SensorStream,
    limb: str,
    clip: Recording,
    max_lag: float,
    motions: dict[str, list[float]] | None = None,
) -> None:
    """Add the evidence of one clip to a curve, if there is any."""
    if not stream.clock.num_samples:
        return
    pair = Recording({limb: stream}, clip.pose)
    evidence = signal_evidence(pair, max_lag).get(limb)
    if evidence is None:
        return
    weights = np.array([WEIGHTS[name] for name in SIGNAL_NAMES])
    into[key] = into.get(key, 0.0) + weights @ evidence.signals
    if motions is not None and key[0] == limb:
        motions.setdefault(limb, []).append(evidence.motion)


def candidate_limbs(placements: Sequence[str]) -> list[str]:
    """Limbs of the placements, and those on the other side."""
    both = [p for name in placements for p in (name, mirrored(name))]
    return [p for p in dict.fromkeys(both) if p in LIMBS]


def mirrored(placement: str) -> str:
    """The same placement on the other side of the body."""
    side, _, rest = placement.partition('_')
    other = {'left': 'right', 'right': 'left'}.get(side)
    return f'{other}_{rest}' if other else placement
