"""Galleries of retrieval for the windows of a table."""

from __future__ import annotations

from .embedding_table import Table
from .functional import disjoint_rivals, other_camera_rivals, same_label_rivals
from .functional.retrieval import Rivals

GALLERIES = ('all', 'disjoint', 'same_action')


def gallery_rivals(gallery: str, table: Table) -> Rivals | None:
    """Who competes in a gallery; None for everybody.

    In none of them the query's own window competes as another camera saw it.

    Args:
        gallery: One of :data:`GALLERIES`.
        table: Columns of the windows, each a query and an item.

    Raises:
        ValueError: If takes or times are unknown that it needs.
    """
    if gallery != 'disjoint':
        views = other_camera_rivals(
            table['take'], table['window_start'], table['camera']
        )
        if gallery == 'all':
            return views
        same = same_label_rivals(table['action'])
        if views is None:
            return same
        return lambda rows, columns: same(rows, columns) & views(rows, columns)
    for key in ('take', 'window_start', 'window_sec'):
        if any(value is None for value in table[key]):
            raise ValueError(
                f"The gallery 'disjoint' needs {key!r} of every window: keep "
                'it in meta_keys of PackIMUPose, or leave the gallery out '
                "with galleries=('all', 'same_action')."
            )
    return disjoint_rivals(
        table['take'], table['window_start'], table['window_sec']
    )
