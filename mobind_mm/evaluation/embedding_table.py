"""The embeddings of many windows as columns, in memory and in one file.

A table is a dictionary of arrays with one row per window:

=================================  ========================================
``imu_embedding pose_embedding``   (M, D), or (M, S, D) for a per-limb model
``imu_mask pose_mask``             (M, S) boolean, limbs present
``imu_tokens pose_tokens``         (M, S, N, D) unit tokens, optional
``pose_token_mask``                (M, S, N) boolean, with the tokens
``action``                         (M,) integer, -1 without a label
``role``                           (M,) ``query`` or ``gallery``
``take subject scene camera``      (M,) names, or None where unknown
``window_start window_sec``        (M,) seconds, or None where unknown
=================================  ========================================

In a safetensors file the arrays stand under their names; times that are
unknown are NaN. Names are lists in the JSON text under the metadata key
``header``: ``format``, ``version``, ``classes`` (of ``action``), ``role``,
``take``, ``subject``, ``scene``, ``camera``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..recordings.schema import read_field
from ..utils.errors import show
from ..utils.files import write_whole
from ..utils.similarity import flat_tokens
from .functional.ranking import search_index

FORMAT = 'mobind_mm/embeddings'
VERSION = 1

EMBEDDINGS = ('imu_embedding', 'pose_embedding')
MASKS = ('imu_mask', 'pose_mask')
TOKENS = ('imu_tokens', 'pose_tokens')
NAMES = ('take', 'subject', 'scene', 'camera')
TIMES = ('window_start', 'window_sec')
IDS = (*NAMES, *TIMES)

_LISTS = ('role', *NAMES)
_REQUIRED = (*EMBEDDINGS, *MASKS, *TIMES, 'action')
_SHAPES = {
    **dict.fromkeys(EMBEDDINGS, ('f', (2, 3))),
    **dict.fromkeys(MASKS, ('b', (2,))),
    **dict.fromkeys(TIMES, ('fiu', (1,))),
    'action': ('iu', (1,)),
    **dict.fromkeys(TOKENS, ('f', (4,))),
    'pose_token_mask': ('b', (3,)),
}
"""Kinds of numbers, and numbers of axes, of each array."""

Table = dict[str, np.ndarray]


def stack_rows(rows: Sequence[Mapping]) -> Table:
    """Rows to columns.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError('No window was evaluated; the split is empty.')
    table: Table = {}
    for key in rows[0]:
        values = [row[key] for row in rows]
        if key in IDS:
            table[key] = _objects(values)
        else:
            table[key] = np.stack(values)
    return table


def select(table: Table, keep: np.ndarray) -> Table:
    """Rows of a table, by a boolean array or indices."""
    return {key: column[keep] for key, column in table.items()}


def join(query: Table, gallery: Table) -> Table:
    """One table of two, whose windows are query and gallery.

    Raises:
        ValueError: If their embeddings do not fit together.
    """
    for key in (*EMBEDDINGS, *MASKS):
        if query[key].shape[1:] != gallery[key].shape[1:]:
            raise ValueError(
                f'{key} of the queries has shape {query[key].shape}, of the '
                f'gallery {gallery[key].shape}: they come from two models.'
            )
    joined = {
        key: np.concatenate([query[key], gallery[key]])
        for key in query
        if key in gallery
    }
    sizes = (len(query['role']), len(gallery['role']))
    joined['role'] = np.repeat(['query', 'gallery'], sizes)
    return joined


def has_both(table: Table) -> np.ndarray:
    """Whether each window shows any limb in both modalities, (M,)."""
    imu, pose = (np.any(table[key], axis=1) for key in MASKS)
    return imu & pose


def modality(table: Table, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Embeddings of a modality, and their mask if per limb.

    Args:
        table: Columns.
        name: ``imu``, ``pose``, or ``both``: both embeddings
            along the limb axis, so that a cosine of the pair is the mean of
            the cosines of all that two windows share.
    """
    if name == 'both':
        imu, pose = (table[key] for key in EMBEDDINGS)
        if imu.ndim == 2:
            return np.stack([imu, pose], axis=1), None
        masks = [table[key] for key in MASKS]
        return np.concatenate([imu, pose], 1), np.concatenate(masks, 1)
    x = table[f'{name}_embedding']
    return x, table[f'{name}_mask'] if x.ndim == 3 else None


def token_vectors(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of ``imu`` or ``pose`` as limbs (M, S * N, D), and their mask."""
    mask = table['imu_mask' if name == 'imu' else 'pose_token_mask']
    return flat_tokens(table[f'{name}_tokens'], mask)


def all_tokens(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (M, S, N, D) of a modality and which of them (M, S, N) count.

    ``name`` is ``imu``, ``pose``, or ``both``: both along the limb axis.
    """
    names = ('imu', 'pose') if name == 'both' else (name,)
    tokens = [table[f'{name}_tokens'] for name in names]
    masks = [token_mask(table, name) for name in names]
    return np.concatenate(tokens, axis=1), np.concatenate(masks, axis=1)


def token_mask(table: Table, name: str) -> np.ndarray:
    """Which tokens (M, S, N) of ``imu`` or ``pose`` count."""
    if name == 'pose':
        return table['pose_token_mask']
    length = table['imu_tokens'].shape[2]
    return np.repeat(table['imu_mask'][..., None], length, axis=2)


def list_neighbours(query: Table, index: Table, k: int) -> list[dict]:
    """The ``k`` pose windows of ``index`` nearest to the IMU of each query.

    Returns:
        One row per pair: take and start (seconds) of both, their similarity
        and the rank of the neighbour, from 1.

    Raises:
        ValueError: As :func:`.functional.search_index`.
    """
    imu, imu_mask = modality(query, 'imu')
    pose, pose_mask = modality(index, 'pose')
    indices, similarity = search_index(imu, pose, k, imu_mask, pose_mask)
    return [
        {
            'take': query['take'][i],
            'window_start': query['window_start'][i],
            'place': place + 1,
            'found_take': index['take'][j],
            'found_window_start': index['window_start'][j],
            'similarity': round(float(similarity[i, place]), 6),
        }
        for i, places in enumerate(indices.tolist())
        for place, j in enumerate(places)
    ]


def write_embeddings(
    path: str | Path, table: Table, classes: Sequence[str] = ()
) -> None:
    """Write a table and the names of the actions, atomically.

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
    arrays = {key: x for key, x in table.items() if key in _SHAPES}
    for key in TIMES:
        arrays[key] = np.array(table[key], dtype=np.float64)
    arrays = {key: np.ascontiguousarray(x) for key, x in arrays.items()}
    content = save(arrays, {'header': json.dumps(header)})
    write_whole(path, content)


def read_embeddings(path: str | Path) -> tuple[Table, list[str]]:
    """Table and names of actions of a file of :func:`write_embeddings`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming the file and the array or list at fault.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist; write it with mobind test CONFIG '
            'CHECKPOINT --dump-embeddings FILE.'
        )
    try:
        with safe_open(path, framework='numpy') as file:
            header = (file.metadata() or {}).get('header', '{}')
            table = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        header = json.loads(header)
    except (
        SafetensorError,
        ValueError,
        RecursionError,
        TypeError,  # these three: of numbers that NumPy lacks
        KeyError,
        AttributeError,
    ) as error:
        raise ValueError(
            f'{path} is not a complete safetensors file: {error}'
        ) from error
    if not isinstance(header, dict) or header.get('format') != FORMAT:
        raise ValueError(
            f'{path} does not hold embeddings: its header does not say '
            f'format {FORMAT!r}.'
        )
    if header.get('version') != VERSION:
        raise ValueError(
            f'{path} has version {show(header.get("version"))}; this package '
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
    return table, header.get('classes') or []


def check_embedding_path(path: str | Path) -> Path:
    """Refuse a name for a file of embeddings.

    Raises:
        ValueError: If it does not end in ``.safetensors`` or is a
            directory.
    """
    path = Path(path)
    if path.suffix != '.safetensors' or path.is_dir():
        raise ValueError(
            f'{path} is not a file name for embeddings; give one that '
            'ends in .safetensors.'
        )
    return path


def _check(path: Path, table: Table, header: dict) -> None:
    """Refuse a table whose parts are missing or do not fit together."""
    wrong = [key for key in _REQUIRED if key not in table]
    wrong += [key for key in _LISTS if not isinstance(header.get(key), list)]
    if wrong:
        raise ValueError(f'{path}: {", ".join(wrong)} is missing.')
    for key in _LISTS:
        for value in header[key]:
            missing = value is None and key != 'role'
            if not (missing or isinstance(value, str)):
                raise ValueError(
                    f'{path}: {key} has {show(value)}, expected text.'
                )
    if header.get('classes') is not None:
        read_field(header, 'classes', 'a list of texts', path)
    for key, (kinds, axes) in _SHAPES.items():
        x = table.get(key)
        if x is not None and (
            x.dtype.kind not in kinds or x.ndim not in axes or 0 in x.shape[1:]
        ):
            what = {'f': 'real numbers', 'b': 'booleans', 'iu': 'integers'}
            raise ValueError(
                f'{path}: {key} is {x.dtype} of shape {x.shape}, expected '
                f'{what.get(kinds, "numbers")} along '
                f'{" or ".join(map(str, axes))} axes.'
            )
    imu, masks = table['imu_embedding'], table['imu_mask']
    limbs = imu.shape[:2] if imu.ndim == 3 else (len(imu), masks.shape[1])
    wanted = {'pose_embedding': imu.shape, **dict.fromkeys(MASKS, limbs)}
    if 'imu_tokens' in table:
        tokens = (*limbs, *table['imu_tokens'].shape[2:])
        wanted.update(dict.fromkeys(TOKENS, tokens))
        wanted['pose_token_mask'] = tokens[:3]
    for key, shape in wanted.items():
        given = table[key].shape if key in table else None
        if given != shape:
            raise ValueError(
                f'{path}: {key} must have shape {shape} to fit the '
                f'embeddings, but has {given}.'
            )
    for key, column in {**table, **{k: header[k] for k in _LISTS}}.items():
        rows = len(column) if getattr(column, 'shape', True) else 0
        if rows != len(imu):
            raise ValueError(
                f'{path}: {key} has {rows} rows, imu_embedding {len(imu)}.'
            )
    if odd := set(header['role']) - {'query', 'gallery'}:
        raise ValueError(f'{path}: role has {show(min(odd))}.')
    action, classes = table['action'], header.get('classes') or ()
    most = len(classes) or np.inf
    if not ((action >= -1) & (action < most)).all():
        raise ValueError(
            f'{path}: action must be -1 or an index into the '
            f'{len(classes)} classes.'
        )


def _objects(values: Sequence) -> np.ndarray:
    """An array that keeps None and names as they are."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
