"""Names of models, from an index like that of the repository."""

import pytest

from mobind_mm.apis import MoBindInferencer, model_zoo
from mobind_mm.utils import model_index

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
