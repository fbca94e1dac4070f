"""What of a sensor is compared with what of its limb, and in which bands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .correlate import bandpass
from .signals import STEP_SEC, IMUMotion, LimbMotion, make_grid, smooth_path

Band = tuple[float, float]
"""Lowest and highest frequency in Hz."""

ACC_BANDS = ((0.3, 0.8), (0.8, 1.6), (1.6, 2.6), (2.6, 4), (4, 6.5), (6.5, 11))
"""Bands in which accelerations are compared."""
TILT_BANDS = ((0.15, 0.8), (0.8, 2.6))
"""Bands in which orientations are compared."""
SPIN_BANDS = ((0.3, 1.2), (1.2, 3), (3, 6))
"""Bands in which angular rates are compared."""

_HIGHEST = 0.46
"""Of a stream's rate: what lies above is aliased."""


@dataclass(frozen=True)
class Kind:
    """Channels of a sensor, and the one of its limb that they explain.

    Args:
        imu: Rows of :func:`imu_rows`.
        limb: Row of :func:`limb_rows`.
        bands: In which they are compared.
        slow: Whether they move slowly, so that streams continue
            mirrored beyond their ends, and no rate is too low for the bands.
        of_bone: Whether the limb must be a bone.
    """

    imu: slice
    limb: int
    bands: tuple[Band, ...]
    slow: bool = False
    of_bone: bool = True

    @property
    def channels(self) -> int:
        """Number of the sensor's channels."""
        return self.imu.stop - self.imu.start

    def shows(self, band: Band, rate: np.ndarray | float) -> np.ndarray:
        """Whether streams of a rate (in Hz) show a band, of the same shape."""
        return np.asarray(self.slow or band[1] <= _HIGHEST * np.asarray(rate))

    def shown(self, rate: float) -> tuple[Band, ...]:
        """The bands that streams of this rate show; the lowest ones."""
        return tuple(band for band in self.bands if self.shows(band, rate))


KINDS = {
    'up': Kind(slice(2, 3), 1, ACC_BANDS, of_bone=False),
    'side': Kind(slice(0, 2), 0, ACC_BANDS, of_bone=False),
    'tilt': Kind(slice(3, 6), 3, TILT_BANDS, slow=True),
    'turn': Kind(slice(6, 12), 2, TILT_BANDS, slow=True),
    'spin': Kind(slice(12, 15), 4, SPIN_BANDS),
    'speed': Kind(slice(15, 16), 5, SPIN_BANDS),
}
"""Acceleration, orientation and angular rate; ``speed`` is without sign."""


def signal_name(kind: str, band: Band) -> str:
    """Name of a kind in a band."""
    return f'{kind}_{band[0]}-{band[1]}Hz'


SIGNAL_NAMES = tuple(
    signal_name(name, band)
    for name, kind in KINDS.items()
    for band in kind.bands
)
"""All kinds in all bands."""


def imu_rows(motion: IMUMotion) -> np.ndarray:
    """What a sensor measures, (16, T)."""
    speed = np.linalg.norm(motion.gyro, axis=0)
    return np.vstack(
        [motion.acc, motion.tilt, motion.turn, motion.gyro, speed]
    )


def limb_rows(motion: LimbMotion) -> np.ndarray:
    """What the video shows of a limb, (6, T)."""
    spin = motion.spin
    return np.vstack([motion.acc, motion.segment, spin, np.abs(spin)])


def limb_noise(motion: LimbMotion, rate: float) -> dict[str, np.ndarray]:
    """Variance of a limb's channel in each band, by kind, at ``rate`` Hz."""
    acc, place, speed = noise_gain(round(rate, 3))
    one, both = motion.noise**2, 2 * motion.noise**2  # ends of the segment
    turning = both / max(motion.length, 1e-9) ** 2 * speed
    return {
        'up': one * acc,
        'side': one * acc,
        'tilt': both * place,
        'turn': both * place,
        'spin': turning,
        'speed': turning,
    }


@cache
def noise_gain(rate: float) -> tuple[np.ndarray, ...]:
    """Variance of white keypoint noise in each band of all kinds; rate in Hz.

    For unit variance of a keypoint: (len(ACC_BANDS),) of its acceleration,
    (len(TILT_BANDS),) of its position, and (len(SPIN_BANDS),) of its velocity.
    """
    seconds = 60.0
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(times))
    path = smooth_path(times, noise[:, None], rate)
    grid = make_grid(seconds - 1 / rate)
    inside = np.clip(grid, STEP_SEC, times[-1] - STEP_SEC)
    before, now, after = (
        path(inside + step)[:, 0] for step in (-STEP_SEC, 0.0, STEP_SEC)
    )
    curves = (
        (before - 2 * now + after) / STEP_SEC**2,
        now,
        (after - before) / (2 * STEP_SEC),
    )
    return tuple(
        np.array([np.var(bandpass(x, *band)) for band in bands])
        for x, bands in zip(curves, (ACC_BANDS, TILT_BANDS, SPIN_BANDS))
    )
