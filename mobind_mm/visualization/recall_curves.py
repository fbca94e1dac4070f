"""Picture of recall against the length of the result list."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from .figures import COLOURS, GREY, new_figure, plain

_MARKED = (1, 5, 10)


def draw_recall_curves(
    ranks: Mapping[str, np.ndarray],
    num_gallery: int,
    title: str = 'Retrieval',
) -> Figure:
    """Draw recall@k over k for one or more directions.

    Args:
        ranks: Direction to the ranks (Q,) of the right items, from 1.
        num_gallery: Number of items that were searched.
        title: Title of the picture.

    Raises:
        ValueError: If there are no ranks, or one is not in the gallery.
    """
    ranks = {name: np.asarray(r) for name, r in ranks.items()}
    if not ranks or any(
        not r.size or r.min() < 1 or r.max() > num_gallery
        for r in ranks.values()
    ):
        raise ValueError(
            f'Every direction needs ranks from 1 to num_gallery={num_gallery}.'
        )
    figure = new_figure(6.0, 4.0, f'{title}: {num_gallery} in the gallery')
    axes = figure.subplots()
    k = np.arange(1, num_gallery + 1)
    axes.plot(
        k,
        k / num_gallery,
        color=GREY,
        linestyle=(0, (4, 3)),
        linewidth=1,
        label='chance',
    )
    for (name, found), colour in zip(ranks.items(), COLOURS):
        recall = np.searchsorted(np.sort(found), k, side='right') / found.size
        label = name.replace('imu', 'IMU').replace('2', ' to ', 1)
        label += f', median rank {np.median(found):g}'
        axes.plot(k, recall, color=colour, linewidth=1.8, label=label)
        marked = [m for m in _MARKED if m <= num_gallery]
        axes.plot(
            marked, recall[np.subtract(marked, 1)], 'o', color=colour, ms=4
        )
    axes.set(
        xscale='log',
        xlim=(0.93, max(num_gallery, 2)),
        ylim=(0, 1.03),
        xlabel='k (results looked at)',
        ylabel='recall@k',
    )
    ticks = [t for t in (1, 5, 10, 50, 100, 500, 1000) if t <= num_gallery]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    plain(axes)
    axes.legend(
        loc='center right', fontsize=8, facecolor='white', edgecolor='none'
    )
    return figure
