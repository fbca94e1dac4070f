"""One-to-one assignment, with a threshold or an unknown offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...utils.similarity import TIE


def check_matrix(similarity: np.ndarray, ndim: int = 2) -> np.ndarray:
    """Similarities in double precision.

    Raises:
        ValueError: For another number of axes, NaN or infinity.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.ndim != ndim:
        raise ValueError(
            f'Similarities need {ndim} axes, got shape {similarity.shape}.'
        )
    if not np.isfinite(similarity).all():
        where = np.argwhere(~np.isfinite(similarity))[0].tolist()
        raise ValueError(
            f'Similarities have NaN or infinity, first at {where}; a '
            'diverged training does this. Leave out what cannot be compared.'
        )
    return similarity


def assign(
    similarity: np.ndarray, threshold: float | None = None
) -> np.ndarray:
    """One-to-one assignment of rows to columns with the largest sum.

    With a threshold a pair must exceed it: the sum of what pairs have above
    it is maximised, so a row that matches nothing takes no column from
    another.

    Args:
        similarity: (M, G), e.g. of M sensor sets and G people.
        threshold: Similarity that a pair must exceed; None pairs as many as
            there are.

    Returns:
        (M,) column of each row, -1 where a row is left unmatched.

    Raises:
        ValueError: For NaN or infinity.

    >>> similarity = np.array([[0.9, 0.8], [0.7, 0.1]])
    >>> assign(similarity).tolist(), assign(similarity, 0.75).tolist()
    ([1, 0], [0, -1])
    """
    value = check_matrix(similarity)
    if threshold is not None:
        value = np.maximum(value - threshold, 0)
    matched = np.full(len(value), -1)
    rows, columns = linear_sum_assignment(value, maximize=True)
    if threshold is not None:
        kept = value[rows, columns] > 0
        rows, columns = rows[kept], columns[kept]
    matched[rows] = columns
    return matched


def assigned_value(similarity: np.ndarray) -> float:
    """Largest sum of a one-to-one assignment of (M, G) similarities."""
    pairs = linear_sum_assignment(similarity, maximize=True)
    return float(similarity[pairs].sum())


@dataclass(frozen=True)
class OffsetAssignment:
    """Assignment of sensors to slots at the best common offset.

    Args:
        offset_index: Position of the common offset on the axis of offsets.
        slots: (M,) slot of each sensor, -1 where a sensor is left over.
        value: Sum of the evidence of the pairs.
        num_solved: Assignments that had to be solved.
    """

    offset_index: int
    slots: np.ndarray
    value: float
    num_solved: int


def assign_with_offset(evidence: np.ndarray) -> OffsetAssignment:
    """Find who wears what where, and when: one offset for all sensors.

    All sensors share a clock, so of each offset the best one-to-one
    assignment counts, and the offset with the best of these wins. Offsets
    are tried in the order of an upper bound, the sum of each sensor's best
    slot (of each slot's best sensor, if there are more sensors than slots);
    the search ends where the bound falls below the best value found.

    Args:
        evidence: (M, L, G) of M sensors, L = P * S slots, G offsets; larger
            is likelier.

    Returns:
        The assignment; the first of equally good offsets.

    Raises:
        ValueError: For an empty axis, NaN or infinity.
    """
    evidence = check_matrix(evidence, ndim=3)
    if 0 in evidence.shape:
        raise ValueError(
            'Evidence needs sensors, slots and offsets, got shape '
            f'{evidence.shape}.'
        )
    num_sensors, num_slots, _ = evidence.shape
    bounds = []
    if num_sensors <= num_slots:
        bounds.append(evidence.max(axis=1).sum(axis=0))
    if num_slots <= num_sensors:
        bounds.append(evidence.max(axis=0).sum(axis=0))
    bound = np.min(bounds, axis=0)
    best, best_offset, solved = -np.inf, -1, 0
    for offset in np.argsort(-bound, kind='stable').tolist():
        if bound[offset] < best - TIE:
            break
        solved += 1
        value = assigned_value(evidence[..., offset])
        later = offset > best_offset
        if value > best + TIE or (value > best - TIE and not later):
            best, best_offset = max(value, best), offset
    return OffsetAssignment(
        best_offset, assign(evidence[..., best_offset]), best, solved
    )
