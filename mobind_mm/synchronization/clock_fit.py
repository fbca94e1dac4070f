"""Fit a clock to what single clips say about their offsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import lsq_linear

from .clock_map import ClockMap
from .fused import ClipEvidence, FusedSynchronizer
from .refine import peak_offset

_CAP = 30.0
"""Evidence that one clip may give: no clip outvotes all others."""
_AGREEING = 0.25
"""Share of the clips with any movement that must agree."""
_CLOSE_SEC = 0.15
"""A clip agrees with the common line if its own top is this near."""


def fit_clock(
    times: np.ndarray,
    clips: Sequence[ClipEvidence],
    synchronizer: FusedSynchronizer,
    max_drift_ppm: float,
    knot_sec: float,
    span: tuple[float, float],
) -> ClockMap:
    """Fit a piecewise linear clock to the evidence of clips.

    Args:
        times: (C,) middle of each clip in seconds.
        clips: Evidence of each, on the same offsets.
        synchronizer: Weighs it.
        max_drift_ppm: Largest drift in parts per million.
        knot_sec: Seconds between the knots.
        span: First and last time of the clock in seconds.
    """
    offsets = clips[0].offsets
    scores = capped_scores(clips, synchronizer)
    centre = 0.5 * (span[0] + span[1])
    offset, drift = best_line(times - centre, offsets, scores, max_drift_ppm)
    line = offset + drift * (times - centre)
    fine, weight = np.empty(len(times)), np.zeros(len(times))
    for i, clip in enumerate(clips):
        near = np.abs(offsets - line[i]) <= _CLOSE_SEC
        if near.sum() < 3:
            fine[i] = line[i]
            continue
        score = synchronizer.total(clip, fine=True)
        fine[i] = peak_offset(offsets[near], score[near])
        inside = abs(fine[i] - line[i]) < _CLOSE_SEC - 0.02
        # What the clip would say if the line did not guide it.
        alone = abs(offsets[scores[i].argmax()] - line[i]) < _CLOSE_SEC
        weight[i] = max(scores[i].max(), 0.0) * inside * alone
    agrees = weight > 0
    if agrees.sum() < 2:
        ends = np.array(span)
        return ClockMap(
            *(ends, offset + drift * (ends - centre), drift * 1e6),
            *(times, fine, agrees, True),
        )
    knots = np.linspace(*span, max(round(np.ptp(span) / knot_sec), 1) + 1)
    values = _smooth_clock(times, fine, weight, knots)
    slope = np.polyfit(
        times[agrees], np.interp(times, knots, values)[agrees], 1
    )
    return ClockMap(
        *(knots, values, float(slope[0] * 1e6), times, fine, agrees),
        abstained=bool(agrees.sum() < _AGREEING * _able(clips, synchronizer)),
    )


def _able(
    clips: Sequence[ClipEvidence], synchronizer: FusedSynchronizer
) -> int:
    """Clips in which somebody moves who is seen."""
    return sum(
        clip.num_sensors > 0 and clip.motion >= synchronizer.min_motion
        for clip in clips
    )


def capped_scores(
    clips: Sequence[ClipEvidence], synchronizer: FusedSynchronizer
) -> np.ndarray:
    """Weighted evidence (C, G) of clips, none of which outvotes the rest."""
    scores = np.array([synchronizer.total(clip) for clip in clips])
    return np.minimum(scores, _CAP)


def best_line(
    times: np.ndarray,
    offsets: np.ndarray,
    scores: np.ndarray,
    max_drift_ppm: float,
) -> tuple[float, float]:
    """Offset at time 0 and drift whose line gathers most evidence."""
    step = offsets[1] - offsets[0]
    reach = max(np.abs(times).max(), 1.0)
    limit = max_drift_ppm * 1e-6
    count = int(np.ceil(2 * limit * reach / step)) | 1  # odd: has zero drift
    best = (-np.inf, 0.0, 0.0)
    for drift in np.linspace(-limit, limit, max(count, 3)):
        total = np.zeros(len(offsets))
        for time, score in zip(times, scores):
            total += np.interp(
                offsets + drift * time, offsets, score, left=0, right=0
            )
        top = int(total.argmax())
        best = max(best, (total[top], peak_offset(offsets, total), drift))
    return best[1], best[2]


def _smooth_clock(
    times: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    knots: np.ndarray,
) -> np.ndarray:
    """Values (M,) at knots: robust, with as few bends as data demand."""
    basis = np.array(
        [np.interp(times, knots, row) for row in np.eye(len(knots))]
    ).T
    bends = np.diff(np.eye(len(knots)), 2, axis=0)
    fold = np.arange(len(times)) % 5
    best = (np.inf, np.inf)
    for stiffness in (1e4, 1e2, 1.0, 1e-2) if len(bends) else (1.0,):
        error = 0.0
        for k in range(5):
            train = weight * (fold != k)
            if (train > 0).sum() < 2:
                continue
            fitted = _robust_fit(basis, values, train, bends, stiffness)
            left = np.abs(values - basis @ fitted) * (fold == k) * (weight > 0)
            error += left.sum()
        # Bends must be worth it: a tenth better, at least.
        if error < 0.9 * best[0]:
            best = (error, stiffness)
    return _robust_fit(basis, values, weight, bends, best[1])


def _robust_fit(
    basis: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray,
    bends: np.ndarray,
    stiffness: float,
) -> np.ndarray:
    """Penalised least absolute deviations by reweighting."""
    weight = weight / weight.sum()
    scale = weight.copy()
    for _ in range(20):
        root = np.sqrt(scale)[:, None]
        rows = np.vstack([basis * root, np.sqrt(stiffness) * bends])
        right = np.concatenate([values * root[:, 0], np.zeros(len(bends))])
        fitted = lsq_linear(rows, right).x
        left = np.abs(values - basis @ fitted)
        scale = weight / np.maximum(left, 2e-3)
        scale = scale / scale.sum()
    return fitted
