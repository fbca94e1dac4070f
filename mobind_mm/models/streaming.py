"""Clips longer than the model's window, as overlapping sub-windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from .backbones import Backbone, StreamingBackbone, is_streaming
from .limb_model import LimbFeatures, encode_limbs

Channels = Callable[
    [torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]
]
"""Streams and their mask to what a backbone sees of them, and the mask.

Looks at most one sample to either side."""


def stream_starts(
    clip_sec: float, window_sec: float, stride_sec: float
) -> torch.Tensor:
    """Starts (W,) in seconds of the sub-windows that fit into a clip.

    Raises:
        ValueError: If the clip is shorter than a window, or the stride is
            not positive.

    >>> stream_starts(6.0, 5.0, 0.5).tolist()
    [0.0, 0.5, 1.0]
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


def clip_starts(
    inputs: Mapping[str, torch.Tensor],
    backbones: Mapping[str, Backbone],
    stride_sec: float,
    window_sec: float,
) -> torch.Tensor:
    """Starts (W,) of the sub-windows of clips in ``imu`` and ``pose``.

    Raises:
        ValueError: If the clips are shorter than a window, IMU and pose
            differ in length, or the stride is between two samples.
    """
    clip_sec = {
        name: inputs[name].shape[-1] / backbone.rate
        for name, backbone in backbones.items()
    }
    if abs(clip_sec['imu'] - clip_sec['pose']) > 1e-3:
        raise ValueError(
            f'The IMU of the clip lasts {clip_sec["imu"]:.3f} s, its pose '
            f'{clip_sec["pose"]:.3f} s; cut both to the same length.'
        )
    starts = stream_starts(clip_sec['imu'], window_sec, stride_sec)
    for name, backbone in backbones.items():
        step = stride_sec * backbone.rate
        if abs(step - round(step)) > 1e-6:
            raise ValueError(
                f'stream_stride_sec={stride_sec} is {step:g} samples of '
                f'{name}, not a whole number: IMU and pose would be cut at '
                'different times.'
            )
    return starts


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


def encode_windows(
    backbone: Backbone,
    channels: Channels,
    stream: torch.Tensor,
    mask: torch.Tensor,
    starts: torch.Tensor,
    stride_sec: float,
    num_tokens: int,
) -> LimbFeatures:
    """Encode the sub-windows of clips.

    The result is that of cutting the windows and encoding each. A
    :class:`StreamingBackbone` in evaluation convolves what they share once.

    Args:
        backbone: Encoder of one limb.
        channels: See :data:`Channels`.
        stream: (B, S, C, T), or whole skeletons (B, K, 2, T).
        mask: (B, S) or (B, S, T) boolean.
        starts: (W,) seconds, ``stride_sec`` apart.
        stride_sec: Seconds between the windows.
        num_tokens: Tokens of a window; the backbone's own, unless it takes
            windows of any length.

    Returns:
        Features of B * W windows, those of a clip side by side.
    """
    length = num_tokens * backbone.num_samples // backbone.num_tokens
    size = (backbone.rate, length)
    if is_streaming(backbone) and _shares_patches(
        backbone, stride_sec, num_tokens
    ):
        x = _window_patches(
            backbone, channels, stream, mask, starts, num_tokens
        )
        mask = _cut_mask(mask, starts, *size)
        return encode_limbs(backbone, x, mask, embedded=True)
    x = cut_stream(stream, starts, *size)
    return encode_limbs(backbone, *channels(x, _cut_mask(mask, starts, *size)))


def _cut_mask(
    mask: torch.Tensor, starts: torch.Tensor, rate: float, length: int
) -> torch.Tensor:
    if mask.ndim == 2:
        return mask.repeat_interleave(len(starts), dim=0)
    return cut_stream(mask, starts, rate, length)


def _shares_patches(
    backbone: StreamingBackbone, stride_sec: float, num_tokens: int
) -> bool:
    """Whether sub-windows can share the convolutions of their stream.

    They can if every sub-window starts with a patch of the first one, and
    no batch statistics or dropout tell the windows apart.
    """
    aligned = round(stride_sec * backbone.rate) % backbone.patch == 0
    inside = 2 * _edge_tokens(backbone) < num_tokens
    return aligned and inside and not backbone.training


def _reach(backbone: StreamingBackbone) -> int:
    """Samples that a border reaches: convolutions, and differences (1)."""
    return backbone.conv_reach + 1


def _edge_tokens(backbone: StreamingBackbone) -> int:
    """Tokens at either end of a window that its border reaches."""
    return -(-_reach(backbone) // backbone.patch)


def _window_patches(
    backbone: StreamingBackbone,
    channels: Channels,
    stream: torch.Tensor,
    mask: torch.Tensor,
    starts: torch.Tensor,
    num_tokens: int,
) -> torch.Tensor:
    """Embedded patches (B * W, S, N, D), convolving what windows share once.

    A window's first and last tokens, which see the zeros beyond its border,
    are computed from its own ends.
    """
    rate, length = backbone.rate, num_tokens * backbone.patch
    edge = _edge_tokens(backbone)
    margin = edge * backbone.patch

    def embed(
        part: torch.Tensor, part_mask: torch.Tensor, kept: slice
    ) -> torch.Tensor:
        x, _ = channels(part, part_mask)
        flat = backbone.conv(x.flatten(0, 1))[:, kept]
        return backbone.embed_patches(flat).unflatten(0, x.shape[:2])

    first, last = (round(float(t) * rate) for t in (starts[0], starts[-1]))
    span = slice(first, last + length)
    span_mask = mask if mask.ndim == 2 else mask[..., span]
    tokens = embed(stream[..., span], span_mask, slice(None))
    step = 1
    if len(starts) > 1:
        step = round(float(starts[1] - starts[0]) * rate) // backbone.patch
    # (B, S, W, D, N) to (B, W, S, N, D)
    windows = tokens.unfold(2, num_tokens, step)
    out = windows.permute(0, 2, 1, 4, 3).flatten(0, 1).contiguous()

    def end(late: int, kept: slice) -> torch.Tensor:
        at, size = starts + late / rate, margin + _reach(backbone)
        part_mask = _cut_mask(mask, at, rate, size)
        return embed(cut_stream(stream, at, rate, size), part_mask, kept)

    out[:, :, :edge] = end(0, slice(0, margin))
    late = length - margin - _reach(backbone)
    out[:, :, -edge:] = end(late, slice(-margin, None))
    return out
