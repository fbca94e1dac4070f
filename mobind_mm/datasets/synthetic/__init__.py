"""Simulated people, inertial sensors and cameras."""

from .actions import ACTIONS
from .body import DOFS, SEGMENTS, Body
from .camera import Camera, Detector
from .dataset import SyntheticMotionDataset
from .imu import PLACEMENTS, IMUNoise, Mounting, sample_mountings, simulate_imu
from .motion import Motion
from .simulator import Simulator
from .subject import Subject

__all__ = [
    'ACTIONS',
    'DOFS',
    'PLACEMENTS',
    'SEGMENTS',
    'Body',
    'Camera',
    'Detector',
    'IMUNoise',
    'Motion',
    'Mounting',
    'Simulator',
    'Subject',
    'SyntheticMotionDataset',
    'sample_mountings',
    'simulate_imu',
]
