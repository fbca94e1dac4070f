"""The models that are measured: published, as published, and efficient."""

from __future__ import annotations

import torch
from torch import nn

from benchmarking.reference_model import ReferenceModel
from mobind_mm.apis.official import official_model_cfg, rename_key
from mobind_mm.registry import MODELS

IMU_RATE, POSE_RATE = 50, 10
LIMBS = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')


def published_pair(
    num_limbs: int, window_sec: float, device: str
) -> tuple[ReferenceModel, nn.Module]:
    """The published model as published, and ours with the same weights."""
    torch.manual_seed(0)
    tokens = round(window_sec / 0.2)
    reference = ReferenceModel(num_limbs, num_tokens=tokens)
    state = reference.state_dict()
    model = MODELS.build(official_model_cfg(state, {'multi_weight': 0.1}))
    renamed = {rename_key(key): value for key, value in state.items()}
    renamed.pop(None)
    model.load_state_dict(renamed)
    return reference.to(device), model.to(device)


def efficient(num_limbs: int, window_sec: float, device: str) -> nn.Module:
    """The encoder of ``configs/_base_/models/mobind_small.py``.

    For the streams of the published model: 7 and 6 channels, 50 and 10 Hz.
    """
    torch.manual_seed(0)
    tokens = round(window_sec / 0.2)
    encoder = dict(
        type='ConvFormer',
        window_sec=window_sec,
        conv_channels=(32, 64, 64),
        conv_dropout=0.0,
        embed_dims=128,
        num_layers=2,
        num_heads=4,
        ffn_dims=256,
        dropout=0.0,
        out_dropout=0.0,
        num_segments=5,
        norm_first=True,
    )
    neck = dict(type='LimbAttentionNeck', num_limbs=num_limbs, embed_dims=128)
    cfg = dict(
        type='MoBind',
        imu_tokenizer=dict(
            type='IMUTokenizer',
            channels=('acc', 'quat'),
            features=dict(acc=0.1, quat=1.0, acc_norm=0.2),
        ),
        pose_tokenizer=dict(
            type='LimbTokenizer',
            limbs=('left_wrist',),
            rate=POSE_RATE,
            features=dict(relative=1.0, velocity=0.33, acceleration=0.05),
        ),
        imu_backbone=dict(encoder, in_channels=8, rate=IMU_RATE),
        pose_backbone=dict(encoder, in_channels=16, rate=POSE_RATE),
        imu_neck=neck,
        pose_neck=neck,
        head=dict(type='HierarchicalContrastiveHead', embed_dims=128),
        masked_token_head=dict(
            type='MaskedTokenHead',
            num_limbs=num_limbs,
            num_tokens=tokens,
            embed_dims=128,
            num_layers=1,
            num_heads=4,
            ffn_dims=256,
            dropout=0.0,
        ),
    )
    return MODELS.build(cfg).to(device)


def random_inputs(
    batch: int, num_limbs: int, seconds: float, device: str
) -> dict[str, torch.Tensor]:
    """Streams (B, S, C, T) of both modalities."""
    gen = torch.Generator().manual_seed(0)
    sizes = {'imu': (7, IMU_RATE), 'pose': (6, POSE_RATE)}
    return {
        name: torch.randn(
            (batch, num_limbs, width, round(seconds * rate)), generator=gen
        ).to(device)
        for name, (width, rate) in sizes.items()
    }
