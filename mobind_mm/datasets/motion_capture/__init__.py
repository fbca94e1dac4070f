"""Simulated sensors and cameras for captured people."""

from .anatomy import PLACES, keypoints_of, mirrored
from .bodies import captured, standing
from .dataset import MotionCaptureDataset
from .filming import PoseErrors, look_at, simulate_pose
from .sensors import EDGE_SEC, SensorErrors, simulate_sensors

__all__ = [
    'EDGE_SEC',
    'PLACES',
    'MotionCaptureDataset',
    'PoseErrors',
    'SensorErrors',
    'captured',
    'keypoints_of',
    'look_at',
    'mirrored',
    'simulate_pose',
    'simulate_sensors',
    'standing',
]
