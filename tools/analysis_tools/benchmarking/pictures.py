"""Pictures of what the benchmark measured: parts of a step, and growth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mobind_mm.visualization.figures import OTHERS, new_figure, plain, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = {
    'tokenizer': 'tokenizers',
    'imu_backbone': 'IMU encoder',
    'pose_backbone': 'pose encoder',
    'heads': 'heads',
    'backward': 'backward',
    'optimizer': 'optimizer',
}
_GROWTH = {
    'batch': 'batch B (clips)',
    'limbs': 'limbs S',
    'window_s': 'window (s)',
    'sync_minutes': 'recording to synchronise (min)',
}


def draw_step_parts(rows: Mapping[str, Mapping]) -> Figure:
    """Draw where the time of a training step goes, one bar per model.

    Args:
        rows: By model, ``clips_per_s`` and ``parts_s``, seconds of a step
            by part, as ``tools/analysis_tools/benchmark.py`` finds them.

    Raises:
        ValueError: If there is no model.
    """
    if not rows:
        raise ValueError('There is no model to draw.')
    figure = new_figure(7.0, 1.6 + 0.45 * len(rows), 'A training step')
    axes = figure.subplots()
    left = np.zeros(len(rows))
    for (part, label), colour in zip(_PARTS.items(), OTHERS):
        seconds = [row['parts_s'].get(part, 0.0) for row in rows.values()]
        if not any(seconds):
            continue
        axes.barh(list(rows), seconds, left=left, color=colour, label=label)
        left += seconds
    for place, (end, row) in enumerate(zip(left, rows.values())):
        write(axes, end, place, f' {row["clips_per_s"]:.0f} clips/s', 8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.2 * left.max()), xlabel='seconds')
    plain(axes)
    axes.legend(fontsize=8, frameon=False, loc='lower right')
    return figure


def draw_growth(rows: Mapping[str, Mapping]) -> Figure:
    """Draw how seconds and memory grow, with the powers fitted to them.

    Args:
        rows: By what grows, ``sizes``, ``seconds`` and ``memory_mib`` at
            each, ``seconds_exponent`` and ``memory_exponent``. Memory may
            be unknown (None).

    Raises:
        ValueError: If nothing grows.
    """
    if not rows:
        raise ValueError('There is no growth to draw.')
    figure = new_figure(2.8 * len(rows), 3.0, 'Cost as work grows')
    grid = figure.subplots(1, len(rows), squeeze=False)[0]
    for axes, (name, row) in zip(grid, rows.items()):
        sizes = np.asarray(row['sizes'], float)
        for key, power, colour, label in (
            ('seconds', 'seconds_exponent', OTHERS[0], 's'),
            ('memory_mib', 'memory_exponent', OTHERS[3], 'MiB'),
        ):
            costs = row[key]
            if None in costs:
                continue
            # The line of least squares goes through the mean of the logs.
            middle = np.log(costs).mean() - row[power] * np.log(sizes).mean()
            axes.plot(
                sizes,
                np.exp(middle) * sizes ** row[power],
                color=colour,
                linewidth=1.2,
                label=f'{label} ~ size^{row[power]:.2f}',
            )
            axes.plot(sizes, costs, 'o', color=colour, ms=4)
        axes.set(xscale='log', yscale='log', xlabel=_GROWTH.get(name, name))
        axes.set_ylabel('time (s), memory (MiB)' if axes is grid[0] else '')
        axes.set_xticks(sizes, [f'{size:g}' for size in sizes])
        axes.minorticks_off()
        plain(axes)
        axes.legend(fontsize=8, frameon=False)
    return figure
