"""The table of missing sensors, on a model with random weights."""

import csv
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from mobind_mm.registry import MODELS

CONFIG = """
default_scope = 'mobind_mm'
placements = ('left_wrist', 'head')
pipeline = [
    dict(type='LoadWindow', placements=placements, channels=('acc', 'gyro')),
    dict(type='ResampleIMU', rate=25),
    dict(type='ResamplePose', rate=25),
    dict(type='NormalizeKeypoints', mode='torso'),
    dict(type='PackIMUPose', placements=placements,
         imu_channels=('acc', 'gyro')),
]
dataset = dict(
    type='SyntheticMotionDataset', split='test', num_subjects=2,
    takes_per_subject=1, take_sec=12.0, window_sec=4.0, stride_sec=2.0,
    pipeline=pipeline, test_mode=True,
)
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(dataset, role='gallery'), dataset],
    ),
)
test_evaluator = [dict(type='RetrievalMetric')]
test_cfg = dict()
neck = dict(type='LimbAttentionNeck', num_limbs=2, embed_dims=16)
backbone = dict(
    type='ConvFormer', in_channels=6, rate=25, window_sec=4.0,
    conv_channels=(8, 8), embed_dims=16, num_layers=1, num_heads=2,
    ffn_dims=16,
)
model = dict(
    type='MoBind', imu_backbone=backbone, pose_backbone=backbone,
    imu_neck=neck, pose_neck=neck,
    head=dict(type='HierarchicalContrastiveHead', embed_dims=16),
)
default_hooks = dict(result_table=dict(type='ResultTableHook'))
"""


@pytest.fixture
def model(project):
    """``model.py`` and its random weights in the project."""
    (project / 'model.py').write_text(CONFIG)
    cfg = Config.fromfile(project / 'model.py')
    init_default_scope('mobind_mm')
    torch.manual_seed(0)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state), project / 'weights.pth')
    DefaultScope._instance_dict.clear()
    return project


TOOL = ('analysis_tools/missing_sensors.py', 'model.py', 'weights.pth')


ALL = ('--out', 'out/table.json', '--pose', 'all')
METRIC = 'retrieval/imu2pose_mAP'


@pytest.mark.slow
def test_table_goes_on_and_agrees_with_a_test(model, run):
    """A row is what a test gives of recordings without the others."""
    text = (model / 'model.py').read_text()
    head = "dict(type='LoadWindow', placements=placements"
    assert head in text
    text = text.replace(head, "dict(type='LoadWindow', placements=('head',)")
    (model / 'head.py').write_text(text)
    done = run(
        (*TOOL, *ALL, '--sizes', '1'),
        ('test.py', 'head.py', 'weights.pth', '--out', 'head.json'),
    )
    assert done.returncode == 0, done.stderr
    path = model / 'out' / 'table.json'
    rows = json.loads(path.read_text())
    assert [row['sensors'] for row in rows] == ['left_wrist', 'head']
    expected = json.loads((model / 'head.json').read_text())
    assert {k: v for k, v in rows[1].items() if '/' in k} == expected
    assert rows[0][METRIC] != rows[1][METRIC]

    # What is in the file is not measured again.
    rows[0][METRIC] = -5.0
    path.write_text(json.dumps(rows))
    done = run(
        (*TOOL, *ALL, '--metrics', METRIC),
        (*TOOL, '--out', 'out/table.csv'),
        (*TOOL, '--out', 'out/table.csv', '--pose', 'all', '-n', '2'),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    assert found[:2] == rows
    assert [row['sensors'] for row in found[2:]] == ['left_wrist+head']
    assert '-5.000 left_wrist' in done.stdout and '0/1' in done.stdout
    assert 'imu2pose_R@1' in done.stdout  # of the tables without --metrics

    with (model / 'out' / 'table.csv').open() as file:
        kept = list(csv.DictReader(file))
    assert [(row['pose'], row['sensors']) for row in kept] == [
        ('kept', 'left_wrist+head'),
        ('kept', 'left_wrist'),
        ('kept', 'head'),
        ('all', 'left_wrist+head'),
    ]
    # With all sensors there is no limb to leave out.
    for key, value in found[2].items():
        if '/' in key:
            assert float(kept[0][key]) == float(kept[3][key]) == value
    assert float(kept[2][METRIC]) != found[1][METRIC]


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('--out', 'results.json'), 'another name'),
        (('--out', 'table.txt'), '.json or .csv'),
        (('--out', 'a.json', '--sizes', '3'), 'from 1 to 2'),
    ],
)
def test_mistakes_end_with_one_line(
    model, arguments, words, monkeypatch, command
):
    (model / 'results.json').write_text('{"a": 1}')
    monkeypatch.chdir(model)
    status, _, err = command(*TOOL, *arguments)
    assert status == 2
    (line,) = err.splitlines()
    assert words in line
