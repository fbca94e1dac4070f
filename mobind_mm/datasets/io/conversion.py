"""What converters share: progress, processes, skipping what is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from .annotations import write_annotations
from .reading import read_source
from .schema import FORMAT_VERSION

T = TypeVar('T')


def convert_all(
    convert: Callable[[T], Any],
    items: Sequence[T],
    workers: int = 1,
    description: str = 'Converting',
) -> list[Any]:
    """Call a function for each item, with a progress bar.

    Args:
        convert: Function that can be pickled, if there are workers.
        items: What to convert.
        workers: Processes; 1 converts in this one.
        description: What stands before the bar.

    Returns:
        What the function returned, in the order of the items.

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
    # Not forked: this process may run threads of PyTorch.
    pool = ProcessPoolExecutor(workers, mp_context=get_context('spawn'))
    try:
        yield pool.map
    except (ValueError, OSError) as error:
        # The same error without the traceback of another process.
        raise type(error)(*error.args) from None
    finally:
        pool.shutdown(cancel_futures=True)


def mark_converted(path: Path, files: Iterable[Path]) -> None:
    """Give a finished file the time of its newest source."""
    time = _newest(files)
    os.utime(path, ns=(time, time))


def is_converted(
    path: Path, source: Mapping[str, Any], files: Iterable[Path]
) -> bool:
    """Whether a file is complete and what would be written now.

    It carries the time of its newest source (:func:`mark_converted`), so
    another source is noticed even if it is older, and its header what it
    was made of. Files are renamed into place when they are complete and
    read here only to refuse what another program has damaged.

    Args:
        path: An IMU or pose file of ours.
        source: What its header would say: the data set, the files, and
            every option that changes the content.
        files: What it would be made of.
    """
    if not path.is_file() or path.stat().st_mtime_ns != _newest(files):
        return False
    try:
        # As it is read again from JSON: tuples are lists there.
        return read_source(path) == json.loads(json.dumps(source))
    except ValueError:
        return False


def write_splits(
    dst: str | Path, metainfo: Mapping, splits: Mapping[str, Sequence[Mapping]]
) -> dict[str, int]:
    """Write ``annotations/<split>.json``, the last step of a conversion.

    Args:
        dst: Dataset directory.
        metainfo: See :func:`write_annotations`; ``format_version`` is
            added.
        splits: Entries by split. An empty one gets no file, and loses the
            file of an earlier conversion.

    Returns:
        Number of entries by split.
    """
    metainfo = {**metainfo, 'format_version': FORMAT_VERSION}
    for split, entries in splits.items():
        path = Path(dst) / 'annotations' / f'{split}.json'
        if entries:
            write_annotations(path, metainfo, entries)
        else:
            path.unlink(missing_ok=True)
    return {split: len(entries) for split, entries in splits.items()}


def _newest(paths: Iterable[Path]) -> int:
    """Time of the file changed last, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in paths)
