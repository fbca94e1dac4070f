"""The SMPL body: where points of the skin are, and how joints are turned.

Source: Loper, Mahmood, Romero, Pons-Moll and Black, "SMPL: A Skinned
Multi-Person Linear Model", ACM Transactions on Graphics 2015. Numbers in
brackets are its equations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARENTS = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
    *(9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21),
)
"""Parent of each of the 24 joints; the pelvis has none."""


@dataclass(frozen=True)
class SMPLBody:
    """Some vertices of a SMPL model, and what moves them.

    The joints depend linearly on the shape, so the regressor is applied to
    the template and to the shape directions once, not to every person.

    Args:
        template: (V, 3) vertices of the mean shape in metres.
        shape_dirs: (V, 3, N) their change with each shape coefficient.
        pose_dirs: (V, 3, 207) their change with each element of the
            rotation matrices of joints 1 to 23.
        weights: (V, 24) skinning weights.
        joints: (24, 3) joints of the mean shape in metres.
        joint_dirs: (24, 3, N) their change with each shape coefficient.
    """

    template: np.ndarray
    shape_dirs: np.ndarray
    pose_dirs: np.ndarray
    weights: np.ndarray
    joints: np.ndarray
    joint_dirs: np.ndarray

    def pose(
        self, betas: np.ndarray, pose: np.ndarray, transl: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pose the body in every frame.

        Args:
            betas: (T, B) shape; of B and N coefficients the first that both
                have are used.
            pose: (T, 24, 3) rotation of each joint in its parent's frame,
                as axis times angle in radians; the first is that of the
                body in the world.
            transl: (T, 3) translation in metres.

        Returns:
            Vertices (T, V, 3) in metres, and rotation matrices
            (T, 24, 3, 3) of the joints, both in the world.
        """
        count = min(betas.shape[1], self.shape_dirs.shape[2])
        betas = betas[:, :count]
        local = rotation_matrices(pose)
        joints = self.joints + _blend(self.joint_dirs[..., :count], betas)
        turned, placed = _chain(local, joints)
        # Template with blend shapes of shape (8) and pose (9).
        features = (local[:, 1:] - np.eye(3)).reshape(len(pose), -1)
        rest = self.template + _blend(self.shape_dirs[..., :count], betas)
        rest = rest + _blend(self.pose_dirs, features)
        # Blend skinning (7): each joint takes a vertex along as if it were
        # rigidly attached, starting from the rest pose.
        offset = placed - np.einsum('tjxy,tjy->tjx', turned, joints)
        turn = np.tensordot(turned, self.weights, (1, 1))
        move = np.tensordot(offset, self.weights, (1, 1))
        skinned = np.einsum('txyv,tvy->tvx', turn, rest)
        skinned = skinned + np.swapaxes(move, 1, 2)
        return skinned + transl[:, None], turned


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Rodrigues' formula (1).

    Args:
        vectors: (..., 3) axis times angle in radians.

    Returns:
        (..., 3, 3).
    """
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    cross = cross.reshape(*vectors.shape, 3)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    # sin(a) / a and (1 - cos(a)) / a^2, also for a = 0.
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def _blend(directions: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """(V, 3, N) directions and (T, N) coefficients to (T, V, 3) offsets."""
    return np.tensordot(coefficients, directions, (1, 2))


def _chain(
    local: np.ndarray, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the tree of joints from the pelvis (4).

    Args:
        local: (T, 24, 3, 3) rotations in the parents' frames.
        joints: (T, 24, 3) places in the rest pose.

    Returns:
        Rotations and places of the joints in the world.
    """
    turned, placed = local.copy(), joints.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ local[:, joint]
        bone = joints[:, joint] - joints[:, parent]
        placed[:, joint] = placed[:, parent] + np.einsum(
            'txy,ty->tx', turned[:, parent], bone
        )
    return turned, placed
