"""Fitting the weights of the fused synchroniser."""

from __future__ import annotations

import numpy as np
import pytest
from fit_synchronizer import by_token_weight, fit_weights

from mobind_mm.synchronization.fused import EVIDENCE_NAMES

OFFSETS = np.arange(-100, 101) / 100


def _clips(informative: int, count: int = 60) -> dict:
    """Clips in which one kind of evidence peaks at the truth."""
    rng = np.random.default_rng(0)
    truth = rng.choice(OFFSETS, count)
    rows = rng.exponential(1.0, (count, len(EVIDENCE_NAMES), len(OFFSETS)))
    bump = np.exp(-0.5 * ((OFFSETS - truth[:, None]) / 0.03) ** 2)
    rows[:, informative] += 8 * bump
    return dict(
        rows=rows,
        overlap=np.full((count, len(OFFSETS)), 10.0),
        num_sensors=rng.choice([1, 2, 5], count),
        truth=truth,
        offsets=OFFSETS,
    )


@pytest.mark.parametrize('informative', [0, 7, len(EVIDENCE_NAMES) - 1])
def test_the_informative_row_gets_the_weight(informative):
    clips = _clips(informative)
    fitted = fit_weights(**clips)
    weights = np.array(list(fitted.weights.values()))
    assert weights.argmax() == informative
    assert weights[informative] > 2 * np.delete(weights, informative).max()
    assert (weights >= 0).all()
    found = np.einsum('f,mfg->mg', weights, clips['rows']).argmax(axis=1)
    assert np.mean(np.abs(OFFSETS[found] - clips['truth']) < 0.1) > 0.9
    # Chance is log(201 / 19); a good fit is far below.
    assert fitted.loss < 1.0


def test_the_order_of_clips_does_not_matter():
    clips = _clips(3, count=25)
    fitted = fit_weights(**clips)
    turned = {
        key: value if key == 'offsets' else value[::-1]
        for key, value in clips.items()
    }
    again = fit_weights(**turned)
    for name, weight in fitted.weights.items():
        assert again.weights[name] == pytest.approx(weight, abs=2e-2)


def test_rows_must_be_those_of_the_names():
    clips = _clips(0, count=3)
    clips['rows'] = clips['rows'][:, :-1]
    with pytest.raises(ValueError, match='rows of evidence'):
        fit_weights(**clips)


def test_tokens_are_worth_what_they_tell():
    clips = _clips(len(EVIDENCE_NAMES) - 1)
    told = [clips[name] for name in ('rows', 'truth', 'offsets')]
    table = by_token_weight(*told)
    losses = [row['loss'] for row in table]
    assert table[0]['weight'] == 0 and table[0]['acc@0.1'] < 0.5
    assert table[int(np.argmin(losses))]['acc@0.1'] > 0.9
    # Those of somebody else are worth nothing.
    told[0] = told[0].copy()
    told[0][:, -1] = np.roll(told[0][:, -1], 1, axis=0)
    losses = [row['loss'] for row in by_token_weight(*told)]
    assert np.argmin(losses) == 0
