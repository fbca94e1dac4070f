"""Skeletons as a mapping describes them: a table, or any pose tool's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..recordings import Clock, PoseStream
from ..recordings.streams import undetected
from ..skeleton import get_layout, layout_name
from ..utils.errors import READ_ERRORS, below, mistake, prefixed
from .base import FileReader, recognize
from .dates import is_date
from .detections import lost_note
from .frame_times import check_frame_times, read_frame_times
from .mapping import Skeleton
from .named_points import as_scores
from .people import PoseReader, choose_stream
from .pose_video import Video, are_shares, shares_of
from .sensors import clock_of, placed_keys, read_mapping, reader_of, shifted
from .tables import Table, column_names, read_table


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
    return next(iter(read_skeletons(keys, root, where).values()))


def read_skeletons(
    keys: Skeleton,
    root: str | Path = '.',
    where: str = 'pose',
    video: Video | None = None,
    everybody: bool = False,
) -> Mapping[str, PoseStream]:
    """Read one person, or everybody, of one recording.

    Args:
        keys: As of :func:`read_skeleton`.
        root: Directory that ``file`` is relative to.
        where: File and key of ``keys``, for messages.
        video: What else is known of the video: ``times`` and ``clip``.
        everybody: Whether to read all people that the format has.
    """
    path, video = Path(root) / str(keys.file), video or Video()
    try:
        if not path.exists():
            raise mistake(path, 'does not exist', kind=FileNotFoundError)
        if keys.times is not None:
            times = read_frame_times(Path(root) / str(keys.times))
            video = replace(video, times=times)
        if keys.format == 'table':
            people: Mapping[str, PoseStream] = {
                path.stem: read_pose_table(path, keys)
            }
        else:
            reader = reader_of(keys, Path(root))
            people = _of_reader(reader, keys, video, everybody)
            people = {
                name: replace(pose, clock=shifted(pose.clock, keys.start_s))
                for name, pose in people.items()
            }
        if keys.format == 'table' or not isinstance(reader, PoseReader):
            people = {
                name: retimed(pose, video, path)
                for name, pose in people.items()
            }
        return people
    except READ_ERRORS as error:
        raise prefixed(error, where) from None


def _of_reader(
    reader: FileReader, keys: Skeleton, video: Video, everybody: bool
) -> Mapping[str, PoseStream]:
    """One person, or everybody, of a reader."""
    person = 'longest' if keys.person is None else keys.person
    if isinstance(reader, PoseReader):
        reader.options.update(times=video.times, clip=video.clip)
        if everybody:
            return reader.read_people()
        return {'person': reader.read_person(person)}
    reader.options.pop('times', None)
    if keys.rate is None:
        reader.options.update(video.plain_facts())
    people = reader.read_people()
    if everybody:
        return people
    return {'person': choose_stream(people, person, reader.source)}


def retimed(pose: PoseStream, video: Video, source: object) -> PoseStream:
    """A skeleton at the times of its frames, where they are given.

    Times of the video file are taken for a skeleton without times, if there
    are as many.

    Raises:
        ValueError: If there are not as many times as frames.
    """
    times, clip = video.times, video.clip
    if times is None:
        regular = pose.clock.times is None and video.rate is None
        if not regular or clip is None or clip.times is None:
            return pose
        times = clip.times
    length = pose.clock.num_samples
    times = check_frame_times(times, f'{source}: times')
    if len(times) != length:
        raise mistake(
            source,
            f'{length} frames, but {len(times)} times of frames are given',
            'Give one time per frame of the same video',
        )
    start = pose.clock.start if pose.clock.times is None else 0.0
    return replace(pose, clock=Clock(length, times=times + start))


def mapped_people(
    source: Path,
    mapping: str | Path | Mapping | None,
    video: Video,
    person: str | int | None = 'longest',
) -> dict[str, PoseStream]:
    """Skeletons of a file that a mapping describes, or of a mapping alone.

    Args:
        source: The file, or the mapping that names it.
        mapping: YAML file or its content: the keys of a skeleton, or a
            mapping that has them as ``pose``.
        video: What is known of the video; completes the mapping.
        person: Whom to read, where the mapping does not say; None reads
            everybody.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: Naming file, key and value.
    """
    content, root, where = read_mapping(source, mapping)
    assert content is not None  # else nobody calls this
    if isinstance(content.get('pose'), Mapping):
        content, where = content['pose'], below(where, 'pose')
    if 'takes' in content or 'defaults' in content:
        raise mistake(
            where.rstrip(':'),
            'describes recordings (takes), not one skeleton',
            'Convert it with mobind convert tables, or give a file with the '
            'keys below pose',
        )
    content = dict(content)
    times = content.pop('times', None)
    if times is not None:
        video = replace(video, times=read_frame_times(root / str(times)))
    if person not in (None, 'longest'):
        content.setdefault('person', person)
    if 'format' not in content:
        content['format'] = _found_format(source, content, root)
    facts = {'layout': video.layout, **video.plain_facts()}
    columns = content.get('columns')
    if isinstance(columns, Mapping) and 'time' in columns:
        facts.pop('rate', None)
    for key, value in facts.items():
        if value is not None:
            content.setdefault(key, value)
    keys = placed_keys(Skeleton, content, source, root, where)
    if content['format'] != 'table' and video.times is not None:
        keys = keys.model_copy(update={'rate': None})
    shown = where.rstrip(':')
    people = read_skeletons(keys, '.', shown, video, person is None)
    return {
        name: replace(pose, clock=shifted(pose.clock, video.start))
        for name, pose in people.items()
    }


def _found_format(source: Path, content: Mapping, root: Path) -> str:
    """Format of a file without one: by its content, else a table."""
    path = source
    if source.suffix in ('.yml', '.yaml'):
        path = root / str(content.get('file', ''))
    kind = None if 'columns' in content else recognize(path)
    if kind is None or kind.read_people is FileReader.read_people:
        return 'table'
    return str(kind.name)


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
    dated = not is_date(keys.start_s or 0)
    table = read_table(path, every, time, (), keys.where, *form, dated=dated)
    notes += table.notes
    keypoints = np.zeros((len(table), len(layout), 2))
    scores = np.zeros((len(table), len(layout)))
    lost = 0
    for keypoint, triple in names.items():
        index = layout.index(keypoint)
        x, y, *score = (table.numbers[name] for name in triple)
        points = np.stack([x, y], axis=1)
        seen = ~undetected(points)
        given = np.ones(len(points))
        if score:
            given = np.where(np.isfinite(score[0]), score[0], 0)
        zero = (points == 0).all(axis=1)
        lost += int((zero & (given != 0)).sum())
        scores[:, index] = np.where(seen, given, np.nan)
        keypoints[seen, index] = points[seen]
    notes += lost_note(path, lost)
    scores, unit_note = as_scores(scores, path)
    scores = np.nan_to_num(scores)
    notes += unit_note
    bad = (scores < 0) | (scores > 1)
    if bad.any():
        row, joint = np.argwhere(bad)[0]
        what = f'score {scores[row, joint]:g} is not in [0, 1]'
        fix = 'Correct columns.score'
        raise mistake(path, what, fix, row=table.lines[row])
    height, width = keys.img_shape
    unit = keys.units.keypoints if keys.units else None
    size, seen = np.array([width, height]), keypoints[scores > 0]
    if unit is None and are_shares(seen):
        inside = keys.layout != 'mediapipe33'
        size, note = shares_of(seen, size, inside)
        unit = 'fraction'
        notes.append(f'{path}: {note}')
    if unit == 'fraction':
        keypoints *= size
    for name in time:
        empty = np.isnan(table.numbers[name])
        if empty.any():
            row, what = int(table.lines[np.argmax(empty)]), 'is empty; every '
            raise mistake(
                path, f'{what}frame needs its time', row=row, column=name
            )
    return PoseStream(
        clock=_table_clock(keys, table),
        keypoints=keypoints.astype(np.float32),
        scores=scores.astype(np.float32),
        layout=layout_name(keys.layout),
        img_shape=(height, width),
        notes=tuple(notes),
    )


def _table_clock(keys: Skeleton, table: Table) -> Clock:
    """Clock of all rows; frames by number until their times are known."""
    if keys.times is not None:
        return Clock(len(table), rate=1.0, start=keys.start_s or 0.0)
    return clock_of(keys, table, np.ones(len(table), bool))


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
