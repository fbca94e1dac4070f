"""Read, check and write checkpoint files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

_SHOWN = 5


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint without executing anything in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or not a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'No checkpoint at {path}; train one with tools/train.py, or '
            'check the path.'
        )
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:
        reason = str(error).split('\n')[0]
        raise ValueError(
            f'{path} is damaged or not a checkpoint ({reason}).'
        ) from error
    if not isinstance(checkpoint, Mapping):
        raise ValueError(
            f'{path} holds a {type(checkpoint).__name__}, not a checkpoint.'
        )
    return checkpoint


def save_checkpoint(checkpoint: dict, path: str | Path) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        torch.save(checkpoint, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_state_dict(
    model: nn.Module, state_dict: Mapping[str, torch.Tensor], source: str
) -> None:
    """Refuse weights of another architecture.

    Keys under ``data_preprocessor.`` may differ.

    Args:
        model: The model that is to load them.
        state_dict: The weights.
        source: What to call them in the message, usually the file.

    Raises:
        ValueError: Naming the first mismatching keys and shapes.
    """

    def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple]:
        return {
            key: tuple(value.shape)
            for key, value in state.items()
            if not key.startswith('data_preprocessor.')
        }

    want, have = shapes(model.state_dict()), shapes(state_dict)
    faults = [
        f'{key}: shape {have[key]} in the file, {want[key]} in the model'
        for key in want
        if key in have and have[key] != want[key]
    ]
    faults += [f'{key}: missing in the file' for key in want.keys() - have]
    faults += [f'{key}: not in the model' for key in have.keys() - want]
    if faults:
        more = f' and {len(faults) - _SHOWN} more' * (len(faults) > _SHOWN)
        raise ValueError(
            f'{source} is of another architecture than the config: '
            f'{"; ".join(faults[:_SHOWN])}{more}. Use the config it was '
            'trained with, or the checkpoint itself in place of a config.'
        )
