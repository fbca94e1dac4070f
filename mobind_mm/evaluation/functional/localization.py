"""Who wears which sensors where: right, wrong, or nobody in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...utils.similarity import TIE
from .assignment import assign, assigned_value, check_matrix

NOTHING_SHARED = -1e3
"""Similarity of a sensor set and a person without a common limb: below all."""

Case = tuple[np.ndarray, np.ndarray]
"""Similarities (M, G) of a scene and the true column (M,) of its rows."""


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


@dataclass
class DetectionCounts:
    """Hits, false alarms and misses of a detection."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    def add(self, declared: np.ndarray, true: np.ndarray) -> None:
        """Count booleans of what was declared and what is true."""
        self.hits += int(np.sum(declared & true))
        self.false_alarms += int(np.sum(declared & ~true))
        self.misses += int(np.sum(~declared & true))

    def __add__(self, other: DetectionCounts) -> DetectionCounts:
        """Counts of both together."""
        return DetectionCounts(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
        )

    def scores(self) -> dict[str, float]:
        """``precision``, ``recall`` and ``f1``; 0 where undefined."""
        declared = self.hits + self.false_alarms
        true = self.hits + self.misses
        return dict(
            precision=self.hits / declared if declared else 0.0,
            recall=self.hits / true if true else 0.0,
            f1=2 * self.hits / (declared + true) if declared + true else 0.0,
        )


@dataclass
class OpenSetCounts:
    """Outcome for the sensor sets and people of scenes.

    Args:
        sensors: Sensor sets whose wearer is not in view, as found.
        people: People who wear nothing, as found.
        pairs: Sensor sets given to their wearer; one given to another is a
            false alarm, and a miss if its wearer is in view.
    """

    sensors: DetectionCounts
    people: DetectionCounts
    pairs: DetectionCounts


def count_unmatched(cases: Sequence[Case], threshold: float) -> OpenSetCounts:
    """Count what is unmatched, having no pair above a threshold.

    Args:
        cases: Similarities (M, P) of a scene's M sensor sets and P people,
            and (M,) the person who wears each, -1 if not in view.
        threshold: Similarity that a pair must exceed.

    Raises:
        ValueError: For NaN or infinity.
    """
    counts = OpenSetCounts(
        sensors=DetectionCounts(),
        people=DetectionCounts(),
        pairs=DetectionCounts(),
    )
    for similarity, truth in cases:
        truth = np.asarray(truth)
        matched = assign(similarity, threshold)
        people = np.arange(similarity.shape[1])
        counts.sensors.add(matched < 0, truth < 0)
        counts.people.add(~np.isin(people, matched), ~np.isin(people, truth))
        given, worn = matched >= 0, truth >= 0
        right = given & (matched == truth)
        counts.pairs.hits += int(right.sum())
        counts.pairs.false_alarms += int((given & ~right).sum())
        counts.pairs.misses += int((worn & ~right).sum())
    return counts


_CANDIDATES = 256
"""Quantiles of all similarities between which a threshold is sought."""


def fit_threshold(cases: Sequence[Case]) -> float:
    """Threshold with the best F1 of unmatched people and sensor sets.

    Fit it on validation scenes. F1 is that of people and sets together. Of
    adjacent candidates that are equally good, the one nearest to the middle
    of their range is chosen.

    Args:
        cases: As in :func:`count_unmatched`.

    Raises:
        ValueError: If nobody is unmatched, or for NaN or infinity.
    """
    if not cases or not any(_has_unmatched(*case) for case in cases):
        raise ValueError(
            'A threshold is chosen on scenes in which somebody wears nothing '
            f'or has left the view; none of {len(cases)} scenes is such. '
            'Hide modalities of the validation split with HideModality.'
        )
    values = np.concatenate([check_matrix(s).ravel() for s, _ in cases])
    values = np.quantile(values, np.linspace(0, 1, _CANDIDATES))
    step = max(values[-1] - values[0], TIE) / _CANDIDATES
    edges = np.concatenate(
        [[values[0] - step], np.unique(values), [values[-1] + step]]
    )
    candidates = (edges[:-1] + edges[1:]) / 2
    f1 = np.zeros(len(candidates))
    for i, candidate in enumerate(candidates):
        counts = count_unmatched(cases, candidate)
        f1[i] = (counts.sensors + counts.people).scores()['f1']
    first = int(f1.argmax())
    run = np.append(f1[first:] < f1[first], True).argmax()
    equal = candidates[first : first + run]
    middle = (edges[first] + edges[first + run]) / 2
    return float(equal[np.abs(equal - middle).argmin()])


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


def _has_unmatched(similarity: np.ndarray, truth: np.ndarray) -> bool:
    truth = np.asarray(truth)
    return bool((truth < 0).any() or (truth >= 0).sum() < similarity.shape[1])
