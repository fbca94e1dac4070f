"""What the validation and the test loop over several tasks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any, cast

from mmengine.evaluator import Evaluator
from mmengine.hooks import IterTimerHook
from mmengine.runner import Runner, TestLoop, ValLoop
from torch.utils.data import DataLoader

from .evaluation_task import EvaluationTask

MAIN = 'main'
"""How messages call the dataloader that MMEngine hands to the loop."""


class MultiTaskMixin:
    """Evaluate the main dataloader, then named tasks, as one evaluation.

    While a task runs, ``dataloader`` and ``evaluator`` of the loop are the
    task's, so MMEngine's own ``run_iter`` and the batch hooks see its
    batches numbered from 0 and its length.
    """

    runner: Runner
    dataloader: DataLoader
    evaluator: Evaluator
    run_iter: Callable[[int, Any], None]

    def init_tasks(self, tasks: Mapping[str, Mapping | None] | None) -> None:
        """Build the evaluators; dataloaders wait until the first run.

        Args:
            tasks: Name to the arguments of :class:`EvaluationTask`. A task
                that is None is left out, so that a config can drop a task
                of its base.

        Raises:
            ValueError: If a task is called ``main`` or badly described.
        """
        tasks = {} if tasks is None else tasks
        if MAIN in tasks:
            raise ValueError(
                f'tasks: {MAIN!r} is the name of the dataloader beside the '
                'tasks; choose another name.'
            )
        self.tasks = [
            EvaluationTask(self.runner, name, cfg)
            for name, cfg in tasks.items()
            if cfg is not None
        ]

    def evaluate(self, tasks: list[EvaluationTask]) -> dict[str, float]:
        """Run the main dataloader and then the tasks.

        Returns:
            Metrics of all. A dataloader without any metric is skipped.

        Raises:
            ValueError: If two of them yield the same key.
        """
        # A data set that is missing is found before the first batch.
        parts = [(MAIN, self.dataloader, self.evaluator)]
        parts += [
            (task.name, task.dataloader, task.evaluator) for task in tasks
        ]
        metrics: dict[str, float] = {}
        owner: dict[str, str] = {}
        for name, dataloader, evaluator in parts:
            if not evaluator.metrics:
                continue
            with self._switched(dataloader, evaluator):
                if name != MAIN:
                    self.runner.logger.info(f'Task {name}')
                    self._restart_timer()
                for idx, data_batch in enumerate(dataloader):
                    self.run_iter(idx, data_batch)
                values = evaluator.evaluate(
                    len(cast(Sized, dataloader.dataset))
                )
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
        self, dataloader: DataLoader, evaluator: Evaluator
    ) -> Iterator[None]:
        """Let the loop work on another dataloader for a while."""
        before = self.dataloader, self.evaluator
        self.dataloader, self.evaluator = dataloader, evaluator
        try:
            yield
        finally:
            self.dataloader, self.evaluator = before

    def _restart_timer(self) -> None:
        """Let the estimated time left be that of the task alone."""
        for hook in self.runner.hooks:
            if isinstance(hook, IterTimerHook):
                hook.after_val_epoch(self.runner)
                hook.before_val_epoch(self.runner)


def evaluators_of(loop: ValLoop | TestLoop) -> dict[str, Evaluator]:
    """Every evaluator of a loop by the name of its task, ``main`` first."""
    tasks = getattr(loop, 'tasks', ())
    return {
        MAIN: loop.evaluator,
        **{task.name: task.evaluator for task in tasks},
    }
