"""Pack a window into the tensors that the model takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

import numpy as np
import torch

from ...recordings.schema import IMU_CHANNELS
from ...registry import TRANSFORMS
from ...skeleton import Limb, get_limb, limb_indices
from ...structures import MoBindDataSample
from .base import BaseTransform, check_channels

META_KEYS = (
    *('sample_idx', 'take', 'subject', 'scene', 'camera', 'role', 'action'),
    *('window_start', 'window_sec', 'imu_rate', 'pose_rate'),
)


@TRANSFORMS.register_module()
class PackIMUPose(BaseTransform):
    """Stack limbs into tensors with masks, and keep the ids.

    Args:
        placements: Limbs in model order, by name or as :class:`Limb`. A limb
            whose sensor a recording lacks is masked.
        imu_channels: Channels in model order, of ``acc``, ``gyro``, ``quat``
            and ``mag``.
        paired_only: Whether to mask limbs without a sensor in the skeleton
            too. Otherwise they serve as negatives in training.
        meta_keys: Results to keep in the data sample.

    Raises:
        ValueError: If a limb or channel name is unknown, or a sensor lacks
            a channel.

    Example:
        >>> from mobind_mm.datasets import SyntheticMotionDataset
        >>> dataset = SyntheticMotionDataset(
        ...     num_subjects=1,
        ...     take_sec=8,
        ...     pipeline=[
        ...         dict(type='LoadWindow'),
        ...         dict(type='ResampleIMU', rate=50),
        ...         dict(type='ResamplePose', rate=25),
        ...         dict(type='PackIMUPose', placements=['left_wrist']),
        ...     ],
        ...     cache_takes=1,
        ... )
        >>> inputs = dataset[0]['inputs']
        >>> [tuple(inputs[key].shape) for key in ('imu', 'pose', 'pose_mask')]
        [(1, 7, 250), (1, 6, 125), (1, 125)]
    """

    needs: ClassVar[tuple[str, ...]] = ('imu_mask', 'keypoint_mask')

    def __init__(
        self,
        placements: Sequence[str | Limb],
        imu_channels: Sequence[str] = ('acc', 'quat'),
        paired_only: bool = False,
        meta_keys: Sequence[str] = META_KEYS,
    ) -> None:
        self.limbs = [
            limb if isinstance(limb, Limb) else get_limb(limb)
            for limb in placements
        ]
        self.placements = tuple(limb.name for limb in self.limbs)
        if not self.limbs or len(set(self.placements)) < len(self.limbs):
            raise ValueError(
                f'placements must name each limb once, got {placements}.'
            )
        self.imu_channels = check_channels('imu_channels', imu_channels) or ()
        self.num_channels = sum(IMU_CHANNELS[c] for c in self.imu_channels)
        self.paired_only = paired_only
        self.meta_keys = tuple(meta_keys)
        self._indices: dict[str, np.ndarray] = {}  # by skeleton layout

    def transform(self, results: dict) -> dict:
        """Pack the results.

        Returns:
            ``inputs``: ``imu`` (S, C_imu, T_imu) and ``pose`` (S, 6, T_pose)
            float32, ``imu_mask`` (S,) and ``pose_mask`` (S, T_pose) bool,
            and ``data_samples``. A masked sensor is zero. The pose channels
            are x0 x1 x2 y0 y1 y2 of the limb; ``pose_mask`` is true where
            all three keypoints are known.
        """
        imu, imu_mask = self._pack_imu(results)
        pose, pose_mask = self._pack_pose(results)
        if self.paired_only:
            pose_mask &= imu_mask[:, None]
        if 'kept_limbs' in results:  # of KeepSensors
            kept = [name in results['kept_limbs'] for name in self.placements]
            pose_mask &= np.array(kept)[:, None]
        meta = {key: results[key] for key in self.meta_keys}
        meta['placements'] = self.placements
        return dict(
            inputs=dict(
                imu=torch.from_numpy(imu),
                pose=torch.from_numpy(pose),
                imu_mask=torch.from_numpy(imu_mask),
                pose_mask=torch.from_numpy(pose_mask),
            ),
            data_samples=MoBindDataSample(metainfo=meta),
        )

    def check_channels(
        self, take: str, placement: str, channels: Collection[str]
    ) -> None:
        """Raise ValueError if a sensor lacks a channel."""
        lacking = [c for c in self.imu_channels if c not in channels]
        if lacking:
            raise ValueError(
                f'take {take!r}: {placement} has no {lacking}, only '
                f'{sorted(channels)}. Set imu_channels of PackIMUPose (and '
                'channels of LoadWindow) to what the dataset has, and adapt '
                'in_channels of the model.'
            )

    def _pack_imu(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        length = round(results['window_sec'] * results['imu_rate'])
        shape = (len(self.placements), self.num_channels, length)
        imu = np.zeros(shape, dtype=np.float32)
        mask = np.zeros(len(self.placements), dtype=bool)
        for row, placement in enumerate(self.placements):
            if placement not in results['imu']:
                continue
            channels = results['imu'][placement]
            self.check_channels(results['take'], placement, channels)
            mask[row] = results['imu_mask'][placement]
            if mask[row]:
                parts = [channels[c] for c in self.imu_channels]
                imu[row] = np.concatenate(parts, axis=1).T
        return imu, mask

    def _pack_pose(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        length = round(results['window_sec'] * results['pose_rate'])
        if results['keypoints'] is None:
            pose = np.zeros((len(self.limbs), 6, length), dtype=np.float32)
            return pose, np.zeros((len(self.limbs), length), dtype=bool)
        layout = results['layout']
        if layout not in self._indices:
            self._indices[layout] = np.array(limb_indices(layout, self.limbs))
        index = self._indices[layout]
        known = results['keypoint_mask']
        keypoints = zero_unseen(results['keypoints'], known)
        # (T, S, 3, 2) -> (S, 2, 3, T): x of the three, then y.
        pose = keypoints[:, index].transpose(1, 3, 2, 0)
        pose = pose.reshape(len(self.limbs), 6, length)
        mask = known[:, index].all(axis=2).T
        return np.ascontiguousarray(pose), np.ascontiguousarray(mask)


def zero_unseen(keypoints: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Zero keypoints (T, K, 2) that the window never shows.

    There is nothing to bridge them from.
    """
    seen = np.asarray(known.any(axis=0))
    return np.where(seen[:, None], keypoints, np.float32(0))
