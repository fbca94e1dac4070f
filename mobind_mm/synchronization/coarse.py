"""Where to look: an offset to a second or so, anywhere in long streams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfiltfilt

from ..recordings import PoseStream, Recording, SensorStream
from ..utils.errors import mistake
from .signals import limb_motion

COARSE_RATE = 10.0
"""Samples per second of the streams that are compared."""
_BANDS = ((0.15, 0.8), (0.8, 2.6))
_PIECE_SEC = 60.0
"""Length of the pieces of video: clocks hardly drift in a minute."""
_PIECES = 12
"""Most pieces that are looked for."""
_SENSORS = 3
"""Most sensors that are compared."""
_ROUND = 4
"""Pieces that may suffice: if after them one offset has ``_CLEAR`` times the
evidence of all that are not within ``_NEAR_SEC``, others are not looked at."""
_CLEAR, _CLEAR_NATS, _NEAR_SEC = 2.0, 20.0, 8.0
_CANDIDATES, _RIVAL = 3, 0.6
"""Most offsets that are worth a search, and their share of the evidence of
the best one."""


LONGEST_SEC = 30 * 86400.0
"""Width of the search that fits in memory."""


def offset_range(streams: Recording) -> tuple[float, float]:
    """Smallest and largest offset at which streams overlap enough.

    Raises:
        ValueError: If no sensor has a sample, or there are years of offsets.
    """
    assert streams.pose is not None
    spans = [s.clock.span for s in streams.imu.values() if s.clock.num_samples]
    if not spans:
        raise ValueError(
            f'No sensor has a sample ({", ".join(streams.imu) or "none"}); '
            'give at least one that was recorded during the video.'
        )
    worn = min(s[0] for s in spans), max(s[1] for s in spans)
    filmed = streams.pose.clock.span
    low, high = overlapping(worn, filmed)
    if not high - low <= LONGEST_SEC:
        each = [(k, *s.clock.span) for k, s in streams.imu.items()]
        lasting = [f'{k} from {a:g} to {b:g} s' for k, a, b in each]
        raise mistake(
            'recording',
            f'{", ".join(lasting)} and the video from {filmed[0]:g} to '
            f'{filmed[1]:g} s make more than 30 days of offsets',
            'Correct times that are wrong, and give sensors of one clock',
        )
    return low, max(high, low)


def overlapping(
    worn: tuple[float, float], filmed: tuple[float, float]
) -> tuple[float, float]:
    """Offsets from and to which two spans overlap enough, in seconds.

    That is a quarter of the shorter one, but 5 to 20 s, and half of spans
    below 10 s.
    """
    (start, end), (first, last) = worn, filmed
    shorter = min(last - first, end - start)
    least = float(np.clip(0.25 * shorter, min(5.0, 0.5 * shorter), 20.0))
    return start - last + least, end - first - least


def coarse_offset(streams: Recording) -> float | None:
    """The first of :func:`coarse_offsets`; None if there is none."""
    return next(iter(coarse_offsets(streams)), None)


def coarse_offsets(streams: Recording) -> list[float]:
    """Offsets at which most of the video agrees with the sensors, to 1 s.

    Tilt, angular rate and size of the acceleration of up to three sensors are
    compared with the limbs in pieces of a minute, at every offset at which
    they overlap, by one correlation for each band. Returns the offset with
    most evidence, and up to two others, not near it, with almost as much; none
    if nothing can be compared.
    """
    assert streams.pose is not None
    low, high = offset_range(streams)
    pose = streams.pose
    first, last = pose.clock.span
    count = int(np.clip(round((last - first) / _PIECE_SEC), 1, _PIECES))
    seconds = min(_PIECE_SEC, last - first)
    starts = np.linspace(first, last - seconds, count)
    offsets = np.arange(low, high + 1e-9, 1 / COARSE_RATE)
    total = np.zeros(len(offsets))
    moving = sorted(streams.imu.items(), key=_liveliness, reverse=True)
    sensors = [
        (name, _spectra(channels, round(seconds * COARSE_RATE) + 1), origin)
        for name, stream in moving[:_SENSORS]
        for channels, origin in [_sensor(stream)]
        if channels is not None
    ]
    rounds = max(count // _ROUND, 1)
    for turn in range(rounds):  # each of them all along the video
        for start in starts[turn::rounds]:
            span = start, start + seconds
            for name, spectra, origin in sensors:
                total += _piece(spectra, origin, pose, name, span, offsets)
        if _is_clear(total):
            break
    candidates: list[float] = []
    near, least = round(_NEAR_SEC * COARSE_RATE), _RIVAL * total.max()
    while total.any() and len(candidates) < _CANDIDATES:
        best = int(total.argmax())
        if total[best] <= 0 or total[best] < least:
            break
        candidates.append(float(offsets[best]))
        total[max(best - near, 0) : best + near + 1] = 0.0
    return candidates


def _is_clear(evidence: np.ndarray) -> bool:
    """Whether one offset has far more evidence (G,) than all others."""
    best, near = int(evidence.argmax()), round(_NEAR_SEC * COARSE_RATE)
    rest = np.concatenate(
        [evidence[: max(best - near, 0)], evidence[best + near + 1 :]]
    )
    return evidence[best] > _CLEAR * max(rest.max(initial=0.0), _CLEAR_NATS)


def _liveliness(item: tuple[str, SensorStream]) -> float:
    acc = item[1].channels.get('acc')
    if acc is None or not len(acc):
        return 0.0
    every = max(len(acc) // 5000, 1)
    return float(np.nanstd(np.asarray(acc[::every]), axis=0).sum())


def _sensor(stream: SensorStream) -> tuple[np.ndarray | None, float]:
    """Channels (C, T) on a coarse grid, and its first time."""
    if 'acc' not in stream.channels or stream.clock.num_samples < 50:
        return None, 0.0
    times = stream.clock.at()
    acc = np.asarray(stream.channels['acc'], np.float64)
    columns = [acc, np.linalg.norm(acc, axis=1)[:, None]]
    if 'gyro' in stream.channels:
        gyro = np.asarray(stream.channels['gyro'], np.float64)
        columns += [gyro, np.linalg.norm(gyro, axis=1)[:, None]]
    values = np.nan_to_num(np.hstack(columns))
    grid = np.arange(times[0], times[-1], 1 / COARSE_RATE)
    # Means over a sample of the grid: what is faster is not folded.
    total = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
    edges = np.searchsorted(times, [*grid, grid[-1] + 1 / COARSE_RATE])
    size = np.diff(edges)[:, None]
    means = np.diff(total[edges], axis=0) / np.maximum(size, 1)
    return (means * (size > 0)).T, float(times[0] + 0.5 / COARSE_RATE)


@dataclass(frozen=True)
class _Spectra:
    """A sensor's channels, filtered, as spectra of one length.

    Args:
        samples: Of the stream.
        length: Of the transforms.
        seen: Of where the sensor has data.
        kinds: For each kind of channels and each band: curves of the limb
            that they explain, the band, the spectra of the channels (C, F)
            and of their squares, and their mean squares (C, 1).
    """

    samples: int
    length: int
    seen: np.ndarray
    kinds: list[
        tuple[
            list[int], tuple[float, float], np.ndarray, np.ndarray, np.ndarray
        ]
    ]


def _spectra(channels: np.ndarray, count: int) -> _Spectra:
    """Spectra of a sensor (C, T) for pieces of so many samples."""
    length = next_fast_len(channels.shape[1] + 2 * count + 2, True)
    # Tilt against the bone, acceleration, its size, and angular rates.
    pairs: list[tuple[slice, list[int], tuple[int, ...]]] = [
        (slice(0, 3), [0, 1], (0,)),
        (slice(0, 3), [2, 3], (0, 1)),
        (slice(3, 4), [3, 4], (0, 1)),
    ]
    if len(channels) > 4:
        pairs += [(slice(4, 7), [5], (0, 1)), (slice(7, 8), [6], (0, 1))]
    kinds = []
    for rows, curves, bands in pairs:
        for band in bands:
            xs = sosfiltfilt(_filter(band), channels[rows], axis=1)
            xs = xs.astype(np.float32)
            squares = xs * xs
            kinds.append(
                (
                    curves,
                    _BANDS[band],
                    rfft(xs, length),
                    rfft(squares, length),
                    squares.mean(axis=1, keepdims=True),
                )
            )
    ones = np.ones(channels.shape[1], np.float32)
    return _Spectra(channels.shape[1], length, rfft(ones, length), kinds)


@cache
def _filter(band: int) -> np.ndarray:
    return butter(2, _BANDS[band], 'bandpass', fs=COARSE_RATE, output='sos')


def _limb_curves(
    pose: PoseStream, name: str, span: tuple[float, float]
) -> np.ndarray | None:
    """Curves (8, T) of a limb at :data:`COARSE_RATE`; the last is its mask."""
    part = pose.clock.between(*span)
    clock = pose.clock.at(part) - span[0]
    if len(clock) < 20:
        return None
    fine = np.arange(0, span[1] - span[0], 1 / 100.0)
    limb = limb_motion(pose.cut(part).at_times(clock), name, fine)
    if limb is None or not limb.mask.any():
        return None
    size = int(100 / COARSE_RATE)
    count = len(fine) // size
    curves = np.vstack(
        [
            limb.segment,
            limb.acc,
            np.linalg.norm(limb.acc, axis=0)[None],
            limb.spin[None],
            np.abs(limb.spin)[None],
            limb.mask[None],
        ]
    )
    return curves[:, : count * size].reshape(8, count, size).mean(axis=2)


def _piece(
    sensor: _Spectra,
    origin: float,
    pose: PoseStream,
    name: str,
    span: tuple[float, float],
    offsets: np.ndarray,
) -> np.ndarray:
    """Evidence (G,) of a piece of video about each offset."""
    evidence = np.zeros(len(offsets))
    curves = _limb_curves(pose, name, span)
    if curves is None:
        return evidence
    mask = (curves[-1] > 0.9).astype(np.float32)
    length, count = sensor.length, len(mask)
    # Lags at which the piece and the stream overlap; no others, which the
    # transform would fold onto them.
    first = round((offsets[0] + span[0] - origin) * COARSE_RATE)
    low = max(first, -count)
    high = min(first + len(offsets), sensor.samples)
    if low >= high:
        return evidence

    def lagged(spectrum: np.ndarray) -> np.ndarray:
        sums = irfft(spectrum, length)
        early = sums[..., length + low : length + min(high, 0)]
        late = sums[..., max(low, 0) : max(high, 0)]
        return np.concatenate([early, late], axis=-1)

    weight = np.conj(rfft(mask, length))
    seen = lagged(sensor.seen * weight)
    filtered = [
        sosfiltfilt(_filter(band), curves, axis=1).astype(np.float32) * mask
        for band in range(len(_BANDS))
    ]
    power = [(y * y).sum(axis=1) for y in filtered]
    mirrored = [np.conj(rfft(y, length)) for y in filtered]
    unexplained = np.ones((len(_BANDS), high - low), np.float32)
    for ys, limits, spectra, squares, means in sensor.kinds:
        band = _BANDS.index(limits)
        energy = np.maximum(lagged(squares * weight), 0)
        energy += 0.02 * means * mask.sum() + 1e-12
        for y in ys:
            cross = lagged(spectra * mirrored[band][y])
            r2 = (cross**2 / energy).sum(axis=0) / max(power[band][y], 1e-12)
            unexplained[band] *= np.maximum(1 - r2, 0.05)
    width = np.array([high - low for low, high in _BANDS], np.float32)
    score = -0.3 / COARSE_RATE * seen * (width @ np.log(unexplained))
    enough = seen >= 0.3 * mask.sum()
    if enough.any():
        # Less what chance gives, or long overlaps would win by that alone.
        score = np.where(enough, score - np.median(score[enough]), 0.0)
        evidence[low - first : high - first] = score
    return evidence
