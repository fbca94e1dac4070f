"""Features of mixed precision, for what needs single precision."""

from __future__ import annotations

import torch

_HALF = (torch.float16, torch.bfloat16)


def in_single_precision(
    feats: dict[str, torch.Tensor],
) -> dict[str, torch.Tensor]:
    """Half-precision features as float32; all else as it is."""
    return {
        name: x.float() if x.dtype in _HALF else x for name, x in feats.items()
    }
