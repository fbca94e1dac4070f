"""Evaluate as if fewer sensors had been worn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...registry import TRANSFORMS
from ...skeleton import Limb
from .base import BaseTransform, check_placements

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
        self._placements = check_placements(placements)

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
