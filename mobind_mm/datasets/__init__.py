"""Windows of recordings, and the simulator of recordings.

Names are imported on first use: inference does not load the simulator.
"""

from typing import TYPE_CHECKING

from ..utils.lazy import lazy_names

if TYPE_CHECKING:
    from . import transforms
    from .batched import BatchedDataset
    from .imu_pose_dataset import IMUPoseDataset
    from .motion_capture import MotionCaptureDataset
    from .packed import PackedDataset, packed_collate, seed_worker
    from .public_datasets import (
        EgoHumansDataset,
        MRIDataset,
        TotalCaptureDataset,
        UTDMHADDataset,
    )
    from .sync_clip_dataset import SyncClipDataset
    from .synthetic import SyntheticMotionDataset

__all__, __getattr__ = lazy_names(__name__)
