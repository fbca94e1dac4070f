"""Points that a tool or a script puts where it saw nothing.

(0, 0) and NaN are known to every reader. Others write (-1, -1) or a corner of
the image, or move (0, 0) with all other points when they crop or scale.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .detections import Detections, boxes_of

_SAMPLE = 200_000
"""Points in which fillers are looked for."""
_APART = 0.2
"""Distance between such joints, in sizes of the body: an eye and a mouth may
share a pixel by chance."""
_MOST = 5


def without_fillers(detections: Detections) -> Detections:
    """Take points that far joints share, again and again, as not detected."""
    points = np.asarray(detections.keypoints, np.float32)
    scores: np.ndarray = detections.scores
    gone, notes = at_fillers(points, scores > 0, detections.source)
    if not notes:
        return detections
    scores = np.where(gone, 0, scores).astype(scores.dtype)
    points = np.where(gone[..., None], 0, points).astype(points.dtype)
    changed: np.ndarray = np.any(gone, axis=1)
    boxes = np.where(
        changed[:, None], boxes_of(points, scores), detections.boxes
    )
    cleaned = replace(detections, keypoints=points, scores=scores, boxes=boxes)
    seen: np.ndarray = np.any(scores > 0, axis=1)
    return cleaned.noted(*notes).select(seen | ~changed)


def at_fillers(
    points: np.ndarray, seen: np.ndarray, source: object
) -> tuple[np.ndarray, list[str]]:
    """Which of the points (M, K, 2) that are ``seen`` are fillers; notes."""
    gone, notes = np.zeros(seen.shape, bool), []
    every = max(1, seen.size // _SAMPLE)
    for filler in fillers_of(points[::every], seen[::every]):
        same = (points == filler).all(axis=2) & seen
        gone |= same
        notes.append(
            f'{source}: {int(same.sum())} points are all at ({filler[0]:g}, '
            f'{filler[1]:g}) and taken as not detected'
        )
    return gone, notes


def fillers_of(
    points: np.ndarray, seen: np.ndarray, joints: int = 4, times: int = 12
) -> list[np.ndarray]:
    """Points (2,) at which far joints are again and again.

    As many as ``joints`` of the points (M, K, 2) that are ``seen`` must share
    one, ``times`` times.
    """
    points = np.ascontiguousarray(points)
    keys = points.view(np.int64)[..., 0]
    values, which, counts = np.unique(
        keys[seen], return_inverse=True, return_counts=True
    )
    places = np.nonzero(seen)[1]
    fillers: list[np.ndarray] = []
    for index in np.argsort(-counts)[:_MOST]:
        if counts[index] < times:
            break
        shared = np.unique(places[which.ravel() == index])
        rest = seen & (keys != values[index])
        shared = shared[rest[:, shared].any(axis=0)]
        if len(shared) < joints:
            continue
        usual = np.array([np.median(points[rest[:, j], j], 0) for j in shared])
        body = [np.ptp(points[i, r], 0).max() for i, r in enumerate(rest)
                if r.sum() > 1][:500]  # fmt: skip
        if body and np.ptp(usual, axis=0).max() > _APART * np.median(body):
            fillers.append(values[index : index + 1].view(np.float32))
    return fillers
