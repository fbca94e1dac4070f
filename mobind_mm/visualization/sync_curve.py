"""Picture of how sure a synchroniser is of each offset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import BLUE, GREY, INK, ORANGE, new_figure, plain


def draw_sync_curve(
    offsets: np.ndarray,
    log_posterior: np.ndarray,
    offset: float | None = None,
    estimate: float | None = None,
    title: str = 'Offset of the pose against the IMUs',
    rivals: Sequence[tuple[float, float]] = (),
    zoom_sec: float = 0.5,
) -> Figure:
    """Draw the log posterior over offsets, whole and around the estimate.

    Args:
        offsets: (G,) seconds, ascending.
        log_posterior: (G,), up to a constant; -inf is left out.
        offset: True offset in seconds, if known.
        estimate: Estimated offset in seconds.
        title: Title of the picture.
        rivals: Other offsets in seconds and their probabilities.
        zoom_sec: Half the width of the close-up.

    Raises:
        ValueError: If there is no finite value or the lengths differ.
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
        _draw(axes, offsets, curve)
        _mark(axes, estimate, ORANGE, 'solid', 'estimated offset')
        _mark(axes, offset, INK, (0, (4, 3)), 'true offset')
        plain(axes)
        axes.set(xlabel='offset (s)')
    whole.set(ylabel='log posterior below its maximum')
    whole.set_xlim(offsets[0], offsets[-1])
    floor = np.nanmin(curve)
    whole.set_ylim(1.08 * floor - 1e-3, -0.12 * floor + 1e-3)
    for at, probability in rivals:
        height = np.interp(at, offsets, np.nan_to_num(curve, nan=floor))
        whole.plot(at, height, marker='v', color=GREY, markersize=5)
        whole.annotate(
            f'{probability:.2f}',
            (at, height),
            (0, 5),
            textcoords='offset points',
            ha='center',
            fontsize=7,
            color=GREY,
        )
    centre = estimate if estimate is not None else offset
    if centre is None or not np.isfinite(centre):
        centre = offsets[np.nanargmax(curve)]
    near = np.abs(offsets - centre) <= zoom_sec
    if np.isfinite(curve[near]).any():
        low = np.nanmin(curve[near])
        close.set_ylim(1.08 * low - 1e-3, -0.12 * low + 1e-3)
    close.set_xlim(centre - zoom_sec, centre + zoom_sec)
    close.set_title('close-up', loc='left', fontsize=9, color=INK)
    handles, labels = whole.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc='upper right',
            ncols=len(handles),
            fontsize=8,
            frameon=False,
        )
    return figure


def _draw(axes: Axes, offsets: np.ndarray, curve: np.ndarray) -> None:
    """The curve and a shade under it."""
    axes.plot(offsets, curve, color=BLUE, linewidth=1.2)
    floor = np.nanmin(curve) * 1.2 - 1
    axes.fill_between(offsets, curve, floor, color=BLUE, alpha=0.12)


def _mark(axes: Axes, at: float | None, colour, style, label) -> None:
    """A line across at one offset."""
    if at is not None and np.isfinite(at):
        axes.axvline(
            at,
            color=colour,
            linestyle=style,
            linewidth=1.5,
            label=f'{label} {at:+.3f} s',
        )
