"""The MoBind algorithm: composes the parts and dispatches on mode."""

from __future__ import annotations

import torch
from mmengine.model import BaseModel

from ..registry import MODELS
from ..structures import MoBindDataSample
from .batch_norm import freeze_statistics, set_batch_norm
from .chunks import encode_in_chunks
from .limb_encoding import build_optional, encode_limbs
from .precision import in_single_precision
from .streaming import (
    cut_stream,
    shares_patches,
    stream_starts,
    window_patches,
)

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


@MODELS.register_module()
class MoBind(BaseModel):
    """One embedding space for IMU streams and skeleton sequences.

    Without necks the model is per limb (the published stage 1): the
    embeddings ``imu`` and ``pose`` keep the limb axis, (B, S, D). With
    both necks they are clip embeddings (B, D).

    Args:
        imu_backbone: Config of the encoder of one limb's IMU.
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
        data_preprocessor: Config of the preprocessor.
        init_cfg: MMEngine initialisation config.

    Raises:
        ValueError: If only one neck is given, a head's term needs necks
            that are not there, or a choice is unknown or cannot be had
            together with another.

    Source: MoBind, sections on the encoders and the objective.
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
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if data_preprocessor is None:
            data_preprocessor = {'type': 'MoBindDataPreprocessor'}
        super().__init__(MODELS.build(data_preprocessor), init_cfg)
        if (imu_neck is None) != (pose_neck is None):
            raise ValueError('Give both imu_neck and pose_neck, or neither.')
        self.imu_tokenizer = build_optional(imu_tokenizer)
        self.pose_tokenizer = build_optional(pose_tokenizer)
        self.imu_backbone = MODELS.build(imu_backbone)
        self.pose_backbone = MODELS.build(pose_backbone)
        self.imu_neck = build_optional(imu_neck)
        self.pose_neck = build_optional(pose_neck)
        self.head = MODELS.build(head)
        self.masked_token_head = build_optional(masked_token_head)
        self.stream_stride_sec = stream_stride_sec
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

    def train(self, mode: bool = True) -> MoBind:
        """Change the mode; frozen statistics stay frozen."""
        super().train(mode)
        if self.batch_norm == 'frozen':
            freeze_statistics(self)
        return self

    def forward(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, torch.Tensor] | list[MoBindDataSample]:
        """Run the model.

        Args:
            inputs: ``imu`` (B, S, C_imu, T_imu); ``pose`` (B, S, C_pose,
                T_pose), or (B, K, 2, T_pose) with a pose tokenizer;
                optionally ``imu_mask`` (B, S), ``pose_mask``
                (B, S, T_pose) boolean.
            data_samples: One per window, for ``predict``.
            mode: ``tensor`` for features, ``loss`` for named losses,
                ``predict`` for data samples with embeddings.

        Raises:
            ValueError: For another mode.
        """
        if mode == 'tensor':
            return self.extract_feats(inputs)
        if mode == 'loss':
            return self.loss(inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(
            f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}."
        )

    def extract_feats(
        self, inputs: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Embed a batch.

        Returns:
            ``imu``, ``pose`` (B, D), or (B, S, D) for a per-limb model:
            what the tasks compare; ``imu_local``, ``pose_local``
            (B, S, D); ``imu_tokens``, ``pose_tokens`` (B, S, N, D);
            ``imu_mask``, ``pose_mask`` (B, S), limbs present;
            ``pose_token_mask`` (B, S, N). Features of an absent limb are
            zero.
        """
        imu_mask, frames = inputs.get('imu_mask'), inputs.get('pose_mask')
        imu = self.imu_channels(inputs['imu'], imu_mask)
        pose = self.pose_channels(inputs['pose'], frames)
        if imu_mask is None:
            imu_mask = imu.new_ones(imu.shape[:2], dtype=torch.bool)
        if frames is None:
            frames = pose.new_ones(
                *pose.shape[:2], pose.shape[3], dtype=torch.bool
            )
        return self._encode(imu, pose, imu_mask, frames)

    def imu_channels(
        self, imu: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """What the IMU encoder sees (B, S, C, T) of streams of any length."""
        if self.imu_tokenizer is None:
            return imu
        return self.imu_tokenizer(imu, mask)

    def pose_channels(
        self, pose: torch.Tensor, frames: torch.Tensor | None
    ) -> torch.Tensor:
        """The same of the pose encoder."""
        if self.pose_tokenizer is not None:
            return self.pose_tokenizer(pose, frames)
        if frames is None:
            return pose
        return pose.masked_fill(~frames[:, :, None], 0.0)

    def _encode(
        self,
        imu: torch.Tensor,
        pose: torch.Tensor,
        imu_mask: torch.Tensor,
        frames: torch.Tensor,
        embedded: bool = False,
    ) -> dict[str, torch.Tensor]:
        """Features of channels, or of patches that are ``embedded``."""
        pose_mask = frames.any(dim=2)
        feats = {'imu_mask': imu_mask, 'pose_mask': pose_mask}
        tokens = self.pose_backbone.token_mask(frames.flatten(0, 1))
        feats['pose_token_mask'] = tokens.unflatten(0, frames.shape[:2])
        feats['imu_tokens'], feats['imu_local'] = encode_limbs(
            self.imu_backbone, imu, imu_mask, None, embedded
        )
        feats['pose_tokens'], feats['pose_local'] = encode_limbs(
            self.pose_backbone,
            pose,
            pose_mask,
            feats['pose_token_mask'],
            embedded,
        )
        for name in ('imu', 'pose'):
            neck = getattr(self, f'{name}_neck')
            local, mask = feats[f'{name}_local'], feats[f'{name}_mask']
            if neck is None:
                feats[name] = local
            else:
                feats[name], feats[f'{name}_local'] = neck(local, mask)
        return feats

    def loss(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Named losses of one batch, of both heads."""
        if self.chunk_size is None:
            feats = self._encode_for_loss(inputs)
        else:
            feats = encode_in_chunks(
                self._encode_for_loss, inputs, self.chunk_size, self
            )
        with torch.autocast(feats['imu'].device.type, enabled=False):
            losses = self.head.loss(in_single_precision(feats))
        if self.masked_token_head is not None:
            losses.update(self.masked_token_head.loss(feats))
        return losses

    def _encode_for_loss(
        self, inputs: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """What the losses need; tokens only as the losses on them."""
        feats = self.extract_feats(inputs)
        # Similarities need more digits than what they compare.
        with torch.autocast(feats['imu'].device.type, enabled=False):
            items = self.head.item_losses(in_single_precision(feats))
        if self.masked_token_head is not None:
            items.update(self.masked_token_head.item_losses(feats))
        kept = {k: v for k, v in feats.items() if 'token' not in k}
        return {**kept, **items}

    def predict(
        self,
        inputs: dict[str, torch.Tensor],
        data_samples: list[MoBindDataSample] | None = None,
    ) -> list[MoBindDataSample]:
        """Data samples with embeddings, tokens and masks, one per window.

        A clip that is longer than the window is cut into sub-windows, see
        :meth:`extract_stream`; its fields then start with their axis W.
        """
        long = inputs['imu'].shape[-1] > self.imu_backbone.num_samples
        feats = (self.extract_stream if long else self.extract_feats)(inputs)
        if data_samples is None:
            data_samples = [MoBindDataSample() for _ in feats['imu']]
        for i, sample in enumerate(data_samples):
            for feature, field in _PREDICTED.items():
                setattr(sample, field, feats[feature][i])
            if long:
                sample.window_starts = feats['window_starts']
        return data_samples

    def extract_stream(
        self, inputs: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Embed the sub-windows of clips that are longer than a window.

        Returns:
            The features of :meth:`extract_feats` with the axis W of
            sub-windows after that of clips, e.g. ``imu`` (B, W, D), and
            ``window_starts`` (W,) in seconds from the start of the clip.

        Raises:
            ValueError: If a clip is shorter than a window, or IMU and pose
                differ in length.
        """
        clip_sec = {}
        for name in ('imu', 'pose'):
            backbone = getattr(self, f'{name}_backbone')
            clip_sec[name] = inputs[name].shape[-1] / backbone.rate
        if abs(clip_sec['imu'] - clip_sec['pose']) > 1e-3:
            raise ValueError(
                f'The IMU of the clip lasts {clip_sec["imu"]:.3f} s, its '
                f'pose {clip_sec["pose"]:.3f} s; cut both to the same length.'
            )
        window_sec = self.imu_backbone.num_samples / self.imu_backbone.rate
        starts = stream_starts(
            clip_sec['imu'], window_sec, self.stream_stride_sec
        )
        for name in ('imu', 'pose'):
            step = (
                self.stream_stride_sec * getattr(self, f'{name}_backbone').rate
            )
            if abs(step - round(step)) > 1e-6:
                raise ValueError(
                    f'stream_stride_sec={self.stream_stride_sec} is {step:g} '
                    f'samples of {name}, not a whole number: IMU and pose '
                    'would be cut at different times.'
                )
        chunk = max(_WINDOWS_AT_ONCE // len(inputs['imu']), 1)
        chunks = [self._windows(inputs, part) for part in starts.split(chunk)]
        feats = {
            key: torch.cat([part[key] for part in chunks], dim=1)
            for key in _PREDICTED
        }
        feats['window_starts'] = starts
        return feats

    def _windows(
        self, inputs: dict[str, torch.Tensor], starts: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Features (B, W, ...) of sub-windows that start at ``starts``."""
        backbones = {'imu': self.imu_backbone, 'pose': self.pose_backbone}
        shared = all(
            shares_patches(backbone, self.stream_stride_sec)
            for backbone in backbones.values()
        )
        cut = {}
        for name, stream in inputs.items():
            if name == 'imu_mask':
                cut[name] = stream.repeat_interleave(len(starts), dim=0)
            elif name == 'pose_mask' or not shared:
                backbone = backbones[name.split('_')[0]]
                cut[name] = cut_stream(
                    stream, starts, backbone.rate, backbone.num_samples
                )
        if not shared:
            feats = self.extract_feats(cut)
        else:
            patches = {
                name: window_patches(
                    backbone,
                    getattr(self, f'{name}_channels'),
                    inputs[name],
                    inputs.get(f'{name}_mask'),
                    starts,
                )
                for name, backbone in backbones.items()
            }
            shape = patches['pose'].shape[:2]
            whole = torch.ones(shape, dtype=torch.bool, device=stream.device)
            length = self.pose_backbone.num_samples
            feats = self._encode(
                **patches,
                imu_mask=cut.get('imu_mask', whole),
                frames=cut.get(
                    'pose_mask', whole[..., None].expand(*shape, length)
                ),
                embedded=True,
            )
        shape = (-1, len(starts))
        return {key: feats[key].unflatten(0, shape) for key in _PREDICTED}
