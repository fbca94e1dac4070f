"""Build plain containers, and stand-ins of arrays, out of a pickle."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

from .foreign_values import LARGEST_INT, brief
from .inert import Inert
from .pickled_arrays import STAND_INS
from .read_budget import ReadBudget

KEYS = (str, int, float, bool, bytes, type(None))
"""Kinds of keys and of members of sets, which are hashed."""


def _encode(text: str, encoding: str) -> bytes:
    """``_codecs.encode``, as Python 3 writes bytes with protocol 2."""
    if encoding not in ('latin1', 'latin-1'):
        raise ValueError(f'text in the encoding {brief(encoding)}')
    return text.encode('latin1')


def _empty_bytes() -> bytes:
    """``bytes()``, as Python 3 writes no bytes with old protocols."""
    return b''


def _make_set(items: Iterable = ()) -> set:
    """``set(items)``, as old protocols have it."""
    return set(_check_keys(items))


def _make_frozenset(items: Iterable = ()) -> frozenset:
    """``frozenset(items)``, as old protocols have it."""
    return frozenset(_check_keys(items))


def _make_ordered(items: Iterable = ()) -> OrderedDict:
    """``OrderedDict(items)``, as Python 2 has it."""
    pairs = [(key, value) for key, value in items]
    _check_keys(key for key, _ in pairs)
    return OrderedDict(pairs)


def _check_keys(keys: Iterable) -> list:
    """Refuse what may take long to hash, or may hash like many others."""
    keys = list(keys)
    for key in keys:
        huge = isinstance(key, int) and abs(key) > LARGEST_INT
        if type(key) not in KEYS or huge:
            raise ValueError(f'the key {brief(key)}')
    return keys


_ALLOWED: dict[tuple[str, str], Callable] = {
    **STAND_INS,
    ('collections', 'OrderedDict'): _make_ordered,
    ('_codecs', 'encode'): _encode,
    **{
        (module, name): function
        for module in ('builtins', '__builtin__')
        for name, function in (
            ('set', _make_set),
            ('frozenset', _make_frozenset),
            ('complex', complex),
            ('bytes', _empty_bytes),
        )
    },
}


class Refused(Exception):  # noqa: N818
    """An object that is neither an array nor a plain container."""


# The unpickler in Python, not the one in C, which reserves memory for the
# lengths and the places in the memo that a damaged file announces. What
# Python's reserves, hashes, copies or changes is overridden below.
class RestrictedUnpickler(pickle._Unpickler):
    """Builds what :data:`_ALLOWED` names and refuses the rest."""

    def __init__(
        self, data: bytes, extra: Mapping, budget: ReadBudget
    ) -> None:
        super().__init__(io.BytesIO(data), encoding='latin1')
        self._known = {**_ALLOWED, **extra}
        self._budget = budget

    def find_class(self, module: str, name: str) -> Callable:
        """Refuse any name that is not known."""
        try:
            return self._known[module, name]
        except KeyError:
            raise Refused(f'{module}.{name}') from None

    def get_extension(self, code: int) -> None:
        """Refuse what is named by a number."""
        raise Refused(f'extension {code}')

    def persistent_load(self, pid: Any) -> None:
        """Refuse what lies outside of the file."""
        raise Refused('a persistent object')

    def _instantiate(self, klass: Any, args: Any) -> None:
        raise Refused('an object of an old-style class')

    def load_bytearray8(self) -> None:
        """Reserve no more than the file still has."""
        (length,) = struct.unpack('<Q', self.read(8))
        content = self.read(length)  # no more than there is
        if len(content) < length:
            raise ValueError(f'it ends within {length} bytes')
        self.append(bytearray(content))

    def load_put(self) -> None:
        """Refuse places that may hash alike."""
        place = int(self.readline()[:-1])
        if not 0 <= place <= LARGEST_INT:
            raise ValueError(f'place {brief(place)} in the memo')
        self.memo[place] = self.stack[-1]

    def load_dict(self) -> None:
        """Check the keys that follow the mark."""
        _check_keys(self.stack[::2])
        super().load_dict()

    def load_setitems(self) -> None:
        """Check the keys that follow the mark."""
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_setitem(self) -> None:
        """Check the key below the value."""
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_additems(self) -> None:
        """Check the items that follow the mark."""
        _check_keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        """Check the items that follow the mark."""
        _check_keys(self.stack)
        super().load_frozenset()

    def load_reduce(self) -> None:
        """Count what the call may copy."""
        self._spend_arguments(self.stack[-1])
        super().load_reduce()

    def load_newobj(self) -> None:
        """Make stand-ins, nothing else."""
        kind, args = self.stack[-2:]
        if not isinstance(kind, type) or not issubclass(kind, Inert):
            raise Refused(brief(kind))
        self._spend_arguments(args)
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        """Refuse objects with named arguments."""
        raise Refused('an object with named arguments')

    def load_build(self) -> None:
        """Fill stand-ins; any other state may change the reader itself."""
        if not isinstance(self.stack[-2], Inert):
            raise Refused(f'{brief(self.stack[-2])} with a state')
        super().load_build()

    def _spend_arguments(self, args: Any) -> None:
        """Count what a call may copy."""
        if type(args) is not tuple:
            raise Refused(f'a call with {brief(args)}')
        for value in (args, *args):
            if isinstance(value, Sized):
                self._budget.spend(len(value))

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.ADDITEMS[0]: load_additems,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.DICT[0]: load_dict,
        pickle.FROZENSET[0]: load_frozenset,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.PUT[0]: load_put,
        pickle.REDUCE[0]: load_reduce,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
    }
