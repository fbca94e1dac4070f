"""The classical correlator, against a loop and on synthetic people."""

import numpy as np
import pytest
from sync_streams import cut, drawn_clip, takes

from mobind_mm.recordings import Recording
from mobind_mm.registry import TASK_UTILS
from mobind_mm.synchronization import CorrelationSynchronizer
from mobind_mm.synchronization.correlation import _standardise


def test_standardised_where_the_mask_is_and_zero_elsewhere():
    rng = np.random.default_rng(0)
    x, mask = rng.normal(3, 2, 500), (rng.random(500) < 0.6).astype(float)
    found = _standardise(x, mask)
    kept = x[mask > 0]
    expected = (kept - kept.mean()) / kept.std()
    np.testing.assert_allclose(found[mask > 0], expected)
    assert not found[mask == 0].any()
    assert not _standardise(np.ones(5), np.ones(5)).any()
    assert not _standardise(x, np.zeros(500)).any()


@pytest.mark.parametrize('offset', [-2.347, 0.0, 1.234])
def test_offset_and_its_sign(offset):
    clip = drawn_clip(offset=offset, pose_rate=60.0)
    result = CorrelationSynchronizer(4.0)(clip, None, 4.0)
    # t_imu = t_pose + offset; the pose window starts later.
    assert result.offset == pytest.approx(offset, abs=0.02)
    assert 0 < result.confidence <= 1 and not result.abstained
    top = result.offsets[result.log_posterior.argmax()]
    assert abs(top - result.offset) <= 0.005 + 1e-9


def test_sensors_add_up():
    clip = cut(takes(4)[0], 6.0, 1.5, 10.0)
    sync = CorrelationSynchronizer()
    parts = [
        sync(Recording({name: stream}, clip.pose), None, 3.0).log_posterior
        for name, stream in clip.imu.items()
    ]
    together = sync(clip, None, 3.0)
    np.testing.assert_allclose(together.log_posterior, sum(parts), atol=1e-8)


def test_people_are_aligned_more_often_than_by_chance():
    people, rng = takes(4), np.random.default_rng(0)
    sync, right, chance = CorrelationSynchronizer(), [], []
    for i in range(8):
        offset = rng.uniform(-4, 4)
        clip = cut(people[i % 4], 4.0 + i // 4 * 2, offset, 12.0)
        found = sync(clip, None, 5.0).offset
        right.append(abs(found - offset) < 0.1)
        other = Recording(clip.imu, cut(people[i % 4 - 1], 6, 0, 12.0).pose)
        chance.append(abs(sync(other, None, 5.0).offset - offset) < 0.1)
    assert np.mean(right) >= 0.5
    assert np.mean(chance) <= 0.25


def test_nothing_to_compare_is_an_abstention():
    clip = drawn_clip()
    sync = CorrelationSynchronizer()
    for streams in (
        Recording(clip.imu, None),
        Recording({}, clip.pose),
        drawn_clip(channels=('gyro',)),
        drawn_clip(seconds=0.3),
    ):
        result = sync(streams, None, 7.0)
        assert result.abstained and result.reason == 'weak'


@pytest.mark.parametrize('high_hz', [0, -1, 50, 80])
def test_cut_off_is_checked(high_hz):
    with pytest.raises(ValueError, match=f'high_hz.*{high_hz}'):
        CorrelationSynchronizer(high_hz)


def test_registered():
    config = dict(type='CorrelationSynchronizer', high_hz=4.0)
    assert TASK_UTILS.build(config).high_hz == 4.0
