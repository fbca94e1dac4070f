"""What the backbones of both modalities share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from mmengine.model import BaseModule
from torch.nn import functional as F  # noqa: N812

from ...registry import MODELS
from ...utils.checkpoint import check_state_dict, read_checkpoint
from ..classifiers import LimbTokenPool
from ..limb_encoding import encode_limbs


class LimbBackbone(BaseModule):
    """Limbs of a clip in MMAction2's skeleton form, to one vector.

    Takes (N, M, T, V, C) as MMAction2's GCNs do and returns (N, 1, D, 1, 1)
    for its ``GCNHead``. The last channel of the input says what is there: 0
    is missing, and has no influence. Limbs become tokens, tokens the vector
    of a person, and the clip is the mean over the people who are there, zero
    without any.

    The encoder starts from a MoBind checkpoint with
    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)`` in its
    own config, where the prefix is ``imu_backbone.`` or ``pose_backbone.``.

    Args:
        tokenizer: Config of the limb channels.
        encoder: Config of the encoder, :class:`ConvFormer`.
        num_limbs: Limbs S.
        out_dims: Width D of the result.
        frozen: Keep the encoder as it was loaded, batch statistics and
            dropout included; the pool is trained.
        init_cfg: MMEngine initialisation config.

    Types in the two configs are of this package unless they name a scope.

    Raises:
        ValueError: By :meth:`init_weights`, if the checkpoint does not
            fill the encoder.
    """

    def __init__(
        self,
        tokenizer: dict,
        encoder: dict,
        num_limbs: int,
        out_dims: int = 256,
        frozen: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.tokenizer = MODELS.build({'_scope_': 'mobind_mm', **tokenizer})
        self.encoder = MODELS.build({'_scope_': 'mobind_mm', **encoder})
        self.pool = LimbTokenPool(num_limbs, self.encoder.embed_dims, out_dims)
        self.frozen = frozen
        if frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> LimbBackbone:
        """Change the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def init_weights(self) -> None:
        """Check a checkpoint before MMEngine loads what fits of it."""
        cfg = self.encoder.init_cfg
        if isinstance(cfg, dict) and cfg.get('type') == 'Pretrained':
            self._check_pretrained(cfg['checkpoint'], cfg.get('prefix') or '')
        super().init_weights()

    def _check_pretrained(self, source: str, prefix: str) -> None:
        checkpoint = read_checkpoint(source)
        state_dict = checkpoint.get('state_dict', checkpoint)
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        part = {
            name.removeprefix(prefix): value
            for name, value in state_dict.items()
            if name.startswith(prefix)
        }
        if not part:
            found = sorted({name.split('.')[0] for name in state_dict})
            raise ValueError(
                f'The checkpoint {source} has nothing under prefix='
                f'{prefix!r}; it has {found}. Of a MoBind checkpoint the '
                "prefixes are 'imu_backbone.' and 'pose_backbone.'."
            )
        check_state_dict(self.encoder, part, f'{source}, prefix {prefix!r},')

    @abstractmethod
    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T, V, C) to channels (B, S, C, T) and a mask (B, S, T)."""

    def embed(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Describe each clip.

        Args:
            x: (N, M, T, V, C).

        Returns:
            (N, D), and whether there is anybody, (N,) boolean.
        """
        limbs, mask = self.split(x.flatten(0, 1))
        present = mask.any(dim=2)
        valid = self.encoder.token_mask(mask.flatten(0, 1))
        valid = valid.unflatten(0, present.shape)
        tokens, local = encode_limbs(self.encoder, limbs, present, valid)
        people = F.gelu(self.pool(tokens, local, present, valid))
        there = present.any(dim=1).unflatten(0, x.shape[:2])
        people = people.unflatten(0, x.shape[:2])
        # Nobody's vector is zero.
        clip = people.sum(dim=1) / there.sum(dim=1).clamp(min=1)[:, None]
        return clip, there.any(dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, M, T, V, C) to (N, 1, D, 1, 1), which ``GCNHead`` takes."""
        clip, _ = self.embed(x)
        return clip[:, None, :, None, None]
