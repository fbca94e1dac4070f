"""A training step in each precision, and how far its embeddings are off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from benchmarking.models import efficient, published_pair, random_inputs
from benchmarking.settings import Settings, interleaved, peak_mib
from benchmarking.step import Trainer
from mobind_mm.apis import find_model, init_model
from mobind_mm.engine.training import has_bfloat16

_TOLERANCE = {'float32': 1e-4, 'TF32': 2e-2, 'bfloat16': 0.1, 'float16': 2e-2}
"""Largest difference of unit embeddings that each precision may make."""


@contextmanager
def _tf32(on: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
        torch.backends.cudnn.allow_tf32 = before


def _contexts(device: str) -> dict[str, Callable[[], Any]]:
    """What each precision computes under, of those the device has."""
    contexts: dict[str, Callable[[], Any]] = {'float32': nullcontext}
    if device == 'cuda':
        contexts['float32'] = lambda: _tf32(False)
        contexts['TF32'] = lambda: _tf32(True)
        contexts['float16'] = lambda: torch.autocast(device, torch.float16)
    if has_bfloat16(device):
        contexts['bfloat16'] = lambda: torch.autocast(device, torch.bfloat16)
    return contexts


class _Step:
    """A training step under a context."""

    def __init__(self, trainer: Trainer, context: Callable[[], Any]) -> None:
        self.trainer, self.context = trainer, context

    def __call__(self) -> None:
        with self.context():
            self.trainer()


def measure_precision(settings: Settings) -> dict:
    """Clips per second and parity, by model and precision.

    Parity is that of embeddings on this device with those of float32 on the
    processor.

    Raises:
        ValueError: If a precision is farther off than it may be.
    """
    device, batch = settings.device, settings.batch_size
    size = (settings.num_limbs, settings.window_sec)
    inputs = random_inputs(batch, *size, 'cpu')
    on_device = {name: value.to(device) for name, value in inputs.items()}
    reference, published = published_pair(*size, 'cpu')
    rows: dict[str, dict] = {}
    for name, model in (
        ('published', published),
        ('efficient', efficient(*size, 'cpu')),
        ('shipped', _shipped()),
    ):
        given, there = inputs, on_device
        if name == 'shipped':
            given = _inputs_of(model, batch)
            there = {k: v.to(device) for k, v in given.items()}
        with torch.no_grad():
            expected = _embeddings(model.eval(), given)
        model.to(device)
        steps = {}
        for precision, context in _contexts(device).items():
            with torch.no_grad(), context():
                found = _embeddings(model.eval(), there)
            off = float((found.cpu().float() - expected).abs().max())
            rows[f'{name} {precision}'] = {'largest_difference': off}
            if not off <= _TOLERANCE[precision]:
                raise ValueError(
                    f'{name} in {precision} on {device}: embeddings are off '
                    f'by {off:.2g}, more than {_TOLERANCE[precision]}.'
                )
            steps[f'{name} {precision}'] = _Step(
                Trainer(model, there, device), context
            )
        if name == 'published':
            steps['reference float32'] = _Step(
                Trainer(reference.to(device), there, device),
                _contexts(device)['float32'],
            )
            rows['reference float32'] = {}
        seconds = interleaved(steps, settings.repeats, device)
        for key, step in steps.items():
            rows[key]['clips_per_s'] = batch / seconds[key]
            rows[key]['memory_mib'] = peak_mib(step, device)
    base = rows['reference float32']['clips_per_s']
    for row in rows.values():
        row['times_reference'] = row['clips_per_s'] / base
    return rows


def _shipped() -> nn.Module:
    found = find_model('mobind_synthetic')
    return init_model(Config.fromfile(found.config), found.weights)


def _inputs_of(model: nn.Module, batch: int) -> dict[str, torch.Tensor]:
    """Streams of the shapes that a model's config says."""
    cfg = model.cfg.model
    generator = torch.Generator().manual_seed(0)
    widths = {'imu': 6, 'pose': 6}
    return {
        name: torch.randn(
            (
                batch,
                len(cfg.limbs),
                width,
                round(cfg.window_sec * cfg[f'{name}_rate']),
            ),
            generator=generator,
        )
        for name, width in widths.items()
    }


def _embeddings(model: nn.Module, inputs: dict) -> torch.Tensor:
    """Unit embeddings of the IMU side."""
    value = model(inputs)['imu']
    return nn.functional.normalize(value.float(), dim=-1).cpu()
