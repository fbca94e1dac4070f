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
from mobind_mm.readers.mri.labels import (
    Timeline,
    frame_clock,
    parse_frames,
    parse_pair,
)

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


MASK = np.array([0, 0, 1, 1, 1, 0, 1, 1], bool)


def parse(value):
    return parse_frames(value, 'imu_avail_frames', 'file')


@pytest.mark.parametrize(
    ('value', 'kind', 'frames'),
    [
        ([2, 3, 4, 6, 7], 'list', [2, 3, 4, 6, 7]),
        (np.array([2.0, 3.0, 9.0]), 'list', [2, 3, 9]),
        (np.where(MASK), 'list', [2, 3, 4, 6, 7]),
        (np.array([[2], [3], [5]], np.uint16), 'list', [2, 3, 5]),
        (MASK, 'mask', [2, 3, 4, 6, 7]),
        (MASK.astype(float).tolist(), 'mask', [2, 3, 4, 6, 7]),
        ((3, 6), 'pair', [3, 4, 5, 6]),
        (np.array([[3, 6]]), 'pair', [3, 4, 5, 6]),
        ([0, 1], 'pair', [0, 1]),
    ],
)
def test_shapes_of_available_frames(value, kind, frames):
    found = parse(value)
    assert (found.kind, found.frames.tolist()) == (kind, frames)
    assert found.length == (8 if kind == 'mask' else 0)
    if kind == 'pair':
        assert found.readings[1].tolist() == frames[:-1]


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([], r'shape \(0,\)'),
        ({'a': 1}, 'object of shape'),
        ([[1, 2, 3], [4, 5, 6]], r'shape \(2, 3\)'),
        ([[1], [2, 3]], 'expected a list of frames'),
        (['a', 'b'], 'expected a list of frames'),
        ([1, 2, 2.5], 'contains 2.5'),
        ([1, 2, float('nan')], 'contains nan'),
        ([1, 2, -3], 'contains -3'),
        ([5, 10**12], 'contains 1000000000000'),
        ([5, float('inf')], 'contains inf'),
        ([2, 5, 4], 'frame 4 after 5'),
        ([2, 5, 5], 'frame 5 after 5'),
        ([6, 3], r'\[6, 3\]'),
        (None, 'object'),
    ],
)
def test_other_values_are_refused(value, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(value)
    assert str(caught.value).startswith('file: imu_avail_frames')


def test_pairs_of_actions():
    assert parse_pair(np.array([4, 9.0]), 'x') == (4, 9)
    assert parse_pair([4, 4], 'x') == (4, 4)
    for value in ([4], [4, 5, 6], [5, 4], 'ab', None, [4, 4.5]):
        with pytest.raises(ValueError, match='^x '):
            parse_pair(value, 'x')


def infer(*values, pairs=(), rows=(), first_frame=None):
    sets = [parse(value) for value in values]
    return Timeline.infer(sets, pairs, rows, 'file', first_frame)


@pytest.mark.parametrize(
    ('arguments', 'first', 'lengths'),
    [
        # A list that ends with the number of all frames counts from 1.
        (dict(values=[range(1, 11)], rows=[10]), 1, (10,)),
        (dict(values=[[3, 4, 10]], rows=[3, 10]), 1, (10,)),
        (dict(values=[range(10)], rows=[10]), 0, (10,)),
        # Frame 0 exists, so 10 is not the last of 10.
        (dict(values=[range(11)], rows=[10]), 0, (11,)),
        (dict(values=[[3, 10]], pairs=[(0, 5)], rows=[10]), 0, (10, 11)),
        # The video is longer than what is labelled.
        (dict(values=[[3, 4, 5]], pairs=[(1, 8)], rows=[12]), 0, (12,)),
        # The end of a pair may or may not be a frame.
        (dict(values=[[3, 8]], rows=[4]), 0, (8, 9)),
        (dict(values=[[2, 3, 4]], pairs=[(1, 8)], rows=[3]), 0, (8, 9)),
        (dict(values=[[2, 3, 9]], pairs=[(1, 8)], rows=[3]), 0, (10,)),
        (dict(values=[MASK], pairs=[(1, 40)], rows=[5]), 0, (8,)),
        # What the user says counts.
        (dict(values=[range(1, 11)], rows=[10], first_frame=0), 0, (11,)),
        (dict(values=[[2, 3, 9]], rows=[3], first_frame=1), 1, (9,)),
    ],
)
def test_first_frame_and_length(arguments, first, lengths):
    values = [
        list(v) if isinstance(v, range) else v for v in arguments.pop('values')
    ]
    timeline = infer(*values, **arguments)
    assert (timeline.first_frame, timeline.lengths) == (first, lengths)


def test_masks_of_two_lengths():
    with pytest.raises(ValueError, match=r'masks of \[5, 8\] frames'):
        infer(MASK, MASK[:5])


@pytest.mark.parametrize(
    ('value', 'rows', 'frames'),
    [
        ([2, 3, 4, 6, 7], 5, [2, 3, 4, 6, 7]),
        ([2, 3, 4, 6, 7], 9, [2, 3, 4, 6, 7]),
        (np.append(MASK, False), 5, [2, 3, 4, 6, 7]),
        (np.append(MASK, False), 9, [2, 3, 4, 6, 7]),
        ([3, 6], 4, [3, 4, 5, 6]),
        ([3, 6], 3, [3, 4, 5]),
        ([3, 6], 9, [3, 4, 5, 6]),
    ],
)
def test_rows_find_their_frames(value, rows, frames):
    timeline = infer(value, rows=[9])
    found, keep = timeline.place(rows, [parse(value)], 'table')
    assert len(found) == len(keep) == rows
    assert found[keep].tolist() == frames


def test_rows_that_fit_nothing():
    timeline = infer([2, 3, 4, 6, 7], rows=[9])
    sets = [parse([2, 3, 4, 6, 7])]
    with pytest.raises(
        ValueError,
        match=r'^table has 8 frames.* 5 \(imu_avail_frames\) or 9 .*Do this',
    ):
        timeline.place(8, sets, 'table', hint='Do this.')
    found, keep = timeline.place(8, sets, 'table', start=1)
    assert found.tolist() == list(range(1, 9))
    assert found[keep].tolist() == [2, 3, 4, 6, 7]
    with pytest.raises(ValueError, match='has frames 20 to 27'):
        timeline.place(8, sets, 'table', start=20)
    # The set of the camera does not fit, that of the video does.
    found, _ = timeline.place(3, [*sets, parse([5, 6, 8])], 'table')
    assert found.tolist() == [5, 6, 8]


def test_start_counts_as_the_labels_do():
    timeline = infer([1, 2, 3, 4], rows=[4])
    sets = [parse([1, 2, 3, 4]).counted_from(timeline.first_frame)]
    found, keep = timeline.place(6, sets, 'table', start=1)
    assert found[keep].tolist() == [0, 1, 2, 3]


def test_clock_of_frames():
    clock = frame_clock(np.array([7, 8, 9]))
    assert (clock.rate, clock.start) == (10, 0.7)
    clock = frame_clock(np.array([7, 8, 10]))
    assert clock.rate is None
    np.testing.assert_allclose(clock.times, [0.7, 0.8, 1.0])
