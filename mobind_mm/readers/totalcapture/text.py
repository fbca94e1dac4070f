"""Rows of numbers in the text files of TotalCapture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def read_lines(path: str | Path) -> list[bytes]:
    """Lines of a file without those that are blank at its end.

    Line ends of Unix and of Windows are both read.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist.') from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError(f'{path} is empty. Get this file again.')
    return lines


def read_rows(
    path: str | Path,
    lines: Sequence[bytes],
    rows: range,
    width: int,
    name: bytes | None = None,
) -> np.ndarray:
    """Numbers of lines that are alike.

    Args:
        path: Their file, for the message.
        lines: All lines of the file.
        rows: Which lines to read, as indices into ``lines``.
        width: Numbers in a line.
        name: First word of every line, None if it starts with a number.

    Returns:
        (len(rows), width) float64.

    Raises:
        ValueError: Naming the first line that has another name, another
            number of numbers, or something that is not a finite number.
    """
    values = np.empty((len(rows), width))
    start = 0 if name is None else 1
    for i, row in enumerate(rows):
        words = lines[row].split()
        try:
            if len(words) != start + width:
                raise ValueError
            values[i] = [float(word) for word in words[start:]]
        except ValueError:
            raise _bad_line(path, row, lines[row], width, name) from None
        if start and words[0] != name:
            raise _bad_line(path, row, lines[row], width, name)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = rows[int(np.argmin(finite))]
        raise _bad_line(path, row, lines[row], width, name)
    return values


def check_rows(
    path: str | Path, rows: range, bad: np.ndarray, problem: str
) -> None:
    """Refuse values that cannot be right.

    Args:
        path: File, for the message.
        rows: Lines that the values come from, as indices from 0.
        bad: (len(rows),) boolean.
        problem: What is wrong with them and what to do.

    Raises:
        ValueError: Naming the first bad line.
    """
    if bad.any():
        line = rows[int(np.argmax(bad))] + 1
        raise ValueError(f'{path}, line {line}: {problem}')


def shown(line: bytes) -> str:
    """A line as it can stand in a message."""
    text = line[:60].decode('ascii', 'backslashreplace')
    return repr(text + ('...' if len(line) > 60 else ''))


def _bad_line(
    path: str | Path, row: int, line: bytes, width: int, name: bytes | None
) -> ValueError:
    expected = f'{width} finite numbers'
    if name is not None:
        expected = f'{name.decode("ascii")!r} and {expected}'
    return ValueError(
        f'{path}, line {row + 1}: expected {expected}, got {shown(line)}. '
        'Get this file again, or move the take away.'
    )
