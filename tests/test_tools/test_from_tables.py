"""Own tables through the commands: convert, train, test."""

import json
from pathlib import Path

import numpy as np
import pytest
from programs import tool
from raw_tables import (
    mmpose_frames,
    people,
    sensor_columns,
    times_of,
    write_csv,
    write_mapping,
)

REPO = Path(__file__).parents[2]

TOOL = 'dataset_converters/from_tables.py'
SMALL = [
    'train_cfg.max_epochs=1',
    'train_cfg.val_interval=1',
    'train_dataloader.batch_size=4',
    *(f'{s}_dataloader.num_workers=0' for s in ('train', 'val', 'test')),
    *(
        f'{s}_dataloader.persistent_workers=False'
        for s in ('train', 'val', 'test')
    ),
]
SYNC = 'test_cfg.tasks.sync.dataloader'


def write_study(root, seconds):
    """A phone on a wrist and a video, of two people in each split."""
    for split in ('train', 'val', 'test'):
        made = people(seconds, 2, split, noise=1.0)
        for number, recording in enumerate(made):
            take = f'{split}_{number}'
            start = float(times_of(recording.pose)[0])
            columns = sensor_columns(
                recording.imu['right_wrist'],
                acc='g',
                gyro='deg/s',
                start=start,
            )
            write_csv(root / f'raw/{take}.csv', columns)
            path = root / f'pose/{take}.json'
            path.parent.mkdir(exist_ok=True)
            frames = mmpose_frames(recording.pose, first=1)
            path.write_text(json.dumps(frames))
    names = ('time', 'acc', 'gyro')
    columns = {n: [f'{n}_{axis}' for axis in 'xyz'] for n in names[1:]}
    return write_mapping(
        root / 'study.yml',
        {
            'pattern': 'raw/{split}_{number}.csv',
            'defaults': {
                'take': '{split}_{number}',
                'subject': '{split}_{number}',
                'split': '{split}',
                'label': 'person_{number}',
                'imu': {
                    'right_wrist': {
                        'file': 'raw/{take}.csv',
                        'columns': {'time': 't', **columns},
                        'units': {'time': 's', 'acc': 'g', 'gyro': 'deg/s'},
                        'gravity': 'included',
                        'frame': 'sensor',
                    }
                },
                'pose': {
                    'file': 'pose/{take}.json',
                    'format': 'mmpose',
                    'img_shape': [1080, 1920],
                    'rate': 30,
                },
            },
        },
    )


def test_command(tmp_path, command):
    mapping = write_study(tmp_path, 1.0)
    path = tmp_path / 'raw/val_1.csv'
    lines = path.read_text().split('\n')
    cells = lines[5].split(',')
    lines[5] = ','.join([cells[0], '', *cells[2:]])
    path.write_text('\n'.join(lines))
    dst = tmp_path / 'dst'
    _, printed, _ = command(TOOL, mapping, '--out', dst)
    for split in ('train', 'val', 'test'):
        assert f'{dst}/annotations/{split}.json: 2 takes' in printed
    place = f'{mapping}: take val_1.imu.right_wrist'
    assert f'note: {place}: {path}: 1 of 300 rows' in printed
    train = json.loads((dst / 'annotations/train.json').read_text())
    assert train['metainfo']['classes'] == ['person_0', 'person_1']

    mapping.write_text(mapping.read_text().replace('acc: g', 'acc: G'))
    status, _, err = command(TOOL, mapping, '--out', dst)
    assert status == 2
    (line,) = err.splitlines()
    assert line == (
        f"error: {mapping}: defaults.imu.right_wrist.units.acc: 'G' is not "
        'known. Choose from m/s2, g, mg.'
    )


@pytest.mark.slow
def test_tables_train_and_test(tmp_path):
    mapping = write_study(tmp_path, 22.0)
    data = tmp_path / 'data'
    tool(
        *('dataset_converters/from_tables', mapping),
        *('--out', data, '--workers', 2),
        cwd=tmp_path,
    )
    config = REPO / 'configs/mobind/own_data.py'
    tool(
        *('train', config, '--data-root', data, '--cfg-options', *SMALL),
        cwd=tmp_path,
    )
    checkpoint = tmp_path / 'work_dirs/own_data/epoch_1.pth'
    tool(
        *('test', config, checkpoint, '--data-root', data),
        *('--out', 'results.json', '--cfg-options', *SMALL),
        *(f'{SYNC}.num_workers=0',),
        cwd=tmp_path,
    )
    results = json.loads((tmp_path / 'results.json').read_text())
    # Windows of 5 s every 2.5 s of takes of 24 s, on a clock from 0.
    assert results['retrieval/num_windows'] == 2 * 8
    assert np.isfinite(results['action/knn_top1'])
    assert any(key.startswith('sync/') for key in results)
