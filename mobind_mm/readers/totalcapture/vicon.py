"""Read cameras (``calibration.cal``) and Vicon's skeleton of TotalCapture.

The skeleton is filmed as COCO keypoints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ...recordings import Clock, PoseStream
from ...skeleton import get_layout, keypoint_indices
from ..cameras import CalibratedCamera
from .files import AGAIN, RATE, TextFile, not_unit

_MAX_CAMERAS = 64
_MAX_PIXELS = 16384


def read_cameras(path: str | Path) -> dict[str, CalibratedCamera]:
    """Read the cameras: ``cam1``, ``cam2``, … in the order of the file.

    The file has their number and the order of the distortion, then for each
    camera: first and last row, first and last column; fx fy cx cy; the
    coefficients of the distortion; the rotation and the translation from
    world to camera, in metres. Line breaks may be anywhere.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or the order of distortion is not 0 or
            1: what the coefficients of higher orders mean is not
            documented.
    """
    text = TextFile(path)
    words = [
        (row, word) for row in range(len(text)) for word in text.words(row)
    ]
    short = f'{path} ends before the last camera is complete. {AGAIN}'
    if len(words) < 2:
        raise ValueError(short)
    for row, word in words[:2]:
        if not word.isdigit() or len(word) > 9:
            expected = 'the number of cameras and the order of distortion'
            raise text.unexpected(row, expected, word)
    count, order = int(words[0][1]), int(words[1][1])
    if not 1 <= count <= _MAX_CAMERAS:
        problem = f'{count} cameras, expected 1 to {_MAX_CAMERAS}'
        raise text.error(0, problem)
    if order not in (0, 1):
        problem = (
            f'distortion of order {order}, only 0 (none) and 1 (one radial '
            'coefficient) are known'
        )
        fix = (
            'Undistort the videos, set the order to 0, and take the '
            'coefficients out of the file.'
        )
        raise text.error(0, problem, fix)
    size = 8 + order + 12
    values = []
    for row, word in words[2 : 2 + count * size]:
        try:
            values.append(float(word))
        except ValueError:
            values.append(np.nan)
        if not np.isfinite(values[-1]):
            raise text.unexpected(row, 'a finite number', word)
    if len(values) < count * size:
        raise ValueError(short)
    for row, word in words[2 + count * size :]:
        expected = f'nothing after the {count} cameras that line 1 announces'
        raise text.unexpected(row, expected, word)
    cameras = {}
    for index in range(count):
        name = f'cam{index + 1}'
        numbers = values[index * size : (index + 1) * size]
        cameras[name] = _camera(f'{path}: {name}', name, numbers, order)
    return cameras


def _camera(
    where: str, name: str, values: list[float], order: int
) -> CalibratedCamera:
    """Check the numbers of one camera and name them."""
    top, bottom, left, right, fx, fy, cx, cy = values[:8]
    k1 = values[8] if order else 0.0
    rotation = np.array(values[-12:-3]).reshape(3, 3)
    translation = np.array(values[-3:])
    size = (bottom - top + 1, right - left + 1)
    whole = all(n.is_integer() and 1 < n <= _MAX_PIXELS for n in size)
    orthogonal = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    for valid, problem in (
        (
            (top, left) == (0, 0) and whole,
            f'rows {top:g} to {bottom:g} and columns {left:g} to {right:g} '
            'are not those of an image that starts at 0 0',
        ),
        (
            1 < fx < 1e6 and 1 < fy < 1e6 and abs(cx) < 1e5 > abs(cy),
            f'fx {fx:g}, fy {fy:g}, cx {cx:g} and cy {cy:g} are not '
            'intrinsics in pixels',
        ),
        (
            orthogonal and np.linalg.det(rotation) > 0,
            'the 3x3 matrix is not a rotation',
        ),
        (
            np.abs(translation).max() <= 1000 and abs(k1) <= 100,
            f'distortion {k1:g} and translation {translation.tolist()} m are '
            'impossible',
        ),
    ):
        if not valid:
            raise ValueError(f'{where}: {problem}. {AGAIN}')
    shape = (int(size[0]), int(size[1]))
    return CalibratedCamera(
        name, shape, (fx, fy), (cx, cy), k1, rotation, translation
    )


INCH = 0.0254
"""Metres."""

JOINTS: tuple[str, ...] = (
    'Hips', 'Spine', 'Spine1', 'Spine2', 'Spine3', 'Neck', 'Head',
    'RightShoulder', 'RightArm', 'RightForeArm', 'RightHand', 'LeftShoulder',
    'LeftArm', 'LeftForeArm', 'LeftHand', 'RightUpLeg', 'RightLeg',
    'RightFoot', 'LeftUpLeg', 'LeftLeg', 'LeftFoot',
)  # fmt: skip
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
_NO_HEAD = (
    'Download the file again, or move it away to convert without keypoints '
    'of the head.'
)


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
    order = get_layout('coco')
    points = np.zeros((len(joints), len(order), 3))
    known = np.zeros(len(order), dtype=bool)
    body = keypoint_indices('coco', list(KEYPOINTS))
    points[:, body] = joints[:, [JOINTS.index(j) for j in KEYPOINTS.values()]]
    known[body] = True
    if orientations is not None:
        quat = _read_joints(orientations, 4)
        if len(quat) != len(joints):
            raise ValueError(
                f'{orientations} has {len(quat)} frames and {positions} '
                f'{len(joints)}. Download both files again.'
            )
        head = JOINTS.index('Head')
        left, right = JOINTS.index('LeftArm'), JOINTS.index('RightArm')
        turn = Rotation.from_quat(quat[:, head])
        shoulders = joints[:, left] - joints[:, right]
        frame = _head_frame(orientations, turn, shoulders)
        for name, offset in HEAD_POINTS.items():
            index = keypoint_indices('coco', [name])
            points[:, index[0]] = joints[:, head] + turn.apply(frame @ offset)
            known[index] = True
    return points, known


def film(
    points: np.ndarray, known: np.ndarray, camera: CalibratedCamera
) -> PoseStream:
    """Project keypoints (T, 17, 3) in metres to COCO keypoints at 60 Hz.

    The score is 1, and 0 for those that are unknown, outside the image or not
    in front of the camera.
    """
    pixels, visible = camera.project(points)
    visible &= known
    return PoseStream(
        clock=Clock(len(points), rate=RATE),
        keypoints=np.where(visible[..., None], pixels, 0.0),
        scores=visible.astype(np.float32),
        layout='coco',
        img_shape=camera.img_shape,
    )


def _head_frame(
    path: str | Path, turn: Rotation, shoulders: np.ndarray
) -> np.ndarray:
    """Left, up and forward in the frame of Vicon's head, as columns.

    Vicon does not document how the axes of a bone lie. On average over a take,
    a head is upright and faces as the shoulders do. ``turn`` is head to world
    at T frames, ``shoulders`` (T, 3) from the right to the left one.
    """
    back = turn.inv()
    up = back.apply([0.0, 1.0, 0.0]).mean(axis=0)
    lengths = np.linalg.norm(shoulders, axis=1, keepdims=True)
    left = back.apply(shoulders / np.maximum(lengths, 1e-9)).mean(axis=0)
    forward = np.cross(left, up)
    if min(np.linalg.norm(axis) for axis in (up, left, forward)) < 0.1:
        raise ValueError(
            f'{path}: the head is not upright or does not face as the '
            f'shoulders do, on average over the take. {_NO_HEAD}'
        )
    up /= np.linalg.norm(up)
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(up, forward), up, forward], axis=1)


def _read_joints(path: str | Path, width: int) -> np.ndarray:
    """Read a file with a header of 21 names and a line for each frame.

    Positions in inches have the width 3, quaternions 4. Returns (T, 21, width)
    in the order of :data:`JOINTS`, positions in metres.
    """
    text = TextFile(path)
    header = [w.decode('ascii', 'replace').lower() for w in text.words(0)]
    if sorted(header) != sorted(joint.lower() for joint in JOINTS):
        first, last = JOINTS[0], JOINTS[-1]
        expected = f'the names of {len(JOINTS)} joints ({first} to {last})'
        raise text.unexpected(0, expected, text.lines[0])
    rows = range(1, len(text))
    if len(rows) < 2:
        raise ValueError(
            f'{path}: {len(rows)} frames, expected at least 2. {AGAIN}'
        )
    flat = text.numbers(rows, len(JOINTS) * width)
    values = flat.reshape(len(rows), len(JOINTS), width)
    if width == 4:
        bad = np.any(not_unit(values), axis=1)
        text.check(rows, bad, 'not unit quaternions x y z w', _NO_HEAD)
    else:
        bad = np.abs(flat).max(axis=1) > _FAR
        problem = f'a joint further than {_FAR:g} inches from the origin'
        text.check(rows, bad, problem)
        values *= INCH
    return values[:, [header.index(joint.lower()) for joint in JOINTS]]
