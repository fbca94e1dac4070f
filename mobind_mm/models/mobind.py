"""The MoBind algorithm: composes the parts and dispatches on mode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from ..registry import MODELS
from ..structures import MoBindDataSample
from .batch_norm import freeze_statistics, set_batch_norm
from .chunks import encode_in_chunks
from .crops import RandomCrops
from .limb_model import MODALITIES, LimbFeatures, LimbModel, encode_limbs
from .streaming import clip_starts, encode_windows

Features = dict[str, torch.Tensor]

_PREDICTED = {
    'imu': 'imu_embedding',
    'pose': 'pose_embedding',
    'imu_mask': 'imu_mask',
    'pose_mask': 'pose_mask',
    'imu_tokens': 'imu_tokens',
    'pose_tokens': 'pose_tokens',
    'pose_token_mask': 'pose_token_mask',
}
"""Fields of a data sample by the feature that they hold."""

_WINDOWS_AT_ONCE = 128
"""Sub-windows of long clips that are encoded together."""

_HALF = (torch.float16, torch.bfloat16)


@MODELS.register_module()
class MoBind(LimbModel):
    """One embedding space for IMU streams and skeleton sequences.

    Without necks the model is per limb (the published stage 1): the
    embeddings ``imu`` and ``pose`` keep the limb axis, (B, S, D). With
    both necks they are clip embeddings (B, D).

    Limbs, rates and the window are set once, here, and passed to the
    tokenizers, backbones, necks and heads whose configs leave them out. So
    are widths that follow from other parts: ``in_channels`` of a backbone
    from its tokenizer, ``embed_dims`` and ``num_tokens`` from the backbones.

    Args:
        imu_backbone: Config of the encoder of one limb's IMU, a
            :class:`~mobind_mm.models.Backbone`.
        pose_backbone: Config of the encoder of one limb's trajectory.
        head: Config of the contrastive head.
        imu_tokenizer: Config of the IMU channels; raw streams if omitted.
        pose_tokenizer: Config of the limb channels; the trajectories as
            packed if omitted.
        imu_neck: Config of the limb aggregation of IMU features.
        pose_neck: Config of the limb aggregation of pose features.
        masked_token_head: Config of masked token prediction.
        stream_stride_sec: Seconds between the sub-windows of a clip that
            is longer than the window.
        batch_norm: Statistics of batch normalisation in training:
            ``per_process``, ``synchronised`` over all processes, or
            ``frozen`` as they were loaded.
        chunk_size: Clips that are encoded at once in training, for batches
            that do not fit in memory; see :func:`encode_in_chunks`. The
            loss and its gradient are those of the whole batch, for a third
            more arithmetic. Statistics of ``per_process`` batch
            normalisation are then those of a chunk. All at once by default.
        random_crops: Arguments of :class:`~.crops.RandomCrops`, which cuts
            windows at random in training, and the two modalities at
            different times; whole windows by default.
        **shared: ``limbs``, ``imu_rate``, ``pose_rate``, ``window_sec``,
            ``data_preprocessor`` and ``init_cfg`` of :class:`LimbModel`.

    Raises:
        ValueError: If only one neck is given, a head's term needs necks
            that are not there, an option is unknown or incompatible with
            another, or a part's config contradicts the model's.

    Source: MoBind, sections on the encoders and the objective.

    >>> import torch
    >>> from mobind_mm.models import MoBind
    >>> model = MoBind(
    ...     limbs=('left_wrist', 'head'), imu_rate=50, pose_rate=25,
    ...     imu_tokenizer=dict(type='IMUTokenizer', channels=('acc', 'gyro')),
    ...     pose_tokenizer=dict(type='LimbTokenizer'),
    ...     imu_backbone=dict(type='ConvFormer', num_layers=1),
    ...     pose_backbone=dict(type='ConvFormer', num_layers=1),
    ...     imu_neck=dict(type='LimbAttentionNeck'),
    ...     pose_neck=dict(type='LimbAttentionNeck'),
    ...     head=dict(type='HierarchicalContrastiveHead'),
    ... ).eval()
    >>> inputs = dict(
    ...     imu=torch.randn(3, 2, 6, 250), pose=torch.randn(3, 2, 6, 125)
    ... )
    >>> model(inputs)['imu'].shape
    torch.Size([3, 256])
    """

    def __init__(
        self,
        imu_backbone: dict,
        pose_backbone: dict,
        head: dict,
        imu_tokenizer: dict | None = None,
        pose_tokenizer: dict | None = None,
        imu_neck: dict | None = None,
        pose_neck: dict | None = None,
        masked_token_head: dict | None = None,
        stream_stride_sec: float = 0.2,
        batch_norm: str = 'per_process',
        chunk_size: int | None = None,
        random_crops: dict | None = None,
        **shared: Any,
    ) -> None:
        super().__init__(
            imu_backbone,
            pose_backbone,
            imu_tokenizer,
            pose_tokenizer,
            **shared,
        )
        if (imu_neck is None) != (pose_neck is None):
            raise ValueError('Give both imu_neck and pose_neck, or neither.')
        widths = {
            'embed_dims': self.imu_backbone.embed_dims,
            'num_tokens': self.imu_backbone.num_tokens,
        }
        pose_widths = {'embed_dims': self.pose_backbone.embed_dims}
        self.imu_neck = self.build_part('imu_neck', imu_neck, {}, widths)
        self.pose_neck = self.build_part(
            'pose_neck', pose_neck, {}, pose_widths
        )
        self.head = self.build_part('head', head, {}, widths)
        self.masked_token_head = self.build_part(
            'masked_token_head', masked_token_head, {}, widths
        )
        self.stream_stride_sec = stream_stride_sec
        self.random_crops = None
        if random_crops is not None:
            self.random_crops = self._make_crops(random_crops)
        if chunk_size is not None:
            if chunk_size < 1:
                raise ValueError(f'chunk_size={chunk_size} must be positive.')
            if batch_norm == 'synchronised':
                raise ValueError(
                    "batch_norm='synchronised' needs all clips at once, "
                    f'chunk_size={chunk_size} encodes them in parts; choose '
                    "'frozen', or 'per_process' (statistics of each chunk)."
                )
        set_batch_norm(self, batch_norm)
        self.batch_norm = batch_norm
        self.chunk_size = chunk_size
        clip_terms = ('global', 'multi_positive')
        weights = getattr(self.head, 'weights', {})
        if imu_neck is None and any(weights.get(t) for t in clip_terms):
            raise ValueError(
                'A per-limb model (no necks) has no clip embedding; set '
                'global_weight and multi_positive_weight of the head to 0 or '
                'give imu_neck and pose_neck.'
            )

    @property
    def backbones(self) -> dict[str, Any]:
        """The backbones by modality."""
        return {'imu': self.imu_backbone, 'pose': self.pose_backbone}

    def train(self, mode: bool = True) -> MoBind:
        """Change the mode; frozen statistics stay frozen."""
        super().train(mode)
        if self.batch_norm == 'frozen':
            freeze_statistics(self)
        return self

    def features(self, inputs: Features) -> Features:
        """What ``mode='tensor'`` returns, see :meth:`extract_feats`."""
        return self.extract_feats(inputs)

    def extract_feats(self, inputs: Features) -> Features:
        """Embed a batch, or one of its modalities if the other is left out.

        Returns:
            ``imu``, ``pose`` (B, D), or (B, S, D) for a per-limb model:
            what the tasks compare; ``imu_local``, ``pose_local``
            (B, S, D); ``imu_tokens``, ``pose_tokens`` (B, S, N, D);
            ``imu_mask``, ``pose_mask`` (B, S), limbs present;
            ``pose_token_mask`` (B, S, N). Features of an absent limb are
            zero.
        """
        inputs = self.prepare(inputs)
        channels = {
            name: self.channels(name, inputs[name], inputs.get(f'{name}_mask'))
            for name in MODALITIES
            if name in inputs
        }
        return self._aggregate(
            {
                name: encode_limbs(self.backbones[name], *seen)
                for name, seen in channels.items()
            },
            inputs,
        )

    def _make_crops(self, arguments: dict) -> RandomCrops:
        counts = {b.num_tokens for b in self.backbones.values()}
        if len(counts) > 1 or not self.any_length:
            raise ValueError(
                'random_crops needs backbones with equally many tokens that '
                "take windows of any length: positions='relative'."
            )
        return RandomCrops(counts.pop(), **arguments)

    def _aggregate(
        self,
        limbs: Mapping[str, LimbFeatures],
        inputs: Mapping[str, torch.Tensor],
    ) -> Features:
        """Features of clips from those of their limbs."""
        feats = {}
        if 'pose' in limbs:
            feats['pose_token_mask'] = limbs['pose'].valid
        # Of random crops and of labels.
        for key in ('token_shift', 'aligned', 'action'):
            if key in inputs:
                feats[key] = inputs[key]
        for name, part in limbs.items():
            feats[f'{name}_mask'] = part.present
            feats[f'{name}_tokens'] = part.tokens
            feats[name] = feats[f'{name}_local'] = part.local
            neck = getattr(self, f'{name}_neck')
            if neck is not None:
                placed = {}
                if f'{name}_placed' in inputs:
                    placed = {'placed': inputs[f'{name}_placed']}
                feats[name], feats[f'{name}_local'] = neck(
                    part.local, part.present, **placed
                )
        return feats

    def loss(
        self,
        inputs: Features,
        data_samples: list[MoBindDataSample] | None = None,
    ) -> Features:
        """Named losses of one batch, of both heads."""
        if self.random_crops is not None and self.training:
            patches = {
                name: backbone.num_samples // backbone.num_tokens
                for name, backbone in self.backbones.items()
            }
            inputs = self.random_crops(inputs, patches)
        if self.head.weights['action']:
            inputs = {**inputs, 'action': self._actions(inputs, data_samples)}
        if self.chunk_size is None:
            feats = self._encode_for_loss(inputs)
        else:
            feats = encode_in_chunks(
                self._encode_for_loss, inputs, self.chunk_size, self
            )
        with torch.autocast(feats['imu'].device.type, enabled=False):
            losses = self.head.loss(_in_single_precision(feats))
        if self.masked_token_head is not None:
            losses.update(self.masked_token_head.loss(feats))
        return losses

    @staticmethod
    def _actions(
        inputs: Features, data_samples: list[MoBindDataSample] | None
    ) -> torch.Tensor:
        """Labels (B, 1) of the windows, -1 where there is none."""
        labels = [sample.get('action', -1) for sample in data_samples or ()]
        if len(labels) != len(inputs['imu']):
            raise ValueError(
                'action_weight needs the data samples of the batch: their '
                f'labels. Got {len(labels)} for {len(inputs["imu"])} windows.'
            )
        return torch.tensor(labels, device=inputs['imu'].device)[:, None]

    def _encode_for_loss(self, inputs: Features) -> Features:
        """What the losses need; tokens only as the losses on them."""
        feats = self.extract_feats(inputs)
        # Similarities need more digits than what they compare.
        with torch.autocast(feats['imu'].device.type, enabled=False):
            items = self.head.item_losses(_in_single_precision(feats))
        if self.masked_token_head is not None:
            items.update(self.masked_token_head.item_losses(feats))
        kept = {k: v for k, v in feats.items() if 'token' not in k}
        return {**kept, **items}

    def predict(
        self,
        inputs: Features,
        data_samples: list[MoBindDataSample] | None = None,
        window_sec: float | None = None,
    ) -> list[MoBindDataSample]:
        """Data samples with embeddings, tokens and masks, one per window.

        A clip that is longer than the window is cut into sub-windows, see
        :meth:`extract_stream`; its fields then start with their axis W. So
        is any clip with ``window_sec``, into sub-windows of that length.
        """
        length = inputs['imu'].shape[-1]
        long = window_sec is not None or length > self.imu_backbone.num_samples
        if long:
            feats = self.extract_stream(inputs, window_sec)
        else:
            feats = self.extract_feats(inputs)
        if data_samples is None:
            data_samples = [MoBindDataSample() for _ in feats['imu']]
        for i, sample in enumerate(data_samples):
            for feature, field in _PREDICTED.items():
                setattr(sample, field, feats[feature][i])
            if long:
                sample.window_starts = feats['window_starts']
        return data_samples

    @property
    def window_sec(self) -> float:
        """Length of the windows that the model was built for, in seconds."""
        return self.imu_backbone.num_samples / self.imu_backbone.rate

    @property
    def token_sec(self) -> float:
        """Seconds that a token stands for."""
        return self.window_sec / self.imu_backbone.num_tokens

    @property
    def shortest_sec(self) -> float:
        """Length of the shortest windows that it was trained with."""
        if self.random_crops is None:
            return self.window_sec
        return self.random_crops.min_tokens * self.token_sec

    @property
    def any_length(self) -> bool:
        """Whether windows may be shorter: any whole number of tokens."""
        return all(
            getattr(b, 'any_length', False) for b in self.backbones.values()
        )

    def extract_stream(
        self, inputs: Features, window_sec: float | None = None
    ) -> Features:
        """Embed the sub-windows of clips that are longer than a window.

        Args:
            inputs: Of :meth:`forward`.
            window_sec: Length of a sub-window, a whole number of tokens,
                for a model that takes any; by default that of the model.

        Returns:
            The features of :meth:`extract_feats` with the axis W of
            sub-windows after that of clips, e.g. ``imu`` (B, W, D), and
            ``window_starts`` (W,) in seconds from the start of the clip.

        Raises:
            ValueError: If a clip is shorter than a window, IMU and pose
                differ in length, or the stride is between two samples.
        """
        inputs = self.prepare(inputs)
        window_sec = window_sec or self.window_sec
        num_tokens = round(window_sec / self.token_sec)
        starts = clip_starts(
            inputs, self.backbones, self.stream_stride_sec, window_sec
        )
        limbs, frames = inputs['imu'].shape[:2], inputs['pose'].shape[-1:]
        whole = inputs['imu'].new_ones(*limbs, *frames, dtype=torch.bool)
        inputs = {'imu_mask': whole[..., 0], 'pose_mask': whole, **inputs}
        at_once = max(_WINDOWS_AT_ONCE // len(inputs['imu']), 1)
        parts = [
            self._windows(inputs, s, num_tokens) for s in starts.split(at_once)
        ]
        feats = {
            key: torch.cat([part[key] for part in parts], dim=1)
            for key in _PREDICTED
        }
        feats['window_starts'] = starts
        return feats

    def _windows(
        self, inputs: Features, starts: torch.Tensor, num_tokens: int
    ) -> Features:
        """Features (B, W, ...) of sub-windows that start at ``starts``."""
        limbs = {
            name: encode_windows(
                backbone,
                partial(self.channels, name),
                inputs[name],
                inputs[f'{name}_mask'],
                starts,
                self.stream_stride_sec,
                num_tokens,
            )
            for name, backbone in self.backbones.items()
        }
        whole: Features = {
            key: inputs[key].repeat_interleave(len(starts), dim=0)
            for key in ('imu_placed', 'pose_placed')
            if key in inputs
        }
        feats = self._aggregate(limbs, whole)
        shape = (-1, len(starts))
        return {key: feats[key].unflatten(0, shape) for key in _PREDICTED}


def _in_single_precision(feats: Features) -> Features:
    """Half-precision features as float32; all else as it is."""
    return {
        name: x.float() if x.dtype in _HALF else x for name, x in feats.items()
    }
