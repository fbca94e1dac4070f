"""Checkpoints and early stopping that survive a kill at any moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import hooks
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from ..registry import HOOKS
from ..utils.files import write_whole


class WholeFileBackend(LocalBackend):
    """Local files, written atomically.

    Choose it with ``backend_args=dict(backend='whole_file')``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes atomically."""
        write_whole(filepath, obj, durable=True)

    def put_text(
        self, obj: str, filepath: str | Path, encoding: str = 'utf-8'
    ) -> None:
        """Write text atomically."""
        self.put(obj.encode(encoding), filepath)


register_backend('whole_file', WholeFileBackend, force=True)


@HOOKS.register_module()
class CheckpointHook(hooks.CheckpointHook):
    """MMEngine's hook; a kill costs only the work since the last checkpoint.

    Arguments are MMEngine's. The differences are:

    - a local file is written atomically: whole or not at all;
    - an old checkpoint is removed when the new one exists, not before;
    - a validation that was due when the run ended is carried out when it is
      resumed.
    """

    backend_args: dict[str, Any] | None
    file_backend: Any
    keep_ckpt_ids: deque[int]

    def before_train(self, runner: Runner) -> None:
        """Choose the file backend, clean up, validate if that is overdue."""
        out_dir = str(self.out_dir or runner.work_dir)
        local = '://' not in out_dir
        if local and self.backend_args is self.file_client_args is None:
            self.backend_args = dict(backend='whole_file')
        super().before_train(runner)
        if local and is_main_process():
            for leftover in Path(self.out_dir).glob('.*.pth.*.tmp'):
                leftover.unlink(missing_ok=True)
        if _missed_validation(runner):
            runner.logger.info('Running the overdue validation first.')
            runner.val_loop.run()

    def after_load_checkpoint(
        self, runner: Runner, checkpoint: dict[str, Any]
    ) -> None:
        """Keep MMEngine from executing the text of the config.

        For mmengine 0.10.7, which executes it on resuming, only to compare
        the number of GPUs.
        """
        checkpoint.get('meta', {}).pop('config', None)

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float]
    ) -> None:
        """Save the best, and record that this validation is done."""
        runner.message_hub.update_info('validated_iter', runner.iter)
        super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        """Save, point to the file, then remove what is too old."""
        outdated = []
        if self.max_keep_ckpts > 0:
            steps = [s for s in self.keep_ckpt_ids if s != step] + [step]
            # Including outdated ones: a resumed run removes what a killed
            # one left behind.
            runner.message_hub.update_info('keep_ckpt_ids', steps)
            outdated = steps[: -self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(
                steps[-self.max_keep_ckpts :], self.max_keep_ckpts
            )
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        pointer = Path(runner.work_dir) / 'last_checkpoint'
        write_whole(pointer, str(self.last_ckpt), durable=True)
        for old in outdated:
            name = self.filename_tmpl.format(old)
            self._remove(self.file_backend.join_path(self.out_dir, name))

    def _save_best_checkpoint(
        self, runner: Runner, metrics: Mapping[str, float]
    ) -> None:
        """Save the best, then remove the previous best."""
        if not self.save_best:
            return
        before = self._best_paths()
        backend = self.file_backend
        self.file_backend = _Without(backend, before)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        if is_main_process():
            for path in before - self._best_paths():
                # A run resumed elsewhere keeps the files of the original run.
                if Path(path).parent == Path(self.out_dir):
                    self._remove(path)

    def _best_paths(self) -> set[str]:
        if len(self.key_indicators) == 1:
            paths = [self.best_ckpt_path]
        else:
            paths = self.best_ckpt_path_dict.values()
        return {str(path) for path in paths if path}

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)


class _Without:
    """A file backend that does not see some files."""

    def __init__(self, backend: Any, hidden: set[str]) -> None:
        self._backend = backend
        self._hidden = hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def isfile(self, path: str) -> bool:
        """Whether the file exists and is not hidden."""
        return str(path) not in self._hidden and self._backend.isfile(path)


def _missed_validation(runner: Runner) -> bool:
    """Whether the run ended between a checkpoint and its validation."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    if isinstance(loop, EpochBasedTrainLoop):
        now, last = loop.epoch, loop.max_epochs
    elif isinstance(loop, IterBasedTrainLoop):
        now, last = loop.iter, loop.max_iters
    else:  # of another package, with its own rules
        return False
    loop._decide_current_val_interval()
    due = now > 0 and now >= loop.val_begin
    due = due and (now % loop.val_interval == 0 or now == last)
    done = runner.message_hub.get_info('validated_iter')
    return due and done != runner.iter


@HOOKS.register_module()
class EarlyStoppingHook(hooks.EarlyStoppingHook):
    """MMEngine's hook; a resumed run continues its count.

    Arguments are MMEngine's. The count is stored in the checkpoint.
    """

    # Before CheckpointHook, which saves the count.
    priority = 'LOW'

    @property
    def _key(self) -> str:
        return f'early_stopping/{self.monitor}'

    def before_run(self, runner: Runner) -> None:
        """Nothing: asking for the loop would build the training set.

        It is built for a training anyway, but not for a test.
        """

    def before_train(self, runner: Runner) -> None:
        """Restore the count of the run that is resumed."""
        state = runner.message_hub.get_info(self._key)
        if state is not None:
            self.wait_count, self.best_score = state['wait'], state['best']
            runner.train_loop.stop_training |= state['stop']

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float]
    ) -> None:
        """Decide, and record the count."""
        super().after_val_epoch(runner, metrics)
        state = dict(
            wait=self.wait_count,
            best=float(self.best_score),
            stop=bool(runner.train_loop.stop_training),
        )
        runner.message_hub.update_info(self._key, state)
