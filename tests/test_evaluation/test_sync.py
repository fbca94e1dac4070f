"""Numbers of the synchronisation task against slow references."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobind_mm.evaluation.functional import (
    NO_SHARED_LIMB,
    abstention_precision,
    calibration_error,
    grid_floor,
    offset_error,
    sync_summary,
)
from mobind_mm.utils.similarity import window_similarity


def slow_summary(estimate, offset, abstained):
    """One clip after the other, in whole microseconds."""
    error = [round(1e6 * abs(e - o)) for e, o in zip(estimate, offset)]
    answered = [e for e, a in zip(error, abstained) if not a]

    def of(errors, name):
        out = {f'{name}mae_s': 1e-6 * sum(errors) / len(errors)}
        for limit in (100000, 200000, 500000):
            hits = sum(e < limit for e in errors)
            out[f'{name}acc@{limit / 1e6:g}'] = hits / len(errors)
        return out

    out = of(error, '')
    out['coverage'] = len(answered) / len(error)
    if answered:
        out.update(of(answered, 'answered_'))
    right = [a for e, a in zip(error, abstained) if e < 100000]
    if right:
        out['refused'] = sum(right) / len(right)
    wrong = [e >= 100000 for e, a in zip(error, abstained) if a]
    if wrong:
        out['abstention_precision'] = sum(wrong) / len(wrong)
    return out


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20))
def test_summary_equals_reference(seed, clips):
    """On grids, where errors of exactly a threshold are frequent."""
    rng = np.random.default_rng(seed)
    offset = 0.1 * rng.integers(-9, 10, clips)
    estimate = 0.1 * rng.integers(-9, 10, clips)
    abstained = rng.random(clips) < 0.4
    found = sync_summary(estimate, offset, abstained)
    expected = slow_summary(estimate, offset, abstained)
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, abs=1e-6), key
    for key in found.keys() - expected.keys():
        assert math.isnan(found[key]) or key.endswith('median_s'), key


def test_an_error_of_the_threshold_is_not_below_it():
    # 0.3 - 0.2 is 0.09999999999999998 in floating point.
    summary = sync_summary(np.array([0.3]), np.array([0.2]))
    assert summary['acc@0.1'] == 0.0
    assert summary['acc@0.2'] == 1.0


def test_zero_row_and_floor_closed_forms():
    """Offsets 0.1 * U{-70..70}, each once."""
    offset = 0.1 * np.arange(-70, 71)
    zero = sync_summary(np.zeros(141), offset)
    assert zero['mae_s'] == pytest.approx(0.1 * 70 * 71 / 141)
    assert zero['acc@0.1'] == pytest.approx(1 / 141)
    assert zero['acc@0.5'] == pytest.approx(9 / 141)
    floor = sync_summary(grid_floor(offset, 0.2), offset)
    # Odd multiples of 0.1 are 0.1 off, 70 of them.
    assert floor['mae_s'] == pytest.approx(0.1 * 70 / 141)
    assert floor['acc@0.1'] == pytest.approx(71 / 141)
    assert floor['acc@0.2'] == 1.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_floor_equals_the_best_of_all_grid_points(seed):
    rng = np.random.default_rng(seed)
    offset, grid = rng.uniform(-7, 7, 20), rng.uniform(0.05, 0.5)
    points = grid * np.arange(-200, 201)
    best = np.abs(points - offset[:, None]).min(axis=1)
    found = offset_error(grid_floor(offset, grid), offset)
    np.testing.assert_allclose(found, best, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_calibration_equals_reference(seed, clips):
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random(clips), 1 if seed % 2 else 6)
    correct = rng.random(clips) < 0.5
    bins = {}
    for c, right in zip(confidence, correct):
        bins.setdefault(min(int(c * 10), 9), []).append((c, right))
    expected = sum(
        len(b)
        / clips
        * abs(sum(r for _, r in b) / len(b) - sum(c for c, _ in b) / len(b))
        for b in bins.values()
    )
    assert calibration_error(confidence, correct) == pytest.approx(expected)


def test_calibration_closed_forms():
    sure = np.ones(4)
    assert calibration_error(sure, np.array([True] * 4)) == 0.0
    assert calibration_error(sure, np.array([False] * 4)) == 1.0
    half = np.full(4, 0.55)
    right = np.array([True, True, False, False])
    assert calibration_error(half, right) == pytest.approx(0.05)


def test_abstention_precision_closed_form():
    error = np.array([0.0, 0.05, 0.1, 3.0])
    asked = np.array([True, False, True, True])
    assert abstention_precision(error, asked) == pytest.approx(2 / 3)
    assert math.isnan(abstention_precision(error, np.zeros(4, bool)))


def test_window_similarity_needs_something_to_see():
    rng = np.random.default_rng(0)
    feats = dict(
        imu_embedding=rng.normal(size=(3, 4)),
        pose_embedding=rng.normal(size=(3, 4)),
        imu_mask=np.array([[True, True], [True, False], [False, False]]),
        pose_mask=np.array([[True, True], [False, False], [False, True]]),
    )
    similarity = window_similarity(feats)
    for i, x in enumerate(feats['imu_embedding']):
        for j, y in enumerate(feats['pose_embedding']):
            cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
            if i == 2 or j == 1:
                cosine = NO_SHARED_LIMB
            assert similarity[i, j] == pytest.approx(cosine)


@pytest.mark.parametrize(
    'call, message',
    [
        (lambda: sync_summary(np.array([]), np.array([])), 'No clip'),
        (lambda: sync_summary(np.zeros(2), np.zeros(3)), r'\(2,\)'),
        (
            lambda: sync_summary(np.array([0, np.nan]), np.zeros(2)),
            'estimated offsets has NaN.*row 1',
        ),
        (
            lambda: sync_summary(np.zeros(2), np.array([np.inf, 0])),
            'true offsets',
        ),
        (
            lambda: sync_summary(np.zeros(2), np.zeros(2), np.zeros(1, bool)),
            '1 abstentions',
        ),
        (
            lambda: calibration_error(np.array([1.5]), np.array([True])),
            r'\[0, 1\]',
        ),
        (lambda: grid_floor(np.zeros(1), 0.0), 'grid'),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
