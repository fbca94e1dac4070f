"""A training step by part, and inference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from benchmarking.models import efficient, published_pair, random_inputs
from benchmarking.settings import Settings
from benchmarking.timing import interleaved, peak_mib, synchronized

_PARTS = {
    'imu_tokenizer': 'tokenizer',
    'pose_tokenizer': 'tokenizer',
    'imu_backbone': 'imu_backbone',
    'pose_backbone': 'pose_backbone',
    'imu_encoder': 'imu_backbone',
    'motion_encoder': 'pose_backbone',
}
"""Part of a step by the name of a module, of ours or of the reference."""


class Trainer:
    """One training step of a model on the same inputs, by part.

    Args:
        model: Ours, or the reference.
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
        found = {k: v / repeats for k, v in self.seconds.items()}
        inside = sum(found.get(part, 0.0) for part in set(_PARTS.values()))
        found['heads'] = found.pop('forward') - inside
        return found

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
        'published_bf16': Trainer(published_pair(*size)[1], inputs, device, 1),
        'efficient': Trainer(small, inputs, device),
        'efficient_bf16': Trainer(efficient(*size), inputs, device, True),
    }
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
        'published_bf16': half(ours),
        'efficient': lambda: small(inputs),
        'efficient_bf16': half(small),
    }
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
    """1e9 operations a second of a float32 matrix product."""
    a = torch.randn(2048, 2048, device=device)
    seconds = [
        interleaved({'mm': lambda: a @ a}, 3, device)['mm'] for _ in range(2)
    ]
    return 2 * 2048**3 / np.min(seconds) / 1e9
