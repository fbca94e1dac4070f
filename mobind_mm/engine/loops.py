"""Validation and test loops with several dataloaders and their metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Union

from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, IterTimerHook
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.loops import _parse_losses
from torch.utils.data import DataLoader

from ..registry import LOOPS

MAIN = 'main'
"""Name, in messages, of the dataloader that MMEngine passes to the loop."""

_REQUIRED = ('dataloader', 'evaluator')
_KEYS = (*_REQUIRED, 'interval')


class EvaluationTask:
    """What a multi-task loop evaluates besides its main dataloader.

    Args:
        runner: Builds the parts.
        name: Name of the task in the config.
        cfg: ``dataloader`` and ``evaluator`` as in any MMEngine config, and
            ``interval``: the task runs at every ``interval``-th validation
            (default 1).

    Raises:
        TypeError: If the task is not a dictionary.
        ValueError: If a key is unknown or missing, or the interval is not
            a positive integer.
    """

    def __init__(self, runner: Runner, name: str, cfg: Mapping) -> None:
        _check(name, cfg)
        self.name = name
        self.interval = cfg.get('interval', 1)
        self.evaluator: Evaluator = runner.build_evaluator(cfg['evaluator'])
        self._runner = runner
        self._dataloader: Any = cfg['dataloader']

    @property
    def dataloader(self) -> DataLoader:
        """The dataloader, built when it is first needed."""
        if not isinstance(self._dataloader, DataLoader):
            runner = self._runner
            randomness = runner._randomness_cfg
            self._dataloader = runner.build_dataloader(
                self._dataloader,
                seed=runner.seed,
                diff_rank_seed=randomness.get('diff_rank_seed', False),
            )
            dataset = self._dataloader.dataset
            self.evaluator.dataset_meta = getattr(dataset, 'metainfo', None)
        return self._dataloader


def _check(name: str, cfg: Any) -> None:
    """Refuse an invalid description of a task."""
    if not isinstance(cfg, Mapping):
        raise TypeError(
            f'Task {name!r} is {cfg!r}; give a dict of {_KEYS}, or None to '
            'leave the task out.'
        )
    unknown = sorted(set(cfg) - set(_KEYS))
    missing = [key for key in _REQUIRED if key not in cfg]
    if unknown or missing:
        raise ValueError(
            f'Task {name!r}: '
            + (f'unknown {unknown}; ' if unknown else '')
            + (f'missing {missing}; ' if missing else '')
            + f'a task has {_KEYS}, the last of them optional.'
        )
    interval = cfg.get('interval', 1)
    if not isinstance(interval, int) or isinstance(interval, bool):
        interval = 0
    if interval < 1:
        raise ValueError(
            f'Task {name!r}: interval={cfg["interval"]!r}; give the number '
            'of validations from one evaluation of the task to the next, a '
            'positive integer.'
        )


_Loop = Union[ValLoop, TestLoop]


def _build_tasks(
    runner: Runner, tasks: Mapping[str, Mapping | None] | None
) -> list[EvaluationTask]:
    """Build the evaluators; dataloaders wait until the first run.

    A task that is None is left out, so that a config can drop one of its
    base.
    """
    tasks = {} if tasks is None else tasks
    if MAIN in tasks:
        raise ValueError(
            f'tasks: {MAIN!r} is the name of the main dataloader; choose '
            'another name.'
        )
    return [
        EvaluationTask(runner, name, cfg)
        for name, cfg in tasks.items()
        if cfg is not None
    ]


def _evaluate(loop: _Loop, tasks: list[EvaluationTask]) -> dict[str, float]:
    """Run the main dataloader and then the tasks, as one evaluation.

    While a task runs, ``dataloader`` and ``evaluator`` of the loop are the
    task's, so MMEngine's own ``run_iter`` and the batch hooks see its length
    and its batches numbered from 0. A dataloader without metrics is skipped.
    """
    # A missing dataset is noticed before the first batch.
    parts = [(MAIN, loop.dataloader, loop.evaluator)]
    parts += [(task.name, task.dataloader, task.evaluator) for task in tasks]
    metrics: dict[str, float] = {}
    owner: dict[str, str] = {}
    for name, dataloader, evaluator in parts:
        if not evaluator.metrics:
            continue
        with _switched(loop, dataloader, evaluator):
            if name != MAIN:
                loop.runner.logger.info(f'Task {name}')
                _restart_timer(loop.runner)
            for idx, data_batch in enumerate(dataloader):
                loop.run_iter(idx, data_batch)
            dataset: Any = dataloader.dataset
            values = evaluator.evaluate(len(dataset))
        for key in values:
            if key in owner:
                raise ValueError(
                    f'Both {owner[key]!r} and {name!r} measure {key!r}; '
                    'give a metric of one of these tasks another prefix.'
                )
            owner[key] = name
        metrics.update(values)
    return metrics


@contextmanager
def _switched(
    loop: _Loop, dataloader: DataLoader, evaluator: Evaluator
) -> Iterator[None]:
    """Let the loop work on another dataloader for a while."""
    before = loop.dataloader, loop.evaluator
    loop.dataloader, loop.evaluator = dataloader, evaluator
    try:
        yield
    finally:
        loop.dataloader, loop.evaluator = before


def _restart_timer(runner: Runner) -> None:
    """Make the estimate of the time left that of the task alone."""
    for hook in runner.hooks:
        if isinstance(hook, IterTimerHook):
            hook.after_val_epoch(runner)
            hook.before_val_epoch(runner)


def evaluators_of(loop: _Loop) -> dict[str, Evaluator]:
    """Every evaluator of a loop by the name of its task, ``main`` first."""
    tasks = getattr(loop, 'tasks', ())
    return {
        MAIN: loop.evaluator,
        **{task.name: task.evaluator for task in tasks},
    }


class _WithTasks:
    """What makes a loop of MMEngine one with named tasks."""

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        tasks: Mapping[str, Mapping | None] | None = None,
        fp16: bool = False,
    ) -> None:
        parts: Any = (runner, dataloader, evaluator, fp16)
        super().__init__(*parts)
        self.tasks = _build_tasks(runner, tasks)


@LOOPS.register_module()
class MultiTaskValLoop(_WithTasks, ValLoop):
    """MMEngine's validation loop, followed by named tasks.

    Hooks run as in ``ValLoop``: before and after the epoch once, with the
    metrics of all tasks that ran. A task with ``interval=n`` runs at every
    n-th validation of a training run, counted from its start even after
    resuming. Outside training, every task runs.

    Args:
        runner: The runner.
        dataloader: ``val_dataloader``.
        evaluator: ``val_evaluator``.
        tasks: ``dict(dataloader=..., evaluator=..., interval=1)`` by name.
        fp16: Whether to predict in half precision.

    Raises:
        ValueError: If a task is invalid, if two tasks measure the same key,
            or if the best checkpoint or early stopping depends on a task
            that does not run at every validation.
    """

    def run(self) -> dict[str, float]:
        """Validate on the main dataloader and on the tasks that are due."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        number = self._number()
        due = [task for task in self.tasks if number % task.interval == 0]
        skipped = [task for task in self.tasks if task not in due]
        self.val_loss.clear()
        metrics = _evaluate(self, due)
        if self.val_loss:
            metrics.update(_parse_losses(self.val_loss, 'val'))
        self._check_watched(metrics, skipped)
        with self._without_old_values(metrics):
            self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics

    def _number(self) -> int:
        """Number of the current validation in training; 0 outside training."""
        loop = self.runner._train_loop
        if not isinstance(loop, BaseLoop):  # None, or still a config
            return 0
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        done = loop.epoch if by_epoch else loop.iter
        return math.ceil(done / loop.val_interval)

    def _check_watched(
        self, metrics: Mapping[str, float], skipped: list[EvaluationTask]
    ) -> None:
        """Reject watching a metric that is not measured every time."""
        watched = {}
        for hook in self.runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.save_best:
                keys = set(hook.key_indicators) - {'auto'}
                watched.update(dict.fromkeys(keys, 'save_best'))
            elif isinstance(hook, EarlyStoppingHook):
                watched.setdefault(hook.monitor, 'early stopping')
        for key, purpose in watched.items():
            if skipped and key not in metrics:
                raise ValueError(
                    f'{purpose} needs {key!r} at every validation, but this '
                    f'one measured {sorted(metrics)} and left out the tasks '
                    f'{[task.name for task in skipped]}; set interval=1 for '
                    'the task that measures it.'
                )

    @contextmanager
    def _without_old_values(
        self, metrics: Mapping[str, float]
    ) -> Iterator[None]:
        """Keep values of earlier validations out of this one's log.

        MMEngine logs the last value of every ``val/`` scalar it knows.
        """
        scalars = self.runner.message_hub.log_scalars
        kept = {f'val/{key}' for key in (*metrics, 'time', 'data_time')}
        stale = [k for k in scalars if k.startswith('val/') and k not in kept]
        old = {key: scalars.pop(key) for key in stale}
        try:
            yield
        finally:
            scalars.update(old)


@LOOPS.register_module()
class MultiTaskTestLoop(_WithTasks, TestLoop):
    """MMEngine's test loop, followed by named tasks.

    Hooks run as in ``TestLoop``: before and after the epoch once, with the
    metrics of all tasks. Arguments and errors are those of
    :class:`MultiTaskValLoop`; intervals have no effect in a test.
    """

    def run(self) -> dict[str, float]:
        """Test on the main dataloader and on every task."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        self.test_loss.clear()
        metrics = _evaluate(self, self.tasks)
        if self.test_loss:
            metrics.update(_parse_losses(self.test_loss, 'test'))
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics
