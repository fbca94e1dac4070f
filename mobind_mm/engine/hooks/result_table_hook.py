"""Print the metrics of a validation or a test as a table."""

from __future__ import annotations

import io

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from ...registry import HOOKS


def format_metrics(metrics: dict[str, float], title: str) -> str:
    """Metrics as a text table, one task a section.

    Args:
        metrics: Values by ``<task>/<name>``; counts are integers.
        title: Title of the table.
    """
    table = Table(title=title)
    table.add_column('task')
    table.add_column('metric')
    table.add_column('value', justify='right')
    last = None
    for key, value in metrics.items():
        task, _, name = key.rpartition('/')
        if task != last and last is not None:
            table.add_section()
        count = float(value).is_integer() and name.startswith('num_')
        text = str(int(value)) if count else f'{value:.3f}'
        table.add_row(task if task != last else '', name, text)
        last = task
    out = io.StringIO()
    Console(file=out, width=79).print(table)
    return out.getvalue()


@HOOKS.register_module()
class ResultTableHook(Hook):
    """Log a table after every validation and every test."""

    priority = 'VERY_LOW'

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the validation metrics."""
        self._log(runner, metrics, f'validation, epoch {runner.epoch}')

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Log the test metrics."""
        self._log(runner, metrics, 'test')

    @master_only
    def _log(
        self, runner: Runner, metrics: dict[str, float] | None, title: str
    ) -> None:
        if metrics:
            runner.logger.info('\n' + format_metrics(metrics, title))
