"""Clips longer than the model's window, as overlapping sub-windows."""

from __future__ import annotations

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
