"""Are keypoints pixels of an upright image, and inside of it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..recordings import PoseStream
from ..skeleton import keypoint_indices
from .finding import Opinion

_TORSO_M = 0.5
"""Metres from the shoulders to the hips of a usual person."""
_UNIT = 2.0
"""Pixels; a skeleton within so few is normalised."""
_OUTSIDE = 0.1
"""Share of keypoints outside the image that is no accident."""
_MARGIN = 0.02
"""Share of the image by which a keypoint may lie outside."""
_DOWN, _LEAST = 0.8, 10
"""Share of frames upside down that is no accident; frames to judge by."""


@dataclass(frozen=True)
class ImageFacts:
    """Counts over one skeleton; those of several streams add up.

    Args:
        frames: Frames.
        seen: Keypoints with a score.
        outside: Those of them outside the image.
        outside_turned: Those outside if height and width were exchanged.
        upright: Frames with the shoulders clearly above the hips.
        inverted: Frames with the shoulders clearly below the hips.
        largest: Largest coordinate, in either direction.
        torso: Pixels from shoulders to hips, median over the frames.
        img_shape: (height, width) in pixels.
    """

    frames: int
    seen: int
    outside: int
    outside_turned: int
    upright: int
    inverted: int
    largest: float
    torso: float
    img_shape: tuple[int, int]

    @property
    def metre(self) -> float:
        """Metres of a pixel at the person; NaN if nobody is seen."""
        return _TORSO_M / self.torso if self.torso > 0 else float('nan')


def image_facts(stream: PoseStream) -> ImageFacts:
    """Measure one skeleton."""
    points = np.asarray(stream.keypoints, dtype=np.float64)
    seen = (np.asarray(stream.scores) > 0) & np.isfinite(points).all(axis=2)
    height, width = stream.img_shape
    outside = [
        int((_beyond(points, size) & seen).sum())
        for size in ((width, height), (height, width))
    ]
    torso = _torso(points, seen, stream.layout)
    rise, run = torso[:, 1], np.abs(torso[:, 0])
    length = np.linalg.norm(torso, axis=1)
    return ImageFacts(
        frames=len(points),
        seen=int(seen.sum()),
        outside=outside[0],
        outside_turned=outside[1],
        upright=int((rise > run).sum()),
        inverted=int((-rise > run).sum()),
        largest=float(np.abs(points[seen]).max()) if seen.any() else 0.0,
        torso=float(np.median(length)) if len(length) else 0.0,
        img_shape=(height, width),
    )


def _beyond(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which of (T, K, 2) lie outside an image of (width, height)."""
    size = np.array(size)
    low, high = -_MARGIN * size, (1 + _MARGIN) * size
    return ((points < low) | (points > high)).any(axis=2)


def _torso(points: np.ndarray, seen: np.ndarray, layout: str) -> np.ndarray:
    """Vectors (n, 2) in the image from shoulders to hips, where seen."""
    names = [
        f'{s}_{n}' for n in ('shoulder', 'hip') for s in ('left', 'right')
    ]
    try:
        index = keypoint_indices(layout, names)
    except ValueError:  # a face or a hand has no torso
        return np.zeros((0, 2))
    whole = seen[:, index].all(axis=1)
    ends = points[whole][:, index]
    return ends[:, 2:].mean(axis=1) - ends[:, :2].mean(axis=1)


def judge_image(facts: Sequence[ImageFacts]) -> list[Opinion]:
    """Judge the skeletons of one camera, or of one take."""
    frames = sum(f.frames for f in facts)
    seen = sum(f.seen for f in facts)
    if not frames:
        return [Opinion('unknown')]
    if not seen:
        return [
            Opinion(
                'wrong',
                'no_keypoints',
                f'no keypoint of {frames} frames has a score above 0',
                'pose.file, pose.person or pose.format: nobody was found',
            )
        ]
    found = []
    upright = sum(f.upright for f in facts)
    inverted = sum(f.inverted for f in facts)
    if inverted > max(_DOWN * (upright + inverted), _LEAST):
        found.append(
            Opinion(
                'wrong',
                'upside_down',
                'the shoulders are below the hips in '
                f'{100 * inverted / (upright + inverted):.0f} % of the '
                'frames: y seems to point upwards',
                'pose.file: write y as height - y, pixels count from the top',
            )
        )
    largest = max(f.largest for f in facts)
    height, width = facts[0].img_shape
    if largest <= _UNIT < 0.1 * min(height, width):
        found.append(
            Opinion(
                'wrong',
                'normalised',
                f'keypoints reach {largest:.2f} in an image of {height} x '
                f'{width}: they seem to be shares of the image, not pixels',
                'pose.file: multiply x by the width and y by the height',
            )
        )
        return found
    outside = sum(f.outside for f in facts) / seen
    turned = sum(f.outside_turned for f in facts) / seen
    # A y axis that points upwards may count from 0 down.
    if outside > _OUTSIDE and not found:
        swap = turned < 0.2 * outside
        found.append(
            Opinion(
                'wrong',
                'img_shape',
                f'{100 * outside:.0f} % of the keypoints lie outside the '
                f'image of {height} x {width} (height x width)',
                f'pose.img_shape: {[width, height]}'
                if swap
                else 'pose.img_shape: [height, width] of the video that the '
                'keypoints were found in',
            )
        )
    return found or [Opinion('fine')]


def mended_pose(stream: PoseStream, kinds: Sequence[str]) -> PoseStream:
    """The skeleton as it should have been stored.

    Args:
        stream: The skeleton.
        kinds: Of the findings: ``upside_down``, ``normalised``.
    """
    height, width = stream.img_shape
    points = np.asarray(stream.keypoints)
    if 'normalised' in kinds:
        points = points * np.array([width, height])
    if 'upside_down' in kinds:
        points = points * [1, -1] + [0, height]
    return PoseStream(
        stream.clock, points, stream.scores, stream.layout, stream.img_shape
    )
