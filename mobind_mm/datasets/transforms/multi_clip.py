"""Several windows of one recording as the clips of one sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import Compose

from ...registry import TRANSFORMS
from .base import BaseTransform
from .windowing import source_span


@TRANSFORMS.register_module()
class MultiClip(BaseTransform):
    """Test on windows spread evenly over the entry, MMAction2's way.

    MMAction2's heads average the scores of a sample's clips
    (``average_clips``). The label stays that of the data set's own window,
    so an entry should show one action.

    Args:
        num_clips: Number of windows: the first starts where the entry
            starts, the last ends where it ends; a single one is centred.
        transforms: Steps for each window or their configs, from
            ``LoadWindow`` to ``IMUToMMAction`` or ``FormatGCNInput``.
        keys: Arrays whose first axis, the clips, is joined.

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
        self.steps = Compose(
            [
                TRANSFORMS.build(t) if isinstance(t, dict) else t
                for t in transforms
            ]
        )
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Join ``keys`` of all windows: (num_clips, ...) each."""
        _, length = source_span(results)
        first = results['entry_start']
        last = max(results['entry_end'] - length, first)
        starts = np.linspace(first, last, self.num_clips)
        if self.num_clips == 1:
            starts = [(first + last) / 2]
        clips = [
            self.steps({**results, 'window_start': float(start)})
            for start in starts
        ]
        joined = {k: np.concatenate([c[k] for c in clips]) for k in self.keys}
        return {**clips[0], **joined, 'num_clips': self.num_clips}
