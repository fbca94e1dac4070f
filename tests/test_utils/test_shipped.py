import subprocess
import sys

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope

from mobind_mm.registry import MODELS
from mobind_mm.utils import register_all_modules
from mobind_mm.utils.checkpoint import check_checkpoint, read_checkpoint
from mobind_mm.utils.model_index import load_models


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The shipped model's entry, in a directory without any files."""
    monkeypatch.chdir(tmp_path)
    (model,) = (m for m in load_models() if m.name == 'mobind_synthetic')
    return model


def test_name_of_the_metafile_works_in_any_directory(model):
    name = model.entry['Weights']
    found = read_checkpoint(name)['state_dict']
    expected = torch.load(model.weights, weights_only=True)['state_dict']
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)
    with pytest.raises(FileNotFoundError, match=r'checkpoints/none\.pth'):
        read_checkpoint('mobind_mm/checkpoints/none.pth')


def test_pretrained_part(model):
    class Part(BaseModule):
        def __init__(self, init_cfg):
            super().__init__(init_cfg)
            self.pos_embed = torch.nn.Parameter(torch.zeros(1, 25, 128))

    name = model.entry['Weights']
    part = Part(
        dict(type='Pretrained', checkpoint=name, prefix='imu_backbone.')
    )
    part.init_weights()
    weights = read_checkpoint(name)['state_dict']
    assert torch.equal(part.pos_embed, weights['imu_backbone.pos_embed'])
    with pytest.raises(ValueError, match='does not fit'):
        check_checkpoint(part, name)


def test_register_all_modules():
    register_all_modules()
    assert DefaultScope.get_current_instance().scope_name == 'mobind_mm'
    assert 'MoBind' in MODELS.module_dict
    code = (
        'from mobind_mm.utils import register_all_modules as r; r(False); '
        'from mobind_mm import registry as g; '
        'print(*(len(x.module_dict) > 0 for x in (g.MODELS, g.DATASETS, '
        'g.TRANSFORMS, g.HOOKS, g.LOOPS, g.METRICS, g.VISUALIZERS, '
        'g.TASK_UTILS))); from mmengine.registry import DefaultScope; '
        'import sys; assert "mmaction" not in sys.modules; '
        'print(DefaultScope.get_current_instance())'
    )
    command = [sys.executable, '-W', 'ignore', '-c', code]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-2:] == [' '.join(['True'] * 8), 'None']
