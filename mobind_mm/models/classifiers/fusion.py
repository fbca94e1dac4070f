"""Scores of several modalities to one."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def mean_of_present(
    scores: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Mean over the modalities that a clip has.

    Args:
        scores: Logits (B, classes) and presence (B,) of each modality.

    Returns:
        (B, classes), zero for a clip with none.
    """
    logits = torch.stack([value for value, _ in scores.values()])
    present = torch.stack([mask for _, mask in scores.values()])[..., None]
    total = logits.masked_fill(~present, 0.0).sum(dim=0)
    return total / present.sum(dim=0).clamp(min=1)
