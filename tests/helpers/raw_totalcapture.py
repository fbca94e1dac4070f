"""Writes TotalCapture's raw files of a synthetic person.

The synthetic world has Z up. Vicon's has Y up: ``TO_VICON`` maps one to the
other. The inertial world has Z up too, and is turned by ``YAW``.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mobind_mm.datasets.synthetic.body import SEGMENTS, Kinematics
from mobind_mm.datasets.synthetic.camera import Camera
from mobind_mm.datasets.synthetic.imu import IMUNoise, Mounting, simulate_imu
from mobind_mm.datasets.synthetic.motion import perform
from mobind_mm.datasets.synthetic.noise import derive_rng
from mobind_mm.datasets.synthetic.subject import Subject
from mobind_mm.readers import convert
from mobind_mm.readers.totalcapture import TotalCaptureReader
from mobind_mm.recordings import Clock, SensorStream
from mobind_mm.skeleton import get_layout

INCH = 0.0254
TO_VICON = Rotation.from_euler('x', -90, degrees=True)
YAW = Rotation.from_euler('z', 40, degrees=True)
HEAD_BONE = Rotation.from_euler('xyz', [20, -35, 110], degrees=True)
"""How Vicon's head bone lies in the synthetic head: an arbitrary choice."""

SENSORS = {
    'Head': 'head',
    'Sternum': 'thorax',
    'Pelvis': 'pelvis',
    'L_UpArm': 'left_upper_arm',
    'R_UpArm': 'right_upper_arm',
    'L_LowArm': 'left_forearm',
    'R_LowArm': 'right_forearm',
    'L_UpLeg': 'left_thigh',
    'R_UpLeg': 'right_thigh',
    'L_LowLeg': 'left_shank',
    'R_LowLeg': 'right_shank',
    'L_Foot': 'left_shank',
    'R_Foot': 'right_shank',
}
"""Segment of the synthetic body that carries each sensor."""

ACTIONS = {
    'acting': ('reach', 'wave', 'sit_to_stand'),
    'freestyle': ('box', 'kick', 'throw', 'jumping_jack'),
    'rom': ('squat', 'stir', 'turn_around'),
    'walking': ('walk', 'turn_around'),
}

JOINTS = {
    'Hips': 'pelvis',
    'Spine': 0.2,
    'Spine1': 0.4,
    'Spine2': 0.6,
    'Spine3': 0.8,
    'Neck': 'thorax',
    'Head': 'head',
    'RightShoulder': 'thorax',
    'RightArm': 'right_shoulder',
    'RightForeArm': 'right_elbow',
    'RightHand': 'right_wrist',
    'LeftShoulder': 'thorax',
    'LeftArm': 'left_shoulder',
    'LeftForeArm': 'left_elbow',
    'LeftHand': 'left_wrist',
    'RightUpLeg': 'right_hip',
    'RightLeg': 'right_knee',
    'RightFoot': 'right_ankle',
    'LeftUpLeg': 'left_hip',
    'LeftLeg': 'left_knee',
    'LeftFoot': 'left_ankle',
}
"""COCO keypoint or segment of each joint, or how far up the spine it is."""


class RawCamera(NamedTuple):
    """A camera in Vicon's world; pixels and metres."""

    rotation: np.ndarray
    translation: np.ndarray
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float


@dataclass(frozen=True)
class RawTake:
    """What is known of a take before it is written."""

    subject: int
    take: str
    times: np.ndarray
    kinematics: Kinematics
    mountings: dict[str, Mounting]
    sensors: dict[str, SensorStream]

    @property
    def name(self):
        return f's{self.subject}_{self.take}'

    def keypoint(self, name):
        """(T, 3) metres in Vicon's world."""
        index = get_layout('coco').index(name)
        return TO_VICON.apply(self.kinematics.keypoints[:, index])

    def rotation(self, segment):
        """Segment to the synthetic world."""
        index = SEGMENTS.index(segment)
        return Rotation.from_matrix(self.kinematics.rotations[:, index])

    def joint(self, name):
        """(T, 3) metres in Vicon's world."""
        place = JOINTS[name]
        if isinstance(place, float):
            return (1 - place) * self.joint('Hips') + place * self.joint(
                'Neck'
            )
        if place in SEGMENTS:
            origins = self.kinematics.origins[:, SEGMENTS.index(place)]
            return TO_VICON.apply(origins)
        return self.keypoint(place)

    def head(self):
        """Vicon's head bone to Vicon's world."""
        return TO_VICON * self.rotation('head') * HEAD_BONE


def make_take(subject=1, take='acting1', seconds=4.0, tail=0, path=None):
    """Act a take.

    ``tail`` frames are more than ``seconds`` at 60 Hz; ``path`` is a place
    on the floor in metres, where the person acts.
    """
    rng = derive_rng(0, 'totalcapture', subject, take)
    person = Subject.sample(0, 'raw', subject)
    actions = ACTIONS[take.rstrip('0123456789')]
    edges = np.linspace(0, seconds + 1, max(int(seconds / 5), 1) + 1)
    segments = [
        (start, end, actions[i % len(actions)])
        for i, (start, end) in enumerate(zip(edges, edges[1:]))
    ]
    motion = perform(
        person, segments, rng, path or (0.0, 0.0), rng.uniform(-3, 3)
    )
    mountings = {
        name: Mounting(
            SEGMENTS.index(segment),
            np.array([0.02, 0.03, -0.1 if 'Foot' not in name else -0.4]),
            Rotation.random(random_state=i).as_matrix(),
        )
        for i, (name, segment) in enumerate(SENSORS.items())
    }
    clock = Clock(round(seconds * 60) + tail, rate=60.0)
    times = clock.at(slice(0, clock.num_samples))
    sensors = simulate_imu(motion, clock, mountings, IMUNoise.scaled(0), rng)
    kinematics = motion.kinematics(times)
    return RawTake(subject, take, times, kinematics, mountings, sensors)


def repeat(raw, times):
    """The same motion over and over, for long takes."""

    def tile(array):
        return np.concatenate([np.asarray(array)] * times)

    count = len(raw.times) * times
    sensors = {
        name: SensorStream(
            Clock(count, rate=60.0),
            {key: tile(array) for key, array in stream.channels.items()},
        )
        for name, stream in raw.sensors.items()
    }
    kinematics = Kinematics(*map(tile, raw.kinematics))
    clock = np.arange(count) / 60
    return replace(raw, times=clock, kinematics=kinematics, sensors=sensors)


def make_camera(azimuth=0.0, distance=5.0, k1=-0.18, height=1.6):
    """A camera that looks at the middle of the floor from an azimuth."""
    eye = [distance * np.cos(azimuth), distance * np.sin(azimuth), height]
    ideal = Camera.look_at(np.array(eye), np.array([0.0, 0.0, 0.9]), 1700.0)
    rotation = ideal.rotation @ TO_VICON.inv().as_matrix()
    return RawCamera(
        rotation, ideal.translation, 1700.0, 1695.5, 955.25, 541.5, k1
    )


def make_cameras(count=8, **kwargs):
    return [make_camera(2 * np.pi * i / count, **kwargs) for i in range(count)]


PUBLISHED = {
    'sensors': 'imu/s{s}/{t}/s{s}_{t}_Xsens.sensors',
    'auxfields': 'imu/gyro_mag/s{s}_{t}_Xsens_AuxFields.sensors',
    'ref': 'imu/s{s}/{t}/s{s}_{t}_calib_imu_ref.txt',
    'bone': 'imu/s{s}/{t}/s{s}_{t}_calib_imu_bone.txt',
    'positions': 'vicon/S{s}/{t}/gt_skel_gbl_pos.txt',
    'orientations': 'vicon/S{s}/{t}/gt_skel_gbl_ori.txt',
}
"""A layout: path of each file by subject and take."""


def write_take(root, raw, layout=PUBLISHED, kinds=tuple(PUBLISHED), **style):
    """Write files of a take; ``style`` goes to :func:`text`.

    Returns:
        Paths by kind.
    """
    quats = {n: s.channels['quat'] for n, s in raw.sensors.items()}
    rows = {
        name: np.concatenate(
            [to_inertial(quats[name]), stream.channels['acc']], axis=1
        )
        for name, stream in raw.sensors.items()
    }
    aux = {
        name: np.concatenate(
            [rows[name], stream.channels['gyro'], magnetic(quats[name])],
            axis=1,
        )
        for name, stream in raw.sensors.items()
    }
    identity = Rotation.identity(len(raw.times)).as_quat()
    content = {
        'sensors': lambda: sensor_lines(rows),
        'auxfields': lambda: sensor_lines(aux),
        'ref': lambda: calibration_lines(
            {name: TO_VICON * YAW.inv() for name in SENSORS}
        ),
        'bone': lambda: calibration_lines(
            {
                name: Rotation.from_matrix(mounting.rotation)
                for name, mounting in raw.mountings.items()
            }
        ),
        'positions': lambda: joint_lines(
            [raw.joint(name) / INCH for name in JOINTS]
        ),
        'orientations': lambda: joint_lines(
            [
                raw.head().as_quat() if name == 'Head' else identity
                for name in JOINTS
            ]
        ),
    }
    paths = {}
    for kind in kinds:
        name = layout[kind].format(s=raw.subject, t=raw.take)
        paths[kind] = Path(root, name)
        paths[kind].parent.mkdir(parents=True, exist_ok=True)
        paths[kind].write_bytes(text(content[kind](), **style))
    return paths


def to_inertial(quat):
    """Sensor to synthetic world, as sensor to inertial, (w, x, y, z)."""
    turn = YAW * Rotation.from_quat(np.roll(quat, -1, axis=1))
    return np.roll(turn.as_quat(), 1, axis=1)


def magnetic(quat):
    """A field of norm 1, 60 degrees below north, in the sensor's frame."""
    turn = Rotation.from_quat(np.roll(quat, -1, axis=1))
    return turn.inv().apply([0.5, 0.0, -np.sqrt(0.75)])


def text(lines, newline='\n', blank='', end='\n'):
    """Join lines; ``blank`` stands at the end of each, ``end`` of all."""
    return newline.join(line + blank for line in lines).encode() + end.encode()


def numbers(values, separator=' '):
    return separator.join(f'{value:.6f}' for value in values)


def sensor_lines(rows, first=1):
    count = len(next(iter(rows.values())))
    lines = [f'{len(rows)} {count}']
    for i in range(count):
        lines.append(str(first + i))
        lines += [f'{n} {numbers(v[i].tolist())}' for n, v in rows.items()]
    return lines


def calibration_lines(rotations):
    lines = [str(len(rotations))]
    for name, rotation in rotations.items():
        lines.append(f'{name} {numbers(rotation.as_quat())}')
    return lines


def joint_lines(joints):
    """Tab-separated, with a tab at the end of every line."""
    lines = ['\t'.join(JOINTS) + '\t']
    for frame in np.stack(joints, axis=1).tolist():
        lines.append('\t'.join(numbers(point) for point in frame) + '\t')
    return lines


def camera_lines(cameras, order=1, size=(1080, 1920)):
    lines = [f'{len(cameras)} {order}']
    for camera in cameras:
        lines.append(f'0 {size[0] - 1} 0 {size[1] - 1}')
        lines.append(numbers([camera.fx, camera.fy, camera.cx, camera.cy]))
        if order:
            lines.append(numbers([camera.k1] * order))
        lines += [repr_numbers(row) for row in camera.rotation]
        lines.append(repr_numbers(camera.translation))
    return lines


def repr_numbers(values):
    return ' '.join(map(repr, np.asarray(values).tolist()))


def write_cameras(path, cameras, order=1, **style):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text(camera_lines(cameras, order), **style))
    return path


def write_dataset(root, takes, cameras=None, **kwargs):
    """Write takes and ``calibration.cal``; return the files of each."""
    write_cameras(Path(root, 'calibration.cal'), cameras or make_cameras())
    return [write_take(root, raw, **kwargs) for raw in takes]


def reference(camera, points):
    """OpenCV's projection (T, 2) and the depth (T,) of points (T, 3)."""
    matrix = np.array(
        [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    )
    turn, _ = cv2.Rodrigues(camera.rotation)
    distortion = np.array([camera.k1, 0, 0, 0, 0])
    pixels, _ = cv2.projectPoints(
        points, turn, camera.translation, matrix, distortion
    )
    depth = points @ camera.rotation[2] + camera.translation[2]
    return pixels[:, 0], depth


def convert_takes(src, dst, **options):
    """Convert a copy; return the number of entries by split."""
    return convert(TotalCaptureReader(src, **options), dst).entries
