"""Assignments against sums over all of them."""

from itertools import permutations

import numpy as np
import pytest

from mobind_mm.synchronization.assignment import (
    assign,
    log_odds,
    probabilities,
)
from mobind_mm.synchronization.pairing import PairEvidence


def every_assignment(odds):
    """Pairs of each one-to-one assignment, and its weight."""
    count, people = odds.shape
    slots = [*range(people), *[-1] * count]
    for choice in {*permutations(slots, count)}:
        pairs = [(i, j) for i, j in enumerate(choice) if j >= 0]
        yield pairs, np.exp(sum(odds[pair] for pair in pairs))


@pytest.mark.parametrize('seed', range(6))
def test_probabilities_are_those_of_all_assignments(seed):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2.0, 3.0, (3, 4))
    expected, total, best = np.zeros((3, 4)), 0.0, (0.0, None)
    for pairs, weight in every_assignment(odds):
        total += weight
        best = max(best, (weight, pairs))
        for pair in pairs:
            expected[pair] += weight
    # Belief propagation is exact without circles, and near with them.
    assert np.abs(probabilities(odds) - expected / total).max() < 0.05
    chosen = [(i, int(j)) for i, j in enumerate(assign(odds)) if j >= 0]
    assert chosen == best[1]


def test_probabilities_of_one_recording_are_exact():
    odds = np.array([[2.0, 0.5, -1.0]])
    shares = np.exp(odds)
    np.testing.assert_allclose(
        probabilities(odds), shares / (1 + shares.sum()), atol=1e-6
    )


def test_whoever_has_a_better_partner_is_no_rival():
    odds = np.full((3, 3), -9.0)
    np.fill_diagonal(odds, 12.0)
    odds[1, 0] = 11.0
    assert (probabilities(odds).diagonal() > 0.99).all()
    odds[1, 1] = -np.inf  # now it has none
    assert probabilities(odds)[0, 0] == pytest.approx(
        1 / (1 + np.exp(-1)), abs=0.02
    )


def test_nothing_is_assigned_against_the_odds():
    assert assign(np.full((2, 3), -0.1)).tolist() == [-1, -1]
    assert assign(np.full((2, 0), -0.1)).tolist() == [-1, -1]
    assert probabilities(np.full((2, 3), -np.inf)).max() == 0.0


def pair(top, rival=5.0):
    return PairEvidence(top=top, rival=rival, control=4.0, sensors=1)


def test_more_pairs_need_more_evidence():
    few = log_odds([[pair(12.0)]])[0, 0]
    many = [[pair(5.0)] * 10 for _ in range(10)]
    many[0][0] = pair(12.0)
    assert log_odds(many)[0, 0] == pytest.approx(few - np.log(10))


def test_evidence_that_is_outdone_counts_less():
    alone = log_odds([[pair(40.0), pair(5.0)]])
    both = log_odds([[pair(40.0), pair(60.0)]])
    assert both[0, 0] < alone[0, 0] - 1
    assert both[0, 1] > both[0, 0]
    nobody = log_odds([[PairEvidence(), pair(20.0)]])
    assert nobody[0, 0] == -np.inf
