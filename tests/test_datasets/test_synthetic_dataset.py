"""The synthetic dataset: plan, determinism, labels, difficulty."""

import hashlib
import itertools
import pickle

import numpy as np
import pytest
from processes import warm

from mobind_mm.datasets.synthetic import ACTIONS, SyntheticMotionDataset
from mobind_mm.datasets.synthetic.dataset import RecordingCache
from mobind_mm.registry import DATASETS

SMALL = dict(num_subjects=3, takes_per_subject=2, take_sec=12.0)


def make(split='val', **kwargs):
    return SyntheticMotionDataset(split, **{**SMALL, **kwargs})


def digest(recording):
    text = hashlib.sha256()
    for stream in recording.imu.values():
        for array in stream.channels.values():
            text.update(array.tobytes())
        text.update(repr(stream.clock.span).encode())
    text.update(recording.pose.keypoints.tobytes())
    text.update(recording.pose.scores.tobytes())
    return text.hexdigest()


def digests(dataset):
    return {
        e['take']: digest(dataset.get_recording(e))
        for e in dataset.load_entries()
    }


@pytest.fixture(scope='module')
def dataset():
    return make()


def test_is_built_from_the_registry_and_has_the_contract_keys():
    built = DATASETS.build(
        dict(type='SyntheticMotionDataset', split='val', **SMALL)
    )
    info = built.get_data_info(1)
    assert info['window_start'] == 2.0
    assert info['subject'] == 'val-000'
    assert built.metainfo['classes'] == list(ACTIONS)
    assert len(ACTIONS) >= 8
    recording = info['recording']
    assert set(recording.imu) == {
        *('left_wrist', 'right_wrist', 'left_knee', 'right_knee'),
        *('head', 'pelvis'),
    }
    for stream in recording.imu.values():
        assert stream.gravity and stream.frame == 'sensor'
        for name, width in (('acc', 3), ('gyro', 3), ('quat', 4)):
            array = stream.channels[name]
            assert array.shape == (stream.clock.num_samples, width)
            assert array.dtype == np.float32
            assert not array.flags.writeable
    assert recording.pose.keypoints.shape[1:] == (17, 2)
    assert recording.pose.img_shape == (1080, 1920)
    # A loader's margin is there on both sides of the take.
    for clock in (recording.pose.clock, recording.imu['head'].clock):
        assert clock.span[0] < -0.9
        assert clock.span[1] > 12.9


def test_default_sizes():
    sizes = {}
    for split in ('train', 'val', 'test'):
        built = SyntheticMotionDataset(split, stride_sec=5.0, lazy_init=True)
        entries = built.load_entries()
        sizes[split] = len({e['subject'] for e in entries}), len(entries)
    assert sizes == dict(train=(24, 96), val=(6, 24), test=(12, 48))
    one = make('test', stride_sec=5.0, take_sec=30.0, cache_takes=1)
    windows = len(one) / len(one.load_entries()) * sizes['test'][1]
    assert 200 <= windows <= 400


def test_same_numbers_in_any_order_and_cache(dataset):
    reference = digests(dataset)
    limited = make(cache_takes=1)
    entries = limited.load_entries()
    for entry in (*reversed(entries[:3]), entries[2], entries[0]):
        code = digest(limited.get_recording(entry))
        assert code == reference[entry['take']]
    assert len(limited._cache) == 1
    again = pickle.loads(pickle.dumps(dataset))
    assert (
        digest(again.get_recording(entries[4]))
        == (reference[entries[4]['take']])
    )


def digest_with_another_seed():
    np.random.seed(7)
    dataset = make(cache_takes=1)
    return digest(dataset.get_recording(dataset.load_entries()[3]))


def test_same_numbers_in_another_process(dataset):
    with warm().Pool(1) as pool:
        found = pool.apply(digest_with_another_seed)
    entry = dataset.load_entries()[3]
    assert found == digest(dataset.get_recording(entry))


def test_a_persons_motion_does_not_depend_on_the_number_of_people():
    times = np.arange(0, 12, 0.5)
    few, many = make(lazy_init=True), make(num_subjects=9, lazy_init=True)
    # The place on the floor belongs to the scene; the pose does not.
    first = few.get_motion('val-001_t01').dofs(times)[:, 3:]
    second = many.get_motion('val-001_t01').dofs(times)[:, 3:]
    np.testing.assert_array_equal(first, second)


def test_seeds_splits_and_subjects_differ(dataset):
    everything = [dataset, make(seed=1), make('train'), make('test')]
    codes = [set(digests(d).values()) for d in everything]
    assert all(len(c) == 6 for c in codes)
    for a, b in itertools.combinations(codes, 2):
        assert not a & b
    people = [
        {e['subject'] for e in make(s, lazy_init=True).load_entries()}
        for s in ('train', 'val', 'test')
    ]
    assert len(set.union(*people)) == 9


def test_forked_copies_share_and_pickles_are_empty(dataset):
    assert len(dataset._cache) == 6
    copy = dataset.get_subset(range(2))
    assert copy._cache is dataset._cache
    again = pickle.loads(pickle.dumps(dataset))
    assert len(again._cache) == 0
    assert again._cache.size == RecordingCache.PICKLED_SIZE
    with pytest.raises(ValueError, match='at least 1'):
        make(cache_takes=0)


def test_labels_tile_the_take():
    for take_sec in (3.0, 9.0, 19.9, 30.0, 600.0):
        built = make(take_sec=take_sec, lazy_init=True)
        for entry in built.load_entries():
            segments = entry['segments']
            assert segments[0]['start_s'] == 0.0
            assert segments[-1]['end_s'] == take_sec
            for one, two in zip(segments, segments[1:]):
                assert one['end_s'] == two['start_s']
                assert one['label'] != two['label']
            length = [s['end_s'] - s['start_s'] for s in segments]
            if take_sec >= 8:
                assert min(length) >= 4 - 1e-9
                assert max(length) <= 10 + 1e-9


def test_a_person_gets_round_to_every_action():
    entries = SyntheticMotionDataset('test', lazy_init=True).load_entries()
    seen = {}
    for entry in entries:
        labels = {s['label'] for s in entry['segments']}
        seen.setdefault(entry['subject'], set()).update(labels)
    assert all(len(labels) == len(ACTIONS) for labels in seen.values())


def test_scene_mates_share_clock_and_camera_and_stand_apart():
    built = make('train', num_subjects=8, lazy_init=True, cache_takes=16)
    scenes = {}
    for entry in built.load_entries():
        scenes.setdefault(entry['scene'], []).append(entry)
    assert {len(s) for s in scenes.values()} <= {1, 2, 3, 4}
    shared = [s for s in scenes.values() if len(s) > 1]
    assert shared
    for entries in shared:
        takes = [e['take'] for e in entries]
        assert len({e['subject'] for e in entries}) == len(entries)
        assert len({e['camera'] for e in entries}) == 1
        poses = [built.get_recording(e).pose for e in entries]
        assert len({p.clock for p in poses}) == 1
        cameras = [built.get_camera(t) for t in takes]
        for camera in cameras:
            np.testing.assert_array_equal(
                camera.translation, cameras[0].translation
            )
        roots = [
            built.get_motion(t).kinematics(np.arange(0, 12, 0.1)).origins[:, 0]
            for t in takes
        ]
        for one, two in itertools.combinations(roots, 2):
            apart = one.mean(0)[:2] - two.mean(0)[:2]
            assert np.linalg.norm(apart) > 1.5
    alone = make(people=(1, 1), lazy_init=True).load_entries()
    assert len({e['scene'] for e in alone}) == len(alone)


def test_streams_are_the_ground_truth_seen_through_sensor_and_camera():
    built = make(imu_noise=0.0, detector='ideal')
    entry = built.load_entries()[0]
    pose = built.get_recording(entry).pose
    part = pose.clock.between(2.0, 4.0)
    truth = built.get_motion(entry['take']).kinematics(pose.clock.at(part))
    pixels, _ = built.get_camera(entry['take']).project(truth.keypoints)
    np.testing.assert_allclose(pose.keypoints[part], pixels, atol=1e-3)


def test_dropped_detections_have_score_0(dataset):
    for entry in dataset.load_entries():
        pose = dataset.get_recording(entry).pose
        assert np.isfinite(pose.keypoints).all()
        assert pose.scores.min() == 0
        assert pose.scores.max() <= 1
        assert (pose.keypoints[pose.scores == 0] == 0).all()
        assert (pose.scores > 0).mean() > 0.8


def signal_statistics(dataset):
    """Simple features (n, f) of one window a segment, labels, subjects."""
    rows, labels, subjects = [], [], []
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        row = []
        for stream in info['recording'].imu.values():
            start = info['window_start']
            part = stream.clock.between(start, start + info['window_sec'])
            for channel in ('acc', 'gyro'):
                size = np.linalg.norm(stream.channels[channel][part], axis=1)
                row += [np.log(size.std() + 0.01), np.log(size.mean() + 0.01)]
        rows.append(row)
        labels.append(info['action'])
        subjects.append(info['subject'])
    rows = np.array(rows)
    rows = (rows - rows.mean(0)) / rows.std(0)
    return rows, np.array(labels), np.array(subjects)


def test_actions_are_separable_and_windows_of_an_action_differ():
    built = SyntheticMotionDataset(
        'test',
        num_subjects=6,
        take_sec=24.0,
        window_sec=3.0,
        stride_sec=None,
        filter_cfg=dict(labelled=True),
    )
    rows, labels, subjects = signal_statistics(built)
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    distance[subjects[:, None] == subjects[None]] = np.inf
    hits = (labels[distance.argmin(1)] == labels).mean()
    assert 0.5 < hits < 0.995  # chance is 1/12
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 0.1


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(split='dev'), "split.*'dev'"),
        (dict(num_subjects=0), 'num_subjects'),
        (dict(takes_per_subject=0), 'takes_per_subject'),
        (dict(people=(0, 2)), 'people'),
        (dict(people=(3, 2)), 'people'),
        (dict(take_sec=-1.0), 'take_sec'),
        (dict(imu_rate=0.0), 'imu_rate'),
        (dict(detector='best'), "detector.*'best'"),
        (dict(window_sec=20.0), 'window_sec=20.0'),
    ],
)
def test_mistakes_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)


def test_an_unknown_take_is_named(dataset):
    with pytest.raises(ValueError, match='val-999'):
        dataset.get_motion('val-999_t00')
