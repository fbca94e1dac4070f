"""Convert UTD-MHAD to the recording format."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..recordings import Recording
from ..recordings.annotations import common_span
from ..recordings.reading import read_imu, read_pose
from ..recordings.writing import write_imu, write_pose
from .convert import convert_all, fingerprint, is_converted, write_splits
from .public import UTD_MHAD
from .utd_mhad import KINECT_V1, Take, find_takes, read_take


def convert_utd_mhad(
    src: str | Path,
    dst: str | Path,
    val_subjects: Sequence[int] = (),
    workers: int = 1,
) -> dict[str, int]:
    """Convert a copy of UTD-MHAD.

    Takes that are there already are kept, so an interrupted conversion goes
    on where it was. The annotations are written last.

    Args:
        src: Directory with ``Inertial`` and ``Skeleton``.
        dst: Dataset directory to write.
        val_subjects: Training (odd) subjects to validate with; none gives
            no ``val.json``.
        workers: Processes.

    Returns:
        Number of takes by split.

    Raises:
        FileNotFoundError: If there is no data, or half a take.
        ValueError: If a file is damaged, or a subject cannot validate.
    """
    takes = find_takes(src)
    _check_val_subjects(val_subjects, takes)
    dst = Path(dst)
    entries = convert_all(partial(_convert_take, dst=dst), takes, workers)
    splits: dict[str, list[dict]] = {'train': [], 'val': [], 'test': []}
    for take, entry in zip(takes, entries):
        splits[split_of(take.subject, val_subjects)].append(entry)
    metainfo = {**UTD_MHAD.metainfo, 'skeleton': 'coco'}
    return write_splits(dst, metainfo, splits)


def split_of(subject: int, val_subjects: Sequence[int] = ()) -> str:
    """Split of a subject: odd ones train, even ones test."""
    if subject in val_subjects:
        return 'val'
    return 'train' if subject % 2 else 'test'


def _check_val_subjects(
    val_subjects: Sequence[int], takes: Sequence[Take]
) -> None:
    """Only training subjects validate, and one must be left to train."""
    train = sorted({t.subject for t in takes if t.subject % 2})
    wrong = sorted(set(val_subjects) - set(train))
    if wrong:
        raise ValueError(
            f'--val-subjects {wrong}: choose from the training subjects '
            f'{train}; even subjects test.'
        )
    if train and set(val_subjects) == set(train):
        raise ValueError(
            f'--val-subjects {sorted(val_subjects)} leaves no subject to '
            'train with; keep at least one.'
        )


def _convert_take(take: Take, dst: Path) -> dict:
    """Convert one take, unless it is there, and return its entry."""
    imu = f'imu/{take.name}.safetensors'
    pose = f'pose/{take.name}.safetensors'
    sources = (take.inertial, take.skeleton)
    base = {'dataset': 'utd_mhad', 'fingerprint': fingerprint(sources)}
    made_of = {
        imu: {**base, 'file': take.inertial.name},
        pose: {
            **base,
            'file': take.skeleton.name,
            'camera': KINECT_V1.name,
        },
    }
    if not all(is_converted(dst / p, s) for p, s in made_of.items()):
        recording = read_take(take)
        write_imu(dst / imu, recording.imu, made_of[imu])
        write_pose(dst / pose, recording.pose, made_of[pose])
    span = common_span(Recording(read_imu(dst / imu), read_pose(dst / pose)))
    segment = {
        'start_s': span[0],
        'end_s': span[1],
        'label': take.action - 1,
    }
    return {
        'take': take.name,
        'imu': imu,
        'pose': pose,
        'subject': str(take.subject),
        'scene': take.name,
        'camera': KINECT_V1.name,
        'start_s': span[0],
        'end_s': span[1],
        'segments': [segment],
    }
