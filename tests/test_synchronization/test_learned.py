"""Evidence of tokens, against loops over pairs."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from mobind_mm.synchronization.learned import (
    TEMPERATURE,
    _diagonals,
    learned_evidence,
    stream_tokens,
)

TOKEN = 0.2
GRID = np.arange(-400, 401) / 100


def time_code(times, seed=0, dims=48):
    """A code of time that decorrelates within half a second."""
    rng = np.random.default_rng(seed)
    frequency, phase = rng.normal(0, 2, dims), rng.uniform(0, 7, dims)
    return np.cos(2 * np.pi * frequency * times[..., None] + phase)


def coded_feats(offset=0.0, windows=26, tokens=20, limbs=2, noise=0.0, seed=0):
    """What a good encoder predicts for a clip with this offset."""
    rng = np.random.default_rng(seed)
    starts = TOKEN * np.arange(windows)
    times = starts[:, None, None] + TOKEN * np.arange(tokens)
    times = np.broadcast_to(times, (windows, limbs, tokens))
    shape = (windows, limbs, tokens)
    imu, pose = time_code(times, seed), time_code(times + offset, seed)
    return dict(
        imu_tokens=imu + noise * rng.normal(size=imu.shape),
        pose_tokens=pose + noise * rng.normal(size=pose.shape),
        imu_mask=np.ones(shape[:2], bool),
        pose_mask=np.ones(shape[:2], bool),
        pose_token_mask=np.ones(shape, bool),
        window_starts=starts,
    )


def test_evidence_equals_loops_over_pairs():
    rng = np.random.default_rng(2)
    feats = coded_feats(0.7, windows=12, noise=0.5)
    feats['pose_token_mask'] &= rng.random((12, 2, 20)) < 0.6
    feats['pose_token_mask'][:, 1, 14:17] = False
    feats['pose_token_mask'][2:, 1, :3] = False
    feats['imu_mask'][:4, 1] = False
    imu_mask = np.repeat(feats['imu_mask'][..., None], 20, axis=2)
    starts = feats['window_starts']
    (_, a), (_, a_known) = stream_tokens(
        feats['imu_tokens'], imu_mask, starts, TOKEN
    )
    (_, b), (_, b_known) = stream_tokens(
        feats['pose_tokens'], feats['pose_token_mask'], starts, TOKEN
    )
    assert not a_known.all() and not b_known.all()
    likely = np.exp(a @ b.T / TEMPERATURE)
    size = len(a)
    sums = dict.fromkeys(range(1 - size, size), 0.0)
    for i in np.flatnonzero(a_known):
        for j in np.flatnonzero(b_known):
            forth = likely[i, j] / likely[i, b_known].mean()
            back = likely[i, j] / likely[a_known, j].mean()
            sums[i - j] += 0.5 * (np.log(forth) + np.log(back))
    lags = TOKEN * np.array([*sums])
    expected = CubicSpline(lags, [*sums.values()])(GRID)
    found = learned_evidence(feats, 'ab', TOKEN, GRID)['b'][0]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


def evidence(feats, names=('a', 'b')):
    return learned_evidence(feats, names, TOKEN, GRID)


@pytest.mark.parametrize('size', [1, 4, 9])
def test_diagonal_sums_equal_traces(size):
    values = np.random.default_rng(1).normal(size=(size, size))
    expected = [np.trace(values, -lag) for lag in range(1 - size, size)]
    np.testing.assert_allclose(_diagonals(values), expected)


def test_one_row_of_tokens_equals_a_loop():
    rng = np.random.default_rng(2)
    W, S, N, D = 4, 2, 3, 5  # noqa: N806
    tokens, mask = rng.normal(size=(W, S, N, D)), rng.random((W, S, N)) < 0.7
    starts = TOKEN * np.array([0, 1, 2, 4])
    row, known = stream_tokens(tokens, mask, starts, TOKEN)
    assert row.shape == (S, 7, D) and known.shape == (S, 7)
    tokens = tokens / np.linalg.norm(tokens, axis=3, keepdims=True)
    for s in range(S):
        for m in range(7):
            total, count = np.zeros(D), 0
            for w, first in enumerate((0, 1, 2, 4)):
                n = m - first
                if 0 <= n < N and mask[w, s, n]:
                    mean = tokens[:, s, n][mask[:, s, n]].mean(axis=0)
                    mean = mean - tokens[:, s][mask[:, s]].mean(axis=0)
                    total, count = total + tokens[w, s, n] - mean, count + 1
            assert known[s, m] == (count > 0)
            size = np.linalg.norm(total)
            expected = total / size if size > 1e-9 else 0 * total
            np.testing.assert_allclose(row[s, m], expected, atol=1e-9)


@pytest.mark.parametrize('offset', [-3.4, -0.6, 0.0, 1.2, 2.48])
def test_offset_and_its_sign(offset):
    for curve in evidence(coded_feats(offset, noise=0.3)).values():
        assert curve.shape == (1, len(GRID))
        # t_imu = t_pose + offset
        assert abs(GRID[curve[0].argmax()] - offset) <= 0.1
        assert curve.max() > 100 and np.median(curve) < -100


def test_one_window_shorter_than_the_offsets_is_silent_beyond():
    curve = evidence(coded_feats(0.4, windows=1, tokens=10))['a'][0]
    assert not curve[np.abs(GRID) > 9 * TOKEN + 1e-9].any()
    assert curve.any()


def test_masked_tokens_do_not_matter():
    feats = coded_feats(0.8, noise=0.2)
    feats['pose_token_mask'][:, 0, 5:9] = False
    feats['imu_mask'][3:6, 0] = False
    expected = evidence(feats)['a']
    feats['pose_tokens'][:, 0, 5:9] = 1e3
    feats['imu_tokens'][3:6, 0] = -1e3
    np.testing.assert_allclose(evidence(feats)['a'], expected, atol=1e-9)


def test_limbs_that_only_one_modality_shows_are_left_out():
    feats = coded_feats()
    feats['pose_token_mask'][:, 1] = False
    assert list(evidence(feats)) == ['a']
    feats['imu_mask'][:, 0] = False
    assert evidence(feats) == {}


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('windows', [1, 26])
def test_constant_tokens_say_nothing(dtype, windows):
    feats = coded_feats(windows=windows)
    token = np.random.default_rng(0).normal(size=48).astype(dtype)
    for key in ('imu_tokens', 'pose_tokens'):
        feats[key] = np.broadcast_to(token, feats[key].shape)
    for curve in evidence(feats).values():
        assert np.abs(curve).max() < 1e-6


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_tokens_that_only_know_their_place_say_nothing(dtype):
    # They would speak for offset 0.
    feats = coded_feats()
    place = np.random.default_rng(0).normal(size=(20, 48)).astype(dtype)
    for key in ('imu_tokens', 'pose_tokens'):
        feats[key] = np.ascontiguousarray(
            np.broadcast_to(place, feats[key].shape)
        )
    for curve in evidence(feats).values():
        assert np.abs(curve).max() < 1e-6


def test_place_on_top_of_the_code_does_not_pull_to_0():
    feats = coded_feats(1.6, noise=0.3)
    place = 3 * np.random.default_rng(0).normal(size=(20, 48))
    feats['imu_tokens'] = feats['imu_tokens'] + place
    feats['pose_tokens'] = feats['pose_tokens'] + place
    for curve in evidence(feats).values():
        assert abs(GRID[curve[0].argmax()] - 1.6) <= 0.06


def test_unrelated_tokens_have_chance_evidence():
    tops = []
    for seed in range(20):
        feats = coded_feats(seed=seed)
        other = coded_feats(seed=seed + 1000)
        feats['pose_tokens'] = other['pose_tokens']
        curve = evidence(feats)['a'][0]
        tops.append(GRID[curve.argmax()])
        assert curve.max() < 0  # they speak against every offset
    assert np.mean(np.abs(tops) < 0.3) < 0.4
