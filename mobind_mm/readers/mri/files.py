"""Find the files of mRI.

Source: An, Li and Ogras, "mRI: Multi-modal 3D Human Pose Estimation Dataset
using mmWave, RGB-D, and Inertial Sensors", NeurIPS 2022.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..public import MRI

PLACEMENTS: dict[int, str] = {
    1: 'right_wrist',
    2: 'left_wrist',
    4: 'right_knee',
    5: 'left_knee',
}
"""Where an IMU is worn, by its number. IMU3 and IMU6 are not read: where
they are worn is not documented."""
SPLITS: dict[str, tuple[int, ...]] = {
    'train': tuple(range(1, 15)),
    'val': (16, 18),
    'test': (15, 17, 19, 20),
}
"""Subjects by split."""

_SUBJECT = r'subject[ _-]?0*(\d+)'
_LABELS = re.compile(rf'{_SUBJECT}_all_labels\.cpl', re.I)
_PREDICTIONS = re.compile(rf'{_SUBJECT}_results_det\.json', re.I)
_FOLDER = re.compile(_SUBJECT, re.I)
_IMU = re.compile(r'imu[ _-]?0*(\d+)\.csv', re.I)
_ALIGNED = 'aligned_data'
_DEPTH = 6
"""Levels of directories that are searched."""
_DOWNLOAD = f'Unpack aligned_data of mRI ({MRI.source}).'


@dataclass(frozen=True)
class MRISubject:
    """The files of one subject.

    Args:
        number: From 1 to 20.
        labels: ``subject{N}_all_labels.cpl``.
        imus: ``IMU{i}.csv`` by placement.
        predictions: ``subject{N}_results_det.json``, if wanted.
    """

    number: int
    labels: Path
    imus: Mapping[str, Path]
    predictions: Path | None = None

    @property
    def name(self) -> str:
        """Name of the take."""
        return f'subject{self.number}'

    @property
    def split(self) -> str:
        """Split of the published protocol."""
        return next(s for s, who in SPLITS.items() if self.number in who)


def find_subjects(
    src: str | Path,
    predictions: str | Path | None = None,
    with_predictions: bool = False,
) -> list[MRISubject]:
    """Find the subjects below a directory, by number.

    Only the names of files and of the directories of the IMUs matter, in
    upper or lower case and with or without leading zeros. Where a file is
    there several times, the one below ``aligned_data`` counts.

    Raises:
        FileNotFoundError: If there is none, or a subject lacks a file.
        ValueError: If a file is there twice or mRI has no such subject.
    """
    src = Path(src)
    for folder in (src, Path(predictions or src)):
        if not folder.is_dir():
            raise FileNotFoundError(
                f'{folder} is not a directory. {_DOWNLOAD}'
            )
    subjects: dict[int, dict[str, list[Path]]] = {}
    for path in _walk(src):
        number, kind = _recognise(path)
        if kind and not (kind == 'predictions' and predictions):
            subjects.setdefault(number, {}).setdefault(kind, []).append(path)
    if not any(set(files) - {'predictions'} for files in subjects.values()):
        raise FileNotFoundError(
            f'{src} holds no imu/subject<N>/IMU<i>.csv and no pose_labels/'
            f'subject<N>_all_labels.cpl. {_DOWNLOAD}'
        )
    for path in _walk(Path(predictions)) if predictions else ():
        number, kind = _recognise(path)
        if kind == 'predictions' and number in subjects:
            subjects[number].setdefault(kind, []).append(path)
    return [
        _subject(number, files, predictions or src, with_predictions)
        for number, files in sorted(subjects.items())
        if set(files) - {'predictions'}
    ]


def _walk(root: Path) -> Iterator[Path]:
    """Files some levels deep, in order; links to directories are followed."""
    for folder, names, files in os.walk(root, followlinks=True):
        names.sort()
        if len(Path(folder).relative_to(root).parts) >= _DEPTH:
            names.clear()
        yield from (Path(folder, name) for name in sorted(files))


def _recognise(path: Path) -> tuple[int, str]:
    """Subject and kind of a file: labels, predictions or a placement."""
    for pattern, kind in ((_LABELS, 'labels'), (_PREDICTIONS, 'predictions')):
        if match := pattern.fullmatch(path.name):
            return int(match[1]), kind
    sensor = _IMU.fullmatch(path.name)
    folder = _FOLDER.fullmatch(path.parent.name)
    if sensor and folder:
        return int(folder[1]), PLACEMENTS.get(int(sensor[1]), '')
    return 0, ''


def _subject(
    number: int,
    files: Mapping[str, list[Path]],
    predictions: str | Path,
    with_predictions: bool,
) -> MRISubject:
    """Check that a subject has each file once."""
    some = next(iter(files.values()))[0]
    if not any(number in who for who in SPLITS.values()):
        raise ValueError(
            f'{some}: subject {number} does not exist; mRI has 1 to 20. Move '
            'the file away.'
        )
    wanted = {
        'labels': f'subject{number}_all_labels.cpl',
        **{
            placement: f'imu/subject{number}/IMU{i}.csv'
            for i, placement in PLACEMENTS.items()
        },
    }
    if with_predictions:
        wanted['predictions'] = f'subject{number}_results_det.json'
    chosen = {}
    for kind, name in wanted.items():
        paths = files.get(kind, [])
        aligned = [
            p for p in paths if _ALIGNED in str(p.parent).lower().split(os.sep)
        ]
        paths = aligned or paths
        if not paths and kind == 'predictions':
            raise FileNotFoundError(
                f'{predictions} has no {name}, predictions of MMPose for '
                f'{some}. Make them (docs/mri.md), name their directory with '
                '--predictions, or use --pose left.'
            )
        if not paths:
            raise FileNotFoundError(
                f'{some}: subject {number} has no {name}. {_DOWNLOAD}'
            )
        if len(paths) > 1:
            raise ValueError(
                f'{paths[0]} and {paths[1]} are the same file of subject '
                f'{number}; keep one.'
            )
        chosen[kind] = paths[0]
    return MRISubject(
        number,
        chosen['labels'],
        {placement: chosen[placement] for placement in PLACEMENTS.values()},
        chosen.get('predictions'),
    )
