"""Hand the IMUs and the skeleton of a window to MMAction2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ...registry import TRANSFORMS
from ...skeleton import Limb, get_layout
from .base import BaseTransform
from .packing import PackIMUPose, zero_unseen


@TRANSFORMS.register_module()
class IMUToMMAction(PackIMUPose):
    """Write the sensors as MMAction2 writes the joints of a skeleton.

    The array is (1 clip, 1 person, T_imu, S, C_imu + 1). The last channel is
    1 where the sensor is present and 0 elsewhere, like a joint's score.

    Args:
        placements: Limbs in model order, by name or as :class:`Limb`.
        imu_channels: Channels in model order.
        key: Name of the result. ``PackActionInputs`` packs ``keypoint``
            without being told, which suits a recogniser of one modality; any
            other name must be listed in its ``collect_keys``.

    Raises:
        ValueError: If a limb or channel name is unknown, a sensor lacks a
            channel or a window has no label.
    """

    needs: ClassVar[tuple[str, ...]] = ('imu_mask',)

    def __init__(
        self,
        placements: Sequence[str | Limb],
        imu_channels: Sequence[str] = ('acc', 'quat'),
        key: str = 'imu',
    ) -> None:
        super().__init__(placements, imu_channels)
        self.key = key

    def transform(self, results: dict) -> dict:
        """Set ``key`` and ``label``."""
        imu, mask = self._pack_imu(results)
        score = np.broadcast_to(mask[:, None, None], (*imu[:, :1].shape,))
        imu = np.concatenate([imu, score.astype(np.float32)], axis=1)
        # (S, C, T) -> (1, 1, T, S, C)
        imu = np.ascontiguousarray(imu.transpose(2, 0, 1))
        results[self.key] = imu[None, None]
        set_label(results)
        return results


_LEAST = np.float32(1e-3)
"""Score of a keypoint that is known by bridging only."""


@TRANSFORMS.register_module()
class PoseToMMAction(BaseTransform):
    """Write the keypoints under MMAction2's names.

    ``FormatGCNInput``, ``GenSkeFeat``, ``PackActionInputs`` and MMAction2's
    skeleton models continue from here. Known keypoints have a score above 0,
    the others 0, which is how MMAction2 masks keypoints. In a window without
    a skeleton, no keypoint is known.

    Args:
        layout: Skeleton layout of the data, for windows without a skeleton.

    Raises:
        ValueError: If the data has another layout or a window has no label.
    """

    needs = ('keypoint_mask',)

    def __init__(self, layout: str = 'coco') -> None:
        self.layout = layout
        self.num_keypoints = len(get_layout(layout))

    def transform(self, results: dict) -> dict:
        """Set ``keypoint``, ``keypoint_score``, ``total_frames``, ``label``.

        ``keypoint`` is (1, T_pose, K, 2) and ``keypoint_score``
        (1, T_pose, K), of one person.
        """
        if results['keypoints'] is None:
            length = round(results['window_sec'] * results['pose_rate'])
            scores = np.zeros((length, self.num_keypoints), np.float32)
            keypoints = np.zeros((*scores.shape, 2), np.float32)
        else:
            if results['layout'] != self.layout:
                raise ValueError(
                    f'take {results["take"]!r} has skeletons of layout '
                    f'{results["layout"]!r}, PoseToMMAction has layout='
                    f'{self.layout!r}; set it and that of the model to the '
                    "data's."
                )
            known = results['keypoint_mask']
            keypoints = zero_unseen(results['keypoints'], known)
            scores = np.maximum(results['scores'], _LEAST)
            scores = np.where(known, scores, np.float32(0))
        results['keypoint'] = keypoints[None].astype(np.float32)
        results['keypoint_score'] = scores[None].astype(np.float32)
        results['total_frames'] = len(keypoints)
        set_label(results)
        return results


def set_label(results: dict) -> None:
    """Set ``label``, and ``video_id``, by which errors name the window.

    Raises:
        ValueError: If the window has no label.
    """
    if results['action'] < 0:
        raise ValueError(
            f'take {results["take"]!r} at {results["window_start"]:.3f} s '
            "has no action, and MMAction2's losses and metrics need one. "
            'Give the dataset filter_cfg=dict(labelled=True), and keep '
            'RandomWindow inside the labelled segment (max_shift_sec) or '
            'leave it out.'
        )
    results['label'] = results['action']
    start = results['window_start']
    results['video_id'] = f'take {results["take"]} at {start:g} s'
