"""Vicon's skeletons of TotalCapture, filmed by calibrated cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...recordings import Clock, PoseStream
from ...recordings.writing import write_pose
from ..calibrated_camera import CalibratedCamera
from ..convert import fingerprint, is_converted
from .take import RATE, Take
from .vicon import read_skeleton


@dataclass(frozen=True)
class ViconPose:
    """Projects Vicon's joints into calibrated cameras.

    Args:
        calibration: File that the cameras were read from.
        cameras: Cameras by name.
    """

    calibration: Path
    cameras: Mapping[str, CalibratedCamera]

    def candidates(self, found: Sequence[Take]) -> list[Take]:
        """Takes that could be converted; all that have any file."""
        return list(found)

    def missing(
        self, take: Take, cameras: Sequence[str]
    ) -> dict[str, list[str]]:
        """Files that a take lacks, and the cameras that need them."""
        if 'positions' in take.files:
            return {}
        return {'gt_skel_gbl_pos.txt': list(cameras)}

    def convert(
        self, take: Take, outputs: Mapping[str, Path], num_imu: int
    ) -> None:
        """Write the skeletons that are not there yet.

        Args:
            take: With the files of Vicon.
            outputs: File to write by camera.
            num_imu: Frames of the IMUs.

        Raises:
            ValueError: If a file is damaged or lasts much longer or shorter
                than the IMUs.
        """
        positions = take.files['positions']
        orientations = take.files.get('orientations')
        files = [positions, self.calibration]
        if orientations is not None:
            files.append(orientations)
        source = {
            'dataset': 'totalcapture',
            'pose': 'vicon',
            'files': [file.name for file in files],
            'fingerprint': fingerprint(files),
            'head': 'none' if orientations is None else 'rigid',
        }
        todo = {
            camera: path
            for camera, path in outputs.items()
            if not is_converted(path, {**source, 'camera': camera})
        }
        if not todo:
            return
        points, known = read_skeleton(positions, orientations)
        take.check_length(positions, len(points), num_imu)
        for camera, path in todo.items():
            stream = film(points, known, self.cameras[camera])
            write_pose(path, stream, {**source, 'camera': camera})


def film(
    points: np.ndarray, known: np.ndarray, camera: CalibratedCamera
) -> PoseStream:
    """Project keypoints.

    Args:
        points: (T, 17, 3) metres in the world of the camera.
        known: (17,) which keypoints exist.
        camera: The camera.

    Returns:
        COCO keypoints at 60 Hz with score 1; those that are unknown,
        outside the image or not in front of the camera have score 0.
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
