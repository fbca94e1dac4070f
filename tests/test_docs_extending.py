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
from mmengine.config import Config
from mmengine.registry import init_default_scope
from recordings_on_disk import write_recordings
from tiny_training import train_and_test

from mobind_mm import skeleton
from mobind_mm.cli.config import set_data_root
from mobind_mm.datasets import TotalCaptureDataset
from mobind_mm.readers import base, check_reader, convert
from mobind_mm.registry import DATASETS, MODELS

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
    for registry in (DATASETS, MODELS):
        for name in ('JumpsDataset', 'PatchGRU'):
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
    """The test of a recipe evaluated retrieval and synchronisation."""
    assert 0 <= found['retrieval/imu2pose_R@1'] <= 1
    assert found['sync/num_clips'] > 0


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
    check(train_and_test(cfg, page / 'work'))


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
