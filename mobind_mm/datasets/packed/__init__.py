"""Cut windows out of streams that were resampled once; collate and seed."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from ...registry import DATASETS, FUNCTIONS
from ...utils.compat import without_scope
from ..imu_pose_dataset import IMUPoseDataset, WrappedRecordings
from ..transforms import LoadWindow, RandomWindow, ResampleIMU, ResamplePose
from .streams import StreamPacker, read_packed, write_packed
from .windows import WindowBatcher, cut_window


@DATASETS.register_module()
class PackedDataset(WrappedRecordings):
    """Resample every recording once, then cut windows out of the result.

    A window that starts at a sample of both rates has the same values as
    from the dataset's own pipeline; ``RandomWindow`` draws among these
    starts. The exceptions are gaps longer than ``LoadWindow``'s margin. They
    are bridged to their end here: keypoints inside are masked, but the
    samples next to them differ slightly. Transforms that follow
    ``ResamplePose`` run on each window; if they are
    ``NormalizeKeypoints(mode='image')`` and ``PackIMUPose``, a whole batch
    is cut at once, provided that the dataloader has
    ``collate_fn=dict(type='mobind_mm.packed_collate')``.

    Args:
        dataset: Config of a dataset of recordings with its pipeline:
            optionally ``RandomWindow``, then ``LoadWindow``,
            ``ResampleIMU``, ``ResamplePose`` and anything after them.
        cache_dir: Directory of the packed file, which is rebuilt when the
            config, an annotation or a recording changes. None keeps the
            streams in memory.

    Raises:
        ValueError: If the pipeline begins differently, a rate is not a whole
            number, or windows start between samples.
        TypeError: If ``dataset`` is not an :class:`IMUPoseDataset`.
    """

    def __init__(
        self,
        dataset: dict | IMUPoseDataset,
        cache_dir: str | Path | None = None,
        lazy_init: bool = False,
    ) -> None:
        if cache_dir is not None and not isinstance(dataset, dict):
            raise ValueError(
                'cache_dir needs the config of the dataset, not an object: '
                'the packed file is named after it.'
            )
        self.key = json.dumps(dataset, sort_keys=True, default=str)
        super().__init__(dataset)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        steps = list(self.dataset.pipeline.transforms)
        self.random = None
        if steps and isinstance(steps[0], RandomWindow):
            self.random = steps.pop(0)
        expected = (LoadWindow, ResampleIMU, ResamplePose)
        if [type(step) for step in steps[:3]] != list(expected):
            raise ValueError(
                'The pipeline of a PackedDataset must be [RandomWindow,] '
                'LoadWindow, ResampleIMU, ResamplePose, …; got '
                f'{[type(s).__name__ for s in steps]}.'
            )
        self.load, self.imu, self.pose = steps[:3]
        self.after = steps[3:]
        for step in (self.imu, self.pose):
            if step.rate != round(step.rate):
                raise ValueError(
                    f'{type(step).__name__} of a PackedDataset needs a whole '
                    f'number of Hz, got {step.rate}.'
                )
        # Seconds between times at which both streams have a sample.
        self.step = 1 / math.gcd(int(self.imu.rate), int(self.pose.rate))
        self.batcher = WindowBatcher.of(self.imu, self.pose, self.after)
        self._windows: list[dict] | None = None
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Cut the windows; resample, or map the packed file."""
        if self._windows is not None:
            return
        self.dataset.full_init()
        windows = []
        entries: dict[tuple, tuple[dict, dict]] = {}
        for i in range(len(self)):
            entry, info = self.dataset.window_info(i)
            windows.append(info)
            entries.setdefault(entry_key(info), (entry, info))
        packer = StreamPacker(self.load, self.imu, self.pose)
        # One recording at a time: a simulator makes them when asked.
        packed = (
            packer.pack(dict(info, recording=self.dataset.get_recording(e)))
            for e, info in entries.values()
        )
        if self.cache_dir is None:
            streams = list(packed)
        else:
            path = self.cache_dir / f'{self._digest()}.safetensors'
            if not path.is_file():
                write_packed(path, packed)
            streams = read_packed(path)
        packed_entries = dict(zip(entries, streams))
        for info in windows:
            info['packed'] = packed_entries[entry_key(info)]
            if self.random is None:
                self._first(info)
        self._windows = windows

    def _digest(self) -> str:
        """Name of the packed file: a digest of what it is made from."""
        root = Path(self.dataset.data_root or '')
        files = [Path(self.dataset.ann_file or '')]
        # Captured motion: the files that recordings are simulated from.
        files += [Path(p) for p in getattr(self.dataset, 'sources', ())]
        for window in self.dataset.load_entries():
            files += [root / window[k] for k in ('imu', 'pose') if window[k]]
        facts = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(set(files))
            if path.is_file()
        ]
        text = json.dumps([self.key, facts])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def get_data_info(self, idx: int) -> dict:
        """Ids of a window and its packed entry."""
        self.full_init()
        assert self._windows is not None  # full_init made them
        info = dict(self._windows[idx])
        if self.random is not None:
            info['recording'] = None
            info = self.random(info)
            del info['recording']
            steps = (info['window_start'] - info['entry_start']) / self.step
            # Rounded down, so that the window ends inside the entry.
            steps = int(steps + 1e-6)
            info['window_start'] = info['entry_start'] + steps * self.step
        return info

    def __getitem__(self, idx: int) -> Any:
        """One window, as the dataset's own pipeline packs it."""
        info = self.get_data_info(idx)
        results = cut_window(info, self._first(info), self.imu, self.pose)
        for step in self.after:
            results = step(results)
        return results

    def __getitems__(self, indices: Sequence[int]) -> list | dict:
        """Windows of a batch, cut at once if the transforms allow it."""
        if self.batcher is None:
            return [self[i] for i in indices]
        infos = [self.get_data_info(i) for i in indices]
        return self.batcher(infos, [self._first(info) for info in infos])

    def _first(self, info: dict) -> tuple[int, int]:
        """First sample of a window in its entry's IMU and pose stream."""
        steps = (info['window_start'] - info['entry_start']) / self.step
        if abs(steps - round(steps)) > 1e-4:
            raise ValueError(
                f'Windows of a PackedDataset start every {self.step:g} s of '
                f'an entry, where both rates have a sample; take '
                f'{info["take"]!r} has one at {info["window_start"]:g} s. '
                'Change stride_sec or the rates, or do not pack.'
            )
        return tuple(
            round(round(steps) * self.step * resample.rate)
            for resample in (self.imu, self.pose)
        )


def entry_key(window: dict) -> tuple:
    """What tells the entries of a dataset apart."""
    keys = ('take', 'camera', 'subject', 'entry_start', 'entry_end')
    return tuple(window[key] for key in keys)


@FUNCTIONS.register_module()
def packed_collate(batch: list | dict) -> dict:
    """Collate windows, unless their dataset has done so.

    Inputs of one shape are stacked, so that a worker sends one tensor of
    each and not one per window.
    """
    if isinstance(batch, dict):
        return batch
    collated = pseudo_collate(batch)
    for name, values in collated.get('inputs', {}).items():
        if len({value.shape for value in values}) == 1:
            collated['inputs'][name] = torch.stack(list(values))
    return collated


@FUNCTIONS.register_module()
@without_scope
def seed_worker(worker_id: int) -> None:
    """Seed a new worker from the loader's seed of this epoch.

    MMEngine gives a worker the same seed in every epoch, so each epoch would
    repeat the random transforms of the first unless workers persist. PyTorch
    draws its seed in the main process, which ``EpochSeedHook`` seeds by
    epoch. Put ``worker_init_fn=dict(type='mobind_mm.seed_worker')`` into the
    dataloader's config.

    Args:
        worker_id: Index of the worker, already part of PyTorch's seed.
    """
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)
