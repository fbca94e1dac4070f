"""Mean squared error over chosen tokens."""

import torch
import torch.nn.functional as F  # noqa: N812


def masked_mse(
    prediction: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Mean squared error over the tokens of a mask.

    Args:
        prediction: (M, N, D) predicted tokens.
        target: (M, N, D) true tokens; detach them before the call.
        mask: (M, N) boolean, tokens that count.

    Returns:
        () loss; 0 (with a gradient path) when no token counts.

    Source: MoBind, masked token prediction.
    """
    if not mask.any():
        return prediction.sum() * 0.0
    return F.mse_loss(prediction[mask], target[mask])
