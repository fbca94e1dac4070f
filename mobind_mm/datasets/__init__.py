"""Datasets, their transforms and the on-disk recording format."""

from . import transforms
from .egohumans_dataset import EgoHumansDataset
from .imu_pose_dataset import IMUPoseDataset
from .mri_dataset import MRIDataset
from .seeding import seed_worker
from .sync_clip_dataset import SyncClipDataset
from .synthetic import SyntheticMotionDataset
from .totalcapture_dataset import TotalCaptureDataset
from .utd_mhad_dataset import UTDMHADDataset

__all__ = [
    'EgoHumansDataset',
    'IMUPoseDataset',
    'MRIDataset',
    'SyncClipDataset',
    'SyntheticMotionDataset',
    'TotalCaptureDataset',
    'UTDMHADDataset',
    'seed_worker',
    'transforms',
]
