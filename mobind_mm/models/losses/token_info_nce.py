"""InfoNCE between the tokens of one sample."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


def token_info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Token n of ``a`` against token n of ``b``, within each sample.

    The negatives of a token are the other tokens of the *same* sample, so
    the loss teaches time, not identity.

    Args:
        a: (M, N, D) tokens.
        b: (M, N, D) tokens.
        scale: () inverse temperature.
        mask: (M, N) boolean, tokens that count on both sides.

    Returns:
        () mean of both directions over all tokens that count; 0 (with a
        gradient path) when there is none.

    Source: MoBind, token-level contrastive term.
    """
    if mask is None:
        mask = a.new_ones(a.shape[:2], dtype=torch.bool)
    if not mask.any():
        return (a.sum() + b.sum()) * scale * 0.0
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).mT
    # A finite fill keeps rows without any counted token free of NaN.
    least = torch.finfo(logits.dtype).min
    back = logits.mT.masked_fill(~mask[:, None, :], least)
    logits = logits.masked_fill(~mask[:, None, :], least)
    target = torch.arange(a.shape[1], device=a.device).repeat(len(a))
    target = target.masked_fill(~mask.flatten(), -100)
    loss = F.cross_entropy(logits.flatten(0, 1), target, ignore_index=-100)
    loss += F.cross_entropy(back.flatten(0, 1), target, ignore_index=-100)
    return loss / 2
