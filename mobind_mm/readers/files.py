"""Sensors or skeletons of one file, whichever registered reader knows it.

Sensors are in a recording of ours, a table, or what a registered reader
recognises. A mapping for a single table is a part of what docs/own_data.md
describes::

    placement: right_wrist
    columns: {time: t, acc: [ax, ay, az], gyro: [gx, gy, gz]}
    units: {time: s, acc: m/s2, gyro: rad/s}
    gravity: included
    frame: sensor

or, for several sensors, ``imu: {right_wrist: {...}, head: {...}}`` and
``sensor: {...}`` with the keys that they share. Without a mapping the columns
must have the names that :func:`write_imu_table` gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import PoseStream, SensorStream, read_imu, read_pose
from ..utils.errors import below, mistake
from ..utils.files import replacing
from .base import FileReader, recognize, register_reader
from .detections import Detections
from .keys import check_keys, read_yaml
from .mapping import Columns, ImuFile, Sensor, Skeleton, Units
from .mmpose import MMPoseReader, collect_results, read_mmpose_video
from .people import Video, all_people, one_person
from .sensors import read_sensors, shifted
from .skeletons import choose_person, read_skeleton
from .tables import PARQUET, Dialect, column_names

AXES = {'acc': 'xyz', 'gyro': 'xyz', 'quat': 'wxyz', 'mag': 'xyz'}
ACC = {
    'acc': (True, 'sensor'),
    'acc_free': (False, 'sensor'),
    'acc_world': (True, 'world'),
    'acc_world_free': (False, 'world'),
}
"""What a column of acceleration is called, by gravity and frame."""
OWN_UNITS: dict[str, Any] = {
    'time': 's',
    'acc': 'm/s2',
    'gyro': 'rad/s',
    'mag': 'uT',
}
TABLES = ('.csv', '.txt', '.tsv', '.yml', '.yaml', *PARQUET)


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

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the suffix; a damaged file is one of ours too."""
        return path.suffix == '.safetensors' and path.is_file()

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
        options: Not used.
    """

    name = 'table'

    def __init__(
        self,
        source: str | Path,
        mapping: str | Path | Mapping | None = None,
        **options: Any,
    ) -> None:
        super().__init__(source, **options)
        self.mapping = mapping

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the suffix."""
        return path.suffix.lower() in TABLES and path.is_file()

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown.

        Raises:
            ValueError: Naming file, key, row, column and value.
        """
        content, root, where = self._mapping()
        if content is None:
            sensors, where = _own_sensors(self.source), f'{self.source}:'
        else:
            keys = check_keys(ImuFile, content, where)
            sensors = {
                name: self._placed(Sensor, spec, root, below(where, name))
                for name, spec in keys.sensors(where).items()
            }
        return read_sensors(sensors, '.', where)

    def read_people(self) -> dict[str, PoseStream]:
        """The skeleton that a mapping describes, by the name of the file.

        Raises:
            ValueError: Naming file, key, row, column and value.
        """
        content, root, where = self._mapping()
        if content is None:
            return super().read_people()
        content = {'format': 'table', **content}
        keys = self._placed(Skeleton, content, root, where)
        return {self.source.stem: read_skeleton(keys, '.', where)}

    def _mapping(self) -> tuple[Mapping | None, Path, str]:
        """Content of the mapping, its directory, and what to call it."""
        path = self.mapping
        if self.source.suffix in ('.yml', '.yaml'):
            path = self.source
        if path is None or isinstance(path, Mapping):
            return path, Path('.'), 'mapping'
        return read_yaml(path), Path(path).parent, f'{path}:'

    def _placed(self, model: Any, spec: Any, root: Path, where: str) -> Any:
        """Checked keys, with the path of the table."""
        spec = dict(spec)
        if 'parts' in spec:
            spec['parts'] = [_below_root(part, root) for part in spec['parts']]
        if self.source.suffix in ('.yml', '.yaml'):
            spec = _below_root(spec, root)
        else:
            spec['file'] = str(self.source)
        keys = check_keys(model, spec, where)
        keys.check(where.rstrip(':'))
        return keys


def _below_root(spec: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Keys whose ``file`` is not relative any more."""
    return {
        **spec,
        **({'file': str(root / spec['file'])} if 'file' in spec else {}),
    }


def _own_sensors(path: Path) -> dict[str, Sensor]:
    """Keys of a table whose columns are called as we call them."""
    names = column_names(path, ('time',), Dialect())
    labels = {channel: channel for channel in AXES} | dict.fromkeys(ACC, 'acc')
    columns: dict[str, dict[str, Any]] = {}
    acc: dict[str, tuple[bool, str]] = {}
    for name in names if 'time' in names else ():
        for label, channel in labels.items():
            axes = [f'_{label}_{axis}' for axis in AXES[channel]]
            sensor = name.removesuffix(axes[0])
            wanted = [sensor + axis for axis in axes]
            if sensor != name and set(wanted) <= set(names):
                columns.setdefault(sensor, {'time': 'time'})[channel] = wanted
                acc.setdefault(sensor, ACC['acc'])
                if channel == 'acc':
                    acc[sensor] = ACC[label]
    if not columns:
        listed = ', '.join(map(repr, names[:8])) or 'nothing'
        raise mistake(
            path,
            f'its columns ({listed}, ...) do not say what they are: without '
            'a mapping they must be time, right_wrist_acc_x, '
            'right_wrist_acc_y, ...',
            'Describe the file with a mapping (--mapping, docs/inference.md)',
        )
    return {
        sensor: Sensor.model_construct(
            file=str(path),
            columns=Columns.model_construct(**channels),
            units=Units.model_construct(**OWN_UNITS),
            gravity='included' if acc[sensor][0] else 'removed',
            frame=acc[sensor][1],
            quat_order='wxyz',
            quat_direction='sensor_to_world',
        )
        for sensor, channels in columns.items()
    }


def read_imu_file(
    path: str | Path, mapping: str | Path | Mapping | None = None
) -> dict[str, SensorStream]:
    """Read the sensors of one file.

    Args:
        path: File of a registered reader: a recording of ours, a CSV or
            Parquet table, a YAML mapping that names its tables itself, ...
        mapping: YAML file or its content, for a table; None goes by the
            names of the columns.

    Returns:
        Name to stream. A name that is not a placement is a sensor of which
        nobody knows where it is worn.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming file, key, row, column and value.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f'There is no IMU file {path}; check the path.'
        )
    if mapping is not None:
        return TableReader(path, mapping).read_imu()
    return (recognize(path) or TableReader)(path).read_imu()


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
