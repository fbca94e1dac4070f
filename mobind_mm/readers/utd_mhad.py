"""Read UTD-MHAD: one IMU and a Kinect skeleton for each take.

Source: Chen, Jafari and Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset for
Human Action Recognition", ICIP 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..recordings import Clock, PoseStream, Recording, SensorStream
from ..skeleton import get_layout, keypoint_indices
from .matlab import read_mat
from .pinhole import PinholeCamera
from .public import UTD_MHAD

IMU_RATE = 50.0
GRAVITY = 9.80665
LAST_WRIST_ACTION = 21
KINECT_V1 = PinholeCamera('kinect_v1', (480, 640), 525.0, 525.0, 319.5, 239.5)
"""Usual intrinsics of the Kinect's colour camera; the data set has none."""

JOINTS = {
    'nose': 0,
    **{'left_shoulder': 4, 'left_elbow': 5, 'left_wrist': 6},
    **{'right_shoulder': 8, 'right_elbow': 9, 'right_wrist': 10},
    **{'left_hip': 12, 'left_knee': 13, 'left_ankle': 14},
    **{'right_hip': 16, 'right_knee': 17, 'right_ankle': 18},
}
"""Kinect joint of each COCO keypoint; the nose is the head's centre."""

_NAME = re.compile(r'a(\d+)_s(\d+)_t(\d+)_(inertial|skeleton)\.mat', re.I)
_DOWNLOAD = f'Unpack {UTD_MHAD.source}.'


@dataclass(frozen=True)
class Take:
    """The two files of one take; numbers as in their names, from 1."""

    action: int
    subject: int
    trial: int
    inertial: Path
    skeleton: Path

    @property
    def name(self) -> str:
        """Name that the files share."""
        return f'a{self.action}_s{self.subject}_t{self.trial}'

    @property
    def placement(self) -> str:
        """Where the sensor is worn."""
        on_wrist = self.action <= LAST_WRIST_ACTION
        return 'right_wrist' if on_wrist else 'right_thigh'


def find_takes(src: str | Path) -> list[Take]:
    """Find the takes in a directory and two levels below it.

    Only file names matter, in upper or lower case: the directories are
    named differently from copy to copy.

    Returns:
        Takes by subject, action and trial.

    Raises:
        FileNotFoundError: If there is none, or half a take.
        ValueError: If a file is there twice or its action does not exist.
    """
    if not Path(src).is_dir():
        raise FileNotFoundError(f'{src} is not a directory. {_DOWNLOAD}')
    found: dict[tuple[int, ...], dict[str, Path]] = {}
    for path, key, kind in _find_files(Path(src)):
        files = found.setdefault(key, {})
        if kind in files:
            raise ValueError(
                f'{path} and {files[kind]} are the same take; keep one copy '
                f'of the data below {src}.'
            )
        files[kind] = path
    if not found:
        raise FileNotFoundError(
            f'{src} holds no a<action>_s<subject>_t<trial>_inertial.mat or '
            f'..._skeleton.mat, nor do its Inertial/ and Skeleton/. '
            f'{_DOWNLOAD}'
        )
    for files in found.values():
        if len(files) < 2:
            (kind, path) = files.popitem()
            other = 'skeleton' if kind == 'inertial' else 'inertial'
            raise FileNotFoundError(
                f'{path} has no partner '
                f'{path.name.lower().replace(kind, other)}. {_DOWNLOAD}'
            )
    takes = [Take(*key, **files) for key, files in found.items()]
    return sorted(takes, key=lambda t: (t.subject, t.action, t.trial))


def _find_files(src: Path) -> Iterator[tuple[Path, tuple[int, ...], str]]:
    """Paths, (action, subject, trial) and kind of the files of a copy."""
    num_actions = len(UTD_MHAD.metainfo['classes'])
    for pattern in ('*', '*/*', '*/*/*'):
        for path in sorted(src.glob(pattern)):
            match = _NAME.fullmatch(path.name)
            if not match:
                continue
            key = tuple(int(number) for number in match.groups()[:3])
            if not 1 <= key[0] <= num_actions:
                raise ValueError(
                    f'{path}: action {key[0]} does not exist; UTD-MHAD has '
                    f'1 to {num_actions}. Move the file away.'
                )
            yield path, key, match[4].lower()


def read_take(take: Take) -> Recording:
    """Read one take.

    The clock of the IMU is 50 Hz. The skeleton begins and ends with it, so
    its rate follows from its length: the nominal 30 Hz does not hold.

    Raises:
        ValueError: If a file is damaged or holds something else.
    """
    inertial = read_mat(take.inertial, 'd_iner', ('T', 6))
    skeleton = read_mat(take.skeleton, 'd_skel', (20, 3, 'F'))
    duration = (len(inertial) - 1) / IMU_RATE
    frames = skeleton.shape[2]
    channels = {
        'acc': inertial[:, :3] * GRAVITY,
        'gyro': np.deg2rad(inertial[:, 3:]),
    }
    try:
        keypoints, scores = project_skeleton(skeleton)
    except ValueError as error:
        raise ValueError(
            f'{take.skeleton}: d_skel: {error}. It should be in metres, with '
            'the depth as third coordinate.'
        ) from None
    return Recording(
        imu={
            take.placement: SensorStream(
                Clock(len(inertial), rate=IMU_RATE), channels
            )
        },
        pose=PoseStream(
            clock=Clock(frames, rate=(frames - 1) / duration),
            keypoints=keypoints,
            scores=scores,
            layout='coco',
            img_shape=KINECT_V1.img_shape,
        ),
    )


def project_skeleton(
    skeleton: np.ndarray, camera: PinholeCamera = KINECT_V1
) -> tuple[np.ndarray, np.ndarray]:
    """Project Kinect skeletons to COCO keypoints.

    Kinect's frame is right-handed with y up and z away from the sensor, so
    x points to the sensor's left: the right hand of somebody who faces the
    camera is on the left of the image, as in a video that is not mirrored.

    Args:
        skeleton: (20, 3, F) metres.
        camera: Where to project.

    Returns:
        Keypoints (F, 17, 2) in pixels, and scores (F, 17): 1, or 0 for eyes
        and ears, which the Kinect does not track.

    Raises:
        ValueError: If a joint is not in front of the camera.
    """
    joints = np.moveaxis(skeleton[list(JOINTS.values())], 2, 0)
    pixels = camera.project(joints * (-1.0, -1.0, 1.0))
    shape = (len(joints), len(get_layout('coco')))
    keypoints, scores = np.zeros((*shape, 2)), np.zeros(shape)
    indices = keypoint_indices('coco', list(JOINTS))
    keypoints[:, indices], scores[:, indices] = pixels, 1.0
    return keypoints, scores
