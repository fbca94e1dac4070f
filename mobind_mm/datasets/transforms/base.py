"""The base of all transforms, and what several of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from ...recordings.schema import IMU_CHANNELS
from ...registry import TRANSFORMS
from ...skeleton import Limb, get_limb

_PROVIDERS = {
    'window_start': 'IMUPoseDataset',
    'recording': 'IMUPoseDataset',
    'imu': 'LoadWindow',
    'keypoints': 'LoadWindow',
    'imu_mask': 'ResampleIMU',
    'keypoint_mask': 'ResamplePose',
}


class BaseTransform(ABC):
    """A step of a pipeline: takes the results dict and returns it.

    MMEngine has no transform base class, and MMCV, which has one, is not a
    dependency. Random transforms draw from NumPy's global generator, which
    :func:`seed_worker` seeds in every worker.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Keys that an earlier step must have put into the results."""

    def __call__(self, results: dict) -> dict:
        """Check that earlier steps have run, then transform."""
        for key in self.needs:
            if key not in results:
                raise ValueError(
                    f'{type(self).__name__} needs {key!r} in the results: '
                    f'put {_PROVIDERS[key]} before it, and nothing that '
                    'removes it in between.'
                )
        return self.transform(results)

    @abstractmethod
    def transform(self, results: dict) -> dict:
        """Change the results in place and return them."""


def build_steps(transforms: Sequence) -> list:
    """Transforms, built where they are configs.

    Our registry finds our transforms without a default scope too.
    """
    return [
        TRANSFORMS.build(step) if isinstance(step, dict) else step
        for step in transforms
    ]


def check_placements(
    placements: Sequence[str | Limb] | None,
) -> tuple[str, ...] | None:
    """Names of known limbs, None for all, or ValueError."""
    if placements is None:
        return None
    return tuple(
        limb.name if isinstance(limb, Limb) else get_limb(limb).name
        for limb in placements
    )


def check_channels(
    name: str, channels: Sequence[str] | None
) -> tuple[str, ...] | None:
    """Names of IMU channels, None for all, or ValueError."""
    if channels is None:
        return None
    unknown = [c for c in channels if c not in IMU_CHANNELS]
    if unknown or not channels:
        raise ValueError(
            f'{name} must be among {list(IMU_CHANNELS)}, got {list(channels)}.'
        )
    return tuple(channels)


def happens(prob: float) -> bool:
    """Draw whether an augmentation is applied."""
    return np.random.random() < prob


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
