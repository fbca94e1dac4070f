"""Mixed precision that needs no loss scaling, on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from ..registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """Compute in bfloat16 where that is safe; weights stay float32.

    For GPUs since Ampere and processors with bfloat16 products (AVX-512
    BF16, AMX), which take half the time. The contrastive losses are
    computed in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass."""
        half = torch.autocast(get_device(), torch.bfloat16)
        with super().optim_context(model), half:
            yield
