"""Synchronisation of a long stream: how fast, and how well."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from benchmarking.models import (
    LIMBS,
    efficient,
    published_pair,
    random_inputs,
    random_recording,
)
from benchmarking.settings import Settings, interleaved, synchronized
from mobind_mm.apis import init_model
from mobind_mm.models.streaming import cut_stream, stream_starts
from mobind_mm.recordings import Recording
from mobind_mm.registry import DATASETS
from mobind_mm.synchronization import build_synchronizer

MAX_OFFSET = 7.0
TOKEN_FIELDS = (
    'imu_mask',
    'pose_mask',
    'imu_tokens',
    'pose_tokens',
    'pose_token_mask',
)
"""What a synchroniser reads of a model's features."""
_EMBEDDED = {'imu': 'imu_embedding', 'pose': 'pose_embedding'}
_AT_ONCE = 64


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
    vote, signals = build_synchronizer('vote'), build_synchronizer('signals')
    jobs = {
        'vote': lambda: vote(recording, _voters(embedded), MAX_OFFSET),
        'signals': lambda: signals(recording, None, MAX_OFFSET),
    }
    for name, model in (('published', ours), ('efficient', small)):
        jobs[name] = lambda model=model: synchronize_random(
            model, recording, settings.num_limbs, device
        )
    spent = interleaved(jobs, 1, device)
    total = encode['reference'] + spent['vote']
    rows = dict(
        minutes=settings.minutes,
        sub_windows=count,
        reference_windows_measured=few,
        reference=dict(
            total_s=total, encode_s=encode['reference'], vote_s=spent['vote']
        ),
        same_windows=dict(
            encode_s=encode['same_windows'],
            encoding_times_reference=encode['reference']
            / encode['same_windows'],
        ),
        signals_s=spent['signals'],
    )
    for name in ('published', 'efficient'):
        rows[name] = dict(
            total_s=spent[name], times_reference=total / spent[name]
        )
    return rows


def synchronize_random(
    model: nn.Module, recording: Recording, num_limbs: int, device: str
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
    fused = build_synchronizer('fused')
    return fused(recording, clip, MAX_OFFSET).offset


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


def measure_sync_error(
    config: str, checkpoint: str, minutes: float, recordings: int = 3
) -> dict:
    """Seconds and errors of both ways, with the same weights.

    Args:
        config: Config of a training on the synthetic dataset.
        checkpoint: Its weights.
        minutes: Length of a recording.
        recordings: Simulated people of the test split, one each.

    Returns:
        For ``reference`` and ``ours``: the mean seconds a recording takes,
        and the absolute errors of its offset in seconds.
    """
    model = init_model(config, checkpoint).eval()
    cfg = copy.deepcopy(
        model.cfg.test_cfg.tasks.sync.dataloader.dataset.to_dict()
    )
    seconds = minutes * 60
    cfg['dataset'].update(
        take_sec=seconds + 2 * MAX_OFFSET + 1,
        window_sec=seconds,
        stride_sec=seconds,
        people=(1, 1),
        num_subjects=recordings,
        cache_takes=1,
    )
    clips = DATASETS.build(cfg)
    ways = {'reference': separate_windows, 'ours': shared_windows}
    spent: dict[str, list] = {name: [] for name in ways}
    errors: dict[str, list] = {name: [] for name in ways}
    for number in range(recordings):
        clip = clips[number]
        inputs = {k: v[None] for k, v in clip['inputs'].items()}
        sample = clip['data_samples']
        for name, way in ways.items():
            start = synchronized('cpu')
            with torch.no_grad():
                offset = way(model, inputs, sample)
            spent[name].append(synchronized('cpu') - start)
            errors[name].append(abs(offset - sample.offset))
    rows = {
        name: dict(
            seconds=float(np.mean(spent[name])),
            mae_s=float(np.mean(errors[name])),
            errors_s=[float(error) for error in errors[name]],
        )
        for name in ways
    }
    rows['times_reference'] = (
        rows['reference']['seconds'] / rows['ours']['seconds']
    )
    return rows


def separate_windows(
    model: nn.Module, inputs: dict[str, torch.Tensor], sample: object
) -> float:
    """The published way: a window every 0.2 s, encoded alone; they vote."""
    backbones = dict(imu=model.imu_backbone, pose=model.pose_backbone)
    first = model.imu_backbone
    length = inputs['imu'].shape[-1] / first.rate
    starts = stream_starts(length, first.num_samples / first.rate, 0.2)
    chunks = []
    for part in starts.split(_AT_ONCE):
        windows = {
            name: stream.repeat_interleave(len(part), dim=0)
            if name == 'imu_mask'
            else cut_stream(
                stream,
                part,
                backbones[name.split('_')[0]].rate,
                backbones[name.split('_')[0]].num_samples,
            )
            for name, stream in inputs.items()
        }
        chunks.append(model.extract_feats(windows))
    fields = {**_EMBEDDED, **{name: name for name in TOKEN_FIELDS}}
    feats = {
        field: torch.cat([chunk[name] for chunk in chunks]).numpy()
        for name, field in fields.items()
    }
    feats['window_starts'] = starts.numpy()
    return build_synchronizer('vote')(sample.streams, feats, MAX_OFFSET).offset


def shared_windows(
    model: nn.Module, inputs: dict[str, torch.Tensor], sample: object
) -> float:
    """The package's way, see :func:`synchronize`."""
    return synchronize(model, inputs, sample.streams, sample.placements)
