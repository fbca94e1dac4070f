"""Models of the zoo by name."""

from __future__ import annotations

import re
from pathlib import Path

from ..utils.errors import mistake, nearest
from ..utils.model_index import ZooModel, find_root, load_models

DEFAULT = 'mobind_real'
"""The model of every command and class that is given none."""


def list_models(pattern: str = '.*', untrained: bool = False) -> list[str]:
    """Names of the models of the zoo that can be loaded.

    Args:
        pattern: Regular expression that a name must match.
        untrained: Also those whose weights nobody offers: they have a config
            to train.

    Raises:
        FileNotFoundError: If there is no zoo.
    """
    return sorted(
        model.name
        for model in load_models()
        if re.match(pattern, model.name) and (model.weights or untrained)
    )


def find_model(name: str | None = None) -> ZooModel:
    """Look a model up.

    Args:
        name: Name or alias; None takes :data:`DEFAULT`, or where that is
            not shipped, the first model that is.

    Raises:
        FileNotFoundError: If there is no zoo.
        ValueError: If no model has that name.
    """
    models = load_models()
    if name is None:
        shipped = [model for model in models if model.shipped]
        for model in sorted(shipped, key=lambda model: model.name != DEFAULT):
            return model
        raise ValueError(
            f'No model of the zoo in {find_root()} ships its checkpoint; '
            'give a checkpoint file.'
        )
    for model in models:
        if name in (model.name, *model.aliases):
            return model
    known = [model.name for model in models]
    if Path(name).exists():
        raise mistake(
            name,
            'is neither a checkpoint (.pth) nor a config (.py)',
            'Give one, or the name of a model (mobind models lists them)',
        )
    raise ValueError(
        f'{name!r} is neither a file nor a model of the zoo. '
        f'{nearest(name, known)}The zoo has {", ".join(known)}.'
    )
