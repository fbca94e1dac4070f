"""Evidence from the signals: how well each offset explains a clip.

For every band of frequencies, the part of a limb's motion that a sensor
measures is compared with what the video shows of it. If the two agree up to
an unknown gain and Gaussian noise, n independent samples with correlation r
support an offset with the log likelihood ratio ``-n/2 log(1 - r^2)``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..recordings import Recording
from .correlate import Correlator, bandpass, without_edges
from .signals import (
    RATE,
    STEP_SEC,
    IMUMotion,
    LimbMotion,
    imu_motion,
    limb_motion,
    make_grid,
    smooth_path,
)

ACC_BANDS = ((0.3, 0.8), (0.8, 1.6), (1.6, 2.6), (2.6, 4), (4, 6.5), (6.5, 11))
"""Bands in Hz in which accelerations are compared."""
TILT_BANDS = ((0.15, 0.8), (0.8, 2.6))
"""Bands in Hz in which orientations are compared."""

SPIN_BANDS = ((0.3, 1.2), (1.2, 3), (3, 6))
"""Bands in Hz in which angular rates are compared."""

SIGNAL_NAMES = (
    *(f'up_{low}-{high}Hz' for low, high in ACC_BANDS),
    *(f'side_{low}-{high}Hz' for low, high in ACC_BANDS),
    *(f'tilt_{low}-{high}Hz' for low, high in TILT_BANDS),
    *(f'turn_{low}-{high}Hz' for low, high in TILT_BANDS),
    *(f'spin_{low}-{high}Hz' for low, high in SPIN_BANDS),
    *(f'speed_{low}-{high}Hz' for low, high in SPIN_BANDS),
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
        parts: (K, len(SIGNAL_NAMES), G) the same of parts of the clip.
        control: (len(SIGNAL_NAMES), G) the same of the limb's motion
            backwards in time: what agrees by chance; 0 without parts.
        part_overlap: (K, G) seconds in which a part overlaps the sensor.
    """

    signals: np.ndarray
    overlap: np.ndarray
    motion: float
    parts: np.ndarray
    control: np.ndarray
    part_overlap: np.ndarray


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
    streams: Recording, max_offset: float, part_sec: float | None = None
) -> dict[str, SensorEvidence]:
    """Compare every sensor with its limb.

    Args:
        streams: A clip's raw streams; each clock starts with its window.
        max_offset: Largest offset in seconds.
        part_sec: Length of the parts that are compared, too; none if None.

    Returns:
        Evidence by placement, of the sensors that can be compared.
    """
    evidence = {}
    for placement, (imu, limb) in limb_pairs(streams).items():
        assert streams.pose is not None  # or there are no pairs
        rate = streams.pose.clock.mean_rate
        rates = rate, streams.imu[placement].clock.mean_rate
        correlator = Correlator(len(limb.mask), round(max_offset * RATE))
        evidence[placement] = _compare(
            imu, limb, rates, correlator, part_sec, streams.pose.clock.span
        )
    return evidence


@dataclass(frozen=True)
class _Band:
    """Channels (C, T) of a sensor, and the one (T,) they should explain."""

    kind: str
    index: int
    width: float
    xs: np.ndarray
    y: np.ndarray
    noise: float


def _bands(
    imu: IMUMotion, limb: LimbMotion, rates: tuple[float, float]
) -> list[_Band]:
    """All that is compared, band by band; rates are of pose and IMU in Hz."""
    gains = _noise_gain(round(rates[0], 3))
    highest = _HIGHEST * min(rates)  # all higher ones are aliased
    length = max(limb.length, 1e-9)
    bands = []
    for i, (low, high) in enumerate(ACC_BANDS):
        if high > highest:
            break
        xs = bandpass(np.vstack([imu.acc, limb.acc]), low, high)
        noise = limb.noise**2 * gains[0][i]
        xs = xs.astype(np.float32)
        bands.append(_Band('up', i, high - low, xs[2:3], xs[4], noise))
        bands.append(_Band('side', i, high - low, xs[:2], xs[3], noise))
    if not limb.length:
        return bands
    for i, (low, high) in enumerate(TILT_BANDS):
        xs = bandpass(
            np.vstack([imu.tilt, imu.turn, limb.segment]), low, high, True
        )
        noise = 2 * limb.noise**2 * gains[1][i]
        xs = xs.astype(np.float32)
        bands.append(_Band('tilt', i, high - low, xs[:3], xs[10], noise))
        bands.append(_Band('turn', i, high - low, xs[3:9], xs[9], noise))
    sizes = np.linalg.norm(imu.gyro, axis=0), np.abs(limb.spin)
    for i, (low, high) in enumerate(SPIN_BANDS):
        if high > highest or not imu.gyro.any():
            break
        xs = bandpass(np.vstack([imu.gyro, limb.spin, *sizes]), low, high)
        noise = 2 * limb.noise**2 * gains[2][i] / length**2
        xs = xs.astype(np.float32)
        bands.append(_Band('spin', i, high - low, xs[:3], xs[3], noise))
        bands.append(_Band('speed', i, high - low, xs[4:5], xs[5], noise))
    return bands


def _compare(
    imu: IMUMotion,
    limb: LimbMotion,
    rates: tuple[float, float],
    correlator: Correlator,
    part_sec: float | None = None,
    span: tuple[float, float] = (0.0, 0.0),
) -> SensorEvidence:
    """Evidence of one sensor; rates are those of pose and IMU in Hz."""
    bands = _bands(imu, limb, rates)
    masks = tuple(
        without_edges(mask).astype(np.float32)
        for mask in (imu.mask, limb.mask)
    )
    spectra: dict = {}
    pair = _Pair(correlator, masks[0], masks[1], spectra)
    signals = _ratios(pair, bands)
    control = np.zeros_like(signals)
    parts = np.zeros((0, *signals.shape))
    part_overlap = np.zeros((0, signals.shape[1]))
    if part_sec is not None:
        backwards = [replace(band, y=band.y[::-1]) for band in bands]
        mirror = _Pair(correlator, masks[0], masks[1][::-1], spectra)
        control = _ratios(mirror, backwards)
        inside = part_masks(len(limb.mask), span, part_sec)
        few = _Pair(correlator, masks[0], masks[1] * inside, spectra)
        parts = np.moveaxis(_ratios(few, bands), 0, 1)
        part_overlap = few.seen
    return SensorEvidence(
        signals, pair.seen, _motion(imu), parts, control, part_overlap
    )


def part_borders(span: tuple[float, float], part_sec: float) -> np.ndarray:
    """Borders (K + 1,) in seconds of the parts of a clip's video."""
    count = max(round((span[1] - span[0]) / part_sec), 1)
    return np.linspace(span[0], span[1], count + 1)


def part_masks(
    size: int, span: tuple[float, float], part_sec: float
) -> np.ndarray:
    """Parts (K, T) of a clip's video: 1 inside, else 0."""
    borders = np.round(part_borders(span, part_sec) * RATE)
    borders[-1] += 1
    at = np.arange(size)
    inside = (at >= borders[:-1, None]) & (at < borders[1:, None])
    return inside.astype(np.float32)


def _ratios(pair: _Pair, bands: list[_Band]) -> np.ndarray:
    """Log likelihood ratios (len(SIGNAL_NAMES), ..., G).

    The heading is the same in all bands of a clip. Parts of a clip, of which
    a wrong offset may have chosen it, look for their own.
    """
    rows = np.zeros((len(SIGNAL_NAMES), *pair.seen.shape))
    side = [band for band in bands if band.kind == 'side']
    heading = None
    if side and pair.seen.ndim == 1:
        ratios = [
            pair.ratio(
                pair.headings(band.xs[0], band.xs[1], band.y),
                band.y,
                band.noise,
                band.width,
            )
            for band in side
        ]
        heading = np.argmax(sum(ratios), axis=0)
    for band in bands:
        if band.kind == 'side' and heading is not None:
            r = pair.headings(band.xs[0], band.xs[1], band.y, heading)[0]
        elif len(band.xs) > 1:
            r = pair.multiple_correlation(band.xs, band.y)
        else:
            r = pair.correlation(band.xs[0], band.y)
        rows[_FIRST[band.kind] + band.index] = pair.ratio(
            r, band.y, band.noise, band.width
        )
    return rows


_FIRST = {
    name.split('_')[0]: i for i, name in reversed([*enumerate(SIGNAL_NAMES)])
}
"""First row of each kind."""


def _motion(imu: IMUMotion) -> float:
    """Standard deviation of a sensor's acceleration in m/s^2."""
    band = bandpass(imu.acc, ACC_BANDS[0][0], ACC_BANDS[-1][1])[
        :, imu.mask > 0
    ]
    return float(np.sqrt((band**2).sum(axis=0).mean())) if band.size else 0.0


class _Pair:
    """Correlations of one sensor's and one limb's channels over all lags.

    The mask (K, T) of the limb may be that of K parts; all results then
    have that axis before that of the lags, and energies are those of the
    stretch that a part covers times the share of it that is seen.

    Args:
        correlator: Of the length of the streams.
        imu_mask: (T,) 1 where the sensor has data.
        mask: (T,) or (K, T) 1 where the limb is seen.
        spectra: Spectra of the sensor's channels that pairs share.
    """

    def __init__(
        self,
        correlator: Correlator,
        imu_mask: np.ndarray,
        mask: np.ndarray,
        spectra: dict | None = None,
    ) -> None:
        self.correlator, self.masks = correlator, (imu_mask, mask)
        self.known = {} if spectra is None else spectra
        self.spectra = [correlator.spectrum(m) for m in self.masks]
        shared = correlator.lags(*self.spectra)
        self.seen = np.maximum(shared, 0.0) / RATE  # seconds

    def correlation(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Correlation (G,) of an IMU channel with a pose channel."""
        y = y * self.masks[1]
        (x,) = self._imu(x[None])
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
        seen = np.maximum(self.masks[1].sum(axis=-1), 1)
        energy = np.maximum((self.masks[1] * y) @ y / seen, 1e-12)
        agree = _AGREE**2 * np.clip(1 - noise / energy, 0, 1)[..., None]
        r = np.clip(r, 0, 0.98)
        return -width * self.seen * np.log1p(-r * r) * agree

    def headings(
        self,
        east: np.ndarray,
        north: np.ndarray,
        y: np.ndarray,
        index: np.ndarray | None = None,
    ) -> np.ndarray:
        """Correlation (_HEADINGS, ..., G) of horizontal channels with y.

        With the index (G,) of a heading, (1, ..., G) of that one.
        """
        east, north = self._imu(np.stack([east, north]))
        y = y * self.masks[1]
        spectrum = self.correlator.spectrum(y)
        cross = [self._product(x, spectrum) for x in (east, north)]
        energy = [self._imu_energy(x * x) for x in (east, north)]
        mixed = self._imu_energy(east * north, ridge=0.0)
        pose = self._pose_energy(y)
        angles = np.arange(_HEADINGS) * 2 * np.pi / _HEADINGS
        if index is None:
            angles = angles.reshape(-1, *(1,) * self.seen.ndim)
        else:
            angles = angles[index][None]
        c, s = np.cos(angles), np.sin(angles)
        norm = c * c * energy[0] + 2 * c * s * mixed + s * s * energy[1]
        norm = np.sqrt(np.maximum(norm * pose, 1e-12))
        return (c * cross[0] + s * cross[1]) / norm

    def multiple_correlation(
        self, xs: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Correlation (G,) of y with its best mixture of channels xs."""
        xs, y = self._imu(xs, white=True), y * self.masks[1]
        if not len(xs):
            return np.zeros_like(self.seen)
        pose, square = self._pose_energy(y), 0.0
        spectrum = self.correlator.spectrum(y)
        for x in xs:
            norm = self._imu_energy(x * x) * pose
            square = square + self._product(x, spectrum) ** 2 / np.maximum(
                norm, 1e-12
            )
        return np.sqrt(square)

    def _imu(self, xs: np.ndarray, white: bool = False) -> np.ndarray:
        """Channels (C, T) where they are known, as principal components."""
        xs = xs * self.masks[0]
        if not white:
            return xs
        values, vectors = np.linalg.eigh(xs @ xs.T)
        kept = values > max(1e-3 * values[-1], 1e-9)
        return (vectors[:, kept] / np.sqrt(values[kept])).T @ xs

    def _product(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sums (..., G) of products; y may be a spectrum."""
        if not np.iscomplexobj(y):
            y = self.correlator.spectrum(y)
        return self.correlator.lags(self._spectrum(x), y)

    def _spectrum(self, x: np.ndarray) -> np.ndarray:
        """Spectrum of a sensor's channel, computed once for all pairs."""
        key = x.tobytes()
        if key not in self.known:
            self.known[key] = self.correlator.spectrum(x)
        return self.known[key]

    def _imu_energy(
        self, square: np.ndarray, ridge: float = _RIDGE
    ) -> np.ndarray:
        """Energy of an IMU channel where the pose is seen, with a ridge."""
        mask = self.masks[1]
        if mask.ndim == 1:
            spectrum = self._spectrum(square)
            energy = self.correlator.lags(spectrum, self.spectra[1])
        else:
            energy = self._box_sums(square)
        if ridge:
            energy = np.maximum(energy, 0)
        share = mask.sum(axis=-1) / max(self.masks[0].sum(), 1)
        return energy + (ridge * square.sum() * share)[..., None]

    def _box_sums(self, square: np.ndarray) -> np.ndarray:
        """Sums (K, G) over the stretches of parts, times the share seen."""
        mask, reach = self.masks[1], self.correlator.max_lag
        seen = mask > 0
        first, size = seen.argmax(axis=1), mask.shape[1]
        stop = np.where(seen.any(axis=1), size - seen[:, ::-1].argmax(1), 0)
        total = np.concatenate([[0.0], np.cumsum(square, dtype=np.float64)])
        lags = np.arange(-reach, reach + 1)
        ends = np.clip(stop[:, None] + lags, 0, size)
        starts = np.clip(first[:, None] + lags, 0, size)
        share = mask.sum(axis=1) / np.maximum(stop - first, 1)
        return (total[ends] - total[starts]) * share[:, None]

    def _pose_energy(self, y: np.ndarray) -> np.ndarray:
        """Energy of a pose channel where the IMU has data, with a ridge."""
        whole = (y * y).sum(axis=-1)[..., None]
        if self.masks[1].ndim == 1:
            spectrum = self.correlator.spectrum(y * y)
            energy = self.correlator.lags(self.spectra[0], spectrum)
        else:
            seconds = self.masks[1].sum(axis=-1)[..., None] / RATE
            energy = whole * self.seen / np.maximum(seconds, 1 / RATE)
        return np.maximum(energy, 0) + _RIDGE * whole


@cache
def _noise_gain(rate: float) -> tuple[np.ndarray, ...]:
    """Variance of white keypoint noise in each band of all kinds.

    Args:
        rate: Frames per second.

    Returns:
        For unit variance of a keypoint: (len(ACC_BANDS),) of its
        acceleration, (len(TILT_BANDS),) of its position, and
        (len(SPIN_BANDS),) of its velocity.
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
    kinds = ACC_BANDS, TILT_BANDS, SPIN_BANDS
    return tuple(
        np.array([np.var(bandpass(x, *band)) for band in bands])
        for x, bands in zip(curves, kinds)
    )
