"""Hooks."""

from .checkpoint_hook import CheckpointHook
from .early_stopping_hook import EarlyStoppingHook
from .epoch_seed_hook import EpochSeedHook
from .non_finite_hook import NonFiniteHook
from .result_table_hook import ResultTableHook
from .task_picture_hook import TaskPictureHook
from .training_curve_hook import TrainingCurveHook

__all__ = [
    'CheckpointHook',
    'EarlyStoppingHook',
    'EpochSeedHook',
    'NonFiniteHook',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
]
