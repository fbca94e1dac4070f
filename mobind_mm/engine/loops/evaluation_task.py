"""One named dataloader and its evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from torch.utils.data import DataLoader

_REQUIRED = ('dataloader', 'evaluator')
_KEYS = (*_REQUIRED, 'interval')


class EvaluationTask:
    """What a multi-task loop evaluates beside its main dataloader.

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
        """The dataloader, built when it is first asked for."""
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
    """Refuse what is not the description of a task."""
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
