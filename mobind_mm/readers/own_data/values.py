"""Check single values of a mapping; every error names file and key."""

from __future__ import annotations

import datetime
import difflib
import numbers
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ...skeleton import LIMBS
from ..table_times import parse_date

Check = Callable[[Any, str], Any]
"""Gives the value in its final type, or raises ValueError with the key."""

_shown = reprlib.Repr()
_shown.maxother = _shown.maxstring = 60


def show(value: Any) -> str:
    """Short text of any value: a YAML alias can make one very long."""
    return ' '.join(_shown.repr(value).split())


def nearest(name: Any, known: Iterable[str]) -> str:
    """``Did you mean 'x'? `` if a known name is similar, else nothing."""
    found = difflib.get_close_matches(str(name), [*known], 1, 0.5)
    return f'Did you mean {found[0]!r}? ' if found else ''


def below(where: str, key: object) -> str:
    """Path of a key; ``where`` is that of its mapping or ``FILE:``."""
    return f'{where}{" " if where.endswith(":") else "."}{key}'


@contextmanager
def named(where: str) -> Iterator[None]:
    """Put a key before the errors of reading what it names."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}: {error}') from None
    except ImportError as error:
        raise ImportError(f'{where}: {error}') from None
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def text(value: Any, where: str) -> str:
    """Text; a whole number is taken as it is written."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(
            f'{where}: {show(value)} is not text; put it in quotes.'
        )
    if not str(value).strip():
        raise ValueError(f'{where} is empty; give it a text.')
    return str(value)


def number(value: Any, where: str) -> float:
    """A finite number."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not abs(value) < 1e18:
        raise ValueError(f'{where}: {show(value)} is not a number.')
    return float(value)


def positive(value: Any, where: str) -> float:
    """A number above zero."""
    if not number(value, where) > 0:
        raise ValueError(f'{where}: {value} must be greater than 0.')
    return float(value)


def count(value: Any, where: str) -> int:
    """A whole number from 0."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 0 <= value < 10**9:
        raise ValueError(
            f'{where}: {show(value)} is not a whole number from 0.'
        )
    return value


def moment(value: Any, where: str) -> float:
    """Seconds; of a date, those since 1970."""
    if isinstance(value, datetime.datetime):
        value = value.isoformat()
    if isinstance(value, str):
        seconds = parse_date(value)
        if seconds is not None:
            return seconds
        raise ValueError(
            f'{where}: {show(value)} is neither a number of seconds nor a '
            "date such as '2024-05-01T10:00:00.000Z'."
        )
    return number(value, where)


def choice(*options: str) -> Check:
    """One of some words."""

    def check(value: Any, where: str) -> str:
        if value in options and isinstance(value, str):
            return value
        raise ValueError(
            f'{where}: {show(value)} is not known. '
            f'{nearest(value, options)}Choose from {", ".join(options)}.'
        )

    return check


def column(value: Any, where: str) -> str:
    """Name of a column, or its number from 1 where there are no names."""
    return text(value, where)


def columns(length: int) -> Check:
    """Names of a given number of columns."""

    def check(value: Any, where: str) -> list[str]:
        if not isinstance(value, list) or len(value) != length:
            raise ValueError(
                f'{where}: {show(value)} must be a list of {length} columns.'
            )
        names = [column(v, f'{where}[{i}]') for i, v in enumerate(value)]
        bare = [name.lstrip('-') for name in names]
        if len(set(bare)) < length:
            raise ValueError(f'{where}: {show(names)} names a column twice.')
        return names

    return check


def img_shape(value: Any, where: str) -> list[int]:
    """``[height, width]`` in pixels."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(
            f'{where}: {show(value)} must be [height, width] in pixels.'
        )
    shape = [count(v, f'{where}[{i}]') for i, v in enumerate(value)]
    if min(shape) < 1:
        raise ValueError(f'{where}: {shape} must be greater than 0.')
    return shape


def template(key: str) -> Check:
    """Name of a column that holds ``{key}``."""

    def check(value: Any, where: str) -> str:
        if re.findall(r'\{(\w*)\}', text(value, where)) != [key]:
            raise ValueError(
                f'{where}: {show(value)} must hold {{{key}}} once, such as '
                f"'{{{key}}}_x'."
            )
        return value

    return check


def person(value: Any, where: str) -> str | int:
    """``longest``, ``largest`` or the number of a person."""
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value, where)
    return choice('longest', 'largest')(value, where)


def placement(name: Any, where: str) -> str:
    """Placement of a sensor."""
    if isinstance(name, str) and name in LIMBS:
        return name
    raise ValueError(
        f'{where}: {show(name)} is no placement of a sensor. '
        f'{nearest(name, LIMBS)}Choose from {", ".join(sorted(LIMBS))}.'
    )


def list_of(check: Check) -> Check:
    """A list of values that pass a check."""

    def check_list(value: Any, where: str) -> list:
        if not isinstance(value, list) or not value:
            raise ValueError(
                f'{where}: {show(value)} must be a list with an entry.'
            )
        return [check(v, f'{where}[{i}]') for i, v in enumerate(value)]

    return check_list


def map_of(check_key: Check, check_value: Check) -> Check:
    """A mapping with free keys."""

    def check(value: Any, where: str) -> dict:
        if not isinstance(value, Mapping) or not value:
            raise ValueError(
                f'{where}: {show(value)} must be a mapping with an entry.'
            )
        return {
            check_key(k, where): check_value(v, below(where, k))
            for k, v in value.items()
        }

    return check


def keys(schema: Mapping[str, Check]) -> Check:
    """A mapping with known keys; none is required, None stands for none."""

    def check(value: Any, where: str) -> dict:
        if not isinstance(value, Mapping):
            raise ValueError(
                f'{where}: {show(value)} must be a mapping of '
                f'{", ".join(schema)}.'
            )
        for key in value:
            if key not in schema:
                raise ValueError(
                    f'{where.rstrip(":")}: unknown key {show(key)}. '
                    f'{nearest(key, schema)}Known: {", ".join(schema)}.'
                )
        return {
            k: None if v is None else schema[k](v, below(where, k))
            for k, v in value.items()
        }

    return check


def merged(base: Mapping, over: Mapping) -> dict:
    """Mapping whose values in ``over`` win; there, None removes a key."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping):
            found = result.get(key)
            known = found if isinstance(found, Mapping) else {}
            value = merged(known, value)
        result[key] = value
    return {key: value for key, value in result.items() if value is not None}


def require(
    spec: Mapping, wanted: Sequence[str], where: str, examples: Mapping
) -> None:
    """Check that keys are there.

    Args:
        spec: Checked mapping.
        wanted: Keys, those below another as ``'units.acc'``.
        where: File and key, for the message.
        examples: What to write, by key.

    Raises:
        ValueError: Naming the first key that is missing.
    """
    for key in wanted:
        value: Any = spec
        for part in key.split('.'):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            raise ValueError(
                f'{where}: {key} is missing; add {key}: '
                f'{examples.get(key, "...")}.'
            )
