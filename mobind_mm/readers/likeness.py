"""How much alike skeletons are, and what it costs to follow one by another.

Every function takes leading axes, such as frames, of whatever it compares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SAME_PERSON = 0.06
"""Distance of a keypoint, as a share of the diagonal of the box, at which
two skeletons in one frame look like one with a likelihood of exp(-1/2)."""

REACH, REACH_PER_FRAME, REACH_MAX = 0.3, 0.06, 1.0
"""How far from where they are expected people are looked for: diagonals of
their box, for the next frame, for every further one, and at most."""

GROWTH = 2.0
"""Factor by which the diagonal of a box may change."""

WEIGHTS = {'overlap': 0.2, 'offset': 0.4, 'shape': 0.4}
"""Parts of the cost of a pair: 1 - IoU, offset as a share of the reach, and
what is left of the keypoints' distance as a share of :data:`SHAPE`."""

SHAPE = 0.2
"""Mean distance of the keypoints of two moved onto each other, in diagonals
of the box, that costs as much as the greatest offset."""

HIDDEN = 0.05
"""Cost for whoever was not seen in the frame before: of two that fit equally
well, the visible one is continued."""


def pair_costs(
    offsets: np.ndarray,
    shapes: np.ndarray,
    boxes: np.ndarray,
    new_boxes: np.ndarray,
    missed: np.ndarray,
) -> np.ndarray:
    """What it costs to continue people by detections (..., n, m).

    Infinite where it cannot be.

    Args:
        offsets: (..., n, m, 2) pixels from where the person is expected.
        shapes: (..., n, m) pixels that the keypoints are apart without the
            offset.
        boxes: (..., n, 4) where the people are expected.
        new_boxes: (..., m, 4) of the detections.
        missed: (..., n) frames in which the person was not seen.
    """
    missed = missed[..., None]
    size, new_size = sizes(boxes)[..., None], sizes(new_boxes)[..., None, :]
    reach = np.minimum(REACH + REACH_PER_FRAME * missed, REACH_MAX)
    mean_size = np.sqrt(size * new_size)
    far = length(offsets) / mean_size
    costs = (
        WEIGHTS['overlap'] * (1 - overlaps(boxes, new_boxes))
        + WEIGHTS['offset'] * far / reach
        + WEIGHTS['shape'] * np.minimum(shapes / mean_size / SHAPE, 1)
        + HIDDEN * (missed > 0)
    )
    growth = np.maximum(size, new_size) / np.minimum(size, new_size)
    return np.where((far > reach) | (growth > GROWTH), np.inf, costs)


def sizes(boxes: np.ndarray) -> np.ndarray:
    """Diagonals (...) of boxes (..., 4) in pixels, at least 1."""
    return np.maximum(length(boxes[..., 2:] - boxes[..., :2]), 1.0)


def length(vectors: np.ndarray) -> np.ndarray:
    """Lengths (...) of vectors (..., 2)."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (..., n, m) of boxes (..., n or m, 4)."""
    one, two = first[..., :, None, :], second[..., None, :, :]
    low = np.maximum(one[..., :2], two[..., :2])
    high = np.minimum(one[..., 2:], two[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    area = [(b[..., 2:] - b[..., :2]).prod(axis=-1) for b in (one, two)]
    return shared / np.maximum(area[0] + area[1] - shared, 1e-9)


def keypoint_offsets(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How skeletons lie to each other, weighted by the scores of both.

    Args:
        first: Keypoints (..., n, K, 2), scores (..., n, K) and boxes
            (..., n, 4).
        second: The same of m others.

    Returns:
        Mean offset (..., n, m, 2) from the first to the second in pixels,
        and what it leaves of the distance of the keypoints (..., n, m).
        Skeletons without a common keypoint are as far apart as their boxes.
    """
    weights = first[1][..., :, None, :] * second[1][..., None, :, :]
    total = weights.sum(axis=-1)
    safe, common = np.maximum(total, 1e-9), total > 1e-9
    apart = second[0][..., None, :, :, :] - first[0][..., :, None, :, :]
    offset = (weights[..., None, :] @ apart)[..., 0, :] / safe[..., None]
    left = length(apart - offset[..., None, :])
    left = (weights * left).sum(axis=-1) / safe
    centres = [
        (boxes[..., :2] + boxes[..., 2:]) / 2
        for boxes in (first[2], second[2])
    ]
    between = centres[1][..., None, :, :] - centres[0][..., :, None, :]
    return (
        np.where(common[..., None], offset, between),
        np.where(common, left, 0.0),
    )


def similarities(
    keypoints: np.ndarray, scores: np.ndarray, boxes: np.ndarray
) -> np.ndarray:
    """Likeness (..., n, n) in [0, 1] of the skeletons of one frame.

    Like COCO's object keypoint similarity, with one tolerance
    (:data:`SAME_PERSON`) for all keypoints, and weighted by the scores.
    """
    weights = scores[..., :, None, :] * scores[..., None, :, :]
    apart = length(
        keypoints[..., :, None, :, :] - keypoints[..., None, :, :, :]
    )
    size = sizes(boxes)
    size = np.maximum(size[..., :, None], size[..., None, :])[..., None]
    alike = np.exp(-0.5 * (apart / (SAME_PERSON * size)) ** 2)
    total = np.maximum(weights.sum(axis=-1), 1e-9)
    return (weights * alike).sum(axis=-1) / total
