"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system answers when a file does not fit."""
_LEAST_ROOM = 1 << 20
_OLD_SEC = 7 * 86400.0
_TEMPORARY = re.compile(r'\.(\w+)-(\d+)-[0-9a-f]{8}\.tmp(\.\w+)?$')
_LONGEST_NAME = 40
"""Characters of a file's name in that of its temporary file; disks take
255 bytes."""
_CLEANED: set[Path] = set()
"""Directories in which this process has looked for leftovers."""
INPUTS: set[str] = set()
"""Files that a command reads; none of them is replaced by a result."""


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


def _machine() -> str:
    """Name of this machine; containers of one name count processes apart."""
    name = re.sub(r'[^\w]', '', platform.node())[:40] or 'host'
    try:
        return name + re.sub(r'\D', '', os.readlink('/proc/self/ns/pid'))
    except OSError:
        return name


_HOST = _machine()


@contextmanager
def replacing(path: str | Path, durable: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name, then move it into place.

    With ``durable``, wait until the disk has the file, so that it survives a
    power cut too.

    Yields:
        The temporary file to write. It is removed if the block fails.

    Raises:
        OSError: If the disk is full or the file too large for it.
    """
    path = Path(path)
    if is_special(path):
        raise OSError(f'{path} is not a file, and is not replaced by one.')
    if os.path.realpath(path) in INPUTS:
        raise OSError(
            f'{path} is read by this command, and not replaced by a result; '
            'give another place.'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent.resolve())
    token = f'{_HOST}-{os.getpid()}-{secrets.token_hex(4)}'
    name = path.name[:_LONGEST_NAME]
    temporary = path.with_name(f'.{name}.{token}.tmp')
    try:
        with naming_full_disk(path):
            yield temporary
            if durable:
                _flush(temporary)
            _move(temporary, path)
            if durable:
                _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Say which file does not fit.

    Raises:
        OSError: If the disk is full or the file too large for it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE or str(path) in str(error):
            raise
        raise OSError(
            error.errno,
            f'{os.strerror(error.errno)}: {path} cannot be written. Nothing '
            'half-written is left, and a file of that name is as it was; '
            'make room and start again',
        ) from error


def write_whole(
    path: str | Path, content: str | bytes, durable: bool = False
) -> None:
    """Write a file of UTF-8 text or of bytes, see :func:`replacing`."""
    if isinstance(content, str):
        content = content.encode(errors='backslashreplace')  # odd names
    with replacing(path, durable) as temporary:
        temporary.write_bytes(content)


def is_special(path: str | Path) -> bool:
    """Whether a path is a pipe, a socket or a device.

    Reading one may wait for ever, and a result that is moved into place
    would take its place: ``--out /dev/null`` of an administrator.
    """
    exists = os.path.exists(path)  # False for what cannot be a path
    return exists and not (os.path.isfile(path) or os.path.isdir(path))


def leads_back(path: Path) -> bool:
    """Whether a path is a link to itself, or to a folder in which it lies."""
    if not path.is_symlink():
        return False
    try:
        place = path.resolve(strict=True)
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError):  # a link to itself, before Python 3.13
        return True
    return place in {parent.resolve() for parent in path.absolute().parents}


def check_output(path: str | Path, is_dir: bool, flag: str = '') -> None:
    """Refuse an output that cannot be written, before the work starts.

    Raises:
        OSError: Naming the path, and what is in the way.
    """
    path, named = Path(path), f'{flag} {path}'.strip()
    if path.exists() and path.is_dir() != is_dir:
        kind = NotADirectoryError if is_dir else IsADirectoryError
        existing, wanted = ('file', 'directory')[:: 1 if is_dir else -1]
        raise kind(
            f'{named} is a {existing}; give a {wanted} for the results, or '
            'move it away.'
        )
    place = path if is_dir else path.parent
    while not place.exists():
        if place.is_symlink():
            raise NotADirectoryError(
                f'{named}: {place} is a link that leads nowhere.'
            )
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(
            f'{named} cannot be made: {place} is a file; give another place.'
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f'{named} cannot be written: there is no permission to write in '
            f'{place}; give another place.'
        )
    if shutil.disk_usage(place).free < _LEAST_ROOM:
        raise OSError(
            errno.ENOSPC,
            f'{named} cannot be written: the disk of {place} is full; make '
            'room, or give another place',
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that are gone.

    Of another machine, or container, that is what has been left for a week.
    """
    if folder in _CLEANED or os.name != 'posix':
        return
    _CLEANED.add(folder)
    # By the clock of the disk, not of this machine.
    now = folder.stat().st_mtime
    for path in folder.glob('.*.tmp*'):
        match = _TEMPORARY.search(path.name)
        if match is None:
            continue
        with suppress(OSError):
            if match[1] == _HOST:
                gone = not _is_running(int(match[2]))
            else:
                gone = now - path.lstat().st_mtime > _OLD_SEC
            if gone:
                path.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # of somebody else; no number of one
        return True
    return True


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on the disk."""
    if path.is_dir():
        with suppress(OSError):  # Windows opens none, some disks wait for none
            _wait(path, os.O_RDONLY)
    else:
        _wait(path, os.O_RDWR)  # or Windows does not wait


def _wait(path: Path, flags: int) -> None:
    number = os.open(path, flags)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _move(temporary: Path, path: Path) -> None:
    """Move a file into place.

    Raises:
        PermissionError: If that is refused, as by Windows for files in use.
    """
    try:
        os.replace(temporary, path)
    except PermissionError as error:
        raise PermissionError(
            f'{path} cannot be replaced ({error.strerror}). If another '
            'program shows it, such as a spreadsheet, close it there; else '
            'give another place.'
        ) from error
