"""Collectives with gradients: the only differentiable gather.

A loss that is a mean over items of all processes is computed in parts: each
process computes the losses of its own items against the gathered features of
all. :func:`global_mean` scales the part so that the mean of gradients that
``DistributedDataParallel`` takes is the gradient of one process with the
whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as torch_dist
from mmengine.dist import get_rank, get_world_size


class _AllGather(torch.autograd.Function):
    """Concatenate over processes; the backward sums over processes.

    Each process computes its part of the loss from the gathered tensor, so
    the gradient of a row is the sum over the parts.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        ctx.sizes = sizes
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        torch_dist.all_gather(parts, padded)
        return torch.cat([p[:n] for p, n in zip(parts, sizes)])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        grad = grad.contiguous().clone()
        torch_dist.all_reduce(grad)
        return grad.split(ctx.sizes)[get_rank()], None


def gather_with_grad(x: torch.Tensor, sizes: list[int]) -> torch.Tensor:
    """Concatenate ``x`` (n, ...) of all processes along dim 0, in rank order.

    ``sizes`` are the ``n`` of every process.
    """
    return _AllGather.apply(x, sizes)


def gather_rows(
    feats: dict[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Gather the features of the clips of all processes in one collective.

    The backward pass has one collective too, so that its order among others
    is the same in every process.

    Args:
        feats: Name to (b, ...) tensor, floating point or boolean; ``b`` may
            differ between processes.

    Returns:
        Name to (B, ...) tensor, with a gradient to every process, and a
        (B,) boolean, true for the rows of this process. In a single
        process, the features are returned as they are.
    """
    first = next(iter(feats.values()))
    is_local = torch.ones(len(first), dtype=torch.bool, device=first.device)
    if get_world_size() == 1:
        return feats, is_local
    rank = get_rank()
    size = torch.tensor([len(first)], device=first.device)
    counts = [torch.empty_like(size) for _ in range(get_world_size())]
    torch_dist.all_gather(counts, size)
    sizes = [int(n) for n in counts]
    dtype = torch.float16
    for value in feats.values():
        if value.dtype != torch.bool:
            dtype = torch.promote_types(dtype, value.dtype)
    flat = [value.flatten(1).to(dtype) for value in feats.values()]
    whole = gather_with_grad(torch.cat(flat, dim=1), sizes)
    is_local = torch.zeros(len(whole), dtype=torch.bool, device=whole.device)
    is_local[sum(sizes[:rank]) :][: sizes[rank]] = True
    columns = whole.split([part.shape[1] for part in flat], dim=1)
    return {
        name: part.unflatten(1, value.shape[1:]).to(value.dtype)
        for (name, value), part in zip(feats.items(), columns)
    }, is_local


def global_mean(values: torch.Tensor) -> torch.Tensor:
    """Mean over the items of all processes.

    Args:
        values: (n,) losses of the items of this process; ``n`` may differ
            between processes, and be 0.

    Returns:
        () the mean, the same in every process; 0 without any item. Its
        gradient is that of this process's part times the number of
        processes, so that the mean over processes is the gradient of the
        mean.
    """
    total = values.sum()
    world = get_world_size()
    if world == 1:
        return total / max(len(values), 1)
    # In double precision: counts must stay whole numbers.
    sums = torch.tensor(
        [0.0, len(values)], dtype=torch.float64, device=total.device
    )
    sums[0] = total.detach()
    torch_dist.all_reduce(sums)
    count = sums[1].clamp(min=1)
    mean = (sums[0] / count).to(total.dtype)
    part = total * (world / count).to(total.dtype)
    return mean + (part - part.detach())
