"""Evidence of signals, against loops over lags and closed forms."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from sync_streams import SCALE, Path, cut, drawn_clip, make_pose, takes

from mobind_mm.recordings import Clock, Recording, SensorStream
from mobind_mm.synchronization.clips import cut_clip
from mobind_mm.synchronization.correlate import (
    Correlator,
    bandpass,
    without_edges,
)
from mobind_mm.synchronization.evidence import (
    clip_seconds,
    offset_grid,
    piece_evidence,
    signal_evidence,
)
from mobind_mm.synchronization.kinds import (
    ACC_BANDS,
    SIGNAL_NAMES,
    TILT_BANDS,
    noise_gain,
)
from mobind_mm.synchronization.pairs import RIDGE, Pair, logs
from mobind_mm.synchronization.signals import RATE, limb_motion, make_grid

T, L = 260, 90


def lagged(x, y, lag):
    """Pairs of samples with ``x`` taken ``lag`` samples later."""
    rows = [
        (x[..., t + lag], y[..., t])
        for t in range(y.shape[-1])
        if 0 <= t + lag < x.shape[-1]
    ]
    if not rows:
        return np.zeros((*x.shape[:-1], 0)), np.zeros((*y.shape[:-1], 0))
    return tuple(np.stack(side, axis=-1) for side in zip(*rows))


def masks(seed):
    """Masks with gaps at different places."""
    rng = np.random.default_rng(seed)
    imu, pose = np.ones(T), np.ones(T)
    for mask in (imu, pose):
        for start in rng.integers(0, T - 30, 2):
            mask[start : start + 30] = 0
    return imu, pose


@pytest.mark.parametrize('max_lag', [0, 1, 90, 259, 700])
def test_sums_over_all_lags_equal_a_loop(max_lag):
    rng = np.random.default_rng(max_lag)
    x, y = rng.normal(size=(3, T)), rng.normal(size=(3, T))
    correlator = Correlator(T, max_lag)
    found = correlator.lags(correlator.spectrum(x), correlator.spectrum(y))
    assert found.shape == (3, 2 * max_lag + 1)
    for i, lag in enumerate(range(-max_lag, max_lag + 1)):
        late, early = lagged(x, y, lag)
        expected = (late * early).sum(axis=-1)
        np.testing.assert_allclose(found[:, i], expected, atol=1e-9)


def pair_of(imu, *poses, max_lag=L):
    """A pair, and pieces of a channel as it wants them."""
    pair = Pair(imu, np.array(poses), max_lag, RATE)
    return pair, lambda y: pair.pieces(np.array(y)[:, None]) * pair.masks


@pytest.mark.parametrize('seed', range(3))
def test_masked_correlation_equals_a_loop(seed):
    rng = np.random.default_rng(seed)
    xs, ys = rng.normal(size=(2, 1, T)), rng.normal(size=(2, T))
    imu, whole = masks(seed)
    part = whole * (np.arange(T) > 100) * (np.arange(T) < 170)
    pair, pieces = pair_of(imu, whole, part)
    found = pair.correlation(xs, pieces(ys))
    assert found.shape == (2, 2, 2 * L + 1)
    for k, pose in enumerate((whole, part)):
        share = pose.sum() / imu.sum()
        for i, lag in enumerate(range(-L, L + 1)):
            seen_a, seen_b = lagged(imu, pose, lag)
            assert pair.seen[k, i] * RATE == pytest.approx(
                (seen_a * seen_b).sum(), abs=1e-3
            )
            for band in range(2):
                x, y = xs[band, 0], ys[band]
                a, b = lagged(x * imu, y * pose, lag)
                energy_a = (a * a * seen_b).sum()
                energy_a += RIDGE * share * (x * x @ imu)
                energy_b = (b * b * seen_a).sum() + RIDGE * (y * y @ pose)
                expected = (a * b).sum() / np.sqrt(energy_a * energy_b)
                # Only what both streams show enters.
                assert found[band, k, i] == pytest.approx(expected, abs=1e-5)


def test_the_best_heading_is_that_of_turned_channels():
    rng = np.random.default_rng(5)
    xs, ys = rng.normal(size=(3, 2, T)), rng.normal(size=(3, T))
    pair, pieces = pair_of(*masks(5))
    scale = np.ones((3, 1, 2 * L + 1))
    found = pair.best_heading(xs, pieces(ys), scale)[:, 0]
    best = np.zeros(2 * L + 1)
    for angle in 2 * np.pi * np.arange(16) / 16:
        turned = np.cos(angle) * xs[:, :1] + np.sin(angle) * xs[:, 1:]
        r = np.maximum(pair.correlation(turned, pieces(ys))[:, 0], 0)
        # All bands have the same heading.
        best = np.maximum(best, -np.log1p(-r * r).sum(axis=0))
    # The ridge is the same for all headings, hence the tolerance.
    np.testing.assert_allclose(found.sum(axis=0), best, atol=2e-3)


def test_multiple_correlation_is_that_of_least_squares():
    # Long white channels: whitening the whole clip or each overlap is alike.
    rng = np.random.default_rng(2)
    size, delay = 4000, 37
    xs = rng.normal(size=(3, 3)) @ rng.normal(size=(3, size))
    y = np.roll(np.array([1.0, -2.0, 0.5]) @ xs, -delay)
    y = y + 1.5 * np.std(y) * rng.normal(size=size)
    pair, pieces = pair_of(np.ones(size), np.ones(size), max_lag=60)
    found = np.sqrt(pair.best_mixture(xs[None], pieces([y])))[0, 0]
    for lag in (-60, -20, 0, 12, delay, 60):
        late, early = lagged(xs, y, lag)
        fitted = np.linalg.lstsq(late.T, early, rcond=None)[0] @ late
        expected = np.sqrt((fitted @ fitted) / (early @ early))
        assert found[60 + lag] == pytest.approx(
            expected / (1 + RIDGE), abs=0.005
        )
    assert np.argmax(found) == 60 + delay


def test_channels_that_say_the_same_count_once():
    rng = np.random.default_rng(3)
    x, noise = rng.normal(size=(2, T))
    pair, pieces = pair_of(np.ones(T), np.ones(T))
    y = pieces([x + noise])
    alone = pair.best_mixture(x[None, None], y)
    thrice = pair.best_mixture(np.array([[x, -x, 2 * x]]), y)
    np.testing.assert_allclose(thrice, alone, atol=1e-6)
    assert not pair.best_mixture(np.zeros((1, 2, T)), y).any()


def test_logs_count_as_samples_and_noise_allow():
    pair, pieces = pair_of(np.ones(T), np.ones(T), max_lag=0)
    y = pieces(np.ones((1, T)))  # of variance 1, without noise
    width, noise = np.array([2.5]), np.array([0.0])
    # n = 2 * width * seconds independent samples.
    n = 2 * 2.5 * T / RATE
    assert pair.scale(y, noise, width)[0, 0, 0] == pytest.approx(n / 2 * 0.81)
    assert pair.scale(y, noise + 2, width)[0, 0, 0] == 0  # noise only
    assert logs(np.array(0.36)) == pytest.approx(-np.log(1 - 0.36))
    assert np.isfinite(logs(np.array(1.0)))


def test_pieces_of_a_block_say_what_clips_say():
    clip = drawn_clip(offset=0.7, seconds=24.0, channels=('acc', 'quat'))
    found = piece_evidence(clip, 1.0, 8.0)['right_wrist']
    grid, row = offset_grid(1.0), SIGNAL_NAMES.index('up_0.8-1.6Hz')
    assert found.parts.shape == (3, len(SIGNAL_NAMES), len(grid))
    alone = signal_evidence(cut_clip(clip, 8.0, 8.0, 1.0), 1.0)['right_wrist']
    both = found.parts[1, row], alone.signals[row]
    assert abs(grid[both[0].argmax()] - 0.7) < 0.015
    assert both[0].max() == pytest.approx(both[1].max(), rel=0.2)
    np.testing.assert_allclose(found.part_overlap[1], 8.0, atol=0.5)


@pytest.mark.parametrize('step', [2, 4])
def test_a_coarser_grid_shows_the_same(step):
    clip = drawn_clip(offset=0.7, channels=('acc', 'quat'))
    fine = signal_evidence(clip, 2.0, 5.0)['right_wrist']
    coarse = signal_evidence(clip, 2.0, 5.0, RATE / step)['right_wrist']
    low = [i for i, n in enumerate(SIGNAL_NAMES) if '-1.6' in n]
    for curves in ('signals', 'parts'):
        a, b = (getattr(e, curves)[..., low, :] for e in (fine, coarse))
        np.testing.assert_allclose(
            b, a[..., ::step], atol=0.03 * a.max(), err_msg=curves
        )


@pytest.mark.parametrize('mirror', [False, True])
def test_bandpass_keeps_its_band_and_the_phase(mirror):
    times = np.arange(2000) / RATE
    inside = np.cos(2 * np.pi * 2.0 * times)
    outside = 5 + np.cos(2 * np.pi * 0.2 * times) + np.cos(60 * times)
    found = bandpass(inside + outside, 1.6, 2.6, mirror)
    middle = slice(300, -300)
    np.testing.assert_allclose(found[middle], inside[middle], atol=0.08)
    assert not bandpass(np.full((2, 50), 7.0), 0.3, 0.8, mirror).round(9).any()
    assert bandpass(np.ones(1), 0.3, 0.8, mirror).shape == (1,)


def test_bandpass_goes_on_as_if_the_mean_lasted():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, 900)
    long = np.concatenate([np.full(6000, x.mean()), x])
    long = np.concatenate([long, np.full(6000, x.mean())])
    sos = butter(2, (0.3, 0.8), 'bandpass', fs=RATE, output='sos')
    expected = sosfiltfilt(sos, long)[6000:-6000]
    error = bandpass(x, 0.3, 0.8) - expected
    assert np.abs(error).max() < 0.03 * np.abs(expected).max()


def test_edges_are_left_out():
    assert without_edges(np.ones(100)).tolist() == [0] * 25 + [1] * 50 + (
        [0] * 25
    )
    for length in (1, 10, 30, 50):
        mask = np.ones(length)
        assert not without_edges(mask).any()
        assert mask.all()  # a copy


def test_noise_gain_is_what_white_noise_gives():
    acc, place, speed = noise_gain(30.0)
    assert acc.shape == (len(ACC_BANDS),) and place.shape == (2,)
    # Each derivative multiplies a narrow band by its frequency.
    factor = (2 * np.pi * 4.4) ** 2
    assert speed[2] == pytest.approx(factor * 2 / 30 * 3, rel=0.4)
    # Acceleration noise of a band grows like frequency^4 times its width.
    ratio = (4.0**5 - 2.6**5) / (2.6**5 - 1.6**5)
    assert acc[3] / acc[2] == pytest.approx(ratio, rel=0.4)
    # White noise of variance 1 at 30 Hz has 2 / 30 of it per Hz.
    low, high = TILT_BANDS[1]
    assert place[1] == pytest.approx(2 / 30 * (high - low), rel=0.3)


def test_more_frames_never_have_more_noise():
    # Derivatives of a spline sampled at 100 Hz folded what is above 50 Hz:
    # 125 times the noise at 60 instead of 30 frames a second, far from ends.
    grid, found = make_grid(40.0), []
    for rate in (30.0, 60.0, 120.0, 240.0):
        times = np.arange(round(40 * rate)) / rate
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((len(times), 2)) / SCALE
        points = {'right_elbow': noise, 'right_wrist': noise}
        points['right_shoulder'] = noise
        limb = limb_motion(
            make_pose(times, points, rate=rate), 'right_wrist', grid
        )
        band = bandpass(limb.acc, *ACC_BANDS[0])[:, 500:-500]
        found.append(float(band.var()))
    assert found[0] < 12  # of white noise, 3
    for slow, fast in zip(found[:-1], found[1:]):
        assert fast < 1.1 * slow


def test_parts_sum_up_to_the_clip():
    clip = drawn_clip(offset=0.7, channels=('acc', 'quat'))
    found = signal_evidence(clip, 2.0, part_sec=5.0)['right_wrist']
    assert found.parts.shape == (2, *found.signals.shape)
    grid = offset_grid(2.0)
    at = [SIGNAL_NAMES.index('up_0.8-1.6Hz'), SIGNAL_NAMES.index('up_4-6.5Hz')]
    for part in found.parts[:, at].sum(axis=1):
        assert abs(grid[part.argmax()] - 0.7) < 0.03
    # Backwards in time, nothing agrees.
    best = found.signals[at].sum(axis=0).max()
    assert found.control[at].sum(axis=0).max() < 0.6 * best


def test_angular_speeds_are_compared():
    # A forearm that swings about the camera's axis, sensor on its side.
    times = np.arange(1200) / 100
    path = Path(3, dims=1)
    rate = 5 * path(times, 1)[:, 0]
    gyro = np.column_stack([0.6 * rate, 0.8 * rate, 0 * rate])
    frames = np.arange(0, 11, 1 / 30)
    turned = 5 * path(frames + 0.6)[:, 0]
    bone = 0.3 * np.column_stack([np.cos(turned), np.sin(turned)])
    elbow = np.zeros_like(bone)
    pose = make_pose(
        frames,
        {
            'right_shoulder': bone * 0 + np.array([0.0, 0.3]),
            'right_elbow': elbow,
            'right_wrist': bone,
        },
        rate=30.0,
    )
    acc = np.tile([0.0, 0.0, 9.8], (1200, 1))
    sensor = SensorStream(Clock(1200, rate=100.0), dict(acc=acc, gyro=gyro))
    found = signal_evidence(Recording({'right_wrist': sensor}, pose), 2.0)
    grid, rows = offset_grid(2.0), found['right_wrist'].signals
    for name in ('spin_0.3-1.2Hz', 'spin_1.2-3Hz', 'speed_1.2-3Hz'):
        row = rows[SIGNAL_NAMES.index(name)]
        assert abs(grid[row.argmax()] - 0.6) < 0.03, name
        assert row.max() > 3, name


def test_grid_and_length():
    np.testing.assert_allclose(
        offset_grid(0.02), [-0.02, -0.01, 0, 0.01, 0.02]
    )
    assert len(offset_grid(0.0)) == 1
    clip = drawn_clip(seconds=3.0, pose_rate=10.0)
    assert clip_seconds(clip) == pytest.approx(2.99)
    assert clip_seconds(Recording({}, clip.pose)) == pytest.approx(2.9)
    assert clip_seconds(Recording()) == 0.0


@pytest.mark.parametrize('offset', [-1.83, 0.0, 1.27])
def test_every_informative_signal_peaks_at_the_offset(offset):
    clip = drawn_clip(offset=offset, channels=('acc', 'quat'))
    found = signal_evidence(clip, 3.0)['right_wrist']
    grid = offset_grid(3.0)
    for name in SIGNAL_NAMES:
        row = found.signals[SIGNAL_NAMES.index(name)]
        if name.startswith(('tilt', 'turn')):
            assert row.max() < 1e-6  # nothing turns
        elif name.endswith(('0.8-1.6Hz', '1.6-2.6Hz')):
            assert abs(grid[row.argmax()] - offset) < 0.015, name
            assert row.max() > 8
    assert (found.signals >= 0).all()
    # The windows lose their edges: 10 s less 0.5 s, less the shift.
    np.testing.assert_allclose(found.overlap, 9.5 - np.abs(grid), atol=0.08)


def test_bands_above_half_the_frame_rate_are_silent():
    high = [i for i, name in enumerate(SIGNAL_NAMES) if '6.5-11' in name]
    fast = drawn_clip(pose_rate=30.0, noise_px=0.5, seconds=6.0)
    slow = drawn_clip(pose_rate=10.0, noise_px=0.5, seconds=6.0)
    assert signal_evidence(fast, 1.0)['right_wrist'].signals[high].any()
    rows = signal_evidence(slow, 1.0)['right_wrist'].signals
    assert not rows[high].any()
    assert not rows[[i + 4 for i in (0, 6)]].any()  # 4 to 6.5 Hz
    assert rows[[2, 8]].any()


def test_motion_is_the_deviation_of_the_acceleration():
    still = signal_evidence(takes(2, motion_kind='still')[0], 0.1)
    assert max(s.motion for s in still.values()) < 0.15
    acted = signal_evidence(takes(2)[0], 0.1)
    assert max(s.motion for s in acted.values()) > 1.0


def test_streams_of_other_people_do_not_favour_offset_0():
    # The two windows begin and end together: nothing may leak from that.
    people = takes(4)
    total = 0.0
    for i in range(12):
        imu = cut(people[i % 4], 0.5 * i, 0.0, 10.0, ('right_wrist',))
        pose = cut(people[(i + 1 + i // 4) % 4], 1.1 * i, 0.0, 10.0).pose
        found = signal_evidence(Recording(imu.imu, pose), 4.0)
        total = total + found['right_wrist'].signals[:8].sum(axis=0)
    grid = offset_grid(4.0)
    near, far = np.abs(grid) < 0.1, np.abs(grid) > 1.0
    assert total[near].mean() < 2.0 * total[far].mean()
