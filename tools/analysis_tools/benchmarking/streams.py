"""Made-up recordings of any length, cheap to make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from benchmarking.models import LIMBS
from mobind_mm.recordings import (
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)


def random_recording(
    seconds: float,
    num_limbs: int = 4,
    imu_rate: float = 100.0,
    pose_rate: float = 30.0,
    seed: int = 0,
) -> Recording:
    """Smooth random motion; sensors know their orientation."""
    rng = np.random.default_rng(seed)

    def smooth(count: int, width: int) -> np.ndarray:
        noise = rng.standard_normal((count, width))
        return lfilter([0.1], [1, -0.9], noise, axis=0).astype(np.float32)

    frames = round(seconds * imu_rate)
    imu = {}
    for name in LIMBS[:num_limbs]:
        quat = smooth(frames, 4) + np.float32([3, 0, 0, 0])
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        acc = smooth(frames, 3) * 5 + np.float32([0, 0, 9.8])
        imu[name] = SensorStream(
            Clock(frames, rate=imu_rate), dict(acc=acc, quat=quat)
        )
    frames = round(seconds * pose_rate)
    points = 500 + 50 * smooth(frames, 34).reshape(frames, 17, 2)
    scores = np.full((frames, 17), 0.9, np.float32)
    clock = Clock(frames, rate=pose_rate)
    pose = PoseStream(clock, points, scores, 'coco', (1080, 1920))
    return Recording(imu, pose)


def write_data_set(root: Path, takes: int, seconds: float, limbs: int) -> None:
    """Write recordings and their annotations as our converters do."""
    entries = []
    for number in range(takes):
        take = f'take{number}'
        recording = random_recording(seconds, limbs, seed=number)
        files = dict(
            imu=f'imu/{take}.safetensors', pose=f'pose/{take}.safetensors'
        )
        write_imu(root / files['imu'], recording.imu)
        write_pose(root / files['pose'], recording.pose)
        entries.append(
            dict(take=take, subject='1', start_s=0.0, end_s=seconds, **files)
        )
    meta = dict(
        dataset_name='benchmark',
        classes=['none'],
        skeleton='coco',
        format_version=1,
    )
    write_annotations(root / 'annotations' / 'train.json', meta, entries)
