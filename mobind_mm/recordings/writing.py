"""Write the IMU and pose files of a recording.

Both are safetensors files with one JSON text under the metadata key
``header``: ``format``, ``version``, a free ``source``, and the clocks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from ..utils.files import replacing
from .schema import (
    FORMAT_VERSION,
    IMU_FORMAT,
    POSE_FORMAT,
    check_keypoint_values,
    check_pose,
    check_sensor,
    check_sensor_values,
)
from .streams import Clock, PoseStream, SensorStream


def write_imu(
    path: str | Path,
    streams: Mapping[str, SensorStream],
    source: Mapping | None = None,
) -> None:
    """Write the IMUs of one take, replacing the file in one step.

    Args:
        path: File to write; its directory is made.
        streams: Placement to stream; see :class:`SensorStream` for units.
        source: Free text facts, kept in the header.

    Raises:
        ValueError: If a shape, a value or a clock is invalid.
    """
    arrays, header = {}, {}
    for placement, stream in streams.items():
        where = f'{path}: {placement}'
        if not placement or '/' in placement:
            raise ValueError(
                f'{path}: a placement needs a name without "/", got '
                f'{placement!r}.'
            )
        check_sensor(stream, where)
        clock = stream.clock
        channels = {
            name: _float32(array) for name, array in stream.channels.items()
        }
        check_sensor_values(channels, _times(clock), where)
        for name, array in channels.items():
            arrays[f'{placement}/{name}'] = array
        if clock.times is not None:
            arrays[f'{placement}/timestamps'] = _float64(clock.times)
        header[placement] = dict(
            rate=clock.rate,
            start=clock.start,
            gravity=bool(stream.gravity),
            frame=stream.frame,
            **_notes(stream),
        )
    _write(path, arrays, IMU_FORMAT, dict(streams=header), source)


def write_pose(
    path: str | Path, stream: PoseStream, source: Mapping | None = None
) -> None:
    """Write the skeleton of one person, replacing the file in one step.

    Raises:
        ValueError: If a shape, a value or the clock is invalid.
    """
    check_pose(stream, str(path))
    clock = stream.clock
    arrays = dict(
        keypoints=_float32(stream.keypoints), scores=_float32(stream.scores)
    )
    check_keypoint_values(**arrays, times=_times(clock), where=str(path))
    if clock.times is not None:
        arrays['timestamps'] = _float64(clock.times)
    header = dict(
        rate=clock.rate,
        start=clock.start,
        layout=stream.layout,
        img_shape=[int(n) for n in stream.img_shape],
        **_notes(stream),
    )
    _write(path, arrays, POSE_FORMAT, header, source)


def _notes(stream: SensorStream | PoseStream) -> dict[str, list[str]]:
    """Header field of the notes; left out where there are none."""
    return dict(notes=list(stream.notes)) if stream.notes else {}


def _write(
    path: str | Path,
    arrays: dict[str, np.ndarray],
    name: str,
    header: dict,
    source: Mapping | None,
) -> None:
    header = dict(
        format=name, version=FORMAT_VERSION, **header, source=source or {}
    )
    content = save(arrays, metadata={'header': json.dumps(header)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _times(clock: Clock) -> np.ndarray:
    return clock.at(slice(0, clock.num_samples))


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[:], dtype=np.float32)


def _float64(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[:], dtype=np.float64)
