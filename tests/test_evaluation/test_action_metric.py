"""Accuracy and macro-F1 of a classifier, by window and by take."""

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from mobind_mm.evaluation import ActionMetric
from mobind_mm.structures import MoBindDataSample


def sample(scores, action, take='a', role='query', camera=None):
    meta = dict(role=role, action=action, take=take, camera=camera)
    out = MoBindDataSample(metainfo=meta)
    out.pred_scores = torch.tensor(scores, dtype=torch.float32)
    return out


def evaluate(samples, **kwargs):
    evaluator = Evaluator(ActionMetric(**kwargs))
    evaluator.dataset_meta = dict(classes=('sit', 'walk', 'jump'))
    for start in range(0, len(samples), 3):
        evaluator.process(samples[start : start + 3])
    return evaluator.evaluate(len(samples)), evaluator.metrics[0]


@pytest.mark.parametrize('seed', range(5))
def test_against_loops(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 40)
    scores = rng.random((40, 3))
    out, metric = evaluate([sample(s, int(a)) for s, a in zip(scores, labels)])
    predicted = scores.astype(np.float32).argmax(1)
    f1 = []
    for c in range(3):
        hit = sum((predicted == c) & (labels == c))
        f1.append(2 * hit / (sum(predicted == c) + sum(labels == c)))
        for d in range(3):
            found = sum((labels == c) & (predicted == d))
            assert metric.confusion[c, d] == found
    assert out['action/top1'] == pytest.approx((predicted == labels).mean())
    assert out['action/macro_f1'] == pytest.approx(np.mean(f1))
    assert out['action/num_windows'] == 40
    assert out['action/num_takes'] == 1
    assert metric.classes == ('sit', 'walk', 'jump')


def test_windows_of_a_take_are_averaged():
    samples = [
        # By window two of three are wrong, on average they are right.
        sample([0.4, 0.6, 0], 0, 'a'),
        sample([0.4, 0.6, 0], 0, 'a'),
        sample([0.9, 0.1, 0], 0, 'a'),
        # Another action of the same take stands for itself.
        sample([0.0, 0.0, 1], 2, 'a'),
        # The same take in another camera, too.
        sample([0.0, 1.0, 0], 0, 'a', camera='left'),
        sample([0.0, 1.0, 0], 1, 'b'),
    ]
    out, _ = evaluate(samples)
    assert out['action/top1'] == 3 / 6
    out, metric = evaluate(samples, by_take=True)
    assert out['action/top1'] == 3 / 4
    assert out['action/num_windows'] == 6
    assert out['action/num_takes'] == 3
    assert metric.confusion.sum() == 4
    # The order of the windows does not matter.
    assert evaluate(samples[::-1], by_take=True)[0] == out


def test_the_picture_shows_the_confusion_matrix():
    assert ActionMetric().pictures() == {}
    _, metric = evaluate([sample([0, 1, 0], 2), sample([1, 0, 0], 0)])
    (picture,) = metric.pictures().values()
    assert picture['kind'] == 'confusion_matrix'
    assert picture['classes'] == ('sit', 'walk', 'jump')
    assert picture['matrix'].tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_one_row_a_sample():
    """What processes collect is cut to the data set's size by position."""
    metric = ActionMetric()
    rows = [
        sample([1, 0, 0], 0, role='gallery'),
        sample([1, 0, 0], -1),
        sample([0, 1, 0], 1),
    ]
    metric.process(None, [row.to_dict() for row in rows])
    assert len(metric.results) == 3


def test_gallery_and_unlabelled_windows_do_not_count():
    samples = [
        sample([1, 0, 0], 0),
        sample([1, 0, 0], 1, role='gallery'),
        sample([1, 0, 0], -1),
    ]
    out, _ = evaluate(samples)
    assert out['action/num_windows'] == 1 and out['action/top1'] == 1


def test_shuffled_labels_give_chance():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    scores = np.eye(3)[labels]
    rng.shuffle(labels)
    out, _ = evaluate([sample(s, int(a)) for s, a in zip(scores, labels)])
    assert abs(out['action/top1'] - 1 / 3) < 0.04


def test_mistakes():
    with pytest.raises(ValueError, match='No labelled query window'):
        evaluate([sample([1, 0, 0], -1)])
    with pytest.raises(ValueError, match='NaN'):
        evaluate([sample([float('nan'), 0, 0], 0)])
