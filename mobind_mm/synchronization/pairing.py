"""Do sensors and a person belong together? A quick look at every offset.

What is compared, and how it counts, is that of :mod:`.evidence`, but for the
frequencies above 3 Hz, which place an offset and say little about whose
sensors these are. So 20 samples per second suffice, and the signals of each
sensor and each limb are made once for all pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import maximum_filter1d

from ..recordings import PoseStream, SensorStream
from .coarse import overlapping
from .correlate import bandpass, without_edges
from .fused import SENSORS_POWER, WEIGHTS
from .kinds import KINDS, Band, imu_rows, limb_noise, limb_rows, signal_name
from .pairs import AGREE, RIDGE, whitened
from .signals import RATE, imu_motion, limb_motion, make_grid

PAIR_RATE = 20.0
"""Samples per second of the signals."""
PIECE_SEC = 60.0
"""Longest piece of video: clocks hardly drift in a minute."""
PIECES = 6
"""Most pieces of a video that are compared."""

_EVERY = round(RATE / PAIR_RATE)
_CHUNK_SEC, _MARGIN_SEC = 600.0, 15.0
"""Long streams of sensors are filtered in chunks, with margins."""
_NEAR_SEC = 0.3
"""Offsets this close are not rivals."""
_DRIFT = 200e-6
"""How much clocks may drift from piece to piece, either way."""


_HIGHEST_HZ = 3.0

GROUPS: tuple[tuple[str, Band], ...] = tuple(
    (name, band)
    for name, kind in KINDS.items()
    for band in kind.bands
    if band[1] <= _HIGHEST_HZ
)
"""Kinds and bands that are compared."""

_SIZES = [KINDS[name].channels for name, _ in GROUPS]
_SIGNED = np.array(_SIZES) == 1
_WIDTHS = np.array(
    [WEIGHTS[signal_name(*g)] * (g[1][1] - g[1][0]) for g in GROUPS]
)


@dataclass(frozen=True)
class SensorSignals:
    """Signals of a sensor.

    Args:
        xs: (C, T) uncorrelated channels of each group, one after the other.
        groups: (C,) index of the group of each channel, ascending.
        mask: (T,) 1 where the sensor has data.
        start: Time of the first sample in seconds, a multiple of the step.
    """

    xs: np.ndarray
    groups: np.ndarray
    mask: np.ndarray
    start: float
    _spectra: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def span(self) -> tuple[float, float]:
        """First and last time in seconds."""
        return self.start, self.start + (len(self.mask) - 1) / PAIR_RATE

    def spectra(self, size: int) -> tuple[np.ndarray, ...]:
        """Spectra of the channels, their squares and the mask."""
        if size not in self._spectra:
            self._spectra[size] = tuple(
                rfft(x, size) for x in (self.xs, self.xs**2, self.mask)
            )
        return self._spectra[size]


@dataclass(frozen=True)
class LimbSignals:
    """Signals of a limb in a piece of video.

    Args:
        ys: (len(GROUPS), T) what the sensor should explain.
        mask: (T,) 1 where the limb is seen.
        agree: (len(GROUPS),) how much of it can agree, given the noise.
        start: Time of the first sample in seconds, a multiple of the step.
    """

    ys: np.ndarray
    mask: np.ndarray
    agree: np.ndarray
    start: float


@dataclass(frozen=True)
class PairEvidence:
    """What a quick look at sensors and a person says.

    Args:
        offset: Best offset in seconds, to about 0.05 s.
        top: Evidence of it in nats.
        rival: Evidence of the best offset that is not near.
        control: Evidence of the best offset of the movement played
            backwards, which agrees by chance alone.
        overlap: Seconds that both share at the best offset.
        sensors: Sensors that could be compared.
    """

    offset: float = 0.0
    top: float = 0.0
    rival: float = 0.0
    control: float = 0.0
    overlap: float = 0.0
    sensors: int = 0


def sensor_signals(stream: SensorStream) -> SensorSignals | None:
    """Signals of a sensor; None if it cannot be compared with a video."""
    clock = stream.clock
    if clock.num_samples < 50:
        return None
    first, last = clock.span
    start = np.ceil(first * PAIR_RATE) / PAIR_RATE
    count = int((last - start) * PAIR_RATE) + 1
    step = round(_CHUNK_SEC * PAIR_RATE)
    rows, masks = [], []
    for at in range(0, count, step):
        size = min(step, count - at)
        chunk = _sensor_chunk(stream, start + at / PAIR_RATE, size)
        if chunk is None:
            chunk = np.zeros((_CHANNELS, size)), np.zeros(size)
        rows.append(chunk[0])
        masks.append(chunk[1])
    mask = np.concatenate(masks)
    if not mask.any():
        return None
    together = np.hstack(rows) * mask
    xs, groups, at = [], [], 0
    for index, size in enumerate(_SIZES):
        white = whitened(together[None, at : at + size])[0]
        white = white[white.any(axis=1)]
        at += size
        xs.append(white)
        groups += [index] * len(white)
    return SensorSignals(
        np.vstack(xs).astype(np.float32),
        np.array(groups, np.int64),
        mask.astype(np.float32),
        float(start),
    )


_CHANNELS = sum(_SIZES)


def _sensor_chunk(
    stream: SensorStream, start: float, size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Filtered channels (C, size) and mask (size,) of a part of a stream."""
    seconds = size / PAIR_RATE
    begin = start - _MARGIN_SEC
    part = stream.clock.between(begin, start + seconds + _MARGIN_SEC)
    times = stream.clock.at(part)
    if len(times) < 8:
        return None
    origin = start - round((start - times[0]) * PAIR_RATE) / PAIR_RATE
    origin = min(origin, start)
    piece = stream.cut(part).at_times(times - origin)
    motion = imu_motion(piece, make_grid(times[-1] - origin + 1 / RATE))
    if motion is None:
        return None
    sources, rate = imu_rows(motion), stream.clock.mean_rate
    values = [
        _band(sources[KINDS[name].imu], name, band)
        * KINDS[name].shows(band, rate)
        for name, band in GROUPS
    ]
    skip = round((start - origin) * RATE)
    whole = np.zeros((_CHANNELS + 1, size))
    every = np.vstack([*values, without_edges(motion.mask)])[:, skip::_EVERY]
    every = every[:, :size]
    whole[:, : every.shape[1]] = every
    return whole[:-1], whole[-1]


def _band(rows: np.ndarray, kind: str, band: Band) -> np.ndarray:
    """Rows in a band."""
    return bandpass(rows, *band, KINDS[kind].slow) if rows.any() else rows


def limb_signals(pose: PoseStream, placement: str) -> list[LimbSignals]:
    """Signals of a limb, piece by piece; empty if it is never seen."""
    if pose.clock.num_samples < 8:
        return []
    first, last = pose.clock.span
    count = int(np.clip(round((last - first) / PIECE_SEC), 1, PIECES))
    seconds = (last - first) / max(round((last - first) / PIECE_SEC), 1)
    starts = np.linspace(first, max(last - seconds, first), count)
    pieces = [_limb_piece(pose, placement, start, seconds) for start in starts]
    return [piece for piece in pieces if piece is not None]


def _limb_piece(
    pose: PoseStream, placement: str, first: float, seconds: float
) -> LimbSignals | None:
    start = float(np.ceil(first * PAIR_RATE) / PAIR_RATE)
    part = pose.clock.between(start, first + seconds + 1e-6)
    times = pose.clock.at(part) - start
    if len(times) < 8:
        return None
    piece = pose.cut(part).at_times(times)
    limb = limb_motion(piece, placement, make_grid(times[-1] + 1 / RATE))
    if limb is None:
        return None
    mask = without_edges(limb.mask)[::_EVERY]
    if mask.sum() < 2 * PAIR_RATE:
        return None
    rate = pose.clock.mean_rate
    sources, variances = limb_rows(limb), limb_noise(limb, rate)
    ys = np.zeros((len(GROUPS), len(mask)))
    noise = np.zeros(len(GROUPS))
    for index, (name, band) in enumerate(GROUPS):
        kind = KINDS[name]
        if not kind.shows(band, rate) or (kind.of_bone and not limb.length):
            continue
        ys[index] = _band(sources[[kind.limb]], name, band)[0][::_EVERY]
        noise[index] = variances[name][kind.bands.index(band)]
    ys *= mask
    energy = np.maximum((ys**2).sum(axis=1) / mask.sum(), 1e-12)
    return LimbSignals(
        ys.astype(np.float32),
        mask.astype(np.float32),
        AGREE**2 * np.clip(1 - noise / energy, 0, 1),
        start,
    )


def pair_evidence(
    sensors: Mapping[str, SensorSignals],
    limbs: Mapping[str, Sequence[LimbSignals]],
    search: tuple[float, float] | None = None,
) -> PairEvidence:
    """Compare the sensors of a recording with a person.

    Args:
        sensors: By placement; they share a clock.
        limbs: Pieces by placement, see :func:`limb_signals`.
        search: Smallest and largest offset; None for all at which enough
            of both overlaps.
    """
    names = [name for name in sensors if limbs.get(name)]
    if not names:
        return PairEvidence()
    spans = [sensors[name].span for name in names]
    pieces = [piece for name in names for piece in limbs[name]]
    worn = min(s[0] for s in spans), max(s[1] for s in spans)
    first = min(p.start for p in pieces)
    last = max(p.start + len(p.mask) / PAIR_RATE for p in pieces)
    low, high = overlapping(worn, (first, last))
    if search is not None:
        low, high = max(low, search[0]), min(high, search[1])
    lags = np.arange(round(low * PAIR_RATE), round(high * PAIR_RATE) + 1)
    if not len(lags):
        return PairEvidence()
    slack = int(_DRIFT * 0.5 * (last - first) * PAIR_RATE)
    total = np.zeros((2, len(lags)))
    overlap = np.zeros(len(lags))
    for name in names:
        for piece in limbs[name]:
            curves, seen = _compare(sensors[name], piece, lags)
            if slack:
                curves = maximum_filter1d(curves, 2 * slack + 1, axis=1)
            total += curves
            overlap += seen
    total /= len(names) ** SENSORS_POWER
    best = int(total[0].argmax())
    far = np.abs(lags - lags[best]) > _NEAR_SEC * PAIR_RATE + slack
    return PairEvidence(
        offset=float(lags[best] / PAIR_RATE),
        top=float(total[0, best]),
        rival=float(total[0, far].max()) if far.any() else 0.0,
        control=float(total[1].max()),
        overlap=float(overlap[best] / len(names)),
        sensors=len(names),
    )


def _compare(
    sensor: SensorSignals, limb: LimbSignals, lags: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (2, G), forwards and backwards, and overlap (G,) in seconds.

    ``lags`` are (G,) offsets in samples.
    """
    size = next_fast_len(len(sensor.mask) + limb.ys.shape[1], True)
    xs, squares, known = sensor.spectra(size)
    shift = round((limb.start - sensor.start) * PAIR_RATE)
    # Beyond the streams, what wraps around meets zeros.
    at = (
        np.clip(lags + shift, 1 - limb.ys.shape[1], len(sensor.mask) - 1)
        % size
    )
    firsts = np.searchsorted(sensor.groups, np.arange(len(GROUPS)))
    there = np.isin(np.arange(len(GROUPS)), sensor.groups)
    total = sensor.mask.sum()
    curves = np.zeros((2, len(lags)))
    seen = np.zeros(len(lags))
    for turn, step in enumerate((1, -1)):
        ys, mask = limb.ys[:, ::step], limb.mask[::step]
        spectra = np.conj(rfft(ys, size))
        covered = np.conj(rfft(mask, size))
        cross = irfft(xs * spectra[sensor.groups], size)[:, at]
        energy = np.maximum(irfft(squares * covered, size)[:, at], 0)
        energy += RIDGE * mask.sum() / max(total, 1)
        signed = _SIGNED[sensor.groups]
        cross[signed] = np.maximum(cross[signed], 0)
        shares = np.zeros((len(GROUPS), len(lags)), np.float32)
        shares[there] = np.add.reduceat(cross**2 / energy, firsts[there])
        ys2 = np.conj(rfft(ys**2, size))
        limb_energy = np.maximum(irfft(ys2 * known, size)[:, at], 0)
        limb_energy += RIDGE * (ys**2).sum(axis=1, keepdims=True) + 1e-12
        r2 = np.clip(shares / limb_energy, 0, 0.96)
        seen_now = np.maximum(irfft(covered * known, size)[at], 0) / PAIR_RATE
        weights = (_WIDTHS * limb.agree).astype(np.float32)
        curves[turn] = -(weights @ np.log1p(-r2)) * seen_now
        if not turn:
            seen = seen_now
    return curves, seen
