"""Check a data set directory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ..readers.convert import convert_all
from ..recordings import (
    SensorStream,
    check_entry,
    read_annotations,
    read_imu,
    read_pose,
)
from .recordings import Report, View, check_recordings

SPLITS = ('train', 'val', 'test')


def check_data_set(
    root: str | Path,
    splits: Sequence[str] | None = None,
    show_dir: str | Path | None = None,
    workers: int = 1,
    max_lag: float = 3.0,
) -> Report:
    """Check the recordings of a data set directory.

    Args:
        root: Directory with ``annotations``, ``imu`` and ``pose``.
        splits: Names of annotation files; None: those that are there.
        show_dir: Directory for a picture of each take and camera.
        workers: Processes.
        max_lag: Largest lag in seconds to look for.

    Raises:
        FileNotFoundError: If there are no annotations, or a file is
            missing.
        ValueError: If a file or an entry is invalid.
    """
    if not max_lag > 0:
        raise ValueError(f'The largest lag must be > 0 s, got {max_lag}.')
    run = partial(_run, workers=workers)
    views = find_views(root, splits)
    if show_dir is not None:
        show_dir = Path(show_dir)
        show_dir.mkdir(parents=True, exist_ok=True)
    return check_recordings(views, max_lag, run, show_dir)


def find_views(
    root: str | Path, splits: Sequence[str] | None = None
) -> list[View]:
    """Takes and cameras that the annotations of a directory name.

    Raises:
        FileNotFoundError: If an annotation file is missing.
        ValueError: If an entry is invalid.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f'{root} is not a directory; give a data set with annotations/, '
            'imu/ and pose/.'
        )
    found: dict[tuple[str | None, str | None], View] = {}
    for path in _annotation_files(root, splits):
        metainfo, entries = read_annotations(path)
        for number, entry in enumerate(entries):
            where = f'{path}: entry {number}'
            check_entry(entry, where, len(metainfo.get('classes', ())))
            imu, pose = (
                _file_name(entry, key, where) for key in ('imu', 'pose')
            )
            found.setdefault((imu, pose), _view(root, entry, imu, pose))
    if not found:
        raise ValueError(f'{root}/annotations name no take.')
    return list(found.values())


def _annotation_files(root: Path, splits: Sequence[str] | None) -> list[Path]:
    """Annotation files of the splits, or all that are there."""
    names = SPLITS if splits is None else splits
    paths = [root / 'annotations' / f'{name}.json' for name in names]
    there = [path for path in paths if path.is_file()]
    missing = [path for path in paths if path not in there]
    if splits is not None and missing:
        raise FileNotFoundError(
            f'{missing[0]} does not exist; choose other splits than '
            f'{list(splits)}.'
        )
    if not there:
        raise FileNotFoundError(
            f'{root} has no annotations/train.json, val.json or test.json. '
            'Convert the data with a command of tools/dataset_converters.'
        )
    return there


def _file_name(entry: Mapping, key: str, where: str) -> str | None:
    """Name of the file of a modality, None if it has none."""
    name = entry.get(key)
    if name is not None and not isinstance(name, str):
        raise ValueError(
            f'{where} (take {entry["take"]!r}): {key} must be a path or '
            f'null, got {name!r}.'
        )
    return name


def _view(
    root: Path, entry: Mapping, imu: str | None, pose: str | None
) -> View:
    """A view named after its files, which are unique."""
    take = str(entry['take'])
    return View(
        name=Path(pose).stem if pose else take,
        imu_name=Path(imu).stem if imu else take,
        imu=partial(read_imu, root / imu) if imu else _no_sensors,
        pose=partial(read_pose, root / pose) if pose else None,
        camera=str(entry.get('camera', '')),
    )


def _no_sensors() -> dict[str, SensorStream]:
    return {}


def _run(call: Callable, items: Sequence, workers: int) -> list:
    """Call with processes and progress, if there is something to do."""
    return convert_all(call, items, workers, 'Checking') if items else []
