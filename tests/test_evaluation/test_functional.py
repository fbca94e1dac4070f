"""Metrics against slow references and closed forms."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobind_mm.evaluation.functional import (
    NO_SHARED_LIMB,
    accuracy,
    anytime_similarity,
    cosine_similarity,
    lagged_similarity,
    nearest_neighbour,
    nearest_take,
    recall_summary,
    retrieval_ranks,
    whitened,
)


def slow_similarity(a, b, a_mask, b_mask):
    out = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            values = [
                x[s] @ y[s] / np.linalg.norm(x[s]) / np.linalg.norm(y[s])
                for s in range(a.shape[1])
                if a_mask[i, s] and b_mask[j, s]
            ]
            out[i, j] = np.mean(values) if values else NO_SHARED_LIMB
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4))
def test_similarity_equals_reference(seed, size, limbs):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, size, limbs, 3))
    a_mask, b_mask = rng.random((2, size, limbs)) < 0.6
    np.testing.assert_allclose(
        cosine_similarity(a, b, a_mask, b_mask),
        slow_similarity(a, b, a_mask, b_mask),
        atol=1e-12,
    )


def test_one_limb_equals_clip_embeddings():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 1, 8))
    np.testing.assert_allclose(
        cosine_similarity(a, b), cosine_similarity(a[:, 0], b[:, 0])
    )


def test_an_absent_limb_of_the_gallery_tells_nothing():
    """A wrist query ranks all wrists, whatever sensor others wore."""
    rng = np.random.default_rng(1)
    imu, pose = rng.normal(size=(2, 6, 2, 8))
    imu_mask = np.array([[True, False]] * 3 + [[False, True]] * 3)
    everyone = np.ones((6, 2), bool)
    similarity = cosine_similarity(imu, pose, imu_mask, everyone)
    assert (similarity > NO_SHARED_LIMB).all()
    assert (similarity[0] != similarity[5]).all()


def test_constant_encoder_is_last_everywhere():
    same = np.ones((7, 4))
    assert (retrieval_ranks(same, same) == 7).all()
    summary = recall_summary(retrieval_ranks(same, same))
    assert summary['R@1'] == summary['R@5'] == 0.0
    assert summary['medR'] == 7


def test_perfect_and_shuffled_encoders():
    x = np.random.default_rng(2).normal(size=(400, 16))
    assert recall_summary(retrieval_ranks(x, x))['R@1'] == 1.0
    shuffled = retrieval_ranks(x, np.roll(x, 7, axis=0))
    summary = recall_summary(shuffled, topk=(1, 40))
    assert summary['R@1'] < 0.02
    assert summary['R@40'] == pytest.approx(0.1, abs=0.05)


def test_recall_closed_form():
    summary = recall_summary(np.array([1, 2, 4, 10]), topk=(1, 5))
    assert summary == {
        'R@1': 0.25,
        'R@5': 0.75,
        'medR': 3.0,
        'mAP': pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 10) / 4),
    }


def test_nearest_neighbour_equals_reference():
    rng = np.random.default_rng(3)
    query, gallery = rng.normal(size=(5, 2, 4)), rng.normal(size=(9, 2, 4))
    mask = rng.random((5, 2)) < 0.5
    mask[:, 0] |= ~mask.any(axis=1)
    full = np.ones((9, 2), bool)
    labels = rng.integers(0, 3, 9)
    similarity = slow_similarity(query, gallery, mask, full)
    expected = [labels[int(np.argmax(row))] for row in similarity]
    predicted = nearest_neighbour(query, gallery, labels, mask, full)
    assert predicted.tolist() == expected
    assert accuracy(predicted, np.array(expected)) == 1.0


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_nan_is_refused_with_its_row(bad):
    x = np.ones((4, 3))
    y = x.copy()
    y[2, 1] = bad
    with pytest.raises(ValueError, match='first in row 2'):
        retrieval_ranks(x, y)


@pytest.mark.parametrize(
    'call, message',
    [
        (lambda: retrieval_ranks(np.ones((2, 3)), np.ones((3, 3))), '2 quer'),
        (lambda: cosine_similarity(np.ones((2, 3)), np.ones((2, 4))), 'comp'),
        (lambda: recall_summary(np.array([])), 'empty'),
        (lambda: accuracy(np.array([]), np.array([])), 'No labelled'),
        (
            lambda: nearest_neighbour(
                np.ones((1, 2)), np.ones((0, 2)), np.array([])
            ),
            'gallery',
        ),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def slow_anytime(a, b, a_mask, b_mask):
    """Loops over windows, limbs and tokens."""
    out = np.zeros((len(a), len(b)))
    for i, j in np.ndindex(out.shape):
        values = []
        for s in range(a.shape[1]):
            x, y = a[i, s][a_mask[i, s]], b[j, s][b_mask[j, s]]
            if not len(x) or not len(y):
                continue
            x, y = (t / np.linalg.norm(t, axis=1)[:, None] for t in (x, y))
            there = np.mean([max(u @ v for v in y) for u in x])
            back = np.mean([max(u @ v for u in x) for v in y])
            mean = x.sum(0) @ y.sum(0)
            mean /= np.linalg.norm(x.sum(0)) * np.linalg.norm(y.sum(0))
            values.append((there / 2 + back / 2 + mean) / 2)
        out[i, j] = np.mean(values) if values else NO_SHARED_LIMB
    return out


@pytest.mark.parametrize('at_once', [1, 2**24])
def test_similarity_of_tokens_in_any_order(at_once, monkeypatch):
    name = 'mobind_mm.evaluation.functional.token_evidence'
    monkeypatch.setattr(import_module(name), '_AT_ONCE', at_once)
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 2, 5, 6)), rng.normal(size=(3, 2, 7, 6))
    a_mask, b_mask = rng.random(a.shape[:3]) > 0.4, rng.random(b.shape[:3]) > 0
    a_mask[0, 1] = b_mask[1, 0] = False
    a_mask[2, 0], b_mask[2, :, 3:] = False, False
    expected = slow_anytime(a, b, a_mask, b_mask)
    nothing = np.zeros_like(b_mask[:1])
    alone = anytime_similarity(a[2:3], b[:1], a_mask[2:3], nothing)
    assert expected[2, 1] > -1 and alone == NO_SHARED_LIMB
    found = anytime_similarity(a, b, a_mask, b_mask)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Neither order nor what is masked matters.
    order = rng.permutation(5)
    a[~a_mask] = 9.0
    mixed = anytime_similarity(a[:, :, order], b, a_mask[:, :, order], b_mask)
    np.testing.assert_allclose(mixed, expected, atol=1e-5)


@pytest.mark.parametrize('at_once', [2**23, 1])
def test_windows_out_of_step_are_compared_at_their_best_lag(
    at_once, monkeypatch
):
    name = 'mobind_mm.utils.similarity'
    monkeypatch.setattr(import_module(name), '_CHUNK_ELEMENTS', at_once)
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(4, 2, 6, 5)), rng.normal(size=(3, 2, 6, 5))
    a_mask, b_mask = (rng.random(x.shape[:3]) > 0.3 for x in (a, b))
    a_mask[0, 0] = a_mask[1] = False
    found = lagged_similarity(a, b, a_mask, b_mask, 4)  # 2 at most
    for i, j in np.ndindex(found.shape):
        means = []
        for lag in range(-2, 3):
            pairs = [
                cosine_similarity(a[i, s, n][None], b[j, s, n + lag][None])
                for s in range(2)
                for n in range(max(0, -lag), min(6, 6 - lag))
                if a_mask[i, s, n] and b_mask[j, s, n + lag]
            ]
            means += [np.mean(pairs)] if pairs else []
        expected = max(means, default=NO_SHARED_LIMB)
        assert found[i, j] == pytest.approx(expected, abs=1e-5)
    # What is in step stays best where nothing else may be.
    none = lagged_similarity(a, a, np.ones_like(a_mask), a_mask, 0)
    assert none.argmax(axis=0).tolist()[2:] == [2, 3]


def movements(rng, count=80):
    """Tokens of which most is common, and the rest says what is done."""
    labels = np.arange(count) % 4
    common, people = 3 * rng.normal(size=8), rng.normal(size=(count, 1, 1, 8))
    actions = 0.3 * rng.normal(size=(4, 8))
    own = people @ np.diag([1, 1, 1, 0, 0, 0, 0, 0])
    tokens = common + actions[labels][:, None, None] + own
    tokens = tokens + 0.02 * rng.normal(size=(count, 1, 5, 8))
    return tokens, labels


def test_whitened_tokens_show_what_is_particular():
    tokens, labels = movements(np.random.default_rng(0))
    seen = np.ones(tokens.shape[:3], bool)
    query, gallery = tokens[:40], tokens[40:]

    def right(x, y):
        near = anytime_similarity(x, y, seen[:40], seen[40:]).argmax(axis=1)
        return np.mean(labels[40:][near] == labels[:40])

    x, y = whitened(query, gallery, seen[40:])
    assert right(query, gallery) < 0.75 and right(x, y) > 0.9
    # Of a gallery of one token nothing is particular.
    one = np.zeros_like(seen[40:])
    one[0, 0, 0] = True
    kept, _ = whitened(query, gallery, one)
    unit = query / np.linalg.norm(query, axis=-1, keepdims=True)
    np.testing.assert_allclose(kept, unit, rtol=1e-5)
    # What is hidden has no say.
    spoiled = gallery.copy()
    spoiled[0, 0, 0] = 99.0
    mask = seen[40:].copy()
    mask[0, 0, 0] = False
    expected = whitened(query, gallery, mask)[0]
    np.testing.assert_array_equal(whitened(query, spoiled, mask)[0], expected)
    assert abs(expected - x).max() > 1e-4


@pytest.mark.parametrize('limbs', [slow_similarity, slow_anytime])
def test_nearest_take_equals_reference(limbs):
    rng = np.random.default_rng(5)
    tokens = () if limbs is slow_similarity else (3,)
    query, gallery = (rng.normal(size=(n, 2, *tokens, 4)) for n in (11, 17))
    masks = [rng.random(x.shape[:-1]) < 0.8 for x in (query, gallery)]
    takes = np.array([0, 1, 0, 2, 1, 3, 3, 0, 2, 2, 1])
    known = np.arange(17) * 5 % 6
    labels = 10 + known
    similarity = limbs(query, gallery, *masks)
    expected = []
    for take in range(4):
        scores = []
        for other in range(6):
            part = similarity[np.ix_(takes == take, known == other)]
            scores.append(part.max(1).mean() + part.max(0).mean())
        expected.append(10 + int(np.argmax(scores)))
    found = nearest_take(query, gallery, labels, takes, known, *masks)
    assert len(set(expected)) > 1
    assert found.tolist() == expected
    # Without masks all limbs count.
    full = [np.ones_like(mask) for mask in masks]
    alike = nearest_take(query, gallery, labels, takes, known)
    assert (
        alike == nearest_take(query, gallery, labels, takes, known, *full)
    ).all()
    # A take of one window each is a window.
    alone = nearest_take(
        query, gallery, labels, np.arange(11), np.arange(17), *masks
    )
    assert (alone == nearest_neighbour(query, gallery, labels, *masks)).all()
    query[3, 0] = np.nan
    with pytest.raises(ValueError, match='first in row 3'):
        nearest_take(query, gallery, labels, takes, known, *masks)
