"""Datasets, their transforms and the on-disk recording format."""

from . import transforms
from .imu_pose_dataset import IMUPoseDataset
from .packed_dataset import PackedDataset, packed_collate
from .public_datasets import (
    EgoHumansDataset,
    MRIDataset,
    TotalCaptureDataset,
    UTDMHADDataset,
)
from .seeding import seed_worker
from .sync_clip_dataset import SyncClipDataset
from .synthetic import SyntheticMotionDataset

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
