"""Multi-positive InfoNCE between one clip and its several sensors."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812


def multi_positive_nce(
    local: torch.Tensor,
    clip: torch.Tensor,
    scale: torch.Tensor,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Every sensor of a clip is a positive of that clip's embedding.

    Clip to sensor: ``-mean_b(logsumexp over the S positives - log S -
    logsumexp over all B * S)``. Sensor to clip: cross-entropy of each
    sensor against the B clips. The result is the mean of the two.

    Args:
        local: (B, S, D) sensor embeddings.
        clip: (B, D) clip embeddings; detach them before the call.
        scale: () inverse temperature.
        mask: (B, S) boolean, sensors that are present. S counts those.

    Returns:
        () loss; 0 (with a gradient path) when no sensor is present.

    Source: MoBind, released code, stage 2.
    """
    B, S = local.shape[:2]  # noqa: N806
    if mask is None:
        mask = local.new_ones(B, S, dtype=torch.bool)
    rows = mask.any(dim=1)
    if not rows.any():
        return local.sum() * scale * 0.0
    logits = scale * torch.einsum(
        'bd,csd->bcs', F.normalize(clip, dim=-1), F.normalize(local, dim=-1)
    )
    logits = logits.masked_fill(~mask, -math.inf)
    every = logits.flatten(1).logsumexp(dim=1)
    own = logits[torch.arange(B), torch.arange(B)][rows].logsumexp(dim=1)
    count = mask.sum(dim=1)[rows].to(own.dtype)
    to_sensor = -(own - count.log() - every[rows]).mean()

    owner = torch.arange(B, device=local.device)[:, None].expand(B, S)
    to_clip = F.cross_entropy(logits.permute(1, 2, 0)[mask], owner[mask])
    return (to_sensor + to_clip) / 2
