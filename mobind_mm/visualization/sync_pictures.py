"""Pictures of synchronisation: posterior, drift, similarities, a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import (
    ANSWER,
    GREY,
    INK,
    ORANGE,
    SKY,
    colour_bar,
    new_figure,
    plain,
    row_legend,
    title_left,
    write_beside,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ZOOM_SEC = 0.5
"""Half the width of a close-up."""


def draw_sync_curve(
    offsets: np.ndarray,
    log_posterior: np.ndarray,
    offset: float | None = None,
    estimate: float | None = None,
    title: str = 'Offset of the pose against the IMUs',
    rivals: Sequence[tuple[float, float]] = (),
) -> Figure:
    """Draw the log posterior over offsets, whole and around the estimate.

    Args:
        offsets: (G,) seconds, ascending.
        log_posterior: (G,), up to a constant; -inf is left out.
        offset: True offset in seconds, if known.
        estimate: Estimated offset in seconds.
        title: Title of the picture.
        rivals: Other offsets in seconds and their probabilities.

    Raises:
        ValueError: If there is no finite value or the lengths differ.

    Example:
        >>> import numpy as np
        >>> from mobind_mm.visualization import draw_sync_curve
        >>> offsets = np.linspace(-1, 1, 201)
        >>> figure = draw_sync_curve(offsets, -(offsets**2), estimate=0.0)
        >>> [axes.get_xlabel() for axes in figure.axes]
        ['offset (s)', 'offset (s)']
    """
    offsets = np.asarray(offsets, dtype=np.float64)
    curve = np.asarray(log_posterior, dtype=np.float64)
    if offsets.shape != curve.shape or not np.isfinite(curve).any():
        raise ValueError(
            f'{offsets.shape} offsets need as many values of log_posterior, '
            f'some of them finite; got {curve.shape}.'
        )
    curve = np.where(np.isfinite(curve), curve - np.nanmax(curve), np.nan)
    figure = new_figure(9.0, 3.6, title)
    whole, close = figure.subplots(1, 2, width_ratios=(2, 1))
    for axes in (whole, close):
        axes.plot(offsets, curve, color=INK, linewidth=1.2)
        shade = np.nanmin(curve) * 1.2 - 1
        axes.fill_between(offsets, curve, shade, color=GREY, alpha=0.15)
        _mark(axes, estimate, ANSWER, 'solid', 'estimated offset')
        _mark(axes, offset, GREY, (0, (4, 3)), 'true offset')
        plain(axes)
        axes.set(xlabel='offset (s)')
    whole.set(ylabel='log posterior (nat), maximum = 0')
    whole.set_xlim(offsets[0], offsets[-1])
    floor = np.nanmin(curve)
    whole.set_ylim(1.08 * floor - 1e-3, -0.12 * floor + 1e-3)
    for at, probability in rivals:
        height = np.interp(at, offsets, np.nan_to_num(curve, nan=floor))
        whole.plot(at, height, marker='v', color=GREY, markersize=5)
        style = dict(ha='center', color=GREY)
        write_beside(
            whole, (at, height), (0, 5), f'{probability:.2f}', **style
        )
    centre = estimate if estimate is not None else offset
    if centre is None or not np.isfinite(centre):
        centre = offsets[np.nanargmax(curve)]
    near = np.abs(offsets - centre) <= _ZOOM_SEC
    if np.isfinite(curve[near]).any():
        low = np.nanmin(curve[near])
        close.set_ylim(1.08 * low - 1e-3, -0.12 * low + 1e-3)
    close.set_xlim(centre - _ZOOM_SEC, centre + _ZOOM_SEC)
    title_left(close, 'close-up')
    row_legend(figure, whole, 8)
    return figure


def _mark(
    axes: Axes, at: float | None, colour: str, style: Any, label: str
) -> None:
    """A vertical line at one offset."""
    if at is not None and np.isfinite(at):
        axes.axvline(
            at,
            color=colour,
            linestyle=style,
            linewidth=1.5,
            label=f'{label} {at:+.3f} s',
        )


def draw_clock_drift(
    times: np.ndarray,
    offsets: np.ndarray,
    clip_times: np.ndarray,
    clip_offsets: np.ndarray,
    agrees: np.ndarray,
    title: str = 'Offset of the sensors along the video',
) -> Figure:
    """Draw the offset along the video, and what single clips say.

    Clips far off that do not count are drawn at the edge.

    Args:
        times: (M,) seconds of the video.
        offsets: (M,) seconds to add there.
        clip_times: (C,) middle of each clip.
        clip_offsets: (C,) offset that each shows alone.
        agrees: (C,) boolean, whether each clip counts.
        title: Title of the picture.
    """
    agrees = np.asarray(agrees, bool)
    clip_times, clip_offsets = np.asarray(clip_times), np.asarray(clip_offsets)
    long = times[-1] - times[0] > 300
    unit, name = (60.0, 'min') if long else (1.0, 's')
    figure = new_figure(8.0, 3.4, title)
    axes = figure.subplots()
    middle = np.median(offsets)
    shown = np.concatenate([offsets, clip_offsets[agrees]])
    reach = 1.2 * max(np.abs(shown - middle).max(), 0.02)
    far = np.clip(clip_offsets - middle, -0.95 * reach, 0.95 * reach)
    axes.plot(
        clip_times[~agrees] / unit,
        (middle + far)[~agrees],
        'x',
        color=GREY,
        markersize=4,
        label='clips that do not count',
    )
    axes.plot(
        clip_times[agrees] / unit,
        clip_offsets[agrees],
        'o',
        color=INK,
        markersize=3,
        alpha=0.6,
        label='single clips',
    )
    axes.plot(
        np.asarray(times) / unit,
        offsets,
        color=ANSWER,
        linewidth=2,
        label='clock',
    )
    axes.set_ylim(middle - reach, middle + reach)
    axes.ticklabel_format(axis='y', useOffset=False)
    axes.set(xlabel=f'video time ({name})', ylabel='offset (s)')
    plain(axes)
    figure.legend(loc='upper right', ncols=3, fontsize=8, frameon=False)
    return figure


def draw_similarity_matrix(
    similarity: np.ndarray,
    title: str = 'Similarity',
    row_times: np.ndarray | None = None,
    column_times: np.ndarray | None = None,
    offset: float | None = None,
    estimate: float | None = None,
) -> Figure:
    """Draw a similarity matrix.

    Args:
        similarity: (A, B) of IMU and pose; NaN stays white.
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
    extent = None
    if row_times is not None and column_times is not None:
        if (len(row_times), len(column_times)) != similarity.shape:
            raise ValueError(
                f'similarity has the shape {similarity.shape}, but there are '
                f'{len(row_times)} row_times and {len(column_times)} '
                'column_times.'
            )
        extent = (*_borders(column_times), *_borders(row_times))
    elif offset is not None or estimate is not None:
        raise ValueError('A path needs row_times and column_times.')
    figure = new_figure(5.6, 5.0, title)
    axes = figure.subplots()
    finite = similarity[np.isfinite(similarity)]
    low, high = np.percentile(finite, (1, 99.8)) if finite.size else (0, 1)
    image = axes.imshow(
        similarity,
        cmap='magma',
        vmin=low,
        vmax=max(high, low + 1e-6),
        origin='lower' if extent else 'upper',
        extent=extent,
        interpolation='nearest',
        aspect='auto',
    )
    unit = ' (s)' if extent else ' window'
    axes.set(xlabel=f'pose{unit}', ylabel=f'IMU{unit}')
    plain(axes, grid=False)
    axes.spines[:].set_visible(False)
    if extent:
        across, up = axes.get_xlim(), axes.get_ylim()
        _draw_path(axes, estimate, SKY, 'solid', 'estimated offset')
        _draw_path(axes, offset, 'white', (0, (4, 3)), 'true offset')
        axes.set(xlim=across, ylim=up)
        if offset is not None or estimate is not None:
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(
                handles,
                labels,
                loc='outside lower center',
                ncols=2,
                fontsize=8,
                facecolor='#3b2f4a',
                labelcolor='white',
                edgecolor='none',
            )
    colour_bar(figure, image, axes, 'cosine similarity', fraction=0.05)
    return figure


def _borders(times: np.ndarray) -> tuple[float, float]:
    """Outer borders of evenly spaced cells."""
    half = (times[1] - times[0]) / 2 if len(times) > 1 else 0.5
    return float(times[0] - half), float(times[-1] + half)


def _draw_path(
    axes: Axes, offset: float | None, colour: str, style: Any, label: str
) -> None:
    """Draw where both clocks show the same moment."""
    from matplotlib.patheffects import Normal, Stroke

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
