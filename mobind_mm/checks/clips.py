"""Cut recordings into clips whose streams can be compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..recordings import Recording
from ..synchronization.clips import cut_clip

CLIP_SEC = 30.0
MAX_CLIPS = 4
_SHORTEST = 1.5
"""Seconds below which two streams have nothing to compare."""


def cut_clips(recording: Recording, margin: float) -> Iterator[Recording]:
    """Clips of a recording, spread evenly over it.

    Each has a part of the skeleton and the sensors from a margin before it
    to one after it; all clocks count from the start of the sensors' part,
    so streams in step have the offset 0.

    Args:
        recording: All streams count from one origin.
        margin: Seconds.
    """
    spans = [s.clock.span for s in recording.imu.values()]
    pose = recording.pose.clock
    if not spans or pose.num_samples < 2:
        return
    start = max(pose.span[0], min(s[0] for s in spans) - margin)
    end = min(pose.span[1], max(s[1] for s in spans) + margin)
    length = end - start
    if length < _SHORTEST:
        return
    count = int(np.clip(round(length / CLIP_SEC), 1, MAX_CLIPS))
    seconds = min(CLIP_SEC * 1.5, length) if count == 1 else CLIP_SEC
    seconds = min(seconds, length)
    for first in np.linspace(start, end - seconds, count):
        yield cut_clip(recording, float(first), seconds, margin)
