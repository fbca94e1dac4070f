"""The sentence of an error, from its facts: place, value, fix."""

from __future__ import annotations

import difflib
import errno
import re
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

_ABSENT = object()
_shown = reprlib.Repr()
_shown.maxother = _shown.maxstring = 60
_LONGEST = 2000
"""Characters of a message, about a screen."""


def mistake(
    where: object,
    what: str,
    fix: str = '',
    *,
    row: int | None = None,
    column: str | None = None,
    value: Any = _ABSENT,
    name: Any = None,
    known: Iterable[str] = (),
    kind: type[Exception] = ValueError,
) -> Exception:
    """Error of a user's mistake; the caller raises it.

    Args:
        where: File, or file and key path.
        what: What is wrong, without a full stop. If it starts with ``has``,
            ``is``, ``does`` or ``holds``, the place is its subject.
        fix: What to do about it, without a full stop.
        row: Row of the file, from 1.
        column: Name of the column.
        value: The value that is wrong.
        name: A misspelt name, whose nearest among ``known`` is suggested.
        known: Names that would be right.
        kind: Class of the error.

    >>> print(mistake(
    ...     'a.csv', 'is not a number', 'Correct the cell', row=7, column='x',
    ...     value='oops',
    ... ))
    a.csv, row 7: column 'x' has 'oops', which is not a number. Correct the cell.
    >>> print(mistake('a.yml: unit', 'is not known', 'Choose from g, mg',
    ...               value='G', name='mgg', known=('g', 'mg')))
    a.yml: unit: 'G' is not known. Did you mean 'mg'? Choose from g, mg.
    """  # noqa: E501
    place = f'{where}' if row is None else f'{where}, row {row}'
    fact = what
    if value is not _ABSENT:
        fact = f'{show(value)} {what}'
        if column is not None:
            fact = f'column {column!r} has {show(value)}, which {what}'
    elif column is not None:
        fact = f'column {column!r} {what}'
    elif what.split(' ', 1)[0] in ('has', 'is', 'does', 'holds'):
        place, fact = f'{place} {what}.', ''
    hint = '' if name is None else nearest(name, known)
    if fact:
        place = f'{place}: {fact}.'
    parts = (place, hint.strip(), f'{fix}.' if fix else '')
    return kind(shortened(' '.join(part for part in parts if part)))


def shortened(message: str) -> str:
    """Beginning and end of a message that would fill more than a screen.

    >>> len(shortened('x' * 1_000_000))
    2007
    """
    half = _LONGEST // 2
    if len(message) <= _LONGEST:
        return message
    return f'{message[:half]} [...] {message[-half:]}'


def show(value: Any) -> str:
    """Short text of any value: a YAML alias can make one very long.

    >>> show('x' * 1000) == show('x' * 2000)
    True
    """
    return ' '.join(_shown.repr(value).split())


_CONTROLS = re.compile(
    '[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)
"""What a terminal obeys, or cannot print, instead of showing it."""


def printable(text: str, keep: str = '') -> str:
    r"""Text of files and names of files, of which a terminal shows all.

    >>> print(printable('a\nb \x1b[31m'))
    a\nb \x1b[31m
    """
    return _CONTROLS.sub(
        lambda match: match[0] if match[0] in keep else ascii(match[0])[1:-1],
        text,
    )


def shown(names: Iterable[str], most: int = 20) -> str:
    """Some names, quoted, for a message."""
    return ', '.join(repr(name[:40]) for name in list(names)[:most])


def first_few(texts: Sequence[str], most: int) -> str:
    """The first of many texts, for a message.

    >>> first_few(['a', 'b', 'c'], 2)
    'a, b, ...'
    """
    more = ('...',) if len(texts) > most else ()
    return ', '.join([*texts[:most], *more])


def nearest(name: Any, known: Iterable[str]) -> str:
    """``Did you mean 'x'? `` if a known name is similar, else nothing.

    >>> nearest('righ_wrist', ('left_wrist', 'right_wrist'))
    "Did you mean 'right_wrist'? "
    """
    close = difflib.get_close_matches(str(name), [*known], 1, 0.5)
    return f'Did you mean {close[0]!r}? ' if close else ''


def below(where: str, key: object) -> str:
    """Path of a key; ``where`` is that of its mapping or ``FILE:``.

    >>> below('a.yml:', 'takes'), below('a.yml: takes[0]', 'imu')
    ('a.yml: takes', 'a.yml: takes[0].imu')
    """
    return f'{where}{" " if where.endswith(":") else "."}{key}'


def prefixed(error: Exception, where: str) -> Exception:
    """The error of reading what a key names, with the key before it."""
    for kind in (FileNotFoundError, ImportError):
        if isinstance(error, kind):
            return kind(f'{where}: {error}')
    return ValueError(f'{where}: {error}')


READ_ERRORS = (FileNotFoundError, ImportError, ValueError)
"""What reading a file raises when the file or its mapping is at fault."""


def is_memory(error: BaseException) -> bool:
    """Whether memory ran out, whoever noticed.

    PyTorch raises RuntimeError, a library that cannot be loaded ImportError.

    >>> is_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    """
    if isinstance(error, (RuntimeError, ImportError)):
        return bool(re.search('allocate memory|out of memory', str(error)))
    no_memory = getattr(error, 'errno', None) == errno.ENOMEM
    return no_memory or isinstance(error, MemoryError)
