"""Columns of Parquet files, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.errors import mistake, shown

PARQUET = ('.parquet', '.pq')
_AGAIN = 'Download or export the file again'
_ROWS_PER_BYTE = 10
"""More rows in a Parquet file are not measurements, however well they pack."""


def read_parquet(
    path: Path, names: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Rows from 1, and columns as float64, datetime64 or texts."""
    with open_parquet(path, names) as (file, pyarrow):
        there = file.schema_arrow.names
        for name in names:
            if there.count(name) != 1:
                raise mistake(
                    path,
                    f'has {there.count(name)} columns {name!r}; it has '
                    f'{shown(there)}',
                    'Correct columns',
                    name=name,
                    known=there,
                )
        rows, size = file.metadata.num_rows, path.stat().st_size
        if rows > _ROWS_PER_BYTE * size:
            what = f'{path} claims {rows} rows in {size} bytes; it is damaged'
            raise ValueError(f'{what}. {_AGAIN}.')
        table = file.read(columns=[*names], use_threads=False)
        columns = [_arrow_values(path, n, table[n], pyarrow) for n in names]
        return np.arange(1, rows + 1), dict(zip(names, columns))


@contextmanager
def open_parquet(
    path: Path, names: Sequence[str] = ()
) -> Iterator[tuple[Any, Any]]:
    """Open with pyarrow, whose errors become one that names the file.

    In columns of these names, a repeated text is there once.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            f'{path}: Parquet needs pyarrow; run pip install pyarrow, or '
            'save the table as CSV.'
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(
            path, memory_map=False, read_dictionary=[*names]
        ) as file:
            yield file, pyarrow
    except Exception as error:  # pyarrow raises many kinds
        if type(error) is ValueError:  # ours
            raise
        reason = ' '.join(str(error).split())[:200]
        what = f'is not a complete Parquet file ({reason})'
        raise mistake(path, what, _AGAIN) from None


def _arrow_values(path: Path, name: str, column: Any, arrow: Any) -> Any:
    """Numbers as float64, dates as datetime64, text as objects."""
    types, kind = arrow.types, column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        if types.is_string(kind) or types.is_large_string(kind):
            return np.concatenate([[], *map(_arrow_texts, column.chunks)])
        column = column.cast(kind)
    if types.is_timestamp(kind):
        return column.to_numpy()
    if types.is_string(kind) or types.is_large_string(kind):
        texts = [(text or '').strip() for text in column.to_pylist()]
        return np.array(texts, object)
    numeric = types.is_integer, types.is_floating, types.is_decimal
    if any(test(kind) for test in (*numeric, types.is_null)):
        values = column.cast(arrow.float64(), safe=False)
        return values.fill_null(float('nan')).to_numpy()
    what = f'column {name!r} is {kind}; store numbers, text or times of day'
    raise mistake(path, what)


def _arrow_texts(chunk: Any) -> np.ndarray:
    """Texts of a part of a column, each of which is there once."""
    texts = [(text or '').strip() for text in chunk.dictionary.to_pylist()]
    places = chunk.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    return np.array([*texts, ''], object)[places]
