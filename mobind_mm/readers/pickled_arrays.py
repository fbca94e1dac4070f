"""Arrays as NumPy pickles them, built without calling NumPy's own code.

The state of an array is kept as it is and checked before memory is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .foreign_values import LARGEST_INT, brief
from .inert import Inert

KINDS = 'biufcSUO'
"""Kinds of dtypes that are plain numbers, text or objects."""
_MOST_AXES = 32

Resolve = Callable[[Any], Any]
"""Replaces stand-ins by arrays in anything."""
Spend = Callable[[float], None]
"""Raises ValueError if a file asks for too many bytes or items."""


class PickledArray(Inert):
    """Stands for something of NumPy until :meth:`build` makes it."""

    def build(self, resolve: Resolve, spend: Spend) -> Any:
        """Make the array, number or dtype.

        Raises:
            ValueError: If the parts do not go together. Damaged parts raise
                other exceptions too.
        """
        raise NotImplementedError


class _Array(PickledArray):
    """An array: its state is (version, shape, dtype, order, data)."""

    def build(self, resolve: Resolve, spend: Spend) -> np.ndarray:
        _, shape, dtype, fortran, data = self.state
        dtype = resolve(dtype)
        if dtype.hasobject:
            return _make_objects(shape, fortran, resolve(data))
        spend(len(data))
        return make_array(shape, dtype, fortran, _as_bytes(data))


class _Buffer(PickledArray):
    """An array of protocol 5: made of (data, dtype, shape, order)."""

    def build(self, resolve: Resolve, spend: Spend) -> np.ndarray:
        data, dtype, shape, order = self.args
        spend(len(data))
        return make_array(shape, resolve(dtype), order == 'F', data)


class _Scalar(PickledArray):
    """A number of NumPy: made of (dtype, data)."""

    def build(self, resolve: Resolve, spend: Spend) -> Any:
        dtype, data = self.args
        spend(len(data))
        return make_array((), resolve(dtype), False, _as_bytes(data))[()]


class _DType(PickledArray):
    """A dtype: made of (name, align, copy); the state has the byte order."""

    def build(self, resolve: Resolve, spend: Spend) -> np.dtype:
        name = self.args[0]
        if not isinstance(name, str) or not name[:1].isalpha():
            raise ValueError(f'a dtype {brief(name)}')
        dtype = np.dtype(name)
        if dtype.kind not in KINDS:  # dates, and tables of several columns
            raise ValueError(f'a dtype {brief(name)}')
        order = self.state[1] if self.state else '='
        return dtype.newbyteorder(order if order in '<>' else '=')


STAND_INS: dict[tuple[str, str], type[PickledArray]] = {
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
}
"""What is built in the place of which name in a pickle."""


def make_array(
    shape: tuple, dtype: np.dtype, fortran: bool, data: bytes
) -> np.ndarray:
    """Array of numbers or text in memory of its own.

    Raises:
        ValueError: If the shape does not go with the data.
    """
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
