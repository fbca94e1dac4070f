"""The nearest windows of each window, for reading."""

from __future__ import annotations

from typing import Any

from .embedding_table import Table, modality
from .functional import search_index


def list_neighbours(query: Table, index: Table, k: int) -> list[dict]:
    """Nearest pose windows of each IMU window.

    Args:
        query: Windows whose IMU is looked up.
        index: Windows whose pose is found.
        k: Neighbours of each.

    Returns:
        One row a pair: take and start (seconds) of both, their similarity
        and the place of the neighbour, from 1.

    Raises:
        ValueError: As :func:`~.functional.search_index`.
    """
    imu, imu_mask = modality(query, 'imu')
    pose, pose_mask = modality(index, 'pose')
    found, similarity = search_index(imu, pose, k, imu_mask, pose_mask)
    rows: list[dict[str, Any]] = []
    for i, places in enumerate(found.tolist()):
        for place, j in enumerate(places):
            rows.append(
                {
                    'take': query['take'][i],
                    'window_start': query['window_start'][i],
                    'place': place + 1,
                    'found_take': index['take'][j],
                    'found_window_start': index['window_start'][j],
                    'similarity': round(float(similarity[i, place]), 6),
                }
            )
    return rows
