"""Batches in chunks: the same draws and statistics, little memory."""

import pytest
import torch
from tiny_models import kept_numbers
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mobind_mm.models import chunks
from mobind_mm.models.batch_norm import SyncBatchNorm
from mobind_mm.models.chunks import encode_in_chunks
from mobind_mm.registry import MODELS

B, S, D = 12, 2, 16


pytestmark = pytest.mark.usefixtures('mobind_scope')


def build(**options):
    """The whole objective, with dropout."""
    torch.manual_seed(0)
    backbone = dict(type='ConvFormer', in_channels=6, window_sec=1.0)
    backbone.update(conv_channels=(8, 8), embed_dims=D, num_layers=1)
    backbone.update(num_heads=2, ffn_dims=16, num_segments=1)
    neck = dict(type='ConcatMLPNeck', num_limbs=S, embed_dims=D)
    masked = dict(type='MaskedTokenHead', num_limbs=S, num_tokens=5)
    masked.update(embed_dims=D, num_layers=1, num_heads=2)
    cfg = dict(
        type='MoBind',
        imu_backbone=dict(backbone, rate=50),
        pose_backbone=dict(backbone, rate=20),
        imu_neck=neck,
        pose_neck=neck,
        head=dict(
            type='HierarchicalContrastiveHead',
            embed_dims=D,
            multi_positive_weight=0.2,
        ),
        masked_token_head=masked,
        **options,
    )
    return MODELS.build(cfg).train()


def inputs():
    generator = torch.Generator().manual_seed(1)
    imu = torch.randn(B, S, 6, 50, generator=generator)
    pose = torch.randn(B, S, 6, 20, generator=generator)
    imu_mask = torch.rand(B, S, generator=generator) < 0.8
    return dict(imu=imu, pose=pose, imu_mask=imu_mask)


def step(model):
    """One gradient; everything that it leaves behind."""
    torch.manual_seed(2)
    sum(model(inputs(), mode='loss').values()).backward()
    gradients = [p.grad for p in model.parameters()]
    return [*gradients, *model.buffers(), torch.get_rng_state()]


def test_the_second_pass_draws_what_the_first_drew(monkeypatch):
    """Dropout, hidden tokens and batch statistics, to the last bit."""
    model = build(chunk_size=5)
    twice = step(model)
    monkeypatch.setattr(
        chunks, 'checkpoint', lambda encode, *chunk, **_: encode(*chunk)
    )
    once = step(build(chunk_size=5))
    assert len(once) == len(twice) > 60
    for a, b in zip(once, twice):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)
    # Statistics move once a chunk, and once only.
    tracked = [b for n, b in model.named_buffers() if n.endswith('tracked')]
    assert {int(count) for count in tracked} == {3}


def test_activations_are_not_kept():
    sizes = {}
    for chunk_size in (None, 3):
        kept = []
        with kept_numbers(kept):
            build(chunk_size=chunk_size)(inputs(), mode='loss')
        sizes[chunk_size] = sum(kept)
    # What is left are the inputs and the losses.
    assert sizes[3] < sizes[None] / 8


def test_every_size_of_a_chunk():
    line = nn.Linear(2, 3)
    x = torch.arange(10.0).view(5, 2)

    def encode(rows):
        return {'y': line(rows['x']) ** 2}

    for size in (1, 2, 5, 9):
        line.zero_grad()
        out = encode_in_chunks(encode, {'x': x}, size, line)
        torch.testing.assert_close(out['y'], line(x) ** 2)
        out['y'].sum().backward()
        torch.testing.assert_close(line.bias.grad, (2 * line(x)).sum(0))


def test_batch_norm_by_config():
    model = build(batch_norm='synchronised')
    names = list(model.state_dict())
    assert names == list(build().state_dict())
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    assert len(norms) == 4
    assert all(type(norm) is SyncBatchNorm for norm in norms)
    # In one process there is nobody to synchronise with.
    for a, b in zip(step(model), step(build())):
        assert torch.equal(a, b)
    frozen = build(batch_norm='frozen')
    before = [buffer.clone() for buffer in frozen.buffers()]
    step(frozen)
    assert all(map(torch.equal, before, frozen.buffers()))
    frozen.eval().train()
    norms = [m for m in frozen.modules() if isinstance(m, _BatchNorm)]
    assert frozen.training and not any(norm.training for norm in norms)
    assert norms[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(batch_norm='sync'), "one of .* got 'sync'"),
        (dict(chunk_size=0), 'chunk_size=0 must be positive'),
        (
            dict(chunk_size=4, batch_norm='synchronised'),
            'chunk_size=4 encodes them in parts',
        ),
    ],
)
def test_choices_that_cannot_be_had(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
