"""Actions as cycles of key poses; ``actions.yml`` is the place to add one.

See :func:`make_action` for the notation. The curve through the key poses, the
person's style and the path over the floor come from :mod:`.motion`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...skeleton import mirrored
from .body import DOF, DOFS

_REST = {
    **{'arm_flex': 4, 'arm_abd': 9, 'arm_twist': 12, 'elbow': 14},
    **{'pronation': 25, 'hip_flex': 3, 'hip_abd': 4, 'knee': 5},
}
_SIDES = {'l_': 'left_', 'r_': 'right_'}
_MIDLINE = (
    'y', 'yaw', 'roll', 'spine_side', 'spine_twist', 'head_tilt', 'head_turn',
)  # fmt: skip


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


_SWAP = np.array([DOF[mirrored(name)] for name in DOFS])
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
    variants: list[dict[float, dict[str, Any]]],
    base: dict[str, Any] | None = None,
    gait: bool = False,
    **options: Any,
) -> Action:
    """Build an action from readable tables.

    Args:
        name: Class name.
        period: Seconds per cycle.
        variants: Key poses by phase. A pose gives degrees by joint: of both
            sides, of the right (dominant) one and the left one, or, where
            its name is prefixed with ``l_`` or ``r_``, of one; and ``lift``,
            the height of a jump in metres. What it omits is as in ``base``.
        base: Base pose in the same form; what it omits is at rest.
        gait: Whether the poses are half a cycle, to be mirrored.
        options: Further arguments of :class:`Action`.
    """
    rest = {**_angles(_REST), **_angles(base or {})}
    tables = []
    for keys in variants:
        phases = np.array(list(keys), float)
        poses = [pose_vector(rest, _angles(pose)) for pose in keys.values()]
        if gait:
            phases = np.concatenate([phases, phases + 0.5])
            poses += [mirror(pose) for pose in poses]
        tables.append((phases, np.stack(poses)))
    return Action(name, period, pose_vector(rest), tuple(tables), **options)


def _angles(pose: dict[str, Any]) -> dict[str, float]:
    """Give both sides the angles that are written for both."""
    angles: dict[str, float] = {}
    for name, value in pose.items():
        if name in _REST:
            both = value if isinstance(value, list) else [value, value]
            angles.update(zip((f'r_{name}', f'l_{name}'), both))
        else:
            angles[name] = value
    return angles


_TABLES = Path(__file__).with_name('actions.yml').read_text('utf-8')
ACTIONS = {
    name: make_action(
        name, **{**keys, 'turn': tuple(keys.get('turn', (0, 0)))}
    )
    for name, keys in yaml.safe_load(_TABLES).items()
}
"""The actions by name; their order is the order of the labels."""
