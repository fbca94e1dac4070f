"""Recordings with a deliberate mistake, for the tests of the check."""

from dataclasses import replace
from functools import cache

import numpy as np
from recordings import simulated
from scipy.spatial.transform import Rotation

from mobind_mm.checks import View
from mobind_mm.recordings import Clock, Recording, SensorStream

WRISTS = ('left_wrist', 'right_wrist')
LIMBS = (*WRISTS, 'left_knee', 'right_knee', 'head')
ALL = ('acc', 'gyro', 'quat')
UP = np.array([0.0, 0.0, 9.81])


@cache
def takes(seed=3, num_takes=2, take_sec=15.0, **options):
    """Recordings of one simulated person, by take."""
    options = {'takes_per_subject': num_takes, 'seed': seed, **options}
    return simulated('val', take_sec, **options)


def recordings(placements=WRISTS, **options):
    """Correct recordings with some of the sensors."""
    return {
        take: Recording(
            {
                p: SensorStream(
                    one.imu[p].clock, {c: one.imu[p].channels[c] for c in ALL}
                )
                for p in placements
            },
            one.pose,
        )
        for take, one in takes(**options).items()
    }


def keep(found, channels):
    """Leave channels out."""
    return each(
        found,
        lambda s: replace(s, channels={c: s.channels[c] for c in channels}),
    )


def each(found, change, only=None):
    """Change all sensors, or those of one placement."""
    return {
        take: Recording(
            {
                p: change(s) if only in (None, p) else s
                for p, s in one.imu.items()
            },
            one.pose,
        )
        for take, one in found.items()
    }


def channel(name, change):
    """A change of one channel (T, c)."""

    def changed(stream):
        values = change(np.asarray(stream.channels[name])).astype(np.float32)
        return replace(stream, channels={**stream.channels, name: values})

    return changed


def turned(stream):
    """Sensor-to-world rotations."""
    quat = np.asarray(stream.channels['quat'])
    return Rotation.from_quat(np.roll(quat, -1, axis=1))


def without_gravity(stream, frame='sensor'):
    """Specific force less gravity, in either frame."""
    turn = turned(stream)
    world = turn.apply(stream.channels['acc']) - UP
    acc = world if frame == 'world' else turn.inv().apply(world)
    return channel('acc', lambda _: acc)(stream)


def in_world(stream):
    """Specific force in the world frame."""
    acc = turned(stream).apply(stream.channels['acc'])
    return channel('acc', lambda _: acc)(stream)


def shifted(clock, seconds):
    """A clock that starts later."""
    return Clock(
        clock.num_samples, rate=clock.rate, start=clock.start + seconds
    )


def pose(found, takes=None, **change):
    """Change fields of the skeletons; a function gets the skeleton."""
    return {
        take: Recording(
            one.imu,
            replace(
                one.pose,
                **{
                    key: value(one.pose) if callable(value) else value
                    for key, value in change.items()
                },
            )
            if takes is None or take in takes
            else one.pose,
        )
        for take, one in found.items()
    }


def renamed(found, names):
    """Give sensors other placements."""
    return {
        take: Recording(
            {names.get(p, p): s for p, s in one.imu.items()}, one.pose
        )
        for take, one in found.items()
    }


def world_without_gravity(stream):
    stream = without_gravity(stream, 'world')
    return replace(stream, gravity=False, frame='world')


def late(seconds):
    return lambda stream: shifted(stream.clock, seconds)


class _Opened:
    """Opens what is there already."""

    def __init__(self, content):
        self.content = content

    def __call__(self):
        return self.content


def views(found):
    """The recordings as the check takes them."""
    return [
        View(take, take, _Opened(one.imu), _Opened(one.pose))
        for take, one in found.items()
    ]


SWAP = {
    'left_wrist': 'right_wrist',
    'right_wrist': 'left_wrist',
    'left_knee': 'right_knee',
    'right_knee': 'left_knee',
}


def scale(name, factor):
    return channel(name, lambda x: x * np.float32(factor))


def turned_over(stream):
    height = stream.img_shape[0]
    return np.asarray(stream.keypoints) * [1, -1] + [0, height]


def as_shares(stream):
    height, width = stream.img_shape
    return np.asarray(stream.keypoints) / [width, height]


def y_up(quat):
    """The same orientations in a world whose y axis points upwards."""
    turn = Rotation.from_quat(np.roll(quat, -1, axis=1))
    turn = Rotation.from_rotvec([-np.pi / 2, 0, 0]) * turn
    return np.roll(turn.as_quat(), 1, axis=1)


def faster(clock):
    return Clock(clock.num_samples, rate=2 * clock.rate, start=clock.start)


MISTAKES = {
    'g': (ALL, scale('acc', 1 / 9.80665), 'acc_unit', 'units.acc: g'),
    'g without gyro': (
        ('acc',),
        scale('acc', 1 / 9.80665),
        'acc_unit',
        'units.acc: g',
    ),
    'mg': (ALL, scale('acc', 1e3 / 9.80665), 'acc_unit', 'units.acc: mg'),
    'm/s² converted as g': (
        ('acc', 'gyro'),
        scale('acc', 9.80665),
        'acc_unit',
        'units.acc: m/s2',
    ),
    'gravity removed': (ALL, without_gravity, 'gravity', 'gravity: removed'),
    'gravity removed, acc alone': (
        ('acc',),
        without_gravity,
        'gravity',
        'gravity: removed',
    ),
    'gravity there': (
        ALL,
        lambda s: replace(s, gravity=False),
        'gravity',
        'gravity: included',
    ),
    'gravity there, acc alone': (
        ('acc',),
        lambda s: replace(s, gravity=False),
        'gravity',
        'gravity: included',
    ),
    'scalar last': (
        ALL,
        channel('quat', lambda q: q[:, [1, 2, 3, 0]]),
        'quat_order',
        'quat_order: xyzw',
    ),
    'scalar last without gyro': (
        ('acc', 'quat'),
        channel('quat', lambda q: q[:, [1, 2, 3, 0]]),
        'quat_order',
        'quat_order: xyzw',
    ),
    'scalar first': (
        ALL,
        channel('quat', lambda q: q[:, [3, 0, 1, 2]]),
        'quat_order',
        'quat_order: wxyz',
    ),
    'world to sensor': (
        ALL,
        channel('quat', lambda q: q * [1, -1, -1, -1]),
        'quat_direction',
        'quat_direction: world_to_sensor',
    ),
    'world frame': (ALL, in_world, 'frame', 'frame: world'),
    'sensor frame': (
        ALL,
        lambda s: replace(s, frame='world'),
        'frame',
        'frame: sensor',
    ),
    'inverted': (
        ALL,
        scale('acc', -1),
        'acc_sign',
        'columns.acc: ["-x", "-y", "-z"]',
    ),
    'y inverted': (
        ALL,
        channel('acc', lambda a: a * [1, -1, 1]),
        'acc_sign',
        'columns.acc: ["x", "-y", "z"]',
    ),
    'y upwards': (
        ALL,
        channel('quat', y_up),
        'world_up',
        'columns.quat: turn the quaternions',
    ),
    'axes of the gyroscope exchanged': (
        ALL,
        channel('gyro', lambda g: g[:, [1, 0, 2]]),
        'orientation',
        'columns.quat, columns.acc and columns.gyro: check the axes',
    ),
    'twice the rate': (
        ALL,
        lambda s: replace(s, clock=faster(s.clock)),
        'gyro_gain',
        'rate',
    ),
    'deg/s': (ALL, scale('gyro', 57.29578), 'gyro_unit', 'units.gyro: deg/s'),
    'deg/s without quat': (
        ('acc', 'gyro'),
        scale('gyro', 57.29578),
        'gyro_unit',
        'units.gyro: deg/s',
    ),
    'rad/s converted as deg/s': (
        ('acc', 'gyro'),
        scale('gyro', 1 / 57.29578),
        'gyro_unit',
        'units.gyro: rad/s',
    ),
    'gyro inverted': (
        ('acc', 'gyro'),
        scale('gyro', -1),
        'gyro_sign',
        'columns.gyro: ["-x", "-y", "-z"]',
    ),
}
