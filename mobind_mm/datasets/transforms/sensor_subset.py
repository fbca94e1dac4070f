"""Evaluate as if fewer sensors had been worn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...registry import TRANSFORMS
from ...skeleton import Limb
from .base import BaseTransform, check_placements, check_prob

_RECORDINGS = ('recording', 'streams')
_BY_PLACEMENT = ('imu', 'imu_meta', 'imu_mask')


@TRANSFORMS.register_module()
class KeepSensors(BaseTransform):
    """Remove every sensor but some, as if the others had not been worn.

    Put it before ``LoadWindow``, so that the others are not even read; any
    other place before ``PackIMUPose``, which masks what is missing, gives
    the same result. A recording that has none of the sensors is left
    without any and masked.

    Args:
        placements: Sensors to keep, by name or as :class:`Limb`.
        limbs_too: Whether ``PackIMUPose`` masks the skeleton's other limbs
            as well: who wears the sensors knows where they are.

    Raises:
        ValueError: If a placement is unknown or none is given.
    """

    def __init__(
        self, placements: Sequence[str | Limb], limbs_too: bool = False
    ) -> None:
        self.placements = placements
        self.limbs_too = limbs_too

    @property
    def placements(self) -> tuple[str, ...]:
        """Names of the sensors to keep."""
        return self._placements

    @placements.setter
    def placements(self, placements: Sequence[str | Limb]) -> None:
        if not placements:
            raise ValueError(
                'KeepSensors: placements is empty; name the sensors to keep.'
            )
        self._placements = check_placements(placements) or ()

    def transform(self, results: dict) -> dict:
        """Remove sensors; set ``kept_limbs`` if ``limbs_too``.

        Raises:
            ValueError: After ``PackIMUPose``, where it is too late.
        """
        found = [key for key in _RECORDINGS if results.get(key) is not None]
        for key in found:
            results[key] = replace(
                results[key], imu=self._kept(results[key].imu)
            )
        for key in _BY_PLACEMENT:
            if key in results:
                results[key] = self._kept(results[key])
                found.append(key)
        if not found:
            raise ValueError(
                'KeepSensors found no sensors in the results; put it before '
                'PackIMUPose.'
            )
        if self.limbs_too:
            results['kept_limbs'] = self.placements
        return results

    def _kept(self, by_placement: dict) -> dict:
        return {
            name: value
            for name, value in by_placement.items()
            if name in self.placements
        }


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
            hidden: dict[str, Any] = {'imu': {}}
        elif draw < self.imu_prob + self.pose_prob:
            hidden = {'pose': None}
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
