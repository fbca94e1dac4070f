"""Orientations as tables write them, as quaternions."""

from __future__ import annotations

import numpy as np

_MAX_ERROR = 0.05


def to_quaternions(kind: str, values: np.ndarray) -> np.ndarray:
    """Quaternions of orientations.

    Args:
        kind: ``quat``: quaternions, or x, y and z of those whose w is not
            negative; ``matrix``: a rotation matrix row by row; ``euler``:
            degrees about x, y and z, such as roll, pitch and yaw, of which z
            turns first and each axis is that of the turned sensor.
        values: (T, 3), (T, 4) or (T, 9).

    Returns:
        (T, 4), scalar first unless they are given; not of norm 1 where
        ``values`` are no orientation.

    >>> to_quaternions('quat', np.array([[0.6, 0.0, 0.0]]))
    array([[0.8, 0.6, 0. , 0. ]])
    """
    from scipy.spatial.transform import Rotation

    if kind == 'quat' and values.shape[1] == 4:
        return values
    if kind == 'quat':
        squared = 1 - (values**2).sum(axis=1)
        return np.column_stack([np.sqrt(np.maximum(squared, 0)), values])
    if kind == 'euler':
        turns = Rotation.from_euler('ZYX', values[:, ::-1], degrees=True)
        return np.roll(turns.as_quat(), 1, axis=1)
    matrices = values.reshape(-1, 3, 3)
    product = matrices @ matrices.transpose(0, 2, 1)
    error = np.abs(product - np.eye(3)).max(axis=(1, 2))
    error = np.maximum(error, np.abs(np.linalg.det(matrices) - 1))
    fine = error <= _MAX_ERROR
    turns = Rotation.from_matrix(
        np.where(fine[:, None, None], matrices, np.eye(3))
    )
    quat = np.roll(turns.as_quat(), 1, axis=1)
    return np.where(fine[:, None], quat, 0.0)
