"""Metrics as JSON for programs, and as a table for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .files import write_whole

_MEASURE = re.compile(
    r'(?:^|_)(R@\d+|medR|mAP|mae_s|median_s|acc@[\d.]+|acc|coverage|top\d+'
    r'|macro_f1|f1|precision|recall|ece|chance|refused)(?=_|$)'
)
"""Names a column; the rest of the metric names the row."""

_WIDTH = 79
Rows = dict[str, dict[str, str]]
_COUNT, _VALUE = 'number', 'value'


def prepare_results(path: str) -> None:
    """Create the directory of a results file, before hours of work.

    Raises:
        ValueError: If the path does not end in ``.json`` or is a directory.
    """
    file = Path(path)
    if file.suffix != '.json' or file.is_dir():
        raise ValueError(
            f'--out {path} is not the name of a JSON file; give one that '
            'ends in .json.'
        )
    file.parent.mkdir(parents=True, exist_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write metrics or other plain data as JSON.

    Arrays become lists, numbers that are not finite become ``null``: JSON
    has no NaN. The file is written under a temporary name first, so it is
    never half there.
    """
    text = json.dumps(plain(content), indent=2, allow_nan=False)
    write_whole(path, f'{text}\n')


def plain(content: Any, words: Callable[[str], str] = str) -> Any:
    """What JSON can hold of dicts, lists, arrays, numbers and texts.

    ``words`` changes the texts.
    """
    if isinstance(content, Mapping):
        return {str(k): plain(value, words) for k, value in content.items()}
    if hasattr(content, 'tolist'):
        content = content.tolist()
    if isinstance(content, (list, tuple)):
        return [plain(value, words) for value in content]
    return words(content) if isinstance(content, str) else plain_value(content)


def plain_value(value: Any) -> Any:
    """Convert a number of numpy or PyTorch to one that JSON knows."""
    value = value.item() if hasattr(value, 'item') else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def format_metrics(metrics: Mapping[str, float], title: str) -> str:
    """Format metrics as a text table with one section per task.

    ``<task>/<row>_<measure>`` becomes the cell of a row and a column; a name
    without a known measure gets its own row. A count (``num_<row>``) is
    appended to its row, or else put beside the name of the task. None, as in a
    JSON file, is NaN.
    """
    tasks: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        task, _, name = key.rpartition('/')
        tasks.setdefault(task, {})[name] = value
    lines = [title.center(_WIDTH).rstrip()]
    for task, values in tasks.items():
        lines += _section(task, values)
    return '\n'.join([*lines, '─' * _WIDTH, ''])


def _section(task: str, values: Mapping[str, float]) -> Iterator[str]:
    """Lines of one task."""
    rows: Rows = {}
    counts: dict[str, str] = {}
    for name, value in values.items():
        if name.startswith('num_'):
            row, _ = _split(name[len('num_') :])
            counts[row] = _text(name, value)
        else:
            row, measure = _split(name)
            rows.setdefault(row, {})[measure] = _text(name, value)
    general = [
        f'{counts.pop(row)} {row.replace("_", " ")}'.rstrip()
        for row in [*counts]
        if row not in rows
    ]
    head = f'── {task or "other"} '
    head += f'({", ".join(general)}) ' if general else ''
    yield head.ljust(_WIDTH, '─')
    first = max(len(row) for row in ('all', *rows)) + 2
    for group in _groups(rows):
        yield from _block(group, counts, first)


def _groups(rows: Rows) -> list[Rows]:
    """Rows that share measures, directly or through other rows."""
    groups: list[Rows] = []
    for row, cells in rows.items():
        merged, others = {}, []
        for group in groups:
            shared = any(
                cells.keys() & other.keys() for other in group.values()
            )
            merged.update(group) if shared else others.append(group)
        groups = [*others, {**merged, row: cells}]
    order = list(rows)
    return sorted(groups, key=lambda group: min(map(order.index, group)))


def _block(rows: Rows, counts: Mapping[str, str], first: int) -> Iterator[str]:
    """Lines of some rows; measures that do not fit follow below."""
    columns = list(dict.fromkeys(m for row in rows.values() for m in row))
    last = [_COUNT] if counts.keys() & rows.keys() else []
    while columns:
        block = [columns.pop(0)]
        while columns and _fits([*block, columns[0], *last], first):
            block.append(columns.pop(0))
        block, last = block + last, []
        yield _line('', block, block, first)
        for row, cells in rows.items():
            if cells.keys() & set(block):
                values = {_COUNT: counts.get(row, ''), **cells}
                texts = [values.get(measure, '') for measure in block]
                yield _line(row or 'all', texts, block, first)


def _split(name: str) -> tuple[str, str]:
    """Row and column of a metric."""
    matches = [*_MEASURE.finditer(name)]
    if not matches:
        return name, _VALUE
    last = matches[-1]
    return (name[: last.start()] + name[last.end() :]).strip('_'), last[1]


def _fits(block: list[str], first: int) -> bool:
    """Whether columns may stand side by side after a name."""
    return first + _width(block) <= _WIDTH


def _width(block: list[str]) -> int:
    """Characters of some columns."""
    return sum(max(len(measure), 6) + 2 for measure in block)


def _line(row: str, cells: list[str], block: list[str], first: int) -> str:
    """One line: a name, then right-aligned cells under their measures."""
    text = ''.join(
        cell.rjust(_width([measure])) for cell, measure in zip(cells, block)
    )
    return f'  {row:<{first - 2}}{text}'.rstrip()


def _text(name: str, value: float | None) -> str:
    """Format a value with the digits that its kind deserves."""
    value = math.nan if value is None else float(value)
    if not math.isfinite(value):
        return '-'
    if name.startswith('num_'):
        return str(int(value))
    if name.endswith('medR'):
        return f'{value:g}'
    # Seconds to a tenth of a millisecond.
    return f'{value:.4f}' if name.endswith('_s') else f'{value:.3f}'
