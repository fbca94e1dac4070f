"""Rows of numbers in the text files of TotalCapture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

AGAIN = 'Download the file again.'
OR_MOVE = 'Download the file again, or move the take away.'


def damaged(
    path: str | Path, line: int, problem: str, fix: str = AGAIN
) -> ValueError:
    """The error about a line, which counts from 1."""
    return ValueError(f'{path}, line {line}: {problem}. {fix}')


def unexpected(
    path: str | Path, line: int, expected: str, word: bytes, fix: str = AGAIN
) -> ValueError:
    """The error about something else than expected in a line."""
    shown = word[:60].decode('ascii', 'backslashreplace')
    shown = repr(shown + ('...' if len(word) > 60 else ''))
    return damaged(path, line, f'expected {expected}, got {shown}', fix)


def not_unit(quat: np.ndarray) -> np.ndarray:
    """Which quaternions (..., 4) do not have length 1."""
    return np.abs(np.linalg.norm(quat, axis=-1) - 1) > 0.01


def read_lines(path: str | Path) -> list[bytes]:
    """Lines of a file, without the blank ones at its end.

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
        raise ValueError(f'{path} is empty. {AGAIN}')
    return lines


def read_rows(
    path: str | Path,
    lines: Sequence[bytes],
    rows: range,
    width: int,
    name: bytes | None = None,
) -> np.ndarray:
    """Read the numbers of lines that have the same form.

    Args:
        path: Their file, for the message.
        lines: All lines of the file.
        rows: Which lines to read, as indices into ``lines``.
        width: Numbers per line.
        name: First word of every line, None if it starts with a number.

    Returns:
        (len(rows), width) float64.

    Raises:
        ValueError: Naming the first line that has another name, another
            number of numbers, or something that is not a finite number.
    """
    expected = f'{width} finite numbers'
    if name is not None:
        expected = f'{name.decode("ascii")!r} and {expected}'
    values = np.empty((len(rows), width))
    start = 0 if name is None else 1
    for i, row in enumerate(rows):
        words = lines[row].split()
        try:
            if len(words) != start + width or (start and words[0] != name):
                raise ValueError
            values[i] = [float(word) for word in words[start:]]
        except ValueError:
            values[i:] = np.nan
            break
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = rows[int(np.argmin(finite))]
        raise unexpected(path, row + 1, expected, lines[row], OR_MOVE)
    return values


def check_rows(
    path: str | Path,
    rows: range,
    bad: np.ndarray,
    problem: str,
    fix: str = OR_MOVE,
) -> None:
    """Refuse values that cannot be right.

    Args:
        path: File, for the message.
        rows: Lines that the values come from, as indices from 0.
        bad: (len(rows),) boolean.
        problem: What is wrong with them.
        fix: What to do.

    Raises:
        ValueError: Naming the first bad line.
    """
    if bad.any():
        raise damaged(path, rows[int(np.argmax(bad))] + 1, problem, fix)
