import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from programs import python
from raw_totalcapture import (
    PUBLISHED,
    SENSORS,
    camera_lines,
    convert_takes,
    make_camera,
    make_cameras,
    make_take,
    reference,
    repeat,
    text,
    write_cameras,
    write_dataset,
    write_take,
)
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import TotalCaptureDataset
from mobind_mm.readers import check_reader, convert
from mobind_mm.readers.totalcapture import TotalCaptureReader
from mobind_mm.readers.totalcapture.files import find_takes
from mobind_mm.readers.totalcapture.sensors import PLACEMENTS
from mobind_mm.recordings import read_imu, read_pose
from mobind_mm.skeleton import get_layout

REPO = Path(__file__).parents[2]
TOOL = REPO / 'tools/dataset_converters/totalcapture.py'
TAKES = [
    make_take(1, 'acting1', 2.5),
    make_take(2, 'walking2', 2.5),
    make_take(3, 'rom3', 2.5),
    make_take(4, 'freestyle1', 2.5),
    make_take(5, 'acting2', 2.5),
]
CAMERAS = make_cameras()
BODY = [
    f'{side}_{joint}'
    for side in ('left', 'right')
    for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
]


def header_source(path):
    content = Path(path).read_bytes()
    size = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + size])['__metadata__']['header']
    return json.loads(header)['source']


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
    """Raw files of five subjects, and what the command makes of them."""
    root = tmp_path_factory.mktemp('totalcapture')
    write_dataset(root / 'src', TAKES, CAMERAS)
    convert_takes(root / 'src', root / 'dst')
    return root / 'src', root / 'dst'


def test_imu_is_stored_once_and_as_measured(converted):
    _, dst = converted
    names = sorted(path.stem for path in (dst / 'imu').iterdir())
    assert names == sorted(raw.name for raw in TAKES)
    for raw in TAKES:
        imu = read_imu(dst / f'imu/{raw.name}.safetensors')
        assert set(imu) == {PLACEMENTS[name] for name in SENSORS}
        for name, measured in raw.sensors.items():
            stream = imu[PLACEMENTS[name]]
            assert set(stream.channels) == {'acc', 'gyro', 'quat'}
            assert stream.gravity and stream.frame == 'sensor'
            assert stream.clock.span == (0, 149 / 60)
            for channel in ('acc', 'gyro'):
                np.testing.assert_allclose(
                    stream.channels[channel][:],
                    measured.channels[channel],
                    atol=5e-6,
                )
    source = header_source(dst / f'imu/{raw.name}.safetensors')
    assert source['orientation_of'] == 'sensor'


def test_keypoints_agree_with_opencv(converted):
    _, dst = converted
    order = get_layout('coco')
    for raw in TAKES:
        for number, camera in enumerate(CAMERAS, 1):
            path = dst / f'pose/{raw.name}_cam{number}.safetensors'
            pose = read_pose(path)
            assert (pose.layout, pose.img_shape) == ('coco', (1080, 1920))
            assert pose.clock.rate == 60 and pose.clock.start == 0
            for name in BODY:
                expected, _ = reference(camera, raw.keypoint(name))
                found = pose.keypoints[:][:, order.index(name)]
                assert np.abs(found - expected).max() < 0.1
                assert (pose.scores[:][:, order.index(name)] == 1).all()
            # The nose is some centimetres from the synthetic one.
            expected, _ = reference(camera, raw.keypoint('nose'))
            offset = np.abs(pose.keypoints[:][:, 0] - expected)
            assert offset.max() < 40
    assert header_source(path)['head'] == 'rigid'


def test_splits_entries_and_labels(converted):
    _, dst = converted
    expected = {
        'train': [('1', 's1_acting1', 0), ('2', 's2_walking2', 3)],
        'val': [('4', 's4_freestyle1', 1)],
        'test': [('5', 's5_acting2', 0)],
    }
    expected['train'].append(('3', 's3_rom3', 2))
    for split, takes in expected.items():
        path = dst / 'annotations' / f'{split}.json'
        content = json.loads(path.read_text())
        assert content['metainfo'] == {
            'dataset_name': 'totalcapture',
            'classes': ['acting', 'freestyle', 'rom', 'walking'],
            'skeleton': 'coco',
            'format_version': 1,
        }
        assert content['data_list'] == [
            {
                'take': take,
                'imu': f'imu/{take}.safetensors',
                'pose': f'pose/{take}_cam{camera}.safetensors',
                'subject': subject,
                'scene': take,
                'camera': f'cam{camera}',
                'start_s': 0.0,
                'end_s': 2.5,
                'segments': [{'start_s': 0.0, 'end_s': 2.5, 'label': label}],
            }
            for subject, take, label in takes
            for camera in range(1, 9)
        ]
    dataset = TotalCaptureDataset(
        ann_file='annotations/train.json',
        data_root=str(dst),
        window_sec=2,
        stride_sec=1,
    )
    windows = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert len(windows) == 3 * 8
    assert {w['action'] for w in windows} == {0, 2, 3}


def test_calibrated_sensors_are_bones(converted, tmp_path):
    src, _ = converted
    convert_takes(src, tmp_path, takes=['s1_*'], cameras=[1], calibrate=True)
    path = tmp_path / 'imu/s1_acting1.safetensors'
    for name, segment in SENSORS.items():
        stream = read_imu(path)[PLACEMENTS[name]]
        quat = np.roll(stream.channels['quat'][:], -1, axis=1)
        turn = Rotation.from_quat(quat).inv() * TAKES[0].rotation(segment)
        assert turn.magnitude().max() < 1e-5
        mounting = TAKES[0].mountings[name].rotation
        np.testing.assert_allclose(
            stream.channels['acc'][:],
            TAKES[0].sensors[name].channels['acc'] @ mounting.T,
            atol=1e-4,
        )
    source = header_source(path)
    assert source['orientation_of'] == 'bone'
    assert source['files'][1:] == [
        's1_acting1_calib_imu_ref.txt',
        's1_acting1_calib_imu_bone.txt',
    ]


FLAT = {
    'sensors': 'S{s}_{t}_XSENS.sensors',
    'auxfields': 's{s}_{t}_xsens_auxfields.SENSORS',
    'ref': 's{s}_{t}_calib_imu_ref.txt',
    'bone': 's{s}_{t}_calib_imu_bone.txt',
    'positions': 's{s}_{t}_gt_skel_gbl_pos.txt',
    'orientations': 'S{s}_{t}_GT_skel_gbl_ori.txt',
}
PER_SUBJECT = {
    kind: 'S{s}/{t}/' + Path(path).name for kind, path in PUBLISHED.items()
}
UNPACKED = {
    **PUBLISHED,
    'sensors': 'data/s{s}_imu/s{s}_{t}_Xsens.sensors',
    'positions': 'data/s{s}_vicon_pos_ori/{t}/gt_skel_gbl_pos.txt',
    'orientations': 'data/s{s}_vicon_pos_ori/{t}/gt_skel_gbl_ori.txt',
}


@pytest.mark.parametrize('layout', [FLAT, PER_SUBJECT, UNPACKED])
@pytest.mark.parametrize(
    'style', [{}, {'newline': '\r\n', 'blank': ' \t', 'end': '\r\n\r\n'}]
)
def test_spellings_change_nothing(converted, tmp_path, layout, style):
    _, dst = converted
    src = tmp_path / 'src'
    write_cameras(src / 'some/Calibration.CAL', CAMERAS, **style)
    for raw in TAKES:
        write_take(src, raw, layout, **style)
    # The same calibration with every subject, as archives have it.
    write_cameras(src / 'more/calibration.cal', CAMERAS, **style)
    convert_takes(src, tmp_path / 'dst')
    for path in sorted(dst.rglob('*.safetensors')):
        again = tmp_path / 'dst' / path.relative_to(dst)
        read = read_imu if path.parent.name == 'imu' else read_pose
        first, second = read(path), read(again)
        if read is read_pose:
            first, second = ({'': vars(stream)} for stream in (first, second))
            keys = ('keypoints', 'scores')
        else:
            first, second = (
                {name: s.channels for name, s in streams.items()}
                for streams in (first, second)
            )
            keys = ('acc', 'gyro', 'quat')
        for name in first:
            for key in keys:
                assert (first[name][key][:] == second[name][key][:]).all()
    for split in ('train', 'val', 'test'):
        name = f'annotations/{split}.json'
        assert (dst / name).read_text() == (
            tmp_path / 'dst' / name
        ).read_text()


def test_directory_of_one_subject(tmp_path):
    """``SRC`` itself names the subject."""
    src = tmp_path / 'S1'
    write_cameras(src / 'calibration.cal', CAMERAS)
    write_take(tmp_path, TAKES[0], PER_SUBJECT)
    (take,) = find_takes(src)
    assert take.name == 's1_acting1' and len(take.files) == 6


def test_links_to_directories(tmp_path):
    write_dataset(tmp_path / 'disk', TAKES[:1], CAMERAS)
    (tmp_path / 'src').mkdir()
    (tmp_path / 'src/a').symlink_to(tmp_path / 'disk')
    (tmp_path / 'disk/loop').symlink_to(tmp_path / 'src')
    (take,) = find_takes(tmp_path / 'src')
    assert len(take.files) == 6


def test_a_person_who_leaves_and_points_behind(tmp_path):
    """A camera a metre away sees only some of the joints, some behind."""
    raw = make_take(1, 'walking1', 12.0)
    near = make_camera(0.5, distance=0.25, height=1.2)
    aside = make_camera(2.0, distance=1.6)
    write_dataset(tmp_path / 'src', [raw], [near, aside])
    convert_takes(tmp_path / 'src', tmp_path / 'dst')
    seen, behind = [], 0
    for number, camera in enumerate((near, aside), 1):
        path = tmp_path / f'dst/pose/s1_walking1_cam{number}.safetensors'
        pose = read_pose(path)
        for name in BODY:
            expected, depth = reference(camera, raw.keypoint(name))
            inside = ((expected >= 0) & (expected <= (1919, 1079))).all(1)
            scores = pose.scores[:][:, get_layout('coco').index(name)]
            found = pose.keypoints[:][:, get_layout('coco').index(name)]
            assert set(np.unique(scores)) <= {0, 1}
            visible = scores == 1
            # Nobody is visible who is not; folded points are left out.
            assert not (visible & ~(inside & (depth > 0.01))).any()
            assert (found[~visible] == 0).all()
            error = np.abs(found - expected)[visible]
            assert error.size == 0 or error.max() < 0.1
            behind += int((depth < 0).sum())
            if number == 2:
                assert (visible == (inside & (depth > 0.01))).all()
            seen.append(visible.mean())
    assert behind > 100
    assert min(seen) < 0.5 < max(seen)


def test_no_orientations_no_head(tmp_path):
    kinds = [kind for kind in PUBLISHED if kind != 'orientations']
    write_dataset(tmp_path / 'src', TAKES[:1], CAMERAS, kinds=kinds)
    convert_takes(tmp_path / 'src', tmp_path / 'dst')
    path = tmp_path / 'dst/pose/s1_acting1_cam3.safetensors'
    scores = read_pose(path).scores[:]
    for index, name in enumerate(get_layout('coco')):
        assert (scores[:, index] == (1 if name in BODY else 0)).all()
    assert header_source(path)['head'] == 'none'
    # With them it is converted again.
    write_take(tmp_path / 'src', TAKES[0], kinds=['orientations'])
    convert_takes(tmp_path / 'src', tmp_path / 'dst')
    assert (read_pose(path).scores[:] == 1).all()


def test_without_auxfields_there_is_no_gyroscope(tmp_path):
    kinds = [kind for kind in PUBLISHED if kind != 'auxfields']
    write_dataset(tmp_path / 'src', TAKES[:1], CAMERAS, kinds=kinds)
    convert_takes(tmp_path / 'src', tmp_path / 'dst')
    imu = read_imu(tmp_path / 'dst/imu/s1_acting1.safetensors')
    assert {frozenset(s.channels) for s in imu.values()} == {
        frozenset({'acc', 'quat'})
    }


def test_magnetometer(tmp_path):
    write_dataset(tmp_path / 'src', TAKES[:1], CAMERAS)
    convert_takes(tmp_path / 'src', tmp_path / 'dst', mag_unit=49.0)
    path = tmp_path / 'dst/imu/s1_acting1.safetensors'
    field = read_imu(path)['head'].channels['mag'][:]
    np.testing.assert_allclose(np.linalg.norm(field, axis=1), 49, rtol=1e-5)
    assert header_source(path)['mag_unit_ut'] == 49.0
    with pytest.raises(ValueError, match='got -1 uT'):
        convert_takes(tmp_path / 'src', tmp_path / 'x', mag_unit=-1)


def test_lengths_may_differ_a_little(tmp_path):
    short, long = make_take(1, 'acting1', 2.5), make_take(1, 'acting1', 2.5, 7)
    imu = ('sensors', 'auxfields', 'ref', 'bone')
    write_dataset(tmp_path / 'src', [short], CAMERAS, kinds=imu)
    vicon = ('positions', 'orientations')
    write_take(tmp_path / 'src', long, kinds=vicon)
    convert_takes(tmp_path / 'src', tmp_path / 'dst')
    path = tmp_path / 'dst/annotations/train.json'
    entry = json.loads(path.read_text())['data_list'][0]
    assert (entry['start_s'], entry['end_s']) == (0, 2.5)
    paths = write_take(tmp_path / 'src', repeat(long, 3), kinds=vicon)
    with pytest.raises(ValueError, match='150 frames .* 471: .* 5.3 s') as e:
        convert_takes(tmp_path / 'src', tmp_path / 'dst')
    assert str(paths['positions']) in str(e.value)
    assert 's1_acting1_Xsens_AuxFields.sensors' in str(e.value)


def predictions(folder, raw, camera, number, score=0.9):
    """MMPose's list of frames, numbered from 1, with an empty one."""
    keypoints = np.stack(
        [
            reference(camera, raw.keypoint(name))[0]
            for name in get_layout('coco')
        ],
        axis=1,
    )
    frames = []
    for i, person in enumerate(keypoints):
        box = [*person.min(0).tolist(), *person.max(0).tolist()]
        instance = {
            'keypoints': person.tolist(),
            'keypoint_scores': [score] * 17,
            'bbox': [box],
            'bbox_score': 0.9,
        }
        frames.append(
            {'frame_id': i + 1, 'instances': [instance] if i != 60 else []}
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'TC_S{raw.subject}_{raw.take}_cam{number}.json'
    path.write_text(json.dumps(frames))
    return keypoints


def test_predictions_of_mmpose(tmp_path):
    imu = ('sensors', 'auxfields')
    for raw in TAKES[:2]:
        write_take(tmp_path / 'src', raw, kinds=imu)
    # Vicon without IMUs does not matter here.
    write_take(tmp_path / 'src', TAKES[2], kinds=('positions',))
    videos = tmp_path / 'json/S1'
    truth = predictions(videos, TAKES[0], CAMERAS[0], 1)
    predictions(videos, TAKES[0], CAMERAS[2], 3)
    predictions(videos, TAKES[1], CAMERAS[0], 1)
    options = {'pose': 'mmpose', 'predictions': tmp_path / 'json'}
    missing = 's2_walking2 lacks TC_S2_walking2_cam3.json'
    with pytest.raises(FileNotFoundError, match=f'1 of 2.*{missing}'):
        convert_takes(tmp_path / 'src', tmp_path / 'dst', **options)
    counts = convert_takes(
        tmp_path / 'src', tmp_path / 'dst', skip_incomplete=True, **options
    )
    assert counts == {'train': 3, 'val': 0, 'test': 0}
    path = tmp_path / 'dst/pose/s1_acting1_cam1.safetensors'
    pose = read_pose(path)
    assert pose.clock.num_samples == 150 and pose.clock.rate == 60
    there = np.arange(150) != 60
    np.testing.assert_allclose(
        pose.keypoints[:][there], truth[there], atol=0.01
    )
    np.testing.assert_allclose(pose.scores[:][there], 0.9, rtol=1e-6)
    assert (pose.scores[:][~there] == 0).all()
    source = header_source(path)
    assert (source['pose'], source['person']) == ('mmpose', 'longest')
    with pytest.raises(ValueError, match='no cam2, only .*cam1.*cam3'):
        convert_takes(
            tmp_path / 'src', tmp_path / 'dst', cameras=[2], **options
        )


@pytest.mark.parametrize('pose', ['vicon', 'mmpose'])
def test_contract(tmp_path, pose):
    """Also of a take that is left out, which the notes say every time."""
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    write_dataset(src, TAKES[:1], CAMERAS[:2])
    write_take(src, TAKES[1], kinds=('auxfields',))
    for number in (1, 2):
        predictions(src, TAKES[0], CAMERAS[number - 1], number)
    reader = TotalCaptureReader(src, pose, skip_incomplete=True)
    check_reader(reader, dst)
    notes = convert(reader, dst).notes
    lacking = {
        'vicon': 'gt_skel_gbl_pos.txt',
        'mmpose': 'TC_S2_walking2_cam1.json, TC_S2_walking2_cam2.json',
    }
    notes = [note for note in notes if 'have no names' not in note]
    assert notes == [f's2_walking2 lacks {lacking[pose]}: left out.']


def test_missing_files_are_named(tmp_path):
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    with pytest.raises(FileNotFoundError, match='src is not a directory'):
        convert_takes(src, dst)
    src.mkdir()
    with pytest.raises(FileNotFoundError, match=r'no calibration\.cal'):
        convert_takes(src, dst)
    write_cameras(src / 'calibration.cal', CAMERAS)
    with pytest.raises(FileNotFoundError, match='cvssp.org'):
        convert_takes(src, dst)
    for raw, kinds in zip(
        TAKES, (('positions',), ('sensors',), ('auxfields', 'positions'))
    ):
        write_take(src, raw, kinds=kinds)
    with pytest.raises(FileNotFoundError) as caught:
        convert_takes(src, dst)
    message = str(caught.value)
    assert '2 of 3 takes' in message and '\n' not in message
    assert 's1_acting1 lacks s1_acting1_Xsens.sensors' in message
    assert 's2_walking2 lacks gt_skel_gbl_pos.txt' in message
    assert '--skip-incomplete' in message and '--takes' in message
    assert not dst.exists()
    chosen = {'takes': ['S3_*'], 'cameras': [2, 5]}
    assert convert_takes(src, dst, **chosen)['train'] == 2
    assert convert_takes(src, dst, skip_incomplete=True)['train'] == 8
    for options, message in (
        ({'takes': ['s9_*']}, "'s9_.'.* none of the takes"),
        ({'cameras': [9]}, 'no cam9'),
        ({'takes': ['s1_acting1'], 'skip_incomplete': True}, '1 of 1 takes'),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            convert_takes(src, dst, **options)
    with pytest.raises(FileNotFoundError, match='s3_rom3_calib_imu_ref.txt'):
        convert_takes(src, dst, takes=['s3_*'], calibrate=True)
    with pytest.raises(FileNotFoundError, match='TC_S<subject>'):
        convert_takes(src, dst, pose='mmpose')
    with pytest.raises(ValueError, match="got 'video'"):
        convert_takes(src, dst, pose='video')


def test_surplus_and_unknown_files_are_named(tmp_path):
    (paths,) = write_dataset(tmp_path, TAKES[:1], CAMERAS)
    copy = tmp_path / 'copy/s1_acting1_Xsens.sensors'
    copy.parent.mkdir()
    copy.write_bytes(b'')
    with pytest.raises(ValueError, match='same file of s1_acting1') as caught:
        find_takes(tmp_path)
    assert str(copy) in str(caught.value)
    assert str(paths['sensors']) in str(caught.value)
    copy.rename(copy.with_name('s6_acting1_Xsens.sensors'))
    with pytest.raises(ValueError, match='subject 6 does not exist'):
        find_takes(tmp_path)
    for path in copy.parent.iterdir():
        path.rename(copy.with_name('s1_dance1_Xsens.sensors'))
    with pytest.raises(ValueError, match='s1_dance1.*acting1'):
        find_takes(tmp_path)
    for path in copy.parent.iterdir():
        path.unlink()
    other = text(camera_lines(CAMERAS[:7]))
    (tmp_path / 'copy/calibration.cal').write_bytes(other)
    with pytest.raises(ValueError, match='calibration.cal and .* differ'):
        convert_takes(tmp_path, tmp_path / 'dst')


def inodes(dst):
    return {p.name: p.stat().st_ino for p in dst.rglob('*.safetensors')}


def test_second_run_does_what_is_missing(tmp_path):
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    files = write_dataset(src, TAKES[:2], CAMERAS[:3])
    broken = files[1]['positions']
    content = broken.read_bytes()
    broken.write_bytes(content[:-200])
    with pytest.raises(ValueError, match='S2/walking2/gt_skel_gbl_pos.txt'):
        convert_takes(src, dst)
    first = inodes(dst)
    assert 's1_acting1_cam3.safetensors' in first
    assert not (dst / 'annotations').exists()
    broken.write_bytes(content)
    convert_takes(src, dst)
    done = inodes(dst)
    assert len(done) == 2 + 6 and first.items() <= done.items()
    (dst / 'pose/s1_acting1_cam2.safetensors').unlink()
    damaged = dst / 'imu/s2_walking2.safetensors'
    damaged.write_bytes(damaged.read_bytes()[:200])
    convert_takes(src, dst)
    again = inodes(dst)
    assert {n for n in done if done[n] != again[n]} == {
        's1_acting1_cam2.safetensors',
        's2_walking2.safetensors',
    }
    # Other options: only the IMUs change.
    convert_takes(src, dst, calibrate=True)
    other = inodes(dst)
    assert {n for n in again if again[n] != other[n]} == {
        's1_acting1.safetensors',
        's2_walking2.safetensors',
    }
    # Another calibration, even an older one: only the skeletons change.
    path = write_cameras(src / 'calibration.cal', make_cameras(3, k1=0.0))
    past = time.time() - 86400
    os.utime(path, (past, past))
    convert_takes(src, dst, calibrate=True)
    last = inodes(dst)
    assert {n for n in other if other[n] == last[n]} == {
        's1_acting1.safetensors',
        's2_walking2.safetensors',
    }


def test_command(converted, tmp_path, command):
    src, dst = converted
    _, out, _ = command(TOOL, src, '--out', tmp_path, '--cameras', '4')
    assert out.splitlines() == [
        f'{tmp_path}/annotations/{split}.json: {n} pairs of a take and a '
        'camera'
        for split, n in (('train', 3), ('val', 1), ('test', 1))
    ]
    name = 'pose/s5_acting2_cam4.safetensors'
    assert (tmp_path / name).read_bytes() == (dst / name).read_bytes()
    status, _, err = command(TOOL, 'gone', '--out', tmp_path)
    assert status == 2 and err.startswith('error: gone is not a dir')


def test_who_was_away_is_the_same_person(tmp_path):
    """2 s without anybody, and longer than that before than after."""
    raw = make_take(1, 'walking1', 6.0)
    write_take(tmp_path / 'src', raw, kinds=('sensors', 'auxfields'))
    truth = predictions(tmp_path / 'src', raw, CAMERAS[0], 1)
    path = tmp_path / 'src/TC_S1_walking1_cam1.json'
    frames = json.loads(path.read_text())
    for frame in frames[180:300]:
        frame['instances'] = []
    path.write_text(json.dumps(frames))
    convert_takes(tmp_path / 'src', tmp_path / 'dst', pose='mmpose')
    pose = read_pose(tmp_path / 'dst/pose/s1_walking1_cam1.safetensors')
    there = np.ones(360, bool)
    there[180:300] = there[60] = False
    assert ((pose.scores[:] > 0).all(axis=1) == there).all()
    np.testing.assert_allclose(
        pose.keypoints[:][there], truth[there], atol=0.01
    )


def test_pose_names_its_directory(tmp_path, command):
    write_take(tmp_path / 'src', TAKES[0], kinds=('sensors', 'auxfields'))
    predictions(tmp_path / 'json', TAKES[0], CAMERAS[0], 1)
    common = (TOOL, tmp_path / 'src', '--out', tmp_path / 'dst', '--pose')
    _, out, _ = command(*common, 'mmpose', tmp_path / 'json')
    assert 'train.json: 1 pairs' in out
    for wrong, message in (
        (('openpose',), "one of ('vicon', 'mmpose'), got 'openpose'"),
        (('vicon', 'json'), "--pose vicon takes no more words, got ['json']"),
    ):
        status, _, err = command(*common, *wrong)
        assert status == 2 and message in err


@pytest.mark.slow
def test_ten_minutes_of_eight_cameras(tmp_path):
    """In two takes; memory stays below 2 GiB, and -s shows the time."""
    for take in ('walking1', 'acting1'):
        raw = repeat(make_take(1, take, 20.0), 15)
        write_dataset(tmp_path / 'src', [raw], CAMERAS)
    command = [TOOL, tmp_path / 'src', '--out', tmp_path / 'dst']
    start = time.monotonic()
    pid = os.spawnv(
        os.P_NOWAIT,
        sys.executable,
        [sys.executable, *map(str, command), '--workers', '2'],
    )
    # Of this command and its workers alone.
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - start
    assert status == 0
    memory = usage.ru_maxrss / 2**20
    print(f'{seconds:.1f} s, {memory:.2f} GiB')
    assert memory < 2
    pose = read_pose(tmp_path / 'dst/pose/s1_walking1_cam8.safetensors')
    assert pose.clock.num_samples == 18000


@pytest.mark.slow
def test_config_trains_and_evaluates(tmp_path):
    """Two epochs and all tasks, eight cameras, unchanged but for the root."""
    takes = (
        (1, 'acting1'), (2, 'walking2'), (3, 'rom3'), (3, 'freestyle1'),
        (4, 'freestyle1'), (5, 'acting2'), (5, 'freestyle3'),
    )  # fmt: skip
    raw = [make_take(subject, take, 30.0) for subject, take in takes]
    write_dataset(tmp_path / 'src', raw, CAMERAS)
    data = tmp_path / 'data'
    convert_takes(tmp_path / 'src', data)
    config = REPO / 'configs/mobind/totalcapture.py'
    common = ('--data-root', data, '--work-dir', tmp_path / 'work')
    python(
        *(REPO / 'tools/train.py', config, *common, '--seed', 0),
        *('--cfg-options', 'train_cfg.max_epochs=2'),
        *('train_cfg.val_interval=1', 'train_dataloader.batch_size=64'),
        'default_hooks.checkpoint.interval=1',
    )
    checkpoint = tmp_path / 'work/epoch_2.pth'
    out = tmp_path / 'results.json'
    python(REPO / 'tools/test.py', config, checkpoint, *common, '--out', out)
    results = json.loads(out.read_text())
    print(json.dumps(results, indent=1))
    # 13 windows of a take in 8 cameras; 3 clips.
    assert results['retrieval/num_windows'] == 2 * 8 * 13
    # The IMU of a window is the same for all its cameras: what the other
    # cameras saw does not compete, so that a right answer has rank 1.
    gallery = 2 * 8 * 13
    for direction in ('imu2pose', 'pose2imu'):
        recall = results[f'retrieval/{direction}_R@1']
        assert 1 / gallery < recall <= 1
    assert results['action/num_queries'] > 0
    assert 0 <= results['sync/mae_s'] < 7
