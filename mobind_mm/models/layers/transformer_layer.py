"""A transformer layer that computes what PyTorch's does, in fewer steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from .dropout import Dropout, ReLUDropout


class TransformerLayer(nn.TransformerEncoderLayer):
    """:class:`torch.nn.TransformerEncoderLayer`, batch first, with ReLU.

    Parameters, their names and the result are the same. One matrix product
    gives queries, keys and values, dropout is
    :class:`~mobind_mm.models.layers.Dropout`, and attention goes through
    ``scaled_dot_product_attention`` except on a processor with dropout,
    where that has no fused kernel.

    Args:
        embed_dims: Width D.
        num_heads: Attention heads.
        ffn_dims: Feed-forward width.
        dropout: Dropout of the attention, the feed-forward and the sums.
        norm_first: Pre-norm instead of post-norm.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        ffn_dims: int,
        dropout: float,
        norm_first: bool = False,
    ) -> None:
        super().__init__(
            embed_dims,
            num_heads,
            ffn_dims,
            dropout,
            batch_first=True,
            norm_first=norm_first,
        )
        self.dropout = ReLUDropout(dropout)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.attention_dropout = Dropout(dropout)

    def forward(
        self, x: torch.Tensor, padding: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mix tokens.

        Args:
            x: (M, N, D) tokens.
            padding: (M, N) boolean, tokens that nobody attends to.

        Returns:
            (M, N, D).
        """
        if self.norm_first:
            x = x + self._attend(self.norm1(x), padding)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, padding))
        return self.norm2(x + self._feed(x))

    def _feed(self, x: torch.Tensor) -> torch.Tensor:
        # Rows of one matrix: what ReLUDropout overwrites is no view then,
        # whose gradient would be copied twice.
        rows = self.dropout(self.linear1(x.flatten(0, 1)))
        return self.dropout2(self.linear2(rows).view_as(x))

    def _attend(
        self, x: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        attn = self.self_attn
        qkv = F.linear(x, attn.in_proj_weight, attn.in_proj_bias)
        heads = qkv.unflatten(2, (3, attn.num_heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (M, heads, N, d) each
        allowed = None if padding is None else ~padding[:, None, None]
        p = self.attention_dropout.p if self.training else 0.0
        if p and x.device.type == 'cpu':
            logits = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
            if allowed is not None:
                logits = logits.masked_fill(~allowed, float('-inf'))
            out = self.attention_dropout(logits.softmax(dim=-1)) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v, allowed, p)
        out = out.transpose(1, 2).flatten(2)
        return self.dropout1(attn.out_proj(out))
