"""``mobind train``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.locks import locked
from .arguments import flags
from .config import (
    add_config_arguments,
    build_runner,
    load_config,
    set_randomness,
)

if TYPE_CHECKING:
    from mmengine.config import Config


def _train_arguments(parser: ArgumentParser) -> None:
    add_config_arguments(parser)
    flag = flags(parser.add_mutually_exclusive_group())
    flag(
        '--resume CHECKPOINT',
        'resume from a checkpoint, or from the latest intact one in the work '
        'dir',
        nargs='?',
        const='auto',
    )
    flag(
        '--load-from CHECKPOINT',
        'start a new run from the weights of a checkpoint',
    )
    flag = flags(parser)
    flag('--amp', 'mixed precision (needs a GPU)')
    flag('--no-validate', 'do not evaluate')
    flag(
        '--auto-scale-lr',
        'scale the learning rate with the batch size of all processes',
    )
    flag('--deterministic', 'use only deterministic operators of PyTorch')
    flag('--diff-rank-seed', 'give each process its own seed')


def apply_flags(cfg: Config, args: Namespace) -> None:
    """Change a config as the flags of this command say.

    Raises:
        ValueError: If the machine or the config cannot do what a flag asks.
    """
    from mmengine.device import get_device

    from ..utils.checkpoint import find_resumable

    for flag in ('deterministic', 'diff_rank_seed'):
        if getattr(args, flag):
            set_randomness(cfg, **{flag: True})
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    wrapper = cfg.get('optim_wrapper', {}).get('type')
    if wrapper == 'AmpOptimWrapper' and get_device() == 'cpu':
        raise ValueError(
            'Mixed precision (--amp, or AmpOptimWrapper in the config) needs '
            'a GPU and none is available; leave it out to train in single '
            'precision.'
        )
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise ValueError(
                '--auto-scale-lr: the config does not say which batch size '
                'its learning rate is for; add auto_scale_lr='
                'dict(base_batch_size=...).'
            )
        cfg.auto_scale_lr.enable = True
    if args.load_from:
        cfg.load_from, cfg.resume = args.load_from, False
    elif args.resume or (cfg.get('resume') and not cfg.get('load_from')):
        source = args.resume
        if source in (None, 'auto'):
            source = find_resumable(cfg.work_dir, warn)
        cfg.resume = source is not None
        # Without a checkpoint yet, the run starts as the config says.
        cfg.load_from = source or cfg.get('load_from')


def warn(message: str) -> None:
    """Print a warning once, however many processes there are."""
    if os.environ.get('RANK', '0') == '0':
        print(f'warning: {message}', file=sys.stderr)


def train(args: Namespace) -> None:
    """Train the model of a config."""
    from ..utils.checkpoint import check_checkpoint, check_resumable

    cfg = load_config(args)
    apply_flags(cfg, args)
    with _only_training(cfg):
        runner = build_runner(cfg, args.local_rank)
        source = cfg.get('load_from')
        if source is not None:
            if cfg.get('resume'):
                check_resumable(runner.model, source)
            else:
                check_checkpoint(runner.model, source, partial=True)
        runner.train()


_RANKS = {
    'pytorch': 'RANK',
    'slurm': 'SLURM_PROCID',
    'mpi': 'OMPI_COMM_WORLD_RANK',
}
"""Where launchers tell a process which of a run it is."""


@contextmanager
def _only_training(cfg: Config) -> Iterator[None]:
    """Keep other trainings out of the work directory.

    The first process of a distributed run does so for all.

    Raises:
        ValueError: If another training writes to it.
    """
    if os.environ.get(_RANKS.get(cfg.launcher, ''), '0') != '0':
        yield
        return
    with locked(
        Path(cfg.work_dir, '.training.lock'),
        'is in use by another training',
        'Wait until it has ended, or give another directory (--work-dir)',
    ) as alone:
        if not alone:
            warn(
                f'{cfg.work_dir} cannot be locked; do not start another '
                'training there before this one has ended.'
            )
        yield


COMMANDS = {'train': (_train_arguments, train)}
