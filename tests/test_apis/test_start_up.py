"""What is loaded, and what is not, before somebody needs it."""

import pytest
from programs import python

from mobind_mm.apis import MoBindInferencer, model_zoo
from mobind_mm.utils import model_index


def run(code):
    """Run a program; returns what it printed."""
    return python('-W', 'ignore', '-c', code).stdout.split()


SYNCHRONIZE = """
import sys
import numpy as np
from mobind_mm.apis import MoBindInferencer
from mobind_mm.apis.sources import to_recording
from mobind_mm.apis.synchronizing import describe, export_imu, on_video_clock

rng = np.random.default_rng(0)
streams = to_recording({
    'imu': {'right_wrist': {
        'acc': rng.normal(size=(800, 3)) + [0, 0, 9.8],
        'gyro': 0.01 * rng.normal(size=(800, 3)), 'rate': 100.0}},
    'pose': {'keypoints': rng.uniform(1, 99, (240, 17, 2)), 'rate': 30.0,
             'img_shape': (100, 100)}})
inferencer = MoBindInferencer(device='cpu', show_progress=False)
assert inferencer.synchronize(streams, max_offset=1.0)['model_used']
print(*sys.modules)
"""


def test_synchronising_loads_nothing_for_training_or_drawing():
    modules = set(run(SYNCHRONIZE))
    assert {'torch', 'mobind_mm.apis.embedder'} <= modules
    unwanted = ('matplotlib', 'cv2', 'sklearn', 'mmengine.runner.runner')
    unwanted += ('mmengine.visualization', 'mmengine.infer')
    unwanted += ('mobind_mm.visualization', 'torch.distributed.fsdp')
    unwanted += ('scipy.stats',)
    assert not modules & set(unwanted)
    simulator = 'mobind_mm.datasets.synthetic'
    assert not [name for name in modules if name.startswith(simulator)]


@pytest.mark.parametrize('name', ['recordings', 'utils.model_index', 'apis'])
def test_what_does_without_torch(name):
    modules = set(run(f'import sys, mobind_mm.{name}; print(*sys.modules)'))
    assert f'mobind_mm.{name}' in modules
    assert not modules & {'torch', 'mmengine', 'scipy', 'pandas'}


def test_names_are_found_when_used():
    from mobind_mm import apis, datasets, visualization

    for package in (apis, datasets, visualization):
        for name in package.__all__:
            assert getattr(package, name).__name__.endswith(name)
        with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
            _ = package.nobody


# Names of models, from an index like that of the repository

METAFILE = """
Collections: [{Name: MoBind}]
Models:
  - Name: mobind_big
    Config: configs/mobind/big.py
    Weights: https://example.com/big.pth
  - Name: mobind_small
    Alias: small
    Config: configs/mobind/synthetic.py
    Weights: mobind_mm/checkpoints/small.pth
  - Name: mobind_untrained
    Config: configs/mobind/other.py
"""


@pytest.fixture(params=['checkout', 'wheel'])
def package(request, tmp_path, monkeypatch):
    package = tmp_path / 'mobind_mm'
    root = tmp_path if request.param == 'checkout' else package / '.mim'
    (root / 'configs/mobind').mkdir(parents=True)
    (root / 'model-index.yml').write_text(
        'Import: [configs/mobind/metafile.yml]\n'
    )
    (root / 'configs/mobind/metafile.yml').write_text(METAFILE)
    (package / 'checkpoints').mkdir(parents=True)
    (package / 'checkpoints/small.pth').write_bytes(b'')
    monkeypatch.setattr(model_index, '_PACKAGE', package)
    return package


def test_names_and_files(package):
    names = ['mobind_big', 'mobind_small', 'mobind_untrained']
    assert model_zoo.list_models() == names[:2]
    assert model_zoo.list_models(untrained=True) == names
    assert MoBindInferencer.list_models(patterns='mobind_b') == names[:1]
    found = model_zoo.find_model()
    assert found == model_zoo.find_model('small')
    assert found.weights == str(package / 'checkpoints/small.pth')
    assert found.config.name == 'synthetic.py' and found.shipped
    assert model_zoo.find_model('mobind_big').weights.startswith('https:')


def test_names_that_are_not_there(package):
    with pytest.raises(ValueError, match="Did you mean 'mobind_small'"):
        MoBindInferencer('mobind_smal')
    with pytest.raises(ValueError, match='no checkpoint of mobind_untrained'):
        MoBindInferencer('mobind_untrained')
    (package / 'checkpoints/small.pth').unlink()
    with pytest.raises(ValueError, match='ships its checkpoint'):
        MoBindInferencer()


def test_no_zoo_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(model_index, '_PACKAGE', tmp_path / 'mobind_mm')
    with pytest.raises(FileNotFoundError, match='install mobind_mm again'):
        model_zoo.list_models()
