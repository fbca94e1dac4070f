"""Collectives with gradients: the only differentiable gather."""

from __future__ import annotations

import torch
import torch.distributed as torch_dist
from mmengine.dist import get_rank, get_world_size


class _AllGather(torch.autograd.Function):
    """Concatenate over processes; the backward sums over processes.

    Each process computes the whole loss from the gathered tensor, so the
    gradient of its own rows is the sum over processes. The mean that
    ``DistributedDataParallel`` then takes gives single-process gradients.
    """

    @staticmethod
    def forward(ctx, x: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        ctx.sizes = sizes
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        torch_dist.all_gather(parts, padded)
        return torch.cat([p[:n] for p, n in zip(parts, sizes)])

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        grad = grad.contiguous()
        torch_dist.all_reduce(grad)
        return grad.split(ctx.sizes)[get_rank()], None


def gather_with_grad(x: torch.Tensor) -> torch.Tensor:
    """Concatenate ``x`` of all processes along dim 0, in rank order.

    Args:
        x: (n, ...) tensor; ``n`` may differ between processes. Boolean
            tensors are gathered without gradient.

    Returns:
        (sum of n, ...) tensor, ``x`` itself in a single process.
    """
    if get_world_size() == 1:
        return x
    if x.dtype == torch.bool:
        return gather_with_grad(x.to(torch.uint8)).bool()
    size = torch.tensor([len(x)], device=x.device)
    sizes = [torch.empty_like(size) for _ in range(get_world_size())]
    torch_dist.all_gather(sizes, size)
    return _AllGather.apply(x, [int(n) for n in sizes])


def share_of_mean(loss: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Scale a mean so that the mean over processes is that over all items.

    Args:
        loss: () mean over the items of this process.
        count: () integer, number of its items; may differ between
            processes, and be 0 (the loss then is 0 too).

    Returns:
        () loss times count over the mean count of a process; ``loss``
        itself in a single process.
    """
    if get_world_size() == 1:
        return loss
    total = count.clone()
    torch_dist.all_reduce(total)
    return loss * (count * get_world_size() / total.clamp(min=1))
