"""Cut windows out of packed streams, singly or a batch at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ...recordings.schema import IMU_CHANNELS
from ...skeleton import limb_indices
from ...structures import MoBindDataSample
from ..transforms import (
    NormalizeKeypoints,
    PackIMUPose,
    ResampleIMU,
    ResamplePose,
)


def cut_window(
    info: dict, first: tuple[int, int], imu: ResampleIMU, pose: ResamplePose
) -> dict:
    """Results of ``ResampleIMU`` and ``ResamplePose`` for a window.

    ``info`` is the window with its ``packed`` entry, ``first`` its first
    sample in the IMU and in the pose stream.
    """
    results = dict(info)
    arrays, about = results.pop('packed')
    part = _part(info, first[0], imu.rate)
    seen = _seen(arrays['near'][:, part], imu)
    results.update(imu={}, imu_meta={}, imu_mask={}, imu_rate=imu.rate)
    row = 0
    for sensor, (name, fields) in enumerate(about['sensors'].items()):
        channels = {}
        for channel in fields['channels']:
            stop = row + IMU_CHANNELS[channel]
            value = np.array(arrays['imu'][row:stop, part].T)
            if channel == 'quat' and value[0, 0] < 0:
                value = -value
            channels[channel] = value * seen[sensor]
            row = stop
        results['imu'][name] = channels
        results['imu_mask'][name] = bool(seen[sensor])
        results['imu_meta'][name] = dict(frame=fields['frame'])
    results.update(pose_rate=pose.rate, layout=about['layout'])
    results.update(keypoints=None, scores=None, keypoint_mask=None)
    if about['layout'] is not None:
        part = _part(info, first[1], pose.rate)
        points = arrays['keypoints'][:, part]
        points = points.reshape(2, -1, points.shape[1]).transpose(2, 1, 0)
        results['keypoints'] = np.array(points, order='C')
        results['scores'] = np.array(arrays['scores'][:, part].T)
        results['keypoint_mask'] = np.array(arrays['known'][:, part].T)
        results['img_shape'] = tuple(about['img_shape'])
    return results


def _part(info: dict, first: int, rate: float) -> slice:
    return slice(first, first + round(info['window_sec'] * rate))


def _seen(near: np.ndarray, imu: ResampleIMU) -> np.ndarray:
    """Sensors (S,) that miss no more than is allowed."""
    count = near.sum(axis=1)
    enough = count >= (1 - imu.max_missing) * near.shape[1]
    return enough & (count > 0)


class WindowBatcher:
    """Packs all windows of a batch at once, as ``PackIMUPose`` packs one.

    ``imu`` and ``pose`` are the transforms that resampled the streams; with
    ``to_image``, keypoints are divided by the image size.
    """

    def __init__(
        self,
        imu: ResampleIMU,
        pose: ResamplePose,
        pack: PackIMUPose,
        to_image: bool,
    ) -> None:
        self.imu, self.pose, self.pack = imu, pose, pack
        self.to_image = to_image
        self._rows: dict[int, tuple] = {}  # by packed entry

    @classmethod
    def of(
        cls, imu: ResampleIMU, pose: ResamplePose, after: Sequence
    ) -> WindowBatcher | None:
        """A batcher for the transforms after resampling, if it knows them."""
        after = list(after)
        to_image = bool(after) and (
            type(after[0]) is NormalizeKeypoints and after[0].mode == 'image'
        )
        after = after[to_image:]
        if len(after) != 1 or type(after[0]) is not PackIMUPose:
            return None
        pack = after[0]
        if pack.optional_channels or pack.stand_ins or pack.limb_layout:
            return None
        return cls(imu, pose, pack, to_image)

    def __call__(
        self, infos: Sequence[dict], firsts: Sequence[tuple[int, int]]
    ) -> dict:
        """Collate windows, as :func:`cut_window` takes them, into a batch."""
        B, S = len(infos), len(self.pack.placements)  # noqa: N806
        seconds = infos[0]['window_sec']
        length = [round(seconds * t.rate) for t in (self.imu, self.pose)]
        imu = np.zeros((B, S, self.pack.num_channels, length[0]), np.float32)
        imu_mask = np.zeros((B, S), bool)
        points = np.zeros((B, S, 2, 3, length[1]), np.float32)
        known = np.zeros((B, S, 3, length[1]), bool)
        unit = np.ones((B, 2), np.float32)
        for b, (info, first) in enumerate(zip(infos, firsts)):
            arrays, about = info['packed']
            sensors, rows, limbs, whole = self._find(info)
            part = _part(info, first[0], self.imu.rate)
            if len(sensors[0]):
                if whole:
                    imu_mask[b, sensors[0]] = True
                else:
                    seen = _seen(arrays['near'][:, part], self.imu)
                    imu_mask[b, sensors[0]] = seen[sensors[1]]
                imu[b, sensors[0]] = arrays['imu'][rows, part]
            if limbs is not None:
                part = _part(info, first[1], self.pose.rate)
                num = len(arrays['known'])
                xy = arrays['keypoints'].reshape(2, num, -1)
                points[b] = xy[:, limbs, part].swapaxes(0, 1)
                known[b] = arrays['known'][limbs, part]
                unit[b] = about['img_shape'][::-1]
        self._finish_imu(imu, imu_mask)
        # As zero_unseen does.
        seen_once = np.asarray(known.any(axis=3))
        points *= seen_once[:, :, None, :, None]
        if self.to_image:
            points /= unit[:, None, :, None, None]
        pose_mask = known.all(axis=2)
        if self.pack.paired_only:
            pose_mask &= imu_mask[:, :, None]
        inputs = dict(
            imu=imu,
            pose=points.reshape(B, S, 6, -1),
            imu_mask=imu_mask,
            pose_mask=pose_mask,
        )
        return dict(
            inputs={k: torch.from_numpy(v) for k, v in inputs.items()},
            data_samples=[self._sample(info) for info in infos],
        )

    def _find(self, info: dict) -> tuple:
        """Where an entry has what is packed.

        The sensors (their places in the batch and numbers in the entry), IMU
        rows, keypoints of the limbs, and whether its sensors miss nothing.
        """
        arrays, about = info['packed']
        if id(arrays) not in self._rows:
            first = 0
            starts: dict[str, tuple[int, dict[str, int]]] = {}
            for number, (name, fields) in enumerate(about['sensors'].items()):
                starts[name] = (number, {})
                for channel in fields['channels']:
                    starts[name][1][channel] = first
                    first += IMU_CHANNELS[channel]
            places, numbers, rows = [], [], []
            for place, name in enumerate(self.pack.placements):
                if name not in starts:
                    continue
                number, channels = starts[name]
                self.pack.check_channels(info['take'], name, channels)
                places.append(place)
                numbers.append(number)
                rows.append(
                    [
                        channels[channel] + i
                        for channel in self.pack.imu_channels
                        for i in range(IMU_CHANNELS[channel])
                    ]
                )
            layout, limbs = about['layout'], None
            if layout is not None:
                limbs = np.array(limb_indices(layout, self.pack.limbs))
            whole = bool(arrays['near'].all())
            sensors = (places, numbers)
            self._rows[id(arrays)] = (sensors, np.array(rows), limbs, whole)
        return self._rows[id(arrays)]

    def _finish_imu(self, imu: np.ndarray, mask: np.ndarray) -> None:
        """Let quaternions begin with w >= 0 and zero sensors without data."""
        row = 0
        for channel in self.pack.imu_channels:
            if channel == 'quat':
                quat = imu[:, :, row : row + 4]
                np.negative(quat, out=quat, where=quat[:, :, :1, :1] < 0)
            row += IMU_CHANNELS[channel]
        imu[~mask] = 0

    def _sample(self, info: dict) -> MoBindDataSample:
        meta = {key: info[key] for key in self.pack.meta_keys if key in info}
        meta.update(
            imu_rate=self.imu.rate,
            pose_rate=self.pose.rate,
            placements=self.pack.placements,
        )
        return MoBindDataSample.plain(meta)
