"""Trainings: precision, seeds, NaN checks, schedules and the runner."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import CosineAnnealingLR, OptimWrapper
from mmengine.runner import Runner, set_random_seed
from torch import nn

from ..registry import HOOKS, OPTIM_WRAPPERS, PARAM_SCHEDULERS

_SHOWN = 8
"""Greatest number of windows named in a message."""


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """Compute in bfloat16 where that is safe; weights stay float32.

    For GPUs since Ampere and processors with bfloat16 instructions (AVX-512
    BF16, AMX), where it halves the time. Any other processor emulates them:
    with AVX2 alone, a step of the published model took 13 times as long as in
    float32. There, the wrapper computes in float32 and warns. No loss scaling
    is needed; the contrastive losses are computed in float32.

    Args:
        force: Compute in bfloat16 on any device.
        **kwargs: Of MMEngine's ``OptimWrapper``.
    """

    def __init__(self, *args: Any, force: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.half = force or has_bfloat16(get_device())
        if not self.half:
            print_log(
                'BF16OptimWrapper: this device has no bfloat16 products, and '
                'emulating them is slower than float32 (13 times with AVX2). '
                'Training continues in float32; to emulate them, set '
                'optim_wrapper.force=True.',
                logger='current',
                level=logging.WARNING,
            )

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass."""
        half = torch.autocast(get_device(), torch.bfloat16, self.half)
        with super().optim_context(model), half:
            yield


def has_bfloat16(device: str) -> bool:
    """Whether a device multiplies bfloat16 numbers itself.

    ``ATEN_CPU_CAPABILITY`` and ``ONEDNN_MAX_CPU_ISA`` can hide instructions
    that the processor has.

    Args:
        device: ``cpu``, ``cuda``, ... Others than the two are trusted.
    """
    if device.startswith('cuda'):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not device.startswith('cpu'):
        return True
    limit = os.environ.get('ONEDNN_MAX_CPU_ISA', '').upper()
    if 'AVX512' not in torch.backends.cpu.get_cpu_capability() or (
        limit and not limit.endswith(('BF16', 'FP16', 'AMX', 'DEFAULT'))
    ):
        return False
    known = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    return any(getattr(torch.cpu, name, bool)() for name in known)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed the main process at the start of every training epoch.

    MMEngine seeds once, so after ``--resume`` the random numbers of the
    first epoch are repeated. Seeded by epoch, a training run that is resumed
    at the end of an epoch equals an uninterrupted one. Workers are seeded
    through ``seed_worker``, unless they persist: then they keep a state of
    their own.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and PyTorch by seed and epoch."""
        # A prime keeps the epochs of neighbouring seeds apart.
        seed = (runner.seed + 1_000_003 * runner.epoch) % 2**31
        set_random_seed(seed, diff_rank_seed=True)
        loader = getattr(runner, 'train_dataloader', None)
        dataset: Any = getattr(loader, 'dataset', None)
        while dataset is not None:  # and what it wraps
            if hasattr(dataset, 'seed_epoch'):
                dataset.seed_epoch(seed)
            dataset = getattr(dataset, 'dataset', None)


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Keep NaN and infinity out of the weights, and say where they come from.

    The gradient is checked before every step of the optimiser. It is the
    same in all processes, so they agree. Weights, optimiser state and batch
    statistics stay as they were before the batch.

    Args:
        action: ``stop`` ends the run; ``skip`` continues with the next
            batch.
        max_skips: Number of consecutive skipped batches that ends the run.

    Raises:
        ValueError: If the action is unknown.
    """

    priority = 'HIGH'

    def __init__(self, action: str = 'stop', max_skips: int = 10) -> None:
        if action not in ('stop', 'skip'):
            raise ValueError(
                f"NonFiniteHook: action must be 'stop' or 'skip', got "
                f'{action!r}.'
            )
        self.action = action
        self.max_skips = max_skips
        self.skipped = 0  # in a row
        self._spoiled = False
        self._buffers: list[torch.Tensor] = []

    def before_train(self, runner: Runner) -> None:
        """Watch the optimiser.

        Raises:
            TypeError: If there is more than one.
        """
        if not isinstance(runner.optim_wrapper, OptimWrapper):
            raise TypeError(
                'NonFiniteHook watches a single optimiser, but the run has a '
                f'{type(runner.optim_wrapper).__name__}; leave the hook out.'
            )
        optimizer = runner.optim_wrapper.optimizer
        self._handle = optimizer.register_step_pre_hook(self._before_step)

    def after_train(self, runner: Runner) -> None:
        """Stop watching."""
        self._handle.remove()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Remember the batch statistics."""
        self._spoiled = False
        if self.action == 'skip':
            self._buffers = [b.clone() for b in runner.model.buffers()]

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Make the step a no-op if the gradient is not finite."""
        found_inf = getattr(optimizer, 'found_inf', None)
        if found_inf is not None:  # of a GradScaler: the fused step obeys it
            if not found_inf:
                self.skipped = 0
            return
        parameters = [
            p
            for group in optimizer.param_groups
            for p in group['params']
            if p.grad is not None
        ]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        if not torch.isfinite(norm):
            self._spoiled = True
            for parameter in parameters:
                parameter.grad = None  # optimisers skip it
        else:
            self.skipped = 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Report a batch that is not finite; end the run or undo the batch.

        Raises:
            ValueError: To end the run.
        """
        outputs = outputs or {}
        loss = outputs.get('loss')
        if not self._spoiled and (loss is None or torch.isfinite(loss)):
            return
        self.skipped += 1
        windows = list(_windows(data_batch))
        if self._spoiled:  # in all processes alike
            windows = list(chain(*all_gather_object(windows)))
        message = _describe(runner, batch_idx, windows, outputs)
        if self.action == 'stop':
            raise ValueError(
                f'{message} No checkpoint contains its effect. Fix the data, '
                'lower the learning rate, or skip such batches with '
                "default_hooks.non_finite.action='skip'."
            )
        if self.skipped >= self.max_skips:
            raise ValueError(
                f'{message} It is number {self.skipped} in a row: '
                'training does not recover. Start again from an earlier '
                'checkpoint with a lower learning rate.'
            )
        runner.logger.warning(f'{message} The batch is skipped.')
        with torch.no_grad():
            for buffer, before in zip(runner.model.buffers(), self._buffers):
                buffer.copy_(before)


def _describe(
    runner: Runner,
    batch_idx: int,
    windows: list[tuple[str, bool]],
    outputs: Mapping[str, torch.Tensor],
) -> str:
    """Say what is not finite and which windows caused it."""
    names = [n for n, v in outputs.items() if not torch.isfinite(v).all()]
    what = ', '.join(names) if names else 'the gradient'
    bad = [name for name, finite in windows if not finite]
    shown = bad or [name for name, _ in windows]
    text = '; '.join(shown[:_SHOWN])
    if len(shown) > _SHOWN:
        text += f'; and {len(shown) - _SHOWN} more'
    which = 'Input that is not finite' if bad else 'Its windows'
    return (
        f'Epoch {runner.epoch + 1}, batch {batch_idx}: {what} not finite. '
        f'{which}: {text or "unknown"}.'
    )


def _windows(data_batch: Any) -> Iterator[tuple[str, bool]]:
    """Name of each window, and whether its inputs are finite."""
    if not isinstance(data_batch, Mapping):
        return
    inputs = data_batch.get('inputs')
    inputs = inputs if isinstance(inputs, Mapping) else {'inputs': inputs}
    for row, sample in enumerate(data_batch.get('data_samples') or ()):
        values = [v[row] for v in inputs.values() if v is not None]
        finite = all(bool(torch.isfinite(value).all()) for value in values)
        if 'take' in sample.metainfo_keys():
            start = sample.metainfo.get('window_start', 0.0)
            yield f'take {sample.take} at {start:g} s', finite
        elif sample.metainfo.get('video_id') is not None:  # MMAction2's
            yield str(sample.metainfo['video_id']), finite
        else:
            yield f'sample {sample.metainfo.get("sample_idx", row)}', finite


@PARAM_SCHEDULERS.register_module()
class CosineAfterWarmUpLR(CosineAnnealingLR):
    """Cosine decay from the end of a warm-up to the end of the training.

    MMEngine fills ``end`` in from ``max_epochs``, so configs leave it out.
    Unlike :class:`mmengine.optim.CosineAnnealingLR` it accepts a training
    that ends within the warm-up, such as one epoch to try a config out; the
    decay is then never reached.
    """

    def __init__(
        self, optimizer: Any, *, begin: int = 0, end: int, **kwargs: Any
    ) -> None:
        end = max(end, begin + 1)
        super().__init__(optimizer, begin=begin, end=end, **kwargs)


__all__ = ['CheckedRunner']


class CheckedRunner(Runner):
    """Logs environment and configuration when everything has been built.

    MMEngine's runner logs some 350 lines first, above which a user has to
    find what is wrong with a path or an argument. Here the model, the data
    sets, the optimiser and the loops of the run come first.
    """

    _announced = False

    def _log_env(self, env_cfg: dict) -> None:
        """Remember what to log."""
        self._env_cfg = env_cfg

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Log before the first hook of a run, then call the hooks."""
        if fn_name == 'before_run' and not self._announced:
            self._announced = True
            super()._log_env(self._env_cfg)
        super().call_hook(fn_name, **kwargs)
