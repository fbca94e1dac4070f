"""Galleries of retrieval for the windows of a table."""

from __future__ import annotations

from .embedding_table import Table
from .functional import disjoint_rivals, same_label_rivals
from .functional.retrieval import Rivals

GALLERIES = ('all', 'disjoint', 'same_action')


def gallery_rivals(gallery: str, table: Table) -> Rivals | None:
    """Who competes in a gallery; None for everybody.

    Args:
        gallery: One of :data:`GALLERIES`.
        table: Columns of the windows, each a query and an item.

    Raises:
        ValueError: If takes or times are unknown that it needs.
    """
    if gallery == 'same_action':
        return same_label_rivals(table['action'])
    if gallery == 'all':
        return None
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
