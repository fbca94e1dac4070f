"""Build the runner of a command, on GPUs or on processors alone."""

from __future__ import annotations

import os

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .compat import distribute_on_cpu


def build_runner(cfg: Config, local_rank: int = 0) -> Runner:
    """Build the runner that a config asks for.

    Args:
        cfg: Its ``launcher`` says what started the processes.
        local_rank: Rank on this machine, where the launcher passes it as a
            flag instead of setting ``LOCAL_RANK``.

    Raises:
        ValueError: If ``slurm`` or ``mpi`` is to run without a GPU.
    """
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    if cfg.launcher != 'none' and get_device() == 'cpu':
        distribute_on_cpu(cfg)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
