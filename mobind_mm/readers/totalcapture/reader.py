"""The reader of TotalCapture."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ..base import BaseReader, Output, Plan, Streams, Take, register_reader
from ..cameras import CalibratedCamera
from ..convert import fingerprint
from ..mmpose import read_mmpose_person
from ..public import TOTAL_CAPTURE
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
from .vicon import film, read_cameras, read_skeleton

POSES = ('vicon', 'mmpose')

IMG_SHAPE = (1080, 1920)
"""Height and width of the videos in pixels."""

MAX_GAP_SEC = 30.0
"""The subject is alone, so who returns after a while is the subject."""

MAX_MISMATCH_SEC = 3.0
"""By how much the IMUs and the skeleton of one take may differ in length."""

_SHOWN = 5  # incomplete takes that an error names


@register_reader
class TotalCaptureReader(BaseReader):
    """Reads a copy of TotalCapture.

    Only file names matter; the directories may be laid out in any way.

    Source: Trumble, Gilbert, Malleson, Hilton and Collomosse, "Total
    Capture: 3D Human Pose Estimation Fusing Video and Inertial Sensors",
    BMVC 2017.

    Args:
        source: Directory with the files.
        pose: ``vicon`` projects Vicon's joints into the cameras,
            ``mmpose`` reads predictions on the videos.
        predictions: Directory of the predictions; by default ``source``.
        person: Who wears the sensors, if MMPose detected several people;
            see :func:`~mobind_mm.readers.mmpose.read_mmpose_person`.
        takes: Names or patterns such as ``s5_*``; empty for all.
        cameras: Numbers from 1; empty for all.
        skip_incomplete: Leave out takes and cameras that lack a file,
            instead of refusing them.
        calibrate: Rotate the IMUs into the frames of their bones.
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
        self._filmed: dict[str, CalibratedCamera] = {}

    def find(self) -> list[Plan]:
        """Find the takes and cameras for which every file is there.

        Returns:
            One plan per take; one that is left out has only a note.

        Raises:
            FileNotFoundError: If nothing is complete, or anything is
                incomplete without ``skip_incomplete``.
            ValueError: If a file is there twice or an option is wrong.
        """
        if self.pose == 'vicon':
            calibration = find_calibration(self.source)
            self._filmed = read_cameras(calibration)
            takes, cameras = find_takes(self.source), list(self._filmed)
            for take in takes:
                take.files['calibration'] = calibration
        else:
            takes = add_predictions(find_takes(self.source), self.predictions)
            names = {name for take in takes for name in take.predictions}
            cameras = sorted(names, key=lambda name: int(name[3:]))
        takes = choose_takes(takes, self.takes)
        cameras = choose_cameras(cameras, self.cameras)
        plans, lacking = [], []
        for take in takes:
            lacks = {camera: self._lacks(take, camera) for camera in cameras}
            complete = [camera for camera in cameras if not lacks[camera]]
            notes = []
            if missing := dict.fromkeys(chain(*lacks.values())):
                lacking.append(f'{take.name} lacks {", ".join(missing)}')
                notes = [f'{lacking[-1]}: left out.']
            planned = [self._take(take, complete)] if complete else []
            plans.append(Plan(planned, notes))
        if lacking and not (
            self.skip_incomplete and any(plan.takes for plan in plans)
        ):
            more = f' and {len(lacking) - _SHOWN} more'
            raise FileNotFoundError(
                f'{len(lacking)} of {len(takes)} takes are incomplete: '
                f'{"; ".join(lacking[:_SHOWN])}'
                f'{more if len(lacking) > _SHOWN else ""}. Get the files, '
                'choose among the takes with --takes, or leave out what is '
                'incomplete with --skip-incomplete.'
            )
        return plans

    def plan(self, job: Plan, dst: Path) -> Plan:
        """The job is a plan."""
        return job

    def read(
        self, job: Plan, missing: Collection[str] | None
    ) -> tuple[Plan, Iterable[tuple[Output, Streams]]]:
        """Read sensors and skeletons, each only if it is missing.

        Raises:
            ValueError: If a file is damaged, or a skeleton lasts much longer
                or shorter than the IMUs.
        """
        return job, (
            content
            for take in job.takes
            for content in self._contents(take, missing)
        )

    def _contents(
        self, take: Take, missing: Collection[str] | None
    ) -> Iterator[tuple[Output, Streams]]:
        imu, *calibration = self._sensor_files(take.source)
        if take.imu and (missing is None or take.imu.path in missing):
            streams = read_sensors(imu, self.mag_unit)
            if calibration:
                streams = calibrate_sensors(streams, *calibration)
            yield take.imu, streams
        outputs = {
            camera: output
            for camera, output in take.poses.items()
            if missing is None or output.path in missing
        }
        if not outputs:
            return
        num_imu = count_frames(imu)
        if self.pose == 'vicon':
            path = take.source.files['positions']
            points, known = read_skeleton(
                path, take.source.files.get('orientations')
            )
            _check_length(imu, num_imu, path, len(points))
            for camera, output in outputs.items():
                yield output, film(points, known, self._filmed[str(camera)])
            return
        for camera, output in outputs.items():
            path = take.source.predictions[camera]
            stream = read_mmpose_person(
                path,
                rate=RATE,
                img_shape=IMG_SHAPE,
                person=self.person,
                max_gap_sec=MAX_GAP_SEC,
            )
            _check_length(imu, num_imu, path, stream.clock.num_samples)
            yield output, stream

    def _lacks(self, take: TakeFiles, camera: str) -> list[str]:
        """Usual names of the files that this take and camera lack."""
        if self.pose == 'vicon':
            needed = {'gt_skel_gbl_pos.txt': take.files.get('positions')}
        else:
            name = f'TC_S{take.subject}_{take.take}_{camera}.json'
            needed = {name: take.predictions.get(camera)}
        needed[f'{take.name}_Xsens.sensors'] = take.imu
        for kind in ('ref', 'bone') if self.calibrate else ():
            name = f'{take.name}_calib_imu_{kind}.txt'
            needed[name] = take.files.get(kind)
        return [name for name, path in needed.items() if path is None]

    def _take(self, take: TakeFiles, cameras: Sequence[str]) -> Take:
        files = self._sensor_files(take)
        made_of = {
            'dataset': 'totalcapture',
            'files': [file.name for file in files],
            'fingerprint': fingerprint(files),
            'orientation_of': 'bone' if self.calibrate else 'sensor',
            'mag_unit_ut': self.mag_unit,
        }
        return Take(
            name=take.name,
            subject=str(take.subject),
            scene=take.name,
            split=take.split,
            imu=Output(f'imu/{take.name}.safetensors', made_of),
            poses={
                camera: Output(
                    f'pose/{take.name}_{camera}.safetensors',
                    self._pose_made_of(take, camera),
                )
                for camera in cameras
            },
            label=take.label,
            source=take,
        )

    def _sensor_files(self, take: TakeFiles) -> list[Path]:
        """The file of the IMUs, and those that calibrate them."""
        assert take.imu is not None
        kinds = ('ref', 'bone') if self.calibrate else ()
        return [take.imu, *(take.files[kind] for kind in kinds)]

    def _pose_made_of(self, take: TakeFiles, camera: str) -> dict[str, Any]:
        options: dict[str, Any]
        if self.pose == 'vicon':
            files = [take.files['positions'], take.files['calibration']]
            options = {'head': 'none'}
            if 'orientations' in take.files:
                files.append(take.files['orientations'])
                options = {'head': 'rigid'}
        else:
            files = [take.predictions[camera]]
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
