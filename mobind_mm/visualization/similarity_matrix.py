"""Picture of similarities, for synchronisation with the offset path."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from .figures import SKY, new_figure, plain


def draw_similarity_matrix(
    similarity: np.ndarray,
    rows: str = 'IMU',
    columns: str = 'pose',
    title: str = 'Similarity',
    row_times: np.ndarray | None = None,
    column_times: np.ndarray | None = None,
    offset: float | None = None,
    estimate: float | None = None,
) -> Figure:
    """Draw a similarity matrix.

    Args:
        similarity: (A, B); NaN stays white.
        rows: What the rows are.
        columns: What the columns are.
        title: Title of the picture.
        row_times: (A,) seconds, evenly spaced; turns both axes into clocks
            that start at the lower left.
        column_times: (B,) seconds, evenly spaced.
        offset: True offset in seconds, drawn as the path
            ``t_row = t_column + offset``.
        estimate: Estimated offset in seconds, likewise.

    Raises:
        ValueError: If the shapes do not agree, or there is an offset
            without times.
    """
    similarity = np.asarray(similarity, dtype=np.float64)
    if similarity.ndim != 2 or not similarity.size:
        raise ValueError(
            f'similarity must be a matrix, got the shape {similarity.shape}.'
        )
    timed = row_times is not None and column_times is not None
    if timed and (len(row_times), len(column_times)) != similarity.shape:
        raise ValueError(
            f'similarity has the shape {similarity.shape}, but there are '
            f'{len(row_times)} row_times and {len(column_times)} '
            'column_times.'
        )
    if not timed and (offset is not None or estimate is not None):
        raise ValueError('A path needs row_times and column_times.')
    figure = new_figure(5.6, 5.0, title)
    axes = figure.subplots()
    extent = None
    if timed:
        extent = (*_borders(column_times), *_borders(row_times))
    finite = similarity[np.isfinite(similarity)]
    low, high = np.percentile(finite, (1, 99.8)) if finite.size else (0, 1)
    image = axes.imshow(
        similarity,
        cmap='magma',
        vmin=low,
        vmax=max(high, low + 1e-6),
        origin='lower' if timed else 'upper',
        extent=extent,
        interpolation='nearest',
        aspect='auto',
    )
    unit = ' (s)' if timed else ''
    axes.set(xlabel=f'{columns}{unit}', ylabel=f'{rows}{unit}')
    plain(axes, grid=False)
    axes.spines[:].set_visible(False)
    if timed:
        across, up = axes.get_xlim(), axes.get_ylim()
        _draw_path(axes, estimate, SKY, 'solid', 'estimated offset')
        _draw_path(axes, offset, 'white', (0, (4, 3)), 'true offset')
        axes.set(xlim=across, ylim=up)
        if offset is not None or estimate is not None:
            figure.legend(
                *axes.get_legend_handles_labels(),
                loc='outside lower center',
                ncols=2,
                fontsize=8,
                facecolor='#3b2f4a',
                labelcolor='white',
                edgecolor='none',
            )
    bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
    bar.set_label('cosine similarity', size=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure


def _borders(times: np.ndarray) -> tuple[float, float]:
    """Outer borders of evenly spaced cells."""
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 0.5
    return float(times[0] - half), float(times[-1] + half)


def _draw_path(axes, offset, colour, style, label) -> None:
    """Draw where both clocks show the same moment."""
    if offset is None or not np.isfinite(offset):
        return
    x = np.array(axes.get_xlim())
    axes.plot(
        x,
        x + offset,
        color=colour,
        linestyle=style,
        linewidth=1.2,
        label=f'{label} {offset:+.3f} s',
        path_effects=[Stroke(linewidth=2.4, foreground='#00000080'), Normal()],
    )
