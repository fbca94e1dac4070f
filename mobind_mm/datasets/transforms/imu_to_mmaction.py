"""Hand the IMUs of a window to MMAction2's packing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...registry import TRANSFORMS
from ...skeleton import Limb
from .mmaction_label import set_label
from .packing import PackIMUPose


@TRANSFORMS.register_module()
class IMUToMMAction(PackIMUPose):
    """Write the sensors as MMAction2 writes the joints of a skeleton.

    The array is (1 clip, 1 person, T_imu, S, C_imu + 1); the last channel is
    1 where the sensor is there and 0 where it is not, as a joint's score.

    Args:
        placements: Limbs in model order, by name or as :class:`Limb`.
        imu_channels: Channels in model order.
        key: Name of the result. ``PackActionInputs`` packs ``keypoint`` by
            itself, which a recogniser of one modality takes; a name of its
            own goes into ``collect_keys`` beside others.

    Raises:
        ValueError: If a limb or channel name is unknown, a sensor lacks a
            channel, or a window has no label.
    """

    needs = ('imu_mask',)

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
