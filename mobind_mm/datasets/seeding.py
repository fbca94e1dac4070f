"""Seed the processes that load data."""

import random

import numpy as np
import torch

from ..registry import FUNCTIONS
from ..utils.compat import without_scope


@FUNCTIONS.register_module()
@without_scope
def seed_worker(worker_id: int) -> None:
    """Seed a new worker from the loader's seed of this epoch.

    MMEngine gives a worker the same seed in every epoch, so each epoch would
    repeat the random transforms of the first unless workers persist. PyTorch
    draws its seed in the main process, which ``EpochSeedHook`` seeds by
    epoch. Put ``worker_init_fn=dict(type='mobind_mm.seed_worker')`` into the
    dataloader's config.

    Args:
        worker_id: Index of the worker, already part of PyTorch's seed.
    """
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)
