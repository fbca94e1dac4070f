"""Read damaged copies of a file of every format, and print what came of it.

So do ``mobind check`` and a study, of which some files are damaged.

    python tests/soak_readers.py [--count N] [--seed N] [--formats NAME ...]

Each copy must end in streams that are well formed, or in one clear error that
names the file: within the memory limit of ``helpers/corruption.py``, without
a crash, and within :data:`LONGEST` seconds of the processor. The first that
does not is printed, and ends the script.
"""

import argparse
import gc
import io
import json
import pickle
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [
    str(TESTS.parent),
    str(TESTS / 'helpers'),
    str(TESTS / 'test_readers'),
]

import numpy as np  # noqa: E402
import pandas  # noqa: E402
import raw_phones  # noqa: E402
import test_lab_devices as lab  # noqa: E402
import test_phones_corrupted as phones  # noqa: E402
from corruption import among_good_ones, check_contained, check_damaged  # noqa: E402
from raw_pose_tools import (  # noqa: E402
    MARKERS,
    RATE,
    READ_AS,
    SHAPE,
    TOOLS,
    as_layout,
    c3d,
    keypoint_cells,
    mmpose_dump,
    openpose,
    person,
)
from rich.console import Console  # noqa: E402

from mobind_mm.apis.study import run_study  # noqa: E402
from mobind_mm.apis.study.files import Options, find_sources  # noqa: E402
from mobind_mm.apis.study.report import write_report  # noqa: E402
from mobind_mm.checks import check_data_set, print_report, report_values  # noqa: E402
from mobind_mm.datasets.synthetic.example import mmpose_frames  # noqa: E402
from mobind_mm.readers.base import FILE_FORMATS, get_reader  # noqa: E402
from mobind_mm.readers.files import Video, load_people, write_imu_table  # noqa: E402
from mobind_mm.readers.frame_times import read_frame_times  # noqa: E402
from mobind_mm.recordings import (  # noqa: E402
    Clock,
    PoseStream,
    SensorStream,
    write_annotations,
    write_imu,
    write_pose,
)
from mobind_mm.skeleton import get_layout  # noqa: E402
from mobind_mm.synchronization.conformance import simulate_recording  # noqa: E402

LONGEST = 20.0
"""Seconds of the processor that a copy may take: others may be busy."""
FRAME_TIMES = 'frame_times'
"""Times of frames, beside the formats of sensors and people."""


class Target:
    """Files of a format, and how they are read.

    Args:
        reader: Name of the format.
        write: Writes files below a folder.
        read: Takes the path of the first file, returns streams by name.
        damaged: Most of the files that are damaged, the first ones.
    """

    def __init__(self, reader, write, read, damaged=None):
        self.reader, self.read, self.damaged = reader, read, damaged
        self._write = write

    def files(self, folder):
        """Name to content of the whole files."""
        folder.mkdir(parents=True, exist_ok=True)
        self._write(folder)
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob('*'))
            if path.is_file()
        }

    def soak(self, folder, count, seed):
        """Read ``count`` damaged copies; see ``check_damaged``."""
        files = self.files(folder / 'whole')
        damage = [*files][: self.damaged]
        return check_damaged(
            self._timed, files, folder / 'copies', count, seed, damage
        )

    def _timed(self, path):
        start = time.process_time()
        try:
            return self.read(path)
        finally:
            seconds = time.process_time() - start
            assert seconds < LONGEST, f'{seconds:.0f} s'


def _phone(label):
    reader = get_reader(label.split(' ')[0])

    def write(folder):
        phones.EXPORTS[label](folder, raw_phones.movement(seconds=1.0))

    def read(path):
        several = len([*path.parent.iterdir()]) > 1
        return reader(path.parent if several else path).read_imu()

    return Target(reader.name, write, read)


def _device(label):
    name, make = lab.CASES[label]
    reader = get_reader(name)

    def write(folder):
        make(folder)
        for path in folder.rglob('*'):
            if path.is_file():
                path.write_bytes(lab.cut(path))

    def read(path):
        whole = path.parent if label == 'e4' else path
        return reader(whole).read_imu()

    return Target(name, write, read)


def _pose_tool(label):
    files = TOOLS[label][0](*person(24))
    return Target(READ_AS[label], _written(files), _people, 3)


def _people(path):
    folder = path.parent.name in ('json', 'labels')
    video = Video(rate=RATE, img_shape=SHAPE)
    return load_people(path.parent if folder else path, video, min_sec=0.1)


def _sensors():
    rng = np.random.default_rng(0)
    channels = {
        name: rng.normal(0, 3, (80, 3)).astype(np.float32)
        for name in ('acc', 'gyro')
    }
    return {'left_wrist': SensorStream(Clock(80, 50.0), channels)}


def _table(folder):
    write_imu_table(folder / 'a.csv', _sensors(), np.arange(80) / 50)


def _parquet(folder):
    _table(folder)
    pandas.read_csv(folder / 'a.csv').to_parquet(folder / 'a.parquet')
    (folder / 'a.csv').unlink()


def _recording(folder):
    write_imu(folder / 'a.safetensors', _sensors())


def _dated(unit, zero):
    """A table whose times are days or ticks, as programs count them."""

    def write(folder):
        times = 1.7e9 + np.arange(80) / 50
        cells = [f'{t / unit + zero:.{9 if zero else 0}f}' for t in times]
        _table(folder)
        table = pandas.read_csv(folder / 'a.csv', dtype=str)
        table[table.columns[0]] = cells
        table.columns = ['time', *table.columns[1:]]
        table.to_csv(folder / 'a.csv', index=False)

    return Target('table', write, _read_imu('table'))


def _read_imu(name):
    return lambda path: get_reader(name)(path).read_imu()


def _mmpose(folder):
    points, _ = person(24)
    frames = [
        dict(
            frame_id=number,
            instances=[
                dict(
                    keypoints=points.round(2).tolist(),
                    keypoint_scores=[0.9] * 17,
                    bbox=[[150.0, 150.0, 500.0, 500.0]],
                )
            ],
        )
        for number, points in enumerate(points)
    ]
    (folder / 'a.json').write_text(json.dumps(frames))


def _c3d(folder):
    (folder / 'a.c3d').write_bytes(c3d(*_space()))


def _space():
    """Markers in mm and their names."""
    points, _ = person(24)
    space = np.insert(points * (4, -4), 1, 0.0, axis=2)
    names = [name.title().replace('_', '') for name in get_layout('coco')]
    return space, names


def _markers(name):
    def write(folder):
        suffix = 'tsv' if name == 'qualisys' else 'csv'
        (folder / f'a.{suffix}').write_text(MARKERS[name](*_space()))

    return Target(name, write, _people)


def _skeletons():
    """Files of skeletons in shapes that no tool of ``TOOLS`` has.

    Yields:
        Label, name of the reader, and content by name of file.
    """
    points, scores = person(24)
    rows = np.concatenate([points, scores[..., None]], axis=2)
    frames = [
        {'frame': i, 'keypoints': r.tolist()} for i, r in enumerate(rows)
    ]
    for name in ('lsp', 'h36m', 'coco_wholebody', 'mhr70', 'goliath308'):
        few = as_layout(name, points, scores)[0].round(1)
        content = [
            {'frame': i, 'keypoints': x.tolist()} for i, x in enumerate(few)
        ]
        yield f'layout {name}', 'people_json', {'a.json': _text(content)}
    sapiens = {}
    for number, (xy, s) in enumerate(
        zip(*as_layout('goliath308', points, scores))
    ):
        one = {
            'keypoints': xy.round(1).tolist(),
            'keypoint_scores': s.tolist(),
        }
        content = _text({'instance_info': [one]})
        sapiens[f'json/{number:06d}.json'] = content
    yield 'Sapiens', 'openpose', sapiens
    frame = {
        'columns': [*frames[0]],
        'index': [*range(24)],
        'data': [[*one.values()] for one in frames],
    }
    yield 'data frame, split', 'people_json', {'a.json': _text(frame)}
    frame = {
        k: {str(i): f[k] for i, f in enumerate(frames)} for k in frames[0]
    }
    yield 'data frame, columns', 'people_json', {'a.json': _text(frame)}
    timed = [
        {'timestamp': 1.7e12 + 1000 * i / RATE, 'keypoints': f['keypoints']}
        for i, f in enumerate(frames)
    ]
    yield 'times in JSON', 'people_json', {'a.json': _text(timed)}
    dump = mmpose_dump(points, scores)
    for protocol in (0, 4):
        content = pickle.dumps(dump, protocol)
        yield f'dump of MMPose, {protocol}', 'pose_pickle', {'a.pkl': content}
    files = openpose(*person(24))
    yield 'zip of OpenPose', 'openpose', {'a.zip': _zipped(files)}
    files = {'out/poses.json': _text(frames), 'out/vis/1.jpg': b'\xff\xd8'}
    yield 'zip of one result', 'people_json', {'a.zip': _zipped(files)}
    (content,) = keypoint_cells(points, scores).values()
    yield (
        'cells in a zip',
        'keypoint_cells',
        {'a.zip': _zipped({'a.csv': content})},
    )
    head = [
        ','.join(['scorer', *['me'] * 34]),
        ','.join(
            ['bodyparts', *(n for n in get_layout('coco') for _ in 'xy')]
        ),
        ','.join(['coords', *'xy' * 17]),
    ]
    rows = [
        f'labeled-data/walk/img{i:04d}.png,' + ','.join(map(str, xy.ravel()))
        for i, xy in enumerate(points)
    ]
    content = '\n'.join([*head, *rows]).encode()
    yield (
        'labels of DeepLabCut',
        'deeplabcut',
        {'CollectedData_me.csv': content},
    )


def _text(content):
    return json.dumps(content).encode()


def _zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


TIMES = {
    'ffprobe, CSV': ('{:.6f},', ''),
    'ffprobe, JSON': ('{{"pts_time": "{:.6f}"}},', '{"packets": [\n'),
    'ffprobe, sections': ('[FRAME]\npkt_pts_time={:.6f}\n[/FRAME]', ''),
    'mkvextract': ('{:.3f}', '# timestamp format v2\n'),
    'a column of times': ('{:.6f}', 'time_s\n'),
}
"""Line of a time, and what stands before them."""


def _written(files):
    def write(folder):
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    return write


def _read_times(path):
    times = read_frame_times(path)
    return _still(path, len(times), times)


def _hdf5(folder):
    (folder / 'a.h5').write_bytes(b'\x89HDF\r\n\x1a\n' + bytes(range(256)))


def _read_hdf5(path):
    """Which is refused, whatever it holds; another file is no HDF5."""
    if not get_reader('hdf5').recognizes(path):
        return _still(path, 2, 1.0)
    try:
        return get_reader('hdf5')(path).read_people()
    except ValueError as error:
        if 'Export it as CSV' not in str(error):
            raise
    return _still(path, 2, 1.0)


def _video(folder):
    import cv2

    code = cv2.VideoWriter.fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(folder / 'a.mp4'), code, 25.0, (64, 32))
    for number in range(12):
        writer.write(np.full((32, 64, 3), 20 * number, np.uint8))
    writer.release()


def _read_video(path):
    """Its frames, as a reader of poses looks at them."""
    from mobind_mm.utils.video import video_facts

    facts = video_facts(path)
    return _still(path, len(facts.times), facts.times)


def _still(path, count, times):
    clock = Clock(count, rate=times) if isinstance(times, float) else None
    clock = clock or Clock(count, times=np.asarray(times, float))
    points = np.zeros((count, 17, 2), np.float32)
    return {
        path.stem: PoseStream(
            clock, points, np.zeros((count, 17), np.float32), 'coco', (9, 9)
        )
    }


def targets():
    """Targets by label; every format of the package has one."""
    found = {name: _pose_tool(name) for name in TOOLS}
    found.update({f'{name} (phone)': _phone(name) for name in phones.EXPORTS})
    found.update({name: _device(name) for name in lab.DAMAGED})
    found['CSV table'] = Target('table', _table, _read_imu('table'))
    found['Parquet table'] = Target('table', _parquet, _read_imu('table'))
    found['recording'] = Target(
        'recording', _recording, _read_imu('recording')
    )
    found['MMPose 1.x'] = Target('mmpose', _mmpose, _people)
    found['C3D'] = Target('c3d', _c3d, _people)
    found.update({f'{name} markers': _markers(name) for name in MARKERS})
    found['HDF5'] = Target('hdf5', _hdf5, _read_hdf5)
    found['video'] = Target('video', _video, _read_video)
    days = {'spreadsheet': 25569, 'MATLAB': 719529}
    for name, zero in days.items():
        found[f'table, days of {name}'] = _dated(86400, zero)
    for name, reader, files in _skeletons():
        found[name] = Target(reader, _written(files), _people, 3)
    for name, (line, first) in TIMES.items():
        text = first + '\n'.join(line.format(i / 30) for i in range(40))
        files = {'a.txt': text.encode()}
        found[name] = Target(FRAME_TIMES, _written(files), _read_times)
    return found


class Together:
    """Files that a command reads together, some of which are bad.

    Args:
        write: Writes the good ones below a folder.
        read: Takes the folder of the files, one for results and the names
            of the bad ones; returns what came of it.
    """

    def __init__(self, write, read):
        self._write, self._read = write, read

    def soak(self, folder, count, seed):
        """Read ``count`` of them; how many were read and refused."""
        root, outcomes = folder / 'data', Counter()
        self._write(root)
        names = [path for path in sorted(root.rglob('*')) if path.is_file()]
        good = {str(p.relative_to(root)): p.read_bytes() for p in names}
        self._read(root, folder / 'out', set())
        for what, files, bad in among_good_ones(good, seed, count):
            for name in bad | {*good}:
                content = files.get(name)
                path = root / name
                if content is None:
                    path.unlink(missing_ok=True)
                elif not path.is_file() or path.read_bytes() != content:
                    path.write_bytes(content)
            try:
                start = time.process_time()
                outcomes[self._read(root, folder / 'out', bad)] += 1
                seconds = time.process_time() - start
                assert seconds < LONGEST, f'{seconds:.0f} s'
            except BaseException as error:
                raise AssertionError(f'{what}: {error!r}') from error
            for name in bad - {*good}:
                (root / name).unlink(missing_ok=True)
        return outcomes


def _data_set(root):
    """Two takes, as a conversion writes them."""
    entries = []
    for number in range(2):
        recording = simulate_recording(number, 12.0)
        files = {k: f'{k}/t{number}.safetensors' for k in ('imu', 'pose')}
        write_imu(root / files['imu'], recording.imu)
        write_pose(root / files['pose'], recording.pose)
        known = dict(take=f't{number}', subject='1', scene='a', camera='c')
        end = dict(start_s=0.0, end_s=11.0, segments=[])
        entries.append({**files, **known, **end})
    metainfo = dict(dataset_name='own', classes=[], skeleton='coco')
    write_annotations(root / 'annotations/train.json', metainfo, entries)


def _check(root, out, bad):
    """``mobind check``: a report, or one error that names the file."""

    def report():
        made = check_data_set(root)
        json.dumps(report_values(made), allow_nan=False)
        print_report(made, Console(file=io.StringIO()))

    message = check_contained(report, out)
    assert message == 'fine' or str(root) in message, message
    return 'read' if message == 'fine' else 'refused'


def _study(root):
    """Three pairs, in files of several kinds."""
    for number in range(3):
        recording = simulate_recording(number, 12.0, offset=0.5 * number)
        imu, pose = root / f'imu/r{number}', root / f'pose/v{number}'
        if number:
            write_imu(imu.with_suffix('.safetensors'), recording.imu)
            write_pose(pose.with_suffix('.safetensors'), recording.pose)
            continue
        times = next(iter(recording.imu.values())).clock.at()
        write_imu_table(imu.with_suffix('.csv'), recording.imu, times)
        pose.parent.mkdir(parents=True)
        frames = json.dumps(mmpose_frames([recording.pose]))
        pose.with_suffix('.json').write_text(frames)


def _synchronise(root, out, bad):
    """``mobind sync --study``: says something of every file.

    Pairs of whom both are good are found, but where a copy rivals them.
    """
    options = Options(rate=30.0, img_shape=(1080, 1920))
    study = run_study(find_sources(root, options), out)
    write_report(study, out)
    files = {str(p.relative_to(root)) for p in root.rglob('*.*')}
    named = {
        row[side] for row in study.rows for side in ('recording', 'video')
    }
    named |= {other.name for other in study.others}
    assert files <= named, f'nothing is said of {files - named}'
    for row in study.rows:
        assert row['state'] == 'sure' or row['reason'], row
        assert '\n' not in row['reason'] and len(row['reason']) < 2100, row
    if len(files) > 6 or len(bad) > 1:
        return 'read'
    found = {row['recording']: row for row in study.rows if row['video']}
    good = [
        p for p in sorted(root.glob('imu/*')) if f'imu/{p.name}' not in bad
    ]
    for path in good:
        number = int(path.stem[1:])
        (video,) = root.glob(f'pose/v{number}.*')
        if f'pose/{video.name}' not in bad:
            row = found[f'imu/{path.name}']
            assert row['state'] == 'sure', row
            assert abs(row['offset_s'] - 0.5 * number) < 0.03, row
    return (
        'refused'
        if any(row['state'] != 'sure' for row in study.rows)
        else 'read'
    )


TOGETHER = {
    'mobind check': Together(_data_set, _check),
    'mobind sync --study': Together(_study, _synchronise),
}


def soak(count, seed=0, formats=None):
    """Yield a row (format, copies, read, refused, seconds) per format.

    Args:
        count: Copies per format, shared by its targets.
        seed: Of the damage.
        formats: Names of the formats; all if omitted.
    """
    by_reader = defaultdict(list)
    for label, target in targets().items():
        by_reader[target.reader].append((label, target))
    gc.collect()
    gc.freeze()  # or the collection before each copy takes most of the time
    by_reader.update({name: [('', job)] for name, job in TOGETHER.items()})
    for name in formats or NAMES:
        start, outcomes = time.monotonic(), Counter()
        each = -(-count // len(by_reader[name]))
        for label, target in by_reader[name]:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    outcomes.update(target.soak(Path(folder), each, seed))
                except AssertionError as error:
                    raise AssertionError(f'{name}, {label}: {error}') from None
        yield (
            name,
            outcomes.total(),
            outcomes['read'],
            outcomes['refused'],
            time.monotonic() - start,
        )


NAMES = [*FILE_FORMATS, FRAME_TIMES, *TOGETHER]
"""Rows of the table."""


def main():
    """Print the table; the first copy that is not contained ends it."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--count', type=int, default=200, help='per format')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--formats', nargs='+', choices=NAMES)
    args = parser.parse_args()
    warnings.simplefilter('error', RuntimeWarning)  # users would see it
    print('| format | copies | read | refused | seconds |')
    print('|---|---|---|---|---|')
    for row in soak(args.count, args.seed, args.formats):
        print('| {} | {} | {} | {} | {:.0f} |'.format(*row), flush=True)


if __name__ == '__main__':
    main()
