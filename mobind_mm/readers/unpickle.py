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
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

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
_CHILD = Path(__file__).with_name('unpickle_child.py')


class Inert:
    """Keeps what a pickle would have made an object with.

    Attributes:
        args: Arguments that it would have been made with.
        state: What it would have been filled with, or None.
    """

    args: tuple = ()
    state: Any = None

    def __new__(cls, *args: Any) -> Inert:
        """Keep the arguments: all that a pickle may call."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __setstate__(self, state: Any) -> None:
        """Keep the state."""
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
                f'({first_line(error)}). Download the file again.'
            ) from None
        offset = file.tell()
    if dtype.hasobject:
        array = _load(Path(path), offset, {})
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f'{path}: the header says {brief(shape)}, the content is '
                'something else. Download the file again.'
            )
    return array.item() if array.shape == () else array


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
            'Get the file from its original source.'
        )
    if 'error' not in reply:
        try:
            return _build(reply, buffers, {**_KNOWN, **stand_ins})
        except MemoryError:  # of the machine: the file is not at fault
            raise
        except Exception as error:  # damaged parts end in any kind
            what = first_line(error)
    raise ValueError(
        f'{path} is not a complete pickle of arrays and plain containers '
        f'({what}). Download the file again.'
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
            process = self._start()
            late = threading.Event()
            timer = threading.Timer(10 * seconds, _kill, (process, late))
            timer.daemon = True
            timer.start()
            try:
                reply, buffers = _talk(process, request)
            except EOFError:
                code = self.stop()
                raise _ended(path, code, late.is_set(), seconds) from None
            except BaseException:  # its answer would be taken for the next
                self.stop()
                raise
            finally:
                timer.cancel()
            if reply.get('error') == 'memory':
                self.stop()
                reply['error'] = 'damaged'
                reply['what'] = (
                    f'it needs more than {memory >> 20} MiB of memory, far '
                    'more than a file of its size'
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
                with suppress(BrokenPipeError):  # of a request not sent
                    pipe.close()
        return code

    def _start(self) -> subprocess.Popen:
        """The process; a new one unless there is one that is ours."""
        process = self.running
        ours = self._owner == os.getpid()
        if process is not None and ours and process.poll() is None:
            return process
        self.stop()
        # Isolated: nothing of the working directory or the environment.
        self.running = subprocess.Popen(
            [sys.executable, '-I', '-S', str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._owner = os.getpid()
        return self.running


def _kill(process: subprocess.Popen, late: threading.Event) -> None:
    late.set()
    process.kill()


_PROCESS = _Process()
atexit.register(_PROCESS.stop)


def _talk(
    process: subprocess.Popen, request: Mapping[str, Any]
) -> tuple[dict[str, Any], list[bytes]]:
    """Send a request and read the answer.

    Raises:
        EOFError: If the process ends first.
    """
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
    except BrokenPipeError:
        raise EOFError from None
    (length,) = struct.unpack('<Q', read(8))
    reply = json.loads(read(length))
    sizes = [
        step[1]
        for step in reply.get('steps', ())
        if step[0] in ('bytes', 'bytearray')
    ]
    return reply, [read(size) for size in sizes]


def _ended(
    path: Path, code: int | None, late: bool, seconds: float
) -> Exception:
    """Why a process gave no answer."""
    if late or code == -getattr(signal, 'SIGXCPU', 0):
        return ValueError(
            f'{path} is not a complete pickle of arrays and plain containers '
            f'(reading takes more than {seconds:g} s, far more than a file '
            'of its size). Download the file again.'
        )
    if code == -getattr(signal, 'SIGSEGV', 0):
        return ValueError(
            f'{path} is not a complete pickle of arrays and plain containers '
            '(it crashes the process that reads it). Download the file '
            'again.'
        )
    return OSError(
        f'{path} was not read: the process that reads it ended with {code}. '
        'Is the memory of this machine exhausted? Try again, with fewer '
        'workers if there are several.'
    )


def _build(
    reply: Mapping[str, Any],
    buffers: Iterable[bytes],
    known: Mapping[tuple[str, str], Callable],
) -> Any:
    """What the steps of a reply build, the last of which is the content."""
    values: list = []
    buffers = iter(buffers)

    def get(value: Any) -> Any:
        return values[value[0]] if type(value) is list else value

    for kind, *parts in reply['steps']:
        value: Any = None
        if kind == 'dict':
            keys = check_keys(map(get, parts[0]))
            value = dict(zip(keys, map(get, parts[1])))
        elif kind in ('list', 'tuple'):
            value = _PLAIN[kind](map(get, parts[0]))
        elif kind in _PLAIN:
            value = _PLAIN[kind](check_keys(map(get, parts[0])))
        elif kind == 'bytes':
            value = next(buffers)
        elif kind == 'bytearray':
            value = bytearray(next(buffers))
        elif kind == 'str':
            value = parts[0]
        elif kind == 'class':
            value = known[tuple(parts[0])]
        elif kind == 'state':
            get(parts[0]).__setstate__(get(parts[1]))
        else:
            place, args, state, items = parts
            value = known[tuple(place)](*map(get, args))
            for key, item in items:
                value[check_keys([get(key)])[0]] = get(item)
            if isinstance(value, _Numpy):
                value = value.build(get(state))
            elif state is not None:
                raise ValueError(f'{brief(value)} with a state')
        values.append(value)
    return get(reply['value'])


_PLAIN = {kind.__name__: kind for kind in (list, tuple, set, frozenset)}


class _Numpy:
    """Something of NumPy, made of arguments and a state."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def build(self, state: Any) -> Any:
        """Make the array, number or dtype.

        Raises:
            ValueError: If the parts do not go together. Damaged parts raise
                other exceptions too.
        """
        raise NotImplementedError


class _Array(_Numpy):
    """An array: its state is (version, shape, dtype, order, data)."""

    def build(self, state: Any) -> np.ndarray:
        _, shape, dtype, fortran, data = state
        if dtype.hasobject:
            return _make_objects(shape, fortran, data)
        return _make_array(shape, dtype, fortran, _as_bytes(data))


class _Buffer(_Numpy):
    """An array of protocol 5: made of (data, dtype, shape, order)."""

    def build(self, state: Any) -> np.ndarray:
        data, dtype, shape, order = self.args
        return _make_array(shape, dtype, order == 'F', data)


class _Scalar(_Numpy):
    """A number of NumPy: made of (dtype, data)."""

    def build(self, state: Any) -> Any:
        dtype, data = self.args
        return _make_array((), dtype, False, _as_bytes(data))[()]


class _DType(_Numpy):
    """A dtype: made of (name, align, copy); the state has the byte order."""

    def build(self, state: Any) -> np.dtype:
        name = self.args[0]
        if not isinstance(name, str) or not name[:1].isalpha():
            raise ValueError(f'a dtype {brief(name)}')
        dtype = np.dtype(name)
        if dtype.kind not in KINDS:  # dates, and tables of several columns
            raise ValueError(f'a dtype {brief(name)}')
        if state and state[1] in ('<', '>'):
            dtype = dtype.newbyteorder(state[1])
        return dtype


def _make_array(
    shape: tuple, dtype: np.dtype, fortran: bool, data: bytes
) -> np.ndarray:
    """Array of numbers or text in memory of its own."""
    _check_size(shape, len(data), dtype.itemsize)
    array = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    return array.reshape(shape, order='F' if fortran else 'C').copy()


def _make_objects(shape: tuple, fortran: bool, items: Any) -> np.ndarray:
    """Array of objects, given its items in memory order."""
    if not isinstance(items, list):
        raise ValueError(f'an array of {brief(items)}')
    _check_size(shape, len(items), 1)
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape, order='F' if fortran else 'C')


def _as_bytes(data: Any) -> Any:
    """Bytes of Python 2 are read as text."""
    return data.encode('latin1') if isinstance(data, str) else data


def _check_size(shape: Any, found: int, itemsize: int) -> None:
    """Refuse a shape that does not go with the data."""
    count = 1
    good = isinstance(shape, tuple) and len(shape) <= _MOST_AXES
    for size in shape if good else ():
        good &= isinstance(size, int) and 0 <= size <= LARGEST_INT
        count *= size if good else 0
    if not good:
        raise ValueError(f'an array of shape {brief(shape)}')
    if count * itemsize != found:
        raise ValueError(
            f'an array of shape {brief(shape)} should have '
            f'{brief(count * itemsize)} bytes or items, it has {found}'
        )


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, as Python 3 writes bytes with protocol 2."""
    if encoding not in ('latin1', 'latin-1'):
        raise ValueError(f'text in the encoding {brief(encoding)}')
    return text.encode('latin1')


def _make_ordered(items: Iterable = ()) -> OrderedDict:
    """``OrderedDict(items)``, as Python 2 has it."""
    pairs = [(key, value) for key, value in items]
    check_keys(key for key, _ in pairs)
    return OrderedDict(pairs)


_KNOWN: dict[tuple[str, str], Callable] = {
    ('numpy', 'ndarray'): _Array,
    ('numpy', 'dtype'): _DType,
    ('collections', 'OrderedDict'): _make_ordered,
    ('_codecs', 'encode'): _encode,
    **{
        (f'numpy.{core}.{module}', name): kind
        for core in ('core', '_core')
        for module, name, kind in (
            ('multiarray', '_reconstruct', _Array),
            ('multiarray', 'scalar', _Scalar),
            ('numeric', '_frombuffer', _Buffer),
        )
    },
    **{
        (module, name): function
        for module in ('builtins', '__builtin__')
        for name, function in (
            ('set', lambda items=(): set(check_keys(items))),
            ('frozenset', lambda items=(): frozenset(check_keys(items))),
            ('complex', complex),
            ('bytes', lambda: b''),  # old protocols write no bytes so
        )
    },
}
"""What is called in the place of which name in a pickle."""
