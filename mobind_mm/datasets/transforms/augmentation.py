"""Random augmentations of resampled IMUs and keypoints."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from ...registry import TRANSFORMS
from ...utils.arguments import check_amount, check_factors, check_prob
from .base import BaseTransform, WindowBatch, check_placements, happens


@TRANSFORMS.register_module()
class RandomIMURotation(BaseTransform):
    """Rotate each sensor in its mounting by a constant rotation of its own.

    ``acc``, ``gyro`` and ``mag`` are expressed in the rotated sensor frame
    and ``quat`` follows, so that they still describe the same movement. An
    ``acc`` in the world frame is not changed.

    Args:
        max_deg: Largest angle; axis and angle are drawn uniformly.
        prob: Probability for each sensor.
    """

    needs = ('imu_mask',)

    def __init__(self, max_deg: float, prob: float = 1.0) -> None:
        self.max_deg = check_amount('max_deg', max_deg)
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Change the channels of ``imu``."""
        for placement, channels in results['imu'].items():
            if not happens(self.prob):
                continue
            axis = np.random.normal(size=3)
            axis /= np.linalg.norm(axis)
            angle = np.deg2rad(np.random.uniform(0, self.max_deg))
            turn = Rotation.from_rotvec(angle * axis)
            # Row vectors: v @ R is the vector seen from the rotated sensor.
            matrix = turn.as_matrix().astype(np.float32)
            frame = results['imu_meta'][placement]['frame']
            for name, values in channels.items():
                if name == 'quat':
                    turned = values @ _right_factor(turn).T
                    channels[name] = -turned if turned[0, 0] < 0 else turned
                elif name != 'acc' or frame == 'sensor':
                    channels[name] = values @ matrix
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change the channels of ``imu``."""
        turned = batch.happens(self.prob, per_sensor=True)
        axis = batch.rng.standard_normal((len(turned), 3))
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.deg2rad(batch.rng.uniform(0, self.max_deg, len(turned)))
        angle = np.where(turned, angle, 0.0)[:, None]
        turn = Rotation.from_rotvec(angle * axis)
        # Channels are columns here, (c, T), so matrices are transposed.
        matrix = turn.as_matrix().swapaxes(1, 2).astype(np.float32)
        in_frame = batch.in_sensor_frame[:, None, None]
        of_acc = np.where(in_frame, matrix, np.eye(3, dtype=np.float32))
        for name, values in batch.imu.items():
            if name == 'quat':
                values[:] = np.moveaxis(_right_factor(turn), 2, 0) @ values
                np.negative(values, values, where=values[:, :1, :1] < 0)
            else:
                values[:] = (of_acc if name == 'acc' else matrix) @ values


def _right_factor(turn: Rotation) -> np.ndarray:
    """(4, 4, ...) float32: times a column p, the Hamilton product p * turn."""
    x, y, z, w = turn.as_quat().T.astype(np.float32)
    rows = [w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]
    return np.array(rows)


@TRANSFORMS.register_module()
class RandomIMUNoise(BaseTransform):
    """Add white noise and a constant bias to each axis.

    Args:
        acc_std: White noise of ``acc`` in m/s^2.
        gyro_std: White noise of ``gyro`` in rad/s.
        mag_std: White noise of ``mag`` in uT.
        acc_bias_std: Bias of ``acc`` in m/s^2, drawn once per window.
        gyro_bias_std: Bias of ``gyro`` in rad/s, drawn once per window.
        prob: Probability for each sensor.
    """

    needs = ('imu_mask',)

    def __init__(
        self,
        acc_std: float = 0.0,
        gyro_std: float = 0.0,
        mag_std: float = 0.0,
        acc_bias_std: float = 0.0,
        gyro_bias_std: float = 0.0,
        prob: float = 1.0,
    ) -> None:
        self.white = dict(
            acc=check_amount('acc_std', acc_std),
            gyro=check_amount('gyro_std', gyro_std),
            mag=check_amount('mag_std', mag_std),
        )
        self.bias = dict(
            acc=check_amount('acc_bias_std', acc_bias_std),
            gyro=check_amount('gyro_bias_std', gyro_bias_std),
            mag=0.0,
        )
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Change the channels of ``imu``."""
        for channels in results['imu'].values():
            if not happens(self.prob):
                continue
            # Not a set of names: its order would differ by process.
            for name in [n for n in channels if n in self.white]:
                values = channels[name]
                noise = np.random.normal(0, self.bias[name], (1, 3))
                if self.white[name]:
                    white = np.random.standard_normal(values.shape)
                    noise = noise + self.white[name] * white
                channels[name] = values + noise.astype(np.float32)
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change the channels of ``imu``."""
        there = batch.happens(self.prob, per_sensor=True)
        there = there.astype(np.float32)[:, None, None]
        for name in [n for n in batch.imu if n in self.white]:
            values = batch.imu[name]
            for std, shape in (
                (self.bias[name], (*values.shape[:2], 1)),
                (self.white[name], values.shape),
            ):
                if std:
                    noise = batch.normal(shape)
                    noise *= np.float32(std) * there
                    values += noise


@TRANSFORMS.register_module()
class RandomIMUScale(BaseTransform):
    """Multiply each of ``acc``, ``gyro`` and ``mag`` by its own factor.

    Args:
        factors: Range (low, high) to draw the factors from.
        prob: Probability for each sensor.
    """

    needs = ('imu_mask',)

    def __init__(
        self, factors: Sequence[float] = (0.9, 1.1), prob: float = 1.0
    ) -> None:
        self.factors = check_factors('factors', factors)
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Change the channels of ``imu``."""
        for channels in results['imu'].values():
            if happens(self.prob):
                for name in [n for n in channels if n != 'quat']:
                    factor = np.random.uniform(*self.factors)
                    channels[name] = channels[name] * np.float32(factor)
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change the channels of ``imu``."""
        there = batch.happens(self.prob, per_sensor=True)
        for name in [n for n in batch.imu if n != 'quat']:
            factor = batch.rng.uniform(*self.factors, there.shape)
            factor = np.where(there, factor, 1.0).astype(np.float32)
            batch.imu[name] *= factor[:, None, None]


@TRANSFORMS.register_module()
class RandomSensorDrop(BaseTransform):
    """Mask sensors, each with the same probability.

    Args:
        prob: Probability for each sensor.
        min_sensors: How many of the present sensors must remain; if fewer
            would, some of the dropped ones are restored at random.
        placements: Sensors that count and may be dropped; None for all that
            were loaded. Name those that are packed if
            :class:`LoadWindow` loads more.
    """

    needs = ('imu_mask',)

    def __init__(
        self,
        prob: float,
        min_sensors: int = 1,
        placements: Sequence[str] | None = None,
    ) -> None:
        self.prob = check_prob('prob', prob)
        self.min_sensors = int(check_amount('min_sensors', min_sensors))
        self.placements = check_placements(placements)

    def transform(self, results: dict) -> dict:
        """Change ``imu_mask``."""
        mask = results['imu_mask']
        present = [
            name
            for name, seen in mask.items()
            if seen and (self.placements is None or name in self.placements)
        ]
        # The sensors with the largest draws are the last to go.
        draws = np.random.random(len(present))
        protected = np.argsort(-draws)[: self.min_sensors]
        dropped = draws < self.prob
        dropped[protected] = False
        for name, drop in zip(present, dropped):
            mask[name] = not drop
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Change ``imu_mask``."""
        draws = batch.rng.random(batch.imu_mask.shape)
        draws = np.where(batch.imu_mask, draws, -1.0)
        order = np.argsort(-draws, axis=1)[:, : self.min_sensors]
        dropped = draws < self.prob
        np.put_along_axis(dropped, order, False, axis=1)
        batch.imu_mask &= ~dropped


class PoseAugmentation(BaseTransform):
    """Applied with a probability ``prob`` to a window that has a skeleton."""

    needs = ('keypoint_mask',)
    looks_at_all = False
    """Whether what happens to a keypoint depends on the others."""

    def __init__(self, prob: float = 1.0) -> None:
        self.prob = check_prob('prob', prob)

    def transform(self, results: dict) -> dict:
        """Draw whether to :meth:`augment`."""
        if results['keypoints'] is not None and happens(self.prob):
            self.augment(results)
        return results

    def transform_batch(self, batch: WindowBatch) -> None:
        """Draw where to :meth:`augment_batch`."""
        self.augment_batch(batch, batch.happens(self.prob))

    @abstractmethod
    def augment(self, results: dict) -> None:
        """Change ``keypoints`` (T, K, 2) or ``keypoint_mask`` (T, K)."""

    def augment_batch(self, batch: WindowBatch, where: np.ndarray) -> None:
        """Change them in some windows (B,) of a batch."""
        raise NotImplementedError


@TRANSFORMS.register_module()
class RandomKeypointNoise(PoseAugmentation):
    """Add white noise to keypoints.

    Args:
        std: In the unit of the keypoints at this step: pixels before
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

    def augment_batch(self, batch: WindowBatch, where: np.ndarray) -> None:
        """Change ``keypoints``."""
        noise = batch.normal(batch.keypoints.shape)
        std = np.where(where, self.std, 0.0).astype(np.float32)
        noise *= std[:, None, None, None]
        batch.keypoints += noise


@TRANSFORMS.register_module()
class RandomPoseScale(PoseAugmentation):
    """Scale the skeleton about its mean position in the window.

    Changing the aspect ratio roughly imitates a turn of the body or a view
    from above.

    Args:
        factors: Range (low, high) to draw the factor from.
        aspect_factors: Likewise, for the ratio of width to height.
        prob: Probability for each window.
    """

    looks_at_all = True

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

    def augment_batch(self, batch: WindowBatch, where: np.ndarray) -> None:
        """Change ``keypoints``."""
        factor = batch.rng.uniform(*self.factors, len(where))
        aspect = batch.rng.uniform(*self.aspect_factors, len(where)) ** 0.5
        zero = np.zeros(len(where))
        matrix = np.array(
            [[factor * aspect, zero], [zero, factor / aspect]]
        ).transpose(2, 0, 1)
        _about_centres(batch, where, matrix)


@TRANSFORMS.register_module()
class RandomPoseRotation(PoseAugmentation):
    """Rotate the skeleton in the image about its mean position.

    Put it before ``NormalizeKeypoints(mode='image')``, after which x and y
    have different units.

    Args:
        max_deg: Largest angle in either direction.
        prob: Probability for each window.
    """

    looks_at_all = True

    def __init__(self, max_deg: float, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.max_deg = check_amount('max_deg', max_deg)

    def augment(self, results: dict) -> None:
        """Change ``keypoints``."""
        angle = np.deg2rad(np.random.uniform(-self.max_deg, self.max_deg))
        cos, sin = np.cos(angle), np.sin(angle)
        _about_centre(results, np.array([[cos, sin], [-sin, cos]]))

    def augment_batch(self, batch: WindowBatch, where: np.ndarray) -> None:
        """Change ``keypoints``."""
        limit = np.deg2rad(self.max_deg)
        angle = batch.rng.uniform(-limit, limit, len(where))
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
        _about_centres(batch, where, matrix)


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

    def augment_batch(self, batch: WindowBatch, where: np.ndarray) -> None:
        """Change ``keypoint_mask``."""
        draws = batch.rng.random(batch.keypoint_mask.shape[:2])
        dropped = (draws < self.drop_prob) & where[:, None]
        batch.keypoint_mask &= ~dropped[..., None]


def _about_centre(results: dict, matrix: np.ndarray) -> None:
    """Apply ``matrix`` (2, 2) to row vectors about the mean known keypoint."""
    keypoints, mask = results['keypoints'], results['keypoint_mask']
    if mask.any():
        centre = np.einsum('tkc,tk->c', keypoints, mask) / mask.sum()
        centre = centre.astype(np.float32)
        matrix = matrix.astype(np.float32)
        results['keypoints'] = (keypoints - centre) @ matrix + centre


def _about_centres(
    batch: WindowBatch, where: np.ndarray, matrix: np.ndarray
) -> None:
    """Apply matrices (B, 2, 2) to columns about the mean known keypoints."""
    points, mask = batch.keypoints, batch.keypoint_mask
    if mask.all():
        centre, there = points.mean(axis=(2, 3)), where
    else:
        count = mask.sum(axis=(1, 2))
        centre = np.einsum('bckt,bkt->bc', points, mask, optimize=True)
        centre /= np.maximum(count, 1)[:, None]
        there = where & (count > 0)
    matrix = np.where(there[:, None, None], matrix, np.eye(2))
    centre = centre.astype(np.float32)[:, :, None]
    matrix = matrix.astype(np.float32)
    moved = matrix @ points.reshape(len(points), 2, -1)
    moved += centre - matrix @ centre
    batch.keypoints = moved.reshape(points.shape)
