"""How to read mRI."""

from __future__ import annotations

from dataclasses import dataclass

from .frames import MAX_FRAMES
from .imu import ACC_UNITS
from .labels import CAMERA_POSES

POSES = ('mmpose', *CAMERA_POSES)
"""Sources of 2D poses: predictions, or keypoints of a camera."""


@dataclass(frozen=True)
class MRIOptions:
    """How to read mRI.

    Args:
        img_shape: (height, width) of the images in pixels.
        poses: Some of :data:`POSES`; each gives an entry per subject.
        person: Whom to take from predictions: ``longest``, ``largest`` or
            the number of a track.
        acc_unit: Unit of the acceleration, one of :data:`ACC_UNITS`.
        first_frame: Number of the first frame in the labels, 0 or 1; None
            finds it out.
        imu_start: Frame of the labels of the first IMU row; None finds it
            out.
        video_start: Likewise of the first frame of the predictions.

    Raises:
        ValueError: If a value is not among those.
    """

    img_shape: tuple[int, int]
    poses: tuple[str, ...] = ('mmpose',)
    person: str | int = 'longest'
    acc_unit: str = 'g'
    first_frame: int | None = None
    imu_start: int | None = None
    video_start: int | None = None

    def __post_init__(self) -> None:
        if min(self.img_shape) < 1:
            raise ValueError(
                f'--img-shape {self.img_shape[0]} {self.img_shape[1]}: give '
                'the height and the width of the video in pixels.'
            )
        for flag, start in (
            ('--imu-start', self.imu_start),
            ('--video-start', self.video_start),
        ):
            if start is not None and not abs(start) < MAX_FRAMES:
                raise ValueError(
                    f'{flag} {start}: a recording has less than '
                    f'{MAX_FRAMES} frames.'
                )
        for name, value, choices in (
            ('--pose', set(self.poses), POSES),
            ('--acc-unit', {self.acc_unit}, tuple(ACC_UNITS)),
            ('--first-frame', {self.first_frame}, (None, 0, 1)),
        ):
            if not value or not value <= set(choices):
                raise ValueError(
                    f'{name} {sorted(map(str, value))}: choose from {choices}.'
                )
