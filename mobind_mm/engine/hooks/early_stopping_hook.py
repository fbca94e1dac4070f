"""Early stopping that goes on counting when a run is resumed."""

from __future__ import annotations

from mmengine import hooks
from mmengine.runner import Runner

from ...registry import HOOKS


@HOOKS.register_module()
class EarlyStoppingHook(hooks.EarlyStoppingHook):
    """MMEngine's, with its count in the checkpoint.

    Arguments are MMEngine's.
    """

    # Before CheckpointHook, which may save the count.
    priority = 'LOW'

    @property
    def _key(self) -> str:
        return f'early_stopping/{self.monitor}'

    def before_train(self, runner: Runner) -> None:
        """Take up the count of the run that is resumed."""
        state = runner.message_hub.get_info(self._key)
        if state is not None:
            self.wait_count, self.best_score = state['wait'], state['best']
            runner.train_loop.stop_training |= state['stop']

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float]
    ) -> None:
        """Decide, and note the count."""
        super().after_val_epoch(runner, metrics)
        state = dict(
            wait=self.wait_count,
            best=float(self.best_score),
            stop=bool(runner.train_loop.stop_training),
        )
        runner.message_hub.update_info(self._key, state)
