"""How well a long recording is synchronised, and how fast, by either way."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from benchmarking.sync import MAX_OFFSET, TOKEN_FIELDS, synchronize
from benchmarking.timing import synchronized
from mobind_mm.apis import init_model
from mobind_mm.models.streaming import cut_stream, stream_starts
from mobind_mm.registry import DATASETS
from mobind_mm.synchronization import VoteSynchronizer

_EMBEDDED = {'imu': 'imu_embedding', 'pose': 'pose_embedding'}
_AT_ONCE = 64


def measure_sync_error(
    config: str, checkpoint: str, minutes: float, recordings: int = 3
) -> dict:
    """Seconds and errors of the reference and of ours, the same weights.

    Args:
        config: Config of a training on the embedded default.
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
                found = way(model, inputs, sample)
            spent[name].append(synchronized('cpu') - start)
            errors[name].append(abs(found - sample.offset))
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
    return VoteSynchronizer()(sample.streams, feats, MAX_OFFSET).offset


def shared_windows(
    model: nn.Module, inputs: dict[str, torch.Tensor], sample: object
) -> float:
    """Ours, see :func:`~benchmarking.sync.synchronize`."""
    return synchronize(model, inputs, sample.streams, sample.placements)
