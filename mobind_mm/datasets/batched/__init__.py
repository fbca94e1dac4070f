"""Cut, resample and augment whole batches of windows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ...recordings import PoseStream, SensorStream
from ...recordings.derived import turning_rate
from ...recordings.schema import IMU_CHANNELS, check_sensor_values
from ...registry import DATASETS
from ...structures import MoBindDataSample
from ..imu_pose_dataset import IMUPoseDataset, WrappedRecordings
from ..packed import entry_key
from ..transforms import (
    LoadWindow,
    NormalizeKeypoints,
    PackIMUPose,
    RandomIMUNoise,
    RandomIMURotation,
    RandomIMUScale,
    RandomKeypointDrop,
    RandomKeypointNoise,
    RandomPoseRotation,
    RandomPoseScale,
    RandomSensorDrop,
    RandomSpeed,
    RandomTimeShift,
    RandomWindow,
    ResampleIMU,
    ResamplePose,
    SmoothKeypoints,
)
from ..transforms.base import WindowBatch
from ..transforms.resampling import normalize, sign_continuous
from ..windows import labels_at, segment_table
from .poses import PoseTable
from .streams import SourceStream, StreamTable

_SPANS = (RandomSpeed, RandomWindow, RandomTimeShift)
_STEPS = (
    SmoothKeypoints, NormalizeKeypoints, RandomIMURotation, RandomIMUNoise,
    RandomIMUScale, RandomSensorDrop, RandomKeypointNoise, RandomPoseScale,
    RandomPoseRotation, RandomKeypointDrop,
)  # fmt: skip
"""Transforms that change a batch; a subclass may do anything else."""


@dataclass(frozen=True)
class _Windows:
    """What is known of N windows of E entries before anything is drawn.

    Args:
        columns: (N, 3) start of the window, start and end of its entry.
        action: (N,) label.
        entry: (N,) number of its entry.
        segments: Of the entries, see :func:`.windows.segment_table`.
        sensors: (E, S) rows in the table of sensors, -1 for none.
        poses: (E,) rows in the table of poses, likewise.
        metas: What is in the data samples.
    """

    columns: np.ndarray
    action: np.ndarray
    entry: np.ndarray
    segments: np.ndarray
    sensors: np.ndarray
    poses: np.ndarray
    metas: list[dict[str, Any]]


class _Spans(NamedTuple):
    """Where the windows of a batch lie: (B,) each."""

    start: np.ndarray
    speed: np.ndarray
    offset: np.ndarray
    action: np.ndarray
    rng: np.random.Generator


@DATASETS.register_module()
class BatchedDataset(WrappedRecordings):
    """Windows of a dataset, made a batch at a time.

    The streams are kept in memory as they were recorded. A batch is cut,
    resampled and augmented by a few operations on arrays, with the values
    and the random distributions of the transforms themselves. Streams of
    irregular clocks are put on a regular one once, so that samples next to
    a gap may differ slightly.

    What a batch draws depends on the seed, the epoch and its indices alone
    (:meth:`seed_epoch`, which ``EpochSeedHook`` calls), so a training that
    is resumed draws what it would have drawn, however many workers there
    are. The dataloader needs
    ``collate_fn=dict(type='mobind_mm.packed_collate')``.

    Args:
        dataset: Config of a dataset of recordings with its pipeline:
            ``RandomSpeed``, ``RandomWindow`` and ``RandomTimeShift`` as
            they are needed, ``LoadWindow``, ``ResampleIMU``,
            ``ResamplePose``, then transforms that know batches, and
            ``PackIMUPose``.

    Raises:
        TypeError: If ``dataset`` is not an :class:`IMUPoseDataset`.
        ValueError: If the pipeline has other transforms, or recordings of
            several skeleton layouts.
    """

    def __init__(
        self, dataset: dict | IMUPoseDataset, lazy_init: bool = False
    ) -> None:
        super().__init__(dataset)
        steps = list(self.dataset.pipeline.transforms)
        self.spans = []
        while steps and type(steps[0]) in _SPANS:
            self.spans.append(steps.pop(0))
        expected = [LoadWindow, ResampleIMU, ResamplePose]
        if [type(step) for step in steps[:3]] != expected or (
            type(steps[-1]) is not PackIMUPose
        ):
            raise ValueError(
                'The pipeline of a BatchedDataset must be [RandomSpeed, '
                'RandomWindow, RandomTimeShift,] LoadWindow, ResampleIMU, '
                'ResamplePose, ..., PackIMUPose; got '
                f'{[type(s).__name__ for s in steps]}.'
            )
        self.load, self.imu, self.pose = steps[:3]
        self.steps, self.pack = steps[3:-1], steps[-1]
        if self.pack.stand_ins:
            raise ValueError(
                'PackIMUPose(stand_ins=...) is not packed in whole batches; '
                'leave BatchedDataset out, and windows are made one by one.'
            )
        self.channels = (*self.pack.imu_channels, *self.pack.optional_channels)
        for step in self.steps:
            if type(step) not in _STEPS:
                raise ValueError(
                    f'{type(step).__name__} does not change whole batches; '
                    'leave BatchedDataset out, and windows are made one by '
                    'one.'
                )
        self._epoch_seed = torch.full((1,), -1, dtype=torch.int64)
        self._epoch_seed.share_memory_()  # workers see what it becomes
        self._windows: _Windows | None = None
        # From this step on, only keypoints of the limbs matter.
        self._whole = max(
            (
                number
                for number, step in enumerate(self.steps, 1)
                if getattr(step, 'looks_at_all', False)
            ),
            default=0,
        )
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read every recording once."""
        if self._windows is not None:
            return
        self.dataset.full_init()
        infos: list[dict] = []
        entries: dict[tuple, int] = {}
        rows_of, pose_of, segments = [], [], []
        sensors: list[SourceStream] = []
        poses: list[tuple[PoseStream, str]] = []
        about: list[tuple[bool, bool]] = []
        lacks: list[np.ndarray] = []
        wanted = self.load.placements
        for index in range(len(self.dataset)):
            entry, info = self.dataset.window_info(index)
            key = entry_key(info)
            if key not in entries:
                recording = self.dataset.get_recording(entry)
                rows = np.full(len(self.pack.placements), -1)
                for place, name in enumerate(self.pack.placements):
                    stream = recording.imu.get(name)
                    left_out = wanted is not None and name not in wanted
                    if stream is None or left_out:
                        continue
                    rows[place] = len(sensors)
                    source, there = self._sensor(stream, info, name)
                    sensors.append(source)
                    lacks.append(~there)
                    about.append((stream.frame == 'sensor', stream.gravity))
                row = -1
                if recording.pose is not None:
                    row = len(poses)
                    poses.append((recording.pose, info['take']))
                entries[key] = len(entries)
                rows_of.append(rows)
                pose_of.append(row)
                segments.append(info['segments'])
            infos.append({**info, 'entry': entries[key]})
        self.sensors = StreamTable(sensors) if sensors else None
        about.append((True, True))  # of a sensor that is not there
        self.in_sensor_frame, self.gravity = np.array(about).T
        # (R, C) optional channels
        self.lacks = np.array(lacks, bool).reshape(len(lacks), -1)
        self.poses = PoseTable(poses, self.pose, self.pack, not self._whole)
        names = ('window_start', 'entry_start', 'entry_end')
        self._windows = _Windows(
            columns=np.array([[i[n] for n in names] for i in infos], float),
            action=np.array([info['action'] for info in infos]),
            entry=np.array([info['entry'] for info in infos]),
            segments=segment_table(segments),
            sensors=np.array(rows_of),
            poses=np.array(pose_of),
            metas=[self._meta(info) for info in infos],
        )

    def _meta(self, info: Mapping) -> dict[str, Any]:
        """Meta information of a window, as it is without being moved."""
        rates = dict(imu_rate=self.imu.rate, pose_rate=self.pose.rate)
        facts = {**info, **rates}
        meta = {key: facts[key] for key in self.pack.meta_keys}
        return {**meta, 'placements': self.pack.placements}

    def _sensor(
        self, stream: SensorStream, info: Mapping, name: str
    ) -> tuple[SourceStream, np.ndarray]:
        """The packed channels of a sensor, and which (C,) of them it has."""
        self.pack.check_channels(info['take'], name, stream.channels)
        where = f'take {info["take"]!r}: {name}'
        times, wanted = stream.clock.at(), self.load.channels
        channels = {
            c: np.asarray(x, np.float32)
            for c, x in stream.channels.items()
            if c in self.channels and (wanted is None or c in wanted)
        }
        derive = 'gyro' in self.channels and 'gyro' in (wanted or ())
        if derive and 'gyro' not in channels and 'quat' in stream.channels:
            channels['gyro'] = turning_rate(times, stream.channels['quat'])
        check_sensor_values(channels, times, where)
        if 'quat' in channels:
            channels['quat'] = sign_continuous(channels['quat'])
        there = np.repeat(
            [c in channels for c in self.channels],
            [IMU_CHANNELS[c] for c in self.channels],
        )
        values = np.zeros((len(times), len(there)), np.float32)
        parts = [channels[c] for c in self.channels if c in channels]
        values[:, there] = np.concatenate(parts, axis=1)
        return SourceStream.of(values, stream.clock), there

    def seed_epoch(self, seed: int) -> None:
        """Let batches draw by this seed and their indices."""
        self._epoch_seed[0] = seed

    def __getitem__(self, idx: int) -> dict:
        """One window, as a batch of one without its batch axis."""
        batch = self.__getitems__([idx])
        inputs = {name: value[0] for name, value in batch['inputs'].items()}
        return dict(inputs=inputs, data_samples=batch['data_samples'][0])

    def __getitems__(self, indices: Sequence[int]) -> dict:
        """A batch of windows, collated."""
        self.full_init()
        assert self._windows is not None  # full_init made them
        windows, index = self._windows, np.asarray(indices)
        seed = int(self._epoch_seed[0])
        if seed < 0:  # by the generator that seed_worker seeds
            rng = np.random.default_rng(np.random.randint(2**31, size=4))
        else:
            drawn_by = np.array([seed, *indices], np.int64).tobytes()
            digest = hashlib.blake2b(drawn_by, digest_size=16).digest()
            rng = np.random.default_rng(int.from_bytes(digest, 'little'))
        spans = self._draw_spans(windows, index, rng)
        entry = windows.entry[index]
        batch = self._cut(windows.sensors[entry], windows.poses[entry], spans)
        for number, step in enumerate(self.steps):
            if number == self._whole:
                self._keep_limbs(batch)
            step.transform_batch(batch)
        if self._whole == len(self.steps):
            self._keep_limbs(batch)
        samples = self._samples([windows.metas[i] for i in indices], spans)
        rows = windows.sensors[entry]
        inputs = self._packed(batch, rows[batch.loaded])
        return dict(inputs=inputs, data_samples=samples)

    def _keep_limbs(self, batch: WindowBatch) -> None:
        if self._whole and batch.layout is not None:
            batch.keep_keypoints(self.poses.kept)

    def _draw_spans(
        self, windows: _Windows, index: np.ndarray, rng: np.random.Generator
    ) -> _Spans:
        """Draw where windows lie, and see what is done there."""
        window = self.dataset.window_sec
        start, first, last = windows.columns[index].T
        speed, offset = np.ones(len(index)), np.zeros(len(index))
        for step in self.spans:
            if isinstance(step, RandomSpeed):
                factor = rng.uniform(*step.factors, len(index))
                speed = np.minimum(factor, (last - first) / window)
                start = np.maximum(
                    np.minimum(start, last - window * speed), first
                )
            elif isinstance(step, RandomWindow):
                low, high = first, last - window * speed
                if step.max_shift_sec is not None:
                    low = np.maximum(low, start - step.max_shift_sec)
                    high = np.minimum(high, start + step.max_shift_sec)
                start = rng.uniform(low, np.maximum(low, high))
                start = np.maximum(
                    np.minimum(start, last - window * speed), first
                )
            else:
                low = np.maximum(-step.max_sec, first - start)
                high = np.minimum(step.max_sec, last - window * speed - start)
                offset = -rng.uniform(low, np.maximum(low, high))
        action = windows.action[index]
        if any(not isinstance(step, RandomTimeShift) for step in self.spans):
            action = labels_at(
                windows.segments[windows.entry[index]],
                start,
                window * speed,
                self.dataset.min_label_overlap,
            )
        return _Spans(start, speed, offset, action, rng)

    def _cut(
        self, rows: np.ndarray, poses: np.ndarray, spans: _Spans
    ) -> WindowBatch:
        """Resample windows of rows (B, S) of sensors, and (B,) of poses."""
        loaded = rows >= 0
        mask = loaded.copy()
        count = round(self.dataset.window_sec * self.imu.rate)
        window, flat = np.nonzero(loaded)[0], rows[loaded]
        speed = spans.speed[window]
        width = sum(IMU_CHANNELS[name] for name in self.channels)
        values = np.zeros((len(flat), width, count), 'f4')
        if len(flat):
            assert self.sensors is not None  # a row is one of them
            start = (spans.start - spans.offset)[window]
            at = (flat, start, speed, count, self.imu.rate)
            values[:] = self.sensors.resample(*at).swapaxes(1, 2)
            near = self.sensors.near(*at, self.imu.max_gap_sec)
            seen = near.mean(axis=1) >= 1 - self.imu.max_missing
            mask[loaded] = seen & near.any(axis=1)
        channels, first = {}, 0
        for name in self.channels:
            stop = first + IMU_CHANNELS[name]
            channels[name] = values[:, first:stop]
            first = stop
        speed = speed.astype(np.float32)[:, None, None]
        if 'gyro' in channels:
            channels['gyro'] *= speed
        if 'acc' in channels:
            gravity = self.gravity[flat][:, None, None]
            channels['acc'] *= np.where(gravity, np.float32(1), speed**2)
        if 'quat' in channels:
            quat = channels['quat']
            quat[:] = normalize(quat.transpose(2, 0, 1)).transpose(1, 2, 0)
        values[~mask[loaded]] = 0
        return WindowBatch(
            imu=channels,
            imu_mask=mask,
            loaded=loaded,
            in_sensor_frame=self.in_sensor_frame[flat],
            rng=spans.rng,
            **self.poses.cut(
                poses, spans.start, spans.speed, self.dataset.window_sec
            ),
        )

    def _packed(
        self, batch: WindowBatch, rows: np.ndarray
    ) -> dict[str, torch.Tensor]:
        """What the model takes, as ``PackIMUPose`` packs a window.

        Args:
            batch: The windows.
            rows: (R,) rows of their sensors in the table of sensors.
        """
        values = np.concatenate([*batch.imu.values()], axis=1)
        mask = batch.imu_mask
        if self.pack.optional_channels:
            values[self.lacks[rows]] = 0
            gravity = self.gravity[rows][:, None, None].astype(np.float32)
            gravity = np.repeat(gravity, values.shape[2], axis=2)
            values = np.concatenate([values, gravity], axis=1)
        if not mask[batch.loaded].all():
            values[~mask[batch.loaded]] = 0
        imu = values
        if not batch.loaded.all():
            imu = np.zeros((*mask.shape, *values.shape[1:]), np.float32)
            imu[batch.loaded] = values
        imu = imu.reshape(*mask.shape, *values.shape[1:])
        count = batch.keypoints.shape[3]
        pose = np.zeros((*mask.shape, 6, count), np.float32)
        pose_mask = np.zeros((*mask.shape, count), bool)
        if batch.layout is not None:
            points, known = batch.keypoints, batch.keypoint_mask
            once = np.asarray(known.any(axis=2))
            if not once.all():
                points = points * once[:, None, :, None]
            points = points[:, :, self.poses.limbs].swapaxes(1, 2)
            pose = np.ascontiguousarray(points.reshape(pose.shape))
            pose_mask = np.asarray(known[:, self.poses.limbs].all(axis=2))
            pose_mask &= self.poses.has_limb[:, None]
        if self.pack.paired_only:
            pose_mask = pose_mask & mask[:, :, None]
        arrays = dict(imu=imu, pose=pose, imu_mask=mask, pose_mask=pose_mask)
        return {k: torch.from_numpy(v) for k, v in arrays.items()}

    def _samples(
        self, metas: Sequence[dict[str, Any]], spans: _Spans
    ) -> list[MoBindDataSample]:
        keys = self.pack.meta_keys
        drawn = [
            (key, values.tolist())
            for key, values in (
                ('window_start', spans.start),
                ('action', spans.action),
            )
            if key in keys
        ]
        return [
            MoBindDataSample.plain(
                {**meta, **{key: values[row] for key, values in drawn}}
            )
            for row, meta in enumerate(metas)
        ]
