"""Example files of simulated people, in formats that users bring."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...readers.files import write_imu_table
from ...recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)
from ...utils.files import write_whole
from .dataset import SyntheticMotionDataset

MAPPING = """\
# The columns of imu.csv.
sensor:
  units: {time: s, acc: g, gyro: deg/s}
  gravity: included
  frame: sensor
imu:
"""
SENSORS = ('right_wrist', 'left_knee')


def write_example(
    directory: str | Path,
    offset: float = 3.217,
    seconds: float = 30.0,
    people: int = 1,
    fps: float = 29.97,
    seed: int = 0,
    still: bool = False,
    video: bool = False,
) -> list[Path]:
    """Write the sensor data and skeletons of one video.

    ``imu.csv`` holds two sensors of the first person at 100 Hz, in g and
    degrees per second; ``imu.yml`` is its mapping. ``pose.json`` holds what
    MMPose predicts for everybody in the video.

    Args:
        directory: Directory to write to.
        offset: Sensor time = video time + offset, in seconds.
        seconds: Length of the recording.
        people: Number of people in the video; the first wears the sensors.
        fps: Frames per second of the video.
        seed: Another seed gives other people and movements.
        still: Whether everybody stands still.
        video: Write ``take.mp4``, which shows the first person, instead of
            the skeletons.

    Returns:
        Paths of the files.
    """
    directory = Path(directory)
    source = SyntheticMotionDataset(
        split='test',
        num_subjects=people,
        takes_per_subject=1,
        take_sec=seconds,
        people=(people, people),
        pose_rate=fps,
        motion_kind='still' if still else 'acted',
        seed=seed,
        lazy_init=True,
    )
    takes = [source.get_recording(e) for e in source.load_entries()]
    poses = [take.pose for take in takes if take.pose is not None]
    streams = {name: takes[0].imu[name] for name in SENSORS}
    files = [directory / name for name in ('imu.csv', 'imu.yml', 'pose.json')]
    times = next(iter(streams.values())).clock.at()
    times = times - poses[0].clock.start + offset
    write_imu_table(
        files[0], {k: _device(v) for k, v in streams.items()}, times
    )
    text = MAPPING + ''.join(
        f'  {name}: {{columns: {{time: time, '
        f'acc: [{_columns(name, "acc")}], gyro: [{_columns(name, "gyro")}]}}'
        '}\n'
        for name in streams
    )
    write_whole(files[1], text)
    if video:
        from .render import render_video

        files[2] = directory / 'take.mp4'
        take = source.load_entries()[0]['take']
        render_video(
            files[2],
            source.get_motion(take),
            source.get_camera(take),
            poses[0].clock.at(),
            seed=seed,
        )
        return files
    write_whole(files[2], json.dumps(mmpose_frames(poses)))
    return files


def write_labelled(
    directory: str | Path,
    num_subjects: int = 8,
    take_sec: float = 30.0,
    seed: int = 0,
) -> Path:
    """Write a small dataset with labels, for nearest neighbours.

    Args:
        directory: Dataset directory.
        num_subjects: Number of people, with two takes each.
        take_sec: Length of a take in seconds.
        seed: Of the people and what they do.
    """
    directory = Path(directory)
    source = SyntheticMotionDataset(
        split='train',
        num_subjects=num_subjects,
        takes_per_subject=2,
        take_sec=take_sec,
        seed=seed,
        lazy_init=True,
    )
    entries = []
    for entry in source.load_entries():
        recording: Recording = source.get_recording(entry)
        files = {
            kind: f'{kind}/{entry["take"]}.safetensors'
            for kind in ('imu', 'pose')
        }
        write_imu(directory / files['imu'], recording.imu)
        assert recording.pose is not None  # simulated with one
        write_pose(directory / files['pose'], recording.pose)
        entries.append({**entry, **files})
    path = directory / 'annotations/train.json'
    write_annotations(path, dict(source.metainfo), entries)
    return directory


def _device(stream: SensorStream) -> SensorStream:
    """Convert a sensor to the units that many devices write."""
    acc, gyro = stream.channels['acc'], stream.channels['gyro']
    channels = {'acc': acc / STANDARD_GRAVITY, 'gyro': np.rad2deg(gyro)}
    return replace(stream, channels=channels)


def _columns(sensor: str, channel: str) -> str:
    return ', '.join(f'{sensor}_{channel}_{axis}' for axis in 'xyz')


def filmed(
    pose: PoseStream | None, start: float, end: float
) -> tuple[PoseStream, float]:
    """A skeleton as a video from ``start`` to ``end`` shows it.

    Its first frame is at 0; also returns the time of that in the clock of
    ``pose``.
    """
    assert pose is not None  # simulated with one
    part = pose.clock.between(start, end)
    clock = Clock(part.stop - part.start, rate=pose.clock.mean_rate)
    return replace(pose.cut(part), clock=clock), float(pose.clock.at(part)[0])


def write_mmpose(path: Path, people: Sequence[PoseStream]) -> None:
    """Write skeletons as MMPose predicts them."""
    write_whole(path, json.dumps({'instance_info': mmpose_frames(people)}))


def mmpose_frames(people: Sequence[PoseStream]) -> list[dict]:
    """Frames as MMPose's inferencer writes them, counted from 0.

    Args:
        people: Skeletons of everybody in the video, with the same frames. A
            person without keypoints in a frame is left out there.
    """
    frames = []
    for frame in range(len(people[0].scores)):
        instances = [
            _instance(
                np.asarray(pose.keypoints[frame], dtype=np.float64),
                np.asarray(pose.scores[frame], dtype=np.float64),
            )
            for pose in people
            if (pose.scores[frame] > 0).any()
        ]
        frames.append({'frame_id': frame, 'instances': instances})
    return frames


def _instance(keypoints: np.ndarray, scores: np.ndarray) -> dict:
    seen = keypoints[scores > 0]
    box = np.concatenate([seen.min(axis=0), seen.max(axis=0)])
    return {
        'keypoints': keypoints.round(2).tolist(),
        'keypoint_scores': scores.round(4).tolist(),
        'bbox': [box.round(2).tolist()],
        'bbox_score': 0.9,
    }
