"""Fast layers equal PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mobind_mm.models.layers import (
    Dropout,
    ReLUDropout,
    TimeConv,
    TransformerLayer,
)


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
