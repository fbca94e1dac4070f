"""Sample times are rebuilt: simulated clocks against the true times."""

import re

import numpy as np
import pytest

from mobind_mm.readers.arrival import _rounding
from mobind_mm.readers.clocks import sample_times
from mobind_mm.readers.continuity import continues
from mobind_mm.readers.counters import unwrap
from mobind_mm.readers.time_units import check_time_unit

RATE = 100.0


def motion(times, rng, still=False):
    """(T, 6) smooth movements of 0.2 to 6 Hz with the noise of a sensor."""
    noise = 0.05 * rng.normal(size=(len(times), 6))
    if still:
        return noise
    frequency = rng.uniform(0.2, 6, (6, 12))
    size = 3 * rng.normal(size=(6, 12)) / np.sqrt(frequency)
    phase = 2 * np.pi * frequency[..., None] * times + rng.uniform(
        0, 6, (6, 12, 1)
    )
    return (size[..., None] * np.sin(phase)).sum(1).T + noise


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def check_kept(true, stamps, **options):
    """The stamps are the clock, to the bit, and nothing is said."""
    rebuilt = sample_times(stamps, 'a.csv', **options)
    np.testing.assert_array_equal(rebuilt.clock.times, stamps)
    np.testing.assert_array_equal(rebuilt.rows, np.arange(len(stamps)))
    assert rebuilt.notes == ()
    return rebuilt


@pytest.mark.parametrize('start', [0.0, 3.2, 1.7e9])
@pytest.mark.parametrize('jitter', [0.0, 0.2])
@pytest.mark.parametrize('digits', [3, 9])
def test_a_clean_clock_stays(rng, start, jitter, digits):
    true = start + np.arange(2000) / RATE
    true += jitter / RATE * rng.uniform(-1, 1, 2000)
    values = motion(true - start, rng)
    check_kept(true, np.round(true, digits), values=values)
    check_kept(true, np.round(true, digits), rate=RATE)


def test_few_samples():
    for count in (1, 2, 3):
        check_kept(None, np.arange(count) / RATE)
    twice = np.zeros(2)
    rebuilt = sample_times(twice, 'a.csv', values=np.ones((2, 3)))
    assert rebuilt.rows.tolist() == [0]
    with pytest.raises(ValueError, match=r'a\.csv: all 2 rows have the time'):
        sample_times(twice, 'a.csv')
    rebuilt = sample_times(twice, 'a.csv', rate=50)
    assert rebuilt.clock.times.tolist() == [0, 0.02]


@pytest.mark.parametrize(
    ('unit', 'bits'), [(1e-6, 32), (1e-3, 16), (1 / 32768, 24), (1e-6, 24)]
)
def test_times_that_start_over(rng, unit, bits):
    """Equal to the undisturbed stamps, losses and all."""
    ticks = np.round(np.arange(9000) / RATE / unit)
    ticks = np.delete(ticks, [*range(3, 9000, 4), *range(4000, 4060)])
    first = 2.0**bits - ticks[3000]
    shown = (ticks + first) % 2.0**bits
    periods = [unit * 2.0**b for b in (8, 16, 24, 32)]
    rebuilt = sample_times(shown * unit, 'a.csv', wraps=periods)
    passed = rebuilt.clock.times - rebuilt.clock.times[0]
    np.testing.assert_allclose(passed, (ticks - ticks[0]) * unit, atol=1e-9)
    assert rebuilt.clock.times[0] == shown[0] * unit
    assert 'starts over' in rebuilt.notes[0]


@pytest.mark.parametrize('bits', [8, 16, 32])
@pytest.mark.parametrize('given', [True, False])
def test_counters(rng, bits, given):
    number = np.arange(3000)
    lost = np.r_[50:55, 2000:2060]
    kept = np.delete(number, lost)
    shown = (kept + 2.0**bits - 1000) % 2.0**bits
    rebuilt = sample_times(
        None,
        'a.csv',
        counter=shown,
        counter_bits=bits if given else None,
        rate=RATE,
    )
    np.testing.assert_allclose(rebuilt.clock.times, kept / RATE, atol=1e-9)
    assert rebuilt.notes[-1].startswith('a.csv: 65 samples are missing (2.2%)')
    assert 'the longest 0.610 s before row 1996' in rebuilt.notes[-1]


def test_a_counter_without_losses_is_the_rate():
    rebuilt = sample_times(None, 'a.csv', counter=np.arange(7, 99), rate=25)
    assert (rebuilt.clock.rate, rebuilt.clock.start) == (25, 0)
    assert rebuilt.notes == ()
    even = sample_times(None, 'a.csv', counter=np.arange(0, 99, 2), rate=25)
    assert even.clock.rate == 25 and 'goes up by 2' in even.notes[0]
    with pytest.raises(ValueError, match='a counter alone is not a clock'):
        sample_times(None, 'a.csv', counter=np.arange(9))


def test_a_counter_that_packets_share():
    number = np.repeat(np.arange(65500, 65600) % 65536, 4)
    kept = np.delete(np.arange(400), np.s_[80:100])
    rebuilt = sample_times(None, 'a.csv', counter=number[kept], rate=RATE)
    np.testing.assert_allclose(rebuilt.clock.times, kept / RATE, atol=1e-9)
    assert any('4 rows share a number' in note for note in rebuilt.notes)


def test_a_counter_and_rows_out_of_order(rng):
    number = np.arange(1000)
    order = np.r_[0:100, 120:140, 100:120, 140:1000]
    twice = np.insert(order, 500, order[480:500])
    values = rng.normal(size=(1000, 3))
    rebuilt = sample_times(
        None, 'a.csv', counter=number[twice], values=values[twice], rate=RATE
    )
    np.testing.assert_array_equal(twice[rebuilt.rows], number)
    assert rebuilt.clock.rate == RATE
    assert '39 rows came out of order' in rebuilt.notes[0]
    assert '20 rows are there twice' in rebuilt.notes[1]


def test_a_counter_that_is_set_back_is_named():
    number = np.r_[5000:5600, 0:400]
    rebuilt = sample_times(None, 'a.csv', counter=number, rate=RATE)
    np.testing.assert_allclose(rebuilt.clock.at(), np.arange(1000) / RATE)
    assert 'the counter goes back at row 601' in rebuilt.notes[0]


def packets(rng, size, seconds=40.0, delay=0.012, lost=(), drift=0.0):
    """True times and stamps of arrival of packets."""
    count = int(seconds * RATE) // size * size
    true = 3.2 + np.arange(count) / RATE
    ends = true[size - 1 :: size] * (1 + drift)
    stamps = ends + 0.01 + rng.exponential(delay, len(ends))
    stamps = np.repeat(np.maximum.accumulate(stamps), size)
    kept = np.ones(count, bool)
    for packet, number in lost:
        kept[packet * size : (packet + number) * size] = False
    return true[kept], stamps[kept]


def check_line(true, times, most):
    """Right but for the shortest delay, which nothing tells."""
    error = times - true
    assert -0.001 < np.median(error) < 0.02
    assert np.abs(error - np.median(error)).max() < most


@pytest.mark.parametrize('size', [2, 3, 4, 10, 36])
@pytest.mark.parametrize('apart', [0.0, 2e-4])
def test_packets(rng, size, apart):
    """Packets that share a stamp, or whose rows come at once."""
    true, stamps = packets(rng, size)
    stamps = stamps + apart * (np.arange(len(stamps)) % size)
    values = motion(true, rng)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    check_line(true, rebuilt.clock.times, 0.003)
    (note,) = rebuilt.notes
    assert f'packets of {size} ' in note
    blind = sample_times(stamps, 'a.csv')
    check_line(true, blind.clock.times, 0.003)
    # Acceleration on 50 Hz within 5 % rms of the true.
    at = np.arange(true[0] + 1, true[-1] - 1, 0.02)
    middle = np.median(rebuilt.clock.times - true)
    for column in values.T:
        found = np.interp(at, rebuilt.clock.times - middle, column)
        wanted = np.interp(at, true, column)
        assert np.sqrt(np.mean((found - wanted) ** 2)) < 0.05 * wanted.std()


@pytest.mark.parametrize('size', [4, 10, 36])
@pytest.mark.parametrize('tell', ['stamps', 'counter'])
def test_losses_among_packets_are_gaps(rng, size, tell):
    lost = [(20, 3), (50, 1), (70, 5)]
    true, stamps = packets(rng, size, lost=lost)
    counter = None
    if tell == 'counter':
        counter = np.round((true - true[0]) * RATE) % 65536
    rebuilt = sample_times(stamps, 'a.csv', counter=counter)
    check_line(true, rebuilt.clock.times, 0.005)
    assert f'{9 * size} samples are missing' in rebuilt.notes[-1]
    assert 'in 3 gaps' in rebuilt.notes[-1]


def test_a_pause_between_packets(rng):
    true, stamps = packets(rng, 10)
    late = np.arange(len(true)) >= 2000
    rebuilt = sample_times(stamps + 600.03 * late, 'a.csv')
    check_line(true + 600.03 * late, rebuilt.clock.times, 0.01)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('far', [1e25, 1e300])
def test_damaged_stamps_of_packets(rng, far):
    """A single one is known for damaged, many are refused."""
    true, stamps = packets(rng, 10)
    stamps[-1] = far
    rebuilt = sample_times(stamps, 'a.csv')
    times = rebuilt.clock.times
    assert (np.diff(times) > 0).all() and times[-2] < true[-1] + 1
    stamps[-100:] = far
    with pytest.raises(ValueError, match=re.escape(f'{far:.6g} s after')):
        sample_times(stamps, 'a.csv')


def test_the_clock_of_the_phone_may_drift(rng):
    true, stamps = packets(rng, 10, seconds=600, drift=2e-4)
    bent = stamps + 0.02 * np.sin(stamps / 100)
    for shown, expected in (
        (stamps, true * (1 + 2e-4)),
        (bent, true * (1 + 2e-4) + 0.02 * np.sin(true / 100)),
    ):
        rebuilt = sample_times(shown, 'a.csv')
        check_line(expected, rebuilt.clock.times, 0.012)


def test_jitter_of_arrival_is_told_by_the_values(rng):
    """Stamps that vary are kept unless the movement tells better."""
    true = np.arange(4000) / RATE
    stamps = np.maximum.accumulate(true + rng.exponential(0.015, 4000))
    stamps += 1e-7 * np.arange(4000)
    moving = motion(true, rng)
    rebuilt = sample_times(stamps, 'a.csv', values=moving)
    check_line(true, rebuilt.clock.times, 0.003)
    sampled_then = motion(stamps, rng)
    check_kept(true, stamps, values=sampled_then)
    forced = sample_times(stamps, 'a.csv', arrival=True, values=sampled_then)
    check_line(true, forced.clock.times, 0.003)


@pytest.mark.parametrize('size', [1, 4, 10])
@pytest.mark.parametrize('blind', [True, False])
def test_stamps_that_step_from_an_arrival(rng, size, blind):
    """They go back between packets, again and again."""
    true = 3.2 + np.arange(4000) / RATE
    packet = np.arange(4000) // size
    delay = 0.01 + rng.exponential(0.015, packet[-1] + 1)
    stamps = true + delay[packet]
    values = None if blind else motion(true, rng)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    check_line(true, rebuilt.clock.times, 0.003)
    (note,) = rebuilt.notes
    assert 'times go back' in note and 'times of arrival' in note


def test_a_stamp_that_goes_back_for_a_moment(rng):
    true = 3.2 + np.arange(1000) / RATE
    stamps = true.copy()
    stamps[[300, 700]] -= 0.035, 5
    rebuilt = sample_times(stamps, 'a.csv', values=motion(true, rng))
    assert np.abs(rebuilt.clock.times - true).max() < 0.011
    assert '2 stamps go back for a moment' in rebuilt.notes[0]


@pytest.mark.parametrize('value', [99_999.0, 4e9, 0.0, -1.0])
@pytest.mark.parametrize('every', [900, 100])
def test_stamps_that_stand_for_none(rng, value, every):
    true = 3.2 + np.arange(1000) / RATE
    stamps = true.copy()
    stamps[50::every] = value
    check_time_unit(stamps, 1.0, 'a.csv', 't')
    rebuilt = sample_times(stamps, 'a.csv', values=motion(true, rng))
    assert np.abs(rebuilt.clock.times - true[rebuilt.rows]).max() < 0.011
    assert len(rebuilt.rows) > 980 and rebuilt.notes


def test_a_sensor_that_rests_between_bursts_is_believed(rng):
    times = (np.arange(40)[:, None] * 2.0 + np.arange(50) / RATE).ravel()
    rebuilt = sample_times(times, 'a.csv', values=motion(times, rng))
    np.testing.assert_array_equal(rebuilt.clock.times, times)


def test_stamps_of_whole_seconds(rng):
    true = 1.7e9 + 0.37 + np.arange(3000) / 60
    rebuilt = sample_times(np.floor(true), 'a.csv')
    assert np.abs(rebuilt.clock.times - true).max() < 0.02


def test_stamps_in_single_precision(rng):
    true = 9e5 + np.arange(3000) / RATE
    stamps = true.astype(np.float32).astype(float)
    rebuilt = sample_times(stamps, 'a.csv')
    assert np.abs(rebuilt.clock.times - true).max() < 0.02
    lost = np.full(300, float(np.float32(1.7e9)))
    with pytest.raises(ValueError, match='last digits are lost'):
        sample_times(lost, 'a.csv')


def test_rows_out_of_order_and_twice(rng):
    true = 3.2 + np.arange(2000) / RATE
    values = motion(true, rng)
    order = np.r_[0:500, 520:540, 500:520, 540:2000]
    order = np.insert(order, 1000, order[985:1000])
    rebuilt = sample_times(true[order], 'a.csv', values=values[order])
    np.testing.assert_array_equal(rebuilt.clock.times, true)
    np.testing.assert_array_equal(values[order][rebuilt.rows], values)
    backwards = sample_times(true[::-1], 'a.csv', values=values[::-1])
    np.testing.assert_array_equal(backwards.clock.times, true)


def test_equal_rows_of_a_still_sensor_are_no_copies(rng):
    true, stamps = packets(rng, 10)
    values = np.round(motion(true, rng, still=True), 1)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    assert len(rebuilt.rows) == len(true)
    every = np.repeat(np.arange(500), 2)  # the whole file twice
    twice = sample_times(
        every / RATE, 'a.csv', values=motion(true, rng)[every]
    )
    assert twice.rows.tolist() == list(range(0, 1000, 2))


@pytest.mark.parametrize('size', [-3.0, 2.0, 500.0])
@pytest.mark.parametrize('still', [True, False])
def test_a_clock_that_is_set(rng, size, still):
    true = 3.2 + np.arange(3000) / RATE
    values = motion(true, rng, still)
    stamps = true + size * (np.arange(3000) >= 1700)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    (note,) = rebuilt.notes
    assert 'row 1701' in note
    if still and size > 0:  # samples may be lost as well
        np.testing.assert_array_equal(rebuilt.clock.times, stamps)
        assert 'lost, or the clock was set' in note
        return
    np.testing.assert_allclose(rebuilt.clock.times, true, atol=1e-6)
    assert f'by {abs(size):.3f} s at row 1701 (at 20.190 s)' in note


@pytest.mark.parametrize('gap', [40, 200, 1500])
def test_samples_that_are_lost_are_no_jump(rng, gap):
    true = 3.2 + np.delete(np.arange(5000), np.s_[1700 : 1700 + gap]) / RATE
    values = motion(true, rng)
    rebuilt = sample_times(true, 'a.csv', values=values)
    np.testing.assert_array_equal(rebuilt.clock.times, true)
    (note,) = rebuilt.notes
    assert f'{gap} samples are missing' in note and 'row 1701' in note


def test_the_longest_stretch_is_kept_where_all_is_lost(rng):
    first, second = np.arange(900) / RATE + 50, np.arange(2000) / RATE + 20
    values = np.concatenate([motion(first, rng), motion(second, rng) + 5])
    stamps = np.r_[first, second]
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    np.testing.assert_array_equal(rebuilt.clock.times, second)
    assert '900 are left out' in rebuilt.notes[0]


def test_what_is_no_time_is_refused_quickly(rng):
    with pytest.raises(ValueError, match=r'a\.csv, row \d+: its time goes'):
        sample_times(100 * rng.random(300_000), 'a.csv')


def test_several_sensors_in_one_table_are_refused(rng):
    true = np.arange(1000) / RATE
    sensors = [motion(true, rng) + 10 * k for k in range(3)]
    turns = np.stack(sensors, axis=1).reshape(-1, 6)
    with pytest.raises(ValueError, match=r'row 2: 3 rows each.*with where'):
        sample_times(np.repeat(true, 3), 'a.csv', values=turns)
    stacked = np.concatenate(sensors)
    with pytest.raises(ValueError, match=r'row 1001: its time begins again'):
        sample_times(np.tile(true, 3), 'a.csv', values=stacked)


def test_stray_rows_at_an_end(rng):
    true = 1.7e9 + np.arange(1000) / RATE
    stamps = true.copy()
    stamps[:2], stamps[-1] = 0, 2e9
    rebuilt = sample_times(stamps, 'a.csv')
    np.testing.assert_array_equal(rebuilt.clock.times, true[2:-1])
    assert 'rows 1, 2, 1000' in rebuilt.notes[0]


@pytest.mark.parametrize('seed', range(60))
def test_ties_stalls_and_stuck_clocks(seed):
    rng = np.random.default_rng(seed)
    true = 5 + np.arange(1500) / RATE
    stamps, values = true.copy(), motion(true, rng)
    at, some = int(rng.integers(50, 1300)), int(rng.integers(2, 30))
    if seed % 3 == 0:
        stamps[at : at + some] = stamps[at]
    elif seed % 3 == 1:  # comes late, then at once
        stamps[at : at + some] = true[at + some] + 1e-4 * np.arange(some)
        stamps = np.maximum.accumulate(stamps)
    else:
        stamps[at] = stamps[at - 1]
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    assert rebuilt.notes
    assert np.abs(rebuilt.clock.times - true).max() < 0.045


UNITS = [
    (1.7e12, 10, 1.0, r'year 55840.* ms fits \(100 Hz, in 2023\)'),
    (1.7e18, 1e7, 1e-3, r'year .* ns fits \(100 Hz, in 2023\)'),
    (0, 10, 1.0, r'0\.1 Hz.* ms fits \(100 Hz\)'),
    (0, 0.01, 1e-6, r'1e\+08 Hz.* s fits \(100 Hz\)'),
]


@pytest.mark.parametrize(('start', 'step', 'factor', 'message'), UNITS)
def test_units_of_time_that_cannot_be(start, step, factor, message):
    stamps = start + step * np.arange(500)
    with pytest.raises(ValueError, match=f"a.csv: column 't' .*{message}"):
        check_time_unit(stamps, factor, 'a.csv', 't')


def test_odd_rates_are_no_wrong_units():
    for step in (1.0, 1e-4):
        check_time_unit(step * np.arange(500), 1.0, 'a.csv', 't')
    gaps = np.arange(500.0)
    gaps[250:] += 1e6
    check_time_unit(gaps, 0.01, 'a.csv', 't')


def test_unwrapping_leaves_what_is_no_wrap():
    back = np.r_[0:60, 20:80].astype(float)
    values, turns, _ = unwrap(back, [256.0, 65536.0])
    assert turns == 0 and values is back


def test_continuity_needs_a_movement(rng):
    times = np.arange(1000) / RATE
    values = motion(times, rng)
    lost = np.delete(values, np.s_[500:700], axis=0)
    assert continues(values, 499) is True
    assert continues(lost, 499) is False
    assert continues(motion(times, rng, still=True), 499) is None
    assert continues(None, 499) is None


def simulated(seed):
    """True times, stamps and values of some device, and what it does."""
    rng = np.random.default_rng(seed)
    kind = ('tied', 'burst', 'jitter', 'sampled', 'rounded', 'late')[seed % 6]
    rate = rng.choice([50, 60, 104, 200]) * rng.uniform(0.97, 1.03)
    count = int(rate * rng.uniform(15, 60))
    start = rng.choice([0, 3.2, 1.7e9])
    true = start + np.arange(count) / rate
    phone = start + (true - start) * (1 + 40e-6 * rng.normal())
    kept = np.ones(count, bool)
    if kind in ('tied', 'burst'):
        size = int(rng.choice([2, 3, 5, 10, 20]))
        packet = np.arange(count) // size
        ends = phone[np.minimum((packet + 1) * size - 1, count - 1)]
        delays = rng.exponential(rng.choice([0.002, 0.01]), packet[-1] + 1)
        stamps = np.maximum.accumulate(ends + 0.005 + delays[packet])
        if kind == 'burst':
            stamps = stamps + 2e-4 * (np.arange(count) % size)
        for first in rng.integers(10, packet[-1] - 10, 3):
            kept[(packet >= first) & (packet < first + 3)] = False
    elif kind == 'jitter':
        late = rng.exponential(rng.uniform(0.5, 2) / rate, count)
        stamps = np.maximum.accumulate(phone + late)
        for first in rng.integers(100, count - 150, 2):
            kept[first : first + int(rng.integers(10, 50))] = False
    elif kind == 'sampled':
        true = true + rng.uniform(-0.2, 0.2, count) / rate
        stamps = true
    elif kind == 'rounded':
        grid = rng.choice([0.001, 0.01, 1.0])
        stamps = np.floor(phone / grid) * grid
    else:
        stamps = phone.copy()
        for first in rng.integers(50, count - 150, 3):
            until = stamps[first] + rng.uniform(0.05, 0.5)
            stamps[first:] = np.maximum(stamps[first:], until)
    values = motion(true - start, rng, still=rng.random() < 0.2)
    return kind, true[kept], stamps[kept], values[kept]


@pytest.mark.parametrize('seed', range(120))
def test_simulated_clocks(seed):
    """Never worse than the stamps, and right within 25 ms rms."""
    kind, true, stamps, values = simulated(seed)
    rebuilt = sample_times(stamps, 'a.csv', values=values)
    assert (np.diff(rebuilt.clock.times) > 0).all()
    true = true[rebuilt.rows]
    errors = rebuilt.clock.times - true, stamps[rebuilt.rows] - true
    found, raw = (
        np.sqrt(np.mean((error - np.median(error)) ** 2)) for error in errors
    )
    assert found < 1.05 * raw + 0.001, kind
    assert found < 0.025, kind


def test_stamps_that_never_rise_have_no_rounding():
    times = np.repeat([0.48, 0.46], 4)  # "zero-size array to reduction"
    assert _rounding(times, np.diff(times), 0.01) == (0.0, 0.0)
