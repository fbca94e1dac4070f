"""Limbs and backbones of strangers, through training and every task."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from recordings_on_disk import write_recordings
from tiny_training import train_and_test

from mobind_mm import skeleton
from mobind_mm.apis import MoBindInferencer, init_model
from mobind_mm.cli.config import set_data_root
from mobind_mm.datasets import TotalCaptureDataset
from mobind_mm.models import check_backbone, is_streaming
from mobind_mm.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[1]
ARMS = ('left_shoulder_blade', 'right_shoulder_blade')


@pytest.fixture(autouse=True)
def strangers(monkeypatch):
    """Python finds their modules, and forgets them afterwards."""
    monkeypatch.syspath_prepend(str(ROOT / 'tests/strangers'))
    limbs = dict(skeleton.LIMBS)
    yield
    skeleton.LIMBS.clear()
    skeleton.LIMBS.update(limbs)
    for name in ('shoulder_blades', 'patch_gru'):
        sys.modules.pop(name, None)
    MODELS.module_dict.pop('StrangerGRU', None)


def check(found):
    """All four tasks gave numbers."""
    for key in (
        *('retrieval/imu2pose_R@1', 'action/knn_top1', 'sync/mae_s'),
        *('localization/part_acc', 'sync/coverage'),
    ):
        assert key in found, (key, sorted(found))


@pytest.mark.slow
def test_a_backbone_is_registered_by_one_line(tmp_path):
    config = tmp_path / 'gru.py'
    gru = "dict(_delete_=True, type='StrangerGRU')"
    config.write_text(
        f"_base_ = '{ROOT}/configs/mobind/synthetic.py'\n"
        "custom_imports = dict(imports=['patch_gru'])\n"
        f'model = dict(imu_backbone={gru}, pose_backbone={gru})\n'
    )
    cfg = Config.fromfile(config)
    check(train_and_test(cfg, tmp_path / 'work'))
    model = init_model(config, tmp_path / 'work/epoch_1.pth')
    for name, channels in (('imu', 8), ('pose', 16)):
        backbone = getattr(model, f'{name}_backbone')
        assert not is_streaming(backbone)
        check_backbone(backbone, channels)
    # Longer than a window, as for inference.
    clip = dict(imu=torch.randn(1, 5, 6, 175), pose=torch.randn(1, 5, 6, 175))
    (sample,) = model(clip, mode='predict')
    assert sample.imu_embedding.shape == (11, 16)


@pytest.mark.slow
def test_a_limb_is_registered_by_one_line(tmp_path):
    """Its sensors are read from disk, packed, trained on and evaluated."""
    write_recordings(
        tmp_path / 'data',
        TotalCaptureDataset,
        rename={'left_wrist': ARMS[0], 'right_wrist': ARMS[1], 'head': 'head'},
    )
    # docs/extending.md: a copy of the data set's base with other placements.
    base = (ROOT / 'configs/_base_/datasets/own_data.py').read_text()
    lines = [
        f'placements = {(*ARMS, "head")!r}'
        if 'placements = ' in line
        else (line.replace("'./", f"'{ROOT}/configs/_base_/datasets/"))
        for line in base.splitlines()
    ]
    (tmp_path / 'arms_data.py').write_text('\n'.join(lines))
    leaf = (ROOT / 'configs/mobind/own_data.py').read_text()
    leaf = leaf.replace("'../_base_/datasets/own_data.py'", "'./arms_data.py'")
    leaf = leaf.replace("'../_base_", f"'{ROOT}/configs/_base_")
    config = tmp_path / 'arms.py'
    config.write_text(
        f"{leaf}\ncustom_imports = dict(imports=['shoulder_blades'])\n"
    )
    with pytest.raises(
        ValueError, match=r"'left_shoulder_blade'.*register_limb"
    ):
        skeleton.limb_indices('coco', ARMS)
    cfg = Config.fromfile(config)
    set_data_root(cfg, str(tmp_path / 'data'))
    check(train_and_test(cfg, tmp_path / 'work'))
    inferencer = MoBindInferencer(
        config, tmp_path / 'work/epoch_1.pth', 'cpu', show_progress=False
    )
    model = inferencer.model
    assert model.pose_tokenizer.indices[:2] == [[11, 5, 7], [12, 6, 8]]
    assert model.imu_neck.num_limbs == 3
    dataset = DATASETS.build(cfg.test_dataloader.dataset.datasets[1])
    recording = dataset.get_recording(dataset.load_entries()[0])
    assert set(recording.imu) == {*ARMS, 'head'}
    (embedded,) = inferencer.embed(recording)
    assert tuple(embedded['placements']) == (*ARMS, 'head')
    assert embedded['imu'].shape == embedded['pose'].shape
    assert 'offset_s' in inferencer.synchronize(recording)
