"""Validate on several dataloaders, each with metrics of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import EpochBasedTrainLoop, Runner, ValLoop
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.loops import _parse_losses
from torch.utils.data import DataLoader

from ...registry import LOOPS
from .evaluation_task import EvaluationTask
from .multi_task_mixin import MultiTaskMixin


@LOOPS.register_module()
class MultiTaskValLoop(MultiTaskMixin, ValLoop):
    """MMEngine's validation loop, followed by named tasks.

    Hooks run as in ``ValLoop``: before and after the epoch once, with the
    metrics of all tasks that ran. A task with ``interval=n`` runs at every
    n-th validation of a training, counted from the start of the training
    even if it was resumed; outside a training every task runs.

    Args:
        runner: The runner.
        dataloader: ``val_dataloader``.
        evaluator: ``val_evaluator``.
        tasks: Name to ``dict(dataloader=..., evaluator=..., interval=1)``.
        fp16: Whether to predict in half precision.

    Raises:
        ValueError: If a task is badly described, two tasks measure the same
            key, or the best checkpoint or early stopping depends on a task
            that does not run at every validation.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        tasks: Mapping[str, Mapping | None] | None = None,
        fp16: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.init_tasks(tasks)

    def run(self) -> dict[str, float]:
        """Validate on the main dataloader and on the tasks that are due."""
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        number = self._number()
        due = [task for task in self.tasks if number % task.interval == 0]
        skipped = [task for task in self.tasks if task not in due]
        self.val_loss.clear()
        metrics = self.evaluate(due)
        if self.val_loss:
            metrics.update(_parse_losses(self.val_loss, 'val'))
        self._check_watched(metrics, skipped)
        with self._without_old_values(metrics):
            self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics

    def _number(self) -> int:
        """How many validations the training has reached; 0 outside one."""
        loop = self.runner._train_loop
        if not isinstance(loop, BaseLoop):  # None, or a config as yet
            return 0
        by_epoch = isinstance(loop, EpochBasedTrainLoop)
        done = loop.epoch if by_epoch else loop.iter
        return math.ceil(done / loop.val_interval)

    def _check_watched(
        self, metrics: Mapping[str, float], skipped: list[EvaluationTask]
    ) -> None:
        """Refuse to choose checkpoints by a metric that comes and goes."""
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
        times = {'val/time', 'val/data_time'}
        old = {
            key: scalars.pop(key)
            for key in list(scalars)
            if key.startswith('val/')
            and key not in times
            and key[4:] not in metrics
        }
        try:
            yield
        finally:
            scalars.update(old)
