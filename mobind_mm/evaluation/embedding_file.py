"""Embeddings of many windows in one safetensors file.

The arrays of :mod:`mobind_mm.evaluation.embedding_table` under their names;
times that are unknown are NaN. Names are lists in the JSON text under the
metadata key ``header``: ``format``, ``version``, ``classes`` (of
``action``), ``role``, ``take``, ``subject``, ``scene``, ``camera``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..utils.files import replacing
from .embedding_table import EMBEDDINGS, MASKS, NAMES, TIMES, TOKENS, Table

FORMAT = 'mobind_mm/embeddings'
VERSION = 1
_LISTS = ('role', *NAMES)
_REQUIRED = (*EMBEDDINGS, *MASKS, *TIMES, 'action')
_KNOWN = {*_REQUIRED, *TOKENS, 'pose_token_mask'}


def write_embeddings(
    path: str | Path, table: Table, classes: Sequence[str] = ()
) -> None:
    """Write a table, replacing the file in one step.

    Args:
        path: File to write; its directory is made.
        table: Columns.
        classes: Names of the actions.

    Raises:
        ValueError: If the path does not end in ``.safetensors``.
    """
    path = check_embedding_path(path)
    header = {
        'format': FORMAT,
        'version': VERSION,
        'classes': list(classes),
        **{key: table[key].tolist() for key in _LISTS},
    }
    arrays = {key: x for key, x in table.items() if key in _KNOWN}
    for key in TIMES:
        arrays[key] = np.array(table[key], dtype=np.float64)
    arrays = {key: np.ascontiguousarray(x) for key, x in arrays.items()}
    content = save(arrays, {'header': json.dumps(header)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read_embeddings(path: str | Path) -> tuple[Table, list[str]]:
    """Read and check a file of :func:`write_embeddings`.

    Returns:
        The table and the names of the actions.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming the file and the array or list at fault.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist; write it with tools/test.py CONFIG '
            'CHECKPOINT --dump-embeddings FILE.'
        )
    try:
        with safe_open(path, framework='numpy') as file:
            header = (file.metadata() or {}).get('header', '{}')
            table = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        header = json.loads(header)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f'{path} is not a whole safetensors file: {error}'
        ) from error
    if not isinstance(header, dict) or header.get('format') != FORMAT:
        raise ValueError(
            f'{path} holds no embeddings: its header does not say '
            f'format {FORMAT!r}.'
        )
    if header.get('version') != VERSION:
        raise ValueError(
            f'{path} has version {header.get("version")!r}; this package '
            f'reads version {VERSION}.'
        )
    _check(path, table, header)
    for key in TIMES:
        table[key] = _objects(
            [None if math.isnan(t) else t for t in table[key].tolist()]
        )
    for key in NAMES:
        table[key] = _objects(header[key])
    table['role'] = np.array(header['role'], dtype=str)
    return table, list(header.get('classes') or ())


def check_embedding_path(path: str | Path) -> Path:
    """Refuse a name for a file of embeddings.

    Raises:
        ValueError: If it does not end in ``.safetensors`` or is a
            directory.
    """
    path = Path(path)
    if path.suffix != '.safetensors' or path.is_dir():
        raise ValueError(
            f'{path} is not the name of a file of embeddings; give one that '
            'ends in .safetensors.'
        )
    return path


def _check(path: Path, table: Table, header: dict) -> None:
    """Refuse a table whose parts are missing or do not fit together."""
    wrong = [key for key in _REQUIRED if key not in table]
    wrong += [key for key in _LISTS if not isinstance(header.get(key), list)]
    if wrong:
        raise ValueError(f'{path}: {", ".join(wrong)} is missing.')
    imu, pose = (table[key] for key in EMBEDDINGS)
    if imu.shape != pose.shape or imu.ndim not in (2, 3):
        raise ValueError(
            f'{path}: imu_embedding {imu.shape} and pose_embedding '
            f'{pose.shape} must both be (M, D) or (M, S, D).'
        )
    limbs = table['imu_mask'].shape[1:]
    per_limb = imu.ndim == 3
    for key in MASKS:
        mask = table[key]
        fits = mask.ndim == 2 and mask.shape[1:] == limbs
        if (
            mask.dtype != bool
            or not fits
            or (per_limb and limbs != imu.shape[1:2])
        ):
            raise ValueError(
                f'{path}: {key} must be boolean (M, S) and fit the '
                f'embeddings {imu.shape}, got {mask.dtype} {mask.shape}.'
            )
    for key, column in {**table, **{k: header[k] for k in _LISTS}}.items():
        if len(column) != len(imu):
            raise ValueError(
                f'{path}: {key} has {len(column)} rows, imu_embedding '
                f'{len(imu)}.'
            )


def _objects(values: Sequence) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
