"""Layers with the parameters of PyTorch's own and less work."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

__all__ = ['Dropout', 'ReLUDropout', 'TimeConv', 'TransformerLayer']

_LEVELS = 2**16


_is_exporting = getattr(
    torch.compiler, 'is_exporting', torch.compiler.is_compiling
)


class Dropout(nn.Dropout):
    """:class:`torch.nn.Dropout`, about five times faster on a CPU.

    On a CPU, PyTorch draws a 53-bit number for every element, one at a time.
    Here four elements share a 64-bit number: an element is dropped if its 16
    bits are below ``p * 2**16``. The probability is therefore ``p`` to
    within 1e-5, and what is kept is scaled by the inverse of the exact one.
    Masks come from PyTorch's generator: they follow ``torch.manual_seed``
    and a restored state. On other devices, and when compiled, it is
    PyTorch's own.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop elements of a tensor of any shape during training."""
        if not self.training or self.p == 0:
            return x
        level = self.level(x)
        if level is None:
            return F.dropout(x, self.p)
        return _BitDropout.apply(x, level)

    def level(self, x: torch.Tensor) -> int | None:
        """Level below which 16 random bits drop; None where PyTorch does."""
        level = round(self.p * _LEVELS)
        exact = x.device.type != 'cpu' or torch.compiler.is_compiling()
        return None if exact or not 0 < level < _LEVELS else level


class ReLUDropout(Dropout):
    """ReLU, then :class:`Dropout`, in one pass that remembers its result.

    What is kept and positive is what gets a gradient, so neither the mask
    nor the input is stored. Overwrites its input.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A tensor of any shape, which is overwritten."""
        level = self.level(x) if self.training else None
        if level is None:
            return super().forward(F.relu(x))
        return _ReLUBitDropout.apply(x, level)


def random_mask(x: torch.Tensor, level: int) -> torch.Tensor:
    """Bytes 0 and 1 in the memory order of ``x``; 0 by level / 2**16.

    A float times a byte takes half the time of a float times a boolean.
    """
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64)
    bits = bits.random_(-(2**63), None).view(torch.int16)[: x.numel()]
    mask = (bits >= level - _LEVELS // 2).view(torch.uint8)
    # Elements are independent, so any dense order will do: that of x.
    dense = x.is_contiguous() or x.is_contiguous(
        memory_format=torch.channels_last
    )
    if not dense:
        return mask.view(x.shape)
    return mask.as_strided(x.shape, x.stride())


class _BitDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, level: int) -> torch.Tensor:
        mask = random_mask(x, level)
        ctx.save_for_backward(mask)
        ctx.scale = _LEVELS / (_LEVELS - level)
        return (x * mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (mask,) = ctx.saved_tensors
        return (grad * mask).mul_(ctx.scale), None


class _ReLUBitDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, level: int) -> torch.Tensor:
        ctx.mark_dirty(x)
        ctx.scale = _LEVELS / (_LEVELS - level)
        x.mul_(random_mask(x, level)).clamp_min_(0).mul_(ctx.scale)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        (out,) = ctx.saved_tensors
        kept = torch.ops.aten.threshold_backward(grad, out, 0)
        return kept.mul_(ctx.scale), None


class TimeConv(nn.Conv1d):
    """The 'same' convolution of :class:`torch.nn.Conv1d`, channels last.

    It has the weights of ``Conv1d`` but calls the two-dimensional
    convolution on a single row, whose kernels keep the channels of a sample
    together: on a CPU, narrow layers take a third of the time.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, padding='same'
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(M, C, 1, T), best channels last, to (M, C_out, 1, T)."""
        pad = (0, self.kernel_size[0] // 2)
        return F.conv2d(x, self.weight[:, :, None], self.bias, padding=pad)


class TransformerLayer(nn.Module):
    """:class:`torch.nn.TransformerEncoderLayer`, batch first, with ReLU.

    Parameters, their names and the result are the same. One matrix product
    gives queries, keys and values, dropout is :class:`Dropout`, and
    attention goes through ``scaled_dot_product_attention`` except with
    dropout on a CPU, where that has no fused kernel.

    Args:
        embed_dims: Width D.
        num_heads: Attention heads.
        ffn_dims: Feed-forward width.
        dropout: Dropout of the attention, the feed-forward and the sums.
        norm_first: Pre-norm instead of post-norm.
        max_distance: If given, attention depends on the distance of two
            tokens, by a learned number per head and distance up to this one.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        ffn_dims: int,
        dropout: float,
        norm_first: bool = False,
        max_distance: int | None = None,
    ) -> None:
        super().__init__()
        # Only its parameters and their initial values are used.
        self.self_attn = nn.MultiheadAttention(embed_dims, num_heads)
        self.linear1 = nn.Linear(embed_dims, ffn_dims)
        self.linear2 = nn.Linear(ffn_dims, embed_dims)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.norm_first = norm_first
        self.dropout = ReLUDropout(dropout)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.attention_dropout = Dropout(dropout)
        self.distance = None
        if max_distance is not None:
            self.distance = nn.Parameter(
                torch.zeros(num_heads, 2 * max_distance + 1)
            )

    def forward(
        self, x: torch.Tensor, padding: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mix tokens.

        Args:
            x: (M, N, D) tokens.
            padding: (M, N) boolean, tokens that are not attended to.

        Returns:
            (M, N, D).
        """
        if self.norm_first:
            x = x + self._attend(self.norm1(x), padding)
            return x + self._feed(self.norm2(x))
        x = self.norm1(x + self._attend(x, padding))
        return self.norm2(x + self._feed(x))

    def _feed(self, x: torch.Tensor) -> torch.Tensor:
        # Rows of one matrix: what ReLUDropout overwrites is then not a view,
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
        bias = self._bias(q.shape[2])
        p = self.attention_dropout.p if self.training else 0.0
        # Exports take fused attention apart, and then fail on its strides.
        if (p and x.device.type == 'cpu') or _is_exporting():
            logits = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
            if bias is not None:
                logits = logits + bias
            if allowed is not None:
                logits = logits.masked_fill(~allowed, float('-inf'))
            out = self.attention_dropout(logits.softmax(dim=-1)) @ v
        else:
            if bias is not None and allowed is not None:
                allowed = bias.masked_fill(~allowed, float('-inf'))
            elif bias is not None:
                allowed = bias.expand(q.shape[0], -1, -1, -1)
            out = F.scaled_dot_product_attention(q, k, v, allowed, p)
        out = out.transpose(1, 2).flatten(2)
        return self.dropout1(attn.out_proj(out))

    def _bias(self, count: int) -> torch.Tensor | None:
        """What is added to the logits (1, heads, N, N), by distance."""
        if self.distance is None:
            return None
        most = self.distance.shape[1] // 2
        at = torch.arange(count, device=self.distance.device)
        steps = (at[None] - at[:, None]).clamp(-most, most) + most
        return self.distance[:, steps][None]
