"""The windows of people who are in view together, as scenes."""

from __future__ import annotations

import hashlib

import numpy as np

from .embedding_table import Table
from .scene import Scene, limbs_seen


def group_scenes(
    table: Table,
    similarity: str = 'token_posterior',
    part_similarity: str = 'tokens',
    scale: float = 10.0,
) -> list[Scene]:
    """Put windows with the same scene, camera and start together.

    Args:
        table: Columns with tokens, see
            :mod:`mobind_mm.evaluation.embedding_table`.
        similarity: ``token_posterior``, ``tokens`` or ``embedding``.
        part_similarity: ``token_posterior`` or ``tokens``.
        scale: Inverse temperature of ``token_posterior``.

    Raises:
        ValueError: If tokens or an id are missing, a person is in a window
            twice, or the windows of people who share a scene do not start
            together.
    """
    if 'imu_tokens' not in table:
        raise ValueError(
            'Localisation compares tokens, and these embeddings have none; '
            'write them with DumpEmbeddings(tokens=True).'
        )
    groups: dict[tuple, list[int]] = {}
    for row in range(len(table['role'])):
        groups.setdefault(_place(table, row), []).append(row)
    _check_groups(table, groups)
    scenes = []
    for rows in groups.values():
        has_imu = [row for row in rows if table['imu_mask'][row].any()]
        seen = [row for row in rows if limbs_seen(table, row).any()]
        orders = [
            np.array(sorted(part, key=lambda row: _mix(table, row, use)), int)
            for part, use in ((has_imu, 'imu'), (seen, 'pose'))
        ]
        scenes.append(
            Scene(table, *orders, similarity, part_similarity, scale)
        )
    return scenes


def _place(table: Table, row: int) -> tuple:
    """Scene, camera and start in ms of a window."""
    for key in ('scene', 'window_start'):
        if table[key][row] is None:
            raise ValueError(
                f'Localisation needs {key!r} of every window: keep it in '
                'meta_keys of PackIMUPose.'
            )
    start = round(float(table['window_start'][row]) * 1000)
    return table['scene'][row], table['camera'][row], start


def _check_groups(table: Table, groups: dict[tuple, list[int]]) -> None:
    people: dict[tuple, dict[tuple, list[int]]] = {}
    for place, rows in groups.items():
        names = [_name(table, row) for row in rows]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f'scene {place[0]!r}, camera {place[1]!r} at '
                f'{place[2] / 1000} s has subject {twice[1]!r}, take '
                f'{twice[0]!r} twice; evaluate each window once.'
            )
        starts = people.setdefault(place[:2], {})
        for name in names:
            starts.setdefault(name, []).append(place[2])
    together = max(map(len, groups.values()), default=0)
    for (scene, camera), starts in people.items():
        if len(starts) > 1 and (together < 2 or _has_strides_apart(starts)):
            raise ValueError(
                f'scene {scene!r}, camera {camera!r} has {len(starts)} '
                'people whose windows do not start together; set '
                "anchor='clock' and a stride_sec in the data set."
            )


def _has_strides_apart(starts: dict[tuple, list[int]]) -> bool:
    """Whether somebody's windows are on another grid than all others.

    Args:
        starts: Starts of each person's windows in ms.
    """
    gaps = [gap for own in starts.values() for gap in np.diff(sorted(own))]
    if not gaps:
        return False
    stride = min(gaps)
    for name, own in starts.items():
        others = [t for n, ts in starts.items() if n != name for t in ts]
        if set(own) & set(others):
            continue
        count = min(abs(t - own[0]) for t in others) / stride
        # Starts and stride are rounded to ms.
        if abs(count - round(count)) > (count + 2) / stride:
            return True
    return False


def _name(table: Table, row: int) -> tuple:
    return table['take'][row], table['subject'][row]


def _mix(table: Table, row: int, use: str) -> bytes:
    name = repr((use, *_place(table, row), *_name(table, row)))
    return hashlib.sha256(name.encode()).digest()
