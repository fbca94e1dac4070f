"""Leave one subject out, and training of the classifier, by command."""

import copy
import json
import math
from pathlib import Path

import pytest
from benchmarking.cross_validation import (
    SubjectFolds,
    check_disjoint,
    summarize,
)
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope

from mobind_mm.registry import DATASETS

CONFIG = """
_base_ = '{repo}/configs/mobind/synthetic_finetune.py'
placements = ('right_wrist', 'right_knee')
small = dict(num_subjects=1, takes_per_subject=2, take_sec=12.0)
split = dict(
    type='SyntheticMotionDataset', window_sec=5.0, stride_sec=5.0,
    min_label_overlap=0.5, **small
)
steps = [
    dict(type='LoadWindow', placements=placements, channels=('acc', 'gyro')),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='PackIMUPose', placements=placements,
         imu_channels=('acc', 'gyro')),
]
model = dict(
    limbs=placements, pose_backbone=None, pose_tokenizer=None,
    imu_backbone=dict(embed_dims=32, num_layers=1),
)
train_dataloader = dict(_delete_=True,
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='RepeatDataset', times=2, dataset=dict(
        split, split='train', filter_cfg=dict(labelled=True),
        pipeline=[dict(type='RandomWindow', max_shift_sec=1.0), *steps])),
)
test_dataloader = dict(_delete_=True,
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ConcatDataset', datasets=[
        dict(split, split='train', role='gallery', pipeline=steps,
             test_mode=True),
        dict(split, split='test', pipeline=steps, test_mode=True),
    ]),
)
val_dataloader = dict(_delete_=True,
    batch_size=4, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split, split='val', pipeline=steps, test_mode=True),
)
train_cfg = dict(max_epochs=1)
log_level = 'WARNING'
"""

REPO = Path(__file__).parents[2]


@pytest.fixture
def config(project):
    path = project / 'small.py'
    path.write_text(CONFIG.format(repo=REPO))
    yield path
    DefaultScope._instance_dict.clear()


def windows(dataset):
    """(role, subject, take, start) of every window."""
    if hasattr(dataset, 'dataset'):
        return windows(dataset.dataset)
    if hasattr(dataset, 'datasets'):
        return [w for part in dataset.datasets for w in windows(part)]
    # Not the recordings: simulating them takes its time.
    BaseDataset.full_init(dataset)
    infos = [
        BaseDataset.get_data_info(dataset, i) for i in range(len(dataset))
    ]
    return [
        (
            dataset.role,
            info['entry']['subject'],
            info['entry']['take'],
            info['window_start'],
        )
        for info in infos
    ]


def build(node):
    """Build a dataset without loading it."""
    node = copy.deepcopy(node)
    for child in [node, node.get('dataset') or {}]:
        for leaf in child.get('datasets', ()):
            leaf.lazy_init = True
    return DATASETS.build(dict(node, lazy_init=True))


@pytest.mark.slow
def test_folds_split_the_subjects(config):
    cfg = Config.fromfile(config)
    folds = SubjectFolds(cfg)
    assert len(folds.subjects) == 3
    tested = []
    for subject in folds.subjects:
        fold = folds.config(subject)
        train, test = (
            windows(build(loader.dataset))
            for loader in (fold.train_dataloader, fold.test_dataloader)
        )
        query = [w for w in test if w[0] == 'query']
        gallery = [w for w in test if w[0] == 'gallery']
        others = set(folds.subjects) - {subject}
        assert {w[1] for w in query} == {subject}
        assert {w[1] for w in train} == others == {w[1] for w in gallery}
        # No recording on both sides.
        assert not {w[2] for w in train + gallery} & {w[2] for w in query}
        check_disjoint(fold)
        tested += query
        # Training keeps its wrapper, pipeline and filter.
        assert fold.train_dataloader.dataset.type == 'RepeatDataset'
        for leaf in fold.train_dataloader.dataset.dataset.datasets:
            assert leaf.pipeline[0].type == 'RandomWindow'
            assert leaf.filter_cfg['labelled']
        assert fold.val_dataloader is None and fold.val_cfg is None
    # Every window is tested once: 3 subjects, 2 takes, 2 windows.
    assert len(tested) == len(set(tested)) == 12


def test_a_leak_is_found(config):
    fold = SubjectFolds(Config.fromfile(config))
    first, second, _ = fold.subjects
    cfg, other = fold.config(first), fold.config(second)
    cfg.test_dataloader = other.test_dataloader
    with pytest.raises(RuntimeError, match='both sides'):
        check_disjoint(cfg)


def test_weights_to_start_from_may_be_of_the_fold(config):
    cfg = Config.fromfile(config)
    cfg.load_from = 'runs/{subject}/last.pth'
    folds = SubjectFolds(cfg)
    subject = folds.subjects[1]
    assert folds.config(subject).load_from == f'runs/{subject}/last.pth'
    assert cfg.load_from == 'runs/{subject}/last.pth'
    # The same weights for all may have seen everybody.
    cfg.load_from = 'runs/last.pth'
    with pytest.warns(UserWarning, match="load_from='runs/last.pth'"):
        SubjectFolds(cfg)


def test_datasets_that_cannot_be_split(config):
    cfg = Config.fromfile(config)
    cfg.val_dataloader = None
    cfg.test_dataloader.dataset = cfg.test_dataloader.dataset.datasets[0]
    with pytest.raises(ValueError, match='two subjects at least'):
        SubjectFolds(cfg)
    # The same take under two names of a split.
    cfg.test_dataloader.dataset.takes_per_subject = 1
    with pytest.raises(ValueError, match='on both sides of a fold'):
        SubjectFolds(cfg)


def test_mean_and_standard_deviation():
    folds = {
        '1': {'action/top1': 0.5, 'action/num_windows': 3, 'a/b': None},
        '2': {'action/top1': 0.9, 'action/num_windows': 5, 'a/b': 1.0},
        '10': {'action/top1': 0.7, 'action/num_windows': 4, 'a/b': 1.0},
    }
    # Of a fold that just ran NaN is a number, not yet null.
    for values, undefined in zip(folds.values(), (1.0, math.nan, math.inf)):
        values['a/c'] = undefined
    out = summarize(folds)
    assert out['mean'] == {'action/top1': pytest.approx(0.7)}
    assert out['std'] == {'action/top1': pytest.approx(0.2)}
    one = summarize({'1': folds['1']})
    assert one['mean'] == {'action/top1': 0.5, 'a/c': 1.0}
    assert one['std'] == {}


@pytest.fixture
def run_here(project, monkeypatch, command):
    """Run a command of ``tools/`` in the project; its exit code and text."""
    monkeypatch.chdir(project)

    def run_here(name, *arguments):
        code, out, err = command(name, *arguments)
        return code, out + err

    return run_here


@pytest.mark.slow
def test_command_goes_on_where_it_was(project, config, run_here):
    out = project / 'table.json'
    command = (
        'analysis_tools/leave_one_subject_out.py', config.name, '--work-dir',
        'loso', '--out', out,
    )  # fmt: skip
    code, text = run_here(*command)
    assert code == 0 and 'leave one subject out' in text
    table = json.loads(out.read_text())
    state = project / 'loso' / 'folds.json'
    folds = json.loads(state.read_text())['folds']
    assert len(folds) == 3
    for subject, metrics in folds.items():
        assert metrics['action/num_windows'] > 0
        assert 0 <= metrics['action/top1'] <= 1
        assert (project / 'loso' / subject / 'epoch_1.pth').exists()
    top1 = [metrics['action/top1'] for metrics in folds.values()]
    assert table['mean/action/top1'] == pytest.approx(sum(top1) / 3)

    # One fold is not finished, another has a mark to be recognised by.
    saved = json.loads(state.read_text())
    marked, lost, _ = saved['folds']
    saved['folds'][marked]['action/top1'] = 0.123
    del saved['folds'][lost]
    state.write_text(json.dumps(saved))
    code, _ = run_here(*command)
    assert code == 0
    table = json.loads(out.read_text())
    assert table[f'{marked}/action/top1'] == 0.123
    assert table[f'{lost}/action/top1'] == folds[lost]['action/top1']

    code, text = run_here(*command, '--cfg-options', 'model.dropout=0.1')
    assert code == 2
    assert 'folds of another config' in text.splitlines()[-1]


@pytest.mark.slow
def test_classifier_learns_the_synthetic_actions(project, run_here):
    """Above chance after two epochs, on people it has never seen."""
    base = f"_base_ = '{REPO}/configs/mobind/synthetic_finetune.py'\n"
    (project / 'learn.py').write_text(base)
    code, _ = run_here(
        *('train.py', 'learn.py', '--work-dir', 'learn', '--cfg-options'),
        *('train_cfg.max_epochs=2', 'train_cfg.val_interval=2'),
        f'experiment_name={project.name}',
        *(
            'train_dataloader.dataset.dataset.num_subjects=8',
            'param_scheduler=None',
        ),
        *('model.imu_backbone.num_layers=1', 'model.pose_backbone=None'),
        *('model.pose_tokenizer=None', 'log_level=WARNING'),
        'val_dataloader.dataset.datasets.0.num_subjects=1',
    )
    assert code == 0
    (scalars,) = (project / 'learn').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    (top1,) = (row['action/top1'] for row in rows if 'action/top1' in row)
    assert top1 > 2 / 12
