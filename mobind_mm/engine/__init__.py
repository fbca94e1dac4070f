"""Hooks and loops that MMEngine finds through the registries."""

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

__all__ = [
    'CheckpointHook',
    'EarlyStoppingHook',
    'EpochSeedHook',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'NonFiniteHook',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
]
