"""Groups of processes, for tests that compare their results with one."""

from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def process_group(rank, world, folder):
    """Join the processes that meet in a folder, with one thread each."""
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store{world}',
        rank=rank,
        world_size=world,
    )
    yield
    dist.barrier()
    dist.destroy_process_group()
