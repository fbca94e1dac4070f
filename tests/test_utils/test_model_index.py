import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope

from mobind_mm.registry import MODELS
from mobind_mm.utils import model_index, register_all_modules
from mobind_mm.utils.checkpoint import check_checkpoint, read_checkpoint
from mobind_mm.utils.model_index import find_root, load_models

ROOT = Path(__file__).parents[2]


@pytest.fixture
def zoo(tmp_path):
    """Write a zoo of one metafile and return its root."""

    def write(models, root='.'):
        (tmp_path / root).mkdir(parents=True, exist_ok=True)
        (tmp_path / root / 'model-index.yml').write_text(
            'Import:\n  - configs/a/metafile.yml\n'
        )
        metafile = tmp_path / root / 'configs/a/metafile.yml'
        metafile.parent.mkdir(parents=True)
        metafile.write_text(models)
        return tmp_path / root

    return write


INDEX = """
Models:
  - {Name: one, Config: configs/a/one.py, Weights: mobind_mm/checkpoints/1.pth}
  - {Name: two, Config: configs/a/two.py, Weights: 'https://x.org/2.pth'}
  - {Name: three, Config: configs/a/three.py, Metadata: {Epochs: 3}}
"""


def test_entries_become_paths(zoo):
    root = zoo(INDEX)
    one, two, three = load_models(root)
    assert (one.name, one.config) == ('one', root / 'configs/a/one.py')
    assert one.weights == str(root / 'mobind_mm/checkpoints/1.pth')
    assert two.weights == 'https://x.org/2.pth'
    assert three.weights is None and three.entry['Metadata'] == {'Epochs': 3}
    assert three.metafile == root / 'configs/a/metafile.yml'


def test_weights_of_an_installed_package_lie_beside_mim(zoo, tmp_path):
    one, *_ = load_models(zoo(INDEX, 'mobind_mm/.mim'))
    assert one.config == tmp_path / 'mobind_mm/.mim/configs/a/one.py'
    assert one.weights == str(tmp_path / 'mobind_mm/checkpoints/1.pth')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('Models: {a: 1}', r"metafile.yml: Models is {'a': 1}, expected"),
        ('Models: [one]', r"Models\[0\] is 'one', expected a mapping"),
        ('Models: [{Name: one}]', r'Models\[0\] has Config None'),
        ('Models: [', 'metafile.yml is not a YAML file'),
        ('- one', r"metafile.yml holds \['one'\], expected a mapping"),
    ],
)
def test_mistakes_are_named(zoo, text, message):
    with pytest.raises(ValueError, match=message):
        load_models(zoo(text))


def test_missing_files_are_named(zoo, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'model-index\.yml'):
        load_models(tmp_path)
    root = zoo(INDEX)
    (root / 'configs/a/metafile.yml').unlink()
    with pytest.raises(FileNotFoundError, match=r'metafile\.yml'):
        load_models(root)


def test_root_is_mim_or_the_checkout(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(model_index, '_PACKAGE', tmp_path / 'mobind_mm')
    with pytest.raises(FileNotFoundError, match='install mobind_mm again'):
        find_root()
    (tmp_path / 'model-index.yml').touch()
    assert find_root() == tmp_path
    root = zoo(INDEX, 'mobind_mm/.mim')
    assert find_root() == root


def test_the_packages_own_zoo():
    assert 'mobind_synthetic' in [m.name for m in load_models()]
    assert all(m.config.is_file() for m in load_models(ROOT))


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
        'import sys, mobind_mm.apis.inferencer; '
        'assert "mmaction" not in sys.modules; '
        'print(DefaultScope.get_current_instance())'
    )
    command = [sys.executable, '-W', 'ignore', '-c', code]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-2:] == [' '.join(['True'] * 8), 'None']
