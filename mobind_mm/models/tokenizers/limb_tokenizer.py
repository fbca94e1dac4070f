"""Skeletons to per-limb trajectories and their motion channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS
from ...skeleton import get_layout, get_limb, limb_indices

_WIDTH = {
    'position': 6,
    'relative': 4,
    'velocity': 6,
    'acceleration': 6,
    'point_velocity': 2,
    'point_acceleration': 2,
    'bone': 2,
    'bone_turn': 1,
    'place': 3,
}
_LOCAL = ('position', 'relative', 'bone', 'place')
_SHORT = 0.05
"""A bone shorter than this has hardly a direction in the image."""


@MODELS.register_module()
class LimbTokenizer(BaseModule):
    """Cut a skeleton into limbs and describe each limb's motion.

    Channels of a limb with joints 0 (proximal), 1, 2, all x before all y:

    - ``position`` (6): the coordinates as they come, the published input;
    - ``relative`` (4): joints 1 and 2 relative to joint 0;
    - ``velocity`` (6): central differences, per second;
    - ``acceleration`` (6): second differences, per second squared;
    - ``point_velocity``, ``point_acceleration`` (2 each): of the point where
      the sensor is strapped, :attr:`~mobind_mm.skeleton.Limb.point`;
    - ``bone`` (2): from one end to the other of the bone that carries it;
    - ``bone_turn`` (1): its angular rate in the image, rad/s;
    - ``place`` (3): the weights of the joints in that point, constant. Arms
      with several sensors need the last five: their limbs share the joints.

    Args:
        limbs: S placement names, see :mod:`mobind_mm.skeleton`.
        layout: Skeleton layout of whole skeletons, e.g. ``coco``.
        rate: Frames per second of the pose stream in Hz.
        features: Scale factor by feature name. Channels follow the order
            above, whatever the order of the names: saved configs are
            sorted.
        channel_dropout: Probability of a channel of a limb being zero
            during training.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: For an unknown limb, layout or feature.

    >>> tokenizer = LimbTokenizer(
    ...     limbs=('left_wrist', 'head'), rate=25,
    ...     features=dict(relative=1.0, velocity=0.3),
    ... )
    >>> tokenizer(torch.randn(3, 17, 2, 125)).shape
    torch.Size([3, 2, 10, 125])
    """

    def __init__(
        self,
        limbs: Sequence[str],
        layout: str = 'coco',
        rate: float = 10.0,
        features: Mapping[str, float] | None = None,
        channel_dropout: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        features = features or {'position': 1.0}
        if unknown := sorted(set(features) - set(_WIDTH)):
            raise ValueError(
                f'Unknown limb features {unknown}; choose from '
                f'{sorted(_WIDTH)}.'
            )
        self.features = {n: features[n] for n in _WIDTH if n in features}
        self.rate = rate
        self.dropout = nn.Dropout1d(channel_dropout)
        self.num_keypoints = len(get_layout(layout))
        self.indices = limb_indices(layout, limbs)
        self.out_channels = sum(_WIDTH[name] for name in self.features)
        points = torch.tensor(
            [get_limb(limb).seen_by(layout).point for limb in limbs]
        )
        self.register_buffer('points', points, persistent=False)
        # The bone is between the two joints that weigh most.
        ends = points.abs().topk(2, dim=1).indices.sort(dim=1).values
        bones = torch.eye(3)[ends[:, 1]] - torch.eye(3)[ends[:, 0]]
        self.register_buffer('bones', bones, persistent=False)

    def split(self, keypoints: torch.Tensor) -> torch.Tensor:
        """Whole skeletons (B, K, 2, T) to limbs (B, S, 6, T).

        Raises:
            ValueError: If K is not the layout's.
        """
        if keypoints.shape[1] != self.num_keypoints:
            raise ValueError(
                f'The skeleton layout has {self.num_keypoints} keypoints, '
                f'got {keypoints.shape[1]}; set layout to that of the data.'
            )
        limbs = keypoints[:, self.indices]
        return limbs.transpose(2, 3).flatten(2, 3)

    def forward(
        self, pose: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Compute the channels of every limb.

        Args:
            pose: (B, S, 6, T) limb trajectories, or (B, K, 2, T) whole
                skeletons, which are cut into limbs first.
            mask: (B, S, T) boolean, valid frames. Channels that would use
                an invalid frame are zero.

        Returns:
            (B, S, C_pose, T) channels.
        """
        if pose.shape[2] == 2:
            pose = self.split(pose)
        if mask is not None:
            pose = pose.masked_fill(~mask[:, :, None], 0.0)
        channels = []
        for name, factor in self.features.items():
            value, reach = self._feature(name, pose)
            value = value * factor
            if mask is not None:
                value = value * _eroded(mask, reach)[:, :, None]
            channels.append(value)
        out = self.dropout(torch.cat(channels, dim=2).flatten(0, 1))
        return out.unflatten(0, pose.shape[:2])

    def _feature(
        self, name: str, pose: torch.Tensor
    ) -> tuple[torch.Tensor, int]:
        """One feature (B, S, c, T), and how many frames it looks aside."""
        if name == 'position':
            value = pose
        elif name == 'relative':
            xy = pose.unflatten(2, (2, 3))
            value = (xy[:, :, :, 1:] - xy[:, :, :, :1]).flatten(2, 3)
        elif name == 'velocity':
            value = central_difference(pose, self.rate)
        elif name == 'acceleration':
            value = second_difference(pose, self.rate)
        elif name == 'place':
            value = self.points[:, :, None].expand(
                pose.shape[0], -1, -1, pose.shape[3]
            )
        elif name.startswith('point'):
            point = _weighted(pose, self.points)
            if name == 'point_velocity':
                value = central_difference(point, self.rate)
            else:
                value = second_difference(point, self.rate)
        else:
            value = _weighted(pose, self.bones)
            if name == 'bone_turn':
                change = central_difference(value, self.rate)
                (x, y), (u, v) = value.unbind(2), change.unbind(2)
                square = x * x + y * y + _SHORT**2
                value = ((x * v - y * u) / square)[:, :, None]
        return value, int(name not in _LOCAL)


def _weighted(pose: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted sum (B, S, 2, T) of three joints (B, S, 6, T)."""
    return torch.einsum(
        'bscjt,sj->bsct', pose.unflatten(2, (2, 3)), weights.to(pose.dtype)
    )


def _eroded(mask: torch.Tensor, reach: int) -> torch.Tensor:
    """Frames whose neighbours up to ``reach`` are valid too."""
    if reach == 0:
        return mask
    inner = mask.clone()
    inner[..., 1:] &= mask[..., :-1]
    inner[..., :-1] &= mask[..., 1:]
    return inner


def _held(x: torch.Tensor) -> torch.Tensor:
    """Repeat the first and the last sample: (..., T) to (..., T + 2)."""
    return torch.cat([x[..., :1], x, x[..., -1:]], dim=-1)


def central_difference(x: torch.Tensor, rate: float) -> torch.Tensor:
    """First derivative per second of (..., T), same shape."""
    x = _held(x)
    return (x[..., 2:] - x[..., :-2]) * (rate / 2)


def second_difference(x: torch.Tensor, rate: float) -> torch.Tensor:
    """Second derivative per second squared of (..., T), same shape."""
    x = _held(x)
    return (x[..., 2:] - 2 * x[..., 1:-1] + x[..., :-2]) * rate**2
