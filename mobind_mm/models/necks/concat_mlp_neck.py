"""The published limb aggregation."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS


@MODELS.register_module()
class ConcatMLPNeck(BaseModule):
    """LayerNorm each limb, concatenate all limbs, two-layer MLP.

    A missing limb contributes zeros after the norm, whatever its features
    are. The number of limbs is fixed; for any subset of sensors see
    :class:`LimbAttentionNeck`.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D.
        init_cfg: MMEngine initialisation config.

    Source: MoBind, released code, stage 2.
    """

    def __init__(
        self, num_limbs: int, embed_dims: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.num_limbs = num_limbs
        self.norm = nn.LayerNorm(embed_dims)
        self.mlp = nn.Sequential(
            nn.Linear(num_limbs * embed_dims, 2 * embed_dims),
            nn.GELU(),
            nn.Linear(2 * embed_dims, embed_dims),
        )

    def forward(
        self, local: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Aggregate limbs.

        Args:
            local: (B, S, D) limb features.
            mask: (B, S) boolean, limbs that are present.

        Returns:
            (B, D) clip features and the normalised limb features
            (B, S, D), zero where missing.

        Raises:
            ValueError: If S is not ``num_limbs``.
        """
        if local.shape[1] != self.num_limbs:
            raise ValueError(
                f'ConcatMLPNeck was built for {self.num_limbs} limbs, got '
                f'{local.shape[1]}; set num_limbs to the number of '
                'placements in PackIMUPose.'
            )
        local = self.norm(local) * mask[..., None]
        return self.mlp(local.flatten(1)), local
