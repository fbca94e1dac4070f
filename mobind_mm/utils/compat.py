"""Work-arounds for other packages: the only home of them.

Each says which version it is for and when it can be deleted. They wait for
the modules that they change, so that what does without MMEngine, such as
``mobind --help`` and the recording format, need not import it:
:func:`apply` runs with ``import mobind_mm``, and each work-around right
after the first import of its module. All are idempotent.
"""

from __future__ import annotations

import datetime
import functools
import getpass
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config

_DRN = 'mmaction.models.localizers.drn'
_PEAKS = 'scipy.signal._peak_finding'


def apply() -> None:
    """Install every work-around, now or as soon as its module is imported."""
    _know_user()
    if not any(isinstance(f, _ImportHook) for f in sys.meta_path):
        sys.meta_path.insert(0, _ImportHook())
        sys.meta_path.append(_MissingDRNFinder())
    for name in _AFTER_IMPORT:
        if name in sys.modules:
            _work_around(name)


def _know_user() -> None:
    """Give a user without an account, as in containers, home and name.

    For platformdirs 4.14, which yapf and with it mmengine 0.10.7 imports: a
    RuntimeError without a home. For torch 2.13: a KeyError of its compiler
    without a name. Delete when both can be imported without.
    """
    if os.name != 'posix':
        return
    if not os.path.isabs(os.environ.get('HOME', '/')):
        del os.environ['HOME']
    if not os.path.isabs(os.path.expanduser('~')):
        os.environ['HOME'] = '/'  # as Docker does
    try:
        getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        os.environ['USER'] = f'uid{os.getuid()}'


def _work_around(name: str) -> None:
    for change in _AFTER_IMPORT[name]:
        change()


class _ImportHook(importlib.abc.MetaPathFinder):
    """Runs work-arounds when the modules that they change are imported."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == 'mmengine.runner':
            _import_sharding()
        if fullname in _left_out:
            return importlib.machinery.ModuleSpec(fullname, _LeftOut())
        if fullname not in (_PEAKS, *_AFTER_IMPORT):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                if fullname == _PEAKS:
                    _without_statistics(execute, module)
                else:
                    execute(module)
                    _work_around(fullname)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_SHARDING = {
    'mmengine.optim.optimizer.zero_optimizer': 'ZeroRedundancyOptimizer',
    'mmengine.model.wrappers.fully_sharded_distributed': (
        'MMFullyShardedDataParallel'
    ),
}
_left_out = set(_SHARDING)


class _LeftOut(importlib.abc.Loader):
    """Leaves PyTorch's sharded training out until somebody trains.

    For mmengine 0.10.7: ``mmengine.model``, which every model needs, imports
    two classes that need ``torch.distributed.fsdp``, which takes longer to
    import than a recording to synchronise. A class of that name replaces
    each until it is used or ``mmengine.runner`` is imported. Delete when
    MMEngine imports them when they are used.
    """

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Nothing special."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Register a class that makes an object of the real one."""
        name = _SHARDING[module.__name__]

        def make(cls: type, *args: Any, **kwargs: Any) -> Any:
            _import_sharding()
            return getattr(sys.modules[module.__name__], name)(*args, **kwargs)

        stand_in = type(name, (), {'__new__': make})
        _sharding_registry(module.__name__).register_module(module=stand_in)
        setattr(module, name, stand_in)


def _sharding_registry(module: str) -> Any:
    from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS

    return OPTIMIZERS if 'optim' in module else MODEL_WRAPPERS


def _import_sharding() -> None:
    """Put the real classes where their stand-ins are."""
    while _left_out:
        module = _left_out.pop()
        spec = getattr(sys.modules.get(module), '__spec__', None)
        if spec is None or not isinstance(spec.loader, _LeftOut):
            continue  # not imported, or imported before this package
        del sys.modules[module]
        name = _SHARDING[module]
        _sharding_registry(module).module_dict.pop(name)
        real = getattr(importlib.import_module(module), name)
        while '.' in module:
            module = module.rpartition('.')[0]
            if hasattr(sys.modules[module], name):
                setattr(sys.modules[module], name, real)


def _without_statistics(
    execute: Callable[[types.ModuleType], None], module: types.ModuleType
) -> None:
    """Execute a module of ``scipy.signal`` without ``scipy.stats``.

    For scipy 1.17: all of ``scipy.signal`` waits for ``scipy.stats``, whose
    import costs a quarter of PyTorch's, for one function that is called to
    find peaks with wavelets. Delete when it imports it there.
    """
    if 'scipy.stats' in sys.modules:
        execute(module)
        return

    def later(name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            stats = importlib.import_module('scipy.stats')
            return getattr(stats, name)(*args, **kwargs)

        return call

    stand_in = types.ModuleType('scipy.stats')
    stand_in.__dict__['__getattr__'] = later
    sys.modules['scipy.stats'] = stand_in
    try:
        execute(module)
    finally:
        if sys.modules.get('scipy.stats') is stand_in:
            del sys.modules['scipy.stats']


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

    reconstruct: Any = np.ndarray(0).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    dtypes = (np.float32, np.float64, np.int32, np.int64, np.bool_)
    # numpy 1 and numpy 2 write different module names.
    functions: list[Any] = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for function in (reconstruct, scalar)
        for core in ('core', '_core')
    ]
    classes = [type(np.dtype(t)) for t in dtypes]
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            *classes,
            *functions,
            (_history_buffer_method, 'builtins.getattr'),
        ]
    )


def _restrict_downloads() -> None:
    """Check the hash of downloaded checkpoints, and read weights only.

    For mmengine 0.10.7: it fetches URLs with ``load_state_dict_from_url``,
    whose default is the unrestricted loader and no check. Delete when
    MMEngine passes ``weights_only=True`` and ``check_hash=True``.
    """
    from mmengine.runner import checkpoint

    checkpoint.load_url = _load_url


def _load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, **_: Any
) -> Any:
    """What ``load_state_dict_from_url`` returns, from a checked file."""
    import torch

    from .downloads import download

    file = download(url, model_dir)
    return torch.load(file, map_location=map_location, weights_only=True)


def _know_local_disk() -> None:
    """Let MMEngine's checkpoint hook use a local disk without a warning.

    For mmengine 0.10.7: the hook makes a ``FileClient`` that it does not
    use, whose backend ``disk`` logs that its own name is deprecated. Delete
    when the hook makes none.
    """
    from mmengine.fileio.backends import LocalBackend
    from mmengine.fileio.file_client import FileClient

    FileClient._backends['disk'] = LocalBackend


def _find_shipped() -> None:
    """Let MMEngine read checkpoints that ship with the package."""
    from mmengine.runner.checkpoint import CheckpointLoader

    from .checkpoint import SHIPPED, load_from_shipped

    CheckpointLoader.register_scheme(SHIPPED, load_from_shipped, force=True)


def _announce_package() -> None:
    """Make ``mobind_mm::mobind/synthetic.py`` a config that is found.

    For mmengine 0.10.7: it admits OpenMMLab's own packages alone, and looks
    for every package in ``site-packages``, where an editable install is not.
    Delete when it admits any package and looks where Python imports it from.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE['mobind_mm'] = 'mobind_mm'
    for name in ('mmengine.config.config', 'mmengine.hub.hub'):
        if name in sys.modules:
            sys.modules[name].__dict__['get_installed_path'] = _installed_path


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

    format_once.__dict__['formats_once'] = True
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
    """Stands in for the modules that the mmaction2 1.2.0 wheel forgot.

    ``mmaction.models`` imports ``localizers.drn.drn``, which is not in the
    wheel on PyPI. This finder comes last, so a real module always wins.
    Delete when a mmaction2 release contains it.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in (_DRN, f'{_DRN}.drn'):
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, is_package=fullname == _DRN
        )

    def create_module(
        self, spec: importlib.machinery.ModuleSpec
    ) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        if spec.name.endswith('.drn.drn'):
            stand_in = type('DRN', (), {'__doc__': 'Not in the wheel.'})
            module.__dict__['DRN'] = stand_in
        return module

    def exec_module(self, module: types.ModuleType) -> None:
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


@functools.lru_cache(maxsize=1)
def exact_floats() -> dict[str, str]:
    """Options with which ``pandas.read_csv`` rounds floats correctly.

    For pandas below 3.1, whose default is off by a unit in the last place
    now and then; later ones deprecate the option. Delete when 3.1 is the
    oldest supported version.
    """
    import pandas

    version = tuple(int(n) for n in pandas.__version__.split('.')[:2])
    return {'float_precision': 'round_trip'} if version < (3, 1) else {}


_AFTER_IMPORT: dict[str, tuple[Callable[[], None], ...]] = {
    'mmengine': (_trust_checkpoint_classes,),
    'mmengine.config.config': (_announce_package, _format_config_once),
    'mmengine.hub.hub': (_announce_package,),
    'mmengine.fileio.file_client': (_know_local_disk,),
    'mmengine.runner.checkpoint': (_restrict_downloads, _find_shipped),
}
"""Work-arounds by the module that they change."""
