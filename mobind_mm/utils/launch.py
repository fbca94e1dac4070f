"""Build the runner of a command, on GPUs or on processors alone."""

from __future__ import annotations

import os

import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner


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
        _distribute_on_cpu(cfg)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)


def _distribute_on_cpu(cfg: Config) -> None:
    """Start gloo, and wrap the model without a device.

    For mmengine 0.10.7: its launchers call ``torch.cuda.set_device``, and it
    gives ``DistributedDataParallel`` a device id that a model on the CPU
    must not have. Delete when MMEngine distributes on the CPU itself.
    """
    if cfg.launcher != 'pytorch':
        raise ValueError(
            f'--launcher {cfg.launcher} needs GPUs; on processors alone use '
            'tools/dist_train.sh or tools/dist_test.sh, which use pytorch.'
        )
    torch_dist.init_process_group('gloo')
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {})
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
