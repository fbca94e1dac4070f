"""Picture of one take: do sensors and limbs move together?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..checks.agreement import Agreement, cut_clips
from ..recordings import PoseStream, Recording
from ..synchronization.correlate import bandpass
from ..synchronization.evidence import limb_pairs
from ..synchronization.signals import RATE, IMUMotion, LimbMotion
from ..utils.files import replacing
from .figures import (
    ANSWER,
    GREY,
    INK,
    LIMB,
    OTHERS,
    SENSOR,
    new_figure,
    plain,
    row_legend,
    title_left,
    write,
    write_beside,
)
from .skeleton import coloured_bones, worn_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAND = (0.5, 3.0)
"""Band in Hz of the traces."""
_SHOWN_SEC = 10.0
_AXES = dict(zip('xyz', OTHERS))


def save_recording_check(
    recording: Recording, agreement: Agreement, name: str, path: Path
) -> None:
    """Write the picture of :func:`draw_recording_check` to a PNG file."""
    figure = draw_recording_check(recording, agreement, name)
    with replacing(path) as temporary:
        figure.savefig(temporary, format='png')


def draw_recording_check(
    recording: Recording, agreement: Agreement, name: str
) -> Figure:
    """Draw each sensor beside its limb, and a frame of the skeleton.

    There is a row for each sensor: the vertical acceleration that it
    measures and that of its limb in the image, band-passed and scaled to
    one size, over the ten liveliest seconds; the evidence for each time
    lag; and which way is up in the sensor frame.

    Args:
        recording: Streams that count from one origin.
        agreement: What was measured on it.
        name: Title.
    """
    sensors = list(recording.imu)
    figure = new_figure(13.0, 1.0 + 1.9 * max(len(sensors), 2), name)
    grid = figure.add_gridspec(
        max(len(sensors), 1), 4, width_ratios=(3.0, 1.6, 1.6, 2.4)
    )
    pairs, origin = _clip_pairs(recording)
    part = _liveliest([imu.force for imu, _ in pairs.values()])
    last = len(sensors) - 1
    for row, sensor in enumerate(sensors):
        trace, lag, up = (
            figure.add_subplot(grid[row, column]) for column in range(3)
        )
        pair = pairs.get(sensor)
        _draw_traces(trace, pair, part, origin)
        _draw_lag(lag, agreement, sensor)
        _draw_up(up, pair, origin)
        for axes in (trace, lag, up):
            plain(axes)
            if row < last:
                axes.tick_params(labelbottom=False)
        title_left(trace, sensor.replace('_', ' '), weight='bold')
        if row == 0:
            for axes in (trace, up):
                row_legend(axes, axes, 7)
            title_left(lag, 'evidence by lag (log odds)', weight='bold')
            title_left(up, 'up in the sensor frame (g)', weight='bold')
        if row == last:
            trace.set_xlabel('time (s)')
            lag.set_xlabel('sensor is late by (s)')
            up.set_xlabel('time (s)')
    assert recording.pose is not None  # only filmed recordings are drawn
    _draw_frame(figure.add_subplot(grid[:, 3]), recording.pose, sensors)
    return figure


def _clip_pairs(
    recording: Recording,
) -> tuple[dict[str, tuple[IMUMotion, LimbMotion]], float]:
    """Motions over the first clip, and the time at which it starts."""
    clips = cut_clips(recording, 0.0)
    clip = next(clips, None)
    if clip is None:
        return {}, 0.0
    assert recording.pose is not None  # else there is no clip
    start = recording.pose.clock.span[0]
    first = min(s.clock.span[0] for s in recording.imu.values())
    return limb_pairs(clip), max(start, first)


def _draw_traces(
    axes: Axes,
    pair: tuple[IMUMotion, LimbMotion] | None,
    part: slice,
    origin: float,
) -> None:
    """Vertical acceleration of the sensor and of the limb."""
    if pair is None:
        _say(axes, 'nothing to compare')
        return
    imu, limb = pair
    both = (imu.mask > 0) & (limb.mask > 0)
    if both.sum() < RATE:
        _say(axes, 'too little of both')
        return
    rise = np.stack([imu.acc[2], limb.acc[1]])
    rise = bandpass(rise, *_BAND)
    times = origin + np.arange(len(both)) / RATE
    for values, seen, colour, label in (
        (rise[0], imu.mask, SENSOR, 'sensor'),
        (rise[1], limb.mask, LIMB, 'limb in the video'),
    ):
        scale = max(values[both].std(), 1e-9)
        shown = np.where(seen > 0, values / scale, np.nan)
        axes.plot(times[part], shown[part], color=colour, lw=1.1, label=label)
    axes.set(ylim=(-4.2, 5.6), yticks=[])
    axes.set_ylabel('vertical acc (standard deviations)')


def _liveliest(forces: list[np.ndarray]) -> slice:
    """The ten seconds in which all sensors together move most."""
    count = round(_SHOWN_SEC * RATE)
    if not forces or len(forces[0]) <= count:
        return slice(0, None)
    motion = sum(force**2 / max(np.mean(force**2), 1e-9) for force in forces)
    energy = np.concatenate([[0.0], np.cumsum(motion)])
    first = int(np.argmax(energy[count:] - energy[:-count]))
    return slice(first, first + count)


def _draw_lag(axes: Axes, agreement: Agreement, sensor: str) -> None:
    """Evidence for each lag, with its best one."""
    curve = agreement.curves.get((sensor, sensor))
    if curve is None:
        _say(axes, 'nothing to compare')
        return
    offsets = agreement.offsets
    axes.axvline(0, color=GREY, lw=0.8)
    axes.plot(offsets, curve, color=INK, lw=1.1)
    best = int(np.argmax(curve))
    axes.plot(offsets[best], curve[best], 'o', color=ANSWER, ms=4)
    side = 'left' if offsets[best] < 0.6 * offsets[-1] else 'right'
    at, by = (offsets[best], curve[best]), (6 if side == 'left' else -6, -2)
    style = dict(ha=side, va='top', fontsize=7.5)
    write_beside(axes, at, by, f'{offsets[best]:+.2f} s', **style)
    axes.set_xlim(offsets[0], offsets[-1])
    axes.set_ylim(0, max(1.15 * curve.max(), 5.0))


def _draw_up(
    axes: Axes, pair: tuple[IMUMotion, LimbMotion] | None, origin: float
) -> None:
    """The upward direction on the sensor's axes."""
    if pair is None:
        _say(axes, 'orientation unknown')
        return
    imu = pair[0]
    times = origin + np.arange(len(imu.mask)) / RATE
    for (axis, colour), values in zip(_AXES.items(), imu.tilt):
        shown = np.where(imu.mask > 0, values, np.nan)
        axes.plot(times, shown, color=colour, lw=0.9, label=axis)
    axes.set(ylim=(-1.15, 1.6), yticks=(-1, 0, 1))


def _draw_frame(axes: Axes, pose: PoseStream, sensors: list[str]) -> None:
    """The sensors on a frame near the middle with most keypoints."""
    scores = np.asarray(pose.scores)
    points, seen = np.asarray(pose.keypoints), scores > 0
    height, width = pose.img_shape
    axes.set_aspect('equal')
    if not seen.any():
        _say(axes, 'nobody was found')
        return
    count = seen.sum(axis=1)
    best = np.flatnonzero(count == count.max())
    frame = int(best[np.argmin(np.abs(best - len(seen) / 2))])
    points, seen = points[frame], seen[frame]
    axes.fill(
        [0, width, width, 0],
        [0, 0, height, height],
        facecolor='#f4f5f7',
        edgecolor='#b8bdc4',
    )
    for a, b, side in coloured_bones(pose.layout):
        if seen[a] and seen[b]:
            axes.plot(*points[[a, b]].T, color=side, lw=2)
    axes.plot(*points[seen].T, 'o', color='white', mec=INK, ms=3)
    for sensor in sensors:
        place = worn_at(pose.layout, sensor, points, seen)
        if place is not None:
            x, y = place
            axes.plot(x, y, 's', color=SENSOR, mec=INK, ms=6)
            name = sensor.replace('_', ' ')
            write_beside(axes, (x, y), (6, 0), name, va='center')
    low, high = points[seen].min(axis=0), points[seen].max(axis=0)
    room = 0.12 * max(float((high - low).max()), 1.0)
    axes.set_xlim(low[0] - room, high[0] + 3 * room)
    axes.set_ylim(high[1] + room, low[1] - room)
    plain(axes, grid=False)
    title_left(axes, f'frame {frame} of {len(scores)}', weight='bold')
    axes.set(xlabel='x (pixels)', ylabel='y (pixels)')


def _say(axes: Axes, text: str) -> None:
    """A word where there is nothing to draw."""
    write(axes, 0.5, 0.5, text, 8, 'center', GREY, transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
