"""InfoNCE between two sets of paired embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812


def info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    groups: tuple[torch.Tensor, torch.Tensor] | None = None,
    num_pairs: int | None = None,
    own: torch.Tensor | None = None,
) -> torch.Tensor:
    """Both directions of InfoNCE with cosine similarities, for each pair.

    Args:
        a: (M, D) embeddings; the first ``num_pairs`` rows are paired with
            those of ``b``, any further rows are negatives only.
        b: (G, D) embeddings, likewise.
        scale: () inverse temperature.
        groups: (M,) and (G,) group of each row of ``a`` and ``b``; rows of
            another group are no negatives.
        num_pairs: Number of pairs; all rows by default.
        own: (num_pairs,) boolean, the m pairs to compute; all by default.
            Memory grows with m times M + G.

    Returns:
        (m,) losses, each the mean of the two directions.

    Source: MoBind, global and local contrastive terms.
    """
    num_pairs = len(a) if num_pairs is None else num_pairs
    rows = torch.arange(num_pairs, device=a.device)
    rows = rows if own is None else rows[own]
    a, b = scale * F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    total = 0.0
    for side, query, key in ((0, a, b), (1, b, a)):
        logits = query[rows] @ key.T
        if groups is not None:
            other = groups[side][rows, None] != groups[1 - side]
            logits = logits.masked_fill(other, float('-inf'))
        total = total + F.cross_entropy(logits, rows, reduction='none')
    return total / 2
