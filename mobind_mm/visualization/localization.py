"""Picture of which limb of whom carries which sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .figures import INK, ORANGE, new_figure, plain


def draw_localization(
    evidence: np.ndarray,
    sensors: Mapping[str, Mapping],
    people: Sequence[str],
    limbs: Sequence[str],
    title: str = 'Which limb of whom carries which sensor',
) -> Figure:
    """Draw the evidence of all sensors with all limbs; frame the answer.

    Args:
        evidence: (M, P, S); NaN where a limb was never seen.
        sensors: Name of each sensor to its ``person`` and ``limb``, or
            None.
        people: P names.
        limbs: S names.
        title: Title of the picture.
    """
    evidence = np.asarray(evidence, np.float64)
    count, num_people, num_limbs = evidence.shape
    width = 1.9 + 0.42 * num_people * num_limbs
    figure = new_figure(max(width, 4.5), 1.7 + 0.34 * count, title)
    all_axes = figure.subplots(1, num_people, squeeze=False)[0]
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
        axes.set_title(str(people[p]), loc='left', fontsize=9, color=INK)
        plain(axes, grid=False)
        axes.set_xticks(
            range(num_limbs),
            [limb.replace('_', ' ') for limb in limbs],
            rotation=45,
            ha='right',
            rotation_mode='anchor',
        )
        names = [str(n).replace('_', ' ') for n in sensors] if p == 0 else []
        axes.set_yticks(range(len(names)), names)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        for row, answer in enumerate(sensors.values()):
            if answer['person'] == people[p]:
                column = list(limbs).index(answer['limb'])
                axes.add_patch(
                    Rectangle(
                        (column - 0.46, row - 0.46),
                        *(0.92, 0.92),
                        fill=False,
                        edgecolor=ORANGE,
                        linewidth=2.2,
                    )
                )
    bar = figure.colorbar(image, ax=all_axes, pad=0.02, shrink=1.0)
    bar.set_label('similarity of tokens', size=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    return figure
