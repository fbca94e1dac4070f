"""Curves over all time lags: correlations, their top, and its rivals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, find_peaks, sosfreqz

from .signals import RATE

_EDGE_SEC = 0.25
_APART_SEC = 0.25
"""Rivals are at least this far from the best offset and each other."""
_LEAST_OVERLAP_SEC = 3.0
"""Less overlap than this can agree by chance."""
_LEAST_EVIDENCE = 8.0
"""Less evidence than this (natural logarithm) is chance too."""
_RIVAL_RATIO = 0.75
"""Share of the best offset's evidence per second that makes a rival."""
_MOST = 20
"""At most so many rivals are listed."""


class Correlator:
    """Sums over time of products of two streams, for every lag.

    ``lag`` is how much later, in samples, the first stream shows what the
    second one shows: ``sum_t x[t + lag] * y[t]`` for lags -L to L. With
    ``t_imu = t_pose + offset`` the lag of (IMU, pose) is the offset.

    Args:
        length: Samples T of the longer stream.
        max_lag: Largest lag L in samples.
    """

    def __init__(self, length: int, max_lag: int) -> None:
        self.max_lag = max_lag
        # Room for the largest lag: what wraps around then meets zeros.
        self.size = next_fast_len(length + max_lag + 1, True)

    def spectrum(self, x: np.ndarray) -> np.ndarray:
        """Spectrum of streams (..., T), to be used several times."""
        return rfft(x, self.size)

    def lags(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(..., 2 L + 1) sums from the spectra of both streams."""
        sums = irfft(first * np.conj(second), self.size)
        L = self.max_lag  # noqa: N806
        early = sums[..., self.size - L :]
        return np.concatenate([early, sums[..., : L + 1]], axis=-1)


def bandpass(
    x: np.ndarray, low: float, high: float, mirror: bool = False
) -> np.ndarray:
    """Zero-phase band-pass of streams (..., T) on the grid, in Hz.

    See :func:`filter_bank`, which has several bands.
    """
    return filter_bank(x, ((low, high),), mirror)[0]


def filter_bank(
    x: np.ndarray,
    bands: Sequence[tuple[float, float]],
    mirror: bool = False,
    step: int = 1,
) -> np.ndarray:
    """Zero-phase band-passes (B, ..., T / step) of streams (..., T).

    Streams are extended by a cycle of the lowest frequency: by their mean,
    or mirrored if they move slowly. A filter that starts at the first
    sample rings with its noise; both streams of a clip would do so at the
    same time, which favours offset 0.

    Args:
        x: (..., T) streams on the grid.
        bands: (B) pairs of frequencies in Hz.
        mirror: How streams continue beyond their ends.
        step: Keep every so many samples, for bands far below half of
            that rate.
    """
    length = x.shape[-1]
    extra = -(-round(RATE / min(low for low, _ in bands)) // step) * step
    x = x - x.mean(axis=-1, keepdims=True)
    width = [(0, 0)] * (x.ndim - 1) + [(extra, extra)]
    x = np.pad(x, width, mode='symmetric' if mirror else 'constant')
    size = step * next_fast_len(-(-x.shape[-1] // step), True)
    kept = size // step // 2 + 1
    spectrum = rfft(x, size)[..., :kept]
    gains = np.array([_gain(low, high, size)[:kept] for low, high in bands])
    gains = gains.reshape(len(bands), *(1,) * (x.ndim - 1), kept)
    filtered = irfft(spectrum * gains.astype(x.dtype), size // step)
    first, count = extra // step, -(-length // step)
    return filtered[..., first : first + count] / step


@lru_cache(256)
def _gain(low: float, high: float, size: int) -> np.ndarray:
    """Gain of a filter that runs forwards and backwards in time."""
    sos = butter(2, (low, high), 'bandpass', fs=RATE, output='sos')
    frequencies = np.arange(size // 2 + 1) * (RATE / size)
    _, response = sosfreqz(sos, frequencies, fs=RATE)
    return np.abs(response) ** 2


def without_edges(mask: np.ndarray) -> np.ndarray:
    """Mask (T,) without the ends of a stream, whose derivatives are wrong."""
    guard = round(_EDGE_SEC * RATE)
    mask, seen = mask.copy(), np.flatnonzero(mask)
    if len(seen):
        mask[: seen[0] + guard] = 0.0
        mask[max(seen[-1] + 1 - guard, 0) :] = 0.0
    return mask


def peak_offset(offsets: np.ndarray, score: np.ndarray) -> float:
    """Offset of the largest score, on the parabola through its neighbours.

    Offsets (G,) are evenly spaced, scores (G,) finite. It is at most half a
    step from the largest sample; the sample itself at an end of the curve or
    on a plateau.
    """
    best = int(np.argmax(score))
    if not 0 < best < len(score) - 1:
        return float(offsets[best])
    left, top, right = score[best - 1 : best + 2]
    bend = left - 2 * top + right
    if bend > -1e-12:
        return float(offsets[best])
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    return float(offsets[best] + shift * (offsets[1] - offsets[0]))


def find_rivals(
    offsets: np.ndarray, evidence: np.ndarray, overlap: np.ndarray, best: int
) -> list[tuple[float, float]]:
    """Offsets at which the streams fit as well as at the best one.

    A strictly periodic motion fits at every multiple of its period. The
    posterior still prefers the multiple with the largest overlap, because
    there is more to agree about, and would be sure of it; evidence per
    second of overlap does not.

    Args:
        offsets: (G,) seconds.
        evidence: (G,) log likelihood ratios.
        overlap: (G,) seconds.
        best: Index of the best offset.

    Returns:
        (offset in seconds, share of the evidence per second among the best
        offset and its rivals), strongest first.
    """
    if len(offsets) < 3:
        return []
    density = evidence / np.maximum(overlap, _LEAST_OVERLAP_SEC)
    step = offsets[1] - offsets[0]
    peaks, _ = find_peaks(density, distance=max(round(_APART_SEC / step), 1))
    far = np.abs(offsets[peaks] - offsets[best]) >= _APART_SEC
    strong = density[peaks] >= _RIVAL_RATIO * density[best]
    strong &= evidence[peaks] >= _LEAST_EVIDENCE
    strong &= overlap[peaks] >= _LEAST_OVERLAP_SEC
    rivals = peaks[far & strong]
    rivals = rivals[np.argsort(-density[rivals], kind='stable')][:_MOST]
    total = density[best] + density[rivals].sum()
    share = density[rivals] / max(total, 1e-12)
    return [(float(offsets[i]), float(p)) for i, p in zip(rivals, share)]
