import json
import sys

import numpy as np
import pytest
from matplotlib.image import imread
from programs import REPO
from recordings import simulated

from mobind_mm.checks import check_data_set, check_recordings, find_views
from mobind_mm.readers.convert import convert
from mobind_mm.readers.utd_mhad import UTDMHADReader
from mobind_mm.recordings import (
    Clock,
    Recording,
    SensorStream,
    common_span,
    write_annotations,
    write_imu,
    write_pose,
)

TOOL = 'analysis_tools/check_recordings.py'


def write_set(root, scale=1.0, cameras=('front',)):
    """Two takes of one person with sensors on both wrists."""
    entries = []
    takes = simulated('val', 12.0, takes_per_subject=2, seed=3)
    for take, recording in takes.items():
        imu = {
            p: SensorStream(
                recording.imu[p].clock,
                {
                    'acc': recording.imu[p].channels['acc'] * scale,
                    'gyro': recording.imu[p].channels['gyro'],
                },
            )
            for p in ('left_wrist', 'right_wrist')
        }
        write_imu(root / f'imu/{take}.safetensors', imu)
        start, end = common_span(Recording(imu, recording.pose))
        for camera in cameras:
            name = f'pose/{take}_{camera}.safetensors'
            write_pose(root / name, recording.pose)
            entries.append(
                dict(
                    take=take,
                    imu=f'imu/{take}.safetensors',
                    pose=name,
                    subject='1',
                    scene=take,
                    camera=camera,
                    start_s=start,
                    end_s=end,
                    segments=[],
                )
            )
    metainfo = dict(dataset_name='own', classes=[], skeleton='coco')
    write_annotations(root / 'annotations/train.json', metainfo, entries)
    return root


def test_correct_set_exits_0_with_report_and_pictures(tmp_path, command):
    root = write_set(tmp_path / 'own')
    out = tmp_path / 'out/report.json'
    status, text, _ = command(
        *(TOOL, root, '--split', 'train', '--out', out),
        *('--show-dir', tmp_path / 'pics'),
    )
    assert status == 0 and 'No mistakes found.' in text
    report = json.loads(out.read_text())
    assert report['num_findings'] == 0 and report['findings'] == []
    streams = {(s['take'], s['stream']) for s in report['streams']}
    assert len(streams) == 2 * 2 + 2
    assert {s['rate'] for s in report['streams']} == {100.0, 30.0}
    assert abs(report['sensors']['left_wrist']['lag']) < 0.05
    pictures = sorted((tmp_path / 'pics').iterdir())
    assert [p.stem for p in pictures] == [
        'val-000_t00_front',
        'val-000_t01_front',
    ]
    assert np.ptp(imread(pictures[0])[..., :3]) > 0.5


def test_mistake_exits_1_and_names_the_key(tmp_path, command):
    root = write_set(tmp_path / 'own', scale=1 / 9.80665)
    status, text, _ = command(TOOL, root)
    assert status == 1
    assert 'left_wrist: acc looks like g, not m/s² (median |acc| 1.0' in text
    assert 'units.acc: g' in text and '2 likely mistakes.' in text


def test_cameras_share_their_sensors(tmp_path):
    root = write_set(tmp_path, cameras=('front', 'side'))
    report = check_data_set(root)
    assert report.findings == []
    names = [(row.take, row.stream) for row in report.rows]
    assert len(names) == len(set(names)) == 2 * 2 + 2 * 2


def change_number(path, value):
    """Overwrite the last number of a file, as a damaged disk may."""
    content = path.read_bytes()
    path.write_bytes(content[:-4] + np.float32(value).tobytes())


@pytest.mark.parametrize(
    ('break_it', 'message'),
    [
        (lambda root: None, r'val\.json does not exist'),
        (
            lambda root: next(root.glob('imu/*')).write_bytes(b'x' * 99),
            'not a readable safetensors',
        ),
        (lambda root: next(root.glob('pose/*')).unlink(), 'does not exist'),
        (lambda root: change_number(next(root.glob('imu/*')), 1e30), '1e+30'),
        (lambda root: change_number(next(root.glob('imu/*')), 'nan'), 'nan'),
        (
            lambda root: (root / 'annotations/train.json').write_text('{'),
            'is not JSON',
        ),
        (
            lambda root: (root / 'annotations/train.json').unlink(),
            'no annotations/train.json',
        ),
    ],
)
def test_unreadable_sets_exit_2(tmp_path, command, break_it, message):
    root = write_set(tmp_path)
    break_it(root)
    split = ['--split', 'val'] if 'val' in message else []
    status, _, err = command(TOOL, root, *split)
    assert status == 2
    (line,) = [x for x in err.splitlines() if x.startswith('error')]
    assert message.replace('\\', '') in line


def test_wrong_arguments(tmp_path, command):
    status, _, err = command(TOOL, tmp_path / 'nowhere')
    assert status == 2 and 'nowhere is not a directory' in err
    status, _, err = command(TOOL, tmp_path, '--max-lag', '0')
    assert status == 2 and 'largest lag must be > 0 s, got 0' in err


@pytest.mark.slow
def test_workers_find_the_same(tmp_path, command):
    root = write_set(tmp_path / 'own', scale=1 / 9.80665)
    reports = []
    for workers in (1, 2):
        out = tmp_path / f'{workers}.json'
        status, *_ = command(TOOL, root, '--out', out, '--workers', workers)
        assert status == 1
        reports.append(json.loads(out.read_text()))
    assert reports[0] == reports[1]


class _Changed:
    """Opens a sensor file and changes its streams."""

    def __init__(self, view, change):
        self.view, self.change = view, change

    def __call__(self):
        return {p: self.change(s) for p, s in self.view.imu().items()}


def scaled(name, factor):
    def change(stream):
        values = np.asarray(stream.channels[name]) * np.float32(factor)
        channels = {**stream.channels, name: values}
        return SensorStream(stream.clock, channels)

    return change


def late(stream):
    clock = stream.clock
    clock = Clock(clock.num_samples, rate=clock.rate, start=clock.start + 0.5)
    return SensorStream(clock, stream.channels)


@pytest.mark.slow
def test_real_takes(utd_mhad_root, tmp_path):
    """Every third take of real people, as it is and with mistakes."""
    convert(UTDMHADReader(utd_mhad_root), tmp_path)
    views = find_views(tmp_path)[::3]
    report = check_recordings(views)
    assert report.findings == []
    # The Kinect is a little late: real, and no mistake of the data set.
    for fit in report.fits.values():
        assert fit.enough and -0.12 <= fit.lag <= 0.0
    for change, kind in (
        (scaled('acc', 1 / 9.80665), 'acc_unit'),
        (scaled('gyro', 57.29578), 'gyro_unit'),
        (scaled('gyro', 1 / 57.29578), 'gyro_unit'),
        (scaled('gyro', -1), 'gyro_sign'),
        (late, 'lag'),
    ):
        wrong = [
            type(v)(v.name, v.imu_name, _Changed(v, change), v.pose, v.camera)
            for v in views
        ]
        found = check_recordings(wrong).findings
        assert {f.kind for f in found} == {kind}, found
    mirrored = {'right_wrist': 'left_wrist', 'right_thigh': 'left_thigh'}

    def other_side(view):
        streams = view.imu()
        return lambda: {mirrored[p]: s for p, s in streams.items()}

    wrong = [
        type(v)(v.name, v.imu_name, other_side(v), v.pose, v.camera)
        for v in views
    ]
    (found,) = check_recordings(wrong).findings
    assert found.kind == 'swap' and 'left_wrist -> right_wrist' in found.fix


@pytest.mark.parametrize(
    'name', ['get_flops', 'browse_dataset', 'analyze_logs']
)
def test_help_without_docstrings(name, optimised, monkeypatch, capsys):
    tool = optimised(REPO / f'tools/analysis_tools/{name}.py')
    monkeypatch.setattr(sys, 'argv', [name, '--help'])
    with pytest.raises(SystemExit, match='0'):
        tool.main()
    assert 'usage' in capsys.readouterr().out
