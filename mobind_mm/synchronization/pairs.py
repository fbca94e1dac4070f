"""Streams of a sensor and a limb, compared at every lag, in batches.

Shapes: B bands of one kind, C channels of a sensor, K pieces of a video, n
samples of a piece, G lags, T samples of the streams.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

_HEADINGS = 8
"""Headings in half a turn; those of the other half have the sign reversed."""
RIDGE = 0.02
"""Of the mean energy, so that short overlaps do not explode."""
AGREE = 0.9
"""Correlation of noiseless streams: bodies are not rigid."""
_MOST_R2 = 0.98**2


class Pair:
    """Correlations of channels of one sensor and one limb, piece by piece.

    ``lag`` is how much later, in samples, the sensor shows what the limb
    shows: sums are ``sum_t x[t + lag] * y[t]`` for lags -L to L, over what
    both masks show. A piece needs only the samples of the sensor within L
    of it, so the transforms are as long as that.

    Args:
        imu_mask: (T,) 1 where the sensor has data.
        masks: (K, T) 1 where the limb is seen in each piece.
        max_lag: Largest lag L in samples.
        rate: Samples per second.
    """

    def __init__(
        self,
        imu_mask: np.ndarray,
        masks: np.ndarray,
        max_lag: int,
        rate: float,
    ) -> None:
        self.max_lag, self.rate = max_lag, rate
        seen = masks > 0
        width = masks.shape[1]
        first = np.where(seen.any(axis=1), seen.argmax(axis=1), 0)
        last = width - seen[:, ::-1].argmax(axis=1)
        length = int(np.where(seen.any(axis=1), last - first, 1).max())
        self.first = np.minimum(first, width - length)
        self.length = length
        self.size = next_fast_len(length + 2 * max_lag, True)
        self.imu_mask = imu_mask
        self.masks = self.pieces(masks)
        self.counts = self.masks.sum(axis=-1)
        self._imu_runs = list(_runs(imu_mask))
        self._runs = [list(_runs(mask)) for mask in self.masks]
        covered = np.ones((1, 1, len(imu_mask)), np.float32) * imu_mask
        self.seen = self._windowed(covered)[0, 0] / rate
        """(K, G) seconds of overlap."""

    def pieces(self, y: np.ndarray) -> np.ndarray:
        """Pieces (..., K, n) of channels (..., K or 1, T)."""
        return np.stack(
            [
                y[..., min(k, y.shape[-2] - 1), a : a + self.length]
                for k, a in enumerate(self.first)
            ],
            axis=-2,
        )

    def products(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Sums (B, C, K, G) of products of xs (B, C, T), ys (B, K, n) by lag.

        Both are 0 where there is no data.
        """
        reach, width = self.max_lag, xs.shape[-1]
        length = self.length + 2 * reach
        shape = (*xs.shape[:2], len(self.first), length)
        around = np.zeros(shape, xs.dtype)
        for k, first in enumerate(self.first):
            start, stop = first - reach, first - reach + length
            low, high = max(start, 0), min(stop, width)
            around[:, :, k, low - start : high - start] = xs[..., low:high]
        cross = rfft(around, self.size)
        cross *= np.conj(rfft(ys, self.size))[:, None]
        return irfft(cross, self.size)[..., : 2 * reach + 1]

    def imu_energy(self, xs: np.ndarray, ridge: bool = True) -> np.ndarray:
        """Energies (B, C, K, G) of channels (B, C, T) where limbs are seen.

        With the products of two channels, their common energy.
        """
        energy = self._windowed(xs)
        if ridge:
            share = self.counts / max(self.imu_mask.sum(), 1)
            whole = xs.sum(axis=-1)[..., None] * (RIDGE * share)
            energy = np.maximum(energy, 0) + whole[..., None]
        return energy

    def pose_energy(self, ys: np.ndarray) -> np.ndarray:
        """Energies (B, K, G) of pieces (B, K, n) where the sensor records."""
        shape = (*ys.shape[:2], self.length + 1)
        total = np.zeros(shape)
        np.cumsum(ys * ys, axis=-1, dtype=np.float64, out=total[..., 1:])
        lags = np.arange(-self.max_lag, self.max_lag + 1)
        energy = np.zeros((*ys.shape[:2], len(lags)), np.float32)
        for k, first in enumerate(self.first):
            for start, stop in self._imu_runs:
                low, high = (
                    np.minimum(np.maximum(edge - first - lags, 0), self.length)
                    for edge in (start, stop)
                )
                one = total[:, k]
                energy[:, k] += one.take(high, -1) - one.take(low, -1)
        return energy + np.float32(RIDGE) * total[..., -1:].astype(np.float32)

    def _windowed(self, xs: np.ndarray) -> np.ndarray:
        """Sums (B, C, K, G) of channels (B, C, T) over what pieces show."""
        reach, size = self.max_lag, xs.shape[-1]
        lags = 2 * reach + 1
        # Beyond its ends a stream has nothing to add.
        total = np.zeros((*xs.shape[:2], size + lags))
        inside = total[..., reach + 1 : reach + 1 + size]
        np.cumsum(xs, axis=-1, dtype=np.float64, out=inside)
        total[..., reach + 1 + size :] = inside[..., -1:]
        sums = np.zeros((*xs.shape[:2], len(self.first), lags), np.float32)
        for k, first in enumerate(self.first):
            for start, stop in self._runs[k]:
                a, b = first + start, first + stop
                sums[:, :, k] += (
                    total[..., b : b + lags] - total[..., a : a + lags]
                )
        return sums

    def known(self, xs: np.ndarray, white: bool = False) -> np.ndarray:
        """Channels (B, C, T) where the sensor has data.

        Args:
            xs: The channels.
            white: Whether to give principal components of variance 1
                instead; those that say nothing new are 0.
        """
        xs = xs * self.imu_mask
        return whitened(xs) if white else xs

    def best_mixture(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Squared correlation (B, K, G) of ys with the best mixture of xs.

        Args:
            xs: (B, C, T) channels of the sensor.
            ys: (B, K, n) pieces of the limb's, 0 where it is not seen.
        """
        xs = self.known(xs, white=True)
        cross = self.products(xs, ys)
        energy = self.imu_energy(xs * xs)
        pose = self.pose_energy(ys)
        cross *= cross
        return (cross / np.maximum(energy * pose[:, None], 1e-12)).sum(axis=1)

    def correlation(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Correlation (B, K, G) of channels (B, 1, T) with ys (B, K, n)."""
        xs = self.known(xs)
        norm = self.imu_energy(xs * xs)[:, 0] * self.pose_energy(ys)
        return self.products(xs, ys)[:, 0] / np.sqrt(np.maximum(norm, 1e-12))

    def best_heading(
        self, xs: np.ndarray, ys: np.ndarray, scale: np.ndarray
    ) -> np.ndarray:
        """Log likelihood ratios (B, K, G) with a heading for all bands.

        Args:
            xs: (B, 2, T) horizontal channels of the sensor.
            ys: (B, K, n) pieces of the limb's.
            scale: (B, K, G) what the logarithms count.
        """
        xs = self.known(xs)
        east, north = np.moveaxis(self.products(xs, ys), 1, 0)
        energy = np.moveaxis(self.imu_energy(xs * xs), 1, 0)
        mixed = self.imu_energy(xs[:, :1] * xs[:, 1:], ridge=False)[:, 0]
        pose = self.pose_energy(ys)
        best = np.full(pose.shape[1:], -np.inf, np.float32)
        rows = np.zeros_like(pose)
        for angle in np.arange(_HEADINGS) * np.pi / _HEADINGS:
            c, s = np.cos(angle), np.sin(angle)
            norm = c * c * energy[0] + 2 * c * s * mixed + s * s * energy[1]
            r = c * east + s * north
            fits = r * r / np.maximum(norm * pose, 1e-12)
            fits = logs(fits) * scale
            for side in (r > 0, r < 0):
                one = np.where(side, fits, 0)
                total = one.sum(axis=0)
                better = total > best
                best = np.where(better, total, best)
                rows = np.where(better, one, rows)
        return rows

    def scale(
        self, ys: np.ndarray, noise: np.ndarray, width: np.ndarray
    ) -> np.ndarray:
        """What logarithms (B, K, G) of correlations count.

        Independent samples, and what correlation there can be at all.

        Args:
            ys: (B, K, n) pieces of the limb's channel.
            noise: (B,) variance of its noise.
            width: (B,) width of the bands in Hz.
        """
        energy = np.maximum((ys * ys).sum(axis=-1), 1e-12)
        energy = np.maximum(energy / np.maximum(self.counts, 1), 1e-12)
        agree = AGREE**2 * np.clip(1 - noise[:, None] / energy, 0, 1)
        return (width[:, None] * agree)[..., None] * self.seen


def whitened(xs: np.ndarray) -> np.ndarray:
    """Principal components (B, C, T) of energy 1; weak ones are 0."""
    values, vectors = np.linalg.eigh(xs @ xs.swapaxes(1, 2))
    kept = values > np.maximum(1e-3 * values[:, -1:], 1e-9)
    scale = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1)), 0)
    mixing = (vectors * scale[:, None]).swapaxes(1, 2)
    return mixing.astype(xs.dtype) @ xs


def logs(r2: np.ndarray) -> np.ndarray:
    """``-log(1 - r^2)`` of squared correlations, which cannot be perfect."""
    return -np.log(1 - np.minimum(r2, _MOST_R2))


def _runs(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    """First index and stop of the runs of a mask (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask > 0, [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist())
