"""Evaluate as if sensors had not been worn or people not been seen."""

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
    """Keep only some sensors, as if the others had not been worn.

    Put it before ``LoadWindow``, so that the others are not even read. Any
    other place before ``PackIMUPose``, which masks what is missing, gives
    the same result. A recording with none of these sensors is masked.

    Args:
        placements: Sensors to keep, by name or as :class:`Limb`.
        limbs_too: Whether ``PackIMUPose`` masks the skeleton's other limbs
            as well, because the wearer knows where the sensors are.

    Raises:
        ValueError: If a placement is unknown or none is given.

    Example:
        >>> from mobind_mm.datasets.transforms import KeepSensors
        >>> keep = KeepSensors(['left_wrist', 'head'])
        >>> results = dict(imu={'head': 'h', 'pelvis': 'p'}, imu_meta={})
        >>> keep(results)['imu']
        {'head': 'h'}
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
            ValueError: If the results have no sensors (any more).
        """
        keys = [key for key in _RECORDINGS if results.get(key) is not None]
        for key in keys:
            results[key] = replace(
                results[key], imu=self._kept(results[key].imu)
            )
        for key in _BY_PLACEMENT:
            if key in results:
                results[key] = self._kept(results[key])
                keys.append(key)
        if not keys:
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
    """Hide the sensors or the skeleton in some windows.

    For evaluation: a person without sensors, or sensors whose wearer is out
    of view, must be declared unmatched. The choice depends on the seed, the
    scene, the subject, the take and the start of the window, not on
    processes or order. A person never loses both.

    Put it before ``LoadWindow``, so that nothing is read in vain.

    Args:
        imu_prob: Probability that a person wears nothing.
        pose_prob: Probability that a person is out of view.
        seed: Another seed gives another choice.

    Raises:
        ValueError: If the probabilities are out of range or sum to more
            than 1.
    """

    needs = ('window_start', 'recording')

    def __init__(
        self, imu_prob: float = 0.25, pose_prob: float = 0.25, seed: int = 0
    ) -> None:
        self.imu_prob = check_prob('imu_prob', imu_prob)
        self.pose_prob = check_prob('pose_prob', pose_prob)
        if imu_prob + pose_prob > 1:
            raise ValueError(
                'imu_prob and pose_prob exclude each other and together may '
                f'be at most 1, got {imu_prob} and {pose_prob}.'
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
        """A number in [0, 1) that depends on the window's names only."""
        names = (
            self.seed,
            results['scene'],
            results['subject'],
            results['take'],
            round(float(results['window_start']) * 1000),
        )
        digest = hashlib.sha256(repr(names).encode()).digest()
        return int.from_bytes(digest[:6], 'big') / 2**48
