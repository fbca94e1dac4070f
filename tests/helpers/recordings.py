"""Recordings with closed forms, and of simulated people."""

import numpy as np
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import SyntheticMotionDataset
from mobind_mm.recordings import (
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)

OMEGA = 3.0  # rad/s
AXIS = np.array([0.36, 0.48, 0.8])


def simulated(split, take_sec, **options):
    """Recordings of simulated people by take, of one by default."""
    defaults = {
        'num_subjects': 1,
        'takes_per_subject': 1,
        'people': (1, 1),
        'lazy_init': True,
    }
    source = SyntheticMotionDataset(
        split, take_sec=take_sec, **{**defaults, **options}
    )
    return {e['take']: source.get_recording(e) for e in source.load_entries()}


def rotation(quat):
    """SciPy's rotation of scalar-first quaternions."""
    return Rotation.from_quat(np.roll(quat, -1, axis=-1))


def quat_of(rotation):
    """Scalar-first quaternions of SciPy's rotation."""
    return np.roll(rotation.as_quat(), 1, axis=-1)


def quat_at(times, omega=OMEGA):
    """Rotation about AXIS at a constant rate, w >= 0 at time 0."""
    half = 0.5 * omega * np.asarray(times)[:, None]
    return np.concatenate([np.cos(half), np.sin(half) * AXIS], axis=1)


def acc_at(times, hz=2.0):
    """Three sines of one frequency and different phases."""
    phase = np.array([0.0, 0.7, 1.9])
    return np.sin(2 * np.pi * hz * np.asarray(times)[:, None] + phase)


def keypoints_at(times, num=17):
    """Keypoints that oscillate around different places, (T, K, 2)."""
    times = np.asarray(times)[:, None, None]
    place = np.arange(num * 2).reshape(num, 2) * 7.0 + 50
    return place + 20 * np.sin(2 * np.pi * 0.8 * times + place)


def make_clock(times, regular=True):
    """A clock of these times."""
    if regular:
        rate = 1 / (times[1] - times[0])
        return Clock(len(times), rate=float(rate), start=float(times[0]))
    return Clock(len(times), times=np.asarray(times, dtype=np.float64))


def make_sensor(times, regular=True, **channels):
    """A sensor that turns and shakes as the closed forms say."""
    channels = channels or dict(
        acc=acc_at(times),
        gyro=np.tile(OMEGA * AXIS, (len(times), 1)),
        quat=quat_at(times),
    )
    channels = {k: np.asarray(v, np.float32) for k, v in channels.items()}
    return SensorStream(make_clock(times, regular), channels)


def make_pose(times, regular=True, scores=None, layout='coco'):
    """A skeleton that moves as the closed form says."""
    if scores is None:
        scores = np.full((len(times), 17), 0.9)
    return PoseStream(
        clock=make_clock(times, regular),
        keypoints=keypoints_at(times).astype(np.float32),
        scores=np.asarray(scores, np.float32),
        layout=layout,
        img_shape=(480, 640),
    )


def make_recording(
    seconds=10.0, imu_rate=100.0, pose_rate=30.0, placements=('left_wrist',)
):
    """IMUs and a skeleton on one clock that starts at 0."""
    imu_times = np.arange(round(seconds * imu_rate)) / imu_rate
    pose_times = np.arange(round(seconds * pose_rate)) / pose_rate
    return Recording(
        imu={name: make_sensor(imu_times) for name in placements},
        pose=make_pose(pose_times),
    )


def make_results(recording=None, start=2.0, seconds=4.0, **changes):
    """What IMUPoseDataset hands to a pipeline."""
    results = dict(
        sample_idx=0,
        take='take_1',
        subject='1',
        scene='scene_1',
        camera=None,
        role='query',
        action=0,
        segments=[dict(start_s=0.0, end_s=10.0, label=0)],
        entry_start=0.0,
        entry_end=10.0,
        window_start=start,
        window_sec=seconds,
        min_label_overlap=0.5,
        recording=recording or make_recording(),
    )
    results.update(changes)
    return results


def make_entry(take, seconds=10.0, segments=(), **changes):
    """An annotation entry of a recording written by write_dataset."""
    entry = dict(
        take=take,
        imu=f'imu/{take}.safetensors',
        pose=f'pose/{take}.safetensors',
        subject='1',
        scene=take,
        camera=None,
        start_s=0.0,
        end_s=seconds,
        segments=list(segments),
    )
    entry.update(changes)
    return entry


def write_dataset(root, entries, recordings=None):
    """Write a dataset directory; recordings by take."""
    for entry in entries:
        recording = (recordings or {}).get(entry['take'])
        recording = recording or make_recording(entry['end_s'])
        write_imu(root / entry['imu'], recording.imu)
        write_pose(root / entry['pose'], recording.pose)
    write_annotations(
        root / 'annotations/train.json',
        dict(
            dataset_name='made',
            classes=['wave', 'jump'],
            skeleton='coco',
            format_version=1,
        ),
        entries,
    )
    return root
