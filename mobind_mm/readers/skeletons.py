"""Skeletons as a mapping describes them: MMPose, a table, a pickle, others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..recordings import PoseStream
from ..skeleton import get_layout
from ..utils.errors import READ_ERRORS, mistake, prefixed
from .mapping import Skeleton
from .sensors import clock_of, reader_of, shifted
from .tables import column_names, read_table


def read_skeleton(
    keys: Skeleton, root: str | Path = '.', where: str = 'pose'
) -> PoseStream:
    """Read the skeleton of one recording.

    Args:
        keys: Its keys, on which ``check`` was called.
        root: Directory that ``file`` is relative to.
        where: File and key of ``keys``, for messages.

    Returns:
        The skeleton; times are those of the file plus ``start_s``; of
        dates, seconds since 1970.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If a Parquet file cannot be read here.
        ValueError: Naming key, file and value.
    """
    path = Path(root) / str(keys.file)
    readers = {
        'mmpose': _mmpose,
        'mmaction': _mmaction,
        'table': read_pose_table,
    }
    try:
        if not path.exists():
            raise mistake(path, 'does not exist', kind=FileNotFoundError)
        if keys.format in readers:
            return readers[keys.format](path, keys)
        people = reader_of(keys, Path(root)).read_people()
        pose = choose_person(people, keys.person or 'longest', path)
        return replace(pose, clock=shifted(pose.clock, keys.start_s))
    except READ_ERRORS as error:
        raise prefixed(error, where) from None


def choose_person(
    people: Mapping[str, PoseStream], person: str | int, source: object
) -> PoseStream:
    """One of several people.

    Args:
        people: Skeletons by name.
        person: ``longest`` (seen in most frames), ``largest`` (largest
            median height), or the number or name of the person.
        source: Where they are from, for the message.

    Raises:
        ValueError: If there is no such person.
    """
    if not people:
        raise mistake(source, 'nobody is seen in it')
    for name in (str(person), f'person {person}'):
        if name in people:
            return people[name]
    if person == 'longest':
        return max(
            people.values(), key=lambda p: (p.scores[:] > 0).any(1).sum()
        )
    if person == 'largest':
        return max(people.values(), key=_height)
    raise mistake(
        source,
        f'there is no person {person}; there are {", ".join(people)}',
        name=person,
        known=people,
    )


def _height(pose: PoseStream) -> float:
    """Median height in pixels over the frames with the person."""
    seen = pose.scores[:] > 0
    y, frames = pose.keypoints[:][..., 1], seen.any(axis=1)
    if not frames.any():
        return -1.0
    top = np.where(seen, y, np.inf)[frames].min(axis=1)
    return float(
        np.median(np.where(seen, y, -np.inf)[frames].max(axis=1) - top)
    )


def _mmpose(path: Path, keys: Skeleton) -> PoseStream:
    from .mmpose import read_mmpose_person

    names = ('person', 'layout', 'max_gap_sec', 'first_frame', 'num_frames')
    return read_mmpose_person(path, **_options(keys, names))


def _mmaction(path: Path, keys: Skeleton) -> PoseStream:
    from .mmaction_skeletons import read_mmaction_skeleton

    names = ('name', 'person', 'layout')
    return read_mmaction_skeleton(path, **_options(keys, names))


def _options(keys: Skeleton, names: Iterable[str]) -> dict[str, Any]:
    """Arguments of a reader: such keys as are given, and the clock."""
    options = {name: getattr(keys, name) for name in ('rate', *names)}
    if keys.img_shape is not None:
        options['img_shape'] = tuple(keys.img_shape)
    options['start'] = keys.start_s or 0.0
    return {k: value for k, value in options.items() if value is not None}


def read_pose_table(path: Path, keys: Skeleton) -> PoseStream:
    """Read a skeleton of a table, by the checked keys of ``format: table``.

    A keypoint whose cells are empty was not detected. Without a score
    column, those with a position have score 1.
    """
    assert keys.layout is not None and keys.img_shape is not None
    assert keys.columns is not None
    layout = get_layout(keys.layout)
    names, notes = _keypoint_columns(path, keys, layout)
    time = [keys.columns.time] if keys.columns.time else []
    every = [name for triple in names.values() for name in triple]
    form = keys.dialect(), keys.time_format, keys.timezone
    table = read_table(path, every, time, (), keys.where, *form)
    keypoints = np.zeros((len(table), len(layout), 2))
    scores = np.zeros((len(table), len(layout)))
    for keypoint, triple in names.items():
        index = layout.index(keypoint)
        x, y, *score = (table.numbers[name] for name in triple)
        seen = np.isfinite(x) & np.isfinite(y)
        given = np.where(np.isfinite(score[0]), score[0], 0) if score else 1.0
        scores[:, index] = np.where(seen, given, 0.0)
        keypoints[seen, index] = np.stack([x, y], axis=1)[seen]
    bad = (scores < 0) | (scores > 1)
    if bad.any():
        row, joint = np.argwhere(bad)[0]
        what = f'score {scores[row, joint]:g} is not in [0, 1]'
        fix = 'Correct columns.score'
        raise mistake(path, what, fix, row=table.lines[row])
    height, width = keys.img_shape
    if keys.units and keys.units.keypoints == 'fraction':
        keypoints *= (width, height)
    for name in time:
        empty = np.isnan(table.numbers[name])
        if empty.any():
            row, what = int(table.lines[np.argmax(empty)]), 'is empty; every '
            raise mistake(
                path, f'{what}frame needs its time', row=row, column=name
            )
    return PoseStream(
        clock=clock_of(keys, table, np.ones(len(table), bool)),
        keypoints=keypoints.astype(np.float32),
        scores=scores.astype(np.float32),
        layout=keys.layout,
        img_shape=(height, width),
        notes=tuple(notes),
    )


def _keypoint_columns(
    path: Path, keys: Skeleton, layout: tuple[str, ...]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Columns x, y and perhaps score by keypoint, and notes."""
    aliases = keys.keypoint_names or {}
    for name in aliases:
        if name not in layout:
            raise mistake(
                'keypoint_names',
                f'{keys.layout} has no keypoint {name!r}',
                f'It has {", ".join(layout[:30])}',
                name=name,
                known=layout,
            )
    columns = keys.columns
    assert columns is not None
    patterns = [p for p in (columns.x, columns.y, columns.score) if p]
    wanted = {
        keypoint: tuple(
            p.replace('{keypoint}', aliases.get(keypoint, keypoint))
            for p in patterns
        )
        for keypoint in layout
    }
    every = {name for triple in wanted.values() for name in triple}
    there = set(column_names(path, every, keys.dialect()))
    present = {k: t for k, t in wanted.items() if set(t) <= there}
    lost = [k for k in wanted if k in aliases and k not in present]
    if lost or not present:
        name = (lost or list(wanted))[0]
        raise mistake(
            path,
            f'has no column {min(set(wanted[name]) - there)!r} of '
            f'keypoint {name}',
            'Correct columns.x, columns.y, columns.score or keypoint_names',
        )
    absent = ', '.join(k for k in layout if k not in present)
    notes = (
        [f'{path}: no columns of {absent}; never detected'] if absent else []
    )
    return present, notes
