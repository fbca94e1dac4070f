"""Short takes, sensors under other names, and answers that are refused."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mobind_mm.apis import MoBindInferencer, init_model
from mobind_mm.apis.calibration import LEAST, Logistic, match_features
from mobind_mm.apis.localizing import decide
from mobind_mm.apis.recognizing import _compare, _familiarity
from mobind_mm.apis.shared_offset import find_offset
from mobind_mm.apis.windows import ClipFeatures, Preparation
from mobind_mm.recordings import PoseStream, Recording
from mobind_mm.skeleton import get_layout
from mobind_mm.synchronization.conformance import simulate_recording

ON_HAND = ('right_wrist', 'right_hand')  # the same keypoints


@pytest.fixture(scope='module')
def untrained(tmp_path_factory):
    """The model of any sensor, small and with random weights."""
    torch.manual_seed(0)
    cfg = Config.fromfile('configs/mobind/mobind_real.py')
    for encoder in (cfg.model.imu_backbone, cfg.model.pose_backbone):
        encoder.update(num_layers=1, conv_channels=(8, 8, 8), embed_dims=32)
    return MoBindInferencer(cfg, device='cpu', show_progress=False)


def take(seconds, seed=0, offset=0.0):
    return simulate_recording(seed=seed, seconds=seconds, offset=offset)


@pytest.mark.parametrize('seconds, window', [(1.0, 1.0), (2.55, 2.4), (7, 5)])
def test_windows_are_as_long_as_the_take_allows(untrained, seconds, window):
    (answer,) = untrained.embed(take(seconds), tokens=True)
    assert answer['window_sec'] == pytest.approx(window)
    assert answer['imu_tokens'].shape[2] == round(window / 0.2)
    assert len(answer['window_start']) == 1


def test_takes_below_a_second_have_no_window(untrained):
    with pytest.raises(ValueError, match='longer than every recording'):
        untrained.embed(take(0.9))
    with pytest.raises(ValueError, match='batch_size is 0'):
        untrained.embed(take(2.0), batch_size=0)


def test_short_queries_shorten_all_windows(untrained):
    gallery = {name: take(3.6, seed) for seed, name in enumerate('ab')}
    query = Recording(take(2.5, 0).imu)
    (answer,) = untrained.retrieve(query, gallery, signal_weight=10.0)
    assert answer['recordings'][0]['name'] == 'a'  # by its signals
    assert any('windows of 2.4 s are compared' in n for n in answer['notes'])


def test_features_of_short_clips_and_of_stand_ins(untrained):
    features = untrained.clip_features()
    recording = take(3.0)
    (stream,) = recording.imu.values()
    clip = Recording({'right_forearm': stream}, recording.pose)
    feats = features(clip)
    assert feats['imu_tokens'].shape[0] == 1  # one window of 3 s
    assert feats['imu_tokens'].shape[2] == 15
    at = feats['placements'].index('right_forearm')
    assert feats['imu_mask'][:, at].all() and feats['imu_mask'].sum() == 1
    assert 'right_wrist' not in feats['placements']
    direct = features(Recording({'right_wrist': stream}, recording.pose))
    np.testing.assert_array_equal(feats['imu_tokens'], direct['imu_tokens'])
    # The synchroniser adds what the model says about the forearm.
    from mobind_mm.synchronization import FusedSynchronizer
    from mobind_mm.synchronization.fused import EVIDENCE_NAMES

    evidence = FusedSynchronizer().evidence(clip, feats, 1.0)
    assert evidence.rows[EVIDENCE_NAMES.index('tokens')].any()


def test_sub_windows_of_any_length_are_those_that_are_cut(untrained):
    import torch

    model = untrained.model
    generator = torch.Generator().manual_seed(0)
    whole = take(4.0)
    pipeline = untrained.preparation.transforms
    from mmengine.dataset import Compose

    from mobind_mm.apis.windows import window_info

    sample = Compose(list(pipeline))(window_info(whole, 0.0, 4.0))
    inputs = {k: v[None] for k, v in sample['inputs'].items()}
    del generator
    with torch.no_grad():
        stream = model.extract_stream(inputs, 2.0)
        assert len(stream['window_starts']) == 11
        prepared = model.prepare(inputs)
        first = {
            k: v[..., :50] if v.ndim > 2 else v for k, v in prepared.items()
        }
        model_prepare, model.prepare = model.prepare, lambda x: x
        try:
            cut = model.extract_feats(first)
        finally:
            del model.prepare
    assert model_prepare is not None
    torch.testing.assert_close(
        stream['imu_tokens'][0, 0], cut['imu_tokens'][0], atol=1e-5, rtol=1e-4
    )


def test_limbs_that_were_never_seen_are_not_handed_out():
    evidence = np.full((3, 2, 4), np.nan)
    evidence[:, 0, :2] = [[0.5, 0.4], [0.6, 0.1], [0.3, 0.2]]
    evidence[:, 1, 0] = 0.05
    totals, found = decide(evidence, [None] * 3, list('abcd'), True)
    assert totals.argmax() == 0
    slots = [match.slot for match in found]
    assert sorted(slots) == [-1, 0, 1]  # two limbs for three sensors
    assert all(m.rivals == 2 for m in found if m.slot >= 0)
    _, found = decide(evidence, [None] * 3, list('abcd'), False)
    assert sorted(match.slot for match in found) == [0, 1, 4]
    first = found[0]
    others = [x for x in evidence[0].ravel() if x == x]
    others.remove(pytest.approx(first.evidence))
    assert first.margin == pytest.approx(first.evidence - max(others))


def test_improbable_answers_are_refused(untrained, monkeypatch):
    from mobind_mm.apis import localizing

    one = take(10.0)
    people = {'a': one.pose, 'b': take(10.0, 1).pose}
    answer = untrained.localize(one.imu, people, signal_weight=10.0)
    (sensor,) = answer['sensors'].values()
    assert answer['person'] == 'a' and sensor['limb'] in ON_HAND
    assert answer['person_probability'] is sensor['in_view'] is None
    slopes = dict.fromkeys(match_features(0.0, 0.0, 5.0, 1), 0.0)
    for bias, given in ((5.0, True), (-5.0, False)):
        always = Logistic(bias, slopes)
        monkeypatch.setitem(
            localizing.CALIBRATED,
            untrained.name,
            dict(person=always, sensor=always, limb=always),
        )
        answer = untrained.localize(one.imu, people, signal_weight=10.0)
        (sensor,) = answer['sensors'].values()
        assert (answer['person'] == 'a') is given
        assert (sensor['limb'] in ON_HAND) is given
        assert (sensor['in_view'] >= LEAST) is given
        assert given or sensor['guess']['limb'] in ON_HAND
        two = {**one.imu, 'other': take(10.0, 1).imu['right_wrist']}
        answer = untrained.localize(two, people, signal_weight=10.0)
        noted = [n for n in answer['notes'] if '--several-wearers' in n]
        assert len(noted) == given
        if given:
            theirs = dict(a='other: fits b', b='right_wrist: fits a')
            assert noted[0].startswith(theirs[answer['person']])


def test_clocks_that_never_meet_are_taken_to_start_together(untrained):
    one = take(12.0, offset=5000.0)
    people = {'a': one.pose, 'b': take(12.0, 1).pose}
    people['c'] = take(12.0, 2).pose.window(9.0, 1.5).later(9.0)
    answer = untrained.localize(one.imu, people, signal_weight=10.0)
    assert answer['offset_s'] == pytest.approx(5000.0, abs=0.2)
    assert answer['person'] == 'a'
    assert any('never meet' in note for note in answer['notes'])


def test_at_an_offset_that_is_doubtful_nobody_is_named(untrained):
    one, others = take(20.0, offset=2.0), {'b': take(20.0, 1).pose}
    there = untrained.localize(
        one.imu, {**others, 'a': one.pose}, max_offset=5.0, signal_weight=10.0
    )
    assert there['person'] == 'a' and not there['offset_reason']
    assert there['offset_s'] == pytest.approx(2.0, abs=0.05)
    gone = untrained.localize(
        one.imu, others, max_offset=5.0, signal_weight=10.0
    )
    assert gone['person'] is None and gone['offset_reason']
    assert all('guess' in sensor for sensor in gone['sensors'].values())


@pytest.mark.parametrize('count', [2, 9, 13])
def test_no_sensor_is_searched_on_a_limb_that_is_never_seen(untrained, count):
    one = take(8.0)
    points = np.zeros((one.pose.clock.num_samples, 17, 2), np.float32)
    names, theirs = get_layout('coco'), get_layout('h36m')
    for name in ('right_shoulder', 'right_elbow', 'right_wrist'):
        points[:, theirs.index(name)] = one.pose.keypoints[
            :, names.index(name)
        ]
    seen = (points != 0).all(axis=2).astype(np.float32)
    pose = PoseStream(one.pose.clock, points, seen, 'h36m', (1080, 1920))
    (stream,) = one.imu.values()
    imu = {f's{i}': stream for i in range(count)}
    found = find_offset(untrained, imu, {'a': pose}, 0.0, 1.0)
    assert abs(found.offset) <= 1.5


def test_the_wearer_is_one_of_those_in_view_or_nobody(untrained):
    one = take(20.0)
    people = {'a': one.pose, 'same': one.pose, 'b': take(20.0, 1).pose}
    found = find_offset(untrained, one.imu, people, 0.0, 3.0)
    assert not found.reason and sum(found.wearer.values()) < 1
    assert found.wearer['a'] == found.wearer['same'] < 0.5
    assert found.wearer['b'] < 0.05


@pytest.mark.parametrize(
    'seen, window', [((0.0, 4.4), 4.4), ((2.6, 8.1), 4.0), ((6.0, 7.1), 5.0)]
)
def test_people_who_come_and_go_are_compared(untrained, seen, window):
    one, other = take(9.8), take(9.8, 1).pose
    start, end = seen
    part = one.pose.window(start, end - start)  # at second 0
    people = {'other': other, 'wearer': part.later(start)}
    answer = untrained.localize(one.imu, people, signal_weight=10.0)
    assert answer['window_sec'] == pytest.approx(window)
    short = end - start < 2.5
    assert (answer['person_evidence']['wearer'] is None) == short
    assert answer['person'] == ('other' if short else 'wearer')
    told = [n for n in answer['notes'] if 'wearer is not compared' in n]
    assert len(told) == short and all('for 1.1 s' in note for note in told)


def test_clip_features_of_a_model_with_fixed_windows():
    cfg = Config.fromfile('configs/mobind/synthetic.py')
    model = init_model(cfg, device='cpu')
    preparation = Preparation.of(cfg, 'the config', model)
    assert preparation.window_for(4.9) == 0
    assert preparation.window_for(6.0) == 5.0
    assert ClipFeatures(model, preparation, 0.2)(take(3.0)) is None


def labelled(rng, people, actions):
    """A table of one window for each person and action, tokens of a wrist."""
    rows = [(p, a) for p in people for a in actions]
    seen = np.ones((len(rows), 1, 6), bool)
    moves = np.random.default_rng(9).normal(size=(12, 16))
    tokens = np.array([moves[a] for _, a in rows])[:, None, None]
    tokens = tokens + 0.7 * rng.normal(size=(len(rows), 1, 6, 16))
    return dict(
        imu_tokens=tokens,
        imu_mask=seen[..., 0],
        action=np.array([a for _, a in rows]),
        take=np.array([f'{p}, {a}' for p, a in rows], object),
        subject=np.array([p for p, _ in rows], object),
    )


def test_the_people_of_a_gallery_tell_what_it_lacks():
    rng = np.random.default_rng(0)
    known = labelled(rng, 'abc', range(6))
    asked = labelled(rng, 'd', range(12))

    def compare(x, y):
        return _compare(x, y, 'imu', 12)

    familiar = _familiarity(known, compare)
    sure = [familiar(row[None]) for row in compare(asked, known)]
    assert min(sure[:6]) > 0.5 > max(sure[6:])
    # One person, or nobody who is named, tells nothing of others.
    known['subject'][:] = 'a'
    assert _familiarity(known, compare) is None
    known['subject'][0] = None
    assert _familiarity(known, compare) is None
    few = labelled(rng, 'ab', range(3))
    assert _familiarity(few, compare) is None
