"""The published encoder beside ours, everything else equal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import mobind_mm  # noqa: F401
from mobind_mm.registry import MODELS

ROOT = Path(__file__).parents[1] / 'configs' / 'mobind'
ENCODER = dict(
    conv_channels=(32, 64, 128, 128),
    conv_dropout=0.3,
    embed_dims=256,
    num_layers=4,
    num_heads=8,
    ffn_dims=128,
    dropout=0.1,
    out_dropout=0.3,
    num_segments=1,
    norm_first=False,
)


LEAST = dict(synthetic=4.0, utd_mhad=3.3)
"""Times fewer operations of a step. Dropout, which ours has not, is extra."""


@pytest.fixture(params=list(LEAST))
def pair(request):
    name = request.param
    return tuple(
        Config.fromfile(ROOT / path)
        for path in (f'{name}.py', f'encoders/{name}_published.py')
    )


def test_only_the_encoder_and_its_width_differ(pair):
    ours, published = pair
    for cfg in (ours.model, published.model):
        assert cfg.imu_tokenizer == ours.model.imu_tokenizer
        assert cfg.pose_tokenizer == ours.model.pose_tokenizer
    for key in ('imu_backbone', 'pose_backbone'):
        backbone = dict(published.model[key])
        rest = {k: v for k, v in backbone.items() if k not in ENCODER}
        assert {k: backbone[k] for k in ENCODER} == ENCODER
        assert rest == {k: ours.model[key][k] for k in rest}
    for key in (
        *('train_dataloader', 'test_dataloader', 'optim_wrapper'),
        *('param_scheduler', 'train_cfg', 'test_cfg', 'test_evaluator'),
    ):
        assert ours[key] == published[key]


def test_ours_needs_fewer_operations(pair, request):
    flops = []
    for cfg in pair:
        model = MODELS.build(cfg.model.to_dict())
        inputs = {
            name: torch.randn(
                2,
                len(cfg.model.limbs),
                6,
                getattr(model, f'{name}_backbone').num_samples,
            )
            for name in ('imu', 'pose')
        }
        with FlopCounterMode(display=False) as counter:
            sum(model(inputs, mode='loss').values()).backward()
        flops.append(counter.get_total_flops())
    assert flops[1] >= LEAST[request.node.callspec.params['pair']] * flops[0]
