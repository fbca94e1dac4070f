"""Rows of results as a JSON or CSV file that grows from run to run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mobind_mm.utils.files import read_text, replacing
from mobind_mm.utils.results import plain_value

_SUFFIXES = ('.json', '.csv')


def read_rows(path: str | Path, columns: Sequence[str]) -> list[dict]:
    """Rows of a file that :func:`write_rows` wrote; none if there is none.

    In CSV, what reads as a number is one, and an empty field is None.

    Args:
        path: A ``.json`` or ``.csv`` file.
        columns: Columns that every row must have.

    Raises:
        ValueError: If the name ends in anything else, or the file holds
            something else.
    """
    path = Path(path)
    if path.suffix not in _SUFFIXES or path.is_dir():
        raise ValueError(
            f'{path} is not the name of a table; give a file ending in '
            f'{" or ".join(_SUFFIXES)}.'
        )
    if not path.exists():
        return []
    text = read_text(path)
    try:
        if path.suffix == '.json':
            rows = json.loads(text)
        else:
            rows = [
                {key: _number(field) for key, field in row.items()}
                for row in csv.DictReader(text.splitlines())
            ]
        known = bool(rows) and all(set(columns) <= set(row) for row in rows)
    except (ValueError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise ValueError(
            f'{path} exists and is not a table with the columns '
            f'{list(columns)}; give another name or remove it.'
        )
    return rows


def write_rows(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows; the file is whole or as it was before.

    A number that is not finite becomes ``null`` or an empty field.
    """
    rows = [{k: plain_value(v) for k, v in row.items()} for row in rows]
    with replacing(path) as temporary:
        if Path(path).suffix == '.json':
            text = json.dumps(rows, indent=1, allow_nan=False)
            temporary.write_text(f'{text}\n', encoding='utf-8')
            return
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with temporary.open('w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def _number(text: str | None) -> Any:
    """A CSV field as what it was."""
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
