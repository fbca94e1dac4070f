"""Read pickles of numpy arrays and plain containers, and nothing else.

Some data sets come as pickles, which can run any code. Another process,
:mod:`.unpickle_child`, reads them with a limit of memory and time; it allows
a short list of names and runs none of them. It answers with plain values,
out of which this module builds the arrays itself, because NumPy's own way
to fill an array with the state in a pickle is not safe either.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake
from .foreign_values import read_npy_header
from .unpickle_child import LARGEST_INT, brief, check_keys, first_line

KINDS = 'biufcSUO'
"""Kinds of dtypes that are plain numbers, text or objects."""
MEMORY = (256 << 20, 20)
"""Bytes that reading a file may take, and how many for each of its bytes."""
SECONDS = (30.0, 2e-6)
"""Processor time that reading a file may take, likewise; ten times as much
by the clock."""

_MOST_AXES = 32
_MOST_UNPACKED = 8 << 30
_DAMAGED = (
    OSError, ValueError, EOFError, KeyError, NotImplementedError, MemoryError,
    SyntaxError, TypeError, OverflowError, RuntimeError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
_AGAIN = 'Download the file again.'
_CHILD = Path(__file__).with_name('unpickle_child.py')


class Inert:
    """Keeps the arguments and the state of an object in a pickle, unused."""

    args: tuple = ()
    state: Any = None

    def __new__(cls, *args: Any) -> Inert:
        """Keep the arguments: all that a pickle may call."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


def load_pickle(
    path: str | Path,
    stand_ins: Mapping[tuple[str, str], Callable] | None = None,
) -> Any:
    """Read a pickle of arrays and plain containers.

    Args:
        path: A file that ``pickle.dump`` wrote, by Python 2 or 3.
        stand_ins: Foreign classes by module and name whose content is
            wanted, and what to call in their place; best a subclass of
            :class:`Inert`, which runs nothing.

    Returns:
        Numbers, text, bytes, lists, tuples, dicts, sets and numpy arrays.
        Keys and members of sets are text, bytes, None or numbers.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, holds any other object, or takes
            far too much memory or time.
        OSError: If something else ended the process that reads it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist.')
    return _load(Path(path), 0, stand_ins or {})


def load_npy_objects(path: str | Path) -> Any:
    """Read a ``.npy`` file, of objects or of numbers.

    Returns:
        The array; or the object, if it is the only one in an array without
        axes, which is how numpy saves a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds anything but arrays and
            plain containers.
        OSError: If something else ended the process that reads it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist.')
    with open(path, 'rb') as file:
        try:
            shape, fortran, dtype = read_npy_header(file)
            if dtype.kind not in KINDS:
                raise ValueError(f'it holds the dtype {str(dtype)[:40]}')
            if not dtype.hasobject:
                array = _make_array(shape, dtype, fortran, file.read())
        except ValueError as error:
            raise ValueError(
                f'{path} is not a .npy file of objects or numbers '
                f'({first_line(error)}). {_AGAIN}'
            ) from None
        offset = file.tell()
    if dtype.hasobject:
        array = _load(Path(path), offset, {})
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f'{path}: the header says {brief(shape)}, the content is '
                f'something else. {_AGAIN}'
            )
    return array.item() if array.shape == () else array


def array_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and kind of the arrays of a ``.npy`` or ``.npz`` file by name.

    Only headers are read; of what is no such file, there are none.
    """
    shapes: dict[str, tuple[tuple[int, ...], str]] = {}
    with suppress(*_DAMAGED):
        if path.suffix.lower() == '.npy':
            with path.open('rb') as file:
                shape, _, dtype = read_npy_header(file)
            return {'': (shape, dtype.kind)}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    shape, _, dtype = read_npy_header(file)
                shapes[name.removesuffix('.npy')] = shape, dtype.kind
    return shapes


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` file but those of objects; nothing in it is run.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > _MOST_UNPACKED:
            raise mistake(path, f'unpacks to {size / 2**30:.0f} GiB')
        kinds = array_shapes(path)
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                if name not in kinds:
                    raise ValueError(f'{name!r} is no array')
            return {n: file[n] for n in file.files if kinds[n][1] != 'O'}
    except _DAMAGED as error:
        raise mistake(
            path, f'cannot be read ({error})', 'Copy or download it again'
        ) from None


def _load(
    path: Path, offset: int, stand_ins: Mapping[tuple[str, str], Callable]
) -> Any:
    """Read a pickle that begins somewhere in a file."""
    reply, buffers = _PROCESS.ask(path, offset, stand_ins)
    what = reply.get('what')
    if reply.get('error') == 'refused':
        raise ValueError(
            f'{path} holds {what!r}; only numpy arrays and plain containers '
            'are read, because any other object in a pickle may run code. '
            'Get the file from its original source, or write its numbers as '
            'CSV or .npz.'
        )
    if 'error' not in reply:
        try:
            return _build(reply, iter(buffers), {**_KNOWN, **stand_ins})
        except MemoryError:  # of the machine: the file is not at fault
            raise
        except Exception as error:  # damaged parts end in any kind
            what = first_line(error)
    raise ValueError(
        f'{path} is not a complete pickle of arrays and plain containers '
        f'({what}). {_AGAIN}'
    )


class _Process:
    """The process that unpickles, kept for further files.

    A file that takes too much ends it, and the next one gets a new one. One
    that was started before a fork is left to the process that started it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self.running: subprocess.Popen | None = None

    def ask(
        self, path: Path, offset: int, foreign: Iterable[tuple[str, str]]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """What the process answers about a file, and the bytes in it."""
        size = path.stat().st_size
        memory = MEMORY[0] + MEMORY[1] * size
        seconds = SECONDS[0] + SECONDS[1] * size
        request = {
            'path': str(path.absolute()),
            'offset': offset,
            'size': size - offset,
            'names': [*_KNOWN],
            'foreign': [*foreign],
            'memory': memory,
            'seconds': seconds,
        }
        with self._lock:
            process, late = self._start(), threading.Event()
            timer = threading.Timer(10 * seconds, _kill, (process, late))
            timer.daemon = True
            timer.start()
            try:
                reply, buffers = _talk(process, request)
            except EOFError:
                code = self.stop()
                reply, buffers = {'error': 'ended'}, []
            except BaseException:  # its answer would be taken for the next
                self.stop()
                raise
            finally:
                timer.cancel()
            if reply.get('error') == 'memory':
                self.stop()
                reply['what'] = (
                    f'reading it needs more than {memory >> 20} MiB'
                )
        if reply.get('error') == 'ended':
            if late.is_set() or code == -getattr(signal, 'SIGXCPU', 0):
                reply['what'] = f'reading it takes more than {seconds:g} s'
            elif code == -getattr(signal, 'SIGSEGV', 0):
                reply['what'] = 'it crashes the process that reads it'
            else:
                raise OSError(
                    f'{path} was not read: the process that reads it ended '
                    f'with {code}. Is the memory of this machine exhausted? '
                    'Try again, with fewer workers if there are several.'
                )
        return reply, buffers

    def stop(self) -> int | None:
        """End the process; returns what it ended with."""
        process, self.running = self.running, None
        if process is None or self._owner != os.getpid():
            return None
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # of a request not sent
                    pipe.close()
        return code

    def _start(self) -> subprocess.Popen:
        """The process; a new one unless there is one that is ours."""
        process = self.running
        ours = self._owner == os.getpid()
        if process is not None and ours and process.poll() is None:
            return process
        self.stop()
        self._owner = os.getpid()
        if not sys.executable:  # a program with Python inside
            raise OSError(
                'Pickles are read by a Python process of their own, but '
                'sys.executable is empty. Set it to the path of Python.'
            )
        # Isolated: nothing of the working directory or the environment.
        self.running = subprocess.Popen(
            [sys.executable, '-I', '-S', str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self.running


def _kill(process: subprocess.Popen, late: threading.Event) -> None:
    late.set()
    process.kill()


_PROCESS = _Process()
atexit.register(_PROCESS.stop)


def _talk(
    process: subprocess.Popen, request: Mapping[str, Any]
) -> tuple[dict[str, Any], list[bytes]]:
    """Send a request and read the answer; EOFError if the process ends."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None

    def read(size: int) -> bytes:
        content = stdout.read(size)
        if len(content) < size:
            raise EOFError
        return content

    try:
        stdin.write(json.dumps(request).encode() + b'\n')
        stdin.flush()
    except OSError:  # a broken pipe; Windows has other names for it
        raise EOFError from None
    (length,) = struct.unpack('<Q', read(8))
    reply = json.loads(read(length))
    steps = reply.get('steps', ())
    kinds = ('bytes', 'bytearray', 'latin1')
    return reply, [read(step[1]) for step in steps if step[0] in kinds]


def _build(
    reply: Mapping[str, Any],
    buffers: Iterator[bytes],
    known: Mapping[tuple[str, str], Callable],
) -> Any:
    """What the steps of a reply build."""
    values: list = []

    def get(value: Any) -> Any:
        return values[value[0]] if type(value) is list else value

    for kind, first, *rest in reply['steps']:
        value: Any = None
        if kind == 'dict':
            keys = check_keys(map(get, first))
            value = dict(zip(keys, map(get, rest[0])))
        elif kind in ('set', 'frozenset'):
            value = _PLAIN[kind](check_keys(map(get, first)))
        elif kind in ('list', 'tuple'):
            value = _PLAIN[kind](map(get, first))
        elif kind in ('bytes', 'bytearray'):
            value = _PLAIN[kind](next(buffers))
        elif kind == 'latin1':
            value = next(buffers).decode('latin1')
        elif kind == 'str':
            value = first
        elif kind == 'name':
            value = known[tuple(first)]
        elif kind == 'state':
            get(first).__setstate__(get(rest[0]))
        else:
            call, (args, state, items) = known[tuple(first)], rest
            arguments, state = [*map(get, args)], get(state)
            value = call(*([state] if call is _array else arguments))
            for key, item in items:
                value[check_keys([get(key)])[0]] = get(item)
            if isinstance(value, np.dtype) and state:
                if state[1] in ('<', '>'):
                    value = value.newbyteorder(state[1])
            elif state is not None and call is not _array:
                raise ValueError(f'{brief(value)} with a state')
        values.append(value)
    return get(reply['value'])


_PLAIN: dict[str, Callable] = {
    kind.__name__: kind
    for kind in (list, tuple, set, frozenset, bytes, bytearray)
}


def _array(state: tuple) -> np.ndarray:
    """An array: its state is (version, shape, dtype, order, data)."""
    _, shape, dtype, fortran, data = state
    if not dtype.hasobject:
        return _make_array(shape, dtype, fortran, _as_bytes(data))
    if not isinstance(data, list):
        raise ValueError(f'an array of {brief(data)}')
    _check_size(shape, len(data), 1)
    array = np.empty(len(data), dtype=object)
    for index, item in enumerate(data):
        array[index] = item
    return array.reshape(shape, order='F' if fortran else 'C')


def _make_array(
    shape: tuple, dtype: np.dtype, fortran: bool, data: bytes
) -> np.ndarray:
    """Array of numbers or text in memory of its own."""
    _check_size(shape, len(data), dtype.itemsize)
    array = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    return array.reshape(shape, order='F' if fortran else 'C').copy()


def _buffer(data: bytes, dtype: np.dtype, shape: tuple, order: str) -> Any:
    """An array of protocol 5."""
    return _make_array(shape, dtype, order == 'F', data)


def _scalar(dtype: np.dtype, data: Any) -> Any:
    return _make_array((), dtype, False, _as_bytes(data))[()]


def _dtype(name: Any, *_: Any) -> np.dtype:
    if not isinstance(name, str) or not name[:1].isalpha():
        raise ValueError(f'a dtype {brief(name)}')
    dtype = np.dtype(name)
    if dtype.kind not in KINDS:  # dates, and tables of several columns
        raise ValueError(f'a dtype {brief(name)}')
    return dtype


def _as_bytes(data: Any) -> Any:
    """Bytes of Python 2 are read as text."""
    return data.encode('latin1') if isinstance(data, str) else data


def _check_size(shape: Any, given: int, itemsize: int) -> None:
    """Refuse a shape that does not go with the data."""
    count = 1
    good = isinstance(shape, tuple) and len(shape) <= _MOST_AXES
    for size in shape if good else ():
        good &= isinstance(size, int) and 0 <= size <= LARGEST_INT
        count *= size if good else 0
    if not good:
        raise ValueError(f'an array of shape {brief(shape)}')
    if count * itemsize != given:
        raise ValueError(
            f'an array of shape {brief(shape)} should have '
            f'{brief(count * itemsize)} bytes or items, it has {given}'
        )


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, as Python 3 writes bytes with protocol 2."""
    if encoding not in ('latin1', 'latin-1'):
        raise ValueError(f'text in the encoding {brief(encoding)}')
    return text.encode('latin1')


def _ordered(pairs: Iterable = ()) -> OrderedDict:
    """``OrderedDict(pairs)``, as Python 2 has it."""
    listed = [(key, value) for key, value in pairs]
    check_keys(key for key, _ in listed)
    return OrderedDict(listed)


_KNOWN: dict[tuple[str, str], Callable] = {
    ('numpy', 'ndarray'): _array,
    ('numpy', 'dtype'): _dtype,
    ('collections', 'OrderedDict'): _ordered,
    ('_codecs', 'encode'): _encode,
}
"""What is called in the place of which name in a pickle."""
for core in ('numpy.core', 'numpy._core'):
    _KNOWN[f'{core}.multiarray', '_reconstruct'] = _array
    _KNOWN[f'{core}.multiarray', 'scalar'] = _scalar
    _KNOWN[f'{core}.numeric', '_frombuffer'] = _buffer
for builtins in ('builtins', '__builtin__'):  # as old protocols use them
    _KNOWN[builtins, 'set'] = lambda items=(): set(check_keys(items))
    _KNOWN[builtins, 'frozenset'] = lambda items=(): frozenset(
        check_keys(items)
    )
    _KNOWN[builtins, 'complex'] = complex
    _KNOWN[builtins, 'bytes'] = lambda: b''
