"""Print the metrics of a validation or a test as a table."""

from __future__ import annotations

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.results import format_metrics


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
