"""Packets that a radio sends when it may, with and without losses."""

import numpy as np
import pytest

from mobind_mm.readers.clocks import sample_times


def sent(rate, size, interval, lost=(), still=False, seconds=40.0, seed=0):
    """True times, stamps of arrival and values of packets sent by radio.

    Args:
        rate: Samples per second.
        size: Samples of a packet.
        interval: Seconds between the moments at which the radio may send.
        lost: Packets that never arrive.
        still: Whether the values tell nothing.
        seconds: Length of the recording.
        seed: Of delays, values and repeated sendings.
    """
    rng = np.random.default_rng(seed)
    count = int(seconds * rate) // size * size
    true = 7.3 + np.arange(count) / rate * (1 + 3e-5)
    full = true[size - 1 :: size] + 0.001
    event = np.ceil(full / interval)
    event += rng.random(len(full)) < 0.03  # sent once more
    stamps = interval * np.maximum.accumulate(event)
    stamps = stamps + rng.exponential(0.001, len(full)) + 0.002
    stamps = np.round(np.maximum.accumulate(stamps), 3)
    tones = rng.uniform(0.3, 4.0, 8)[:, None, None]
    phases = rng.uniform(0, 6.3, (8, 1, 6))
    values = np.sin(6.28 * tones * true[:, None] + phases).sum(axis=0)
    values = (0.0 if still else 1.0) * values
    values += rng.normal(0, 0.02, values.shape)
    kept = ~np.isin(np.arange(count) // size, lost)
    return true[kept], np.repeat(stamps, size)[kept], values[kept]


def check(true, stamps, values, lost, gaps, most=0.003):
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    error = rebuilt.clock.times - true
    assert -0.001 < np.median(error) < 0.012
    assert np.abs(error - np.median(error)).max() < most
    notes = ' '.join(rebuilt.notes)
    if lost:
        assert f'{lost} samples are missing' in notes
        assert f'in {gaps} gaps' in notes
    else:
        assert 'missing' not in notes


@pytest.mark.parametrize('still', [False, True])
@pytest.mark.parametrize(
    ('rate', 'size', 'interval'),
    [
        (100, 5, 0.04875),
        (50, 3, 0.04875),
        (52, 3, 0.05),
        (100, 4, 0.03),
        (104, 2, 0.015),
        (25, 1, 0.03),
    ],
)
def test_what_a_radio_delays_is_not_lost(rate, size, interval, still):
    """Packets of 50 ms every 48.75 ms look as if every 39th was lost."""
    true, stamps, values = sent(rate, size, interval, still=still)
    check(true, stamps, values, 0, 0)


@pytest.mark.parametrize(
    ('rate', 'size', 'interval'),
    [(100, 5, 0.04875), (50, 3, 0.04875), (100, 2, 0.05), (25, 1, 0.03)],
)
def test_what_is_lost_is_told_by_the_values(rate, size, interval):
    lost = (33, 90, 91, 151, 210, 250)
    true, stamps, values = sent(rate, size, interval, lost)
    check(true, stamps, values, size * 6, 5, size / rate + 0.003)


def test_losses_at_the_rate_of_the_radio():
    """Every packet has a moment of its own, so a pause is a loss."""
    lost = (30, 100, 101, 170)
    true, stamps, values = sent(100, 5, 0.05, lost, still=True)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    error = rebuilt.clock.times - true
    assert np.abs(error - np.median(error)).max() < 0.003
    assert '20 samples are missing' in rebuilt.notes[-1]


@pytest.mark.parametrize(
    ('rate', 'size', 'interval', 'seed'),
    [(100, 5, 0.04875, 4), (100, 5, 0.04875, 0), (52, 3, 0.05, 2)],
)
def test_one_packet_in_twenty(rate, size, interval, seed):
    """Gaps are laid where the values tell, at the rate of the device."""
    rng = np.random.default_rng(1000 + seed)
    lost = np.flatnonzero(rng.random(40 * rate // size) < 0.05)
    lost = lost[(lost > 5) & (lost < 40 * rate // size - 10)]
    true, stamps, values = sent(rate, size, interval, lost, seed=seed)
    error = sample_times(stamps, 'a.csv', values=values).clock.times - true
    wrong = np.abs(error - np.median(error)) > 0.003
    assert wrong.mean() < 0.01


@pytest.mark.parametrize('counts', ['packets', 'rows', 'first rows'])
@pytest.mark.parametrize('rate', [None, 100.0])
@pytest.mark.parametrize(('size', 'share'), [(1, 0.3), (1, 0.05), (5, 0.05)])
def test_counters_lay_gaps_where_they_are(counts, rate, size, share):
    """However late a packet comes; its number may be that of a sample."""
    rng = np.random.default_rng(0)
    packets = np.arange(40 * 100 // size)
    lost = packets[5:-5][rng.random(len(packets) - 10) < share]
    true, stamps, values = sent(100, size, 0.0075 * size, lost)
    rows = np.arange(len(packets) * size)
    rows = rows[~np.isin(rows // size, lost)].astype(float)
    packet = rows // size
    counter = {'packets': packet, 'rows': rows, 'first rows': packet * size}
    rebuilt = sample_times(
        stamps if rate is None else None,
        'a.csv',
        counter=counter[counts],
        rate=rate,
        values=values,
    )
    error = rebuilt.clock.at() - true
    assert np.abs(error - np.median(error)).max() < 0.003


def test_many_losses_of_packets_that_come_together():
    """Several packets of 20 ms each 50 ms, of which one in 20 is lost."""
    rng = np.random.default_rng(4)
    lost = np.flatnonzero(rng.random(2000) < 0.05)
    lost = lost[(lost > 5) & (lost < 1990)]
    true, stamps, values = sent(100, 2, 0.05, lost)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    error = rebuilt.clock.times - true
    assert np.median(np.abs(error - np.median(error))) < 0.01
    found = round((rebuilt.clock.times[-1] - rebuilt.clock.times[0]) * 100)
    assert abs(found + 1 - len(true) - 2 * len(lost)) < 6
