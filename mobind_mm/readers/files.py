"""Readers of the package's own files, and people of any file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import PoseStream, SensorStream, read_imu, read_pose
from ..recordings.streams import measurable
from ..utils.errors import mistake, shown
from ..utils.files import replacing
from .archives import is_folder, listing, only_folder
from .arrays import ARRAYS
from .base import FileReader, recognize, register_reader
from .detections import Detections
from .frame_times import is_regular
from .headers import head
from .mmpose import MMPoseReader, collect_results
from .parquet import PARQUET
from .people import PoseReader, all_people, choose_stream, one_person
from .pose_video import Video, on_video
from .sensors import ACC, AXES, read_imu_tables, shifted
from .skeletons import mapped_people, retimed

_ROWS = 1_000_000
"""Samples that are checked at once."""


def read_video_facts(path: str | Path) -> Video:
    """What a video says of itself; times if its frames are not even.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If OpenCV is not installed.
        ValueError: If it cannot be opened as a video.
    """
    from ..utils.video import video_facts

    facts = video_facts(path)
    even = facts.constant or is_regular(facts.times, facts.rate)
    return Video(
        facts.rate,
        facts.img_shape,
        times=None if even else facts.times,
        num_frames=len(facts.times),
    )


@register_reader
class RecordingReader(FileReader):
    """Reads an IMU or a pose file of the recording format."""

    name = 'recording'
    suffixes = ('.safetensors',)

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; arrays are read when they are sliced.

        Raises:
            ValueError: If a value is not finite, or the file is damaged.
        """
        streams = read_imu(self.source)
        for placement, stream in streams.items():
            for channel, values in stream.channels.items():
                _check_values(values, self.source, f'{placement} {channel}')
        return streams

    def read_people(self) -> dict[str, PoseStream]:
        """The skeleton, by the name of the file."""
        return {self.source.stem: read_pose(self.source)}


def _check_values(values: np.ndarray, source: Path, name: str) -> None:
    for start in range(0, len(values), _ROWS):
        fine = measurable(values[start : start + _ROWS]).all(axis=1)
        if not fine.all():
            row = start + int(np.argmin(fine))
            odd = ', '.join(f'{x:g}' for x in values[row : row + 1][0])
            what = f'has {name} of {odd}, no measurement, in sample {row}'
            raise mistake(source, what, 'Convert or export it again')


@register_reader
class TableReader(FileReader):
    """Reads a table with its mapping, or with our own names of columns.

    Args:
        source: CSV or Parquet table, file of arrays, or a YAML mapping that
            names its tables itself.
        mapping: YAML file or its content; None goes by the names of the
            columns.
    """

    name = 'table'
    suffixes = ('.csv', '.txt', '.tsv', '.yml', '.yaml', *PARQUET, *ARRAYS)

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown."""
        return read_imu_tables(self.source, self.options.get('mapping'))

    def read_people(self) -> dict[str, PoseStream]:
        """The skeleton that a mapping describes, by the name of the file."""
        mapping = self.options.get('mapping')
        if mapping is None and self.source.suffix not in ('.yml', '.yaml'):
            raise mistake(
                self.source,
                'its columns do not say which keypoints they are',
                'Describe them in a mapping (--pose-mapping); if it holds '
                'sensors, give it as --imu',
            )
        people = mapped_people(self.source, mapping, Video.of(self.options))
        return {self.source.stem: next(iter(people.values()))}


def load_pose(
    source: Any,
    video: Video | None = None,
    person: str | int = 'longest',
    mapping: Any = None,
) -> PoseStream:
    """One person's skeleton.

    Args:
        source: File or folder of a registered reader, a mapping that names
            its file, or what MMPose returns, see
            :func:`.mmpose.collect_results`.
        video: What is known of the video.
        person: ``longest``, ``largest`` or an id.
        mapping: YAML file or its content that describes the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    video = video or Video()
    if not isinstance(source, (str, Path)):
        detections, known = _of_results(source, video)
        return one_person(detections, known, person)
    path = Path(source)
    if _is_mapped(path, mapping):
        people = mapped_people(path, mapping, video, person)
        return next(iter(people.values()))
    reader = _reader(path, video)
    if isinstance(reader, PoseReader):
        return reader.read_person(person)
    return choose_stream(_other_people(reader, video), person, source)


def load_people(
    source: Any,
    video: Video | None = None,
    min_sec: float = 1.0,
    mapping: Any = None,
) -> Mapping[str, PoseStream]:
    """Everybody in a video, by a name such as ``person 0``.

    ``min_sec`` are the seconds for which somebody must be seen to count; the
    rest is as for :func:`load_pose`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: Naming file or frame and the fix.
    """
    video = video or Video()
    if not isinstance(source, (str, Path)):
        detections, known = _of_results(source, video)
        numbered = all_people(detections, known, min_sec)
        if not numbered:
            raise mistake(detections.source, f'nobody is seen for {min_sec} s')
        return numbered.named()
    path = Path(source)
    if _is_mapped(path, mapping):
        return mapped_people(path, mapping, video, None)
    reader = _reader(path, video, min_sec=min_sec)
    if isinstance(reader, PoseReader):
        return reader.read_people()
    return _other_people(reader, video)


_MMPOSE = {'instance_info', 'instances', 'meta_info'}
"""Keys of MMPose's JSON."""
_ENTRIES = 200
"""Files of a folder in which skeletons are looked for."""
_LOOKED = 40
"""Files and folders of a folder whose content is looked at."""
_SUFFIXES = (
    '.json', '.jsonl', '.csv', '.tsv', '.txt', '.trc', '.c3d', '.pkl',
    '.pickle', '.safetensors',
)  # fmt: skip
"""Suffixes of files of skeletons."""


def _is_mapped(path: Path, mapping: Any) -> bool:
    return mapping is not None or path.suffix.lower() in ('.yml', '.yaml')


_NO_POSE = {
    **dict.fromkeys(
        ('.npy', '.npz'),
        (
            'holds no array of keypoints, which would be of shape (frames, '
            'keypoints, 2 or 3) or (frames, people, keypoints, 2 or 3)',
            'Save it so',
        ),
    ),
    '.gz': ('is compressed', 'Unpack it'),
}
"""Suffixes of files that are not skeletons: what they are, what to do."""


def skeletons_in(path: Path) -> Path:
    """The only file or folder of skeletons in a folder or zip archive.

    Files go before the folders in it, whose content is looked at, too.

    Returns:
        The path as it is if it is not a folder, if it is one of skeletons
        itself, or if there are none in it.

    Raises:
        ValueError: If there are several.
    """
    folder = only_folder(path)
    if not is_folder(folder) or recognize(folder) is not None:
        return folder
    entries = listing(folder, _ENTRIES)[:_ENTRIES]
    inner = [p for p in entries if is_folder(p)][:_LOOKED]
    inner = [only_folder(path) for path in inner]
    deeper = [p for place in inner for p in listing(place, _LOOKED)]
    for group in ([p for p in entries if not is_folder(p)], inner, deeper):
        files = [path for path in group[:_LOOKED] if _holds_skeletons(path)]
        if len(files) > 1:
            names = [p.relative_to(folder).as_posix() for p in files]
            raise mistake(
                folder,
                f'holds {len(names)} results of pose tools '
                f'({shown(names, 5)})',
                'Give one of them',
            )
        if files:
            return files[0]
    return folder


def _holds_skeletons(path: Path) -> bool:
    """Whether a reader knows a file or folder as that of a pose tool."""
    folder = is_folder(path)
    if not folder and path.suffix.lower() not in _SUFFIXES:
        return False
    kind = recognize(path)
    if kind is None or kind.name in ('table', 'video', 'hdf5'):
        return False
    reads_people = kind.read_people is not FileReader.read_people
    return reads_people or issubclass(kind, PoseReader)


def _reader(path: Path, video: Video, **options: Any) -> FileReader:
    """The reader of a file or folder of skeletons.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If no reader knows it.
    """
    kind: Any = RecordingReader
    if path.suffix != '.safetensors':  # one that is missing has its message
        if not path.exists():
            raise mistake(
                path, 'there is no such file', kind=FileNotFoundError
            )
        given, path = only_folder(path), skeletons_in(path)
        kind = recognize(path)
        if kind is TableReader and path.suffix.lower() in ARRAYS:
            kind = None
        if path != given:
            options['notes'] = (f'{given}: {path.name} in it is read',)
        if kind is None and head(path).lstrip()[:1] in ('[', '{'):
            kind = MMPoseReader  # whose messages say what JSON it reads
            keys = dict.fromkeys(re.findall(r'"(\w+)"\s*:', head(path)))
            if keys and not _MMPOSE & {*keys}:
                what = 'is JSON without known keypoints, of '
                what += shown([*keys], 8)
                fix = 'Export the 2D keypoints of people; docs/pose_tools.md '
                raise mistake(path, what, f'{fix}lists what is read')
    if kind is None or not issubclass(kind, FileReader):
        what = 'is not a file of a known pose tool'
        fix = (
            'docs/pose_tools.md lists them; describe a table with '
            '--pose-mapping'
        )
        what, fix = _NO_POSE.get(path.suffix.lower(), (what, fix))
        if is_folder(path):
            what = 'is a folder without files of a known pose tool'
            if not path.is_dir():
                what = what.replace('folder', 'zip archive')
        raise mistake(path, what, fix)
    known = video.known()
    if not issubclass(kind, PoseReader):
        for key in ('start', 'times', 'clip', 'num_frames'):
            known.pop(key, None)
        facts = video.plain_facts()
        known.update({k: v for k, v in facts.items() if v is not None})
        if 'img_shape' in known:
            known['img_shape'] = tuple(known['img_shape'])
    return kind(path, **known, **options)


def _other_people(reader: FileReader, video: Video) -> dict[str, PoseStream]:
    """People of a reader that knows nothing of times and starts."""
    people = reader.read_people()
    start = 0.0 if isinstance(reader, RecordingReader) else video.start
    return {
        name: replace(pose, clock=shifted(pose.clock, start))
        for name, pose in (
            (name, retimed(pose, video, reader.source))
            for name, pose in people.items()
        )
    }


def _of_results(source: Any, video: Video) -> tuple[Detections, Video]:
    """People of results in Python, and their video."""
    detections, shape = collect_results(source, video.layout)
    return on_video(detections, video.with_file(Video(img_shape=shape)))


def imu_columns(streams: Mapping[str, SensorStream]) -> dict[str, np.ndarray]:
    """Columns (T,) of sensors by name, such as ``right_wrist_acc_x``.

    >>> from mobind_mm.recordings import Clock
    >>> still = SensorStream(
    ...     Clock(1, rate=1.0), {'acc': np.zeros((1, 3))}, gravity=False
    ... )
    >>> [*imu_columns({'head': still})]
    ['head_acc_free_x', 'head_acc_free_y', 'head_acc_free_z']
    """
    columns = {}
    kinds = {kind: name for name, kind in ACC.items()}
    for sensor, stream in streams.items():
        for channel, values in stream.channels.items():
            label = channel
            if channel == 'acc':
                label = kinds[stream.gravity, stream.frame]
            for axis, column in zip(AXES[channel], np.asarray(values).T):
                columns[f'{sensor}_{label}_{axis}'] = column
    return columns


def write_imu_table(
    path: str | Path, streams: Mapping[str, SensorStream], times: np.ndarray
) -> None:
    """Write sensors that share a clock as a CSV that needs no mapping.

    Columns are ``time`` in seconds and ``<sensor>_<channel>_<axis>``, such as
    ``right_wrist_acc_x``, in the units of the recording format; ``acc`` is
    called ``acc_free`` without gravity, ``acc_world`` in the world frame.
    ``times`` are (T,) seconds, shared by all.
    """
    named = imu_columns(streams)
    names = ['time', *named]
    columns = [np.asarray(times, np.float64), *named.values()]
    table = np.stack(columns, axis=1)
    with replacing(path) as temporary:
        np.savetxt(
            temporary,
            table,
            fmt=['%.6f', *['%.7g'] * (len(names) - 1)],
            delimiter=',',
            header=','.join(names),
            comments='',
        )
