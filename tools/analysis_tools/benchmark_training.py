"""Measure where the time of a training goes, and against another checkout.

    python tools/analysis_tools/benchmark_training.py CONFIG
    python tools/analysis_tools/benchmark_training.py CONFIG --against DIR
    python tools/analysis_tools/benchmark_training.py CONFIG --against DIR \
        --against-config CONFIG

Epochs run as ``mobind train`` runs them, with all hooks but without
validation and checkpoints; then, taking turns with them, the steps of an
epoch on batches that are in memory, and its loading alone. Times are
processor seconds of one thread, the lower quartile of the rounds, so that
other work on the machine matters little. A training is all epochs of its
config. With ``--against`` the checkouts take turns too, each in a process of
its own; their configs are read from them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parents[2]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config, relative to a checkout')
    parser.add_argument(
        '--against', metavar='DIR', help='another checkout, such as a release'
    )
    parser.add_argument(
        '--against-config',
        metavar='CONFIG',
        help='of the other checkout, if it is not the same',
    )
    parser.add_argument('--epochs', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--data-root', help='of all data sets of the config')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=NUMBER'
    )
    parser.add_argument('--out', metavar='FILE', help='JSON file to write')
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of epochs, steps and loading, of the package on the path."""
    import numpy as np
    import torch
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.runner import Runner

    import mobind_mm  # noqa: F401

    torch.set_num_threads(1)
    epochs: list[float] = []

    class Clock(Hook):
        """Remembers the processor time of every epoch."""

        priority = 'LOWEST'

        def before_train_epoch(self, runner: Runner) -> None:
            self.start = time.process_time()

        def after_train_epoch(self, runner: Runner) -> None:
            epochs.append(time.process_time() - self.start)

    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(
        {
            key: int(value)
            for key, value in (o.split('=') for o in args.cfg_options)
        }
    )
    if args.data_root:
        _set_root(cfg.train_dataloader, str(Path(args.data_root).resolve()))
    for phase in ('val', 'test'):
        for part in ('dataloader', 'evaluator', 'cfg'):
            cfg[f'{phase}_{part}'] = None
    configured = cfg.train_cfg.max_epochs
    cfg.train_cfg = dict(by_epoch=True, max_epochs=args.epochs)
    for name in ('early_stopping', 'training_curve', 'result_table'):
        cfg.default_hooks.pop(name, None)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=-1)
    cfg.log_level = 'WARNING'
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = Runner.from_cfg(cfg)
        runner.register_hook(Clock())
        runner.train()
        loader, model = runner.train_dataloader, runner.model
        loading, steps = [], []
        for _ in range(args.epochs):
            start = time.process_time()
            batches = list(loader)
            loading.append(time.process_time() - start)
            start = time.process_time()
            for batch in batches:
                model.train_step(batch, runner.optim_wrapper)
            steps.append(time.process_time() - start)
    windows = sum(len(batch['data_samples']) for batch in batches)
    return {
        'windows': windows,
        'epochs': configured,
        'epoch_s': float(np.quantile(epochs[1:] or epochs, 0.25)),
        'steps_s': float(np.quantile(steps, 0.25)),
        'loading_s': float(np.quantile(loading, 0.25)),
    }


def _set_root(cfg: Any, root: str) -> None:
    """Set ``data_root`` wherever a data set has one."""
    if isinstance(cfg, dict):
        if 'data_root' in cfg:
            cfg['data_root'] = root
        for value in cfg.values():
            _set_root(value, root)


def child(
    checkout: Path, config: str, args: argparse.Namespace
) -> dict[str, Any]:
    """Measure a checkout in a process of its own."""
    command = [sys.executable, __file__, config, '--child']
    command += ['--epochs', str(args.epochs)]
    if args.cfg_options:
        command += ['--cfg-options', *args.cfg_options]
    if args.data_root:
        command += ['--data-root', str(Path(args.data_root).resolve())]
    done = subprocess.run(
        command,
        cwd=checkout,
        env={**os.environ, 'PYTHONPATH': str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    if args.child:
        print(json.dumps(measure(args)))
        return
    checkouts = {'this': (_HERE, args.config)}
    if args.against:
        config = args.against_config or args.config
        checkouts['other'] = (Path(args.against).resolve(), config)
    rounds: dict[str, list[dict]] = {name: [] for name in checkouts}
    for _ in range(args.rounds):
        for name, (checkout, config) in checkouts.items():
            rounds[name].append(child(checkout, config, args))
            print(name, rounds[name][-1], flush=True)
    result: dict[str, Any] = {}
    for name, found in rounds.items():
        row = {key: min(one[key] for one in found) for key in found[0]}
        row['config'] = checkouts[name][1]
        row['training_s'] = row['epochs'] * row['epoch_s']
        row['windows_per_s_of_loading'] = row['windows'] / row['loading_s']
        row['epoch_over_steps'] = row['epoch_s'] / row['steps_s']
        result[name] = row
    if args.against:
        times = {name: result[name]['training_s'] for name in rounds}
        result['speed_up'] = times['other'] / times['this']
    from benchmarking.settings import machine

    result['machine'] = machine('cpu')
    print(json.dumps(result, indent=1))
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=1), 'utf-8')


if __name__ == '__main__':
    main()
