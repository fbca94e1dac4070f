"""The process that unpickles: nothing but Python's own library.

:mod:`.unpickle` runs this file as a program of its own, away from the
packages and the environment of the user, with a limit of memory and time.
It reads one request per line from its standard input, and answers each with
a JSON text and the bytes that the pickle holds.

The unpickler follows the recipe in the documentation of :mod:`pickle`:
``find_class`` allows some names and refuses all others. What it allows is
not run either. Each name gives a :class:`_Call`, which only keeps what it
was called with.
"""

from __future__ import annotations

import gc
import json
import math
import pickle
import struct
import sys
import time
from collections.abc import Iterable, Sized
from contextlib import suppress
from functools import lru_cache
from typing import Any, BinaryIO

LARGEST_INT = 1 << 40
"""No size, index or key of a file that we read is larger."""
KEYS = (str, int, float, bool, bytes, type(None))
"""Kinds of keys and of members of sets, which are hashed."""

_LONGEST_INT = 1024
"""Bits; Python refuses to print a number much longer."""
_LONG_TEXT = 64
"""Characters; a longer text is sent once, however often it occurs."""


def brief(value: Any) -> str:
    """Short text of a value, for a message.

    ``repr`` takes forever on a tuple that holds one tuple twice, which holds
    one twice, and so on; and its text is as long as the value.

    >>> brief(('a', [1, 2]))
    "('a', a list)"
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


def check_keys(keys: Iterable) -> list:
    """Refuse what may take long to hash, or may hash like many others.

    A call passes: bytes are calls in old protocols. What it gives is checked
    again when it is built.
    """
    keys = list(keys)
    for key in keys:
        huge = isinstance(key, int) and abs(key) > LARGEST_INT
        plain = type(key) in KEYS or isinstance(key, _Call)
        if huge or not plain:
            raise ValueError(f'the key {brief(key)}')
    return keys


def first_line(error: BaseException) -> str:
    """Kind and beginning of an error, for a message."""
    text = str(error).split('\n')[0][:200]
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


class Refused(Exception):  # noqa: N818
    """An object that is neither an array nor a plain container."""


class _Call:
    """Keeps what would have been called or made; runs nothing."""

    place: tuple[str, str]  # module and name; each has a subclass
    args: tuple
    state: Any
    items: list[tuple[Any, Any]]

    def __new__(cls, *args: Any) -> _Call:
        made = super().__new__(cls)
        made.args, made.state, made.items = args, None, []
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))


@lru_cache(maxsize=100)
def _call_of(place: tuple[str, str]) -> type[_Call]:
    return type('call', (_Call,), {'place': place})


class _Unpickler(pickle.Unpickler):
    """Allows some names, as :class:`_Call`."""

    def __init__(self, file: BinaryIO, allowed: Iterable) -> None:
        super().__init__(file, encoding='latin1')
        self._allowed = set(map(tuple, allowed))

    def find_class(self, module: str, name: str) -> type[_Call]:
        """Refuse any other name."""
        if (module, name) not in self._allowed:
            raise Refused(f'{module}.{name}')
        return _call_of((module, name))


class _Encoder:
    """Writes what was unpickled as a list of steps that build it again.

    Numbers, None and short texts stand for themselves, and ``[i]`` for what
    step ``i`` has built, so that what is shared stays shared.

    It bounds what the file makes, counting what it says again as often as it
    says it. Otherwise a list that holds one list many times, which holds one
    many times, is small until somebody makes an array of it. Honest files
    make about one item or byte of each of their bytes.

    Args:
        size: Bytes of the file.
        foreign: Names of classes whose content is wanted as it is.
    """

    def __init__(self, size: int, foreign: Iterable) -> None:
        self.steps: list[list] = []
        self.buffers: list[bytes] = []
        self._left = 100_000.0 + 10 * size
        self._foreign = set(map(tuple, foreign))
        self._done: dict[int, tuple[list, float]] = {}  # and its cost

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        self._spend(1)
        if kind is int and value.bit_length() > _LONGEST_INT:
            raise ValueError(f'a number of {value.bit_length()} bits')
        if kind in (int, bool, float, type(None)):
            return value
        if kind is str and len(value) <= _LONG_TEXT:
            return value
        if id(value) in self._done:
            reference, cost = self._done[id(value)]
            self._spend(cost)
            return reference
        # What holds itself is endless, unless by way of a foreign object.
        self._done[id(value)] = [], math.inf
        before = self._left
        reference = self._encode(value, kind)
        if not self._is_foreign(value):
            self._done[id(value)] = reference, before - self._left
        return reference

    def _encode(self, value: Any, kind: type) -> list:
        name = kind.__name__
        if kind is str:
            with suppress(UnicodeEncodeError):  # as Python 2 writes bytes
                self.buffers.append(value.encode('latin1'))
                return self._step('latin1', len(value))
            return self._step(name, value)
        if kind in (bytes, bytearray):
            self.buffers.append(value)
            return self._step(name, len(value))
        if kind in (dict, set, frozenset):
            check_keys(value)
        if kind is dict:
            keys = [*map(self, value)]
            return self._step(name, keys, [*map(self, value.values())])
        if kind in (list, tuple, set, frozenset):
            return self._step(name, [*map(self, value)])
        if isinstance(value, _Call):
            return self._encode_call(value)
        is_name = isinstance(value, type) and issubclass(value, _Call)
        if is_name and value.place in self._foreign:
            return self._step('name', value.place)
        raise Refused(brief(value))

    def _encode_call(self, value: _Call) -> list:
        state = value.state
        parts = [*state] if type(state) is tuple else []
        for part in (value.args, value.items, *value.args, *parts):
            if isinstance(part, Sized):  # may be copied
                self._spend(len(part))
        # The arguments of an array are its class and a dummy.
        empty = value.place[1] == '_reconstruct'
        args = [] if empty else [*map(self, value.args)]
        if not self._is_foreign(value):
            check_keys(key for key, _ in value.items)
            items = [[self(key), self(item)] for key, item in value.items]
            return self._step('call', value.place, args, self(state), items)
        if value.items:
            raise Refused(f'{value.place[1]} with items')
        reference = self._step('call', value.place, args, None, [])
        self._done[id(value)] = reference, 0
        if state is not None:
            self._step('state', reference, self(state))
        return reference

    def _is_foreign(self, value: Any) -> bool:
        return isinstance(value, _Call) and value.place in self._foreign

    def _step(self, *parts: Any) -> list:
        self.steps.append([*parts])
        return [len(self.steps) - 1]

    def _spend(self, amount: float) -> None:
        self._left -= amount
        if self._left < 0:
            raise ValueError('it makes far more than a file of its size holds')


def _answer(request: dict[str, Any]) -> tuple[bytes, list[bytes]]:
    """Unpickle a file: steps that build its content as JSON, and bytes."""
    reply: dict[str, Any]
    try:
        _set_limits(request['memory'], request['seconds'])
        with open(request['path'], 'rb') as file:
            file.seek(request['offset'])
            names = [*request['names'], *request['foreign']]
            content = _Unpickler(file, names).load()
        encoder = _Encoder(request['size'], request['foreign'])
        value = encoder(content)
        reply = {'steps': encoder.steps, 'value': value}
        return json.dumps(reply).encode(), encoder.buffers
    except MemoryError:
        reply = {'error': 'memory'}
    except Refused as error:
        reply = {'error': 'refused', 'what': error.args[0][:80]}
    except Exception as error:  # damaged bytes end in any kind
        reply = {'error': 'damaged', 'what': first_line(error)}
    return json.dumps(reply).encode(), []


def _set_limits(memory: int, seconds: float) -> None:
    """Bound what this process may take from now on, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; the other process watches the time
        return
    limits = {
        resource.RLIMIT_CPU: math.ceil(time.process_time() + seconds),
        resource.RLIMIT_CORE: 0,
    }
    with suppress(OSError), open('/proc/self/statm') as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
        limits[resource.RLIMIT_AS] = used + memory
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, hard))


def main() -> None:
    """Answer requests until there are no more."""
    gc.disable()  # content is as large as it is; cycles are errors
    for line in iter(sys.stdin.buffer.readline, b''):
        text, buffers = _answer(json.loads(line))
        for part in (struct.pack('<Q', len(text)), text, *buffers):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        if not buffers:
            gc.collect()
        del buffers


if __name__ == '__main__':
    main()
