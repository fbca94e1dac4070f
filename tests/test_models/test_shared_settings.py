"""Limbs, rates and the window are set once; contradictions are refused."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.registry import init_default_scope

from mobind_mm.registry import MODELS

ENCODER = dict(
    type='ConvFormer', conv_channels=(8,), embed_dims=8, num_layers=1
)
ONCE = dict(
    type='MoBind',
    limbs=('left_wrist', 'right_wrist', 'head'),
    imu_rate=50,
    pose_rate=20,
    window_sec=2.0,
    imu_tokenizer=dict(type='IMUTokenizer', channels=('acc', 'gyro')),
    pose_tokenizer=dict(
        type='LimbTokenizer', features=dict(relative=1.0, velocity=0.1)
    ),
    imu_backbone=ENCODER,
    pose_backbone=ENCODER,
    imu_neck=dict(type='LimbAttentionNeck'),
    pose_neck=dict(type='ConcatMLPNeck'),
    head=dict(type='HierarchicalContrastiveHead', multi_positive_weight=1.0),
    masked_token_head=dict(type='MaskedTokenHead', num_layers=1),
)


def everything_set():
    """The same, as configs of 0.1.0 set it."""
    cfg = copy.deepcopy(ONCE)
    for key in ('limbs', 'imu_rate', 'pose_rate', 'window_sec'):
        del cfg[key]
    cfg['pose_tokenizer'].update(limbs=ONCE['limbs'], rate=20)
    cfg['imu_backbone'] |= dict(in_channels=6, rate=50, window_sec=2.0)
    cfg['pose_backbone'] = dict(cfg['pose_backbone'], in_channels=10, rate=20)
    for part in ('imu_neck', 'pose_neck', 'masked_token_head'):
        cfg[part].update(num_limbs=3, embed_dims=8)
    cfg['masked_token_head']['num_tokens'] = 10
    cfg['head']['embed_dims'] = 8
    return cfg


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mobind_mm')


def build(cfg):
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(cfg))


def test_parts_get_what_their_configs_omit():
    once, every = build(ONCE), build(everything_set())
    both = build({**everything_set(), **{k: ONCE[k] for k in list(ONCE)[:5]}})
    for model in (every, both):
        assert list(model.state_dict()) == list(once.state_dict())
        for key, value in model.state_dict().items():
            assert torch.equal(value, once.state_dict()[key]), key
        assert model.pose_tokenizer.rate == once.pose_tokenizer.rate == 20
        assert model.pose_tokenizer.indices == once.pose_tokenizer.indices
        for name in ('imu', 'pose'):
            a, b = (getattr(m, f'{name}_backbone') for m in (model, once))
            assert (a.rate, a.num_samples) == (b.rate, b.num_samples)


@pytest.mark.parametrize(
    'part, key, value',
    [
        ('pose_tokenizer', 'limbs', ('head', 'left_wrist', 'right_wrist')),
        ('pose_tokenizer', 'rate', 10),
        ('imu_backbone', 'rate', 100),
        ('pose_backbone', 'window_sec', 4.0),
        ('pose_neck', 'num_limbs', 4),
        ('masked_token_head', 'num_limbs', 5),
    ],
)
def test_contradictions_are_refused(part, key, value):
    cfg = copy.deepcopy(ONCE)
    cfg[part] = dict(cfg[part], **{key: value})
    with pytest.raises(ValueError, match=f'{part}.{key}=.* the model has'):
        build(cfg)


def test_a_missing_setting_is_named():
    cfg = {key: ONCE[key] for key in ONCE if key != 'limbs'}
    with pytest.raises(ValueError, match='pose_tokenizer needs limbs; set'):
        build(cfg)
    cfg = {key: ONCE[key] for key in ONCE if key != 'imu_rate'}
    with pytest.raises(ValueError, match='imu_backbone needs rate; set'):
        build(cfg)


def test_a_classifier_passes_them_on_as_well():
    cfg = {
        key: ONCE[key]
        for key in ONCE
        if 'neck' not in key and 'head' not in key
    }
    cfg.update(type='MoBindClassifier', num_classes=4)
    model = build(cfg)
    assert model.pools['imu'].num_limbs == 3
    assert model.pose_backbone.in_channels == 10
    with pytest.raises(ValueError, match='num_limbs=5, but the model has 3'):
        build(dict(cfg, num_limbs=5))
    with pytest.raises(ValueError, match='Give limbs, or their number'):
        build(dict(cfg, limbs=None, pose_backbone=None))
