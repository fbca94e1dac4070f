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
    own: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every sensor of a clip is a positive of that clip's embedding.

    Clip to sensor: ``-(logsumexp over the S positives - log S - logsumexp
    over all B * S)``. Sensor to clip: cross-entropy of each sensor against
    the B clips.

    Args:
        local: (B, S, D) sensor embeddings.
        clip: (B, D) clip embeddings; detach them before the call.
        scale: () inverse temperature.
        mask: (B, S) boolean, sensors that are present. S counts those.
        own: (B,) boolean, clips whose losses are computed; all by default.

    Returns:
        Losses of the own clips that have a sensor (b,), and of the own
        sensors (s,); the loss of the batch is the mean of the two means.

    Source: MoBind, released code, stage 2.
    """
    B, S = local.shape[:2]  # noqa: N806
    if mask is None:
        mask = local.new_ones(B, S, dtype=torch.bool)
    rows = mask.any(dim=1)
    rows = (rows if own is None else rows & own).nonzero()[:, 0]
    clip = scale * F.normalize(clip, dim=-1)
    local = F.normalize(local, dim=-1)

    logits = torch.einsum('bd,csd->bcs', clip[rows], local)
    logits = logits.masked_fill(~mask, -math.inf)
    every = logits.flatten(1).logsumexp(dim=1)
    each = torch.arange(len(rows), device=rows.device)
    positive = logits[each, rows].logsumexp(dim=1)
    count = mask[rows].sum(dim=1).to(positive.dtype)
    to_sensor = every - (positive - count.log())

    owner = rows[:, None].expand(-1, S)[mask[rows]]
    logits = local[rows][mask[rows]] @ clip.T
    return to_sensor, F.cross_entropy(logits, owner, reduction='none')
