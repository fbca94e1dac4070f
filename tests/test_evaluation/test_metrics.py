"""Metrics collect the right rows and hand them to the functions."""

import csv

import numpy as np
import pytest
import torch
from embedding_samples import ALL_ONLY, evaluate, random_samples, sample

from mobind_mm.evaluation import (
    ActionKNNMetric,
    ActionProbeMetric,
    RetrievalMetric,
)
from mobind_mm.evaluation.functional import (
    cosine_similarity,
    linear_probe,
    retrieval_ranks,
)

METRICS = [
    RetrievalMetric,
    lambda: RetrievalMetric(similarity='tokens'),
    lambda: RetrievalMetric(similarity='tokens', rerank=5),
    ActionKNNMetric,
    ActionProbeMetric,
]


def test_retrieval_keys_and_values():
    x = np.eye(4)
    y = x[[0, 1, 3, 2]]
    samples = [sample(a, b) for a, b in zip(x, y)]
    samples.append(sample(x[0], y[0], role='gallery'))
    samples.append(sample(x[0], y[0], imu_mask=(False,)))
    metric = RetrievalMetric(topk=(1, 4), galleries=ALL_ONLY)
    out = evaluate(metric, samples)
    directions = ('imu2pose', 'pose2imu')
    measures = {'R@1': 0.5, 'R@4': 1.0, 'medR': 2.5, 'mAP': (2 + 2 / 4) / 4}
    assert out == {
        **{
            f'retrieval/{d}_{m}': v
            for d in directions
            for m, v in measures.items()
        },
        'retrieval/chance_R@1': 0.25,
        'retrieval/chance_R@4': 1.0,
        'retrieval/num_windows': 4,
    }
    assert metric.ranks['imu2pose'].tolist() == [1, 1, 4, 4]
    assert metric.similarity.tolist() == (x @ y.T).tolist()
    pictures = metric.pictures()
    assert pictures['recall_curves']['ranks'] is metric.ranks
    assert pictures['recall_curves']['num_gallery'] == 4
    assert pictures['similarity']['similarity'] is metric.similarity
    assert RetrievalMetric().pictures() == ActionKNNMetric().pictures() == {}


def test_stricter_galleries_and_their_counts():
    """The nearest rival overlaps; another shares the action."""
    x = np.eye(5)
    near = 0.9 * x[0] + 0.6 * x[1]
    ids = [
        dict(take='a', window_start=0.0, action=1),
        dict(take='a', window_start=0.5, action=2),
        dict(take='b', window_start=0.0, action=1),
        dict(take='b', window_start=1.0, action=-1),
    ]
    # Query 0 finds window 1 first, which overlaps it.
    imu, pose = [x[0], near, x[2], x[3]], [near, x[0], x[2], x[3]]
    samples = [sample(a, b, **i) for a, b, i in zip(imu, pose, ids)]
    out = evaluate(RetrievalMetric(topk=(1,)), samples)
    assert out['retrieval/imu2pose_R@1'] == 0.5
    assert out['retrieval/disjoint_imu2pose_R@1'] == 1.0
    assert out['retrieval/num_disjoint_imu2pose'] == 4
    assert out['retrieval/disjoint_chance_R@1'] == pytest.approx(
        (1 / 3 + 1 / 3 + 1 / 4 + 1 / 4) / 4
    )
    # Alone with its action, a query does not count.
    assert out['retrieval/num_same_action_pose2imu'] == 2
    assert out['retrieval/same_action_imu2pose_R@1'] == 1.0
    assert out['retrieval/same_action_chance_R@1'] == 0.5


def test_the_same_window_of_another_camera_is_no_rival():
    """Two cameras share each IMU window, so that it is there twice."""
    samples = [
        sample(x, x, take='a', window_start=t, camera=camera)
        for t, x in enumerate(np.eye(3))
        for camera in ('front', 'side')
    ]
    metric = RetrievalMetric(topk=(1,), galleries=('all', 'same_action'))
    out = evaluate(metric, samples)
    for name in ('', 'same_action_'):
        for direction in ('imu2pose', 'pose2imu'):
            assert out[f'retrieval/{name}{direction}_R@1'] == 1.0
        assert out[f'retrieval/{name}chance_R@1'] == pytest.approx(1 / 5)
    assert out['retrieval/num_windows'] == 6
    # The same camera twice is a mistake that must not raise the numbers.
    double = [sample(x, x, camera='front') for x in np.eye(2)[[0, 0, 1]]]
    out = evaluate(RetrievalMetric(topk=(1,), galleries=ALL_ONLY), double)
    assert out['retrieval/imu2pose_R@1'] == pytest.approx(1 / 3)


def test_a_gallery_without_queries_is_nan_and_unknown_times_are_refused():
    samples = [sample(x, x, action=-1) for x in np.eye(2)]
    out = evaluate(RetrievalMetric(galleries=('same_action',)), samples)
    assert out['retrieval/num_same_action_pose2imu'] == 0
    assert np.isnan(out['retrieval/same_action_imu2pose_R@1'])
    assert np.isnan(out['retrieval/same_action_chance_R@5'])
    samples = [sample(x, x, window_sec=None) for x in np.eye(2)]
    with pytest.raises(ValueError, match="'window_sec'.*meta_keys"):
        evaluate(RetrievalMetric(), samples)


def test_retrieval_of_per_limb_embeddings_uses_the_masks():
    wrist, knee = (True, False), (False, True)
    # The first clip's knee is a distractor for the second clip's knee
    # unless its missing sensor is ignored.
    samples = [
        sample([[1, 0], [0, 1]], [[1, 0], [1, 0]], imu_mask=wrist),
        sample([[1, 0], [0, 1]], [[0, 1], [0, 1]], imu_mask=knee),
    ]
    out = evaluate(RetrievalMetric(topk=(1,), galleries=ALL_ONLY), samples)
    assert out['retrieval/imu2pose_R@1'] == 1.0
    assert out['retrieval/pose2imu_R@1'] == 1.0


def test_tokens_decide_where_embeddings_do_not():
    samples = random_samples(30, constant=True)
    sharp = random_samples(30, seed=1)
    for one, other in zip(samples, sharp):
        one.imu_tokens, one.pose_tokens = other.imu_tokens, other.imu_tokens
    by_tokens = RetrievalMetric(similarity='tokens')
    assert evaluate(by_tokens, samples)['retrieval/imu2pose_R@1'] == 1.0
    plain = RetrievalMetric()
    assert evaluate(plain, samples)['retrieval/imu2pose_R@1'] == 0.0
    assert not any('imu_tokens' in row for row in plain.results)
    # The coarse stage misses its match, so there is nothing to reorder.
    staged = RetrievalMetric(similarity='tokens', rerank=5)
    assert evaluate(staged, samples)['retrieval/imu2pose_R@1'] == 0.0


def test_float16_tokens_compare_as_float32_do():
    samples = random_samples(40)
    rng = np.random.default_rng(0)
    for one in samples:
        one.pose_tokens += torch.as_tensor(4 * rng.normal(size=(2, 3, 8)))
    metric = RetrievalMetric(similarity='tokens', galleries=ALL_ONLY)
    evaluate(metric, samples)
    queries = [s for s in samples if s.role == 'query']
    imu = torch.stack([s.imu_tokens for s in queries]).flatten(1, 2)
    pose = torch.stack([s.pose_tokens for s in queries]).flatten(1, 2)
    worn = torch.stack([s.imu_mask for s in queries])
    mask = worn.repeat_interleave(3, dim=1).numpy()
    seen = torch.stack([s.pose_token_mask for s in queries]).flatten(1)
    pair = imu.numpy(), pose.numpy(), mask, seen.numpy()
    exact = cosine_similarity(*pair)
    np.testing.assert_allclose(metric.similarity, exact, atol=5e-4)
    ranks = retrieval_ranks(*pair)
    assert len(np.unique(ranks)) > 5
    assert abs(metric.ranks['imu2pose'] - ranks).max() <= 1


def test_nearest_neighbour_uses_gallery_windows_with_labels_only():
    samples = [
        sample([1, 0], [0, 1], 'gallery', action=5),
        sample([0, 1], [1, 0], 'gallery', action=6),
        sample([1, 0.1], [1, 0.1], 'gallery', action=-1),
        sample([1, 0.1], [0.1, 1], 'query', action=5),
        sample([0, 1], [0, 1], 'query', action=6),
        sample([0, 1], [0, 1], 'query', action=-1),
    ]
    out = evaluate(ActionKNNMetric(), samples)
    assert out['action/num_queries'] == 2
    assert out['action/num_gallery'] == 2
    assert out['action/knn_top1'] == 1.0
    assert out['action/knn_macro_f1'] == 1.0
    assert out['action/knn_pose_top1'] == 0.5
    # Class 5 is named twice, once rightly: F1 2/3; class 6 never: 0.
    assert out['action/knn_pose_macro_f1'] == pytest.approx(1 / 3)
    assert out['action/knn_pose2imu_top1'] == 0.5


def test_both_modalities_are_the_mean_of_the_cosines():
    # IMU says 5 (cosine 1 against 0), pose says 6 (0.8 against 0.6).
    samples = [
        sample([1, 0], [0.6, 0.8], 'gallery', action=5),
        sample([0, 1], [0.8, -0.6], 'gallery', action=6),
        sample([9, 0], [3, 0], action=5),
        # IMU says 5 (0.74 against 0.67), pose says 6 (1 against 0).
        sample([1, 0.9], [0.8, -0.6], action=6),
    ]
    out = evaluate(ActionKNNMetric(), samples)
    assert out['action/knn_top1'] == 0.5
    assert out['action/knn_pose_top1'] == 0.5
    assert out['action/knn_both_top1'] == 1.0


@pytest.mark.parametrize('tokens', [False, True])
def test_takes_are_named_after_the_nearest_take(tokens):
    def window(x, take, role='gallery', **meta):
        one = sample([x], [x[::-1]], role, take=take, **meta)
        one.imu_tokens = one.imu_embedding[:, None]
        one.pose_tokens = one.pose_embedding[:, None]
        one.pose_token_mask = torch.tensor([[True]])
        return one

    # By window the nearest is the one of take b that equals the first of c.
    samples = [
        window([1, 0.2], 'a', action=1),
        window([0.2, 1], 'a', action=1),
        window([1, 0], 'b', action=2),
        window([1, -1], 'b', action=2),
        window([1, 0], 'c', 'query', action=1),
        window([0, 1], 'c', 'query', action=1),
        window([1, -1], 'd', 'query', action=2),
        # The same take in another camera stands for itself.
        window([1, 0], 'c', 'query', action=2, camera='left'),
    ]
    metric = ActionKNNMetric(tokens=tokens, by_take=True)
    out = evaluate(metric, samples)
    assert out['action/num_queries'] == 3
    assert out['action/num_gallery'] == 4
    assert out['action/knn_top1'] == out['action/knn_pose_top1'] == 1.0
    assert metric.confusion['knn'].sum() == 3
    assert evaluate(metric, samples[::-1]) == out
    by_window = evaluate(ActionKNNMetric(tokens=tokens), samples)
    assert by_window['action/num_queries'] == 4
    assert by_window['action/knn_top1'] == 0.75


@pytest.mark.parametrize('limbs', [None, 2])
def test_probe_sees_the_modality_it_is_named_after(limbs):
    samples = random_samples(90, limbs=limbs)
    metric = ActionProbeMetric(C=0.05)
    out = evaluate(metric, samples)
    assert out['action/num_linear_queries'] == metric.confusion['linear'].sum()
    assert out['action/linear_top1'] > 0.6
    for one in samples:
        one.pose_embedding = torch.ones_like(one.pose_embedding)
    blind = evaluate(ActionProbeMetric(C=0.05), samples)
    assert blind['action/linear_top1'] == out['action/linear_top1']
    assert blind['action/linear_pose_top1'] < 0.35
    # Constant columns add nothing.
    assert blind['action/linear_both_top1'] == out['action/linear_top1']


def test_probe_learns_from_the_gallery():
    samples = random_samples(60)
    out = evaluate(ActionProbeMetric(C=0.5), samples)
    rows = {
        role: [s for s in samples if s.role == role and s.action >= 0]
        for role in ('query', 'gallery')
    }

    def unit(role):
        x = np.stack([s.imu_embedding.numpy() for s in rows[role]])
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    labels = np.array([s.action for s in rows['gallery']])
    named = linear_probe(unit('gallery'), labels, unit('query'), C=0.5)
    truth = np.array([s.action for s in rows['query']])
    assert out['action/linear_top1'] == np.mean(named == truth)


@pytest.mark.parametrize('metric', [ActionKNNMetric, ActionProbeMetric])
def test_a_recording_on_both_sides_is_refused(metric):
    samples = [
        sample(x, x, role=role, action=i, take=take, window_start=i)
        for role, take in (('gallery', 'a'), ('query', 'a'), ('query', 'b'))
        for i, x in enumerate(np.eye(2))
    ]
    with pytest.raises(ValueError, match="1 recordings have both.*take 'a'"):
        evaluate(metric(), samples)
    del samples[2:4]
    evaluate(metric(), samples)


def test_probe_penalty_must_be_positive():
    for choices in (0, (0.1, -1.0), ()):
        with pytest.raises(ValueError, match='C must be positive'):
            ActionProbeMetric(C=choices)


@pytest.mark.parametrize('limbs', [None, 2])
@pytest.mark.parametrize('metric', METRICS)
def test_order_of_the_samples_gives_nothing_away(metric, limbs):
    samples = random_samples(50, limbs=limbs)
    expected = evaluate(metric(), samples)
    order = np.random.default_rng(5).permutation(50)
    found = evaluate(metric(), [samples[i] for i in order])
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert all(np.isfinite(value) for value in found.values())


@pytest.mark.parametrize('limbs', [None, 2])
@pytest.mark.parametrize('metric', METRICS)
def test_a_constant_encoder_is_not_above_chance(metric, limbs):
    out = evaluate(metric(), random_samples(200, limbs=limbs, constant=True))
    for key, value in out.items():
        if '2pose_R@' in key or '2imu_R@' in key:
            gallery = key.replace('imu2pose', 'chance')
            gallery = gallery.replace('pose2imu', 'chance')
            assert value <= out[gallery]
        elif key.endswith('top1'):
            # Per-limb masks remain, which are drawn at random.
            assert value == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize('metric', METRICS[:3])
def test_a_shuffled_pairing_falls_to_chance(metric):
    right = evaluate(metric(), random_samples(300))
    wrong = evaluate(metric(), random_samples(300, shuffled=True))
    for gallery in ('', 'disjoint_', 'same_action_'):
        for direction in ('imu2pose', 'pose2imu'):
            for k in (1, 5, 10):
                key = f'retrieval/{gallery}{direction}_R@{k}'
                chance = wrong[f'retrieval/{gallery}chance_R@{k}']
                assert right[key] > 0.9
                assert wrong[key] == pytest.approx(chance, abs=0.06)


def test_single_results_are_dumped_worst_first(tmp_path):
    x = np.eye(4)
    samples = [
        sample(a, b, take=f'take{i}', action=i % 2, window_start=float(i))
        for i, (a, b) in enumerate(zip(x, x[[0, 1, 3, 2]]))
    ]
    path = tmp_path / 'ranks.csv'
    metric = RetrievalMetric(galleries=('all', 'same_action'), dump=path)
    evaluate(metric, samples)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row['take'] for row in rows] == [
        'take2',
        'take3',
        'take0',
        'take1',
    ]
    assert rows[0]['imu2pose_rank'] == rows[0]['pose2imu_rank'] == '4'
    assert rows[3]['imu2pose_rank'] == '1'
    assert rows[0]['window_start'] == '2.0'
    assert rows[0]['same_action_imu2pose_rank'] == '2'

    path = tmp_path / 'actions.csv'
    metric = ActionKNNMetric()
    metric.dump = path  # as tools/test.py sets it
    metric.dataset_meta = dict(classes=('wave', 'walk'))
    gallery = [sample(x[i], x[0], 'gallery', action=i) for i in (0, 1)]
    queries = [
        sample(x[1], x[0], take='right', action=1),
        sample(x[0], x[0], take='wrong', action=1),
    ]
    evaluate(metric, gallery + queries)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row['take'] for row in rows] == ['wrong', 'right']
    assert (rows[0]['class'], rows[0]['knn']) == ('walk', 'wave')
    assert metric.classes == ['wave', 'walk']
    assert metric.confusion['knn'].tolist() == [[0, 0], [1, 1]]
    picture = metric.pictures()['confusion_knn']
    assert picture['matrix'].tolist() == [[0, 0], [1, 1]]
    assert picture['classes'] == ['wave', 'walk']


def test_what_is_missing_is_said():
    with pytest.raises(ValueError, match="role 'gallery'"):
        evaluate(ActionKNNMetric(), [sample([1, 0], [0, 1])])
    with pytest.raises(ValueError, match='both IMU and pose'):
        evaluate(RetrievalMetric(), [sample([1], [1], 'gallery')])
    with pytest.raises(ValueError, match='No window'):
        evaluate(RetrievalMetric(), [])
    with pytest.raises(ValueError, match='gives no tokens'):
        evaluate(RetrievalMetric(similarity='tokens'), [sample([1], [1])])
    stream = sample([[1, 0]], [[1, 0]], take='long')
    stream.window_starts = torch.zeros(1)
    with pytest.raises(ValueError, match="'long'.*longer"):
        evaluate(RetrievalMetric(), [stream])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(galleries=('al',)), "got 'al'"),
        (dict(similarity='token'), "got 'token'"),
        (dict(rerank=5), 'rerank=5'),
        (dict(similarity='tokens', rerank=0), 'rerank=0'),
        (dict(dump='ranks.json'), r'ranks\.json'),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RetrievalMetric(**options)
