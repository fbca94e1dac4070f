"""What a reader of a foreign format is, and the registry of readers.

A reader is bound to one source, a file or a directory, and to the options of
its user. It finds takes in it and reads their streams; everything else (what
is converted already, writing, annotations) is done once, in
:mod:`.convert`. To add a format, derive a class from :class:`FileReader` (one
file holds the sensors or the skeletons of one recording) or
:class:`DataSetReader` (a directory of recordings), and decorate it with
:func:`register_reader`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, Union, runtime_checkable

from ..recordings import PoseStream, Recording, SensorStream
from ..utils.errors import nearest
from ..utils.files import is_special
from ..utils.lazy import import_all

Streams = Union[Mapping[str, SensorStream], PoseStream]
"""Content of one output: sensors by placement, or one skeleton."""


@dataclass(frozen=True)
class Output:
    """A file that a conversion writes.

    Args:
        path: Below the dataset directory, ``imu/<name>.safetensors`` or
            ``pose/<name>.safetensors``.
        made_of: What its header says it was made of: the data set, the
            :func:`~.convert.fingerprint` of the files, and every option that
            changes the content. The file is written again when this changes.
    """

    path: str
    made_of: Mapping[str, Any]


@dataclass(frozen=True)
class Take:
    """One person's recording: sensors, and a skeleton per camera.

    Args:
        name: Name of the take, unique in the data set.
        subject: Who wears the sensors.
        scene: People filmed together share it.
        split: ``train``, ``val`` or ``test``.
        imu: File of the sensors, None without sensors.
        poses: File of the skeleton by camera. The camera None has no name.
        label: Class index of the whole take, None if unlabelled.
        segments: Labelled parts, as ``annotations/*.json`` has them.
        camera: Name of the camera, where there is no skeleton.
        where: What names the take in an error; its name by default.
        fix: Advice for a take whose streams do not overlap in time.
        source: What the reader needs to read it; must be picklable.
    """

    name: str
    subject: str
    scene: str
    split: str
    imu: Output | None = None
    poses: Mapping[str | None, Output] = field(default_factory=dict)
    label: int | None = None
    segments: Sequence[Mapping[str, Any]] = ()
    camera: str | None = None
    where: str = ''
    fix: str = ''
    source: Any = None

    @property
    def outputs(self) -> list[Output]:
        """All files of the take."""
        return [*([self.imu] if self.imu else []), *self.poses.values()]


@dataclass(frozen=True)
class Plan:
    """What one job of a reader gives.

    Args:
        takes: Its takes.
        notes: What the user should know, such as people left out.
    """

    takes: Sequence[Take]
    notes: Sequence[str] = ()


@runtime_checkable
class Reader(Protocol):
    """Finds recordings in a source, and reads their streams.

    Attributes:
        name: Name of the format, as users type it.
        metainfo: ``dataset_name`` and ``classes`` of the annotations; may
            be known only after :meth:`find`.
        source: The file or directory.

    Readers are sent to worker processes, so they must be picklable.
    """

    name: ClassVar[str]
    metainfo: Mapping[str, Any]
    source: Path

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether a file or directory is of this format, by its content.

        Must be quick, and False rather than an error for anything foreign.
        """

    def find(self) -> Sequence[Any]:
        """Find the jobs: parts of the source that are read together.

        Raises:
            FileNotFoundError: If there is nothing to read, or a file is
                missing.
            ValueError: If names are ambiguous or an option is wrong.
        """

    def plan(self, job: Any, dst: Path) -> Plan | None:
        """Say what a job gives, without reading streams.

        Args:
            job: One of :meth:`find`.
            dst: Dataset directory, whose files may tell.

        Returns:
            The plan; None if only reading tells.
        """

    def read(
        self, job: Any, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read the streams of a job.

        Args:
            job: One of :meth:`find`.
            missing: Paths of the outputs that are wanted; None for all.

        Returns:
            The plan, and each output that is wanted with its content.

        Raises:
            ValueError: Naming the file, the place, the value and the fix.
        """

    def segments(
        self, take: Take, start: float, end: float
    ) -> list[dict[str, Any]]:
        """Labelled segments of a take that covers ``start`` to ``end`` s."""

    def check_entries(
        self, entries: Mapping[str, Sequence[Mapping]], notes: Sequence[str]
    ) -> None:
        """Refuse a conversion as a whole, before annotations are written.

        Args:
            entries: Entries of the annotations by split.
            notes: What the user is told.

        Raises:
            ValueError: If nothing usable was found, for example.
        """


class BaseReader:
    """What most readers share.

    Attributes:
        suffixes: Lower-case suffixes of the files that it recognises.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    metainfo: Mapping[str, Any]

    def __init__(self, source: str | Path) -> None:
        self.source = Path(source)

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """By the suffix; without ``suffixes``, users must name the format."""
        return path.suffix.lower() in cls.suffixes and path.is_file()

    def segments(
        self, take: Take, start: float, end: float
    ) -> list[dict[str, Any]]:
        """The label of the whole take, or its segments as they are."""
        if take.label is not None:
            return [{'start_s': start, 'end_s': end, 'label': take.label}]
        return [dict(segment) for segment in take.segments]

    def check_entries(
        self, entries: Mapping[str, Sequence[Mapping]], notes: Sequence[str]
    ) -> None:
        """Everything is accepted."""


class DataSetReader(BaseReader):
    """A directory of takes with one camera, each read as a whole.

    Derived classes set ``name`` and ``metainfo``, and implement
    ``find() -> list[Take]`` and :meth:`read_take`.
    """

    def read_take(self, take: Take) -> Recording:
        """Read one take.

        Raises:
            ValueError: If a file is damaged or holds something else.
        """
        raise NotImplementedError

    def plan(self, job: Take, dst: Path) -> Plan:
        """The job is a take."""
        return Plan([job])

    def read(
        self, job: Take, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read sensors and skeleton together."""
        recording = self.read_take(job)
        streams: list[tuple[Output, Streams]] = []
        if job.imu is not None:
            streams.append((job.imu, recording.imu))
        if recording.pose is not None:
            streams += [(pose, recording.pose) for pose in job.poses.values()]
        return Plan([job]), streams


class FileReader(BaseReader):
    """One file, or one folder, that holds sensors or skeletons.

    Derived classes set ``name``, and implement :meth:`recognizes` and
    either :meth:`read_imu` or :meth:`read_people`.

    Args:
        source: The file or folder.
        options: What the user said about it, by the names of the flags and
            of the keys of a mapping (``placement``, ``rate``,
            ``img_shape``, ...). A reader takes what it knows.

    Attributes:
        places: Whether :meth:`read_imu` names sensors by the option
            ``placement``.
    """

    places: ClassVar[bool] = False

    def __init__(self, source: str | Path, **options: Any) -> None:
        super().__init__(source)
        self.options = options

    def read_imu(self) -> dict[str, SensorStream]:
        """Sensors by placement; a name that is not a placement is unknown.

        Raises:
            ValueError: Naming the file, the place, the value and the fix.
        """
        raise ValueError(
            f'{self.source}: the format {self.name!r} has no sensors; give '
            'the file as --pose.'
        )

    def read_people(self) -> Mapping[str, PoseStream]:
        """Skeletons by a name of the person.

        Raises:
            ValueError: Naming the file, the place, the value and the fix.
        """
        raise ValueError(
            f'{self.source}: the format {self.name!r} has no skeletons; '
            'give the file as --imu.'
        )


R = TypeVar('R', bound='type[Reader] | type[BaseReader]')

FILE_FORMATS: Mapping[str, str] = {
    'recording': 'files',
    'sensor_logger': 'sensor_logger',
    'sensorlog': 'sensorlog',
    'phyphox': 'sensorlog',
    'actigraph': 'actigraphy',
    'geneactiv': 'actigraphy',
    'axivity': 'actigraphy',
    'biobank': 'actigraphy',
    'gopro': 'opencamera',
    'opencamera': 'opencamera',
    'xsens_dot': 'xsens',
    'xsens_mtw': 'xsens',
    'mvnx': 'mvnx',
    'shimmer': 'laboratory',
    'metawear': 'ble',
    'polar': 'ble',
    'empatica': 'ble',
    'delsys': 'laboratory',
    'noraxon': 'laboratory',
    'video': 'video',
    'openpose': 'openpose',
    'ultralytics_labels': 'openpose',
    'mmpose': 'mmpose',
    'openpose_json': 'pose_json',
    'ultralytics': 'pose_json',
    'coco_annotations': 'pose_json',
    'coco_results': 'pose_json',
    'mediapipe_json': 'pose_json',
    'easy_vitpose': 'pose_json',
    'people_json': 'pose_json',
    'trc': 'trc',
    'c3d': 'trc',
    'vicon': 'marker_tables',
    'qualisys': 'marker_tables',
    'motive': 'marker_tables',
    'deeplabcut': 'deeplabcut',
    'hdf5': 'deeplabcut',
    'keypoint_table': 'keypoint_tables',
    'keypoint_cells': 'pose_json',
    'mmaction': 'mmaction_skeletons',
    'pose_pickle': 'pose_json',
    'numpy': 'pose_json',
    'phone_log': 'phone_logs',
    'table': 'files',
}
"""Readers of single files, by name: their modules in this package. Whichever
recognises a file first reads it."""
DATA_SETS: Mapping[str, str] = {
    'own_data': 'own_data',
    'utd_mhad': 'utd_mhad',
    'totalcapture': 'totalcapture.reader',
    'mri': 'mri.reader',
    'egohumans': 'egohumans.reader',
}
"""Readers of data sets, by name: their modules in this package."""

_PACKAGE = __name__.rpartition('.')[0]
_MODULES = {**FILE_FORMATS, **DATA_SETS}
_READERS: dict[str, type[Any]] = {}


def register_reader(cls: R) -> R:
    """Make a reader known under its ``name``; used as a decorator.

    Raises:
        ValueError: If another reader has the name.
    """
    name = f'{cls.__module__}.{cls.__qualname__}'
    if cls.name in _MODULES and not cls.__module__.startswith(_PACKAGE):
        _load([cls.name])
    known = _READERS.setdefault(cls.name, cls)
    if f'{known.__module__}.{known.__qualname__}' != name:
        raise ValueError(
            f'A reader called {cls.name!r} is registered already: '
            f'{known.__module__}.{known.__qualname__}; choose another name.'
        )
    return cls


def _load(names: Iterable[str]) -> None:
    """Import the package's own readers of some names."""
    missing = [n for n in names if n in _MODULES and n not in _READERS]
    for module in dict.fromkeys(_MODULES[n] for n in missing):
        import_all(f'{_PACKAGE}.{module}')


def get_reader(name: str) -> type[Any]:
    """Class of a reader by the name of its format.

    Raises:
        ValueError: If there is none; names the nearest.
    """
    _load([name])
    if name not in _READERS:
        known = sorted({*_READERS, *_MODULES})
        raise ValueError(
            f'There is no reader for {name!r}. {nearest(name, known)}Known '
            f'formats: {", ".join(known)}.'
        )
    return _READERS[name]


def readers() -> dict[str, type[Any]]:
    """All readers by name."""
    _load(_MODULES)
    return dict(_READERS)


def foreign_readers() -> list[type[Any]]:
    """Readers that others registered, in the order of registration."""
    return [kind for name, kind in _READERS.items() if name not in _MODULES]


def recognize(path: str | Path) -> type[Any] | None:
    """Class of the reader that recognises a file or folder, if any does.

    Readers that others registered are asked first, the latest of them
    before all; then those of :data:`FILE_FORMATS` in their order. Pipes and
    devices are not opened.
    """
    path = Path(path)
    if is_special(path):
        return None
    _load(FILE_FORMATS)
    ours = [_READERS[name] for name in FILE_FORMATS]
    for kind in [*reversed(foreign_readers()), *ours]:
        if kind.recognizes(path):
            return kind
    return None
