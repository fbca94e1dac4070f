"""The classical synchroniser: magnitudes of acceleration, correlated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.signal import butter, sosfiltfilt

from ..recordings import Recording
from ..registry import TASK_UTILS
from .base import ClipEvidence, Feats, Synchronizer, SyncResult
from .correlate import Correlator, peak_offset, without_edges
from .evidence import limb_pairs, offset_grid
from .signals import RATE, IMUMotion, LimbMotion

_RIDGE = 0.1
"""Of the whole energy: little overlap may not agree by chance. Chosen, like
the normalisation, on simulated training people."""


@TASK_UTILS.register_module()
class CorrelationSynchronizer(Synchronizer):
    """Correlate magnitudes of | acc - g | with those of image acceleration.

    Both magnitudes are low-passed and standardised. Their cross-correlation
    over what overlaps is normalised and summed over the sensors, and the
    largest sum wins. It abstains only if there is nothing to correlate, and
    its ``confidence`` is the correlation at the offset, which is not a
    probability.

    Args:
        high_hz: Cut-off of the low-pass filter in Hz. It decides how the
            correlator copes with noisy keypoints: tune it on training data
            (``tools/analysis_tools/benchmark_sync.py`` does).

    Raises:
        ValueError: If the cut-off is not positive.

    Source: the usual method for aligning IMUs with motion capture.
    """

    needs_feats = False
    needs_streams = True

    def __init__(self, high_hz: float = 2.5) -> None:
        if not 0 < high_hz < RATE / 2:
            raise ValueError(
                f'high_hz must lie in (0, {RATE / 2}), got {high_hz}.'
            )
        self.high_hz = high_hz
        self._filter = butter(2, high_hz, fs=RATE, output='sos')

    def evidence(
        self, streams: Recording | None, feats: Feats | None, max_offset: float
    ) -> ClipEvidence:
        """Correlate sensors with limbs; ``score`` is the sum over sensors."""
        pairs = {} if streams is None else limb_pairs(streams)
        return self.compare(pairs.values(), max_offset)

    def compare(
        self, pairs: Iterable[tuple[IMUMotion, LimbMotion]], max_offset: float
    ) -> ClipEvidence:
        """Evidence of prepared motions.

        Args:
            pairs: What :func:`limb_pairs` gives, of the sensors to use.
            max_offset: Largest possible offset in seconds.
        """
        offsets = offset_grid(max_offset)
        total, overlap = np.zeros(len(offsets)), np.zeros(len(offsets))
        count = 0
        for imu, limb in pairs:
            count += 1
            length = len(limb.mask)
            correlator = Correlator(length, round(max_offset * RATE))
            x = self._smooth(np.abs(imu.force))
            y = np.linalg.norm(self._smooth(limb.acc), axis=0)
            x = _standardise(x, without_edges(imu.mask))
            y = _standardise(y, without_edges(limb.mask))
            spectra = [
                correlator.spectrum(z)
                for z in (x, y, x * x, y * y, x != 0, y != 0)
            ]
            top = correlator.lags(spectra[0], spectra[1])
            left = correlator.lags(spectra[2], spectra[5])
            right = correlator.lags(spectra[4], spectra[3])
            shared = correlator.lags(spectra[4], spectra[5])
            overlap = np.maximum(overlap, shared / RATE)
            floor = _RIDGE * length
            total += top / np.sqrt(
                (np.maximum(left, 0) + floor) * (np.maximum(right, 0) + floor)
            )
        return ClipEvidence(
            offsets,
            total,
            overlap,
            usable=bool(total.any()),
            num_sensors=count,
        )

    def decide(self, clips: Sequence[ClipEvidence]) -> SyncResult:
        """The offset with the largest correlation, over all clips."""
        if not clips:
            return SyncResult(0.0, abstained=True, reason='weak')
        offsets = clips[0].offsets
        total = np.sum([clip.score for clip in clips], axis=0)
        if not total.any():
            return SyncResult(0.0, abstained=True, reason='weak')
        count = sum(clip.num_sensors for clip in clips)
        return SyncResult(
            offset=peak_offset(offsets, total),
            confidence=float(np.clip(total.max() / count, 0, 1)),
            offsets=offsets,
            log_posterior=total,
        )

    def _smooth(self, x: np.ndarray) -> np.ndarray:
        padding = min(9, x.shape[-1] - 1)
        return sosfiltfilt(self._filter, x, axis=-1, padlen=padding)


def _standardise(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance where the mask is 1, zero elsewhere."""
    count = max(mask.sum(), 1.0)
    x = (x - (x * mask).sum() / count) * mask
    return x / max(np.sqrt((x * x).sum() / count), 1e-12)
