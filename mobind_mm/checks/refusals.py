"""Why do sensors and a video not fit? Asked once no offset was found."""

from __future__ import annotations

from dataclasses import replace

from ..recordings import Clock, Recording
from ..synchronization import SyncResult, build_synchronizer
from ..synchronization.clips import cut_clip
from .agreement import mirrored
from .finding import Finding

FRAME_RATES = (24.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0, 240.0)
"""Rates at which cameras film."""
MOST_SEC = 60.0
"""Longest part of a video that is tried."""
WIDEST_SEC = 120.0
"""Largest difference from the middle of the search that is tried."""

_SURE = 0.9
"""Confidence from which another reading explains the streams."""
_SAME = 0.01
"""Relative difference of rates that are not told apart."""


def explain_refusal(
    streams: Recording, max_offset: float, around: float = 0.0
) -> list[Finding]:
    """Find what would make sensors and a skeleton fit.

    Tries the usual frame rates, and the sensors on the other side of the
    body.

    Args:
        streams: A recording in which no offset was found.
        max_offset: Largest difference from ``around``, in seconds.
        around: Offset in the middle of the search.

    Returns:
        At most one finding: what fits with the most confidence.
    """
    pose = streams.pose
    if pose is None or pose.clock.num_samples < 2:
        return []
    found: list[tuple[float, Finding]] = []
    max_offset = min(max_offset, WIDEST_SEC)
    rate = pose.clock.mean_rate
    start = pose.clock.span[0]
    for other in FRAME_RATES if pose.clock.times is None else ():
        if abs(other / rate - 1) < _SAME:
            continue
        clock = Clock(pose.clock.num_samples, rate=other, start=start)
        tried = replace(streams, pose=replace(pose, clock=clock))
        result = _search(tried, max_offset, around)
        if result is not None:
            message = (
                f'at {rate:.4g} frames per second nothing fits, at '
                f'{other:.4g} the video and the sensors do ({_fit(result)})'
            )
            fix = (
                f'Is that the rate at which it was filmed? Then give --fps '
                f'{other:.4g} (pose.rate: {other:.4g})'
            )
            finding = Finding('frame_rate', 'pose', message, fix)
            found.append((result.confidence, finding))
    other_side = {mirrored(name): s for name, s in streams.imu.items()}
    if other_side.keys() != streams.imu.keys() or any(
        other_side[name] is not s for name, s in streams.imu.items()
    ):
        result = _search(replace(streams, imu=other_side), max_offset, around)
        if result is not None:
            finding = Finding(
                'swap',
                ', '.join(sorted(streams.imu)),
                'on the other side of the body they fit '
                f'({_fit(result)}): left and right may be exchanged, or the '
                'video may be mirrored',
                'Exchange left and right in the names of the sensors',
            )
            found.append((result.confidence, finding))
    found.sort(key=lambda pair: -pair[0])
    return [finding for _, finding in found[:1]]


def _fit(result: SyncResult) -> str:
    return f'offset {result.offset:+.3f} s, confidence {result.confidence:.3f}'


def _search(
    streams: Recording, max_offset: float, around: float
) -> SyncResult | None:
    """The answer of the signals in the middle of a video, if it is sure."""
    pose = streams.pose
    assert pose is not None  # or there is nothing to explain
    start, end = pose.clock.span
    seconds = min(end - start, MOST_SEC)
    first = (start + end - seconds) / 2
    clip = cut_clip(streams, first, seconds, max_offset, around)
    result = build_synchronizer('signals')(clip, None, max_offset)
    if result.abstained or not result.confidence > _SURE:
        return None
    return result.moved(around)
