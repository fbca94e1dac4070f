"""Mixed precision without loss scaling."""

import pytest
import torch
from torch import nn

from mobind_mm.engine.training import has_bfloat16
from mobind_mm.registry import OPTIM_WRAPPERS


def test_products_are_bfloat16_and_weights_float32():
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    before = model.weight.detach().clone()
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BF16OptimWrapper',
            force=True,
            optimizer=torch.optim.Adam(model.parameters(), 1e-2, fused=True),
        )
    )
    x = torch.randn(16, 8)
    with wrapper.optim_context(model):
        out = model(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), model(x), rtol=0.02, atol=0.02)
    wrapper.update_params(out.float().square().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(model.weight, before)
    assert model(x).dtype == torch.float32


def test_it_is_left_out_where_it_is_emulated(monkeypatch):
    """The published model trained 13 times as slowly on AVX2."""
    monkeypatch.setattr(
        torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX2'
    )
    model = nn.Linear(8, 4)
    records = []
    monkeypatch.setattr(
        'mobind_mm.engine.training.print_log',
        lambda message, **_: records.append(message),
    )
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BF16OptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), 0.1),
        )
    )
    assert any('13 times with AVX2' in message for message in records)
    with wrapper.optim_context(model):
        assert model(torch.randn(2, 8)).dtype == torch.float32


@pytest.mark.parametrize(
    ('limit', 'expected'),
    [('', True), ('AVX2', False), ('AVX512_CORE_BF16', True)],
)
def test_what_the_processor_has(monkeypatch, limit, expected):
    monkeypatch.setattr(
        torch.backends.cpu, 'get_cpu_capability', lambda: 'AVX512'
    )
    monkeypatch.setattr(
        torch.cpu, '_is_avx512_bf16_supported', lambda: True, raising=False
    )
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', limit)
    assert has_bfloat16('cpu') is expected
