"""Contrastive terms at three levels: clip, limb and token."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS
from ...utils.dist import gather_rows, global_mean
from ..losses import (
    info_nce,
    label_nce,
    lag_nce,
    multi_positive_nce,
    token_info_nce,
)


@MODELS.register_module()
class HierarchicalContrastiveHead(BaseModule):
    """Global, local, token and multi-positive InfoNCE, one temperature.

    A term with weight 0 is not computed. Across processes the global,
    local and multi-positive terms compare the clips of each process with
    those of all, and every pair, sensor and token counts the same.

    Args:
        embed_dims: Width D; needed for the projections of the last two
            terms.
        global_weight: Clip against clip over the batch.
        local_weight: Limb trajectory against its IMU over all limbs of
            the batch, those without a counterpart included.
        token_weight: Token against token within each sample.
        limb_weight: Sensor against the limbs of its own clip, by local
            features and tokens together: which of them carries it.
        lag_weight: Sensor and limb at the right lag against all other
            lags, by the tokens that overlap: what synchronisation asks.
        multi_positive_weight: Projected IMU limbs against the detached
            pose clip.
        action_weight: A limb of one modality, projected, against the same
            limb in other windows of its action, for data sets with labels.
        action_temperature: Temperature of that term alone.
        init_temperature: Start of the learned temperature.
        max_scale: Upper bound of its inverse.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If every weight is 0.

    Source: MoBind, hierarchical contrastive objective.
    """

    def __init__(
        self,
        embed_dims: int = 256,
        global_weight: float = 1.0,
        local_weight: float = 1.0,
        token_weight: float = 0.5,
        multi_positive_weight: float = 0.0,
        limb_weight: float = 0.0,
        lag_weight: float = 0.0,
        action_weight: float = 0.0,
        action_temperature: float = 0.1,
        init_temperature: float = 0.07,
        max_scale: float = 100.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.weights = {
            'global': global_weight,
            'local': local_weight,
            'token': token_weight,
            'multi_positive': multi_positive_weight,
            'limb': limb_weight,
            'lag': lag_weight,
            'action': action_weight,
        }
        if not any(self.weights.values()):
            raise ValueError('Every weight of the contrastive head is 0.')
        self.action_temperature = action_temperature
        self.max_log_scale = math.log(max_scale)
        self.logit_scale = nn.Parameter(
            torch.tensor(math.log(1 / init_temperature))
        )
        if multi_positive_weight:
            self.local_proj = nn.Linear(embed_dims, embed_dims)
        if action_weight:
            # Behind a projection features still tell one repetition of an
            # action from the next, which retrieval needs.
            self.action_proj = nn.ModuleDict(
                {x: nn.Linear(embed_dims, embed_dims) for x in ('imu', 'pose')}
            )

    @property
    def scale(self) -> torch.Tensor:
        """Inverse temperature (), bounded by ``max_scale``."""
        return self.logit_scale.clamp(max=self.max_log_scale).exp()

    def item_losses(
        self, feats: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Losses that look at one clip at a time, before their mean.

        Args:
            feats: Result of :meth:`MoBind.extract_feats`, of a batch or a
                part of one.

        Returns:
            ``token`` (n,), one loss per token, ``limb`` and ``lag`` (m,),
            one loss per pair of a sensor and its limb: those with a
            weight.
        """
        both = feats['imu_mask'] & feats['pose_mask']
        losses = {}
        if self.weights['limb']:
            losses['limb'] = self._limb(feats, both)
        if self.weights['token'] or self.weights['lag']:
            imu, pose = feats['imu_tokens'][both], feats['pose_tokens'][both]
            mask, shift = feats['pose_token_mask'][both], None
            if 'token_shift' in feats:
                shift = feats['token_shift'][:, None].expand_as(both)[both]
            if self.weights['token']:
                losses['token'] = token_info_nce(
                    imu, pose, self.scale, mask, shift
                )
            if self.weights['lag']:
                losses['lag'] = lag_nce(imu, pose, mask, shift)
        return losses

    def _limb(
        self, feats: dict[str, torch.Tensor], both: torch.Tensor
    ) -> torch.Tensor:
        """Losses (m,) of sensors among the limbs of their own clip."""
        seen = feats['pose_token_mask'][..., None]
        u = F.normalize(feats['imu_tokens'], dim=-1)
        v = F.normalize(feats['pose_tokens'], dim=-1) * seen
        token = torch.einsum('bsnd,blnd->bsl', u, v)
        token = token / seen.sum(dim=(2, 3)).clamp(min=1)[:, None]
        local = torch.einsum(
            'bsd,bld->bsl',
            F.normalize(feats['imu_local'], dim=-1),
            F.normalize(feats['pose_local'], dim=-1),
        )
        logits = self.scale * (local + token) / 2
        if 'aligned' in feats:
            both = both & feats['aligned'][:, None]
        limb = torch.arange(both.shape[1], device=both.device)
        limb = limb.expand_as(both)[both]
        least = torch.finfo(logits.dtype).min
        total = logits.new_zeros(())
        for scores, there in (
            (logits, feats['pose_mask']),
            (logits.mT, feats['imu_mask']),
        ):
            rows = scores.masked_fill(~there[:, None], least)[both]
            total = total + F.cross_entropy(rows, limb, reduction='none')
        return total / 2

    def loss(self, feats: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Weighted losses of one batch, of all processes.

        Args:
            feats: Result of :meth:`MoBind.extract_feats`. With the result
                of :meth:`item_losses` in it, no tokens are needed.

        Returns:
            ``loss_<term>`` for every term with a weight.
        """
        items = [n for n in ('token', 'limb', 'lag') if self.weights[n]]
        if any(name not in feats for name in items):
            feats = {**feats, **self.item_losses(feats)}
        terms = {
            'global': self._global,
            'local': self._local,
            'multi_positive': self._multi_positive,
            'action': self._action,
        }
        losses = {}
        if any(self.weights[name] for name in terms):
            whole, own = gather_rows(self._compared(feats))
            for name, term in terms.items():
                if self.weights[name]:
                    losses[name] = term(whole, own)
        for name in items:
            losses[name] = global_mean(feats[name])
        return {
            f'loss_{name}': self.weights[name] * loss
            for name, loss in losses.items()
        }

    def _compared(
        self, feats: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """What the terms compare across clips."""
        names = ['imu_mask', 'pose_mask']
        if self.weights['global']:
            names += ['imu', 'pose']
        if self.weights['local'] or self.weights['action']:
            names += ['imu_local', 'pose_local']
        if self.weights['action']:
            names += ['action']
        compared = {name: feats[name] for name in names}
        if 'aligned' in feats:  # windows cut apart compare by tokens alone
            for name in ('imu_mask', 'pose_mask'):
                compared[name] = compared[name] & feats['aligned'][:, None]
        if self.weights['multi_positive']:
            compared['sensor'] = self.local_proj(feats['imu_local'])
            compared['clip'] = feats['pose'].detach()
        return compared

    def _global(
        self, feats: dict[str, torch.Tensor], own: torch.Tensor
    ) -> torch.Tensor:
        both = feats['imu_mask'].any(dim=1) & feats['pose_mask'].any(dim=1)
        loss = info_nce(
            feats['imu'][both], feats['pose'][both], self.scale, own=own[both]
        )
        return global_mean(loss)

    def _local(
        self, feats: dict[str, torch.Tensor], own: torch.Tensor
    ) -> torch.Tensor:
        both = feats['imu_mask'] & feats['pose_mask']
        imu = self._pairs_first(feats, 'imu', both)
        pose = self._pairs_first(feats, 'pose', both)
        own = own[:, None].expand_as(both)[both]
        loss = info_nce(imu, pose, self.scale, len(own), own)
        return global_mean(loss)

    def _action(
        self, feats: dict[str, torch.Tensor], own: torch.Tensor
    ) -> torch.Tensor:
        action = feats['action'].long()
        losses = []
        for name in ('imu', 'pose'):
            there = feats[f'{name}_mask'] & (action >= 0)
            count = there.shape[1]
            limb = torch.arange(count, device=there.device)
            losses.append(
                label_nce(
                    self.action_proj[name](feats[f'{name}_local'][there]),
                    (action * count + limb)[there],
                    self.action_temperature,
                    own[:, None].expand_as(there)[there],
                )
            )
        return global_mean(torch.cat(losses))

    @staticmethod
    def _pairs_first(
        feats: dict[str, torch.Tensor], name: str, both: torch.Tensor
    ) -> torch.Tensor:
        """Limb features (M, D): pairs, then the rest.

        A limb whose counterpart is missing is still a negative.
        """
        rest = feats[f'{name}_mask'] & ~both
        local = feats[f'{name}_local']
        return torch.cat([local[both], local[rest]])

    def _multi_positive(
        self, feats: dict[str, torch.Tensor], own: torch.Tensor
    ) -> torch.Tensor:
        rows = feats['pose_mask'].any(dim=1)
        to_sensor, to_clip = multi_positive_nce(
            feats['sensor'][rows],
            feats['clip'][rows],
            self.scale,
            feats['imu_mask'][rows],
            own[rows],
        )
        return (global_mean(to_sensor) + global_mean(to_clip)) / 2
