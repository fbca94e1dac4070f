"""Times of samples, rebuilt from what a device gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..recordings import Clock


@dataclass(frozen=True)
class SampleTimes:
    """Times of the samples of a stream, and what was done to get them.

    Args:
        clock: Sample times, strictly increasing.
        rows: (T,) indices of the rows that are kept, in the order of time.
        notes: What was repaired, dropped or assumed, with counts.
    """

    clock: Clock
    rows: np.ndarray
    notes: tuple[str, ...] = ()
