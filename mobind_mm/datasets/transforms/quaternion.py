"""Unit quaternions (w, x, y, z) as numpy arrays (..., 4)."""

from __future__ import annotations

import numpy as np


def sign_continuous(quat: np.ndarray) -> np.ndarray:
    """Choose of q and -q the one nearer to the sample before.

    The first sample gets w >= 0, so a stream and its copy with random signs
    give the same result.

    Args:
        quat: (T, ..., 4), T >= 1.
    """
    signs = np.empty(quat.shape[:-1], dtype=quat.dtype)
    signs[0] = np.where(quat[0, ..., 0] < 0, -1, 1)
    dots = np.einsum('...c,...c->...', quat[1:], quat[:-1])
    signs[1:] = np.where(dots < 0, -1, 1)
    return quat * np.cumprod(signs, axis=0)[..., None]


def normalize(quat: np.ndarray) -> np.ndarray:
    """Scale (T, ..., 4) to norm 1 and give the first sample w >= 0."""
    square = np.einsum('...c,...c->...', quat, quat)
    scale = 1 / np.sqrt(np.maximum(square, 1e-12))
    scale *= np.where(quat[0, ..., 0] < 0, -1, 1).astype(quat.dtype)
    return quat * scale[..., None]


def slerp(first: np.ndarray, second: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rotate from ``first`` to ``second`` (..., 4) by fractions ``at``.

    Both must be of equal sign, see :func:`sign_continuous`.
    """
    dot = np.einsum('...c,...c->...', first, second)
    angle = np.maximum(np.arccos(np.clip(dot, -1, 1)), 1e-4)
    left = np.sin((1 - at) * angle) / np.sin(angle)
    right = np.sin(at * angle) / np.sin(angle)
    return left[..., None] * first + right[..., None] * second


def from_axis_angle(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation (4,) by ``angle`` radians about a unit ``axis`` (3,)."""
    half = 0.5 * angle
    return np.concatenate([[np.cos(half)], np.sin(half) * np.asarray(axis)])


def to_matrix(quat: np.ndarray) -> np.ndarray:
    """Rotation matrix (3, 3) of one unit quaternion (4,)."""
    w, x, y, z = quat.tolist()
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # Rodrigues' formula with half angles.
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def right_matrix(quat: np.ndarray) -> np.ndarray:
    """Matrix (4, 4) with ``p @ matrix == p * quat``, the Hamilton product."""
    w, x, y, z = quat.tolist()
    return np.array(
        [[w, x, y, z], [-x, w, -z, y], [-y, z, w, -x], [-z, -y, x, w]]
    )
