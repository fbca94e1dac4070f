"""InfoNCE between two sets of paired embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


def info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    exclude: torch.Tensor | None = None,
    num_pairs: int | None = None,
) -> torch.Tensor:
    """Mean of both directions of InfoNCE with cosine similarities.

    Args:
        a: (M, D) embeddings; the first ``num_pairs`` rows are paired with
            those of ``b``, any further rows are negatives only.
        b: (G, D) embeddings, likewise.
        scale: () inverse temperature.
        exclude: (M, G) boolean, combinations that are not negatives.
        num_pairs: Number of pairs; all rows by default.

    Returns:
        () loss; 0 (with a gradient path) when there is no pair.

    Source: MoBind, global and local contrastive terms.
    """
    if num_pairs is None:
        num_pairs = len(a)
    if num_pairs == 0:
        return (a.sum() + b.sum()) * scale * 0.0
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T
    if exclude is not None:
        logits = logits.masked_fill(exclude, float('-inf'))
    target = torch.arange(num_pairs, device=a.device)
    forth = F.cross_entropy(logits[:num_pairs], target)
    back = F.cross_entropy(logits.T[:num_pairs], target)
    return (forth + back) / 2
