"""What the pictures share: colours, empty figures, figures as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from ..utils.files import replacing

BLUE, ORANGE, GREEN, RED = '#0072b2', '#e69f00', '#009e73', '#d55e00'
PURPLE, SKY, GREY, INK = '#cc79a7', '#56b4e9', '#8a8f98', '#22262b'
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
"""Colours that stay apart for colour-blind readers (Okabe and Ito)."""

_DPI = 130


def new_figure(width: float, height: float, title: str = '') -> Figure:
    """An empty figure with its title at the left.

    Args:
        width: Width in inches.
        height: Height in inches.
        title: Title of the whole figure.
    """
    # The figure stands alone: pyplot would keep it alive and want a display.
    figure = Figure((width, height), dpi=_DPI, layout='constrained')
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    if title:
        figure.suptitle(
            title, x=0.01, ha='left', fontsize=11, weight='bold', color=INK
        )
    return figure


def plain(axes: Axes, grid: bool = True) -> None:
    """Take the frame off, leave thin axes and a pale grid."""
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8, color=GREY)
    axes.xaxis.label.set(size=9, color=INK)
    axes.yaxis.label.set(size=9, color=INK)
    axes.title.set(size=9, color=INK)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color='#e6e8eb', linewidth=0.8)


def to_image(figure: Figure) -> np.ndarray:
    """The figure as RGB image (H, W, 3) uint8."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())[..., :3]


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an RGB image (H, W, 3) uint8 as PNG."""
    with replacing(path) as temporary:
        imsave(temporary, image, format='png')
