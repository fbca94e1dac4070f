"""Per-limb IMU streams to the channels an encoder sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from ...recordings import STANDARD_GRAVITY
from ...recordings.schema import IMU_CHANNELS
from ...registry import MODELS

_NORMS = {'acc_norm': 'acc', 'gyro_norm': 'gyro'}
_TINY = 1e-12  # a root has no gradient at 0


@MODELS.register_module()
class IMUTokenizer(BaseModule):
    """Scale raw channels and add rotation-invariant ones.

    ``acc_norm`` is the norm of ``acc`` minus g, ``gyro_norm`` that of
    ``gyro``: neither depends on how the sensor is mounted.

    Args:
        channels: Raw channels in the order in which ``PackIMUPose`` lays
            them out.
        features: Scale factor by feature name: any of ``channels``,
            ``acc_norm``, ``gyro_norm``. The channels follow
            this order, whatever the order of the names: saved configs are
            sorted.
        channel_dropout: Probability of a channel of a limb being zero
            during training.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: For an unknown channel or feature.

    >>> tokenizer = IMUTokenizer(
    ...     channels=('acc', 'gyro'), features=dict(acc=0.1, acc_norm=0.2)
    ... )
    >>> tokenizer(torch.randn(3, 2, 6, 125)).shape
    torch.Size([3, 2, 4, 125])
    """

    def __init__(
        self,
        channels: Sequence[str] = ('acc', 'quat'),
        features: Mapping[str, float] | None = None,
        channel_dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if unknown := sorted(set(channels) - set(IMU_CHANNELS)):
            raise ValueError(
                f'Unknown IMU channels {unknown}; choose from '
                f'{sorted(IMU_CHANNELS)}.'
            )
        features = features or dict.fromkeys(channels, 1.0)
        norms = [n for n, raw in _NORMS.items() if raw in channels]
        possible = [*channels, *norms]
        if unknown := sorted(set(features) - set(possible)):
            raise ValueError(
                f'IMU features {unknown} cannot be computed from channels '
                f'{list(channels)}; choose from {possible}.'
            )
        self.features = {n: features[n] for n in possible if n in features}
        self.dropout = nn.Dropout1d(channel_dropout)
        self.slices: dict[str, slice] = {}
        start = 0
        for name in channels:
            self.slices[name] = slice(start, start + IMU_CHANNELS[name])
            start += IMU_CHANNELS[name]
        self.in_channels = start
        self.out_channels = sum(IMU_CHANNELS.get(n, 1) for n in self.features)

    def forward(
        self, imu: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the channels of every limb.

        Args:
            imu: (B, S, C_imu, T) streams: acc m/s^2, gyro rad/s, quat, mag.
            mask: (B, S) boolean, sensors that are present; the others
                become zero.

        Returns:
            (B, S, C, T) channels.

        Raises:
            ValueError: If C_imu is not what ``channels`` add up to.
        """
        if imu.shape[2] != self.in_channels:
            raise ValueError(
                f'Channels {list(self.slices)} need {self.in_channels} rows, '
                f'got {imu.shape[2]}; give PackIMUPose the same '
                'imu_channels.'
            )
        values = []
        for name, factor in self.features.items():
            value = imu[:, :, self.slices[_NORMS.get(name, name)]]
            if name in _NORMS:
                # Equals norm() here, with a gradient at 0, and much faster.
                square = value.square().sum(dim=2, keepdim=True)
                value = (square + _TINY).sqrt()
                if name == 'acc_norm':
                    value = value - STANDARD_GRAVITY
            values.append(value * factor)
        out = self.dropout(torch.cat(values, dim=2).flatten(0, 1))
        out = out.unflatten(0, imu.shape[:2])
        return out if mask is None else out * mask[..., None, None]
