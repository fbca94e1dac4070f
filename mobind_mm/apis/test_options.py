"""What the flags of ``tools/test.py`` change in a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.runner import TestLoop

from ..engine.loops import evaluators_of
from ..registry import METRICS


def select_tasks(cfg: Config, names: Sequence[str]) -> None:
    """Leave out the metrics and the named tasks that are not asked for.

    A metric beside ``test_dataloader`` goes by the beginning of its keys
    (``retrieval``), a task of ``test_cfg`` by its name.

    Raises:
        ValueError: If a name is neither.
    """
    metrics = _metrics(cfg)
    tasks = cfg.test_cfg.get('tasks') or {}
    known = {_prefix(metric) for metric in metrics}
    known |= {name for name, task in tasks.items() if task is not None}
    if unknown := sorted(set(names) - known):
        raise ValueError(
            f'--tasks {" ".join(unknown)}: {cfg.filename} evaluates '
            f'{" ".join(sorted(known))}.'
        )
    cfg.test_evaluator = [m for m in metrics if _prefix(m) in names]
    for name in tasks:
        if name not in names:
            tasks[name] = None


def add_pictures(cfg: Config, show_dir: str) -> None:
    """Draw the pictures of the tasks into a directory.

    Raises:
        ValueError: If there is a file of that name.
    """
    _check_directory('--show-dir', show_dir)
    visualizer = dict(cfg.get('visualizer') or {})
    cfg.visualizer = {**visualizer, 'type': 'mobind_mm.MoBindVisualizer'}
    hook = dict(type='mobind_mm.TaskPictureHook', show_dir=show_dir)
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


def add_embeddings(cfg: Config, file: str) -> None:
    """Write the embeddings of ``test_dataloader`` to a file."""
    dump = dict(type='mobind_mm.DumpEmbeddings', out=file)
    cfg.test_evaluator = [*_metrics(cfg), dump]


def dump_cases(loop: TestLoop, directory: str) -> list[Path]:
    """Let every metric that can write its single results to a table.

    Args:
        loop: Test loop that is about to run.
        directory: Where the tables go, one CSV file a metric.

    Returns:
        The files that will be written; where two metrics would get the
        same name, the second adds the beginning of its keys.

    Raises:
        ValueError: If there is a file of the directory's name, or two
            tables would still be one.
    """
    _check_directory('--dump', directory)
    files = []
    for task, evaluator in evaluators_of(loop).items():
        metrics = [m for m in evaluator.metrics if hasattr(m, 'dump')]
        for metric in metrics:
            name = task
            if task == 'main':
                name = _file_name(metric)
            elif len(metrics) > 1:
                name = f'{task}_{_file_name(metric)}'
            if Path(directory, f'{name}.csv') in files:
                name = f'{name}_{metric.prefix}'
            file = Path(directory, f'{name}.csv')
            if file in files:
                raise ValueError(
                    f'--dump: two metrics would write {file}; give one of '
                    f'them another prefix than {metric.prefix!r}.'
                )
            metric.dump = file
            files.append(file)
    return files


def _check_directory(flag: str, path: str) -> None:
    if Path(path).exists() and not Path(path).is_dir():
        raise ValueError(f'{flag} {path} is a file; give a directory.')


def _metrics(cfg: Config) -> list[dict]:
    """Configs of the metrics beside ``test_dataloader``."""
    evaluator = cfg.test_evaluator
    if isinstance(evaluator, dict):
        evaluator = evaluator.get('metrics', evaluator)
    return [evaluator] if isinstance(evaluator, dict) else list(evaluator)


def _prefix(metric: dict) -> str:
    """What the keys of a metric begin with."""
    kind = metric['type']
    kind = METRICS.get(kind) if isinstance(kind, str) else kind
    return metric.get('prefix') or getattr(kind, 'default_prefix', '') or ''


def _file_name(metric: BaseMetric) -> str:
    """``ActionKNNMetric`` to ``action_knn``."""
    name = type(metric).__name__.removesuffix('Metric')
    border = r'(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])'
    return re.sub(border, '_', name).lower()
