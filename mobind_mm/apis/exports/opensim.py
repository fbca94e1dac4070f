"""Tables of OpenSim: ``.sto`` of sensors, ``.trc`` of keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from ...recordings import PoseStream
from ...recordings.streams import undetected
from ...skeleton import get_layout
from ...utils.files import replacing
from .aligned import Aligned

BODIES = {'sternum': 'torso', 'pelvis': 'pelvis', 'head': 'head'} | {
    f'{side}_{ours}': f'{theirs}_{side[0]}'
    for side in ('left', 'right')
    for ours, theirs in (
        ('upper_arm', 'humerus'),
        ('forearm', 'ulna'),
        ('wrist', 'radius'),
        ('hand', 'hand'),
        ('thigh', 'femur'),
        ('shank', 'tibia'),
        ('knee', 'tibia'),
        ('foot', 'calcn'),
    )
}
"""Bodies of OpenSim's models by placement; columns are ``<body>_imu``."""
_TABLES = {
    'quat': ('orientations.sto', 'Quaternion'),
    'acc': ('accelerations.sto', 'Vec3'),
    'gyro': ('angular_velocities.sto', 'Vec3'),
}


def write_sto(aligned: Aligned, out: Path) -> tuple[list[Path], list[str]]:
    """Write orientations, accelerations and angular velocities.

    One file per channel, of the sensors that have it. OpenSim reads no gaps,
    so a row in which a sensor has no value is left out. Returns the files, and
    notes on what was left out.
    """
    files, notes = [], []
    for channel, (name, kind) in _TABLES.items():
        streams = {
            sensor: np.asarray(stream.channels[channel])
            for sensor, stream in aligned.imu.items()
            if channel in stream.channels
        }
        if not streams:
            continue
        known = np.ones(len(aligned.times), bool)
        for values in streams.values():
            known &= np.isfinite(values).all(axis=1)
        if not known.any():
            notes.append(f'{name}: not written, no row has all sensors.')
            continue
        if not known.all():
            notes.append(
                f'{name}: {int((~known).sum())} of {len(known)} rows are left '
                'out, in which a sensor has no value.'
            )
        if channel == 'quat':
            notes.append(
                f'{name}: orientations are as the sensors give them (sensor '
                'to world, z up); turn them to the y axis of OpenSim with '
                'sensor_to_opensim_rotations = (-pi/2, 0, 0).'
            )
        header = [
            f'DataRate={aligned.rate:.6f}',
            f'DataType={kind}',
            'version=3',
            'OpenSimVersion=4.5',
            'endheader',
            '\t'.join(['time', *_column_names([*streams])]),
        ]
        with _writing(out / name, header) as file:
            for row in np.flatnonzero(known):
                cells = (
                    ','.join(f'{v:.9g}' for v in values[row])
                    for values in streams.values()
                )
                time = f'{aligned.times[row]:.6f}'
                file.write('\t'.join([time, *cells]) + '\n')
        files.append(out / name)
    return files, notes


def _column_names(sensors: list[str]) -> list[str]:
    """Names of bodies; of the placement where two would be the same."""
    bodies = [BODIES.get(sensor, sensor) for sensor in sensors]
    return [
        f'{body if bodies.count(body) == 1 else sensor}_imu'
        for sensor, body in zip(sensors, bodies)
    ]


def write_trc(pose: PoseStream, path: Path) -> list[Path]:
    """Write keypoints as markers: pixels, x to the right, y upwards.

    The origin is the lower left corner of the image; z is 0. A keypoint that
    was not detected is empty; the last one is NaN, because OpenSim does not
    count empty cells at the end of a line.
    """
    points = np.asarray(pose.keypoints, np.float64)
    seen = (np.asarray(pose.scores) > 0) & ~undetected(points)
    names = get_layout(pose.layout)
    rate, count = f'{pose.clock.mean_rate:.6g}', str(len(points))
    facts = {
        'DataRate': rate,
        'CameraRate': rate,
        'NumFrames': count,
        'NumMarkers': str(len(names)),
        'Units': 'px',
        'OrigDataRate': rate,
        'OrigDataStartFrame': '1',
        'OrigNumFrames': count,
    }
    axes = [f'{a}{i}' for i in range(1, len(names) + 1) for a in 'XYZ']
    lines = [
        f'PathFileType\t4\t(X/Y/Z)\t{path.name}',
        '\t'.join(facts),
        '\t'.join(facts.values()),
        '\t'.join(['Frame#', 'Time', *(f'{name}\t\t' for name in names)]),
        '\t'.join(['', '', *axes]),
    ]
    height = pose.img_shape[0]
    with _writing(path, lines) as file:
        for row, time in enumerate(pose.clock.at()):
            cells = [
                f'{x:.3f}\t{height - y:.3f}\t0' if there else '\t\t'
                for (x, y), there in zip(points[row], seen[row])
            ]
            if not seen[row, -1]:
                cells[-1] = 'NaN\tNaN\tNaN'
            place = f'{row + 1}\t{time:.6f}'
            file.write('\t'.join([place, *cells]) + '\n')
    return [path]


@contextmanager
def _writing(path: Path, header: list[str]) -> Iterator[TextIO]:
    with ExitStack() as stack:  # Python 3.9 has no with ( ... )
        temporary = stack.enter_context(replacing(path))
        file = stack.enter_context(
            temporary.open('w', encoding='utf-8', newline='\n')
        )
        file.writelines(f'{line}\n' for line in header)
        yield file
