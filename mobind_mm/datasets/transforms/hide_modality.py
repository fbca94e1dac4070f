"""Scenes with people who wear nothing and sensors without a person."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from ...registry import TRANSFORMS
from .base import BaseTransform, check_prob


@TRANSFORMS.register_module()
class HideModality(BaseTransform):
    """Take the sensors or the skeleton away from some windows.

    Made for evaluation: a person without sensors, or sensors whose wearer
    is out of view, must be declared unmatched. What happens depends on the
    seed, the scene, the subject and the start of the window, not on
    processes or order. Never both of a person are hidden.

    Put it before ``LoadWindow``, so that nothing is read in vain.

    Args:
        imu_prob: Probability that a person wears nothing.
        pose_prob: Probability that a person is out of view.
        seed: Names another choice.

    Raises:
        ValueError: If the probabilities are out of range or above 1
            together.
    """

    needs = ('window_start', 'recording')

    def __init__(
        self,
        imu_prob: float = 0.25,
        pose_prob: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.imu_prob = check_prob('imu_prob', imu_prob)
        self.pose_prob = check_prob('pose_prob', pose_prob)
        if imu_prob + pose_prob > 1:
            raise ValueError(
                'imu_prob and pose_prob exclude each other and may be 1 '
                f'together at most, got {imu_prob} and {pose_prob}.'
            )
        self.seed = seed

    def transform(self, results: dict) -> dict:
        """Replace ``recording`` by one without IMUs or without a pose."""
        draw = self._draw(results)
        if draw < self.imu_prob:
            hidden = dict(imu={})
        elif draw < self.imu_prob + self.pose_prob:
            hidden = dict(pose=None)
        else:
            return results
        results['recording'] = replace(results['recording'], **hidden)
        return results

    def _draw(self, results: dict) -> float:
        """A number in [0, 1) that the window's names fix."""
        names = (
            self.seed,
            results['scene'],
            results['subject'],
            results['take'],
            round(float(results['window_start']) * 1000),
        )
        digest = hashlib.sha256(repr(names).encode()).digest()
        return int.from_bytes(digest[:6], 'big') / 2**48
