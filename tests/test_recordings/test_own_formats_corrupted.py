"""Damaged copies of every file that the package writes and reads again."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from corruption import check_contained, corruptions
from json_mutations import mutations
from mmengine.logging.history_buffer import HistoryBuffer
from recordings import make_entry, make_recording, write_dataset
from row_files import read_rows, write_rows
from safetensors import safe_open
from safetensors.numpy import save

from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.evaluation import DumpEmbeddings
from mobind_mm.evaluation.embedding_table import read_embeddings
from mobind_mm.readers.sync_annotations import read_sync_file
from mobind_mm.recordings import read_annotations, read_imu, read_pose
from mobind_mm.recordings.reading import read_source
from mobind_mm.structures import MoBindDataSample
from mobind_mm.utils.checkpoint import (
    find_resumable,
    read_checkpoint,
    save_checkpoint,
)

COPIES = 48


def write_all(root):
    """A small file of every format: name to path."""
    wave = dict(start_s=0.5, end_s=1.5, label=0)
    entry = make_entry('take', 2.0, [wave])
    recording = make_recording(2.0)
    write_dataset(root, [entry], {'take': recording})
    rows = [dict(name='a', value=0.5, n=3), dict(name='b', value=None, n=4)]
    for kind in ('json', 'csv'):
        write_rows(root / f'rows.{kind}', rows)
    (root / 'sync.txt').write_text(
        'index start end subject action offset_ms\n'
        '0 10.0 18.0 s1 walk1 -1500\n1 20.5 28.5 s1 run1 300\n'
    )
    write_embeddings(root / 'embeddings.safetensors')
    run = root / 'run'
    checkpoint = dict(
        meta=dict(epoch=1, iter=3, cfg='a = dict(b=1)\n'),
        state_dict={'line.weight': torch.arange(24.0).view(4, 6)},
        message_hub=dict(
            log_scalars={'train/loss': HistoryBuffer([1.0], [1])}
        ),
        optimizer=dict(state={}, param_groups=[dict(lr=0.1)]),
    )
    save_checkpoint(checkpoint, run / 'epoch_1.pth')
    save_checkpoint(checkpoint, run / 'epoch_2.pth')
    (run / 'last_checkpoint').write_text(str(run / 'epoch_2.pth'))


def write_embeddings(path):
    metric = DumpEmbeddings(path, tokens=True)
    metric.dataset_meta = dict(classes=('wave', 'walk'))
    rng = np.random.default_rng(0)
    for number in range(3):
        meta = dict(take=f't{number}', subject='s', scene='r', camera=None)
        meta.update(window_start=0.5 * number, window_sec=1.0, role='query')
        sample = MoBindDataSample(metainfo=dict(meta, action=number % 2))
        for name, shape in (('embedding', 4), ('tokens', (2, 3, 4))):
            for side in ('imu', 'pose'):
                value = torch.from_numpy(rng.normal(size=shape))
                setattr(sample, f'{side}_{name}', value)
        sample.imu_mask = sample.pose_mask = torch.tensor([True, False])
        sample.pose_token_mask = torch.ones(2, 3, dtype=torch.bool)
        metric.process({}, [sample.to_dict()])
    metric.evaluate(3)


def read_whole_imu(path):
    for stream in read_imu(path).values():
        stream.clock.at(slice(0, stream.clock.num_samples))
        for channel in stream.channels.values():
            channel[:]


def read_whole_pose(path):
    stream = read_pose(path)
    stream.keypoints[:], stream.scores[:]


def read_state(path):
    """A checkpoint that is not refused holds what was written."""
    checkpoint = read_checkpoint(str(path))
    weight = checkpoint['state_dict']['line.weight']
    assert torch.equal(weight, torch.arange(24.0).view(4, 6))
    assert checkpoint['meta']['iter'] == 3


def resume(path):
    """Whatever stands in one file, there is a whole checkpoint to take."""
    found = find_resumable(str(path.parent), lambda message: None)
    read_state(found)


READERS = {
    'annotations/train.json': read_annotations,
    'imu/take.safetensors': read_whole_imu,
    'pose/take.safetensors': read_whole_pose,
    'embeddings.safetensors': read_embeddings,
    'rows.json': partial(read_rows, columns=['name', 'value', 'n']),
    'rows.csv': partial(read_rows, columns=['name', 'value', 'n']),
    'sync.txt': partial(read_sync_file, time_unit='seconds'),
    'run/epoch_1.pth': read_state,
    'run/epoch_2.pth': resume,
    'run/last_checkpoint': resume,
}


def check_reader(root, name, seed, copies):
    """Outcomes of reading damaged copies: fine or a clear error each."""
    write_all(root)
    path, read = root / name, READERS[name]
    read(path)
    outcomes = []
    for what, copy in corruptions(path.read_bytes(), seed, copies):
        # A name of its own: files are kept open by name.
        if name.startswith('run/'):
            damaged = path
        else:
            damaged = path.with_name(f'{len(outcomes)}{path.suffix}')
        damaged.write_bytes(copy)
        outcome = check_contained(lambda p=damaged: read(p), root / 'empty')
        if outcome != 'fine':
            assert damaged.name in outcome, (what, outcome)
        outcomes.append(outcome)
        if damaged != path:
            damaged.unlink()
    return outcomes


@pytest.mark.parametrize('name', READERS)
def test_damaged_copies(tmp_path, name):
    outcomes = check_reader(tmp_path, name, 11, COPIES)
    refused = sum(outcome != 'fine' for outcome in outcomes)
    if READERS[name] is resume:
        assert refused == 0
    else:
        assert refused > COPIES / 6


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(2))
@pytest.mark.parametrize('name', READERS)
def test_many_damaged_copies(tmp_path, name, seed):
    check_reader(tmp_path, name, seed, 1000)


# Headers of our own files whose values are of other types

HEADER_COPIES = 150


@pytest.fixture
def root(tmp_path):
    wave = dict(start_s=0.5, end_s=1.5, label=0)
    entry = make_entry('take', 2.0, [wave])
    write_dataset(tmp_path, [entry], {'take': make_recording(2.0)})
    write_embeddings(tmp_path / 'embeddings.safetensors')
    return tmp_path


def read_windows(path):
    dataset = IMUPoseDataset(
        ann_file=str(path),
        data_root=str(path.parents[1]),
        window_sec=1.0,
        stride_sec=0.5,
    )
    for index in range(min(len(dataset), 3)):
        dataset.get_data_info(index)


def check(path, copies, write, read):
    """Each copy is read, or there is one clear error that names a file."""
    outcomes = set()
    for number, copy in enumerate(copies):
        odd = path.with_name(f'{number}{path.suffix}')
        write(odd, copy)
        outcome = check_contained(lambda p=odd: read(p), path.parents[1] / '-')
        named = odd.name in outcome or 'does not exist' in outcome
        assert outcome == 'fine' or named, outcome
        outcomes.add(outcome == 'fine')
        odd.unlink()
    assert outcomes == {True, False}


@pytest.mark.parametrize('seed', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_annotations(root, seed):
    path = root / 'annotations' / 'train.json'
    content = json.loads(path.read_text())
    check(
        path,
        mutations(content, seed, HEADER_COPIES * (1 + 60 * seed)),
        lambda odd, copy: odd.write_text(json.dumps(copy)),
        read_windows,
    )


def read_imu_file(path):
    read_whole_imu(path)
    read_source(path)


def read_pose_file(path):
    read_whole_pose(path)
    read_source(path)


@pytest.mark.parametrize('seed', [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ('name', 'read'),
    [
        ('imu/take.safetensors', read_imu_file),
        ('pose/take.safetensors', read_pose_file),
        ('embeddings.safetensors', read_embeddings),
    ],
)
def test_headers(root, name, read, seed):
    path = root / name
    with safe_open(path, 'numpy') as file:
        header = json.loads(file.metadata()['header'])
        arrays = {key: file.get_tensor(key) for key in list(file.keys())}

    def write(odd, copy):
        odd.write_bytes(save(arrays, {'header': json.dumps(copy)}))

    copies = mutations(header, seed, HEADER_COPIES * (1 + 60 * seed))
    check(path, copies, write, read)
