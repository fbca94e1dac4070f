"""Picture of how the clocks of sensors and video run apart."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from .figures import BLUE, GREY, ORANGE, new_figure, plain


def draw_clock_drift(
    times: np.ndarray,
    offsets: np.ndarray,
    clip_times: np.ndarray,
    clip_offsets: np.ndarray,
    agrees: np.ndarray,
    title: str = 'Offset of the sensors along the video',
) -> Figure:
    """Draw the offset over the video, and what single clips say.

    Args:
        times: (M,) seconds of the video.
        offsets: (M,) seconds to add there.
        clip_times: (C,) middle of each clip.
        clip_offsets: (C,) offset that each shows alone.
        agrees: (C,) boolean, whether it counts.
        title: Title of the picture.
    """
    agrees = np.asarray(agrees, bool)
    clip_times, clip_offsets = np.asarray(clip_times), np.asarray(clip_offsets)
    long = times[-1] - times[0] > 300
    unit, name = (60.0, 'min') if long else (1.0, 's')
    figure = new_figure(8.0, 3.4, title)
    axes = figure.subplots()
    axes.plot(
        *(clip_times[~agrees] / unit, clip_offsets[~agrees], 'x'),
        color=GREY,
        markersize=4,
        label='clips that do not count',
    )
    axes.plot(
        *(clip_times[agrees] / unit, clip_offsets[agrees], 'o'),
        color=BLUE,
        markersize=3,
        alpha=0.6,
        label='single clips',
    )
    axes.plot(
        *(np.asarray(times) / unit, offsets),
        color=ORANGE,
        linewidth=2,
        label='clock',
    )
    middle = np.median(offsets)
    reach = max(np.ptp(offsets), 0.02)
    axes.set_ylim(middle - 1.2 * reach, middle + 1.2 * reach)
    axes.ticklabel_format(axis='y', useOffset=False)
    axes.set(xlabel=f'video time ({name})', ylabel='offset (s)')
    plain(axes)
    figure.legend(loc='upper right', ncols=3, fontsize=8, frameon=False)
    return figure
