"""Clips of recordings, and the model's features of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Clock, PoseStream, Recording, SensorStream

FEATS = (
    'imu_embedding',
    'pose_embedding',
    'imu_mask',
    'pose_mask',
    'imu_tokens',
    'pose_tokens',
    'pose_token_mask',
)
"""Fields of a data sample that start with the axis W of sub-windows."""


def cut_clip(
    streams: Recording,
    start: float,
    seconds: float,
    margin: float,
    around: float = 0.0,
) -> Recording:
    """Cut a clip of the pose, with IMU from a margin before to one after.

    Both clocks count from the start of the IMU's part, so that streams
    whose offset is ``around`` are in step.

    Args:
        streams: The recording; it has a skeleton.
        start: Start of the clip in seconds of the pose clock.
        seconds: Its length.
        margin: Seconds of IMU before and after it.
        around: Offset that becomes 0, in seconds.
    """
    pose = streams.pose
    assert pose is not None
    origin = start - margin
    part = pose.clock.between(start, start + seconds)
    # One sensor may stand for several limbs.
    cut = {
        id(stream): cut_sensor(stream, origin + around, seconds + 2 * margin)
        for stream in {id(s): s for s in streams.imu.values()}.values()
    }
    return Recording(
        {placement: cut[id(s)] for placement, s in streams.imu.items()},
        _cut_pose(pose, part, origin),
    )


def cut_pose(pose: PoseStream, start: float, seconds: float) -> PoseStream:
    """Part of a skeleton, whose clock counts from the start of the part."""
    part = pose.clock.between(start, start + seconds)
    return _cut_pose(pose, part, start)


def _cut_pose(pose: PoseStream, part: slice, origin: float) -> PoseStream:
    return replace(
        pose,
        clock=_shifted(pose.clock, part, origin),
        keypoints=np.asarray(pose.keypoints[part]),
        scores=np.asarray(pose.scores[part]),
    )


def cut_sensor(
    stream: SensorStream, start: float, seconds: float
) -> SensorStream:
    """Part of a sensor, whose clock counts from the start of the part."""
    part = stream.clock.between(start, start + seconds)
    return replace(
        stream,
        clock=_shifted(stream.clock, part, start),
        channels={k: np.asarray(v[part]) for k, v in stream.channels.items()},
    )


def _shifted(clock: Clock, part: slice, origin: float) -> Clock:
    """Clock of a part of a stream, counting from another origin."""
    times = clock.at(part) - origin
    if clock.times is not None:
        return Clock(len(times), times=times)
    start = float(times[0]) if len(times) else 0.0
    return Clock(len(times), rate=clock.rate, start=start)


def clip_feats(sample: Mapping[str, Any]) -> dict[str, Any] | None:
    """Model predictions of a clip in the form that synchronisers read.

    Args:
        sample: Data sample; a clip of one window has no axis W.

    Returns:
        The fields :data:`FEATS` with the axis W and ``window_starts``
        (W,) seconds, as numpy arrays, and ``placements``, the S names;
        None without embeddings.
    """
    if 'imu_embedding' not in sample:
        return None
    feats: dict[str, Any] = {}
    for key in FEATS:
        if key in sample:
            value = sample[key].detach().cpu()
            value = value.float() if value.is_floating_point() else value
            feats[key] = value.numpy()
    if 'window_starts' in sample:
        starts = np.asarray(sample['window_starts'], dtype=np.float64)
    else:
        feats = {key: value[None] for key, value in feats.items()}
        starts = np.zeros(1)
    names = tuple(sample.get('placements', ()))
    return dict(feats, window_starts=starts, placements=names)
