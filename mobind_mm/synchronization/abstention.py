"""Offsets that explain a clip as well as the best one."""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

_APART_SEC = 0.25
"""Rivals are at least this far from the best offset and each other."""
_LEAST_OVERLAP_SEC = 3.0
"""Less overlap than this can agree by chance."""
_LEAST_EVIDENCE = 8.0
"""Less evidence than this (natural logarithm) is chance too."""
_MOST = 20
"""Rivals that are listed."""


def find_rivals(
    offsets: np.ndarray,
    evidence: np.ndarray,
    overlap: np.ndarray,
    best: int,
    ratio: float,
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
        ratio: Share of the best offset's evidence per second from which
            another offset counts as a rival.

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
    strong = density[peaks] >= ratio * density[best]
    strong &= evidence[peaks] >= _LEAST_EVIDENCE
    strong &= overlap[peaks] >= _LEAST_OVERLAP_SEC
    found = peaks[far & strong]
    found = found[np.argsort(-density[found], kind='stable')][:_MOST]
    share = density[found] / max(density[best] + density[found].sum(), 1e-12)
    return [(float(offsets[i]), float(p)) for i, p in zip(found, share)]
