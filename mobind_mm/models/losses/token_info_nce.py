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
        mask: (M, N) boolean, the n tokens that count on both sides; all by
            default.

    Returns:
        (n,) losses, each the mean of the two directions.

    Source: MoBind, token-level contrastive term.
    """
    if mask is None:
        mask = a.new_ones(a.shape[:2], dtype=torch.bool)
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).mT
    # A finite fill keeps rows without any counted token free of NaN.
    least = torch.finfo(logits.dtype).min
    target = torch.arange(a.shape[1], device=a.device).expand_as(mask)[mask]
    total = 0.0
    for direction in (logits, logits.mT):
        rows = direction.masked_fill(~mask[:, None, :], least)[mask]
        total = total + F.cross_entropy(rows, target, reduction='none')
    return total / 2
