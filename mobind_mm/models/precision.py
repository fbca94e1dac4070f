"""Features of mixed precision, for what needs single precision."""

from __future__ import annotations

import torch


def in_single_precision(
    feats: dict[str, torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Half-precision features as float32; masks as they are."""
    return {
        name: x.float() if x.is_floating_point() else x
        for name, x in feats.items()
    }
