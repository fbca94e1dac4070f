"""Arrays of safetensors files that are read slice by slice."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

_MAX_OPEN = 64  # files a process keeps mapped


@dataclass
class OpenFile:
    """A mapped file, its identity on disk, and what was parsed from it."""

    handle: Any
    identity: tuple
    parsed: dict = field(default_factory=dict)


class _FileCache:
    """The files that this process has open, least recently used first.

    A forked worker starts empty instead of sharing its parent's handles.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[str, OpenFile] = OrderedDict()
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._files = OrderedDict()

    def get(self, path: str, fresh: bool) -> OpenFile:
        """Find or open a file; ``fresh``: again if it was replaced."""
        if self._pid != os.getpid():
            self._start()
        file = self._files.get(path)
        if file is None or (fresh and file.identity != _identity(path)):
            file = OpenFile(_open(path), _identity(path))
            self._files[path] = file
            while len(self._files) > _MAX_OPEN:
                self._files.popitem(last=False)
        self._files.move_to_end(path)
        return file


_CACHE = _FileCache()


def open_file(path: str | Path) -> OpenFile:
    """Map a safetensors file, or find it mapped in this process.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is truncated or no safetensors file.
    """
    return _CACHE.get(str(path), fresh=True)


def _identity(path: str) -> tuple:
    """What changes when a file is replaced."""
    stat = os.stat(path)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _open(path: str) -> Any:
    try:
        return safe_open(path, framework='numpy')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist. Check data_root and the annotations '
            'that name it, or run the dataset converter again.'
        ) from None
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f'{path} is not a readable safetensors file ({error}). It may '
            'be truncated or of another format; run the dataset converter '
            'that wrote it again.'
        ) from None


@dataclass(frozen=True)
class LazyArray:
    """A float32 array in a safetensors file; ``array[a:b]`` reads rows.

    Holds no file handle, so it can be pickled to any process.

    Args:
        path: The file.
        name: The array in it.
        shape: Its shape.
    """

    path: str
    name: str
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice) -> np.ndarray:
        if not isinstance(index, slice) or index.step not in (None, 1):
            raise TypeError(
                f'A LazyArray reads rows [start:stop], got [{index}]; use '
                'numpy.asarray to read all of them.'
            )
        start, stop, _ = index.indices(len(self))
        if stop <= start:
            return np.empty((0, *self.shape[1:]), dtype=np.float32)
        file = _CACHE.get(self.path, fresh=False)
        return file.handle.get_slice(self.name)[start:stop]

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)
