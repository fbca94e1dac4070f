"""What MMEngine finds through the registries: hooks, loops, wrappers."""

from .bf16_optim_wrapper import BF16OptimWrapper
from .hooks import (
    CheckpointHook,
    EarlyStoppingHook,
    EpochSeedHook,
    NonFiniteHook,
    ResultTableHook,
    TaskPictureHook,
    TrainingCurveHook,
)
from .loops import MultiTaskTestLoop, MultiTaskValLoop
from .schedulers import CosineAfterWarmUpLR
from .whole_file_backend import WholeFileBackend

__all__ = [
    'BF16OptimWrapper',
    'CheckpointHook',
    'CosineAfterWarmUpLR',
    'EarlyStoppingHook',
    'EpochSeedHook',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'NonFiniteHook',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
    'WholeFileBackend',
]
