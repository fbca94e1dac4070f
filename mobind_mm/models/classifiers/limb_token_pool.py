"""One vector for a clip from the tokens of the limbs that are there."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS


@MODELS.register_module()
class LimbTokenPool(BaseModule):
    """Pool tokens to limbs, and limbs to a clip, by mask.

    A limb is described by its local feature and by the mean and maximum of
    its valid tokens. Each limb has a linear map of its own, because an arm
    and a leg that move alike are not the same action; the clip is the mean
    over the limbs that are present. What stands behind a mask has no
    influence.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D of tokens and local features.
        out_dims: Width of the clip's vector.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self,
        num_limbs: int,
        embed_dims: int,
        out_dims: int,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_limbs = num_limbs
        width = 3 * embed_dims
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Parameter(
            torch.randn(num_limbs, width, out_dims) * width**-0.5
        )
        self.bias = nn.Parameter(torch.zeros(num_limbs, out_dims))

    def forward(
        self,
        tokens: torch.Tensor,
        local: torch.Tensor,
        limb_mask: torch.Tensor,
        token_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Pool.

        Args:
            tokens: (B, S, N, D).
            local: (B, S, D) local features.
            limb_mask: (B, S) boolean, limbs that are present.
            token_mask: (B, S, N) boolean, tokens that are valid.

        Returns:
            (B, out_dims), zero for a clip without any limb.

        Raises:
            ValueError: If S is not ``num_limbs``.
        """
        if tokens.shape[1] != self.num_limbs:
            raise ValueError(
                f'LimbTokenPool was built for {self.num_limbs} limbs, got '
                f'{tokens.shape[1]}; set num_limbs to the number of '
                'placements in PackIMUPose.'
            )
        valid = (token_mask & limb_mask[..., None])[..., None]
        count = valid.sum(dim=2).clamp(min=1)
        mean = tokens.masked_fill(~valid, 0.0).sum(dim=2) / count
        least = torch.finfo(tokens.dtype).min
        largest = tokens.masked_fill(~valid, least).amax(dim=2)
        limbs = torch.cat([local, mean, largest], dim=2)
        limbs = limbs.masked_fill(~limb_mask[..., None], 0.0)
        limbs = torch.einsum('bsd,sde->bse', self.norm(limbs), self.weight)
        limbs = (limbs + self.bias).masked_fill(~limb_mask[..., None], 0.0)
        present = limb_mask.sum(dim=1, keepdim=True).clamp(min=1)
        return limbs.sum(dim=1) / present
