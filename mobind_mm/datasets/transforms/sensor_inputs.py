"""What any sensor can give: one convention, any subset, any name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ...recordings import STANDARD_GRAVITY
from ...registry import TRANSFORMS
from .base import BaseTransform, check_prob


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
