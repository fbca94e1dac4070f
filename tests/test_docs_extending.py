"""The code of docs/extending.md does what the page says."""

import csv
import importlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from embedding_samples import evaluate, sample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from recordings_on_disk import write_recordings
from tiny_training import train_and_test

from mobind_mm import skeleton
from mobind_mm.apis import MoBindInferencer, init_model
from mobind_mm.cli.config import set_data_root
from mobind_mm.datasets import TotalCaptureDataset
from mobind_mm.models import is_streaming
from mobind_mm.readers import base, check_reader, convert
from mobind_mm.registry import DATASETS, METRICS, MODELS, TASK_UTILS
from mobind_mm.structures import MoBindDataSample
from mobind_mm.synchronization import (
    build_synchronizer,
    check_synchronizer,
    synchronize_clip,
    synchronize_clocks,
    synchronizer_names,
)
from mobind_mm.synchronization.clips import cut_clip
from mobind_mm.synchronization.conformance import simulate_recording

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r'```python\n# (\w+\.py)\n(.*?)```',
    (ROOT / 'docs/extending.md').read_text(),
    re.DOTALL,
)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Directory with the files of the page, which Python finds."""
    for name, code in BLOCKS:
        # The checkout may not be installed.
        code = code.replace('mobind_mm::', f'{ROOT}/configs/')
        (tmp_path / name).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(base, '_READERS', base.readers())
    init_default_scope('mobind_mm')
    limbs = dict(skeleton.LIMBS)
    yield tmp_path
    skeleton.LIMBS.clear()
    skeleton.LIMBS.update(limbs)
    for name, _ in BLOCKS:
        sys.modules.pop(Path(name).stem, None)
    for registry, name in (
        *((DATASETS, 'JumpsDataset'), (MODELS, 'PatchGRU')),
        *((TASK_UTILS, 'EnvelopeSynchronizer'), (METRICS, 'MarginMetric')),
    ):
        registry.module_dict.pop(name, None)


def write_take(source, name, seconds=12.0):
    """A wrist that goes up and down, as CSV and as MMPose's JSON."""
    times = np.arange(0, seconds, 0.01)
    with (source / f'{name}.csv').open('w') as file:
        writer = csv.writer(file)
        writer.writerow(['time', 'ax', 'ay', 'az', 'gx', 'gy', 'gz'])
        for t in times:
            writer.writerow([t, 0, 0, 9.81 + np.sin(6 * t), 0, 0, t / 100])
    body = np.array([[960 + 20 * (i % 2), 300 + 30 * i] for i in range(17)])
    frames = []
    for frame in range(int(seconds * 30)):
        keypoints = body.astype(float)
        keypoints[10, 1] += 40 * np.sin(6 * frame / 30)
        instance = {
            'keypoints': keypoints.tolist(),
            'keypoint_scores': [0.9] * 17,
        }
        frames.append({'frame_id': frame, 'instances': [instance]})
    (source / f'{name}.json').write_text(json.dumps(frames))


def test_each_addition_is_short():
    sizes = {}
    for name, code in BLOCKS:
        lines = [line for line in code.splitlines() if line.strip()]
        assert max(map(len, lines)) < 80
        part = name.split('.')[0].removesuffix('_config')
        sizes[part] = sizes.get(part, 0) + len(lines)
    assert sorted(sizes) == [
        'envelope',
        'gru',
        'jumps',
        'margin',
        'shoulder_blades',
    ]
    assert max(sizes.values()) < 40, sizes


def check(found):
    """The test of a recipe evaluated all four tasks."""
    assert 0 <= found['retrieval/imu2pose_R@1'] <= 1
    assert found['sync/num_clips'] > 0
    assert {'action/knn_top1', 'localization/part_acc'} <= {*found}


@pytest.mark.slow
def test_data_set(page):
    reader = importlib.import_module('jumps').JumpsReader('raw')
    takes = {
        'train': ('anna_jump', 'ben_turn'),
        'val': ('cleo_turn', 'dan_jump'),
        'test': ('gina_jump', 'hugo_turn'),
    }
    for split, names in takes.items():
        (page / 'raw' / split).mkdir(parents=True)
        for name in names:
            write_take(page / 'raw' / split, name)
    check_reader(reader, 'checked')
    assert convert(reader, 'data/jumps').entries['train'] == 2
    cfg = Config.fromfile('jumps_config.py')
    set_data_root(cfg, 'data/jumps')
    train = DATASETS.build(cfg.train_dataloader.dataset)
    assert train.metainfo['classes'] == ('jump', 'turn')
    samples = [train[i] for i in range(len(train))]
    found = {
        (s['data_samples'].subject, s['data_samples'].action) for s in samples
    }
    assert found == {('anna', 0), ('ben', 1)}
    present = np.array([s['inputs']['imu_mask'] for s in samples])
    assert present.tolist() == [[False, True, False, False, False]] * len(
        samples
    )
    test = DATASETS.build(cfg.test_dataloader.dataset)
    subjects = {s['data_samples'].subject for s in test}
    assert subjects == {'anna', 'ben', 'gina', 'hugo'}
    check(train_and_test(cfg, page / 'work'))


def test_limb(page):
    with pytest.raises(ValueError, match='left_shoulder_blade'):
        skeleton.limb_indices('coco', ['left_shoulder_blade'])
    # As the page says: two copies, the limbs in one, the import in the other.
    shutil.copytree(ROOT / 'configs', page / 'configs')
    data = page / 'configs/_base_/datasets/own_data.py'
    names = ('left_shoulder_blade', 'right_shoulder_blade', 'left_wrist')
    text, count = re.subn(
        r'^placements = .*$',
        f'placements = {names}',
        data.read_text(),
        flags=re.MULTILINE,
    )
    assert count == 1
    data.write_text(text)
    leaf = page / 'configs/mobind/own_data.py'
    leaf.write_text(
        f'{leaf.read_text()}\n'
        "custom_imports = dict(imports=['shoulder_blades'])\n"
    )
    rename = dict(zip(('left_knee', 'right_knee', 'left_wrist'), names))
    write_recordings(page / 'data', TotalCaptureDataset, rename=rename)
    cfg = Config.fromfile(leaf)
    set_data_root(cfg, 'data')
    assert cfg.model.limbs == names
    model = MODELS.build(cfg.model)
    assert model.pose_tokenizer.indices == [[11, 5, 7], [12, 6, 8], [5, 7, 9]]
    assert model.imu_neck.num_limbs == 3
    check(train_and_test(cfg, page / 'work'))
    inferencer = MoBindInferencer(
        leaf, 'work/epoch_1.pth', 'cpu', show_progress=False
    )
    dataset = DATASETS.build(cfg.test_dataloader.dataset.datasets[1])
    recording = dataset.get_recording(dataset.load_entries()[0])
    assert set(recording.imu) == {*names}
    (embedded,) = inferencer.embed(recording)
    assert tuple(embedded['placements']) == names
    assert embedded['imu'].shape == embedded['pose'].shape
    assert 'offset_s' in inferencer.synchronize(recording)


def test_backbone(page):
    (example,) = re.findall(
        r'```python\n(from gru import .*?)```',
        (ROOT / 'docs/extending.md').read_text(),
        re.DOTALL,
    )
    exec(example, {})
    torch.manual_seed(0)
    cfg = Config.fromfile('gru_config.py')
    model = MODELS.build(cfg.model)
    assert type(model.imu_backbone).__name__ == 'PatchGRU'
    inputs = dict(
        imu=torch.randn(4, 5, 6, 125),
        pose=torch.randn(4, 5, 6, 125),
        imu_mask=torch.rand(4, 5) > 0.3,
        pose_mask=torch.rand(4, 5, 125) > 0.3,
    )
    losses = model(inputs, mode='loss')
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    # What stands behind a mask changes nothing.
    model.eval()
    before = model(inputs)
    hidden = ~inputs['imu_mask'][..., None, None]
    inputs['imu'] = inputs['imu'].masked_fill(hidden, 7.0)
    torch.testing.assert_close(model(inputs)['imu'], before['imu'])
    check(train_and_test(cfg, page / 'work'))
    model = init_model('gru_config.py', 'work/epoch_1.pth')
    assert not is_streaming(model.imu_backbone)
    # Longer than a window, as for inference.
    clip = dict(imu=torch.randn(1, 5, 6, 175), pose=torch.randn(1, 5, 6, 175))
    (sample,) = model(clip, mode='predict')
    assert sample.imu_embedding.shape == (11, 128)


def test_synchroniser(page):
    cfg = Config.fromfile('envelope_config.py')
    (metric,) = cfg.test_cfg.tasks.sync.evaluator
    sync = METRICS.build(metric).synchronizers['envelope']
    assert type(sync).__name__ == 'EnvelopeSynchronizer'
    check_synchronizer(sync)
    assert 'EnvelopeSynchronizer' in synchronizer_names()
    with pytest.raises(
        ValueError, match=r"did you mean 'EnvelopeSynchronizer'\?"
    ):
        build_synchronizer('EnvelopeSynchroniser')
    recording = simulate_recording(3, 70.0, offset=0.7, drift_ppm=400.0)
    clock = synchronize_clip(recording, sync, 2.0)
    assert clock.result.offset == pytest.approx(0.7, abs=0.05)
    clock = synchronize_clocks(recording, sync, 2.0, clip_sec=15.0)
    times = np.array([5.0, 65.0])
    np.testing.assert_allclose(
        clock.to_imu_time(times), times * (1 + 4e-4) + 0.7, atol=0.03
    )
    assert not clock.abstained

    # Beside others.
    metric['synchronizers'] = dict(
        envelope='EnvelopeSynchronizer', correlation='correlation'
    )
    clips = []
    for seed, offset in enumerate((-1.1, 0.3, 0.9)):
        recording = simulate_recording(seed, 20.0, offset)
        meta = dict(take=f't{seed}', window_start=0.0, offset=offset)
        streams = cut_clip(recording, 4.0, 12.0, 2.0)
        meta.update(max_offset=2.0, streams=streams)
        clips.append(MoBindDataSample(metainfo=meta))
    metrics = evaluate(METRICS.build(metric), clips)
    assert metrics['sync/acc@0.1'] == 1.0
    assert metrics['sync/correlation_acc@0.1'] == 1.0
    assert metrics['sync/num_clips'] == 3


def test_metric(page):
    cfg = Config.fromfile('margin_config.py')
    rng = np.random.default_rng(0)
    points = rng.normal(size=(6, 8)) + 5 * np.eye(6, 8)
    samples = [
        sample(*(point + rng.normal(size=(2, 8)) / 4), take=f't{i}')
        for i, point in enumerate(points)
    ]
    built = [METRICS.build(metric) for metric in cfg.test_evaluator]
    metrics = evaluate(built, samples)
    assert 0 < metrics['retrieval/margin'] < 1
    assert metrics['retrieval/num_margin'] == 6
    assert metrics['retrieval/imu2pose_R@1'] == 1.0
