"""MoBind's IMU encoder as a backbone of MMAction2."""

from __future__ import annotations

import torch

from ...registry import MODELS
from .limb_backbone import LimbBackbone


@MODELS.register_module()
class IMULimbBackbone(LimbBackbone):
    """Encode IMUs as if they were the joints of a skeleton.

    Takes what ``IMUToMMAction`` makes: V = S sensors, each with its channels
    and, last, 1 where the sensor is there and 0 where it is not.

    The tokenizer is an :class:`IMUTokenizer`.
    """

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sensor channels and samples.

        Args:
            x: (B, T, S, C_imu + 1).

        Returns:
            (B, S, C, T) and (B, S, T) boolean.
        """
        mask = (x[..., -1] > 0).transpose(1, 2)
        imu = x[..., :-1].permute(0, 2, 3, 1)
        imu = imu.masked_fill(~mask[:, :, None], 0.0)
        return self.tokenizer(imu, mask.any(dim=2)), mask
