"""Models of the zoo by name, as its index and metafiles list them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..datasets.io.own_data_values import nearest
from ..datasets.io.own_data_yaml import read_yaml

PACKAGE = Path(__file__).resolve().parents[1]
INDEX = 'model-index.yml'


@dataclass(frozen=True)
class ZooModel:
    """One entry of a metafile.

    Args:
        name: Name to ask for.
        config: Its config file.
        weights: Checkpoint file or URL, or None where none is published.
        aliases: Other names.
    """

    name: str
    config: Path
    weights: str | None
    aliases: tuple[str, ...] = ()

    @property
    def shipped(self) -> bool:
        """Whether the checkpoint comes with the package."""
        return self.weights is not None and Path(self.weights).is_file()


def zoo_root() -> Path:
    """Directory of ``model-index.yml`` and ``configs``.

    The checkout, or ``mobind_mm/.mim`` in an installed wheel.

    Raises:
        FileNotFoundError: If there is neither.
    """
    for root in (PACKAGE.parent, PACKAGE / '.mim'):
        if (root / INDEX).is_file() and (root / 'configs').is_dir():
            return root
    raise FileNotFoundError(
        f'There is no {INDEX} beside {PACKAGE} or in {PACKAGE / ".mim"}: '
        'this copy of mobind_mm has no model zoo; give a checkpoint file.'
    )


def zoo_models() -> list[ZooModel]:
    """All models, in the order of the metafiles.

    Raises:
        FileNotFoundError: If there is no zoo, or a metafile is missing.
        ValueError: If a metafile is not what MIM reads.
    """
    root = zoo_root()
    models = []
    for name in read_yaml(root / INDEX).get('Import') or ():
        path = root / str(name)
        for entry in read_yaml(path).get('Models') or ():
            models.append(_model(entry, path, root))
    return models


def list_models(pattern: str = '.*') -> list[str]:
    """Names of the models of the zoo.

    Args:
        pattern: Regular expression that a name must match.
    """
    names = [model.name for model in zoo_models()]
    return sorted(name for name in names if re.match(pattern, name))


def find_model(name: str | None = None) -> ZooModel:
    """Look a model up.

    Args:
        name: Name or alias; None takes the model that ships with the
            package.

    Raises:
        FileNotFoundError: If there is no zoo.
        ValueError: If no model has that name.
    """
    models = zoo_models()
    if name is None:
        for model in models:
            if model.shipped:
                return model
        raise ValueError(
            f'No model of the zoo in {zoo_root()} ships its checkpoint; '
            'name a checkpoint file.'
        )
    for model in models:
        if name in (model.name, *model.aliases):
            return model
    known = [model.name for model in models]
    raise ValueError(
        f'{name!r} is neither a file nor a model of the zoo. '
        f'{nearest(name, known)}The zoo has {", ".join(known)}.'
    )


def _model(entry: object, path: Path, root: Path) -> ZooModel:
    if not isinstance(entry, dict) or not {'Name', 'Config'} <= entry.keys():
        raise ValueError(f'{path}: a model needs Name and Config: {entry!r}.')
    weights, aliases = entry.get('Weights'), entry.get('Alias') or ()
    if weights and '://' not in str(weights):
        weights = str(PACKAGE.parent / str(weights))
    return ZooModel(
        name=str(entry['Name']),
        config=root / str(entry['Config']),
        weights=weights or None,
        aliases=(aliases,) if isinstance(aliases, str) else tuple(aliases),
    )
