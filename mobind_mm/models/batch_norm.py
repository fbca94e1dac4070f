"""Which statistics batch normalisation uses, in one process or several."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_world_size
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..utils.arguments import check_choice
from ..utils.dist import gather_with_grad

MODES = ('per_process', 'synchronised', 'frozen')
"""``per_process``: those of the rows that a process encodes at once.
``synchronised``: those of the rows of all processes. ``frozen``: the running
ones, which do not change."""


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the rows of all processes.

    Works on CPUs too, with any number of rows per process, including none;
    PyTorch's own needs GPUs.
    """

    def _check_input_dim(self, x: torch.Tensor) -> None:
        """Any number of axes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise (M, C, ...); M may differ between processes."""
        world = get_world_size()
        if world == 1 or not self.training:
            return super().forward(x)
        out_dtype = x.dtype
        x = x.to(torch.promote_types(out_dtype, torch.float32))
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(x.dim())]
        count = x.new_tensor([x.numel() / self.num_features])
        mean = x.sum(dim=axes) / count.clamp(min=1)
        square = (x - mean.view(shape)).square().sum(dim=axes)
        stats = torch.cat([count, mean, square])[None]
        stats = gather_with_grad(stats, [1] * world)
        counts, means, squares = stats.split([1, len(mean), len(mean)], dim=1)
        total = counts.sum().clamp(min=1)
        mean = (counts * means).sum(dim=0) / total
        square = squares + counts * (means - mean).square()
        square = square.sum(dim=0)
        self._update(mean.detach(), square.detach(), counts.sum())
        factor = self.weight * (square / total + self.eps).rsqrt()
        x = (x - mean.view(shape)) * factor.view(shape)
        return (x + self.bias.view(shape)).to(out_dtype)

    @torch.no_grad()
    def _update(
        self, mean: torch.Tensor, square: torch.Tensor, total: torch.Tensor
    ) -> None:
        """Running statistics; unchanged without any row."""
        assert self.momentum is not None
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None and self.running_var is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum * (total > 0)
        var = square / (total - 1).clamp(min=1)
        self.running_mean += momentum * (mean - self.running_mean)
        self.running_var += momentum * (var - self.running_var)


def set_batch_norm(model: nn.Module, mode: str) -> None:
    """Choose the statistics of a model's batch normalisations.

    Args:
        model: Its batch normalisations are replaced if ``synchronised``;
            parameter names stay. ``frozen`` is left to
            :func:`freeze_statistics`.
        mode: One of :data:`MODES`.

    Raises:
        ValueError: For another mode.
    """
    check_choice('batch_norm', mode, MODES)
    if mode != 'synchronised':
        return
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                sync = SyncBatchNorm(
                    child.num_features, child.eps, child.momentum
                )
                sync.load_state_dict(child.state_dict())
                setattr(module, name, sync)


def freeze_statistics(model: nn.Module) -> None:
    """Let every batch normalisation use its running statistics."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def synchronises(model: Any) -> bool:
    """Whether a forward pass waits for the other processes."""
    return get_world_size() > 1 and any(
        isinstance(m, SyncBatchNorm) and m.training for m in model.modules()
    )
