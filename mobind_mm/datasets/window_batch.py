"""A batch of windows while transforms change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class WindowBatch:
    """Resampled windows, as several transforms take them at once.

    Only the R sensors that recordings have are kept, those of a window next
    to each other. Arrays are changed in place.

    Args:
        imu: Channel to (R, c, T_imu) float32.
        imu_mask: (B, S) whether a sensor is known.
        loaded: (B, S) whether the recording has the sensor, R in all.
        in_sensor_frame: (R,) whether ``acc`` is in the frame of the sensor.
        keypoints: (B, 2, K, T_pose) float32.
        keypoint_mask: (B, K, T_pose).
        has_pose: (B,) whether the recording has a skeleton.
        img_size: (B, 2) width and height in pixels.
        layout: Skeleton layout.
        pose_rate: Samples per second of the keypoints.
        rng: What is drawn from.
    """

    imu: dict[str, np.ndarray]
    imu_mask: np.ndarray
    loaded: np.ndarray
    in_sensor_frame: np.ndarray
    keypoints: np.ndarray
    keypoint_mask: np.ndarray
    has_pose: np.ndarray
    img_size: np.ndarray
    layout: str
    pose_rate: float
    rng: np.random.Generator

    def __post_init__(self) -> None:
        seed = int(self.rng.integers(2**63))
        self._normal = torch.Generator().manual_seed(seed)

    def happens(self, prob: float, per_sensor: bool = False) -> np.ndarray:
        """Draw where an augmentation applies, (B,) or (R,)."""
        there = self.loaded[self.loaded] if per_sensor else self.has_pose
        if prob >= 1:
            return there.copy()
        return there & (self.rng.random(there.shape) < prob)

    def normal(self, shape: Sequence[int]) -> np.ndarray:
        """Draw standard normal numbers, float32."""
        return torch.randn(*shape, generator=self._normal).numpy()

    def keep_keypoints(self, index: np.ndarray) -> None:
        """Leave all other keypoints out."""
        self.keypoints = self.keypoints[:, :, index]
        self.keypoint_mask = self.keypoint_mask[:, index]
