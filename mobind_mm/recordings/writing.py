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

from ..utils.files import write_whole
from .schema import (
    FORMAT_VERSION,
    IMU_FORMAT,
    POSE_FORMAT,
    check_keypoint_values,
    check_pose,
    check_sensor,
    check_sensor_values,
)
from .streams import PoseStream, SensorStream


def write_imu(
    path: str | Path,
    streams: Mapping[str, SensorStream],
    source: Mapping | None = None,
) -> None:
    """Write the IMUs of one take atomically.

    Args:
        path: File to write; its directory is created.
        streams: Placement to stream; see :class:`SensorStream` for units.
        source: Free-form facts to keep in the header.

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
        check_sensor_values(channels, clock.at(), where)
        for name, array in channels.items():
            arrays[f'{placement}/{name}'] = array
        if clock.times is not None:
            times = np.ascontiguousarray(clock.at())
            arrays[f'{placement}/timestamps'] = times
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
    """Write the skeleton of one person atomically.

    Raises:
        ValueError: If a shape, a value or the clock is invalid.
    """
    check_pose(stream, str(path))
    clock = stream.clock
    arrays = dict(
        keypoints=_float32(stream.keypoints), scores=_float32(stream.scores)
    )
    check_keypoint_values(**arrays, times=clock.at(), where=str(path))
    if clock.times is not None:
        arrays['timestamps'] = np.ascontiguousarray(clock.at())
    header = dict(
        rate=clock.rate,
        start=clock.start,
        layout=stream.layout,
        img_shape=[int(n) for n in stream.img_shape],
        **_notes(stream),
    )
    _write(path, arrays, POSE_FORMAT, header, source)


def _notes(stream: SensorStream | PoseStream) -> dict[str, list[str]]:
    """The notes as a header field, left out if there are none."""
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
    write_whole(path, content)


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array[:], dtype=np.float32)
