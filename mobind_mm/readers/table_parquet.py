"""Read columns of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .own_data.values import nearest

_CHUNK = 8192
_ROWS_PER_BYTE = 10
"""More rows than that are no measurements, however well they pack."""


def read_parquet(
    path: Path, names: Sequence[str]
) -> Iterator[tuple[list[int], list[np.ndarray | list[str]]]]:
    """Read some columns in pieces.

    Yields:
        Rows (from 1) and the values of each column: float64 with NaN where
        there is none, datetime64 with NaT likewise, or text.

    Raises:
        ImportError: If pyarrow is not installed.
        ValueError: Naming file and column.
    """
    pyarrow = _pyarrow(path)
    first = 1
    with _opened(path, pyarrow) as file:
        _check_names(path, names, file.schema_arrow.names)
        rows, size = file.metadata.num_rows, path.stat().st_size
        if rows > _ROWS_PER_BYTE * size:
            raise ValueError(
                f'{path} claims {rows} rows in {size} bytes; it is damaged. '
                'Get this file again.'
            )
        batches = file.iter_batches(
            _CHUNK, columns=[*dict.fromkeys(names)], use_threads=False
        )
        for batch in batches:
            rows = list(range(first, first + batch.num_rows))
            first += batch.num_rows
            yield (
                rows,
                [
                    _values(path, name, batch.column(name), pyarrow)
                    for name in names
                ],
            )


def parquet_names(path: Path) -> tuple[str, ...]:
    """Names of all columns.

    Raises:
        ImportError: If pyarrow is not installed.
        ValueError: If the file is damaged.
    """
    with _opened(path, _pyarrow(path)) as file:
        return tuple(file.schema_arrow.names)


def _pyarrow(path: Path) -> ModuleType:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            f'{path}: Parquet needs pyarrow; run pip install pyarrow, or '
            'save the table as CSV.'
        ) from None
    return pyarrow


@contextmanager
def _opened(path: Path, pyarrow: ModuleType) -> Iterator[Any]:
    """Open; errors of pyarrow become one that names the file."""
    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=False) as file:
            yield file
    except Exception as error:  # pyarrow raises many kinds
        if type(error) is ValueError:  # ours
            raise
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'{path} is not a complete Parquet file ({reason}). Get this '
            'file again.'
        ) from None


def _check_names(
    path: Path, names: Sequence[str], found: Sequence[str]
) -> None:
    for name in names:
        if found.count(name) != 1:
            shown = ', '.join(repr(n[:40]) for n in found[:20])
            raise ValueError(
                f'{path} has {found.count(name)} columns {name!r}; it has '
                f'{shown}. {nearest(name, found)}Correct columns.'
            )


def _values(
    path: Path, name: str, column: Any, pyarrow: Any
) -> np.ndarray | list[str]:
    """Numbers as float64, text as text, dates as datetime64."""
    kind = column.type
    types = pyarrow.types
    if types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if types.is_timestamp(kind):
        return column.to_numpy(zero_copy_only=False)
    if types.is_integer(kind) or types.is_floating(kind):
        return _floats(column, pyarrow)
    if types.is_decimal(kind) or types.is_null(kind):
        return _floats(column, pyarrow)
    if types.is_string(kind) or types.is_large_string(kind):
        return [(value or '').strip() for value in column.to_pylist()]
    raise ValueError(
        f'{path}: column {name!r} is {kind}; store numbers, text or times '
        'of day.'
    )


def _floats(column: Any, pyarrow: Any) -> np.ndarray:
    values = column.cast(pyarrow.float64(), safe=False)
    return values.fill_null(float('nan')).to_numpy(zero_copy_only=False)
