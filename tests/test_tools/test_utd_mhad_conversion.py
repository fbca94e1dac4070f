import json
import os
import struct

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import UTDMHADDataset
from mobind_mm.readers.convert import convert, convert_all
from mobind_mm.readers.utd_mhad import (
    KINECT_V1,
    UTDMHADReader,
    read_recording,
    split_of,
)
from mobind_mm.recordings import read_imu, read_pose
from mobind_mm.skeleton import get_layout

TOOL = 'dataset_converters/utd_mhad.py'
# Kinect joints in file order, by the name of their COCO keypoint.
KINECT = [
    'nose', None, None, None, 'left_shoulder', 'left_elbow', 'left_wrist',
    None, 'right_shoulder', 'right_elbow', 'right_wrist', None, 'left_hip',
    'left_knee', 'left_ankle', None, 'right_hip', 'right_knee', 'right_ankle',
    None,
]  # fmt: skip
SAMPLES, FRAMES = 101, 41  # 2 s at 50 Hz, hence 20 Hz


def convert_utd_mhad(src, dst, val_subjects=()):
    return convert(UTDMHADReader(src, val_subjects), dst).entries


def inertial(samples=SAMPLES):
    """1 g along z, turning by half a turn a second about x."""
    return np.tile([0.0, 0.0, 1.0, 180.0, 0.0, 0.0], (samples, 1))


def skeleton(frames=FRAMES):
    """(20, 3, F): each joint at its own place, moving on a straight line."""
    rng = np.random.default_rng(0)
    start = rng.uniform((-0.5, -1, 2.5), (0.5, 1, 3.5), (20, 3))
    velocity = rng.uniform(-0.3, 0.3, (20, 3))
    moved = velocity[:, :, None] * np.linspace(0, 1, frames)
    return start[:, :, None] + moved


def write_take(root, name='a1_s1_t1', folders=('Inertial', 'Skeleton')):
    files = []
    for folder, kind, key, array in zip(
        folders,
        ('inertial', 'skeleton'),
        ('d_iner', 'd_skel'),
        (inertial(), skeleton()),
    ):
        path = root / folder / f'{name}_{kind}.mat'
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {key: array})
        files.append(path)
    return files


@pytest.fixture
def src(tmp_path):
    for subject in (1, 2, 3):
        write_take(tmp_path / 'src', f'a1_s{subject}_t1')
    write_take(tmp_path / 'src', 'a22_s2_t3')
    return tmp_path / 'src'


def files_of(dst):
    return sorted(str(p.relative_to(dst)) for p in dst.rglob('*.*'))


def test_units_placement_and_clocks(src, tmp_path):
    convert_utd_mhad(src, tmp_path / 'dst')
    imu = read_imu(tmp_path / 'dst/imu/a1_s1_t1.safetensors')
    assert list(imu) == ['right_wrist']
    stream = imu['right_wrist']
    assert stream.gravity and stream.frame == 'sensor'
    np.testing.assert_allclose(
        stream.channels['acc'][:], np.tile([0, 0, 9.80665], (SAMPLES, 1))
    )
    np.testing.assert_allclose(
        stream.channels['gyro'][:], np.tile([np.pi, 0, 0], (SAMPLES, 1)), 1e-6
    )
    assert stream.clock.rate == 50
    pose = read_pose(tmp_path / 'dst/pose/a1_s1_t1.safetensors')
    assert pose.clock.rate == pytest.approx(20)
    assert pose.clock.span == pytest.approx(stream.clock.span) == (0, 2)
    thigh = read_imu(tmp_path / 'dst/imu/a22_s2_t3.safetensors')
    assert list(thigh) == ['right_thigh']


def test_projection_agrees_with_opencv(src, tmp_path):
    convert_utd_mhad(src, tmp_path / 'dst')
    pose = read_pose(tmp_path / 'dst/pose/a1_s1_t1.safetensors')
    assert (pose.layout, pose.img_shape) == ('coco', (480, 640))
    camera = np.array([[525, 0, 319.5], [0, 525, 239.5], [0, 0, 1.0]])
    # Kinect has x to the left and y up: half a turn about the optical axis.
    half_turn = np.array([0, 0, np.pi])
    for name, joint in zip(KINECT, skeleton()):
        if name is None:
            continue
        expected, _ = cv2.projectPoints(
            joint.T.copy(), half_turn, np.zeros(3), camera, None
        )
        index = get_layout('coco').index(name)
        found = pose.keypoints[:][:, index]
        np.testing.assert_allclose(found, expected[:, 0], atol=0.01)
    seen = {name for name in KINECT if name}
    for name, scores in zip(get_layout('coco'), pose.scores[:].T):
        assert (scores == (1 if name in seen else 0)).all()


def test_split_and_entries(src, tmp_path):
    counts = convert_utd_mhad(src, tmp_path / 'dst', val_subjects=[3])
    assert counts == {'train': 1, 'val': 1, 'test': 2}
    assert [split_of(s) for s in range(1, 9)] == ['train', 'test'] * 4
    dataset = UTDMHADDataset(
        ann_file='annotations/test.json',
        data_root=str(tmp_path / 'dst'),
        window_sec=2,
        stride_sec=None,
    )
    windows = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [w['take'] for w in windows] == ['a1_s2_t1', 'a22_s2_t3']
    assert [w['action'] for w in windows] == [0, 21]
    assert {w['subject'] for w in windows} == {'2'}
    classes = dataset.metainfo['classes']
    assert len(classes) == 27 and classes[21] == 'jog'
    # Without validation subjects there is no stale val.json.
    counts = convert_utd_mhad(src, tmp_path / 'dst')
    assert counts == {'train': 2, 'val': 0, 'test': 2}
    assert not (tmp_path / 'dst/annotations/val.json').exists()


@pytest.mark.parametrize(
    ('subjects', 'message'),
    [([2], r'\[2\].*\[1, 3\]'), ([9], r'\[9\]'), ([1, 3], 'at least one')],
)
def test_val_subjects_are_checked(src, tmp_path, subjects, message):
    with pytest.raises(ValueError, match=message):
        convert_utd_mhad(src, tmp_path / 'dst', val_subjects=subjects)
    assert not (tmp_path / 'dst').exists()


@pytest.mark.parametrize(
    'folders',
    [
        ('inertial', 'SKELETON'),
        ('UTD-MHAD/Inertial', 'UTD-MHAD/Skeleton'),
        ('.', '.'),
    ],
)
def test_spellings_of_directories(tmp_path, folders):
    write_take(tmp_path, 'A2_S4_T1', folders)
    (take,) = UTDMHADReader(tmp_path).find()
    assert (take.name, take.label, take.subject) == ('a2_s4_t1', 1, '4')


def test_interrupted_conversion_goes_on(src, tmp_path):
    dst = tmp_path / 'dst'
    broken = src / 'Skeleton/a1_s2_t1_skeleton.mat'
    content = broken.read_bytes()
    broken.write_bytes(content[:2000])
    with pytest.raises(ValueError, match=r'a1_s2_t1_skeleton\.mat'):
        convert_utd_mhad(src, dst)
    # Takes go by subject: the first is complete, nothing else is there.
    assert files_of(dst) == [
        'imu/a1_s1_t1.safetensors',
        'pose/a1_s1_t1.safetensors',
    ]
    first = (dst / 'imu/a1_s1_t1.safetensors').stat().st_ino
    broken.write_bytes(content)
    convert_utd_mhad(src, dst)
    assert (dst / 'imu/a1_s1_t1.safetensors').stat().st_ino == first

    inodes = {p: p.stat().st_ino for p in dst.rglob('*.safetensors')}
    assert len(inodes) == 8
    damaged = dst / 'imu/a1_s2_t1.safetensors'
    damaged.write_bytes(damaged.read_bytes()[:100])
    removed = dst / 'pose/a1_s3_t1.safetensors'
    removed.unlink()
    convert_utd_mhad(src, dst)
    changed = {p.stem for p, i in inodes.items() if p.stat().st_ino != i}
    assert changed == {'a1_s2_t1', 'a1_s3_t1'}


@pytest.mark.parametrize('days', [1, -1000])
def test_another_source_is_converted_again(src, tmp_path, days):
    """Newer, or older: unpacking an archive restores old times."""
    dst = tmp_path / 'dst'
    convert_utd_mhad(src, dst)
    other = src / 'Inertial/a1_s1_t1_inertial.mat'
    time = other.stat().st_mtime + days * 86400
    savemat(other, {'d_iner': 2 * inertial()})
    for path in (other, src / 'Skeleton/a1_s1_t1_skeleton.mat'):
        os.utime(path, (time, time))
    convert_utd_mhad(src, dst)
    stream = read_imu(dst / 'imu/a1_s1_t1.safetensors')['right_wrist']
    assert stream.channels['acc'][0:1][0, 2] == pytest.approx(2 * 9.80665)


def hdf5_header():
    text = b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(124)
    return text + struct.pack('<H', 0x0200) + b'IM' + b'\x89HDF\r\n\x1a\n'


def with_nan():
    array = inertial()
    array[7, 2] = np.nan
    return {'d_iner': array}


def behind_camera():
    array = skeleton()
    array[5, 2, 5] = -0.1
    return {'d_skel': array}


@pytest.mark.parametrize(
    ('kind', 'content', 'message'),
    [
        ('inertial', b'', 'not a complete MAT-file'),
        ('inertial', b'no MAT-file' * 50, 'not a complete MAT-file'),
        ('skeleton', hdf5_header(), r'7\.3.*-v7'),
        ('inertial', {'d_other': np.ones(3)}, r'no variable d_iner.*d_other'),
        ('inertial', {'d_iner': np.ones((9, 3))}, r'\(9, 3\).*\(T, 6\)'),
        ('inertial', {'d_iner': np.ones((1, 6))}, r'\(1, 6\).*2 samples'),
        (
            'inertial',
            {'d_iner': 'text'},
            r'd_iner is not an array of real numbers',
        ),
        ('skeleton', {'d_skel': np.ones((20, 3))}, r'\(20, 3\).*\(20, 3, F\)'),
        ('inertial', with_nan(), r'd_iner\[7, 2\] is nan'),
        ('skeleton', behind_camera(), r'depth -0\.1'),
    ],
)
def test_bad_files_are_named(tmp_path, kind, content, message):
    files = dict(zip(('inertial', 'skeleton'), write_take(tmp_path / 'src')))
    if isinstance(content, bytes):
        files[kind].write_bytes(content)
    else:
        savemat(files[kind], content)
    with pytest.raises(ValueError, match=message) as caught:
        convert_utd_mhad(tmp_path / 'src', tmp_path / 'dst')
    assert str(files[kind]) in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not files_of(tmp_path / 'dst')


def test_missing_and_surplus_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere is not a directory'):
        UTDMHADReader(tmp_path / 'nowhere').find()
    with pytest.raises(FileNotFoundError, match=r'Inertial\.zip'):
        UTDMHADReader(tmp_path).find()
    lonely, partner = write_take(tmp_path)
    partner.unlink()
    with pytest.raises(FileNotFoundError, match=partner.name) as caught:
        UTDMHADReader(tmp_path).find()
    assert str(lonely) in str(caught.value)
    write_take(tmp_path / 'copy')
    with pytest.raises(ValueError, match='are the same take'):
        UTDMHADReader(tmp_path).find()
    write_take(tmp_path / 'other', 'a28_s1_t1')
    with pytest.raises(ValueError, match=r'action 28 .* 1 to 27'):
        UTDMHADReader(tmp_path / 'other').find()


def test_workers_keep_order_and_errors():
    assert convert_all(int, ['3', '1', '2'], workers=2) == [3, 1, 2]
    with pytest.raises(ValueError, match="'x'"):
        convert_all(int, ['1', 'x', '2'], workers=2)
    with pytest.raises(ValueError, match='got 0'):
        convert_all(int, ['1'], workers=0)


def test_command(src, tmp_path, command):
    dst = tmp_path / 'dst'
    _, out, _ = command(TOOL, src, '--out', dst, '--val-subjects', '3')
    assert f'{dst}/annotations/val.json: 1 takes' in out
    annotations = json.loads((dst / 'annotations/train.json').read_text())
    assert annotations['metainfo']['skeleton'] == 'coco'

    status, _, err = command(TOOL, dst, '--out', dst)
    assert status == 2
    assert err.splitlines()[-1].startswith(f'error: {dst}')


def test_real_takes_are_plausible(utd_mhad_root):
    takes = UTDMHADReader(utd_mhad_root).find()
    assert len(takes) == 646
    norms, moved, order = [], [], []
    names = ('left_shoulder', 'right_shoulder', 'left_wrist', 'right_wrist')
    columns = [get_layout('coco').index(name) for name in names]
    for take in takes[::7]:
        recording = read_recording(*take.source)
        stream = recording.imu[take.source[0]]
        norms.append(np.linalg.norm(stream.channels['acc'], axis=1))
        keypoints = recording.pose.keypoints[:, columns]
        order.append(keypoints[:, 1, 0] < keypoints[:, 0, 0])
        if take.label + 1 in (1, 2, 3, 5, 8, 9, 10, 11, 15, 19, 20):
            path = np.linalg.norm(np.diff(keypoints[:, 2:], axis=0), axis=2)
            moved.append(path.sum(axis=0))
    assert 9.5 < np.median(np.concatenate(norms)) < 10.5
    # Who faces the camera has the right shoulder on the left of the image.
    assert np.concatenate(order).mean() > 0.95
    # One-handed actions are done with the right hand.
    left, right = np.array(moved).T
    assert (right > 2 * left).mean() > 0.95


def test_kinect_frame_is_right_handed(utd_mhad_root):
    """Swipes: acceleration by IMU and by skeleton differ by a rotation.

    A gyroscope tells left from right. If x pointed to the sensor's right,
    only a reflection would map the one to the other, and the projection
    would be that of a mirrored video.
    """
    better = []
    for take in UTDMHADReader(utd_mhad_root).find():
        if take.label + 1 not in (1, 2):
            continue
        stream = read_recording(*take.source).imu['right_wrist']
        turn = [Rotation.identity()]
        for rate in stream.channels['gyro'][1:]:
            turn.append(turn[-1] * Rotation.from_rotvec(rate / 50))
        force = Rotation.concatenate(turn).apply(stream.channels['acc'])
        wrist = read_wrist(take, len(force))
        smooth = np.hanning(21) / np.hanning(21).sum()
        force, wrist = (
            np.stack([np.convolve(c, smooth, 'same') for c in array.T], 1)
            for array in (force, wrist)
        )
        motion = np.gradient(np.gradient(wrist, axis=0), axis=0) * 2500
        motion[:, 1] += 9.80665
        inner = slice(20, -20)
        u, _, v = np.linalg.svd(force[inner].T @ motion[inner])
        better.append(np.linalg.det(u @ v) > 0)
    assert np.mean(better) > 0.9


def read_wrist(take, samples):
    """(T, 3) metres, x right, y up and z to the camera, at the IMU's times.

    From the projection and the depth, so that its handedness is tested.
    """
    depth = loadmat(take.source[2])['d_skel'][10, 2]
    index = get_layout('coco').index('right_wrist')
    u, v = read_recording(*take.source).pose.keypoints[:, index].T
    x = (u - KINECT_V1.cx) / KINECT_V1.fx * depth
    y = (KINECT_V1.cy - v) / KINECT_V1.fy * depth
    wanted = np.linspace(0, 1, samples)
    given = np.linspace(0, 1, len(depth))
    return np.stack([np.interp(wanted, given, c) for c in (x, y, -depth)], 1)
