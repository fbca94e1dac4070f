"""Finite differences along time, borders held."""

import torch


def _held(x: torch.Tensor) -> torch.Tensor:
    """Repeat the first and the last sample: (..., T) to (..., T + 2)."""
    return torch.cat([x[..., :1], x, x[..., -1:]], dim=-1)


def central_difference(x: torch.Tensor, rate: float) -> torch.Tensor:
    """First derivative per second of (..., T), same shape."""
    x = _held(x)
    return (x[..., 2:] - x[..., :-2]) * (rate / 2)


def second_difference(x: torch.Tensor, rate: float) -> torch.Tensor:
    """Second derivative per second squared of (..., T), same shape."""
    x = _held(x)
    return (x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2]) * rate**2
