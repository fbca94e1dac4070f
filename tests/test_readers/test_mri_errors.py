import pickle
from pathlib import Path

import numpy as np
import pytest
from corruption import check_contained, corruptions, malicious_pickle
from raw_mri import (
    IMG_SHAPE,
    label_content,
    make_subject,
    write_labels,
    write_subject,
)

from mobind_mm import readers
from mobind_mm.readers.mri import MRIReader
from mobind_mm.readers.mri.files import find_subjects

CPL = 'aligned_data/pose_labels/subject1_all_labels.cpl'
JSON = 'predictions/subject1_results_det.json'


@pytest.fixture
def src(tmp_path):
    return write_subject(tmp_path / 'src', make_subject())


def convert(src, dst, **options):
    reader = MRIReader(src, **{'img_shape': IMG_SHAPE, **options})
    return readers.convert(reader, dst).entries


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'video_label': None}, r'video_label is a NoneType.*imu_avail'),
        ({'video_label': {}}, 'video_label is a dict'),
        ({'video_label': {'jump': [0, 9]}}, "action 'jump'.*'walk'"),
        ({'video_label': {'walk': [9, 0]}}, r"\['walk'\] is \[9, 0\]"),
        ({'video_label': {'walk': 'x'}}, r"\['walk'\]"),
        (
            {'video_label': {'walk': [0, 9], 'pose_1': [8, 12]}},
            "'walk' up to frame 9 and 'pose_1' from frame 8",
        ),
        ({'imu_avail_frames': None}, 'has no imu_avail_frames.*video_label'),
        ({'rgb_avail_frames': None}, 'has no rgb_avail_frames'),
        ({'imu_avail_frames': [3, 2, 1]}, 'frame 2 after 3'),
        ({'imu_avail_frames': list(range(70))}, r'has 60 .* 70 \(imu_'),
        ({'pose_2d_l': None}, 'has no pose_2d_l'),
        ({'pose_2d_l': np.zeros((60, 17))}, r'\(60, 17\)'),
        ({'pose_2d_l': np.zeros((60, 17, 4))}, r'\(60, 17, 4\)'),
        ({'pose_2d_l': [[1, 2], [3]]}, 'pose_2d_l'),
        ({'pose_2d_l': np.zeros((60, 17, 2))}, 'no person in any frame'),
        ({'pose_2d_l': np.full((60, 17, 2), 0.5)}, 'pixels, not fractions'),
        ({'pose_2d_l': np.full((60, 17, 2), 5e3)}, '100% .* outside.*WIDTH'),
        ({'pose_2d_l': np.ones((50, 17, 2)) * 99}, 'pose_2d_l has 50 frames'),
    ],
)
def test_wrong_labels_are_named(src, tmp_path, changes, message):
    write_labels(src / CPL, label_content(make_subject(), **changes))
    with pytest.raises(ValueError, match=message) as caught:
        convert(src, tmp_path / 'dst', poses=('left',))
    assert str(src) in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('line', 'change', 'message'),
    [
        (0, lambda t: t.replace('ayg', 'ay'), '0 columns ayg'),
        (0, lambda t: t.replace('Time', 'ayg'), '2 columns ayg'),
        (5, lambda t: t.rsplit(',', 1)[0], 'line 6: 8 columns.*has 9'),
        (5, lambda t: t + ',1', 'line 6: 10 columns'),
        (5, lambda t: f'0.4,x{t[t.index(",") :]}', 'line 6: 10 columns'),
        (5, lambda t: t.replace('.', '_'), r"line 6: axg is '-?\d_"),
        (5, lambda t: t.rsplit(',', 1)[0] + ',', 'line 6: has a number in s'),
        (5, lambda t: t.rsplit(',', 1)[0] + ',7', 'line 6: .*norm is not 1'),
        (5, lambda t: t.rsplit(',', 1)[0] + ',1e999', "line 6: q1 is '1e999'"),
        (5, lambda t: '0,1,200,0,0,0,0,0,0', 'line 6: 1961.33 m/s'),
        (5, lambda t: '0,1,1e7,0,0,0,0,0,0', "line 6: axg is '1e7'"),
    ],
)
def test_wrong_tables_are_named(src, tmp_path, line, change, message):
    path = src / 'aligned_data/imu/subject1/IMU4.csv'
    lines = path.read_text().splitlines()
    lines[line] = change(lines[line])
    path.write_text('\n'.join(lines))
    with pytest.raises(ValueError, match=message) as caught:
        convert(src, tmp_path / 'dst')
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    assert not list((tmp_path / 'dst').rglob('*.*'))


@pytest.mark.parametrize(
    ('lost', 'message'),
    [
        (CPL, r'subject 1 has no subject1_all_labels\.cpl'),
        ('aligned_data/imu/subject1/IMU5.csv', r'no imu/subject1/IMU5\.csv'),
        (JSON, r'no subject1_results_det\.json.*--predictions.*--pose left'),
    ],
)
def test_half_a_subject(src, tmp_path, lost, message):
    (src / lost).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        convert(src, tmp_path / 'dst')
    assert not (tmp_path / 'dst').exists()


def test_no_data(src, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere is not a directory'):
        find_subjects(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match=r'no imu/subject<N>'):
        find_subjects(src / 'predictions')
    with pytest.raises(ValueError, match='subject 21 does not exist'):
        find_subjects(write_subject(tmp_path / 'x', make_subject(21)))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(img_shape=(0, 5)), '--img-shape 0 5'),
        (dict(poses=('front',)), r"--pose \['front'\]"),
        (dict(poses=()), '--pose'),
        (dict(acc_unit='mg'), '--acc-unit'),
        (dict(first_frame=2), '--first-frame'),
        (dict(imu_start=10**30), '--imu-start 1000'),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        MRIReader('src', **{'img_shape': IMG_SHAPE, **options})


@pytest.mark.parametrize('pose', ['mmpose', 'left'])
def test_height_and_width_swapped(src, tmp_path, pose):
    with pytest.raises(ValueError, match='height 640 and width 480|640, 480'):
        convert(src, tmp_path / 'dst', img_shape=(640, 480), poses=(pose,))


def test_malicious_labels_are_not_executed(src, tmp_path):
    marker = tmp_path / 'executed'
    (src / CPL).write_bytes(malicious_pickle(marker))
    with pytest.raises(ValueError, match=r'subject1_all_labels\.cpl'):
        convert(src, tmp_path / 'dst')
    assert not marker.exists() and not (tmp_path / 'dst').exists()
    content = label_content(make_subject(), note=Path)
    (src / CPL).write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match='Path'):
        convert(src, tmp_path / 'dst')


@pytest.mark.parametrize(
    'count', [16, pytest.param(200, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ('name', 'pose'),
    [
        (CPL, 'left'),
        ('aligned_data/imu/subject1/IMU2.csv', 'left'),
        (JSON, 'mmpose'),
    ],
)
def test_damaged_copies(tmp_path, name, pose, count):
    """A clear error or whole files, whatever became of one file."""
    src = write_subject(tmp_path / 'src', make_subject(1, 40))
    outcomes = []
    for what, content in corruptions((src / name).read_bytes(), 0, count):
        (src / name).write_bytes(content)
        dst = tmp_path / 'dst' / what.split(':')[0]
        outcome = check_contained(
            lambda dst=dst: convert(src, dst, poses=(pose,)), dst
        )
        assert outcome == 'fine' or str(src) in outcome, (what, outcome)
        outcomes.append(outcome)
    assert 0 < outcomes.count('fine') < count
