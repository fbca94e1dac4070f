"""Pictures of retrieval, localisation and action recognition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .figures import (
    ANSWER,
    GREY,
    INK,
    OTHERS,
    colour_bar,
    new_figure,
    plain,
    title_left,
    write,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKED = (1, 5, 10)
"""Values of k that are marked on a recall curve."""
_MOST_QUERIES, _MOST_RECORDINGS = 6, 8
"""How many are shown of retrieval, and of actions over time."""


def draw_retrieval(
    answers: Sequence[Mapping], title: str = 'Most similar recordings'
) -> Figure:
    """Draw the best recordings of each query as bars.

    Args:
        answers: ``name`` of each query and its ``recordings``: ``name`` and
            ``similarity``, best first.
        title: Title of the picture.

    Example:
        >>> from mobind_mm.visualization import draw_retrieval
        >>> recordings = [dict(name='take 1', similarity=0.9)]
        >>> figure = draw_retrieval([dict(name='q', recordings=recordings)])
        >>> figure.axes[0].get_title(loc='left')
        'q'
    """
    shown = list(answers)[:_MOST_QUERIES]
    rows = [max(len(answer['recordings']), 1) for answer in shown]
    figure = new_figure(6.4, 0.9 + 0.3 * sum(rows) + 0.35 * len(rows), title)
    all_axes = figure.subplots(
        len(shown), 1, squeeze=False, height_ratios=rows, sharex=True
    )[:, 0]
    for axes, answer in zip(all_axes, shown):
        recordings = answer['recordings']
        places = range(len(recordings))
        values = [recording['similarity'] for recording in recordings]
        colours = [ANSWER] + [GREY] * (len(recordings) - 1)
        axes.barh(places, values, color=colours, height=0.72)
        axes.set_yticks(places, [r['name'] for r in recordings])
        axes.invert_yaxis()
        for place, value in enumerate(values):
            write(axes, max(value, 0) + 0.01, place, f'{value:.2f}')
        title_left(axes, str(answer['name']))
        axes.set_xlim(min([0.0, *values]), 1.08)
        plain(axes, grid=False)
    all_axes[-1].set_xlabel('similarity (mean over the windows of the query)')
    return figure


def draw_recall_curves(
    ranks: Mapping[str, np.ndarray], num_gallery: int, title: str = 'Retrieval'
) -> Figure:
    """Draw recall@k over k for one or more directions.

    Args:
        ranks: Ranks (Q,) of the correct items, from 1, by direction.
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
    for (name, rank), colour in zip(ranks.items(), OTHERS):
        recall = np.searchsorted(np.sort(rank), k, side='right') / rank.size
        label = name.replace('imu', 'IMU').replace('2', ' to ', 1)
        label += f', median rank {np.median(rank):g}'
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
    axes.legend(loc='best', fontsize=8, facecolor='white', edgecolor='none')
    return figure


def draw_localization(
    evidence: np.ndarray,
    sensors: Mapping[str, Mapping],
    people: Sequence[str],
    limbs: Sequence[str],
    title: str = 'Which limb of whom carries which sensor',
) -> Figure:
    """Draw the evidence for all pairs of sensor and limb; frame the answer.

    Args:
        evidence: (M, P, S); NaN where a limb was never seen.
        sensors: ``person`` and ``limb`` of each sensor by its name, or
            None.
        people: P names.
        limbs: S names.
        title: Title of the picture.
    """
    from matplotlib.patches import Rectangle

    evidence = np.asarray(evidence, np.float64)
    count, num_people, num_limbs = evidence.shape
    width = max(2.4 + 0.42 * num_limbs, 4.5)
    figure = new_figure(width, 1.4 + num_people * (0.3 + 0.34 * count), title)
    all_axes = figure.subplots(num_people, 1, squeeze=False, sharex=True)[:, 0]
    finite = evidence[np.isfinite(evidence)]
    limits = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    for p, axes in enumerate(all_axes):
        image = axes.imshow(
            evidence[:, p],
            cmap='Blues',
            vmin=limits[0],
            vmax=limits[1],
            aspect='auto',
        )
        title_left(axes, str(people[p]))
        plain(axes, grid=False)
        axes.set_xticks(
            range(num_limbs),
            [limb.replace('_', ' ') for limb in limbs],
            rotation=45,
            ha='right',
            rotation_mode='anchor',
        )
        names = [str(name).replace('_', ' ') for name in sensors]
        axes.set_yticks(range(count), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        for row, answer in enumerate(sensors.values()):
            if answer['person'] == people[p]:
                column = list(limbs).index(answer['limb'])
                axes.add_patch(
                    Rectangle(
                        (column - 0.46, row - 0.46),
                        0.92,
                        0.92,
                        fill=False,
                        edgecolor=ANSWER,
                        linewidth=2.2,
                    )
                )
    colour_bar(figure, image, all_axes, 'evidence', 8, INK)
    return figure


def draw_actions(
    answers: Sequence[Mapping], title: str = 'Actions over time'
) -> Figure:
    """Draw one row of windows per recording.

    Args:
        answers: ``name`` of each recording and its ``windows``:
            ``start_s``, ``action`` and ``score``.
        title: Title of the picture.
    """
    shown = list(answers)[:_MOST_RECORDINGS]
    figure = new_figure(9.0, 1.3 + 0.75 * len(shown), title)
    axes = figure.subplots()
    names = dict.fromkeys(w['action'] for a in shown for w in a['windows'])
    colours = {n: OTHERS[i % len(OTHERS)] for i, n in enumerate(names)}
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
                alpha=0.15 + 0.4 * max(min(window['score'], 1.0), 0.0),
            )
            middle = window['start_s'] + 0.48 * length
            write(axes, middle, row, action.replace('_', '\n'), 6.5, 'center')
    axes.set_yticks(range(len(shown)), [str(a['name']) for a in shown])
    axes.invert_yaxis()
    axes.set(xlabel='time (s)')
    plain(axes, grid=False)
    return figure


def draw_confusion_matrix(
    matrix: np.ndarray,
    classes: Sequence[str] | None = None,
    title: str = 'Confusion matrix',
) -> Figure:
    """Draw counts, coloured by their share of the true class.

    Args:
        matrix: (C, C) counts, row = true class, column = predicted class.
        classes: C names; numbers if omitted.
        title: Title of the picture; accuracy and count are added.

    Raises:
        ValueError: If the matrix is not square, is empty, or has another
            number of classes.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f'A confusion matrix is square, got the shape {matrix.shape}.'
        )
    count = len(matrix)
    names = [str(i) for i in range(count)] if classes is None else [*classes]
    if len(names) != count or not count:
        raise ValueError(f'{len(names)} class names for {count} classes.')
    total = matrix.sum()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = [name.replace('_', ' ') for name in names]
    size = max(4.2, 0.32 * count + 1.8)
    right = np.trace(matrix) / max(total, 1)
    figure = new_figure(size + 0.9, size, f'{title}: {right:.3f} of {total:g}')
    axes = figure.subplots()
    image = axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    font = 7 if count > 12 else 9
    ticks = range(count)
    axes.set_xticks(ticks, names, rotation=45, ha='right', va='top')
    axes.set_yticks(ticks, names)
    axes.set(xlabel='predicted', ylabel='true')
    plain(axes, grid=False)
    axes.tick_params(length=0, labelsize=font)
    axes.spines[:].set_visible(False)
    # Thin white lines between the cells.
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=1.2)
    axes.tick_params(which='minor', length=0)
    for row, column in zip(*np.nonzero(matrix)):
        colour = INK if row == column else GREY
        colour = 'white' if share[row, column] > 0.5 else colour
        text = f'{matrix[row, column]:g}'
        write(axes, column, row, text, font, 'center', colour)
    colour_bar(figure, image, axes, 'share of the true class', fraction=0.04)
    return figure
