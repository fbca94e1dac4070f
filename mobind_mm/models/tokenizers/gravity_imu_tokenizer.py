"""IMU streams of any sensor to channels relative to gravity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from mmengine.model import BaseModule
from torch import nn

from ...recordings import STANDARD_GRAVITY
from ...registry import MODELS

_TINY = 1e-9
_FEATURES = {
    'acc': (3, 0.1),
    'gyro': (3, 0.33),
    'up': (3, 1.0),
    'acc_norm': (1, 0.2),
    'gyro_norm': (1, 0.33),
    'vertical': (1, 0.2),
    'horizontal': (1, 0.2),
    'turn': (1, 0.33),
    'tilt': (1, 0.33),
    'known': (3, 1.0),
}
"""Number of channels and usual scale factor by feature."""
_ACC_LEVEL_SEC, _GYRO_LEVEL_SEC = 1.0, 3.0
"""Seconds over which the mean specific force shows the vertical: of the
sensor as it is, and in the frame that the gyroscope holds still."""


@MODELS.register_module()
class GravityIMUTokenizer(BaseModule):
    """Describe what a sensor feels, whatever it can measure.

    Takes what ``PackIMUPose(imu_channels=('acc',), optional_channels=('gyro',
    'quat'))`` packs. What a sensor lacks is derived where it can be: the
    angular rate from the orientation, the vertical from the orientation, from
    acceleration and angular rate, or from acceleration alone. What is known,
    and how well, is a channel of its own.

    Channels, in this order:

    - ``acc``, ``gyro``, ``up`` (3 each): specific force, angular rate and
      the vertical, along the sensor's axes;
    - ``acc_norm`` minus g, ``gyro_norm``;
    - ``vertical`` minus g and ``horizontal``: parts of the specific force;
    - ``turn`` about the vertical, ``tilt`` about a horizontal axis: parts of
      the angular rate. All of these do not depend on how the sensor is worn,
      and a camera sees them;
    - ``known`` (3): whether gravity is, the angular rate is, and whether the
      vertical comes from more than acceleration.

    Args:
        rate: Samples per second in Hz.
        features: Scale factor by channel; all of them by default.
        drop_quat: Probability, in training, of hiding the orientations of a
            recording's sensors.
        drop_gyro: Likewise, of the angular rates.
        rotate: Whether to turn every sensor at random in training.
        channel_dropout: Probability of a channel being zero in training.
        window_sec: Longest window in seconds of a model that is exported.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: For an unknown feature.

    >>> tokenizer = GravityIMUTokenizer(rate=25)
    >>> streams = tokenizer.prepare(torch.randn(3, 2, 11, 125))
    >>> tokenizer(streams).shape
    torch.Size([3, 2, 18, 125])
    """

    in_channels = 11
    prepared_channels = 12

    def __init__(
        self,
        rate: float,
        features: Mapping[str, float] | None = None,
        drop_quat: float = 0.0,
        drop_gyro: float = 0.0,
        rotate: bool = False,
        channel_dropout: float = 0.0,
        window_sec: float = 5.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if features is None:
            features = {n: scale for n, (_, scale) in _FEATURES.items()}
        if unknown := sorted(set(features) - set(_FEATURES)):
            raise ValueError(
                f'Unknown IMU features {unknown}; choose from '
                f'{sorted(_FEATURES)}.'
            )
        self.rate = rate
        self.features = {n: features[n] for n in _FEATURES if n in features}
        self.drop_quat, self.drop_gyro = drop_quat, drop_gyro
        self.rotate = rotate
        self.most = round(window_sec * rate)
        self.dropout = nn.Dropout1d(channel_dropout)
        self.out_channels = sum(_FEATURES[n][0] for n in self.features)

    def prepare(
        self, imu: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Derive what is missing, from whole streams.

        Args:
            imu: (B, S, 11, T) rows acc, gyro, quat, gravity; zero where
                unknown.
            mask: (B, S) boolean, sensors that are there.

        Returns:
            (B, S, 12, T) rows acc, gyro, up, known.

        Raises:
            ValueError: If there are not 11 rows.
        """
        if imu.shape[2] != self.in_channels:
            raise ValueError(
                f'GravityIMUTokenizer needs {self.in_channels} rows (acc, '
                f'gyro, quat, gravity), got {imu.shape[2]}; give PackIMUPose '
                "imu_channels=('acc',) and optional_channels=('gyro', "
                "'quat')."
            )
        if mask is None:
            mask = imu.new_ones(imu.shape[:2], dtype=torch.bool)
        if torch.compiler.is_compiling() and not self.training:
            # Of all sensors: the steps must not depend on the data.
            rows = self._prepare_rows(imu.flatten(0, 1), mask)
            rows = rows.unflatten(0, imu.shape[:2]).to(imu.dtype)
            return rows.masked_fill(~mask[..., None, None], 0.0)
        shape = (*imu.shape[:2], self.prepared_channels, imu.shape[3])
        out = imu.new_zeros(shape)
        if mask.any():
            out[mask] = self._prepare_rows(imu[mask], mask).to(out.dtype)
        return out

    def _prepare_rows(
        self, imu: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Streams (M, 11, T) of single sensors to (M, 12, T)."""
        rows = imu.transpose(1, 2).float()
        acc, gyro, quat, gravity = rows.split((3, 3, 4, 1), dim=2)
        has_quat = quat.abs().sum(dim=(1, 2)) > 0
        has_gyro = gyro.abs().sum(dim=(1, 2)) > 0
        if self.training:
            clip = mask.nonzero()[:, 0]
            draw = torch.rand(2, len(mask), device=imu.device)[:, clip]
            has_quat = has_quat & (draw[0] >= self.drop_quat)
            has_gyro = has_gyro & (draw[1] >= self.drop_gyro)
        has_gravity = gravity[:, 0, 0] > 0
        quat = F.normalize(quat, dim=2)
        gyro = _choose(has_gyro, gyro, torch.zeros_like(gyro))
        derive = partial(rate_of, rate=self.rate)
        gyro = _fill(has_quat & ~has_gyro, gyro, derive, quat)
        up = self._up(acc, gyro, quat, has_quat, has_gyro | has_quat)
        sure = has_quat | (has_gyro & has_gravity)
        vertical = has_gravity | has_quat
        up = _choose(vertical, up, torch.zeros_like(up))
        vectors = torch.stack([acc, gyro, up], dim=2)
        if self.training and self.rotate:
            turn = random_rotations(len(acc), acc)
            vectors = torch.einsum('mij,mtkj->mtki', turn, vectors)
        known = torch.stack([has_gravity, has_gyro | has_quat, sure], dim=1)
        known = known[:, None].expand(-1, acc.shape[1], -1).to(acc.dtype)
        rows = torch.cat([vectors.flatten(2), known], dim=2)
        return rows.transpose(1, 2)

    def _up(
        self,
        acc: torch.Tensor,
        gyro: torch.Tensor,
        quat: torch.Tensor,
        has_quat: torch.Tensor,
        has_rate: torch.Tensor,
    ) -> torch.Tensor:
        """The vertical (M, T, 3) along the sensor's axes, unit vectors."""
        up = F.normalize(_smooth(acc, _ACC_LEVEL_SEC * self.rate), dim=2)
        follow = partial(attitude_up, rate=self.rate, most=self.most)
        up = _fill(has_rate & ~has_quat, up, follow, acc, gyro)
        w, x, y, z = quat.unbind(2)
        given = [
            2 * (x * z - w * y),
            2 * (y * z + w * x),
            1 - 2 * (x**2 + y**2),
        ]
        return _choose(has_quat, torch.stack(given, dim=2), up)

    def forward(
        self, imu: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the channels of every limb.

        Args:
            imu: (B, S, 12, T), the result of :meth:`prepare`.
            mask: (B, S) boolean, sensors that are there; the others become
                zero.

        Returns:
            (B, S, C, T) channels.

        Raises:
            ValueError: If the streams have not been prepared.
        """
        if imu.shape[2] != self.prepared_channels:
            raise ValueError(
                'GravityIMUTokenizer looks at streams that it has prepared, '
                f'{self.prepared_channels} rows, got {imu.shape[2]}; call '
                'prepare() on whole streams first, as MoBind does.'
            )
        acc, gyro, up, known = imu.split((3, 3, 3, 3), dim=2)
        gravity = STANDARD_GRAVITY * known[:, :, :1]
        along = (acc * up).sum(dim=2, keepdim=True)
        turn = (gyro * up).sum(dim=2, keepdim=True)
        there = (up.square().sum(dim=2, keepdim=True) > 0).to(acc.dtype)
        values = {
            'acc': acc,
            'gyro': gyro,
            'up': up,
            'acc_norm': _norm(acc) - gravity,
            'gyro_norm': _norm(gyro),
            'vertical': (along - gravity) * there,
            'horizontal': _norm(acc - along * up) * there,
            'turn': turn,
            'tilt': _norm(gyro - turn * up) * there,
            'known': known,
        }
        rows = [values[n] * factor for n, factor in self.features.items()]
        out = self.dropout(torch.cat(rows, dim=2).flatten(0, 1))
        out = out.unflatten(0, imu.shape[:2])
        return out if mask is None else out * mask[..., None, None]


def attitude_up(
    acc: torch.Tensor, gyro: torch.Tensor, rate: float, most: int = 2048
) -> torch.Tensor:
    """The vertical (M, T, 3) along the axes of sensors that turn.

    In the frame that the integrated angular rate holds still, the mean
    specific force points up, but for a slow drift.

    Args:
        acc: (M, T, 3) specific force.
        gyro: (M, T, 3) rad/s.
        rate: Samples per second.
        most: Greatest T of an exported model, which has to know it.
    """
    turn = 0.5 * (gyro[:, 1:] + gyro[:, :-1]) / rate
    angle = _norm(turn, -1)
    axis = turn / angle
    steps = torch.cat([(angle / 2).cos(), axis * (angle / 2).sin()], dim=-1)
    turned = F.normalize(_running_product(steps, most), dim=2)
    level = _smooth(_rotate(turned, acc), _GYRO_LEVEL_SEC * rate)
    conjugate = turned * turned.new_tensor([1.0, -1.0, -1.0, -1.0])
    return F.normalize(_rotate(conjugate, level), dim=2)


def _running_product(steps: torch.Tensor, most: int) -> torch.Tensor:
    """Products (M, T, 4) of the first 0, 1, ... quaternions (M, T - 1, 4)."""
    still = torch.zeros_like(steps[:, :1])
    still[..., 0] = 1.0
    turned = torch.cat([still, steps], dim=1)
    count = turned.shape[1]
    # Exported for any length, the count is a symbol.
    most = count if isinstance(count, int) else most
    for reach in (2**i for i in range((most - 1).bit_length())):
        before = [still.expand(-1, reach, -1), turned]
        turned = quat_product(torch.cat(before, dim=1)[:, :count], turned)
    return turned


def rate_of(quat: torch.Tensor, rate: float) -> torch.Tensor:
    """Angular rate (M, T, 3) in the sensor frame of unit quats (M, T, 4)."""
    conjugate = quat * quat.new_tensor([1.0, -1.0, -1.0, -1.0])
    step = quat_product(conjugate[:, :-1], quat[:, 1:])
    step = torch.where(step[..., :1] < 0, -step, step)
    sine = step[..., 1:].square().sum(-1, keepdim=True).add(1e-18).sqrt()
    angle = 2 * torch.atan2(sine, step[..., :1])
    between = step[..., 1:] / sine * angle * rate
    ends = torch.cat([between[:, :1], between, between[:, -1:]], dim=1)
    return 0.5 * (ends[:, 1:] + ends[:, :-1])


def quat_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Hamilton product of quaternions w x y z (..., 4)."""
    w, x, y, z = a.unbind(-1)
    p, q, r, s = b.unbind(-1)
    return torch.stack(
        [
            w * p - x * q - y * r - z * s,
            w * q + x * p + y * s - z * r,
            w * r - x * s + y * p + z * q,
            w * s + x * r - y * q + z * p,
        ],
        dim=-1,
    )


def random_rotations(count: int, like: torch.Tensor) -> torch.Tensor:
    """Uniform random rotation matrices (count, 3, 3)."""
    quat = F.normalize(
        torch.randn(count, 4, device=like.device, dtype=like.dtype), dim=1
    )
    columns = [
        _rotate(quat, axis.expand(count, 3))
        for axis in torch.eye(3, device=like.device, dtype=like.dtype)
    ]
    return torch.stack(columns, dim=2)


def _rotate(quat: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Turn vectors (..., 3) by unit quaternions (..., 4)."""
    w, axis = quat[..., :1], quat[..., 1:]
    cross = 2 * torch.linalg.cross(axis, vector)
    return vector + w * cross + torch.linalg.cross(axis, cross)


def _smooth(x: torch.Tensor, samples: float) -> torch.Tensor:
    """Moving means of (M, T, 3), twice, over about some samples."""
    x, half = x.transpose(1, 2), max(int(samples / 2), 1)
    for _ in range(2):
        x = F.avg_pool1d(x, 2 * half + 1, 1, half, count_include_pad=False)
    return x.transpose(1, 2)


def _norm(x: torch.Tensor, dim: int = 2) -> torch.Tensor:
    return (x.square().sum(dim=dim, keepdim=True) + _TINY).sqrt()


def _fill(
    rows: torch.Tensor,
    value: torch.Tensor,
    compute: Callable[..., torch.Tensor],
    *inputs: torch.Tensor,
) -> torch.Tensor:
    """A value, in some rows replaced by what is computed from inputs."""
    if torch.compiler.is_compiling():  # no step depends on the data
        return _choose(rows, compute(*inputs), value)
    if rows.any():
        value = value.clone()
        value[rows] = compute(*(x[rows] for x in inputs))
    return value


def _choose(
    rows: torch.Tensor, a: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    return torch.where(rows[:, None, None], a, b)
