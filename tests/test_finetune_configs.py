"""Configs of action recognition resolve, fit, and take MoBind weights."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mobind_mm.datasets import UTDMHADDataset
from mobind_mm.datasets.synthetic.actions import ACTIONS
from mobind_mm.registry import MODELS
from mobind_mm.structures import MoBindDataSample
from mobind_mm.utils.checkpoint import check_state_dict

CONFIGS = Path(__file__).parents[1] / 'configs' / 'mobind'
NAMES = [path.stem for path in sorted(CONFIGS.glob('*finetune*.py'))]


pytestmark = pytest.mark.usefixtures('mobind_scope')


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def leaves(node):
    return [d.get('dataset', d) for d in node.get('datasets', [node])]


def step(dataset, name):
    (found,) = (t for t in dataset.pipeline if t.type == name)
    return found


def test_all_are_there():
    utd_mhad = {f'utd_mhad_finetune_{n}' for n in ('imu', 'pose', 'imu_pose')}
    from_real = {'utd_mhad_from_real_finetune' + n for n in ('', '_imu')}
    assert set(NAMES) == {'synthetic_finetune'} | utd_mhad | from_real


@pytest.mark.parametrize('name', NAMES)
def test_windows_fit_the_model(name):
    cfg = load(name)
    model = MODELS.build(cfg.model)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        for dataset in leaves(loader.dataset):
            pack = step(dataset, 'PackIMUPose')
            limbs = len(pack.placements)
            seconds = dataset.window_sec
            imu_rate = step(dataset, 'ResampleIMU').rate
            pose_rate = step(dataset, 'ResamplePose').rate
            rows = getattr(model.imu_tokenizer, 'in_channels', 6)
            inputs = dict(
                imu=torch.randn(3, limbs, rows, round(seconds * imu_rate)),
                pose=torch.randn(3, limbs, 6, round(seconds * pose_rate)),
            )
            samples = [
                MoBindDataSample(metainfo=dict(action=i)) for i in range(3)
            ]
            losses = model(inputs, samples, mode='loss')
            assert torch.isfinite(sum(losses.values()))
            if cfg.model.pose_tokenizer is not None:
                assert cfg.model.limbs == pack.placements
                assert model.pose_tokenizer.rate == pose_rate
            if cfg.model.imu_tokenizer is not None:
                channels = cfg.model.imu_tokenizer.get('channels', ('acc',))
                assert channels == pack.imu_channels
    uses = name.partition('finetune')[2].strip('_').split('_')
    uses = ['imu', 'pose'] if uses == [''] else uses
    if name == 'synthetic_finetune':
        assert cfg.model.num_classes == len(ACTIONS)
    else:
        classes = UTDMHADDataset.METAINFO['classes']
        assert cfg.model.num_classes == len(classes)
    assert list(model.modalities) == uses


@pytest.mark.parametrize('name', NAMES)
def test_weights_of_the_config_it_follows_fit(name):
    source = MODELS.build(load(name.partition('_finetune')[0]).model)
    model = MODELS.build(load(name).model)
    state = source.state_dict()
    check_state_dict(model, state, 'checkpoint', partial=True)
    report = model.load_state_dict(state, strict=False)
    for key in report.missing_keys:
        assert key.startswith(('pools.', 'classifiers.')), key


@pytest.mark.parametrize('name', NAMES)
def test_schedule_and_pipelines_agree(name):
    cfg = load(name)
    assert cfg.train_cfg.max_epochs % cfg.train_cfg.val_interval == 0
    batch_size = cfg.train_dataloader.batch_size
    assert cfg.auto_scale_lr.base_batch_size == batch_size
    train = cfg.train_dataloader.dataset
    train = train.get('dataset', train)
    fixed = [t for t in train.pipeline if 'Random' not in t.type]
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        for dataset in leaves(loader.dataset):
            assert list(dataset.pipeline) == fixed and dataset.test_mode
            if dataset.get('role', 'query') == 'query':
                for key in ('ann_file', 'split'):
                    shown, known = dataset.get(key), train.get(key)
                    assert shown is None or shown != known


@pytest.mark.parametrize(
    'name', [n for n in NAMES if n.startswith('utd_mhad_finetune')]
)
def test_variants_differ_in_the_modality_alone(name):
    both, one = load('utd_mhad_finetune_imu_pose'), load(name)
    for key in both.keys() - {'model'}:
        assert both[key] == one[key], key
    for key, value in both.model.items():
        assert one.model[key] in (None, value), key
