"""Write metrics as one flat JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import replacing


def prepare_results(path: str) -> None:
    """Make the directory of a results file, before hours of work.

    Raises:
        ValueError: If the path does not end in ``.json`` or is a directory.
    """
    file = Path(path)
    if file.suffix != '.json' or file.is_dir():
        raise ValueError(
            f'--out {path} is not the name of a JSON file; give one that '
            'ends in .json.'
        )
    file.parent.mkdir(parents=True, exist_ok=True)


def write_results(path: str, metrics: Mapping[str, Any]) -> None:
    """Write metrics, among which are the numbers of samples behind them.

    The file is written under a temporary name first, so it is never half
    there. A metric that is not finite becomes ``null``: JSON has no NaN.
    """
    flat = {key: plain_value(value) for key, value in metrics.items()}
    with replacing(path) as temporary:
        text = json.dumps(flat, indent=2, allow_nan=False)
        temporary.write_text(f'{text}\n', encoding='utf-8')


def write_json(path: str | Path, content: Any) -> None:
    """Write nested plain data; arrays become lists, NaN becomes ``null``.

    The file is written under a temporary name first.
    """
    with replacing(path) as temporary:
        text = json.dumps(_plain(content), indent=2, allow_nan=False)
        temporary.write_text(f'{text}\n', encoding='utf-8')


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if hasattr(content, 'tolist'):
        content = content.tolist()
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return plain_value(content)


def plain_value(value: Any) -> Any:
    """A number of numpy or PyTorch as one that JSON knows."""
    value = value.item() if hasattr(value, 'item') else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
