"""Squared error of chosen tokens."""

import torch
import torch.nn.functional as F  # noqa: N812


def masked_mse(
    prediction: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Mean squared error of each token of a mask.

    Args:
        prediction: (M, N, D) predicted tokens.
        target: (M, N, D) true tokens; detach them before the call.
        mask: (M, N) boolean, the n tokens that count.

    Returns:
        (n,) losses.

    Source: MoBind, masked token prediction.
    """
    error = F.mse_loss(prediction[mask], target[mask], reduction='none')
    return error.mean(dim=-1)
