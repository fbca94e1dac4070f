import numpy as np
import pytest

from mobind_mm.readers.mri.labels import (
    Timeline,
    frame_clock,
    parse_frames,
    parse_pair,
)

MASK = np.array([0, 0, 1, 1, 1, 0, 1, 1], bool)


def parse(value):
    return parse_frames(value, 'imu_avail_frames', 'file')


@pytest.mark.parametrize(
    ('value', 'kind', 'frames'),
    [
        ([2, 3, 4, 6, 7], 'list', [2, 3, 4, 6, 7]),
        (np.array([2.0, 3.0, 9.0]), 'list', [2, 3, 9]),
        (np.where(MASK), 'list', [2, 3, 4, 6, 7]),
        (np.array([[2], [3], [5]], np.uint16), 'list', [2, 3, 5]),
        (MASK, 'mask', [2, 3, 4, 6, 7]),
        (MASK.astype(float).tolist(), 'mask', [2, 3, 4, 6, 7]),
        ((3, 6), 'pair', [3, 4, 5, 6]),
        (np.array([[3, 6]]), 'pair', [3, 4, 5, 6]),
        ([0, 1], 'pair', [0, 1]),
    ],
)
def test_shapes_of_available_frames(value, kind, frames):
    found = parse(value)
    assert (found.kind, found.frames.tolist()) == (kind, frames)
    assert found.length == (8 if kind == 'mask' else 0)
    if kind == 'pair':
        assert found.readings[1].tolist() == frames[:-1]


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([], r'shape \(0,\)'),
        ({'a': 1}, 'object of shape'),
        ([[1, 2, 3], [4, 5, 6]], r'shape \(2, 3\)'),
        ([[1], [2, 3]], 'expected a list of frames'),
        (['a', 'b'], 'expected a list of frames'),
        ([1, 2, 2.5], 'contains 2.5'),
        ([1, 2, float('nan')], 'contains nan'),
        ([1, 2, -3], 'contains -3'),
        ([5, 10**12], 'contains 1000000000000'),
        ([5, float('inf')], 'contains inf'),
        ([2, 5, 4], 'frame 4 after 5'),
        ([2, 5, 5], 'frame 5 after 5'),
        ([6, 3], r'\[6, 3\]'),
        (None, 'object'),
    ],
)
def test_other_values_are_refused(value, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(value)
    assert str(caught.value).startswith('file: imu_avail_frames')


def test_pairs_of_actions():
    assert parse_pair(np.array([4, 9.0]), 'x') == (4, 9)
    assert parse_pair([4, 4], 'x') == (4, 4)
    for value in ([4], [4, 5, 6], [5, 4], 'ab', None, [4, 4.5]):
        with pytest.raises(ValueError, match='^x '):
            parse_pair(value, 'x')


def infer(*values, pairs=(), rows=(), first_frame=None):
    sets = [parse(value) for value in values]
    return Timeline.infer(sets, pairs, rows, 'file', first_frame)


@pytest.mark.parametrize(
    ('arguments', 'first', 'lengths'),
    [
        # A list that ends with the number of all frames counts from 1.
        (dict(values=[range(1, 11)], rows=[10]), 1, (10,)),
        (dict(values=[[3, 4, 10]], rows=[3, 10]), 1, (10,)),
        (dict(values=[range(10)], rows=[10]), 0, (10,)),
        # Frame 0 exists, so 10 is not the last of 10.
        (dict(values=[range(11)], rows=[10]), 0, (11,)),
        (dict(values=[[3, 10]], pairs=[(0, 5)], rows=[10]), 0, (10, 11)),
        # The video is longer than what is labelled.
        (dict(values=[[3, 4, 5]], pairs=[(1, 8)], rows=[12]), 0, (12,)),
        # The end of a pair may or may not be a frame.
        (dict(values=[[3, 8]], rows=[4]), 0, (8, 9)),
        (dict(values=[[2, 3, 4]], pairs=[(1, 8)], rows=[3]), 0, (8, 9)),
        (dict(values=[[2, 3, 9]], pairs=[(1, 8)], rows=[3]), 0, (10,)),
        (dict(values=[MASK], pairs=[(1, 40)], rows=[5]), 0, (8,)),
        # What the user says counts.
        (dict(values=[range(1, 11)], rows=[10], first_frame=0), 0, (11,)),
        (dict(values=[[2, 3, 9]], rows=[3], first_frame=1), 1, (9,)),
    ],
)
def test_first_frame_and_length(arguments, first, lengths):
    values = [
        list(v) if isinstance(v, range) else v for v in arguments.pop('values')
    ]
    timeline = infer(*values, **arguments)
    assert (timeline.first_frame, timeline.lengths) == (first, lengths)


def test_masks_of_two_lengths():
    with pytest.raises(ValueError, match=r'masks of \[5, 8\] frames'):
        infer(MASK, MASK[:5])


@pytest.mark.parametrize(
    ('value', 'rows', 'frames'),
    [
        ([2, 3, 4, 6, 7], 5, [2, 3, 4, 6, 7]),
        ([2, 3, 4, 6, 7], 9, [2, 3, 4, 6, 7]),
        (np.append(MASK, False), 5, [2, 3, 4, 6, 7]),
        (np.append(MASK, False), 9, [2, 3, 4, 6, 7]),
        ([3, 6], 4, [3, 4, 5, 6]),
        ([3, 6], 3, [3, 4, 5]),
        ([3, 6], 9, [3, 4, 5, 6]),
    ],
)
def test_rows_find_their_frames(value, rows, frames):
    timeline = infer(value, rows=[9])
    found, keep = timeline.place(rows, [parse(value)], 'table')
    assert len(found) == len(keep) == rows
    assert found[keep].tolist() == frames


def test_rows_that_fit_nothing():
    timeline = infer([2, 3, 4, 6, 7], rows=[9])
    sets = [parse([2, 3, 4, 6, 7])]
    with pytest.raises(
        ValueError,
        match=r'^table has 8 frames.* 5 \(imu_avail_frames\) or 9 .*Do this',
    ):
        timeline.place(8, sets, 'table', hint='Do this.')
    found, keep = timeline.place(8, sets, 'table', start=1)
    assert found.tolist() == list(range(1, 9))
    assert found[keep].tolist() == [2, 3, 4, 6, 7]
    with pytest.raises(ValueError, match='has frames 20 to 27'):
        timeline.place(8, sets, 'table', start=20)
    # The set of the camera does not fit, that of the video does.
    found, _ = timeline.place(3, [*sets, parse([5, 6, 8])], 'table')
    assert found.tolist() == [5, 6, 8]


def test_start_counts_as_the_labels_do():
    timeline = infer([1, 2, 3, 4], rows=[4])
    sets = [parse([1, 2, 3, 4]).counted_from(timeline.first_frame)]
    found, keep = timeline.place(6, sets, 'table', start=1)
    assert found[keep].tolist() == [0, 1, 2, 3]


def test_clock_of_frames():
    clock = frame_clock(np.array([7, 8, 9]))
    assert (clock.rate, clock.start) == (10, 0.7)
    clock = frame_clock(np.array([7, 8, 10]))
    assert clock.rate is None
    np.testing.assert_allclose(clock.times, [0.7, 0.8, 1.0])
