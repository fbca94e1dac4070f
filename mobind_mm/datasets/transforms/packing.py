"""Pack a window into the tensors that the model takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch

from ...recordings.schema import IMU_CHANNELS
from ...registry import TRANSFORMS
from ...skeleton import Limb, find_keypoints, get_limb, limb_indices
from ...structures import MoBindDataSample
from .base import BaseTransform, check_channels, check_placements

META_KEYS = (
    'sample_idx', 'take', 'subject', 'scene', 'camera', 'role', 'action',
    'window_start', 'window_sec', 'imu_rate', 'pose_rate',
)  # fmt: skip


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
        optional_channels: Channels that follow those of ``imu_channels``,
            zero where a sensor lacks them. After them comes one more row,
            which is 1 if ``acc`` has gravity, else 0.
        stand_ins: Placements that are packed in place of another one that a
            recording lacks, such as ``dict(left_forearm='left_wrist')``.
        limb_layout: Layout whose keypoints make up the limbs, whatever else
            a recording has. A limb that a recording's layout lacks is then
            masked; by default that is an error.

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
        optional_channels: Sequence[str] = (),
        stand_ins: Mapping[str, str] | None = None,
        limb_layout: str | None = None,
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
        self.optional_channels = optional_channels and (
            check_channels('optional_channels', optional_channels) or ()
        )
        rows = (*self.imu_channels, *self.optional_channels)
        self.num_channels = sum(IMU_CHANNELS[c] for c in rows)
        self.num_channels += bool(self.optional_channels)
        self.stand_ins = dict(stand_ins or {})
        check_placements([*self.stand_ins, *self.stand_ins.values()])
        self.limb_layout = limb_layout
        self.paired_only = paired_only
        self.meta_keys = tuple(meta_keys)
        # By skeleton layout: indices, and which limbs it has.
        self._indices: dict[str, tuple[np.ndarray, np.ndarray]] = {}

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
        arrays = dict(
            imu=imu, pose=pose, imu_mask=imu_mask, pose_mask=pose_mask
        )
        if 'imu_placed' in results:  # of RandomUnplaced
            placed, sensors = results['imu_placed'], self._sensors(results)
            arrays['imu_placed'] = np.array(
                [placed.get(sensors.get(n), True) for n in self.placements]
            )
        return dict(
            inputs={k: torch.from_numpy(x) for k, x in arrays.items()},
            data_samples=MoBindDataSample(metainfo=meta),
        )

    def _sensors(self, results: dict) -> dict[str, str]:
        """The sensor of each placement: its own, or what stands for it."""
        sensors = {n: n for n in self.placements if n in results['imu']}
        for name, placement in self.stand_ins.items():
            if name in results['imu'] and name not in sensors:
                sensors.setdefault(placement, name)
        return sensors

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
        sensors = self._sensors(results)
        length = round(results['window_sec'] * results['imu_rate'])
        shape = (len(self.placements), self.num_channels, length)
        imu = np.zeros(shape, dtype=np.float32)
        mask = np.zeros(len(self.placements), dtype=bool)
        for row, placement in enumerate(self.placements):
            if placement not in sensors:
                continue
            name = sensors[placement]
            channels = results['imu'][name]
            self.check_channels(results['take'], name, channels)
            mask[row] = results['imu_mask'][name]
            if mask[row]:
                parts = [channels[c] for c in self.imu_channels]
                if self.optional_channels:
                    gravity = results['imu_meta'][name].get('gravity', True)
                    parts += self._optional(channels, length, gravity)
                imu[row] = np.concatenate(parts, axis=1).T
        return imu, mask

    def _optional(
        self, channels: Mapping[str, np.ndarray], length: int, gravity: bool
    ) -> list[np.ndarray]:
        parts = [
            channels[c]
            if c in channels
            else np.zeros((length, IMU_CHANNELS[c]), np.float32)
            for c in self.optional_channels
        ]
        return [*parts, np.full((length, 1), gravity, np.float32)]

    def _pack_pose(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        length = round(results['window_sec'] * results['pose_rate'])
        if results['keypoints'] is None:
            pose = np.zeros((len(self.limbs), 6, length), dtype=np.float32)
            return pose, np.zeros((len(self.limbs), length), dtype=bool)
        layout = results['layout']
        if layout not in self._indices:
            self._indices[layout] = self.find_limbs(layout)
        index, there = self._indices[layout]
        known = results['keypoint_mask']
        keypoints = zero_unseen(results['keypoints'], known)
        # (T, S, 3, 2) -> (S, 2, 3, T): x of the three, then y.
        pose = keypoints[:, index].transpose(1, 3, 2, 0)
        pose = pose.reshape(len(self.limbs), 6, length)
        mask = known[:, index].all(axis=2).T & there[:, None]
        return np.ascontiguousarray(pose), np.ascontiguousarray(mask)

    def find_limbs(self, layout: str) -> tuple[np.ndarray, np.ndarray]:
        """Indices (S, 3) of the limbs, and which of them (S,) it has."""
        every = np.ones(len(self.limbs), dtype=bool)
        if self.limb_layout is None:
            return np.array(limb_indices(layout, self.limbs)), every
        index = np.zeros((len(self.limbs), 3), dtype=np.int64)
        for row, limb in enumerate(self.limbs):
            names = limb.seen_by(self.limb_layout).keypoints
            indices = find_keypoints(layout, names)
            index[row], every[row] = indices or 0, bool(indices)
        return index, every


def zero_unseen(keypoints: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Zero keypoints (T, K, 2) that the window never shows.

    There is nothing to bridge them from.
    """
    seen = np.asarray(known.any(axis=0))
    return np.where(seen[:, None], keypoints, np.float32(0))
