"""What stands for an object of a class that is not run."""

from __future__ import annotations

from typing import Any


class Inert:
    """Keeps what a pickle would have made an object with.

    Attributes:
        args: Arguments that it would have been made with.
        state: What it would have been filled with, or None.
    """

    args: tuple = ()
    state: Any = None

    def __new__(cls, *args: Any) -> Inert:
        """Keep the arguments: all that a pickle may call."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __setstate__(self, state: Any) -> None:
        """Keep the state."""
        self.state = state
