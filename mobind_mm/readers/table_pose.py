"""Skeletons of tables: columns for x, y and score of every keypoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..recordings import Clock, PoseStream
from ..skeleton import get_layout
from .own_data.values import nearest
from .table_imu import dialect_of, read_times
from .tables import column_names, read_table


def read_pose_table(path: Path, spec: Mapping, notes: list[str]) -> PoseStream:
    """Read a skeleton.

    A keypoint whose cells are empty was not detected. Without a score
    column, those with a position have score 1.

    Args:
        path: CSV or Parquet file.
        spec: Checked keys of a skeleton with ``format: table``.
        notes: List that a remark on keypoints without columns is added to.

    Raises:
        ValueError: Naming file, row, column and value.
    """
    layout = get_layout(spec['layout'])
    columns = spec['columns']
    names = _keypoint_columns(path, spec, layout, notes)
    time = columns.get('time')
    table = read_table(
        path,
        numbers=[name for triple in names.values() for name in triple],
        times=[time] if time else [],
        where=spec.get('where'),
        dialect=dialect_of(spec),
    )
    keypoints = np.zeros((len(table), len(layout), 2))
    scores = np.zeros((len(table), len(layout)))
    for keypoint, triple in names.items():
        index = layout.index(keypoint)
        x, y, *score = (table.numbers[name] for name in triple)
        seen = np.isfinite(x) & np.isfinite(y)
        given = np.where(np.isfinite(score[0]), score[0], 0) if score else 1.0
        scores[:, index] = np.where(seen, given, 0.0)
        keypoints[seen, index] = np.stack([x, y], axis=1)[seen]
    _check_scores(path, scores, table.lines)
    height, width = spec['img_shape']
    if spec.get('units', {}).get('keypoints') == 'fraction':
        keypoints *= (width, height)
    start = spec.get('start_s', 0.0)
    if time is None:
        clock = Clock(len(table), rate=spec['rate'], start=start)
    else:
        known = np.isfinite(table.numbers[time])
        if not known.all():
            row = table.lines[int(np.argmin(known))]
            raise ValueError(
                f'{path}, row {row}: column {time!r} is empty; every frame '
                'needs its time.'
            )
        times = read_times(spec, table, time, known, start)
        clock = Clock(len(table), times=times)
    return PoseStream(
        clock=clock,
        keypoints=keypoints.astype(np.float32),
        scores=scores.astype(np.float32),
        layout=spec['layout'],
        img_shape=(height, width),
    )


def _keypoint_columns(
    path: Path, spec: Mapping, layout: tuple[str, ...], notes: list[str]
) -> dict[str, tuple[str, ...]]:
    """Columns x, y and perhaps score by keypoint."""
    aliases = spec.get('keypoint_names', {})
    for name in aliases:
        if name not in layout:
            raise ValueError(
                f'keypoint_names: {spec["layout"]} has no keypoint '
                f'{name!r}. {nearest(name, layout)}It has '
                f'{", ".join(layout[:30])}.'
            )
    patterns = [
        spec['columns'][part]
        for part in ('x', 'y', 'score')
        if part in spec['columns']
    ]
    wanted = {
        keypoint: tuple(
            p.replace('{keypoint}', aliases.get(keypoint, keypoint))
            for p in patterns
        )
        for keypoint in layout
    }
    every = {name for triple in wanted.values() for name in triple}
    there = set(column_names(path, every, dialect_of(spec)))
    found = {k: t for k, t in wanted.items() if set(t) <= there}
    lost = [k for k, t in wanted.items() if k in aliases and k not in found]
    if lost or not found:
        name = (lost or list(wanted))[0]
        lacking = sorted(set(wanted[name]) - there)
        raise ValueError(
            f'{path} has no column {lacking[0]!r} of keypoint {name}; '
            'correct columns.x, columns.y, columns.score or keypoint_names.'
        )
    absent = [k for k in layout if k not in found]
    if absent:
        notes.append(
            f'{path}: no columns of {", ".join(absent)}; never detected'
        )
    return found


def _check_scores(path: Path, scores: np.ndarray, lines: np.ndarray) -> None:
    bad = (scores < 0) | (scores > 1)
    if bad.any():
        row, keypoint = np.argwhere(bad)[0]
        raise ValueError(
            f'{path}, row {lines[row]}: score {scores[row, keypoint]:g} is '
            'not in [0, 1]; correct columns.score.'
        )
