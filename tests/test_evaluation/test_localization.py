"""Localisation against brute force over permutations and closed forms."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobind_mm.evaluation.functional import (
    argmax_correct,
    assign,
    assign_with_offset,
    assignment_correct,
    count_unmatched,
    fit_threshold,
    lagged_evidence,
    person_similarity,
    token_evidence,
)

seeds = st.integers(0, 10**6)
sizes = st.integers(1, 4)


def draw(seed, rows, columns, ties):
    rng = np.random.default_rng(seed)
    if ties:
        return rng.integers(0, 3, (rows, columns)).astype(float)
    return rng.normal(size=(rows, columns))


def matchings(rows, columns):
    """Every way to pair as many as there are; -1 is unmatched."""
    if rows <= columns:
        yield from permutations(range(columns), rows)
        return
    for chosen in permutations(range(rows), columns):
        yield tuple(
            chosen.index(row) if row in chosen else -1 for row in range(rows)
        )


def partial_matchings(rows, columns):
    """Every one-to-one matching, complete or not."""
    for whole in set(matchings(rows, columns + rows)):
        yield tuple(c if c < columns else -1 for c in whole)


def total(similarity, matching):
    return sum(similarity[r, c] for r, c in enumerate(matching) if c >= 0)


def best_matchings(similarity):
    """All matchings with the largest sum."""
    options = list(matchings(*similarity.shape))
    best = max(total(similarity, m) for m in options)
    return [m for m in options if total(similarity, m) > best - 1e-9]


# Assignment


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.booleans())
def test_assignment_is_the_best_of_all(seed, rows, columns, ties):
    similarity = draw(seed, rows, columns, ties)
    found = tuple(assign(similarity).tolist())
    assert found in best_matchings(similarity)


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.floats(-1, 1))
def test_assignment_above_a_threshold_is_the_best_of_all(
    seed, rows, columns, threshold
):
    similarity = draw(seed, rows, columns, ties=False)
    options = {
        m: total(similarity - threshold, m)
        for m in partial_matchings(rows, columns)
    }
    found = assign(similarity, threshold)
    assert tuple(found.tolist()) == max(options, key=options.get)
    kept = found >= 0
    assert (similarity[kept, found[kept]] > threshold).all()


def test_a_stranger_takes_no_person_from_a_match():
    """Dropping weak pairs afterwards would lose the second set's match."""
    similarity = np.array([[0.3, 0.1], [0.9, 0.8]])
    assert assign(similarity).tolist() == [0, 1]
    assert assign(similarity, 0.5).tolist() == [-1, 0]


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.booleans())
def test_right_means_in_every_best_assignment(seed, rows, columns, ties):
    rows = min(rows, columns)
    similarity = draw(seed, rows, columns, ties)
    truth = np.random.default_rng(seed + 1).permutation(columns)[:rows]
    best = best_matchings(similarity)
    expected = [all(m[r] == truth[r] for m in best) for r in range(rows)]
    assert assignment_correct(similarity, truth).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.booleans())
def test_argmax_equals_reference(seed, rows, columns, ties):
    similarity = draw(seed, rows, columns, ties)
    truth = np.random.default_rng(seed + 1).integers(0, columns, rows)
    expected = [
        all(
            similarity[r, truth[r]] > similarity[r, c]
            for c in range(columns)
            if c != truth[r]
        )
        for r in range(rows)
    ]
    assert argmax_correct(similarity, truth).tolist() == expected


@given(seeds, st.integers(2, 5))
def test_order_of_people_does_not_matter(seed, size):
    similarity = draw(seed, size, size, ties=seed % 2)
    truth = np.arange(size)
    order = np.random.default_rng(seed).permutation(size)
    back = np.argsort(order)
    for rule in (argmax_correct, assignment_correct):
        moved = rule(similarity[:, order], back[truth])
        np.testing.assert_array_equal(moved, rule(similarity, truth))
        rows = rule(similarity[order], truth[order])
        np.testing.assert_array_equal(rows, rule(similarity, truth)[order])


def test_assignment_is_blind_to_a_limb_that_is_like_everything():
    """The gap to argmax in closed form."""
    similarity = np.eye(4)
    similarity[:, 0] += 2.0
    truth = np.arange(4)
    assert argmax_correct(similarity, truth).tolist() == [True] + 3 * [False]
    assert assignment_correct(similarity, truth).all()


@pytest.mark.parametrize('rule', [argmax_correct, assignment_correct])
def test_constant_similarity_is_never_right(rule):
    rounding = 1e-8 * np.random.default_rng(0).normal(size=(4, 4))
    assert not rule(np.full((4, 4), 0.7) + rounding, np.arange(4)).any()


@pytest.mark.parametrize('rule', [argmax_correct, assignment_correct])
def test_random_similarity_is_at_chance(rule):
    rng = np.random.default_rng(1)
    right = [
        rule(rng.normal(size=(4, 4)), np.arange(4)).mean() for _ in range(800)
    ]
    assert np.mean(right) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda x: argmax_correct(x, [0, 1]), 'first at .0, 1.'),
        (lambda x: assignment_correct(x, [0, 1]), 'NaN'),
        (lambda x: assign(x, 0.0), 'NaN'),
        (lambda x: assign_with_offset(x[..., None]), 'NaN'),
        (lambda x: count_unmatched([(x, np.array([0, 1]))], 0.0), 'NaN'),
        (lambda x: argmax_correct(np.ones((2, 2)), [0, -1]), 'Row 1'),
        (lambda x: argmax_correct(np.ones((2, 2)), [0]), '2 rows'),
        (lambda x: assign(x[0]), '2 axes'),
        (lambda x: assign_with_offset(np.ones((1, 0, 2))), 'offsets'),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.array([[0.1, np.nan], [0.0, 0.2]]))


# Unknown offset


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.integers(1, 6), st.booleans())
def test_offset_and_assignment_are_the_best_of_all(
    seed, sensors, slots, offsets, ties
):
    evidence = np.stack(
        [draw(seed + g, sensors, slots, ties) for g in range(offsets)], axis=2
    )
    values = [
        max(total(evidence[..., g], m) for m in matchings(sensors, slots))
        for g in range(offsets)
    ]
    found = assign_with_offset(evidence)
    assert found.value == pytest.approx(max(values))
    assert found.offset_index == int(np.argmax(values))
    chosen = evidence[..., found.offset_index]
    assert total(chosen, found.slots) == pytest.approx(max(values))


def test_a_clear_offset_needs_few_assignments():
    rng = np.random.default_rng(2)
    evidence = 0.1 * rng.random((10, 20, 500))
    wearing = rng.permutation(20)[:10]
    evidence[np.arange(10), wearing, 123] = 1.0
    found = assign_with_offset(evidence)
    assert found.offset_index == 123
    assert found.slots.tolist() == wearing.tolist()
    assert found.num_solved == 1


# Unmatched people and sensor sets


def slow_counts(similarity, truth, threshold):
    """(hits, false alarms, misses) of sensors, people, pairs."""
    rows, columns = similarity.shape
    matching = max(
        partial_matchings(rows, columns),
        key=lambda m: total(similarity - threshold, m),
    )

    def count(declared, true):
        return (
            len(declared & true),
            len(declared - true),
            len(true - declared),
        )

    pairs = {(r, c) for r, c in enumerate(matching) if c >= 0}
    worn = {(r, c) for r, c in enumerate(truth) if c >= 0}
    return (
        count(
            {r for r in range(rows) if matching[r] < 0},
            {r for r in range(rows) if truth[r] < 0},
        ),
        count(
            set(range(columns)) - {c for _, c in pairs},
            set(range(columns)) - {c for _, c in worn},
        ),
        count(pairs, worn),
    )


def open_case(seed, rows, columns):
    rng = np.random.default_rng(seed)
    truth = np.append(rng.permutation(columns), [-1] * rows)[:rows]
    truth[rng.random(rows) < 0.3] = -1
    similarity = rng.normal(size=(rows, columns))
    worn = np.flatnonzero(truth >= 0)
    similarity[worn, truth[worn]] += 1.5
    return similarity, truth


@settings(max_examples=60, deadline=None)
@given(seeds, sizes, sizes, st.floats(-1, 2))
def test_unmatched_counts_equal_reference(seed, rows, columns, threshold):
    case = open_case(seed, rows, columns)
    counts = count_unmatched([case], threshold)
    found = [
        (c.hits, c.false_alarms, c.misses)
        for c in (counts.sensors, counts.people, counts.pairs)
    ]
    assert found == list(slow_counts(*case, threshold))


def test_unmatched_scores_closed_form():
    """One of two strangers found, one wearer wrongly sent away."""
    case = (np.array([[0.9], [0.2], [0.3]]), np.array([-1, 0, -1]))
    counts = count_unmatched([case], 0.5)
    assert counts.sensors.scores() == dict(precision=0.5, recall=0.5, f1=0.5)
    assert counts.people.scores() == dict(precision=0, recall=0, f1=0)
    both = counts.sensors + counts.people
    assert both.scores()['f1'] == 0.5
    assert (counts.pairs.hits, counts.pairs.false_alarms) == (0, 1)
    assert counts.pairs.misses == 1


def test_fitted_threshold_is_as_good_as_any():
    rng = np.random.default_rng(3)
    cases = [open_case(i, *rng.integers(1, 4, 2)) for i in range(40)]

    def f1(threshold):
        counts = count_unmatched(cases, threshold)
        return (counts.sensors + counts.people).scores()['f1']

    values = np.unique(np.concatenate([s.ravel() for s, _ in cases]))
    assert len(values) < 256
    best = max(f1(t) for t in (values[1:] + values[:-1]) / 2)
    assert f1(fit_threshold(cases)) == best
    assert best > f1(values[0] - 1) + 0.1


def test_fitted_threshold_separates_in_the_middle():
    cases = [
        (np.array([[0.8, 0.1], [0.0, 0.7]]), np.array([0, 1])),
        (np.array([[0.3]]), np.array([-1])),
    ]
    assert 0.3 < fit_threshold(cases) < 0.7
    assert fit_threshold(cases) == pytest.approx(0.5, abs=0.01)


def test_threshold_needs_somebody_unmatched():
    with pytest.raises(ValueError, match='HideModality'):
        fit_threshold([(np.eye(2), np.arange(2))])


# Evidence from tokens


def draw_tokens(seed, sensors=3, limbs=4, tokens=5, width=6):
    rng = np.random.default_rng(seed)
    imu = rng.normal(size=(sensors, tokens, width))
    pose = rng.normal(size=(limbs, tokens, width))
    mask = rng.random((limbs, tokens)) < 0.7
    mask[0] = True
    return imu, pose, mask


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize('seed', range(5))
def test_token_cosine_equals_reference(seed):
    imu, pose, mask = draw_tokens(seed)
    found = token_evidence(imu, pose, mask, kind='tokens')
    for m, j in np.ndindex(found.shape):
        values = [cosine(imu[m, n], pose[j, n]) for n in np.where(mask[j])[0]]
        expected = np.mean(values) if values else 0.0
        assert found[m, j] == pytest.approx(expected)


@pytest.mark.parametrize('scale', [1.0, 10.0, 100.0])
@pytest.mark.parametrize('seed', range(3))
def test_token_posterior_equals_reference(seed, scale):
    imu, pose, mask = draw_tokens(seed)
    found = token_evidence(imu, pose, mask, scale=scale)
    for m, j in np.ndindex(found.shape):
        known = np.where(mask[j])[0]
        gains = []
        for n in known:
            logits = [scale * cosine(imu[m, n], pose[j, k]) for k in known]
            back = [scale * cosine(imu[m, k], pose[j, n]) for k in known]
            match = scale * cosine(imu[m, n], pose[j, n])
            for row in (logits, back):
                shifted = np.exp(np.array(row) - match)
                gains.append(np.log(len(known)) - np.log(shifted.sum()))
        expected = np.mean(gains) if gains else 0.0
        assert found[m, j] == pytest.approx(expected, abs=1e-9)


def test_posterior_of_constant_tokens_is_chance():
    same = np.ones((2, 5, 3))
    found = token_evidence(same, same, np.ones((2, 5), bool))
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.parametrize('seed', range(3))
def test_lagged_evidence_equals_reference(seed):
    imu, pose, mask = draw_tokens(seed)
    found = lagged_evidence(imu, pose, mask, 3)
    assert found.shape == (3, 4, 7)
    for m, j in np.ndindex(found.shape[:2]):
        known = np.where(mask[j])[0]
        table = {
            (n, k): cosine(imu[m, k], pose[j, n])
            for n in known
            for k in range(5)
        }
        mean = np.mean(list(table.values())) if table else 0.0
        for lag in range(-3, 4):
            values = [v - mean for (n, k), v in table.items() if k - n == lag]
            assert found[m, j, lag + 3] == pytest.approx(sum(values) / 5)


def test_person_part_and_offset_are_found_together():
    """Sensors of two sets, unlabelled, 3 tokens late on 3 people's limbs."""
    rng = np.random.default_rng(4)
    motion = rng.normal(size=(6, 40, 16))
    pose = motion[:, 3:33]
    worn = rng.permutation(6)[:4]
    imu = motion[worn][:, 5:35] + 0.3 * rng.normal(size=(4, 30, 16))
    evidence = lagged_evidence(imu, pose, np.ones((6, 30), bool), 8)
    found = assign_with_offset(evidence)
    assert found.offset_index - 8 == -2
    assert found.slots.tolist() == worn.tolist()


def test_person_similarity_is_the_mean_over_shared_limbs():
    rng = np.random.default_rng(5)
    evidence = rng.normal(size=(3, 4, 2))
    imu_mask, pose_mask = rng.random((3, 2)) < 0.7, rng.random((4, 2)) < 0.7
    imu_mask[0], pose_mask[1] = [True, False], [False, True]
    found = person_similarity(evidence, imu_mask, pose_mask)
    for m, p in np.ndindex(3, 4):
        values = [
            evidence[m, p, s]
            for s in range(2)
            if imu_mask[m, s] and pose_mask[p, s]
        ]
        expected = np.mean(values) if values else -1000
        assert found[m, p] == pytest.approx(expected)
    assert found[0, 1] == -1000


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda x, y, m: token_evidence(x * np.nan, y, m), 'NaN'),
        (lambda x, y, m: token_evidence(x, y, m[:, 1:]), 'mask'),
        (lambda x, y, m: token_evidence(x, y, m, kind='dot'), 'dot'),
        (lambda x, y, m: lagged_evidence(x, y, m, 5), r'\[0, 5\)'),
    ],
)
def test_unusable_tokens_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*draw_tokens(0))
