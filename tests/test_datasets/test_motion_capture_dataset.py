"""Takes of captured people: who, how long, how joined, how often anew."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.motions import compact
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import MotionCaptureDataset, PackedDataset
from mobind_mm.datasets.motion_capture import captured
from mobind_mm.datasets.motion_capture.dataset import sound_segments
from mobind_mm.datasets.motion_capture.takes import (
    BLEND_SEC,
    RATE,
    Body,
    Piece,
    Variation,
    make_take,
    plan_takes,
)
from mobind_mm.datasets.synthetic import Subject
from mobind_mm.datasets.synthetic.motion import perform
from mobind_mm.readers.motions import read_motions
from mobind_mm.readers.motions.body import JOINT, SEGMENT, BodyMotion


def clip(action, seed=0, seconds=8.0):
    person = Subject.sample(0, 'train', seed)
    motion = perform(
        person, [(0, seconds, action)], np.random.default_rng(seed)
    )
    times = np.arange(int(seconds * RATE) + 1) / RATE
    return captured(motion, times)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Three people of two clips each, and somebody whose licence forbids."""
    path = tmp_path_factory.mktemp('mocap')
    clips = {
        f'{name}_{k}': clip(action, k)
        for k, name in enumerate(('anna', 'bert', 'carl'))
        for action, name in (('walk', name + '_w'), ('wave', name + '_h'))
    }
    subjects = [name.split('_')[0] for name in clips]
    compact(path / 'gym.npz', clips, subjects=subjects)
    return path


HELD = dict(gym=dict(val=('bert',), test=('carl',)))
QUICK = dict(
    held_out=HELD, take_sec=12.0, window_sec=5.0, stride_sec=2.5,
    placements=('left_wrist', 'head', 'right_foot'),
)  # fmt: skip


def make(folder, **changes):
    source = str(folder / 'gym.npz')
    return MotionCaptureDataset([source], **{**QUICK, **changes})


def test_splits_have_different_people(folder):
    people = {
        split: {make(folder, split=split)[i]['subject'] for i in range(2)}
        for split in ('train', 'val', 'test')
    }
    assert people == dict(
        train={'gym-anna'}, val={'gym-bert'}, test={'gym-carl'}
    )
    with pytest.raises(ValueError, match="nobody in split 'test'"):
        make(folder, split='test', held_out={})


def test_numbers_depend_on_the_arguments_alone(folder):
    one, two = make(folder), make(folder)
    other = make(folder, seed=1)
    assert len(one) == len(two)
    last = len(one) - 1
    for i in (last, 0):  # in another order
        two[i]
    for i in (0, last):
        a, b = one[i]['recording'], two[i]['recording']
        np.testing.assert_array_equal(
            a.imu['head'].channels['acc'], b.imu['head'].channels['acc']
        )
        np.testing.assert_array_equal(a.pose.keypoints, b.pose.keypoints)
    x, y = one[0]['recording'], other[0]['recording']
    assert x.pose.keypoints.shape != y.pose.keypoints.shape or not (
        np.array_equal(x.pose.keypoints, y.pose.keypoints)
    )


def test_streams_cover_the_entry_and_labels_the_pieces(folder):
    dataset = make(folder, variants=2)
    takes = {dataset[i]['take'] for i in range(len(dataset))}
    assert {name.split('_v')[1][0] for name in takes} == {'0', '1'}
    for i in range(len(dataset)):
        info = dataset[i]
        streams = [*info['recording'].imu.values(), info['recording'].pose]
        for stream in streams:
            first, last = stream.clock.span
            assert first <= info['entry_start'] + 0.05
            assert last >= info['entry_end'] - 0.05
        assert info['window_start'] + 5 <= info['entry_end'] + 1e-6
        ends = [(s['start_s'], s['end_s']) for s in info['segments']]
        assert all(a[1] == b[0] for a, b in zip(ends, ends[1:]))
    classes = dataset.metainfo['classes']
    assert classes == ['walk']  # compact() names them all so


def test_variation_is_for_training(folder):
    rates = set()
    dataset = make(folder, variants=6)
    for i in range(0, len(dataset), 3):
        recording = dataset[i]['recording']
        rates.add(round(recording.imu['head'].clock.mean_rate))
        assert set(recording.imu) <= set(QUICK['placements'])
    assert len(rates) > 2
    still = make(folder, split='test', imu_rate=50.0, pose_rate=30.0)
    clock = still[0]['recording'].pose.clock
    assert clock.mean_rate == 30
    assert still._variation == Variation.none()


def motions(folder):
    return read_motions(folder / 'gym.npz')


def test_everything_is_used_once_per_plan(folder):
    anna = motions(folder)[:2]
    plan = plan_takes(
        anna, np.random.default_rng(0), 6.0, (2.0, 3.0), Variation.none()
    )
    pieces = [p for take in plan for p in take]
    for index in (0, 1):
        spans = sorted(
            (p.start, p.start + p.seconds) for p in pieces if p.clip == index
        )
        # All but what is left over for a take that would be too short.
        assert spans[0][0] == 0 or len(pieces) < 6
        for (_, end), (start, _) in zip(spans, spans[1:]):
            assert start >= end - 1e-6
    for take in plan:
        seconds = sum(p.seconds - BLEND_SEC for p in take)
        assert seconds > 6.0 - 2 * BLEND_SEC


def test_joined_pieces_move_like_people(folder):
    anna = motions(folder)[:2]
    pieces = [Piece(0, 1.0, 4.0), Piece(1, 2.0, 4.0), Piece(0, 0.0, 4.0)]
    body, edges = make_take(anna, pieces)
    assert edges[0][0] == 0
    seconds = (len(body.positions) - 1) / RATE
    assert seconds == pytest.approx(12 - 2 * BLEND_SEC, abs=0.1)
    assert edges[-1][1] == pytest.approx(seconds)
    np.testing.assert_allclose(
        np.linalg.norm(body.orientations, axis=-1), 1, atol=1e-9
    )
    force = np.diff(body.positions[:, JOINT['pelvis']], 2, axis=0) * RATE**2
    assert np.abs(force).max() < 25
    steps = np.diff(body.positions[:, JOINT['pelvis']], axis=0)
    assert np.linalg.norm(steps, axis=1).max() * RATE < 4
    # Outside the joints it is the clip, turned about the vertical and moved.
    part = body.positions[: int(3 * RATE)]
    np.testing.assert_allclose(
        part, anna[0].positions[60 : 60 + len(part)], atol=1e-5
    )
    late = slice(int((edges[1][0] + 1) * RATE), int((edges[1][1] - 1) * RATE))
    arm = body.positions[late, JOINT['l_elbow']]
    arm = np.linalg.norm(
        arm - body.positions[late, JOINT['l_shoulder']], axis=1
    )
    assert arm.std() < 1e-4


def test_speed_and_size_change_what_sensors_feel(folder):
    anna = motions(folder)[:1]
    plain, _ = make_take(anna, [Piece(0, 0.0, 4.0)])
    fast, _ = make_take(anna, [Piece(0, 0.0, 2.0, speed=2.0)])
    big, _ = make_take(anna, [Piece(0, 0.0, 4.0)], size=1.5)

    def force(body):
        joint = body.positions[:, JOINT['l_ankle']]
        return np.diff(joint, 2, axis=0)[5:-5] * RATE**2

    middle = force(plain)[::2][:100]
    np.testing.assert_allclose(
        force(fast)[: len(middle)].std(), 4 * middle.std(), rtol=0.15
    )
    np.testing.assert_allclose(force(big), 1.5 * force(plain), atol=1e-6)
    mirror, _ = make_take(anna, [Piece(0, 0.0, 4.0)], mirror=True)
    np.testing.assert_allclose(
        mirror.positions[:, JOINT['r_wrist']] * [-1, 1, 1],
        plain.positions[:, JOINT['l_wrist']],
    )


def test_a_segment_that_flips_carries_no_sensor():
    positions, quats = clip('walk')
    assert sound_segments(Body(positions, quats)) == set(SEGMENT)
    flipped = quats.copy()
    turn = Rotation.from_rotvec([0, 2.0, 0])
    part = Rotation.from_quat(quats[200:, SEGMENT['r_hand']][:, [1, 2, 3, 0]])
    flipped[200:, SEGMENT['r_hand']] = (part * turn).as_quat()[:, [3, 0, 1, 2]]
    found = sound_segments(Body(positions, flipped))
    assert found == set(SEGMENT) - {'r_hand'}


def test_licences_and_procedural_people(folder, tmp_path):
    (tmp_path / 'gym.npz').write_bytes((folder / 'gym.npz').read_bytes())
    text = (folder / 'index.csv').read_text()
    (tmp_path / 'index.csv').write_text(text.replace('PDDL', 'CC BY-SA'))
    with pytest.raises(ValueError, match='CC BY-SA'):
        make(tmp_path)
    assert len(make(tmp_path, licences=None))
    mixed = MotionCaptureDataset(
        [str(folder / 'gym.npz'), 'procedural'], num_procedural=2, **QUICK
    )
    subjects = {mixed[i]['subject'] for i in range(len(mixed))}
    assert subjects == {'gym-anna', 'procedural-000', 'procedural-001'}
    assert {'walk', 'jumping_jack'} <= set(mixed.metainfo['classes'])


def test_packed_windows_are_those_of_the_pipeline(folder):
    pipeline = [
        dict(type='LoadWindow', channels=('acc', 'gyro', 'quat')),
        dict(type='ResampleIMU', rate=25),
        dict(type='ResamplePose', rate=25),
        dict(type='NormalizeKeypoints', mode='body'),
        dict(
            type='PackIMUPose', placements=QUICK['placements'],
            imu_channels=('acc',), optional_channels=('gyro', 'quat'),
        ),
    ]  # fmt: skip
    same = dict(pipeline=pipeline, imu_rate=100.0, stride_sec=2.0)
    plain = make(folder, **same)
    packed = PackedDataset(make(folder, **same))
    del pipeline[3]  # a batch could be cut at once, were all sensors alike
    simple = PackedDataset(make(folder, **{**same, 'pipeline': pipeline}))
    assert simple.batcher is None
    for i in (0, len(plain) - 1):
        a, b = plain[i]['inputs'], packed[i]['inputs']
        assert a['imu'].shape == b['imu'].shape == (3, 11, 125)
        np.testing.assert_allclose(a['imu'], b['imu'], atol=2e-2)
        np.testing.assert_allclose(a['pose'], b['pose'], atol=1e-3)


def test_a_packed_file_is_made_anew_when_a_source_changes(folder, tmp_path):
    for name in ('gym.npz', 'index.csv'):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    dataset = make(tmp_path)
    packed = PackedDataset(
        make(
            tmp_path,
            pipeline=[
                dict(type='LoadWindow'),
                dict(type='ResampleIMU', rate=25),
                dict(type='ResamplePose', rate=25),
            ],
            lazy_init=True,
        ),
        lazy_init=True,
    )
    before = packed._digest()
    assert packed._digest() == before
    with open(tmp_path / 'gym.npz', 'ab') as file:
        file.write(bytes(22))
    assert packed._digest() != before
    assert len(dataset)


def test_motions_of_any_rate_become_takes(folder):
    fast = motions(folder)[0]
    slow = replace(
        fast,
        positions=fast.positions[::2],
        orientations=fast.orientations[::2],
        rate=30.0,
    )
    assert isinstance(slow, BodyMotion) and slow.seconds == fast.seconds
    a, _ = make_take([fast], [Piece(0, 1.0, 4.0)])
    b, _ = make_take([slow], [Piece(0, 1.0, 4.0)])
    np.testing.assert_allclose(a.positions, b.positions, atol=5e-3)
