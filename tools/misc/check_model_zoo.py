"""Check that configs, metafiles, READMEs and checkpoints agree."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope
from publish_model import CHECKPOINTS, same_model, without_local_paths

from mobind_mm.cli.arguments import flags
from mobind_mm.registry import MODELS
from mobind_mm.utils.checkpoint import check_state_dict, read_checkpoint
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.config_text import parse_config_text
from mobind_mm.utils.model_index import INDEX, ZooModel, load_models

MAX_BYTES = 20_000_000
"""Limit for a shipped checkpoint."""

_WEIGHTS_NAME = re.compile(
    r'^(?P<stem>.+)_\d{8}-(?P<digest>[0-9a-f]{8})\.pth$'
)


def check_zoo(root: str | Path) -> list[str]:
    """Find disagreements.

    The index lists every metafile. Every model has a config and a collection
    with a README; one row of a table there gives the name of the model, of
    its config (unless that is the same) and of its checkpoint, and every
    number under ``Metrics``. A shipped checkpoint is named after its content,
    is smaller than 20 MB, holds what ``publish_model.py`` writes, and fits
    the config; its directory holds nothing else.

    Args:
        root: Top of the checkout.

    Returns:
        One line per disagreement, naming the file and the model.
    """
    root = Path(root)
    try:
        models = load_models(root)
    except (FileNotFoundError, ValueError) as error:
        return [str(error)]
    return [*_check_files(root, models), *_check_models(root, models)]


def _check_files(root: Path, models: list[ZooModel]) -> Iterator[str]:
    """Metafiles and checkpoints that nothing refers to."""
    listed = {model.metafile for model in models}
    for metafile in sorted(root.glob('configs/*/metafile.yml')):
        if metafile not in listed:
            yield f'{INDEX} does not import {metafile.relative_to(root)}.'
    named = {model.weights for model in models}
    for path in sorted(root.glob(f'{CHECKPOINTS}/*')):
        if str(path.absolute()) not in named:
            yield f'{path.relative_to(root)} is in no metafile.'


def _check_models(root: Path, models: list[ZooModel]) -> Iterator[str]:
    names = [model.name for model in models]
    for model in models:
        where = f'{model.metafile.relative_to(root)}: {model.name}: '
        if names.count(model.name) > 1:
            yield f'{where}the name is there {names.count(model.name)} times.'
        problems = [*_check_row(root, model)]
        if not model.config.is_file():
            problems.append(f'there is no Config {model.entry["Config"]}.')
        elif model.weights is not None:
            problems += _check_weights(model)
        yield from (where + problem for problem in problems)


def _check_row(root: Path, model: ZooModel) -> Iterator[str]:
    """The model's row in the README of its collection."""
    content = yaml.safe_load(model.metafile.read_text(encoding='utf-8'))
    collections = {c['Name']: c for c in content.get('Collections', [])}
    collection = collections.get(model.entry.get('In Collection'))
    if collection is None:
        yield (
            f'In Collection is {model.entry.get("In Collection")!r}, '
            f'expected one of {sorted(collections)}.'
        )
        return
    readme = root / collection.get('README', '')
    if not readme.is_file():
        yield f'its collection has no README {collection.get("README")!r}.'
        return
    rows = [
        line
        for line in readme.read_text(encoding='utf-8').splitlines()
        if line.startswith('|') and f'`{model.name}`' in line
    ]
    if len(rows) != 1:
        yield (
            f'{collection["README"]} has {len(rows)} rows with '
            f'`{model.name}`, expected one.'
        )
        return
    files = [] if model.name == model.config.stem else [model.config.name]
    if model.weights is not None:
        files.append(Path(model.weights).name)
    for name in files:
        if name not in rows[0]:
            yield f'its row in {collection["README"]} does not name {name}.'
    row = re.sub(r'\(.*?\)|`.*?`', ' ', rows[0])  # no names of files
    numbers = {float(n) for n in re.findall(r'(?<![\w.])\d*\.?\d+', row)}
    for metric, value in _metrics(model.entry):
        if value not in numbers:
            yield (
                f'{metric} is {value!r}, which its row in '
                f'{collection["README"]} does not say.'
            )


def _metrics(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    results = entry.get('Results') or []
    for result in results if isinstance(results, list) else [results]:
        yield from (result.get('Metrics') or {}).items()


def _check_weights(model: ZooModel) -> Iterator[str]:
    """Name, content and fit of a checkpoint."""
    path = Path(model.weights)
    name = _WEIGHTS_NAME.match(path.name)
    if name is None or name['stem'] != model.config.stem:
        yield (
            f'Weights is called {path.name}, expected '
            f'{model.config.stem}_<YYYYMMDD>-<hash>.pth.'
        )
        return
    if '://' in model.weights:
        return
    if not path.is_file():
        yield f'there is no {model.entry["Weights"]}.'
        return
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:8]
    if digest != name['digest']:
        yield f'{path.name} has SHA-256 {digest}…; publish it again.'
        return
    if len(content) >= MAX_BYTES:
        yield f'{path.name} has {len(content)} bytes, limit {MAX_BYTES}.'
    checkpoint = read_checkpoint(str(path))
    if sorted(checkpoint) != ['meta', 'state_dict']:
        yield f'{path.name} holds {sorted(checkpoint)}; publish it.'
        return
    trained = parse_config_text(checkpoint['meta']['cfg'], path.name)
    if without_local_paths(trained.to_dict()) != trained.to_dict():
        yield f'the config in {path.name} has local paths; publish it.'
    if 'dataset_meta' not in checkpoint['meta']:
        yield f'{path.name} has no dataset_meta.'
    config = Config.fromfile(model.config)
    if not same_model(trained.get('model'), config.get('model')):
        yield f'{path.name} was trained with another model than the config.'
        return
    init_default_scope(config.get('default_scope', 'mobind_mm'))
    try:
        check_state_dict(
            MODELS.build(config.model), checkpoint['state_dict'], path.name
        )
    except ValueError as error:
        yield str(error)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag(
        'root',
        'top of the checkout; default: the one of this command',
        nargs='?',
        type=Path,
        default=Path(__file__).resolve().parents[2],
    )
    return parser.parse_args()


def main() -> None:
    """Check."""
    problems = check_zoo(parse_args().root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)


if __name__ == '__main__':
    run_command(main)
