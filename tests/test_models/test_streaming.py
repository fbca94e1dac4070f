"""Clips longer than the window."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

import mobind_mm  # noqa: F401
from mobind_mm.models.streaming import stream_starts
from mobind_mm.registry import MODELS

RATES = {'imu': 20, 'pose': 10}


def _model(
    stride: float, convs: tuple = (8,), channels: tuple = (6, 6), **parts
) -> torch.nn.Module:
    encoder = dict(
        type='ConvFormer',
        window_sec=2.0,
        conv_channels=convs,
        embed_dims=8,
        num_layers=1,
        num_heads=2,
        ffn_dims=8,
    )
    neck = dict(type='LimbAttentionNeck', num_limbs=2, embed_dims=8)
    cfg = dict(
        type='MoBind',
        imu_backbone=dict(encoder, in_channels=channels[0], rate=RATES['imu']),
        pose_backbone=dict(
            encoder, in_channels=channels[1], rate=RATES['pose']
        ),
        imu_neck=neck,
        pose_neck=neck,
        head=dict(type='HierarchicalContrastiveHead', embed_dims=8),
        stream_stride_sec=stride,
        **parts,
    )
    torch.manual_seed(0)
    return MODELS.build(Config(cfg)._cfg_dict).eval()


def _clips(seconds: float) -> dict[str, torch.Tensor]:
    gen = torch.Generator().manual_seed(1)
    inputs = {
        name: torch.randn(3, 2, 6, round(seconds * rate), generator=gen)
        for name, rate in RATES.items()
    }
    inputs['imu_mask'] = torch.tensor([[1, 1], [1, 0], [0, 1]]).bool()
    frames = inputs['pose'].shape[-1]
    inputs['pose_mask'] = torch.rand(3, 2, frames, generator=gen) > 0.2
    return inputs


@pytest.mark.parametrize('stride', [0.2, 0.5])
def test_stream_equals_windows_cut_by_hand(stride):
    model, inputs = _model(stride), _clips(5.0)
    with torch.no_grad():
        samples = model(inputs, mode='predict')
        starts = samples[0].window_starts
        assert len(starts) == int(3.0 / stride + 1e-6) + 1
        for w, start in enumerate(starts.tolist()):
            part = {'imu_mask': inputs['imu_mask']}
            for key, rate in (('imu', 20), ('pose', 10), ('pose_mask', 10)):
                first = round(start * rate)
                part[key] = inputs[key][..., first : first + 2 * rate]
            for b, alone in enumerate(model(part, mode='predict')):
                for field in alone.all_keys():
                    torch.testing.assert_close(
                        getattr(samples[b], field)[w],
                        getattr(alone, field),
                        rtol=1e-4,
                        atol=1e-5,
                    )


@pytest.mark.parametrize('convs', [(8, 8), (8, 8, 8, 8)])
@pytest.mark.parametrize('seconds', [2.0, 2.2, 5.1])
@pytest.mark.parametrize('stride', [0.2, 0.4, 1.0])
@pytest.mark.parametrize('masked', [True, False])
def test_shared_convolutions_equal_separate_windows(
    convs, seconds, stride, masked
):
    # Borders differ from the inside: zero padding, held differences, and
    # batch norms that turn the zeros of the padding into something else.
    model = _model(
        stride,
        convs,
        (8, 16),
        imu_tokenizer=dict(
            type='IMUTokenizer',
            channels=('acc', 'gyro'),
            features=dict(acc=0.1, gyro=0.3, acc_norm=0.2, gyro_norm=0.3),
        ),
        pose_tokenizer=dict(
            type='LimbTokenizer',
            limbs=('left_wrist', 'head'),
            rate=RATES['pose'],
            features=dict(relative=1.0, velocity=0.3, acceleration=0.05),
        ),
    )
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(part.running_mean)
            torch.nn.init.normal_(part.bias)
    inputs = _clips(seconds)
    if not masked:
        del inputs['imu_mask'], inputs['pose_mask']
    inputs['imu'].requires_grad_()
    feats = model.extract_stream(inputs)
    slow = []
    for start in feats['window_starts'].tolist():
        part = {
            k: v
            if k == 'imu_mask'
            else v[..., round(start * r) :][..., : 2 * r]
            for k, v in inputs.items()
            for r in [RATES[k.split('_')[0]]]
        }
        slow.append(model.extract_feats(part))
    for key in ('imu', 'pose', 'imu_tokens', 'pose_tokens', 'pose_mask'):
        torch.testing.assert_close(
            feats[key],
            torch.stack([part[key] for part in slow], dim=1),
            rtol=1e-4,
            atol=1e-5,
        )
    (fast_grad,) = torch.autograd.grad(feats['imu'].sum(), inputs['imu'])
    total = sum(part['imu'].sum() for part in slow)
    (slow_grad,) = torch.autograd.grad(total, inputs['imu'])
    torch.testing.assert_close(fast_grad, slow_grad, rtol=1e-3, atol=1e-4)


def test_many_windows_come_in_order():
    # More than are encoded at once.
    model, inputs = _model(0.1), _clips(8.0)
    with torch.no_grad():
        feats = model.extract_stream(inputs)
        last = {k: v[..., -v.shape[-1] // 4 :] for k, v in inputs.items()}
        last['imu_mask'] = inputs['imu_mask']
        alone = model.extract_feats(last)
    assert feats['imu'].shape[:2] == (3, 61)
    torch.testing.assert_close(
        feats['imu'][:, -1], alone['imu'], rtol=1e-4, atol=1e-5
    )


def test_lengths_that_do_not_fit_are_refused():
    model, inputs = _model(0.2), _clips(5.0)
    inputs['pose'] = inputs['pose'][..., :-5]
    with pytest.raises(ValueError, match=r'5\.000 s, its pose 4\.500 s'):
        model.extract_stream(inputs)
    with pytest.raises(ValueError, match=r'shorter than the window'):
        stream_starts(1.0, 2.0, 0.2)
    with pytest.raises(ValueError, match='stream_stride_sec .* got 0'):
        stream_starts(5.0, 2.0, 0)


def test_a_stride_between_samples_is_refused():
    with pytest.raises(ValueError, match='2.5 samples of pose'):
        _model(0.25).extract_stream(_clips(5.0))
