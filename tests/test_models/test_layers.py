"""Fast layers equal PyTorch's."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from mobind_mm.models.layers import (
    Dropout,
    ReLUDropout,
    TimeConv,
    TransformerLayer,
)
from mobind_mm.registry import MODELS


@pytest.mark.parametrize('p', [0.1, 0.3, 0.5])
@pytest.mark.parametrize('shape', [(201, 503), (16, 50, 1, 129)])
def test_dropout_is_dropout(p, shape):
    torch.manual_seed(0)
    x = torch.randn(shape)
    if len(shape) == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    layer = Dropout(p)
    y = layer(x)
    assert y.stride() == x.stride()
    kept = y != 0
    count = x.numel()
    # Five standard deviations of a binomial.
    error = 5 * math.sqrt(p * (1 - p) / count)
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=error)
    torch.testing.assert_close(y[kept], x[kept] / (1 - p), rtol=1e-4, atol=0)
    # Neighbours, in memory as by index, are dropped independently.
    for one in (kept.flatten(), kept.flatten(1).T.flatten()):
        for lag in (1, 2, 3, 4, 8):
            both = (one[lag:] & one[:-lag]).float().mean().item()
            assert both == pytest.approx((1 - p) ** 2, abs=2 * error)
    grad = torch.randn(shape)
    y.backward(grad)
    torch.testing.assert_close(
        x.grad, grad * kept / (1 - p), rtol=1e-4, atol=0
    )


def test_relu_dropout_is_relu_then_dropout():
    x = torch.randn(300, 400, requires_grad=True)
    grad = torch.randn(300, 400)
    results = []
    for layer in (ReLUDropout(0.3), nn.Sequential(nn.ReLU(), Dropout(0.3))):
        torch.manual_seed(3)
        y = layer(x * 1.0)
        results += [y, *torch.autograd.grad(y, x, grad)]
    torch.testing.assert_close(results[0], results[2])
    torch.testing.assert_close(results[1], results[3])
    assert torch.equal(ReLUDropout(0.3).eval()(x * 1.0), x.relu())
    assert torch.equal(ReLUDropout(0.0)(x * 1.0), x.relu())


def test_dropout_follows_the_seed_and_is_never_the_same_twice():
    x, layer = torch.ones(1000), Dropout(0.5)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, second = layer(x), layer(x)
    torch.set_rng_state(state)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)


def test_dropout_does_nothing_where_pytorchs_does_nothing():
    x = torch.randn(7, 5)
    assert Dropout(0.3).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert torch.equal(Dropout(1.0)(x), torch.zeros(7, 5))
    # A view that is not dense.
    part = torch.ones(40, 400)[:, ::3]
    assert 0.2 < (Dropout(0.3)(part) == 0).float().mean() < 0.4


@pytest.mark.parametrize('length', [1, 4, 31, 50])
@pytest.mark.parametrize('kernel', [1, 3, 5])
def test_time_conv_is_conv1d(length, kernel):
    torch.manual_seed(0)
    ours = TimeConv(3, 6, kernel)
    slow = nn.Conv1d(3, 6, kernel, padding='same')
    slow.load_state_dict(ours.state_dict())
    x = torch.randn(5, 3, length)
    rows = x[:, :, None].contiguous(memory_format=torch.channels_last)
    expected, found = slow(x), ours(rows)[:, :, 0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    for a, b in zip(ours.parameters(), slow.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)


def _pair(norm_first, dropout=0.0):
    torch.manual_seed(0)
    ours = TransformerLayer(32, 4, 24, dropout, norm_first)
    slow = nn.TransformerEncoderLayer(
        32, 4, 24, dropout, batch_first=True, norm_first=norm_first
    )
    slow.load_state_dict(ours.state_dict())
    return ours, slow


@pytest.mark.parametrize('norm_first', [True, False])
@pytest.mark.parametrize('masked', [True, False])
# Almost no dropout goes the way of dropout and changes nothing.
@pytest.mark.parametrize('dropout', [0.0, 1e-9])
def test_transformer_layer_is_pytorchs(norm_first, masked, dropout):
    ours, slow = _pair(norm_first, dropout)
    x = torch.randn(6, 9, 32)
    padding = torch.rand(6, 9) > 0.6 if masked else None
    if masked:
        padding[:, 4] = False
    expected = slow(x, src_key_padding_mask=padding)
    found = ours(x, padding)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    theirs = dict(slow.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad, theirs[name].grad, rtol=1e-3, atol=1e-4
        )
    ours.eval(), slow.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            ours(x, padding),
            slow(x, src_key_padding_mask=padding),
            rtol=1e-4,
            atol=1e-5,
        )


def test_transformer_layer_drops_what_pytorchs_drops():
    # The mean over many masks is that of PyTorch's layer.
    ours, slow = _pair(False, 0.3)
    x = torch.randn(1, 5, 32)
    many = x.expand(4000, 5, 32)
    with torch.no_grad():
        a, b = ours(many), slow(many)
    torch.testing.assert_close(a.mean(0), b.mean(0), rtol=0, atol=0.06)
    torch.testing.assert_close(a.std(0), b.std(0), rtol=0, atol=0.06)


# Limbs, rates and the window are set once; contradictions are refused

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
