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
from .imu_to_mmaction import IMUToMMAction
from .loading import LoadWindow
from .multi_clip import MultiClip
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
from .pose_to_mmaction import PoseToMMAction
from .sensor_subset import KeepSensors
from .skeleton_normalization import NormalizeSkeleton
from .streams import KeepStreams
from .windowing import RandomSpeed, RandomTimeShift, RandomWindow

__all__ = [
    'BaseTransform',
    'HideModality',
    'IMUToMMAction',
    'KeepSensors',
    'KeepStreams',
    'LoadWindow',
    'MultiClip',
    'NormalizeKeypoints',
    'NormalizeSkeleton',
    'PackIMUPose',
    'PoseToMMAction',
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
