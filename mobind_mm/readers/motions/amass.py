"""AMASS: SMPL poses, without the body model that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...utils.errors import mistake
from .body import BodyMotion
from .tree import Node, body_motion, forward

_STATURE = 1.7
"""Metres. Without the body model, its shape parameters mean nothing."""

_SKELETON: tuple[tuple[str, int, tuple[float, float, float]], ...] = (
    ('hips', -1, (0, 0, 0)),
    ('left_hip', 0, (0.052, -0.042, 0)),
    ('right_hip', 0, (-0.052, -0.042, 0)),
    ('spine1', 0, (0, 0.065, 0)),
    ('left_knee', 1, (0, -0.245, 0)),
    ('right_knee', 2, (0, -0.245, 0)),
    ('spine2', 3, (0, 0.08, 0)),
    ('left_ankle', 4, (0, -0.246, 0)),
    ('right_ankle', 5, (0, -0.246, 0)),
    ('spine3', 6, (0, 0.035, 0)),
    ('left_toe', 7, (0.01, -0.035, 0.075)),
    ('right_toe', 8, (-0.01, -0.035, 0.075)),
    ('neck', 9, (0, 0.13, 0)),
    ('left_collar', 9, (0.045, 0.075, 0)),
    ('right_collar', 9, (-0.045, 0.075, 0)),
    ('head', 12, (0, 0.05, 0.02)),
    ('left_shoulder', 13, (0.07, 0.02, 0)),
    ('right_shoulder', 14, (-0.07, 0.02, 0)),
    ('left_elbow', 16, (0.17, 0, 0)),
    ('right_elbow', 17, (-0.17, 0, 0)),
    ('left_wrist', 18, (0.146, 0, 0)),
    ('right_wrist', 19, (-0.146, 0, 0)),
)
"""Joints in SMPL's order, their parents, and offsets as fractions of the
stature in its T-pose (x left, y up, z ahead): Winter's proportions."""


def is_amass(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether arrays are those of an AMASS file."""
    return {'poses', 'trans'} <= set(arrays) and _rate(arrays) is not None


def amass_motion(path: Path, arrays: Mapping[str, np.ndarray]) -> BodyMotion:
    """A motion of the arrays of an AMASS file.

    Raises:
        ValueError: If they do not fit each other.
    """
    poses, trans, rate = arrays['poses'], arrays['trans'], _rate(arrays)
    count = len(_SKELETON)
    fits = (
        poses.ndim == 2
        and poses.shape[1] >= 3 * count
        and trans.shape == (len(poses), 3)
        and rate is not None
        and np.issubdtype(poses.dtype, np.floating)
        and np.isfinite(poses).all()
    )
    if not fits or rate is None:
        raise mistake(
            path,
            f'has poses {poses.shape} and trans {trans.shape}, expected '
            '(T, 66 or more) and (T, 3) finite numbers',
        )
    from scipy.spatial.transform import Rotation

    vectors = poses[:, : 3 * count].astype(np.float64).reshape(-1, 3)
    local = Rotation.from_rotvec(vectors).as_matrix()
    local = local.reshape(len(poses), count, 3, 3)
    nodes = [
        Node(name, parent, _STATURE * np.array(offset))
        for name, parent, offset in _SKELETON
    ]
    root = trans.astype(np.float64)
    positions, rotations = forward(nodes, root, local)
    note = (
        f'{path.name}: the bones are those of an average adult of '
        f'{_STATURE} m, as the file has no skeleton'
    )
    names = [node.name for node in nodes]
    motion = body_motion(path, names, positions, rotations, rate, 1.0, [note])
    return motion


def _rate(arrays: Mapping[str, np.ndarray]) -> float | None:
    """Frames per second."""
    for key in ('mocap_framerate', 'mocap_frame_rate'):
        value = arrays.get(key)
        if value is not None and value.size == 1:
            try:
                rate = float(value)
            except (TypeError, ValueError):
                continue
            if 1 < rate < 2000:
                return rate
    return None
