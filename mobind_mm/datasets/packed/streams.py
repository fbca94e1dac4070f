"""Streams at the model's rates, packed into one memory-mapped file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...recordings import Recording
from ...recordings.derived import derivable
from ...recordings.schema import IMU_CHANNELS
from ...utils.tensors import write_tensors
from ..transforms.imu import ResampleIMU
from ..transforms.loading import LoadWindow
from ..transforms.pose import ResamplePose
from ..transforms.resampling import sign_continuous

_BLOCK_SEC = 60  # resampled at once
_FORMAT = 'mobind_mm.packed.1'
_DTYPES = {'F32': np.float32, 'BOOL': np.bool_}


class StreamPacker:
    """Resample whole entries as a pipeline resamples their windows.

    The rates of the pipeline's ``imu`` and ``pose`` must be whole Hz.
    """

    def __init__(
        self, load: LoadWindow, imu: ResampleIMU, pose: ResamplePose
    ) -> None:
        self.load, self.pose = load, pose
        # What is missing is counted when a window is cut.
        self.imu = ResampleIMU(imu.rate, imu.max_gap_sec, max_missing=1.0)

    def describe(self, recording: Recording) -> dict:
        """Channels and frame of every sensor, layout and image size."""
        wanted = self.load.channels
        sensors = {
            name: dict(
                channels=[c for c in IMU_CHANNELS if c in stream.channels]
                if wanted is None
                else [c for c in wanted if c in derivable(stream.channels)],
                frame=stream.frame,
            )
            for name, stream in recording.imu.items()
            if self.load.placements is None or name in self.load.placements
        }
        pose = recording.pose
        return dict(
            sensors=sensors,
            layout=None if pose is None else pose.layout,
            img_shape=None if pose is None else list(pose.img_shape),
        )

    def pack(self, info: dict) -> tuple[dict[str, np.ndarray], dict]:
        """Resample one entry.

        Args:
            info: What :meth:`IMUPoseDataset.get_data_info` returns.

        Returns:
            Arrays with time last: ``imu`` (rows, T_imu), the channels of
            its sensors; ``near`` (S, T_imu), whether a source sample is
            near; ``keypoints`` (2 K, T_pose), all x then all y; ``scores``
            and ``known`` (K, T_pose). Then the result of :meth:`describe`.
        """
        about = self.describe(info['recording'])
        start, end = info['entry_start'], info['entry_end']
        # The last block is up to 1 s longer: each has samples of both rates.
        edges = np.arange(start, max(end - 1, start + 1e-6), _BLOCK_SEC)
        blocks = [
            self._block(info, at, stop - at, about['sensors'])
            for at, stop in zip(edges, [*edges[1:], end])
        ]
        arrays = {
            name: np.concatenate([block[name] for block in blocks], axis=-1)
            for name in blocks[0]
        }
        row = 0
        for sensor in about['sensors'].values():
            for channel in sensor['channels']:
                width = IMU_CHANNELS[channel]
                if channel == 'quat':  # each block began with w >= 0
                    part = arrays['imu'][row : row + width]
                    part[:] = sign_continuous(part.T).T
                row += width
        return arrays, about

    def _block(
        self, info: dict, start: float, seconds: float, sensors: dict
    ) -> dict[str, np.ndarray]:
        rates = (self.imu.rate, self.pose.rate)
        counts = [int(seconds * rate + 1e-6) for rate in rates]
        # As many whole samples of either clock as fit.
        lengths = [n / rate for n, rate in zip(counts, rates)]
        block = self.load(
            dict(info, window_start=start, window_sec=lengths[0])
        )
        near, metas = [], block['imu_meta']
        times = np.arange(counts[0]) / self.imu.rate
        for name in sensors:
            near.append(self.imu.near(metas[name], times))
            if not len(metas[name]['times']):
                del block['imu'][name], metas[name]
        block = self.imu(block)
        block['window_sec'] = lengths[1]
        block = self.pose(block)
        imu = [
            block['imu'][name][channel].T
            if name in block['imu']
            else np.zeros((IMU_CHANNELS[channel], counts[0]), np.float32)
            for name, sensor in sensors.items()
            for channel in sensor['channels']
        ]
        nothing = np.zeros((0, counts[0]), np.float32)
        out = dict(
            imu=np.concatenate([nothing, *imu]),
            near=np.array(near, bool).reshape(-1, counts[0]),
        )
        if block['keypoints'] is None:
            none = np.zeros((0, counts[1]), np.float32)
            out.update(keypoints=none, scores=none, known=none.astype(bool))
            return out
        points = block['keypoints'].transpose(2, 1, 0)  # (2, K, T)
        out['keypoints'] = points.reshape(-1, counts[1])
        out['scores'] = block['scores'].T
        out['known'] = block['keypoint_mask'].T
        return out


def write_packed(
    path: Path, packed: Iterable[tuple[dict[str, np.ndarray], dict]]
) -> None:
    """Write the packed entries of a dataset atomically."""
    arrays, abouts = {}, []
    for i, (entry, about) in enumerate(packed):
        for name, value in entry.items():
            arrays[f'{i}/{name}'] = value
        abouts.append(about)
    header = json.dumps(dict(format=_FORMAT, entries=abouts))
    write_tensors(path, arrays, header)


def read_packed(path: Path) -> list[tuple[dict[str, np.ndarray], dict]]:
    """Map what :func:`write_packed` wrote; nothing is read before it is used.

    Raises:
        ValueError: If the file is damaged or has another format.
    """
    try:
        # A plain view of the mapped bytes: slices of memmaps are slow.
        data = np.asarray(np.memmap(path, mode='r'))
        size = int(data[:8].view('<u8')[0])
        header = json.loads(data[8 : 8 + size].tobytes())
        about = json.loads(header.pop('__metadata__')['header'])
        if about['format'] != _FORMAT:
            raise KeyError(about['format'])
        entries: list[tuple[dict[str, np.ndarray], dict]] = [
            ({}, entry) for entry in about['entries']
        ]
        for key, field in header.items():
            index, name = key.split('/')
            first, stop = (8 + size + n for n in field['data_offsets'])
            value: np.ndarray = data[first:stop].view(_DTYPES[field['dtype']])
            entries[int(index)][0][name] = value.reshape(field['shape'])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f'{path} is not a complete file of packed streams ({error!r}); '
            'delete it to have it rebuilt.'
        ) from None
    return entries
