"""Transforms: from a recording to the tensors of one window."""

from .augmentation import (
    RandomIMUNoise,
    RandomIMURotation,
    RandomIMUScale,
    RandomKeypointDrop,
    RandomKeypointNoise,
    RandomPoseRotation,
    RandomPoseScale,
    RandomSensorDrop,
)
from .base import BaseTransform
from .imu import ResampleIMU
from .loading import KeepStreams, LoadWindow
from .mmaction import IMUToMMAction, PoseToMMAction
from .packing import PackIMUPose
from .pose import (
    NormalizeKeypoints,
    NormalizeSkeleton,
    ResamplePose,
    SmoothKeypoints,
)
from .sensor_inputs import (
    HideModality,
    KeepSensors,
    RandomSensorSubset,
    RandomUnplaced,
    ToSpecificForce,
)
from .windowing import MultiClip, RandomSpeed, RandomTimeShift, RandomWindow

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
    'RandomSensorSubset',
    'RandomSpeed',
    'RandomTimeShift',
    'RandomUnplaced',
    'RandomWindow',
    'ResampleIMU',
    'ResamplePose',
    'SmoothKeypoints',
    'ToSpecificForce',
]
