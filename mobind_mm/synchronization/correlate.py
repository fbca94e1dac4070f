"""Cross-correlation of masked signals over all time lags at once."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, sosfiltfilt

from .signals import RATE

_EDGE_SEC = 0.25


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
        # Room for the largest lag: what goes around then meets zeros.
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

    Streams go on for a cycle of the lowest frequency: with their mean, or
    mirrored, for what moves slowly. A filter that starts at the first
    sample swings with its noise; both streams of a clip would do so at the
    same time, and speak for offset 0.
    """
    extra = round(RATE / low)
    width = [(0, 0)] * (x.ndim - 1) + [(extra, extra)]
    x = x - x.mean(axis=-1, keepdims=True)
    x = np.pad(x, width, mode='symmetric' if mirror else 'constant')
    filtered = sosfiltfilt(_filter(low, high), x, axis=-1, padlen=0)
    return filtered[..., extra:-extra]


def without_edges(mask: np.ndarray) -> np.ndarray:
    """Mask (T,) without the ends of a clip, where derivatives are wild."""
    guard = round(_EDGE_SEC * RATE)
    mask = mask.copy()
    mask[:guard] = 0.0
    mask[max(len(mask) - guard, 0) :] = 0.0
    return mask


@cache
def _filter(low: float, high: float) -> np.ndarray:
    return butter(2, (low, high), 'bandpass', fs=RATE, output='sos')
