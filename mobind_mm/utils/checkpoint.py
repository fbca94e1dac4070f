"""Read, check and write checkpoints.

MMEngine loads with ``strict=False`` and only logs what does not fit, so a
checkpoint of another architecture would run with random weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from .config_text import parse_config_text
from .files import replacing

_SHOWN = 3
"""Mismatches that an error message names."""


def check_checkpoint(
    model: nn.Module, source: str, partial: bool = False
) -> None:
    """Read a checkpoint and check that it fits a model.

    Args:
        model: The model that is going to load it, wrapped or not.
        source: A file, or a URL that MMEngine can read.
        partial: See :func:`check_state_dict`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or does not fit.
    """
    checkpoint = read_checkpoint(source)
    state_dict = checkpoint.get('state_dict', checkpoint)
    check_state_dict(model, state_dict, source, partial)


def check_resumable(model: nn.Module, source: str) -> None:
    """Check that training can go on from a checkpoint.

    MMEngine 0.10.7 runs the text under ``meta.config`` as a program when it
    resumes, so a text that is more than data is refused here.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, does not fit, is unsafe, or holds
            weights alone.
    """
    checkpoint = read_checkpoint(source)
    missing = [
        key
        for key in ('state_dict', 'meta', 'optimizer', 'message_hub')
        if key not in checkpoint
    ]
    if missing:
        raise ValueError(
            f'{source} holds no state of training (no {", ".join(missing)}), '
            'so it cannot be resumed; start from its weights with '
            '--load-from.'
        )
    if 'config' in checkpoint['meta']:
        parse_config_text(checkpoint['meta']['config'], source)
    check_state_dict(model, checkpoint['state_dict'], source)


def read_checkpoint(source: str) -> dict[str, Any]:
    """Read a checkpoint on the CPU, weights and plain containers only.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, unsafe, or not a checkpoint.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(
            source, 'cpu', logger='silent'
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            f'There is no checkpoint {source}; check the path.'
        ) from None
    except Exception as error:  # torch and pickle raise many kinds
        reason = str(error).strip().split('\n')[0]
        raise ValueError(
            f'{source} cannot be read as a checkpoint '
            f'({type(error).__name__}: {reason}). Check that the file is '
            'complete and that a tool of OpenMMLab or PyTorch wrote it.'
        ) from error
    if not isinstance(checkpoint, Mapping):
        raise ValueError(
            f'{source} holds a {type(checkpoint).__name__} instead of a '
            'checkpoint or a state dict; save model.state_dict().'
        )
    return checkpoint


def save_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    with replacing(path) as temporary:
        torch.save(checkpoint, temporary)


def check_state_dict(
    model: nn.Module,
    state_dict: Mapping[str, Any],
    source: str,
    partial: bool = False,
) -> None:
    """Refuse a state dict that does not fit a model.

    Names under ``data_preprocessor.`` are ignored (they hold statistics
    that the config sets), as is the ``module.`` prefix of a wrapped model.

    Args:
        model: The model that is going to load it, wrapped or not.
        state_dict: Names and tensors.
        source: Where it comes from, for the message.
        partial: Accept missing and additional names, as for fine-tuning, as
            long as some fit and none has another shape.

    Raises:
        ValueError: If names or shapes differ; the message gives the first.
    """
    model_shapes = _shapes(model.state_dict())
    file_shapes = _shapes(state_dict)
    common = [name for name in model_shapes if name in file_shapes]
    problems = [
        f'{name} has shape {file_shapes[name]} in the file and '
        f'{model_shapes[name]} in the model'
        for name in common
        if file_shapes[name] != model_shapes[name]
    ]
    if not (partial and common):
        problems += [
            *(f'{n} is missing' for n in model_shapes if n not in file_shapes),
            *(
                f'{n} is not in the model'
                for n in file_shapes
                if n not in model_shapes
            ),
        ]
    if problems:
        shown = '; '.join(problems[:_SHOWN])
        more = len(problems) - _SHOWN
        raise ValueError(
            f'The checkpoint {source} does not fit the model: {shown}'
            + (f'; and {more} more. ' if more > 0 else '. ')
            + 'Use the config that it was trained with. To start a new model '
            'from some of its weights, give that part of the model '
            "init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)."
        )


def _shapes(state_dict: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes by name, without wrapper prefix and data preprocessor."""
    shapes = {}
    for name, value in state_dict.items():
        name = name.removeprefix('module.')
        if not name.startswith('data_preprocessor.'):
            shapes[name] = tuple(getattr(value, 'shape', ()))
    return shapes
