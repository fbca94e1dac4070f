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
        encode: Names and tensors to names and tensors; rows do not
            influence each other but through batch statistics.
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
    """Let batch normalisations leave their running statistics alone."""
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    before = [(n.momentum, n.num_batches_tracked.clone()) for n in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)
