"""Train, validate and test a config in a few seconds, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def train_and_test(
    cfg: Config, work_dir: Path, epochs: int = 1
) -> dict[str, float]:
    """Metrics of the test, after epochs that are validated.

    Validation includes synchronisation. Windows of the synthetic dataset
    are few.

    Args:
        cfg: Config of a training, changed in place.
        work_dir: Directory of the log and of ``epoch_1.pth``, ....
        epochs: Number of epochs.
    """
    cfg.work_dir, cfg.log_level = str(work_dir), 'WARNING'
    cfg.experiment_name = f'{work_dir.parent.name}_{work_dir.name}'
    cfg.train_cfg.update(max_epochs=epochs, val_interval=1)
    cfg.default_hooks.pop('training_curve', None)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    cfg.model.stream_stride_sec = 1.0
    sync = cfg.test_cfg.tasks.sync
    cfg.test_cfg.tasks = dict(sync=sync)
    cfg.val_cfg = dict(
        type='MultiTaskValLoop', tasks=dict(sync=dict(sync, interval=1))
    )
    tasks = [stage.tasks.sync for stage in (cfg.val_cfg, cfg.test_cfg)]
    for loader in [cfg[k] for k in _LOADERS] + [t.dataloader for t in tasks]:
        loader.update(num_workers=0, persistent_workers=False, batch_size=4)
        _shrink(loader.dataset)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.test()


def _shrink(dataset: Any, clips: bool = False) -> None:
    for part in dataset.get('datasets', ()):
        _shrink(part)
    if dataset.type == 'SyncClipDataset':
        dataset.max_offset = 2.0
        _shrink(dataset.dataset, clips=True)
    if dataset.type == 'SyntheticMotionDataset':
        dataset.update(num_subjects=2, takes_per_subject=1, take_sec=15.0)
        if clips:
            dataset.update(window_sec=8.0, stride_sec=8.0)
