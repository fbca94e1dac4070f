"""Hooks."""

from .epoch_seed_hook import EpochSeedHook
from .result_table_hook import ResultTableHook
from .task_picture_hook import TaskPictureHook
from .training_curve_hook import TrainingCurveHook

__all__ = [
    'EpochSeedHook',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
]
