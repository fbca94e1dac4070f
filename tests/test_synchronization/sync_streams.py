"""Small clips for the tests of the synchronisers."""

from functools import cache

import numpy as np
from recordings import simulated

from mobind_mm.recordings import (
    STANDARD_GRAVITY,
    Clock,
    PoseStream,
    Recording,
    SensorStream,
)
from mobind_mm.skeleton import get_layout

GRAVITY = STANDARD_GRAVITY
UP = np.array([0.0, 0.0, GRAVITY])
SCALE = 300.0
"""Pixels per metre of the drawn clips."""


class Path:
    """A smooth random path (T, dims) in metres with exact derivatives."""

    def __init__(self, seed, dims=3, low=0.4, high=3.0, tones=24):
        rng = np.random.default_rng(seed)
        self.freq = 2 * np.pi * rng.uniform(low, high, (tones, dims))
        self.phase = rng.uniform(0, 2 * np.pi, (tones, dims))
        self.size = 0.1 * rng.normal(size=(tones, dims)) / self.freq

    def __call__(self, times, order=0):
        angle = self.freq * np.asarray(times)[:, None, None] + self.phase
        wave = np.sin(angle + order * np.pi / 2)
        return (self.size * self.freq**order * wave).sum(axis=1)


def make_pose(times, points, layout='coco', rate=None, scores=None):
    """Skeleton from named paths (T, 2) in metres, x right and z up."""
    names = get_layout(layout)
    keypoints = np.zeros((len(times), len(names), 2), np.float32)
    seen = np.zeros((len(times), len(names)), np.float32)
    for name, path in points.items():
        pixels = SCALE * np.asarray(path) * [1, -1] + [960, 540]
        keypoints[:, names.index(name)] = pixels
        seen[:, names.index(name)] = 1 if scores is None else scores
    if rate is None:
        clock = Clock(len(times), times=np.asarray(times, float))
    else:
        clock = Clock(len(times), rate=rate, start=float(times[0]))
    return PoseStream(clock, keypoints, seen, layout, (1080, 1920))


def drawn_clip(
    seed=0,
    seconds=10.0,
    offset=0.0,
    imu_rate=100.0,
    pose_rate=30.0,
    noise_px=0.0,
    channels=('acc', 'gyro'),
    gravity=True,
    frame='sensor',
):
    """A right wrist that shakes in a plane without turning.

    The camera looks along y from far away; the sensor's axes are the
    world's. The clip of the IMU starts at time 0, that of the pose at
    ``offset``.
    """
    path = Path(seed)
    times = np.arange(round(seconds * imu_rate)) / imu_rate
    acc = path(times, 2)
    if gravity:
        acc = acc + UP
    values = dict(
        acc=acc,
        gyro=np.zeros((len(times), 3)),
        quat=np.tile([1.0, 0, 0, 0], (len(times), 1)),
    )
    sensor = SensorStream(
        Clock(len(times), rate=imu_rate),
        {name: values[name].astype(np.float32) for name in channels},
        gravity,
        frame,
    )
    times = np.arange(round(seconds * pose_rate)) / pose_rate
    place = path(times + offset)[:, [0, 2]]
    rng = np.random.default_rng(seed + 1)
    points = {
        f'right_{name}': place
        + np.array([0, rise])
        + rng.normal(0, noise_px / SCALE, place.shape)
        for name, rise in (('shoulder', 0.4), ('elbow', 0.2), ('wrist', 0))
    }
    pose = make_pose(times, points, rate=pose_rate)
    return Recording({'right_wrist': sensor}, pose)


def cut(recording, start, offset, seconds, placements=None):
    """Clip whose IMU window starts at ``start``, its pose window later."""

    def part(clock, origin):
        inside = clock.between(origin, origin + seconds - 1e-6)
        times = clock.at(inside) - origin
        if clock.times is not None:
            return inside, Clock(len(times), times=times)
        return inside, Clock(len(times), rate=clock.rate, start=times[0])

    imu = {}
    for placement in placements or recording.imu:
        stream = recording.imu[placement]
        inside, clock = part(stream.clock, start)
        channels = {k: v[inside] for k, v in stream.channels.items()}
        imu[placement] = SensorStream(
            clock, channels, stream.gravity, stream.frame
        )
    pose = recording.pose
    inside, clock = part(pose.clock, start + offset)
    return Recording(
        imu,
        PoseStream(
            clock,
            pose.keypoints[inside],
            pose.scores[inside],
            pose.layout,
            pose.img_shape,
        ),
    )


@cache
def takes(num_subjects=4, take_sec=24.0, people=(1, 1), **options):
    """Recordings of simulated people, in the order of the people."""
    options = {'num_subjects': num_subjects, 'people': people, **options}
    return [*simulated('val', take_sec, **options).values()]
