"""Count the multiplications and the parameters of a config's model.

MMAction2's tool of that name counts recognisers; this one counts MoBind and
its classifiers, on one window.

    python tools/analysis_tools/get_flops.py configs/mobind/synthetic.py
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from mobind_mm.apis.exporting import Graph, example_inputs
from mobind_mm.cli.arguments import flags
from mobind_mm.models.limb_model import MODALITIES, LimbModel
from mobind_mm.registry import MODELS
from mobind_mm.utils.cli import run_command
from mobind_mm.utils.model_index import find_config


class _Window(nn.Module):
    """A model on inputs in a fixed order, as the counter calls it."""

    def __init__(self, model: LimbModel, names: list[str]) -> None:
        super().__init__()
        self.graph, self.names = Graph(model), names

    def forward(self, *inputs: torch.Tensor) -> Any:
        return tuple(self.graph(**dict(zip(self.names, inputs))).values())


def count(config: str, tokens: int | None = None) -> dict[str, Any]:
    """What MMEngine counts, for one window with all its limbs.

    Args:
        config: File or name of a config.
        tokens: Length of the window; that of the training by default.

    Raises:
        ValueError: If the model does not take windows of IMU and pose.
    """
    cfg = Config.fromfile(str(find_config(config)))
    init_default_scope(cfg.get('default_scope', 'mobind_mm'))
    model = MODELS.build(cfg.model).eval()
    if not isinstance(model, LimbModel):
        raise ValueError(
            f'{config} has a {type(model).__name__}; count it with '
            "get_flops.py of MMAction2 and its inputs' --shape."
        )
    there = [m for m in MODALITIES if getattr(model, f'{m}_backbone')]
    inputs = example_inputs(model, there, clips=1, tokens=tokens)
    window = _Window(model, list(inputs)).eval()
    result = get_model_complexity_info(window, inputs=tuple(inputs.values()))
    shapes = {key: tuple(x.shape) for key, x in inputs.items()}
    return {**result, 'shapes': shapes}


def main() -> None:
    """Print the table of a config."""
    parser = ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    flag = flags(parser)
    flag('config', 'file or name of a config')
    flag('--tokens N', 'tokens in the window', type=int)
    args = parser.parse_args()
    result = count(args.config, args.tokens)
    print(result['out_table'])
    print(f'Input: {result["shapes"]}')
    print(f'Flops: {result["flops_str"]}\nParams: {result["params_str"]}')


if __name__ == '__main__':
    run_command(main)
