"""Every config resolves, fits together, and says what it changes."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from mobind_mm.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1]
# Fine-tuned classifiers and models for real people have tests of their own.
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs' / 'mobind').glob('*.py')
    if 'finetune' not in path.stem and 'real' not in path.stem
)
NAMES = [path.stem for path in CONFIGS]


pytestmark = pytest.mark.usefixtures('mobind_scope')


def load(name):
    return Config.fromfile(ROOT / 'configs' / 'mobind' / f'{name}.py')


def datasets(cfg):
    """All dataset configs that cut windows, in all dataloaders."""
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    for loader in loaders:
        for dataset in loader.dataset.get('datasets', [loader.dataset]):
            yield dataset.get('dataset', dataset)


def trained_on(cfg):
    """Config of the recordings that train, without what batches them."""
    dataset = cfg.train_dataloader.dataset
    return dataset.get('dataset', dataset)


def step(dataset, name):
    (found,) = (t for t in dataset.pipeline if t.type == name)
    return found


def test_names_users_type_are_there():
    published = {'mri_published_stage1', 'mri_published_stage2'}
    own = {'synthetic', 'utd_mhad', 'totalcapture', 'mri', 'egohumans'}
    others = {'utd_mhad_published', 'synthetic_missing_sensors', 'own_data'}
    assert own | published | others == set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_pipelines_fit_the_model(name):
    """Windows of the pipelines' shapes pass the model and train it."""
    torch.manual_seed(0)
    cfg = load(name)
    model = MODELS.build(cfg.model)
    for dataset in datasets(cfg):
        pack = step(dataset, 'PackIMUPose')
        limbs = len(pack.placements)
        width = {'acc': 3, 'gyro': 3, 'quat': 4}
        channels = sum(width[c] for c in pack.imu_channels)
        imu_rate = step(dataset, 'ResampleIMU').rate
        pose_rate = step(dataset, 'ResamplePose').rate
        seconds = dataset.window_sec
        inputs = dict(
            imu=torch.randn(3, limbs, channels, round(seconds * imu_rate)),
            pose=torch.randn(3, limbs, 6, round(seconds * pose_rate)),
        )
        losses = model(inputs, mode='loss')
        assert torch.isfinite(sum(losses.values()))
        for part, rate in (('imu', imu_rate), ('pose', pose_rate)):
            backbone = getattr(model, f'{part}_backbone')
            assert backbone.patch == round(0.2 * rate)
            assert backbone.rate == rate
        if model.pose_tokenizer is not None:
            assert cfg.model.limbs == pack.placements
            assert model.pose_tokenizer.rate == pose_rate
        if model.imu_tokenizer is not None:
            assert cfg.model.imu_tokenizer.channels == pack.imu_channels
    terms = {f'loss_{k}' for k, v in model.head.weights.items() if v}
    if model.masked_token_head is not None:
        terms.add('loss_masked_token')
    assert set(losses) == terms


@pytest.mark.parametrize('name', NAMES)
def test_train_and_test_pipelines_agree(name):
    """What reaches the model differs by random transforms only."""

    def fixed(dataset):
        # The released recipe trains on limbs with a sensor only.
        return [
            {key: t[key] for key in t if key != 'paired_only'}
            for t in dataset.pipeline
            if 'Random' not in t.type
        ]

    first, *others = datasets(load(name))
    assert any('Random' in t.type for t in first.pipeline) != (
        name.startswith('mri_published')
    )
    for dataset in others:
        assert fixed(dataset) == fixed(first)
        assert fixed(dataset) == list(dataset.pipeline)


@pytest.mark.parametrize(
    'name',
    [
        *('synthetic', 'synthetic_missing_sensors', 'totalcapture'),
        *('mri', 'egohumans'),
    ],
)
def test_paper_objective(name):
    cfg = load(name).model
    assert cfg.head.global_weight == cfg.head.local_weight == 1.0
    assert cfg.head.token_weight == 0.5
    assert cfg.masked_token_head.loss_weight == 0.3
    assert cfg.masked_token_head.get('mask_ratio', 0.75) == 0.75


def test_released_recipe():
    first, second = (load(f'mri_published_stage{i}') for i in (1, 2))
    assert first.model.imu_neck is None and second.model.imu_neck is not None
    assert dict(first.optim_wrapper.optimizer) == dict(
        type='Adam', lr=3e-4, weight_decay=1e-4, fused=True
    )
    assert dict(second.optim_wrapper.optimizer) == dict(
        type='Adam', lr=1e-4, weight_decay=1e-4, fused=True
    )
    heads = [MODELS.build(cfg.model).head.weights for cfg in (first, second)]
    assert [{k: w for k, w in head.items() if w} for head in heads] == [
        {'local': 1.0, 'token': 0.5},
        {'global': 1.0, 'multi_positive': 0.1},
    ]
    assert second.model.masked_token_head.loss_weight == 0.3
    limbs = len(step(trained_on(first), 'PackIMUPose').placements)
    assert first.train_dataloader.batch_size * limbs == 1356
    assert second.train_dataloader.batch_size == 128
    patience = [
        cfg.default_hooks.early_stopping.patience * cfg.train_cfg.val_interval
        for cfg in (first, second)
    ]
    assert patience == [1000, 500]


@pytest.mark.parametrize('name', NAMES)
def test_learning_rate_is_for_the_batch_size(name):
    cfg = load(name)
    batch_size = cfg.train_dataloader.batch_size
    assert cfg.auto_scale_lr.base_batch_size == batch_size


@pytest.mark.parametrize('name', NAMES)
def test_splits_and_roles(name):
    cfg = load(name)
    train = trained_on(cfg)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        gallery, query = loader.dataset.datasets
        assert gallery.role == 'gallery' and query.get('role') is None
        for key in ('ann_file', 'split'):
            assert gallery.get(key) == train.get(key)
            if key in train:
                assert query[key] != train[key]
        assert gallery.test_mode and query.test_mode


@pytest.mark.parametrize(
    'name', [n for n in NAMES if not n.startswith('synthetic')]
)
def test_without_data_the_converter_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = load(name).train_dataloader.dataset
    source = {'own_data': 'tables'}.get(name, name.split('_pub')[0])
    converter = f'`mobind convert {source}`'
    with pytest.raises(FileNotFoundError, match=converter):
        DATASETS.build(dataset)


def tasks_of(cfg, stage):
    return cfg[f'{stage}_cfg'].get('tasks') or {}


@pytest.mark.parametrize('name', NAMES)
def test_one_test_covers_the_four_tasks(name):
    cfg = load(name)
    types = {metric.type for metric in cfg.test_evaluator}
    assert types >= {'RetrievalMetric', 'ActionKNNMetric'}
    assert types >= {'ActionProbeMetric', 'LocalizationMetric'}
    sync = tasks_of(cfg, 'test')['sync']
    assert [metric.type for metric in sync.evaluator] == ['SyncMetric']


@pytest.mark.parametrize('name', NAMES)
def test_pipelines_of_tasks_are_those_of_the_windows(name):
    """The same signals reach the model; what is hidden or kept is extra."""
    cfg = load(name)
    extra = {'KeepStreams', 'HideModality'}

    def fixed(pipeline):
        return [
            {
                key: t[key]
                for key in t
                if key not in ('meta_keys', 'margin_sec')
            }
            for t in pipeline
            if t.type not in extra
        ]

    for stage in ('val', 'test'):
        expected = fixed(
            cfg[f'{stage}_dataloader'].dataset.datasets[1].pipeline
        )
        for task in tasks_of(cfg, stage).values():
            outer = task.dataloader.dataset
            for dataset in outer.get('datasets', [outer]):
                assert fixed(dataset.pipeline) == expected
                assert dataset.get('dataset', dataset).get('test_mode', True)


@pytest.mark.parametrize('name', NAMES)
def test_tasks_leave_training_subjects_alone(name):
    cfg = load(name)
    train = trained_on(cfg)
    for stage in ('val', 'test'):
        for task in tasks_of(cfg, stage).values():
            outer = task.dataloader.dataset
            for dataset in outer.get('datasets', [outer]):
                source = dataset.get('dataset', dataset)
                for key in ('ann_file', 'split'):
                    if key in train:
                        assert source[key] != train[key]


ALL = sorted((ROOT / 'configs').glob('[!_]*/**/*.py'))
EPOCH = 3  # steps


@pytest.mark.parametrize('path', ALL, ids=lambda path: path.stem)
def test_leaf_is_short(path):
    assert len(path.read_text().splitlines()) <= 60


def learning_rates(cfg, work_dir):
    """Learning rate of every step, by schedulers that MMEngine builds."""
    runner = Runner(
        nn.Linear(1, 1),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=list(range(EPOCH)), sampler=dict(type='DefaultSampler')
        ),
        train_cfg=cfg.train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=peak(cfg))),
        param_scheduler=cfg.param_scheduler,
        default_scope='mobind_mm',
        experiment_name=work_dir.name,
        log_level='ERROR',
    )
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    schedulers = runner.build_param_scheduler(runner.param_schedulers)
    rates = []
    for _ in range(EPOCH * runner.max_epochs):
        rates.append(runner.optim_wrapper.param_groups[0]['lr'])
        for scheduler in schedulers:
            scheduler.step()
    return rates


def peak(cfg):
    return cfg.optim_wrapper.optimizer.lr


def scheduled():
    """One config for each schedule that a config has."""
    chosen = {}
    for path in ALL:
        cfg = Config.fromfile(path)
        if cfg.get('param_scheduler'):
            key = str(cfg.param_scheduler) + str(cfg.train_cfg.max_epochs)
            chosen.setdefault(key, path)
    return list(chosen.values())


@pytest.mark.parametrize('path', scheduled(), ids=lambda path: path.stem)
@pytest.mark.parametrize('max_epochs', [None, 48])
def test_learning_rate_falls_to_the_end_of_any_training(
    path, max_epochs, tmp_path
):
    """Whatever ``train_cfg.max_epochs`` is, and nothing else is changed."""
    cfg = Config.fromfile(path)
    if max_epochs:
        cfg.merge_from_dict({'train_cfg.max_epochs': max_epochs})
    assert all('end' not in s for s in cfg.param_scheduler[1:])
    rates = learning_rates(cfg, tmp_path)
    assert len(rates) == EPOCH * cfg.train_cfg.max_epochs
    warm_up = EPOCH * cfg.param_scheduler[0].end
    falling = rates[warm_up - 1 :]
    first = cfg.param_scheduler[0].start_factor
    assert first <= 0.1
    assert rates[0] == pytest.approx(first * peak(cfg))
    assert max(rates) == pytest.approx(peak(cfg))
    assert sorted(falling, reverse=True) == falling
    assert rates[-1] == min(falling) < 0.02 * max(rates)


def test_a_training_may_end_within_its_warm_up(tmp_path):
    cfg = load('utd_mhad')
    cfg.merge_from_dict({'train_cfg.max_epochs': 1})
    rates = learning_rates(cfg, tmp_path)
    assert len(rates) == EPOCH and sorted(rates) == rates
