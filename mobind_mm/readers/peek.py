"""The beginning of a file, by which readers recognise their formats."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from .archives import is_file, open_file, stat

_BYTES = 1 << 16


def head(path: str | Path) -> str:
    """First characters of a text file; empty for anything else.

    At most 64 KiB, decoded as UTF-8 (with or without a byte order mark), or
    else as Windows-1252; a line end is a newline. A binary file, a folder
    and a file that cannot be read are empty.
    """
    path = Path(path)
    try:
        facts = stat(path)
        if not is_file(path):
            return ''
        return _head(path, facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError):
        return ''


@lru_cache(maxsize=64)
def _head(path: Path, changed: int, size: int) -> str:
    with open_file(path, _BYTES) as file:
        data = file.read(_BYTES)
    if b'\0' in data:
        return ''
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        # The last character may be cut.
        cut = len(data) == _BYTES and error.start > _BYTES - 4
        text = data.decode('utf-8-sig' if cut else 'cp1252', 'replace')
    return text.replace('\r\n', '\n').replace('\r', '\n')


def head_lines(path: str | Path, most: int = 150) -> list[str]:
    """First lines of a text file, without line ends; see :func:`head`."""
    return head(path).split('\n', most)[:most]
