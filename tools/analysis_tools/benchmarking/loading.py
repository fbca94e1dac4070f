"""Windows per second of data loading."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from scipy.signal import resample
from torch.utils.data import DataLoader, Dataset, default_collate

from benchmarking.models import (
    IMU_RATE,
    LIMBS,
    POSE_RATE,
    random_recording,
    write_data_set,
)
from benchmarking.settings import Settings, synchronized
from mobind_mm.datasets import IMUPoseDataset, PackedDataset, packed_collate
from mobind_mm.skeleton import limb_indices

_TAKE_SEC = 60.0
_STRIDE_SEC = 0.5


class ReferenceFiles(Dataset):
    """One small file for every window and limb of either modality.

    Each is read, resampled by Fourier transform and stacked with the other
    limbs, as the released recipe does.

    Args:
        root: Directory of the files.
        count: Number of windows.
        limbs: Number of limbs S.
        window_sec: Seconds of a window.
    """

    def __init__(
        self, root: Path, count: int, limbs: int, window_sec: float
    ) -> None:
        self.root, self.count, self.limbs = root, count, limbs
        self.window_sec = window_sec

    def __len__(self) -> int:
        """Number of windows."""
        return self.count

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Read one window."""
        return {
            'imu': self._read('imu', index, IMU_RATE),
            'pose': self._read('pose', index, POSE_RATE),
        }

    def _read(self, name: str, index: int, rate: float) -> torch.Tensor:
        limbs = [
            resample(
                np.load(
                    self.root / f'{name}_{index}_{s}.npy', allow_pickle=False
                ),
                round(self.window_sec * rate),
            )
            for s in range(self.limbs)
        ]
        return torch.from_numpy(np.stack(limbs)).float().transpose(1, 2)


def write_files(root: Path, settings: Settings) -> ReferenceFiles:
    """Write the small files of every window of a data set."""
    root.mkdir()
    seconds, limbs = settings.window_sec, settings.num_limbs
    indices = np.array(limb_indices('coco', LIMBS[:limbs]))
    number, take = 0, -1
    while number < settings.windows:
        take += 1
        recording = random_recording(_TAKE_SEC, limbs, seed=take)
        pose = recording.pose
        for start in np.arange(0, _TAKE_SEC - seconds + 1e-6, _STRIDE_SEC):
            for s, stream in enumerate(recording.imu.values()):
                part = stream.clock.between(start, start + seconds - 1e-3)
                channels = [stream.channels[n][part] for n in ('acc', 'quat')]
                np.save(
                    root / f'imu_{number}_{s}.npy',
                    np.concatenate(channels, axis=1),
                )
                part = pose.clock.between(start, start + seconds - 1e-3)
                limb = pose.keypoints[part][:, indices[s]] / (1920.0, 1080.0)
                limb = limb.swapaxes(1, 2).reshape(len(limb), 6)
                np.save(
                    root / f'pose_{number}_{s}.npy', limb.astype(np.float32)
                )
            number += 1
    return ReferenceFiles(root, settings.windows, limbs, seconds)


def measure_loading(settings: Settings) -> dict:
    """Windows per second of three ways, by number of loader processes."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        per_take = int((_TAKE_SEC - settings.window_sec) / _STRIDE_SEC) + 1
        takes = -(-settings.windows // per_take)
        write_data_set(root / 'data', takes, _TAKE_SEC, settings.num_limbs)
        cfg = _config(root / 'data', settings)
        started = synchronized('cpu')
        packed = PackedDataset(cfg, root / 'cache')
        packing = synchronized('cpu') - started
        ways: dict[str, tuple[Any, Any]] = {
            'reference': (
                write_files(root / 'files', settings),
                default_collate,
            ),
            'pipeline': (
                IMUPoseDataset(
                    **{k: v for k, v in cfg.items() if k != 'type'}
                ),
                pseudo_collate,
            ),
            'packed': (packed, packed_collate),
        }
        rows: dict[str, Any] = {name: {} for name in ways}
        for workers in settings.workers:
            rates: dict[str, list] = {name: [] for name in ways}
            for _ in range(settings.repeats):
                for name, (dataset, collate) in ways.items():
                    rates[name].append(
                        _rate(dataset, collate, workers, settings)
                    )
            for name, values in rates.items():
                rows[name][f'windows_per_s_{workers}_workers'] = float(
                    np.median(values)
                )
        for key in list(rows['reference']):
            for name in ('pipeline', 'packed'):
                rows[name][f'times_reference_{key[14:]}'] = (
                    rows[name][key] / rows['reference'][key]
                )
        rows['packing_s'] = packing
        return rows


def _config(root: Path, settings: Settings) -> dict:
    names = LIMBS[: settings.num_limbs]
    return dict(
        type='IMUPoseDataset',
        data_root=str(root),
        ann_file='annotations/train.json',
        window_sec=settings.window_sec,
        stride_sec=_STRIDE_SEC,
        pipeline=[
            dict(
                type='LoadWindow', placements=names, channels=('acc', 'quat')
            ),
            dict(type='ResampleIMU', rate=IMU_RATE),
            dict(type='ResamplePose', rate=POSE_RATE),
            dict(type='NormalizeKeypoints', mode='image'),
            dict(
                type='PackIMUPose',
                placements=names,
                imu_channels=('acc', 'quat'),
            ),
        ],
    )


def _rate(
    dataset: Any, collate: Any, workers: int, settings: Settings
) -> float:
    """Windows per second of one epoch in random order.

    With workers the time starts with the first batch, when they run.
    """
    loader = DataLoader(
        dataset,
        batch_size=settings.batch_size,
        shuffle=True,
        num_workers=workers,
        collate_fn=collate,
    )
    batches = iter(loader)
    count = 0
    if workers:
        next(batches)
    start = synchronized('cpu')
    for batch in batches:
        inputs = batch.get('inputs', batch)
        count += len(inputs['imu'])
    return count / (synchronized('cpu') - start)
