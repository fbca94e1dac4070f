"""Read pickles of numpy arrays and plain containers, and nothing else.

Some data sets come as pickles, which can run any code. This reader builds
numbers, text, containers and arrays by itself and refuses every other
object by name. It takes memory and time in proportion to the file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .foreign_values import brief
from .inert import Inert
from .npy_header import read_npy_header
from .pickled_arrays import KINDS, PickledArray, make_array
from .read_budget import ReadBudget
from .restricted_unpickler import KEYS, Refused, RestrictedUnpickler

_PLAIN = (*KEYS, complex, bytearray)
_LONGEST_INT = 1024
"""Bits; Python refuses to print a number much longer."""


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
        Keys and members of sets are text, bytes, None or numbers.

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
        shape, fortran, dtype = read_npy_header(file)
        if dtype.kind not in KINDS:
            raise ValueError(f'it holds the dtype {str(dtype)[:40]}')
        if not dtype.hasobject:
            array = make_array(shape, dtype, fortran, file.read())
    except ValueError as error:
        raise ValueError(
            f'{path} is not a .npy file of objects or numbers '
            f'({_first_line(error)}). Get this file again.'
        ) from None
    if dtype.hasobject:
        array = _loads(file.read(), str(path), {})
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f'{path}: the header says {brief(shape)}, the content is '
                'something else. Get this file again.'
            )
    return array.item() if array.shape == () else array


def _loads(data: bytes, path: str, extra: Mapping) -> Any:
    budget = ReadBudget(len(data))
    try:
        content = RestrictedUnpickler(data, extra, budget).load()
        return _Resolver(budget)(content)
    except MemoryError:  # of the machine, since the file does not get much
        raise
    except Refused as refused:
        raise ValueError(
            f'{path} holds {refused.args[0][:80]!r}; only numpy arrays and '
            'plain containers are read, because any other object in a pickle '
            'may run code. Get the file from its original source.'
        ) from None
    except Exception as error:  # damaged bytes end in any kind
        raise ValueError(
            f'{path} is not a complete pickle of arrays and plain '
            f'containers ({_first_line(error)}). Get this file again.'
        ) from None


class _Resolver:
    """Replaces the stand-ins of arrays in nested containers by arrays."""

    def __init__(self, budget: ReadBudget) -> None:
        self._budget = budget
        self._done: dict[int, tuple[Any, float]] = {}  # result and its cost
        self._kept: list = []  # so that no id is used twice

    def __call__(self, value: Any) -> Any:
        self._budget.spend(1)
        if id(value) in self._done:
            result, cost = self._done[id(value)]
            self._budget.spend(cost)
        elif type(value) in _PLAIN:
            if type(value) is int and value.bit_length() > _LONGEST_INT:
                raise ValueError(f'a number of {value.bit_length()} bits')
            result = value
        else:
            self._kept.append(value)
            # What holds itself is endless, unless by way of an object.
            foreign = isinstance(value, Inert)
            foreign &= not isinstance(value, PickledArray)
            self._done[id(value)] = value, 0 if foreign else math.inf
            before = self._budget.left
            result = self._build(value)
            if not foreign:
                cost = before - self._budget.left
                self._done[id(value)] = result, cost
        return result

    def _build(self, value: Any) -> Any:
        if isinstance(value, PickledArray):
            return value.build(self, self._budget.spend)
        if isinstance(value, Inert):
            value.args, value.state = self(value.args), self(value.state)
            return value
        if isinstance(value, dict):
            return type(value)((key, self(v)) for key, v in value.items())
        if isinstance(value, (list, tuple, set, frozenset)):
            return type(value)(map(self, value))
        raise Refused(brief(value))


def _first_line(error: BaseException) -> str:
    text = str(error).split('\n')[0][:200]
    return f'{type(error).__name__}: {text}' if text else type(error).__name__
