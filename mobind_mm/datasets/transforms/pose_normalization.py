"""Put the skeleton into the model's units."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from ...skeleton import keypoint_indices
from .base import BaseTransform


@TRANSFORMS.register_module()
class NormalizeKeypoints(BaseTransform):
    """Give keypoints units that do not depend on the image.

    - ``image``: x / width and y / height, not centred (as published).
    - ``torso``: origin at the median middle of the hips over the window,
      unit the median distance of the middles of shoulders and hips. Keeps
      how the body moves through the window; invariant to its place and size
      in the image. A window in which hips or shoulders are never seen
      together is masked: use ``bbox`` for footage without the hips.
    - ``bbox``: origin at the centre, unit the longer side of the box around
      all keypoints of the window.

    Args:
        mode: One of these names.
    """

    MODES = ('image', 'torso', 'bbox')
    needs = ('keypoint_mask',)

    def __init__(self, mode: str = 'image') -> None:
        if mode not in self.MODES:
            raise ValueError(f'mode must be in {self.MODES}, got {mode!r}.')
        self.mode = mode

    def transform(self, results: dict) -> dict:
        """Change ``keypoints``; ``keypoint_mask`` where it cannot."""
        if results['keypoints'] is not None:
            origin, unit = getattr(self, f'_{self.mode}')(results)
            if unit is None:
                results['keypoint_mask'][:] = False
                results['keypoints'][:] = 0
            else:
                results['keypoints'] -= origin.astype(np.float32)
                results['keypoints'] /= unit.astype(np.float32)
        return results

    @staticmethod
    def _image(results: dict) -> tuple:
        height, width = results['img_shape']
        return np.zeros(2), np.array([width, height])

    @staticmethod
    def _torso(results: dict) -> tuple:
        names = ('left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')
        torso = keypoint_indices(results['layout'], names)
        valid = results['keypoint_mask'][:, torso].all(axis=1)
        points = results['keypoints'][valid][:, torso]
        if not len(points):
            return None, None
        hips = points[:, :2].mean(axis=1)
        size = np.linalg.norm(points[:, 2:].mean(axis=1) - hips, axis=1)
        # A sort is faster than np.median for so few numbers.
        middle = slice((len(hips) - 1) // 2, len(hips) // 2 + 1)
        origin = np.sort(hips, axis=0)[middle].mean(axis=0)
        unit = np.sort(size)[middle].mean()
        return origin, unit if unit > 0 else None

    @staticmethod
    def _bbox(results: dict) -> tuple:
        points = results['keypoints'][results['keypoint_mask']]
        if not len(points):
            return None, None
        low, high = points.min(axis=0), points.max(axis=0)
        size = (high - low).max()
        return (low + high) / 2, size if size > 0 else None
