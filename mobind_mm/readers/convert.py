"""The one loop that converts: find, is it there, read, write, annotate."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from ..recordings import (
    FORMAT_VERSION,
    PoseStream,
    Recording,
    common_span,
    read_imu,
    read_pose,
    write_annotations,
    write_imu,
    write_pose,
)
from ..recordings.reading import read_source
from ..skeleton import LIMBS, Limb, register_limb
from ..utils.cli import USER_ERRORS
from ..utils.errors import mistake, show
from ..utils.processes import follow_parent, sigint_blocked
from .base import Output, Plan, Reader, Take, foreign_readers, register_reader

T = TypeVar('T')

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Converted:
    """What a conversion did.

    Args:
        entries: Number of entries (take and camera) by split.
        notes: What the user should know, such as rows or people left out;
            the same again when nothing needed to be converted.
    """

    entries: dict[str, int]
    notes: list[str]


def convert(reader: Reader, dst: str | Path, workers: int = 1) -> Converted:
    """Convert everything that a reader finds to the recording format.

    Files that are there already and were made of the same sources with the
    same options are kept, so an interrupted conversion resumes where it
    was. The annotations are written last.

    Args:
        reader: Bound to its source and options.
        dst: Dataset directory to write.
        workers: Processes.

    Raises:
        FileNotFoundError: If there is no data, or a file is missing.
        ValueError: If a file is damaged or an option is wrong; names the
            file, the place, the value and the fix.
    """
    dst = Path(dst)
    jobs = reader.find()
    if not jobs:  # and the annotations of an earlier conversion stay
        raise FileNotFoundError(
            f'{reader.source}: there is nothing to convert. Check the path '
            f'and the format, {reader.name!r}.'
        )
    results = convert_all(
        partial(_convert_job, reader=reader, dst=dst), jobs, workers
    )
    splits: dict[str, list[dict]] = {split: [] for split in SPLITS}
    views: set[tuple[str, str | None]] = set()
    layouts: list[tuple[str, str]] = []
    notes: list[str] = []
    for result in results:
        for split, entry in result.entries:
            if split not in splits:
                raise mistake(
                    f'{reader.source}: take {entry["take"]!r}',
                    f'the split {show(split)} is not known',
                    f'Choose from {", ".join(SPLITS)}',
                )
            view = entry['take'], entry['camera']
            if view in views:
                raise mistake(
                    f'{reader.source}: take {entry["take"]!r}',
                    f'the reader gives it twice for the camera {view[1]!r}',
                    'Give each take a name of its own',
                )
            views.add(view)
            splits[split].append(entry)
        layouts += result.layouts
        notes += result.notes
    reader.check_entries(splits, notes)
    metainfo = {
        **reader.metainfo,
        'skeleton': only_layout(layouts, str(reader.source)),
    }
    return Converted(write_splits(dst, metainfo, splits), notes)


@dataclass(frozen=True)
class _Job:
    """What a worker reports: entries with their split, layouts, notes."""

    entries: list[tuple[str, dict]]
    layouts: list[tuple[str, str]]
    notes: list[str]


def _convert_job(job: Any, reader: Reader, dst: Path) -> _Job:
    """Write what is missing of a job, and describe all of it."""
    plan = reader.plan(job, dst)
    missing = None
    if plan is not None:
        missing = {
            output.path
            for take in plan.takes
            for output in take.outputs
            if not is_converted(dst / output.path, output.made_of)
        }
    if missing is None or missing:
        plan, contents = reader.read(job, missing)
        for output, streams in contents:
            if missing is not None and output.path not in missing:
                continue
            if isinstance(streams, PoseStream):
                write_pose(dst / output.path, streams, output.made_of)
            else:
                write_imu(dst / output.path, streams, output.made_of)
    assert plan is not None  # the reader knows it by now
    return _describe(plan, reader, dst)


def _describe(plan: Plan, reader: Reader, dst: Path) -> _Job:
    """Entries of the takes of a plan, from the files."""
    result = _Job([], [], list(plan.notes))
    for take in plan.takes:
        imu = read_imu(dst / take.imu.path) if take.imu else {}
        where = take.where or take.name
        for placement, stream in imu.items():
            own = f'{placement}: '  # some notes begin with the sensor
            result.notes.extend(
                f'{where}.imu.{own}{note.removeprefix(own)}'
                for note in stream.notes
            )
        poses: list[tuple[str | None, Output | None]] = [*take.poses.items()]
        for camera, output in poses or [(take.camera, None)]:
            pose = read_pose(dst / output.path) if output else None
            if pose is not None and output is not None:
                result.layouts.append((pose.layout, output.path))
                result.notes.extend(
                    f'{where}.pose: {note}' for note in pose.notes
                )
            start, end = _span(take, Recording(imu, pose))
            entry = {
                'take': take.name,
                'imu': take.imu.path if take.imu else None,
                'pose': output.path if output else None,
                'subject': take.subject,
                'scene': take.scene,
                'camera': camera,
                'start_s': start,
                'end_s': end,
                'segments': reader.segments(take, start, end),
            }
            result.entries.append((take.split, entry))
    return result


def _span(take: Take, recording: Recording) -> tuple[float, float]:
    """Time that sensors and skeleton cover."""
    try:
        return common_span(recording)
    except ValueError as error:
        where = take.where or take.name
        raise ValueError(f'{where}: {error} {take.fix}'.rstrip()) from None


def convert_all(
    convert: Callable[[T], Any],
    items: Sequence[T],
    workers: int = 1,
    description: str = 'Converting',
) -> list[Any]:
    """Call a function for each item, with a progress bar.

    Returns the results in the order of the items. With several ``workers``,
    which are processes, the function must be one that can be pickled.

    Raises:
        ValueError: If ``workers`` is not positive.
        Exception: The first error of the function; nothing else is started.
    """
    if workers < 1:
        raise ValueError(f'The number of workers must be > 0, got {workers}.')
    with _mapper(workers) as mapper:
        results = track(
            mapper(convert, items),
            description=description,
            total=len(items),
            console=Console(stderr=True),
        )
        return list(results)


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterable]]:
    """``map``, in this process or in others."""
    if workers == 1:
        yield map
        return
    # Not forked: this process may run threads of PyTorch. A class within a
    # function cannot be sent.
    kinds = [k for k in foreign_readers() if '<locals>' not in k.__qualname__]
    try:
        pool = ProcessPoolExecutor(
            workers,
            mp_context=get_context('spawn'),
            initializer=_register,
            initargs=([*LIMBS.values()], kinds),
        )
    except (OSError, ImportError) as error:  # no /dev/shm, or a full one
        raise OSError(
            f'{workers} workers cannot work together: the system gives them '
            f'no semaphores in shared memory, /dev/shm ({error}). Give it a '
            'size (docker run --shm-size 64m), or leave --workers out.'
        ) from None

    def mapped(convert: Callable, items: Iterable) -> Iterable:
        with sigint_blocked():
            return pool.map(convert, items)

    try:
        yield mapped
    except USER_ERRORS as error:
        # Without the traceback of another process.
        raise error.with_traceback(None) from None
    except BrokenExecutor:
        raise ChildProcessError(
            'A worker process was killed, as systems do when memory runs out. '
            'Start again with fewer --workers.'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _register(limbs: Iterable[Limb], kinds: Iterable[type[Any]]) -> None:
    """Make known in a new process what modules of the user registered."""
    follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where none is blocked
    for limb in limbs:
        register_limb(limb)
    for kind in kinds:
        register_reader(kind)


def fingerprint(files: Iterable[Path]) -> str:
    """Digest of name, size and time of files, for the header of a result.

    A source that is replaced by another one is noticed, whichever is newer.
    """
    states = []
    for path in files:
        status = path.stat()
        states.append([path.name, status.st_size, status.st_mtime_ns])
    digest = hashlib.sha256(json.dumps(sorted(states)).encode())
    return digest.hexdigest()[:16]


def is_converted(path: Path, source: Mapping[str, Any]) -> bool:
    """Whether a file is complete and what would be written now.

    Files are renamed into place when they are complete and read here only
    to refuse what another program has damaged.

    Args:
        path: An IMU or pose file of ours.
        source: What its header would say: the data set, the
            :func:`fingerprint` of the files, and every option that changes
            the content.
    """
    if not path.is_file():
        return False
    try:
        # As it is read again from JSON: tuples are lists there.
        return read_source(path) == json.loads(json.dumps(source))
    except ValueError:
        return False


def only_layout(layouts: Iterable[tuple[str, Any]], where: str) -> str:
    """The skeleton layout that all poses of a data set have.

    Raises:
        ValueError: If there are several layouts; names a pose of each.
    """
    example: dict[str, Any] = {}
    for layout, name in layouts:
        example.setdefault(layout, name)
    if len(example) > 1:
        listed = ', '.join(f'{k} in {v}' for k, v in sorted(example.items()))
        raise ValueError(
            f'{where}: the poses are of several skeleton layouts: {listed}. '
            'A data set has one; convert each layout to a directory of its '
            'own.'
        )
    return next(iter(example), 'coco')


def write_splits(
    dst: str | Path, metainfo: Mapping, splits: Mapping[str, Sequence[Mapping]]
) -> dict[str, int]:
    """Write ``annotations/<split>.json``, the last step of a conversion.

    A split without entries gets no file, and loses that of an earlier
    conversion. Returns the number of entries by split.
    """
    metainfo = {**metainfo, 'format_version': FORMAT_VERSION}
    for split, entries in splits.items():
        path = Path(dst) / 'annotations' / f'{split}.json'
        if entries:
            write_annotations(path, metainfo, entries)
        else:
            path.unlink(missing_ok=True)
    return {split: len(entries) for split, entries in splits.items()}
