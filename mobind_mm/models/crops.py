"""Random parts of the windows of both modalities, for training."""

from __future__ import annotations

import torch

Tensors = dict[str, torch.Tensor]

_MOST_SHIFT = 0.6
"""Largest shift of the modalities, as a fraction of the crop."""


class RandomCrops:
    """Cut windows at random, and the two modalities at different times.

    Token n of the IMU then belongs to token n + shift of the pose, so a
    model cannot pair tokens by their position in the window. All windows of
    a batch become equally long: the model learns to serve any length.

    Args:
        num_tokens: Tokens N of the longest window.
        min_tokens: Fewest tokens of a crop.
        full_prob: Probability that a batch keeps its windows whole.
        shift_prob: Probability, for each window of the other batches, that
            its two modalities start at different times. Such a window
            counts in the token term alone.

    Raises:
        ValueError: If ``min_tokens`` is not between 1 and ``num_tokens``.
    """

    def __init__(
        self,
        num_tokens: int,
        min_tokens: int = 5,
        full_prob: float = 0.4,
        shift_prob: float = 0.5,
    ) -> None:
        if not 1 <= min_tokens <= num_tokens:
            raise ValueError(
                f'min_tokens={min_tokens} of random_crops must be between 1 '
                f'and the {num_tokens} tokens of a window.'
            )
        self.num_tokens, self.min_tokens = num_tokens, min_tokens
        self.full_prob, self.shift_prob = full_prob, shift_prob

    def __call__(self, inputs: Tensors, patches: dict[str, int]) -> Tensors:
        """Crop a batch.

        Args:
            inputs: ``imu`` (B, S, C, T), ``pose`` (B, S, C, T) and their
                masks.
            patches: Samples of a token by modality.

        Returns:
            The same, cropped, with ``token_shift`` (B,) and ``aligned``
            (B,), whether it is 0.
        """
        count, device = len(inputs['imu']), inputs['imu'].device
        zeros = torch.zeros(count, dtype=torch.long, device=device)
        aligned = torch.ones(count, dtype=torch.bool, device=device)
        if float(torch.rand(())) < self.full_prob:
            return {**inputs, 'token_shift': zeros, 'aligned': aligned}
        most = inputs['imu'].shape[-1] // patches['imu']
        least = min(self.min_tokens, most)
        length = int(torch.randint(least, most + 1, ()))
        room = most - length
        first = torch.randint(0, room + 1, (count,)).to(device)
        other = torch.randint(0, room + 1, (count,)).to(device)
        far = int(_MOST_SHIFT * length)
        other = torch.minimum(torch.maximum(other, first - far), first + far)
        moved = torch.rand(count).to(device) < self.shift_prob
        other = torch.where(moved, other, first)
        out = {**inputs, 'token_shift': first - other}
        out['aligned'] = out['token_shift'] == 0
        for name, start in (('imu', first), ('pose', other)):
            samples = patches[name] * length
            at = start * patches[name]
            for key in (name, f'{name}_mask'):
                if key in out and out[key].ndim > 2:
                    out[key] = _cut(out[key], at, samples)
        return out


def _cut(x: torch.Tensor, start: torch.Tensor, length: int) -> torch.Tensor:
    """Parts (B, ..., length) of (B, ..., T) that start at ``start`` (B,)."""
    at = start[:, None] + torch.arange(length, device=x.device)
    shape = (len(x), *[1] * (x.ndim - 2), length)
    return x.gather(-1, at.view(shape).expand(*x.shape[:-1], length))
