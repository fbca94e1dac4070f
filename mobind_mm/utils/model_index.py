"""Read the model zoo: ``model-index.yml`` and the metafiles it imports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .errors import nearest

_PACKAGE = Path(__file__).resolve().parents[1]

INDEX = 'model-index.yml'


@dataclass(frozen=True)
class ZooModel:
    """One model of the zoo.

    Args:
        name: What users call it.
        config: Its config file.
        weights: Its checkpoint, an absolute path or a URL; None if the
            metafile names none.
        entry: The entry in the metafile, as it stands there.
        metafile: The file that has the entry.
    """

    name: str
    config: Path
    weights: str | None
    entry: dict[str, Any]
    metafile: Path

    @property
    def shipped(self) -> bool:
        """Whether the checkpoint comes with the package."""
        return self.weights is not None and Path(self.weights).is_file()

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names."""
        names = self.entry.get('Alias') or ()
        return (names,) if isinstance(names, str) else tuple(names)


def find_root() -> Path:
    """Directory of ``model-index.yml`` and ``configs``.

    It is ``.mim`` inside an installed package, or the top of a checkout.

    Raises:
        FileNotFoundError: If neither has it.
    """
    for root in (_PACKAGE / '.mim', _PACKAGE.parent):
        if (root / INDEX).is_file():
            return root
    raise FileNotFoundError(
        f'{INDEX} is neither in {_PACKAGE / ".mim"} nor in '
        f'{_PACKAGE.parent}; install mobind_mm again.'
    )


def load_models(root: str | Path | None = None) -> list[ZooModel]:
    """Read all models, in the order of the metafiles.

    Args:
        root: Directory of ``model-index.yml``; None takes that of
            :func:`find_root`.

    Raises:
        FileNotFoundError: If the index or a metafile is missing. Configs
            and checkpoints are not looked for.
        ValueError: If a file is not what OpenMMLab's metafiles are; names
            the file and the entry.
    """
    root = find_root() if root is None else Path(root)
    imports = _read(root / INDEX).get('Import')
    if not isinstance(imports, list):
        raise ValueError(
            f'{root / INDEX}: Import is {imports!r}, expected a list of '
            'metafiles.'
        )
    return [m for path in imports for m in _models(root, root / path)]


def _models(root: Path, metafile: Path) -> Iterator[ZooModel]:
    entries = _read(metafile).get('Models')
    if not isinstance(entries, list):
        raise ValueError(
            f'{metafile}: Models is {entries!r}, expected a list.'
        )
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ValueError(
                f'{metafile}: Models[{number}] is {entry!r}, expected a '
                'mapping with Name and Config.'
            )
        for key in ('Name', 'Config'):
            if not isinstance(entry.get(key), str):
                raise ValueError(
                    f'{metafile}: Models[{number}] has {key} '
                    f'{entry.get(key)!r}, expected a string.'
                )
        yield ZooModel(
            name=entry['Name'],
            config=root / entry['Config'],
            weights=_resolve(root, entry.get('Weights')),
            entry=entry,
            metafile=metafile,
        )


def _resolve(root: Path, weights: str | None) -> str | None:
    """Path or URL of ``Weights``, which is relative to the checkout.

    From ``.mim``, that is the directory of the package.
    """
    if weights is None or '://' in weights:
        return weights
    base = root.parents[1] if root.name == '.mim' else root
    return str((base / weights).absolute())


def _read(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file."""
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise FileNotFoundError(
            f'There is no {path}, which the model zoo needs.'
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is not a YAML file: {error}') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path} holds {content!r}, expected a mapping.')
    return content


def find_config(name: str) -> Path:
    """Find a config: a file, or one that comes with the package.

    Args:
        name: Path of a file; or ``mobind/synthetic.py`` as it is below
            ``configs/``, with or without ``configs/``, ``mobind_mm::`` and
            ``.py``; or ``synthetic``, if one config alone has that name.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If several configs have that name.
    """
    path = Path(os.path.expanduser(name))
    if path.is_file():
        return path
    root = find_root() / 'configs'
    configs = {
        file.relative_to(root).with_suffix('').as_posix(): file
        for file in sorted(root.glob('*/**/*.py'))
        if '_base_' not in file.parts
    }
    wanted = name.removeprefix('mobind_mm::').removeprefix('configs/')
    wanted = wanted.removesuffix('.py')
    if wanted in configs:
        return configs[wanted]
    same = [key for key in configs if key.rpartition('/')[2] == wanted]
    if len(same) > 1:
        raise ValueError(
            f'Several configs are called {name}: {", ".join(same)}; give one '
            'of these.'
        )
    if same:
        return configs[same[0]]
    stems = [key.rpartition('/')[2] for key in configs]
    known = configs if '/' in wanted else stems
    raise FileNotFoundError(
        f'There is no config {name}; give a path relative to {Path.cwd()}, '
        'an absolute one, or the name of a config of mobind_mm. '
        f'{nearest(wanted, known)}'.rstrip()
    )
