"""Build a model for inference from a config, a checkpoint, or both."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope
from torch import nn

from ..registry import MODELS
from ..utils.checkpoint import building, check_state_dict, read_checkpoint
from ..utils.config_text import parse_config_text
from ..utils.errors import mistake, show
from ..utils.model_index import find_config
from ..version import __version__

_LARGEST = 1e6
"""Of the numbers in a model's config; sizes, rates and seeds are smaller."""


def init_model(
    config: str | Path | Config,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
) -> nn.Module:
    """Build a model in eval mode.

    Args:
        config: Config file or object, or a checkpoint that carries its
            own config.
        checkpoint: Weights to load; optional with a config file, which
            then gives random weights.
        device: Where the model goes.

    Returns:
        The model, with its config as ``model.cfg`` and, if the checkpoint
        notes it, the meta information of its training data as
        ``model.dataset_meta``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a checkpoint holds no config, or its weights are of
            another architecture.

    Examples:
        >>> from mobind_mm.apis import find_model, init_model
        >>> shipped = find_model()
        >>> model = init_model(shipped.config, shipped.weights)
        >>> model.training, model.cfg.default_scope
        (False, 'mobind_mm')
    """
    check_device(device)
    carries_config = (
        not isinstance(config, Config) and Path(config).suffix != '.py'
    )
    if carries_config:
        if checkpoint is not None:
            raise ValueError(
                f'{config} is not a config file (.py), and a checkpoint is '
                'given as well; pass one of them, or config and checkpoint.'
            )
        checkpoint = config
    weights = {} if checkpoint is None else read_checkpoint(str(checkpoint))
    if carries_config:
        cfg = _carried_config(weights, str(checkpoint))
    else:
        cfg = (
            config
            if isinstance(config, Config)
            else Config.fromfile(str(find_config(str(config))))
        )
    init_default_scope(cfg.get('default_scope', 'mobind_mm'))
    state = weights.get('state_dict', weights)
    if carries_config:  # sizes are compared before memory is taken
        with _naming_version(weights), building(str(checkpoint), 'model'):
            with torch.device('meta'):
                empty = MODELS.build(cfg.model)
            check_state_dict(empty, state, str(checkpoint))
            model = MODELS.build(cfg.model)
    else:
        model = MODELS.build(cfg.model)
    if checkpoint is not None:
        with _naming_version(weights):
            check_state_dict(model, state, str(checkpoint))
        # Only the preprocessor's statistics may differ: the rest is checked.
        state = {str(k).removeprefix('module.'): v for k, v in state.items()}
        model.load_state_dict(state, strict=False)
    model.cfg = cfg
    model.dataset_meta = _dataset_meta(weights, str(checkpoint))
    return model.to(device).eval()


@contextmanager
def _naming_version(weights: dict) -> Iterator[None]:
    """What does not fit may be of another version, as people pass it on."""
    try:
        yield
    except ValueError as error:
        meta = weights.get('meta')
        made_by = isinstance(meta, dict) and meta.get('mobind_mm_version')
        if not isinstance(made_by, str) or made_by == __version__:
            raise
        raise ValueError(
            f'{error} It was made by mobind_mm {made_by[:20]}, and this is '
            f'{__version__}.'
        ) from None


def _dataset_meta(weights: dict, source: str) -> dict | None:
    """Facts of the training data, if a checkpoint notes them."""
    meta = weights.get('meta', {}).get('dataset_meta')
    if meta is None:
        return None
    texts = (meta.get('classes') or ()) if isinstance(meta, dict) else None
    if not isinstance(texts, (list, tuple)) or not all(
        isinstance(name, str) for name in texts
    ):
        raise ValueError(
            f'{source}: meta.dataset_meta is {show(meta)}, expected a dict '
            'with names of classes; save it again with MMEngine.'
        )
    return meta


def check_device(device: str | torch.device) -> None:
    """Refuse a device that does not exist, or is not here.

    Raises:
        ValueError: Naming the device.

    >>> check_device('cpu')
    """
    fix = 'Give cpu, or cuda:0, cuda:1, ... where there is a GPU'
    try:
        kind = torch.device(device).type
        if kind != 'meta':
            torch.empty(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError):
        kind = ''
    if kind in ('', 'meta'):
        what = 'is not a device of this machine'
        raise mistake('device', what, fix, value=str(device))


def _carried_config(weights: dict, source: str) -> Config:
    """The config inside a checkpoint, if it asks for known modules alone."""
    text = weights.get('meta', {}).get('cfg')
    if not isinstance(text, str):
        raise ValueError(
            f'{source} carries no config (meta.cfg); pass the config file it '
            'was trained with as well.'
        )
    cfg = parse_config_text(text, source)
    cfg.default_scope = 'mobind_mm'
    model = cfg.get('model')
    if not isinstance(model, dict):
        raise ValueError(
            f'The config in {source} has no model; pass the config file it '
            'was trained with as well.'
        )
    check_types(model, MODELS, source)
    most = max(len(weights.get('state_dict', weights)), 64)
    _check_counts(model, most, source)
    return cfg


def check_types(node: object, registry: Registry, source: str) -> None:
    """Refuse a config that asks for anything but registered modules.

    MMEngine resolves a dotted ``type`` to any object that can be imported,
    and calls it; it imports ``NAME.registry`` for ``_scope_='NAME'``; and a
    size of 10^9 builds for ever. A checkpoint from elsewhere must not be
    able to ask for that.

    Raises:
        ValueError: Naming the type, the scope or the number.
    """
    registry.import_from_location()
    _check_node(node, registry, source, '')


def _check_node(
    node: object, registry: Registry, source: str, key: str
) -> None:
    if isinstance(node, (list, tuple, set)):
        for child in node:
            _check_node(child, registry, source, key)
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        if not abs(node) <= _LARGEST:
            raise ValueError(
                f'The config in {source} has {key}={node:.4g}; no model has '
                f'numbers beyond {_LARGEST:g}.'
            )
    elif isinstance(node, dict):
        scope = node.get('_scope_')
        if scope is not None and not _is_known(scope, registry):
            raise ValueError(
                f'The config in {source} asks for the scope {scope!r}, which '
                'would be imported. If you trust it, pass the config file '
                'as well.'
            )
        kind = node.get('type')
        # What fills new weights is not used: the weights are in the file.
        known = isinstance(kind, str) and (
            key == 'init_cfg' or kind in registry.module_dict
        )
        if kind is not None and not known:
            raise ValueError(
                f'The config in {source} asks for {kind!r}, which is not a '
                f'{registry.name} of mobind_mm. If you trust it, pass the '
                'config file as well.'
            )
        for name, child in node.items():
            inside = key if key == 'init_cfg' else str(name)
            _check_node(child, registry, source, inside)


def _check_counts(node: object, most: int, source: str) -> None:
    """Refuse more layers than the file has weights: they take for ever."""
    children: Iterable[Any] = ()
    if isinstance(node, dict):
        children = node.values()
        layers = node.get('num_layers', 0)
        if not isinstance(layers, int) or not 0 <= layers <= most:
            raise ValueError(
                f'The config in {source} has num_layers={layers!r}, but the '
                f'file holds {most} weights at most.'
            )
    elif isinstance(node, (list, tuple)):
        children = node
        if len(node) > most:
            raise ValueError(
                f'The config in {source} has a list of {len(node)} entries, '
                f'but the file holds {most} weights at most.'
            )
    for child in children:
        _check_counts(child, most, source)


def _is_known(scope: object, registry: Registry) -> bool:
    """Whether a scope is ours, or one whose registries are imported."""
    if scope == registry.scope:
        return True
    if not isinstance(scope, str) or f'{scope}.registry' not in sys.modules:
        return False
    root = registry._get_root_registry()
    return root._search_child(scope) is not None
