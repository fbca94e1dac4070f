"""Recordings on one clock, simulated and real, to be spoiled by a trial.

Real data are looked for in a folder of the user; what is not there is left
out. Subjects with even numbers are for fitting, those with odd ones for
checking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from benchmarking.zero_shot_data import GAIT_JOINTS, gait_passes
from mobind_mm.datasets.motion_capture.dataset import HELD_OUT
from mobind_mm.datasets.synthetic import SyntheticMotionDataset
from mobind_mm.readers.motions import read_motions
from mobind_mm.readers.motions.body import JOINTS, SEGMENTS, BodyMotion
from mobind_mm.recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from mobind_mm.skeleton import get_layout

IMU_RATE = 100.0
_NO_TRAINING = [
    name for names in HELD_OUT['ui_prmd'].values() for name in names
]
_SHAPE = (1080, 1920)
_FADE = 23
"""Samples between takes, while the skeleton is unseen."""
_UNEVEN = 1.0
"""Spread of the logarithm of the errors of keypoints of walking people."""
_LEGS = {
    'left_thigh': ('l_thigh', 'l_hip', 'l_knee', 0.6),
    'right_thigh': ('r_thigh', 'r_hip', 'r_knee', 0.6),
    'left_shank': ('l_shank', 'l_knee', 'l_ankle', 0.5),
    'right_shank': ('r_shank', 'r_knee', 'r_ankle', 0.5),
    'left_foot': ('l_foot', 'l_ankle', 'l_toe', 0.4),
    'right_foot': ('r_foot', 'r_ankle', 'r_toe', 0.4),
    'pelvis': ('pelvis', 'l_hip', 'r_hip', 0.5),
}
_BONES = {
    'left_wrist': ('l_forearm', 'l_elbow', 'l_wrist', 0.88),
    'right_wrist': ('r_forearm', 'r_elbow', 'r_wrist', 0.88),
    'left_knee': ('l_shank', 'l_knee', 'l_ankle', 0.25),
    'right_knee': ('r_shank', 'r_knee', 'r_ankle', 0.25),
    'left_thigh': ('l_thigh', 'l_hip', 'l_knee', 0.6),
    'right_thigh': ('r_thigh', 'r_hip', 'r_knee', 0.6),
    'pelvis': ('pelvis', 'l_hip', 'r_hip', 0.5),
    'head': ('head', 'neck', 'head', 1.0),
}


def procedural(
    split: str, count: int, seed: int
) -> Iterator[tuple[str, Recording]]:
    """Simulated people: whom they are, and their recording of a minute."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        noise, fps = rng.choice([0.0, 0.015, 0.03]), rng.choice([30.0, 60.0])
        detector = None
        if rng.random() < 0.6:
            drops = ('drop_keypoint', 'drop_burst', 'drop_person')
            detector = dict.fromkeys((*drops, 'error', 'doubt'), 0.0)
            detector['error_m'] = noise
        people = SyntheticMotionDataset(
            split,
            num_subjects=min(8, count - made),
            takes_per_subject=1,
            take_sec=60.0,
            seed=int(rng.integers(1000)) + seed,
            people=(1, 1),
            pose_rate=fps,
            detector=detector,
            lazy_init=True,
            cache_takes=1,
        )
        for entry in people.load_entries():
            made += 1
            yield f'{split}{made}', people.get_recording(entry)


def motion_capture(
    folder: Path, odd: bool, count: int, seed: int, unseen: bool = False
) -> Iterator[tuple[str, Recording]]:
    """UI-PRMD exercises of 18 s or more with simulated sensors and camera.

    Args:
        folder: Has ``ui_prmd.npz``.
        odd: Whether to take the odd subjects.
        unseen: Whether to leave out those whom the shipped model trained on.
        count: Recordings.
        seed: Of the choice, the camera and the errors.
    """
    motions = read_motions(folder / 'ui_prmd.npz', licences=None)
    rng = np.random.default_rng(seed)
    chosen = [
        i
        for i, motion in enumerate(motions)
        if int(motion.subject[-2:]) % 2 == odd
        and len(motion.positions) / motion.rate >= 18
        and not (unseen and motion.subject not in _NO_TRAINING)
    ]
    for i in rng.permutation(chosen)[:count]:
        yield motions[i].subject, _film(motions[i], rng)


def strides(
    folder: Path, odd: bool, count: int, seed: int
) -> Iterator[tuple[str, Recording]]:
    """Motion-captured walking of 3 to 8 s, seven sensors below the waist.

    The keypoints wander slowly about the joints, as those of estimators do.
    People are known by name: ``cmu_actions8`` has some of these walks again.

    Args:
        folder: Has ``cmu_amc.npz``.
        odd: Whether to take the odd subjects, or the others.
        count: Recordings.
        seed: Of the choice, the camera and the errors.
    """
    rng = np.random.default_rng(seed)
    found = [
        motion
        for motion in read_motions(folder / 'cmu_amc.npz', licences=None)
        if 'walk' in motion.label
        and len(motion.positions) / motion.rate > 3.2
        and int(motion.subject[-2:]) % 2 == odd
    ]
    for k in rng.integers(len(found), size=count):
        filmed = _film(found[k], rng, _LEGS)
        pose = filmed.pose
        assert pose is not None
        slow = rng.uniform(0.1, 0.5) * pose.clock.mean_rate
        error = rng.normal(size=pose.keypoints.shape)
        error = gaussian_filter1d(error, slow, axis=0)
        size = rng.uniform(0.0, 10.0) / error.std()
        # Some are seen less well than others: one leg hides the other.
        size = size * rng.lognormal(0.0, _UNEVEN, (error.shape[1], 1))
        points = pose.keypoints + (size * error).astype(np.float32)
        yield (
            found[k].subject,
            replace(filmed, pose=replace(pose, keypoints=points)),
        )


def _film(
    motion: BodyMotion,
    rng: np.random.Generator,
    bones: dict[str, tuple[str, str, str, float]] = _BONES,
) -> Recording:
    """Sensors and a camera for a motion."""
    place, turn = motion.positions, motion.orientations
    times = np.arange(len(place)) / motion.rate
    grid = np.arange(0, times[-1], 1 / IMU_RATE)
    imu = {}
    for name, (segment, upper, lower, share) in bones.items():
        frame = Rotation.from_quat(
            turn[:, SEGMENTS.index(segment)][:, [1, 2, 3, 0]]
        )
        point = (1 - share) * place[:, JOINTS.index(upper)]
        point = point + share * place[:, JOINTS.index(lower)]
        point = point + frame.apply(rng.normal(0, 0.03, 3))
        path, quats = (
            CubicSpline(times, point),
            CubicSpline(times, frame.as_quat()),
        )
        step = 0.01
        force = (path(grid + step) - 2 * path(grid) + path(grid - step)) / (
            step**2
        )
        force[:, 2] += STANDARD_GRAVITY
        before, after = (
            Rotation.from_quat(quats(grid + s)) for s in (-0.005, 0.005)
        )
        mount = Rotation.random(random_state=rng)
        now = Rotation.from_quat(quats(grid)) * mount
        gyro = mount.inv().apply((before.inv() * after).as_rotvec()) / 0.01
        channels = {
            'acc': now.inv().apply(force) + rng.normal(0, 0.05, force.shape),
            'gyro': gyro + rng.normal(0, 0.005, gyro.shape),
        }
        if rng.random() < 0.5:
            channels['quat'] = now.as_quat()[:, [3, 0, 1, 2]]
        imu[name] = SensorStream(
            Clock(len(grid), rate=IMU_RATE),
            {k: v.astype(np.float32) for k, v in channels.items()},
        )
    rate = rng.choice([30.0, 60.0])
    grid = np.arange(0, times[-1], 1 / rate)
    points = CubicSpline(times, place)(grid)
    head = Rotation.from_quat(
        CubicSpline(times, turn[:, SEGMENTS.index('head')])(grid)[
            :, [1, 2, 3, 0]
        ]
    )
    named = {j: points[:, i] for i, j in enumerate(JOINTS)}
    face = {'nose': (0.1, 0, 0), 'left_eye': (0.08, 0.03, 0.03)}
    face |= {'right_eye': (0.08, -0.03, 0.03)}
    for name, shift in face.items():
        named[name] = named['head'] + head.apply(shift)
    named = {
        k.replace('l_', 'left_', 1).replace('r_', 'right_', 1)
        if k[:2] in ('l_', 'r_')
        else k: v
        for k, v in named.items()
    }
    noise = rng.choice([0.0, 0.01, 0.02])
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(-0.05, 0.3)
    view = Rotation.from_euler('zy', [-azimuth, elevation])
    return Recording(
        imu, project(named, grid, view, rng.uniform(3, 6), noise, rate, rng)
    )


def project(
    named: dict[str, np.ndarray],
    times: np.ndarray,
    view: Rotation,
    distance: float,
    noise: float,
    rate: float,
    rng: np.random.Generator,
) -> PoseStream:
    """Pinhole camera that looks along x after ``view``, with z upwards."""
    names = get_layout('coco')
    keypoints = np.zeros((len(times), len(names), 2), np.float32)
    scores = np.zeros((len(times), len(names)), np.float32)
    centre = np.mean([v.mean(axis=0) for v in named.values()], axis=0)
    for i, name in enumerate(names):
        if name in named:
            seen = view.apply(named[name] - centre)
            pixels = 1200 * seen[:, 1:] / (seen[:, :1] + distance)
            pixels = pixels + rng.normal(0, 1200 * noise / distance, (1, 1))
            pixels = pixels + rng.normal(
                0, 1200 * noise / distance, pixels.shape
            )
            keypoints[:, i] = pixels * [-1, -1] + [960, 540]
            scores[:, i] = 1
    clock = Clock(len(times), rate=rate, start=float(times[0]))
    return PoseStream(clock, keypoints, scores, 'coco', _SHAPE)


def utd_mhad(
    folder: Path, odd: bool, count: int, seed: int
) -> Iterator[tuple[str, Recording]]:
    """Takes of one subject in a row, real sensor and Kinect, with pauses.

    Ten actions of the wrist sensor follow each other; where one ends the
    skeleton is unseen for half a second.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        subject = int(rng.choice([1, 3, 5] if odd else [2, 4, 6]))
        acc, gyro, shape, points, seen = [], [], (20, 3), [], []
        for action in rng.permutation(np.arange(1, 22))[:10]:
            name = f'a{action}_s{subject}_t{rng.integers(1, 5)}'
            inertial = folder / f'Inertial/{name}_inertial.mat'
            if not inertial.exists():
                continue
            rows = loadmat(inertial)['d_iner']
            skeleton = loadmat(folder / f'Skeleton/{name}_skeleton.mat')[
                'd_skel'
            ].transpose(2, 0, 1)
            end = len(rows) / 50
            at = (np.arange(len(skeleton)) + 0.5) * end / len(skeleton)
            grid = np.arange(round(end * 30)) / 30
            points.append(
                CubicSpline(at, skeleton)(np.clip(grid, at[0], at[-1]))
            )
            seen.append((grid > 0.25) & (grid < end - 0.25))
            short = max(round(len(grid) / 30 * 50) - len(rows), 0)
            rows = np.pad(rows, ((0, short), (0, 0)), 'edge')
            acc.append(rows[:, :3] * STANDARD_GRAVITY)
            gyro.append(np.deg2rad(rows[:, 3:]))
        place = np.concatenate(points).reshape(-1, *shape)
        acc, gyro = _joined(acc), _joined(gyro)
        arm, leg = (
            ('shoulder', 'elbow', 'wrist', ''),
            ('hip', 'knee', 'ankle', ''),
        )
        names = [
            f'{side}_{joint}' if joint else '-'
            for limb in (arm, leg)
            for side in ('left', 'right')
            for joint in limb
        ]
        # Kinect: y up, z depth.
        named = {
            name: place[:, 4 + i][:, [2, 0, 1]] * [1, -1, 1]
            for i, name in enumerate(names)
            if name != '-'
        }
        grid = np.arange(len(place)) / 30
        pose = project(named, grid, Rotation.identity(), 3.0, 0.0, 30.0, rng)
        pose.scores[~np.concatenate(seen)] = 0
        sensor = SensorStream(
            Clock(len(acc), rate=50.0), dict(acc=acc, gyro=gyro)
        )
        yield f'utd{subject}', Recording({'right_wrist': sensor}, pose)


def _joined(takes: list[np.ndarray]) -> np.ndarray:
    """Takes (T, 3) in a row; :data:`_FADE` samples lead from one to the next.

    Nothing is lost there, and nothing shall look like it.
    """
    rows = np.concatenate(takes)
    for border in np.cumsum([len(take) for take in takes])[:-1]:
        first_of = border - _FADE // 2
        ends = [first_of - 1, first_of + _FADE]
        between = np.arange(ends[0], ends[1] + 1)
        share = (between - ends[0]) / (ends[1] - ends[0])
        share = (share * share * (3 - 2 * share))[:, None]
        first, last = rows[ends[0]], rows[ends[1]]
        rows[between] = (1 - share) * first + share * last
    return rows.astype(np.float32)


def walking(folder: Path) -> Iterator[tuple[str, Recording]]:
    """Real passes of walking people, seven Noraxon sensors, phone video."""
    names = get_layout('coco')
    for person, name, imu, clock, place in gait_passes(folder):
        keypoints = np.zeros((len(place), len(names), 2), np.float32)
        scores = np.zeros((len(place), len(names)), np.float32)
        for i, joint in enumerate(GAIT_JOINTS):
            if joint in names:
                at, seen = names.index(joint), place[:, i]
                pixels = np.array([960, 540])
                pixels = pixels + 1500 * seen[:, :2] / seen[:, 2:]
                keypoints[:, at] = pixels
                scores[:, at] = 1
        sensors = {
            placement: stream
            for placement, stream in imu.items()
            if placement == 'pelvis'
            or placement.endswith(('thigh', 'shank', 'foot'))
        }
        pose = PoseStream(clock, keypoints, scores, 'coco', _SHAPE)
        yield f'{person}-{name}', Recording(sensors, pose)
