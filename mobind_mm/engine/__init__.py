"""What MMEngine finds through the registries: hooks, loops, wrappers."""

from .bf16_optim_wrapper import BF16OptimWrapper
from .hooks import (
    EpochSeedHook,
    ResultTableHook,
    TaskPictureHook,
    TrainingCurveHook,
)
from .loops import MultiTaskTestLoop, MultiTaskValLoop

__all__ = [
    'BF16OptimWrapper',
    'EpochSeedHook',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
]
