"""Follow a person who is alone in the video, many frames at once.

With one person and one detection a frame there is nobody to confuse, and
whether a detection continues the person depends on earlier frames only by
the velocity. The rest is computed for all frames together, by the rules of
:mod:`.tracking`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """From each of n frames to the next: what the velocity does not change.

    Attributes:
        frames: (n,) frames between them, 1 without a gap.
        offset: (n, 2) pixels from the one to the other.
        shape: (n,) pixels that the keypoints are apart without the offset.
        size: (n, 2) diagonals of both boxes.
    """

    frames: np.ndarray
    offset: np.ndarray
    shape: np.ndarray
    size: np.ndarray


def steps_between(
    frames: np.ndarray,
    keypoints: np.ndarray,
    scores: np.ndarray,
    boxes: np.ndarray,
    sizes: Callable[[np.ndarray], np.ndarray],
) -> Steps:
    """Compare each of n + 1 detections with the one before.

    Args:
        frames: (n + 1,).
        keypoints: (n + 1, K, 2).
        scores: (n + 1, K).
        boxes: (n + 1, 4).
        sizes: Diagonals of boxes.
    """
    weights = scores[:-1] * scores[1:]
    total = weights.sum(axis=1)
    safe, common = np.maximum(total, 1e-9), total > 1e-9
    apart = np.diff(keypoints, axis=0)
    offset = np.einsum('nk,nkc->nc', weights, apart) / safe[:, None]
    left = np.linalg.norm(apart - offset[:, None], axis=2)
    left = np.einsum('nk,nk->n', weights, left) / safe
    between = np.diff((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    diagonals = sizes(boxes)
    return Steps(
        np.diff(frames),
        np.where(common[:, None], offset, between),
        np.where(common, left, 0.0),
        np.stack([diagonals[:-1], diagonals[1:]], axis=1),
    )


def velocities(
    steps: Steps, first: np.ndarray | None, memory: float, coast: int
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity of a person before each step and after all, if all are made.

    Args:
        steps: Of :func:`steps_between`.
        first: (2,) velocity before them in pixels a frame; None if unknown.
        memory: Share of the old velocity in the new one, for each frame.
        coast: Frames over which a velocity is kept.

    Returns:
        (n + 1, 2) pixels a frame, NaN where unknown; (n, 2) pixels by which
        the person was expected to move.
    """
    known = first is not None
    vx, vy = (0.0, 0.0) if first is None else (float(v) for v in first)
    nothing, path, moved = float('nan'), [], []
    for frames, (dx, dy) in zip(steps.frames.tolist(), steps.offset.tolist()):
        path.append((vx, vy) if known else (nothing, nothing))
        mx = my = 0.0
        if known:
            mx, my = vx * min(frames, coast), vy * min(frames, coast)
        moved.append((mx, my))
        if not known:
            vx, vy, known = dx / frames, dy / frames, True
        elif frames <= coast:
            new = (1 - memory**frames) / frames
            vx, vy = vx + new * (dx - mx), vy + new * (dy - my)
        else:
            known = False
    path.append((vx, vy) if known else (nothing, nothing))
    return np.array(path), np.array(moved)
