"""Write miniature mRI recordings in the raw formats, with known motion."""

import csv
import json
import pickle
from dataclasses import dataclass
from functools import cache

import numpy as np

from mobind_mm.datasets.synthetic import (
    Camera,
    IMUNoise,
    Simulator,
    sample_mountings,
    simulate_imu,
)
from mobind_mm.datasets.synthetic.scenes import Part
from mobind_mm.recordings import Clock

G = 9.80665
SENSORS = {
    1: 'right_wrist',
    2: 'left_wrist',
    3: 'head',
    4: 'right_knee',
    5: 'left_knee',
    6: 'pelvis',
}
ACTIONS = ('T pose', 'pose_3', 'free_form', 'walk', 'pose_10', 'T pose 2')
IMG_SHAPE = (1080, 1920)


@dataclass
class RawSubject:
    """What is known of one subject; all arrays have a row a frame.

    ``acc`` is in m/s^2, ``views`` holds the pixels of both cameras, and
    ``actions`` the first and the last frame of each action.
    """

    number: int
    acc: dict
    quat: dict
    views: dict
    actions: dict

    def __len__(self):
        return len(self.views['left'])


@cache
def make_subject(number=1, frames=60):
    """A synthetic person at 10 Hz, by perfect sensors and two cameras."""
    part = Part(7, 'raw', number, 0, 0, 0, 1)
    motion = Simulator(take_sec=frames / 10).motion(part)
    clock = Clock(frames, rate=10.0)
    mountings = sample_mountings(
        motion.body, part.rng('straps'), part.rng('mounting')
    )
    streams = simulate_imu(
        motion, clock, mountings, IMUNoise.scaled(0), part.rng('imu')
    )
    points = motion.kinematics(np.arange(frames) / 10).keypoints
    views = {
        name: Camera.look_at(
            np.array([5.5, side, 1.4]), np.array([0, 0, 1.0]), 1100.0
        ).project(points)[0]
        for name, side in (('left', -0.8), ('right', 0.9))
    }
    edges = np.linspace(0, frames, len(ACTIONS) + 1).astype(int)
    acc, quat = (
        {i: np.float64(streams[p].channels[name]) for i, p in SENSORS.items()}
        for name in ('acc', 'quat')
    )
    return RawSubject(
        number,
        acc,
        quat,
        views,
        {
            name: [int(first), int(stop) - 1]
            for name, first, stop in zip(ACTIONS, edges, edges[1:])
        },
    )


def imu_rows(acc, quat, unit=G):
    """Header and cells of ``IMU{i}.csv``, with columns nobody asked for."""
    header = ['Time', 'q0', 'axg', 'azg', 'ayg', 'wxdegs', 'q3', 'q2', 'q1']
    rows = [header]
    for i, ((x, y, z), (w, qx, qy, qz)) in enumerate(zip(acc / unit, quat)):
        cells = (i / 10, w, x, z, y, -1.5, qz, qy, qx)
        rows.append([f'{cell:.6f}' for cell in cells])
    return rows


def write_csv(path, rows, newline='\n', encoding='utf-8', delimiter=','):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', encoding=encoding, newline='') as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=newline)
        writer.writerows(rows)
    return path


def label_content(subject, frames=None, **changes):
    """Content of ``subject{N}_all_labels.cpl``: rows for ``frames`` only."""
    frames = np.arange(len(subject)) if frames is None else frames
    content = {
        'video_label': dict(subject.actions),
        'imu_avail_frames': list(map(int, frames)),
        'rgb_avail_frames': list(map(int, frames)),
        'pose_2d_l': subject.views['left'][frames],
        'pose_2d_r': subject.views['right'][frames],
        'refined_gt_kps': np.zeros((len(frames), 17, 3)),
        'camera_matrix': {'l': np.eye(3), 'note': 'not used'},
    }
    content.update(changes)
    return {k: v for k, v in content.items() if v is not None}


def write_labels(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def predictions(keypoints, first=0, empty=(), nested=True, bystander=False):
    """A list of frames as MMPose writes it; instances have no identity."""
    frames = []
    for i, pixels in enumerate(keypoints):
        people = [] if i in empty else [pixels]
        if bystander and i % 2 == 0:  # first in its frame, seen for less time
            people.insert(0, pixels + np.array([400, 20]))
        instances = []
        for points in people:
            box = [*points.min(0).tolist(), *points.max(0).tolist()]
            instances.append(
                {
                    'keypoints': points.tolist(),
                    'keypoint_scores': [0.9] * len(points),
                    'bbox': [box] if nested else box,
                    'bbox_score': 0.99,
                }
            )
        frames.append({'frame_id': i + first, 'instances': instances})
    return frames


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_subject(root, subject, frames=None, **changes):
    """Write everything about a subject as it is in the data set.

    Args:
        root: Directory to write ``aligned_data`` in.
        subject: What is known.
        frames: Frames that exist; the others have no row anywhere.
        changes: Of the labels.
    """
    frames = np.arange(len(subject)) if frames is None else frames
    aligned = root / 'aligned_data'
    name = f'subject{subject.number}'
    for i in SENSORS:
        rows = imu_rows(subject.acc[i][frames], subject.quat[i][frames])
        write_csv(aligned / f'imu/{name}/IMU{i}.csv', rows)
    content = label_content(subject, frames, **changes)
    write_labels(aligned / f'pose_labels/{name}_all_labels.cpl', content)
    detected = predictions(subject.views['left'][frames])
    write_json(root / f'predictions/{name}_results_det.json', detected)
    return root
