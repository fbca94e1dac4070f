"""Bound what is made of a file."""

from __future__ import annotations


class ReadBudget:
    """How many items and bytes a file may make, those said again included.

    Without it, a list that holds one list many times, which holds one many
    times, is small until somebody makes an array of it. Honest files make
    about one item or byte of each of their bytes.

    Args:
        size: Bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self.left = 100_000.0 + 10 * size

    def spend(self, amount: float) -> None:
        """Count items or bytes.

        Raises:
            ValueError: If there were too many.
        """
        self.left -= amount
        if self.left < 0:
            raise ValueError('it makes far more than a file of its size holds')
