"""Checkpoints that come with the package, under one name everywhere.

``mobind_mm/checkpoints/<name>.pth``, as the metafiles call it, is the file
inside the package from any directory: for ``--load-from``, ``init_cfg`` of
type ``Pretrained``, and MMEngine's ``get_model(..., pretrained=True)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader

PREFIX = 'mobind_mm/checkpoints/'

_ROOT = Path(__file__).resolve().parents[2]


@CheckpointLoader.register_scheme(prefixes=PREFIX, force=True)
def load_from_shipped(filename: str, map_location: Any = None) -> dict:
    """Read a shipped checkpoint, weights and plain containers only.

    Args:
        filename: ``mobind_mm/checkpoints/<name>.pth``.
        map_location: Where the tensors go, as for :func:`torch.load`.

    Raises:
        FileNotFoundError: If this version does not ship it.
    """
    path = _ROOT / filename
    if not path.is_file():
        shipped = sorted(p.name for p in path.parent.glob('*.pth'))
        raise FileNotFoundError(
            f'{filename} is no file of this version; it ships {shipped}.'
        )
    return torch.load(path, map_location=map_location, weights_only=True)
