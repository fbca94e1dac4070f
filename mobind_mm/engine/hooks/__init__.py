"""Hooks."""

from .epoch_seed_hook import EpochSeedHook
from .result_table_hook import ResultTableHook, format_metrics
from .training_curve_hook import TrainingCurveHook

__all__ = [
    'EpochSeedHook',
    'ResultTableHook',
    'TrainingCurveHook',
    'format_metrics',
]
