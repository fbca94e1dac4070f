"""Classifiers and their scores against independent implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import f1_score

from mobind_mm.evaluation.functional import (
    accuracy,
    confusion_matrix,
    linear_probe,
    macro_f1,
    nearest_neighbour,
    probe_features,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 5))
def test_scores_equal_references(seed, size, classes):
    rng = np.random.default_rng(seed)
    predicted, labels = rng.integers(0, classes, size=(2, size))
    f1 = []
    for c in range(classes):
        hits = sum((p, t) == (c, c) for p, t in zip(predicted, labels))
        asked, given = (labels == c).sum(), (predicted == c).sum()
        if asked + given:
            recall = hits / asked if asked else 0.0
            precision = hits / given if given else 0.0
            both = recall + precision
            f1.append(2 * recall * precision / both if both else 0.0)
    assert macro_f1(predicted, labels) == pytest.approx(np.mean(f1))
    assert macro_f1(predicted, labels) == pytest.approx(
        f1_score(labels, predicted, average='macro', zero_division=0)
    )
    counts = confusion_matrix(predicted, labels, classes)
    expected = sklearn_confusion(labels, predicted, labels=range(classes))
    assert (counts == expected).all()
    assert np.trace(counts) / size == pytest.approx(
        accuracy(predicted, labels)
    )


def test_scores_closed_forms():
    labels = np.array([0, 0, 1, 1])
    assert macro_f1(labels, labels) == 1.0
    assert macro_f1(1 - labels, labels) == 0.0
    # One class named for all: F1 of it 2/3, of the other 0.
    assert macro_f1(np.zeros(4, int), labels) == pytest.approx(1 / 3)
    assert confusion_matrix(np.zeros(4, int), labels).tolist() == [
        [2, 0],
        [2, 0],
    ]


@pytest.mark.parametrize(
    'call, message',
    [
        (lambda: confusion_matrix(np.array([-1]), np.array([0])), 'Label -1'),
        (lambda: confusion_matrix(np.array([3]), np.array([0]), 3), 'Label 3'),
        (lambda: accuracy(np.array([1, 2]), np.array([1])), 'predictions'),
        (lambda: macro_f1(np.array([]), np.array([])), 'No labelled'),
    ],
)
def test_unusable_labels_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_constant_encoder_names_one_class():
    """All gallery windows are equally near: the first one is taken."""
    labels = np.arange(12) % 4
    same = np.ones((12, 3), dtype=np.float32)
    predicted = nearest_neighbour(same, same, labels)
    assert len(set(predicted)) == 1
    assert accuracy(predicted, labels) == 0.25
    assert accuracy(linear_probe(same, labels, same), labels) == 0.25


def test_probe_minimises_the_penalised_cross_entropy():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, size=60)
    x = rng.normal(size=(60, 4)) * [1, 5, 0.1, 1] + labels[:, None]
    query = rng.normal(size=(200, 4)) * [1, 5, 0.1, 1] + 1
    strength = 0.05
    mean, std = x.mean(0), x.std(0)
    z, asked = (x - mean) / std, (query - mean) / std

    def objective(flat):
        weight, bias = flat[:12].reshape(4, 3), flat[12:]
        logits = z @ weight + bias
        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        nll = -log_p[np.arange(60), labels].sum()
        return strength * nll + 0.5 * (weight**2).sum()

    best = minimize(objective, np.zeros(15), tol=1e-9).x
    logits = asked @ best[:12].reshape(4, 3) + best[12:]
    margin = np.sort(logits, axis=1)
    clear = margin[:, -1] - margin[:, -2] > 1e-2
    predicted = linear_probe(x, labels, query, C=strength)
    assert clear.sum() > 150
    assert (predicted == logits.argmax(axis=1))[clear].all()


def test_penalty_is_chosen_by_leaving_subjects_out():
    """A feature that tells the subject misleads across subjects only."""
    rng = np.random.default_rng(1)
    subjects = np.repeat([0, 1, 2, 3], 20)
    labels = np.tile([0, 1], 40)
    x = rng.normal(size=(80, 30)) * 2
    x[:, 0] += 3 * labels
    query = rng.normal(size=(400, 30)) * 2
    truth = np.arange(400) % 2
    query[:, 0] += 3 * truth
    choices = (1e-4, 1e-2, 100.0)
    scores = []
    for C in choices:  # noqa: N806
        folds = []
        for subject in range(4):
            out = subjects == subject
            named = linear_probe(x[~out], labels[~out], x[out], C=C)
            folds.append(accuracy(named, labels[out]))
        scores.append(np.mean(folds))
    assert len(set(scores)) > 1
    best = choices[int(np.argmax(scores))]
    chosen = linear_probe(x, labels, query, choices[::-1], subjects)
    assert (chosen == linear_probe(x, labels, query, best)).all()
    worst = choices[int(np.argmin(scores))]
    assert (chosen != linear_probe(x, labels, query, worst)).any()


def test_folds_leave_whole_subjects_out():
    """One action a subject: no fold can learn both."""
    labels = np.arange(20) % 2
    x = np.random.default_rng(2).normal(size=(20, 3))
    with pytest.raises(ValueError, match='All the 4 fits failed'):
        linear_probe(x, labels, x, (0.1, 1.0), groups=labels)


@pytest.mark.parametrize(
    'labels, options, message',
    [
        ([1, 1, 1], {}, 'at least two actions'),
        ([0, 1, 1], dict(C=(0.1, 1.0)), 'two training subjects'),
        ([0, 1, 1], dict(C=(0.1, 1), groups=['a'] * 3), 'got 1'),
    ],
)
def test_probes_that_cannot_learn_are_refused(labels, options, message):
    x = np.eye(3)
    with pytest.raises(ValueError, match=message):
        linear_probe(x, np.array(labels), x, **options)


def test_probe_refuses_nan():
    x = np.eye(3)
    bad = x.copy()
    bad[2, 0] = np.nan
    with pytest.raises(ValueError, match='training windows.*first in row 2'):
        linear_probe(bad, np.arange(3), x)
    with pytest.raises(ValueError, match='evaluated windows.*first in row 2'):
        linear_probe(x, np.arange(3), bad)


def test_features_of_absent_limbs_are_zero():
    x = np.array([[[3.0, 0], [0, 2]], [[5, 5], [0, 7]]])
    mask = np.array([[True, True], [False, True]])
    assert probe_features(x, mask).tolist() == [
        [0.5, 0.5, 1, 0, 0, 1],
        [0, 1, 0, 0, 0, 1],
    ]
    assert probe_features(x[:, 0], None)[0].tolist() == [1, 0]
