"""Readers of the package's own files, and people of any file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import PoseStream, SensorStream, read_imu, read_pose
from ..utils.errors import mistake
from ..utils.files import replacing
from .base import FileReader, recognize, register_reader
from .detections import Detections
from .mapping import Skeleton
from .mmpose import MMPoseReader, collect_results, read_mmpose_video
from .people import Video, all_people, one_person
from .sensors import (
    ACC,
    AXES,
    placed_keys,
    read_imu_tables,
    read_mapping,
    shifted,
)
from .skeletons import choose_person, read_skeleton
from .tables import PARQUET


def read_video_facts(path: str | Path) -> Video:
    """Frames per second and size of a video file.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If it cannot be opened as a video.
    """
    from ..utils.video import open_video

    with open_video(path) as video:
        return Video(video.rate, video.img_shape)


@register_reader
class RecordingReader(FileReader):
    """Reads an IMU or a pose file of the recording format."""

    name = 'recording'
    suffixes = ('.safetensors',)

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; arrays are read when they are sliced."""
        return read_imu(self.source)

    def read_people(self) -> dict[str, PoseStream]:
        """The skeleton, by the name of the file."""
        return {self.source.stem: read_pose(self.source)}


@register_reader
class TableReader(FileReader):
    """Reads a table with its mapping, or with our own names of columns.

    Args:
        source: CSV or Parquet table, or a YAML mapping that names its tables
            itself.
        mapping: YAML file or its content; None goes by the names of the
            columns.
    """

    name = 'table'
    suffixes = ('.csv', '.txt', '.tsv', '.yml', '.yaml', *PARQUET)

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown."""
        return read_imu_tables(self.source, self.options.get('mapping'))

    def read_people(self) -> dict[str, PoseStream]:
        """The skeleton that a mapping describes, by the name of the file."""
        mapping = self.options.get('mapping')
        content, root, where = read_mapping(self.source, mapping)
        if content is None:
            return super().read_people()
        content = {'format': 'table', **content}
        keys = placed_keys(Skeleton, content, self.source, root, where)
        return {self.source.stem: read_skeleton(keys, '.', where)}


def load_pose(
    source: Any, video: Video | None = None, person: str | int = 'longest'
) -> PoseStream:
    """One person's skeleton.

    Args:
        source: File of a registered reader, MMPose's JSON, or what MMPose
            returns, see :func:`.mmpose.collect_results`.
        video: What is known of the video.
        person: ``longest``, ``largest`` or an id.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    video = video or Video()
    people = _registered_people(source, video)
    if people is not None:
        return choose_person(people, person, source)
    detections, name, video = _detections(source, video)
    return one_person(detections, name, video, person)


def load_people(
    source: Any, video: Video | None = None, min_sec: float = 1.0
) -> dict[str, PoseStream]:
    """Everybody in a video, by a name such as ``person 0``.

    Args:
        source: As of :func:`load_pose`.
        video: What is known of the video.
        min_sec: Seconds for which somebody must be seen to count.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    video = video or Video()
    people = _registered_people(source, video)
    if people is not None:
        return people
    detections, name, video = _detections(source, video)
    numbered = all_people(detections, name, video, min_sec)
    if not numbered:
        raise mistake(name, f'nobody is seen for {min_sec} s')
    return {f'person {number}': pose for number, pose in numbered.items()}


def _registered_people(
    source: Any, video: Video
) -> dict[str, PoseStream] | None:
    """People of a file that a registered reader recognises."""
    if not isinstance(source, (str, Path)):
        return None
    kind = recognize(source)
    if Path(source).suffix == '.safetensors':  # one that is missing, too
        kind = kind or RecordingReader
    if kind is None or not issubclass(kind, FileReader):
        return None  # MMPose's JSON, as far as anybody knows
    # Of MMPose's detections one person can be followed better than many.
    if kind is MMPoseReader or kind.read_people is FileReader.read_people:
        return None
    known = {k: v for k, v in asdict(video).items() if v is not None}
    start = known.pop('start')
    people = kind(source, **known).read_people()
    if kind is RecordingReader:  # has a clock of its own
        return people
    return {
        name: replace(pose, clock=shifted(pose.clock, start))
        for name, pose in people.items()
    }


def _detections(source: Any, video: Video) -> tuple[Detections, str, Video]:
    """People of all frames, what to call the source, and its video."""
    if isinstance(source, (str, Path)):
        name = str(source)
        detections, facts = read_mmpose_video(
            source, video.layout, video.first_frame
        )
        size = facts.get('height'), facts.get('width')
        video = video.completed(
            rate=facts.get('fps'), img_shape=size if all(size) else None
        )
    else:
        name = 'MMPose results'
        detections, shape = collect_results(source, video.layout)
        video = video.completed(img_shape=shape)
    _, shape = video.facts(name)
    return detections.without_whole_image(shape), name, video


def write_imu_table(
    path: str | Path, streams: Mapping[str, SensorStream], times: np.ndarray
) -> None:
    """Write sensors that share a clock as a CSV that needs no mapping.

    Columns are ``time`` in seconds and ``<sensor>_<channel>_<axis>``, such
    as ``right_wrist_acc_x``, in the units of the recording format; ``acc``
    is called ``acc_free`` without gravity, ``acc_world`` in the world frame.

    Args:
        path: File to write.
        streams: Sensors by name; of T samples each.
        times: (T,) seconds.
    """
    names, columns = ['time'], [np.asarray(times, np.float64)[:, None]]
    kinds = {kind: name for name, kind in ACC.items()}
    for sensor, stream in streams.items():
        for channel, values in stream.channels.items():
            label = channel
            if channel == 'acc':
                label = kinds[stream.gravity, stream.frame]
            names += [f'{sensor}_{label}_{a}' for a in AXES[channel]]
            columns.append(np.asarray(values))
    table = np.concatenate(columns, axis=1)
    with replacing(path) as temporary:
        np.savetxt(
            temporary,
            table,
            fmt=['%.6f', *['%.7g'] * (len(names) - 1)],
            delimiter=',',
            header=','.join(names),
            comments='',
        )
