"""Training steps of the models of configs, at the sizes of their data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.config import Config
from torch import nn

from benchmarking.reference_model import ReferenceModel
from benchmarking.step import Trainer, gflop
from benchmarking.timing import interleaved
from mobind_mm.models.losses import info_nce
from mobind_mm.recordings.schema import IMU_CHANNELS
from mobind_mm.registry import MODELS


class LocalReference(ReferenceModel):
    """Stage 1 of the released recipe, for one sensor a clip."""

    def loss(
        self, feats: dict[str, torch.Tensor], multi_weight: float = 0.0
    ) -> torch.Tensor:
        """Contrast the limb features."""
        local = feats['imu_local'][:, 0], feats['pose_local'][:, 0]
        return info_nce(*local, self.logit_scale.exp()).mean()


def measure_encoders(
    configs: Sequence[str], device: str, repeats: int
) -> dict[str, dict]:
    """Clips per second of a training step of each config's model.

    On random streams, with the config's batch size, without loading data.
    The reference computes the published encoder as the released recipe
    does, on the channels of the first config; its loss has no token term.

    Args:
        configs: Config files of trainings on the same data set.
        device: ``cpu`` or ``cuda``.
        repeats: Steps of which the median is taken.

    Raises:
        ValueError: If a config is not one of a MoBind training.
    """
    trainers = {}
    for path in configs:
        cfg = Config.fromfile(path)
        if 'imu_tokenizer' not in cfg.get('model', {}):
            raise ValueError(
                f'{path} has no model with an imu_tokenizer; --encoders takes '
                'configs of MoBind trainings, such as '
                'configs/mobind/synthetic.py.'
            )
        batch = cfg.train_dataloader.batch_size
        limbs = len(cfg.model.limbs)
        channels = cfg.model.imu_tokenizer.channels
        width = sum(IMU_CHANNELS[channel] for channel in channels)
        model = MODELS.build(cfg.model.to_dict()).to(device)
        if not trainers:
            trainers['reference'] = _reference(model, batch, limbs, device)
        streams = _streams(model, batch, limbs, width)
        streams = {name: x.to(device) for name, x in streams.items()}
        trainers[path] = Trainer(model, streams, device)
    seconds = interleaved(trainers, repeats, device)
    return {
        name: dict(
            clips_per_s=batch / seconds[name],
            times_reference=seconds['reference'] / seconds[name],
            gflop_per_clip=gflop(trainer) / batch,
        )
        for name, trainer in trainers.items()
    }


def _streams(
    model: nn.Module, batch: int, limbs: int, width: int
) -> dict[str, torch.Tensor]:
    """Random streams, of IMUs with that many channels.

    A model without aggregation gets one sensor a clip.
    """
    gen = torch.Generator().manual_seed(0)
    streams = {
        name: torch.randn(
            (batch, limbs, channels, backbone.num_samples), generator=gen
        )
        for name, channels, backbone in (
            ('imu', width, model.imu_backbone),
            ('pose', 6, model.pose_backbone),
        )
    }
    if model.imu_neck is None:
        worn = torch.randint(limbs, (batch,), generator=gen)
        mask = nn.functional.one_hot(worn, limbs).bool()
        length = streams['pose'].shape[-1]
        streams['imu_mask'] = mask
        streams['pose_mask'] = mask[..., None].repeat(1, 1, length)
    return streams


def _reference(
    model: nn.Module, batch: int, limbs: int, device: str
) -> Trainer:
    """The reference on the channels that a model's encoders see."""
    alone = model.imu_neck is None
    limbs = 1 if alone else limbs
    backbones = dict(imu=model.imu_backbone, pose=model.pose_backbone)
    reference = (LocalReference if alone else ReferenceModel)(
        limbs,
        num_tokens=model.imu_backbone.num_tokens,
        **{name: (b.in_channels, b.patch) for name, b in backbones.items()},
    )
    streams = {
        name: torch.randn(
            batch, limbs, b.in_channels, b.num_samples, device=device
        )
        for name, b in backbones.items()
    }
    return Trainer(reference.to(device), streams, device)
