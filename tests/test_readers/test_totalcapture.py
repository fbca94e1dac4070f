"""Readers of TotalCapture's files, one by one."""

from dataclasses import replace

import numpy as np
import pytest
from raw_totalcapture import (
    HEAD_BONE,
    JOINTS,
    PUBLISHED,
    SENSORS,
    TO_VICON,
    calibration_lines,
    joint_lines,
    make_camera,
    make_cameras,
    make_take,
    reference,
    text,
    to_inertial,
    write_cameras,
    write_take,
)
from scipy.spatial.transform import Rotation

from mobind_mm.readers.totalcapture.sensors import (
    PLACEMENTS,
    calibrate_sensors,
    read_rotations,
    read_sensors,
)
from mobind_mm.readers.totalcapture.vicon import read_cameras, read_skeleton
from mobind_mm.skeleton import get_layout

RAW = make_take(seconds=4.0)
BODY = [n for n in get_layout('coco') if n.split('_')[-1] not in 'noseyear']


def rotation(quat):
    """SciPy's rotation of scalar-first quaternions."""
    return Rotation.from_quat(np.roll(quat, -1, axis=1))


def angles(first, second):
    """Radians between rotations."""
    return (first.inv() * second).magnitude()


def test_sensors_are_read_as_measured(tmp_path):
    paths = write_take(tmp_path, RAW)
    for kind in ('sensors', 'auxfields'):
        streams = read_sensors(paths[kind])
        assert list(streams) == [PLACEMENTS[name] for name in SENSORS]
        for name, measured in RAW.sensors.items():
            stream = streams[PLACEMENTS[name]]
            assert (stream.gravity, stream.frame) == (True, 'sensor')
            assert stream.clock.rate == 60 and stream.clock.start == 0
            channels = stream.channels
            np.testing.assert_allclose(
                channels['acc'], measured.channels['acc'], atol=3e-6
            )
            np.testing.assert_allclose(
                channels['quat'],
                to_inertial(measured.channels['quat']),
                atol=1e-6,
            )
            if kind == 'auxfields':
                np.testing.assert_allclose(
                    channels['gyro'], measured.channels['gyro'], atol=3e-6
                )
        assert ('gyro' in channels) == (kind == 'auxfields')
        assert 'mag' not in channels


def test_placements_are_those_of_the_body():
    """Left stays left: the sensors of the five limbs and the pelvis."""
    assert len(PLACEMENTS) == len(set(PLACEMENTS.values())) == 13
    for sensor, placement in (
        ('L_LowArm', 'left_wrist'),
        ('R_LowArm', 'right_wrist'),
        ('L_LowLeg', 'left_knee'),
        ('R_LowLeg', 'right_knee'),
        ('Head', 'head'),
        ('Pelvis', 'pelvis'),
    ):
        assert PLACEMENTS[sensor] == placement


def test_magnetometer_needs_its_unit(tmp_path):
    paths = write_take(tmp_path, RAW)
    streams = read_sensors(paths['auxfields'], mag_unit=48.5)
    for stream in streams.values():
        field = rotation(stream.channels['quat']).apply(stream.channels['mag'])
        np.testing.assert_allclose(field, field[:1].repeat(240, 0), atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(field[0]), 48.5, rtol=1e-5)


def test_calibration_gives_the_bones(tmp_path):
    """Bones of the synthetic body, whose world has Z up as ours."""
    paths = write_take(tmp_path, RAW)
    streams = calibrate_sensors(
        read_sensors(paths['auxfields'], 48.5), paths['ref'], paths['bone']
    )
    for name, segment in SENSORS.items():
        stream = streams[PLACEMENTS[name]]
        mounting = RAW.mountings[name].rotation
        bone = rotation(stream.channels['quat'])
        assert angles(bone, RAW.rotation(segment)).max() < 1e-5
        for channel in ('acc', 'gyro'):
            expected = RAW.sensors[name].channels[channel] @ mounting.T
            np.testing.assert_allclose(
                stream.channels[channel], expected, atol=1e-4
            )
        field = bone.apply(stream.channels['mag'])
        expected = 48.5 * np.array([0.5, 0, -np.sqrt(0.75)])
        np.testing.assert_allclose(
            field, np.tile(expected, (240, 1)), atol=1e-3
        )


def test_skeleton_is_within_a_millimetre(tmp_path):
    paths = write_take(tmp_path, RAW)
    points, known = read_skeleton(paths['positions'], None)
    order = get_layout('coco')
    assert len(BODY) == 12
    for name in BODY:
        found = points[:, order.index(name)]
        assert np.abs(found - RAW.keypoint(name)).max() < 1e-5  # metres
    assert known.tolist() == [name in BODY for name in order]
    # Vicon's up is y: the head is above the feet.
    height = points[:, :, 1]
    ankle, shoulder = order.index('left_ankle'), order.index('left_shoulder')
    assert (height[:, shoulder] - height[:, ankle] > 0.8).all()


def test_head_is_rigid_and_faces_forward(tmp_path):
    paths = write_take(tmp_path, RAW)
    points, known = read_skeleton(paths['positions'], paths['orientations'])
    assert known.all()
    head = RAW.rotation('head')
    offsets = {}
    for name in ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'):
        offset = points[:, get_layout('coco').index(name)] - RAW.joint('Head')
        # In the synthetic head: x forward, y left, z up.
        offset = head.inv().apply(TO_VICON.inv().apply(offset))
        assert np.ptp(offset, axis=0).max() < 1e-5
        offsets[name] = offset[0]
    expected = {'nose': [0.11, 0, 0.05], 'left_eye': [0.085, 0.032, 0.085]}
    for name, value in expected.items():
        norm = np.linalg.norm(value)
        assert np.linalg.norm(offsets[name]) == pytest.approx(norm, abs=1e-5)
        cosine = offsets[name] @ value / norm**2
        assert np.degrees(np.arccos(cosine)) < 15
    eyes = offsets['left_eye'] - offsets['right_eye']
    assert np.linalg.norm(eyes) == pytest.approx(0.064, abs=1e-5)


def test_axes_of_the_head_in_closed_form(tmp_path):
    """A head that turns evenly to both sides: the averages are exact."""
    count = 41
    turn = Rotation.from_rotvec(
        np.linspace(-1, 1, count)[:, None] * [0.0, 1.0, 0.0]
    )
    place = np.tile([1.0, 1.6, 2.0], (count, 1))
    joints = dict.fromkeys(JOINTS, place)
    joints['LeftArm'] = place - [-0.2, 0.2, 0.0]
    joints['RightArm'] = place - [0.2, 0.2, 0.0]
    positions, orientations = tmp_path / 'pos.txt', tmp_path / 'ori.txt'
    inches = [joint / 0.0254 for joint in joints.values()]
    positions.write_bytes(text(joint_lines(inches)))
    quat = (turn * HEAD_BONE).as_quat()
    orientations.write_bytes(text(joint_lines([quat] * len(JOINTS))))
    points, _ = read_skeleton(positions, orientations)
    # Whoever has the left at +x and up at +y faces +z.
    nose = turn.apply([0.0, 0.05, 0.11]) + place
    np.testing.assert_allclose(points[:, 0], nose, atol=1e-6)
    eye = turn.apply([0.032, 0.085, 0.085]) + place
    np.testing.assert_allclose(points[:, 1], eye, atol=1e-6)


@pytest.mark.parametrize('k1', [-0.25, 0.0, 0.15])
def test_cameras_project_as_opencv(tmp_path, k1):
    raw = make_cameras(8, k1=k1)
    cameras = read_cameras(write_cameras(tmp_path / 'c.cal', raw))
    assert list(cameras) == [f'cam{i}' for i in range(1, 9)]
    points = np.random.default_rng(0).uniform(
        (-2, 0, -2), (2, 2.5, 2), (500, 3)
    )
    for camera, expected in zip(cameras.values(), raw):
        assert camera.img_shape == (1080, 1920)
        pixels, visible = camera.project(points)
        wanted, _ = reference(expected, points)
        inside = ((wanted >= 0) & (wanted <= (1919, 1079))).all(axis=1)
        assert (visible == inside).all() and 0.5 < visible.mean() < 1
        np.testing.assert_allclose(pixels[visible], wanted[visible], atol=1e-2)
        assert (pixels[~visible] == 0).all()


def test_order_zero_and_other_line_breaks(tmp_path):
    raw = [make_camera(0.3, k1=0.0)]
    path = write_cameras(tmp_path / 'c.cal', raw, order=0)
    camera = read_cameras(path)['cam1']
    assert camera.k1 == 0
    path.write_bytes(b'  '.join(path.read_bytes().split()) + b'\r\n')
    again = read_cameras(path)['cam1']
    point = np.array([[0.1, 1.0, 0.2]])
    assert camera.project(point)[1].all()
    assert (camera.project(point)[0] == again.project(point)[0]).all()


def test_points_behind_and_far_outside_are_not_seen(tmp_path):
    """OpenCV projects both into the image."""
    raw = make_camera(0.0, distance=3.0, k1=-0.18)
    path = write_cameras(tmp_path / 'c.cal', [raw])
    camera = read_cameras(path)['cam1']
    turn, place = raw.rotation.T, -raw.rotation.T @ raw.translation
    behind = place + turn @ [0.1, 0.1, -2.0]
    # d = 1 - 0.18 r^2 is 0 at r = 2.36: this point lands near the middle.
    folded = place + turn @ [2.3, 0.0, 1.0]
    ahead = place + turn @ [0.1, 0.1, 2.0]
    points = np.stack([behind, folded, ahead])
    wanted, depth = reference(raw, points)
    assert ((wanted > 0) & (wanted < (1919, 1079))).all()
    assert depth[0] < 0 < depth[1]
    _, visible = camera.project(points)
    assert visible.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ('order', 'message'),
    [
        (2, 'line 1: distortion of order 2, only 0 .none. and 1'),
        (5, 'order 5'),
    ],
)
def test_unknown_distortion_is_refused(tmp_path, order, message):
    path = write_cameras(tmp_path / 'c.cal', make_cameras(2), order=order)
    with pytest.raises(ValueError, match=message):
        read_cameras(path)


def edit(path, line, old, new):
    """Replace text in a line, numbered from 1."""
    lines = path.read_text().split('\n')
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text('\n'.join(lines))


SHORT = make_take(seconds=0.5)


@pytest.mark.parametrize(
    ('kind', 'line', 'old', 'new', 'message'),
    [
        ('sensors', 1, '13 30', '12 30', 'line 1: 12 sensors'),
        ('sensors', 1, '13 30', '13 999999999', '999999999 frames.* 30.00'),
        ('sensors', 1, '13 30', '13 -30', "line 1: .*'13 -30'"),
        ('sensors', 1, '13 30', '13', 'line 1: .*of sensors and of frames'),
        ('sensors', 16, '2', '3', 'line 16: frames must be numbered'),
        ('sensors', 5, 'Pelvis', 'Tail', 'line 5: .* once, got .Tail.'),
        ('sensors', 5, 'Pelvis', 'Head', 'line 5: .* once, got .Head.'),
        ('sensors', 19, 'Pelvis', 'Head', "line 19: expected 'Pelvis'"),
        ('sensors', 20, ' ', ' x', 'line 20: expected .L_UpArm.*7 finite'),
        ('sensors', 20, ' ', ' 1 ', 'line 20: expected .L_UpArm.*7 finite'),
        ('sensors', 20, ' ', ' nan ', 'line 20: expected .L_UpArm.*7'),
        ('sensors', 3, ' ', ' 1 ', 'line 3: 8 numbers, expected 7'),
        ('sensors', 21, '.', '7.', 'line 21: .*unit quaternion'),
        ('auxfields', 20, ' ', ' 1 ', 'line 20: .*13 finite'),
        ('ref', 1, '13', '14', 'line 1: expected 13'),
        ('ref', 3, 'Sternum', 'Head', "line 3: .*once, got 'Head'"),
        ('ref', 3, '0.', '5.', 'line 3: not a unit quaternion'),
        ('bone', 3, ' ', ' nan ', 'line 3: expected .Sternum. and 4'),
        ('positions', 1, 'Spine3', 'Tail', 'line 1: expected the names'),
        ('positions', 7, '.', 'e400.', 'line 7: expected 63 finite'),
        ('positions', 7, '.', '99999.', 'line 7: a joint further'),
        ('positions', 7, '\t', '\t1\t', 'line 7: expected 63 finite'),
        ('orientations', 9, '.', '3.', 'line 9: not unit quaternions'),
        ('orientations', 32, '', '0 0 0 1 ' * 21, 'has 31 frames and'),
    ],
)
def test_damage_is_named(tmp_path, kind, line, old, new, message):
    paths = write_take(tmp_path, SHORT)
    edit(paths[kind], line, old, new)
    read = {
        'sensors': read_sensors,
        'auxfields': read_sensors,
        'ref': read_rotations,
        'bone': read_rotations,
        'positions': lambda path: read_skeleton(path, None),
        'orientations': lambda p: read_skeleton(paths['positions'], p),
    }[kind]
    with pytest.raises(ValueError, match=message) as caught:
        read(paths[kind])
    assert str(paths[kind]) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('line', 'old', 'new', 'message'),
    [
        (1, '2 1', '9 1', 'ends before the last camera'),
        (1, '2 1', '1 1', 'line 9: .* nothing after the 1 cameras'),
        (1, '2 1', '99999 1', 'line 1: 99999 cameras'),
        (1, '2 1', 'two 1', "line 1: .*'two'"),
        (2, '1079', '1079.5', 'cam1: rows 0 to 1079.5'),
        (2, '0 1079', '5 1079', 'rows 5 to 1079'),
        (3, '1700', 'nan', 'line 3: .*finite'),
        (3, '1700', '-1700', 'fx -1700'),
        (5, '0.', '1.', 'cam1: the 3x3 matrix is not a rotation'),
        (8, ' ', ' 99999', 'translation'),
    ],
)
def test_damaged_calibration_is_named(tmp_path, line, old, new, message):
    path = write_cameras(tmp_path / 'c.cal', make_cameras(2))
    edit(path, line, old, new)
    with pytest.raises(ValueError, match=message) as caught:
        read_cameras(path)
    assert str(path) in str(caught.value)


def with_channel(channel, change):
    """The take with a channel of all sensors changed."""
    sensors = {}
    for name, stream in RAW.sensors.items():
        values = {channel: change(stream.channels[channel])}
        channels = {**stream.channels, **values}
        sensors[name] = replace(stream, channels=channels)
    return replace(RAW, sensors=sensors)


@pytest.mark.parametrize(
    ('channel', 'factor', 'message'),
    [
        ('acc', 1 / 9.81, r'is 1.00 m/s\^2, expected gravity'),
        ('gyro', 180 / np.pi / 10, r'change by 5.[67]\d? for every rad/s'),
        ('gyro', -1, r'change by -(0.9|1)'),
    ],
)
def test_other_units_are_refused(tmp_path, channel, factor, message):
    raw = with_channel(channel, lambda values: values * factor)
    path = write_take(tmp_path, raw, PUBLISHED, ('auxfields',))['auxfields']
    with pytest.raises(ValueError, match=message):
        read_sensors(path)


def test_scalar_last_is_refused(tmp_path):
    raw = with_channel('quat', lambda quat: np.roll(quat, -1, axis=1))
    path = write_take(tmp_path, raw, PUBLISHED, ('sensors',))['sensors']
    with pytest.raises(ValueError, match='not w x y z from sensor to world'):
        read_sensors(path)


def test_calibration_of_other_sensors_is_refused(tmp_path):
    paths = write_take(tmp_path, RAW)
    wrong = {name: Rotation.identity() for name in SENSORS}
    paths['ref'].write_bytes(text(calibration_lines(wrong)))
    streams = read_sensors(paths['sensors'])
    with pytest.raises(ValueError, match='head: gravity is 90 degrees off'):
        calibrate_sensors(streams, paths['ref'], paths['bone'])
