import hashlib
from datetime import date
from pathlib import Path

import pytest
import torch
from publish_model import into_zoo, publish_checkpoint, without_local_paths

from mobind_mm.apis import init_model
from mobind_mm.utils.checkpoint import read_checkpoint, save_checkpoint
from mobind_mm.utils.model_index import load_models

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/mobind/synthetic.py'


@pytest.fixture(scope='module')
def shipped():
    (model,) = (m for m in load_models() if m.name == 'mobind_synthetic')
    return read_checkpoint(model.weights)


@pytest.fixture
def trained(shipped, tmp_path):
    """Write what a training leaves, on the machine of somebody."""

    def write(**meta):
        text = shipped['meta']['cfg'] + (
            "work_dir = '/home/anna/work_dirs/synthetic'\n"
            "load_from = '/home/anna/first.pth'\n"
            "resume = True\nlauncher = 'slurm'\n"
            "data_root = 'C:\\\\anna\\\\study'\n"
        )
        path = tmp_path / 'anna' / 'epoch_12.pth'
        content = {
            **shipped,
            'meta': {
                **{**shipped['meta'], 'cfg': text, 'seed': 123456},
                'time': '20240229_101112',
                'experiment_name': 'synthetic_20240229_101112',
                **meta,
            },
            'message_hub': {'log_scalars': {}},
            'optimizer': {'state': {0: torch.ones(7)}},
            'param_schedulers': [],
        }
        save_checkpoint(content, path)
        return path

    return write


def test_published(trained, shipped, tmp_path):
    path = publish_checkpoint(CONFIG, trained(), tmp_path / 'out')
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:8]
    assert path.name == f'synthetic_20240229-{digest}.pth'
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    for word in (b'anna', b'123456', b'optimizer =', b'slurm', b'message_hub'):
        assert word not in content, word
    found = read_checkpoint(str(path))
    assert sorted(found) == ['meta', 'state_dict']
    assert found['meta']['dataset_meta'] == shipped['meta']['dataset_meta']
    assert found['meta']['epoch'] == 12
    model = init_model(path)
    assert model.cfg.load_from is None and model.cfg.resume is False
    assert model.cfg.data_root == 'data/study'
    assert 'work_dir' not in model.cfg and 'launcher' not in model.cfg
    for name, value in model.state_dict().items():
        assert torch.equal(value, shipped['state_dict'][name])
    again = publish_checkpoint(CONFIG, trained(), tmp_path / 'again')
    assert again.name == path.name and again.read_bytes() == content


def test_day(trained, tmp_path):
    def day(source, **kwargs):
        path = publish_checkpoint(CONFIG, source, tmp_path, **kwargs)
        return path.name.split('_')[1].split('-')[0]

    assert day(trained(), day='20230102') == '20230102'
    assert day(trained(time=None)) == date.today().strftime('%Y%m%d')
    with pytest.raises(ValueError, match="'2023-01-02', expected YYYYMMDD"):
        day(trained(), day='2023-01-02')


def test_mistakes_are_named(trained, tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(ValueError, match=r'another model than .*utd_mhad\.py'):
        publish_checkpoint(CONFIG.with_name('utd_mhad.py'), trained(), out)
    with pytest.raises(ValueError, match=r'no config \(meta\.cfg\)'):
        publish_checkpoint(CONFIG, trained(cfg=None), out)
    with pytest.raises(FileNotFoundError, match=r'no config .*other\.py'):
        publish_checkpoint(tmp_path / 'other.py', trained(), out)
    assert not out.exists()


def test_weights_must_fit(trained, tmp_path):
    path = trained()
    content = read_checkpoint(str(path))
    content['state_dict'].popitem()
    save_checkpoint(content, path)
    with pytest.raises(ValueError, match='is missing'):
        publish_checkpoint(CONFIG, path, tmp_path / 'out')


def test_local_paths():
    config = {
        'a': ['/home/anna/x.py', 'data/x', ('~/w.pth', 3, None)],
        'b': {'data_root': '/mnt/big/study/', 'type': 'X', 'work_dir': 'w'},
        'c': {'checkpoint': 'file:///home/anna/w.pth', 'url': 'https://x/y'},
        'd': '\\\\server\\share\\w.pth',
        'e': 'a / b',
    }
    assert without_local_paths(config) == {
        'a': ['x.py', 'data/x', ('w.pth', 3, None)],
        'b': {'data_root': 'data/study', 'type': 'X'},
        'c': {'checkpoint': 'w.pth', 'url': 'https://x/y'},
        'd': 'w.pth',
        'e': 'a / b',
    }


def test_a_checkpoint_replaces_that_of_a_model_of_the_zoo(tmp_path):
    """The old file is gone, and every page names the new one."""
    for name in ('configs/mobind', 'mobind_mm/checkpoints', 'docs/results'):
        (tmp_path / name).mkdir(parents=True)
    old = 'mobind_mm/checkpoints/synthetic_20260101-00000000.pth'
    (tmp_path / old).write_bytes(b'old')
    (tmp_path / 'model-index.yml').write_text(
        'Import:\n  - configs/mobind/metafile.yml\n'
    )
    (tmp_path / 'configs/mobind/metafile.yml').write_text(
        'Models:\n'
        '  - Name: one\n    Config: configs/mobind/synthetic.py\n'
        f'    Weights: {old}\n'
        '  - Name: two\n    Config: configs/mobind/synthetic.py\n'
    )
    pages = ('README.md', 'configs/mobind/README.md', 'docs/results/a.json')
    for page in pages:
        (tmp_path / page).write_text(f'see {Path(old).name}.')
    new = tmp_path / 'synthetic_20260102-11111111.pth'
    new.write_bytes(b'new')
    path = into_zoo(tmp_path, 'one', new)
    assert path.read_bytes() == b'new' and not (tmp_path / old).exists()
    for page in pages:
        assert (tmp_path / page).read_text() == f'see {new.name}.'
    into_zoo(tmp_path, 'two', new)
    found = {model.name: model.weights for model in load_models(tmp_path)}
    assert found == {'one': str(path), 'two': str(path)}
    with pytest.raises(ValueError, match='has the model three'):
        into_zoo(tmp_path, 'three', new)
