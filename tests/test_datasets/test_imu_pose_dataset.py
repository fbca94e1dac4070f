import pickle
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import ConcatDataset
from recordings import make_entry, make_recording, write_dataset
from torch.utils.data import DataLoader

from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.datasets.windows import label_at, window_starts
from mobind_mm.recordings import reading, write_annotations
from mobind_mm.registry import DATASETS
from mobind_mm.structures import MoBindDataSample

TEST_PIPELINE = [
    dict(type='LoadWindow'),
    dict(type='ResampleIMU', rate=50),
    dict(type='ResamplePose', rate=10),
    dict(type='NormalizeKeypoints', mode='image'),
    dict(
        type='PackIMUPose',
        placements=['left_wrist', 'head'],
        imu_channels=['acc', 'quat'],
    ),
]
SEGMENTS = [
    dict(start_s=0.0, end_s=4.0, label=0),
    dict(start_s=4.0, end_s=10.0, label=1),
]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    entries = [
        make_entry('long', 10.0, SEGMENTS),
        make_entry('short', 4.0),
        make_entry('middle', 6.5),
    ]
    return write_dataset(tmp_path_factory.mktemp('data'), entries)


def make(root, **changes):
    args = dict(
        ann_file='annotations/train.json',
        data_root=str(root),
        window_sec=5.0,
        stride_sec=2.0,
        pipeline=TEST_PIPELINE,
    )
    return IMUPoseDataset(**{**args, **changes})


def windows_of(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(i['take'], i['window_start'], i['action']) for i in infos]


# Windows and labels


@given(
    st.floats(0.5, 60),
    st.floats(0.2, 20),
    st.floats(0.05, 10),
    st.floats(-100, 100),
)
def test_windows_tile_the_entry(duration, window, stride, start):
    entry = dict(start_s=start, end_s=start + duration)
    starts = window_starts(entry, window, stride)
    if duration < window - 1e-5:
        assert starts == []
    elif duration > window + 1e-5:
        assert starts[0] == start
        np.testing.assert_allclose(np.diff(starts), stride)
        assert starts[-1] + window <= entry['end_s'] + 1e-5
        # One more would not fit.
        assert starts[-1] + stride + window > entry['end_s'] - 1e-5


@pytest.mark.parametrize(
    ('window', 'stride', 'expected'),
    [
        (5.0, 2.0, [0, 2, 4]),
        (5.0, 5.0, [0, 5]),
        (5.0, 0.2, [0.2 * i for i in range(26)]),
        (10.0, 1.0, [0]),
        (0.3, 0.1, [0.1 * i for i in range(98)]),
        (10.1, 1.0, []),
    ],
)
def test_window_starts_in_ten_seconds(window, stride, expected):
    starts = window_starts(dict(start_s=0, end_s=10), window, stride)
    assert starts == pytest.approx(expected)


def test_one_window_a_segment_is_centred_and_inside():
    segments = [
        dict(start_s=0.0, end_s=1.0),
        dict(start_s=3.0, end_s=6.0),
        dict(start_s=9.0, end_s=10.0),
    ]
    entry = dict(start_s=0.0, end_s=10.0, segments=segments)
    assert window_starts(entry, 2.0, None) == [0.0, 3.5, 8.0]
    entry['segments'] = []
    assert window_starts(entry, 2.0, None) == [4.0]
    assert window_starts(entry, 10.5, None) == []


@pytest.mark.parametrize(
    ('start', 'min_overlap', 'expected'),
    [
        (0.0, 0.5, 0),
        (1.0, 0.5, 0),  # 3 s of 5 in the first
        (1.5, 0.5, 0),  # exactly half; equal halves: the first
        (1.6, 0.5, 1),
        (2.0, 0.7, -1),  # 2 s and 3 s
        (4.0, 1.0, 1),
        (8.0, 0.5, -1),  # 2 s of 5 in the second
        (8.0, 0.4, 1),
        (20.0, 0.1, -1),
    ],
)
def test_label_at(start, min_overlap, expected):
    segments = [
        dict(start_s=0.0, end_s=4.0, label=0),
        dict(start_s=4.0, end_s=10.0, label=1),
    ]
    assert label_at(segments, start, 5.0, min_overlap) == expected


@given(st.floats(0, 8), st.floats(0.5, 6), st.floats(0.01, 1))
def test_label_at_is_the_largest_overlap(start, length, share):
    segments = [
        dict(start_s=1.0, end_s=3.0, label=0),
        dict(start_s=2.0, end_s=5.5, label=1),
        dict(start_s=7.0, end_s=8.0, label=2),
    ]
    grid = start + length * (np.arange(20000) + 0.5) / 20000
    covered = [
        np.mean((s['start_s'] <= grid) & (grid <= s['end_s']))
        for s in segments
    ]
    ranked = np.sort(covered)
    if abs(ranked[-1] - share) < 1e-3 or ranked[-1] - ranked[-2] < 1e-3:
        return  # the grid cannot tell
    expected = int(np.argmax(covered)) if ranked[-1] > share else -1
    assert label_at(segments, start, length, share) == expected


# The dataset


def test_windows_of_the_directory(root):
    dataset = make(root)
    assert windows_of(dataset) == [
        ('long', 0.0, 0),
        ('long', 2.0, 1),
        ('long', 4.0, 1),
        ('middle', 0.0, -1),
    ]
    assert dataset.metainfo['classes'] == ['wave', 'jump']
    assert windows_of(make(root, stride_sec=None, window_sec=4.0)) == [
        ('long', 0.0, 0),
        ('long', 5.0, 1),
        ('short', 0.0, -1),
        ('middle', 1.25, -1),
    ]
    labelled = make(root, filter_cfg=dict(labelled=True))
    assert [w[0] for w in windows_of(labelled)] == ['long'] * 3
    assert [labelled.get_cat_ids(i) for i in range(3)] == [[0], [1], [1]]


def test_a_sample(root):
    sample = make(root, role='gallery')[1]
    inputs = sample['inputs']
    assert {k: (tuple(v.shape), v.dtype) for k, v in inputs.items()} == dict(
        imu=((2, 7, 250), torch.float32),
        pose=((2, 6, 50), torch.float32),
        imu_mask=((2,), torch.bool),
        pose_mask=((2, 50), torch.bool),
    )
    assert inputs['imu_mask'].tolist() == [True, False]
    found = sample['data_samples']
    assert isinstance(found, MoBindDataSample)
    assert found.metainfo == dict(
        sample_idx=1,
        take='long',
        subject='1',
        scene='long',
        camera=None,
        role='gallery',
        action=1,
        window_start=2.0,
        window_sec=5.0,
        imu_rate=50.0,
        pose_rate=10.0,
        placements=('left_wrist', 'head'),
    )


def test_mmengine_features(root):
    dataset = DATASETS.build(
        dict(
            type='IMUPoseDataset',
            ann_file='annotations/train.json',
            data_root=str(root),
            window_sec=5.0,
            pipeline=TEST_PIPELINE,
            lazy_init=True,
        )
    )
    assert not dataset._fully_initialized
    dataset.full_init()
    everything = windows_of(dataset)
    assert windows_of(make(root, serialize_data=False)) == everything
    assert windows_of(make(root, indices=[0, 3])) == [
        everything[0],
        everything[3],
    ]
    assert windows_of(dataset.get_subset([2, 1])) == [
        everything[2],
        everything[1],
    ]
    assert dataset[-1]['data_samples'].sample_idx == len(dataset) - 1
    assert make(root, metainfo=dict(classes=['x', 'y'])).metainfo[
        'classes'
    ] == ['x', 'y']


def test_query_and_gallery_in_one_loader(root):
    both = ConcatDataset([make(root), make(root, role='gallery')])
    samples = [both[i]['data_samples'] for i in range(len(both))]
    assert [(s.sample_idx, s.role) for s in samples] == [
        (i, role) for role in ('query', 'gallery') for i in range(4)
    ]


def test_no_samples_travel_with_the_dataset(root):
    dataset = make(root)
    dataset[0]
    assert len(pickle.dumps(dataset)) < 20_000
    window = pickle.loads(dataset.data_bytes[: dataset.data_address[0]])
    assert set(window) == {'entry', 'window_start'}


@pytest.mark.parametrize(
    'context', ['fork', pytest.param('spawn', marks=pytest.mark.slow)]
)
def test_workers_give_the_same_samples(root, context):
    dataset = make(root)
    dataset[0]  # opens files in this process
    assert reading._CACHE._files
    expected = [dataset[i]['inputs'] for i in range(len(dataset))]
    loader = DataLoader(
        dataset,
        num_workers=2,
        batch_size=1,
        collate_fn=_first,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    for _ in range(2):
        for sample, inputs in zip(loader, expected):
            for key, tensor in inputs.items():
                assert torch.equal(sample['inputs'][key], tensor)


def _first(batch):
    return batch[0]


# Mistakes


def test_a_pipeline_that_returns_none_is_an_error(root):
    for test_mode in (False, True):
        dataset = make(root, pipeline=[_none], test_mode=test_mode)
        with pytest.raises(ValueError, match=r"window 1 \(take 'long' at 2.0"):
            dataset[1]


def _none(results):
    return None


def test_windows_longer_than_every_recording(root):
    with pytest.raises(ValueError, match=r"window_sec=20.*'long', has 10.000"):
        make(root, window_sec=20)


class _Elsewhere(IMUPoseDataset):
    CONVERTER = 'convert_elsewhere'
    SOURCE = 'https://elsewhere.org'


def test_data_that_was_not_prepared(root):
    with pytest.raises(
        FileNotFoundError, match=r'`convert_elsewhere` .*\.org'
    ):
        _Elsewhere('annotations/train.json', data_root='nowhere')
    with pytest.raises(FileNotFoundError, match=r'val\.json'):
        make(root, ann_file='annotations/val.json')


def test_a_missing_pose_file_is_named(tmp_path):
    write_dataset(tmp_path, [make_entry('a', 6.0)])
    (tmp_path / 'pose/a.safetensors').unlink()
    with pytest.raises(FileNotFoundError, match=r'pose/a\.safetensors'):
        make(tmp_path)[0]


def test_an_entry_without_skeleton_or_imu(tmp_path):
    write_dataset(tmp_path, [make_entry('a', 6.0), make_entry('b', 6.0)])
    ann = tmp_path / 'annotations/train.json'
    text = ann.read_text().replace('"pose/a.safetensors"', 'null')
    ann.write_text(text.replace('"imu/b.safetensors"', 'null'))
    dataset = make(tmp_path, stride_sec=None)
    imu_only, pose_only = dataset[0]['inputs'], dataset[1]['inputs']
    assert not imu_only['pose_mask'].any() and imu_only['imu_mask'].any()
    assert not pose_only['imu_mask'].any() and pose_only['pose_mask'].all()
    assert not imu_only['pose'].any() and not pose_only['imu'].any()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (dict(window_sec=0), 'window_sec'),
        (dict(stride_sec=-1), 'stride_sec'),
        (dict(stride_sec=1e-9), 'more than 10000000 windows'),
        (dict(min_label_overlap=0), 'min_label_overlap'),
        (dict(role='probe'), "'probe'"),
        (dict(filter_cfg=dict(size=3)), r"\['size'\]"),
        (dict(metainfo=dict(classes=['one'])), r"entry 0 \(take 'long'\)"),
    ],
)
def test_arguments(root, changes, words):
    with pytest.raises(ValueError, match=words):
        make(root, **changes)


def test_no_labelled_window(tmp_path):
    write_dataset(tmp_path, [make_entry('a', 6.0)])
    with pytest.raises(ValueError, match='none of 1'):
        make(tmp_path, filter_cfg=dict(labelled=True))


def test_no_entries(tmp_path):
    write_dataset(tmp_path, [])
    with pytest.raises(ValueError, match='no entries'):
        make(tmp_path)


# Subclasses say where entries and recordings come from, nothing else.


def test_an_entry_and_its_streams_must_agree(tmp_path):
    entries = [make_entry('a', 10.0), make_entry('b', 10.0)]
    write_dataset(tmp_path, entries)
    entries[0]['end_s'] = 60.0
    entries[1]['imu_path'] = entries[1].pop('imu')
    metainfo = dict(classes=['wave', 'jump'], skeleton='coco')
    write_annotations(tmp_path / 'annotations/train.json', metainfo, entries)
    dataset = make(tmp_path)
    with pytest.raises(ValueError, match=r"'a': start_s=0.0 and end_s=60.0"):
        dataset[0]
    with pytest.raises(ValueError, match=r"'b' needs \['imu'\]"):
        dataset[len(dataset) - 1]


def test_an_annotation_file_must_be_named(tmp_path):
    with pytest.raises(ValueError, match='needs ann_file'):
        make(tmp_path, ann_file='')


def test_a_source_without_files():
    from recordings import make_recording

    class InMemory(IMUPoseDataset):
        def load_entries(self):
            self._metainfo.setdefault('classes', ['wave', 'jump'])
            return [dict(take='a', start_s=0.0, end_s=9.0, segments=SEGMENTS)]

        def get_recording(self, entry):
            assert entry['take'] == 'a'
            return make_recording(9.0)

    dataset = InMemory(pipeline=TEST_PIPELINE)
    assert windows_of(dataset) == [('a', 0.0, 0), ('a', 2.0, 1), ('a', 4.0, 1)]
    assert dataset[2]['inputs']['imu'].shape == (2, 7, 250)


@pytest.mark.parametrize('end', [1e7, 1.7e9, 1e15])
def test_an_entry_that_ends_in_years_is_compared_first(tmp_path, end):
    entry = {**make_entry('take', 2.0), 'end_s': end}
    write_dataset(tmp_path, [entry], {'take': make_recording(2.0)})
    start = time.process_time()
    with pytest.raises(ValueError, match=r'train\.json.*end_s'):
        IMUPoseDataset(
            ann_file=str(tmp_path / 'annotations/train.json'),
            data_root=str(tmp_path),
            window_sec=1.0,
            stride_sec=0.5,
        )
    assert time.process_time() - start < 5  # it laid millions of windows
