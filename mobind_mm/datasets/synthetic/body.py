"""An articulated body: bone lengths, degrees of freedom and kinematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...skeleton import get_layout

_SIDES = ('left', 'right')
_LIMB_DOFS = (
    'arm_flex', 'arm_abd', 'arm_twist', 'elbow', 'pronation', 'hip_flex',
    'hip_abd', 'hip_twist', 'knee',
)  # fmt: skip

SEGMENTS: tuple[str, ...] = (
    'pelvis', 'thorax', 'head',
    'left_upper_arm', 'left_forearm', 'left_thigh', 'left_shank',
    'right_upper_arm', 'right_forearm', 'right_thigh', 'right_shank',
)  # fmt: skip
"""Rigid segments. Frames: x forward, y left, z up while standing."""

DOFS: tuple[str, ...] = (
    'x', 'y', 'z', 'yaw', 'roll', 'lean',
    'spine_side', 'spine_bend', 'spine_twist',
    'head_tilt', 'head_nod', 'head_turn',
    *(f'{side}_{name}' for side in _SIDES for name in _LIMB_DOFS),
)  # fmt: skip
"""Degrees of freedom: metres for x, y, z of the mid-hip, else radians.

Positive means forward (flexion, lean, bend, nod), away from the midline
(abduction) and inward (twist, pronation), so left and right are mirror
images. Thighs are relative to the heading, not to the leaning pelvis.
"""

DOF: dict[str, int] = {name: i for i, name in enumerate(DOFS)}
"""Column of each degree of freedom."""

RATIOS: dict[str, float] = {
    'upper_arm': 0.186,
    'forearm': 0.146,
    'thigh': 0.245,
    'shank': 0.246,
    'ankle_height': 0.039,
    'shoulder_half_width': 0.115,
    'hip_half_width': 0.060,
    'lumbar': 0.100,
    'shoulder_height': 0.188,
    'neck': 0.240,
    'eye_height': 0.066,
    'head_half_width': 0.045,
}
"""Lengths as fractions of the stature.

Drillis & Contini (1966) as printed in Winter, *Biomechanics and Motor
Control of Human Movement*, fig. 4.1. With three differences: joint centres
lie inside the body, so the shoulder and hip half widths are below half of
Winter's breadths (0.259 and 0.191); the trunk of 0.288 is split at the lumbar
spine, from where shoulder and neck heights count; the head's half width is
our own.
"""

_INDEX = {name: i for i, name in enumerate(SEGMENTS)}


class Kinematics(NamedTuple):
    """Positions and orientations in the world: metres, Z up.

    Attributes:
        keypoints: (T, 17, 3) in COCO order.
        origins: (T, 11, 3) proximal end of every segment.
        rotations: (T, 11, 3, 3) segment frame to world.
    """

    keypoints: np.ndarray
    origins: np.ndarray
    rotations: np.ndarray


@dataclass(frozen=True)
class Body:
    """One person's skeleton.

    Args:
        lengths: Lengths in metres by the names in :data:`RATIOS`.
    """

    lengths: Mapping[str, float]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Body:
        """Draw a stature, and proportions that vary by about 4 %."""
        stature = np.clip(rng.normal(1.70, 0.09), 1.48, 1.98)
        factors = np.exp(rng.normal(0, 0.04, len(RATIOS)))
        return cls(
            {
                name: float(stature * ratio * factor)
                for (name, ratio), factor in zip(RATIOS.items(), factors)
            }
        )

    def segments(self, dofs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forward kinematics of the segments.

        Args:
            dofs: (T, len(DOFS)).

        Returns:
            Origins (T, 11, 3) and rotations (T, 11, 3, 3) to the world.
        """
        size, q = self.lengths, {n: dofs[:, i] for n, i in DOF.items()}
        # Segments come first in memory, so that each has contiguous arrays.
        pos = np.empty((len(SEGMENTS), len(dofs), 3))
        rot = np.empty((len(SEGMENTS), len(dofs), 3, 3))

        def attach(
            name: str, parent: str, offset: tuple, frame: str, turn: np.ndarray
        ) -> None:
            """Place a segment at a point of its parent."""
            i, at = _INDEX[name], _INDEX[parent]
            np.matmul(rot[at], np.array(offset), out=pos[i])
            pos[i] += pos[at]
            base = heading if frame == 'heading' else rot[_INDEX[frame]]
            np.matmul(base, turn, out=rot[i])

        heading = axis_rotation(2, q['yaw'])
        zero = np.zeros(len(dofs))
        pos[0] = dofs[:, :3]
        np.matmul(heading, rotation(q['roll'], q['lean'], zero), out=rot[0])
        turn = rotation(q['spine_side'], q['spine_bend'], q['spine_twist'])
        attach('thorax', 'pelvis', (0, 0, size['lumbar']), 'pelvis', turn)
        turn = rotation(q['head_tilt'], q['head_nod'], q['head_turn'])
        attach('head', 'thorax', (0, 0, size['neck']), 'thorax', turn)
        for side, sign in zip(_SIDES, (1, -1)):
            limb = {n: q[f'{side}_{n}'] for n in _LIMB_DOFS}
            arm, fore = f'{side}_upper_arm', f'{side}_forearm'
            thigh, shank = f'{side}_thigh', f'{side}_shank'
            width, up = size['shoulder_half_width'], size['shoulder_height']
            turn = _ball(limb, 'arm', sign)
            attach(arm, 'thorax', (0, sign * width, up), 'thorax', turn)
            turn = axis_rotation(1, -limb['elbow'])
            turn = turn @ axis_rotation(2, -sign * limb['pronation'])
            attach(fore, arm, (0, 0, -size['upper_arm']), arm, turn)
            hip = (0, sign * size['hip_half_width'], 0)
            attach(thigh, 'pelvis', hip, 'heading', _ball(limb, 'hip', sign))
            turn = axis_rotation(1, limb['knee'])
            attach(shank, thigh, (0, 0, -size['thigh']), thigh, turn)
        return pos.swapaxes(0, 1), rot.swapaxes(0, 1)

    def keypoint_offsets(self) -> dict[str, tuple[str, np.ndarray]]:
        """COCO keypoints as a segment and a point (3,) in its frame."""
        size = self.lengths
        eye, half = size['eye_height'], size['head_half_width']
        points: dict[str, tuple[str, tuple[float, float, float]]]
        points = {'nose': ('head', (2.4 * half, 0, 0.75 * eye))}
        for side, sign in zip(_SIDES, (1, -1)):
            points[f'{side}_eye'] = (
                'head',
                (2.0 * half, sign * 0.42 * half, eye),
            )
            points[f'{side}_ear'] = ('head', (0.7 * half, sign * half, eye))
            for joint, part, end in (
                ('shoulder', 'upper_arm', 0.0),
                ('elbow', 'forearm', 0.0),
                ('wrist', 'forearm', size['forearm']),
                ('hip', 'thigh', 0.0),
                ('knee', 'shank', 0.0),
                ('ankle', 'shank', size['shank']),
            ):
                points[f'{side}_{joint}'] = (f'{side}_{part}', (0, 0, -end))
        return {k: (s, np.array(p, float)) for k, (s, p) in points.items()}

    def forward(self, dofs: np.ndarray) -> Kinematics:
        """Forward kinematics of segments and keypoints (T, len(DOFS))."""
        origins, rotations = self.segments(dofs)
        points = self.keypoint_offsets()
        keypoints = []
        for name in get_layout('coco'):
            segment, offset = points[name]
            i = _INDEX[segment]
            keypoints.append(origins[:, i] + rotations[:, i] @ offset)
        return Kinematics(np.stack(keypoints, 1), origins, rotations)


def _ball(limb: dict[str, np.ndarray], joint: str, sign: int) -> np.ndarray:
    """Swing a shoulder or hip, then twist it about the bone: (T, 3, 3)."""
    flex, abd, twist = (limb[f'{joint}_{n}'] for n in ('flex', 'abd', 'twist'))
    swing = rotation(sign * abd, -flex, np.zeros(len(flex)))
    return swing @ axis_rotation(2, -sign * twist)


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
