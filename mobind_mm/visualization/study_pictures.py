"""Picture of a study: which recording belongs to which video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .figures import ORANGE, colour_bar, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_NAMES = 60


def draw_study(
    probability: np.ndarray,
    recordings: Sequence[str],
    videos: Sequence[str],
    pairs: Sequence[tuple[int, int]] = (),
    title: str = 'Which recording belongs to which video',
) -> Figure:
    """Draw how probable it is that recordings and videos belong together.

    Args:
        probability: (N, V) of each pair.
        recordings: N names.
        videos: V names.
        pairs: Indices of what was assigned.
        title: Title of the picture.

    >>> figure = draw_study(np.eye(2), ['a', 'b'], ['x', 'y'], [(0, 0)])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['a', 'b']
    """
    shape = len(recordings), len(videos)
    probability = np.asarray(probability, np.float64).reshape(shape)
    # Pairs along the diagonal, leftovers at the ends.
    paired = [[pair[side] for pair in pairs] for side in (0, 1)]
    rows, columns = (
        [*first, *(i for i in range(count) if i not in {*first})]
        for first, count in zip(paired, shape)
    )
    longest = max(map(len, [*recordings, *videos]), default=1)
    room = 0.06 * longest + 1.5
    side = [min(max(0.18 * count, 2.0), 9.0) for count in shape]
    figure = new_figure(side[1] + room + 1.0, side[0] + room, title)
    axes = figure.subplots()
    image = axes.imshow(
        probability[np.ix_(rows, columns)],
        cmap='Blues',
        vmin=0,
        vmax=1,
        aspect='auto',
        interpolation='nearest',
    )
    at = np.arange(len(pairs))
    axes.plot(at, at, 's', color=ORANGE, fillstyle='none', markersize=7)
    plain(axes, grid=False)
    for axis, order, names, what in (
        (axes.yaxis, rows, recordings, 'recording'),
        (axes.xaxis, columns, videos, 'video'),
    ):
        axis.set_label_text(what)
        shown = len(order) <= _MOST_NAMES
        axis.set_ticks(
            np.arange(len(order)) if shown else [],
            [names[i] for i in order] if shown else [],
            fontsize=7,
        )
    axes.tick_params(axis='x', rotation=90)
    colour_bar(figure, image, axes, 'probability', fraction=0.05)
    return figure
