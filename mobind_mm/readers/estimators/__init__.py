"""Pose estimators: from the images of a video to skeletons."""

from .base import (
    Instance,
    PoseEstimator,
    estimators,
    make_estimator,
    register_estimator,
)
from .conformance import check_estimator

__all__ = [
    'Instance',
    'PoseEstimator',
    'check_estimator',
    'estimators',
    'make_estimator',
    'register_estimator',
]
