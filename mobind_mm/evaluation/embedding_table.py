"""The embeddings of many windows as columns.

A table is a dictionary of arrays with one row a window:

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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .functional import flat_tokens

EMBEDDINGS = ('imu_embedding', 'pose_embedding')
MASKS = ('imu_mask', 'pose_mask')
TOKENS = ('imu_tokens', 'pose_tokens')
NAMES = ('take', 'subject', 'scene', 'camera')
TIMES = ('window_start', 'window_sec')
IDS = (*NAMES, *TIMES)

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
                f'gallery {gallery[key].shape}: they are of two models.'
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
    return table['imu_mask'].any(axis=1) & table['pose_mask'].any(axis=1)


def modality(table: Table, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Embeddings of a modality, and their mask if they are per limb.

    Args:
        table: Columns.
        name: ``imu``, ``pose``, or ``both``: unit embeddings beside each
            other along the limb axis, so that a cosine of the pair is the
            mean of the cosines of all that two windows share.
    """
    if name == 'both':
        return _both(table)
    x = table[f'{name}_embedding']
    return x, table[f'{name}_mask'] if x.ndim == 3 else None


def token_vectors(table: Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of ``imu`` or ``pose`` as limbs (M, S * N, D), and their mask."""
    mask = table['imu_mask' if name == 'imu' else 'pose_token_mask']
    return flat_tokens(table[f'{name}_tokens'], mask)


def _both(table: Table) -> tuple[np.ndarray, np.ndarray | None]:
    imu, pose = (table[key] for key in EMBEDDINGS)
    if imu.ndim == 2:
        return np.stack([imu, pose], axis=1), None
    masks = [table[key] for key in MASKS]
    return np.concatenate([imu, pose], 1), np.concatenate(masks, 1)


def _objects(values: Sequence) -> np.ndarray:
    """An array that keeps None and names as they are."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
