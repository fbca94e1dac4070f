"""Rivals, and the top of a curve, against closed forms."""

import numpy as np
import pytest

from mobind_mm.synchronization.correlate import find_rivals, peak_offset

OFFSETS = np.arange(-400, 401) / 100


def triangle(seconds=12.0):
    """Overlap of two windows at each offset."""
    return seconds - np.abs(OFFSETS)


def bumps(centres, heights, width=0.05):
    """Smooth bumps on the grid of offsets."""
    shape = (OFFSETS[:, None] - np.asarray(centres)) / width
    return (np.exp(-0.5 * shape**2) * heights).sum(axis=1)


def test_multiples_of_a_period_are_rivals_whatever_the_overlap():
    overlap = triangle()
    centres = np.array([-3.0, -1.8, -0.6, 0.6, 1.8, 3.0])
    evidence = bumps(centres, 4.0) * overlap
    best = int(evidence.argmax())
    rivals = find_rivals(OFFSETS, evidence, overlap, best)
    expected = set(centres.round(2)) - {OFFSETS[best].round(2)}
    assert {round(offset, 2) for offset, _ in rivals} == expected
    # Equal per second of overlap: equal shares.
    np.testing.assert_allclose([p for _, p in rivals], 1 / 6, rtol=0.01)


@pytest.mark.parametrize(('height', 'count'), [(0.8, 1), (0.7, 0)])
def test_evidence_per_second_decides_who_is_a_rival(height, count):
    overlap = triangle()
    evidence = bumps([0.0, 2.0], [4.0, 4.0 * height]) * overlap
    best = int(evidence.argmax())
    found = find_rivals(OFFSETS, evidence, overlap, best)
    assert len(found) == count
    if count:
        offset, share = found[0]
        assert offset == pytest.approx(2.0, abs=0.011)
        assert share == pytest.approx(height / (1 + height), rel=0.01)


def test_near_faint_and_short_are_no_rivals():
    overlap = triangle()
    near = bumps([0.0, 0.2], [4.0, 4.0], 0.03) * overlap
    assert not find_rivals(OFFSETS, near, overlap, near.argmax())
    faint = bumps([0.0, 2.0], 0.5) * overlap
    assert faint.max() < 8
    assert not find_rivals(OFFSETS, faint, overlap, faint.argmax())
    overlap = np.maximum(triangle(5.5), 0)
    short = bumps([0.0, 3.0], 4.0) * overlap
    assert not find_rivals(OFFSETS, short, overlap, short.argmax())
    # Beside the two, the same bumps do count.
    both = bumps([0.0, 2.0], 4.0) * overlap
    assert len(find_rivals(OFFSETS, both, overlap, both.argmax())) == 1


def test_strongest_rival_first():
    overlap = np.full(len(OFFSETS), 10.0)
    evidence = bumps([0.0, -2.0, 1.0, 3.0], [50, 46, 49, 48])
    found = find_rivals(OFFSETS, evidence, overlap, 400)
    assert [round(o, 2) for o, _ in found] == [1.0, 3.0, -2.0]
    assert sum(p for _, p in found) == pytest.approx(143 / 193, rel=1e-3)


@pytest.mark.parametrize('count', [1, 2, 3])
def test_few_offsets_have_no_rivals(count):
    flat = np.full(count, 20.0)
    grid = np.arange(count) / 100
    assert find_rivals(grid, flat, flat, 0) == []


@pytest.mark.parametrize('top', [-0.004, 0.0, 0.0031, 1.2345])
def test_top_of_a_parabola_is_exact(top):
    assert peak_offset(OFFSETS, 3 - 7 * (OFFSETS - top) ** 2) == (
        pytest.approx(top, abs=1e-9)
    )


def test_top_at_an_end_and_on_a_plateau():
    assert peak_offset(OFFSETS, OFFSETS) == OFFSETS[-1]
    assert peak_offset(OFFSETS, -OFFSETS) == OFFSETS[0]
    assert peak_offset(OFFSETS, np.ones(len(OFFSETS))) == OFFSETS[0]
    assert peak_offset(np.array([0.0]), np.array([5.0])) == 0.0


def test_top_stays_within_half_a_step():
    rng = np.random.default_rng(0)
    for score in rng.normal(size=(50, len(OFFSETS))):
        found = peak_offset(OFFSETS, score)
        assert abs(found - OFFSETS[score.argmax()]) <= 0.005 + 1e-12
