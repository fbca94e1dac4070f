"""MoBind's action recogniser as parts of MMAction2's.

Needs MMAction2, which the rest of the package does not. A config of
MMAction2 names it once::

    custom_imports = dict(imports=['mobind_mm.models.recognizers'])

and then builds ``mobind_mm.PoseLimbBackbone`` and the others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import nn

from ..registry import MODELS
from ..utils.checkpoint import check_state_dict, read_checkpoint
from ..utils.compat import require_mmaction
from .action import LimbTokenPool, Scores, describe_clips, mean_of_present
from .limb_model import MODALITIES, build_part

require_mmaction()

from mmaction.models.heads import BaseHead  # noqa: E402

__all__ = [
    'IMULimbBackbone',
    'LimbBackbone',
    'PoseLimbBackbone',
    'TwoStreamBackbone',
    'TwoStreamHead',
]


class LimbBackbone(BaseModule):
    """Limbs of a clip in MMAction2's skeleton form, to one vector.

    Takes (N, M, T, V, C) as MMAction2's GCNs do and returns (N, 1, D, 1, 1)
    for its ``GCNHead``. The last channel of the input is a mask: 0 is missing,
    and has no influence. Limbs become tokens, tokens the vector of a person,
    and the clip is the mean over the people who are there, zero without any.

    The encoder starts from a MoBind checkpoint with
    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)`` in its
    own config, where the prefix is ``imu_backbone.`` or ``pose_backbone.``.

    Args:
        tokenizer: Config of the limb channels.
        encoder: Config of the encoder, :class:`ConvFormer`.
        limbs: S placement names. They, ``rate`` and ``window_sec`` are
            passed to tokenizer and encoder if their configs omit them.
        out_dims: Width D of the result.
        frozen: Keep the encoder as it was loaded, batch statistics and
            dropout included; the pool is trained.
        rate: Samples per second of the modality.
        window_sec: Length of a window in seconds.
        init_cfg: MMEngine initialisation config.

    Types in the two configs are of this package unless they name a scope.

    Raises:
        ValueError: If the config of a part contradicts that of the
            backbone; by :meth:`init_weights`, if the checkpoint does not
            fill the encoder.
    """

    def __init__(
        self,
        tokenizer: dict,
        encoder: dict,
        limbs: Sequence[str],
        out_dims: int = 256,
        frozen: bool = False,
        rate: float | None = None,
        window_sec: float | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        facts = {'limbs': limbs, 'rate': rate, 'window_sec': window_sec}
        ours = {'_scope_': 'mobind_mm'}
        tokenizer, encoder = {**ours, **tokenizer}, {**ours, **encoder}
        self.tokenizer = build_part('tokenizer', tokenizer, facts)
        channels = {'in_channels': self.tokenizer.out_channels}
        self.encoder = build_part('encoder', encoder, facts, channels)
        self.pool = LimbTokenPool(
            len(limbs), self.encoder.embed_dims, out_dims
        )
        self.frozen = frozen
        if frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> LimbBackbone:
        """Change the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def init_weights(self) -> None:
        """Check a checkpoint before MMEngine loads what fits of it."""
        cfg = self.encoder.init_cfg
        if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained':
            self._check_pretrained(cfg['checkpoint'], cfg.get('prefix') or '')
        super().init_weights()

    def _check_pretrained(self, source: str, prefix: str) -> None:
        checkpoint = read_checkpoint(source)
        state_dict = checkpoint.get('state_dict', checkpoint)
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        part = {
            name.removeprefix(prefix): value
            for name, value in state_dict.items()
            if name.startswith(prefix)
        }
        if not part:
            parts = sorted({name.split('.')[0] for name in state_dict})
            raise ValueError(
                f'The checkpoint {source} has nothing under prefix='
                f'{prefix!r}; it has {parts}. Of a MoBind checkpoint the '
                "prefixes are 'imu_backbone.' and 'pose_backbone.'."
            )
        check_state_dict(self.encoder, part, f'{source}, prefix {prefix!r},')

    @abstractmethod
    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T, V, C) to channels (B, S, C, T) and a mask (B, S, T)."""

    def embed(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Describe each clip.

        Args:
            x: (N, M, T, V, C).

        Returns:
            (N, D), and whether there is anybody, (N,) boolean.
        """
        limbs, mask = self.split(x.flatten(0, 1))
        people, there = describe_clips(self.encoder, self.pool, limbs, mask)
        there = there.unflatten(0, x.shape[:2])
        people = people.unflatten(0, x.shape[:2])
        # The vector of an absent person is zero.
        clip = people.sum(dim=1) / there.sum(dim=1).clamp(min=1)[:, None]
        return clip, there.any(dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, M, T, V, C) to (N, 1, D, 1, 1), which ``GCNHead`` takes."""
        clip, _ = self.embed(x)
        return clip[:, None, :, None, None]


@MODELS.register_module()
class IMULimbBackbone(LimbBackbone):
    """Encode IMUs as if they were the joints of a skeleton.

    Takes what ``IMUToMMAction`` makes: V = S sensors, each with its channels
    and, last, 1 where the sensor is there and 0 where it is not.

    The tokenizer is an :class:`IMUTokenizer`.
    """

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sensor channels and samples.

        Args:
            x: (B, T, S, C_imu + 1).

        Returns:
            (B, S, C, T) and (B, S, T) boolean.
        """
        mask = (x[..., -1] > 0).transpose(1, 2)
        imu = x[..., :-1].permute(0, 2, 3, 1)
        imu = imu.masked_fill(~mask[:, :, None], 0.0)
        return self.tokenizer(imu, mask.any(dim=2)), mask


@MODELS.register_module()
class PoseLimbBackbone(LimbBackbone):
    """Encode skeletons limb by limb.

    Takes what ``FormatGCNInput`` makes, V keypoints of x, y and score. A
    keypoint with score 0 is missing; without scores one at exactly (0, 0)
    is, which is how MMAction2 pads. A frame of a limb counts where its three
    keypoints are there.

    The tokenizer is a :class:`LimbTokenizer`, whose ``layout`` names the V
    keypoints.
    """

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Limb channels and frames.

        Args:
            x: (B, T, V, 3) x, y, score, or (B, T, V, 2).

        Returns:
            (B, S, C, T) and (B, S, T) boolean.

        Raises:
            ValueError: For another number of channels or keypoints.
        """
        if x.shape[3] not in (2, 3):
            raise ValueError(
                f'PoseLimbBackbone takes x, y and score of each keypoint, '
                f'got {x.shape[3]} channels; use joints of 2D skeletons.'
            )
        keypoints = x[..., :2]
        limbs = self.tokenizer.split(keypoints.permute(0, 2, 3, 1))
        if x.shape[3] == 3:
            known = x[..., 2] > 0
        else:
            known = (keypoints != 0).any(dim=3)
        mask = known[:, :, self.tokenizer.indices].all(dim=3).transpose(1, 2)
        return self.tokenizer(limbs, mask), mask


@MODELS.register_module()
class TwoStreamBackbone(BaseModule):
    """One backbone for each modality, for MMAction2's ``MMRecognizer3D``.

    Its arguments are the names under which ``PackActionInputs`` collects
    the inputs and ``MultiModalDataPreprocessor`` prepares them. A modality
    may be missing in a clip (all its scores are 0) or altogether (it is not
    collected).

    Args:
        imu: Config of the backbone of ``imu``, :class:`IMULimbBackbone`.
        pose: Config of that of ``keypoint``, :class:`PoseLimbBackbone`.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self, imu: dict, pose: dict, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.imu = MODELS.build({'_scope_': 'mobind_mm', **imu})
        self.pose = MODELS.build({'_scope_': 'mobind_mm', **pose})

    def forward(
        self,
        imu: torch.Tensor | None = None,
        keypoint: torch.Tensor | None = None,
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Describe the clips by each modality that is given.

        Args:
            imu: (N, M, T_imu, S, C_imu + 1).
            keypoint: (N, M, T_pose, V, 3).

        Returns:
            ``imu`` and ``pose``: vectors (N, D), and which clips have the
            modality, (N,) boolean.

        Raises:
            ValueError: If neither is given.
        """
        features = {}
        if imu is not None:
            features['imu'] = self.imu.embed(imu)
        if keypoint is not None:
            features['pose'] = self.pose.embed(keypoint)
        if not features:
            raise ValueError(
                "TwoStreamBackbone got neither 'imu' nor 'keypoint'; name "
                'one or both in collect_keys of PackActionInputs.'
            )
        return features


@MODELS.register_module()
class TwoStreamHead(BaseHead):
    """Mean of the scores of the modalities that a clip has.

    Each modality scores the classes by itself. Both the mean and each
    modality are trained, so that each learns to score on its own. A clip
    without one of them has exactly the scores of the other.

    Args:
        num_classes: Number of classes.
        in_channels: Width D of both modalities' vectors.
        dropout: Dropout of those vectors.
        average_clips: How ``BaseHead`` averages clips of a video.
        **kwargs: ``loss_cls``, ``label_smooth_eps``, ``topk`` and the
            others of MMAction2's ``BaseHead``.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        dropout: float = 0.0,
        average_clips: str | None = 'prob',
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_classes, in_channels, average_clips=average_clips, **kwargs
        )
        self.dropout = nn.Dropout(dropout)
        self.fcs = nn.ModuleDict(
            {name: nn.Linear(in_channels, num_classes) for name in MODALITIES}
        )

    def score(self, feats: Scores) -> Scores:
        """Scores (N, classes) of each modality, and which clips have it."""
        return {
            name: (self.fcs[name](self.dropout(value)), present)
            for name, (value, present) in feats.items()
        }

    def forward(self, feats: Scores, **kwargs: Any) -> torch.Tensor:
        """Mean scores (N, classes) of what :class:`TwoStreamBackbone` gives.

        Zero for a clip with nothing.
        """
        return mean_of_present(self.score(feats))

    def loss(
        self, feats: Scores, data_samples: list, **kwargs: Any
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
            losses[f'loss_{name}'] = loss
        return losses
