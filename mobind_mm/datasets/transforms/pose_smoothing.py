"""Quieten keypoints before they are differentiated."""

from __future__ import annotations

from scipy.ndimage import gaussian_filter1d

from ...registry import TRANSFORMS
from .base import BaseTransform, check_rate


@TRANSFORMS.register_module()
class SmoothKeypoints(BaseTransform):
    """Gaussian smoothing of every keypoint over time.

    Skeletons jitter from frame to frame, and velocity and acceleration
    channels amplify it. Missing frames count with their bridged values.

    Args:
        sigma_sec: Standard deviation of the Gaussian in seconds.
    """

    needs = ('keypoint_mask',)

    def __init__(self, sigma_sec: float) -> None:
        self.sigma_sec = check_rate('sigma_sec', sigma_sec)

    def transform(self, results: dict) -> dict:
        """Change ``keypoints``; the ends of the window are held."""
        if results['keypoints'] is not None:
            results['keypoints'] = gaussian_filter1d(
                results['keypoints'],
                self.sigma_sec * results['pose_rate'],
                axis=0,
                mode='nearest',
            )
        return results
