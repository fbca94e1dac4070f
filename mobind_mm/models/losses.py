"""Loss arithmetic, nothing else: no weights, no temperature, no state.

Each function returns one loss per item, so that the mean can be taken over
the items of all chunks and processes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812

__all__ = [
    'info_nce',
    'label_nce',
    'lag_nce',
    'masked_mse',
    'multi_positive_nce',
    'token_info_nce',
]


def info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    num_pairs: int | None = None,
    own: torch.Tensor | None = None,
) -> torch.Tensor:
    """Both directions of InfoNCE with cosine similarities, for each pair.

    Args:
        a: (M, D) embeddings; the first ``num_pairs`` rows are paired with
            those of ``b``, any further rows are negatives only.
        b: (G, D) embeddings, likewise.
        scale: () inverse temperature.
        num_pairs: Number of pairs; all rows by default.
        own: (num_pairs,) boolean, the m pairs to compute; all by default.
            Memory grows with m times M + G.

    Returns:
        (m,) losses, each the mean of the two directions.

    Source: MoBind, global and local contrastive terms.
    """
    num_pairs = len(a) if num_pairs is None else num_pairs
    rows = torch.arange(num_pairs, device=a.device)
    rows = rows if own is None else rows[own]
    a, b = scale * F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    total = scale.new_zeros(())
    for query, key in ((a, b), (b, a)):
        logits = query[rows] @ key.T
        total = total + F.cross_entropy(logits, rows, reduction='none')
    return total / 2


def label_nce(
    rows: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    own: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rows of one label against all others, by cosine similarity.

    Args:
        rows: (M, D) embeddings.
        labels: (M,) whole numbers.
        temperature: Divides the similarities.
        own: (M,) boolean, the rows that ask; all by default.

    Returns:
        (m,) losses, each the mean over the other rows of its label; rows
        whose label is nobody else's are left out.

    Source: Khosla et al., Supervised contrastive learning (NeurIPS 2020).
    """
    rows = F.normalize(rows, dim=-1)
    asked = torch.arange(len(rows), device=rows.device)
    asked = asked if own is None else asked[own]
    same = labels[asked, None] == labels
    same[torch.arange(len(asked)), asked] = False
    asked, same = asked[same.any(dim=1)], same[same.any(dim=1)]
    logits = rows[asked] @ rows.T / temperature
    itself = torch.zeros_like(same).scatter_(1, asked[:, None], True)
    logits = logits.masked_fill(itself, torch.finfo(logits.dtype).min)
    nearer = logits.log_softmax(dim=1).masked_fill(~same, 0).sum(dim=1)
    return -nearer / same.sum(dim=1)


def token_info_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    scale: torch.Tensor,
    mask: torch.Tensor | None = None,
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """Token n of ``a`` against token n of ``b``, within each sample.

    The negatives of a token are the other tokens of the *same* sample, so
    the loss teaches time, not identity.

    Args:
        a: (M, N, D) tokens.
        b: (M, N, D) tokens.
        scale: () inverse temperature.
        mask: (M, N) boolean, the n tokens that count on both sides; all by
            default.
        shift: (M,) whole numbers: token n of ``a`` belongs to token
            n + shift of ``b``. The mask then is that of ``b``.

    Returns:
        (n,) losses, each the mean of the two directions.

    Source: MoBind, token-level contrastive term.
    """
    if mask is None:
        mask = a.new_ones(a.shape[:2], dtype=torch.bool)
    logits = scale * F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).mT
    # A finite fill keeps rows without any counted token free of NaN.
    least = torch.finfo(logits.dtype).min
    if shift is not None:
        return _shifted_info_nce(logits, mask, shift, least)
    target = torch.arange(a.shape[1], device=a.device).expand_as(mask)[mask]
    total = scale.new_zeros(())
    for direction in (logits, logits.mT):
        rows = direction.masked_fill(~mask[:, None, :], least)[mask]
        total = total + F.cross_entropy(rows, target, reduction='none')
    return total / 2


def _shifted_info_nce(
    logits: torch.Tensor, mask: torch.Tensor, shift: torch.Tensor, least: float
) -> torch.Tensor:
    """:func:`token_info_nce` of logits (M, N, N) whose diagonal is moved."""
    count = logits.shape[1]
    target = torch.arange(count, device=logits.device) + shift[:, None]
    inside = (target >= 0) & (target < count)
    target = target.clamp(0, count - 1)
    row, token = (inside & mask.gather(1, target)).nonzero(as_tuple=True)
    other = target[row, token]
    there = logits[row, token].masked_fill(~mask[row], least)
    back = logits[row, :, other]
    losses = (
        F.cross_entropy(x, y, reduction='none')
        for x, y in ((there, other), (back, token))
    )
    return sum(losses, logits.new_zeros(())) / 2


_LEAST_PAIRS = 3
"""Lags with fewer pairs of tokens do not compete."""


def lag_nce(
    a: torch.Tensor,
    b: torch.Tensor,
    mask: torch.Tensor | None = None,
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """The lag at which two rows of tokens belong together, among all lags.

    The evidence for a lag is that of the learned synchroniser: cosines,
    standardised over all pairs of tokens of the sample; n of them with mean
    z > 0 support their lag with n z^2 / 2, of which a half is counted.

    Args:
        a: (M, N, D) tokens.
        b: (M, N, D) tokens.
        mask: (M, N) boolean, the tokens of ``b`` that count; all by default.
        shift: (M,) whole numbers: token n of ``a`` belongs to token
            n + shift of ``b``; zeros by default.

    Returns:
        (m,) losses of the samples whose lag has enough pairs.
    """
    size = a.shape[1]
    if mask is None:
        mask = a.new_ones(a.shape[:2], dtype=torch.bool)
    if shift is None:
        shift = mask.new_zeros(len(a), dtype=torch.long)
    target = shift + size - 1
    pairs = mask[:, None].expand(-1, size, -1).to(a.dtype)
    count = _diagonal_sums(pairs)
    enough = count.gather(1, target[:, None])[:, 0] >= _LEAST_PAIRS
    cosine = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).mT * pairs
    number = pairs.sum(dim=(1, 2)).clamp(min=1)
    mean = cosine.sum(dim=(1, 2)) / number
    square = cosine.square().sum(dim=(1, 2)) / number
    spread = (square - mean**2).clamp(min=1e-4).sqrt()
    total = _diagonal_sums(cosine) - mean[:, None] * count
    z = (total / spread[:, None]).clamp(min=0)
    logits = z.square() / (4 * count.clamp(min=1))
    logits = logits.masked_fill(count < _LEAST_PAIRS, torch.finfo(a.dtype).min)
    return F.cross_entropy(logits[enough], target[enough], reduction='none')


def _diagonal_sums(x: torch.Tensor) -> torch.Tensor:
    """Sums (M, 2 N - 1) of the diagonals of (M, N, N), lowest first."""
    size = x.shape[1]
    # Rows from the last to the first, each moved one step farther right.
    wide = F.pad(x.flip(1), (0, size)).flatten(1)[:, :-size]
    return wide.view(len(x), size, 2 * size - 1).sum(dim=1)


def multi_positive_nce(
    local: torch.Tensor,
    clip: torch.Tensor,
    scale: torch.Tensor,
    mask: torch.Tensor | None = None,
    own: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every sensor of a clip is a positive of that clip's embedding.

    Clip to sensor: ``-(logsumexp over the S positives - log S - logsumexp
    over all B * S)``. Sensor to clip: cross-entropy of each sensor against
    the B clips.

    Args:
        local: (B, S, D) sensor embeddings.
        clip: (B, D) clip embeddings; detach them before the call.
        scale: () inverse temperature.
        mask: (B, S) boolean, sensors that are present. S counts those.
        own: (B,) boolean, clips whose losses are computed; all by default.

    Returns:
        Losses of the own clips that have a sensor (b,), and of the own
        sensors (s,); the loss of the batch is the mean of the two means.

    Source: MoBind, released code, stage 2.
    """
    B, S = local.shape[:2]  # noqa: N806
    if mask is None:
        mask = local.new_ones(B, S, dtype=torch.bool)
    rows = mask.any(dim=1)
    rows = (rows if own is None else rows & own).nonzero()[:, 0]
    clip = scale * F.normalize(clip, dim=-1)
    local = F.normalize(local, dim=-1)

    logits = torch.einsum('bd,csd->bcs', clip[rows], local)
    logits = logits.masked_fill(~mask, -math.inf)
    every = logits.flatten(1).logsumexp(dim=1)
    each = torch.arange(len(rows), device=rows.device)
    positive = logits[each, rows].logsumexp(dim=1)
    count = mask[rows].sum(dim=1).to(positive.dtype)
    to_sensor = every - (positive - count.log())

    owner = rows[:, None].expand(-1, S)[mask[rows]]
    logits = local[rows][mask[rows]] @ clip.T
    return to_sensor, F.cross_entropy(logits, owner, reduction='none')


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
