"""One stream: its clock and ranges, and whether keypoints are pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from ..readers.stuck import saturated_rows
from ..recordings import Clock, PoseStream, SensorStream
from ..recordings.streams import undetected
from ..skeleton import find_keypoints
from .finding import Finding, Opinion, Rule, judge_all

GAP = 2.5
"""Multiple of the usual interval from which an interval is a gap."""
_TORSO_M = 0.5
"""Metres from the shoulders to the hips of an average person."""
_UNIT = 2.0
"""Largest coordinate, in pixels, of a skeleton taken for normalised."""
_OUTSIDE = 0.1
"""Share of keypoints outside the image above which the size is wrong."""
_MARGIN = 0.02
"""Share of the image by which a keypoint may lie outside."""
_DOWN, _LEAST = 0.8, 10
"""Share of frames upside down, or sideways, and their number, to call it a
mistake."""
_LYING = 2.0
"""How much farther beside than above the hips shoulders lie on their side."""


@dataclass(frozen=True)
class StreamRow:
    """One stream of one take, for the table and the report.

    Args:
        take: Name of the take, with the camera for a skeleton.
        stream: Placement, or ``pose``.
        rate: Samples per second.
        jitter: Standard deviation in seconds of the intervals, without
            gaps.
        num_gaps: Intervals longer than 2.5 usual ones.
        longest_gap: Seconds of the longest of them.
        span: Times of the first and last sample in seconds.
        ranges: Least and greatest value by channel.
        saturated: Share of samples that stay at the greatest or least
            acceleration.
        notes: What was repaired, left out or assumed.
        undetected: Share of keypoints that are not there: without a score,
            NaN, or exactly at (0, 0).
    """

    take: str
    stream: str
    rate: float
    jitter: float
    num_gaps: int
    longest_gap: float
    span: tuple[float, float]
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    saturated: float = 0.0
    undetected: float = 0.0
    notes: tuple[str, ...] = ()


def sensor_row(take: str, placement: str, stream: SensorStream) -> StreamRow:
    """Describe one sensor."""
    ranges = {}
    for name in stream.channels:
        values = np.asarray(stream.channels[name])
        if values.size:
            ranges[name] = (float(values.min()), float(values.max()))
    saturated = 0.0
    if 'acc' in stream.channels:
        railed = saturated_rows(np.asarray(stream.channels['acc']))
        saturated = float(railed.mean()) if len(railed) else 0.0
    timing = clock_facts(stream.clock)
    return StreamRow(
        take, placement, *timing, ranges, saturated, notes=stream.notes
    )


def pose_row(take: str, stream: PoseStream) -> StreamRow:
    """Describe one skeleton."""
    seen = seen_keypoints(stream)
    points = np.asarray(stream.keypoints)[seen]
    ranges = {}
    if len(points):
        for name, column in zip('xy', points.T):
            ranges[name] = (float(column.min()), float(column.max()))
    undetected = float(1 - seen.mean()) if seen.size else 1.0
    timing = clock_facts(stream.clock)
    return StreamRow(
        take,
        'pose',
        *timing,
        ranges,
        undetected=undetected,
        notes=stream.notes,
    )


def seen_keypoints(stream: PoseStream) -> np.ndarray:
    """Which keypoints (T, K) are there.

    Missing are those without a score, NaN, and exactly (0, 0), which many
    tools write for what they did not see.
    """
    there = ~undetected(np.asarray(stream.keypoints))
    return there & (np.asarray(stream.scores) > 0)


def clock_facts(
    clock: Clock,
) -> tuple[float, float, int, float, tuple[float, float]]:
    """Rate, jitter, number of gaps, longest gap and span of a clock."""
    if clock.times is None or clock.num_samples < 3:
        rate = clock.rate or float('nan')
        return rate, 0.0, 0, 0.0, clock.span
    steps = np.diff(clock.times)
    usual = float(np.median(steps))
    gap: np.ndarray = steps > GAP * usual
    longest = float(steps[gap].max()) if gap.any() else 0.0
    jitter = float(steps[~gap].std())
    return 1 / usual, jitter, int(gap.sum()), longest, clock.span


@dataclass(frozen=True)
class ImageFacts:
    """Counts over one skeleton.

    Args:
        frames: Frames.
        seen: Keypoints with a score.
        outside: Those of them outside the image.
        turned: Those outside if height and width were exchanged.
        upright: Frames with the shoulders clearly above the hips.
        inverted: Frames with the shoulders clearly below the hips.
        torsos: Frames with shoulders and hips.
        sideways: Frames with the shoulders beside the hips.
        zeros: Keypoints with a score that are exactly at (0, 0).
        largest: Largest coordinate, in either direction.
        torso: Pixels from shoulders to hips, median over the frames.
        img_shape: (height, width) in pixels.
    """

    frames: int
    seen: int
    outside: int
    turned: int
    upright: int
    inverted: int
    torsos: int
    sideways: int
    zeros: int
    largest: float
    torso: float
    img_shape: tuple[int, int]

    @property
    def lying(self) -> bool:
        """Whether the person lies, or the image was rotated by 90°."""
        return self.sideways > max(_DOWN * self.torsos, _LEAST)

    @property
    def metre(self) -> float:
        """Metres of a pixel at the person; NaN if nobody is seen."""
        return _TORSO_M / self.torso if self.torso > 0 else float('nan')


def image_facts(stream: PoseStream) -> ImageFacts:
    """Measure one skeleton."""
    points = np.asarray(stream.keypoints, dtype=np.float64)
    seen = seen_keypoints(stream)
    zeros = (np.asarray(stream.scores) > 0) & (points == 0).all(axis=2)
    height, width = stream.img_shape
    outside, turned = (
        int((_beyond(points, np.array(size)) & seen).sum())
        for size in ((width, height), (height, width))
    )
    torso = _torso(points, seen, stream.layout)
    rise, run = torso[:, 1], np.abs(torso[:, 0])
    length = np.linalg.norm(torso, axis=1)
    return ImageFacts(
        frames=len(points),
        seen=int(seen.sum()),
        outside=outside,
        turned=turned,
        upright=int((rise > run).sum()),
        inverted=int((-rise > run).sum()),
        torsos=len(torso),
        sideways=int((run > _LYING * np.abs(rise)).sum()),
        zeros=int(zeros.sum()),
        largest=float(np.abs(points[seen]).max()) if seen.any() else 0.0,
        torso=float(np.median(length)) if len(length) else 0.0,
        img_shape=(height, width),
    )


def _beyond(points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Which of (T, K, 2) lie outside an image of (width, height)."""
    low, high = -_MARGIN * size, (1 + _MARGIN) * size
    return np.any((points < low) | (points > high), axis=2)


def _torso(points: np.ndarray, seen: np.ndarray, layout: str) -> np.ndarray:
    """Vectors (n, 2) in the image from shoulders to hips, where seen."""
    names = [
        f'{s}_{n}' for n in ('shoulder', 'hip') for s in ('left', 'right')
    ]
    index = find_keypoints(layout, names)
    if not index:  # a face or a hand has no torso
        return np.zeros((0, 2))
    whole = seen[:, index].all(axis=1)
    ends = points[whole][:, index]
    return ends[:, 2:].mean(axis=1) - ends[:, :2].mean(axis=1)


def _upside_down(e: SimpleNamespace) -> bool:
    standing = max(e.upright + e.inverted, 0.5 * e.torsos)
    return e.inverted > max(_DOWN * standing, _LEAST)


def _normalised(e: SimpleNamespace) -> bool:
    return e.seen and e.largest <= _UNIT < 0.1 * min(e.height, e.width)


def _outlying(e: SimpleNamespace) -> bool:
    # A y axis that points upwards may count from 0 down.
    other = _upside_down(e) or _normalised(e)
    return e.share > 100 * _OUTSIDE and not other


_OUTLYING = (
    '{e.share:.0f} % of the keypoints lie outside the image of '
    '{e.height} x {e.width} (height x width)'
)
_IMAGE = (
    Rule(
        lambda e: not e.seen,
        'no_keypoints',
        'no keypoint of {e.frames} frames has a score above 0',
        'pose.file, pose.person or pose.format: nobody was found',
    ),
    Rule(
        _upside_down,
        'upside_down',
        'the shoulders are below the hips in {e.down:.0f} % of the '
        'frames: y seems to point upwards',
        'pose.file: write y as height - y, pixels count from the top',
    ),
    Rule(
        lambda e: e.zeros,
        'zeros',
        '{e.zeros} keypoints with a score are at (0, 0), which means that '
        'they were not detected',
        'pose.file: write the score 0 for them',
    ),
    Rule(
        _normalised,
        'normalised',
        'keypoints reach {e.largest:.2f} in an image of {e.height} x '
        '{e.width}: they seem to be fractions of the image size, not pixels',
        'pose.units: {{keypoints: fraction}} of a table; else, write '
        'pixels: x times the width, y times the height',
    ),
    Rule(
        lambda e: _outlying(e) and e.turned < 0.2 * e.outside,
        'img_shape',
        _OUTLYING,
        'pose.img_shape: [{e.width}, {e.height}]',
    ),
    Rule(
        lambda e: _outlying(e) and e.turned >= 0.2 * e.outside,
        'img_shape',
        _OUTLYING,
        'pose.img_shape: [height, width] of the video that the keypoints '
        'were found in',
    ),
)


def judge_image(facts: Sequence[ImageFacts]) -> list[Opinion]:
    """Judge the skeletons of one camera, or of one take."""
    names = (
        'frames', 'seen', 'outside', 'turned', 'upright', 'inverted', 'torsos',
        'zeros',
    )  # fmt: skip
    e = SimpleNamespace(
        **{n: sum(getattr(f, n) for f in facts) for n in names}
    )
    if not e.frames:
        return [Opinion('unknown')]
    e.height, e.width = facts[0].img_shape
    e.largest = max(f.largest for f in facts)
    e.down = 100 * e.inverted / max(e.upright + e.inverted, 1)
    e.share = 100 * e.outside / max(e.seen, 1)
    return judge_all(_IMAGE, e) or [Opinion('fine')]


def rotated_finding(facts: ImageFacts, seen: str) -> Finding:
    """That an image seems to be rotated by 90 degrees."""
    height, width = facts.img_shape
    share = 100 * facts.sideways / max(facts.torsos, 1)
    return Finding(
        'rotated',
        'pose',
        f'the shoulders lie beside the hips in {share:.0f} % of the frames: '
        f'the image of {height} x {width} (height x width) seems to be '
        f'rotated by 90 degrees ({seen})',
        'the video: apply its rotation before the poses are estimated; or '
        f'turn the keypoints, with pose.img_shape: [{width}, {height}]',
    )


def turned_pose(stream: PoseStream, degrees: int) -> PoseStream:
    """The skeleton in the image rotated by 0, 90 or 270 degrees clockwise."""
    height, width = stream.img_shape
    x, y = np.moveaxis(np.asarray(stream.keypoints), -1, 0)
    if degrees == 90:
        x, y = height - y, x
    elif degrees == 270:
        x, y = y, width - x
    else:
        return stream
    points = np.stack([x, y], axis=-1)
    return replace(stream, keypoints=points, img_shape=(width, height))


def corrected_pose(stream: PoseStream, kinds: Sequence[str]) -> PoseStream:
    """The skeleton as it should have been stored.

    ``kinds`` are some of ``upside_down``, ``normalised`` and ``zeros``.
    """
    height, width = stream.img_shape
    points, scores = np.asarray(stream.keypoints), np.asarray(stream.scores)
    if 'zeros' in kinds:
        scores = np.where(seen_keypoints(stream), scores, 0)
    if 'normalised' in kinds:
        points = points * np.array([width, height])
    if 'upside_down' in kinds:
        points = points * [1, -1] + [0, height]
    points = points.astype(np.float32, copy=False)
    return replace(stream, keypoints=points, scores=scores)
