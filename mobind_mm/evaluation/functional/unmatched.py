"""People who wear nothing, and sensors whose wearer is out of view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...utils.similarity import TIE
from .assignment import assign, check_matrix

Case = tuple[np.ndarray, np.ndarray]
"""Similarities (M, G) of a scene and the true column (M,) of its rows."""


@dataclass
class DetectionCounts:
    """Hits and misses of what was to be found."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    def add(self, declared: np.ndarray, true: np.ndarray) -> None:
        """Count booleans of what was declared and what is so."""
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
    """What became of the sensor sets and people of scenes.

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
    """Declare unmatched what no pair above a threshold holds, and count.

    Args:
        cases: Similarities (M, P) of a scene's M sensor sets and P people,
            and (M,) the person who wears each, -1 if not in view.
        threshold: Similarity that a pair must exceed.

    Raises:
        ValueError: For NaN or infinity.
    """
    counts = OpenSetCounts(*(DetectionCounts() for _ in range(3)))
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


def fit_threshold(cases: Sequence[Case], num_candidates: int = 256) -> float:
    """Threshold with the best F1 of unmatched people and sensor sets.

    Fit it on validation scenes. F1 is that of people and sets together. Of
    neighbouring candidates that are equally good that nearest to the middle
    of their range is taken.

    Args:
        cases: As in :func:`count_unmatched`.
        num_candidates: Candidates, quantiles of all similarities.

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
    values = np.quantile(values, np.linspace(0, 1, num_candidates))
    step = max(values[-1] - values[0], TIE) / num_candidates
    edges = np.concatenate(
        [[values[0] - step], np.unique(values), [values[-1] + step]]
    )
    candidates = (edges[:-1] + edges[1:]) / 2
    scores = []
    for candidate in candidates:
        counts = count_unmatched(cases, candidate)
        scores.append((counts.sensors + counts.people).scores()['f1'])
    scores = np.array(scores)
    first = int(scores.argmax())
    run = np.append(scores[first:] < scores[first], True).argmax()
    equal = candidates[first : first + run]
    middle = (edges[first] + edges[first + run]) / 2
    return float(equal[np.abs(equal - middle).argmin()])


def _has_unmatched(similarity: np.ndarray, truth: np.ndarray) -> bool:
    truth = np.asarray(truth)
    return bool((truth < 0).any() or (truth >= 0).sum() < similarity.shape[1])
