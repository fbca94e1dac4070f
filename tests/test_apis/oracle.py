"""A model that knows, and people whose sensors measure what is seen.

The x coordinate of a limb's last keypoint follows a smooth random path, and
so does the first axis of the sensor there. The tokens of the oracle are that
path, piece by piece, so what belongs together is alike.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from mmengine.model import BaseModel

from mobind_mm.models.streaming import cut_stream, stream_starts
from mobind_mm.recordings import Clock, PoseStream, Recording, SensorStream
from mobind_mm.registry import MODELS
from mobind_mm.skeleton import get_layout, get_limb

REPO = Path(__file__).parents[2]
LIMBS = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')
PATCH = 5


@MODELS.register_module()
class OracleModel(BaseModel):
    """Windows of 5 s at 25 Hz; tokens of 0.2 s."""

    stream_stride_sec = 0.2

    def __init__(self):
        super().__init__(dict(type='mobind_mm.MoBindDataPreprocessor'))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        length = inputs['imu'].shape[-1]
        starts = stream_starts(length / 25, 5.0, 0.2)
        windows = {
            name: stream.repeat_interleave(len(starts), 0)
            if name == 'imu_mask'
            else cut_stream(stream, starts, 25.0, 125)
            for name, stream in inputs.items()
        }
        feats = self.encode(windows)
        for i, sample in enumerate(data_samples):
            rows = slice(i * len(starts), (i + 1) * len(starts))
            if len(starts) == 1:
                rows = i
            for name, value in feats.items():
                setattr(sample, name, value[rows])
            if len(starts) > 1:
                sample.window_starts = starts
        return data_samples

    def extract_stream(self, inputs):
        raise AssertionError('only its presence counts')

    def encode(self, inputs):
        streams = {
            'imu': inputs['imu'][:, :, 0],
            'pose': inputs['pose'][:, :, 2],
        }
        feats = {
            'imu_mask': inputs['imu_mask'],
            'pose_mask': inputs['pose_mask'].any(dim=2),
        }
        for name, x in streams.items():
            x = x - x.mean(dim=2, keepdim=True)
            x = x / x.std(dim=2, keepdim=True).clamp(min=1e-6)
            x = x * feats[f'{name}_mask'][..., None]
            feats[f'{name}_tokens'] = x.unflatten(2, (-1, PATCH))
            feats[f'{name}_embedding'] = x.flatten(1)
        mask = inputs['pose_mask'].unflatten(2, (-1, PATCH)).all(dim=3)
        return {**feats, 'pose_token_mask': mask}


class Paths:
    """Smooth random functions of time, one for each name."""

    def __init__(self, seed, names):
        rng = np.random.default_rng(seed)
        shape = (len(names), 20)
        self.names = list(names)
        self.freq = 2 * np.pi * rng.uniform(0.2, 2.0, shape)
        self.phase = rng.uniform(0, 2 * np.pi, shape)

    def __call__(self, name, times):
        row = self.names.index(name)
        angle = np.asarray(times)[:, None] * self.freq[row] + self.phase[row]
        return np.sin(angle).mean(axis=1)


@lru_cache
def wearer(seed, seconds=30.0, offset=0.0, imu_rate=100.0, pose_rate=29.97):
    """A person; sensor time = video time + offset."""
    paths = Paths(seed, LIMBS)
    times = np.arange(round((seconds + 4) * imu_rate)) / imu_rate - 2
    imu = {}
    for name in LIMBS:
        acc = np.zeros((len(times), 3), np.float32)
        acc[:, 0], acc[:, 2] = paths(name, times), 9.81
        clock = Clock(len(times), rate=imu_rate, start=offset - 2)
        gyro = np.zeros_like(acc)
        imu[name] = SensorStream(clock, {'acc': acc, 'gyro': gyro})
    times = np.arange(round(seconds * pose_rate)) / pose_rate
    names = get_layout('coco')
    keypoints = np.zeros((len(times), len(names), 2), np.float32)
    keypoints[:] = 500
    for name in ('left_hip', 'right_hip'):
        keypoints[:, names.index(name), 1] += 200
    for limb in map(get_limb, LIMBS):
        index = names.index(limb.keypoints[-1])
        keypoints[:, index, 0] += 100 * paths(limb.name, times)
    pose = PoseStream(
        Clock(len(times), rate=pose_rate),
        keypoints,
        np.ones(keypoints.shape[:2], np.float32),
        'coco',
        (1080, 1920),
    )
    return Recording(imu, pose)


def config():
    """The oracle with the data pipeline of the embedded default."""
    from mmengine.config import Config

    cfg = Config.fromfile(REPO / 'configs/mobind/synthetic.py')
    cfg.model = dict(type='OracleModel')
    return cfg


torch.set_num_threads(1)
