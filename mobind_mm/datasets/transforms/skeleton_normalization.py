"""Put MMAction2's own skeletons into the units of our models."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from ...skeleton import get_layout
from .base import BaseTransform
from .pose_normalization import NormalizeKeypoints


@TRANSFORMS.register_module()
class NormalizeSkeleton(BaseTransform):
    """:class:`NormalizeKeypoints` for the samples of ``PoseDataset``.

    Takes the place of MMAction2's ``PreNormalize2D``. Each person is
    normalised alone; one who cannot be, such as without hips in mode
    ``torso``, gets score 0 and counts as missing.

    Args:
        mode: See :class:`NormalizeKeypoints`.
        layout: Skeleton layout of the pickle.
    """

    def __init__(self, mode: str = 'torso', layout: str = 'coco') -> None:
        self.normalize = NormalizeKeypoints(mode)
        self.layout = layout
        self.num_keypoints = len(get_layout(layout))

    def transform(self, results: dict) -> dict:
        """Change ``keypoint`` (M, T, V, 2) and ``keypoint_score``.

        Where the pickle has no scores, a keypoint at exactly (0, 0) is
        missing.

        Raises:
            ValueError: If the skeletons are not 2D ones of ``layout``.
        """
        keypoint = results['keypoint'].astype(np.float32)
        if keypoint.shape[2:] != (self.num_keypoints, 2):
            raise ValueError(
                f'NormalizeSkeleton takes 2D skeletons of {self.layout!r}, '
                f'(M, T, {self.num_keypoints}, 2), got {keypoint.shape}; set '
                'layout to that of the pickle.'
            )
        score = results.get('keypoint_score')
        if score is None:
            score = (keypoint != 0).any(axis=3)
        score = score.astype(np.float32)
        for person in range(len(keypoint)):
            part = self.normalize(
                dict(
                    keypoints=keypoint[person],
                    keypoint_mask=score[person] > 0,
                    layout=self.layout,
                    img_shape=results.get('img_shape'),
                )
            )
            keypoint[person] = part['keypoints']
            score[person] *= part['keypoint_mask']
        results['keypoint'], results['keypoint_score'] = keypoint, score
        return results
