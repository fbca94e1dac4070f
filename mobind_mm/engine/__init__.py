"""Hooks that MMEngine finds through the registries."""

from .hooks import EpochSeedHook, ResultTableHook, TrainingCurveHook

__all__ = ['EpochSeedHook', 'ResultTableHook', 'TrainingCurveHook']
