"""What an encoder must offer, written down and checkable.

:class:`Backbone` is the contract of every encoder. :class:`StreamingBackbone`
adds what lets the overlapping windows of a long clip share convolutions; an
encoder without it works everywhere too, window by window.
:func:`check_backbone` tries an encoder of yours against both.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import torch
from torch import nn

if TYPE_CHECKING:
    from typing_extensions import TypeGuard


class Backbone(Protocol):
    """An encoder of the streams of single limbs, a :class:`torch.nn.Module`.

    One backbone serves all limbs of a modality: the limb axis is folded into
    the batch, M = B * S, without the limbs that are missing.

    Attributes:
        rate: Samples per second of the streams.
        num_samples: Samples T of a window.
        num_tokens: Tokens N of a window, equally long and in order.
        embed_dims: Width D of tokens and of the local feature.
        training: Mode of the module.
    """

    rate: float
    num_samples: int
    num_tokens: int
    embed_dims: int
    training: bool

    def token_mask(self, mask: torch.Tensor) -> torch.Tensor:
        """Tokens with at least one valid sample: (M, T) to (M, N) boolean."""

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode windows.

        Args:
            x: (M, C, T) streams; invalid samples are zero.
            mask: (M, N) boolean, the valid tokens, of which every row has
                one; all are valid if omitted. Invalid tokens influence
                neither the others nor the local feature, apart from what a
                local operation such as a convolution sees across a border.

        Returns:
            Tokens (M, N, D) and the local feature of each window (M, D).
            Rows do not influence each other, apart from batch statistics in
            training.
        """

    def __call__(
        self, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Call :meth:`forward`."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Parameters, as :class:`torch.nn.Module` gives them."""

    def modules(self) -> Iterator[nn.Module]:
        """The module and its parts, as :class:`torch.nn.Module` gives them."""


class StreamingBackbone(Backbone, Protocol):
    """A backbone whose windows can share the convolutions of their stream.

    ``forward(x, mask)`` equals
    ``encode_patches(embed_patches(conv(x)), mask)``, where only the last
    step looks beyond the neighbourhood of a patch.

    Attributes:
        patch: Samples of a token; ``num_samples = num_tokens * patch``.
        conv_reach: Samples to either side that a sample of ``conv`` depends
            on.
    """

    patch: int
    conv_reach: int

    def conv(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve streams of any length: (M, C, T) to (M, T, width).

        Beyond either end of a stream there are zeros.
        """

    def embed_patches(self, x: torch.Tensor) -> torch.Tensor:
        """Embed whole patches: (M, n * patch, width) to (M, n, D)."""

    def encode_patches(
        self, x: torch.Tensor, mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedded patches (M, N, D) to what ``forward`` returns."""


def is_streaming(backbone: Any) -> TypeGuard[StreamingBackbone]:
    """Whether a backbone has all of :class:`StreamingBackbone`."""
    keys = ('patch', 'conv_reach', 'conv', 'embed_patches', 'encode_patches')
    return all(hasattr(backbone, key) for key in keys)


def check_backbone(backbone: Any, in_channels: int) -> None:
    """Try an encoder against :class:`Backbone`, on random windows.

    What an encoder of :class:`StreamingBackbone` promises in addition is
    checked if it has all of it. The encoder itself stays as it is: a copy
    is tried.

    Args:
        backbone: The encoder, a :class:`torch.nn.Module`.
        in_channels: Channels C of the streams that it was built for.

    Raises:
        ValueError: If it breaks the contract. The message names the first
            promise that is broken.

    >>> import torch
    >>> from mobind_mm.models import ConvFormer, check_backbone
    >>> check_backbone(ConvFormer(in_channels=6, rate=20, num_layers=1), 6)
    >>> check_backbone(torch.nn.Identity(), 6)
    Traceback (most recent call last):
        ...
    ValueError: Identity is not a Backbone: it has no rate, num_samples, \
num_tokens, embed_dims, token_mask.
    """
    name = type(backbone).__name__
    promised = (
        'rate', 'num_samples', 'num_tokens', 'embed_dims', 'token_mask',
        'forward', 'parameters', 'training',
    )  # fmt: skip
    missing = [key for key in promised if not hasattr(backbone, key)]
    if missing:
        _refuse(name, f'it has no {", ".join(missing)}')
    for key in promised[:4]:
        value = getattr(backbone, key)
        whole = key == 'rate' or isinstance(value, int)
        if not whole or not value > 0:
            _refuse(name, f'{key}={value!r} must be a positive number')
    # Same numbers every time, and the caller's generator is not moved.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trial = copy.deepcopy(backbone).cpu()
        x = torch.randn(3, in_channels, trial.num_samples)
        _check_token_mask(name, trial)
        _check_evaluation(name, trial.eval(), x)
        if is_streaming(trial):
            _check_streaming(name, trial, x)
        _check_gradients(name, trial.train(), x)


def _refuse(name: str, reason: str) -> NoReturn:
    raise ValueError(f'{name} is not a Backbone: {reason}.')


def _check_token_mask(name: str, backbone: Backbone) -> None:
    """A token is valid if one of its samples is."""
    shape = (2, backbone.num_samples)
    for value in (True, False):
        mask = backbone.token_mask(torch.full(shape, value))
        expected = torch.full((2, backbone.num_tokens), value)
        if mask.shape != expected.shape or mask.dtype != torch.bool:
            _refuse(
                name,
                f'token_mask makes {mask.dtype} {tuple(mask.shape)} of a '
                f'mask {shape}, expected torch.bool {tuple(expected.shape)}',
            )
        if not torch.equal(mask, expected):
            _refuse(
                name, f'token_mask is not {value} where all samples are so'
            )
    single = backbone.token_mask(torch.eye(shape[1], dtype=torch.bool))
    if not single.any(dim=1).all():
        _refuse(name, 'token_mask loses a token with one valid sample')


def _check_evaluation(name: str, backbone: Backbone, x: torch.Tensor) -> None:
    """Shapes, determinism, independence of rows, and what masks promise."""
    with torch.no_grad():
        result = backbone(x)
        if not isinstance(result, tuple) or len(result) != 2:
            _refuse(name, 'forward must return tokens and a local feature')
        dims, count = backbone.embed_dims, backbone.num_tokens
        for what, value, shape in (
            ('tokens', result[0], (3, count, dims)),
            ('the local feature', result[1], (3, dims)),
        ):
            if tuple(value.shape) != shape:
                _refuse(
                    name,
                    f'{what} of three windows have the shape '
                    f'{tuple(value.shape)}, expected {shape}',
                )
            if not value.isfinite().all():
                _refuse(name, f'{what} of random numbers are not finite')
        _same(name, result, backbone(x), 'two evaluations of it differ', 0.0)
        for row in range(len(x)):
            alone = backbone(x[row : row + 1])
            expected = (result[0][row : row + 1], result[1][row : row + 1])
            _same(name, alone, expected, 'a window alone gives another result')
        every = x.new_ones(3, count, dtype=torch.bool)
        reason = 'a mask of True alone gives another result than no mask'
        _same(name, backbone(x, every), result, reason)
        _check_masked_tokens(name, backbone, x)


def _check_masked_tokens(
    name: str, backbone: Backbone, x: torch.Tensor
) -> None:
    """Samples far behind the last valid token have no influence."""
    length, count = backbone.num_samples, backbone.num_tokens
    valid, far = (count + 1) // 2, length - max(length // 4, length // count)
    reach = getattr(backbone, 'conv_reach', 0)
    if count < 2 or far - valid * length // count < reach:
        return
    mask = torch.arange(count).expand(3, count) < valid
    spoiled = x.clone()
    spoiled[..., far:] += 10.0
    before, after = backbone(x, mask), backbone(spoiled, mask)
    _same(
        name,
        (after[0][:, :valid], after[1]),
        (before[0][:, :valid], before[1]),
        'samples of masked tokens change the valid tokens or the local '
        'feature',
    )


def _check_streaming(
    name: str, backbone: StreamingBackbone, x: torch.Tensor
) -> None:
    """Its steps make ``forward``, and a part is convolved like the whole."""
    if backbone.patch * backbone.num_tokens != backbone.num_samples:
        _refuse(name, 'num_tokens * patch is not num_samples')
    with torch.no_grad():
        whole = backbone.conv(x)
        steps = backbone.encode_patches(backbone.embed_patches(whole))
        reason = 'encode_patches(embed_patches(conv(x))) is not forward(x)'
        _same(name, steps, backbone(x), reason)
        start, reach = backbone.patch, backbone.conv_reach
        part = backbone.conv(x[..., start:])[:, reach:]
        reason = f'conv looks further than conv_reach={reach} samples'
        expected = whole[:, start + reach :]
        _same(name, (part, part), (expected, expected), reason)


def _check_gradients(name: str, backbone: Any, x: torch.Tensor) -> None:
    """Every parameter takes part in training, with and without a mask."""
    count = backbone.num_tokens
    mask = torch.arange(count).expand(3, count) < max(count // 2, 1)
    for given in (None, mask):
        backbone.zero_grad()
        x = x.detach().requires_grad_()
        tokens, local = backbone(x, given)
        loss = (tokens * torch.randn_like(tokens)).sum()
        (loss + (local * torch.randn_like(local)).sum()).backward()
        if x.grad is None or not x.grad.any():
            _refuse(name, 'no gradient reaches its input')
        for key, parameter in backbone.named_parameters():
            if parameter.requires_grad and parameter.grad is None:
                _refuse(name, f'the parameter {key} gets no gradient')
            if parameter.grad is not None and not (
                parameter.grad.isfinite().all()
            ):
                _refuse(name, f'the gradient of {key} is not finite')


def _same(
    name: str,
    values: tuple[torch.Tensor, ...],
    expected: tuple[torch.Tensor, ...],
    reason: str,
    tolerance: float = 1e-4,
) -> None:
    for a, b in zip(values, expected):
        if not torch.allclose(a, b, rtol=tolerance, atol=tolerance):
            _refuse(name, reason)
