"""The default config evaluates all four tasks with one command."""

import csv
import json
import socket
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from programs import program, tool

from mobind_mm.evaluation.embedding_table import read_embeddings
from mobind_mm.registry import MODELS

REPO = Path(__file__).parents[2]
KEYS = [
    *(
        f'retrieval/{d}_{m}'
        for d in ('imu2pose', 'pose2imu')
        for m in ('R@1', 'R@5', 'R@10', 'medR', 'mAP')
    ),
    *('retrieval/num_windows', 'sync/mae_s', 'sync/coverage'),
    *(f'sync/acc@{t}' for t in ('0.1', '0.2', '0.5')),
    *('sync/zero_mae_s', 'sync/floor_mae_s', 'sync/num_clips'),
    *('localization/subject_acc', 'localization/part_acc'),
    *('localization/num_open_scenes', 'localization/unmatched_f1'),
    *('action/knn_top1', 'action/linear_top1', 'action/num_queries'),
]


def shrink(node):
    """Few people everywhere: what is tested is the way, not the numbers."""
    if isinstance(node, dict):
        if node.get('type') == 'SyntheticMotionDataset':
            node.update(num_subjects=3, takes_per_subject=1, people=(2, 3))
            node.update(take_sec=28.0)
            node.update(stride_sec=7.0)
        for child in node.values():
            shrink(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            shrink(child)


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """The synthetic config on few people, and untrained weights."""
    root = tmp_path_factory.mktemp('four')
    cfg = Config.fromfile(REPO / 'configs' / 'mobind' / 'synthetic.py')
    shrink(cfg._cfg_dict)
    cfg.model.stream_stride_sec = 1.0
    cfg.dump(root / 'small.py')
    init_default_scope('mobind_mm')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    DefaultScope._instance_dict.clear()
    torch.save({'state_dict': model.state_dict()}, root / 'random.pth')
    return root


def test_one_command(small, command, monkeypatch):
    done = tool(
        *('test', 'small.py', 'random.pth', '--out', 'all.json'),
        *('--show-dir', 'shown', '--dump-cases', 'cases', '--dump-tokens'),
        *('--dump-embeddings', 'e.safetensors'),
        cwd=small,
    )
    results = json.loads((small / 'all.json').read_text())
    assert set(KEYS) <= results.keys()
    # 3 people, 28 s: 4 windows of 5 s every 7 s, 2 clips of 20 s.
    assert results['retrieval/num_windows'] == 12
    assert results['sync/num_clips'] == 6
    for task in ('retrieval', 'action', 'sync', 'localization'):
        assert done.stdout.count(f'── {task} ') == 1
    lines = done.stdout[done.stdout.index('── retrieval ') :].splitlines()
    assert max(map(len, lines[:30])) <= 79

    tables = {path.name for path in (small / 'cases').iterdir()}
    assert tables >= {'retrieval.csv', 'sync.csv', 'localization.csv'}
    with (small / 'cases' / 'sync.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and {'take', 'offset'} <= rows[0].keys()

    pictures = {path.name for path in (small / 'shown').iterdir()}
    for part in ('recall', 'similarity', 'sync_curve', 'confusion', 'skelet'):
        assert any(part in name for name in pictures), (part, pictures)
    for name in pictures:
        assert imread(small / 'shown' / name)[..., :3].std() > 0.03, name

    table = read_embeddings(small / 'e.safetensors')[0]
    assert (table['role'] == 'query').sum() == 12
    flags = '--similarity tokens --rerank 3 --localization --out saved.json'
    monkeypatch.chdir(small)
    status, _, err = command('mobind', 'eval', 'e.safetensors', *flags.split())
    assert status == 0, err
    saved = json.loads((small / 'saved.json').read_text())
    assert saved['retrieval/num_windows'] == 12
    for key in ('localization/subject_acc', 'localization/part_acc'):
        assert saved[key] == pytest.approx(results[key]), key


@pytest.mark.slow
@pytest.mark.parametrize('processes', [2, 3])
def test_processes_equal_one(small, processes):
    """None of 12 + 12 windows, 6 clips, … need divide by the processes."""
    common = ('small.py', 'random.pth')
    tool('test', *common, '--out', 'one.json', '--work-dir', 'one', cwd=small)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    name = f'{processes}.json'
    program(
        *('bash', REPO / 'tools' / 'dist_test.sh', *common, processes),
        *('--out', name, '--work-dir', 'many'),
        cwd=small,
        PORT=port,
    )
    one, many = (
        json.loads((small / file).read_text()) for file in ('one.json', name)
    )
    assert one.keys() == many.keys()
    for key, value in one.items():
        if value is not None:  # no such case among so few clips
            value = pytest.approx(value, rel=1e-6, abs=1e-6)
        assert many[key] == value, key
