"""Where samples or frames are missing, or a clock was set.

Bodies move smoothly. What is between two samples that are neighbours in
their stream, but not in time, shows as a step that nothing around it has.
The other way round, a clock that leaps while the motion goes on was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d

from ..recordings import PoseStream, Recording, SensorStream
from ..recordings.streams import measurable, undetected

_AROUND_SEC = 0.25
"""How far around a step of a sensor nothing is as large."""
_CURVE_SEC = 0.17
"""Length of the parabolas through keypoints on either side of a step."""
_SEEN_SEC = 0.6
"""How far around a step of a video nothing is as large."""
_CLEAREST = 3.0
"""No step counts as clearer than this logarithm."""
_FEWEST = 3
"""Keypoints of a step that are seen."""
_CLEAR_SAMPLES, CLEAR_FRAMES = 1.0, 0.8
"""Steps of one sensor (of N: an Nth), and of a video, that are no clearer are
frequent: of 90 passes of real walking, 3 have clearer ones."""
_SURELY = 0.3
"""So much clearer are steps that nothing but a loss explains."""
_FEWEST_SAMPLES = 40
"""Shorter streams tell too little."""
_LEAP_SEC = 0.15
"""Shorter leaps of a clock are those of transmission."""
_NEAR_SEC = 5.0
"""How far around a leap of a clock motion is looked at."""
_FEWEST_AROUND = 10
"""So many samples on either side of a leap are looked at, at least."""
_ALIKE_SEC = 0.1, 0.03
"""By how much time and size of their leaps differ, if the clocks of sensors
are set together."""
_LONGEST_SEC = 7200.0
"""Longer streams are not looked at as a whole."""
_LEAPS, _SELDOM_SEC = 3, 60.0
"""Clocks are set so often, or once in so many seconds."""
_UNEVEN = 0.05
"""Share of steps that may be longer in a stream that is sampled evenly."""
_CERTAIN = 10.0
"""Evidence (natural logarithm) that a clock was set, and nothing lost."""


def sensor_steps(imu: Mapping[str, SensorStream]) -> dict[str, np.ndarray]:
    """How clearly samples of sensors step, where none seem to be missing.

    Args:
        imu: Sensors by name, whose clocks are alike.

    Returns:
        By name (2, T): times, the same for all sensors, and logarithms by
        which the step there exceeds all that is around it, the mean of the
        channels.
    """
    streams = {id(s): s for s in imu.values()}
    spans = [stream.clock.span for stream in streams.values()]
    if spans and np.ptp(spans) > _LONGEST_SEC:
        return {name: np.empty((2, 0)) for name in imu}
    curves = {key: _sensor_curve(stream) for key, stream in streams.items()}
    long = [key for key, curve in curves.items() if curve.size]
    if not long:
        return {name: np.empty((2, 0)) for name in imu}
    ends = [curves[key][0, [0, -1]] for key in long]
    start, stop = np.min(ends), np.max(ends)
    width = 2.0 / min(streams[key].clock.mean_rate for key in long)
    count = int((stop - start) / width) + 1
    rows = {}
    for key, (times, clear) in curves.items():
        row = np.full(count, -1.0)
        np.maximum.at(row, ((times - start) / width).astype(int), clear)
        # Borders of these bins part nothing.
        row = maximum_filter1d(row, 3)
        rows[key] = np.stack([start + width * (np.arange(count) + 0.5), row])
    return {name: rows[id(stream)] for name, stream in imu.items()}


def _sensor_curve(stream: SensorStream) -> np.ndarray:
    """Times of the steps of a sensor, and how clear they are (2, T)."""
    if not _sampled(stream):
        return np.empty((2, 0))
    channels = _channels(stream, slice(None))
    channels = [values for values in channels if np.ptp(values, axis=0).any()]
    if not channels:
        return np.empty((2, 0))
    times, usual = stream.clock.at(), 1.0 / stream.clock.mean_rate
    reach = max(round(_AROUND_SEC / usual), 3)
    total = np.zeros(len(times) - 3)
    for values in channels:
        bends = np.diff(values, 2, axis=0)
        steps = 0.5 * np.linalg.norm(bends[:-1] - bends[1:], axis=1)
        # Where samples are missing, two bends say so, unlike in a collision.
        rough = np.linalg.norm(bends, axis=1)
        total += _clear(steps, rough, (1, 2), reach) / len(channels)
    gaps = np.diff(times)
    total[gaps[1:-1] > 1.5 * usual] = -1.0  # the clock knows these
    for at, _, evidence in _leaps(stream):
        if evidence > 0:  # it may rather have been set
            total[np.abs(times[1:-2] - at) < 0.5 * usual] = _CLEAREST
    return np.stack([0.5 * (times[1:-2] + times[2:-1]), total])


def video_steps(pose: PoseStream) -> np.ndarray:
    """How clearly a skeleton steps, where no frame seems to be missing.

    Args:
        pose: The skeleton.

    Returns:
        Times, and logarithms by which the keypoints step farther there, from
        one frame to the next, than anywhere around (2, T).
    """
    if not _sampled(pose) or np.ptp(pose.clock.span) > _LONGEST_SEC:
        return np.empty((2, 0))
    rate = pose.clock.mean_rate
    width = max(round(_CURVE_SEC * rate), 3)
    if pose.clock.num_samples < 6 * width:
        return np.empty((2, 0))
    points = np.array(pose.keypoints, np.float64)
    unseen = (np.asarray(pose.scores) <= 0) | undetected(points)
    points[unseen] = np.nan
    # Through the frames before and after, prolonged to the border.
    fit = np.linalg.pinv(np.vander(np.arange(width), 3))
    ends = np.vander([width - 0.5, -0.5], 3) @ fit
    windows = sliding_window_view(points, width, axis=0)
    gaps = np.linalg.norm(
        windows[width:] @ ends[1] - windows[:-width] @ ends[0], axis=-1
    )
    seen = np.isfinite(gaps)
    count = seen.sum(axis=1)
    steps = np.where(seen, gaps, 0.0).sum(axis=1) / np.maximum(count, 1)
    steps[count < _FEWEST] = 0.0
    reach = max(round(_SEEN_SEC * rate), 3 * width)
    clear = _clear(steps, steps, (width + 1, width + 1), reach)
    times = pose.clock.at()[width - 1 :][: len(clear) + 1]
    clear[np.diff(times) > 1.5 / rate] = -1.0  # the clock knows these
    return np.stack([0.5 * (times[:-1] + times[1:]), clear])


def missing(streams: Recording) -> tuple[list[float], list[float]]:
    """Where samples and where frames seem to be missing, clearest first.

    Returns:
        Times on the clock of the sensors, and on that of the video.
    """
    steps = [*sensor_steps(streams.imu).values()]
    several = len({id(stream) for stream in streams.imu.values()})
    samples = _clearest(np.mean(steps, axis=0), clear_samples(several))
    if streams.pose is None:
        return samples, []
    return samples, _clearest(video_steps(streams.pose), CLEAR_FRAMES)


def clear_samples(num_sensors: int) -> float:
    """What a step of so many sensors exceeds that is not frequent."""
    return _CLEAR_SAMPLES / max(num_sensors, 1)


def _clearest(steps: np.ndarray, least: float) -> list[float]:
    """Times of the clearest steps (2, T), up to three."""
    times, clear = steps
    found: list[float] = []
    for at in times[np.argsort(-clear)][: (clear > least + _SURELY).sum()]:
        if all(abs(at - other) > 2 * _SEEN_SEC for other in found):
            found.append(float(at))
    return found[:3]


def clock_sets(imu: Mapping[str, SensorStream]) -> list[tuple[float, float]]:
    """Where the clock of all sensors was set, while the motion went on.

    If samples were missing there, the signals would have changed as much as
    they do elsewhere within that time.

    Args:
        imu: Sensors by name.

    Returns:
        Times on the sensors' clock, of the last sample before, and by how
        many seconds the clock was set forward.
    """
    streams = [*{id(s): s for s in imu.values()}.values()]
    leaps = [_leaps(stream) for stream in streams]
    sets = []
    for leap in leaps[0] if leaps else []:
        same = [
            other[(np.abs(other[:, :2] - leap[:2]) < _ALIKE_SEC).all(axis=1)]
            for other in leaps
        ]
        together = all(len(rows) == 1 for rows in same)
        if together and sum(rows[0, 2] for rows in same) > _CERTAIN:
            sets.append((float(leap[0]), float(leap[1])))
    return sets


def _leaps(stream: SensorStream) -> np.ndarray:
    """Leaps (L, 3) of a clock: time, seconds, evidence that it was set.

    None (0, 3) of a clock that leaps often: its samples come in bursts.
    """
    none = np.empty((0, 3))
    if stream.clock.times is None or not _sampled(stream):
        return none
    times, usual = stream.clock.at(), 1.0 / stream.clock.mean_rate
    steps = np.diff(times)
    at = np.flatnonzero(steps > max(5 * usual, _LEAP_SEC))
    at = at[(at >= 3) & (at < len(times) - 4)]
    often = len(at) > max(_LEAPS, np.ptp(times) / _SELDOM_SEC)
    if not len(at) or often or np.mean(steps > 1.5 * usual) > _UNEVEN:
        return none
    rows = []
    for j in at.tolist():
        size = steps[j] - usual
        near = max(round(_NEAR_SEC / usual), _FEWEST_AROUND)
        part = slice(max(j - near, 0), j + near)
        evidence = sum(
            _goes_on(values, j - part.start, round(size / usual))
            for values in _channels(stream, part)
        )
        rows.append((times[j], size, evidence))
    return np.array(rows)


def _sampled(stream: SensorStream | PoseStream) -> bool:
    """Whether a stream has enough samples, and a rate."""
    enough = stream.clock.num_samples >= _FEWEST_SAMPLES
    return enough and bool(np.isfinite(stream.clock.mean_rate))


def _channels(stream: SensorStream, part: slice) -> list[np.ndarray]:
    """Channels (T, 3) of some samples; what is not measured is 0."""
    rows = [
        np.asarray(stream.channels[name][part], np.float64)
        for name in ('acc', 'gyro')
        if name in stream.channels
    ]
    return [np.where(measurable(values), values, 0.0) for values in rows]


def _goes_on(values: np.ndarray, at: int, lag: int) -> float:
    """Evidence that values (T, 3) go on after an index, and none is missing.

    ``lag`` is how many would be. Steps are Gaussian either way.
    """
    lag = min(lag, len(values) // 2)
    bends = np.diff(values, 2, axis=0)
    steps = 0.5 * (bends[:-1] - bends[1:])
    here, others = steps[at - 1], np.delete(steps, range(at - 2, at + 1), 0)
    usual = others.std(axis=0) + 1e-6
    lost = np.maximum((values[lag:] - values[:-lag]).std(axis=0), usual)
    gain = 0.5 * here**2 * (usual**-2 - lost**-2)
    return float(np.maximum(np.log(lost / usual) - gain, -_CERTAIN).sum())


def without_sets(
    streams: Recording,
) -> tuple[Recording, list[tuple[float, float]]]:
    """A recording whose sensors' clock is as if it had not been set.

    Returns:
        The recording, and :func:`clock_sets`.
    """
    sets = clock_sets(streams.imu)
    if not sets:
        return streams, sets
    imu = {}
    for name, stream in streams.imu.items():
        times = stream.clock.at()
        # A sensor's own leap is within a little of that of the first one.
        late = [size * (times > at + 0.5 * size) for at, size in sets]
        imu[name] = stream.at_times(times - np.sum(late, axis=0))
    return replace(streams, imu=imu), sets


def _clear(
    steps: np.ndarray, others: np.ndarray, skip: tuple[int, int], reach: int
) -> np.ndarray:
    """Logarithms (T,) by which steps (T,) exceed what is around them.

    Args:
        steps: Their sizes.
        others: What is around, of the same index.
        skip: From how many before and after on they share no samples.
        reach: Up to how many they are around.
    """
    padded = np.pad(others, reach, mode='symmetric')
    count = len(steps)
    most = [
        sliding_window_view(padded[first:], reach - near + 1).max(axis=1)
        for near, first in zip(skip, (0, reach + skip[1]))
    ]
    around = np.maximum(most[0][:count], most[1][:count])
    known = others[others > 0]
    least = np.median(known) if len(known) else 1.0
    ratio = np.maximum(steps, 1e-9) / np.maximum(around, least)
    return np.clip(np.log(ratio), -1.0, _CLEAREST)
