"""Windows of people who share a clock coincide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import make_entry, make_recording, write_dataset

from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.datasets.windows import window_starts


@given(
    st.floats(-1e6, 1e6),
    st.floats(0.5, 60),
    st.floats(0.2, 20),
    st.floats(0.05, 10),
)
def test_clock_windows_are_all_multiples_inside(
    start, duration, window, stride
):
    entry = dict(start_s=start, end_s=start + duration)
    starts = window_starts(entry, window, stride, anchor='clock')
    first = int(np.floor(start / stride)) - 2
    number = int(duration / stride) + 6
    multiples = [(first + i) * stride for i in range(number)]
    surely = [
        t
        for t in multiples
        if t > start + 1e-5 and t + window < start + duration - 1e-5
    ]
    maybe = [
        t
        for t in multiples
        if t >= start - 1e-5 and t + window <= start + duration + 1e-5
    ]
    assert set(surely) <= set(starts) <= set(maybe)
    assert starts == sorted(starts)


def test_windows_of_latecomers_coincide():
    early = dict(start_s=0.0, end_s=12.0)
    late = dict(start_s=1.3, end_s=11.9)
    apart = window_starts(early, 5.0, 2.0) + window_starts(late, 5.0, 2.0)
    assert len(set(apart)) == len(apart)
    assert window_starts(early, 5.0, 2.0, 'clock') == [0.0, 2.0, 4.0, 6.0]
    assert window_starts(late, 5.0, 2.0, 'clock') == [2.0, 4.0, 6.0]


def make(tmp_path, **changes):
    entries = [
        make_entry('a', 10.0, scene='s', subject='1', start_s=0.2),
        make_entry('b', 9.7, scene='s', subject='2', start_s=0.7),
        make_entry('c', 7.4, scene='s', subject='3', start_s=2.1),
    ]
    recording = make_recording(10.0)
    recordings = {entry['take']: recording for entry in entries}
    write_dataset(tmp_path, entries, recordings)
    args = dict(
        ann_file='annotations/train.json',
        data_root=str(tmp_path),
        window_sec=5.0,
        stride_sec=1.0,
        anchor='clock',
    )
    return IMUPoseDataset(**{**args, **changes})


def test_dataset_cuts_on_the_clock(tmp_path):
    dataset = make(tmp_path)
    found = {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        found.setdefault(info['take'], []).append(info['window_start'])
    assert found == {
        'a': [1.0, 2.0, 3.0, 4.0, 5.0],
        'b': [1.0, 2.0, 3.0, 4.0],
    }
    starts = {w['window_start'] for w in make(tmp_path, anchor='entry')}
    assert 0.7 in starts


def test_anchor_is_checked(tmp_path):
    with pytest.raises(ValueError, match="anchor='scene'"):
        make(tmp_path, anchor='scene')
    with pytest.raises(ValueError, match='stride_sec=None'):
        make(tmp_path, stride_sec=None)
    with pytest.raises(ValueError, match='multiple of stride_sec=20'):
        make(tmp_path, window_sec=5.0, stride_sec=20.0)
