"""Read Vicon's skeleton of TotalCapture and make it COCO keypoints in 3D."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...skeleton import get_layout, keypoint_indices
from .text import check_rows, read_lines, read_rows, shown

INCH = 0.0254
"""Metres."""

JOINTS: tuple[str, ...] = (
    *('Hips', 'Spine', 'Spine1', 'Spine2', 'Spine3', 'Neck', 'Head'),
    *('RightShoulder', 'RightArm', 'RightForeArm', 'RightHand'),
    *('LeftShoulder', 'LeftArm', 'LeftForeArm', 'LeftHand'),
    *('RightUpLeg', 'RightLeg', 'RightFoot'),
    *('LeftUpLeg', 'LeftLeg', 'LeftFoot'),
)
"""Vicon's joints; each is the beginning of the bone that it names."""

KEYPOINTS: dict[str, str] = {
    f'{side}_{keypoint}': side.capitalize() + joint
    for side in ('left', 'right')
    for keypoint, joint in (
        ('shoulder', 'Arm'),
        ('elbow', 'ForeArm'),
        ('wrist', 'Hand'),
        ('hip', 'UpLeg'),
        ('knee', 'Leg'),
        ('ankle', 'Foot'),
    )
}
"""Vicon joint of each COCO keypoint below the head."""

HEAD_POINTS: dict[str, tuple[float, float, float]] = {
    'nose': (0.0, 0.05, 0.11),
    'left_eye': (0.032, 0.085, 0.085),
    'right_eye': (-0.032, 0.085, 0.085),
    'left_ear': (0.075, 0.06, 0.0),
    'right_ear': (-0.075, 0.06, 0.0),
}
"""Metres to the left, up and forward of the joint Head: an average adult,
rounded to half a centimetre. Vicon has no point of the face."""

_FAR = 1e4  # inches; 254 m


def read_skeleton(
    positions: str | Path, orientations: str | Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Read where the COCO keypoints are.

    The keypoints of the head are fixed to it: they follow the position and
    the orientation of Vicon's head. Without the orientations they are
    missing.

    Args:
        positions: ``gt_skel_gbl_pos.txt``, inches.
        orientations: ``gt_skel_gbl_ori.txt``, quaternions x y z w, or None.

    Returns:
        Keypoints (T, 17, 3) in metres in Vicon's world, Y up, and which of
        them are known (17,).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is damaged, the lengths differ, or the head
            does not turn with the body.
    """
    joints = _read_joints(positions, 3)
    names = list(JOINTS)
    order = get_layout('coco')
    points = np.zeros((len(joints), len(order), 3))
    known = np.zeros(len(order), dtype=bool)
    body = keypoint_indices('coco', list(KEYPOINTS))
    points[:, body] = joints[:, [names.index(j) for j in KEYPOINTS.values()]]
    known[body] = True
    if orientations is not None:
        quat = _read_joints(orientations, 4)
        if len(quat) != len(joints):
            raise ValueError(
                f'{orientations} has {len(quat)} frames and {positions} '
                f'{len(joints)}. Get both files again.'
            )
        place = joints[:, names.index('Head')]
        left, right = (
            joints[:, names.index(f'{s}Arm')] for s in ('Left', 'Right')
        )
        turn = Rotation.from_quat(quat[:, names.index('Head')])
        frame = _head_frame(str(orientations), turn, left - right)
        for name, offset in HEAD_POINTS.items():
            index = keypoint_indices('coco', [name])
            points[:, index[0]] = place + turn.apply(frame @ offset)
            known[index] = True
    return points, known


def _head_frame(
    where: str, turn: Rotation, shoulders: np.ndarray
) -> np.ndarray:
    """Left, up and forward in the frame of Vicon's head, as columns.

    Vicon does not say how the axes of a bone lie. On the average of a take
    a head is upright and faces as the shoulders do.

    Args:
        where: File of the orientations, for the message.
        turn: Head to world at each of T frames.
        shoulders: (T, 3) from the right to the left one.
    """
    back = turn.inv()
    up = back.apply([0.0, 1.0, 0.0]).mean(axis=0)
    lengths = np.linalg.norm(shoulders, axis=1, keepdims=True)
    left = back.apply(shoulders / np.maximum(lengths, 1e-9)).mean(axis=0)
    forward = np.cross(left, up)
    if min(np.linalg.norm(axis) for axis in (up, left, forward)) < 0.1:
        raise ValueError(
            f'{where}: the head is not upright or does not face as the '
            'shoulders on the average of the take. Get this file again, or '
            'move it away to convert without keypoints of the head.'
        )
    up /= np.linalg.norm(up)
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(up, forward), up, forward], axis=1)


def _read_joints(path: str | Path, width: int) -> np.ndarray:
    """Read a file with a header of 21 names and a line for each frame.

    Args:
        path: File of positions in inches (width 3) or of quaternions (4).
        width: Numbers of a joint.

    Returns:
        (T, 21, width) in the order of :data:`JOINTS`; positions in metres.
    """
    lines = read_lines(path)
    header = [w.decode('ascii', 'replace').lower() for w in lines[0].split()]
    if sorted(header) != sorted(joint.lower() for joint in JOINTS):
        raise ValueError(
            f'{path}, line 1: expected the names of {len(JOINTS)} joints '
            f'({JOINTS[0]} to {JOINTS[-1]}), got {shown(lines[0])}. Get this '
            'file again.'
        )
    rows = range(1, len(lines))
    if len(rows) < 2:
        raise ValueError(
            f'{path}: {len(rows)} frames, expected at least 2. Get this file '
            'again.'
        )
    values = read_rows(path, lines, rows, len(JOINTS) * width)
    values = values.reshape(len(rows), len(JOINTS), width)
    if width == 4:
        norm = np.linalg.norm(values, axis=2)
        check_rows(
            *(path, rows, (np.abs(norm - 1) > 0.01).any(axis=1)),
            'not unit quaternions x y z w. Get this file again, or move it '
            'away to convert without keypoints of the head.',
        )
    else:
        check_rows(
            *(path, rows, (np.abs(values) > _FAR).any(axis=(1, 2))),
            f'a joint further than {_FAR:g} inches from the origin. Get '
            'this file again, or move the take away.',
        )
        values *= INCH
    return values[:, [header.index(joint.lower()) for joint in JOINTS]]
