"""Build a model for inference from a config, a checkpoint, or both."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope
from torch import nn

from ..registry import MODELS
from ..utils.checkpoint import check_state_dict, read_checkpoint
from ..utils.config_text import parse_config_text


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
        cfg = config if isinstance(config, Config) else Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mobind_mm'))
    model = MODELS.build(cfg.model)
    if checkpoint is not None:
        state = weights.get('state_dict', weights)
        check_state_dict(model, state, str(checkpoint))
        # Only the preprocessor's statistics may differ: the rest is checked.
        state = {k.removeprefix('module.'): v for k, v in state.items()}
        model.load_state_dict(state, strict=False)
    model.cfg = cfg
    model.dataset_meta = weights.get('meta', {}).get('dataset_meta')
    return model.to(device).eval()


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
    check_types(cfg.get('model'), MODELS, source)
    return cfg


def check_types(node: object, registry: Registry, source: str) -> None:
    """Refuse a config that asks for anything but registered modules.

    MMEngine resolves a dotted type to any object that can be imported, and
    calls it. A checkpoint from elsewhere must not be able to ask for that.

    Args:
        node: Config, or a part of it.
        registry: What its types must be in.
        source: Where it comes from, for the message.

    Raises:
        ValueError: Naming the type.
    """
    if isinstance(node, (list, tuple)):
        for child in node:
            check_types(child, registry, source)
    if not isinstance(node, dict):
        return
    registry.import_from_location()
    kind = node.get('type')
    if kind is not None and kind not in registry.module_dict:
        raise ValueError(
            f'The config in {source} asks for {kind!r}, which is not a '
            f'{registry.name} of mobind_mm. If you trust it, pass the config '
            'file as well.'
        )
    for key, child in node.items():
        if key != 'init_cfg':  # unused: the weights are in the file
            check_types(child, registry, source)
