"""How far apart detected people are: the arithmetic of tracking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

SAME_PERSON = 0.06
"""Distance of a keypoint, as a share of the diagonal of the box, at which
two skeletons in one frame look like one with a likelihood of exp(-1/2)."""


def sizes(boxes: np.ndarray) -> np.ndarray:
    """Diagonals (n,) of boxes (n, 4) in pixels, at least 1."""
    return np.maximum(np.hypot(*(boxes[:, 2:] - boxes[:, :2]).T), 1.0)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    area = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (first, second)]
    union = area[0][:, None] + area[1][None] - shared
    return shared / np.maximum(union, 1e-9)


def keypoint_offsets(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How skeletons lie to each other, weighted by the scores of both.

    Args:
        first: Keypoints (n, K, 2), scores (n, K) and boxes (n, 4).
        second: The same of m others.

    Returns:
        Mean offset (n, m, 2) from the first to the second in pixels, and
        what it leaves of the distance of the keypoints (n, m). Skeletons
        without a common keypoint are as far apart as their boxes.
    """
    weights = first[1][:, None] * second[1][None]
    total = weights.sum(axis=2)
    apart = second[0][None] - first[0][:, None]
    safe = np.maximum(total, 1e-9)
    offset = np.einsum('nmk,nmkc->nmc', weights, apart) / safe[..., None]
    left = np.linalg.norm(apart - offset[:, :, None], axis=3)
    left = np.einsum('nmk,nmk->nm', weights, left) / safe
    centres = [
        (boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first[2], second[2])
    ]
    between = centres[1][None] - centres[0][:, None]
    common = total > 1e-9
    return (
        np.where(common[..., None], offset, between),
        np.where(common, left, 0.0),
    )


def similarities(
    keypoints: np.ndarray, scores: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """Likeness (n, n) in [0, 1] of the skeletons of one frame.

    Like COCO's object keypoint similarity, with one tolerance
    (:data:`SAME_PERSON`) for all keypoints, and weighted by the scores.
    """
    weights = scores[:, None] * scores[None]
    apart = np.linalg.norm(keypoints[:, None] - keypoints[None], axis=3)
    size = sizes(boxes)
    size = np.maximum(size[:, None], size[None])[..., None]
    alike = np.exp(-0.5 * (apart / (SAME_PERSON * size)) ** 2)
    total = np.maximum(weights.sum(axis=2), 1e-9)
    return (weights * alike).sum(axis=2) / total


def assign(costs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost.

    Args:
        costs: (n, m); a pair is made only if it costs less than 1, which is
            the price of leaving a row alone. Infinite if it cannot be.
    """
    n, m = costs.shape
    priced = np.concatenate([np.minimum(costs, 2.0), np.ones((n, n))], axis=1)
    rows, columns = linear_sum_assignment(priced)
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist())
        if column < m
    ]
