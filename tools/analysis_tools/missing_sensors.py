"""Evaluate a checkpoint on every task under each subset of the sensors.

A table by number of sensors kept is printed, and every subset is a row of
--out. Called again with the same file, the command resumes where it was
stopped; rows of other checkpoints, configs or --pose stay in the file.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
from typing import Any

import torch
from benchmarking.missing_sensors import (
    is_count,
    keep_sensors,
    packed_placements,
    sensor_subsets,
    summarize_subsets,
    with_keep_sensors,
)
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import LOOPS
from mmengine.runner import Runner
from mmengine.utils import ProgressBar
from rich.console import Console
from rich.table import Table
from row_files import read_rows, write_rows

import mobind_mm  # noqa: F401
from mobind_mm.cli.arguments import flags
from mobind_mm.cli.config import (
    add_config_arguments,
    build_runner,
    load_config,
)
from mobind_mm.utils.checkpoint import check_checkpoint
from mobind_mm.utils.cli import run_command

_TEST_KEYS = ('test_dataloader', 'test_evaluator', 'test_cfg')
_MAIN_METRICS = (
    'retrieval/imu2pose_R@1',
    'retrieval/pose2imu_R@1',
    'sync/mae_s',
    'sync/acc@0.1',
    'sync/coverage',
    'localization/subject_acc',
    'localization/part_acc',
    'action/knn_top1',
    'action/linear_top1',
)
_COLUMNS = ('run', 'checkpoint', 'pose', 'num_sensors', 'sensors')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    flag = flags(parser)
    flag('checkpoint', 'checkpoint file or URL')
    flag('--out FILE', '.json or .csv file', required=True)
    flag(
        '--pose',
        "the skeleton's limbs that are compared: those that still have "
        'a sensor (default), or all, as if these limbs were unknown',
        choices=['kept', 'all'],
        default='kept',
    )
    flag(
        '--sizes -n N ...',
        'how many sensors to keep; every number by default',
        type=int,
    )
    flag(
        '--max-subsets N',
        'largest number of subsets per size; all by default',
        type=int,
    )
    flag(
        '--metrics KEY ...',
        'metrics in the printed table, or "all"; by default the main '
        'ones of each task',
    )
    return parser.parse_args()


def main() -> None:
    """Evaluate the subsets that are not in the file yet."""
    args = parse_args()
    rows = read_rows(args.out, _COLUMNS)
    cfg = load_config(args)
    placements = packed_placements([cfg.get(key) for key in _TEST_KEYS])
    subsets = sensor_subsets(placements, args.sizes, args.max_subsets)
    prepare(cfg, placements, args.pose == 'kept')
    runner = build_runner(cfg, args.local_rank)
    check_checkpoint(runner.model, args.checkpoint)
    runner.load_checkpoint(args.checkpoint)
    run = fingerprint(runner.model, cfg)
    done = {row['sensors'] for row in rows if row['run'] == run}
    todo = [subset for subset in subsets if '+'.join(subset) not in done]
    if todo:
        runner.call_hook('before_run')
        loop = build_loop(runner, cfg)
        progress = ProgressBar(len(todo)) if is_main_process() else None
    for subset in todo:
        metrics = evaluate(loop, subset)
        rows.append(
            dict(
                run=run,
                checkpoint=args.checkpoint,
                pose=args.pose,
                num_sensors=len(subset),
                sensors='+'.join(subset),
                **metrics,
            )
        )
        if is_main_process():
            write_rows(args.out, rows)
            progress.update()
    if is_main_process():
        wanted = {'+'.join(subset) for subset in subsets}
        rows = [r for r in rows if r['run'] == run and r['sensors'] in wanted]
        print_tables(rows, placements, args.metrics)


def prepare(cfg: Config, placements: tuple[str, ...], limbs_too: bool) -> None:
    """Put ``KeepSensors`` into the test config; silence per-test output."""
    for key in _TEST_KEYS:
        if cfg.get(key) is not None:
            cfg[key] = with_keep_sensors(cfg[key], placements, limbs_too)
            _no_persistent_workers(cfg[key])
    cfg.log_level = 'WARNING'
    hooks = cfg.setdefault('default_hooks', {})
    for name in ('result_table', 'training_curve', 'early_stopping'):
        hooks.pop(name, None)


def _no_persistent_workers(node: Any) -> None:
    """Let workers start anew, so that they see which sensors are kept."""
    if isinstance(node, dict):
        if 'persistent_workers' in node:
            node['persistent_workers'] = False
        for child in node.values():
            _no_persistent_workers(child)


def build_loop(runner: Runner, cfg: Config) -> Any:
    """The test loop that the config asks for, to be run again and again."""
    loop = {'type': 'TestLoop', **copy.deepcopy(dict(cfg.test_cfg))}
    return LOOPS.build(
        loop,
        default_args=dict(
            runner=runner,
            dataloader=cfg.test_dataloader,
            evaluator=cfg.test_evaluator,
        ),
    )


def evaluate(loop: Any, subset: tuple[str, ...]) -> dict[str, float]:
    """Metrics of all tasks with a subset of the sensors."""
    loaders = [loop.dataloader]
    loaders += [task.dataloader for task in getattr(loop, 'tasks', ())]
    for loader in loaders:
        keep_sensors(loader.dataset, subset)
    return loop.run()


def fingerprint(model: torch.nn.Module, cfg: Config) -> str:
    """Identifier of weights and test config, which the rows of a run share."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        raw = value.detach().cpu().contiguous().reshape(-1)
        digest.update(raw.view(torch.uint8).numpy().tobytes())
    for key in _TEST_KEYS:
        digest.update(str(cfg.get(key)).encode())
    return f'run-{digest.hexdigest()[:12]}'


def print_tables(
    rows: list[dict], placements: tuple[str, ...], metrics: list[str] | None
) -> None:
    """One line per metric and number of sensors.

    Raises:
        ValueError: If a metric was not measured.
    """
    measured = dict.fromkeys(key for row in rows for key in row)
    measured = [key for key in measured if '/' in key and not is_count(key)]
    shown = metrics or [key for key in _MAIN_METRICS if key in measured]
    if not shown or shown == ['all']:
        shown = measured
    unknown = sorted(set(shown) - set(measured))
    if unknown:
        raise ValueError(f'--metrics {unknown}: not among {measured}.')
    table = Table(title='by number of sensors kept')
    for name in ('metric', 'kept', 'subsets', 'mean', 'worst', 'best'):
        table.add_column(name, overflow='fold')
    for metric in shown:
        for i, line in enumerate(summarize_subsets(rows, metric)):
            table.add_row(
                '' if i else metric,
                str(line['num_sensors']),
                str(line['subsets']),
                f'{line["mean"]:.3f}',
                *(
                    f'{line[end]:.3f} '
                    + _short(line[f'{end}_sensors'], placements)
                    for end in ('worst', 'best')
                ),
            )
        table.add_section()
    print()
    Console(width=120).print(table)


def _short(sensors: str, placements: tuple[str, ...]) -> str:
    """Sensors that are kept, or those that are not if these are fewer."""
    kept = sensors.split('+')
    lost = [name for name in placements if name not in kept]
    if len(lost) < len(kept):
        return f'without {" + ".join(lost)}' if lost else 'all'
    return ' + '.join(kept)


if __name__ == '__main__':
    run_command(main)
