"""Mixed precision without loss scaling."""

import torch
from torch import nn

from mobind_mm.registry import OPTIM_WRAPPERS


def test_products_are_bfloat16_and_weights_float32():
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    before = model.weight.detach().clone()
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BF16OptimWrapper',
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
