"""The contract of encoders: what it refuses, and what it lets work."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobind_mm.models import ConvFormer, MoBind, check_backbone, is_streaming

SIZE = dict(in_channels=6, rate=20, window_sec=2.0, embed_dims=8)


class PatchLinear(nn.Module):
    """The least that is a backbone: no convolutions to share."""

    def __init__(self, in_channels, rate, window_sec=5.0, embed_dims=8):
        super().__init__()
        self.rate, self.embed_dims = rate, embed_dims
        self.num_samples = round(window_sec * rate)
        self.num_tokens = round(window_sec / 0.2)
        patch = self.num_samples // self.num_tokens
        self.embed = nn.Linear(in_channels * patch, embed_dims)

    def token_mask(self, mask):
        return mask.unflatten(1, (self.num_tokens, -1)).any(dim=2)

    def forward(self, x, mask=None):
        patches = x.unflatten(2, (self.num_tokens, -1)).transpose(1, 2)
        tokens = self.embed(patches.flatten(2))
        if mask is None:
            return tokens, tokens.mean(dim=1)
        total = (tokens * mask[..., None]).sum(dim=1)
        return tokens, total / mask.sum(dim=1, keepdim=True)


def conv_former(**options):
    layers = dict(conv_channels=(8,), num_layers=1, num_heads=2, ffn_dims=8)
    return ConvFormer(**SIZE, **layers, **options)


@pytest.mark.parametrize('norm_first', [True, False])
@pytest.mark.parametrize('num_segments', [1, 5])
def test_the_encoder_keeps_its_promises(norm_first, num_segments):
    backbone = conv_former(norm_first=norm_first, num_segments=num_segments)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    state = torch.get_rng_state()
    check_backbone(backbone, 6)
    assert is_streaming(backbone)
    # Neither the encoder nor the caller's random numbers were touched.
    assert torch.equal(torch.get_rng_state(), state) and backbone.training
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key])


def test_less_than_streaming_is_enough():
    backbone = PatchLinear(**SIZE)
    check_backbone(backbone, 6)
    assert not is_streaming(backbone)


class OtherShape(PatchLinear):
    def forward(self, x, mask=None):
        tokens, local = super().forward(x, mask)
        return tokens.transpose(1, 2), local


class TokensAlone(PatchLinear):
    def forward(self, x, mask=None):
        return super().forward(x, mask)[0]


class Batch(PatchLinear):
    def forward(self, x, mask=None):
        tokens, local = super().forward(x, mask)
        return tokens - tokens.mean(dim=0), local


class NoMask(PatchLinear):
    def forward(self, x, mask=None):
        return super().forward(x)


class Random(PatchLinear):
    def forward(self, x, mask=None):
        return super().forward(x + torch.randn_like(x), mask)


class Cut(PatchLinear):
    def forward(self, x, mask=None):
        return super().forward(x.detach(), mask)


class Idle(PatchLinear):
    def __init__(self, **size):
        super().__init__(**size)
        self.unused = nn.Linear(2, 2)


class NoToken(PatchLinear):
    def token_mask(self, mask):
        return mask.unflatten(1, (self.num_tokens, -1)).all(dim=2)


class Counts(PatchLinear):
    def token_mask(self, mask):
        return mask.unflatten(1, (self.num_tokens, -1)).sum(dim=2)


class Half(PatchLinear):
    def __init__(self, **size):
        super().__init__(**size)
        self.num_tokens = 10.0


class FarConvolutions(ConvFormer):
    def __init__(self):
        super().__init__(**SIZE, conv_channels=(8, 8), num_layers=1)
        self.conv_reach = 1


class OtherSteps(ConvFormer):
    def __init__(self):
        super().__init__(**SIZE, conv_channels=(8,), num_layers=1)

    def encode_patches(self, x, mask=None):
        return super().encode_patches(2 * x, mask)

    def forward(self, x, mask=None):
        patches = self.embed_patches(self.conv(x))
        return super().encode_patches(patches, mask)


@pytest.mark.parametrize(
    'kind, message',
    [
        (OtherShape, r'tokens of .* have the shape \(3, 8, 10\)'),
        (TokensAlone, 'forward must return tokens and a local feature'),
        (Batch, 'a window alone gives another result'),
        (NoMask, 'samples of masked tokens change'),
        (Random, 'two evaluations of it differ'),
        (Cut, 'no gradient reaches its input'),
        (Idle, r'parameter unused\.weight gets no gradient'),
        (NoToken, 'token_mask loses a token with one valid sample'),
        (Counts, 'token_mask makes torch.int64'),
        (Half, r'num_tokens=10\.0 must be a positive number'),
        (FarConvolutions, 'conv looks further than conv_reach=1'),
        (OtherSteps, r'encode_patches\(embed_patches'),
    ],
)
def test_a_broken_promise_is_named(kind, message):
    streaming = issubclass(kind, ConvFormer)
    backbone = kind() if streaming else kind(**SIZE)
    with pytest.raises(ValueError, match=f'{kind.__name__}.*{message}'):
        check_backbone(backbone, 6)


def mobind(pose_backbone):
    torch.manual_seed(0)
    convs = dict(type='ConvFormer', conv_channels=(8,), embed_dims=8)
    convs.update(num_layers=1, num_heads=2, ffn_dims=8, in_channels=6)
    return MoBind(
        limbs=('left_wrist', 'head'),
        imu_rate=20,
        pose_rate=10,
        window_sec=2.0,
        imu_backbone=convs,
        pose_backbone=dict(pose_backbone, in_channels=6),
        imu_neck=dict(type='LimbAttentionNeck'),
        pose_neck=dict(type='LimbAttentionNeck'),
        head=dict(type='HierarchicalContrastiveHead'),
        stream_stride_sec=0.4,
    ).eval()


@pytest.mark.parametrize('masked', [True, False])
def test_a_clip_is_cut_window_by_window_without_streaming(masked):
    model = mobind(dict(type=PatchLinear))
    inputs = dict(imu=torch.randn(2, 2, 6, 100), pose=torch.randn(2, 2, 6, 50))
    if masked:
        inputs['imu_mask'] = torch.tensor([[True, False], [True, True]])
        inputs['pose_mask'] = torch.rand(2, 2, 50) > 0.2
    with torch.no_grad():
        samples = model(inputs, mode='predict')
        starts = samples[0].window_starts
        assert starts.tolist() == pytest.approx([0.4 * i for i in range(8)])
        for w, start in enumerate(starts.tolist()):
            part = {
                key: x
                if key == 'imu_mask'
                else x[..., round(start * rate) :][..., : 2 * rate]
                for key, x in inputs.items()
                for rate in [20 if key.startswith('imu') else 10]
            }
            feats = model(part)
            for field, feature in (
                ('imu_embedding', 'imu'),
                ('pose_embedding', 'pose'),
                ('pose_tokens', 'pose_tokens'),
                ('pose_token_mask', 'pose_token_mask'),
            ):
                whole = torch.stack([getattr(s, field)[w] for s in samples])
                torch.testing.assert_close(
                    whole, feats[feature], rtol=1e-4, atol=1e-5
                )
