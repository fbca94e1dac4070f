"""Random offsets that depend on names, not on the order of the calls."""

from __future__ import annotations

import hashlib

import numpy as np

EDGES = ('clamp', 'inside', 'beyond')


def draw_offset(
    name: str,
    room: tuple[float, float],
    max_offset: float,
    grid: float | None = None,
    edges: str = 'clamp',
) -> float:
    """Draw the offset that belongs to a name.

    Args:
        name: Names the random generator.
        room: Least (<= 0) and greatest (>= 0) offset inside the entry, in
            seconds.
        max_offset: Largest offset in seconds.
        grid: Seconds between the offsets; real-valued if None.
        edges: ``clamp`` moves what is drawn into the room, off the grid if
            need be; ``inside`` draws within the room; ``beyond`` ignores it.

    Returns:
        Seconds, uniform over what may be drawn.
    """
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), '<u4')
    rng = np.random.default_rng(words)
    low, high = -max_offset, max_offset
    if edges == 'inside':
        # Rounding must not push 0 out.
        low, high = max(low, min(room[0], 0.0)), min(high, max(room[1], 0.0))
    if grid is None:
        offset = rng.uniform(low, high)
    else:
        first = int(np.ceil(low / grid - 1e-6))
        last = int(np.floor(high / grid + 1e-6))
        offset = grid * int(rng.integers(first, last + 1))
    if edges == 'clamp':
        offset = max(min(offset, room[1]), room[0])
    return float(offset)
