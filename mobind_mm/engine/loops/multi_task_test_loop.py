"""Test with several dataloaders, each with metrics of its own."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.evaluator import Evaluator
from mmengine.runner import Runner, TestLoop
from mmengine.runner.loops import _parse_losses
from torch.utils.data import DataLoader

from ...registry import LOOPS
from .multi_task_mixin import MultiTaskMixin


@LOOPS.register_module()
class MultiTaskTestLoop(MultiTaskMixin, TestLoop):
    """MMEngine's test loop, followed by named tasks.

    Hooks run as in ``TestLoop``: before and after the epoch once, with the
    metrics of all tasks.

    Args:
        runner: The runner.
        dataloader: ``test_dataloader``.
        evaluator: ``test_evaluator``.
        tasks: Name to ``dict(dataloader=..., evaluator=..., interval=1)``;
            the interval counts validations and means nothing in a test.
        fp16: Whether to predict in half precision.

    Raises:
        ValueError: If a task is badly described or two tasks measure the
            same key.
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
        """Test on the main dataloader and on every task."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        self.test_loss.clear()
        metrics = self.evaluate(self.tasks)
        if self.test_loss:
            metrics.update(_parse_losses(self.test_loss, 'test'))
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics
