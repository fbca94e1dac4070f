"""Rows of numbers in the text files of TotalCapture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

AGAIN = 'Download the file again.'
OR_MOVE = 'Download the file again, or move the take away.'


class TextFile:
    """A file by its lines, without the blank ones at its end.

    Lines count from 0 here, and from 1 in messages.

    Args:
        path: The file.
        size: Read only this many bytes; -1 reads all.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is empty.
    """

    def __init__(self, path: str | Path, size: int = -1) -> None:
        self.path = path
        try:
            with open(path, 'rb') as file:
                self.lines = file.read(size).splitlines()
        except FileNotFoundError:
            raise FileNotFoundError(f'{path} does not exist.') from None
        while self.lines and not self.lines[-1].strip():
            self.lines.pop()
        if not self.lines:
            raise ValueError(f'{path} is empty. {AGAIN}')

    def __len__(self) -> int:
        return len(self.lines)

    def words(self, row: int) -> list[bytes]:
        """The words of a line."""
        return self.lines[row].split()

    def numbers(
        self, rows: range, width: int, name: bytes | None = None
    ) -> np.ndarray:
        """Read the numbers of lines that have the same form.

        Args:
            rows: Which lines.
            width: Numbers per line.
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
            words = self.words(row)
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
            expected = f'{width} finite numbers'
            if name is not None:
                expected = f'{name.decode("ascii")!r} and {expected}'
            raise self.unexpected(row, expected, self.lines[row], OR_MOVE)
        return values

    def check(
        self, rows: range, bad: np.ndarray, problem: str, fix: str = OR_MOVE
    ) -> None:
        """Refuse lines whose values cannot be right.

        Args:
            rows: Lines.
            bad: (len(rows),) boolean.
            problem: What is wrong with them.
            fix: What to do.

        Raises:
            ValueError: Naming the first bad line.
        """
        if bad.any():
            raise self.error(rows[int(np.argmax(bad))], problem, fix)

    def error(self, row: int, problem: str, fix: str = AGAIN) -> ValueError:
        """The error about a line."""
        return ValueError(f'{self.path}, line {row + 1}: {problem}. {fix}')

    def unexpected(
        self, row: int, expected: str, got: bytes, fix: str = AGAIN
    ) -> ValueError:
        """The error about something else than expected in a line."""
        shown = got[:60].decode('ascii', 'backslashreplace')
        shown = repr(shown + ('...' if len(got) > 60 else ''))
        return self.error(row, f'expected {expected}, got {shown}', fix)


def not_unit(quat: np.ndarray) -> np.ndarray:
    """Which quaternions (..., 4) do not have length 1."""
    return np.abs(np.linalg.norm(quat, axis=-1) - 1) > 0.01
