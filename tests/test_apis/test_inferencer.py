"""The inferencer, with a model that knows and with one that does not."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from oracle import LIMBS, config, wearer
from recordings import simulated

from mobind_mm.apis import Embedder, MoBindInferencer, init_model
from mobind_mm.apis.localizing import localize
from mobind_mm.apis.sources import to_imu, to_pose
from mobind_mm.apis.synchronizing import describe, synchronize
from mobind_mm.apis.windows import window_info
from mobind_mm.recordings import (
    Clock,
    LazyArray,
    PoseStream,
    Recording,
    read_imu,
    read_pose,
    write_annotations,
    write_imu,
    write_pose,
)
from mobind_mm.registry import TRANSFORMS
from mobind_mm.synchronization import FusedSynchronizer

REPO = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_repository(monkeypatch):
    monkeypatch.chdir(REPO)


@pytest.fixture(scope='module')
def oracle():
    return MoBindInferencer(config(), device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def untrained():
    torch.manual_seed(0)
    return MoBindInferencer(
        str(REPO / 'configs/mobind/synthetic.py'),
        device='cpu',
        show_progress=False,
    )


@pytest.fixture(scope='module')
def take():
    (recording,) = simulated('test', 16.0, pose_rate=29.97).values()
    return recording


def at_rate(recording, factor):
    """Every second sample, say, of the sensors."""
    imu = {}
    for name, stream in recording.imu.items():
        channels = {k: v[::factor] for k, v in stream.channels.items()}
        clock = stream.clock
        length = len(channels['acc'])
        clock = Clock(length, rate=clock.rate / factor, start=clock.start)
        imu[name] = replace(stream, clock=clock, channels=channels)
    return replace(recording, imu=imu)


def test_embed_equals_the_model_on_the_same_window(untrained, take):
    (answer,) = untrained.embed({'anna': take}, stride_sec=2.5, tokens=True)
    starts = answer['window_start']
    np.testing.assert_allclose(np.diff(starts), 2.5)
    assert starts[-1] + 7.5 > take.pose.clock.span[1]
    pipeline = Compose(
        [
            TRANSFORMS.build(step)
            for step in untrained.cfg.test_dataloader.dataset.datasets[
                -1
            ].pipeline
        ]
    )
    for row in (0, 3):
        sample = pipeline(window_info(take, starts[row], 5.0))
        inputs = {k: v[None] for k, v in sample['inputs'].items()}
        with torch.no_grad():
            out = untrained.model(inputs, mode='tensor')
        for name in ('imu', 'pose'):
            np.testing.assert_allclose(
                answer[name][row], out[name][0], atol=1e-5
            )
        unit = torch.nn.functional.normalize(out['imu_tokens'][0], dim=-1)
        np.testing.assert_allclose(answer['imu_tokens'][row], unit, atol=1e-3)
    assert answer['name'] == 'anna' and answer['placements'] == LIMBS
    assert answer['imu_mask'].all() and answer['imu'].dtype == np.float32


def test_any_rate_and_one_modality(untrained, take):
    (full,) = untrained.embed(take)
    (half,) = untrained.embed(at_rate(take, 2))
    cosine = (full['imu'] * half['imu']).sum(1) / (
        np.linalg.norm(full['imu'], axis=1)
        * np.linalg.norm(half['imu'], axis=1)
    )
    # The rest is noise that the faster stream's low-pass takes away.
    assert cosine.min() > 0.95
    (alone,) = untrained.embed({'pose': take.pose})
    assert not alone['imu_mask'].any() and alone['pose_mask'].any()
    both = untrained(
        [take, Recording(take.imu)], stride_sec=5.0, batch_size=2
    )['predictions']
    assert [one['name'] for one in both] == ['recording 0', 'recording 1']
    np.testing.assert_allclose(both[0]['imu'], full['imu'], atol=1e-5)


def test_tasks_stand_on_an_embedder(oracle, take):
    embedder = Embedder(config(), device='cpu', show_progress=False)
    assert not hasattr(embedder, 'localize') and isinstance(oracle, Embedder)
    people = {'a': wearer(0).pose, 'b': wearer(1).pose}
    answer = localize(embedder, wearer(1).imu, people)
    expected = oracle.localize(wearer(1).imu, people)
    np.testing.assert_array_equal(
        answer.pop('evidence'), expected.pop('evidence')
    )
    assert answer == expected and answer['person'] == 'b'
    found, clock = synchronize(embedder, take, 2.0, synchronizer='fused')
    assert found['model_used'] and found['offset_s'] == clock.offsets[0]


def test_a_synchroniser_of_the_users_own(oracle, take):
    class BySignals(FusedSynchronizer):
        needs_feats = False

    by_signals = BySignals(use_feats=False)
    answer = oracle.synchronize(take, 2.0, synchronizer=by_signals)
    assert abs(answer['offset_s']) < 0.02 and not answer['model_used']


@pytest.mark.slow
def test_memory_is_bounded_by_the_clip(oracle, tmp_path, monkeypatch):
    """No more than six clips of 20 s are ever read of a long recording."""
    recording = wearer(0, seconds=300.0)
    write_imu(tmp_path / 'imu.safetensors', recording.imu)
    write_pose(tmp_path / 'pose.safetensors', recording.pose)
    imu = read_imu(tmp_path / 'imu.safetensors')
    pose = read_pose(tmp_path / 'pose.safetensors')
    read, rows_of = [], LazyArray.__getitem__

    def watched(array, index):
        part = rows_of(array, index)
        read.append(len(part) / len(array) * 300)
        return part

    monkeypatch.setattr(LazyArray, '__getitem__', watched)
    oracle.embed(Recording(imu, pose))
    assert 5.0 < max(read) < 7.0
    read.clear()
    oracle.synchronize(Recording(imu, pose), max_offset=3.0)
    assert 20.0 < max(read) < 128.0


@pytest.fixture
def dataset(tmp_path):
    """Three people on disk; one does two things."""
    entries = []
    for number in range(3):
        one, name = wearer(number), f'p{number}'
        write_imu(tmp_path / f'imu/{name}.safetensors', one.imu)
        write_pose(tmp_path / f'pose/{name}.safetensors', one.pose)
        segments = [dict(start_s=0.0, end_s=14.0, label=number)]
        segments.append(dict(start_s=14.0, end_s=29.0, label=0))
        entries.append(
            dict(
                take=name, imu=f'imu/{name}.safetensors',
                pose=f'pose/{name}.safetensors', subject=name, scene=name,
                start_s=0.0, end_s=29.5, segments=segments,
            )
        )  # fmt: skip
    meta = dict(dataset_name='x', classes=['a', 'b', 'c'], skeleton='coco')
    write_annotations(tmp_path / 'annotations/test.json', meta, entries)
    return tmp_path


def test_embedding_a_labelled_data_set(oracle, dataset):
    answers = oracle.embed(dataset)
    assert [answer['name'] for answer in answers] == ['p0', 'p1', 'p2']
    (alone,) = oracle.embed({'p1': wearer(1)})
    np.testing.assert_array_equal(answers[1]['imu'], alone['imu'][:5])


def test_retrieval_finds_the_person(oracle, dataset, tmp_path):
    query = Recording(wearer(1).imu)
    (answer,) = oracle.retrieve(
        *({'x': query}, str(dataset)),
        k=2,
        stride_sec=1.0,
        show_dir=tmp_path / 'pics',
    )
    names = [found['name'] for found in answer['recordings']]
    assert names[0] == 'p1' and len(names) == 2
    best = [window['found'][0] for window in answer['windows']]
    assert {one['name'] for one in best[1:-1]} == {'p1'}
    # The query starts two seconds earlier; windows of the gallery lie at
    # whole seconds, so the right one is at the query's own time.
    for window, one in list(zip(answer['windows'], best))[1:-1]:
        assert one['start_s'] == pytest.approx(window['start_s'], abs=0.01)
        assert one['similarity'] > 0.99
    assert (tmp_path / 'pics/retrieval.png').stat().st_size > 1000
    (answer,) = oracle.retrieve(
        {'x': Recording(pose=wearer(2).pose)}, dataset, stride_sec=0.5
    )
    assert answer['recordings'][0]['name'] == 'p2'
    with pytest.raises(ValueError, match='gallery has a skeleton'):
        oracle.retrieve(query, {'y': query})


@pytest.mark.parametrize('offset', [0.0, 3.217])
def test_localization_finds_person_and_limbs(oracle, tmp_path, offset):
    people = {name: wearer(seed).pose for seed, name in enumerate('abc')}
    worn = wearer(1, offset=offset).imu
    # Nobody knows where these are; there are more than limbs.
    order = ('head', 'left_knee', 'right_wrist')
    unknown = {f'S{i}': worn[name] for i, name in enumerate(order)}
    answer = oracle.localize(
        unknown, people, max_offset=5.0 * bool(offset), show_dir=tmp_path
    )
    assert answer['person'] == 'b'
    found = [answer['sensors'][f'S{i}']['limb'] for i in range(3)]
    assert tuple(found) == order
    assert all(s['margin'] > 0.3 for s in answer['sensors'].values())
    assert answer['offset_s'] == pytest.approx(offset, abs=0.15)
    assert answer['evidence'].shape == (3, 3, 5)
    assert (tmp_path / 'localization.png').stat().st_size > 1000


def test_localization_of_swapped_and_of_shared_sensors(oracle):
    people = {name: wearer(seed).pose for seed, name in enumerate('ab')}
    worn = wearer(0).imu
    swapped = {
        'left_wrist': worn['right_wrist'],
        'right_wrist': worn['left_wrist'],
        'head': worn['head'],
    }
    answer = oracle.localize(swapped, people)
    assert answer['person'] == 'a'
    assert answer['sensors']['left_wrist']['limb'] == 'right_wrist'
    shared = {f'{i}{n}': wearer(i).imu[n] for i in (0, 1) for n in LIMBS}
    answer = oracle.localize(shared, people, one_wearer=False)
    assert answer['person'] is None
    for name, sensor in answer['sensors'].items():
        assert sensor['person'] == 'ab'[int(name[0])]
        assert sensor['limb'] == name[1:]
    far = {'x': wearer(0, offset=500.0).imu['head']}
    with pytest.raises(ValueError, match='never seen together'):
        oracle.localize(far, people, offset=0.0)


@pytest.mark.slow
def test_recognition_by_neighbours(oracle, dataset, tmp_path):
    """Windows of p2: 0 to 14 s action c, then a, with the model's eyes."""
    one = wearer(2)
    os.chdir(dataset.parent)  # a relative path, as commands get them
    (answer,) = oracle.recognize(one, dataset.name, show_dir=tmp_path / 'pics')
    actions = [window['action'] for window in answer['windows']]
    assert actions[:2] == ['c', 'c'] and actions[-2:] == ['a', 'a']
    assert answer['windows'][0]['score'] > 0.99
    assert set(answer['scores']) == {'a', 'b', 'c'}
    assert (tmp_path / 'pics/actions.png').stat().st_size > 1000
    (answer,) = oracle.recognize(
        Recording(one.imu), {'run': wearer(2), 'sit': [wearer(0), wearer(1)]}
    )
    assert answer['action'] == 'run'
    with pytest.raises(ValueError, match='give a gallery'):
        oracle.recognize(one)
    with pytest.raises(ValueError, match='no labelled segments'):
        oracle.recognize(one, {'x': one}['x'])


def test_recognition_of_one_sensor_by_its_tokens(oracle):
    """The path of the sensor, with its pieces in another order."""
    people = {name: wearer(i) for i, name in enumerate(('run', 'sit'))}
    worn = {'head': people['sit'].imu['head']}
    for asked in (Recording(worn), Recording(worn, people['sit'].pose)):
        (answer,) = oracle.recognize(asked, people)
        assert answer['action'] == 'sit' and answer['score'] > 0.99
        assert answer['scores']['run'] < 0.95
    # What else is asked for changes nothing; what has no such sensor is told.
    knee = {'left_knee': people['run'].imu['left_knee']}
    people['jump'] = Recording(knee, people['run'].pose)
    both = {'a': Recording(worn), 'b': Recording(knee)}
    first, second = oracle.recognize(both, people)
    assert (first['action'], second['action']) == ('sit', 'run')
    for name, answer in zip('ab', (first, second)):
        (alone,) = oracle.recognize(both[name], people)
        assert alone['scores'] == answer['scores']
    assert [note for note in first['notes'] if "'jump'" in note]
    del people['jump']
    # A gallery with other sensors is compared by whole skeletons.
    other = {
        name: Recording({'left_knee': person.imu['left_knee']}, person.pose)
        for name, person in people.items()
    }
    (answer,) = oracle.recognize(Recording(worn, people['sit'].pose), other)
    assert answer['action'] == 'sit' and answer['score'] > 0.99


def test_recognition_by_a_classifier(tmp_path, take):
    cfg = Config.fromfile('configs/mobind/synthetic_finetune.py')
    torch.manual_seed(3)
    model = init_model(cfg)
    names = [f'act{i}' for i in range(12)]
    meta = {'cfg': cfg.pretty_text, 'dataset_meta': {'classes': names}}
    file = tmp_path / 'classifier.pth'
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, file)
    inferencer = MoBindInferencer(file, device='cpu', show_progress=False)
    (answer,) = inferencer.recognize(take)
    starts = [window['start_s'] for window in answer['windows']]
    pipeline = Compose(list(inferencer.preparation.transforms))
    rows = []
    for start in starts:
        sample = pipeline(window_info(take, start, 5.0))
        inputs = {k: v[None] for k, v in sample['inputs'].items()}
        with torch.no_grad():
            rows.append(model(inputs)[0].softmax(0).numpy())
    mean = np.mean(rows, axis=0)
    assert len(starts) == 3 and answer['action'] == names[mean.argmax()]
    np.testing.assert_allclose(
        list(answer['scores'].values()), mean, atol=1e-5
    )
    with pytest.raises(ValueError, match='needs no gallery'):
        inferencer.recognize(take, {'x': take})
    with pytest.raises(ValueError, match='gives no embeddings'):
        inferencer.embed(take)
    # It synchronises by the signals alone.
    assert abs(inferencer.synchronize(take)['offset_s']) < 0.02


def mistakes():
    one = wearer(0, seconds=3.0)
    nobody = PoseStream(
        Clock(300, rate=30.0), np.zeros((300, 17, 2), np.float32),
        np.zeros((300, 17), np.float32), 'coco', (100, 100),
    )  # fmt: skip
    acc = np.zeros((200, 3))
    return {
        'shorter than': ('embed', (one,), r'window_sec=5\.0 is longer'),
        'nothing': ('embed', ([],), 'no recording'),
        'kind': ('embed', (3,), 'int is not a recording'),
        'key': ('embed', ({'imu': {'head': {'acc': acc, 'hz': 1}}},), 'hz'),
        'clock': ('embed', ({'imu': {'head': {'acc': acc}}},), 'rate in Hz'),
        'shape': (
            'embed',
            ({'imu': {'head': {'acc': acc[:, :2], 'rate': 50.0}}},),
            r'expected \(200, 3\)',
        ),
        'place': (
            'embed',
            ({'imu': {'toe': {'acc': acc, 'rate': 50.0}}},),
            "'toe' is not a placement",
        ),
        'size': (
            'embed',
            ({'pose': {'keypoints': np.zeros((9, 17, 2)), 'rate': 30.0}},),
            'img_shape is missing',
        ),
        'channel': (
            'embed',
            ({'imu': {'head': {'acc': np.zeros((900, 3)), 'rate': 50.0}}},),
            r"head has no \['gyro'\]",
        ),
        'pose': ('synchronize', (Recording(one.imu),), 'no skeleton'),
        'imu': ('synchronize', (Recording(pose=one.pose),), 'no sensor'),
        'offset': ('synchronize', (one, -1.0), 'must be positive'),
        'direction': ('retrieve', (one, one, 'up'), "got 'up'"),
        'k': ('retrieve', (one, one, None, 0), 'k must be at least 1'),
        'file': ('embed', ('none.csv',), 'There is no IMU file none.csv'),
        'json': ('embed', ('none.json',), 'there is no such file'),
        'unseen': ('localize', (wearer(0).imu, {'x': nobody}), 'never seen'),
    }


@pytest.mark.parametrize('name', mistakes())
def test_mistakes_have_one_clear_message(oracle, name):
    method, arguments, message = mistakes()[name]
    with pytest.raises((ValueError, TypeError, OSError), match=message):
        getattr(oracle, method)(*arguments)


def test_arrays_with_gaps_and_words():
    keypoints = np.full((30, 17, 2), 100.0)
    keypoints[5:20, 9] = np.nan
    scores = np.ones((30, 17))
    pose = to_pose(
        dict(
            keypoints=keypoints,
            scores=scores,
            rate=30.0,
            img_shape=(1080, 1920),
        )
    )
    assert (pose.scores[5:20, 9] == 0).all() and pose.scores[4, 9] == 1
    sensor = dict(acc=np.ones((60, 3)), rate=50.0)
    for word, included in (('removed', False), ('included', True)):
        found = to_imu({'head': dict(sensor, gravity=word)})
        assert found['head'].gravity is included
    with pytest.raises(ValueError, match="gravity is 'yes'"):
        to_imu({'head': dict(sensor, gravity='yes')})


def test_nothing_to_compare_is_an_error(oracle):
    worn, name = wearer(0).imu, LIMBS[0]
    here, there = Recording({name: worn[name]}), {LIMBS[1]: worn[LIMBS[1]]}
    with pytest.raises(ValueError, match=r"shows what 'imu' of .*\['" + name):
        oracle.recognize(here, {'run': [Recording(there)]})
    chest = Recording({'sternum': worn[name]})
    with pytest.raises(ValueError, match='sternum: left out by the model'):
        oracle.retrieve(chest, {'x': wearer(0)}, direction='imu2pose')


def test_a_clock_that_jumps_is_told():
    """Ten clips, three after a second was lost."""
    clips = [10.0 * k for k in range(10)]
    answer = dict(
        offset_s=0.0,
        at_video_s=0.0,
        drift_ppm=0.0,
        confidence=1.0,
        abstained=False,
        reason='',
        rivals=[],
        clips=dict(video_s=clips, agrees=[k < 7 for k in range(10)]),
        searched=dict(around_s=0.0, max_offset_s=10.0),
        sensors=['head'],
        model_used=True,
    )
    text = describe(answer)
    assert '7 of 10 clips agree; not those around 70, 80, 90 s' in text
    assert 'the model was used as well' in text
