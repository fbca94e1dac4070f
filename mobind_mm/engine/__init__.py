"""Hooks and loops that MMEngine finds through the registries."""

from .hooks import (
    EpochSeedHook,
    ResultTableHook,
    TaskPictureHook,
    TrainingCurveHook,
)
from .loops import MultiTaskTestLoop, MultiTaskValLoop

__all__ = [
    'EpochSeedHook',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'ResultTableHook',
    'TaskPictureHook',
    'TrainingCurveHook',
]
