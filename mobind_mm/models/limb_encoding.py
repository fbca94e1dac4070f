"""Run one backbone over all limbs of a batch."""

from __future__ import annotations

import torch
from torch import nn

from ..registry import MODELS
from .batch_norm import synchronises


def build_optional(cfg: dict | None) -> nn.Module | None:
    """Build a part that a config may leave out."""
    return None if cfg is None else MODELS.build(cfg)


def encode_limbs(
    backbone: nn.Module,
    x: torch.Tensor,
    present: torch.Tensor,
    token_mask: torch.Tensor | None = None,
    embedded: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode the limbs that are present; the others get zeros.

    The limb axis is folded into the batch, so absent limbs cost nothing
    and leave no trace in batch statistics.

    Args:
        backbone: Maps (M, C, T) and a mask to tokens and local features.
        x: (B, S, C, T) streams, or (B, S, N, D) their patches.
        present: (B, S) boolean.
        token_mask: (B, S, N) boolean.
        embedded: Whether x are patches that the backbone has embedded.

    Returns:
        tokens (B, S, N, D) and local features (B, S, D).
    """
    B, S = present.shape  # noqa: N806
    encode = backbone.encode_patches if embedded else backbone
    if present.all():
        mask = None if token_mask is None else token_mask.flatten(0, 1)
        tokens, local = encode(x.flatten(0, 1), mask)
        return tokens.unflatten(0, (B, S)), local.unflatten(0, (B, S))
    shape = (B, S, backbone.num_tokens, backbone.embed_dims)
    if not present.any() and not synchronises(backbone):
        # Zero times every parameter: no limb, yet a complete graph.
        zero = sum(p.sum() for p in backbone.parameters()) * 0.0
        return x.new_zeros(shape) + zero, x.new_zeros(B, S, shape[3]) + zero
    mask = None if token_mask is None else token_mask[present]
    tokens, local = encode(x[present], mask)
    index = present.flatten().nonzero()[:, 0]
    full_tokens = tokens.new_zeros(B * S, *tokens.shape[1:])
    full_local = local.new_zeros(B * S, local.shape[1])
    return (
        full_tokens.index_copy(0, index, tokens).view(shape),
        full_local.index_copy(0, index, local).unflatten(0, (B, S)),
    )
