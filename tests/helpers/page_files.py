"""Files and names that the pages call the reader's own, simulated.

The sensors of all of them are those of one simulated person. Their clock is
that of a phone: seconds since 1970, plus 3.217 s after the video began.
"""

import json
import shutil
from functools import lru_cache
from zipfile import ZipFile

import numpy as np
import raw_devices
import raw_phones
import raw_pose_tools
from raw_videos import write_video
from recordings import simulated

from mobind_mm.apis.sources import to_recording
from mobind_mm.datasets.synthetic.example import (
    mmpose_frames,
    write_example,
    write_labelled,
)
from mobind_mm.readers.files import write_imu_table
from mobind_mm.recordings import Recording

OFFSET = 3.217
SMALL = 0.1
"""Of the size of the keypoints: videos that only have to be read."""


@lru_cache
def person():
    """Half a minute of somebody who moves, at 30 frames per second."""
    (recording,) = simulated('test', 30.0, pose_rate=30.0).values()
    return recording


def sensor(name):
    """A sensor as the writers of devices take it."""
    stream, start = person().imu[name], person().pose.clock.start
    acc, gyro = stream.channels['acc'], stream.channels['gyro']
    upright = np.tile([1.0, 0, 0, 0], (len(acc), 1))
    times = stream.clock.at() - start + OFFSET
    return raw_devices.Motion(times, acc, gyro, upright)


def pose(folder, name='pose.json'):
    frames = mmpose_frames([person().pose])
    (folder / name).write_text(json.dumps(frames))


def keypoints(scale=1.0):
    stream = person().pose
    return scale * stream.keypoints.astype(float), stream.scores.astype(float)


def plain(folder, *files, sensors=('right_wrist',)):
    """Tables whose columns are named as this package names them."""
    shown = {name: person().imu[name] for name in sensors}
    for file in files:
        write_imu_table(folder / file, shown, sensor(sensors[0]).times)


def phone(folder, m=None):
    """A zip of Sensor Logger."""
    m = m or sensor('right_wrist')
    moved = raw_phones.Movement(m.times, m.acc, 0 * m.acc, m.gyro, m.quat)
    log = raw_phones.sensor_logger(folder / 'log', moved)
    with ZipFile(folder / '2024-09-29_10-53-20.zip', 'w') as archive:
        for path in log.iterdir():
            archive.write(path, path.name)


def dots(folder):
    """Movella DOT: one sensor, and a folder of two."""
    wrist, knee = sensor('right_wrist'), sensor('left_knee')
    raw_devices.write_dot(folder / 'dot.csv', wrist)
    raw_devices.write_dot(folder / 'D422CD00A1B2_20210820_202113.csv', wrist)
    raw_devices.write_dot(folder / 'dots/a.csv', wrist, tag='RW')
    raw_devices.write_dot(folder / 'dots/b.csv', knee, tag='LK')


def devices(folder):
    pose(folder)
    phone(folder)
    dots(folder)


def pose_tools(folder):
    plain(folder, 'right_wrist.csv')
    plain(folder, 'dots.csv', sensors=('right_wrist', 'left_knee'))
    pose(folder)
    times = np.arange(len(person().pose.keypoints)) / 30.0
    lines = ['t', *map(str, times)]
    (folder / 'times.csv').write_text('\n'.join(lines))
    size = tuple(round(SMALL * x) for x in person().pose.img_shape[::-1])
    write_video(folder / 'walk.mp4', times, size=size)
    small = raw_pose_tools.openpose(*keypoints(SMALL))
    raw_pose_tools.write(small, folder)
    (folder / 'json').rename(folder / 'openpose_out')
    raw_pose_tools.write(raw_pose_tools.alphapose(*keypoints()), folder)
    markers(folder / 'markers.csv', times)
    write_page_block(folder / 'map.yml', 'docs/pose_tools.md', '# map.yml')


def markers(path, times):
    """The table that the mapping of the page describes."""
    from mobind_mm.skeleton import get_layout

    names = {'left_wrist': 'marker7', 'right_wrist': 'marker8'}
    columns = [
        f'{names.get(name, name)} p{axis}'
        for name in get_layout('coco')
        for axis in 'xy'
    ]
    rows = np.c_[1000 * times, keypoints()[0].reshape(len(times), -1)]
    np.savetxt(
        path,
        rows,
        delimiter=',',
        header=','.join(['t', *columns]),
        comments='',
        fmt='%.4f',
    )


def write_page_block(path, page, begin):
    """A block of a page as a file."""
    from run_pages import FENCE, ROOT

    found = FENCE.findall((ROOT / page).read_text('utf-8'))
    (text,) = [code for _, _, code in found if code.startswith(begin)]
    path.write_text(text)


def filmed(folder, kept):
    """A rendered video with its sensors; the poses are found once.

    Args:
        folder: Where they go: two sensors as the example has them, and the
            one on the wrist in a table of its own and as a phone logs it.
        kept: Where they are kept for other pages.
    """
    if not kept.exists():
        write_example(kept, OFFSET, seconds=20.0, video=True)
        example = dict(file=kept / 'imu.csv', mapping=kept / 'imu.yml')
        wrist = to_recording({'imu': example}).imu['right_wrist']
        times, acc = wrist.clock.at(), wrist.channels['acc']
        write_imu_table(kept / 'wrist.csv', {'right_wrist': wrist}, times)
        upright = np.tile([1.0, 0, 0, 0], (len(acc), 1))
        gyro = wrist.channels['gyro']
        phone(kept, raw_devices.Motion(times, acc, gyro, upright))
    for path in kept.iterdir():
        if path.is_file():
            shutil.copy2(path, folder)


def data_set(folder):
    write_labelled(folder / 'data/mine', num_subjects=2)


def recording():
    found = person()
    return Recording(dict(found.imu), found.pose)


def names():
    """Variables that snippets take for granted."""
    m, (points, scores) = sensor('right_wrist'), keypoints()
    return dict(
        times=m.times[: len(points)],
        acc=m.acc[: len(points)],
        gyro=m.gyro[: len(points)],
        keypoints=points,
        scores=scores,
        recording=recording(),
        pose_times=person().pose.clock.at(),
        people=[recording(), recording()],
        metainfo=dict(dataset_name='mine', skeleton='coco'),
        entries=[
            dict(
                take='p1_t1',
                subject='p1',
                scene='t1',
                camera='phone',
                start_s=0.0,
                end_s=9.0,
                segments=[],
                imu='imu/p1_t1.safetensors',
                pose='pose/p1_t1.safetensors',
            )
        ],
    )
