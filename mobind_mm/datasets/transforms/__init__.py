"""Transforms: from a recording to the tensors of one window."""

from .base import BaseTransform
from .hide_modality import HideModality
from .imu import ResampleIMU
from .imu_augmentation import (
    RandomIMUNoise,
    RandomIMURotation,
    RandomIMUScale,
    RandomSensorDrop,
)
from .loading import LoadWindow
from .packing import PackIMUPose
from .pose import ResamplePose
from .pose_augmentation import (
    RandomKeypointDrop,
    RandomKeypointNoise,
    RandomPoseRotation,
    RandomPoseScale,
)
from .pose_normalization import NormalizeKeypoints
from .pose_smoothing import SmoothKeypoints
from .sensor_subset import KeepSensors
from .streams import KeepStreams
from .windowing import RandomSpeed, RandomTimeShift, RandomWindow

__all__ = [
    'BaseTransform',
    'HideModality',
    'KeepSensors',
    'KeepStreams',
    'LoadWindow',
    'NormalizeKeypoints',
    'PackIMUPose',
    'RandomIMUNoise',
    'RandomIMURotation',
    'RandomIMUScale',
    'RandomKeypointDrop',
    'RandomKeypointNoise',
    'RandomPoseRotation',
    'RandomPoseScale',
    'RandomSensorDrop',
    'RandomSpeed',
    'RandomTimeShift',
    'RandomWindow',
    'ResampleIMU',
    'ResamplePose',
    'SmoothKeypoints',
]
