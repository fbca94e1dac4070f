"""What converters share: progress, processes, skipping what is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from ..recordings.annotations import write_annotations
from ..recordings.reading import read_source
from ..recordings.schema import FORMAT_VERSION
from ..utils.cli import USER_ERRORS

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
    except USER_ERRORS as error:
        # The same error without the traceback of another process.
        raise type(error)(*error.args) from None
    finally:
        pool.shutdown(cancel_futures=True)


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

    Args:
        layouts: Layout and name of each pose.
        where: What names the data set in an error.

    Raises:
        ValueError: If there are several layouts; names a pose of each.
    """
    found: dict[str, Any] = {}
    for layout, name in layouts:
        found.setdefault(layout, name)
    if len(found) > 1:
        listed = ', '.join(f'{k} in {v}' for k, v in sorted(found.items()))
        raise ValueError(
            f'{where}: the poses are of several skeleton layouts: {listed}. '
            'A data set has one; convert each layout to a directory of its '
            'own.'
        )
    return next(iter(found), 'coco')


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
