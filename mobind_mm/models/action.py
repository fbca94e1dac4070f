"""Action recognition on MoBind's encoders: pools, scores, the classifier.

The network stands here once. :class:`MoBindClassifier` is it as a model of
this package; :mod:`mobind_mm.models.recognizers` has it as parts for
MMAction2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import nn
from torch.nn import functional as F  # noqa: N812

from ..registry import MODELS
from ..structures import MoBindDataSample
from ..utils.dist import global_mean
from .backbones import Backbone
from .limb_model import MODALITIES, LimbModel, encode_limbs

Scores = dict[str, tuple[torch.Tensor, torch.Tensor]]
"""Logits (B, classes) and presence (B,) of each modality."""


@MODELS.register_module()
class LimbTokenPool(BaseModule):
    """Pool tokens to limbs, and limbs to a clip, by mask.

    A limb is described by its local feature and by the mean and maximum of
    its valid tokens. Each limb has a linear map of its own, because an arm
    and a leg that move alike are not the same action; the clip is the mean
    over the limbs that are present. What is masked has no influence.

    Args:
        num_limbs: Limbs S.
        embed_dims: Width D of tokens and local features.
        out_dims: Width of the clip's vector.
        init_cfg: MMEngine initialisation config.
    """

    def __init__(
        self,
        num_limbs: int,
        embed_dims: int,
        out_dims: int,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_limbs = num_limbs
        width = 3 * embed_dims
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Parameter(
            torch.randn(num_limbs, width, out_dims) * width**-0.5
        )
        self.bias = nn.Parameter(torch.zeros(num_limbs, out_dims))

    def forward(
        self,
        tokens: torch.Tensor,
        local: torch.Tensor,
        limb_mask: torch.Tensor,
        token_mask: torch.Tensor,
    ) -> torch.Tensor:
        """Pool.

        Args:
            tokens: (B, S, N, D).
            local: (B, S, D) local features.
            limb_mask: (B, S) boolean, limbs that are present.
            token_mask: (B, S, N) boolean, tokens that are valid.

        Returns:
            (B, out_dims), zero for a clip without any limb.

        Raises:
            ValueError: If S is not ``num_limbs``.
        """
        if tokens.shape[1] != self.num_limbs:
            raise ValueError(
                f'LimbTokenPool was built for {self.num_limbs} limbs, got '
                f'{tokens.shape[1]}; set limbs to the placements of '
                'PackIMUPose.'
            )
        valid = (token_mask & limb_mask[..., None])[..., None]
        count = valid.sum(dim=2).clamp(min=1)
        mean = tokens.masked_fill(~valid, 0.0).sum(dim=2) / count
        least = torch.finfo(tokens.dtype).min
        largest = tokens.masked_fill(~valid, least).amax(dim=2)
        limbs = torch.cat([local, mean, largest], dim=2)
        limbs = limbs.masked_fill(~limb_mask[..., None], 0.0)
        limbs = torch.einsum('bsd,sde->bse', self.norm(limbs), self.weight)
        limbs = (limbs + self.bias).masked_fill(~limb_mask[..., None], 0.0)
        present = limb_mask.sum(dim=1, keepdim=True).clamp(min=1)
        return limbs.sum(dim=1) / present


def describe_clips(
    encoder: Backbone, pool: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One vector per clip from one modality, before the linear classifier.

    Args:
        encoder: Encoder of one limb.
        pool: :class:`LimbTokenPool` of its tokens.
        x: (B, S, C, T) channels of the limbs.
        mask: (B, S) boolean, or (B, S, T) boolean, what is there.

    Returns:
        (B, out_dims), zero for a clip without any limb, and whether a clip
        has one (B,).
    """
    limbs = encode_limbs(encoder, x, mask)
    return F.gelu(pool(*limbs)), limbs.present.any(dim=1)


def mean_of_present(
    scores: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Mean (B, classes) over the modalities that a clip has; zero for none.

    ``scores`` are logits (B, classes) and presence (B,) of each modality.
    """
    logits = torch.stack([value for value, _ in scores.values()])
    present = torch.stack([mask for _, mask in scores.values()])[..., None]
    total = logits.masked_fill(~present, 0.0).sum(dim=0)
    return total / present.sum(dim=0).clamp(min=1)


@MODELS.register_module()
class MoBindClassifier(LimbModel):
    """Name the action of a window.

    Tokenizers and backbones are named as in :class:`MoBind`, so a checkpoint
    of it starts them (``--load-from``). Each modality in use scores the
    classes by itself, from its pooled limbs; the scores of a clip are the
    mean over the modalities that it has. Both the mean and each modality
    are trained, so that each modality learns to score on its own, and a clip
    without one of them needs no special case.

    Args:
        num_classes: Number of actions.
        limbs: S placement names, the placements in ``PackIMUPose``.
        imu_backbone: Config of the encoder of one limb's IMU; pose alone
            is used if omitted.
        pose_backbone: Config of the encoder of one limb's trajectory; IMU
            alone is used if omitted.
        imu_tokenizer: Config of the IMU channels; raw streams if omitted.
        pose_tokenizer: Config of the limb channels; the trajectories as
            packed if omitted.
        hidden_dims: Width of a clip's vector, before a GELU and the linear
            classifier.
        dropout: Dropout of that vector.
        label_smoothing: Share of the target that is spread evenly.
        frozen: Train pools and classifiers only; the backbones stay as
            loaded, batch statistics and dropout included.
        **shared: ``imu_rate``, ``pose_rate``, ``window_sec``,
            ``data_preprocessor`` and ``init_cfg`` of :class:`LimbModel`.

    Raises:
        ValueError: If there is no backbone, a number is out of range, or a
            part's config contradicts the model's.

    >>> import torch
    >>> from mobind_mm.models import MoBindClassifier
    >>> model = MoBindClassifier(
    ...     num_classes=4, limbs=('left_wrist', 'head'), imu_rate=50,
    ...     imu_backbone=dict(
    ...         type='ConvFormer', in_channels=6, num_layers=1
    ...     ),
    ... ).eval()
    >>> model(dict(imu=torch.randn(3, 2, 6, 250))).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        num_classes: int,
        limbs: Sequence[str],
        imu_backbone: dict | None = None,
        pose_backbone: dict | None = None,
        imu_tokenizer: dict | None = None,
        pose_tokenizer: dict | None = None,
        hidden_dims: int = 256,
        dropout: float = 0.5,
        label_smoothing: float = 0.1,
        frozen: bool = False,
        **shared: Any,
    ) -> None:
        super().__init__(
            imu_backbone,
            pose_backbone,
            imu_tokenizer,
            pose_tokenizer,
            limbs,
            **shared,
        )
        if imu_backbone is None and pose_backbone is None:
            raise ValueError(
                'Give imu_backbone, pose_backbone, or both: without either '
                'there is nothing to recognise actions from.'
            )
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f'label_smoothing must be in [0, 1), got {label_smoothing}.'
            )
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.modalities = tuple(
            m for m in MODALITIES if getattr(self, f'{m}_backbone') is not None
        )
        self.pools, self.classifiers = nn.ModuleDict(), nn.ModuleDict()
        for name in self.modalities:
            backbone = getattr(self, f'{name}_backbone')
            self.pools[name] = LimbTokenPool(
                len(limbs), backbone.embed_dims, hidden_dims
            )
            # The GELU is in the clip's vector; its place stays, because
            # parameter names count positions.
            self.classifiers[name] = nn.Sequential(
                nn.Identity(),
                nn.Dropout(dropout),
                nn.Linear(hidden_dims, num_classes),
            )
        self.frozen = frozen
        if frozen:
            for name in self.modalities:
                getattr(self, f'{name}_backbone').requires_grad_(False)

    def train(self, mode: bool = True) -> MoBindClassifier:
        """Change the mode; frozen backbones stay in evaluation mode."""
        super().train(mode)
        if self.frozen:
            for name in self.modalities:
                getattr(self, f'{name}_backbone').eval()
        return self

    def features(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean logits (B, classes) of the modalities that a clip has."""
        return mean_of_present(self.score(inputs))

    def score(self, inputs: dict[str, torch.Tensor]) -> Scores:
        """Logits (B, classes) and presence (B,) of each modality."""
        result = {}
        inputs = self.prepare(inputs)
        for name in self.modalities:
            mask = inputs.get(f'{name}_mask')
            x, mask = self.channels(name, inputs[name], mask)
            backbone = getattr(self, f'{name}_backbone')
            vector, present = describe_clips(
                backbone, self.pools[name], x, mask
            )
            result[name] = self.classifiers[name](vector), present
        return result

    def loss(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Cross-entropy of the mean scores and of each modality.

        Windows without a label do not count.

        Raises:
            ValueError: If a label is not below ``num_classes``.
        """
        scores = self.score(inputs)
        logits = mean_of_present(scores)
        target = torch.tensor(
            [sample.action for sample in data_samples or ()],
            device=logits.device,
        )
        if target.max() >= self.num_classes:
            raise ValueError(
                f'A window has the label {int(target.max())}, but the model '
                f'num_classes={self.num_classes}.'
            )
        losses = {'loss_action': self._cross_entropy(logits, target)}
        if len(scores) > 1:
            for name, (logits, present) in scores.items():
                losses[f'loss_{name}'] = self._cross_entropy(
                    logits, target.masked_fill(~present, -1)
                )
        return losses

    def predict(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
    ) -> list[MoBindDataSample]:
        """Set ``pred_scores`` (classes,) and ``pred_label`` of each."""
        scores = self.features(inputs).softmax(dim=1)
        if data_samples is None:
            data_samples = [MoBindDataSample() for _ in scores]
        for sample, row in zip(data_samples, scores):
            sample.pred_scores = row
            sample.pred_label = row.argmax()
        return data_samples

    def _cross_entropy(
        self, logits: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        """Mean over the labelled windows of all processes."""
        labelled = target >= 0
        losses = F.cross_entropy(
            logits[labelled],
            target[labelled],
            reduction='none',
            label_smoothing=self.label_smoothing,
        )
        return global_mean(losses)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        """Refuse weights that hold nothing for a backbone in use.

        MMEngine loads whatever fits and only logs the rest.
        """
        for name in self.modalities:
            part = f'{prefix}{name}_backbone.'
            if not any(key.startswith(part) for key in state_dict):
                raise ValueError(
                    f'The weights have no {part}*, which this classifier '
                    f'uses. Load a checkpoint of MoBind trained on {name}, or '
                    f'leave {name}_backbone out.'
                )
        super()._load_from_state_dict(state_dict, prefix, *args)
