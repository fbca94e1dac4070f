"""Generated recordings that worker processes share or regenerate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from ...recordings import Recording


class RecordingCache:
    """Keep recordings that a function can make again at any time.

    Forked workers share what is in the cache with their parent, because
    nobody writes to it. A pickled cache is empty and keeps at most
    ``PICKLED_SIZE`` recordings, so a spawned worker never holds a copy of
    the whole data set. A deep copy is the cache itself.

    Args:
        size: Greatest number of recordings to keep; None keeps all.
    """

    PICKLED_SIZE = 16

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise ValueError(f'A cache holds at least 1 take, got {size}.')
        self.size = size
        self._items: OrderedDict[str, Recording] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: str, make: Callable[[], Recording]) -> Recording:
        """Recording of a key; ``make()`` is called if it is not here."""
        if key not in self._items:
            self._items[key] = make()
            if self.size is not None and len(self._items) > self.size:
                self._items.popitem(last=False)
        elif self.size is not None:
            self._items.move_to_end(key)
        return self._items[key]

    def __deepcopy__(self, memo: dict) -> RecordingCache:
        return self

    def __reduce__(self) -> tuple:
        size = self.PICKLED_SIZE
        return (RecordingCache, (min(self.size or size, size),))
