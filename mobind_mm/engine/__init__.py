"""What MMEngine finds through the registries: hooks, loops, wrappers."""

from .checkpointing import CheckpointHook, EarlyStoppingHook, WholeFileBackend
from .loops import (
    EvaluationTask,
    MultiTaskTestLoop,
    MultiTaskValLoop,
    evaluators_of,
)
from .reporting import ResultTableHook, TaskPictureHook, TrainingCurveHook
from .training import (
    BF16OptimWrapper,
    CheckedRunner,
    CosineAfterWarmUpLR,
    EpochSeedHook,
    NonFiniteHook,
)

__all__ = [
    'BF16OptimWrapper',
    'CheckedRunner',
    'CheckpointHook',
    'CosineAfterWarmUpLR',
    'EarlyStoppingHook',
    'EpochSeedHook',
    'EvaluationTask',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'NonFiniteHook',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
    'WholeFileBackend',
    'evaluators_of',
]
