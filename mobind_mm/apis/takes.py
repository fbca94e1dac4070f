"""Several recordings by name: lists, mappings and data set directories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..datasets.imu_pose_dataset import IMUPoseDataset
from ..recordings import Recording
from .sources import to_recording

Takes = dict[str, 'tuple[dict, Recording]']
"""Name to the entry, which may be empty, and the recording."""


def named_takes(source: Any) -> tuple[Takes, list[str]]:
    """Recordings by name.

    Args:
        source: Anything that :func:`~mobind_mm.apis.sources.to_recording`
            takes, a data set directory or annotation file, a data set
            object, a list of these, or a mapping of names to them.

    Returns:
        The recordings, and the names of the classes that the labels of
        their entries count; empty without a data set.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If there is no recording, or two share a name.
    """
    takes: Takes = {}
    classes: list[str] = []
    for name, part in _named(source).items():
        if is_data_set(part) or isinstance(part, IMUPoseDataset):
            more, labels = data_set_takes(part)
            if classes and labels and labels != classes:
                raise ValueError(
                    f'{name}: its classes {labels} differ from those of the '
                    f'data sets before, {classes}; use one at a time.'
                )
            classes = labels or classes
        else:
            more = {name: ({}, to_recording(part))}
        if twice := sorted(more.keys() & takes.keys()):
            raise ValueError(
                f'Two recordings are called {twice[0]!r}; give a mapping of '
                'names to recordings.'
            )
        takes.update(more)
    if not takes:
        raise ValueError('There is no recording.')
    return takes, classes


def is_data_set(source: Any) -> bool:
    """Whether a path is a data set directory or an annotation file."""
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    return (path / 'annotations').is_dir() or (
        path.suffix == '.json' and path.parent.name == 'annotations'
    )


def data_set_takes(
    source: str | Path | IMUPoseDataset,
) -> tuple[Takes, list[str]]:
    """Recordings of a data set by take (and camera), and names of its classes.

    Their arrays are read when sliced.

    Raises:
        FileNotFoundError: If there are no annotations or files.
        ValueError: If they are damaged, or two takes share a name.
    """
    takes: Takes = {}
    classes: list[str] = []
    for data in _data_sets(source):
        for entry in data.load_entries():
            name = '/'.join(filter(None, (entry['take'], entry.get('camera'))))
            if name in takes:
                raise ValueError(
                    f'{source}: take {name!r} is in two annotation files; '
                    'name one of them.'
                )
            takes[name] = dict(entry), data.get_recording(entry)
        classes = list(data.metainfo.get('classes') or classes)
    return takes, classes


def _data_sets(source: str | Path | IMUPoseDataset) -> list[IMUPoseDataset]:
    if isinstance(source, IMUPoseDataset):
        return [source]
    path = Path(source)
    files = [path]
    if path.is_dir():
        files = sorted((path / 'annotations').glob('*.json'))
    if not files or not files[0].is_file():
        raise FileNotFoundError(f'{path} has no annotations/*.json.')
    return [
        IMUPoseDataset(
            f'annotations/{file.name}', str(file.parents[1]), lazy_init=True
        )
        for file in files
    ]


def _named(source: Any) -> dict[str, Any]:
    """Single sources by name, from a mapping, a list, or a single one."""
    single = {'imu', 'pose', 'file', 'results', 'keypoints'}
    if isinstance(source, Mapping) and not source.keys() & single:
        return {str(name): part for name, part in source.items()}
    if not isinstance(source, (list, tuple)):
        source = [source]
    named: dict[str, Any] = {}
    for number, part in enumerate(source):
        name = f'recording {number}'
        if isinstance(part, (str, Path)):
            name = Path(part).stem if Path(part).suffix else str(part)
        if name in named:
            name = str(part)
        named[name] = part
    return named
