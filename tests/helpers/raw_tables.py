"""Write recordings as tables, the way devices and trackers export them."""

import pickle

import numpy as np
import yaml
from recordings import simulated

from mobind_mm.skeleton import get_layout

G = 9.80665
ACC = {'m/s2': 1, 'g': 1 / G, 'mg': 1000 / G}
GYRO = {'rad/s': 1, 'deg/s': 180 / np.pi}
TIME = {'s': 1, 'ms': 1e3, 'us': 1e6, 'ns': 1e9}
AXES = 'xyz'


def people(seconds=4.0, num=1, split='train', noise=0.0, **options):
    """Recordings of simulated people, by default without errors."""
    options = {'num_subjects': num, 'imu_noise': noise, **options}
    detector = None if noise else 'ideal'
    return [*simulated(split, seconds, detector=detector, **options).values()]


def times_of(stream):
    return stream.clock.at(slice(0, stream.clock.num_samples))


def sensor_columns(
    stream,
    acc='m/s2',
    gyro='rad/s',
    order='wxyz',
    direction='sensor_to_world',
    time='s',
    start=0.0,
    prefix='',
):
    """Columns of one sensor by name, in the units of a device."""
    columns = {'t': (times_of(stream) - start) * TIME[time]}
    for name, factor in (('acc', ACC[acc]), ('gyro', GYRO[gyro])):
        for axis, values in zip(AXES, stream.channels[name][:].T):
            columns[f'{name}_{axis}'] = values.astype(float) * factor
    quat = stream.channels['quat'][:].astype(float)
    if direction == 'world_to_sensor':
        quat = quat * [1, -1, -1, -1]
    for letter, values in zip('wxyz', quat.T):
        columns[f'q{letter}'] = values
    last = [f'q{letter}' for letter in order]
    ordered = [n for n in columns if n not in last] + last
    return {prefix + name: columns[name] for name in ordered}


def write_csv(
    path,
    columns,
    delimiter=',',
    decimal='.',
    newline='\n',
    bom=False,
    encoding='utf-8',
    before=(),
    after=(),
    header=True,
):
    """Write columns of numbers (NaN: empty cell) or of texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [*before]
    if header:
        lines.append(delimiter.join(columns))
    lines += after
    for row in zip(*columns.values()):
        lines.append(delimiter.join(cell(v, decimal) for v in row))
    text = newline.join([*lines, ''])
    path.write_bytes(('\ufeff' * bom + text).encode(encoding))
    return path


def cell(value, decimal='.'):
    if isinstance(value, str):
        return value
    return '' if np.isnan(value) else repr(float(value)).replace('.', decimal)


def pose_columns(stream, x='{}_x', y='{}_y', score='{}_score', scale=(1, 1)):
    """Wide columns of a skeleton; undetected keypoints are empty."""
    columns = {'t': times_of(stream)}
    for index, name in enumerate(get_layout(stream.layout)):
        seen = stream.scores[:, index] > 0
        keypoints = stream.keypoints[:, index].astype(float)
        keypoints[~seen] = np.nan
        columns[x.format(name)] = keypoints[:, 0] / scale[0]
        columns[y.format(name)] = keypoints[:, 1] / scale[1]
        if score:
            values = np.where(seen, stream.scores[:, index], np.nan)
            columns[score.format(name)] = values.astype(float)
    return columns


def mmpose_frames(*streams, first=0):
    """MMPose's predictions on a video of several people."""
    frames = []
    for frame in range(len(streams[0].scores)):
        instances = []
        for stream in streams:
            scores = stream.scores[frame]
            if not (scores > 0).any():
                continue
            keypoints = stream.keypoints[frame]
            seen = keypoints[scores > 0]
            box = [*seen.min(0).tolist(), *seen.max(0).tolist()]
            instances.append(
                {
                    'keypoints': keypoints.astype(float).tolist(),
                    'keypoint_scores': scores.astype(float).tolist(),
                    'bbox': [box],
                    'bbox_score': 0.9,
                }
            )
        frames.append({'frame_id': frame + first, 'instances': instances})
    return frames


def write_skeletons(path, named, **changes):
    """MMAction2's pickle: name to the people of a video."""
    annotations = []
    for name, streams in named.items():
        annotation = {
            'frame_dir': name,
            'total_frames': len(streams[0].scores),
            'img_shape': streams[0].img_shape,
            'original_shape': streams[0].img_shape,
            'label': 0,
            'keypoint': np.stack([s.keypoints[:] for s in streams]),
            'keypoint_score': np.stack([s.scores[:] for s in streams]),
        }
        annotation.update(changes)
        annotations.append(annotation)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {'split': {'train': list(named)}, 'annotations': annotations}
    path.write_bytes(pickle.dumps(content))
    return path


SENSOR = {
    'file': 'imu.csv',
    'columns': {
        'time': 't',
        'acc': ['acc_x', 'acc_y', 'acc_z'],
        'gyro': ['gyro_x', 'gyro_y', 'gyro_z'],
        'quat': ['qw', 'qx', 'qy', 'qz'],
    },
    'units': {'time': 's', 'acc': 'm/s2', 'gyro': 'rad/s'},
    'quat_order': 'wxyz',
    'quat_direction': 'sensor_to_world',
    'gravity': 'included',
    'frame': 'sensor',
}
"""Keys of a table as :func:`sensor_columns` makes it by default."""


def write_mapping(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
