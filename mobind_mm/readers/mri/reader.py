"""mRI: the reader.

Source: An, Li and Ogras, "mRI: Multi-modal 3D Human Pose Estimation Dataset
using mmWave, RGB-D, and Inertial Sensors", NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..base import BaseReader, Output, Plan, Streams, Take, register_reader
from ..convert import fingerprint
from ..public import MRI
from .files import MRISubject, find_subjects
from .labels import CAMERA_POSES, MAX_FRAMES, MRILabels, read_labels
from .streams import (
    ACC_UNITS,
    read_predicted_pose,
    read_sensors,
    read_shipped_pose,
)

POSES = ('mmpose', *CAMERA_POSES)
"""Sources of 2D poses: predictions, or keypoints of a camera."""


@register_reader
@dataclass(eq=False)
class MRIReader(BaseReader):
    """Reads a copy of mRI.

    Args:
        source: Directory of the data set, or above it.
        img_shape: (height, width) of the images in pixels.
        poses: Some of :data:`POSES`; each gives an entry per subject.
        predictions: Directory of MMPose's predictions, if not below
            ``source``.
        person: Whom to take from predictions: ``longest``, ``largest`` or
            the number of a track.
        acc_unit: Unit of the acceleration, one of :data:`ACC_UNITS`.
        first_frame: Number of the first frame in the labels, 0 or 1; None
            infers it.
        imu_start: Frame of the labels of the first IMU row; None infers it.
        video_start: Likewise of the first frame of the predictions.

    Raises:
        ValueError: If an option is wrong.

    >>> reader = MRIReader('mri', (1080, 1920), poses=('left', 'right'))
    >>> reader.name, reader.poses
    ('mri', ('left', 'right'))
    """

    name = 'mri'
    metainfo = MRI.metainfo

    source: Path
    img_shape: tuple[int, int]
    poses: Sequence[str] = ('mmpose',)
    predictions: str | Path | None = None
    person: str | int = 'longest'
    acc_unit: str = 'g'
    first_frame: int | None = None
    imu_start: int | None = None
    video_start: int | None = None

    def __post_init__(self) -> None:
        super().__init__(self.source)
        if min(self.img_shape) < 1:
            raise ValueError(
                f'--img-shape {self.img_shape[0]} {self.img_shape[1]}: give '
                'the height and the width of the video in pixels.'
            )
        for flag, start in (
            ('--imu-start', self.imu_start),
            ('--video-start', self.video_start),
        ):
            if start is not None and not abs(start) < MAX_FRAMES:
                raise ValueError(
                    f'{flag} {start}: a recording has fewer than '
                    f'{MAX_FRAMES} frames.'
                )
        for name, value, choices in (
            ('--pose', set(self.poses), POSES),
            ('--acc-unit', {self.acc_unit}, tuple(ACC_UNITS)),
            ('--first-frame', {self.first_frame}, (None, 0, 1)),
        ):
            if not value or not value <= {*choices}:
                raise ValueError(
                    f'{name} {sorted(map(str, value))}: choose from {choices}.'
                )

    def find(self) -> list[MRISubject]:
        """Find the subjects; see :func:`find_subjects`, also for errors."""
        return find_subjects(
            self.source, self.predictions, 'mmpose' in self.poses
        )

    def plan(self, job: MRISubject, dst: Path) -> Plan:
        """The job is a subject; the labels tell its segments."""
        return Plan([self._take(job)])

    def read(
        self, job: MRISubject, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read the sensors and the poses of a subject."""
        take = self._take(job)
        outputs = [(None, take.imu), *take.poses.items()]
        return Plan([take]), (
            (output, self._stream(job, camera))
            for camera, output in outputs
            if output and (missing is None or output.path in missing)
        )

    def _stream(self, job: MRISubject, camera: str | None) -> Streams:
        """The sensors, or the pose of a camera."""
        labels = self._labels(job)
        if camera is None:
            return read_sensors(
                job.imus, labels, self.acc_unit, self.imu_start
            )
        if camera != 'mmpose':
            return read_shipped_pose(labels, camera, self.img_shape)
        assert job.predictions is not None  # find() asked for them
        return read_predicted_pose(
            labels,
            job.predictions,
            self.img_shape,
            self.person,
            self.video_start,
        )

    def _take(self, job: MRISubject) -> Take:
        labels = self._labels(job)
        imu = self._output(
            labels,
            f'imu/{job.name}',
            [job.labels, *job.imus.values()],
            acc_unit=self.acc_unit,
            imu_start=self.imu_start,
        )
        poses: dict[str | None, Output] = {}
        for pose in self.poses:
            files = [job.labels]
            options: dict[str, object] = {'pose': pose}
            options['img_shape'] = list(self.img_shape)
            if pose == 'mmpose':
                assert job.predictions is not None  # find() asked for them
                files.append(job.predictions)
                options['person'] = self.person
                options['video_start'] = self.video_start
            path = f'pose/{job.name}_{pose}'
            poses[pose] = self._output(labels, path, files, **options)
        return Take(
            name=job.name,
            subject=str(job.number),
            scene=job.name,
            split=job.split,
            imu=imu,
            poses=poses,
            segments=labels.segments,
            where=str(job.labels),
            fix=f'Download the aligned files of subject {job.number} again.',
        )

    def _output(
        self,
        labels: MRILabels,
        name: str,
        files: list[Path],
        **options: object,
    ) -> Output:
        made_of = {
            'dataset': 'mri',
            'first_frame': labels.timeline.first_frame,
            'files': [path.name for path in files],
            'fingerprint': fingerprint(files),
            **options,
        }
        return Output(f'{name}.safetensors', made_of)

    def _labels(self, job: MRISubject) -> MRILabels:
        return _labels(job.labels, fingerprint([job.labels]), self.first_frame)


@lru_cache(maxsize=1)  # planning and reading a subject need it
def _labels(path: Path, state: str, first_frame: int | None) -> MRILabels:
    """Labels of a subject in a state, for as long as it is dealt with."""
    return read_labels(path, first_frame)
