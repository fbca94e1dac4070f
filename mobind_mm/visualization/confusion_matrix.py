"""Picture of which action is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .figures import GREY, INK, new_figure, plain


def draw_confusion_matrix(
    matrix: np.ndarray,
    classes: Sequence[str] | None = None,
    title: str = 'Confusion matrix',
) -> Figure:
    """Draw counts, coloured by the share of the true class.

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
    figure = new_figure(
        size + 0.9, size, f'{title}: {right:.3f} of {total:g} right'
    )
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
        dark = share[row, column] > 0.5
        axes.text(
            column,
            row,
            f'{matrix[row, column]:g}',
            ha='center',
            va='center',
            fontsize=font,
            color='white' if dark else INK if row == column else GREY,
        )
    bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.04)
    bar.set_label('share of the true class', size=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure
