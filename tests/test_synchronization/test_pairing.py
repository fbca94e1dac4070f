"""The quick look at pairs, against sums lag by lag and the full evidence."""

from dataclasses import replace

import numpy as np
import pytest

from mobind_mm.synchronization import pairing
from mobind_mm.synchronization.conformance import simulate_recording
from mobind_mm.synchronization.pairing import (
    GROUPS,
    PAIR_RATE,
    LimbSignals,
    SensorSignals,
    limb_signals,
    pair_evidence,
    sensor_signals,
)

WRIST = 'right_wrist'


def signals(recording):
    return (
        {WRIST: sensor_signals(recording.imu[WRIST])},
        {WRIST: limb_signals(recording.pose, WRIST)},
    )


def moved(stream, by):
    return stream.at_times(stream.clock.at() + by)


def test_sums_are_those_of_each_lag():
    rng = np.random.default_rng(0)
    count = len(GROUPS)
    xs = rng.normal(size=(count, 70)).astype(np.float32)
    xs /= np.sqrt((xs**2).sum(axis=1, keepdims=True))
    known = np.ones(70, np.float32)
    known[20:25] = 0
    xs *= known
    sensor = SensorSignals(xs, np.arange(count), known, 2.0)
    ys = rng.normal(size=(count, 50)).astype(np.float32)
    seen = np.ones(50, np.float32)
    seen[:7] = 0
    ys *= seen
    limb = LimbSignals(ys, seen, np.full(count, 0.8), 1.0)
    lags = np.arange(-20, 60)
    curves, overlap = pairing._compare(sensor, limb, lags)
    for g, lag in enumerate(lags):
        # t_imu = t_pose + lag / PAIR_RATE
        pairs = [
            (m + lag - 20, m) for m in range(50) if 0 <= m + lag - 20 < 70
        ]
        n, m = np.array(pairs).T if pairs else np.zeros((2, 0), int)
        both = float((known[n] * seen[m]).sum())
        assert overlap[g] == pytest.approx(both / PAIR_RATE, abs=1e-4)
        cross = (xs[:, n] * ys[:, m]).sum(axis=1)
        cross = np.where(pairing._SIGNED, np.maximum(cross, 0), cross)
        energy = (xs[:, n] ** 2 * seen[m]).sum(axis=1)
        energy += 0.02 * seen.sum() / known.sum()
        limb_energy = (ys[:, m] ** 2 * known[n]).sum(axis=1)
        limb_energy += 0.02 * (ys**2).sum(axis=1)
        r2 = np.clip(cross**2 / energy / limb_energy, 0, 0.96)
        expected = -(pairing._WIDTHS * 0.8 * np.log1p(-r2)).sum()
        assert curves[0, g] == pytest.approx(
            expected * both / PAIR_RATE, rel=1e-3, abs=1e-4
        )


@pytest.mark.parametrize('offset', [0.0, 7.3, -4.15, 1.7e9])
def test_offset_of_a_pair_is_found(offset):
    recording = simulate_recording(0, 20.0)
    moving = {WRIST: moved(recording.imu[WRIST], offset)}
    sensors, limbs = signals(replace(recording, imu=moving))
    found = pair_evidence(sensors, limbs)
    assert found.offset == pytest.approx(offset, abs=0.051)
    assert found.top > 2 * max(found.rival, found.control)
    assert found.sensors == 1
    assert found.overlap == pytest.approx(19, abs=1.5)


def test_a_stranger_has_little_evidence():
    ours, other = (signals(simulate_recording(s, 20.0)) for s in (0, 1))
    match, stranger = pair_evidence(*ours), pair_evidence(ours[0], other[1])
    assert stranger.top < 0.5 * match.top
    # By chance, forwards is no better than backwards.
    assert stranger.top < 2.5 * max(stranger.control, stranger.rival)


def test_search_can_be_narrowed():
    sensors, limbs = signals(simulate_recording(0, 20.0, offset=3.0))
    assert pair_evidence(sensors, limbs, (2.0, 4.0)).offset == (
        pytest.approx(3.0, abs=0.051)
    )
    found = pair_evidence(sensors, limbs, (-2.0, 2.0))
    assert -2.0 <= found.offset <= 2.0
    assert pair_evidence(sensors, limbs, (90.0, 91.0)).sensors == 0
    assert pair_evidence(sensors, {}).sensors == 0


def test_long_streams_are_filtered_in_chunks(monkeypatch):
    recording = simulate_recording(0, 60.0, offset=0.37)
    whole = sensor_signals(recording.imu[WRIST])
    monkeypatch.setattr(pairing, '_CHUNK_SEC', 20.0)
    chunks = sensor_signals(recording.imu[WRIST])
    assert chunks.start == whole.start
    assert chunks.mask.shape == whole.mask.shape
    assert abs(chunks.mask - whole.mask).sum() <= 2
    up = (whole.groups == 0).argmax()
    similar = np.corrcoef(whole.xs[up], chunks.xs[up])[0, 1]
    assert similar > 0.999


def test_pieces_of_a_long_video_add_up():
    recording = simulate_recording(0, 150.0, offset=2.0)
    sensors, limbs = signals(recording)
    assert len(limbs[WRIST]) == 2
    long = pair_evidence(sensors, limbs)
    short = pair_evidence(sensors, {WRIST: limbs[WRIST][:1]})
    assert long.offset == pytest.approx(2.0, abs=0.051)
    assert long.top > 1.5 * short.top


def test_what_cannot_be_compared():
    recording = simulate_recording(0, 20.0)
    stream = recording.imu[WRIST]
    lacking = replace(stream, channels={'gyro': stream.channels['gyro']})
    assert sensor_signals(lacking) is None
    assert limb_signals(recording.pose, 'left_knee') == []
