"""Which person wears the sensors, which part carries which: right or wrong."""

from __future__ import annotations

import numpy as np

from ...utils.similarity import TIE
from .assignment import assign, assigned_value, check_matrix

NOTHING_SHARED = -1e3
"""Similarity of a sensor set and a person without a common limb: below all."""


def argmax_correct(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each row, on its own, is most similar to its true column.

    This is the published protocol. Ties count against: a true column must
    exceed all others (by more than rounding), so a constant encoder is
    never right. With a single column there is nothing to exceed.

    Args:
        similarity: (M, G), e.g. of M sensor sets and G people.
        truth: (M,) true column of each row.

    Returns:
        (M,) boolean.

    Raises:
        ValueError: For NaN, infinity or a true column that does not exist.
    """
    similarity, truth = _check(similarity, truth)
    rows = np.arange(len(truth))
    match = similarity[rows, truth]
    others = similarity.copy()
    others[rows, truth] = -np.inf
    return match > others.max(axis=1, initial=-np.inf) + TIE


def assignment_correct(
    similarity: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """Whether the one-to-one assignment gives each row its true column.

    Ties count against: a pair is right if every assignment with the largest
    sum (up to rounding) has it.

    Args:
        similarity: (M, G).
        truth: (M,) true column of each row.

    Returns:
        (M,) boolean.

    Raises:
        ValueError: For NaN, infinity or a true column that does not exist.
    """
    similarity, truth = _check(similarity, truth)
    correct = assign(similarity) == truth
    if not correct.any():
        return correct
    best = assigned_value(similarity)
    # Lower than any sum, so the pair is taken only if there is no other.
    forbidden = -2 * max(similarity.shape) * (np.abs(similarity).max() + 1)
    for row in np.flatnonzero(correct):
        without = similarity.copy()
        without[row, truth[row]] = forbidden
        correct[row] = assigned_value(without) < best - TIE
    return correct


def person_similarity(
    evidence: np.ndarray, imu_mask: np.ndarray, pose_mask: np.ndarray
) -> np.ndarray:
    """Similarity of sensor sets and people: the mean over shared limbs.

    Args:
        evidence: (M, P, S) of M sets with P people, each of the S sensors
            at its own limb.
        imu_mask: (M, S) boolean, sensors present.
        pose_mask: (P, S) boolean, limbs seen.

    Returns:
        (M, P); :data:`NOTHING_SHARED` where no sensor's limb was seen.
    """
    shared = imu_mask[:, None] & pose_mask[None]
    count = shared.sum(axis=2)
    mean = (evidence * shared).sum(axis=2) / np.maximum(count, 1)
    return np.where(count > 0, mean, NOTHING_SHARED)


def _check(
    similarity: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    similarity = check_matrix(similarity)
    truth = np.asarray(truth, dtype=np.int64)
    num_rows, num_columns = similarity.shape
    if truth.shape != (num_rows,):
        raise ValueError(
            f'{num_rows} rows of similarities and true columns of shape '
            f'{truth.shape}.'
        )
    bad = (truth < 0) | (truth >= num_columns)
    if bad.any():
        raise ValueError(
            f'Row {int(bad.argmax())} has the true column '
            f'{truth[bad.argmax()]} of {num_columns}; leave out rows whose '
            'match is not in the scene.'
        )
    return similarity, truth
