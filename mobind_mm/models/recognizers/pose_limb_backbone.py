"""MoBind's pose encoder as a skeleton backbone of MMAction2."""

from __future__ import annotations

import torch

from ...registry import MODELS
from .limb_backbone import LimbBackbone


@MODELS.register_module()
class PoseLimbBackbone(LimbBackbone):
    """Encode skeletons limb by limb.

    Takes what ``FormatGCNInput`` makes, V keypoints of x, y and score. A
    keypoint with score 0 is missing; without scores one at exactly (0, 0)
    is, which is how MMAction2 pads. A frame of a limb counts where its three
    keypoints are there.

    The tokenizer is a :class:`LimbTokenizer`, whose ``layout`` names the V
    keypoints.
    """

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Limb channels and frames.

        Args:
            x: (B, T, V, 3) x, y, score, or (B, T, V, 2).

        Returns:
            (B, S, C, T) and (B, S, T) boolean.

        Raises:
            ValueError: For another number of channels or keypoints.
        """
        if x.shape[3] not in (2, 3):
            raise ValueError(
                f'PoseLimbBackbone takes x, y and score of each keypoint, '
                f'got {x.shape[3]} channels; use joints of 2D skeletons.'
            )
        keypoints = x[..., :2]
        limbs = self.tokenizer.split(keypoints.permute(0, 2, 3, 1))
        if x.shape[3] == 3:
            known = x[..., 2] > 0
        else:
            known = (keypoints != 0).any(dim=3)
        mask = known[:, :, self.tokenizer.indices].all(dim=3).transpose(1, 2)
        return self.tokenizer(limbs, mask), mask
