"""The MoBind encoder: convolutions, patches, a transformer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from mmengine.model import BaseModule
from torch import nn

from ...registry import MODELS
from ..layers import Dropout, ReLUDropout, TimeConv, TransformerLayer


@MODELS.register_module()
class ConvFormer(BaseModule):
    """Encode one limb's stream as tokens of ``patch_sec``, and as a whole.

    Four (by default) convolutions keep the time axis; non-overlapping
    patches of it become tokens by a linear map; a transformer mixes them.
    The defaults are the published encoder.

    Args:
        in_channels: Channels C of the stream.
        rate: Samples per second of the stream in Hz.
        window_sec: Length of a window in seconds.
        patch_sec: Length of a token in seconds.
        conv_channels: Width of each convolution.
        kernel_size: Kernel of each convolution, odd.
        conv_dropout: Dropout after every second convolution.
        embed_dims: Token width D.
        num_layers: Transformer layers.
        num_heads: Attention heads.
        ffn_dims: Feed-forward width.
        dropout: Dropout inside the transformer.
        out_dropout: Dropout of the transformer's output.
        num_segments: Equal parts of the window whose mean tokens, in order,
            the local feature is a linear map of. With 1, the published
            mean of all tokens, it tells what happens; with more it also
            tells when, which finds the exact moment better and the same
            action worse.
        norm_first: Pre-norm layers and a last norm instead of the
            published post-norm.
        positions: ``absolute``, learned for each token of the window, as
            published, or ``relative``: attention depends on the distance of
            tokens. Then windows of any whole number of tokens will do, at
            least one per segment.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If a window does not hold a whole number of patches.

    Source: MoBind, released code.

    >>> encoder = ConvFormer(in_channels=6, rate=20, num_layers=1).eval()
    >>> tokens, local = encoder(torch.randn(3, 6, 100))
    >>> tokens.shape, local.shape
    (torch.Size([3, 25, 256]), torch.Size([3, 256]))
    """

    def __init__(
        self,
        in_channels: int,
        rate: float,
        window_sec: float = 5.0,
        patch_sec: float = 0.2,
        conv_channels: Sequence[int] = (32, 64, 128, 128),
        kernel_size: int = 5,
        conv_dropout: float = 0.3,
        embed_dims: int = 256,
        num_layers: int = 4,
        num_heads: int = 8,
        ffn_dims: int = 128,
        dropout: float = 0.1,
        out_dropout: float = 0.3,
        num_segments: int = 1,
        norm_first: bool = False,
        positions: str = 'absolute',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.rate = rate
        self.patch = int(patch_sec * rate + 1e-6)
        self.num_samples = round(window_sec * rate)
        if self.patch < 1 or self.num_samples % self.patch:
            raise ValueError(
                f'A window of {window_sec} s at {rate} Hz has '
                f'{self.num_samples} samples, which is not a whole number of '
                f'patches of {patch_sec} s ({self.patch} samples); change '
                'window_sec, patch_sec or rate.'
            )
        self.num_tokens = self.num_samples // self.patch
        if positions not in ('absolute', 'relative'):
            raise ValueError(
                "positions must be 'absolute' or 'relative', got "
                f'{positions!r}.'
            )
        self.any_length = positions == 'relative'
        if num_segments < 1 or (
            self.num_tokens % num_segments and not self.any_length
        ):
            raise ValueError(
                f'num_segments={num_segments} must divide the '
                f'{self.num_tokens} tokens of a window.'
            )
        self.num_segments = num_segments
        self.embed_dims = embed_dims

        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, got {kernel_size}.')
        self.conv_reach = len(conv_channels) * (kernel_size // 2)
        widths = (in_channels, *conv_channels)
        self.convs = _convolutions(widths, kernel_size, conv_dropout)
        self.patch_embed = nn.Linear(
            widths[-1] * self.patch, embed_dims, False
        )
        self.pos_embed = None
        if not self.any_length:
            self.pos_embed = nn.Parameter(
                torch.randn(1, self.num_tokens, embed_dims) * 0.02
            )
        self.layers = nn.ModuleList(
            TransformerLayer(
                embed_dims,
                num_heads,
                ffn_dims,
                dropout,
                norm_first,
                self.num_tokens - 1 if self.any_length else None,
            )
            for _ in range(num_layers)
        )
        # Pre-norm layers leave their sum unnormalised.
        self.norm = nn.LayerNorm(embed_dims) if norm_first else nn.Identity()
        self.out_dropout = Dropout(out_dropout)
        self.projector = nn.Linear(
            num_segments * embed_dims, embed_dims, False
        )

    def token_mask(self, mask: torch.Tensor) -> torch.Tensor:
        """Tokens with at least one valid sample: (M, T) -> (M, N)."""
        return mask.unflatten(1, (-1, self.patch)).any(dim=2)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode streams.

        Args:
            x: (M, C, T) streams.
            mask: (M, N) boolean, tokens that may be attended to; every
                row must have one.

        Returns:
            tokens (M, N, D), and the local feature (M, D), in which only
            the tokens of the mask count.

        Raises:
            ValueError: If C or T is not what the encoder was built for.
        """
        length = x.shape[2]
        if self.any_length:
            least = self.patch * self.num_segments
            fits = length >= least and length % self.patch == 0
        else:
            fits = length == self.num_samples
        if not fits or x.shape[1] != self.in_channels:
            raise ValueError(
                f'ConvFormer was built for {self.in_channels} channels and '
                f'{self.num_samples} samples, got {tuple(x.shape[1:])}; '
                'check in_channels, rate and window_sec against the '
                'pipeline.'
            )
        return self.encode_patches(self.embed_patches(self.conv(x)), mask)

    def conv(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve streams of any length: (M, C, T) to (M, T, width)."""
        x = x[:, :, None].contiguous(memory_format=torch.channels_last)
        # Not [:, :, 0], whose gradient is not channels last.
        return self.convs(x).squeeze(2).transpose(1, 2)

    def embed_patches(self, x: torch.Tensor) -> torch.Tensor:
        """Whole patches (M, n * patch, width) to (M, n, D), no position."""
        weight = self.patch_embed.weight.unflatten(1, (-1, self.patch))
        x = x.unflatten(1, (-1, self.patch)).flatten(2)
        return F.linear(x, weight.transpose(1, 2).flatten(1))

    def encode_patches(
        self, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedded patches (M, N, D) of windows to what forward returns."""
        if self.pos_embed is not None:
            x = x + self.pos_embed
        padding = None
        if mask is not None and (
            torch.compiler.is_compiling() or not mask.all()
        ):
            padding = ~mask
        for layer in self.layers:
            x = layer(x, padding)
        tokens = self.out_dropout(self.norm(x))
        return tokens, self.projector(self._pool(tokens, padding))

    def _pool(
        self, tokens: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        """Mean tokens of the segments, in order: (M, segments * D)."""
        count = tokens.shape[1]
        # Exported for any length, the count is a symbol.
        if not isinstance(count, int) or count % self.num_segments:
            return self._pool_unequal(tokens, padding)
        parts = (self.num_segments, -1)
        if padding is None:
            return tokens.unflatten(1, parts).mean(dim=2).flatten(1)
        tokens = tokens.masked_fill(padding[..., None], 0.0)
        total = tokens.unflatten(1, parts).sum(dim=2)
        count = (~padding).unflatten(1, parts).sum(dim=2)
        return (total / count.clamp(min=1)[..., None]).flatten(1)

    def _pool_unequal(
        self, tokens: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        """The same if segments end inside tokens, which then count in part."""
        count = tokens.shape[1]
        at = torch.arange(count + 1, device=tokens.device) / count
        edges = at * self.num_segments
        first = torch.arange(self.num_segments, device=tokens.device)[:, None]
        inside = edges.clamp(first, first + 1).diff(dim=1)  # (segments, N)
        weight = inside.to(tokens.dtype).expand(tokens.shape[0], -1, -1)
        if padding is not None:
            weight = weight * ~padding[:, None]
        total = weight.sum(dim=2, keepdim=True).clamp(min=1e-6)
        return (weight / total @ tokens).flatten(1)


def _convolutions(
    widths: Sequence[int], kernel_size: int, dropout: float
) -> nn.Sequential:
    """Convolutions between the widths; dropout follows every second one."""
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(zip(widths, widths[1:])):
        layers += [TimeConv(before, after, kernel_size), nn.BatchNorm2d(after)]
        if i % 2 == 1 and dropout > 0:
            # Two modules, because parameter names count positions.
            layers += [ReLUDropout(dropout), nn.Identity()]
        else:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
