"""Skeletons of one recording: MMPose, a table, or an MMAction2 pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...recordings import PoseStream
from ..mmaction_skeletons import read_mmaction_skeleton
from ..mmpose import read_mmpose_person
from ..table_pose import read_pose_table
from .keys import POSE, check_pose
from .values import merged, named


def read_pose_source(
    spec: Mapping,
    root: str | Path = '.',
    where: str = 'pose',
    notes: list[str] | None = None,
) -> PoseStream:
    """Read the skeleton of one recording.

    Args:
        spec: Its keys, see docs/own_data.md.
        root: Directory that ``file`` is relative to.
        where: File and key of ``spec``, for messages.
        notes: List that remarks are added to, such as keypoints that a
            table does not have.

    Returns:
        The skeleton; times are those of the file plus ``start_s``; of
        dates, seconds since 1970.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming key, file and value.
    """
    spec = merged({}, POSE(spec, where))
    check_pose(spec, where)
    notes = [] if notes is None else notes
    read = dict(mmpose=_mmpose, table=read_pose_table, mmaction=_mmaction)
    path = Path(root) / spec['file']
    with named(where):
        if not path.is_file():
            raise FileNotFoundError(f'{path} does not exist; correct file.')
        return read[spec['format']](path, spec, notes)


def _mmpose(path: Path, spec: Mapping, notes: list[str]) -> PoseStream:
    names = ('person', 'layout', 'max_gap_sec', 'first_frame', 'num_frames')
    return read_mmpose_person(
        path,
        rate=spec['rate'],
        img_shape=tuple(spec['img_shape']),
        start=spec.get('start_s', 0.0),
        **{name: spec[name] for name in names if name in spec},
    )


def _mmaction(path: Path, spec: Mapping, notes: list[str]) -> PoseStream:
    names = ('person', 'layout', 'img_shape')
    return read_mmaction_skeleton(
        path,
        spec['name'],
        rate=spec['rate'],
        start=spec.get('start_s', 0.0),
        **{name: spec[name] for name in names if name in spec},
    )
