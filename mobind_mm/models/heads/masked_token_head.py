"""Masked token prediction on IMU tokens."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS
from ...utils.dist import global_mean
from ..layers import TransformerLayer
from ..losses import masked_mse


@MODELS.register_module()
class MaskedTokenHead(BaseModule):
    """Hide most tokens of each sensor and predict them from the rest.

    Args:
        num_limbs: Sensors S.
        num_tokens: Tokens N of one window.
        embed_dims: Width D.
        mask_ratio: Share of tokens hidden; ``int(N * (1 - ratio))`` stay.
        num_layers: Transformer layers.
        num_heads: Attention heads.
        ffn_dims: Feed-forward width, 4 D by default.
        dropout: Dropout inside the transformer.
        loss_weight: Weight of the loss.
        init_cfg: MMEngine initialisation config.

    Source: MoBind, masked token prediction.
    """

    def __init__(
        self,
        num_limbs: int,
        num_tokens: int,
        embed_dims: int = 256,
        mask_ratio: float = 0.75,
        num_layers: int = 4,
        num_heads: int = 8,
        ffn_dims: int | None = None,
        dropout: float = 0.1,
        loss_weight: float = 0.3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_keep = int(num_tokens * (1 - mask_ratio) + 1e-6)
        if not 0 < self.num_keep < num_tokens:
            raise ValueError(
                f'mask_ratio={mask_ratio} keeps {self.num_keep} of '
                f'{num_tokens} tokens; at least one must stay and one be '
                'hidden.'
            )
        self.loss_weight = loss_weight
        self.mask_token = nn.Parameter(torch.randn(1, 1, embed_dims) * 0.02)
        self.pos_embed = nn.Parameter(
            torch.randn(1, num_tokens, embed_dims) * 0.02
        )
        self.sensor_embed = nn.Embedding(num_limbs, embed_dims)
        nn.init.normal_(self.sensor_embed.weight, std=0.02)
        self.layers = nn.ModuleList(
            TransformerLayer(
                embed_dims, num_heads, ffn_dims or 4 * embed_dims, dropout
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dims)
        self.predictor = nn.Linear(embed_dims, embed_dims)

    def random_mask(self, tokens: torch.Tensor) -> torch.Tensor:
        """Draw the hidden tokens: (M, N, D) to (M, N) boolean."""
        order = torch.rand(tokens.shape[:2], device=tokens.device).argsort(1)
        return order >= self.num_keep

    def forward(
        self, tokens: torch.Tensor, sensor: torch.Tensor, hidden: torch.Tensor
    ) -> torch.Tensor:
        """Predict tokens.

        Args:
            tokens: (M, N, D) tokens, one sensor per row.
            sensor: (M,) sensor index of each row.
            hidden: (M, N) boolean, tokens that are replaced.

        Returns:
            (M, N, D) predictions.
        """
        x = torch.where(hidden[..., None], self.mask_token, tokens)
        x = x + self.pos_embed + self.sensor_embed(sensor)[:, None]
        for layer in self.layers:
            x = layer(x)
        return self.predictor(self.norm(x))

    def item_losses(
        self, feats: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Squared errors of hidden tokens of the sensors present.

        Args:
            feats: Result of :meth:`MoBind.extract_feats`, of a batch or a
                part of one.

        Returns:
            ``masked_token`` (n,), one loss per hidden token.
        """
        mask = feats['imu_mask']
        # Row m of the selection belongs to sensor mask.nonzero()[m, 1].
        tokens, sensor = feats['imu_tokens'][mask], mask.nonzero()[:, 1]
        hidden = self.random_mask(tokens)
        prediction = self(tokens, sensor, hidden)
        loss = masked_mse(prediction, tokens.detach(), hidden)
        return {'masked_token': loss}

    def loss(self, feats: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Mean over the hidden tokens of all processes.

        Args:
            feats: Result of :meth:`MoBind.extract_feats`, or of
                :meth:`item_losses`.

        Returns:
            ``loss_masked_token``.
        """
        if 'masked_token' not in feats:
            feats = self.item_losses(feats)
        mean = global_mean(feats['masked_token'])
        return {'loss_masked_token': self.loss_weight * mean}
