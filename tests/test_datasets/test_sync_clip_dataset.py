"""Clips with a known offset; nothing but the streams tells it."""

import numpy as np
import pytest
from recordings import keypoints_at, make_entry, make_recording, write_dataset
from scipy.stats import kstest

from mobind_mm.datasets import SyncClipDataset
from mobind_mm.datasets.sync_matching import draw_offset
from mobind_mm.datasets.transforms.packing import META_KEYS
from mobind_mm.recordings import Recording

META = (*META_KEYS, 'clip', 'offset', 'max_offset', 'streams')
PIPELINE = (
    dict(type='LoadWindow', margin_sec=1.0),
    dict(type='KeepStreams'),
    dict(type='ResampleIMU', rate=20),
    dict(type='ResamplePose', rate=20),
    dict(type='NormalizeKeypoints'),
    dict(
        type='PackIMUPose',
        placements=('left_wrist',),
        imu_channels=('acc', 'gyro'),
        meta_keys=META,
    ),
)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    wave = dict(start_s=0.0, end_s=12.0, label=0)
    jump = dict(start_s=12.0, end_s=40.0, label=1)
    entries = [
        make_entry('s1_walk1', 40.0, [wave, jump]),
        make_entry('s2_walk1', 40.0, [jump], subject='2'),
        make_entry('s2_run1', 30.0, [], subject='2'),
    ]
    path = tmp_path_factory.mktemp('data')
    recording = make_recording(60.0)  # beyond the end of every entry
    recordings = {entry['take']: recording for entry in entries}
    return write_dataset(path, entries, recordings)


def make(root, inner=(), **changes):
    dataset = dict(
        type='IMUPoseDataset',
        data_root=str(root),
        ann_file='annotations/train.json',
        window_sec=8.0,
        stride_sec=2.0,
    )
    dataset.update(inner)
    return SyncClipDataset(dataset, **{'pipeline': PIPELINE, **changes})


def offsets_of(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {info['clip']: info['offset'] for info in infos}


def test_streams_lie_where_the_offset_says(root):
    """The keypoints are those of the IMU's time plus the offset."""
    dataset = make(root, edges='inside')
    assert len(dataset) == 17 + 17 + 12
    for index in range(0, len(dataset), 5):
        sample = dataset[index]['data_samples']
        imu_start = sample.window_start - sample.offset
        pose, wrist = sample.streams.pose, sample.streams.imu['left_wrist']
        times = pose.clock.at(slice(0, pose.clock.num_samples))
        expected = keypoints_at(imu_start + sample.offset + times)
        np.testing.assert_allclose(pose.keypoints, expected, atol=1e-3)
        times = wrist.clock.at(slice(0, wrist.clock.num_samples))
        grid = (imu_start + times) * 100
        np.testing.assert_allclose(grid, np.round(grid), atol=1e-6)
        first = np.sin(4 * np.pi * (imu_start + times))
        np.testing.assert_allclose(
            wrist.channels['acc'][:, 0], first, atol=1e-4
        )


@pytest.mark.parametrize('edges', ['clamp', 'inside', 'beyond'])
@pytest.mark.parametrize('grid', [None, 0.1])
def test_published_range_grid_and_edges(root, edges, grid):
    dataset = make(root, edges=edges, grid=grid)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    moved = clamped = 0
    for info in infos:
        offset, start = info['offset'], info['window_start']
        imu_start = start - offset
        assert abs(offset) <= info['max_offset'] == 7.0
        assert imu_start / 2 == pytest.approx(round(imu_start / 2))
        assert info['entry_start'] == 0.0
        latest = info['entry_end'] - 8.0
        inside = 0.0 <= start <= latest
        assert inside or edges == 'beyond'
        at_edge = min(abs(start), abs(start - latest)) < 1e-9
        clamped += at_edge and edges == 'clamp'
        moved += not inside
        if grid is not None and not (edges == 'clamp' and at_edge):
            assert offset / 0.1 == pytest.approx(round(offset / 0.1))
    assert (moved > 0) == (edges == 'beyond')
    assert (clamped > 0) == (edges == 'clamp')
    if grid is None:
        real = [i['offset'] / 0.1 for i in infos]
        assert np.abs(np.subtract(real, np.round(real))).max() > 0.3


def test_offsets_are_uniform_over_what_may_be_drawn():
    names = [f'clip {i}' for i in range(3000)]
    wide, narrow = (-50.0, 50.0), (-1.0, 3.0)

    def draw(*arguments):
        return np.array([draw_offset(name, *arguments) for name in names])

    steps = np.round(draw(wide, 7.0, 0.1) / 0.1)
    assert set(steps) == set(range(-70, 71))
    counts = np.unique(steps, return_counts=True)[1]
    # Poisson with mean 21.3.
    assert counts.min() > 4 and counts.max() < 45
    for arguments, low, high in (
        ((wide, 7.0, None, 'clamp'), -7, 7),
        ((narrow, 7.0, None, 'beyond'), -7, 7),
        ((narrow, 7.0, None, 'inside'), -1, 3),
        ((narrow, 2.0, None, 'inside'), -1, 2),
    ):
        share = (draw(*arguments) - low) / (high - low)
        assert kstest(share, 'uniform').pvalue > 1e-3, arguments
    inside = draw(narrow, 7.0, 0.1, 'inside')
    assert set(np.round(inside / 0.1)) == set(range(-10, 31))
    clamped = draw(narrow, 7.0, None, 'clamp')
    assert np.mean(clamped == -1.0) == pytest.approx(6 / 14, abs=0.04)
    assert np.mean(clamped == 3.0) == pytest.approx(4 / 14, abs=0.04)


def test_offsets_depend_on_the_clip_and_the_seed_only(root):
    everything = make(root, edges='beyond')
    expected = offsets_of(everything)
    assert len(expected) == len(everything)
    again = {
        everything.get_data_info(i)['clip']: everything.get_data_info(i)
        for i in reversed(range(len(everything)))
    }
    assert {clip: i['offset'] for clip, i in again.items()} == expected
    # Fewer windows, at other indices.
    some = offsets_of(make(root, dict(indices=[30, 3, 7]), edges='beyond'))
    sparse = offsets_of(make(root, dict(stride_sec=4.0), edges='beyond'))
    for part in (some, sparse):
        assert 0 < len(part) < len(expected)
        assert part.items() <= expected.items()
    other = offsets_of(make(root, seed=1, edges='beyond'))
    assert all(other[clip] != expected[clip] for clip in expected)
    # Neighbouring clips and seeds are unrelated.
    x, y = np.array(list(expected.values())), np.array(list(other.values()))
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.45
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.45


def test_the_length_of_the_recording_gives_nothing_away(tmp_path):
    """The same entries in files twice as long: the same samples."""
    entries = [make_entry('s1_walk1', 40.0)]
    samples = []
    for seconds in (50.0, 90.0):
        path = tmp_path / f'{seconds:.0f}'
        recordings = {'s1_walk1': make_recording(seconds)}
        dataset = make(write_dataset(path, entries, recordings))
        samples.append([dataset[i] for i in range(len(dataset))])
    assert len(samples[0]) == len(samples[1]) == 17
    for a, b in zip(*samples):
        assert a['data_samples'].offset == b['data_samples'].offset
        for key, value in a['inputs'].items():
            assert value.equal(b['inputs'][key]), key


def test_both_windows_are_equally_long_whatever_the_offset(root):
    """Within the recording neither shapes nor masks vary."""
    dataset = make(root)
    shapes = set()
    for index in range(len(dataset)):
        data = dataset[index]
        streams = data['data_samples'].streams
        shapes.add(
            (
                *(tuple(x.shape) for x in data['inputs'].values()),
                streams.imu['left_wrist'].clock.num_samples,
                streams.pose.clock.num_samples,
            )
        )
        times = streams.pose.clock.span
        assert 0 <= times[0] < 1 / 30 + 1e-6
        assert 8 - 1 / 30 - 1e-6 <= times[1] < 8
    assert shapes == {((1, 6, 160), (1, 6, 160), (1,), (1, 160), 800, 240)}


def test_what_lies_beyond_a_recording_is_missing(tmp_path):
    entries = [make_entry('t', 20.0)]
    root = write_dataset(tmp_path, entries, {'t': make_recording(20.0)})
    dataset = make(root, edges='beyond', max_offset=30.0)
    kinds = set()
    for index in range(len(dataset)):
        data = dataset[index]
        sample = data['data_samples']
        start = sample.window_start
        seen = max(min(start + 8, 20.0) - max(start, 0.0), 0.0)
        known = data['inputs']['pose_mask'].float().mean() * 8
        assert known == pytest.approx(seen, abs=0.11)
        assert data['inputs']['imu_mask'].all()
        pose = sample.streams.pose.clock
        assert pose.num_samples == pytest.approx(30 * seen, abs=1)
        if 0 < seen < 8 and start < 0:
            assert pose.span[0] == pytest.approx(-start, abs=1 / 30)
        kinds.add('all' if seen == 8 else 'some' if seen else 'none')
    assert kinds == {'all', 'some', 'none'}


def test_short_takes_have_little_room(tmp_path):
    """Takes of 2 to 4 s, one centred clip each."""
    entries = [make_entry(f't{i}', 2.0 + 0.1 * i) for i in range(20)]
    root = write_dataset(tmp_path, entries)
    inner = dict(window_sec=1.5, stride_sec=None)
    inside = make(root, inner, edges='inside', max_offset=1.0)
    clamped = make(root, inner, max_offset=7.0)
    room = np.array([e['end_s'] - 1.5 for e in entries]) / 2
    for dataset in (inside, clamped):
        offsets = np.array(list(offsets_of(dataset).values()))
        assert len(offsets) == 20
        assert (np.abs(offsets) <= room + 1e-9).all()
        share = np.mean(np.abs(offsets) > room - 1e-9)
        assert share == 0 if dataset is inside else share > 0.6
        assert dataset[0]['inputs']['pose'].shape == (1, 6, 30)


def test_ids_labels_and_roles_pass_through(root):
    dataset = make(root, dict(role='gallery'), max_offset=3.0)
    sample = dataset[5]['data_samples']
    assert (sample.take, sample.subject, sample.role) == (
        's1_walk1',
        '1',
        'gallery',
    )
    assert sample.clip == 's1_walk1/None@10.000000'
    # The IMU window 10-18 s is mostly the jump from 12 s on.
    assert sample.action == 1
    assert isinstance(sample.streams, Recording)
    assert sample.max_offset == 3.0
    assert dataset.metainfo['classes'] == ['wave', 'jump']


def test_wrong_arguments_are_refused(root):
    for changes, message in (
        (dict(max_offset=-1), 'max_offset'),
        (dict(grid=0), 'grid'),
        (dict(edges='wrap'), 'edges'),
        (dict(time_origin='sun'), 'time_origin'),
        (dict(inner=dict(pipeline=PIPELINE)), 'inner dataset'),
        (dict(pipeline=[lambda results: None]), 'returned None for clip'),
    ):
        with pytest.raises(ValueError, match=message):
            make(root, **changes)[0]
    concat = dict(type='ConcatDataset', datasets=[make(root).dataset])
    with pytest.raises(TypeError, match='ConcatDataset'):
        SyncClipDataset(concat)
