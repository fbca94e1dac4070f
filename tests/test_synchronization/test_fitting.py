"""Fitting the weights of the fused synchroniser."""

from __future__ import annotations

import numpy as np
import pytest
from fit_synchronizer import by_token_weight, fit_weights

from mobind_mm.synchronization.fused import EVIDENCE_NAMES
from mobind_mm.synchronization.kinds import SIGNAL_NAMES

OFFSETS = np.arange(-100, 101) / 100


def _clips(names: tuple[str, ...], informative: int) -> tuple:
    """Rows of clips, one of which peaks at the truth; the truth."""
    rng = np.random.default_rng(0)
    truth = rng.choice(OFFSETS, 60)
    rows = rng.exponential(1.0, (60, len(names), len(OFFSETS)))
    bump = np.exp(-0.5 * ((OFFSETS - truth[:, None]) / 0.03) ** 2)
    rows[:, informative] += 16 * bump
    return rows, truth


@pytest.fixture(params=[0, 7, len(SIGNAL_NAMES) - 1])
def told(request) -> tuple:
    """Which row tells the offset, and the arguments of ``fit_weights``."""
    rows, truth = _clips(SIGNAL_NAMES, request.param)
    near = np.abs(OFFSETS - truth[:, None]) < 0.1
    sensors = np.random.default_rng(1).choice([1, 2, 5], len(rows))
    return request.param, (rows, near, sensors, np.ones(len(rows)))


def test_the_informative_row_gets_the_weight(told):
    informative, (rows, near, *rest) = told
    weights, loss = fit_weights(rows, near, *rest)
    assert weights.argmax() == informative
    assert weights[informative] > 2 * np.delete(weights, informative).max()
    assert (weights >= 0).all()
    found = np.einsum('f,mfg->mg', weights, rows).argmax(axis=1)
    assert np.mean(near[np.arange(len(found)), found]) > 0.9
    # Chance is log(201 / 19); a good fit is far below.
    assert loss < 1.0


def test_clips_count_as_much_as_they_should(told):
    informative, (rows, near, sensors, counts) = told
    weights, _ = fit_weights(rows, near, sensors, counts)
    turned = [x[::-1] for x in (rows, near, sensors, counts)]
    np.testing.assert_allclose(fit_weights(*turned)[0], weights, atol=2e-2)
    # Clips with another truth do not matter if they do not count.
    wrong = np.roll(near, 1, axis=0)
    both = [np.concatenate([x, x]) for x in (rows, near, sensors, counts)]
    both[1][len(rows) :], both[3][len(rows) :] = wrong, 0.0
    np.testing.assert_allclose(fit_weights(*both)[0], weights, atol=2e-2)
    both[3][len(rows) :] = 10.0
    assert fit_weights(*both)[0][informative] < 0.5 * weights[informative]


def test_rows_must_be_those_of_the_names(told):
    _, (rows, *rest) = told
    with pytest.raises(ValueError, match='rows of evidence'):
        fit_weights(rows[:, :-1], *rest)


def test_tokens_are_worth_what_they_tell():
    rows, truth = _clips(EVIDENCE_NAMES, len(EVIDENCE_NAMES) - 1)
    told = [rows, truth, OFFSETS]
    table = by_token_weight(*told)
    losses = [row['loss'] for row in table]
    assert table[0]['weight'] == 0 and table[0]['acc@0.1'] < 0.5
    assert table[int(np.argmin(losses))]['acc@0.1'] > 0.9
    # Those of somebody else are worth nothing.
    told[0] = told[0].copy()
    told[0][:, -1] = np.roll(told[0][:, -1], 1, axis=0)
    losses = [row['loss'] for row in by_token_weight(*told)]
    assert min(losses) > losses[0] - 0.01
