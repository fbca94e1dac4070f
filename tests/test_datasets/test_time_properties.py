"""Properties of clocks, windows, resampling, offsets and masks."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mobind_mm.datasets.sync_matching import draw_offset
from mobind_mm.datasets.transforms.resampling import (
    bracket,
    regularize,
    resample,
    support_sec,
)
from mobind_mm.datasets.transforms.windowing import (
    RandomSpeed,
    RandomTimeShift,
    RandomWindow,
)
from mobind_mm.models import ConvFormer
from mobind_mm.models.tokenizers.limb_tokenizer import _eroded
from mobind_mm.recordings import Clock

rates = st.floats(5, 250)
times = st.floats(-1e3, 1e3)
signals = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 60), st.integers(1, 3)),
    elements=st.floats(-100, 100, width=32),
)


@given(st.integers(0, 200), rates, times, st.floats(0, 5), st.floats(0, 5))
def test_a_slice_of_a_clock_is_what_lies_inside(count, rate, start, a, b):
    clock = Clock(count, rate=rate, start=start)
    at = clock.at(slice(0, count))
    first, last = start + min(a, b), start + max(a, b)
    taken = set(range(count)[clock.between(first, last)])
    eps = 2e-6 / rate
    surely = set(np.flatnonzero((at > first + eps) & (at < last - eps)))
    maybe = set(np.flatnonzero((at >= first - eps) & (at <= last + eps)))
    assert surely <= taken <= maybe


@given(signals, rates, rates, times, st.integers(1, 40))
def test_resampling_is_linear_and_keeps_constants(
    values, rate_in, rate_out, start, count
):
    at = start + np.arange(count) / rate_out
    other = np.random.default_rng(0).normal(size=values.shape)
    other = other.astype(np.float32)
    one, two, both, flat = (
        resample(x.astype(np.float32), start, rate_in, at, rate_out)
        for x in (values, other, 2 * values - other, np.full_like(values, 7))
    )
    assert one.shape == (count, values.shape[1]) and one.dtype == np.float32
    np.testing.assert_allclose(both, 2 * one - two, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(flat, 7, rtol=1e-5)


@settings(max_examples=40)
@given(rates, rates, times, st.integers(0, 30), st.floats(0.3, 2))
def test_a_sample_does_not_depend_on_where_the_stream_is_cut(
    rate_in, rate_out, start, cut, seconds
):
    reach = support_sec(rate_in, rate_out)
    length = int((seconds + 2 * reach) * rate_in) + cut + 12
    values = np.random.default_rng(1).normal(size=(length, 2))
    values = values.astype(np.float32)
    first = start + (cut + 2) / rate_in + reach
    at = first + np.arange(max(int(seconds * rate_out), 1)) / rate_out
    whole = resample(values, start, rate_in, at, rate_out)
    part = resample(values[cut:], start + cut / rate_in, rate_in, at, rate_out)
    np.testing.assert_allclose(whole, part, atol=2e-3)


@given(
    st.lists(st.floats(0.002, 0.3), min_size=1, max_size=50),
    st.floats(-50, 50),
    st.floats(10, 100),
    st.floats(-3, 3),
    st.floats(-3, 3),
)
def test_a_line_on_a_jittered_clock_stays_that_line(
    steps, start, rate, slope, level
):
    at = start + np.cumsum([0.0, *steps])
    line = slope * (at - start) + level
    values = line[:, None].astype(np.float32)
    out, first = regularize(values, at, rate, start, (at[0], at[-1]))
    grid = first + np.arange(len(out)) / rate
    assert grid[0] <= at[0] + 1e-6 and grid[-1] >= at[-1] - 1e-6
    held = np.clip(grid, at[0], at[-1])
    expected = slope * (held - start) + level
    np.testing.assert_allclose(out[:, 0], expected, atol=2e-4)


@given(
    st.lists(st.floats(0.01, 1), min_size=0, max_size=30),
    st.lists(st.floats(-2, 35), min_size=1, max_size=20),
)
def test_neighbours_enclose(steps, at):
    clock, at = np.cumsum([0.0, *steps]), np.array(at)
    left, right, fraction = bracket(clock, at)
    assert ((fraction >= 0) & (fraction <= 1)).all()
    found = clock[left] + fraction * (clock[right] - clock[left])
    np.testing.assert_allclose(
        found, np.clip(at, clock[0], clock[-1]), atol=1e-9
    )


@given(
    st.text(max_size=8),
    st.tuples(st.floats(-20, 0), st.floats(0, 20)),
    st.floats(0.1, 10),
    st.one_of(st.none(), st.floats(0.01, 1)),
    st.sampled_from(['clamp', 'inside', 'beyond']),
)
def test_offsets_stay_where_they_may(name, room, largest, grid, edges):
    offset = draw_offset(name, room, largest, grid, edges)
    assert offset == draw_offset(name, room, largest, grid, edges)
    assert abs(offset) <= largest * (1 + 1e-6) + 1e-6
    if edges != 'beyond':
        assert room[0] - 1e-6 <= offset <= room[1] + 1e-6
    if edges == 'inside' and grid is not None:
        assert abs(offset / grid - round(offset / grid)) < 1e-6


@given(
    st.floats(0, 100),
    st.floats(0, 30),
    st.floats(0, 1),
    st.floats(1, 10),
    st.floats(0, 40),
    st.integers(0, 2**31),
)
def test_drawn_windows_stay_inside_the_entry(
    start, room, place, seconds, shift, seed
):
    np.random.seed(seed)
    results = dict(
        window_start=start + place * room,
        window_sec=seconds,
        entry_start=start,
        entry_end=start + seconds + room,
        segments=[],
        min_label_overlap=0.5,
        recording=None,
    )
    results = RandomSpeed((0.7, 1.4)).transform(results)
    results = RandomWindow(shift).transform(results)
    results = RandomTimeShift(shift).transform(results)
    length = seconds * results['speed']
    pose = results['window_start']
    for first in (pose, pose - results['offset']):
        assert first >= start - 1e-6
        assert first + length <= start + seconds + room + 1e-6
    assert abs(results['offset']) <= shift + 1e-9


masks = npst.arrays(bool, st.tuples(st.integers(1, 4), st.just(20)))


@given(masks)
def test_a_token_counts_if_one_of_its_samples_does(mask):
    backbone = ConvFormer(
        2,
        rate=20,
        window_sec=1.0,
        conv_channels=(2,),
        embed_dims=8,
        num_layers=0,
        num_heads=1,
    )
    tokens = backbone.token_mask(torch.from_numpy(mask)).numpy()
    slow = [[any(row[i : i + 4]) for i in range(0, 20, 4)] for row in mask]
    assert tokens.tolist() == slow


@given(masks, st.integers(0, 1))
def test_a_frame_counts_if_its_neighbours_do(mask, reach):
    eroded = _eroded(torch.from_numpy(mask), reach).numpy()
    for row, out in zip(mask, eroded):
        for i in range(20):
            near = row[max(i - reach, 0) : i + reach + 1]
            assert out[i] == near.all()
