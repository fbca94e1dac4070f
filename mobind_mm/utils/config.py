"""Read a config and apply what the flags of ``tools/`` change in it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction


def add_config_arguments(parser: ArgumentParser) -> None:
    """Add the flags that ``train.py`` and ``test.py`` have in common."""
    parser.add_argument(
        '--work-dir',
        help='directory of logs and checkpoints; default: '
        "the config's, or ./work_dirs/<name of the config>",
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        help='directory of the data, for every dataset in the config',
    )
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, e.g. train_dataloader.batch_size=8',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run',
    )
    parser.add_argument(
        *('--local_rank', '--local-rank'),
        type=int,
        default=0,
        help='set by the launcher',
    )


def load_config(args: Namespace) -> Config:
    """Read ``args.config`` and apply the common flags.

    Raises:
        FileNotFoundError: If the config or the data directory is missing.
        ValueError: If no dataset in the config has a ``data_root``.
    """
    path = Path(args.config).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no config {args.config}; give a path relative to '
            f'{Path.cwd()} or an absolute one.'
        )
    cfg = Config.fromfile(str(path))
    cfg.launcher = args.launcher
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    # Absolute: MMEngine notes the path of the last checkpoint in it.
    work_dir = args.work_dir or cfg.get('work_dir')
    work_dir = work_dir or Path('work_dirs', path.stem)
    cfg.work_dir = str(Path(work_dir).expanduser().resolve())
    if args.seed is not None:
        set_randomness(cfg, seed=args.seed)
    return cfg


def set_randomness(cfg: Config, **values: Any) -> None:
    """Change ``seed``, ``deterministic`` or ``diff_rank_seed``."""
    cfg.randomness = {**cfg.get('randomness', {}), **values}


def set_data_root(cfg: Config, data_root: str) -> None:
    """Set ``data_root`` of every dataset, however deep it is wrapped.

    A dataset is any dict with a ``type`` and a ``data_root``, whether in a
    dataloader, a list of concatenated datasets or a wrapper.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If no dataset has a ``data_root``.
    """
    root = Path(data_root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(
            f'--data-root {data_root} is not a directory; give the one that '
            'holds annotations/.'
        )
    if not _set_in(cfg._cfg_dict, str(root)):
        raise ValueError(
            f'--data-root {data_root}: no dataset in {cfg.filename} has a '
            'data_root to replace; leave the flag out.'
        )
    if 'data_root' in cfg:
        cfg.data_root = str(root)


def _set_in(node: Any, root: str) -> int:
    """Replace ``data_root`` below a config node; count the replacements."""
    count = 0
    if isinstance(node, dict):
        if 'type' in node and 'data_root' in node:
            node['data_root'] = root
            count += 1
        count += sum(_set_in(child, root) for child in node.values())
    elif isinstance(node, (list, tuple)):
        count += sum(_set_in(child, root) for child in node)
    return count
