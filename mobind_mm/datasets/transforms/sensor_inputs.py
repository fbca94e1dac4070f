"""What any sensor can give: one convention, any subset, any name.

Also to evaluate as if sensors had not been worn or people not been seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...recordings import STANDARD_GRAVITY
from ...registry import TRANSFORMS
from ...skeleton import Limb
from ...utils.arguments import check_prob
from .base import BaseTransform, check_placements


@TRANSFORMS.register_module()
class ToSpecificForce(BaseTransform):
    """Bring ``acc`` into the sensor frame, with gravity, where it can be.

    Acceleration in the world frame or without gravity is turned into the
    specific force that an accelerometer measures, by the orientation. Without
    an orientation it stays as it is, and ``imu_meta`` still says so.
    """

    needs: ClassVar[tuple[str, ...]] = ('imu_mask',)

    def transform(self, results: dict) -> dict:
        """Change ``acc`` of ``imu``, ``frame`` and ``gravity`` of its meta."""
        for placement, channels in results['imu'].items():
            meta = results['imu_meta'][placement]
            gravity = meta.get('gravity', True)
            world = meta.get('frame', 'sensor') == 'world'
            if 'quat' not in channels or (gravity and not world):
                continue
            acc = channels['acc']
            if world:
                acc = _to_sensor(channels['quat'], acc)
            if not gravity:
                up = np.broadcast_to(
                    np.array([0, 0, STANDARD_GRAVITY], np.float32), acc.shape
                )
                acc = acc + _to_sensor(channels['quat'], up)
            channels['acc'] = acc
            results['imu_meta'][placement] = dict(
                meta, frame='sensor', gravity=True
            )
        return results


def _to_sensor(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """World vectors (T, 3) in the frame of a sensor with quat (T, 4)."""
    w, axis = quat[:, :1], -quat[:, 1:]
    cross = 2 * np.cross(axis, vector)
    return (vector + w * cross + np.cross(axis, cross)).astype(np.float32)


@TRANSFORMS.register_module()
class RandomSensorSubset(BaseTransform):
    """Keep a random number of the sensors, as people wear them.

    The skeleton keeps the limbs of these sensors and of some others, so
    that the set of limbs does not give the wearer away.

    Args:
        most: Largest number of sensors; each number is equally likely.
        more_limbs: Largest number of further limbs of the skeleton.
    """

    needs: ClassVar[tuple[str, ...]] = ('imu_mask',)

    def __init__(self, most: int = 6, more_limbs: int = 4) -> None:
        if most < 1 or more_limbs < 0:
            raise ValueError(
                'RandomSensorSubset keeps at least one sensor; got '
                f'most={most}, more_limbs={more_limbs}.'
            )
        self.most, self.more_limbs = most, more_limbs

    def transform(self, results: dict) -> dict:
        """Remove sensors; set ``kept_limbs`` for ``PackIMUPose``."""
        there = [n for n, seen in results['imu_mask'].items() if seen]
        order = np.random.permutation(len(there))
        count = np.random.randint(1, self.most + 1)
        more = np.random.randint(0, self.more_limbs + 1)
        kept = [there[i] for i in order[:count]]
        results['kept_limbs'] = tuple(there[i] for i in order[: count + more])
        for key in ('imu', 'imu_meta', 'imu_mask'):
            results[key] = {n: results[key][n] for n in kept}
        return results


@TRANSFORMS.register_module()
class RandomUnplaced(BaseTransform):
    """Forget where some sensors are worn.

    ``PackIMUPose`` packs what is left as ``imu_placed``; a neck that knows
    an unknown placement learns to do without.

    Args:
        prob: Probability for each sensor.
    """

    needs: ClassVar[tuple[str, ...]] = ('imu_mask',)

    def __init__(self, prob: float = 0.2) -> None:
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Set ``imu_placed`` {placement: bool}."""
        names: Sequence[str] = list(results['imu'])
        draws = np.random.random(len(names)) >= self.prob
        results['imu_placed'] = dict(zip(names, map(bool, draws)))
        return results


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
