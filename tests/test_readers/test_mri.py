import json
import os
from pathlib import Path

import numpy as np
import pytest
from raw_mri import (
    ACTIONS,
    IMG_SHAPE,
    SENSORS,
    imu_rows,
    label_content,
    make_subject,
    predictions,
    write_csv,
    write_json,
    write_labels,
    write_subject,
)
from scipy.spatial.transform import Rotation

from mobind_mm import readers
from mobind_mm.datasets import MRIDataset
from mobind_mm.readers.mri import MRIReader
from mobind_mm.readers.mri.files import find_subjects
from mobind_mm.readers.mri.labels import action_label
from mobind_mm.recordings import read_imu, read_pose

FRAMES = 60
WORN = {i: p for i, p in SENSORS.items() if p not in ('head', 'pelvis')}
GAP = np.setdiff1d(np.arange(FRAMES), np.arange(20, 32))
CPL = 'aligned_data/pose_labels/subject1_all_labels.cpl'
JSON = 'predictions/subject1_results_det.json'


@pytest.fixture
def src(tmp_path):
    return write_subject(tmp_path / 'src', make_subject())


def convert(src, dst, predictions=None, **options):
    options = {'img_shape': IMG_SHAPE, **options}
    reader = MRIReader(src, predictions=predictions, **options)
    return readers.convert(reader, dst).entries


def entries_of(dst, split='train'):
    content = json.loads((dst / f'annotations/{split}.json').read_text())
    return content['data_list']


def angle(found, quat):
    """Degrees between scalar-first quaternions."""
    turns = [Rotation.from_quat(np.roll(q, -1, 1)) for q in (found, quat)]
    return np.rad2deg((turns[0].inv() * turns[1]).magnitude())


def check_sensors(dst, frames=None, number=1):
    """The stored streams are the known motion at these frames."""
    subject = make_subject(number)
    frames = np.arange(FRAMES) if frames is None else frames
    imu = read_imu(dst / f'imu/subject{number}.safetensors')
    assert set(imu) == set(WORN.values())
    for i, placement in WORN.items():
        stream = imu[placement]
        assert stream.gravity and stream.frame == 'sensor'
        times = stream.clock.at(slice(0, len(frames)))
        np.testing.assert_allclose(times, frames / 10, atol=1e-9)
        acc, quat = stream.channels['acc'][:], stream.channels['quat'][:]
        np.testing.assert_allclose(acc, subject.acc[i][frames], atol=2e-5)
        assert angle(quat, subject.quat[i][frames]).max() < 2e-4
    return imu


def check_pose(dst, name, camera='left', frames=None, number=1, unseen=()):
    """The stored keypoints are the known ones at these frames."""
    view = make_subject(number).views[camera]
    frames = np.arange(FRAMES) if frames is None else frames
    pose = read_pose(dst / f'pose/subject{number}_{name}.safetensors')
    assert (pose.layout, pose.img_shape) == ('coco', IMG_SHAPE)
    times = pose.clock.at(slice(0, len(frames)))
    np.testing.assert_allclose(times, frames / 10, atol=1e-9)
    seen = ~np.isin(frames, unseen)
    assert ((pose.scores[:] > 0) == seen[:, None]).all()
    np.testing.assert_allclose(
        pose.keypoints[:][seen], view[frames[seen]], atol=0.01
    )
    return pose


def test_known_motion_comes_back(src, tmp_path):
    dst = tmp_path / 'dst'
    poses = ('mmpose', 'left', 'right')
    assert convert(src, dst, poses=poses)['train'] == 3
    imu = check_sensors(dst)
    assert all(stream.clock.rate == 10 for stream in imu.values())
    norms = np.linalg.norm(imu['left_knee'].channels['acc'][:], axis=1)
    assert 9 < np.median(norms) < 11
    check_pose(dst, 'mmpose')
    check_pose(dst, 'left')
    check_pose(dst, 'right', 'right')
    entries = entries_of(dst)
    assert [entry['camera'] for entry in entries] == list(poses)
    assert {entry['imu'] for entry in entries} == {'imu/subject1.safetensors'}
    assert {entry['scene'] for entry in entries} == {'subject1'}
    classes = MRIDataset.METAINFO['classes']
    wanted = ('t_pose', 'pose_3', 'free_form', 'walk', 'pose_10', 't_pose')
    for entry in entries:
        assert (entry['start_s'], entry['end_s']) == (0, FRAMES / 10)
        found = [classes[segment['label']] for segment in entry['segments']]
        assert found == list(wanted)
        edges = [(s['start_s'], s['end_s']) for s in entry['segments']]
        assert edges == [(i, i + 1) for i in range(len(ACTIONS))]


def test_every_action_has_its_label():
    names = ['T pose', *(f'pose_{i}' for i in range(1, 11))]
    names += ['free_form', 'walk', 'T pose 2']
    labels = [action_label(name, Path('x')) for name in names]
    assert labels == [*range(13), 0]
    assert action_label('T_Pose2', Path('x')) == 0
    for name in ('pose_11', 'pose_1 2', 'T pose 3', ''):
        with pytest.raises(ValueError, match=f'x: .*action {name!r}'):
            action_label(name, Path('x'))


def test_splits_and_windows(tmp_path):
    split = {1: 'train', 14: 'train', 15: 'test', 16: 'val', 17: 'test'}
    split |= {18: 'val', 19: 'test', 20: 'test'}
    for number in split:
        write_subject(tmp_path / 'src', make_subject(number))
    dst = tmp_path / 'dst'
    counts = convert(tmp_path / 'src', dst)
    assert counts == {'train': 2, 'val': 2, 'test': 4}
    for number, name in split.items():
        check_sensors(dst, number=number)
        check_pose(dst, 'mmpose', number=number)
        assert str(number) in {e['subject'] for e in entries_of(dst, name)}
    dataset = MRIDataset(
        ann_file='annotations/test.json',
        data_root=str(dst),
        window_sec=1,
        stride_sec=1,
    )
    actions = [dataset.get_data_info(i)['action'] for i in range(6)]
    assert actions == [0, 3, 11, 12, 10, 0]


def masks(frames):
    mask = np.isin(np.arange(FRAMES), frames)
    return dict(imu_avail_frames=mask, rgb_avail_frames=mask.astype(float))


@pytest.mark.parametrize('changes', [{}, masks(GAP)], ids=['list', 'mask'])
def test_absent_frames_stay_a_gap(tmp_path, changes):
    src = write_subject(tmp_path / 'src', make_subject(), GAP, **changes)
    dst = tmp_path / 'dst'
    convert(src, dst, poses=('mmpose', 'left', 'right'))
    imu = check_sensors(dst, GAP)
    assert imu['left_wrist'].clock.rate is None
    check_pose(dst, 'mmpose', frames=GAP)
    check_pose(dst, 'left', frames=GAP)
    check_pose(dst, 'right', 'right', frames=GAP)
    (entry, *_) = entries_of(dst)
    assert (entry['start_s'], entry['end_s']) == (0, FRAMES / 10)


@pytest.mark.parametrize(
    'available', [GAP.tolist(), masks(GAP)['imu_avail_frames']]
)
def test_rows_for_all_frames_are_dropped_where_absent(
    src, tmp_path, available
):
    """A row for each frame; those of absent frames hold nonsense."""
    subject = make_subject()
    write_labels(
        src / CPL,
        label_content(
            subject, imu_avail_frames=available, rgb_avail_frames=available
        ),
    )
    for i in SENSORS:
        acc = subject.acc[i].copy()
        acc[20:32] = 5.0
        path = src / f'aligned_data/imu/subject1/IMU{i}.csv'
        write_csv(path, imu_rows(acc, subject.quat[i]))
    convert(src, tmp_path / 'dst', poses=('mmpose', 'left'))
    check_sensors(tmp_path / 'dst', GAP)
    check_pose(tmp_path / 'dst', 'mmpose', frames=GAP)
    check_pose(tmp_path / 'dst', 'left', frames=GAP)


@pytest.mark.parametrize('filler', ['0', '', 'nan', '0.000'])
def test_empty_rows_are_gaps(src, tmp_path, filler):
    subject = make_subject()
    for i in SENSORS:
        rows = imu_rows(subject.acc[i], subject.quat[i])
        for row in rows[21:33]:
            row[1:] = [filler] * (len(row) - 1)
        write_csv(src / f'aligned_data/imu/subject1/IMU{i}.csv', rows)
    convert(src, tmp_path / 'dst')
    check_sensors(tmp_path / 'dst', GAP)
    check_pose(tmp_path / 'dst', 'mmpose')


def test_streams_begin_and_end_at_different_frames(src, tmp_path):
    """Pairs (first, last), with the last frame or without it."""
    subject = make_subject()
    write_labels(
        src / CPL,
        label_content(
            subject, imu_avail_frames=[5, 49], rgb_avail_frames=(10, 60)
        )
        | {'pose_2d_l': subject.views['left'][10:60]},
    )
    for i in SENSORS:
        path = src / f'aligned_data/imu/subject1/IMU{i}.csv'
        rows = imu_rows(subject.acc[i][5:50], subject.quat[i][5:50])
        write_csv(path, rows)
    write_json(src / JSON, predictions(subject.views['left'][10:60]))
    convert(src, tmp_path / 'dst', poses=('mmpose', 'left'))
    check_sensors(tmp_path / 'dst', np.arange(5, 50))
    check_pose(tmp_path / 'dst', 'mmpose', frames=np.arange(10, 60))
    check_pose(tmp_path / 'dst', 'left', frames=np.arange(10, 60))
    (entry, _) = entries_of(tmp_path / 'dst')
    assert (entry['start_s'], entry['end_s']) == (1, 5)


def test_frames_of_the_labels_count_from_one(src, tmp_path):
    subject = make_subject()
    actions = {n: [a + 1, b + 1] for n, (a, b) in subject.actions.items()}
    content = label_content(
        subject,
        video_label=actions,
        imu_avail_frames=np.arange(1, FRAMES + 1),
        rgb_avail_frames=GAP + 1,
    )
    write_labels(src / CPL, content)
    write_json(src / JSON, predictions(subject.views['left'], first=1))
    dst = tmp_path / 'dst'
    convert(src, dst, poses=('mmpose', 'right'))
    check_sensors(dst)
    check_pose(dst, 'mmpose', frames=GAP)
    check_pose(dst, 'right', 'right', frames=GAP)
    assert entries_of(dst)[0]['segments'][0]['start_s'] == 0
    assert entries_of(dst)[0]['segments'][-1]['end_s'] == FRAMES / 10
    # Against the evidence, on request: there is no frame 60 then.
    with pytest.raises(ValueError, match=r'has 60 frames, but the labels'):
        convert(src, tmp_path / 'other', poses=('right',), first_frame=0)
    write_labels(src / CPL, label_content(subject))
    with pytest.raises(ValueError, match='frame 0.*--first-frame 0'):
        convert(src, tmp_path / 'other', first_frame=1)


@pytest.mark.parametrize(
    'shape',
    [
        dict(first=1),
        dict(empty=(0, 7, 8, 59)),
        dict(nested=False, first=1, empty=(30,)),
        dict(bystander=True),
    ],
    ids=str,
)
@pytest.mark.parametrize('wrapped', [False, True])
def test_shapes_of_predictions(src, tmp_path, shape, wrapped):
    content = predictions(make_subject().views['left'], **shape)
    if wrapped:
        content = {'meta_info': {}, 'instance_info': content}
    write_json(src / JSON, content)
    convert(src, tmp_path / 'dst')
    check_pose(tmp_path / 'dst', 'mmpose', unseen=shape.get('empty', ()))
    (entry,) = entries_of(tmp_path / 'dst')
    assert (entry['start_s'], entry['end_s']) == (0, FRAMES / 10)


def test_who_moves_while_frames_are_absent_is_one_person(tmp_path):
    """The frames of a video without the gap follow each other directly."""
    subject = make_subject(2, 200)
    view = subject.views['left'].copy()
    view[130:] += (150, 0)
    frames = np.setdiff1d(np.arange(200), np.arange(110, 130))
    src = write_subject(tmp_path / 'src', subject, frames)
    write_json(src / JSON.replace('1', '2'), predictions(view[frames]))
    convert(src, tmp_path / 'dst')
    pose = read_pose(tmp_path / 'dst/pose/subject2_mmpose.safetensors')
    assert (pose.scores[:] > 0).all()
    np.testing.assert_allclose(pose.keypoints[:], view[frames], atol=0.01)


def test_a_person_who_is_often_somebody_else_is_reported(
    src, tmp_path, logged
):
    content = predictions(make_subject().views['left'], bystander=True)
    write_json(src / JSON, content)
    convert(src, tmp_path / 'dst', person=0)
    assert any('person 0 is there in 50%' in line for line in logged)
    pose = read_pose(tmp_path / 'dst/pose/subject1_mmpose.safetensors')
    assert (pose.scores[:][:, 0] > 0).tolist() == [True, False] * 30
    with pytest.raises(ValueError, match=r'\.json: person 7 is none'):
        convert(src, tmp_path / 'dst', person=7)


def test_a_long_absence_ends_nobody(tmp_path):
    subject = make_subject(2, 200)
    src = write_subject(tmp_path / 'src', subject)
    away = range(30, 150)
    content = predictions(subject.views['left'], empty=away)
    write_json(src / JSON.replace('1', '2'), content)
    convert(src, tmp_path / 'dst')
    pose = read_pose(tmp_path / 'dst/pose/subject2_mmpose.safetensors')
    seen = ~np.isin(np.arange(200), away)
    np.testing.assert_array_equal(pose.scores[:][:, 0] > 0, seen)


def test_predictions_of_another_length(src, tmp_path):
    view = make_subject().views['left']
    write_json(src / JSON, predictions(view[4:50]))
    with pytest.raises(ValueError, match=r'has 46 .* 60.*--video-start'):
        convert(src, tmp_path / 'dst')
    assert not (tmp_path / 'dst/annotations').exists()
    convert(src, tmp_path / 'dst', video_start=4)
    check_pose(tmp_path / 'dst', 'mmpose', frames=np.arange(4, 50))
    for i in SENSORS:
        path = src / f'aligned_data/imu/subject1/IMU{i}.csv'
        path.write_text('\n'.join(path.read_text().splitlines()[:41]))
    with pytest.raises(ValueError, match=r'IMU1\.csv has 40 .* 60.*--imu-st'):
        convert(src, tmp_path / 'dst', video_start=4)
    convert(src, tmp_path / 'dst', video_start=4, imu_start=0)
    check_sensors(tmp_path / 'dst', np.arange(40))


@pytest.mark.parametrize(
    'style',
    [
        dict(newline='\r\n'),
        dict(newline='\n\n'),
        dict(encoding='utf-8-sig'),
        dict(delimiter=';', newline='\r\n', encoding='utf-8-sig'),
        dict(delimiter='\t'),
    ],
    ids=str,
)
def test_styles_of_tables(src, tmp_path, style):
    subject = make_subject()
    rng = np.random.default_rng(0)
    for i in SENSORS:
        rows = imu_rows(subject.acc[i], subject.quat[i])
        order = rng.permutation(len(rows[0]))
        rows = [[row[k] for k in order] for row in rows]
        rows[0] = [{'axg': 'ax(g)', 'q0': ' Q0'}.get(c, c) for c in rows[0]]
        path = src / f'aligned_data/imu/subject1/IMU{i}.csv'
        write_csv(path, rows, **style)
        path.write_bytes(path.read_bytes() + b'\r\n\n')
    convert(src, tmp_path / 'dst')
    check_sensors(tmp_path / 'dst')


def test_units_of_acceleration(src, tmp_path):
    subject = make_subject()
    path = src / 'aligned_data/imu/subject1/IMU1.csv'
    with pytest.raises(ValueError, match=r'IMU1\.csv.*--acc-unit g'):
        convert(src, tmp_path / 'dst', acc_unit='m/s2')
    still = subject.acc[1] * 0.02
    write_csv(path, imu_rows(still, subject.quat[1]))
    with pytest.raises(ValueError, match=r'IMU1\.csv.*was gravity removed'):
        convert(src, tmp_path / 'dst')
    for i in SENSORS:
        rows = imu_rows(subject.acc[i], subject.quat[i], unit=1.0)
        write_csv(path.with_name(f'IMU{i}.csv'), rows)
    with pytest.raises(ValueError, match=r'is \d+\.?\d*.*--acc-unit m/s2'):
        convert(src, tmp_path / 'dst')
    convert(src, tmp_path / 'dst', acc_unit='m/s2')
    check_sensors(tmp_path / 'dst')


def turned(camera, key):
    """A camera's keypoints, as other shapes of the same thing."""
    view = make_subject().views[camera]
    return {
        'axes': {key: view.swapaxes(1, 2)},
        'float32': {key: view.astype(np.float32)},
        'lists': {key: view.tolist()},
        'scores': {key: np.dstack([view, np.full(view.shape[:2], 0.7)])},
    }


@pytest.mark.parametrize('kind', ['axes', 'float32', 'lists', 'scores'])
def test_shapes_of_shipped_poses(src, tmp_path, kind):
    changes = turned('right', 'pose_2d_r')[kind]
    write_labels(src / CPL, label_content(make_subject(), **changes))
    convert(src, tmp_path / 'dst', poses=('right',))
    pose = check_pose(tmp_path / 'dst', 'right', 'right')
    score = 0.7 if kind == 'scores' else 1.0
    np.testing.assert_allclose(pose.scores[:], score, rtol=1e-6)


def test_undetected_keypoints_have_score_zero(src, tmp_path):
    view = make_subject().views['left'].copy()
    view[3:9], view[12, 5] = 0, np.nan
    write_labels(src / CPL, label_content(make_subject(), pose_2d_l=view))
    convert(src, tmp_path / 'dst', poses=('left',))
    pose = read_pose(tmp_path / 'dst/pose/subject1_left.safetensors')
    lost = np.zeros((FRAMES, 17), bool)
    lost[3:9], lost[12, 5] = True, True
    np.testing.assert_array_equal(pose.scores[:] == 0, lost)


def test_frames_of_a_camera_count_before_those_of_the_video(src, tmp_path):
    view = make_subject().views['left']
    changes = {'2d_l_avail_frames': GAP, 'pose_2d_l': view[GAP]}
    write_labels(src / CPL, label_content(make_subject(), **changes))
    convert(src, tmp_path / 'dst', poses=('left', 'right'))
    check_pose(tmp_path / 'dst', 'left', frames=GAP)
    check_pose(tmp_path / 'dst', 'right', 'right')


def test_an_action_may_end_where_the_next_begins(src, tmp_path):
    actions = {'walk': (0, 20), 'T pose 2': (20, 40), 'pose_1': (45, 50)}
    write_labels(src / CPL, label_content(make_subject(), video_label=actions))
    convert(src, tmp_path / 'dst')
    (entry,) = entries_of(tmp_path / 'dst')
    found = [tuple(segment.values()) for segment in entry['segments']]
    assert found == [(0, 2, 12), (2, 4.1, 0), (4.5, 5.1, 1)]


def test_spellings(tmp_path):
    write_subject(tmp_path / 'raw', make_subject())
    src = tmp_path / 'src/dataset_release'
    folder = src / 'Aligned_Data/IMU/Subject_01'
    folder.mkdir(parents=True)
    for i in SENSORS:
        path = tmp_path / f'raw/aligned_data/imu/subject1/IMU{i}.csv'
        path.rename(folder / f'imu{i:02}.CSV')
    (tmp_path / 'raw' / CPL).rename(src / 'SUBJECT01_All_Labels.CPL')
    found = tmp_path / 'elsewhere/deep'
    found.mkdir(parents=True)
    (tmp_path / 'raw' / JSON).rename(found / 'Subject1_results_det.JSON')
    dst = tmp_path / 'dst'
    convert(tmp_path / 'src', dst, predictions=tmp_path / 'elsewhere')
    check_sensors(dst)
    check_pose(dst, 'mmpose')
    # A second copy that is not aligned does not count, an aligned one does.
    write_csv(src / 'raw_data/subject1/IMU1.csv', [['axg']])
    assert len(find_subjects(tmp_path / 'src')) == 1
    write_csv(src / 'aligned_data/imu/subject1/IMU1.csv', [['axg']])
    with pytest.raises(ValueError, match=r'imu01\.CSV and .*IMU1\.csv are'):
        find_subjects(tmp_path / 'src')


def test_second_run_does_only_what_is_missing(src, tmp_path):
    dst = tmp_path / 'dst'
    write_subject(src, make_subject(2))
    poses = ('mmpose', 'left')

    def run(**options):
        convert(src, dst, **{'poses': poses, **options})
        files = dst.rglob('*.safetensors')
        return {path.stem: path.stat().st_ino for path in files}

    def changed(before, after):
        return {k for k in before | after if before.get(k) != after.get(k)}

    first = run()
    assert len(first) == 6
    assert changed(first, run()) == set()
    (dst / 'pose/subject2_left.safetensors').unlink()
    assert changed(first, second := run()) == {'subject2_left'}
    longer = run(img_shape=(1100, 1920))
    assert changed(second, longer) == {k for k in first if '_' in k}
    # Other predictions, older than the labels.
    path = write_json(
        tmp_path / 'other/subject2_results_det.json',
        predictions(make_subject(2).views['left'] + 1),
    )
    os.utime(path, (0, 0))
    (src / JSON).rename(tmp_path / 'other/subject1_results_det.json')
    other = run(img_shape=(1100, 1920), predictions=tmp_path / 'other')
    assert changed(longer, other) == {'subject2_mmpose'}


def test_the_reader(src, tmp_path):
    write_subject(src, make_subject(15), GAP)
    reader = MRIReader(src, IMG_SHAPE, ('mmpose', 'right'))
    readers.check_reader(reader, tmp_path / 'dst')
    assert readers.get_reader('mri') is MRIReader
