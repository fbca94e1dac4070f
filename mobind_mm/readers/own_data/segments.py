"""Labelled segments of a take: in the mapping or in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..table_csv import Dialect
from ..tables import read_table
from . import values as v

Segment = tuple[float, float, str]
"""Start and end in seconds, and label."""

_INLINE = v.list_of(
    v.keys({'start_s': v.moment, 'end_s': v.moment, 'label': v.text})
)
_FILE = v.keys(
    {
        'file': v.text,
        'start_s': v.number,
        'delimiter': v.choice(',', ';', '\t', '|', ' '),
        'decimal': v.choice('.', ','),
    }
)


def segments(value: Any, where: str) -> Any:
    """Check ``segments`` of a take: a list, or keys of a table."""
    return (_FILE if isinstance(value, Mapping) else _INLINE)(value, where)


def read_segments(
    spec: Sequence | Mapping, root: Path, where: str
) -> list[Segment]:
    """Segments of a take.

    Args:
        spec: Checked value of ``segments``.
        root: Directory that ``file`` is relative to.
        where: File and key, for messages.

    Returns:
        Segments by time. Dates count from 1970; ``start_s`` of a table is
        added to its times.

    Raises:
        FileNotFoundError: If the table does not exist.
        ValueError: If a key is missing or a segment ends before it starts.
    """
    if isinstance(spec, Mapping):
        return sorted(_read_file(spec, root, where))
    found = []
    for index, entry in enumerate(spec):
        place = f'{where}[{index}]'
        v.require(entry, ('start_s', 'end_s', 'label'), place, {})
        start, end = (entry[key] for key in ('start_s', 'end_s'))
        _check(start, end, place)
        found.append((start, end, entry['label']))
    return sorted(found)


def _read_file(spec: Mapping, root: Path, where: str) -> list[Segment]:
    v.require(spec, ('file',), where, {'file': 'a CSV of start_s,end_s,label'})
    names = ('start_s', 'end_s')
    with v.named(where):
        table = read_table(
            root / spec['file'],
            numbers=(),
            times=names,
            texts=('label',),
            dialect=Dialect(spec.get('delimiter'), spec.get('decimal')),
        )
    found = []
    columns = (*(table.numbers[name] for name in names), table.texts['label'])
    for line, start, end, label in zip(table.lines, *columns):
        place = f'{where}: {table.path}, row {line}'
        _check(start, end, place)
        if not label:
            raise ValueError(f'{place}: label is empty; name the action.')
        shift = spec.get('start_s', 0.0)
        found.append((float(start) + shift, float(end) + shift, label))
    return found


def _check(start: float, end: float, where: str) -> None:
    if not start < end:  # NaN where a cell is empty
        raise ValueError(
            f'{where}: start_s {start} must be less than end_s {end}.'
        )
