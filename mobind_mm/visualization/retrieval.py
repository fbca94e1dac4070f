"""Picture of which recordings were found for a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from .figures import BLUE, INK, SKY, new_figure, plain

_MOST = 6


def draw_retrieval(
    answers: Sequence[Mapping], title: str = 'Most similar recordings'
) -> Figure:
    """Draw the best recordings of each query as bars.

    Args:
        answers: ``name`` of each query and its ``recordings``: ``name`` and
            ``similarity``, best first.
        title: Title of the picture.
    """
    shown = list(answers)[:_MOST]
    rows = [max(len(answer['recordings']), 1) for answer in shown]
    figure = new_figure(6.4, 0.9 + 0.3 * sum(rows) + 0.35 * len(rows), title)
    all_axes = figure.subplots(
        len(shown), 1, squeeze=False, height_ratios=rows, sharex=True
    )[:, 0]
    for axes, answer in zip(all_axes, shown):
        found = answer['recordings']
        values = [one['similarity'] for one in found]
        colours = [BLUE] + [SKY] * (len(found) - 1)
        axes.barh(range(len(found)), values, color=colours, height=0.72)
        axes.set_yticks(range(len(found)), [one['name'] for one in found])
        axes.invert_yaxis()
        for place, value in enumerate(values):
            axes.text(
                max(value, 0) + 0.01,
                place,
                f'{value:.2f}',
                va='center',
                fontsize=7,
                color=INK,
            )
        axes.set_title(str(answer['name']), loc='left', fontsize=9, color=INK)
        axes.set_xlim(min([0.0, *values]), 1.08)
        plain(axes, grid=False)
    all_axes[-1].set_xlabel('similarity (mean over the windows of the query)')
    return figure
