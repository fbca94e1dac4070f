"""The ablation changes the objective, and nothing else."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mobind_mm.registry import MODELS

ROOT = Path(__file__).parents[1] / 'configs' / 'mobind'
DATA = ('synthetic', 'utd_mhad')
ROWS = {
    'global': {'global': 1.0},
    'local': {'global': 1.0, 'local': 1.0},
    'token': {'global': 1.0, 'local': 1.0, 'token': 0.5},
    'full': {'global': 1.0, 'local': 1.0, 'token': 0.5},
    'stage1': {'local': 1.0, 'token': 0.5},
    'stage2': {'global': 1.0, 'multi_positive': 0.1},
}
MASKED = ('full', 'stage2')


pytestmark = pytest.mark.usefixtures('mobind_scope')


def load(data, row):
    return Config.fromfile(ROOT / 'ablation' / f'{data}_{row}.py')


def rest(cfg, *keys):
    """A config without some of its keys, as plain data."""
    cfg = cfg.to_dict()
    return {k: v for k, v in cfg.items() if k not in keys}


def test_every_row_has_a_file():
    assert {path.stem for path in (ROOT / 'ablation').glob('*.py')} == {
        f'{data}_{row}' for data in DATA for row in ROWS
    }


@pytest.mark.parametrize('data', DATA)
@pytest.mark.parametrize('row', ROWS)
def test_objective(data, row):
    cfg = load(data, row)
    model = MODELS.build(cfg.model)
    weights = {k: v for k, v in model.head.weights.items() if v}
    assert weights == ROWS[row]
    terms = {f'loss_{name}' for name in weights}
    if row in MASKED:
        terms.add('loss_masked_token')
        assert cfg.model.masked_token_head.loss_weight == 0.3
    limbs = len(cfg.model.limbs)
    train = cfg.train_dataloader.dataset
    seconds = train.get('dataset', train).window_sec
    rates = (cfg.model.imu_rate, cfg.model.pose_rate)
    imu, pose = (
        torch.randn(2, limbs, 6, round(seconds * rate)) for rate in rates
    )
    losses = model(dict(imu=imu, pose=pose), mode='loss')
    assert set(losses) == terms
    assert torch.isfinite(sum(losses.values()))
    per_limb = row == 'stage1'
    assert (model.imu_neck is None) == (model.pose_neck is None) == per_limb
    clip = model(dict(imu=imu, pose=pose))['imu']
    assert clip.ndim == (3 if per_limb else 2)


@pytest.mark.parametrize('data', DATA)
def test_rows_share_everything_else(data):
    full = load(data, 'full')
    parts = ('head', 'masked_token_head')
    for row in ('token', 'local', 'global'):
        other = load(data, row)
        assert rest(other, 'model') == rest(full, 'model')
        assert rest(other.model, *parts) == rest(full.model, *parts)
    schedule = ('train_cfg', 'param_scheduler', 'load_from')
    for row in ('stage1', 'stage2'):
        stage = load(data, row)
        assert rest(stage, 'model', *schedule) == rest(
            full, 'model', *schedule
        )
        changed = (*parts, 'imu_neck', 'pose_neck')
        assert rest(stage.model, *changed) == rest(full.model, *changed)


@pytest.mark.parametrize('data', DATA)
def test_whole_objective_is_that_of_the_main_config(data):
    full = load(data, 'full')
    main = Config.fromfile(ROOT / f'{data}.py')
    if data == 'synthetic':
        assert full.to_dict() == main.to_dict()
        return
    changed = ('imu_neck', 'pose_neck', 'head', 'masked_token_head')
    assert rest(full.model, *changed) == rest(main.model, *changed)
    changed = ('model', 'train_cfg', 'param_scheduler', 'neck')
    assert rest(full, *changed) == rest(main, *changed)
    # All limbs of the skeleton: the worn sensor of a clip must not show.
    datasets = [
        full.train_dataloader.dataset.dataset,
        *full.test_dataloader.dataset.datasets,
    ]
    for dataset in datasets:
        assert not dataset.pipeline[-1].get('paired_only', False)


@pytest.mark.parametrize('data', DATA)
def test_two_stages(data):
    """They are as long as one row, and the second starts from the first."""
    first, second = load(data, 'stage1'), load(data, 'stage2')
    epochs = [cfg.train_cfg.max_epochs for cfg in (first, second)]
    assert sum(epochs) == load(data, 'full').train_cfg.max_epochs
    assert second.load_from == (
        f'work_dirs/{data}_stage1/epoch_{epochs[0]}.pth'
    )
    assert epochs[0] % first.default_hooks.checkpoint.interval == 0
    one, two = (
        MODELS.build(cfg.model).state_dict() for cfg in (first, second)
    )
    encoders = [name for name in two if 'backbone' in name]
    assert encoders and set(encoders) <= set(one)
    assert all(one[name].shape == two[name].shape for name in encoders)
