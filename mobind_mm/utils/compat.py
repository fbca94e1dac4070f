"""Work-arounds for other packages: the only home of them.

Each says which version it is for and when it can be deleted.
:func:`apply` runs once, as soon as both ``mobind_mm`` and MMEngine are
imported; it is idempotent.
"""

from __future__ import annotations

import datetime
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config

_DRN = 'mmaction.models.localizers.drn'


def apply_with_mmengine() -> None:
    """Install every work-around now, or as soon as MMEngine is imported.

    So that what does without MMEngine, such as ``mobind --help`` and the
    recording format, need not wait for it.
    """
    if 'mmengine' in sys.modules:
        apply()
    elif not any(isinstance(f, _MMEngineFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, _MMEngineFinder())


class _MMEngineFinder(importlib.abc.MetaPathFinder):
    """Lets :func:`apply` follow the import of MMEngine."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != 'mmengine':
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                execute(module)
                apply()

            spec.loader.exec_module = exec_module
        return spec


def apply() -> None:
    """Install every work-around."""
    from . import shipped  # noqa: F401  (registers where checkpoints lie)

    _trust_checkpoint_classes()
    _restrict_downloads()
    _announce_package()
    _format_config_once()
    if not any(isinstance(f, _MissingDRNFinder) for f in sys.meta_path):
        sys.meta_path.append(_MissingDRNFinder())


def _trust_checkpoint_classes() -> None:
    """Let ``torch.load(weights_only=True)`` read MMEngine checkpoints.

    For mmengine 0.10.7 on torch >= 2.6: the message hub inside every
    checkpoint holds ``HistoryBuffer`` objects and numpy scalars, which the
    restricted loader refuses, so ``--resume``, ``--load-from`` and testing
    fail. Only the classes listed here are admitted; ``weights_only`` stays
    on. Delete when mmengine registers them itself.
    """
    import numpy as np
    import torch
    from mmengine.logging.history_buffer import HistoryBuffer

    reconstruct = np.ndarray(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    dtypes = (np.float32, np.float64, np.int32, np.int64, np.bool_)
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *(type(np.dtype(t)) for t in dtypes),
            # numpy 1 and numpy 2 write different module names.
            *(
                (function, f'numpy.{core}.multiarray.{function.__name__}')
                for function in (reconstruct, scalar)
                for core in ('core', '_core')
            ),
            (_history_buffer_method, 'builtins.getattr'),
        ]
    )


def _restrict_downloads() -> None:
    """Read downloaded checkpoints with ``weights_only=True`` too.

    For mmengine 0.10.7: it fetches URLs with ``load_state_dict_from_url``,
    whose default is the unrestricted loader. Delete when MMEngine passes
    ``weights_only=True``.
    """
    from mmengine.runner import checkpoint

    if not isinstance(checkpoint.load_url, functools.partial):
        checkpoint.load_url = functools.partial(
            checkpoint.load_url, weights_only=True
        )


def _announce_package() -> None:
    """Make ``mobind_mm::mobind/synthetic.py`` a config that is found.

    For mmengine 0.10.7: it admits OpenMMLab's own packages alone, and looks
    for every package in ``site-packages``, where an editable install is not.
    Delete when it admits any package and looks where Python imports it from.
    """
    from mmengine.config import config, utils
    from mmengine.hub import hub

    utils.MODULE2PACKAGE['mobind_mm'] = 'mobind_mm'
    for module in (config, hub):
        module.get_installed_path = _installed_path


def _installed_path(package: str) -> str:
    """Directory of a package: ours by import, others as MMEngine does."""
    from mmengine.utils import get_installed_path

    if package == 'mobind_mm':
        return str(Path(__file__).resolve().parents[1])
    return get_installed_path(package)


def without_scope(function: Callable) -> Callable:
    """Let a registered function be named in a config of another package.

    For mmengine 0.10.7: ``_base_ = 'mobind_mm::…'`` adds ``_scope_`` to every
    dict with a ``type``, which a function then gets as an argument. Delete
    when MMEngine takes it out, as it does for classes.
    """

    @functools.wraps(function)
    def wrapped(*args: Any, _scope_: str | None = None, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapped


def _format_config_once() -> None:
    """Format the text of a config once instead of at every checkpoint.

    For mmengine 0.10.7: ``Config.pretty_text`` runs yapf every time, about
    0.7 s for our configs, four times before a training starts and at every
    checkpoint. Delete when MMEngine keeps the text.
    """
    from mmengine.config import config as module

    format_code = module.FormatCode
    if hasattr(format_code, 'formats_once'):
        return

    @functools.lru_cache(maxsize=16)
    def formatted(text: str, options: str) -> tuple[str, bool]:
        return format_code(text, **json.loads(options))

    def format_once(text: str, **options: object) -> tuple[str, bool]:
        return formatted(text, json.dumps(options, sort_keys=True))

    format_once.formats_once = True
    module.FormatCode = format_once


def _history_buffer_method(owner: object, name: str) -> object:
    """Answer for ``getattr`` in a checkpoint: four methods, nothing else.

    A ``HistoryBuffer`` is pickled with ``getattr(HistoryBuffer, 'mean')``;
    the real ``getattr`` would open the restricted loader to everything.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
        return getattr(HistoryBuffer, name)
    raise ValueError(
        f'The checkpoint asks for attribute {name!r} of {owner!r}, which no '
        'MMEngine checkpoint needs; it is refused as unsafe.'
    )


class _MissingDRNFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stand in for the modules that the mmaction2 1.2.0 wheel forgot.

    ``mmaction.models`` imports ``localizers.drn.drn``, which is not in the
    wheel on PyPI. This finder comes last, so a real module always wins.
    Delete when a mmaction2 release contains it.
    """

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in (_DRN, f'{_DRN}.drn'):
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, is_package=fullname == _DRN
        )

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        if spec.name.endswith('.drn.drn'):
            module.DRN = type('DRN', (), {'__doc__': 'Not in the wheel.'})
        return module

    def exec_module(self, module) -> None:
        """Nothing to execute."""


def require_mmaction() -> types.ModuleType:
    """Import MMAction2, or say what to install.

    Raises:
        ImportError: If MMAction2 or every flavour of MMCV is missing.
    """
    if importlib.util.find_spec('mmcv') is None:
        raise ImportError(
            'MMAction2 needs MMCV. Without one: pip install '
            "'mobind_mm[lite]' (brings mmcv-lite, pure Python). If you use "
            "OpenMMLab's compiled operators, install a full mmcv>=2.0,<2.2 "
            'instead; never install both.'
        )
    if importlib.util.find_spec('mmaction') is None:
        raise ImportError(
            "MMAction2 is not installed: pip install 'mobind_mm[lite]', or "
            'beside a full mmcv: pip install mmaction2==1.2.0 '
            'importlib_metadata six.'
        )
    import mmaction

    return mmaction


def distribute_on_cpu(cfg: Config) -> None:
    """Start gloo, and wrap the model without a device.

    For mmengine 0.10.7: its launchers call ``torch.cuda.set_device``, and it
    gives ``DistributedDataParallel`` a device id that a model on the CPU
    must not have. Delete when MMEngine distributes on the CPU itself.

    Raises:
        ValueError: If the launcher or ``sync_bn`` works with GPUs only.
    """
    import torch.distributed as torch_dist

    if cfg.get('sync_bn'):
        raise ValueError(
            f'sync_bn={cfg.sync_bn!r} needs GPUs; set '
            "model=dict(batch_norm='synchronised') instead, which works on "
            'processors too.'
        )
    if cfg.launcher != 'pytorch':
        raise ValueError(
            f'--launcher {cfg.launcher} needs GPUs; on processors alone use '
            'tools/dist_train.sh or tools/dist_test.sh, which use pytorch.'
        )
    environment = cfg.get('env_cfg', {}).get('dist_cfg', {})
    timeout = datetime.timedelta(seconds=environment.get('timeout', 1800))
    torch_dist.init_process_group('gloo', timeout=timeout)
    wrapper = dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    wrapper.update(cfg.get('model_wrapper_cfg') or {})
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)


@functools.cache
def exact_floats() -> dict[str, str]:
    """Options with which ``pandas.read_csv`` rounds floats correctly.

    For pandas below 3.1, whose default is off by a unit in the last place
    now and then; later ones deprecate the option. Delete when 3.1 is the
    oldest supported version.
    """
    import pandas

    version = tuple(int(n) for n in pandas.__version__.split('.')[:2])
    return {'float_precision': 'round_trip'} if version < (3, 1) else {}
