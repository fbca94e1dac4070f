"""A batch of windows while transforms change it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class WindowBatch:
    """Resampled windows, as several transforms take them at once.

    Args:
        imu: Channel to (B, S, c, T_imu) float32, zero where a sensor is not
            in the recording.
        imu_mask: (B, S) whether a sensor is known.
        loaded: (B, S) whether the recording has the sensor.
        in_sensor_frame: (B, S) whether ``acc`` is in the frame of the sensor.
        keypoints: (B, K, 2, T_pose) float32.
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

    def happens(self, prob: float, per_sensor: bool = False) -> np.ndarray:
        """Draw where an augmentation applies, (B,) or (B, S)."""
        there = self.loaded if per_sensor else self.has_pose
        if prob >= 1:
            return there.copy()
        return there & (self.rng.random(there.shape) < prob)
