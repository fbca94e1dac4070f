"""A likely mistake, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """A likely mistake in how recordings were described.

    Args:
        kind: Short name of the mistake, for scripts: ``acc_unit``, ...
        where: Placement, or ``pose``.
        message: What is seen, with the number that shows it.
        fix: Key of the own-data mapping and the value that mends it.
        takes: Takes that have it; empty if all that can tell have it.
    """

    kind: str
    where: str
    message: str
    fix: str
    takes: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = self.where
        if self.takes:
            names = ', '.join(self.takes[:_SHOWN])
            more = len(self.takes) - _SHOWN
            names += f' and {more} more' if more > 0 else ''
            where += f' (only in {names})'
        return f'{where}: {self.message}. {self.fix}'


@dataclass(frozen=True)
class Opinion:
    """What one question found in one stream, or in several together.

    Args:
        status: ``fine``, ``wrong`` or ``unknown`` (not enough motion).
        kind: See :class:`Finding`, if wrong.
        message: What is seen.
        fix: See :class:`Finding`.
        question: What was asked.
    """

    status: str
    kind: str = ''
    message: str = ''
    fix: str = ''
    question: str = ''

    def finding(self, where: str, takes: tuple[str, ...] = ()) -> Finding:
        """The opinion as a finding."""
        return Finding(self.kind, where, self.message, self.fix, takes)
