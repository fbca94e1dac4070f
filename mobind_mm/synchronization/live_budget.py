"""Processor time for comparing streams while they are recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

_COMPARING = 0.75
"""Share of the processor time for comparing; the rest is for pushes."""
_SAVED_SEC = 2.0
"""Most processor time that is saved up for the moment after a jump."""
_LENT_SEC = 4.0
"""Most that is lent while a doubt is young, to be saved afterwards."""
_LONGEST_WAIT_SEC = 60.0


class Budget:
    """How much may be compared, and which sensors are asked.

    ``load`` is the share of a processor core to be used on average, None for
    no limit; ``every_sec`` lies between comparisons.
    """

    def __init__(self, load: float | None, every_sec: float) -> None:
        self.load, self.every_sec = load, every_sec
        self.motion: dict[str, float] = {}
        """How lively each sensor was last, in m/s^2."""
        self._saved, self._saved_at = _SAVED_SEC, -np.inf
        self._cost = 0.0  # of one sensor
        self._turn = 0

    def earn(self, until: float) -> None:
        """Add the processor time that belongs to time that has passed."""
        if np.isinf(self._saved_at):
            self._saved_at = until
        gained = max(until - self._saved_at, 0.0)
        gained *= _COMPARING * (self.load or 0)
        self._saved = min(self._saved + gained, _SAVED_SEC)
        self._saved_at = until

    def back_to(self, at: float) -> None:
        """The clock of the video was set back."""
        self._saved_at = min(self._saved_at, at)

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Count what is done meanwhile."""
        began = time.thread_time()
        yield
        self._saved -= time.thread_time() - began

    @contextmanager
    def priced(self, sensors: int, usual: bool) -> Iterator[None]:
        """Learn what a usual comparison of some sensors costs."""
        began = time.thread_time()
        yield
        cost = (time.thread_time() - began) / sensors
        if usual:
            known = self._cost or cost
            self._cost = 0.8 * known + 0.2 * cost

    def affords(self, doubt_is_young: bool) -> bool:
        """Whether there is time for more than what must be."""
        return self.load is None or self._saved > -_LENT_SEC * doubt_is_young

    @property
    def wait_sec(self) -> float:
        """How long to wait until there is time again."""
        if not self.load:
            return 1.0
        return max(min(-self._saved / self.load, _LONGEST_WAIT_SEC), 1.0)

    def chosen(self, names: Sequence[str], everybody: bool) -> list[str]:
        """Sensors to ask: as many as there is time for, liveliest first."""
        names = sorted(names, key=lambda name: -self.motion.get(name, np.inf))
        if everybody or self.load is None or not self._cost:
            return names
        room = 0.8 * _COMPARING * self.load * self.every_sec / self._cost
        count = int(np.clip(room, 1, len(names)))
        if count == len(names):
            return names
        self._turn += 1
        first = names[: max(count - 1, self._turn % 2)]
        others = [name for name in names if name not in first]
        turn = self._turn // (1 if count > 1 else 2)
        return [*first, *[others[turn % len(others)]][: count - len(first)]]
