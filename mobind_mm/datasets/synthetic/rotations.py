"""Stacks of rotation matrices."""

from __future__ import annotations

import numpy as np


def rotation(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Matrices (T, 3, 3) of the rotation vectors (x, y, z), Rodrigues."""
    square = x * x + y * y + z * z + 1e-30
    angle = np.sqrt(square)
    sin = np.sin(0.5 * angle)
    a = 2 * sin * np.cos(0.5 * angle) / angle
    b = 2 * sin * sin / square
    c = 1 - b * square
    out = np.empty((len(angle), 3, 3))
    out[:, 0, 0] = c + b * x * x
    out[:, 1, 1] = c + b * y * y
    out[:, 2, 2] = c + b * z * z
    for i, j, mixed, axis in (
        (1, 0, b * x * y, a * z),
        (0, 2, b * x * z, a * y),
        (2, 1, b * y * z, a * x),
    ):
        out[:, i, j] = mixed + axis
        out[:, j, i] = mixed - axis
    return out


def axis_rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Matrices (T, 3, 3) of rotations (T,) about x, y or z (0, 1, 2)."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((len(angle), 3, 3))
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out
