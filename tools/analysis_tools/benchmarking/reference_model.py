"""The published model, computed as the released recipe computes it.

Written from the description of the released code, with its parameter names,
so that released weights load and its outputs can be compared with theirs.
It is what the benchmark's ratios are against, and nothing else uses it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mobind_mm.models.losses import info_nce, multi_positive_nce


class _Transformer(nn.Module):
    def __init__(self, num_tokens: int, dims: int, heads: int, depth: int):
        super().__init__()
        self.pos_emb = nn.Parameter(torch.randn(1, num_tokens, dims) * 0.02)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dims))  # unused
        layer = nn.TransformerEncoderLayer(
            dims, heads, 128, 0.1, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(
            layer, depth, enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.transformer(x + self.pos_emb))


class ReferenceEncoder(nn.Module):
    """One limb's stream (B, C, T) to tokens (B, N, D) and (B, D)."""

    def __init__(
        self,
        channels: int,
        patch: int,
        num_tokens: int = 25,
        dims: int = 256,
        heads: int = 8,
        depth: int = 4,
    ) -> None:
        super().__init__()
        widths = (channels, 32, 64, 128, 128)
        for i in range(1, 5):
            conv = nn.Conv1d(widths[i - 1], widths[i], 5, padding=2)
            setattr(self, f'conv{i}', conv)
            setattr(self, f'bn{i}', nn.BatchNorm1d(widths[i]))
        self.conv_dropout = nn.Dropout(0.3)
        self.patch = patch
        self.pre_transformer = nn.Linear(128 * patch, dims, bias=False)
        self.transformer = _Transformer(num_tokens, dims, heads, depth)
        self.projector = nn.Linear(dims, dims, bias=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode one limb of every clip."""
        for i in range(1, 5):
            x = getattr(self, f'conv{i}')(x)
            x = F.relu(getattr(self, f'bn{i}')(x))
            if i % 2 == 0:
                x = self.conv_dropout(x)
        x = x.unfold(2, self.patch, self.patch)  # (B, 128, N, patch)
        x = self.pre_transformer(x.transpose(1, 2).flatten(2))
        tokens = self.transformer(x)
        return tokens, self.projector(tokens.mean(dim=1))


class ReferenceModel(nn.Module):
    """Stage 2 of the released recipe: clip embeddings of S limbs.

    Args:
        num_limbs: Limbs S.
        imu: Channels and samples of a patch of IMUs.
        pose: The same of limb trajectories.
        num_tokens: Tokens N of a window.
        dims: Width D.
        heads: Attention heads.
        depth: Layers of each transformer.
    """

    def __init__(
        self,
        num_limbs: int = 4,
        imu: tuple[int, int] = (7, 10),
        pose: tuple[int, int] = (6, 2),
        num_tokens: int = 25,
        dims: int = 256,
        heads: int = 8,
        depth: int = 4,
    ) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        size = (num_tokens, dims, heads, depth)
        self.imu_encoder = ReferenceEncoder(*imu, *size)
        self.motion_encoder = ReferenceEncoder(*pose, *size)
        for name in ('imu', 'motion'):
            setattr(self, f'{name}_norm', nn.LayerNorm(dims))
            agg = nn.Sequential(
                nn.Linear(num_limbs * dims, 2 * dims),
                nn.GELU(),
                nn.Linear(2 * dims, dims),
            )
            setattr(self, f'{name}_agg_proj', agg)
        self.local2global_imu = nn.Linear(dims, dims)
        self.sensor_id_emb = nn.Embedding(num_limbs, dims)
        self.mask_token = nn.Parameter(torch.randn(1, 1, dims) * 0.02)
        self.imu_pos_emb = nn.Parameter(
            torch.randn(1, num_tokens, dims) * 0.02
        )
        layer = nn.TransformerEncoderLayer(
            dims, heads, 4 * dims, 0.1, batch_first=True
        )
        self.imu_transformer = nn.TransformerEncoder(
            layer, depth, enable_nested_tensor=False
        )
        self.pre_pred_norm = nn.LayerNorm(dims)
        self.imu_pred = nn.Linear(dims, dims)

    def forward(
        self, imu: torch.Tensor, pose: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Embed clips: (B, S, C, T) each; one call of an encoder a limb.

        Returns:
            ``imu``, ``pose`` (B, D), ``imu_local``, ``pose_local``
            (B, S, D), ``imu_tokens``, ``pose_tokens`` (B, S, N, D).
        """
        feats = {}
        for name, part, x in (('imu', 'imu', imu), ('pose', 'motion', pose)):
            encoder = getattr(self, f'{part}_encoder')
            limbs = [encoder(x[:, s]) for s in range(x.shape[1])]
            feats[f'{name}_tokens'] = torch.stack([t for t, _ in limbs], 1)
            local = torch.stack([f for _, f in limbs], 1)
            local = getattr(self, f'{part}_norm')(local)
            feats[f'{name}_local'] = local
            feats[name] = getattr(self, f'{part}_agg_proj')(local.flatten(1))
        return feats

    def loss(
        self, feats: dict[str, torch.Tensor], multi_weight: float = 0.1
    ) -> torch.Tensor:
        """Sum of the losses of stage 2."""
        scale = self.logit_scale.clamp(max=math.log(100)).exp()
        to_sensor, to_clip = multi_positive_nce(
            self.local2global_imu(feats['imu_local']),
            feats['pose'].detach(),
            scale,
        )
        multi = (to_sensor.mean() + to_clip.mean()) / 2
        masked = self.masked_loss(feats['imu_tokens'])
        clip = info_nce(feats['imu'], feats['pose'], scale).mean()
        return clip + multi_weight * multi + 0.3 * masked

    def masked_loss(self, tokens: torch.Tensor) -> torch.Tensor:
        """Prediction of three in four tokens (B, S, N, D), masked."""
        B, S, N = tokens.shape[:3]  # noqa: N806
        x = tokens.flatten(0, 1)
        order = torch.rand(B * S, N, device=x.device).argsort(dim=1)
        hidden = order >= int(N * 0.25)
        masked = torch.where(hidden[..., None], self.mask_token, x)
        sensor = self.sensor_id_emb.weight.repeat(B, 1)[:, None]
        masked = self.imu_transformer(masked + self.imu_pos_emb + sensor)
        prediction = self.imu_pred(self.pre_pred_norm(masked))
        return F.mse_loss(prediction[hidden], x.detach()[hidden])
