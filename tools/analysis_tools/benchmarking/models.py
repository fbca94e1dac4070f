"""What is measured: models, and made-up recordings of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from scipy.signal import lfilter
from torch import nn

from benchmarking.reference_model import ReferenceModel
from mobind_mm.apis.official import official_model_cfg, rename_key
from mobind_mm.recordings import (
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)
from mobind_mm.registry import MODELS
from mobind_mm.skeleton import LIMBS as ALL_LIMBS

_ROOT = Path(__file__).resolve().parents[3]
IMU_RATE, POSE_RATE = 50, 10
LIMBS = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')


def published_pair(
    num_limbs: int, window_sec: float, device: str
) -> tuple[ReferenceModel, nn.Module]:
    """The published model, and the package's with the same weights."""
    torch.manual_seed(0)
    tokens = round(window_sec / 0.2)
    reference = ReferenceModel(num_limbs, num_tokens=tokens)
    state = reference.state_dict()
    model = MODELS.build(official_model_cfg(state, {'multi_weight': 0.1}))
    renamed = {rename_key(key): value for key, value in state.items()}
    renamed.pop(None)
    model.load_state_dict(renamed)
    return reference.to(device), model.to(device)


def efficient(num_limbs: int, window_sec: float, device: str) -> nn.Module:
    """The encoder of ``configs/_base_/models/mobind_small.py``.

    For the streams of the published model: 7 and 6 channels, 50 and 10 Hz.
    """
    torch.manual_seed(0)
    cfg = Config.fromfile(
        _ROOT / 'configs/_base_/models/mobind_small.py'
    ).model
    cfg.imu_tokenizer.channels = ('acc', 'quat')
    cfg.imu_tokenizer.features = dict(acc=0.1, quat=1.0, acc_norm=0.2)
    cfg.update(imu_rate=IMU_RATE, pose_rate=POSE_RATE, window_sec=window_sec)
    return MODELS.build(dict(cfg, limbs=[*ALL_LIMBS][:num_limbs])).to(device)


def random_inputs(
    batch: int, num_limbs: int, seconds: float, device: str
) -> dict[str, torch.Tensor]:
    """Streams (B, S, C, T) of both modalities."""
    gen = torch.Generator().manual_seed(0)
    sizes = {'imu': (7, IMU_RATE), 'pose': (6, POSE_RATE)}
    return {
        name: torch.randn(
            (batch, num_limbs, width, round(seconds * rate)), generator=gen
        ).to(device)
        for name, (width, rate) in sizes.items()
    }


def random_recording(
    seconds: float, num_limbs: int = 4, seed: int = 0
) -> Recording:
    """Smooth random motion at 100 and 30 Hz; sensors know how they turn."""
    imu_rate, pose_rate = 100.0, 30.0
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
    """Write recordings and annotations as the converters do."""
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
