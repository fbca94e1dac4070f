"""Headers of our own files whose values are of other types."""

import json

import pytest
from corruption import check_contained
from json_mutations import mutations
from recordings import make_entry, make_recording, write_dataset
from safetensors import safe_open
from safetensors.numpy import save
from test_own_formats_corrupted import (
    read_embeddings,
    read_whole_imu,
    read_whole_pose,
    write_embeddings,
)

from mobind_mm.datasets import IMUPoseDataset
from mobind_mm.recordings.reading import read_source

COPIES = 150


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
        mutations(content, seed, COPIES * (1 + 60 * seed)),
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

    copies = mutations(header, seed, COPIES * (1 + 60 * seed))
    check(path, copies, write, read)
