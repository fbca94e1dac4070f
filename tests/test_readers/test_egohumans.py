import json
from functools import partial

import numpy as np
import pytest
from corruption import check_contained, corruptions, malicious_pickle
from raw_egohumans import (
    JOINTS,
    SENSORS,
    Y_DOWN,
    convert_people,
    joints_of,
    make_person,
    make_smpl,
    project,
    write_sequence,
    write_smpl_npz,
)
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import EgoHumansDataset
from mobind_mm.readers import check_reader
from mobind_mm.readers.egohumans import EgoHumansReader
from mobind_mm.readers.egohumans import reader as reader_module
from mobind_mm.readers.egohumans.people import VERTICES
from mobind_mm.readers.egohumans.reader import split_of
from mobind_mm.readers.egohumans.sequences import find_sequences
from mobind_mm.recordings import read_annotations, read_imu, read_pose

G = 9.80665
ARRAYS = make_smpl(correctives=False)


@pytest.fixture(scope='session')
def smpl(tmp_path_factory):
    """A model whose sensors are rigidly attached to their bones."""
    path = tmp_path_factory.mktemp('smpl') / 'SMPL_NEUTRAL.npz'
    return write_smpl_npz(path, ARRAYS)


def people(frames=60, count=2, world=Y_DOWN):
    times = np.arange(frames) / 20
    bodies = {
        f'aria{n:02d}': make_person(times, n, 0.7 * n, world)
        for n in range(1, count + 1)
    }
    return {
        name: (body, project(body, world)) for name, body in bodies.items()
    }


def sensor_of(person, placement):
    """Where a sensor is, (T, 3), and its rotations, in the raw world."""
    vertex, joint, _ = SENSORS[placement]
    placed, turned = joints_of(person)
    offset = ARRAYS['v_template'][vertex] - JOINTS[joint]
    return placed[:, joint] + turned[joint].apply(offset), turned[joint]


def streams(dst, take='01_tagging_001_aria01', camera='cam03'):
    imu = read_imu(dst / f'imu/{take}.safetensors')
    return imu, read_pose(dst / f'pose/{take}_{camera}.safetensors')


def world_motion(stream):
    """Acceleration without gravity in a level world, and rotations."""
    turned = Rotation.from_quat(np.roll(stream.channels['quat'][:], -1, 1))
    return turned.apply(stream.channels['acc'][:]) - [0, 0, G], turned


def files_of(dst):
    return sorted(str(p.relative_to(dst)) for p in dst.rglob('*.*'))


def test_sensors_and_keypoints_of_two_people(smpl, tmp_path):
    raw = people()
    write_sequence(tmp_path / 'data', raw)
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    for name, (body, keypoints) in raw.items():
        imu, pose = streams(tmp_path / 'dst', f'01_tagging_001_{name}')
        assert sorted(imu) == sorted(SENSORS)
        for placement, stream in imu.items():
            assert stream.gravity and stream.frame == 'sensor'
            assert (stream.clock.rate, stream.clock.start) == (20, 0.05)
            assert sorted(stream.channels) == ['acc', 'quat']
            place, turned = sensor_of(body, placement)
            place = Y_DOWN.inv().apply(place)
            acc, found = world_motion(stream)
            second = (place[:-8] - 2 * place[4:-4] + place[8:]) * 25
            np.testing.assert_allclose(acc[3:-3], second, atol=2e-4)
            error = (Y_DOWN.inv() * turned[1:-1]).inv() * found
            assert error.magnitude().max() < 1e-5
        assert (pose.layout, pose.img_shape) == ('coco', (2160, 3840))
        assert (pose.clock.rate, pose.clock.start) == (20, 0)
        np.testing.assert_array_equal(
            pose.keypoints[:], keypoints[:, :, :2].astype('f4')
        )
        np.testing.assert_array_equal(pose.scores[:], np.float32(0.9))


def test_known_accelerations_and_rotations(smpl, tmp_path):
    """Closed forms: the whole body swings, then turns on the spot."""
    times, hz, rate = np.arange(200) / 20, 0.6, 2.0
    upright = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    still = make_person(times, 0, limbs=0.0)
    swing = np.sin(2 * np.pi * hz * times)[:, None] * [0.5, 0.2, 0.1]
    level = Y_DOWN * upright
    first = dict(
        still,
        global_orient=np.tile(level.as_rotvec(), (200, 1)),
        transl=Y_DOWN.apply(swing),
    )
    turns = Rotation.from_rotvec(rate * times[:, None] * [0, 0, 1]) * upright
    second = dict(
        still,
        global_orient=(Y_DOWN * turns).as_rotvec(),
        transl=np.zeros((200, 3)),
    )
    write_sequence(
        tmp_path / 'data',
        {
            'aria01': (first, project(first)),
            'aria02': (second, project(first)),
        },
    )
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    for placement, (vertex, *_) in SENSORS.items():
        imu, _ = streams(tmp_path / 'dst', '01_tagging_001_aria01')
        acc, turned = world_motion(imu[placement])
        # Smoothed over 0.2 s: 5 % smaller at 0.6 Hz.
        exact = -((2 * np.pi * hz) ** 2) * swing * np.sinc(hz * 0.2) ** 2
        np.testing.assert_allclose(acc[3:-3], exact[4:-4], atol=1e-3)
        assert 0.94 < np.sinc(hz * 0.2) ** 2 < 0.96
        assert (turned * upright.inv()).magnitude().max() < 1e-5
        imu, _ = streams(tmp_path / 'dst', '01_tagging_001_aria02')
        acc, turned = world_motion(imu[placement])
        arm = ARRAYS['v_template'][vertex] - JOINTS[0]
        arm = turns.apply(arm) * [1, 1, 0]
        exact = -(rate**2) * arm * np.sinc(rate * 0.2 / (2 * np.pi)) ** 2
        np.testing.assert_allclose(acc[3:-3], exact[4:-4], atol=1e-3)
        error = turns[1:-1].inv() * turned
        assert error.magnitude().max() < 1e-5


def test_somebody_leaves_and_frames_are_missing(smpl, tmp_path):
    """aria01 is away for 2 s; file 20 is missing; aria02 comes late."""
    away, late = range(41, 81), range(1, 31)
    raw = people(120)
    absent = [
        ('poses2d', 'aria01', away),
        ('smpl', 'aria01', away),
        ('poses2d', None, [20, 90]),
        ('smpl', None, [20]),
        ('poses2d', 'aria02', late),
        ('smpl', 'aria02', [*late, 31, 32, 33]),
    ]
    write_sequence(tmp_path / 'data', raw, absent)
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    imu, pose = streams(tmp_path / 'dst')
    assert (pose.clock.rate, pose.clock.start) == (20, 0)
    gone = np.zeros(120, bool)
    gone[[19, 89, *range(40, 80)]] = True
    np.testing.assert_array_equal((pose.scores[:] == 0).all(axis=1), gone)
    assert (pose.keypoints[:][gone] == 0).all()
    expected = raw['aria01'][1][~gone, :, :2].astype('f4')
    np.testing.assert_array_equal(pose.keypoints[:][~gone], expected)
    whole = people(120)['aria01'][0]
    kept = [*range(1, 18), *range(21, 39), *range(81, 119)]
    for placement, stream in imu.items():
        np.testing.assert_allclose(stream.clock.times * 20, kept)
        acc, _ = world_motion(stream)
        place = Y_DOWN.inv().apply(sensor_of(whole, placement)[0])
        # Next to a gap the frames beyond are not used: reach 1, not 4.
        for frame, reach in ((1, 1), (17, 1), (24, 4), (81, 1), (100, 4)):
            one = place[[frame - reach, frame, frame + reach]]
            second = [1, -2, 1] @ one * (20 / reach) ** 2
            np.testing.assert_allclose(
                acc[kept.index(frame)], second, atol=2e-3
            )
    _, pose = streams(tmp_path / 'dst', '01_tagging_001_aria02')
    assert (pose.clock.start, pose.clock.num_samples) == (1.5, 90)
    _, entries = read_annotations(tmp_path / 'dst/annotations/test.json')
    spans = [(e['start_s'], e['end_s']) for e in entries]
    np.testing.assert_allclose(spans, [(0.05, 5.95), (1.7, 5.95)])


def test_entries_labels_and_splits(smpl, tmp_path):
    for activity, number in (
        *(('03_fencing', 4), ('03_fencing', 5), ('03_fencing', 12)),
        *(('02_lego', 1), ('02_lego', 5), ('01_tagging', 2)),
    ):
        write_sequence(
            tmp_path / 'data', people(20), activity=activity, number=number
        )
    dst = tmp_path / 'dst'
    counts, notes = convert_people(tmp_path, dst, smpl)
    assert counts == {'train': 6, 'val': 2, 'test': 4} and not notes
    content = {
        split: read_annotations(dst / f'annotations/{split}.json')
        for split in counts
    }
    takes = {
        split: [entry['take'][:-7] for entry in entries[::2]]
        for split, (_, entries) in content.items()
    }
    assert takes == {
        'train': ['02_lego_001', '02_lego_005', '03_fencing_012'],
        'val': ['03_fencing_005'],
        'test': ['01_tagging_002', '03_fencing_004'],
    }
    metainfo, (first, second) = content['val']
    assert metainfo['classes'] == ['tagging', 'lego', 'fencing']
    assert metainfo['dataset_name'] == 'egohumans'
    span = {'start_s': pytest.approx(0.05), 'end_s': pytest.approx(0.95)}
    assert first == {
        'take': '03_fencing_005_aria01',
        'imu': 'imu/03_fencing_005_aria01.safetensors',
        'pose': 'pose/03_fencing_005_aria01_cam03.safetensors',
        'subject': '03_fencing_005_aria01',
        'scene': '03_fencing_005',
        'camera': 'cam03',
        'segments': [{**span, 'label': 2}],
        **span,
    }
    assert second['scene'] == first['scene']
    assert second['subject'] != first['subject']
    dataset = EgoHumansDataset(
        ann_file='annotations/test.json',
        data_root=str(dst),
        window_sec=0.5,
        stride_sec=0.2,
    )
    actions = [dataset.get_data_info(i)['action'] for i in range(len(dataset))]
    assert set(actions) == {0, 2}
    assert dataset.metainfo['classes'] == ['tagging', 'lego', 'fencing']


def test_published_splits():
    splits = [[split_of(a, n) for n in range(1, 8)] for a in range(1, 8)]
    published = ['test'] * 4 + ['val'] + ['train'] * 2
    assert splits == [published, ['train'] * 7, *[published] * 5]


@pytest.mark.parametrize('turn', [[0, 0, 0], [1, 0, 0], [0, -1, 0]])
def test_any_axis_may_be_up(smpl, tmp_path, turn):
    """The level world is the raw one turned so that its people stand."""
    world = Rotation.from_rotvec(np.pi / 2 * np.array(turn))
    write_sequence(tmp_path / 'data', people(world=world))
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    imu, _ = streams(tmp_path / 'dst')
    body = people(world=Rotation.identity())['aria01'][0]
    place, turned = sensor_of(body, 'left_wrist')
    second = (place[:-8] - 2 * place[4:-4] + place[8:]) * 25
    second[:, 2] += G
    force = turned[4:-4].inv().apply(second)
    np.testing.assert_allclose(
        imu['left_wrist'].channels['acc'][:][3:-3], force, atol=2e-4
    )


def test_a_tilted_world_needs_a_word(smpl, tmp_path):
    world = Rotation.from_rotvec([0.7, 0.4, 0])
    write_sequence(tmp_path / 'data', people(200, world=world))
    with pytest.raises(ValueError, match=r'01_tagging_001.*--up bodies'):
        convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    assert not files_of(tmp_path)[0].startswith('dst')
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl, up='bodies')
    imu, _ = streams(tmp_path / 'dst')
    acc, _ = world_motion(imu['head'])
    # The mean of trunks is some degrees off: part of g stays in the mean.
    assert np.linalg.norm(acc.mean(axis=0)) < 1.0


def test_who_cannot_be_used_is_reported(smpl, tmp_path):
    raw = people(30, count=5)
    absent = [
        ('poses2d', 'aria02', range(1, 31)),
        ('smpl', 'aria03', range(1, 31)),
        ('smpl', 'aria04', range(3, 31)),
        ('poses2d', 'aria05', range(10, 31)),
        ('smpl', 'aria05', range(1, 15)),
    ]
    write_sequence(tmp_path / 'data', raw, absent)
    for _ in range(2):  # the second run reads nothing, and says the same
        counts, notes = convert_people(
            tmp_path / 'data', tmp_path / 'dst', smpl
        )
        assert counts['test'] == 1
        assert notes == [
            'left out 01_tagging_001_aria02: no keypoints in this camera',
            'left out 01_tagging_001_aria03: no SMPL body',
            'left out 01_tagging_001_aria04: no three SMPL bodies in a row',
            'left out 01_tagging_001_aria05: never keypoints and SMPL body '
            'at once',
        ]
    assert len(files_of(tmp_path / 'dst')) == 3


def test_contract(smpl, tmp_path):
    """Also with somebody who is left out."""
    absent = [('smpl', 'aria02', range(1, 21))]
    write_sequence(tmp_path / 'data', people(20), absent)
    write_sequence(tmp_path / 'data', people(20), number=5)
    reader = EgoHumansReader(tmp_path / 'data', smpl)
    check_reader(reader, tmp_path / 'dst')
    # Only the first sequence is read again, whose sensors are lost.
    (tmp_path / 'dst/imu/01_tagging_001_aria01.safetensors').unlink()
    planned = [reader.plan(job, tmp_path / 'dst') for job in reader.find()]
    assert planned[0] is None and len(planned[1].takes) == 2


def test_a_copy_without_anybody_is_refused(smpl, tmp_path):
    absent = [('smpl', 'aria01', range(1, 31))]
    folder = write_sequence(tmp_path / 'data', people(30, 1), absent)
    arguments = (tmp_path / 'data', tmp_path / 'dst', smpl)
    with pytest.raises(ValueError, match='001_aria01: no SMPL body'):
        convert_people(*arguments)
    for path in folder.glob('poses2d/**/*.npy'):
        np.save(path, [])
    with pytest.raises(ValueError, match='all frames: nobody'):
        convert_people(*arguments)
    assert not (tmp_path / 'dst').exists()


def test_keypoints_beyond_coco_and_high_scores(smpl, tmp_path):
    raw = people(20, count=1)
    body, keypoints = raw['aria01']
    more = np.concatenate([keypoints, np.full((20, 9, 3), 7.0)], axis=1)
    more[0, 0, 2] = 1.02
    write_sequence(tmp_path / 'data', {'aria01': (body, more)})
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    _, pose = streams(tmp_path / 'dst')
    expected = keypoints[:, :, :2].astype('f4')
    np.testing.assert_array_equal(pose.keypoints[:], expected)
    assert pose.scores[:][0, 0] == 1


def test_second_run_does_only_what_is_missing(smpl, tmp_path):
    src, dst = tmp_path / 'data', tmp_path / 'dst'
    folder = write_sequence(src, people(20))
    write_sequence(src, people(20), number=2)
    convert_people(src, dst, smpl)

    def changed(**options):
        before = {p: p.stat().st_ino for p in dst.rglob('*.safetensors')}
        convert_people(src, dst, **{'smpl': smpl, **options})
        return {
            p.name[:14]
            for p in dst.rglob('*.safetensors')
            if before.get(p) != p.stat().st_ino
        }

    assert changed() == set()
    (dst / 'imu/01_tagging_001_aria02.safetensors').unlink()
    assert changed() == {'01_tagging_001'}
    damaged = dst / 'pose/01_tagging_002_aria01_cam03.safetensors'
    damaged.write_bytes(damaged.read_bytes()[:99])
    assert changed() == {'01_tagging_002'}
    (folder / 'smpl/00020.npy').unlink()
    assert changed() == {'01_tagging_001'}
    np.save(folder / 'smpl/00019.npy', {})
    assert changed() == {'01_tagging_001'}
    assert changed(up='bodies') == {'01_tagging_001', '01_tagging_002'}
    other = write_smpl_npz(tmp_path / 'other.npz', make_smpl(seed=1))
    assert changed(smpl=other, up='bodies') == {
        '01_tagging_001',
        '01_tagging_002',
    }
    same = write_smpl_npz(tmp_path / 'same.npz', make_smpl(seed=1))
    assert changed(smpl=same, up='bodies') == set()


def test_copies_and_their_mistakes(smpl, tmp_path):
    data = tmp_path / 'copy' / 'EgoHumans' / 'data'
    folder = write_sequence(data, people(20), activity='01_Tagging')
    for src in (tmp_path / 'copy', data, data / '01_Tagging', folder.parent):
        (sequence,) = find_sequences(src)
        assert sequence.name == '01_tagging_001'
    write_sequence(data, people(20), number=2, activity='01_tag')
    with pytest.raises(ValueError, match=r"activity 1 .*'tag'.*'tagging'"):
        find_sequences(data)
    write_sequence(tmp_path / 'b/1', people(20))
    write_sequence(tmp_path / 'b/2', people(20))
    with pytest.raises(ValueError, match='are the same sequence'):
        find_sequences(tmp_path / 'b')
    write_sequence(tmp_path / 'c', people(20), activity='01_tagging')
    write_sequence(tmp_path / 'c', people(20), activity='02_tagging')
    with pytest.raises(ValueError, match='share a name'):
        convert_people(tmp_path / 'c', tmp_path / 'dst', smpl)
    (tmp_path / 'd/mine/take/processed_data').mkdir(parents=True)
    with pytest.raises(ValueError, match=r'is in mine/take'):
        find_sequences(tmp_path / 'd')
    with pytest.raises(FileNotFoundError, match=r'rawalkhirodkar'):
        find_sequences(tmp_path / 'nowhere')
    assert not (tmp_path / 'dst').exists()


@pytest.mark.parametrize(
    ('kind', 'name', 'message'),
    [
        ('smpl', '1.npy', r'00001\.npy.*same frame'),
        ('smpl', '00000.npy', r'numbered from 0 to 20'),
        ('poses2d/cam03/rgb', '900000.npy', r'21 files.*from 1 to 900000'),
    ],
)
def test_impossible_frame_numbers(smpl, tmp_path, kind, name, message):
    folder = write_sequence(tmp_path / 'data', people(20))
    (folder / kind / name).write_bytes(
        (folder / kind / '00001.npy').read_bytes()
    )
    (folder / kind / '._00001.npy').write_bytes(b'left by a file manager')
    with pytest.raises(ValueError, match=message):
        convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)


def test_missing_parts_are_named(smpl, tmp_path):
    folder = write_sequence(tmp_path / 'data', people(20), camera='cam07')
    arguments = (tmp_path / 'data', tmp_path / 'dst', smpl)
    with pytest.raises(FileNotFoundError, match=r"cameras \['cam07'\]"):
        convert_people(*arguments)
    counts, _ = convert_people(*arguments, camera='cam07')
    assert counts['test'] == 2
    _, pose = streams(tmp_path / 'dst', camera='cam07')
    assert len(pose.scores) == 20
    with pytest.raises(ValueError, match='down'):
        convert_people(*arguments, up='down')
    with pytest.raises(FileNotFoundError, match='no SMPL model'):
        convert_people(*arguments[:2], tmp_path / 'no.pkl')
    (folder / 'smpl').rename(folder / 'smpl_old')
    with pytest.raises(FileNotFoundError, match=r'smpl is missing'):
        convert_people(*arguments, camera='cam07')
    (folder / 'smpl').mkdir()
    with pytest.raises(FileNotFoundError, match=r'no frames 00001\.npy'):
        convert_people(*arguments, camera='cam07')


PERSON = {'human_name': 'aria01', 'keypoints': np.ones((17, 3))}
BODY = {
    'global_orient': np.zeros(3),
    'body_pose': np.zeros(69),
    'transl': np.zeros(3),
    'betas': np.zeros(10),
}


@pytest.mark.parametrize(
    ('kind', 'content', 'message'),
    [
        ('poses2d', np.ones(4), 'a list with one dictionary per'),
        ('poses2d', {'aria01': PERSON}, 'a list with one dictionary per'),
        ('poses2d', [PERSON, PERSON], 'aria01 twice'),
        ('poses2d', [{**PERSON, 'human_name': '../up'}], r"'\.\./up'"),
        ('poses2d', [{**PERSON, 'human_name': 3}], 'person 3,'),
        ('poses2d', [{'human_name': 'aria01'}], 'keypoints is missing'),
        ('poses2d', [{**PERSON, 'keypoints': np.ones((16, 3))}], r'\(16, 3\)'),
        ('poses2d', [{**PERSON, 'keypoints': [[1], [2, 3]]}], 'not an array'),
        ('smpl', [BODY], 'a dictionary for each person'),
        ('smpl', {'aria01': None}, 'a dictionary for each person'),
        (
            'smpl',
            {'aria01': {**BODY, 'body_pose': np.ones(63)}},
            '63 num.* 69',
        ),
        ('smpl', {'aria01': {**BODY, 'betas': np.ones(9)}}, '10 or more'),
        ('smpl', {'aria01': {**BODY, 'betas': np.ones(16)}}, 'other frames'),
        (
            'smpl',
            {'aria01': {**BODY, 'transl': 'near'}},
            'not an array of num',
        ),
        (
            'smpl',
            {'aria01': {**BODY, 'transl': np.full(3, np.inf)}},
            r'\[0\] is inf',
        ),
        ('smpl', {'aria01': {**BODY, 'transl': np.ones(3) * 1e9}}, '1e.09'),
    ],
)
def test_bad_frames_are_named(smpl, tmp_path, kind, content, message):
    folder = write_sequence(tmp_path / 'data', people(10))
    path = next(folder.glob(f'{kind}/**/00005.npy'))
    np.save(path, content)
    with pytest.raises(ValueError, match=message) as caught:
        convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    assert not (tmp_path / 'dst').exists()


@pytest.mark.parametrize('kind', ['poses2d', 'smpl'])
def test_frames_are_never_executed(smpl, tmp_path, kind):
    folder = write_sequence(tmp_path / 'data', people(10))
    path, marker = next(folder.glob(f'{kind}/**/00005.npy')), tmp_path / 'no'
    head = np.lib.format.magic(1, 0)
    text = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    text = text.ljust(117) + b'\n'
    head += len(text).to_bytes(2, 'little') + text
    for content in (head + malicious_pickle(marker), malicious_pickle(marker)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r'00005\.npy'):
            convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
        assert not marker.exists() and not (tmp_path / 'dst').exists()


@pytest.mark.parametrize('kind', ['poses2d', 'smpl'])
@pytest.mark.parametrize(
    'count', [16, pytest.param(200, marks=pytest.mark.slow)]
)
def test_corrupted_frames_are_contained(
    smpl, tmp_path, monkeypatch, kind, count
):
    body = reader_module.read_smpl(smpl, VERTICES)
    monkeypatch.setattr(reader_module, 'read_smpl', lambda *_: body)
    folder = write_sequence(tmp_path / 'data', people(6))
    path = next(folder.glob(f'{kind}/**/00003.npy'))
    refused = 0
    copies = corruptions(path.read_bytes(), seed=5, count=count)
    for number, (words, content) in enumerate(copies):
        dst = tmp_path / f'dst{number}'
        path.write_bytes(content)
        convert = partial(convert_people, tmp_path / 'data', dst, smpl)
        result = check_contained(convert, dst)
        refused += result != 'fine'
        assert result == 'fine' or str(path) in result, (words, result)
    assert count / 4 < refused < count


def test_header_says_what_was_done(smpl, tmp_path):
    write_sequence(tmp_path / 'data', people(20, count=1))
    convert_people(tmp_path / 'data', tmp_path / 'dst', smpl)
    for path in (tmp_path / 'dst').rglob('*.safetensors'):
        content = path.read_bytes()
        size = int.from_bytes(content[:8], 'little')
        text = json.loads(content[8 : 8 + size])['__metadata__']['header']
        source = json.loads(text)['source']
        assert source['imu'] == 'simulated' and source['camera'] == 'cam03'
        assert source['sequence'] == '01_tagging_001'
        assert source['found'] == {
            'people': ['aria01'],
            'left_out': {},
            'up': [0, -1, 0],  # of a world with y down
        }
