"""Limb aggregation: (B, S, D) and a mask to (B, D)."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from ..registry import MODELS

__all__ = ['ConcatMLPNeck', 'LimbAttentionNeck', 'SubsetNeck']


class _LimbNeck(BaseModule):
    """What joins the features of a fixed number of limbs."""

    def __init__(
        self, num_limbs: int, embed_dims: int, init_cfg: dict | None
    ) -> None:
        super().__init__(init_cfg)
        self.num_limbs = num_limbs
        self.norm = nn.LayerNorm(embed_dims)

    def normalise(
        self, local: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Normalised limb features (B, S, D), zero where missing.

        Raises:
            ValueError: If S is not ``num_limbs``.
        """
        if local.shape[1] != self.num_limbs:
            raise ValueError(
                f'{type(self).__name__} was built for {self.num_limbs} limbs, '
                f'got {local.shape[1]}; set num_limbs to the number of '
                'placements in PackIMUPose.'
            )
        return self.norm(local) * mask[..., None]


def _weighted_mean(
    value: torch.Tensor, score: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Means (B, D) of limbs by softmax of their scores, 0 without any."""
    # A finite fill keeps clips without any limb free of NaN.
    least = torch.finfo(score.dtype).min
    weight = score.masked_fill(~mask, least).softmax(dim=1) * mask
    return torch.einsum('bs,bse->be', weight, value)


@MODELS.register_module()
class ConcatMLPNeck(_LimbNeck):
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
        super().__init__(num_limbs, embed_dims, init_cfg)
        self.mlp = nn.Sequential(
            nn.Linear(num_limbs * embed_dims, 2 * embed_dims),
            nn.GELU(),
            nn.Linear(2 * embed_dims, embed_dims),
        )

    def forward(
        self, local: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Join the limbs of a clip.

        Args:
            local: (B, S, D) limb features.
            mask: (B, S) boolean, limbs that are present.

        Returns:
            (B, D) clip features and the normalised limb features
            (B, S, D), zero where missing.
        """
        local = self.normalise(local, mask)
        return self.mlp(local.flatten(1)), local


@MODELS.register_module()
class LimbAttentionNeck(_LimbNeck):
    """Attention-weighted mean over the limbs that are present.

    Each limb's normalised features pass a linear map of their own; a
    learned score weights them. Missing limbs get weight zero, so the result
    does not depend on their values, and a model trained with
    ``RandomSensorDrop`` serves every subset.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D.
        out_dims: Width of the clip embedding, D by default.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self,
        num_limbs: int,
        embed_dims: int,
        out_dims: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(num_limbs, embed_dims, init_cfg)
        out_dims = out_dims or embed_dims
        self.weight = nn.Parameter(
            torch.randn(num_limbs, embed_dims, out_dims) * embed_dims**-0.5
        )
        self.bias = nn.Parameter(torch.zeros(num_limbs, out_dims))
        self.score = nn.Parameter(torch.zeros(num_limbs, embed_dims))

    def forward(
        self, local: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Join them as :class:`ConcatMLPNeck`; zero without any limb."""
        local = self.normalise(local, mask)
        score = torch.einsum('bsd,sd->bs', local, self.score)
        value = torch.einsum('bsd,sde->bse', local, self.weight) + self.bias
        return _weighted_mean(value, score, mask), local


@MODELS.register_module()
class SubsetNeck(_LimbNeck):
    """Attention-weighted mean over any subset of limbs, known or not.

    All limbs share one map; what a limb is comes in as a learned vector, one
    of which stands for an unknown placement. With 15 limbs it has a tenth of
    the parameters of :class:`LimbAttentionNeck`.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D.
        hidden_dims: Width between the two layers, 2 D by default.
        init_cfg: MMEngine initialisation config.

    >>> neck = SubsetNeck(num_limbs=3, embed_dims=8)
    >>> mask = torch.tensor([[True, False, True]])
    >>> nowhere = torch.zeros_like(mask)
    >>> clip, local = neck(torch.randn(1, 3, 8), mask, placed=nowhere)
    >>> clip.shape
    torch.Size([1, 8])
    """

    def __init__(
        self,
        num_limbs: int,
        embed_dims: int,
        hidden_dims: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(num_limbs, embed_dims, init_cfg)
        hidden_dims = hidden_dims or 2 * embed_dims
        # The last one is that of an unknown placement.
        self.place = nn.Parameter(
            torch.randn(num_limbs + 1, embed_dims) * 0.02
        )
        self.mlp = nn.Sequential(
            nn.Linear(embed_dims, hidden_dims),
            nn.GELU(),
            nn.Linear(hidden_dims, embed_dims + 1),
        )

    def forward(
        self,
        local: torch.Tensor,
        mask: torch.Tensor,
        placed: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Join them as :class:`ConcatMLPNeck`; zero without any limb.

        Args:
            local: (B, S, D) limb features.
            mask: (B, S) boolean, limbs that are present.
            placed: (B, S) boolean, limbs whose placement is known; all by
                default. An unplaced sensor may be in any row.
        """
        local = self.normalise(local, mask)
        place = self.place[:-1].expand(local.shape[0], -1, -1)
        if placed is not None:
            place = torch.where(placed[..., None], place, self.place[-1])
        value = self.mlp(local + place)
        clip = _weighted_mean(value[..., :-1], value[..., -1], mask)
        return clip, local
