"""From the flags of ``mobind train`` and ``mobind test`` to a runner."""

from __future__ import annotations

import os
from argparse import Action, ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.files import check_output
from ..utils.model_index import find_config
from ..utils.processes import follow_parent
from .arguments import flags

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


def add_config_arguments(parser: ArgumentParser) -> None:
    """Add the flags that ``train`` and ``test`` have in common."""
    flag = flags(parser)
    flag(
        'config',
        'config file, or name of a config of mobind_mm, such as '
        'mobind/synthetic.py',
    )
    flag(
        '--work-dir WORK_DIR',
        "directory of logs and checkpoints; default: the config's, or "
        './work_dirs/<name of the config>',
    )
    flag(
        '--data-root DIR',
        'directory of the data, for every dataset in the config',
    )
    flag('--seed SEED', 'random seed', type=int)
    flag(
        '--cfg-options KEY=VALUE ...',
        'change the config, e.g. train_dataloader.batch_size=8',
        action=_ConfigOptions,
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run',
    )
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='set by the launcher',
    )


class _ConfigOptions(Action):
    """MMEngine's ``DictAction``, imported when the flag is used."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, nargs='+')
        action(parser, namespace, values, option_string)


def load_config(args: Namespace) -> Config:
    """Read ``args.config`` and apply the common flags.

    Raises:
        FileNotFoundError: If the config or the data directory is missing.
        ValueError: If no dataset in the config has a ``data_root``.
    """
    from mmengine.config import Config

    path = find_config(args.config)
    cfg = Config.fromfile(str(path))
    cfg.launcher = args.launcher
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    # Absolute: MMEngine notes the path of the last checkpoint in it.
    work_dir = args.work_dir or cfg.get('work_dir')
    work_dir = work_dir or Path('work_dirs', path.stem)
    cfg.work_dir = os.path.abspath(os.path.expanduser(work_dir))
    check_output(cfg.work_dir, is_dir=True)
    if args.seed is not None:
        set_randomness(cfg, seed=args.seed)
    return cfg


def build_runner(cfg: Config, local_rank: int = 0) -> Runner:
    """Build the runner that a config asks for.

    Args:
        cfg: Its ``launcher`` says what started the processes.
        local_rank: Rank on this machine, where the launcher passes it as a
            flag instead of setting ``LOCAL_RANK``.

    Raises:
        ValueError: If ``slurm`` or ``mpi`` is to run without a GPU.
    """
    from mmengine.device import get_device
    from mmengine.registry import RUNNERS

    from ..engine.training import CheckedRunner
    from ..utils.compat import distribute_on_cpu

    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    if 'TORCHELASTIC_RUN_ID' in os.environ:  # of a torchrun that gets killed
        follow_parent()
    if cfg.launcher != 'none' and get_device() == 'cpu':
        distribute_on_cpu(cfg)
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return CheckedRunner.from_cfg(cfg)


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
    root = Path(os.path.expanduser(data_root))
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
