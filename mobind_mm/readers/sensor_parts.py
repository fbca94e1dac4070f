"""Join channels of one sensor that were saved in several files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from ..recordings import Clock, SensorStream

_MAX_GAP = 4.0
"""Longest interval that is interpolated over, in usual intervals."""
_WORTH_A_NOTE = 0.01
"""Share of samples; a few at both ends are always lost."""


def join_parts(
    parts: Sequence[SensorStream], notes: list[str], name: str
) -> SensorStream:
    """Bring all channels to the clock of the first part.

    Numbers are interpolated linearly, orientations as rotations. Samples
    of the first part that lie outside another part, or in one of its gaps,
    are left out.

    Args:
        parts: Streams of one device, in one frame.
        notes: List that a remark is added to, if much is left out.
        name: File of the first part, for messages.

    Raises:
        ValueError: If the parts do not overlap in time.
    """
    first = parts[0]
    times = _times(first)
    keep = np.ones(len(times), bool)
    for part in parts[1:]:
        keep &= _covered(times, _times(part))
    if not keep.any():
        raise ValueError(
            f'{name} and the other parts do not overlap in time; all parts '
            'need one clock.'
        )
    lost = int((~keep).sum())
    if lost > _WORTH_A_NOTE * len(keep):
        notes.append(
            f'{name}: {lost} of {len(keep)} samples lie '
            'outside the other parts or in their gaps and are left out'
        )
    kept = times[keep]
    channels = {c: np.asarray(v)[keep] for c, v in first.channels.items()}
    for part in parts[1:]:
        for channel, values in part.channels.items():
            channels[channel] = _interpolate(
                channel, kept, _times(part), np.asarray(values, float)
            )
    carriers = [p for p in parts if 'acc' in p.channels]
    with_acc = carriers[0] if carriers else first
    clock = first.clock
    if not keep.all() or clock.times is not None:
        clock = Clock(len(kept), times=kept)
    return SensorStream(clock, channels, with_acc.gravity, with_acc.frame)


def _times(stream: SensorStream) -> np.ndarray:
    return stream.clock.at(slice(0, stream.clock.num_samples))


def _covered(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(T,) whether a time lies in a short interval of others, or on one."""
    after = np.searchsorted(given, wanted, side='left')
    inside = (after > 0) & (after < len(given))
    index = np.clip(after, 1, max(len(given) - 1, 1))
    exact = given[np.clip(after, 0, len(given) - 1)] == wanted
    if len(given) < 2:
        return exact
    intervals = np.diff(given)
    short = intervals[index - 1] <= _MAX_GAP * np.median(intervals)
    return exact | (inside & short)


def _interpolate(
    channel: str, wanted: np.ndarray, given: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """(T, c) float32 at other times."""
    if channel == 'quat' and len(given) > 1:
        turns = Rotation.from_quat(np.roll(values, -1, axis=1))
        found = Slerp(given, turns)(wanted).as_quat()
        return np.roll(found, 1, axis=1).astype(np.float32)
    columns = [np.interp(wanted, given, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)
