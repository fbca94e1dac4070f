"""Synchronisation: errors of offsets, confidence, abstention."""

from __future__ import annotations

import numpy as np

from ...utils.arguments import check_rate
from ...utils.similarity import check_finite

_BINS = 10
THRESHOLDS = (0.1, 0.2, 0.5)
"""Published limits in seconds."""

_EPS = 1e-9  # seconds; 0.3 - 0.2 is not less than 0.1


def offset_error(estimate: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Absolute errors (M,) in seconds.

    Raises:
        ValueError: For NaN, different lengths, or no clip.
    """
    estimate = np.asarray(estimate, dtype=np.float64)
    offset = np.asarray(offset, dtype=np.float64)
    if estimate.shape != offset.shape or estimate.ndim != 1:
        raise ValueError(
            f'Estimates of shape {estimate.shape} for offsets of shape '
            f'{offset.shape}; both must be (M,).'
        )
    if not len(offset):
        raise ValueError('No clip to synchronise; the split is empty.')
    check_finite('The estimated offsets', estimate)
    check_finite('The true offsets', offset)
    return np.abs(estimate - offset)


def is_within(error: np.ndarray, threshold: float) -> np.ndarray:
    """Whether errors are strictly below a threshold.

    An error that is the threshold up to rounding (1e-9 s) is not below it:
    on the published grids errors of exactly 0.1 s are the rule.
    """
    return np.asarray(error) < threshold - _EPS


def error_summary(error: np.ndarray) -> dict[str, float]:
    """Mean error and accuracies of absolute errors (M,) in seconds.

    Returns:
        ``mae_s``, ``median_s`` and ``acc@<threshold>`` (strict <) for
        :data:`THRESHOLDS`; NaN without clips.
    """
    if not len(error):
        keys = ('mae_s', 'median_s', *(f'acc@{t:g}' for t in THRESHOLDS))
        return dict.fromkeys(keys, float('nan'))
    summary = dict(
        mae_s=float(np.mean(error)), median_s=float(np.median(error))
    )
    for limit in THRESHOLDS:
        summary[f'acc@{limit:g}'] = float(np.mean(is_within(error, limit)))
    return summary


def sync_summary(
    estimate: np.ndarray,
    offset: np.ndarray,
    abstained: np.ndarray | None = None,
    confidence: np.ndarray | None = None,
) -> dict[str, float]:
    """All metrics of one synchroniser.

    Args:
        estimate: (M,) estimated offsets in seconds, also where it abstained.
        offset: (M,) true offsets.
        abstained: (M,) boolean; never, if omitted.
        confidence: (M,) stated probabilities that the error is below 0.1 s.

    Returns:
        ``mae_s``, ``median_s`` and ``acc@<threshold>`` over all clips;
        ``coverage``, the share of clips that are answered, and
        ``answered_mae_s`` ... over these (NaN if there is none);
        ``abstention_precision``, see :func:`abstention_precision`,
        ``refused``, the share of abstentions among clips whose estimate is
        less than 0.1 s wrong (NaN without any); and ``ece`` with a confidence.

    Raises:
        ValueError: For NaN, different lengths, or no clip.
    """
    error = offset_error(estimate, offset)
    if abstained is None:
        abstained = np.zeros(len(error), dtype=bool)
    abstained = np.asarray(abstained, dtype=bool)
    if abstained.shape != error.shape:
        raise ValueError(
            f'{len(abstained)} abstentions for {len(error)} estimates.'
        )
    summary = error_summary(error)
    summary['coverage'] = float(np.mean(~abstained))
    answered = error_summary(error[~abstained])
    summary.update({f'answered_{k}': v for k, v in answered.items()})
    summary['abstention_precision'] = abstention_precision(error, abstained)
    right = is_within(error, 0.1)
    summary['refused'] = (
        float(np.mean(abstained[right])) if right.any() else float('nan')
    )
    if confidence is not None:
        summary['ece'] = calibration_error(confidence, right)
    return summary


def abstention_precision(error: np.ndarray, abstained: np.ndarray) -> float:
    """Share of abstentions where the estimate was wrong by 0.1 s or more.

    Args:
        error: (M,) absolute errors in seconds.
        abstained: (M,) boolean.

    Returns:
        In [0, 1]; NaN without an abstention.
    """
    abstained = np.asarray(abstained, dtype=bool)
    if not abstained.any():
        return float('nan')
    return float(np.mean(~is_within(np.asarray(error)[abstained], 0.1)))


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error.

    The mean over clips of ``|accuracy - mean confidence|`` of the bin that the
    clip's confidence lies in; the ten bins are equally wide.

    Args:
        confidence: (M,) in [0, 1].
        correct: (M,) boolean.

    Raises:
        ValueError: If a confidence is outside [0, 1], or lengths differ.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    correct = np.asarray(correct, dtype=np.float64)
    if confidence.shape != correct.shape or not len(confidence):
        raise ValueError(
            f'{len(confidence)} confidences for {len(correct)} answers.'
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(
            'Confidences must be in [0, 1], got '
            f'{confidence.min()} to {confidence.max()}.'
        )
    index = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(index, correct - confidence, _BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def grid_floor(offset: np.ndarray, grid: float = 0.2) -> np.ndarray:
    """Estimates (M,) of a search that always finds the best grid point.

    Args:
        offset: (M,) true offsets in seconds.
        grid: Distance of the candidates in seconds; 0 is one of them.

    >>> grid_floor(np.array([0.33, -0.05])).round(1) + 0.0
    array([0.4, 0. ])
    """
    check_rate('grid', grid)
    return grid * np.round(np.asarray(offset, dtype=np.float64) / grid)
