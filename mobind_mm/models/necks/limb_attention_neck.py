"""Limb aggregation that takes any subset of sensors."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS


@MODELS.register_module()
class LimbAttentionNeck(BaseModule):
    """Attention-weighted mean over the limbs that are present.

    Each limb's normalised features plus a learned limb identity pass a
    two-layer MLP; a learned score weights them. Missing limbs get weight
    zero, so the result does not depend on what stands in their place, and
    a model trained with ``RandomSensorDrop`` serves every subset.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self, num_limbs: int, embed_dims: int, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.norm = nn.LayerNorm(embed_dims)
        self.limb_embed = nn.Parameter(
            torch.randn(num_limbs, embed_dims) * 0.02
        )
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, 2 * embed_dims),
            nn.GELU(),
            nn.Linear(2 * embed_dims, embed_dims),
        )
        self.score = nn.Linear(embed_dims, 1)

    def forward(
        self, local: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Aggregate limbs.

        Args:
            local: (B, S, D) limb features.
            mask: (B, S) boolean, limbs that are present.

        Returns:
            (B, D) clip features, zero for a clip without any limb, and
            the normalised limb features (B, S, D), zero where missing.

        Raises:
            ValueError: If S is not ``num_limbs``.
        """
        if local.shape[1] != len(self.limb_embed):
            raise ValueError(
                f'LimbAttentionNeck was built for {len(self.limb_embed)} '
                f'limbs, got {local.shape[1]}; set num_limbs to the number '
                'of placements in PackIMUPose.'
            )
        local = self.norm(local) * mask[..., None]
        x = local + self.limb_embed
        # A finite fill keeps clips without any limb free of NaN.
        score = self.score(x)[..., 0].masked_fill(~mask, -1e9)
        weight = score.softmax(dim=1) * mask
        return torch.einsum('bs,bsd->bd', weight, self.mlp(x)), local
