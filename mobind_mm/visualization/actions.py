"""Picture of what people do over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from .figures import COLOURS, INK, new_figure, plain

_MOST = 8


def draw_actions(
    answers: Sequence[Mapping], title: str = 'Actions over time'
) -> Figure:
    """Draw a line of windows for each recording.

    Args:
        answers: ``name`` of each recording and its ``windows``:
            ``start_s``, ``action`` and ``score``.
        title: Title of the picture.
    """
    shown = list(answers)[:_MOST]
    figure = new_figure(9.0, 1.3 + 0.75 * len(shown), title)
    axes = figure.subplots()
    names = dict.fromkeys(w['action'] for a in shown for w in a['windows'])
    colours = {n: COLOURS[i % len(COLOURS)] for i, n in enumerate(names)}
    for row, answer in enumerate(shown):
        starts = [window['start_s'] for window in answer['windows']]
        steps = [b - a for a, b in zip(starts, starts[1:])]
        length = min(steps, default=5.0)
        for window in answer['windows']:
            action = window['action']
            axes.barh(
                row,
                0.96 * length,
                0.8,
                left=window['start_s'],
                color=colours[action],
                alpha=0.3 + 0.6 * max(min(window['score'], 1.0), 0.0),
            )
            axes.text(
                window['start_s'] + 0.48 * length,
                row,
                action.replace('_', '\n'),
                ha='center',
                va='center',
                fontsize=6.5,
                color=INK,
            )
    axes.set_yticks(range(len(shown)), [str(a['name']) for a in shown])
    axes.invert_yaxis()
    axes.set(xlabel='time (s)')
    plain(axes, grid=False)
    return figure
