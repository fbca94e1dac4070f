"""Where sensors and keypoints sit on a captured body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ...readers.motions.body import JOINT, JOINTS, SEGMENT
from ...skeleton import get_layout


@dataclass(frozen=True)
class Place:
    """Where a sensor is strapped to the body.

    Args:
        segment: Name of the segment that carries it.
        bone: The joints at either end of the bone.
        along: Range of the fraction of the way along the bone.
        skin: Range of its distance from the bone in metres.
        loose: How much soft tissue moves it, from 0 to 1.
    """

    segment: str
    bone: tuple[str, str]
    along: tuple[float, float]
    skin: tuple[float, float] = (0.03, 0.06)
    loose: float = 0.3


def _side(side: str) -> dict[str, Place]:
    s = side[0]
    fore, shank = (f'{s}_elbow', f'{s}_wrist'), (f'{s}_knee', f'{s}_ankle')
    return {
        f'{side}_upper_arm': Place(
            f'{s}_upperarm', (f'{s}_shoulder', f'{s}_elbow'), (0.3, 0.75)
        ),
        f'{side}_forearm': Place(f'{s}_forearm', fore, (0.3, 0.7)),
        f'{side}_wrist': Place(
            f'{s}_forearm', fore, (0.8, 1.0), (0.02, 0.04), 0.15
        ),
        f'{side}_hand': Place(
            f'{s}_hand', (f'{s}_wrist', f'{s}_hand'), (0.3, 1.0), (0.01, 0.03)
        ),
        f'{side}_thigh': Place(
            f'{s}_thigh', (f'{s}_hip', f'{s}_knee'), (0.35, 0.8), (0.05, 0.09),
            0.6,
        ),
        f'{side}_knee': Place(f'{s}_shank', shank, (0.15, 0.4), (0.04, 0.06)),
        f'{side}_shank': Place(f'{s}_shank', shank, (0.4, 0.9)),
        f'{side}_foot': Place(
            f'{s}_foot', (f'{s}_ankle', f'{s}_toe'), (0.2, 0.8), (0.02, 0.05),
            0.2,
        ),
    }  # fmt: skip


PLACES: dict[str, Place] = {
    'head': Place('head', ('neck', 'head'), (0.9, 1.2), (0.06, 0.1), 0.1),
    'sternum': Place('chest', ('spine', 'neck'), (0.3, 0.9), (0.08, 0.14)),
    'pelvis': Place('pelvis', ('pelvis', 'spine'), (0, 0.2), (0.08, 0.14)),
    **_side('left'),
    **_side('right'),
}
"""Where the sensor of each placement of :data:`..skeleton.LIMBS` is."""

SHIPPED_PLACEMENTS: tuple[str, ...] = tuple(
    name for name in PLACES if not name.endswith(('forearm', 'shank'))
)
"""The 15 placements that differ: a wrist stands for its forearm, a knee
strap for its shank."""

_FACE = {
    'nose': (0.115, 0.0, 0.0),
    'left_eye': (0.095, 0.031, 0.035),
    'right_eye': (0.095, -0.031, 0.035),
    'left_ear': (0.01, 0.075, 0.015),
    'right_ear': (0.01, -0.075, 0.015),
}
"""Metres from the middle of the head: forward, left, up."""


def torso_frame(positions: np.ndarray) -> np.ndarray:
    """Axes (T, 3, 3) of the trunk of joints (T, 20, 3): forward, left, up."""
    hips = positions[:, [JOINT['l_hip'], JOINT['r_hip']]]
    shoulders = positions[:, [JOINT['l_shoulder'], JOINT['r_shoulder']]]
    up = _unit(shoulders.mean(axis=1) - hips.mean(axis=1))
    left = shoulders[:, 0] - shoulders[:, 1] + hips[:, 0] - hips[:, 1]
    left = _unit(left - (left * up).sum(1, keepdims=True) * up)
    return np.stack([np.cross(left, up), left, up], axis=2)


def head_frame(
    positions: np.ndarray, orientations: np.ndarray | None
) -> np.ndarray:
    """Anatomical axes (T, 3, 3) of the head: forward, left, up.

    Segment axes are arbitrary, but constant. On average over a clip a head
    looks where the trunk does, which gives the turn between the two frames.
    Without orientations, the head turns with the trunk.
    """
    trunk = torso_frame(positions)
    if orientations is None:
        return trunk
    head = matrices(orientations[:, SEGMENT['head']])
    turn = np.einsum('tji,tjk->ik', head, trunk)
    u, _, v = np.linalg.svd(turn)
    flip = np.diag([1.0, 1.0, np.linalg.det(u @ v)])
    return head @ (u @ flip @ v)


def keypoints_of(
    positions: np.ndarray, orientations: np.ndarray | None = None
) -> np.ndarray:
    """Keypoints of the layout ``coco`` (T, 17, 3).

    Args:
        positions: (T, 20, 3) joints.
        orientations: (T, 15, 4) segments; the head's is used.
    """
    names = get_layout('coco')
    out = np.empty((len(positions), len(names), 3))
    frame = head_frame(positions, orientations)
    middle = positions[:, JOINT['head']]
    above = _unit(middle - positions[:, JOINT['neck']])
    # The joint is the top of the head or its middle, by the source.
    length = np.median(
        np.linalg.norm(middle - positions[:, JOINT['neck']], axis=1)
    )
    middle = middle - above * max(length - 0.17, 0.0)
    for row, name in enumerate(names):
        if name in _FACE:
            out[:, row] = middle + frame @ np.array(_FACE[name])
        else:
            side, joint = name.split('_')
            out[:, row] = positions[:, JOINT[f'{side[0]}_{joint}']]
    return out


def mirrored(
    positions: np.ndarray, orientations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The motion in a mirror: left is right, and the world's x is -x."""
    flip = np.array([-1.0, 1.0, 1.0])
    positions = positions[:, swapped(JOINTS)] * flip
    # M R M: a rotation again, of segment axes that are mirrored as well.
    orientations = orientations[:, swapped(list(SEGMENT))]
    return positions, orientations * np.array([1.0, 1.0, -1.0, -1.0])


def swapped(names: list[str] | tuple[str, ...]) -> list[int]:
    """Index of every name's counterpart on the other side."""
    order = list(names)
    other = {'l_': 'r_', 'r_': 'l_'}
    return [order.index(other.get(n[:2], n[:2]) + n[2:]) for n in order]


def matrices(quat: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of quaternions w x y z (..., 4)."""
    flat = Rotation.from_quat(quat.reshape(-1, 4)[:, [1, 2, 3, 0]])
    return flat.as_matrix().reshape(*quat.shape[:-1], 3, 3)


def _unit(x: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.maximum(size, 1e-9)
