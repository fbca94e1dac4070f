"""Classify by each modality, and by what they say together."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.heads import BaseHead
from torch import nn

from ...registry import MODELS
from ..classifiers.fusion import mean_of_present

STREAMS = ('imu', 'pose')


@MODELS.register_module()
class TwoStreamHead(BaseHead):
    """Mean of the scores of the modalities that a clip has.

    Each modality scores the classes by itself. Both the mean and each
    modality are trained, so that neither lives on the other's work, and a
    clip with one of them missing is an ordinary one: its scores are exactly
    those of the other modality.

    Args:
        num_classes: Number of classes.
        in_channels: Width D of both modalities' vectors.
        dropout: Dropout of those vectors.
        stream_weight: Weight of the loss of each modality beside that of
            their mean.
        average_clips: How ``BaseHead`` averages clips of a video.
        **kwargs: ``loss_cls``, ``label_smooth_eps``, ``topk`` and the
            others of MMAction2's ``BaseHead``.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        dropout: float = 0.0,
        stream_weight: float = 1.0,
        average_clips: str | None = 'prob',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes, in_channels, average_clips=average_clips, **kwargs
        )
        self.stream_weight = stream_weight
        self.dropout = nn.Dropout(dropout)
        self.fcs = nn.ModuleDict(
            {name: nn.Linear(in_channels, num_classes) for name in STREAMS}
        )

    def score(
        self, feats: dict[str, tuple[torch.Tensor, torch.Tensor]]
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Scores (N, classes) of each modality, and which clips have it."""
        return {
            name: (self.fcs[name](self.dropout(value)), present)
            for name, (value, present) in feats.items()
        }

    def forward(
        self, feats: dict[str, tuple[torch.Tensor, torch.Tensor]], **kwargs
    ) -> torch.Tensor:
        """Mean scores (N, classes) of what :class:`TwoStreamBackbone` gives.

        Zero for a clip with nothing.
        """
        return mean_of_present(self.score(feats))

    def loss(
        self,
        feats: dict[str, tuple[torch.Tensor, torch.Tensor]],
        data_samples: list,
        **kwargs: Any,
    ) -> dict[str, torch.Tensor]:
        """Losses of the mean (and its top-k accuracy) and of each modality.

        A modality is trained on the clips that have it.
        """
        scores = self.score(feats)
        losses = self.loss_by_feat(mean_of_present(scores), data_samples)
        for name, (logits, present) in scores.items():
            kept = [s for s, there in zip(data_samples, present) if there]
            if kept:
                loss = self.loss_by_feat(logits[present], kept)['loss_cls']
            else:
                loss = logits.sum() * 0.0
            losses[f'loss_{name}'] = self.stream_weight * loss
        return losses
