"""Read the arrays of a SMPL model as its authors hand it out.

These pickles hold arrays of chumpy, which no longer installs, and a sparse
matrix of SciPy. Both are read as the numbers that they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix

from ..foreign_values import brief
from ..inert import Inert
from ..restricted_pickle import load_pickle
from .smpl_arrays import MAX_ITEMS, SMPL_ARRAYS, check_smpl_array


class _Kept(Inert):
    """What a foreign object was pickled with; none of its code."""

    def get(self, name: str) -> Any:
        """An attribute that the object had; None without it."""
        return self.state.get(name) if isinstance(self.state, dict) else None


class _Array(_Kept):
    """Stands for ``chumpy.ch.Ch``: an array in its attribute ``x``."""

    def array(self) -> np.ndarray:
        """The array."""
        return _plain_array(self.get('x'), 'fiu')


class _Selection(_Kept):
    """Stands for ``chumpy.reordering.Select``: elements of another one."""

    def array(self) -> np.ndarray:
        """The elements, in their shape."""
        whole = self.get('a')
        if isinstance(whole, _Array):
            whole = whole.array()
        whole = _plain_array(whole, 'fiu')
        index = _plain_array(self.get('idxs'), 'iu')
        chosen, shape = whole.ravel()[index], self.get('preferred_shape')
        return chosen if shape is None else chosen.reshape(shape)


class _Sparse(_Kept):
    """Stands for ``scipy.sparse.csc_matrix``."""

    def array(self) -> np.ndarray:
        """The dense array."""
        shape = self.get('_shape') or self.get('shape') or ()
        data = _plain_array(self.get('data'), 'fiu')
        index = [
            _plain_array(self.get(name), 'iu')
            for name in ('indices', 'indptr')
        ]
        check_smpl_array('J_regressor', shape, data.dtype.kind)
        matrix = csc_matrix((data, *index), shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _Object:
    """Stands for ``object``, the base that old pickles name."""


def _rebuild(kind: type, base: type, state: None) -> _Kept:
    """Stands for ``copy_reg._reconstructor``: an object without state."""
    if not issubclass(kind, _Kept):
        raise ValueError(f'{kind.__name__} instead of an array')
    return kind()


_STAND_INS = {
    ('copy_reg', '_reconstructor'): _rebuild,
    ('__builtin__', 'object'): _Object,
    ('chumpy.ch', 'Ch'): _Array,
    ('chumpy.reordering', 'Select'): _Selection,
    ('scipy.sparse.csc', 'csc_matrix'): _Sparse,
    ('scipy.sparse._csc', 'csc_matrix'): _Sparse,
}


def read_smpl_pickle(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a model in a pickle, by name.

    Raises:
        ValueError: If the file is damaged or holds something else.
    """
    content = load_pickle(path, _STAND_INS)
    if not isinstance(content, Mapping):
        raise ValueError(
            f'{path} holds a {type(content).__name__}, expected a dictionary '
            'with the arrays of a SMPL model.'
        )
    arrays = {}
    for name in SMPL_ARRAYS:
        try:
            array = _as_array(content.get(name))
            check_smpl_array(name, array.shape, array.dtype.kind)
        except Exception as error:  # many kinds, if the content is damaged
            raise ValueError(
                f'{path}: {name} cannot be read ({error}). Get the SMPL '
                'model again.'
            ) from None
        arrays[name] = array
    return arrays


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, (_Array, _Selection, _Sparse)):
        return value.array()
    if not isinstance(value, np.ndarray):
        raise ValueError(f'it is no array but {brief(value)}')
    return value


def _plain_array(value: Any, kinds: str) -> np.ndarray:
    """An array of numbers, not larger than that of any model.

    Text is refused before anything is done with it, since one element may
    be as large as the file.
    """
    if (
        not isinstance(value, np.ndarray)
        or value.dtype.kind not in kinds
        or value.size > MAX_ITEMS
    ):
        raise ValueError(
            f'it is made of {brief(value)} instead of an array of numbers '
            f'with at most {MAX_ITEMS} elements'
        )
    return value
