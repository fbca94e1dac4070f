"""Read pickles of numpy arrays and plain containers, and nothing else.

Some data sets come as pickles, which can run any code. This reader builds
numbers, text, containers and arrays by itself and refuses every other
object by name. Not even numpy's own reconstruction is called: the state of
an array is kept as it is and checked before memory is touched.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

_KINDS = 'biufcSUO'
"""Kinds of dtypes that are plain numbers, text or objects."""


def load_pickle(
    path: str | Path, stand_ins: Mapping[tuple[str, str], type] | None = None
) -> Any:
    """Read a pickle of arrays and plain containers.

    Args:
        path: A file that ``pickle.dump`` wrote, by Python 2 or 3.
        stand_ins: Foreign classes by module and name whose content is
            wanted, and the class to build in their place; best a subclass
            of :class:`Inert`, which runs nothing.

    Returns:
        Numbers, text, bytes, lists, tuples, dicts, sets and numpy arrays.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds any other object.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist.')
    return _loads(Path(path).read_bytes(), str(path), stand_ins or {})


def load_npy_objects(path: str | Path) -> Any:
    """Read a ``.npy`` file, of objects or of numbers.

    Returns:
        The array; or the object, if it is the only one in an array without
        axes, which is how numpy saves a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or holds anything but arrays and
            plain containers.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist.')
    file = io.BytesIO(Path(path).read_bytes())
    try:
        version = npy.read_magic(file)
        read_header = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(file)
    except Exception as error:  # numpy raises many kinds
        raise ValueError(
            f'{path} is not a .npy file ({_first_line(error)}). Get this '
            'file again.'
        ) from None
    if dtype.hasobject:
        array = _loads(file.read(), str(path), {})
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f'{path}: the header says {shape}, the content is something '
                'else. Get this file again.'
            )
    else:
        data = file.read()
        try:
            array = _make_array(shape, dtype, fortran, data)
        except ValueError as error:
            raise ValueError(
                f'{path}: {error}. Get this file again.'
            ) from None
    return array.item() if array.shape == () else array


class Inert:
    """What stands for an object of a class that is not run.

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


class _Array(Inert):
    """A pickled array: its state is (version, shape, dtype, order, data)."""

    def build(self, resolve: Callable[[Any], Any]) -> np.ndarray:
        _, shape, dtype, fortran, data = self.state
        dtype = resolve(dtype)
        if dtype.hasobject:
            return _make_objects(shape, fortran, resolve(data))
        if isinstance(data, str):  # bytes of Python 2
            data = data.encode('latin1')
        return _make_array(shape, dtype, fortran, data)


class _Buffer(Inert):
    """An array of protocol 5: made of (data, dtype, shape, order)."""

    def build(self, resolve: Callable[[Any], Any]) -> np.ndarray:
        data, dtype, shape, order = self.args
        return _make_array(shape, resolve(dtype), order == 'F', data)


class _Scalar(Inert):
    """A numpy number: made of (dtype, data)."""

    def build(self, resolve: Callable[[Any], Any]) -> Any:
        dtype, data = self.args
        if isinstance(data, str):
            data = data.encode('latin1')
        return _make_array((), resolve(dtype), False, data)[()]


class _DType(Inert):
    """A dtype: made of (name, align, copy); the state has the byte order."""

    def build(self, resolve: Callable[[Any], Any]) -> np.dtype:
        name = self.args[0]
        if not isinstance(name, str) or not name[:1].isalpha():
            raise ValueError(f'a dtype {str(name)[:40]!r}')
        dtype = np.dtype(name)
        if dtype.kind not in _KINDS or dtype.shape or dtype.names:
            raise ValueError(f'a dtype {name[:40]!r}')
        order = self.state[1] if self.state else '='
        return dtype.newbyteorder(order if order in '<>' else '=')


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, as Python 3 writes bytes with protocol 2."""
    if encoding not in ('latin1', 'latin-1'):
        raise ValueError(f'text in the encoding {encoding!r}')
    return text.encode('latin1')


def _empty_bytes() -> bytes:
    """``bytes()``, as Python 3 writes no bytes with old protocols."""
    return b''


_ALLOWED: dict[tuple[str, str], Callable] = {
    ('numpy', 'ndarray'): _Array,
    ('numpy', 'dtype'): _DType,
    **{
        (f'numpy.{core}.{module}', name): kind
        for core in ('core', '_core')
        for module, name, kind in (
            ('multiarray', '_reconstruct', _Array),
            ('multiarray', 'scalar', _Scalar),
            ('numeric', '_frombuffer', _Buffer),
        )
    },
    ('collections', 'OrderedDict'): OrderedDict,
    ('_codecs', 'encode'): _encode,
    **{
        (module, kind.__name__): kind
        for module in ('builtins', '__builtin__')
        for kind in (set, frozenset, complex)
    },
    ('builtins', 'bytes'): _empty_bytes,
    ('__builtin__', 'bytes'): _empty_bytes,
}


# The unpickler in Python, not the one in C: a damaged memo index makes the
# latter allocate gigabytes.
class _Unpickler(pickle._Unpickler):
    """Builds what :data:`_ALLOWED` names and refuses the rest."""

    def __init__(self, data: bytes, extra: Mapping) -> None:
        super().__init__(io.BytesIO(data), encoding='latin1')
        self._known = {**_ALLOWED, **extra}

    def find_class(self, module: str, name: str) -> Callable:
        try:
            return self._known[module, name]
        except KeyError:
            raise _Refused(f'{module}.{name}') from None

    def get_extension(self, code: int) -> None:
        raise _Refused(f'extension {code}')

    def persistent_load(self, pid: Any) -> None:
        raise _Refused('a persistent object')


class _Refused(Exception):  # noqa: N818
    """An object that is neither an array nor a plain container."""


def _loads(data: bytes, path: str, extra: Mapping) -> Any:
    try:
        content = _Unpickler(data, extra).load()
        return _Resolver()(content)
    except _Refused as refused:
        raise ValueError(
            f'{path} holds {refused.args[0][:80]!r}; only numpy arrays and '
            'plain containers are read, because any other object in a pickle '
            'may run code. Get the file from its original source.'
        ) from None
    # Damaged bytes end in any kind of error.
    except (Exception, RecursionError, MemoryError) as error:
        raise ValueError(
            f'{path} is not a complete pickle of arrays and plain '
            f'containers ({_first_line(error)}). Get this file again.'
        ) from None


class _Resolver:
    """Replaces the stand-ins of arrays in nested containers by arrays."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._kept: list = []  # so that no id is used twice

    def __call__(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)]
        if isinstance(value, dict):
            result = self._remember(value, type(value)())
            for key, item in value.items():
                result[self(key)] = self(item)
        elif isinstance(value, list):
            result = self._remember(value, [])
            result.extend(self(item) for item in value)
        elif isinstance(value, (tuple, set, frozenset)):
            result = self._remember(value, type(value)(map(self, value)))
        elif isinstance(value, (_Array, _Buffer, _Scalar, _DType)):
            result = self._remember(value, value.build(self))
        elif isinstance(value, Inert):
            result = self._remember(value, value)
            value.args, value.state = self(value.args), self(value.state)
        else:
            result = value
        return result

    def _remember(self, value: Any, result: Any) -> Any:
        self._kept.append(value)
        self._done[id(value)] = result
        return result


def _make_objects(shape: tuple, fortran: bool, items: list) -> np.ndarray:
    """Array of objects, given its items in memory order."""
    _check_size(shape, len(items), 1)
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array.reshape(shape, order='F' if fortran else 'C')


def _make_array(
    shape: tuple, dtype: np.dtype, fortran: bool, data: bytes
) -> np.ndarray:
    """Array of numbers or text in memory of its own."""
    _check_size(shape, len(data), dtype.itemsize)
    array = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    return array.reshape(shape, order='F' if fortran else 'C').copy()


def _check_size(shape: tuple, found: int, itemsize: int) -> None:
    """Refuse a shape that does not go with the data."""
    count = 1
    for size in shape:
        if not isinstance(size, int) or size < 0:
            raise ValueError(f'an array of shape {shape!r}')
        count *= size
    if count * itemsize != found:
        raise ValueError(
            f'an array of shape {shape} should have {count * itemsize} '
            f'bytes or items, it has {found}'
        )


def _first_line(error: BaseException) -> str:
    text = str(error).split('\n')[0][:200]
    return f'{type(error).__name__}: {text}' if text else type(error).__name__
