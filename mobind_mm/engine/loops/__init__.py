"""Loops."""

from .evaluation_task import EvaluationTask
from .multi_task_mixin import evaluators_of
from .multi_task_test_loop import MultiTaskTestLoop
from .multi_task_val_loop import MultiTaskValLoop

__all__ = [
    'EvaluationTask',
    'MultiTaskTestLoop',
    'MultiTaskValLoop',
    'evaluators_of',
]
