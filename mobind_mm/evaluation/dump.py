"""Results of single samples as a table, worst cases first."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..utils.files import replacing


def check_dump(path: str | Path | None) -> Path | None:
    """Refuse a name for a table, before hours of work.

    Args:
        path: ``dump`` of a metric; None for no table.

    Raises:
        ValueError: If the path does not end in ``.csv`` or is a directory.
    """
    if path is None:
        return None
    path = Path(path)
    if path.suffix != '.csv' or path.is_dir():
        raise ValueError(
            f'dump={str(path)!r} is not the name of a table; give a file '
            'that ends in .csv.'
        )
    return path


def write_cases(
    path: str | Path,
    rows: Sequence[Mapping[str, Any]],
    worst: Callable[[Mapping[str, Any]], float],
) -> None:
    """Write one line a sample as CSV, worst first, in one step.

    Args:
        path: File to write; its directory is made.
        rows: Column to value. Columns are those of all rows in the order
            they appear; a value that a row lacks, or that is None, stays
            empty. Lists, arrays and dictionaries are written as JSON.
        worst: How bad a row is; the largest comes first, NaN (the sample
            could not be evaluated) before everything. Rows that are equally
            bad keep their order.

    Raises:
        ValueError: If ``path`` does not end in ``.csv``.
    """
    path = check_dump(path)
    columns = list(dict.fromkeys(key for row in rows for key in row))

    def badness(row: Mapping[str, Any]) -> float:
        value = float(worst(row))
        return math.inf if math.isnan(value) else value

    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    if columns:
        writer.writerow(columns)
    for row in sorted(rows, key=badness, reverse=True):
        writer.writerow([_cell(row.get(key)) for key in columns])
    with replacing(path) as temporary:
        temporary.write_bytes(table.getvalue().encode())


def _cell(value: Any) -> Any:
    """A value as CSV shows it."""
    value = value.tolist() if hasattr(value, 'tolist') else value
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value)
    return value
