"""Clips of recordings, and the model's features of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..recordings import Clock, Recording

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

    Both clocks count from the start of the IMU's part, so that streams whose
    offset is ``around`` are in step. ``start`` and ``margin`` are seconds too,
    on the pose clock and of IMU.
    """
    pose = streams.pose
    assert pose is not None
    origin = start - margin
    # One sensor may stand for several limbs.
    cut = {
        id(stream): stream.window(origin + around, seconds + 2 * margin)
        for stream in {id(s): s for s in streams.imu.values()}.values()
    }
    return Recording(
        {placement: cut[id(s)] for placement, s in streams.imu.items()},
        pose.cut(pose.clock.between(start, start + seconds), origin),
    )


def streams_on_line(
    streams: Recording, offset: float, drift: float, centre: float
) -> Recording:
    """The recording with sensors whose clocks are corrected by a line.

    ``offset`` at ``centre`` of the pose clock and ``drift`` become 0.
    """

    def corrected(clock: Clock) -> Clock:
        def line(times: Any) -> Any:
            return (times - offset + drift * centre) / (1 + drift)

        if clock.times is not None:
            return Clock(clock.num_samples, times=line(clock.times))
        assert clock.rate is not None  # without times
        rate = clock.rate * (1 + drift)
        return Clock(clock.num_samples, rate=rate, start=line(clock.start))

    imu = {
        name: replace(stream, clock=corrected(stream.clock))
        for name, stream in streams.imu.items()
    }
    return replace(streams, imu=imu)


def clip_feats(sample: Mapping[str, Any]) -> dict[str, Any] | None:
    """Model predictions of a clip in the form that synchronisers read.

    In the sample, a clip of one window has no axis W.

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
