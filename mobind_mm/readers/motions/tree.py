"""Skeleton trees of motion files: kinematics, names, units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...utils.errors import mistake
from .body import JOINT, JOINTS, SEGMENTS, BodyMotion

UNITS = {
    'metres': 1.0,
    'decimetres': 0.1,
    'centimetres': 0.01,
    'millimetres': 0.001,
    'inches': 0.0254,
    "CMU's units of 1/0.45 inch": 0.0254 / 0.45,
}
_LEG = 0.83
"""Metres from the hip by the knee to the ankle of an adult, on average."""


@dataclass(frozen=True)
class Node:
    """A joint and the bone that begins there.

    Args:
        name: Its name in the file.
        parent: Index of the parent, -1 for the root.
        offset: (3,) or (T, 3) from the parent's joint, in its frame.
    """

    name: str
    parent: int
    offset: np.ndarray


def forward(
    nodes: Sequence[Node], root: np.ndarray, local: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Forward kinematics.

    Args:
        nodes: Parents before children.
        root: (T, 3) position of the first one.
        local: (T, J, 3, 3) rotations relative to the parent.

    Returns:
        Positions (T, J, 3) and rotations (T, J, 3, 3) in the world.
    """
    positions = np.empty((len(root), len(nodes), 3))
    rotations = np.empty((len(root), len(nodes), 3, 3))
    for i, node in enumerate(nodes):
        if node.parent < 0:
            positions[:, i], rotations[:, i] = root, local[:, i]
            continue
        frame = rotations[:, node.parent]
        offset = np.broadcast_to(node.offset, (len(root), 3))
        positions[:, i] = positions[:, node.parent] + np.einsum(
            'tij,tj->ti', frame, offset
        )
        rotations[:, i] = frame @ local[:, i]
    return positions, rotations


def _names(side: str) -> dict[str, tuple[str, ...]]:
    """Names of one side's joints in motion files, without punctuation."""
    s, word = side[0], side
    both = (
        ('hip', ('upleg', 'hip', 'thigh', 'femur', 'upperleg')),
        ('knee', ('leg', 'knee', 'shin', 'tibia', 'lowleg', 'calf', 'shank')),
        ('ankle', ('foot', 'ankle')),
        ('toe', ('toebase', 'toes', 'toe', 'footend', 'ankleend', 'toeend')),
        ('shoulder', ('arm', 'uarm', 'uparm', 'upperarm', 'humerus', 'shldr',
                      'shoulder')),
        ('elbow', ('forearm', 'farm', 'lowarm', 'elbow', 'radius',
                   'lowerarm')),
        ('wrist', ('wrist', 'hand')),
        ('hand', ('handmiddle1', 'middle1', 'fingers', 'fingerbase',
                  'handindex1', 'index1', 'handend', 'wristend', 'hand')),
    )  # fmt: skip
    return {
        f'{s}_{joint}': tuple(
            form
            for name in names
            for form in (f'{word}{name}', f'{s}{name}', f'{name}{s}',
                         f'{name}{word}')
        )
        for joint, names in both
    }  # fmt: skip


_CANDIDATES: dict[str, tuple[str, ...]] = {
    'pelvis': ('hips', 'pelvis', 'root', 'hip'),
    'spine': ('spine1', 'upperback', 'spine2', 'spine', 'chest', 'abdomen'),
    'neck': ('neck', 'neck1', 'lowerneck', 'neck01'),
    'head': ('headend', 'headtop', 'headtopend', 'head'),
    **_names('left'),
    **_names('right'),
}
_CHEST = ('spine3', 'thorax', 'spine2', 'chest', 'upperback', 'spine1',
          'spine', 'chest2')  # fmt: skip
_NEEDED = ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist')
_TIPS = {
    'head': 'neck',
    **{f'{s}_toe': f'{s}_ankle' for s in 'lr'},
    **{f'{s}_hand': f'{s}_wrist' for s in 'lr'},
}
_CARRIED_BY = {
    'thigh': 'hip',
    'shank': 'knee',
    'foot': 'ankle',
    'upperarm': 'shoulder',
    'forearm': 'elbow',
    'hand': 'wrist',
}


def body_motion(
    path: Path,
    names: Sequence[str],
    positions: np.ndarray,
    rotations: np.ndarray,
    rate: float,
    unit: float | None = None,
    notes: Sequence[str] = (),
) -> BodyMotion:
    """A motion of our joints from any tree.

    Args:
        path: The file; its name is that of the clip.
        names: J names of joints.
        positions: (T, J, 3) in any unit, y or z up.
        rotations: (T, J, 3, 3) to the world.
        rate: Frames per second.
        unit: Metres of a unit; None finds the usual one with which the legs
            have an adult's length.
        notes: What was assumed already.

    Raises:
        ValueError: If joints are missing, or there is no motion.
    """
    if len(positions) < 2 or not np.isfinite(positions).all():
        raise mistake(path, 'holds no motion of two frames or more')
    nodes = find_joints(names)
    needed = ['pelvis', *(f'{s}_{n}' for s in 'lr' for n in _NEEDED)]
    if missing := [n for n in needed if n not in nodes]:
        raise mistake(
            path,
            f'has no joints that are {missing}; it has {list(names)[:40]}',
            'Rename its joints as in BVH of the CMU motions (Hips, '
            'LeftUpLeg, LeftLeg, LeftFoot, LeftArm, LeftForeArm, LeftHand, …)',
        )
    for tip, base in _TIPS.items():  # end sites may have no length
        if tip in nodes and base in nodes:
            ends = positions[0, [nodes[tip], nodes[base]]]
            if np.linalg.norm(ends[1] - ends[0]) < 1e-6:
                del nodes[tip]
    said = list(notes)
    positions, rotations = _upright(positions, rotations, nodes, said)
    if unit is None:
        unit = _guess_unit(positions, nodes, said)
    positions = positions * unit
    joints = np.full((len(positions), len(JOINTS), 3), np.nan)
    for name, node in nodes.items():
        joints[:, JOINT[name]] = positions[:, node]
    chest = next(
        (i for n in _CHEST for i, x in enumerate(names) if plain(x) == n),
        nodes['pelvis'],
    )
    carriers = {'pelvis': nodes['pelvis'], 'chest': chest}
    plain_names = [plain(name) for name in names]
    carriers['head'] = (
        plain_names.index('head') if 'head' in plain_names
        else nodes.get('neck', chest)
    )  # fmt: skip
    for s in 'lr':
        for segment, joint in _CARRIED_BY.items():
            carriers[f'{s}_{segment}'] = nodes[f'{s}_{joint}']
    turns = rotations[:, [carriers[name] for name in SEGMENTS]]
    derived = _complete(joints, turns)
    if derived:
        said.append(f'{path.name}: {", ".join(derived)} derived, not captured')
    floor = np.quantile(joints[:, :, 2].min(axis=1), 0.02)
    joints[:, :, 2] -= floor
    return BodyMotion(
        joints, quaternions(turns), rate, path.stem, path.stem,
        source=path.parent.name, notes=tuple(said),
    )  # fmt: skip


def plain(name: str) -> str:
    """A joint's name without prefix, punctuation and case.

    >>> plain('mixamorig:LeftUp_Leg'), plain('Bip01 L Thigh')
    ('leftupleg', 'lthigh')
    """
    name = name.rpartition(':')[2].lower()
    name = re.sub(r'^(bip0?1|mixamorig\d*|[mf]_avg)[ _]?', '', name)
    return re.sub(r'[^a-z0-9]', '', name)


def find_joints(names: Sequence[str]) -> dict[str, int]:
    """Index of the joint in a file by our name, where it has one.

    >>> find_joints(['Hips', 'LeftUpLeg', 'LeftLeg'])
    {'pelvis': 0, 'l_hip': 1, 'l_knee': 2}
    """
    index: dict[str, int] = {}
    for i, name in enumerate(names):
        index.setdefault(plain(name), i)
    joints: dict[str, int] = {}
    for joint, candidates in _CANDIDATES.items():
        for name in candidates:
            if name in index and index[name] not in joints.values():
                joints[joint] = index[name]
                break
    return joints


def _upright(
    positions: np.ndarray,
    rotations: np.ndarray,
    joints: Mapping[str, int],
    said: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Let z be up, if y is."""
    shoulders = positions[:, [joints['l_shoulder'], joints['r_shoulder']]]
    ankles = positions[:, [joints['l_ankle'], joints['r_ankle']]]
    height = np.median(shoulders.mean(1) - ankles.mean(1), axis=0)
    if abs(height[1]) <= abs(height[2]):
        return positions, rotations
    said.append('y is up')
    turn = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    return positions @ turn.T, turn @ rotations


def _guess_unit(
    positions: np.ndarray, joints: Mapping[str, int], said: list[str]
) -> float:
    legs = []
    for s in 'lr':
        a, b, c = (positions[:, joints[f'{s}_{n}']] for n in _NEEDED[:3])
        legs.append(np.linalg.norm(a - b, axis=1).mean())
        legs.append(np.linalg.norm(b - c, axis=1).mean())
    length = sum(legs) / 2
    name = min(UNITS, key=lambda n: abs(np.log(length * UNITS[n] / _LEG)))
    said.append(f'lengths are in {name}, by the length of the legs')
    return UNITS[name]


def _complete(joints: np.ndarray, turns: np.ndarray) -> list[str]:
    """Fill joints (T, 20, 3) that are NaN; return their names."""
    lacking = [n for n in JOINTS if np.isnan(joints[0, JOINT[n], 0])]
    segment = {name: i for i, name in enumerate(SEGMENTS)}

    def at(name: str) -> np.ndarray:
        return joints[:, JOINT[name]]

    def put(name: str, value: np.ndarray) -> None:
        joints[:, JOINT[name]] = value

    def carried(name: str, start: str, offset: np.ndarray, on: str) -> None:
        """A point that goes with a segment, at an offset in frame 0."""
        frame = turns[:, segment[on]]
        put(name, at(start) + frame @ (frame[0].T @ offset))

    up = np.array([0.0, 0.0, 1.0])
    across = at('l_hip')[0] - at('r_hip')[0]
    ahead = np.cross(across, up)
    ahead /= max(np.linalg.norm(ahead), 1e-9)
    if 'neck' in lacking:
        put('neck', (at('l_shoulder') + at('r_shoulder')) / 2)
    if 'spine' in lacking:
        put('spine', 0.55 * at('pelvis') + 0.45 * at('neck'))
    along = at('neck')[0] - at('spine')[0]
    along = along / max(np.linalg.norm(along), 1e-9)
    if 'head' in lacking:
        carried('head', 'neck', 0.2 * along, 'head')
    for s in 'lr':
        if f'{s}_toe' in lacking:
            offset = 0.15 * ahead - 0.04 * up
            carried(f'{s}_toe', f'{s}_ankle', offset, f'{s}_foot')
        if f'{s}_hand' in lacking:
            bone = at(f'{s}_wrist')[0] - at(f'{s}_elbow')[0]
            bone = bone / max(np.linalg.norm(bone), 1e-9)
            carried(f'{s}_hand', f'{s}_wrist', 0.09 * bone, f'{s}_hand')
    return lacking


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """Quaternions w x y z (..., 4) of rotation matrices (..., 3, 3)."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat()
    return flat[:, [3, 0, 1, 2]].reshape(*rotations.shape[:-2], 4)


def euler_matrices(order: str, degrees: np.ndarray) -> np.ndarray:
    """Matrices (T, 3, 3) of intrinsic turns about the axes of ``order``.

    Args:
        order: Up to three of ``XYZ``, the first one applied last to a
            vector: ``ZXY`` is Rz Rx Ry.
        degrees: (T, len(order)).
    """
    out = np.tile(np.eye(3), (len(degrees), 1, 1))
    for axis, values in zip(order, np.deg2rad(degrees).T):
        k = 'XYZ'.index(axis)
        i, j = (k + 1) % 3, (k + 2) % 3
        turn = np.zeros_like(out)
        turn[:, k, k] = 1.0
        turn[:, i, i] = turn[:, j, j] = np.cos(values)
        turn[:, j, i] = np.sin(values)
        turn[:, i, j] = -np.sin(values)
        out = out @ turn
    return out
