"""What converters share: progress, processes, skipping what is done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from .reading import read_imu, read_pose

T = TypeVar('T')


def convert_all(
    convert: Callable[[T], Any], items: Sequence[T], workers: int = 1
) -> list[Any]:
    """Call a function for each item, with a progress bar.

    Args:
        convert: Function that can be pickled, if there are workers.
        items: What to convert.
        workers: Processes; 1 converts in this one.

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
            description='Converting',
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


def mark_converted(outputs: Iterable[Path], sources: Iterable[Path]) -> None:
    """Give finished files the time of their newest source."""
    time = _newest(sources)
    for path in outputs:
        os.utime(path, ns=(time, time))


def is_converted(
    imu: Path | None, pose: Path | None, sources: Iterable[Path]
) -> bool:
    """Whether the files of a take are complete and made of these sources.

    They carry the time of their newest source (:func:`mark_converted`), so
    another source is noticed even if it is older. Files are renamed into
    place when they are complete and read here only to refuse what another
    program has damaged.
    """
    outputs = {read_imu: imu, read_pose: pose}
    outputs = {read: path for read, path in outputs.items() if path}
    time = _newest(sources)
    for read, path in outputs.items():
        if not path.is_file() or path.stat().st_mtime_ns != time:
            return False
        try:
            read(path)
        except ValueError:
            return False
    return True


def _newest(paths: Iterable[Path]) -> int:
    """Time of the file changed last, in nanoseconds."""
    return max(path.stat().st_mtime_ns for path in paths)
