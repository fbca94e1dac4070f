"""What the pictures share: colours, empty figures, figures as images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils.errors import printable
from ..utils.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = '#0072b2', '#e69f00', '#009e73', '#d55e00'
PURPLE, SKY, GREY, INK = '#cc79a7', '#56b4e9', '#8a8f98', '#22262b'
"""Colours that stay apart for colour-blind readers (Okabe and Ito)."""

SENSOR, LIMB, LEFT, RIGHT, ANSWER = ORANGE, BLUE, GREEN, PURPLE, RED
"""What a colour means, in every picture: what a sensor measures, what the
video shows of its limb, the left and the right side of a body, and what was
found."""
OTHERS = (
    '#332288', '#44aa99', '#999933', '#882255', '#88ccee', '#117733',
    '#cc6677', '#aa4499', '#ddcc77',
)  # fmt: skip
"""People, actions and other kinds, which have none of these meanings (Tol)."""

_DPI = 130


def new_figure(width: float, height: float, title: str = '') -> Figure:
    """An empty figure, in inches, with its title at the left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    class PlainFigure(Figure):
        def draw(self, renderer: Any) -> None:
            _draw_plain_texts(renderer)
            super().draw(renderer)

    # Without pyplot, which would keep the figure and ask for a display.
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = PlainFigure((width, height), dpi=_DPI, layout=layout)
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(
            title, x=0.01, ha='left', fontsize=11, weight='bold', color=INK
        )
    return figure


def _draw_plain_texts(renderer: Any) -> None:
    """Names in files may have characters that no font can have.

    Nor are they formulas: dollars are dollars, but in numbers of axes.
    """
    measure = type(renderer).get_text_width_height_descent
    draw = type(renderer).draw_text

    def kind(text: str, ismath: Any) -> Any:
        return ismath if ismath == 'TeX' or 'mathdefault' in text else False

    def measured(text: str, font: Any, ismath: Any) -> Any:
        return measure(renderer, printable(text), font, kind(text, ismath))

    def drawn(
        gc: Any,
        x: float,
        y: float,
        text: str,
        *font: Any,
        ismath: Any,
        **of: Any,
    ) -> None:
        place = gc, x, y, printable(text), *font
        draw(renderer, *place, ismath=kind(text, ismath), **of)

    renderer.get_text_width_height_descent = measured
    renderer.draw_text = drawn


def plain(axes: Axes, grid: bool = True) -> None:
    """Remove the frame; leave thin axes and a pale grid."""
    axes.spines[['top', 'right']].set_visible(False)
    axes.spines[['left', 'bottom']].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8, color=GREY)
    axes.xaxis.label.set(size=9, color=INK)
    axes.yaxis.label.set(size=9, color=INK)
    axes.title.set(size=9, color=INK)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color='#e6e8eb', linewidth=0.8)


def write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    size: float = 7,
    ha: str = 'left',
    color: str = INK,
    **options: Any,
) -> None:
    """A text whose left end, or centre, is at a point."""
    style = dict(fontsize=size, ha=ha, va='center', color=color)
    axes.text(x, y, text, **style, **options)  # type: ignore[arg-type]


def write_beside(
    axes: Axes, at: Any, by: tuple[float, float], text: str, **options: Any
) -> None:
    """A text that is some points away from a place in the data."""
    options = {'fontsize': 7, 'color': INK, **options}
    axes.annotate(text, at, by, textcoords='offset points', **options)


def row_legend(place: Axes | Figure, axes: Axes, size: int) -> None:
    """Names of what is drawn in one row at the upper right, if any."""
    lines, names = axes.get_legend_handles_labels()
    if lines:
        style: Any = dict(fontsize=size, frameon=False, ncols=len(lines))
        place.legend(lines, names, loc='upper right', **style)


def title_left(axes: Axes, text: str, **options: Any) -> None:
    """A small title at the left."""
    axes.set_title(text, loc='left', fontsize=9, color=INK, **options)


def colour_bar(
    figure: Figure,
    image: ScalarMappable,
    axes: Any,
    label: str,
    size: int = 9,
    colour: str = 'black',
    **options: Any,
) -> None:
    """The scale of an image beside its axes, without a frame.

    The options are those of ``Figure.colorbar``.
    """
    bar = figure.colorbar(image, ax=axes, pad=0.02, **options)
    bar.set_label(label, size=size, color=colour)
    bar.ax.tick_params(labelsize=size - 1)
    bar.outline.set_visible(False)


def to_image(figure: Figure) -> np.ndarray:
    """The figure as RGB image (H, W, 3) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # see new_figure
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an RGB image (H, W, 3) uint8 as PNG."""
    from matplotlib.image import imsave

    with replacing(path) as temporary:
        imsave(temporary, image, format='png')
