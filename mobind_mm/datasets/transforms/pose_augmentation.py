"""Change resampled keypoints at random."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from ...registry import TRANSFORMS
from .base import (
    BaseTransform,
    check_amount,
    check_factors,
    check_prob,
    happens,
)


class PoseAugmentation(BaseTransform):
    """Applied with a probability to a window that has a skeleton.

    Args:
        prob: Probability for each window.
    """

    needs = ('keypoint_mask',)

    def __init__(self, prob: float = 1.0) -> None:
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Draw whether to :meth:`augment`."""
        if results['keypoints'] is not None and happens(self.prob):
            self.augment(results)
        return results

    @abstractmethod
    def augment(self, results: dict) -> None:
        """Change ``keypoints`` (T, K, 2) or ``keypoint_mask`` (T, K)."""


@TRANSFORMS.register_module()
class RandomKeypointNoise(PoseAugmentation):
    """Add white noise to keypoints.

    Args:
        std: In the unit that the keypoints have at this step: pixels before
            :class:`NormalizeKeypoints`, its units after it.
        prob: Probability for each window.
    """

    def __init__(self, std: float, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.std = check_amount('std', std)

    def augment(self, results: dict) -> None:
        """Change ``keypoints``."""
        noise = np.random.standard_normal(results['keypoints'].shape)
        results['keypoints'] += (self.std * noise).astype(np.float32)


@TRANSFORMS.register_module()
class RandomPoseScale(PoseAugmentation):
    """Scale the skeleton about its mean position in the window.

    A changed aspect, width against height, is what a turn of the body or
    a look from above does to a skeleton, roughly.

    Args:
        factors: Range (low, high) to draw the factor from.
        aspect_factors: Range to draw the factor from by which the ratio of
            width to height changes.
        prob: Probability for each window.
    """

    def __init__(
        self,
        factors: Sequence[float] = (0.9, 1.1),
        aspect_factors: Sequence[float] = (1.0, 1.0),
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        self.factors = check_factors('factors', factors)
        self.aspect_factors = check_factors('aspect_factors', aspect_factors)

    def augment(self, results: dict) -> None:
        """Change ``keypoints``."""
        factor = np.random.uniform(*self.factors)
        aspect = np.random.uniform(*self.aspect_factors) ** 0.5
        _about_centre(results, np.diag([factor * aspect, factor / aspect]))


@TRANSFORMS.register_module()
class RandomPoseRotation(PoseAugmentation):
    """Turn the skeleton in the image about its mean position in the window.

    Put it before ``NormalizeKeypoints(mode='image')``, after which x and y
    have different units.

    Args:
        max_deg: Largest angle in either direction.
        prob: Probability for each window.
    """

    def __init__(self, max_deg: float, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.max_deg = check_amount('max_deg', max_deg)

    def augment(self, results: dict) -> None:
        """Change ``keypoints``."""
        angle = np.deg2rad(np.random.uniform(-self.max_deg, self.max_deg))
        cos, sin = np.cos(angle), np.sin(angle)
        _about_centre(results, np.array([[cos, sin], [-sin, cos]]))


@TRANSFORMS.register_module()
class RandomKeypointDrop(PoseAugmentation):
    """Mask keypoints for the whole window, each with the same probability.

    Args:
        drop_prob: Probability for each keypoint.
        prob: Probability for each window.
    """

    def __init__(self, drop_prob: float, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.drop_prob = check_prob('drop_prob', drop_prob)

    def augment(self, results: dict) -> None:
        """Change ``keypoint_mask``."""
        mask = results['keypoint_mask']
        mask &= np.random.random(mask.shape[1]) >= self.drop_prob


def _about_centre(results: dict, matrix: np.ndarray) -> None:
    """Apply ``matrix`` (2, 2) to row vectors about the mean known keypoint."""
    keypoints, mask = results['keypoints'], results['keypoint_mask']
    if mask.any():
        centre = np.einsum('tkc,tk->c', keypoints, mask) / mask.sum()
        centre = centre.astype(np.float32)
        matrix = matrix.astype(np.float32)
        results['keypoints'] = (keypoints - centre) @ matrix + centre
