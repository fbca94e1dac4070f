"""Train the model of a config."""

import argparse
import os
import sys

from mmengine.config import Config
from mmengine.device import get_device

import mobind_mm  # noqa: F401
from mobind_mm.utils.checkpoint import (
    check_checkpoint,
    check_resumable,
    find_resumable,
)
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.config import (
    add_config_arguments,
    load_config,
    set_randomness,
)
from mobind_mm.utils.launch import build_runner


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    add_config_arguments(parser)
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint, or from the latest whole one in the '
        'work dir',
    )
    start.add_argument(
        '--load-from',
        metavar='CHECKPOINT',
        help='start a new run from the weights of a checkpoint',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision (needs a GPU)'
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='do not evaluate'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size of all processes',
    )
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use only deterministic operators of PyTorch',
    )
    parser.add_argument(
        '--diff-rank-seed',
        action='store_true',
        help='give each process a seed of its own',
    )
    return parser.parse_args()


def apply_flags(cfg: Config, args: argparse.Namespace) -> None:
    """Change a config as the flags of this command say.

    Raises:
        ValueError: If the machine or the config cannot do what a flag asks.
    """
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
    """Say something once, however many processes there are."""
    if os.environ.get('RANK', '0') == '0':
        print(f'warning: {message}', file=sys.stderr)


def main() -> None:
    """Train."""
    args = parse_args()
    cfg = load_config(args)
    apply_flags(cfg, args)
    runner = build_runner(cfg, args.local_rank)
    source = cfg.get('load_from')
    if source is not None:
        if cfg.get('resume'):
            check_resumable(runner.model, source)
        else:
            check_checkpoint(runner.model, source, partial=True)
    runner.train()


if __name__ == '__main__':
    run_command(main)
