"""Actions as cycles of key poses; their tables are the place to add one.

See :func:`make_action` for the notation. The curve through the key poses, the
person's style and the path over the floor come from :mod:`.motion`.
"""

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


def _both(**angles: float) -> dict[str, float]:
    """Give both sides the same angles."""
    return {f'{s}_{name}': v for s in 'lr' for name, v in angles.items()}


def _step(
    right: tuple[float, float],
    left: tuple[float, float],
    arms: tuple[float, float] = (4, 4),
    **others: float,
) -> dict[str, float]:
    """Set hip and knee flexion of both legs and flexion of both arms."""
    names = (
        *('r_hip_flex', 'r_knee', 'l_hip_flex', 'l_knee'),
        *('r_arm_flex', 'l_arm_flex'),
    )
    return {**dict(zip(names, (*right, *left, *arms))), **others}


_LIST = (
    make_action(
        'walk',
        1.12,
        {
            0.00: _step((28, 6), (-13, 14), (-20, 24), spine_twist=5),
            0.12: _step((20, 16), (-6, 50), (-14, 17), spine_twist=4),
            0.25: _step((6, 8), (20, 60), (0, 4)),
            0.38: _step((-5, 6), (33, 28), (14, -10), spine_twist=-4),
        },
        base={'lean': 3, **_both(elbow=24)},
        gait=True,
        turn=(25, 55),
        pause=0.05,
    ),
    make_action(
        'run_in_place',
        0.74,
        {
            0.00: _step((20, 38), (14, 45), (-38, 34), spine_twist=6),
            0.12: _step((12, 28), (36, 88), (-25, 22), spine_twist=4),
            0.25: _step((8, 18), (58, 98), (0, 0)),
            0.38: _step((10, 22), (42, 74), (24, -26), lift=0.03),
        },
        base={'lean': 6, **_both(elbow=88)},
        gait=True,
        turn=(-8, 8),
        pause=0.03,
    ),
    make_action(
        'wave',
        0.85,
        {
            0.0: {'r_elbow': 62, 'spine_side': -2},
            0.5: {'r_elbow': 112, 'spine_side': 3},
        },
        {
            0.0: {'r_arm_twist': -55, 'r_elbow': 70},
            0.5: {'r_arm_twist': -100, 'r_elbow': 95, 'r_pronation': 60},
        },
        base={
            **{'r_arm_abd': 82, 'r_arm_flex': 12},
            **{'r_arm_twist': -84, 'r_elbow': 85},
        },
    ),
    make_action(
        'squat',
        2.5,
        {
            0.00: {},
            0.24: _both(hip_flex=52, knee=62, arm_flex=50) | {'lean': 22},
            0.45: _both(hip_flex=96, knee=118, arm_flex=88) | {'lean': 36},
            0.55: _both(hip_flex=97, knee=120, arm_flex=90) | {'lean': 37},
            0.78: _both(hip_flex=50, knee=60, arm_flex=48) | {'lean': 22},
        },
        base=_both(hip_abd=12),
    ),
    make_action(
        'jumping_jack',
        1.1,
        {
            0.00: _both(hip_flex=16, knee=32, arm_abd=10),
            0.25: _both(hip_abd=12, arm_abd=82, elbow=10) | {'lift': 0.09},
            0.50: _both(hip_flex=12, knee=24, hip_abd=22, arm_abd=160),
            0.75: _both(hip_abd=12, arm_abd=85, elbow=10) | {'lift': 0.09},
        },
        base={'lean': 4},
    ),
    make_action(
        'box',
        0.95,
        {  # jab
            0.00: {},
            0.32: {'l_arm_flex': 88, 'l_elbow': 12, 'spine_twist': -16},
            0.70: {},
        },
        {  # cross
            0.00: {},
            0.36: {'r_arm_flex': 88, 'r_elbow': 10, 'spine_twist': 32},
            0.75: {},
        },
        {  # hook
            0.00: {'spine_twist': -14, 'r_arm_abd': 45},
            0.38: {
                **{'r_arm_abd': 62, 'r_arm_flex': 66, 'r_arm_twist': 55},
                **{'r_elbow': 88, 'spine_twist': 36, 'spine_side': -6},
            },
            0.75: {},
        },
        {  # uppercut
            0.00: {'r_arm_flex': 5, 'r_elbow': 95, 'spine_bend': 10},
            0.40: {'r_arm_flex': 95, 'r_elbow': 100, 'spine_twist': 26},
            0.75: {},
        },
        base={
            **_both(arm_flex=45, arm_abd=16, arm_twist=28, elbow=118),
            **{'l_hip_flex': 17, 'l_knee': 18, 'r_hip_flex': -6},
            **{'r_knee': 16, 'lean': 6, 'spine_bend': 5},
        },
        pause=0.2,
    ),
    make_action(
        'throw',
        2.2,
        {
            0.00: {},
            0.28: {
                **{'r_arm_abd': 92, 'r_arm_twist': -82, 'r_elbow': 98},
                **{'spine_twist': -32, 'lean': -4, 'r_hip_flex': -8},
                **{'r_knee': 14, 'l_arm_flex': 50, 'l_hip_flex': 12},
            },
            0.42: {
                **{'r_arm_abd': 45, 'r_arm_flex': 112, 'r_arm_twist': -20},
                **{'r_elbow': 22, 'spine_twist': 28, 'lean': 14},
                **{'l_hip_flex': 26, 'l_knee': 20, 'l_arm_flex': -10},
                **{'r_hip_flex': -16, 'r_knee': 22},
            },
            0.58: {
                **{'r_arm_flex': 34, 'r_arm_twist': 40, 'spine_twist': 30},
                **{'spine_bend': 16, 'lean': 20, 'l_hip_flex': 28},
                **{'l_knee': 26, 'r_hip_flex': -8, 'r_knee': 30},
            },
            0.88: {},
        },
        pause=0.3,
    ),
    make_action(
        'stir',
        0.95,
        {
            0.00: {'r_arm_flex': 52, 'r_elbow': 62},
            0.25: {'r_arm_twist': 50, 'r_arm_abd': 14},
            0.50: {'r_arm_flex': 30, 'r_elbow': 88},
            0.75: {'r_arm_twist': 8, 'r_arm_abd': 26},
        },
        {
            0.00: {'r_arm_flex': 54, 'r_elbow': 60},
            0.25: {'r_arm_twist': 8, 'r_arm_abd': 26},
            0.50: {'r_arm_flex': 32, 'r_elbow': 86},
            0.75: {'r_arm_twist': 50, 'r_arm_abd': 14},
        },
        base={
            **{'r_arm_flex': 41, 'r_elbow': 75, 'r_arm_twist': 30},
            **{'r_arm_abd': 20, 'l_arm_flex': 26, 'l_arm_twist': 42},
            **{'l_elbow': 82, 'spine_bend': 8, 'head_nod': 22},
        },
    ),
    make_action(
        'sit_to_stand',
        4.4,
        {
            0.00: {},
            0.16: _both(hip_flex=46, knee=64, arm_flex=16) | {'lean': 34},
            0.32: _both(hip_flex=88, knee=90, arm_flex=24, elbow=58),
            0.50: _both(hip_flex=88, knee=90, arm_flex=26, elbow=60),
            0.62: _both(hip_flex=86, knee=100, arm_flex=34) | {'lean': 44},
            0.72: _both(hip_flex=50, knee=70, arm_flex=20) | {'lean': 34},
            0.86: {},
        },
        pause=0.2,
    ),
    make_action(
        'kick',
        1.9,
        {
            0.00: {},
            0.22: _step((-26, 74), (5, 12), (28, -8), lean=6),
            0.40: _step((78, 8), (6, 14), (-26, 42), lean=-12),
            0.58: _step((48, 66), (6, 14), (-6, 18), spine_bend=6),
            0.82: {},
        },
        alternate=True,
        pause=0.25,
    ),
    make_action(
        'reach',
        2.6,
        {  # up
            0.00: {},
            0.38: {'r_arm_flex': 155, 'r_elbow': 14, 'spine_side': -7},
            0.55: {'r_arm_flex': 160, 'r_elbow': 8, 'spine_side': -9},
            0.90: {},
        },
        {  # out to the side
            0.00: {},
            0.36: {'r_arm_abd': 98, 'r_elbow': 10, 'spine_side': 10},
            0.55: {'r_arm_abd': 100, 'r_elbow': 6, 'spine_twist': -14},
            0.88: {},
        },
        {  # low in front
            0.00: {},
            0.40: {
                **{'r_arm_flex': 70, 'r_elbow': 8, 'lean': 32},
                **_both(hip_flex=34, knee=42),
                'spine_bend': 26,
            },
            0.55: {
                **{'r_arm_flex': 66, 'r_elbow': 6, 'lean': 36},
                **_both(hip_flex=40, knee=50),
                'spine_bend': 30,
            },
            0.92: {},
        },
        {  # across the body
            0.00: {},
            0.38: {'r_arm_flex': 86, 'r_arm_abd': -28, 'spine_twist': 26},
            0.55: {'r_arm_flex': 84, 'r_arm_abd': -34, 'spine_twist': 34},
            0.90: {},
        },
        alternate=True,
        pause=0.3,
    ),
    make_action(
        'turn_around',
        1.25,
        {
            0.00: _step((4, 8), (6, 14), (10, -6)),
            0.12: _step((6, 10), (26, 42), (6, 0)),
            0.28: _step((6, 8), (34, 46), (-4, 8)),
            0.40: _step((4, 6), (16, 18), (-8, 12)),
        },
        gait=True,
        turn=(75, 140),
        pause=0.25,
    ),
)

ACTIONS: dict[str, Action] = {action.name: action for action in _LIST}
"""The actions by name; their order is the order of the labels."""
