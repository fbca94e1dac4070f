"""Read IMU and pose files, slice by slice; see :mod:`.writing`."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open

from ..utils.errors import show
from .schema import (
    FORMAT_VERSION,
    IMU_FORMAT,
    POSE_FORMAT,
    check_pose,
    check_sensor,
    read_field,
)
from .streams import Clock, PoseStream, SensorStream

_MAX_OPEN = 64  # files a process keeps mapped


@dataclass
class OpenFile:
    """A mapped file, its identity on disk, and what was parsed from it."""

    path: str
    handle: Any
    identity: tuple
    parsed: dict = field(default_factory=dict)

    def array(self, name: str, dtype: str = 'F32') -> np.ndarray:
        """An array that is read when it is sliced."""
        names = sorted(self.handle.keys())
        if name not in names:
            raise ValueError(
                f'{self.path}: no array {name!r}; it has {names}.'
            )
        view = self.handle.get_slice(name)
        if view.get_dtype() != dtype:
            raise ValueError(
                f'{self.path}: array {name!r} is {view.get_dtype()}, expected '
                f'{dtype}. Write it with mobind_mm.recordings.'
            )
        # It has all that streams need of an array: shape, length and slices.
        shape = tuple(view.get_shape())
        return cast(np.ndarray, LazyArray(self.path, name, shape))

    def clock(self, name: str, header: dict, length: int) -> Clock:
        """The clock of a stream, whose times may be an array."""
        fields: dict[str, Any]
        if name in {*self.handle.keys()}:
            self.array(name, 'F64')  # checks it
            fields = dict(times=self.handle.get_tensor(name))
        else:
            kinds = {'rate': 'a number above 0', 'start': 'a number'}
            fields = {
                key: read_field(header, key, kind, self.path)
                for key, kind in kinds.items()
            }
        try:
            return Clock(length, **fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f'{self.path}: {error}') from None

    def header(self, expected: str) -> dict:
        """Parse the header and check format and version."""
        path, text = self.path, (self.handle.metadata() or {}).get('header')
        try:
            header = json.loads(text) if text else None
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict):
            raise ValueError(
                f'{path}: a safetensors file without a {expected} header; '
                'write recordings with mobind_mm.recordings.'
            )
        if header.get('format') != expected:
            raise ValueError(
                f'{path}: format {show(header.get("format"))}, expected '
                f'{expected!r}. Are "imu" and "pose" swapped in the entry?'
            )
        if header.get('version') != FORMAT_VERSION:
            raise ValueError(
                f'{path}: format version {show(header.get("version"))}, but '
                f'this mobind_mm reads version {FORMAT_VERSION}. Convert the '
                'data again.'
            )
        return header


class _FileCache:
    """Files that this process has open, least recently used first.

    A forked worker starts empty instead of sharing its parent's handles.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[str, OpenFile] = OrderedDict()
        self._pid = os.getpid()

    def get(self, path: str, fresh: bool) -> OpenFile:
        """Find or open a file; ``fresh``: reopen it if it was replaced."""
        if self._pid != os.getpid():
            self._files.clear()
            self._pid = os.getpid()
        file = self._files.get(path)
        if file is None or (fresh and file.identity != _identity(path)):
            file = OpenFile(path, _open(path), _identity(path))
            self._files[path] = file
            while len(self._files) > _MAX_OPEN:
                self._files.popitem(last=False)
        self._files.move_to_end(path)
        return file


_CACHE = _FileCache()


def open_file(path: str | Path) -> OpenFile:
    """Map a safetensors file, unless this process has done so already.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is truncated or not a safetensors file.
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
            'be truncated or in another format; run the dataset converter '
            'again.'
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


def read_imu(path: str | Path) -> dict[str, SensorStream]:
    """Open an IMU file: placement to stream, arrays read when sliced.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is not what :func:`write_imu` writes.
    """
    file = open_file(path)
    if 'imu' not in file.parsed:
        header = file.header(IMU_FORMAT)
        streams = read_field(header, 'streams', 'a mapping', path)
        file.parsed['imu'] = {
            name: _read_sensor(
                file, name, read_field(streams, name, 'a mapping', path)
            )
            for name in streams
        }
    return dict(file.parsed['imu'])


def read_pose(path: str | Path) -> PoseStream:
    """Open a pose file; keypoints and scores are read when sliced.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is not what :func:`write_pose` writes.
    """
    file = open_file(path)
    if 'pose' not in file.parsed:
        header = file.header(POSE_FORMAT)
        keypoints = file.array('keypoints')
        height, width = read_field(
            header, 'img_shape', '[height, width] in pixels', path
        )
        stream = PoseStream(
            clock=file.clock('timestamps', header, len(keypoints)),
            keypoints=keypoints,
            scores=file.array('scores'),
            layout=read_field(header, 'layout', 'text', path),
            img_shape=(height, width),
            notes=_notes(header, str(path)),
        )
        check_pose(stream, str(path))
        file.parsed['pose'] = stream
    return file.parsed['pose']


def read_source(path: str | Path) -> dict:
    """The ``source`` in the header of an IMU or pose file.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is neither, or damaged.
    """
    file = open_file(path)
    for name, read in ((IMU_FORMAT, read_imu), (POSE_FORMAT, read_pose)):
        text = (file.handle.metadata() or {}).get('header') or ''
        if f'"{name}"' in text:
            read(path)
            return read_field(file.header(name), 'source', 'a mapping', path)
    raise ValueError(f'{path} is neither an IMU nor a pose file.')


def _read_sensor(file: OpenFile, placement: str, header: dict) -> SensorStream:
    where, prefix = f'{file.path}: {placement}', f'{placement}/'
    names = sorted(file.handle.keys())
    channels = {
        name[len(prefix) :]: file.array(name)
        for name in names
        if name.startswith(prefix) and name != f'{prefix}timestamps'
    }
    if not channels:
        raise ValueError(
            f'{where}: the header lists it, but the file has no array '
            f'{prefix}<channel>; it has {names}. Write it again '
            'with mobind_mm.recordings.write_imu.'
        )
    length = len(next(iter(channels.values())))
    stream = SensorStream(
        clock=file.clock(f'{prefix}timestamps', header, length),
        channels=channels,
        gravity=read_field(header, 'gravity', 'true or false', where),
        frame=read_field(header, 'frame', 'text', where),
        notes=_notes(header, where),
    )
    check_sensor(stream, where)
    return stream


def _notes(header: dict, where: str) -> tuple[str, ...]:
    if 'notes' not in header:
        return ()
    return tuple(read_field(header, 'notes', 'a list of texts', where))
