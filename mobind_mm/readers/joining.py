"""Channels of one sensor that come in several tables, or at several rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..recordings import Clock, SensorStream
from ..utils.errors import mistake
from .mapping import GRAVITY

_MAX_GAP = 4.0
"""Longest interval that is interpolated over, in usual intervals."""
_LONGEST_BREAK = 1.0
"""Seconds between two files of one recording."""
_WORTH_A_NOTE = 0.01
"""Share of samples; a few at both ends are always lost."""


def join_parts(parts: Sequence[SensorStream], name: str) -> SensorStream:
    """Join the channels of one sensor, on the clock of the first part.

    Numbers are interpolated linearly, orientations as rotations. Samples
    of the first part that lie outside another part, or in one of its gaps,
    are left out; a note says so if they are many.

    Raises:
        ValueError: If the parts do not overlap in time.
    """
    first = parts[0]
    clocks = [p.clock.at() for p in parts]
    keep = np.ones(len(clocks[0]), bool)
    for times in clocks[1:]:
        keep &= _covered(clocks[0], times)
    if not keep.any():
        what = 'it and the other parts do not overlap in time'
        raise mistake(name, what, 'All parts need one clock')
    notes = [note for part in parts for note in part.notes]
    lost = int((~keep).sum())
    if lost > _WORTH_A_NOTE * len(keep):
        notes.append(
            f'{name}: {lost} of {len(keep)} samples lie outside the other '
            'parts or in their gaps and are left out'
        )
    kept = clocks[0][keep]
    channels = {c: np.asarray(v)[keep] for c, v in first.channels.items()}
    for part, times in zip(parts[1:], clocks[1:]):
        for channel, values in part.channels.items():
            values = np.asarray(values, float)
            channels[channel] = _interpolate(channel, kept, times, values)
    with_acc = next((p for p in parts if 'acc' in p.channels), first)
    clock = first.clock
    if not keep.all() or clock.times is not None:
        clock = Clock(len(kept), times=kept)
    return SensorStream(
        clock, channels, with_acc.gravity, with_acc.frame, tuple(notes)
    )


def one_after_another(
    streams: Sequence[SensorStream], names: Sequence[str]
) -> SensorStream:
    """Join parts, in their order, of which each has all rows of one sensor.

    Raises:
        ValueError: If one does not continue another.
    """
    if len(streams) == 1:
        return streams[0]
    order = sorted(range(len(names)), key=lambda i: streams[i].clock.span)
    streams, names = [streams[i] for i in order], [names[i] for i in order]
    notes = [note for stream in streams for note in stream.notes]
    for before, after, one, other in zip(
        streams, streams[1:], names, names[1:]
    ):
        gap = after.clock.span[0] - before.clock.span[1]
        if not 0 < gap < _LONGEST_BREAK or {*before.channels} != {
            *after.channels
        }:
            raise mistake(
                other,
                f'is of the same sensor as {one}, but does not continue it: '
                f'that ends at {before.clock.span[1]:.3f} s, this begins at '
                f'{after.clock.span[0]:.3f} s',
                'Give one of them',
            )
        notes.append(f'{one}: its recording continues in {other}; joined')
    times = np.concatenate([stream.clock.at() for stream in streams])
    channels = {
        name: np.concatenate([stream.channels[name] for stream in streams])
        for name in streams[0].channels
    }
    return replace(
        streams[0],
        clock=Clock(len(times), times=times),
        channels=channels,
        notes=tuple(notes),
    )


def _covered(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(T,) whether a time lies in a short interval of others, or on one."""
    after = np.searchsorted(given, wanted)
    exact = given[np.minimum(after, len(given) - 1)] == wanted
    if len(given) < 2:
        return exact
    intervals = np.diff(given)
    short = intervals <= _MAX_GAP * np.median(intervals)
    inside = (after > 0) & (after < len(given))
    return exact | (inside & short[np.clip(after, 1, len(short)) - 1])


def _interpolate(
    channel: str, wanted: np.ndarray, given: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """(T, c) float32 at other times."""
    if channel == 'quat' and len(given) > 1:
        from scipy.spatial.transform import Rotation, Slerp

        turns = Rotation.from_quat(np.roll(values, -1, axis=1))
        between = Slerp(given, turns)(wanted).as_quat()
        return np.roll(between, 1, axis=1).astype(np.float32)
    columns = [np.interp(wanted, given, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def with_gravity(stream: SensorStream, name: str) -> SensorStream:
    """Add gravity, where it is in columns of its own, to ``acc``."""
    if GRAVITY not in stream.channels:
        return stream
    channels = dict(stream.channels)
    added = channels.pop(GRAVITY)
    if 'acc' not in channels:
        what = 'columns.gravity needs columns.acc, to which it is added'
        raise mistake(name, what)
    channels['acc'] = channels['acc'] + added
    return replace(stream, channels=channels, gravity=True)
