"""Encode a batch in chunks whose activations are not kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

Tensors = dict[str, torch.Tensor]


def encode_in_chunks(
    encode: Callable[[Tensors], Tensors],
    inputs: Tensors,
    size: int,
    model: nn.Module,
) -> Tensors:
    """Encode a batch chunk by chunk, with the activations of one in memory.

    The forward pass keeps the results alone. The backward pass encodes each
    chunk again, with the random numbers that it had, and takes the exact
    gradient (cached gradients, as GradCache calls them).

    Args:
        encode: Names and tensors to names and tensors; rows
            influence each other through batch statistics only.
        inputs: Tensors (B, ...).
        size: Clips in a chunk.
        model: Holds the batch statistics, which are updated once.

    Returns:
        What ``encode`` returns, concatenated.
    """

    def encode_chunk(*chunk: torch.Tensor) -> Tensors:
        return encode(dict(zip(inputs, chunk)))

    parts = [
        checkpoint(
            encode_chunk,
            *chunk,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), _statistics_kept(model)),
        )
        for chunk in zip(*(value.split(size) for value in inputs.values()))
    ]
    return {name: torch.cat([p[name] for p in parts]) for name in parts[0]}


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """Keep the running statistics of batch normalisations unchanged."""
    norms = [
        (module, module.momentum, module.num_batches_tracked)
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    before = [None if n is None else n.clone() for _, _, n in norms]
    for norm, _, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for (norm, momentum, tracked), count in zip(norms, before):
            norm.momentum = momentum
            if tracked is not None and count is not None:
                tracked.copy_(count)
