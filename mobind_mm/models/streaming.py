"""Clips longer than the model's window, as overlapping sub-windows."""

from __future__ import annotations

from collections.abc import Callable

import torch


def stream_starts(
    clip_sec: float, window_sec: float, stride_sec: float
) -> torch.Tensor:
    """Starts (W,) in seconds of the sub-windows that fit into a clip.

    Raises:
        ValueError: If the clip is shorter than a window, or the stride is
            not positive.
    """
    if not stride_sec > 0:
        raise ValueError(
            f'stream_stride_sec must be positive, got {stride_sec}.'
        )
    room = clip_sec - window_sec
    if room < -1e-6:
        raise ValueError(
            f'A clip of {clip_sec:.3f} s is shorter than the window of '
            f'{window_sec:.3f} s that the model was built for.'
        )
    count = int(room / stride_sec + 1e-6) + 1
    return torch.arange(count, dtype=torch.float64) * stride_sec


def cut_stream(
    stream: torch.Tensor, starts: torch.Tensor, rate: float, length: int
) -> torch.Tensor:
    """Sub-windows of a stream.

    Args:
        stream: (B, ..., T).
        starts: (W,) seconds from the first sample.
        rate: Samples per second.
        length: Samples of a sub-window.

    Returns:
        (B * W, ..., length), the sub-windows of a clip side by side.
    """
    first = (starts * rate).round().long().clamp(max=stream.shape[-1] - length)
    index = first[:, None] + torch.arange(length)
    windows = stream[..., index.to(stream.device)]
    return windows.movedim(-2, 1).flatten(0, 1)


def shares_patches(backbone: torch.nn.Module, stride_sec: float) -> bool:
    """Whether sub-windows can share the convolutions of their stream.

    They can if every sub-window starts with a patch of the first one, and
    no batch statistics or dropout tell the windows apart.
    """
    step = round(stride_sec * backbone.rate)
    edge = _edge_tokens(backbone)
    aligned = step % backbone.patch == 0
    return aligned and not backbone.training and 2 * edge < backbone.num_tokens


def _edge_tokens(backbone: torch.nn.Module) -> int:
    """Tokens at either end of a window that its border reaches."""
    return -(-_reach(backbone) // backbone.patch)


def _reach(backbone: torch.nn.Module) -> int:
    """Samples that a border reaches: convolutions, and differences (1)."""
    return backbone.conv_reach + 1


def window_patches(
    backbone: torch.nn.Module,
    channels: Callable[..., torch.Tensor],
    stream: torch.Tensor,
    mask: torch.Tensor | None,
    starts: torch.Tensor,
) -> torch.Tensor:
    """Embedded patches of sub-windows, convolving what they share once.

    The result is that of cutting the windows and encoding each: a window's
    first and last tokens, which see the zeros beyond its border, are
    computed from its own ends.

    Args:
        backbone: See :func:`shares_patches`.
        channels: Maps (B, S, C, T) and a mask to the encoder's channels;
            looks at most one sample around each.
        stream: (B, S, C, T), or whole skeletons (B, K, 2, T).
        mask: (B, S) or (B, S, T) boolean, or None.
        starts: (W,) seconds, at equal distances of whole patches.

    Returns:
        (B * W, S, N, D), the sub-windows of a clip side by side.
    """
    rate, length = backbone.rate, backbone.num_samples
    patch, edge = backbone.patch, _edge_tokens(backbone)
    timed = mask is not None and mask.ndim == 3

    def embed(
        x: torch.Tensor, x_mask: torch.Tensor | None, keep: slice
    ) -> torch.Tensor:
        x = channels(x, x_mask)
        flat = backbone.conv(x.flatten(0, 1))[:, keep]
        return backbone.embed_patches(flat).unflatten(0, x.shape[:2])

    first = round(float(starts[0]) * rate)
    span = slice(first, round(float(starts[-1]) * rate) + length)
    inner = embed(
        stream[..., span], mask[..., span] if timed else mask, slice(None)
    )
    step = 1
    if len(starts) > 1:
        step = round(float(starts[1] - starts[0]) * rate) // patch
    # (B, S, W, D, N) to (B, W, S, N, D)
    inner = inner.unfold(2, backbone.num_tokens, step)
    out = inner.permute(0, 2, 1, 4, 3).flatten(0, 1).contiguous()
    size = edge * patch + _reach(backbone)
    for late, tokens, keep in (
        (0, slice(0, edge), slice(0, edge * patch)),
        (length - size, slice(-edge, None), slice(-edge * patch, None)),
    ):
        at = starts + late / rate
        end_mask = mask
        if timed:
            end_mask = cut_stream(mask, at, rate, size)
        elif mask is not None:
            end_mask = mask.repeat_interleave(len(starts), dim=0)
        end = cut_stream(stream, at, rate, size)
        out[:, :, tokens] = embed(end, end_mask, keep)
    return out
