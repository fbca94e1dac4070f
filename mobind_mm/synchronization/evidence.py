"""Evidence from the signals: how well each offset explains a clip.

For every band of frequencies, the part of a limb's motion that a sensor
measures is compared with what the video shows of it. If the two agree up to
an unknown gain and Gaussian noise, n independent samples with correlation r
support an offset with the log likelihood ratio ``-n/2 log(1 - r^2)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import softmax

from ..recordings import Recording
from .correlate import Correlator, bandpass, without_edges
from .signals import (
    RATE,
    IMUMotion,
    LimbMotion,
    imu_motion,
    limb_motion,
    make_grid,
)

ACC_BANDS = ((0.3, 0.8), (0.8, 1.6), (1.6, 2.6), (2.6, 4), (4, 6.5), (6.5, 11))
"""Bands in Hz in which accelerations are compared."""
TILT_BANDS = ((0.15, 0.8), (0.8, 2.6))
"""Bands in Hz in which orientations are compared."""

SIGNAL_NAMES = (
    *(f'up_{low}-{high}Hz' for low, high in ACC_BANDS),
    *(f'side_{low}-{high}Hz' for low, high in ACC_BANDS),
    *(f'tilt_{low}-{high}Hz' for low, high in TILT_BANDS),
    *(f'turn_{low}-{high}Hz' for low, high in TILT_BANDS),
)
"""Names of the rows of :attr:`SensorEvidence.signals`."""

_HEADINGS = 16
_HIGHEST = 0.46  # of the lower rate: what lies above is aliased
_RIDGE = 0.02  # of the mean energy, so that short overlaps do not explode
_AGREE = 0.9  # correlation of noiseless streams: bodies are not rigid


@dataclass(frozen=True)
class SensorEvidence:
    """Evidence of one sensor and its limb about the offset of a clip.

    Args:
        signals: (len(SIGNAL_NAMES), G) log likelihood ratios by offset.
        overlap: (G,) seconds in which both streams have data.
        motion: Standard deviation of the sensor's acceleration in m/s^2.
    """

    signals: np.ndarray
    overlap: np.ndarray
    motion: float


def offset_grid(max_offset: float) -> np.ndarray:
    """Offsets (G,) in seconds at which evidence is given."""
    max_lag = round(max_offset * RATE)
    return np.arange(-max_lag, max_lag + 1) / RATE


def clip_seconds(streams: Recording) -> float:
    """Length of a clip in seconds: to the end of its longest stream."""
    clocks = [stream.clock for stream in streams.imu.values()]
    if streams.pose is not None:
        clocks.append(streams.pose.clock)
    ends = [clock.span[1] for clock in clocks if clock.num_samples]
    return max(ends, default=0.0)


def limb_pairs(
    streams: Recording,
) -> dict[str, tuple[IMUMotion, LimbMotion]]:
    """Motions of the sensors and limbs that can be compared, by placement.

    Args:
        streams: A clip's raw streams; each clock starts with its window.
    """
    if streams.pose is None:
        return {}
    grid = make_grid(clip_seconds(streams))
    pairs = {}
    for placement, stream in streams.imu.items():
        imu = imu_motion(stream, grid)
        limb = limb_motion(streams.pose, placement, grid)
        if imu is not None and limb is not None:
            pairs[placement] = imu, limb
    return pairs


def signal_evidence(
    streams: Recording, max_offset: float
) -> dict[str, SensorEvidence]:
    """Compare every sensor with its limb.

    Args:
        streams: A clip's raw streams; each clock starts with its window.
        max_offset: Largest offset in seconds.

    Returns:
        Evidence by placement, of the sensors that can be compared.
    """
    evidence = {}
    for placement, (imu, limb) in limb_pairs(streams).items():
        assert streams.pose is not None  # or there are no pairs
        rate = streams.pose.clock.mean_rate
        rates = rate, streams.imu[placement].clock.mean_rate
        correlator = Correlator(len(limb.mask), round(max_offset * RATE))
        evidence[placement] = _compare(imu, limb, rates, correlator)
    return evidence


def _compare(
    imu: IMUMotion,
    limb: LimbMotion,
    rates: tuple[float, float],
    correlator: Correlator,
) -> SensorEvidence:
    """Evidence of one sensor; rates are those of pose and IMU in Hz."""
    pair = _Pair(correlator, without_edges(imu.mask), without_edges(limb.mask))
    silent = np.zeros_like(pair.seen)
    noise_acc, noise_segment = _noise_gain(round(rates[0], 3))
    rise, side = [], []
    for i, (low, high) in enumerate(ACC_BANDS):
        if high > _HIGHEST * min(rates):
            break  # all higher ones are aliased too
        band = bandpass(np.vstack([imu.acc, limb.acc]), low, high)
        east, north, vertical, right, up = band
        floor = limb.noise**2 * noise_acc[i]
        r = pair.correlation(vertical, up)
        rise.append(pair.ratio(r, up, floor, high - low))
        r = pair.headings(east, north, right)
        side.append(pair.ratio(r, right, floor, high - low))
    # The heading is the same in all bands.
    weights = softmax(sum(side), axis=0) if side else 0
    side = [(weights * rows).sum(axis=0) for rows in side]
    for rows in (rise, side):
        rows += [silent] * (len(ACC_BANDS) - len(rows))
    tilt: list[np.ndarray] = []
    turn: list[np.ndarray] = []
    for i, (low, high) in enumerate(TILT_BANDS):
        band = bandpass(
            np.vstack([imu.tilt, imu.turn, limb.segment]), low, high, True
        )
        floor = 2 * limb.noise**2 * noise_segment[i]
        for rows, xs, y in (
            (tilt, band[:3], band[10]),
            (turn, band[3:9], band[9]),
        ):
            r = pair.multiple_correlation(xs, y)
            rows.append(pair.ratio(r, y, floor, high - low))
    signals = np.array([*rise, *side, *tilt, *turn])
    return SensorEvidence(signals, pair.seen, _motion(imu))


def _motion(imu: IMUMotion) -> float:
    """Standard deviation of a sensor's acceleration in m/s^2."""
    band = bandpass(imu.acc, ACC_BANDS[0][0], ACC_BANDS[-1][1])[
        :, imu.mask > 0
    ]
    return float(np.sqrt((band**2).sum(axis=0).mean())) if band.size else 0.0


class _Pair:
    """Correlations of one sensor's and one limb's channels over all lags."""

    def __init__(
        self, correlator: Correlator, imu_mask: np.ndarray, mask: np.ndarray
    ) -> None:
        self.correlator, self.masks = correlator, (imu_mask, mask)
        self.spectra = [correlator.spectrum(m) for m in self.masks]
        shared = correlator.lags(*self.spectra)
        self.seen = np.maximum(shared, 0.0) / RATE  # seconds

    def correlation(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Correlation (G,) of an IMU channel with a pose channel."""
        x, y = x * self.masks[0], y * self.masks[1]
        norm = self._imu_energy(x * x) * self._pose_energy(y)
        return self._product(x, y) / np.sqrt(np.maximum(norm, 1e-12))

    def ratio(
        self, r: np.ndarray, y: np.ndarray, noise: float, width: float
    ) -> np.ndarray:
        """Log likelihood ratio (..., G) of correlations (..., G).

        Args:
            r: Correlations; negative ones are no evidence.
            y: (T,) the pose channel.
            noise: Variance of its noise.
            width: Width of the band in Hz.
        """
        # What correlation there can be at all, given the noise.
        energy = (y * self.masks[1]) @ y / max(self.masks[1].sum(), 1)
        agree = _AGREE**2 * np.clip(1 - noise / max(energy, 1e-12), 0, 1)
        r = np.clip(r, 0, 0.98)
        return -width * self.seen * np.log1p(-r * r) * agree

    def headings(
        self, east: np.ndarray, north: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Correlation (_HEADINGS, G) of horizontal channels with y."""
        east, north = east * self.masks[0], north * self.masks[0]
        y = y * self.masks[1]
        cross = [self._product(x, y) for x in (east, north)]
        energy = [self._imu_energy(x * x) for x in (east, north)]
        mixed = self._product(east * north, self.masks[1])
        pose = self._pose_energy(y)
        angles = np.arange(_HEADINGS)[:, None] * 2 * np.pi / _HEADINGS
        c, s = np.cos(angles), np.sin(angles)
        norm = c * c * energy[0] + 2 * c * s * mixed + s * s * energy[1]
        norm = np.sqrt(np.maximum(norm * pose, 1e-12))
        return (c * cross[0] + s * cross[1]) / norm

    def multiple_correlation(
        self, xs: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Correlation (G,) of y with its best mixture of channels xs."""
        xs, y = xs * self.masks[0], y * self.masks[1]
        values, vectors = np.linalg.eigh(xs @ xs.T)
        if values[-1] <= 1e-9:
            return np.zeros_like(self.seen)
        kept = values > 1e-3 * values[-1]
        xs = (vectors[:, kept] / np.sqrt(values[kept])).T @ xs
        pose = self._pose_energy(y)
        square = 0.0
        for x in xs:
            norm = self._imu_energy(x * x) * pose
            square = square + self._product(x, y) ** 2 / np.maximum(
                norm, 1e-12
            )
        return np.sqrt(square)

    def _product(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        to_spectrum = self.correlator.spectrum
        return self.correlator.lags(to_spectrum(x), to_spectrum(y))

    def _imu_energy(self, square: np.ndarray) -> np.ndarray:
        """Energy of an IMU channel where the pose is seen, with a ridge."""
        spectrum = self.correlator.spectrum(square)
        energy = self.correlator.lags(spectrum, self.spectra[1])
        share = self.masks[1].sum() / max(self.masks[0].sum(), 1)
        return np.maximum(energy, 0) + _RIDGE * square.sum() * share

    def _pose_energy(self, y: np.ndarray) -> np.ndarray:
        """Energy of a pose channel where the IMU has data, with a ridge."""
        spectrum = self.correlator.spectrum(y * y)
        energy = self.correlator.lags(self.spectra[0], spectrum)
        return np.maximum(energy, 0) + _RIDGE * (y @ y)


@cache
def _noise_gain(rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Variance of white keypoint noise in each band of both kinds.

    Args:
        rate: Frames per second.

    Returns:
        For unit variance of a keypoint: (len(ACC_BANDS),) of its
        acceleration, (len(TILT_BANDS),) of its position.
    """
    seconds = 60.0
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(times))
    path, grid = CubicSpline(times, noise), make_grid(seconds - 1 / rate)
    gains = []
    for order, bands in ((2, ACC_BANDS), (0, TILT_BANDS)):
        x = path(grid, order)
        gains.append([np.var(bandpass(x, *band)) for band in bands])
    return np.array(gains[0]), np.array(gains[1])
