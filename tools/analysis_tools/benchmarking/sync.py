"""Synchronisation of a long stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from benchmarking.models import LIMBS, efficient, published_pair, random_inputs
from benchmarking.settings import Settings
from benchmarking.streams import random_recording
from benchmarking.timing import interleaved
from mobind_mm.recordings import Recording
from mobind_mm.synchronization import FusedSynchronizer, VoteSynchronizer

MAX_OFFSET = 7.0
TOKEN_FIELDS = (
    *('imu_mask', 'pose_mask', 'imu_tokens', 'pose_tokens'),
    'pose_token_mask',
)
"""What a synchroniser reads of a model's features."""


def measure_sync(settings: Settings) -> dict:
    """Seconds to synchronise a recording, and where they go.

    The reference encodes a sub-window every 0.2 s, compares all with all
    and lets the best pairs vote. Its time is measured on some of the
    sub-windows and scaled to all: each costs the same.
    """
    device, seconds = settings.device, settings.minutes * 60
    size = (settings.num_limbs, settings.window_sec, device)
    reference, ours = published_pair(*size)
    small = efficient(*size)
    count = int((seconds - settings.window_sec) / 0.2 + 1e-6) + 1
    few = min(settings.reference_windows, count)
    # As long as those windows are together.
    part = settings.window_sec + (few - 1) * 0.2
    stream = random_inputs(1, settings.num_limbs, part, device)
    windows = random_inputs(few, *size)
    ours.stream_stride_sec = 0.2
    for model in (reference, ours, small):
        model.eval()
    with torch.no_grad():
        encode = interleaved(
            {
                'reference': lambda: reference(**windows),
                'same_windows': lambda: ours.extract_stream(stream),
            },
            settings.repeats,
            device,
        )
    encode = {name: value * count / few for name, value in encode.items()}
    recording = random_recording(seconds, settings.num_limbs)
    embedded = torch.randn(2, count, small.imu_backbone.embed_dims)
    vote = VoteSynchronizer()
    jobs = {
        'vote': lambda: vote(recording, _voters(embedded), MAX_OFFSET),
        'signals': lambda: FusedSynchronizer(use_feats=False)(
            recording, None, MAX_OFFSET
        ),
    }
    for name, model in (('published', ours), ('efficient', small)):
        jobs[name] = lambda model=model: synchronize_random(
            model, recording, settings.num_limbs, device
        )
    found = interleaved(jobs, 1, device)
    total = encode['reference'] + found['vote']
    rows = dict(
        minutes=settings.minutes,
        sub_windows=count,
        reference_windows_measured=few,
        reference=dict(
            total_s=total, encode_s=encode['reference'], vote_s=found['vote']
        ),
        same_windows=dict(
            encode_s=encode['same_windows'],
            encoding_times_reference=encode['reference']
            / encode['same_windows'],
        ),
        signals_s=found['signals'],
    )
    for name in ('published', 'efficient'):
        rows[name] = dict(
            total_s=found[name], times_reference=total / found[name]
        )
    return rows


def synchronize_random(
    model: nn.Module,
    recording: Recording,
    num_limbs: int,
    device: str,
) -> float:
    """Offset of a recording, whose streams the encoder does not get.

    It gets random ones of that length: its time does not depend on what
    they show.
    """
    seconds = recording.pose.clock.num_samples / recording.pose.clock.rate
    inputs = random_inputs(1, num_limbs, seconds, device)
    return synchronize(model, inputs, recording, LIMBS[:num_limbs])


def synchronize(
    model: nn.Module,
    inputs: dict[str, torch.Tensor],
    recording: Recording,
    placements: Sequence[str],
) -> float:
    """Offset of a recording: every second encoded once, and the signals."""
    model.stream_stride_sec = side_by_side(model)
    with torch.no_grad():
        feats = model.extract_stream(inputs)
    clip = {name: feats[name][0].cpu().numpy() for name in TOKEN_FIELDS}
    clip['window_starts'] = feats['window_starts'].numpy()
    clip['placements'] = placements
    return FusedSynchronizer()(recording, clip, MAX_OFFSET).offset


def side_by_side(model: nn.Module) -> float:
    """Stride in seconds of sub-windows that do not overlap."""
    return model.imu_backbone.num_samples / model.imu_backbone.rate


def _voters(embedded: torch.Tensor) -> dict[str, np.ndarray]:
    """Embeddings of sub-windows every 0.2 s, as a synchroniser gets them."""
    count = embedded.shape[1]
    seen = np.ones((count, 1), dtype=bool)
    return dict(
        imu_embedding=embedded[0].numpy(),
        pose_embedding=embedded[1].numpy(),
        imu_mask=seen,
        pose_mask=seen,
        window_starts=np.arange(count) * 0.2,
    )
