"""Child registries of every MMEngine root, scope ``mobind_mm``.

``locations`` makes MMEngine import the modules on first use, so a config
needs ``default_scope = 'mobind_mm'`` and no ``custom_imports``.
"""

from __future__ import annotations

from mmengine import registry as root
from mmengine.registry import Registry

from .utils.lazy import import_all

_SCOPE = 'mobind_mm'


class _Child(Registry):
    """A registry whose locations may import their names lazily."""

    def import_from_location(self) -> None:
        """Import the locations and all that they name."""
        if not self._imported:
            for location in self._locations:
                import_all(location)
        super().import_from_location()


def _child(parent: Registry, location: str) -> Registry:
    """Derive the ``mobind_mm`` child of one MMEngine root registry."""
    return _Child(
        parent.name,
        parent=parent,
        scope=_SCOPE,
        locations=[f'{_SCOPE}.{location}'],
    )


RUNNERS = _child(root.RUNNERS, 'engine')
RUNNER_CONSTRUCTORS = _child(root.RUNNER_CONSTRUCTORS, 'engine')
LOOPS = _child(root.LOOPS, 'engine')
HOOKS = _child(root.HOOKS, 'engine')
STRATEGIES = _child(root.STRATEGIES, 'engine')
LOG_PROCESSORS = _child(root.LOG_PROCESSORS, 'engine')
OPTIMIZERS = _child(root.OPTIMIZERS, 'engine')
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
PARAM_SCHEDULERS = _child(root.PARAM_SCHEDULERS, 'engine')

DATASETS = _child(root.DATASETS, 'datasets')
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _child(root.TRANSFORMS, 'datasets.transforms')
FUNCTIONS = _child(root.FUNCTIONS, 'datasets')

MODELS = _child(root.MODELS, 'models')
MODEL_WRAPPERS = _child(root.MODEL_WRAPPERS, 'models')
WEIGHT_INITIALIZERS = _child(root.WEIGHT_INITIALIZERS, 'models')
TASK_UTILS = _child(root.TASK_UTILS, 'synchronization')

METRICS = _child(root.METRICS, 'evaluation')
EVALUATOR = _child(root.EVALUATOR, 'evaluation')

VISUALIZERS = _child(root.VISUALIZERS, 'visualization.visualizer')
VISBACKENDS = _child(root.VISBACKENDS, 'visualization')

INFERENCERS = _child(root.INFERENCERS, 'apis')
