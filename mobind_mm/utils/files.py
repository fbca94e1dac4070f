"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system answers when a file does not fit."""


def read_text(path: str | Path) -> str:
    """Read a file of UTF-8 text.

    Raises:
        ValueError: If it holds anything else.
    """
    try:
        return Path(path).read_text(encoding='utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(
            f'{path} is not text in UTF-8 ({error.reason} at byte '
            f'{error.start}); check that it is the right file.'
        ) from None


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name, then move it into place.

    Args:
        path: File to write; its directory is made.
        durable: Wait until the disk has the file, so that it survives a
            power cut too.

    Yields:
        The temporary file to write. It is removed if the block fails.

    Raises:
        OSError: If the disk is full or the file too large for it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    token = f'{os.getpid()}-{secrets.token_hex(4)}'
    temporary = path.with_name(f'.{path.name}.{token}.tmp')
    try:
        yield temporary
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable:
            _flush(path.parent)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise OSError(
            error.errno,
            f'{os.strerror(error.errno)}: {path} cannot be written. Nothing '
            'half-written is left, and a file of that name is as it was; '
            'make room and start again',
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
