"""Convert mRI to the recording format."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...recordings import PoseStream, Recording, SensorStream
from ...recordings.annotations import common_span
from ...recordings.reading import read_imu, read_pose
from ...recordings.writing import write_imu, write_pose
from ..convert import convert_all, fingerprint, is_converted, write_splits
from ..public import MRI
from .imu import read_imu_csv
from .labels import IMU_FRAMES, MRILabels, read_labels
from .options import MRIOptions
from .pose import LAYOUT, read_predicted_pose, read_shipped_pose
from .subjects import SPLITS, MRISubject, find_subjects
from .timeline import frame_clock


def convert_mri(
    src: str | Path,
    dst: str | Path,
    options: MRIOptions,
    predictions: str | Path | None = None,
    workers: int = 1,
) -> dict[str, int]:
    """Convert a copy of mRI.

    Subjects that are there already are kept, so an interrupted conversion
    goes on where it was. The annotations are written last.

    Args:
        src: Directory of the data set.
        dst: Dataset directory to write.
        options: How to read it.
        predictions: Directory of MMPose's predictions, if not below ``src``.
        workers: Processes.

    Returns:
        Number of entries by split.

    Raises:
        FileNotFoundError: If there is no data, or a subject lacks a file.
        ValueError: If a file is damaged or does not fit the others.
    """
    subjects = find_subjects(src, predictions, 'mmpose' in options.poses)
    convert = partial(_convert_subject, dst=Path(dst), options=options)
    entries = convert_all(convert, subjects, workers)
    splits: dict[str, list[dict]] = {split: [] for split in SPLITS}
    for subject, found in zip(subjects, entries):
        splits[subject.split] += found
    metainfo = {**MRI.metainfo, 'skeleton': LAYOUT}
    return write_splits(Path(dst), metainfo, splits)


def read_sensors(
    subject: MRISubject, labels: MRILabels, options: MRIOptions
) -> dict[str, SensorStream]:
    """Read the IMUs of a subject by placement.

    Rows of frames that ``imu_avail_frames`` lacks, and empty ones, are gaps.

    Raises:
        ValueError: If a table is damaged or does not fit the labels.
    """
    streams = {}
    for placement, path in subject.imus.items():
        channels, held = read_imu_csv(path, options.acc_unit)
        frames, keep = labels.timeline.place(
            len(held),
            labels.frame_sets(IMU_FRAMES),
            str(path),
            options.imu_start,
            'Get the aligned files again, or say with --imu-start to which '
            'frame of the labels the first row belongs.',
        )
        keep = keep & held
        if not keep.any():
            raise ValueError(
                f'{path}: all rows of the frames of {IMU_FRAMES} are empty. '
                'Get the original file again.'
            )
        streams[placement] = SensorStream(
            frame_clock(frames[keep]),
            {name: values[keep] for name, values in channels.items()},
        )
    return streams


def read_skeleton(
    subject: MRISubject, labels: MRILabels, options: MRIOptions, pose: str
) -> PoseStream:
    """Read the 2D pose of a subject from one of :data:`POSES`.

    Raises:
        ValueError: If the poses are damaged or do not fit the labels.
    """
    if pose != 'mmpose':
        return read_shipped_pose(labels, pose, options.img_shape)
    return read_predicted_pose(
        labels,
        subject.predictions,
        options.img_shape,
        options.person,
        options.video_start,
    )


def _convert_subject(
    subject: MRISubject, dst: Path, options: MRIOptions
) -> list[dict]:
    """Convert one subject, unless it is there, and return its entries."""
    labels = read_labels(subject.labels, options.first_frame)
    base = {'dataset': 'mri', 'first_frame': labels.timeline.first_frame}
    imu = f'imu/{subject.name}.safetensors'
    files = [subject.labels, *subject.imus.values()]
    source = {
        **base,
        'files': [path.name for path in files],
        'fingerprint': fingerprint(files),
        'acc_unit': options.acc_unit,
        'imu_start': options.imu_start,
    }
    if not is_converted(dst / imu, source):
        streams = read_sensors(subject, labels, options)
        write_imu(dst / imu, streams, source)
    entries = []
    for name in options.poses:
        pose = f'pose/{subject.name}_{name}.safetensors'
        files, chosen = [subject.labels], {}
        if name == 'mmpose':
            files.append(subject.predictions)
            chosen = {
                'person': options.person,
                'video_start': options.video_start,
            }
        source = {
            **base,
            'files': [path.name for path in files],
            'fingerprint': fingerprint(files),
            'pose': name,
            'img_shape': list(options.img_shape),
            **chosen,
        }
        if not is_converted(dst / pose, source):
            stream = read_skeleton(subject, labels, options, name)
            write_pose(dst / pose, stream, source)
        start, end = _span(subject, dst / imu, dst / pose)
        entries.append(
            {
                'take': subject.name,
                'imu': imu,
                'pose': pose,
                'subject': str(subject.number),
                'scene': subject.name,
                'camera': name,
                'start_s': start,
                'end_s': end,
                'segments': labels.segments,
            }
        )
    return entries


def _span(subject: MRISubject, imu: Path, pose: Path) -> tuple[float, float]:
    """Time that sensors and skeleton cover."""
    try:
        return common_span(Recording(read_imu(imu), read_pose(pose)))
    except ValueError as error:
        raise ValueError(
            f'{subject.labels}: {error} Get the aligned files of subject '
            f'{subject.number} again.'
        ) from None
