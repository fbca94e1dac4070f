"""The reader of TotalCapture."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...recordings import PoseStream
from ..base import (
    BaseReader,
    Output,
    Plan,
    Streams,
    Take,
    register_reader,
)
from ..cameras import CalibratedCamera
from ..convert import fingerprint
from ..mmpose_pose import read_mmpose_person
from ..public import TOTAL_CAPTURE
from .cameras import read_cameras
from .files import (
    RATE,
    TakeFiles,
    add_predictions,
    choose_cameras,
    choose_takes,
    find_calibration,
    find_takes,
)
from .sensors import calibrate_sensors, count_frames, read_sensors
from .vicon import film, read_skeleton

POSES = ('vicon', 'mmpose')

IMG_SHAPE = (1080, 1920)
"""Height and width of the videos in pixels."""

MAX_GAP_SEC = 30.0
"""The subject is alone, so who returns after a while is the subject."""

MAX_MISMATCH_SEC = 3.0
"""By how much the IMUs and the skeleton of one take may differ in length."""

_SHOWN = 5  # incomplete takes that an error names


@dataclass(frozen=True)
class TakeJob:
    """What is read together: a take with all its cameras.

    Args:
        take: The take and its files.
        cameras: Names; none if the take is left out.
        calibration: File of the cameras that film Vicon's skeleton; None
            if MMPose saw the person.
        filmed: These cameras by name.
        notes: What is left out.
    """

    take: TakeFiles
    cameras: Sequence[str]
    calibration: Path | None
    filmed: Mapping[str, CalibratedCamera]
    notes: Sequence[str] = ()


@register_reader
class TotalCaptureReader(BaseReader):
    """Reads a copy of TotalCapture.

    Only file names matter, in any layout of directories.

    Source: Trumble, Gilbert, Malleson, Hilton and Collomosse, "Total
    Capture: 3D Human Pose Estimation Fusing Video and Inertial Sensors",
    BMVC 2017.

    Args:
        source: Directory with the files.
        pose: ``vicon`` projects Vicon's joints into the cameras,
            ``mmpose`` reads predictions on the videos.
        predictions: Directory of the predictions; by default ``source``.
        person: Who wears the sensors, if MMPose detected several people;
            see :func:`.mmpose_pose.read_mmpose_person`.
        takes: Names or patterns such as ``s5_*``; none: all takes.
        cameras: Numbers from 1; none: all cameras that there are.
        skip_incomplete: Leave out takes and cameras that lack a file,
            instead of refusing them.
        calibrate: Turn the IMUs to the frames of their bones.
        mag_unit: Microtesla of a magnetometer reading of 1; without it the
            magnetometer is left out.

    Raises:
        ValueError: If an option is wrong.

    >>> TotalCaptureReader('totalcapture', cameras=[1, 3]).pose
    'vicon'
    """

    name = 'totalcapture'
    metainfo = TOTAL_CAPTURE.metainfo

    def __init__(
        self,
        source: str | Path,
        pose: str = 'vicon',
        predictions: str | Path | None = None,
        person: str | int = 'longest',
        takes: Sequence[str] = (),
        cameras: Sequence[int] = (),
        skip_incomplete: bool = False,
        calibrate: bool = False,
        mag_unit: float | None = None,
    ) -> None:
        if pose not in POSES:
            raise ValueError(f'pose must be one of {POSES}, got {pose!r}.')
        if mag_unit is not None and not 0 < mag_unit < 1000:
            raise ValueError(
                'A magnetometer reading of 1 stands for about 50 uT, got '
                f'{mag_unit} uT.'
            )
        super().__init__(source)
        self.pose = pose
        self.predictions = Path(predictions or source)
        self.person = person
        self.takes = tuple(takes)
        self.cameras = tuple(cameras)
        self.skip_incomplete = skip_incomplete
        self.calibrate = calibrate
        self.mag_unit = mag_unit

    def find(self) -> list[TakeJob]:
        """Find the takes and cameras for which every file is there.

        Raises:
            FileNotFoundError: If files are missing and may not be, or
                nothing is left.
            ValueError: If a file is there twice or an option is wrong.
        """
        filmed: dict[str, CalibratedCamera] = {}
        calibration = None
        if self.pose == 'vicon':
            calibration = find_calibration(self.source)
            filmed = read_cameras(calibration)
            takes, cameras = find_takes(self.source), list(filmed)
        else:
            takes = add_predictions(find_takes(self.source), self.predictions)
            names = {name for take in takes for name in take.predictions}
            cameras = sorted(names, key=lambda name: int(name[3:]))
        takes = choose_takes(takes, self.takes)
        cameras = choose_cameras(cameras, self.cameras)
        jobs, lacking = [], []
        for take in takes:
            missing = self._missing(take, cameras)
            without = {name for names in missing.values() for name in names}
            complete = [name for name in cameras if name not in without]
            notes = []
            if missing:
                lacking.append(f'{take.name} lacks {", ".join(missing)}')
                notes = [f'{lacking[-1]}: left out.']
            jobs.append(TakeJob(take, complete, calibration, filmed, notes))
        if lacking and not (
            self.skip_incomplete and any(job.cameras for job in jobs)
        ):
            more = f' and {len(lacking) - _SHOWN} more'
            raise FileNotFoundError(
                f'{len(lacking)} of {len(takes)} takes are incomplete: '
                f'{"; ".join(lacking[:_SHOWN])}'
                f'{more if len(lacking) > _SHOWN else ""}. Get the files, '
                'choose among the takes with --takes, or leave out what is '
                'incomplete with --skip-incomplete.'
            )
        return jobs

    def plan(self, job: TakeJob, dst: Path) -> Plan:
        """One take with all its cameras, or only the note why not."""
        if not job.cameras:
            return Plan((), job.notes)
        name = job.take.name
        take = Take(
            name=name,
            subject=str(job.take.subject),
            scene=name,
            split=job.take.split,
            imu=Output(
                f'imu/{name}.safetensors', self._sensors_made_of(job.take)
            ),
            poses={
                camera: Output(
                    f'pose/{name}_{camera}.safetensors',
                    self._pose_made_of(job, camera),
                )
                for camera in job.cameras
            },
            label=job.take.label,
        )
        return Plan((take,), job.notes)

    def read(
        self, job: TakeJob, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read sensors and skeletons, each only if it is missing.

        Raises:
            ValueError: If a file is damaged, or a skeleton lasts much longer
                or shorter than the IMUs.
        """
        plan = self.plan(job, self.source)
        return plan, self._contents(job, plan, missing)

    def _contents(
        self, job: TakeJob, plan: Plan, missing: Collection[str] | None
    ) -> Iterator[tuple[Output, Streams]]:
        for take in plan.takes:  # one, or none
            assert take.imu is not None
            if missing is None or take.imu.path in missing:
                files = self._sensor_files(job.take)
                streams = read_sensors(files[0], self.mag_unit)
                if self.calibrate:
                    streams = calibrate_sensors(streams, *files[1:])
                yield take.imu, streams
            cameras = [
                camera
                for camera in job.cameras
                if missing is None or take.poses[camera].path in missing
            ]
            for camera, skeleton in self._skeletons(job, cameras):
                yield take.poses[camera], skeleton

    def _skeletons(
        self, job: TakeJob, cameras: Sequence[str]
    ) -> Iterator[tuple[str, PoseStream]]:
        if not cameras:
            return
        imu = self._sensor_files(job.take)[0]
        num_imu = count_frames(imu)
        if job.calibration is not None:
            positions = job.take.files['positions']
            points, known = read_skeleton(
                positions, job.take.files.get('orientations')
            )
            _check_length(imu, num_imu, positions, len(points))
            for camera in cameras:
                yield camera, film(points, known, job.filmed[camera])
            return
        for camera in cameras:
            path = job.take.predictions[camera]
            stream = read_mmpose_person(
                path,
                rate=RATE,
                img_shape=IMG_SHAPE,
                person=self.person,
                max_gap_sec=MAX_GAP_SEC,
            )
            _check_length(imu, num_imu, path, stream.clock.num_samples)
            yield camera, stream

    def _missing(
        self, take: TakeFiles, cameras: Sequence[str]
    ) -> dict[str, list[str]]:
        """Files that a take lacks, and the cameras that need them."""
        missing: dict[str, list[str]] = {}
        if self.pose == 'mmpose':
            for camera in cameras:
                if camera not in take.predictions:
                    file = f'TC_S{take.subject}_{take.take}_{camera}.json'
                    missing[file] = [camera]
        elif 'positions' not in take.files:
            missing['gt_skel_gbl_pos.txt'] = list(cameras)
        if not take.imu:
            missing[f'{take.name}_Xsens.sensors'] = list(cameras)
        for kind in ('ref', 'bone') if self.calibrate else ():
            if kind not in take.files:
                file = f'{take.name}_calib_imu_{kind}.txt'
                missing[file] = list(cameras)
        return missing

    def _sensor_files(self, take: TakeFiles) -> list[Path]:
        """The file of the IMUs, and those that calibrate them."""
        assert take.imu is not None
        kinds = ('ref', 'bone') if self.calibrate else ()
        return [take.imu, *(take.files[kind] for kind in kinds)]

    def _sensors_made_of(self, take: TakeFiles) -> dict[str, Any]:
        files = self._sensor_files(take)
        return {
            'dataset': 'totalcapture',
            'files': [file.name for file in files],
            'fingerprint': fingerprint(files),
            'orientation_of': 'bone' if self.calibrate else 'sensor',
            'mag_unit_ut': self.mag_unit,
        }

    def _pose_made_of(self, job: TakeJob, camera: str) -> dict[str, Any]:
        if job.calibration is not None:
            files = [job.take.files['positions'], job.calibration]
            orientations = job.take.files.get('orientations')
            options: dict[str, Any] = {'head': 'none'}
            if orientations is not None:
                files.append(orientations)
                options = {'head': 'rigid'}
        else:
            files = [job.take.predictions[camera]]
            options = {'person': self.person, 'max_gap_sec': MAX_GAP_SEC}
        return {
            'dataset': 'totalcapture',
            'pose': self.pose,
            'files': [file.name for file in files],
            'fingerprint': fingerprint(files),
            **options,
            'camera': camera,
        }


def _check_length(imu: Path, num_imu: int, pose: Path, num_poses: int) -> None:
    """Refuse a skeleton that cannot be of the take of these sensors."""
    seconds = abs(num_poses - num_imu) / RATE
    if seconds > MAX_MISMATCH_SEC:
        raise ValueError(
            f'{imu} has {num_imu} frames and {pose} {num_poses}: at '
            f'{RATE:g} Hz they differ by {seconds:.1f} s, more than '
            f'{MAX_MISMATCH_SEC:g} s, so they are not of one take. Download '
            'both again, or move one away.'
        )
