"""Directories that one process at a time may change."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import mistake, printable

_BUSY = (BlockingIOError, PermissionError)
"""What the system answers where another process has the lock."""
_PLACE = 1 << 30
"""Byte that Windows locks: it lets nobody read what is locked."""
_HELD: set[str] = set()
"""Locks of this process, against which the system does not protect it."""


@contextmanager
def locked(file: Path, what: str, fix: str) -> Iterator[bool]:
    """Keep other processes from changing the directory of a file.

    The system releases the lock when this process ends, however it ends;
    processes that it forked do not keep it. The file stays, and says who
    had the lock last.

    Args:
        file: File of the lock; its directory is made.
        what: What the directory is while another process has it.
        fix: What to do then.

    Yields:
        Whether others are kept out. They are not where a disk has no locks,
        as some network file systems, or the file cannot be written.

    Raises:
        ValueError: If another process has the lock.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    name = os.path.realpath(file)
    if name in _HELD:  # opening and closing it would give the lock away
        raise mistake(file.parent, what, fix)
    try:
        stream = file.open('a+', encoding='utf-8')
    except OSError:
        yield False
        return
    with stream:
        try:
            alone = lock(stream)
        except BlockingIOError:
            stream.seek(0)
            holder = printable(stream.read(80))
            what += f' ({holder})' if holder else ''
            raise mistake(file.parent, what, fix) from None
        if not alone:
            yield False
            return
        _HELD.add(name)
        try:
            with suppress(OSError):  # a full disk
                stream.truncate(0)
                stream.write(f'process {os.getpid()} on {platform.node()}')
                stream.flush()
            yield True
        finally:
            _HELD.discard(name)
            _unlock(stream)


def lock(stream: IO[Any]) -> bool:
    """Lock a file that is open for writing, until it is closed.

    Also when this process closes the file elsewhere, so open it once.

    Returns:
        False where there are no locks.

    Raises:
        BlockingIOError: If another process has the lock.
    """
    try:
        if sys.platform == 'win32':
            import msvcrt

            stream.seek(_PLACE)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # Not flock(): workers that are forked would keep the lock.
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except _BUSY as error:
        raise BlockingIOError(*error.args) from None
    except OSError:
        return False
    return True


def _unlock(stream: IO[Any]) -> None:
    """Give a lock back at once; Windows may wait after the file is closed."""
    if sys.platform == 'win32':
        import msvcrt

        with suppress(OSError):
            stream.seek(_PLACE)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
