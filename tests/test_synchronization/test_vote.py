"""The published vote against a slow reference and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobind_mm.evaluation.functional import NO_SHARED_LIMB
from mobind_mm.registry import TASK_UTILS
from mobind_mm.synchronization import SyncResult, VoteSynchronizer
from mobind_mm.synchronization.vote import vote

STRIDE = 0.2


def slow_vote(similarity, topk):
    """Offset index to the sum of its votes, pair by pair."""
    sums = {}
    rows, columns = similarity.shape
    for i in range(rows):
        order = sorted(range(columns), key=lambda j: -similarity[i, j])
        for j in order[:topk]:
            sums[i - j] = sums.get(i - j, 0.0) + similarity[i, j]
    for j in range(columns):
        order = sorted(range(rows), key=lambda i: -similarity[i, j])
        for i in order[:topk]:
            sums[i - j] = sums.get(i - j, 0.0) + similarity[i, j]
    return sums


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_vote_equals_reference(seed, rows, columns, topk):
    # Without ties, which a sort breaks by order and the vote does not.
    similarity = np.random.default_rng(seed).uniform(-1, 1, (rows, columns))
    offsets, sums, cast = vote(similarity, topk)
    expected = slow_vote(similarity, topk)
    assert offsets.tolist() == list(range(1 - columns, rows))
    assert set(offsets[cast]) == set(expected)
    for offset, total in zip(offsets[cast], sums[cast]):
        assert total == pytest.approx(expected[offset], abs=1e-12)


def test_ties_vote_whatever_the_order_and_absent_limbs_do_not():
    similarity = np.full((4, 4), 0.5)
    offsets, sums, cast = vote(similarity, 1)
    # Every pair is as good: row and column votes of each diagonal's pairs.
    np.testing.assert_allclose(sums, 2 * 0.5 * (4 - np.abs(offsets)))
    similarity[:, :3] = NO_SHARED_LIMB
    offsets, sums, cast = vote(similarity, 4)
    assert offsets[cast].tolist() == [-3, -2, -1, 0]
    np.testing.assert_allclose(sums[cast], 1.0)


def time_code(times, rng, dims=64):
    """An embedding of time that decorrelates within half a second."""
    frequency = rng.normal(0, 2.0, dims)
    phase = rng.uniform(0, 2 * np.pi, dims)
    return np.cos(2 * np.pi * frequency * times[..., None] + phase)


def coded_feats(offset, seed, windows=76, limbs=None, shuffled=False):
    """What a perfect encoder predicts for a clip with this offset."""
    rng = np.random.default_rng(seed)
    starts = STRIDE * np.arange(windows)
    shape = (windows, limbs or 1)
    code = np.random.default_rng(seed)
    other = np.random.default_rng(seed + 10**6 if shuffled else seed)
    imu = np.stack([time_code(starts, code) for _ in range(shape[1])], 1)
    pose = np.stack(
        [time_code(starts + offset, other) for _ in range(shape[1])], 1
    )
    masks = rng.random(shape) < 0.7, rng.random(shape) < 0.7
    if limbs is None:
        masks = np.ones((2, *shape), bool)
        imu, pose = imu[:, 0], pose[:, 0]
    return dict(
        imu_embedding=imu,
        pose_embedding=pose,
        imu_mask=masks[0],
        pose_mask=masks[1],
        window_starts=starts,
    )


@pytest.mark.parametrize('limbs', [None, 3])
@pytest.mark.parametrize('offset', [-6.8, -0.2, 0.0, 3.4, 7.0])
def test_perfect_embeddings_give_the_offset_on_the_grid(offset, limbs):
    feats = coded_feats(offset, seed=3, limbs=limbs)
    result = VoteSynchronizer()(None, feats, 7.0)
    assert result.offset == pytest.approx(offset, abs=1e-9)
    assert not result.abstained
    assert 0 < result.confidence <= 1
    assert result.offsets[result.log_posterior.argmax()] == result.offset


def test_between_grid_points_the_nearest_wins():
    for seed, offset in enumerate(
        np.random.default_rng(0).uniform(-6.9, 6.9, 20)
    ):
        # Far from the middle of two grid points.
        offset = STRIDE * (np.round(offset / STRIDE) + 0.2)
        result = VoteSynchronizer()(None, coded_feats(offset, seed), 7.0)
        assert result.offset == pytest.approx(offset - 0.04, abs=1e-9)


def test_shuffled_pairing_falls_to_chance():
    rng = np.random.default_rng(1)
    offsets = STRIDE * rng.integers(-35, 36, 150)
    error = {False: [], True: []}
    for shuffled, errors in error.items():
        for seed, offset in enumerate(offsets):
            feats = coded_feats(offset, seed, 60, shuffled=shuffled)
            estimate = VoteSynchronizer()(None, feats, 7.0).offset
            errors.append(abs(estimate - offset))
    assert np.mean(np.less(error[False], 0.1)) == 1.0
    # One of 71 grid points is right: 2.1 of 150 clips are expected.
    assert np.sum(np.less(error[True], 0.1)) <= 8
    assert np.mean(error[True]) > 2.0


def test_constant_encoder_answers_zero():
    feats = coded_feats(2.0, 0)
    feats['imu_embedding'] = np.ones_like(feats['imu_embedding'])
    feats['pose_embedding'] = np.ones_like(feats['pose_embedding'])
    assert VoteSynchronizer()(None, feats, 7.0).offset == 0.0


def test_offsets_beyond_the_limit_are_no_candidates():
    feats = coded_feats(5.0, 0)
    result = VoteSynchronizer()(None, feats, 2.0)
    assert abs(result.offset) <= 2.0
    assert np.abs(result.offsets).max() == pytest.approx(2.0)


@pytest.mark.parametrize('limbs', [None, 3])
def test_nothing_seen_is_an_abstention(limbs):
    feats = coded_feats(1.0, 0, limbs=limbs)
    feats['imu_mask'] = np.zeros_like(feats['imu_mask'])
    result = VoteSynchronizer()(None, feats, 7.0)
    assert (result.abstained, result.reason) == (True, 'weak')


def test_tokens_of_a_clip_of_one_window():
    rng = np.random.default_rng(0)
    times = 0.2 * np.arange(10)
    code = rng.integers(10**6, size=2)
    shape = (1, 2, 10)
    feats = dict(
        imu_tokens=np.zeros((*shape, 64)),
        pose_tokens=np.zeros((*shape, 64)),
        imu_mask=np.array([[True, False]]),
        pose_token_mask=np.ones(shape, bool),
        window_starts=np.zeros(1),
    )
    for limb, seed in enumerate(code):
        for name, t in (('imu', times), ('pose', times + 0.6)):
            tokens = time_code(t, np.random.default_rng(seed))
            feats[f'{name}_tokens'][0, limb] = tokens
    # The limb without a sensor would say something else.
    feats['imu_tokens'][0, 1] = feats['pose_tokens'][0, 1]
    feats['pose_token_mask'][0, 0, 4] = False
    vote_tokens = VoteSynchronizer(topk=2, level='token')
    assert vote_tokens(None, feats, 1.0).offset == pytest.approx(0.6)
    with pytest.raises(ValueError, match="level='token'"):
        VoteSynchronizer()(None, dict(feats, window_starts=np.zeros(1)), 1.0)
    two = {k: np.concatenate([v, v]) for k, v in feats.items()}
    with pytest.raises(ValueError, match='got 2 sub-windows'):
        vote_tokens(None, two, 1.0)


def test_registered_and_strict():
    built = TASK_UTILS.build(dict(type='VoteSynchronizer', topk=3))
    assert built.topk == 3
    for bad in (dict(topk=0), dict(level='clip'), dict(token_sec=0)):
        with pytest.raises(ValueError, match=next(iter(bad))):
            VoteSynchronizer(**bad)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(offset=np.nan), 'finite'),
        (dict(offset=0.0, confidence=1.2), 'confidence'),
        (dict(offset=0.0, abstained=True), 'reason'),
        (dict(offset=0.0, reason='still'), 'reason'),
        (dict(offset=0.0, abstained=True, reason='bored'), 'reason'),
        (dict(offset=0.0, offsets=np.zeros(3)), r'\(3,\) offsets'),
    ],
)
def test_impossible_results_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SyncResult(**arguments)
