"""UTD-MHAD: one IMU and a Kinect skeleton for each take.

Source: Chen, Jafari and Kehtarnavaz, "UTD-MHAD: A Multimodal Dataset for
Human Action Recognition", ICIP 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from ..skeleton import get_layout, keypoint_indices
from .base import DataSetReader, Output, Take, register_reader
from .cameras import PinholeCamera
from .convert import fingerprint
from .matlab import read_mat
from .public import UTD_MHAD

IMU_RATE = 50.0
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


@register_reader
class UTDMHADReader(DataSetReader):
    """Reads a copy of UTD-MHAD.

    Only file names matter, in upper or lower case, in the directory and two
    levels below it: directories are named differently from copy to copy.

    Args:
        source: Directory with ``Inertial`` and ``Skeleton``.
        val_subjects: Training (odd) subjects to validate with; none gives
            no ``val.json``.
    """

    name = 'utd_mhad'
    metainfo = UTD_MHAD.metainfo

    def __init__(
        self, source: str | Path, val_subjects: Sequence[int] = ()
    ) -> None:
        super().__init__(source)
        self.val_subjects = tuple(val_subjects)

    def find(self) -> list[Take]:
        """Find the takes.

        Returns:
            Takes by subject, action and trial.

        Raises:
            FileNotFoundError: If there is none, or half a take.
            ValueError: If a file is there twice, its action does not exist,
                or a subject cannot validate.
        """
        files = _find_pairs(self.source)
        takes = [
            self._take(key, files[key])
            for key in sorted(files, key=lambda k: (k[1], k[0], k[2]))
        ]
        self._check_val_subjects(sorted({k[1] for k in files if k[1] % 2}))
        return takes

    def read_take(self, take: Take) -> Recording:
        """Read one take.

        The clock of the IMU is 50 Hz. The skeleton begins and ends with it,
        so its rate follows from its length: the nominal 30 Hz does not hold.

        Raises:
            ValueError: If a file is damaged or holds something else.
        """
        placement, inertial, skeleton = take.source
        return read_recording(placement, inertial, skeleton)

    def _take(
        self, key: tuple[int, int, int], files: Mapping[str, Path]
    ) -> Take:
        action, subject, trial = key
        inertial, skeleton = files['inertial'], files['skeleton']
        name = f'a{action}_s{subject}_t{trial}'
        on_wrist = action <= LAST_WRIST_ACTION
        base = {
            'dataset': 'utd_mhad',
            'fingerprint': fingerprint((inertial, skeleton)),
        }
        camera = KINECT_V1.name
        pose = {**base, 'file': skeleton.name, 'camera': camera}
        return Take(
            name=name,
            subject=str(subject),
            scene=name,
            split=split_of(subject, self.val_subjects),
            imu=Output(
                f'imu/{name}.safetensors', {**base, 'file': inertial.name}
            ),
            poses={camera: Output(f'pose/{name}.safetensors', pose)},
            label=action - 1,
            source=(
                'right_wrist' if on_wrist else 'right_thigh',
                inertial,
                skeleton,
            ),
        )

    def _check_val_subjects(self, train: list[int]) -> None:
        """Only training subjects validate, and one must be left to train."""
        wrong = sorted(set(self.val_subjects) - set(train))
        if wrong:
            raise ValueError(
                f'--val-subjects {wrong}: choose from the training subjects '
                f'{train}; even subjects test.'
            )
        if train and set(self.val_subjects) == set(train):
            raise ValueError(
                f'--val-subjects {sorted(self.val_subjects)} leaves no '
                'subject to train with; keep at least one.'
            )


def split_of(subject: int, val_subjects: Sequence[int] = ()) -> str:
    """Split of a subject: odd ones train, even ones test."""
    if subject in val_subjects:
        return 'val'
    return 'train' if subject % 2 else 'test'


def _find_pairs(src: Path) -> dict[tuple[int, int, int], dict[str, Path]]:
    """Files of each (action, subject, trial) by their kind."""
    if not src.is_dir():
        raise FileNotFoundError(f'{src} is not a directory. {_DOWNLOAD}')
    pairs: dict[tuple[int, int, int], dict[str, Path]] = {}
    for path, key, kind in _find_files(src):
        files = pairs.setdefault(key, {})
        if kind in files:
            raise ValueError(
                f'{path} and {files[kind]} are the same take; keep one copy '
                f'of the data below {src}.'
            )
        files[kind] = path
    if not pairs:
        raise FileNotFoundError(
            f'{src} holds no a<action>_s<subject>_t<trial>_inertial.mat or '
            f'..._skeleton.mat, nor do its Inertial/ and Skeleton/. '
            f'{_DOWNLOAD}'
        )
    for files in pairs.values():
        if len(files) < 2:
            (kind, path) = files.popitem()
            other = 'skeleton' if kind == 'inertial' else 'inertial'
            raise FileNotFoundError(
                f'{path} has no partner '
                f'{path.name.lower().replace(kind, other)}. {_DOWNLOAD}'
            )
    return pairs


def _find_files(src: Path) -> Iterator[tuple[Path, tuple[int, int, int], str]]:
    """Paths, (action, subject, trial) and kind of the files of a copy."""
    num_actions = len(UTD_MHAD.metainfo['classes'])
    for pattern in ('*', '*/*', '*/*/*'):
        for path in sorted(src.glob(pattern)):
            match = _NAME.fullmatch(path.name)
            if not match:
                continue
            key = int(match[1]), int(match[2]), int(match[3])
            if not 1 <= key[0] <= num_actions:
                raise ValueError(
                    f'{path}: action {key[0]} does not exist; UTD-MHAD has '
                    f'1 to {num_actions}. Move the file away.'
                )
            yield path, key, match[4].lower()


def read_recording(
    placement: str, inertial_file: Path, skeleton_file: Path
) -> Recording:
    """Read the two files of a take, see :class:`UTDMHADReader`."""
    inertial = read_mat(inertial_file, 'd_iner', ('T', 6))
    skeleton = read_mat(skeleton_file, 'd_skel', (20, 3, 'F'))
    duration = (len(inertial) - 1) / IMU_RATE
    frames = skeleton.shape[2]
    channels = {
        'acc': inertial[:, :3] * STANDARD_GRAVITY,
        'gyro': np.deg2rad(inertial[:, 3:]),
    }
    try:
        keypoints, scores = project_skeleton(skeleton)
    except ValueError as error:
        raise ValueError(
            f'{skeleton_file}: d_skel: {error}. It should be in metres, with '
            'the depth as third coordinate.'
        ) from None
    return Recording(
        imu={
            placement: SensorStream(
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


def project_skeleton(skeleton: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project Kinect skeletons to COCO keypoints.

    Kinect's frame is right-handed with y up and z away from the sensor, so
    x points to the sensor's left: the right hand of somebody who faces the
    camera is on the left of the image, as in a video that is not mirrored.

    Args:
        skeleton: (20, 3, F) metres.

    Returns:
        Keypoints (F, 17, 2) in pixels, and scores (F, 17): 1, or 0 for eyes
        and ears, which the Kinect does not track.

    Raises:
        ValueError: If a joint is not in front of the camera.
    """
    joints = np.moveaxis(skeleton[list(JOINTS.values())], 2, 0)
    pixels = KINECT_V1.project(joints * (-1.0, -1.0, 1.0))
    shape = (len(joints), len(get_layout('coco')))
    keypoints, scores = np.zeros((*shape, 2)), np.zeros(shape)
    indices = keypoint_indices('coco', list(JOINTS))
    keypoints[:, indices], scores[:, indices] = pixels, 1.0
    return keypoints, scores
