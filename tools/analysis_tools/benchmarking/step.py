"""A training step by part, inference, and the models of configs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from benchmarking.models import efficient, published_pair, random_inputs
from benchmarking.reference_model import ReferenceModel
from benchmarking.settings import Settings, interleaved, peak_mib, synchronized
from mobind_mm.engine.training import has_bfloat16
from mobind_mm.models.losses import info_nce
from mobind_mm.recordings import IMU_CHANNELS
from mobind_mm.registry import MODELS

_PARTS = {
    'imu_tokenizer': 'tokenizer',
    'pose_tokenizer': 'tokenizer',
    'imu_backbone': 'imu_backbone',
    'pose_backbone': 'pose_backbone',
    'imu_encoder': 'imu_backbone',
    'motion_encoder': 'pose_backbone',
}
"""Part of a step by the name of a module, of either model."""


class Trainer:
    """One training step of a model on the same inputs, by part.

    Args:
        model: The package's, or the reference.
        inputs: Streams of both modalities.
        device: ``cpu`` or ``cuda``.
        bf16: Whether to compute in bfloat16 where that is safe.
    """

    def __init__(
        self, model: nn.Module, inputs: dict, device: str, bf16: bool = False
    ) -> None:
        fused = hasattr(model, 'imu_backbone')
        self.model, self.inputs, self.device = model.train(), inputs, device
        self.bf16 = bf16
        self.optimizer = torch.optim.Adam(
            model.parameters(), 1e-4, fused=fused
        )
        self.seconds: dict[str, float] = defaultdict(float)

    def _loss(self) -> torch.Tensor:
        half = torch.autocast(self.device, torch.bfloat16)
        with half if self.bf16 else nullcontext():
            if hasattr(self.model, 'imu_backbone'):
                return sum(self.model(self.inputs, mode='loss').values())
            return self.model.loss(self.model(**self.inputs))

    def __call__(self) -> None:
        """One step."""
        start = synchronized(self.device)
        self.optimizer.zero_grad()
        loss = self._loss()
        middle = synchronized(self.device)
        loss.backward()
        end = synchronized(self.device)
        self.optimizer.step()
        self.seconds['forward'] += middle - start
        self.seconds['backward'] += end - middle
        self.seconds['optimizer'] += synchronized(self.device) - end

    def parts(self, repeats: int) -> dict[str, float]:
        """Mean seconds of a step by part."""
        self()
        self.seconds.clear()
        handles = [
            handle
            for name, part in _PARTS.items()
            if getattr(self.model, name, None) is not None
            for handle in self._watch(getattr(self.model, name), part)
        ]
        for _ in range(repeats):
            self()
        for handle in handles:
            handle.remove()
        parts = {k: v / repeats for k, v in self.seconds.items()}
        inside = sum(parts.get(part, 0.0) for part in set(_PARTS.values()))
        parts['heads'] = parts.pop('forward') - inside
        return parts

    def _watch(self, module: nn.Module, part: str) -> list:
        begun = []

        def begin(*_: object) -> None:
            begun.append(synchronized(self.device))

        def end(*_: object) -> None:
            self.seconds[part] += synchronized(self.device) - begun.pop()

        return [
            module.register_forward_pre_hook(begin),
            module.register_forward_hook(end),
        ]


def measure_step(settings: Settings) -> dict:
    """Clips per second of training, memory, and where the time goes."""
    device, batch = settings.device, settings.batch_size
    size = (settings.num_limbs, settings.window_sec, device)
    inputs = random_inputs(batch, *size)
    reference, ours = published_pair(*size)
    small = efficient(*size)
    trainers = {
        'reference': Trainer(reference, inputs, device),
        'published': Trainer(ours, inputs, device),
        'efficient': Trainer(small, inputs, device),
    }
    if has_bfloat16(device):  # emulated, a step takes 13 times as long
        for name, model in (
            ('published_bf16', published_pair(*size)[1]),
            ('efficient_bf16', efficient(*size)),
        ):
            trainers[name] = Trainer(model, inputs, device, True)
    if settings.compiled:
        model = published_pair(*size)[1]
        for part in (
            model.imu_backbone,
            model.pose_backbone,
            model.masked_token_head,
        ):
            part.compile()
        trainers['published_compiled'] = Trainer(model, inputs, device)
    seconds = interleaved(trainers, settings.repeats, device)
    rows = {
        name: dict(
            clips_per_s=batch / seconds[name],
            times_reference=seconds['reference'] / seconds[name],
            memory_mib=peak_mib(trainer, device),
            parts_s=trainer.parts(3),
        )
        for name, trainer in trainers.items()
    }
    rows['gflop_per_clip'] = gflop(trainers['published']) / batch
    rows['efficient_gflop_per_clip'] = gflop(trainers['efficient']) / batch
    rows['gflop_per_s_of_products'] = _peak(device)
    rows['floor_clips_per_s'] = (
        rows['gflop_per_s_of_products'] / rows['gflop_per_clip']
    )
    return rows


def measure_inference(settings: Settings) -> dict:
    """Clips per second of embedding."""
    device, batch = settings.device, settings.batch_size
    size = (settings.num_limbs, settings.window_sec, device)
    inputs = random_inputs(batch, *size)
    reference, ours = published_pair(*size)
    small = efficient(*size)
    for model in (reference, ours, small):
        model.eval()

    def half(model: nn.Module) -> Callable[[], object]:
        def run() -> object:
            with torch.autocast(device, torch.bfloat16):
                return model(inputs)

        return run

    jobs = {
        'reference': lambda: reference(**inputs),
        'published': lambda: ours(inputs),
        'efficient': lambda: small(inputs),
    }
    if has_bfloat16(device):
        jobs['published_bf16'] = half(ours)
        jobs['efficient_bf16'] = half(small)
    with torch.no_grad():
        error = (jobs['published']()['imu'] - jobs['reference']()['imu']).abs()
        seconds = interleaved(jobs, settings.repeats, device)
    rows = {
        name: dict(
            clips_per_s=batch / value,
            times_reference=seconds['reference'] / value,
        )
        for name, value in seconds.items()
    }
    rows['largest_difference'] = float(error.max())
    return rows


def gflop(trainer: Trainer) -> float:
    """Operations of the matrix products of one step, in 1e9."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        trainer()
    return counter.get_total_flops() / 1e9


def _peak(device: str) -> float:
    """1e9 operations per second of a float32 matrix product."""
    a = torch.randn(2048, 2048, device=device)
    seconds = [
        interleaved({'mm': lambda: a @ a}, 3, device)['mm'] for _ in range(2)
    ]
    return 2 * 2048**3 / np.min(seconds) / 1e9


class LocalReference(ReferenceModel):
    """Stage 1 of the released recipe, for one sensor per clip."""

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

    A model without aggregation gets one sensor per clip.
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
