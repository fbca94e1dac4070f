"""Damaged copies of every format end in a clear error or a recording."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
from corruption import check_contained, corruptions, malicious_pickle
from raw_tables import (
    mmpose_frames,
    people,
    pose_columns,
    sensor_columns,
    times_of,
    write_csv,
    write_mapping,
    write_skeletons,
)

from mobind_mm.readers.convert import convert
from mobind_mm.readers.own_data import OwnDataReader
from mobind_mm.recordings import PoseStream

COPIES = 200
ACC = {
    'columns': {'time': 't', 'acc': ['acc_x', 'acc_y', 'acc_z']},
    'units': {'time': 's', 'acc': 'm/s2'},
    'gravity': 'included',
    'frame': 'sensor',
}
COLUMNS = {
    'time': 't',
    'x': '{keypoint}_x',
    'y': '{keypoint}_y',
    'score': '{keypoint}_score',
}


@pytest.fixture(scope='module')
def short():
    """A second of a person: sensor columns and a skeleton, from 0."""
    (recording,) = people(seconds=1.0)
    pose = recording.pose
    start = float(times_of(pose)[0])
    pose = PoseStream(
        pose.clock.__class__(30, rate=30.0),
        pose.keypoints[:30],
        pose.scores[:30],
        'coco',
        pose.img_shape,
    )
    columns = sensor_columns(recording.imu['head'], start=start)
    names = ('t', 'acc_x', 'acc_y', 'acc_z')
    return {name: columns[name][:100] for name in names}, pose


def content_of(img_shape, **changes):
    content = {
        'takes': [
            {
                'take': 'a',
                'subject': 'anna',
                'split': 'train',
                'label': 'wave',
                'imu': {'head': {'file': 'imu.csv', **ACC}},
                'pose': {
                    'file': 'pose.json',
                    'format': 'mmpose',
                    'img_shape': list(img_shape),
                    'rate': 30,
                },
            }
        ]
    }
    content['takes'][0].update(changes)
    return content


def write_all(root, short):
    """Every format, small, and a mapping for each: file to mapping."""
    columns, pose = short
    shape = {'img_shape': list(pose.img_shape)}
    write_csv(root / 'imu.csv', columns)
    write_csv(root / 'imu2.csv', columns, ';', ',', newline='\r\n', bom=True)
    write_csv(root / 'pose.csv', pose_columns(pose))
    (root / 'pose.json').write_text(json.dumps(mmpose_frames(pose)))
    write_skeletons(root / 'pose.pkl', {'a': [pose], 'b': [pose]})
    (root / 'labels.csv').write_text(
        'start_s,end_s,label\n' + '0.1,0.5,wave\n0.5,0.9,sit\n' * 3
    )
    changes = {
        'imu.csv': {},
        'imu2.csv': {'imu': {'head': {'file': 'imu2.csv', **ACC}}},
        'pose.csv': {
            'pose': {
                'file': 'pose.csv',
                'format': 'table',
                'layout': 'coco',
                'columns': COLUMNS,
                'units': {'time': 's'},
                **shape,
            }
        },
        'pose.pkl': {
            'pose': {'file': 'pose.pkl', 'format': 'mmaction', 'rate': 30}
        },
        'labels.csv': {'segments': {'file': 'labels.csv'}},
        'lab.yml': {},
    }
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        pass
    else:
        table = pyarrow.table({**columns, 'id': ['a'] * 100})
        pyarrow.parquet.write_table(table, root / 'imu.parquet')
        sensor = {**ACC, 'file': 'imu.parquet', 'where': {'id': 'a'}}
        changes['imu.parquet'] = {'imu': {'head': sensor}}
    return {
        n: content_of(pose.img_shape, **change)
        for n, change in changes.items()
    }


FILES = ('imu.csv', 'imu2.csv', 'imu.parquet', 'pose.csv', 'pose.pkl')
FILES += ('labels.csv', 'lab.yml')


@pytest.mark.parametrize('name', FILES)
def test_corrupted_copies(short, tmp_path, name):
    contents = write_all(tmp_path, short)
    if name not in contents:
        pytest.skip('pyarrow is not installed')
    content = contents[name]
    if 'segments' in content['takes'][0]:
        del content['takes'][0]['label']
    mapping = write_mapping(tmp_path / 'lab.yml', content)
    damaged = tmp_path / name
    whole = damaged.read_bytes()
    outcomes = []
    dst = tmp_path / 'dst'
    again = partial(convert, OwnDataReader(mapping), dst)
    for _, copy in corruptions(whole, 5, COPIES):
        # The other files of the take are kept from one copy to the next.
        shutil.rmtree(dst / 'annotations', ignore_errors=True)
        damaged.write_bytes(copy)
        outcome = check_contained(again, dst)
        outcomes.append(outcome)
        if outcome != 'fine':
            assert name in outcome or 'lab.yml' in outcome, outcome
    damaged.write_bytes(whole)
    assert again().entries['train'] == 1
    assert len(outcomes) == COPIES
    # What is certainly broken is not taken for fine.
    assert sum(outcome != 'fine' for outcome in outcomes) > COPIES / 8


def test_malicious_pickle(short, tmp_path):
    contents = write_all(tmp_path, short)
    mapping = write_mapping(tmp_path / 'lab.yml', contents['pose.pkl'])
    marker = tmp_path / 'marker'
    (tmp_path / 'pose.pkl').write_bytes(malicious_pickle(marker))
    dst = tmp_path / 'dst'
    outcome = check_contained(
        lambda: convert(OwnDataReader(mapping), dst), dst
    )
    assert 'pose.pkl' in outcome and 'mkdir' in outcome
    assert not marker.exists()


def test_huge_tables_need_little_memory(tmp_path):
    """A line that never ends, and a Parquet file that unpacks to much."""
    (tmp_path / 'imu.csv').write_bytes(b't,acc_x,' + b'9' * 30_000_000)
    content = content_of((9, 9), pose=None)
    mapping = write_mapping(tmp_path / 'lab.yml', content)
    dst = tmp_path / 'dst'
    outcome = check_contained(
        lambda: convert(OwnDataReader(mapping), dst), dst
    )
    assert '1,000,000 characters and more in one line' in outcome
    pyarrow = pytest.importorskip('pyarrow')
    parquet = pytest.importorskip('pyarrow.parquet')
    rows = 4_000_000  # of one value: some kilobytes
    same = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(np.zeros(rows, np.int8)), pyarrow.array([1.0])
    ).dictionary_decode()
    names = ('t', 'acc_x', 'acc_y', 'acc_z')
    table = pyarrow.table([same] * 4, names=names)
    parquet.write_table(table, tmp_path / 'imu.parquet')
    content['takes'][0]['imu']['head']['file'] = 'imu.parquet'
    write_mapping(mapping, content)
    outcome = check_contained(
        lambda: convert(OwnDataReader(mapping), dst), dst
    )
    assert f'imu.parquet claims {rows} rows' in outcome
