"""InfoNCE between two sets of paired embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


def info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    exclude: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean of both directions of InfoNCE with cosine similarities.

    Args:
        a: (M, D) embeddings; row i is paired with row i of ``b``.
        b: (M, D) embeddings.
        scale: () inverse temperature.
        exclude: (M, M) boolean, pairs that are not negatives.

    Returns:
        () loss; 0 (with a gradient path) when M is 0.

    Source: MoBind, global and local contrastive terms.
    """
    if len(a) == 0:
        return (a.sum() + b.sum()) * scale * 0.0
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
    if exclude is not None:
        logits = logits.masked_fill(exclude, float('-inf'))
    target = torch.arange(len(a), device=a.device)
    forth = F.cross_entropy(logits, target)
    back = F.cross_entropy(logits.T, target)
    return (forth + back) / 2
