"""Write a checkpoint that can be published: weights, config, data meta."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mobind_mm.cli.arguments import flags
from mobind_mm.registry import MODELS
from mobind_mm.utils.checkpoint import check_state_dict, read_checkpoint
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.config_text import parse_config_text
from mobind_mm.utils.files import write_whole
from mobind_mm.utils.model_index import load_models
from mobind_mm.version import __version__

KEPT_META = ('dataset_meta', 'epoch', 'iter', 'mmengine_version')
"""Keys of ``meta`` that are kept."""

CHECKPOINTS = 'mobind_mm/checkpoints'
"""Where shipped checkpoints lie in a checkout."""

_TIME = re.compile(r'^(\d{8})_\d{6}$')


def publish_checkpoint(
    config: str | Path,
    checkpoint: str | Path,
    out_dir: str | Path,
    day: str | None = None,
) -> Path:
    """Write a checkpoint with only weights, config text and data meta.

    The state of the training, the random seed and names of local
    directories are left out (see :func:`without_local_paths`). The file is
    called ``<stem of the config>_<day>-<first 8 digits of its SHA-256>.pth``,
    as in OpenMMLab's model zoos; the same input gives the same bytes.

    Args:
        config: Config file that the model was trained with.
        checkpoint: Checkpoint of the training.
        out_dir: Directory to write to.
        day: YYYYMMDD; None: the day of the training, or today.

    Returns:
        The file.

    Raises:
        FileNotFoundError: If config or checkpoint is missing.
        ValueError: If they do not belong together, or ``day`` is not a day.
    """
    if not Path(config).is_file():
        raise FileNotFoundError(f'There is no config {config}.')
    cfg = Config.fromfile(config)
    source = read_checkpoint(str(checkpoint))
    meta = source.get('meta')
    if not isinstance(meta, Mapping) or not isinstance(meta.get('cfg'), str):
        raise ValueError(
            f'{checkpoint} carries no config (meta.cfg); publish what '
            'mobind train wrote.'
        )
    trained = parse_config_text(meta['cfg'], str(checkpoint))
    if not same_model(trained.get('model'), cfg.get('model')):
        raise ValueError(
            f'{checkpoint} was trained with another model than {config} '
            'describes; name the config of the training.'
        )
    init_default_scope(cfg.get('default_scope', 'mobind_mm'))
    check_state_dict(
        MODELS.build(cfg.model), source['state_dict'], str(checkpoint)
    )
    published = {
        'state_dict': type(source['state_dict'])(
            (name, value.detach().cpu().clone())
            for name, value in source['state_dict'].items()
        ),
        'meta': {
            'cfg': Config(without_local_paths(trained.to_dict())).pretty_text,
            **{key: meta[key] for key in KEPT_META if key in meta},
            'mobind_mm_version': __version__,
        },
    }
    # Into memory: with a path PyTorch puts its name into the file.
    buffer = io.BytesIO()
    torch.save(published, buffer)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()[:8]
    stem = f'{Path(config).stem}_{_day(day, meta)}-{digest}'
    path = Path(out_dir) / f'{stem}.pth'
    write_whole(path, content)
    return path


def into_zoo(root: str | Path, name: str, published: Path) -> Path:
    """Let a published checkpoint replace the one of a model of the zoo.

    The file goes to ``mobind_mm/checkpoints``, the old one is removed, and
    its name is replaced in the metafile and in the pages that mention it. A
    model without a checkpoint gets the line ``Weights``.

    Args:
        root: Top of the checkout.
        name: Name of the model in its metafile.
        published: File of :func:`publish_checkpoint`.

    Returns:
        Where the file is now.

    Raises:
        ValueError: If there is no such model.
    """
    root = Path(root)
    models = [model for model in load_models(root) if model.name == name]
    if not models:
        raise ValueError(f'No metafile in {root} has the model {name}.')
    (model,) = models
    path = root / CHECKPOINTS / published.name
    if published.resolve() != path.resolve():
        write_whole(path, published.read_bytes())
    old = model.entry.get('Weights')
    pages = [model.metafile, *root.glob('docs/*.md'), root / 'README.md']
    pages += [*root.glob('configs/*/README.md')]
    pages += root.glob('docs/results/*.json')
    for page in pages if old else [model.metafile]:
        text = page.read_text(encoding='utf-8')
        if old:
            new = text.replace(PurePosixPath(old).name, path.name)
        else:
            line = f'  - Name: {name}\n'
            weights = f'    Weights: {CHECKPOINTS}/{path.name}\n'
            new = text.replace(line, line + weights)
        if new != text:
            write_whole(page, new)
    if old and (root / old).is_file() and root / old != path:
        (root / old).unlink()
    return path


def same_model(first: Any, second: Any) -> bool:
    """Whether two configs describe the same model.

    One may set limbs, rates and the window once, the other in every part.
    """
    return first == second or _described(first) == _described(second)


def _described(config: Any) -> str:
    """The model's own settings, and those of its parts with defaults."""
    init_default_scope('mobind_mm')
    model = MODELS.build(dict(config))
    parts = {
        name: {'type': type(part).__name__, **part.settings}
        for name, part in model.named_children()
        if hasattr(part, 'settings')
    }
    shared = ('limbs', 'imu_rate', 'pose_rate', 'window_sec')
    rest = {
        key: value
        for key, value in config.items()
        if key not in parts and key not in shared
    }
    return json.dumps([rest, parts], sort_keys=True, default=str)


def without_local_paths(node: Any) -> Any:
    """Copy of a config without names of this machine's directories.

    ``work_dir`` and ``launcher`` are dropped, ``load_from`` and ``resume``
    reset. Every other absolute path is reduced to its last part, ``data_root``
    to ``data/<last part>``.
    """
    if isinstance(node, Mapping):
        return {
            key: _without_local_path(key, value)
            for key, value in node.items()
            if key not in ('work_dir', 'launcher')
        }
    if isinstance(node, (list, tuple)):
        return type(node)(without_local_paths(item) for item in node)
    return _last_part(node) if is_local_path(node) else node


def _without_local_path(key: Any, value: Any) -> Any:
    if key in ('load_from', 'resume'):
        return None if key == 'load_from' else False
    if key == 'data_root' and is_local_path(value):
        return f'data/{_last_part(value)}'
    return without_local_paths(value)


def is_local_path(value: Any) -> bool:
    """Whether a value is an absolute path on any system."""
    return isinstance(value, str) and (
        PurePosixPath(value).is_absolute()
        or PureWindowsPath(value).is_absolute()
        or value.startswith(('~', 'file:'))
    )


def _last_part(path: str) -> str:
    """Name of a file or directory on any system."""
    return re.split(r'[/\\]', path.rstrip('/\\'))[-1]


def _day(day: str | None, meta: Mapping) -> str:
    """Day for the name of the file."""
    if day is None:
        trained = _TIME.match(str(meta.get('time')))
        return trained[1] if trained else date.today().strftime('%Y%m%d')
    if not re.fullmatch(r'\d{8}', day):
        raise ValueError(f'The day is {day!r}, expected YYYYMMDD.')
    return day


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flag = flags(parser)
    flag('config', 'config of the training')
    flag('checkpoint', 'checkpoint of the training')
    flag('--out-dir DIR', 'default: here', default='.')
    flag(
        '--date YYYYMMDD',
        'for the name of the file; default: the day of the training',
    )
    flag(
        '--model NAME',
        'model of the zoo whose checkpoint it becomes, in this checkout',
    )
    return parser.parse_args()


def main() -> None:
    """Publish."""
    args = parse_args()
    path = publish_checkpoint(
        args.config, args.checkpoint, args.out_dir, args.date
    )
    if args.model:
        written = path
        path = into_zoo(Path(__file__).parents[2], args.model, path)
        if written.resolve() != path.resolve():
            written.unlink()
    print(path)


if __name__ == '__main__':
    run_command(main)
