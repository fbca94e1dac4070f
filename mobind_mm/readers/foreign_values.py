"""Handle values of unknown files in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LARGEST_INT = 1 << 40
"""No size, index or key of a file that we read is larger."""
_DEEPEST = 32
"""No array has more axes."""


def brief(value: Any) -> str:
    """Short text of a value, for a message.

    ``repr`` takes forever on a tuple that holds one tuple twice, which holds
    one twice, and so on; and so long as it is on a long value.
    """
    if isinstance(value, (list, tuple)) and len(value) <= 4:
        inner = ', '.join(map(_brief_item, value))
        if isinstance(value, list):
            return f'[{inner}]'
        return f'({inner},)' if len(value) == 1 else f'({inner})'
    return _brief_item(value)


def _brief_item(value: Any) -> str:
    if isinstance(value, str):
        return repr(str(value[:40]))
    if isinstance(value, int) and abs(value) > 10**20:
        return 'a huge number'
    if value is None or isinstance(value, (int, float)):
        return str(value)
    kind = type(value).__name__
    return f'an {kind}' if kind[0] in 'aeiou' else f'a {kind}'


def as_numbers(value: Any) -> np.ndarray:
    """Array of the numbers in an array or in nested lists.

    NumPy would make all texts in a list as long as the longest, which takes
    any amount of memory, so only lists of numbers are given to it.

    Returns:
        The array, of kind ``b``, ``i``, ``u`` or ``f``. One of objects
        stands for anything else, such as lists of different lengths.
    """
    if consists_of(value, _is_numeric):
        try:
            array = np.asarray(value)
        except ValueError:  # lists of different lengths
            array = np.empty(0, object)
        if array.dtype.kind in 'biuf':
            return array
    return np.empty(0, object)


def consists_of(
    value: Any, fits: Callable[[Any], bool], depth: int = _DEEPEST
) -> bool:
    """Whether everything in nested lists and tuples fits.

    Args:
        value: Anything.
        fits: Tells whether an item that is no list or tuple fits.
        depth: Levels of lists; more do not fit.
    """
    if not isinstance(value, (list, tuple)):
        return fits(value)
    return depth > 0 and all(consists_of(v, fits, depth - 1) for v in value)


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in 'biuf'
    return isinstance(value, (int, float))
