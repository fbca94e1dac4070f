"""Cut recordings into clips whose streams can be compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..structures import Clock, PoseStream, Recording, SensorStream

CLIP_SEC = 30.0
MAX_CLIPS = 4
_SHORTEST = 1.5
"""Seconds below which two streams have nothing to compare."""


def cut_clips(recording: Recording, margin: float) -> Iterator[Recording]:
    """Clips of a recording, spread evenly over it.

    Each has a part of the skeleton and the sensors from a margin before it
    to one after it; all clocks count from the start of the sensors' part,
    so streams in step have the offset 0.

    Args:
        recording: All streams count from one origin.
        margin: Seconds.
    """
    spans = [s.clock.span for s in recording.imu.values()]
    pose = recording.pose.clock
    if not spans or pose.num_samples < 2:
        return
    start = max(pose.span[0], min(s[0] for s in spans) - margin)
    end = min(pose.span[1], max(s[1] for s in spans) + margin)
    length = end - start
    if length < _SHORTEST:
        return
    count = int(np.clip(round(length / CLIP_SEC), 1, MAX_CLIPS))
    seconds = min(CLIP_SEC * 1.5, length) if count == 1 else CLIP_SEC
    seconds = min(seconds, length)
    for first in np.linspace(start, end - seconds, count):
        yield _cut(recording, float(first), seconds, margin)


def _cut(
    recording: Recording, start: float, seconds: float, margin: float
) -> Recording:
    pose = recording.pose
    part = pose.clock.slice(start, start + seconds)
    origin = start - margin
    imu = {}
    for placement, stream in recording.imu.items():
        inside = stream.clock.slice(origin, start + seconds + margin)
        imu[placement] = SensorStream(
            _shifted(stream.clock, inside, origin),
            {k: np.asarray(v[inside]) for k, v in stream.channels.items()},
            stream.gravity,
            stream.frame,
        )
    return Recording(
        imu,
        PoseStream(
            _shifted(pose.clock, part, origin),
            np.asarray(pose.keypoints[part]),
            np.asarray(pose.scores[part]),
            pose.layout,
            pose.img_shape,
        ),
    )


def _shifted(clock: Clock, part: slice, origin: float) -> Clock:
    """Clock of a part of a stream, counting from another origin."""
    times = clock.at(part) - origin
    if clock.times is not None:
        return Clock(len(times), times=times)
    start = float(times[0]) if len(times) else 0.0
    return Clock(len(times), rate=clock.rate, start=start)
