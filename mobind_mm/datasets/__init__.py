"""Datasets, their transforms and the on-disk recording format."""

from . import transforms
from .egohumans_dataset import EgoHumansDataset
from .imu_pose_dataset import IMUPoseDataset
from .mri_dataset import MRIDataset
from .packed_dataset import PackedDataset, packed_collate
from .seeding import seed_worker
from .sync_clip_dataset import SyncClipDataset
from .synthetic import SyntheticMotionDataset
from .totalcapture_dataset import TotalCaptureDataset
from .utd_mhad_dataset import UTDMHADDataset

__all__ = [
    'EgoHumansDataset',
    'IMUPoseDataset',
    'MRIDataset',
    'PackedDataset',
    'SyncClipDataset',
    'SyntheticMotionDataset',
    'TotalCaptureDataset',
    'UTDMHADDataset',
    'packed_collate',
    'seed_worker',
    'transforms',
]
