"""Hand the skeleton of a window to MMAction2's transforms."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from ...skeleton import get_layout
from .base import BaseTransform
from .mmaction_label import set_label

_LEAST = np.float32(1e-3)
"""Score of a keypoint that is known although no frame shows it: bridged."""


@TRANSFORMS.register_module()
class PoseToMMAction(BaseTransform):
    """Write the keypoints under MMAction2's names.

    ``FormatGCNInput``, ``GenSkeFeat``, ``PackActionInputs`` and MMAction2's
    skeleton models go on from here. Known keypoints have a score above 0,
    the others 0: that is how a mask looks in MMAction2's skeletons. A window
    without a skeleton is one where nothing is known.

    Args:
        layout: Skeleton layout of the data, needed where a window has none.

    Raises:
        ValueError: If the data has another layout, or a window no label.
    """

    needs = ('keypoint_mask',)

    def __init__(self, layout: str = 'coco') -> None:
        self.layout = layout
        self.num_keypoints = len(get_layout(layout))

    def transform(self, results: dict) -> dict:
        """Set ``keypoint``, ``keypoint_score``, ``total_frames``, ``label``.

        ``keypoint`` is (1, T_pose, K, 2) and ``keypoint_score``
        (1, T_pose, K), of one person.
        """
        if results['keypoints'] is None:
            length = round(results['window_sec'] * results['pose_rate'])
            scores = np.zeros((length, self.num_keypoints), np.float32)
            keypoints = np.zeros((*scores.shape, 2), np.float32)
        else:
            if results['layout'] != self.layout:
                raise ValueError(
                    f'take {results["take"]!r} has skeletons of layout '
                    f'{results["layout"]!r}, PoseToMMAction has layout='
                    f'{self.layout!r}; give it and the model that of the '
                    'data.'
                )
            known = results['keypoint_mask']
            seen = known.any(axis=0)[:, None]
            keypoints = np.where(seen, results['keypoints'], np.float32(0))
            scores = np.maximum(results['scores'], _LEAST)
            scores = np.where(known, scores, np.float32(0))
        results['keypoint'] = keypoints[None].astype(np.float32)
        results['keypoint_score'] = scores[None].astype(np.float32)
        results['total_frames'] = len(keypoints)
        set_label(results)
        return results
