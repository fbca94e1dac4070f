"""Convert TotalCapture to the recording format."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...recordings import Recording
from ...recordings.annotations import common_span
from ...recordings.reading import read_imu, read_pose
from ...recordings.writing import write_imu
from ..convert import (
    convert_all,
    fingerprint,
    is_converted,
    only_layout,
    write_splits,
)
from ..public import TOTAL_CAPTURE
from .calibration import calibrate_sensors
from .cameras import read_cameras
from .files import find_calibration, find_predictions, find_takes
from .imu import read_sensors
from .mmpose_pose import MMPosePose
from .selection import Poses, Selection
from .take import Take
from .vicon_pose import ViconPose

POSES = ('vicon', 'mmpose')


def convert_totalcapture(
    src: str | Path,
    dst: str | Path,
    pose: str = 'vicon',
    predictions: str | Path | None = None,
    person: str | int = 'longest',
    selection: Selection | None = None,
    calibrate: bool = False,
    mag_unit: float | None = None,
    workers: int = 1,
) -> dict[str, int]:
    """Convert a copy of TotalCapture.

    Files that are there already and were made with the same options are
    kept, so an interrupted conversion goes on where it was. The annotations
    are written last.

    Args:
        src: Directory with the files, in any layout.
        dst: Dataset directory to write.
        pose: ``vicon`` projects Vicon's joints into the cameras,
            ``mmpose`` reads predictions on the videos.
        predictions: Directory of the predictions; by default ``src``.
        person: Who wears the sensors, if MMPose detected several people;
            see :func:`.mmpose_pose.read_mmpose_person`.
        selection: Takes and cameras; by default all.
        calibrate: Turn the IMUs to the frames of their bones.
        mag_unit: Microtesla of a magnetometer reading of 1; without it the
            magnetometer is left out.
        workers: Processes.

    Returns:
        Number of entries (take and camera) by split.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged or an option is wrong.
    """
    if pose not in POSES:
        raise ValueError(f'pose must be one of {POSES}, got {pose!r}.')
    if mag_unit is not None and not 0 < mag_unit < 1000:
        raise ValueError(
            'A reading of 1 of the magnetometer stands for about 50 uT, got '
            f'{mag_unit} uT.'
        )
    selection = selection or Selection()
    if pose == 'vicon':
        calibration = find_calibration(src)
        poses = ViconPose(calibration, read_cameras(calibration))
        cameras = list(poses.cameras)
    else:
        poses = MMPosePose(find_predictions(predictions or src), person)
        cameras = {name for files in poses.files.values() for name in files}
        cameras = sorted(cameras, key=lambda name: int(name[3:]))
    jobs = selection.plan(
        selection.choose_takes(poses.candidates(find_takes(src))),
        poses,
        selection.choose_cameras(cameras),
        calibrate,
    )
    convert = partial(
        _convert_take,
        poses=poses,
        calibrate=calibrate,
        mag_unit=mag_unit,
        dst=Path(dst),
    )
    splits: dict[str, list[dict]] = {'train': [], 'val': [], 'test': []}
    for (take, _), entries in zip(jobs, convert_all(convert, jobs, workers)):
        splits[take.split] += entries
    poses_of = [e['pose'] for entries in splits.values() for e in entries]
    layout = only_layout(
        ((read_pose(Path(dst) / pose).layout, pose) for pose in poses_of),
        str(src),
    )
    metainfo = {**TOTAL_CAPTURE.metainfo, 'skeleton': layout}
    return write_splits(Path(dst), metainfo, splits)


def _convert_take(
    job: tuple[Take, list[str]],
    poses: Poses,
    calibrate: bool,
    mag_unit: float | None,
    dst: Path,
) -> list[dict]:
    """Convert what is not there yet; return the entries of the cameras."""
    take, cameras = job
    imu = f'imu/{take.name}.safetensors'
    _convert_imu(take, dst / imu, calibrate, mag_unit)
    sensors = read_imu(dst / imu)
    num_imu = next(iter(sensors.values())).clock.num_samples
    files = {c: f'pose/{take.name}_{c}.safetensors' for c in cameras}
    outputs = {camera: dst / file for camera, file in files.items()}
    poses.convert(take, outputs, num_imu)
    entries = []
    for camera, file in files.items():
        recording = Recording(sensors, read_pose(dst / file))
        start, end = common_span(recording)
        span = {'start_s': start, 'end_s': end}
        entries.append(
            {
                'take': take.name,
                'imu': imu,
                'pose': file,
                'subject': str(take.subject),
                'scene': take.name,
                'camera': camera,
                **span,
                'segments': [{**span, 'label': take.label}],
            }
        )
    return entries


def _convert_imu(
    take: Take, path: Path, calibrate: bool, mag_unit: float | None
) -> None:
    """Write the IMUs of a take, unless they are there."""
    calibration = [take.files['ref'], take.files['bone']] if calibrate else []
    files = [take.imu, *calibration]
    source = {
        'dataset': 'totalcapture',
        'files': [file.name for file in files],
        'fingerprint': fingerprint(files),
        'orientation_of': 'bone' if calibrate else 'sensor',
        'mag_unit_ut': mag_unit,
    }
    if is_converted(path, source):
        return
    streams = read_sensors(take.imu, mag_unit)
    if calibrate:
        streams = calibrate_sensors(streams, *calibration)
    write_imu(path, streams, source)
