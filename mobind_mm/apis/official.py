"""Read the authors' released weights as a ``mobind_mm`` checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from ..registry import MODELS
from ..utils.checkpoint import check_state_dict
from ..version import __version__

_RENAMES = (
    (r'^logit_scale$', 'head.logit_scale'),
    (r'^local2global_imu\.', 'head.local_proj.'),
    (r'^imu_encoder\.', 'imu_backbone.'),
    (r'^motion_encoder\.', 'pose_backbone.'),
    (r'^imu_norm\.', 'imu_neck.norm.'),
    (r'^motion_norm\.', 'pose_neck.norm.'),
    (r'^imu_agg_proj\.', 'imu_neck.mlp.'),
    (r'^motion_agg_proj\.', 'pose_neck.mlp.'),
    (r'^sensor_id_emb\.', 'masked_token_head.sensor_embed.'),
    (r'^mask_token$', 'masked_token_head.mask_token'),
    (r'^imu_pos_emb$', 'masked_token_head.pos_embed'),
    (r'^imu_transformer\.', 'masked_token_head.'),
    (r'^pre_pred_norm\.', 'masked_token_head.norm.'),
    (r'^imu_pred\.', 'masked_token_head.predictor.'),
    (r'\.pre_transformer\.', '.patch_embed.'),
    (r'\.transformer\.pos_emb$', '.pos_embed'),
    (r'\.transformer\.transformer\.layers\.', '.layers.'),
)
# Index in ``ConvFormer.convs`` of the i-th convolution; its norm follows.
_CONV_INDEX = {1: 0, 2: 3, 3: 7, 4: 10}


def rename_key(key: str) -> str | None:
    """Our name of a released parameter; None for an unused one."""
    if key.endswith('.transformer.cls_token'):
        return None
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return re.sub(
        r'\.(conv|bn)([1-4])\.',
        lambda m: f'.convs.{_CONV_INDEX[int(m[2])] + (m[1] == "bn")}.',
        key,
    )


def load_official(
    path: str | Path,
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a bare state dict (``.pt``) or a parity archive (``.npz``).

    Returns:
        The state dict under its released names, and the archive's
        settings (empty for a ``.pt``).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'No released checkpoint at {path}.')
    try:
        if path.suffix == '.npz':
            state, meta = _read_archive(path)
        else:
            state = torch.load(path, map_location='cpu', weights_only=True)
            meta = {}
    except Exception as error:  # torch, numpy and zipfile raise many kinds
        raise ValueError(
            f'{path} is neither a weights-only state dict nor an archive of '
            f'one ({type(error).__name__}: {str(error).splitlines()[0]}).'
        ) from error
    tensors = isinstance(state, Mapping) and all(
        isinstance(v, torch.Tensor) for v in state.values()
    )
    if not tensors or 'imu_encoder.conv1.weight' not in state:
        raise ValueError(
            f'{path} holds no released MoBind weights: expected a bare state '
            "dict with keys such as 'imu_encoder.conv1.weight'. An OpenMMLab "
            'checkpoint needs no conversion.'
        )
    return dict(state), meta


def _read_archive(path: Path) -> tuple[dict, dict]:
    """Weights under ``sd/`` and settings under ``meta/`` of a ``.npz``."""
    state, meta = {}, {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            group, _, name = key.partition('/')
            if group == 'sd':
                state[name] = torch.from_numpy(np.array(archive[key]))
            elif group == 'meta':
                meta[name] = archive[key].item()
    return state, meta


def official_model_cfg(
    state: Mapping[str, torch.Tensor], meta: Mapping[str, Any]
) -> dict:
    """Model config that fits released weights.

    Sizes are read off the weights; the number of heads, which is not in
    them, is ``meta['num_heads']`` or the published 8.
    """
    heads = int(meta.get('num_heads', 8))
    imu = _backbone_cfg(state, 'imu_encoder', heads)
    dims = imu['embed_dims']
    cfg = {
        'type': 'MoBind',
        'imu_backbone': imu,
        'pose_backbone': _backbone_cfg(state, 'motion_encoder', heads),
    }
    head = {'type': 'HierarchicalContrastiveHead', 'embed_dims': dims}
    if 'imu_agg_proj.0.weight' not in state:
        token = float(meta.get('token_weight', 0.5))
        local = float(meta.get('global_weight', 1.0))
        head.update(global_weight=0.0, local_weight=local, token_weight=token)
        return {**cfg, 'head': head}
    limbs = state['imu_agg_proj.0.weight'].shape[1] // dims
    neck = {'type': 'ConcatMLPNeck', 'num_limbs': limbs, 'embed_dims': dims}
    head.update(
        global_weight=float(meta.get('global_weight', 1.0)),
        local_weight=0.0,
        token_weight=0.0,
        multi_positive_weight=float(meta.get('multi_weight', 0.2)),
    )
    masked = {
        'type': 'MaskedTokenHead',
        'num_limbs': limbs,
        'num_tokens': state['imu_pos_emb'].shape[1],
        'embed_dims': dims,
        'num_layers': _count_layers(state, 'imu_transformer.layers'),
        'num_heads': heads,
        'ffn_dims': state['imu_transformer.layers.0.linear1.weight'].shape[0],
    }
    return {
        **cfg,
        'imu_neck': neck,
        'pose_neck': dict(neck),
        'head': head,
        'masked_token_head': masked,
    }


def _backbone_cfg(
    state: Mapping[str, torch.Tensor], name: str, heads: int
) -> dict:
    """Config of the encoder whose weights are called ``name``."""
    in_channels = state[f'{name}.conv1.weight'].shape[1]
    dims, width = state[f'{name}.pre_transformer.weight'].shape
    patch = width // state[f'{name}.conv4.weight'].shape[0]
    tokens = state[f'{name}.transformer.pos_emb'].shape[1]
    prefix = f'{name}.transformer.transformer.layers'
    return {
        'type': 'ConvFormer',
        'in_channels': in_channels,
        'rate': patch / 0.2,
        'window_sec': round(tokens * 0.2, 6),
        'embed_dims': dims,
        'num_layers': _count_layers(state, prefix),
        'num_heads': heads,
        'ffn_dims': state[f'{prefix}.0.linear1.weight'].shape[0],
    }


def convert_official(path: str | Path, num_heads: int | None = None) -> dict:
    """Convert released weights to an OpenMMLab checkpoint.

    Args:
        path: ``.pt`` state dict or ``.npz`` archive.
        num_heads: Attention heads; None takes the archive's, or the
            published 8.

    Returns:
        ``state_dict`` and ``meta`` with the config text and the version.

    Raises:
        FileNotFoundError, ValueError: See :func:`load_official`.
    """
    state, meta = load_official(path)
    if num_heads is not None:
        meta['num_heads'] = num_heads
    try:
        model_cfg = official_model_cfg(state, meta)
    except KeyError as error:
        raise ValueError(f'{path} lacks the weights {error}.') from None
    cfg = Config({'default_scope': 'mobind_mm', 'model': model_cfg})
    renamed = {
        name: value
        for key, value in state.items()
        if (name := rename_key(key)) is not None
    }
    check_state_dict(MODELS.build(model_cfg), renamed, str(path))
    return {
        'state_dict': renamed,
        'meta': {'cfg': cfg.pretty_text, 'mobind_mm_version': __version__},
    }


def _count_layers(state: Mapping[str, torch.Tensor], prefix: str) -> int:
    """Number of transformer layers under a prefix."""
    pattern = re.compile(rf'^{re.escape(prefix)}\.(\d+)\.')
    matches = (pattern.match(key) for key in state)
    return len({m[1] for m in matches if m})
