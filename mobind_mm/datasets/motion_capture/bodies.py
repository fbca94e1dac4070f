"""Bodies in the form of motion capture that come from no file."""

from __future__ import annotations

import numpy as np

from ...readers.motions.body import JOINT, JOINTS, SEGMENT, SEGMENTS
from ...readers.motions.tree import quaternions
from ..synthetic.body import SEGMENTS as PARTS
from ..synthetic.body import Body
from ..synthetic.motion import Motion
from ..transforms.resampling import sign_continuous

_UPRIGHT: dict[str, tuple[float, float, float]] = {
    **{'pelvis': (0, 0, 1.0), 'spine': (0, 0, 1.22)},
    **{'neck': (0, 0, 1.45), 'head': (0.02, 0, 1.62)},
    **{
        f'{s}_{name}': (x, y * sign, z)
        for s, sign in (('l', 1), ('r', -1))
        for name, (x, y, z) in {
            'hip': (0, 0.1, 0.93),
            'knee': (0.02, 0.1, 0.51),
            'ankle': (0, 0.1, 0.08),
            'toe': (0.16, 0.12, 0.02),
            'shoulder': (0, 0.19, 1.42),
            'elbow': (-0.02, 0.24, 1.12),
            'wrist': (0.06, 0.25, 0.87),
            'hand': (0.1, 0.25, 0.78),
        }.items()
    },
}

_PART_OF = {
    'pelvis': 'pelvis',
    'chest': 'thorax',
    'head': 'head',
    **{
        f'{side[0]}_{segment}': f'{side}_{part}'
        for side in ('left', 'right')
        for segment, part in (
            ('thigh', 'thigh'),
            ('shank', 'shank'),
            ('foot', 'shank'),
            ('upperarm', 'upper_arm'),
            ('forearm', 'forearm'),
            ('hand', 'forearm'),
        )
    },
}
"""The part of the procedural body that a segment is."""


def standing(seconds: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions (T, 20, 3) and orientations (T, 15, 4) of standing still."""
    count = round(seconds * rate) + 1
    joints = np.array([_UPRIGHT[name] for name in JOINTS], dtype=np.float64)
    turns = np.zeros((count, len(SEGMENTS), 4))
    turns[..., 0] = 1.0
    return np.tile(joints, (count, 1, 1)), turns


def captured(
    motion: Motion, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A procedural motion as if a motion capture system had recorded it.

    Its body has neither hands nor feet: they go with forearm and shank.

    Args:
        motion: The motion.
        times: (T,) seconds, in steps of the capture's rate.

    Returns:
        Positions (T, 20, 3) and orientations (T, 15, 4).
    """
    origins, rotations = motion.segments(times)
    part = {name: i for i, name in enumerate(PARTS)}
    joints = np.empty((len(times), len(JOINTS), 3))
    for name, (owner, offset) in _joint_offsets(motion.body).items():
        i = part[owner]
        joints[:, JOINT[name]] = origins[:, i] + rotations[:, i] @ offset
    order = [part[_PART_OF[name]] for name in SEGMENT]
    return joints, sign_continuous(quaternions(rotations[:, order]))


def _joint_offsets(body: Body) -> dict[str, tuple[str, np.ndarray]]:
    """Joints as a part of the procedural body and a point in its frame."""
    size = body.lengths
    points: dict[str, tuple[str, tuple[float, float, float]]] = {
        'pelvis': ('pelvis', (0, 0, 0)),
        'spine': ('thorax', (0, 0, 0)),
        'neck': ('thorax', (0, 0, size['neck'])),
        'head': ('head', (0, 0, 0.17)),
    }
    for side in ('left', 'right'):
        for joint, part, along, ahead in (
            ('shoulder', 'upper_arm', 0.0, 0.0),
            ('elbow', 'forearm', 0.0, 0.0),
            ('wrist', 'forearm', size['forearm'], 0.0),
            ('hand', 'forearm', size['forearm'] + 0.09, 0.0),
            ('hip', 'thigh', 0.0, 0.0),
            ('knee', 'shank', 0.0, 0.0),
            ('ankle', 'shank', size['shank'], 0.0),
            ('toe', 'shank', size['shank'] + 0.06, 0.16),
        ):
            points[f'{side[0]}_{joint}'] = (
                f'{side}_{part}',
                (ahead, 0.0, -along),
            )
    return {k: (s, np.array(p, float)) for k, (s, p) in points.items()}
