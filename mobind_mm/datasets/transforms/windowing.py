"""Change the time span of a window: its start, offset, speed, clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import Compose

from ...registry import TRANSFORMS
from ...utils.arguments import check_amount, check_factors
from ..windows import label_at
from .base import BaseTransform, build_steps


def source_span(results: dict) -> tuple[float, float]:
    """Start and length in seconds of the pose window in the recording."""
    length = results['window_sec'] * results.get('speed', 1.0)
    return results['window_start'], length


def _move(results: dict, start: float) -> None:
    """Set the start, moved into the entry, and update the label."""
    _, length = source_span(results)
    latest = results['entry_end'] - length
    start = max(min(start, latest), results['entry_start'])
    results['window_start'] = float(start)
    results['action'] = label_at(
        results['segments'], start, length, results['min_label_overlap']
    )


@TRANSFORMS.register_module()
class RandomWindow(BaseTransform):
    """Draw the start of the window uniformly, and its label with it.

    Args:
        max_shift_sec: Greatest distance from the start given by the
            dataset; None draws from the whole entry.
    """

    needs = ('window_start', 'recording')

    def __init__(self, max_shift_sec: float | None = None) -> None:
        if max_shift_sec is not None:
            check_amount('max_shift_sec', max_shift_sec)
        self.max_shift_sec = max_shift_sec

    def transform(self, results: dict) -> dict:
        """Move ``window_start``; update ``action``."""
        start, length = source_span(results)
        low, high = results['entry_start'], results['entry_end'] - length
        if self.max_shift_sec is not None:
            low = max(low, start - self.max_shift_sec)
            high = min(high, start + self.max_shift_sec)
        _move(results, np.random.uniform(low, max(low, high)))
        return results


@TRANSFORMS.register_module()
class RandomSpeed(BaseTransform):
    """Speed IMU and pose up or down by the same factor.

    The window then shows ``window_sec * factor`` seconds of the recording.
    Orientation and keypoints become exactly those of the faster movement,
    angular rate is multiplied by the factor, and acceleration without
    gravity by its square. Acceleration *with* gravity is not changed: its
    gravity part does not scale and cannot be separated without the
    orientation, so its dynamic part is too small by the square of the
    factor. Keep the range near 1.

    Args:
        factors: Range (low, high) to draw the factor from; limited by
            the length of the recording.
    """

    needs = ('window_start', 'recording')

    def __init__(self, factors: Sequence[float] = (0.9, 1.1)) -> None:
        self.factors = check_factors('factors', factors)

    def transform(self, results: dict) -> dict:
        """Set ``speed``; keep the window inside the entry."""
        duration = results['entry_end'] - results['entry_start']
        factor = np.random.uniform(*self.factors)
        results['speed'] = min(factor, duration / results['window_sec'])
        _move(results, results['window_start'])
        return results


@TRANSFORMS.register_module()
class RandomTimeShift(BaseTransform):
    """Shift the IMU window a little against the pose window.

    Args:
        max_sec: Greatest offset in seconds; limited to the recording.
    """

    needs = ('window_start', 'recording')

    def __init__(self, max_sec: float) -> None:
        self.max_sec = check_amount('max_sec', max_sec)

    def transform(self, results: dict) -> dict:
        """Set ``offset`` in seconds, positive if the pose window is later.

        Put it after the steps that move the window.
        """
        start, length = source_span(results)
        low = max(-self.max_sec, results['entry_start'] - start)
        high = min(self.max_sec, results['entry_end'] - length - start)
        results['offset'] = -np.random.uniform(low, max(low, high))
        return results


@TRANSFORMS.register_module()
class MultiClip(BaseTransform):
    """Test on clips spread evenly over the entry, as MMAction2 does.

    MMAction2's heads average the scores of a sample's clips
    (``average_clips``). The label stays that of the dataset's window, so
    an entry should show one action.

    Args:
        num_clips: Number of windows. The first begins and the last ends
            with the entry; a single one is centred.
        transforms: Steps for each window or their configs, from
            ``LoadWindow`` to ``IMUToMMAction`` or ``FormatGCNInput``.
        keys: Arrays to join along their first axis, the clips.

    Raises:
        ValueError: If ``num_clips`` is below 1.
    """

    needs = ('window_start', 'recording')

    def __init__(
        self,
        num_clips: int,
        transforms: Sequence,
        keys: Sequence[str] = ('keypoint',),
    ) -> None:
        if num_clips < 1:
            raise ValueError(f'num_clips must be >= 1, got {num_clips}.')
        self.num_clips = num_clips
        self.steps = Compose(build_steps(transforms))
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Join ``keys`` of all windows: (num_clips, ...) each."""
        _, length = source_span(results)
        first = results['entry_start']
        last = max(results['entry_end'] - length, first)
        starts = np.linspace(first, last, self.num_clips)
        if self.num_clips == 1:
            starts = np.array([(first + last) / 2])
        clips = [
            self.steps({**results, 'window_start': float(start)})
            for start in starts
        ]
        joined = {k: np.concatenate([c[k] for c in clips]) for k in self.keys}
        return {**clips[0], **joined, 'num_clips': self.num_clips}
