"""Actions as cycles of key poses, and the mirror image of a pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .body import DOF, DOFS

_REST = {
    **{f'{s}_arm_flex': 4 for s in 'lr'},
    **{f'{s}_arm_abd': 9 for s in 'lr'},
    **{f'{s}_arm_twist': 12 for s in 'lr'},
    **{f'{s}_elbow': 14 for s in 'lr'},
    **{f'{s}_pronation': 25 for s in 'lr'},
    **{f'{s}_hip_flex': 3 for s in 'lr'},
    **{f'{s}_hip_abd': 4 for s in 'lr'},
    **{f'{s}_knee': 5 for s in 'lr'},
}
_SIDES = {'l_': 'left_', 'r_': 'right_'}
_MIDLINE = (
    *('y', 'yaw', 'roll', 'spine_side', 'spine_twist'),
    *('head_tilt', 'head_turn'),
)


def pose_vector(*layers: dict[str, float]) -> np.ndarray:
    """Key pose (len(DOFS),) in radians and metres; later layers win."""
    vector = np.zeros(len(DOFS))
    for name, value in {k: v for la in layers for k, v in la.items()}.items():
        if name == 'lift':
            vector[DOF['z']] = value
        else:
            name = _SIDES.get(name[:2], name[:2]) + name[2:]
            vector[DOF[name]] = np.deg2rad(value)
    return vector


def _mirror_name(name: str) -> str:
    if name.startswith('left_'):
        return 'right_' + name[5:]
    return 'left_' + name[6:] if name.startswith('right_') else name


_SWAP = np.array([DOF[_mirror_name(name)] for name in DOFS])
_SIGN = np.array([-1.0 if name in _MIDLINE else 1.0 for name in DOFS])


def mirror(poses: np.ndarray) -> np.ndarray:
    """Swap left and right in degrees of freedom (..., len(DOFS))."""
    return poses[..., _SWAP] * _SIGN


@dataclass(frozen=True)
class Action:
    """A cyclic movement.

    Args:
        name: Class name.
        period: Seconds per cycle at normal tempo.
        base: (len(DOFS),) pose at the ends and between the key poses.
        variants: Ways to perform a cycle: phases (n,) in [0, 1) and poses
            (n, len(DOFS)) of each; one is drawn for every cycle.
        turn: Range of degrees by which the body turns per cycle.
        alternate: Whether cycles pick a side at random.
        pause: Probability of standing still for a moment after a cycle.
    """

    name: str
    period: float
    base: np.ndarray
    variants: tuple[tuple[np.ndarray, np.ndarray], ...]
    turn: tuple[float, float] = (0.0, 0.0)
    alternate: bool = False
    pause: float = 0.12


def make_action(
    name: str,
    period: float,
    *variants: dict[float, dict[str, float]],
    base: dict[str, float] | None = None,
    gait: bool = False,
    **options: Any,
) -> Action:
    """Build an action from readable tables.

    Args:
        name: Class name.
        period: Seconds per cycle.
        variants: Key poses by phase. A pose gives degrees by joint, whose
            name is prefixed with ``l_`` or ``r_`` (the dominant side), and
            ``lift``, the height of a jump in metres. What it omits is as in
            ``base``.
        base: Base pose in the same form; what it omits is at rest.
        gait: Whether the poses are half a cycle, to be mirrored.
        options: Further arguments of :class:`Action`.
    """
    rest = {**_REST, **(base or {})}
    tables = []
    for keys in variants:
        phases = np.array(list(keys), float)
        poses = np.stack([pose_vector(rest, k) for k in keys.values()])
        if gait:
            phases = np.concatenate([phases, phases + 0.5])
            poses = np.concatenate([poses, mirror(poses)])
        tables.append((phases, poses))
    return Action(name, period, pose_vector(rest), tuple(tables), **options)
