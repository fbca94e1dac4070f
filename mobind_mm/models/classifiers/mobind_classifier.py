"""Action recognition from IMU, pose, or both, on MoBind's encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F  # noqa: N812

from ...registry import MODELS
from ...structures import MoBindDataSample
from ...utils.dist import global_mean
from ..limb_encoding import build_optional, encode_limbs
from .fusion import mean_of_present

MODALITIES = ('imu', 'pose')


@MODELS.register_module()
class MoBindClassifier(BaseModel):
    """Name the action of a window.

    Tokenizers and backbones are named as in :class:`MoBind`, so a checkpoint
    of it starts them (``--load-from``). Each modality in use scores the
    classes by itself, from its pooled limbs; the scores of a clip are the
    mean over the modalities that it has. Both the mean and each modality
    are trained, so that neither lives on the other's work, and a clip with
    one of them missing is an ordinary one.

    Args:
        num_classes: Number of actions.
        num_limbs: Limbs S, the placements in ``PackIMUPose``.
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
        data_preprocessor: Config of the preprocessor.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If there is no backbone, or a number is out of range.
    """

    def __init__(
        self,
        num_classes: int,
        num_limbs: int,
        imu_backbone: dict | None = None,
        pose_backbone: dict | None = None,
        imu_tokenizer: dict | None = None,
        pose_tokenizer: dict | None = None,
        hidden_dims: int = 256,
        dropout: float = 0.5,
        label_smoothing: float = 0.1,
        frozen: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = {'type': 'MoBindDataPreprocessor'}
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
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
        self.imu_tokenizer = build_optional(imu_backbone and imu_tokenizer)
        self.pose_tokenizer = build_optional(pose_backbone and pose_tokenizer)
        self.imu_backbone = build_optional(imu_backbone)
        self.pose_backbone = build_optional(pose_backbone)
        self.modalities = tuple(
            m for m in MODALITIES if getattr(self, f'{m}_backbone') is not None
        )
        self.pools, self.classifiers = nn.ModuleDict(), nn.ModuleDict()
        for name in self.modalities:
            self.pools[name] = MODELS.build(
                dict(
                    type='LimbTokenPool',
                    num_limbs=num_limbs,
                    embed_dims=getattr(self, f'{name}_backbone').embed_dims,
                    out_dims=hidden_dims,
                )
            )
            self.classifiers[name] = nn.Sequential(
                nn.GELU(),
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

    def forward(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, torch.Tensor] | torch.Tensor | list[MoBindDataSample]:
        """Run the model.

        Args:
            inputs: As for :class:`MoBind`; a modality without backbone is
                not looked at and may be left out.
            data_samples: One per window, with ``action`` for ``loss``.
            mode: ``tensor`` for logits (B, classes), ``loss`` for named
                losses, ``predict`` for data samples with ``pred_scores``
                and ``pred_label``.

        Raises:
            ValueError: For another mode.
        """
        if mode == 'tensor':
            return self.fuse(self.score(inputs))
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(
            f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}."
        )

    def score(
        self, inputs: dict[str, torch.Tensor]
    ) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Logits (B, classes) and presence (B,) of each modality."""
        result = {}
        for name in self.modalities:
            tokens, local, limbs, valid = getattr(self, f'_{name}')(inputs)
            pooled = self.pools[name](tokens, local, limbs, valid)
            present = limbs.any(dim=1)
            result[name] = self.classifiers[name](pooled), present
        return result

    def fuse(
        self, scores: dict[str, tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        """Mean logits (B, classes) over what is present; else zero."""
        return mean_of_present(scores)

    def loss(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample],
    ) -> dict[str, torch.Tensor]:
        """Cross-entropy of the fused scores and of each modality.

        Windows without a label do not count.

        Raises:
            ValueError: If a label is not below ``num_classes``.
        """
        scores = self.score(inputs)
        fused = self.fuse(scores)
        target = torch.tensor(
            [sample.action for sample in data_samples], device=fused.device
        )
        if target.max() >= self.num_classes:
            raise ValueError(
                f'A window has the label {int(target.max())}, but the model '
                f'num_classes={self.num_classes}.'
            )
        losses = {'loss_action': self._cross_entropy(fused, target)}
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
        scores = self.fuse(self.score(inputs)).softmax(dim=1)
        if data_samples is None:
            data_samples = [MoBindDataSample() for _ in scores]
        for sample, row in zip(data_samples, scores):
            sample.pred_scores = row
            sample.pred_label = row.argmax()
        return data_samples

    def _imu(self, inputs: dict[str, torch.Tensor]) -> tuple:
        """Tokens, local features, limb mask and token mask of the IMUs."""
        imu, mask = inputs['imu'], inputs.get('imu_mask')
        if mask is None:
            mask = imu.new_ones(imu.shape[:2], dtype=torch.bool)
        if self.imu_tokenizer is not None:
            imu = self.imu_tokenizer(imu, mask)
        tokens, local = encode_limbs(self.imu_backbone, imu, mask)
        return tokens, local, mask, mask[..., None].expand(tokens.shape[:3])

    def _pose(self, inputs: dict[str, torch.Tensor]) -> tuple:
        """The same of the limb trajectories."""
        pose, frames = inputs['pose'], inputs.get('pose_mask')
        if self.pose_tokenizer is not None:
            pose = self.pose_tokenizer(pose, frames)
        elif frames is not None:
            pose = pose.masked_fill(~frames[:, :, None], 0.0)
        if frames is None:
            shape = (*pose.shape[:2], pose.shape[3])
            frames = pose.new_ones(shape, dtype=torch.bool)
        mask = frames.any(dim=2)
        valid = self.pose_backbone.token_mask(frames.flatten(0, 1))
        valid = valid.unflatten(0, pose.shape[:2])
        tokens, local = encode_limbs(self.pose_backbone, pose, mask, valid)
        return tokens, local, mask, valid

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
