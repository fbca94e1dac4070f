"""Recordings that a model has not been trained on, by data set."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mobind_mm.datasets.motion_capture import (
    MotionCaptureDataset,
    look_at,
    simulate_pose,
)
from mobind_mm.datasets.motion_capture.filming import _TORSO as TORSO
from mobind_mm.datasets.motion_capture.filming import PoseErrors
from mobind_mm.datasets.synthetic import Camera
from mobind_mm.readers.utd_mhad import UTDMHADReader
from mobind_mm.recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from mobind_mm.skeleton import get_layout

Takes = dict[str, tuple[dict, Recording]]
"""Name to entry and recording, as ``RecordingWindows`` takes them."""

CHANNELS: Mapping[str, tuple[str, ...]] = {
    'acc': ('acc',),
    'acc + quat': ('acc', 'quat'),
    'acc + gyro': ('acc', 'gyro'),
    'acc + gyro + quat': ('acc', 'gyro', 'quat'),
}
_H36M = {
    'root': 'pelvis',
    'spine': 'spine',
    'thorax': 'neck',
    'neck_base': 'neck',
    'head': 'head',
    'right_foot': 'right_ankle',
    'left_foot': 'left_ankle',
}


_ENTRY = ('subject', 'start_s', 'end_s', 'segments')


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors of length 1, or 0."""
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.maximum(size, 1e-9)


def utd_mhad(folder: Path, subjects: tuple[str, ...]) -> Takes:
    """Takes of some subjects of a copy of UTD-MHAD."""
    reader = UTDMHADReader(folder)
    takes: Takes = {}
    for take in reader.find():
        if take.subject in subjects:
            recording = reader.read_take(take)
            entry = dict(subject=take.subject, action=take.label)
            takes[take.name] = (entry, recording)
    return takes


def motion_capture(
    sources: list[str], seed: int, most: int | None = None, split: str = 'test'
) -> tuple[MotionCaptureDataset, Takes]:
    """People who never train, with simulated sensors and cameras.

    Clips of any licence: nothing is learned from them.
    """
    dataset = MotionCaptureDataset(
        sources,
        split=split,
        licences=None,
        num_procedural=4,
        seed=seed,
        window_sec=5.0,
        stride_sec=5.0,
        lazy_init=True,
    )
    entries = dataset.load_entries()
    if most is not None and most < len(entries):  # of everybody some
        order = np.random.default_rng(seed).permutation(len(entries))
        entries = [entries[i] for i in sorted(order[:most])]
    return dataset, {
        entry['take']: (
            {k: entry[k] for k in _ENTRY},
            dataset.get_recording(entry),
        )
        for entry in entries
    }


def film_again(
    dataset: MotionCaptureDataset, takes: Takes, seed: int
) -> dict[str, Recording]:
    """The takes at 30 frames per second, with 3 cm of keypoint noise alone."""
    rng = np.random.default_rng(seed)
    errors = PoseErrors(
        white=0.03 / TORSO, by_score=1.0, drift=0.0, bias=0.0, outlier=0.0,
        drop=0.0, drop_person=0.0, swap=0.0, never=0.0, cut=0.0,
    )  # fmt: skip
    films = {}
    for name, (_, recording) in takes.items():
        body = dataset.get_body(name)
        camera = look_at(body.positions, rng)
        pose = simulate_pose(
            body.positions, camera, 30.0, rng,
            orientations=body.orientations, errors=errors,
        )  # fmt: skip
        films[name] = Recording(recording.imu, pose)
    return films


def sync_clips(
    films: Mapping[str, Recording], count: int, seed: int
) -> Iterator[tuple[str, Recording, float]]:
    """Clips of 10 s of one sensor: its limb, the clip and the true offset.

    Of ``count`` moments of the films in turn, all limbs that have a sensor.
    """
    rng, seconds = np.random.default_rng(seed), 10.0
    used = []
    for recording in films.values():
        start, end = common(recording)
        if end - start > seconds + 4.0:
            used.append(recording)
    for index in range(count):
        recording = used[index % len(used)]
        start, end = common(recording)
        room = end - start - seconds
        offset = float(rng.uniform(-1, 1)) * min(7.0, room)
        first = start + max(-offset, 0.0)
        first += float(rng.uniform(0, room - abs(offset)))
        assert recording.pose is not None
        pose = recording.pose.window(first + offset, seconds)
        for limb in ('left_wrist', 'head', 'left_knee'):
            if limb in recording.imu:
                sensor = recording.imu[limb].window(first, seconds)
                yield limb, Recording({limb: sensor}, pose), offset


GAIT_JOINTS = (
    'head_top', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist',
    'left_shoulder', 'left_elbow', 'left_wrist', 'right_hip', 'right_knee',
    'right_ankle', 'left_hip', 'left_knee', 'left_ankle', 'pelvis', 'spine',
    'head',
)  # fmt: skip
GaitPass = tuple[str, str, dict[str, SensorStream], Clock, np.ndarray]


def gait_passes(folder: Path) -> Iterator[GaitPass]:
    """Walker, pass, raw IMUs, clock of the video, and joints (T, 17, 3).

    An estimator gave the :data:`GAIT_JOINTS` in metres in the camera's frame.
    """
    with open(folder / 'passes.csv', encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    arrays: dict[str, np.lib.npyio.NpzFile] = {}
    for row in rows:
        person, name = row['person'], row['pass']
        if person not in arrays:
            path = folder / f'{person}.npz'
            arrays = {person: np.load(path, allow_pickle=False)}
        found = arrays[person]
        rate, start = (
            float(found[f'{name}/imu_{key}']) for key in ('rate', 'start_s')
        )
        imu = {}
        for placement in row['sensors'].split():
            part = f'{name}/{placement}'
            quat = found[f'{part}/quat_e4'].astype(np.float64)
            channels = {
                'acc': found[f'{part}/acc_mg'] * STANDARD_GRAVITY / 1000,
                'gyro': np.deg2rad(found[f'{part}/gyro_decideg'] / 10),
                'quat': quat / np.linalg.norm(quat, axis=1, keepdims=True),
            }
            imu[placement] = SensorStream(
                Clock(len(quat), rate=rate, start=start),
                {k: v.astype(np.float32) for k, v in channels.items()},
            )
        points = found[f'{name}/pose3d_mm'] / 1000
        rate, start = (
            float(found[f'{name}/pose_{key}']) for key in ('rate', 'start_s')
        )
        clock = Clock(len(points), rate=rate, start=start)
        yield person, name, imu, clock, points


def gait_video(folder: Path) -> Iterator[tuple[str, str, Recording]]:
    """Walker, pass, and its recording.

    The joints are projected with a focal length of 1500 pixels and moved in
    front of the camera.
    """
    order = [
        GAIT_JOINTS.index(_H36M.get(joint, joint))
        for joint in get_layout('h36m')
    ]
    camera = Camera(np.eye(3), np.zeros(3), 1500.0)
    for person, name, imu, clock, points in gait_passes(folder):
        ahead = max(0.0, 1.0 - float(points[..., 2].min()))
        pixels, _ = camera.project(points + np.array([0.0, 0.0, ahead]))
        keypoints = pixels[:, order].astype(np.float32)
        scores = np.ones(keypoints.shape[:2], np.float32)
        pose = PoseStream(clock, keypoints, scores, 'h36m', (1080, 1920))
        yield person, name, Recording(imu, pose)


def with_channels(takes: Takes, channels: tuple[str, ...]) -> Takes:
    """The same takes, of sensors that measure only these channels."""

    def only(stream: SensorStream) -> SensorStream:
        kept = {k: v for k, v in stream.channels.items() if k in channels}
        return SensorStream(stream.clock, kept, stream.gravity, stream.frame)

    return {
        name: (
            entry,
            Recording({k: only(v) for k, v in r.imu.items()}, r.pose),
        )
        for name, (entry, r) in takes.items()
    }


def common(recording: Recording) -> tuple[float, float]:
    """Span in seconds that sensors and skeleton share."""
    clocks = [stream.clock for stream in recording.imu.values()]
    if recording.pose is not None:
        clocks.append(recording.pose.clock)
    spans = [clock.span for clock in clocks]
    return max(s[0] for s in spans), min(s[1] for s in spans)
