"""What the models have in common: inputs, limbs, and building parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional, cast

import torch
from mmengine.model import BaseDataPreprocessor, BaseModel

from ..registry import MODELS
from ..structures import MoBindDataSample
from .backbones import Backbone, StreamingBackbone
from .batch_norm import synchronises

MODALITIES = ('imu', 'pose')
Encode = Callable[
    [torch.Tensor, Optional[torch.Tensor]], tuple[torch.Tensor, torch.Tensor]
]


@MODELS.register_module()
class MoBindDataPreprocessor(BaseDataPreprocessor):
    """Stack what ``pseudo_collate`` leaves as lists, move it to the device.

    ``inputs`` may also come stacked, as tensors (B, ...).
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare one batch.

        Args:
            data: ``inputs``: name to tensor (B, ...) or to B tensors;
                ``data_samples``: list of B samples, optional.
            training: Unused; nothing differs between the phases.

        Returns:
            The same keys, with ``inputs`` as batch tensors.

        Raises:
            ValueError: If the windows of a batch differ in shape.
        """
        inputs = {
            name: self._stack(name, value)
            for name, value in data['inputs'].items()
        }
        return self.cast_data({**data, 'inputs': inputs})

    @staticmethod
    def _stack(name: str, value: list | torch.Tensor) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value
        shapes = {tuple(v.shape) for v in value}
        if len(shapes) > 1:
            raise ValueError(
                f'Windows of one batch differ in the shape of {name!r}: '
                f'{sorted(shapes)}; all data sets of a batch need the same '
                'placements, channels, rates and window_sec.'
            )
        return torch.stack(list(value))


class LimbFeatures(NamedTuple):
    """What a backbone makes of the limbs of a batch.

    Attributes:
        tokens: (B, S, N, D), zero for a missing limb.
        local: (B, S, D) local features, likewise.
        present: (B, S) boolean, limbs that are there.
        valid: (B, S, N) boolean, tokens with a valid sample.
    """

    tokens: torch.Tensor
    local: torch.Tensor
    present: torch.Tensor
    valid: torch.Tensor


def encode_limbs(
    backbone: Backbone,
    x: torch.Tensor,
    mask: torch.Tensor,
    embedded: bool = False,
) -> LimbFeatures:
    """Encode the limbs that are present; the others get zeros.

    The limb axis is folded into the batch, so absent limbs cost nothing
    and leave no trace in batch statistics. An exported or compiled model in
    evaluation encodes them too: its steps do not depend on the data.

    Args:
        backbone: Encoder of one limb.
        x: (B, S, C, T) streams, or (B, S, N, D) their patches.
        mask: (B, S) boolean, limbs that are present, or (B, S, T) boolean,
            valid samples.
        embedded: Whether x are patches that a streaming backbone has
            embedded.
    """
    B, S = mask.shape[:2]  # noqa: N806
    count = (
        x.shape[2]
        if embedded
        else (x.shape[3] * backbone.num_tokens // backbone.num_samples)
    )
    shape = (B, S, count, backbone.embed_dims)
    tokens_seen = None
    if mask.ndim == 2:
        present, valid = mask, mask[..., None].expand(shape[:3])
    else:
        present = mask.any(dim=2)
        tokens_seen = backbone.token_mask(mask.flatten(0, 1))
        valid = tokens_seen = tokens_seen.unflatten(0, (B, S))
    encode: Encode = backbone
    if embedded:
        encode = cast(StreamingBackbone, backbone).encode_patches
    traced = torch.compiler.is_compiling() and not backbone.training
    if traced or present.all():
        if traced and tokens_seen is not None:  # attention needs a token
            tokens_seen = tokens_seen | ~present[..., None]
        if tokens_seen is not None:
            tokens_seen = tokens_seen.flatten(0, 1)
        tokens, local = encode(x.flatten(0, 1), tokens_seen)
        tokens, local = tokens.unflatten(0, (B, S)), local.unflatten(0, (B, S))
        if traced:
            tokens = tokens.masked_fill(~present[..., None, None], 0.0)
            local = local.masked_fill(~present[..., None], 0.0)
    elif not present.any() and not synchronises(backbone):
        # Zero times every parameter: no limb, yet a complete graph.
        zero = sum(p.sum() for p in backbone.parameters()) * 0.0
        tokens = x.new_zeros(shape) + zero
        local = x.new_zeros(B, S, shape[3]) + zero
    else:
        if tokens_seen is not None:
            tokens_seen = tokens_seen[present]
        some, some_local = encode(x[present], tokens_seen)
        index = present.flatten().nonzero()[:, 0]
        tokens = some.new_zeros(B * S, *some.shape[1:])
        local = some_local.new_zeros(B * S, some_local.shape[1])
        tokens = tokens.index_copy(0, index, some).view(shape)
        local = local.index_copy(0, index, some_local).unflatten(0, (B, S))
    return LimbFeatures(tokens, local, present, valid)


def build_part(
    part: str,
    cfg: dict | None,
    facts: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """Build a part with what its constructor takes and its config omits.

    The part remembers all its arguments as ``settings``, defaults included.

    Args:
        part: Argument of the model that the config is of.
        cfg: Config, or None for a part that is left out.
        facts: Settings of the model. The config may repeat them, but not
            contradict them.
        defaults: What follows from other parts. The config may differ.
            Empty values are unknown, in both.

    Raises:
        ValueError: If the config contradicts the model.
    """
    if cfg is None:
        return None
    with MODELS.switch_scope_and_registry(cfg.get('_scope_')) as registry:
        kind = cfg['type']
        kind = registry.get(kind) if isinstance(kind, str) else kind
    taken = inspect.signature(kind).parameters if kind else {}
    cfg = dict(cfg)
    for key, value in {**(defaults or {}), **facts}.items():
        if not value or key not in taken:
            continue
        chosen = cfg.setdefault(key, value)
        if key in facts and not _equal(chosen, value):
            raise ValueError(
                f'{part}.{key}={chosen!r}, but the model has {value!r}, from '
                f'its limbs, rates or window_sec; leave {key} out of {part}, '
                'or change the model.'
            )
    required = [
        k for k in taken if taken[k].default is inspect.Parameter.empty
    ]
    if missing := [k for k in facts if k in required and k not in cfg]:
        raise ValueError(
            f'{part} needs {" and ".join(missing)}; set limbs, rates and '
            f'window_sec of the model, or {missing[0]} of {part}.'
        )
    built = MODELS.build(cfg)
    built.settings = {
        key: cfg.get(key, parameter.default)
        for key, parameter in taken.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return built


class LimbModel(BaseModel):
    """Tokenizers and backbones of both modalities, and what they share.

    Limbs, rates and the window are set once, in the model, and passed to
    each part whose constructor takes them and whose config omits them.

    Args:
        imu_backbone: Config of the encoder of one limb's IMU.
        pose_backbone: Config of the encoder of one limb's trajectory.
        imu_tokenizer: Config of the IMU channels; raw streams if omitted.
        pose_tokenizer: Config of the limb channels; the trajectories as
            packed if omitted.
        limbs: S placement names, the placements in ``PackIMUPose``.
        imu_rate: Samples per second of the IMUs.
        pose_rate: Frames per second of the pose.
        window_sec: Length of a window in seconds.
        data_preprocessor: Config of the preprocessor.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If the config of a part contradicts the model's.
    """

    imu_backbone: Backbone
    pose_backbone: Backbone

    def __init__(
        self,
        imu_backbone: dict | None,
        pose_backbone: dict | None,
        imu_tokenizer: dict | None = None,
        pose_tokenizer: dict | None = None,
        limbs: Sequence[str] | None = None,
        imu_rate: float | None = None,
        pose_rate: float | None = None,
        window_sec: float | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = {'type': 'MoBindDataPreprocessor'}
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        self.limbs = tuple(limbs or ())
        self._facts = {
            'limbs': limbs,
            'num_limbs': None if limbs is None else len(limbs),
            'window_sec': window_sec,
        }
        rates = {'imu': {'rate': imu_rate}, 'pose': {'rate': pose_rate}}
        self.imu_tokenizer = self.build_part(
            'imu_tokenizer', imu_backbone and imu_tokenizer, rates['imu']
        )
        self.pose_tokenizer = self.build_part(
            'pose_tokenizer', pose_backbone and pose_tokenizer, rates['pose']
        )
        for name, backbone in (('imu', imu_backbone), ('pose', pose_backbone)):
            tokenizer = getattr(self, f'{name}_tokenizer')
            channels = {'in_channels': getattr(tokenizer, 'out_channels', 0)}
            part = f'{name}_backbone'
            built = self.build_part(part, backbone, rates[name], channels)
            setattr(self, part, built)

    def build_part(
        self,
        part: str,
        cfg: dict | None,
        facts: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> Any:
        """Build a part with limbs and window in addition to ``facts``."""
        return build_part(
            part, cfg, {**self._facts, **(facts or {})}, defaults
        )

    def forward(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Run the model.

        Args:
            inputs: ``imu`` (B, S, C_imu, T_imu); ``pose`` (B, S, C_pose,
                T_pose), or (B, K, 2, T_pose) with a pose tokenizer;
                optionally ``imu_mask`` (B, S), ``pose_mask``
                (B, S, T_pose) boolean. A modality without a backbone may
                be left out.
            data_samples: One per window, needed for ``predict`` if it is
                to fill them, and for a ``loss`` on labels.
            mode: ``tensor`` for :meth:`features`, ``loss`` for named
                losses, ``predict`` for data samples with the predictions.

        Raises:
            ValueError: For another mode.
        """
        if mode == 'tensor':
            return self.features(inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(
            f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}."
        )

    def prepare(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What has to be derived from whole streams, before they are cut.

        Tokenizers with a ``prepare`` of their own do it, such as
        :class:`GravityIMUTokenizer`; the others see streams as packed.
        """
        for name in MODALITIES:
            tokenizer = getattr(self, f'{name}_tokenizer')
            if name in inputs and hasattr(tokenizer, 'prepare'):
                stream = tokenizer.prepare(
                    inputs[name], inputs.get(f'{name}_mask')
                )
                inputs = {**inputs, name: stream}
        return inputs

    def channels(
        self, modality: str, x: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a backbone sees of streams of any length.

        Args:
            modality: ``imu`` or ``pose``.
            x: Streams, as :meth:`prepare` returns them.
            mask: Their mask; all is there if None.

        Returns:
            (B, S, C, T), zero where masked, and the mask: (B, S) of IMUs,
            (B, S, T) of poses.
        """
        tokenizer = getattr(self, f'{modality}_tokenizer')
        if tokenizer is not None:
            x = tokenizer(x, mask)
        elif modality == 'pose' and mask is not None:
            x = x.masked_fill(~mask[:, :, None], 0.0)
        if mask is None:
            shape = (*x.shape[:2], x.shape[3])
            shape = shape[:2] if modality == 'imu' else shape
            mask = x.new_ones(shape, dtype=torch.bool)
        return x, mask


def _equal(a: Any, b: Any) -> bool:
    lists = isinstance(a, (list, tuple)) and isinstance(b, (list, tuple))
    return list(a) == list(b) if lists else bool(a == b)
