"""Clips of long recordings, and what they say about the offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..recordings import Clock, PoseStream, Recording, SensorStream
from .fused import ClipEvidence


def cut_clip(
    streams: Recording,
    start: float,
    seconds: float,
    margin: float,
    around: float = 0.0,
) -> Recording:
    """A clip of the pose, and the IMU from a margin before to one after.

    Both clocks count from the start of the IMU's part, so that streams
    whose offset is ``around`` are in step.

    Args:
        streams: The recording.
        start: Start of the clip in seconds of the pose clock.
        seconds: Its length.
        margin: Seconds of IMU before and after it.
        around: Offset that becomes 0, in seconds.
    """
    origin = start - margin
    imu = {
        placement: _cut_sensor(stream, origin + around, seconds + 2 * margin)
        for placement, stream in streams.imu.items()
    }
    pose, part = (
        streams.pose,
        streams.pose.clock.between(start, start + seconds),
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


def shift_evidence(
    clips: Sequence[ClipEvidence], shifts: np.ndarray
) -> list[ClipEvidence]:
    """Evidence about ``offset - shift`` instead of about ``offset``.

    Args:
        clips: Evidence of each clip.
        shifts: (C,) seconds that the offset of each is larger by.
    """
    shifted = []
    for clip, shift in zip(clips, shifts):
        at = clip.offsets + shift
        rows = [
            np.interp(at, clip.offsets, row, left=0, right=0)
            for row in clip.rows
        ]
        overlap = np.interp(at, clip.offsets, clip.overlap, left=0, right=0)
        shifted.append(replace(clip, rows=np.array(rows), overlap=overlap))
    return shifted


def _cut_sensor(
    stream: SensorStream, start: float, seconds: float
) -> SensorStream:
    part = stream.clock.between(start, start + seconds)
    channels = {k: np.asarray(v[part]) for k, v in stream.channels.items()}
    clock = _shifted(stream.clock, part, start)
    return SensorStream(clock, channels, stream.gravity, stream.frame)


def _shifted(clock: Clock, part: slice, origin: float) -> Clock:
    """Clock of a part of a stream, counting from another origin."""
    times = clock.at(part) - origin
    if clock.times is not None:
        return Clock(len(times), times=times)
    start = float(times[0]) if len(times) else 0.0
    return Clock(len(times), rate=clock.rate, start=start)
