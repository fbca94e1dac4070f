import json
from pathlib import Path

import numpy as np
import pytest
from programs import tool
from raw_mri import IMG_SHAPE, make_subject, write_subject

from mobind_mm.recordings import read_imu, read_pose

REPO = Path(__file__).parents[2]
TOOL = 'dataset_converters/mri.py'
CPL = 'aligned_data/pose_labels/subject1_all_labels.cpl'


SHAPE = ('--img-shape', *map(str, IMG_SHAPE))


def test_command(tmp_path, command):
    for number in (1, 15):
        write_subject(tmp_path / 'src', make_subject(number))
    src, dst = tmp_path / 'src', tmp_path / 'dst'
    words = (TOOL, src, '--out', dst, *SHAPE, '--pose', 'mmpose', 'right')
    _, out, _ = command(*words)
    assert f'{dst}/annotations/train.json: 2 entries' in out
    assert f'{dst}/annotations/test.json: 2 entries' in out
    assert 'val' not in out
    for number in (1, 15):
        subject = make_subject(number)
        imu = read_imu(dst / f'imu/subject{number}.safetensors')
        acc = imu['left_knee'].channels['acc'][:]
        np.testing.assert_allclose(acc, subject.acc[5], atol=2e-5)
        for name, camera in (('mmpose', 'left'), ('right', 'right')):
            pose = read_pose(dst / f'pose/subject{number}_{name}.safetensors')
            view = subject.views[camera]
            np.testing.assert_allclose(pose.keypoints[:], view, atol=0.01)

    (src / CPL).write_bytes(b'')
    status, _, err = command(*words)
    assert status == 2
    last = err.splitlines()[-1]
    assert last.startswith('error: ') and CPL in last


@pytest.mark.slow
def test_configs_train_and_test_on_converted_recordings(tmp_path):
    """All three, unchanged but for the directory and the epochs."""
    gap = np.setdiff1d(np.arange(450), np.arange(200, 230))
    for number in (1, 2, 15, 16, 17):
        write_subject(
            tmp_path / 'src',
            make_subject(number, 450),
            gap if number == 17 else None,
        )
    data = ('--data-root', tmp_path / 'data')
    tool(
        *('dataset_converters/mri.py', tmp_path / 'src'),
        *('--out', tmp_path / 'data', *SHAPE),
        cwd=tmp_path,
    )
    checkpoint = None
    for name in ('mri', 'mri_published_stage1', 'mri_published_stage2'):
        config = REPO / 'configs/mobind' / f'{name}.py'
        weights = ('--load-from', checkpoint) if name[-1] == '2' else ()
        tool(
            *('train.py', config, *data, *weights, '--cfg-options'),
            *('train_cfg.max_epochs=2', 'train_cfg.val_interval=1'),
            cwd=tmp_path,
        )
        checkpoint = tmp_path / 'work_dirs' / name / 'epoch_2.pth'
        out = tmp_path / f'{name}.json'
        tool(
            *('test.py', config, checkpoint, *data, '--out', out), cwd=tmp_path
        )
        results = json.loads(out.read_text())
        # 21 windows of 45 s; in 7 of the second take's sensors are masked.
        assert 30 <= results['retrieval/num_windows'] < 42
        assert results['sync/num_clips'] == 12
        for key in (
            *('retrieval/imu2pose_R@1', 'action/knn_top1'),
            *('action/linear_top1', 'localization/part_acc'),
        ):
            assert 0 <= results[key] <= 1
        # Sensors and skeletons share a clock: no network is needed for it.
        assert results['sync/correlation_acc@0.2'] > 0.9
        assert results['sync/correlation_mae_s'] < 0.2
