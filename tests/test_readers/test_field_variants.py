"""Files as other versions, languages and scripts write them."""

import json
import pickle
import re
import sys
import zipfile

import numpy as np
import pytest
from raw_devices import (
    G,
    integers,
    lines_of,
    write_dot,
    write_lines,
    write_polar,
)
from raw_phones import dates
from raw_pose_tools import (
    RATE,
    SHAPE,
    as_layout,
    c3d,
    mediapipe_long,
    mmaction,
    person,
)

from mobind_mm.apis.sources import to_imu, to_pose
from mobind_mm.checks.inspection import inspect_path
from mobind_mm.readers.column_names import parse_column
from mobind_mm.readers.dates import Dates, find_order, looks_like_date
from mobind_mm.readers.detections import Detections
from mobind_mm.readers.files import Video, load_pose
from mobind_mm.readers.fillers import without_fillers
from mobind_mm.readers.orientation import rate_unit
from mobind_mm.readers.placing import placement_in
from mobind_mm.skeleton import get_layout

VIDEO = Video(rate=RATE, img_shape=SHAPE)
JUNE = 1434934566.0
"""2015-06-22 00:56:06 UTC."""


def read(path, **given):
    return to_imu({'file': path, 'placement': 'right_wrist', **given})[
        'right_wrist'
    ]


def same(stream, m, start=0.0, gyro=True):
    """The stream is the motion, seconds after ``start``."""
    times = stream.clock.at() - start
    for channel, truth in (('acc', m.acc), ('gyro', m.gyro))[: 1 + gyro]:
        wanted = [np.interp(times, m.times, axis) for axis in truth.T]
        got = np.asarray(stream.channels[channel][:])
        np.testing.assert_allclose(got, np.transpose(wanted), atol=0.02)
    return True


@pytest.mark.parametrize('unit', [1.0, 180 / np.pi])
def test_who_wrote_a_dot_table_is_not_said(tmp_path, worn, unit):
    path = write_dot(tmp_path / 'dot.csv', worn, 'rate')
    lines = path.read_text().splitlines()
    at = next(i for i, x in enumerate(lines) if x.startswith('PacketC'))
    names = lines[at].split(',')
    first = names.index('Gyr_X')
    rows = [row.split(',') for row in lines[at + 1 :]]
    for row in rows:
        row[first : first + 3] = [
            f'{np.deg2rad(float(x)) * unit:.9g}'
            for x in row[first : first + 3]
        ]
    write_lines(path, lines[at], [','.join(row) for row in rows])
    stream = read(path)
    assert same(stream, worn, 5.0)
    assert any('how fast gravity turns' in note for note in stream.notes)


@pytest.mark.parametrize('tags', ['RW', ''])
def test_parts_of_one_recording_of_dot(tmp_path, worn, tags):
    lines = write_dot(tmp_path / 'a.csv', worn, tag='RW').read_text()
    lines = lines.splitlines()
    at = next(i for i, x in enumerate(lines) if x.startswith('PacketC')) + 1
    head = lines[:at] if tags else lines[at - 1 : at]
    folder = tmp_path / 'dot'
    folder.mkdir()

    def write(name, rows):
        (folder / name).write_text('\n'.join([*head, *rows, '']))

    write('walk_1.csv', lines[at : at + 900])
    write('walk_2.csv', lines[at + 900 :])
    stream = read(folder)
    assert same(stream, worn, 5.0) and stream.clock.num_samples == 2000
    assert any('continues in' in note for note in stream.notes)
    write('walk_2.csv', lines[at + 950 :])  # another recording, or sensor
    with pytest.raises(ValueError, match='2 sensors'):
        read(folder)


def test_names_of_axes_alone_are_not_those_of_shimmer(tmp_path, worn):
    names = [f'Accelerometer {axis} (g)' for axis in 'XYZ']
    columns = [worn.times, *worn.acc.T / G]
    path = table(tmp_path / 'a.csv', worn, ['Timestamp', *names], columns)
    assert same(read(path), worn, gyro=False)


def test_noise_does_not_tell_the_unit_of_rotation():
    rng = np.random.default_rng(0)
    times = np.arange(500) / 100
    acc = rng.normal((0, 0, G), 0.05, (500, 3))
    assert rate_unit(times, acc, rng.normal(0, 0.02, (500, 3))) is None


@pytest.mark.parametrize('packed', [False, True])
def test_a_folder_for_each_sensor(tmp_path, worn, packed):
    for side in ('left', 'right'):
        write_dot(
            tmp_path / 'all' / f'{side}_wrist' / f'{side}_wrist.csv', worn
        )
    source = tmp_path / 'all'
    if packed:
        source = tmp_path / 'all.zip'
        with zipfile.ZipFile(source, 'w') as archive:
            for file in sorted((tmp_path / 'all').rglob('*.csv')):
                name = file.relative_to(tmp_path / 'all').as_posix()
                archive.write(file, name)
    streams = to_imu({'file': source}, placements_only=False)
    assert len(streams) == 2
    assert all(same(s, worn, 5.0) for s in streams.values())


@pytest.mark.parametrize(
    ('cell', 'second'),
    [
        ('22-Jun-2015 00:56:06.5', 0.5),
        ('Mon, 22 juin 2015 00:56:06', 0.0),
        ('20150622_005606_250', 0.25),
        ('20150622T005606Z', 0.0),
        ('22.6.15 00:56:06', 0.0),
        ('22/06/15 00:56:06', 0.0),
        ('2015-06-22 02:56:06.5 CEST', 0.5),
        ('Sun Jun 21 2015 19:56:06 EST', 0.0),
    ],
)
def test_dates_of_other_forms(cell, second):
    assert looks_like_date(cell)
    assert Dates(find_order([cell]))(cell) == JUNE + second


def table(path, m, names, columns, sep=','):
    return write_lines(
        path, sep.join(names), lines_of(*columns, delimiter=sep)
    )


AXES = [f'{kind}_{axis}' for kind in ('acc', 'gyro') for axis in 'xyz']


@pytest.mark.parametrize(
    ('names', 'scale'),
    [
        (['time_s', 'ax_m/s/s', 'ay_m/s/s', 'az_m/s/s'], (1, 1, 1)),
        (['time (min)', *AXES], (1 / 60, 1, 1)),
        (['t_ms', 'accX_g', 'accY_g', 'accZ_g'], (1000, 1 / G, 180 / np.pi)),
    ],
)
def test_units_in_names(tmp_path, worn, names, scale):
    if len(names) == 4:
        kind = 'gyro%s_dps' if 'acc' in names[1] else 'g%s_deg/s'
        axes = 'XYZ' if 'acc' in names[1] else 'xyz'
        names = [*names, *(kind % axis for axis in axes)]
        scale = (*scale[:2], 180 / np.pi)
    columns = worn.times * scale[0], worn.acc * scale[1], worn.gyro * scale[2]
    columns = [columns[0], *columns[1].T, *columns[2].T]
    assert same(read(table(tmp_path / 'a.csv', worn, names, columns)), worn)


def test_rows_of_several_sensors(tmp_path, worn):
    """The type of sensor, or the device, stands in a column."""
    count = len(worn.times)
    stamps = np.repeat(1.7e12 + worn.times * 1e3, 2)
    both = np.stack([worn.acc, worn.gyro], axis=1).reshape(-1, 3)
    names = ['timestamp', 'sensor', 'x', 'y', 'z']
    for number, kinds in enumerate(
        (
            ['accelerometer', 'gyroscope'],
            ['android.sensor.accelerometer', 'android.sensor.gyroscope'],
            ['1', '4'],
        )
    ):
        columns = [[f'{s:.0f}' for s in stamps], kinds * count, *both.T]
        path = table(tmp_path / f'{number}.csv', worn, names, columns)
        assert same(read(path), worn, 1.7e9)
    names = ['timestamp', 'device', 'acc_x', 'acc_y', 'acc_z']
    sides = ['left_wrist', 'right_wrist'] * count
    columns = [columns[0], sides, *np.repeat(worn.acc, 2, axis=0).T]
    streams = to_imu(table(tmp_path / 'd.csv', worn, names, columns))
    assert [*streams] == ['left_wrist', 'right_wrist']
    assert all(same(s, worn, 1.7e9, gyro=False) for s in streams.values())


@pytest.mark.parametrize('name', ['sensor', 'node', 'port'])
@pytest.mark.parametrize('ids', ['01', '14', '12'])
def test_numbered_sensors_are_no_types(tmp_path, worn, name, ids):
    """Android numbers kinds of sensors, others those of a person."""
    rows = [
        f'{t + 0.002 * i:.3f},{number},{x:.5f},{y:.5f},{z:.5f}'
        for t, acc in zip(worn.times, worn.acc)
        for i, number in enumerate(ids)
        for x, y, z in [acc * (1 - 2 * i)]
    ]
    path = write_lines(tmp_path / 'a.csv', f'time,{name},ax,ay,az', rows)
    streams = to_imu({'file': path}, placements_only=False)
    assert {*streams} == {*ids}
    first, second = streams.values()
    assert same(first, worn, gyro=False)
    second.channels['acc'] = -np.asarray(second.channels['acc'][:])
    assert same(second, worn, 0.002, gyro=False)


def test_numbered_sensors_of_two_channels_are_no_types(tmp_path, worn):
    """One turns much faster than the other."""
    rows = [
        ','.join(map(str, [t, i, *rates * i**2, *acc]))
        for t, acc, rates in zip(worn.times, worn.acc, worn.gyro)
        for i in (1, 4)
    ]
    gyro = [f'g{x} (rad/s)' for x in 'xyz']
    head = ','.join(['time', 'node', *gyro, *AXES[:3]])
    path = write_lines(tmp_path / 'a.csv', head, rows)
    streams = to_imu({'file': path}, placements_only=False)
    assert {*streams} == {'1', '4'} and same(streams['1'], worn)
    text = path.read_text().replace(',4,', ',B,')  # a number, and a letter
    path.write_text(text)
    assert {*to_imu({'file': path}, placements_only=False)} == {'1', 'B'}


@pytest.mark.parametrize('count', [2, 10])
def test_places_in_a_packet_are_no_sensors(tmp_path, worn, count):
    cells = np.arange(len(worn.times)) % count
    columns = [worn.times, cells, *worn.acc.T]
    path = table(tmp_path / 'a.csv', worn, ['t_s', 'part', *AXES[:3]], columns)
    assert same(read(path), worn, gyro=False)


@pytest.mark.parametrize('gap', ['right_wrist', ''])
@pytest.mark.parametrize('units', [False, True])
def test_names_in_two_rows(tmp_path, worn, gap, units):
    """As pandas writes levels of columns, and workbooks merged cells."""
    left = 'left_knee' if gap else ''
    above = ['', 'right_wrist', gap, gap, 'left_knee', left, left]
    head = [','.join(above), ','.join(['time', *AXES[:3], *AXES[:3]])]
    head += [','.join(['s', *['g'] * 6])] if units else []
    acc = worn.acc.T / (G if units else 1)
    rows = lines_of(worn.times, *acc, *-acc)
    path = write_lines(tmp_path / 'a.csv', head, rows)
    streams = to_imu({'file': path})
    assert same(streams['right_wrist'], worn, gyro=False)
    np.testing.assert_allclose(
        streams['left_knee'].channels['acc'][:],
        -np.asarray(streams['right_wrist'].channels['acc'][:]),
    )


@pytest.mark.parametrize(
    'names',
    [
        ['acc[0]', 'acc[1]', 'acc[2]', 'gyro[0]', 'gyro[1]', 'gyro[2]'],
        ['acc(x)', 'acc(y)', 'acc(z)', 'gyro(x)', 'gyro(y)', 'gyro(z)'],
        ['acc1', 'acc2', 'acc3', 'gyro1', 'gyro2', 'gyro3'],
        ['ax1', 'ay1', 'az1', 'gx1', 'gy1', 'gz1'],
        [f'{kind}{x}' for kind in ('加速度', '角速度') for x in 'XYZ'],
        [f'{kind}_{x}' for kind in ('aceleracion', 'giro') for x in 'xyz'],
        [f'Knie links {kind} {x}' for kind in ('Acc', 'Gyr') for x in 'XYZ'],
    ],
)
def test_axes_in_names(tmp_path, worn, names):
    columns = [worn.times, *worn.acc.T, *worn.gyro.T]
    path = table(tmp_path / 'a.csv', worn, ['time', *names], columns)
    stream = read(path)
    assert same(stream, worn) and stream.gravity
    assert any('100 Hz' in note for note in stream.notes)


def test_two_sensors_with_units_as_those_of_phyphox(tmp_path, worn):
    parts = {'Right Wrist': worn.acc, 'Left Shank': -worn.acc}
    names = [f'{p} Accelerometer {x} (m/s^2)' for p in parts for x in 'XYZ']
    columns = [worn.times, *np.concatenate([*parts.values()], axis=1).T]
    names = ['Time (s)', *names]
    streams = to_imu(table(tmp_path / 'a.csv', worn, names, columns))
    assert same(streams['right_wrist'], worn, gyro=False)
    assert {*streams} == {'right_wrist', 'left_shank'}


@pytest.mark.parametrize(
    'names',
    [
        'timestamp_ms,acc_{x},acc2_{x}',
        'timestamp_ms,acc_{x},acc_{x}.1',
        'timestamp (ms),accel_{x},accel_{x}_left',
    ],
)
def test_no_sensor_of_a_phone_log_is_lost(tmp_path, worn, names):
    time, *names = names.split(',')
    names = [name.replace('{x}', axis) for name in names for axis in 'xyz']
    columns = [worn.times * 1000, *worn.acc.T, *-worn.acc.T]
    path = table(tmp_path / 'a.csv', worn, [time, *names], columns)
    streams = to_imu({'file': path}, placements_only=False)
    assert len(streams) == 2
    assert same(next(iter(streams.values())), worn, gyro=False)


def test_columns_beside_our_own_are_noted(tmp_path, worn):
    names = [f'right_wrist_acc_{x}' for x in 'xyz']
    names = ['time', *names, 'knee_l_ax', 'knee_l_ay', 'knee_l_az']
    columns = [worn.times, *worn.acc.T, *-worn.acc.T]
    path = table(tmp_path / 'a.csv', worn, names, columns)
    stream = to_imu(path)['right_wrist']
    assert same(stream, worn, gyro=False)
    assert any("not read: 'knee_l_ax'" in note for note in stream.notes)


def test_spaces_before_quotes(tmp_path, worn):
    rows = lines_of(worn.times, *worn.acc.T, delimiter='", "')
    path = write_lines(
        tmp_path / 'a.csv',
        '"time", "ax", "ay", "az"',
        [f'"{row}"' for row in rows],
    )
    assert same(read(path), worn, gyro=False)


def test_left_in_german_is_not_linear():
    assert not parse_column('Knie links Acc X [m/s²]').free
    assert parse_column('LinAccX').free and parse_column('lin_acc_x').free
    assert all(
        parse_column(f'{word}X').free
        for word in ('线性加速度', '線性加速度', '線形加速度', '선형 가속도')
    )


def test_sides_in_german():
    assert placement_in('an der linken Hand') is None  # der: or Spanish, right
    assert placement_in('linken_hand') == 'left_hand'


def test_what_somebody_does_is_no_sensor(tmp_path, worn):
    half = len(worn.times) // 2
    types = ['walking'] * half + ['standing'] * half
    names = ['time', 'type', *AXES]
    columns = [worn.times, types, *worn.acc.T, *worn.gyro.T]
    assert same(read(table(tmp_path / 'a.csv', worn, names, columns)), worn)


def test_newest_rows_first(tmp_path, worn):
    columns = [worn.times, *worn.acc.T, *worn.gyro.T]
    columns = [column[::-1] for column in columns]
    stream = read(table(tmp_path / 'a.csv', worn, ['time', *AXES], columns))
    assert same(stream, worn)
    assert any('out of order' in note for note in stream.notes)


def test_counts_of_a_gyroscope(tmp_path, worn):
    acc = np.round(worn.acc / G * 16384)
    gyro = np.round(np.rad2deg(worn.gyro) * 131 + [0, 0, 20000])
    columns = [worn.times, *acc.T, *gyro.T]
    path = table(tmp_path / 'a.csv', worn, ['t', *AXES], columns)
    stream = read(path)
    assert same(stream, worn, gyro=False) and 'gyro' not in stream.channels
    assert any("units: {gyro: '1/131 deg/s'}" in n for n in stream.notes)


def test_counts_whose_zero_is_not_known(tmp_path, worn):
    counts = np.round(512 + worn.acc * 10)
    columns = [worn.times, *counts.T]
    path = table(tmp_path / 'a.csv', worn, ['time', *AXES[:3]], columns)
    with pytest.raises(ValueError, match='whose zero is not known'):
        read(path)


@pytest.mark.parametrize(
    ('name', 'first', 'told'),
    [
        ('timestamp', 7.3e8, 'would be of 1993'),
        ('timestamp', 1.4e9, 'would be of 2014 .* of 2024 if from 1980'),
        ('gps_time', 1.6e9, 'of 2030 if from 1980'),
    ],
)
def test_a_clock_that_counts_from_another_year(
    tmp_path, worn, monkeypatch, name, first, told
):
    monkeypatch.setattr('mobind_mm.readers.table_streams.now', lambda: 1.75e9)
    columns = [[f'{first + t:.3f}' for t in worn.times], *worn.acc.T]
    path = table(tmp_path / 'a.csv', worn, [name, *AXES[:3]], columns)
    stream = read(path)
    assert same(stream, worn, first, gyro=False)
    assert any(re.search(told, note) for note in stream.notes)


def test_polar_without_units(tmp_path, worn):
    values = np.round(worn.acc / G * 1e5) / 100
    path = write_polar(tmp_path / 'ACC.txt', worn.times, values, 'mg')
    path.write_text(path.read_text().replace(' [mg]', ''))
    assert same(read(path), worn, 946684800 + 599628003, gyro=False)


# Skeletons

POINTS, SCORES = person()
COCO = get_layout('coco')
APPLE = {
    'wrist': 'hand_joint',
    'elbow': 'forearm_joint',
    'shoulder': 'shoulder_1_joint',
    'hip': 'upLeg_joint',
    'knee': 'leg_joint',
    'ankle': 'foot_joint',
}


def named(points, scores, name=str, place=lambda x, y: {'x': x, 'y': y}):
    """Points of a frame as dicts, the last joint first."""
    rows = zip(points.tolist(), scores.tolist(), COCO)
    rows = [{**place(*p), 'score': s, 'name': name(n)} for p, s, n in rows]
    return rows[::-1]


def flat(points, scores):
    return np.concatenate([points, scores[:, None]], axis=1).ravel().tolist()


def coco_instance(points, scores):
    keypoints = np.concatenate([points, scores[:, None]], axis=1)
    return {'keypoints': keypoints.tolist()}


def apple(name):
    side, _, joint = name.partition('_')
    return f'{side}_{APPLE[joint]}' if joint in APPLE else name


WRITERS = {
    'tfjs': lambda p, s: {'keypoints': named(p, s)},
    'posenet': lambda p, s: {
        'pose': {
            'score': 0.9,
            'keypoints': [
                {'part': row.pop('name'), **row}
                for row in named(
                    p, s, place=lambda x, y: {'position': {'x': x, 'y': y}}
                )
            ],
        }
    },
    'vision': lambda p, s: {'joints': named(p, s, apple)},
    'detectron2': lambda p, s: {
        'instances': [{'pred_keypoints': np.c_[p, s].tolist()}]
    },
    'roboflow': lambda p, s: {
        'predictions': [
            {
                **{'x': 600.0, 'y': 350.0, 'class': 'person'},
                'keypoints': [
                    {'class': row.pop('name'), **row} for row in named(p, s)
                ],
            }
        ]
    },
    'message': lambda p, s: {'landmark': named(p, s)},
    'by_name': lambda p, s: {
        'landmarks': {row.pop('name'): row for row in named(p, s)}
    },
}


def agrees(pose, points=POINTS):
    names = [n for n in COCO if n in get_layout(pose.layout)]
    columns = [get_layout(pose.layout).index(n) for n in names]
    seen = np.asarray(pose.scores[:])[:, columns] > 0
    assert seen.mean() > 0.6
    wanted = points[:, [COCO.index(n) for n in names]]
    got = np.asarray(pose.keypoints[:])[:, columns]
    np.testing.assert_allclose(got[seen], wanted[seen], atol=0.01)
    return True


def as_people(tmp_path, joints):
    """A file of one person with the points (K, T, 2)."""
    frames = np.stack(joints, axis=1)
    scores = np.full(frames.shape[:2], 0.9)
    people = [[coco_instance(p, s)] for p, s in zip(frames, scores)]
    (tmp_path / 'a.json').write_text(json.dumps(people))
    return tmp_path / 'a.json'


@pytest.mark.parametrize('tool', WRITERS)
def test_points_go_by_their_names(tool, tmp_path):
    frames = [
        {'frame': i, **WRITERS[tool](p, s)}
        for i, (p, s) in enumerate(zip(POINTS, SCORES))
    ]
    path = tmp_path / 'pose.json'
    path.write_text(json.dumps(frames))
    assert agrees(load_pose(path, VIDEO))


def test_lines_and_texts_of_json(tmp_path):
    frames = [
        [{'name': 'person', 'keypoints': {'x': p[0], 'y': p[1], 'visible': s}}]
        for p, s in zip(POINTS.transpose(0, 2, 1).tolist(), SCORES.tolist())
    ]
    texts = [*map(json.dumps, frames)]
    for name, text in (
        ('a.jsonl', '\n'.join(texts)),
        ('b.json', json.dumps(texts)),
    ):
        (tmp_path / name).write_text(text)
        assert agrees(load_pose(tmp_path / name, VIDEO))
    (tmp_path / 'a.jsonl').write_text(
        '\n'.join([*texts[:5], texts[5][:40], ''])
    )
    with pytest.raises(ValueError, match=r'a\.jsonl, row 6'):
        load_pose(tmp_path / 'a.jsonl', VIDEO)


def test_a_file_for_each_image(tmp_path):
    """AlphaPose's sep-json, and MMPose on a folder, in a folder of its own."""
    bodies = [
        {'bodies': [{'joints': flat(p, s)}]} for p, s in zip(POINTS, SCORES)
    ]
    people = [[coco_instance(p, s)] for p, s in zip(POINTS, SCORES)]
    for name, frames in (('sep-json', bodies), ('predictions', people)):
        folder = tmp_path / name / 'inside'
        folder.mkdir(parents=True)
        for i, frame in enumerate(frames):
            (folder / f'{i:06d}.json').write_text(json.dumps(frame))
        assert agrees(load_pose(tmp_path / name, VIDEO))


def test_a_body_of_another_layout_is_refused(tmp_path):
    """The hips stand where the neck would be."""
    joints = dict(zip(COCO, POINTS.transpose(1, 0, 2)))
    order = (*COCO, *COCO[:8])
    order = (*order[:1], *order[:0:-1])
    path = as_people(tmp_path, [joints[name] for name in order])
    with pytest.raises(ValueError, match='eyes be far from the nose'):
        load_pose(path, VIDEO)


@pytest.mark.parametrize(('axes', 'up'), [((0, 2, 1), 'z'), ((0, 1, 2), 'y')])
def test_trc_with_z_upwards_and_decimal_commas(tmp_path, axes, up):
    names = [n for n in COCO if not n.endswith(('eye', 'ear'))]
    columns = []
    for name in names:
        x, y = POINTS[:, COCO.index(name)].T
        space = np.stack([x, 700 - y, np.full(len(x), 300.0)])[list(axes)]
        columns += [axis / 400 for axis in space]
    head = [
        'PathFileType\t4\t(X/Y/Z)\ta.trc',
        'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits',
        f'30\t30\t{len(POINTS)}\t{len(names)}\tmeters',
        'Frame#\tTime\t' + '\t\t\t'.join(names),
        '\t\t' + '\t'.join(f'{a}{i + 1}' for i in range(12) for a in 'XYZ'),
    ]
    times = np.arange(len(POINTS)) / RATE
    rows = lines_of(times * RATE, times, *columns, delimiter='\t', decimal=',')
    pose = load_pose(write_lines(tmp_path / 'a.trc', head, rows), Video())
    index = get_layout(pose.layout).index('left_wrist')
    got = np.asarray(pose.keypoints[:])[:, index]
    seen = np.asarray(pose.scores[:])[:, index] > 0
    moved = got[seen] - got[seen].mean(axis=0)
    wanted = POINTS[seen, COCO.index('left_wrist')]
    np.testing.assert_allclose(moved, wanted - wanted.mean(0), atol=0.05)
    assert any(f'{up} upwards' in note for note in pose.notes)


@pytest.mark.parametrize(
    ('turn', 'low', 'unit', 'said'),
    [
        ('xzy', -600, 4, 'z upwards'),
        ('xzy', 3000, 4, 'z upwards'),
        ('xyz', 3000, 4, 'y upwards'),
        ('xyz', -2.4, 0.004, 'y upwards'),
        ('xzy', 0, 0.004, 'z upwards'),
    ],
)
def test_points_in_space_are_drawn(tmp_path, turn, low, unit, said):
    """FreeMoCap writes such; what is all above 0 was taken for pixels."""
    names, columns = [], []
    for name, (x, y) in zip(COCO, POINTS.transpose(1, 2, 0)):
        space = {'x': unit * x + low, 'y': unit * (640 - y)}
        space['z'] = np.full(len(x), 300 * unit)
        names += [f'{name}_{axis}' for axis in 'xyz']
        columns += [np.where(x, space[axis], np.nan) for axis in turn]
    path = write_lines(tmp_path / 'a.csv', ','.join(names), lines_of(*columns))
    pose = load_pose(path, VIDEO)
    assert any(re.search(said, note) for note in pose.notes)
    index = COCO.index('left_wrist')
    got, wanted = pose.keypoints[:, index], POINTS[:, index]
    seen = pose.scores[:, index] > 0
    got, wanted = (v[seen] - v[seen].mean(axis=0) for v in (got, wanted))
    scale = (got * wanted).sum() / (wanted**2).sum()
    np.testing.assert_allclose(got, scale * wanted, atol=0.1)


@pytest.mark.parametrize('size', [1, np.array(SHAPE[::-1])])
@pytest.mark.parametrize('left', [0, 560])
@pytest.mark.parametrize('depth', [-0.1, 2.0])
def test_a_depth_beside_pixels_is_no_space(tmp_path, size, left, depth):
    """MediaPipe guesses it; points may be left of the image, or at -1."""
    names, columns = [], []
    for index, name in enumerate(COCO):
        points = (POINTS[:, index] - (left, 0)) / size
        points[::3, :] = -1
        names += [f'{name}_{axis}' for axis in 'xyz']
        columns += [*points.T, np.full(len(points), depth + 0.01 * index)]
    path = write_lines(tmp_path / 'a.csv', ','.join(names), lines_of(*columns))
    pose = load_pose(path, VIDEO)
    assert not pose.scores[::3].any()
    got = pose.keypoints[1, 5] + (left, 0)
    np.testing.assert_allclose(got, POINTS[1, 5], atol=0.1)


@pytest.mark.parametrize(
    ('time', 'names'),
    [
        (
            'Zeit (ms)',
            'Schulter {}, Ellenbogen {}, Handgelenk {}, Hüfte {}, Knie {}, '
            'Knöchel {}; links, rechts',
        ),
        (
            'tiempo_ms',
            'hombro_{}, codo_{}, muñeca_{}, cadera_{}, rodilla_{}, tobillo_{}'
            '; izq, der',
        ),
        (
            'temps (ms)',
            'épaule {}, coude {}, poignet {}, hanche {}, genou {}, cheville {}'
            '; gauche, droite',
        ),
    ],
)
def test_joints_of_other_languages(tmp_path, time, names):
    joints, sides = (part.split(', ') for part in names.split('; '))
    names = [joint.format(side) for joint in joints for side in sides]
    head = [time, *(f'{name} {axis}' for name in names for axis in 'XY')]
    rows = lines_of(
        np.arange(len(POINTS)) * 1000 / RATE,
        *np.nan_to_num(POINTS[:, 5:]).reshape(len(POINTS), -1).T,
    )
    path = write_lines(tmp_path / 'a.csv', ','.join(head), rows)
    assert agrees(load_pose(path, VIDEO))
    place = placement_in(f'P1 {joints[2].format(sides[0])}.csv')
    assert place == 'left_wrist'


@pytest.mark.parametrize('name', ['id', 'subject', 'person_id'])
def test_people_in_a_table_keep_their_ids(tmp_path, name):
    columns = ','.join(f'{joint}_{axis}' for joint in COCO for axis in 'xy')
    rows = [
        ','.join(map(str, [frame, who, *(points + 300 * (who == 7)).ravel()]))
        for frame, points in enumerate(POINTS)
        for who in (7, 4)
    ]
    path = write_lines(tmp_path / 'a.csv', f'frame,{name},{columns}', rows)
    assert agrees(load_pose(path, VIDEO, person=4))
    rows = [
        row.replace(',4,', f',{i},', 1) for i, row in enumerate(rows[1::2])
    ]
    write_lines(path, f'frame,{name},{columns}', rows)  # of the row
    pose = load_pose(path, VIDEO)
    assert agrees(pose) and not any('identities' in n for n in pose.notes)


def test_points_by_id(tmp_path):
    ((_, text),) = mediapipe_long(POINTS, SCORES).items()
    path = tmp_path / 'a.csv'
    path.write_bytes(text.replace(b',landmark,', b',id,'))
    assert agrees(load_pose(path, VIDEO))


def test_holistic_rows_of_the_body(tmp_path):
    points, scores = as_layout('mediapipe33', POINTS, SCORES)
    points = points / SHAPE[::-1]
    rows = ['frame,type,landmark_index,x,y,z']
    for frame, (xy, _) in enumerate(zip(points, scores)):
        for kind, count in (('face', 2), ('pose', 33)):
            rows += [
                f'{frame},{kind},{i},{xy[i, 0]:.7f},{xy[i, 1]:.7f},0'
                for i in range(count)
            ]
    path = write_lines(tmp_path / 'a.csv', rows)
    assert agrees(load_pose(path, VIDEO))


@pytest.mark.parametrize('filler', [(-1, -1), (240, 60), (1e-4, 1e-4)])
def test_fillers_of_any_value(tmp_path, filler):
    rng = np.random.default_rng(2)
    points = np.where(
        rng.random(SCORES.shape)[..., None] < 0.15, filler, POINTS
    )
    ones = np.ones_like(SCORES)
    people = [
        {'frame': i, **coco_instance(p, s)}
        for i, (p, s) in enumerate(zip(points, ones))
    ]
    (tmp_path / 'a.json').write_text(json.dumps(people))
    (content,) = mmaction(points, ones).values()
    (tmp_path / 'a.pkl').write_bytes(content)
    arrays = {'keypoints': points, 'rate': RATE, 'img_shape': SHAPE}
    gone = (points == filler).all(axis=2)
    gone |= ~(POINTS > 0).all(axis=2)  # the person's own
    count = (points == filler).all(axis=2).sum()
    said = f'{count} points are all at ({filler[0]:g}, {filler[1]:g})'
    for pose in (
        load_pose(tmp_path / 'a.json', VIDEO),
        load_pose(tmp_path / 'a.pkl', Video(rate=RATE)),
        to_pose(arrays),
    ):
        np.testing.assert_array_equal(np.asarray(pose.scores[:]) == 0, gone)
        assert any(said in note for note in pose.notes)


def test_joints_that_share_a_place_by_chance_are_kept():
    """Points of a face, on whole pixels, of somebody who keeps still."""
    rng = np.random.default_rng(0)
    points = np.round(rng.normal(300, 120, (17, 2)))[None].repeat(40, axis=0)
    points[:, :5] = np.round(300 + rng.normal(0, 1, (40, 5, 2)))
    points = points.astype(np.float32)
    boxes, ones = np.zeros((40, 4), np.float32), np.ones((40, 17), np.float32)
    seen = Detections(40, np.arange(40), points, ones, boxes, 'coco')
    assert without_fillers(seen) is seen


def test_easy_vitpose_writes_y_before_x(tmp_path):
    frames = [
        {'0': [[y, x, s] for (x, y), s in zip(p, q)]}
        for p, q in zip(POINTS.tolist(), SCORES.tolist())
    ]
    names = {str(i): name for i, name in enumerate(COCO)}
    content = {'keypoints': [{}, *frames[1:]], 'skeleton': names}
    (tmp_path / 'a.json').write_text(json.dumps(content))
    pose = load_pose(tmp_path / 'a.json', VIDEO)
    assert agrees(pose) and any('y, x' in note for note in pose.notes)


def test_people_and_points_by_number(tmp_path):
    people = [
        {'frame_id': i, 'pose_results': [coco_instance(p, s)]}
        for i, (p, s) in enumerate(zip(POINTS, SCORES))
    ]
    (tmp_path / 'a.json').write_text(json.dumps(people))
    assert agrees(load_pose(tmp_path / 'a.json', VIDEO))
    points, _ = as_layout('mediapipe33', POINTS, SCORES)
    frames = {
        str(i): {
            str(k): {'x': x, 'y': y, 'visibility': 0.9}
            for k, (x, y) in enumerate((p / SHAPE[::-1]).tolist())
        }
        for i, p in enumerate(points)
    }
    (tmp_path / 'b.json').write_text(json.dumps(frames))
    assert agrees(load_pose(tmp_path / 'b.json', VIDEO))


def test_openpose_frames_in_other_files(tmp_path):
    points, scores = as_layout('openpose_body25', POINTS, SCORES)
    frames = [
        {'version': 1.3, 'people': [{'pose_keypoints_2d': flat(p, s)}]}
        for p, s in zip(points, scores)
    ]
    frames[3] = {'version': 1.3, 'people': None}
    lines = '\n'.join(map(json.dumps, [*frames[:3], *frames[4:]]))
    (tmp_path / 'a.jsonl').write_text(lines)
    assert load_pose(tmp_path / 'a.jsonl', VIDEO).layout == 'openpose_body25'
    (tmp_path / 'json').mkdir()
    for i, frame in enumerate(frames):
        name = f'walk_{i:012d}_keypoints.json'
        (tmp_path / 'json' / name).write_text(json.dumps(frame))
    assert agrees(load_pose(tmp_path / 'json', VIDEO))
    (tmp_path / 'info').mkdir()
    for i, (p, s) in enumerate(zip(POINTS, SCORES)):
        content = json.dumps({'instance_info': [coco_instance(p, s)]})
        (tmp_path / 'info' / f'{i:06d}.json').write_text(content)
    assert agrees(load_pose(tmp_path / 'info', VIDEO))


@pytest.mark.parametrize('first', [1, 3])
def test_labels_of_deeplabcut(tmp_path, first):
    """A frame is the number of its image, in one column or in three."""
    pad = [''] * (first - 1)
    rows = [
        ['scorer', *pad, *['me'] * 34],
        ['bodyparts', *pad, *(n for n in COCO for _ in 'xy')],
        ['coords', *pad, *'xy' * 17],
    ]
    mark = '/' if first == 1 else ','
    images = [
        mark.join(('labeled-data', 'walk', f'img{i:04d}.png'))
        for i in range(len(POINTS))
    ]
    columns = POINTS.transpose(1, 2, 0).reshape(34, -1)
    path = write_lines(
        tmp_path / 'CollectedData_me.csv',
        [','.join(row) for row in rows],
        lines_of(images, *columns),
    )
    assert agrees(load_pose(path, VIDEO))


def test_names_with_their_class_or_subject(tmp_path):
    columns = [*POINTS.transpose(1, 2, 0).reshape(34, -1)]
    for prefix in ('PoseLandmark.', 'Walk:'):
        names = [f'{prefix}{n.upper()}_{a}' for n in COCO for a in 'xy']
        path = write_lines(
            tmp_path / 'a.csv', ','.join(names), lines_of(*columns)
        )
        assert agrees(load_pose(path, VIDEO))


def test_holistic_points_by_number(tmp_path):
    points, _ = as_layout('mediapipe33', POINTS, SCORES)
    points = np.concatenate([points, points[:, :1].repeat(468, 1)], axis=1)
    points = points / SHAPE[::-1]
    names = [f'{a}{i + 1}' for i in range(501) for a in 'xy']
    columns = points.transpose(1, 2, 0).reshape(1002, -1)
    path = write_lines(tmp_path / 'a.csv', ','.join(names), lines_of(*columns))
    pose = load_pose(path, VIDEO)
    assert agrees(pose) and pose.layout == 'mediapipe33'


@pytest.mark.parametrize('written', ['person', 'lists'])
def test_pickles_of_other_shapes(tmp_path, written):
    scores, keypoint = SCORES, POINTS
    if written == 'lists':
        scores, keypoint = scores[None].tolist(), keypoint[None].tolist()
    content = {
        'frame_dir': 'a',
        'img_shape': SHAPE,
        'total_frames': len(POINTS),
        'keypoint': keypoint,
        'keypoint_score': scores,
    }
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content))
    assert agrees(load_pose(tmp_path / 'a.pkl', VIDEO))


@pytest.mark.parametrize(
    ('name', 'said'),
    [('a.npz', 'no array of keypoints'), ('a.json.gz', 'Unpack it')],
)
def test_files_that_are_no_skeletons_say_what_to_do(tmp_path, name, said):
    (tmp_path / name).write_bytes(b'\x02P\0\0')
    with pytest.raises(ValueError, match=said):
        load_pose(tmp_path / name, VIDEO)


def test_points_of_c3d(tmp_path):
    pytest.importorskip('c3d')
    joints = [
        f'{s}_{j}'
        for s in ('left', 'right')
        for j in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
    ]
    columns = [get_layout('coco').index(joint) for joint in joints]
    flat = POINTS[:, columns] * 4
    points = np.stack([flat[..., 0], 0 * flat[..., 0], -flat[..., 1]], axis=2)
    points[3, 2] = np.nan
    names = [f'Anna:{j.title().replace("_", "")}' for j in joints]
    path = tmp_path / 'a.c3d'
    path.write_bytes(c3d(points, names))
    pose = load_pose(path)
    assert pose.clock.mean_rate == pytest.approx(RATE)
    seen = np.asarray(pose.scores[:, columns]) > 0
    assert not seen[3, 2] and seen.sum() == seen.size - 2
    drawn = np.asarray(pose.keypoints[:, columns]) / 400 * 1000
    apart = (drawn - points[..., [0, 2]] * (1, -1))[seen]
    assert np.ptp(apart, axis=0).max() < 1  # mm
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r'a\.c3d: ends after \d+ of'):
        load_pose(path)


def test_c3d_needs_its_reader(tmp_path, monkeypatch):
    (tmp_path / 'a.c3d').write_bytes(b'\x02P\0\0')
    monkeypatch.setitem(sys.modules, 'c3d', None)
    with pytest.raises(ImportError, match=r'pip install mobind_mm\[c3d\]'):
        load_pose(tmp_path / 'a.c3d')


def undescribed(path, *columns, names):
    """A table without a description, whose first column is the time."""
    times = np.arange(len(columns[0])) / 100
    write_lines(path, names, lines_of(times, *columns))
    return path


def worn_on(path):
    return to_imu({'file': path, 'placement': 'right_wrist'})['right_wrist']


def test_no_column_is_lost_without_a_word(tmp_path, worn):
    m = worn
    six = [*m.acc.T, *m.gyro.T]
    names = ['Time (s)']
    names += [f'Acceleration {a} (m/s^2)' for a in 'XYZ']
    names += [f'Rotational Rate {a} (rad/s)' for a in 'XYZ']
    stream = worn_on(
        undescribed(tmp_path / 'a.csv', *six, names=','.join(names))
    )
    assert {*stream.channels} == {'acc', 'gyro'}
    pairs = [f'Acc{n}_{a}' for n in '12' for a in 'XYZ']
    twice = [*m.acc.T, *m.acc.T[::-1]]
    path = undescribed(
        tmp_path / 'b.csv', *twice, names=','.join(['time', *pairs])
    )
    with pytest.raises(ValueError, match='2 sensors'):
        worn_on(path)
    for mark in ('', '.1'):  # as they are, and as pandas marks them
        names = ['time', *'xyz', *(f'{axis}{mark}' for axis in 'xyz')]
        path = undescribed(tmp_path / 'd.csv', *six, names=','.join(names))
        with pytest.raises(ValueError, match='names are there more than once'):
            worn_on(path)
    names = ['time', *AXES[:3], 'time', *AXES[3:]]
    columns = [*m.acc.T, m.times + 0.02, *m.gyro.T]
    path = undescribed(tmp_path / 'e.csv', *columns, names=','.join(names))
    with pytest.raises(ValueError, match='which of the times'):
        worn_on(path)
    names = [f'Beschleunigung {a} (m/s²)' for a in 'XYZ']
    names += [f'Drehrate {a} (°/s)' for a in 'XYZ']
    path = undescribed(
        tmp_path / 'f.csv', *six, names=','.join(['Zeit (s)', *names])
    )
    assert any("not read: 'Drehrate X" in n for n in worn_on(path).notes)
    more = 'time,acc_x,acc_y,acc_z,acc_norm,battery,mode'
    stream = worn_on(undescribed(tmp_path / 'c.csv', *six, names=more))
    assert any("not read: 'acc_norm'" in note for note in stream.notes)


@pytest.mark.parametrize(
    'words',
    [
        'tempo;aceleração {};velocidade angular {}',
        'czas;przyspieszenie {};żyroskop {}',
        'время;ускорение {};угловая скорость {}',
        'zaman;ivme_{};jiroskop_{}',
        'temps;accélération {};vitesse angulaire {}',
    ],
)
def test_words_of_languages(tmp_path, worn, words):
    time, *channels = words.split(';')
    names = [time, *(c.format(a) for c in channels for a in 'xyz')]
    columns = [worn.times, *worn.acc.T, *worn.gyro.T]
    path = table(tmp_path / 'a.csv', worn, names, columns, ';')
    assert same(read(path), worn)


@pytest.mark.parametrize(
    ('form', 'decimal'),
    [('{:,.2f}', '.'), ('{:,.2f}', ','), ("{:,.0f}'", '.')],
)
def test_thousands_that_cannot_be_decimals(tmp_path, worn, form, decimal):
    marks = str.maketrans(',.', '.,' if decimal == ',' else ',.')
    times = [form.format(1000 * t).translate(marks) for t in worn.times]
    if form.endswith("'"):
        times = [time[:-1].replace(',', "'") for time in times]
    rows = lines_of(
        times, *worn.acc.T, *worn.gyro.T, delimiter=';', decimal=decimal
    )
    head = ';'.join(['t (ms)', *AXES])
    assert same(read(write_lines(tmp_path / 'a.csv', head, rows)), worn)


def test_other_values_of_a_sensor_are_no_sensors(tmp_path, worn):
    free = worn.acc - np.median(worn.acc, axis=0)
    for first, more in (
        ('acc_%s', 'acc_%s_filt'),
        ('accelerationIncludingGravity.%s', 'acceleration.%s'),
        ('acc_%s', 'acc_bias_%s'),
    ):
        names = [name % axis for name in (more, first) for axis in 'xyz']
        columns = [*free.T, *worn.acc.T, *worn.gyro.T]
        path = undescribed(
            tmp_path / 'a.csv',
            *columns,
            names=','.join(['time', *names, *AXES[3:]]),
        )
        assert same(worn_on(path), worn)


def test_counts_that_lost_their_sign(tmp_path, worn):
    counts = np.round(worn.acc / G * 16384).astype(int) % 65536
    path = undescribed(tmp_path / 'a.csv', *counts.T, names='time,ax,ay,az')
    with pytest.raises(ValueError, match='as if 65535 were -1'):
        worn_on(path)


@pytest.mark.parametrize('mark', [',', '\t', ' ', ', '])
@pytest.mark.parametrize('head', ['', 'ax ay az gx gy gz'])
def test_stamps_of_the_arduino_ide(tmp_path, worn, mark, head):
    rows = lines_of(*worn.acc.T, *worn.gyro.T, delimiter=mark)
    clocks = [f'10:00:{t:06.3f}' for t in worn.times]
    lines = [f'{clock} -> {row}' for clock, row in zip(clocks, rows)]
    if head:
        lines.insert(0, f'10:00:00.000 -> {head.replace(" ", mark)}')
    path = write_lines(tmp_path / 'serial.txt', lines)
    assert same(read(path), worn, 36000)


def test_what_follows_a_table(tmp_path, worn):
    columns = [worn.times, *worn.acc.T, *worn.gyro.T]
    path = table(tmp_path / 'a.csv', worn, ['time', *AXES], columns)
    text = path.read_text()
    path.write_text(f'{text}END OF FILE\nSamples: 2000\n\n')
    stream = read(path)
    assert same(stream, worn) and len(stream.clock.at()) == 2000
    assert any("no table ('END OF FILE')" in note for note in stream.notes)
    for mark in ('', '"'):  # a cut row with others after it is named
        lines = text.replace('time', f'{mark}time{mark}').splitlines()
        lines[-5] = '1,2'
        path.write_text('\n'.join(lines))
        with pytest.raises(ValueError, match='row 1997: 2 cells'):
            read(path)
    path.write_text(text + '\0' * 3_000_000)  # room that was never written
    stream = read(path)
    assert same(stream, worn) and len(stream.clock.at()) == 2000


def test_texts_with_commas_show_no_decimal(tmp_path, worn):
    columns = [worn.times, ['"(0.0, 0.0)"'] * 2000, *worn.acc.T, *worn.gyro.T]
    names = ['time', 'covariance', *AXES]
    assert same(read(table(tmp_path / 'a.csv', worn, names, columns)), worn)


def test_too_little_memory_names_the_file(tmp_path, worn, monkeypatch):
    path = undescribed(tmp_path / 'a.csv', *worn.acc.T, names='time,ax,ay,az')

    def parse(*args):
        raise MemoryError('Unable to allocate 6 GiB')

    monkeypatch.setattr('mobind_mm.readers.tables.Rows.parse', parse)
    with pytest.raises(MemoryError, match=r'a\.csv, of .* GB: Unable'):
        worn_on(path)


def test_a_minus_of_typesetters(tmp_path, worn):
    m = worn
    path = undescribed(tmp_path / 'a.csv', *m.acc.T, names='time,ax,ay,az')
    plain = worn_on(path)
    text = path.read_text().replace('-', '\u2212')
    path.write_text(text, encoding='utf-8')
    shown = worn_on(path)
    np.testing.assert_array_equal(plain.channels['acc'], shown.channels['acc'])


@pytest.mark.parametrize(
    ('name', 'content', 'what'),
    [
        ('a.cwa', b'MD\x00\x00\x01', 'cwa-convert'),
        ('a.bin', b'Device Identity\r\nDevice', 'GENEActiv'),
        ('a.xdf', b'XDF:\x04\x00', 'LSL'),
        ('a.fit', b'\x0e\x10\x00\x00.FIT', 'binary'),
        ('a.mat', b'MATLAB 5.0 MAT-file', 'MATLAB'),
    ],
)
def test_binary_recordings_are_named(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=what):
        worn_on(tmp_path / name)


def test_other_channels_alone_are_no_sensor(tmp_path, worn):
    m = worn
    path = undescribed(
        tmp_path / 'a.csv', *m.acc.T, names='time,mag_x,mag_y,mag_z'
    )
    with pytest.raises(ValueError, match='no acceleration or angular rate'):
        worn_on(path)


@pytest.mark.parametrize('end', ['.1', ' 2', '_y'])
@pytest.mark.parametrize('device', ['dot', 'mtw', 'actigraph', 'axivity'])
def test_files_of_two_sensors_that_were_put_together(
    tmp_path, worn, device, end
):
    """Both are read, where only the first was, without a word."""
    m, other = worn, worn.part(slice(None))
    other.acc, other.gyro = (np.roll(v, 1, axis=1) for v in (m.acc, m.gyro))
    if device == 'mtw':  # of one unit with the first, whose movement tells
        rng = np.random.default_rng(0)
        other.acc = rng.normal((0, 0, G), 0.01, (2000, 3))
        other.gyro = rng.normal(0, 0.01, (2000, 3))
    first = '_x' if end == '_y' else ''
    turns = 180 / np.pi if device == 'dot' else 1.0
    values = [(m.acc, m.gyro * turns), (other.acc, other.gyro * turns)]
    head, clock = [], ['PacketCounter', 'SampleTimeFine']
    names = [f'{kind}_{axis}' for kind in ('Acc', 'Gyr') for axis in 'XYZ']
    count = [*map(str, range(2000))]
    times = [count, integers(m.times * 1e6)]
    if device == 'mtw':
        head, times[1] = ['// Update Rate: 100.0Hz'], [''] * 2000
    if device in ('actigraph', 'axivity'):
        names = [f'Accelerometer {axis}' for axis in 'XYZ']
        clock, values = ['Timestamp'], [(m.acc / G,), (other.acc / G,)]
        if device == 'axivity':
            clock = ['Time']
            names = [f'Accel-{axis} (g)' for axis in 'XYZ']
        times = [dates(m.times, '%Y-%m-%d %H:%M:%S.%f', start=0)]
    names = [name + mark for mark in (first, end) for name in names]
    columns = [axis for sensor in values for v in sensor for axis in v.T]
    path = write_lines(
        tmp_path / 'a.csv',
        *head,
        ','.join([*clock, *names]),
        lines_of(*times, *columns),
    )
    streams = [*to_imu({'file': path}, placements_only=False).values()]
    assert len(streams) == len(inspect_path(path)['sensors']) == 2
    gyro = device in ('dot', 'mtw')
    assert same(streams[0], m, gyro=gyro)
    assert same(streams[1], other, gyro=gyro)


@pytest.mark.parametrize(
    'names',
    [
        'time,x,y,z,hip_x,hip_y,hip_z',
        'time,x,y,z,x2,y2,z2',
        'time,x,y,z,gx,gy,gz',
        '',
    ],
)
def test_further_columns_of_actigraphs_are_named(tmp_path, worn, names):
    stamps = dates(worn.times, '%Y-%m-%d %H:%M:%S.%f', start=0)
    rows = lines_of(stamps, *worn.acc.T / G, *worn.acc.T[::-1] / G)
    path = write_lines(tmp_path / 'a.csv', *filter(None, [names]), rows)
    with pytest.raises(ValueError, match='another sensor|second acc'):
        worn_on(path)


@pytest.mark.parametrize('count', [0, 1, 3])
@pytest.mark.parametrize('device', ['dot', 'unknown'])
def test_hardly_any_rows(tmp_path, worn, device, count):
    """The reason is their number, not the names of the columns."""
    m = worn.part(slice(count))
    if device == 'dot':
        path = write_dot(tmp_path / 'a.csv', m)
        what = ('no rows', 'one sample', '')[min(count, 2)]
    else:
        path = undescribed(tmp_path / 'a.csv', *m.acc.T, names='t,ax,ay,az')
        what = ('no rows', 'one row', 'only 3 rows')[min(count, 2)]
    if not what:
        assert worn_on(path).clock.num_samples == 3
        return
    with pytest.raises(ValueError, match=what):
        worn_on(path)


def test_gravity_in_columns_of_its_own(tmp_path, worn):
    m = worn
    gravity = G * m.acc / np.linalg.norm(m.acc, axis=1, keepdims=True)
    names = [f'{k}_{a}' for k in ('lin_acc', 'grav', 'gyr') for a in 'xyz']
    values = [*(m.acc - gravity).T, *gravity.T, *m.gyro.T]
    path = undescribed(
        tmp_path / 'a.csv', *values, names=','.join(['time', *names])
    )
    assert same(worn_on(path), m)


@pytest.mark.parametrize(
    ('encoding', 'words'),
    [
        ('gb18030', ('时间', '加速度', '角速度')),
        ('cp932', ('時刻', '加速度', '角速度')),
        ('cp949', ('시간', '가속도', '각속도')),
    ],
)
def test_encodings_before_utf_8(tmp_path, worn, encoding, words):
    axes = [f'{word}{a}' for word in words[1:] for a in 'XYZ']
    stamps = dates(worn.times, '%Y-%m-%d %H:%M:%S.%f', start=0)
    path = write_lines(
        tmp_path / 'a.txt',
        '\t'.join([words[0], *axes]),
        lines_of(stamps, *worn.acc.T, *worn.gyro.T, delimiter='\t'),
        encoding=encoding,
    )
    stream = worn_on(path)
    assert same(stream, worn)
    assert any('is not text in UTF-8' in note for note in stream.notes)


def test_channels_of_metawear_side_by_side(tmp_path, worn):
    """They were two files; the second was read as none, or as the first."""
    names = ['epoc (ms)', 'timestamp (+0200)', 'elapsed (s)']
    names += [f'{a}-axis ({u})' for u in ('g', 'deg/s') for a in 'xyz']
    clock = [integers(1.7e12 + worn.times * 1e3), [''] * 2000, worn.times]
    gyro = np.rad2deg(worn.gyro)
    columns = [*clock, *worn.acc.T / G, *gyro.T]
    stream = worn_on(table(tmp_path / 'a.csv', worn, names, columns))
    assert same(stream, worn, 1.7e9)


def test_numbers_within_text_are_named(tmp_path):
    lines = [f'AccX:{i}.5\tAccY:{i}.25\tAccZ:{i}.75' for i in range(30)]
    write_lines(tmp_path / 'a.txt', lines)
    with pytest.raises(ValueError, match='numbers within text'):
        worn_on(tmp_path / 'a.txt')


@pytest.mark.parametrize(
    'names',
    [
        ('Time (s)', 'Acceleration {} (m/s^2)', 'Acceleration {} (m/s^2).1'),
        ('time_s', 'acc_{}', 'watch_acc_{}'),
    ],
)
def test_second_sensors_in_logs_of_phones(tmp_path, worn, names):
    turned = worn.acc[:, [1, 2, 0]]
    axes = [name.format(axis) for name in names[1:] for axis in 'xyz']
    columns = [worn.times, *worn.acc.T, *turned.T]
    path = table(tmp_path / 'a.csv', worn, [names[0], *axes], columns)
    first, second = to_imu({'file': path}, placements_only=False).values()
    assert same(first, worn, gyro=False)
    np.testing.assert_allclose(second.channels['acc'], turned, atol=0.02)


def test_second_sensors_of_ios_do_not_lose_their_signs(tmp_path, worn):
    names = ['loggingTime(txt)', 'accelerometerTimestamp_sinceReboot(s)']
    acc = [f'accelerometerAcceleration{axis}(G)' for axis in 'XYZ']
    names += [*acc, *(f'{name}.1' for name in acc)]
    stamps = dates(worn.times, '%Y-%m-%d %H:%M:%S.%f')
    columns = [stamps, worn.times, *-worn.acc.T / G, *worn.acc.T / G]
    path = table(tmp_path / 'a.csv', worn, names, columns)
    with pytest.raises(ValueError, match=r"another sensor .*X\(G\)\.1'"):
        to_imu({'file': path}, placements_only=False)


@pytest.mark.parametrize(
    ('above', 'name', 'rate'),
    [
        ('# Config: data_rate = 100.0 Hz, filter = 42 Hz', 'count', 100.0),
        ('Sampling frequency (Hz);100', '', 100.0),
        ('Sample rate (ms): 10', '', None),
        ('Bit rate: 16', 'count', None),
        ('Sampling rate: 1,000 Hz', '', None),
        ('Cutoff frequency: 20 Hz', '', None),
        ('Data rate: 115200', '', None),
    ],
)
def test_a_rate_above_a_table_without_times(tmp_path, worn, above, name, rate):
    m = worn.part(np.r_[:500, 700:2000])  # a counter shows it
    names = ['a_x', 'a_y', 'a_z']
    columns = [*m.acc.T / G]
    if name:
        names, columns = [name, *names], [np.r_[:500, 700:2000], *columns]
    rows = lines_of(*columns)
    path = write_lines(tmp_path / 'a.csv', above, '', ','.join(names), rows)
    if rate is None:
        with pytest.raises(ValueError, match='no times were found'):
            worn_on(path)
        return
    times = worn_on(path).clock.at()
    assert times[499] == pytest.approx(4.99)
    assert times[500] == pytest.approx(7.0 if name else 5.0)


def test_variants_of_one_sensor_are_not_another(tmp_path, worn):
    axes = 'XYZ'
    names = ['PacketCounter', 'SampleTimeFine']
    for kind in ('Acc', 'Gyr', 'FreeAcc', 'AccHR', 'GyrHR'):
        names += [f'{kind}_{axis}' for axis in axes]
    names += [f'Acc_{axis}_filt' for axis in axes]
    count = [*map(str, range(2000))]
    turns = worn.acc, worn.gyro, 0 * worn.acc, worn.acc, worn.gyro, worn.acc
    columns = [count, [''] * 2000, *(x for v in turns for x in v.T)]
    rows = lines_of(*columns)
    path = write_lines(
        tmp_path / 'a.txt', '// Update Rate: 100.0Hz', ','.join(names), rows
    )
    assert same(worn_on(path), worn)
    names = ['loggingTime(txt)', 'motionTimestamp_sinceReboot(s)']
    for kind in ('gyroRotation', 'motionRotationRate'):
        names += [f'{kind}{axis}(rad/s)' for axis in axes]
    names += [f'accelerometerAcceleration{axis}(G)' for axis in axes]
    stamps = dates(worn.times, '%Y-%m-%d %H:%M:%S.%f', start=0)
    columns = [stamps, worn.times, *worn.gyro.T, *worn.gyro.T]
    columns += [*-worn.acc.T / G]
    path = table(tmp_path / 'b.csv', worn, names, columns)
    assert same(worn_on(path), worn)
