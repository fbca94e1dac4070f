"""MMAction2's own train.py and test.py, as installed, on our configs."""

import importlib.util
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from programs import python

from mobind_mm.registry import MODELS

pytest.importorskip('mmaction')

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs/recognition'
NAMES = [path.stem for path in sorted(CONFIGS.glob('*.py'))]
SYNTHETIC = [name for name in NAMES if name.endswith('synthetic')]
UTD_MHAD = [name for name in NAMES if name.endswith('utd_mhad')]
EPOCHS = ['train_cfg.max_epochs=2', 'train_cfg.val_interval=2']


def script(name):
    """Path of a tool in the wheel of MMAction2, without importing it."""
    package = Path(importlib.util.find_spec('mmaction').origin).parent
    return package / '.mim/tools' / name


def call(folder, name, *arguments):
    """Run a tool in a folder that has nothing of the repository."""
    done = python('-W', 'ignore', script(name), *arguments, cwd=folder)
    return done.stdout + done.stderr


def train_and_test(folder, name, options):
    """Two epochs and a test; the accuracies of both evaluations."""
    config = CONFIGS / f'{name}.py'
    options = ['--cfg-options', *EPOCHS, *options]
    log = call(folder, 'train.py', config, '--seed', 0, *options)
    assert len(re.findall(r'Epoch\(train\) +\[\d', log)) >= 2
    saved = folder / 'work_dirs' / name / 'epoch_2.pth'
    tested = call(folder, 'test.py', config, saved, *options)
    pattern = r'acc/top1: ([\d.]+) .*acc/macro_f1: ([\d.]+)'
    (result,) = re.findall(pattern, tested)
    assert all(0 <= float(value) <= 1 for value in result)
    return log, result


def save_mobind(folder, name, epoch):
    """A checkpoint of configs/mobind, where the configs look for it."""
    cfg = Config.fromfile(ROOT / f'configs/mobind/{name}.py')
    init_default_scope('mobind_mm')
    torch.manual_seed(1)
    model = MODELS.build(cfg.model)
    path = folder / f'work_dirs/{name}/epoch_{epoch}.pth'
    path.parent.mkdir(parents=True)
    torch.save({'state_dict': model.state_dict()}, path)
    return model.state_dict()


def synthetic_options():
    """One or two people with few takes."""
    options = []
    for split, people in (('train', 2), ('val', 1), ('test', 1)):
        dataset = f'{split}_dataloader.dataset'
        options += [
            f'{dataset}.num_subjects={people}',
            f'{dataset}.takes_per_subject=1',
            f'{dataset}.stride_sec=2.5',
        ]
    return [*options, 'train_dataloader.batch_size=4']


def check_encoders(folder, name, source):
    """Frozen encoders still are MoBind's, others started there and moved."""
    path = folder / 'work_dirs' / name / 'epoch_2.pth'
    state = torch.load(path, weights_only=True)['state_dict']
    compared = 0
    for modality in ('imu', 'pose'):
        part = f'backbone.{modality}.encoder.patch_embed.weight'
        if part in state:
            start = source[f'{modality}_backbone.patch_embed.weight']
            change = (state[part] - start).abs().max()
            assert (change == 0) if 'frozen' in name else (0 < change < 0.1)
            compared += 1
    assert compared or 'two_stream' not in name


def run_synthetic(folder, name):
    source = save_mobind(folder, 'synthetic', 12)
    train_and_test(folder, name, synthetic_options())
    if 'mobind' in name or 'frozen' in name:
        check_encoders(folder, name, source)


def test_every_config_is_run_here():
    others = set(NAMES) - {*SYNTHETIC, *UTD_MHAD}
    assert others == {'pose_ntu60_2d'}
    assert {n.removesuffix('synthetic') for n in SYNTHETIC} == {
        n.removesuffix('utd_mhad') for n in UTD_MHAD
    }
    assert len(SYNTHETIC) == 8


@pytest.mark.slow
def test_frozen_two_stream_of_the_embedded_default(tmp_path):
    run_synthetic(tmp_path, 'two_stream_frozen_synthetic')


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', [n for n in SYNTHETIC if n != 'two_stream_frozen_synthetic']
)
def test_embedded_default(tmp_path, name):
    run_synthetic(tmp_path, name)


@pytest.fixture(scope='module')
def converted(utd_mhad_root, tmp_path_factory):
    """UTD-MHAD in our format."""
    out = tmp_path_factory.mktemp('data') / 'utd_mhad'
    tool = ROOT / 'tools/dataset_converters/utd_mhad.py'
    python(tool, utd_mhad_root, '--out', out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize('name', UTD_MHAD)
def test_utd_mhad(tmp_path, converted, name):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/utd_mhad').symlink_to(converted)
    source = save_mobind(tmp_path, 'utd_mhad', 300)
    options = [
        f'{split}_dataloader.dataset.indices=64' for split in ('train', 'test')
    ]
    options.append('val_dataloader.dataset.indices=16')
    train_and_test(tmp_path, name, options)
    if 'mobind' in name or 'frozen' in name:
        check_encoders(tmp_path, name, source)


@pytest.mark.slow
def test_a_missing_modality_at_test_time(tmp_path):
    """Hidden by a step of the test pipeline, with MMAction2's own test.py."""
    name = 'two_stream_synthetic'
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope('mmaction')
    # The registry of MMAction2 needs its own scope.
    from mmaction.registry import MODELS as THEIRS

    import mobind_mm.models.recognizers  # noqa: F401

    torch.manual_seed(0)
    model = THEIRS.build(cfg.model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'model.pth')
    steps = list(cfg.test_dataloader.dataset.pipeline)
    hidden = dict(type='mobind_mm.HideModality', imu_prob=1.0, pose_prob=0.0)
    child = tmp_path / 'no_sensors.py'
    child.write_text(
        f"_base_ = '{CONFIGS / name}.py'\n"
        f'test_dataloader = dict(dataset=dict(num_subjects=1, '
        f'takes_per_subject=1, pipeline={[hidden, *map(dict, steps)]!r}))\n'
    )
    alone = tmp_path / 'pose_alone.py'
    steps[-1] = dict(type='PackActionInputs', collect_keys=('keypoint',))
    alone.write_text(
        f"_base_ = '{CONFIGS / name}.py'\n"
        f'test_dataloader = dict(dataset=dict(num_subjects=1, '
        f'takes_per_subject=1, pipeline={[*map(dict, steps)]!r}))\n'
    )
    scores = []
    for config in (child, alone):
        out = tmp_path / f'{config.stem}.pkl'
        call(tmp_path, 'test.py', config, 'model.pth', '--dump', out)
        rows = pickle.loads(out.read_bytes())
        scores.append(np.stack([row['pred_score'] for row in rows]))
    assert len(scores[0]) > 3
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)


@pytest.mark.slow
def test_skeleton_pickle(tmp_path):
    rng = np.random.default_rng(0)
    annotations = [
        dict(
            frame_dir=f'v{i}',
            label=i % 3,
            img_shape=(480, 640),
            original_shape=(480, 640),
            total_frames=70,
            keypoint=rng.uniform(50, 400, (1 + i % 2, 70, 17, 2)),
            keypoint_score=rng.uniform(0.5, 1, (1 + i % 2, 70, 17)),
        )
        for i in range(12)
    ]
    names = [a['frame_dir'] for a in annotations]
    split = dict(xsub_train=names[:8], xsub_val=names[8:])
    path = tmp_path / 'data/skeleton/ntu60_2d.pkl'
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    train_and_test(tmp_path, 'pose_ntu60_2d', [])
