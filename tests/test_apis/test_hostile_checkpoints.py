"""What a checkpoint from elsewhere may not do."""

import sys
import time
import zipfile

import pytest
import torch

from mobind_mm.apis import init_model
from mobind_mm.apis.embedder import find_parts
from mobind_mm.apis.model import _naming_version
from mobind_mm.apis.windows import Preparation
from mobind_mm.registry import MODELS
from mobind_mm.utils.checkpoint import (
    check_checkpoint,
    check_resumable,
    check_state_dict,
    read_checkpoint,
    save_checkpoint,
)
from mobind_mm.utils.config_text import parse_config_text

ENCODER = {'type': 'ConvFormer', 'in_channels': 3, 'rate': 50, 'num_layers': 1}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A package on the path whose registry leaves a mark."""
    mark = tmp_path / 'executed'
    package = tmp_path / 'lib' / 'attacker'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text('')
    code = f'import pathlib; pathlib.Path({str(mark)!r}).touch()\n'
    (package / 'registry.py').write_text(code)
    (package / 'hook.py').write_text(code)
    monkeypatch.syspath_prepend(str(package.parent))
    yield mark
    for name in [n for n in sys.modules if n.startswith('attacker')]:
        del sys.modules[name]


def written(path, cfg, state=None, **names):
    state = MODELS.build(ENCODER).state_dict() if state is None else state
    text = '\n'.join(
        f'{k} = {v!r}' for k, v in {'model': cfg, **names}.items()
    )
    save_checkpoint({'state_dict': state, 'meta': {'cfg': text}}, path)
    return path


def scoped(**more):
    return {**ENCODER, '_scope_': 'attacker', **more}


@pytest.mark.parametrize(
    'cfg',
    [
        scoped(),
        {**ENCODER, 'init_cfg': {'type': 'Normal', '_scope_': 'attacker'}},
        {**ENCODER, 'init_cfg': [{'override': {'_scope_': 'attacker'}}]},
        {
            'type': 'MoBind',
            'imu_backbone': scoped(),
            'pose_backbone': scoped(),
        },
        {**ENCODER, 'anything': [({'_scope_': 'attacker'},)]},
        {**ENCODER, '_scope_': ['attacker']},
        {**ENCODER, 'type': 'attacker.ConvFormer'},
        {**ENCODER, 'type': ['attacker.hook', 'x']},
    ],
)
def test_no_scope_or_type_is_imported(tmp_path, module, cfg):
    with pytest.raises(ValueError, match=r'attacker|asks for'):
        init_model(written(tmp_path / 'evil.pth', cfg))
    assert not module.exists()


@pytest.mark.parametrize(
    'names',
    [
        {'custom_imports': {'imports': ['attacker.hook']}},
        {'default_scope': 'attacker'},
        {'_base_': ['attacker::configs/a.py']},
        {'custom_hooks': [{'type': 'attacker.hook'}]},
        {'env_cfg': {'mp_cfg': {'mp_start_method': 'attacker'}}},
    ],
)
def test_what_is_not_the_model_is_not_built(tmp_path, module, names):
    model = init_model(written(tmp_path / 'odd.pth', ENCODER, **names))
    assert model.cfg.default_scope == 'mobind_mm'
    assert not module.exists()


def test_own_scope_and_imported_ones_are_accepted(tmp_path):
    cfg = {**ENCODER, '_scope_': 'mobind_mm'}
    init_model(written(tmp_path / 'own.pth', cfg))


def test_no_scope_in_a_pipeline(tmp_path, module):
    step = {'type': 'PackIMUPose', '_scope_': 'attacker'}
    dataset = {'pipeline': [step], 'type': 'IMUPoseDataset'}
    loader = {'dataset': dataset, 'collate_fn': {'type': 'attacker.hook'}}
    path = written(tmp_path / 'p.pth', ENCODER, test_dataloader=loader)
    with pytest.raises(ValueError, match='attacker'):
        Preparation.of(init_model(path).cfg, 'p.pth')
    assert not module.exists()


@pytest.mark.parametrize(
    'text',
    [
        "custom_imports = dict(imports=['attacker.hook'])",
        "custom_imports = dict(imports='attacker.hook')",
        "_base_ = ['attacker::a.py']",
        "_base_ = '/tmp/a.py'",
    ],
)
def test_resuming_imports_nothing_new(tmp_path, module, text):
    content = {'state_dict': {}, 'optimizer': {}, 'message_hub': {}}
    model = torch.nn.Module()
    path = tmp_path / 'run.pth'
    torch.save({**content, 'meta': {'config': text}}, path)
    with pytest.raises(ValueError, match=r'run\.pth asks for .*on resuming'):
        check_resumable(model, str(path))
    assert not module.exists()
    known = "custom_imports = dict(imports=['mobind_mm'])"
    torch.save({**content, 'meta': {'config': known}}, path)
    check_resumable(model, str(path))


@pytest.mark.parametrize(
    'change',
    [
        {'num_layers': float('inf')},
        {'num_layers': 10**9},
        {'num_layers': 1000},
        {'conv_channels': [8] * 10_000},
        {'embed_dims': 10**12},
        {'ffn_dims': 900_000, 'embed_dims': 900_000},
    ],
)
def test_a_model_that_is_larger_than_its_file_is_not_built(tmp_path, change):
    start = time.monotonic()
    cfg = str({**ENCODER, **change}).replace('inf', '1e400')
    path = tmp_path / 'large.pth'
    state = MODELS.build(ENCODER).state_dict()
    save_checkpoint(
        {'state_dict': state, 'meta': {'cfg': f'model = {cfg}'}}, path
    )
    with pytest.raises(ValueError, match=r'large\.pth'):
        init_model(path)
    assert time.monotonic() - start < 20  # it took for ever


@pytest.mark.parametrize(
    'text',
    [
        'a = ' + '[' * 200_000,
        'a = ' + '-' * 200_000 + '1',
        'a = ' + '(' * 60 + ')' * 60,
        'a = 1\n' * 300_000,
        'a = ' + '1 + ' * 100_000 + '1',
    ],
)
def test_texts_that_overflow_the_parser(text):
    with pytest.raises(ValueError, match=r'The config in a\.pth'):
        parse_config_text(text, 'a.pth')


def test_a_small_file_stays_small(tmp_path):
    torch.save({'state_dict': {'w': torch.zeros(10**6)}}, tmp_path / 'a.pth')
    small = tmp_path / 'small.pth'
    with (
        zipfile.ZipFile(tmp_path / 'a.pth') as stored,
        zipfile.ZipFile(small, 'w', zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    assert small.stat().st_size < 100_000
    with pytest.raises(ValueError, match=r'small\.pth .*compressed'):
        read_checkpoint(str(small))


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'state_dict': [1, 2]}, 'state_dict is a list'),
        ({'state_dict': {}, 'meta': 3}, 'meta is a int'),
        ({'state_dict': {}, 'meta': {'cfg': 7}}, 'carries no config'),
        ({'state_dict': {}, 'meta': {'cfg': 'a = 1'}}, 'has no model'),
        ({'meta': {'cfg': 'model = [1]'}}, 'has no model'),
    ],
)
def test_odd_content_is_named(tmp_path, content, message):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match=rf'odd\.pth.*{message}'):
        init_model(tmp_path / 'odd.pth')


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (torch.full((3, 2), float('nan')), 'has NaN'),
        (torch.full((3, 2), float('inf')), 'has NaN or infinite'),
        (torch.ones(3, 2).to_sparse(), 'is a sparse'),
        (torch.ones(3, 2, dtype=torch.complex64), 'is complex'),
        ('text', 'is a str, expected a tensor'),
    ],
)
def test_weights_of_no_use_are_refused(value, message):
    model = torch.nn.Linear(2, 3)
    state = {**model.state_dict(), 'weight': value}
    with pytest.raises(ValueError, match=rf'bad\.pth .*weight {message}'):
        check_state_dict(model, state, 'bad.pth')


def test_advice_of_pytorch_never_reaches_users(tmp_path):
    torch.save({'state_dict': {'w': time.struct_time}}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='more than tensors') as caught:
        read_checkpoint(str(tmp_path / 'a.pth'))
    assert 'weights_only' not in str(caught.value)


@pytest.mark.parametrize(
    'change',
    [
        {'rate': 'fast'},
        {'rate': None},
        {'in_channels': [3]},
        {'dropout': 7},
        {'odd': 1},
        {'../odd': 1},
        {'num_heads': 7, 'embed_dims': 64},
        {'type': None},
        {'conv_channels': {}},
    ],
)
def test_arguments_of_other_types_are_one_error(tmp_path, change):
    cfg = {**ENCODER, **change}
    with pytest.raises(ValueError, match=r'odd\.pth') as caught:
        init_model(written(tmp_path / 'odd.pth', cfg))
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    'leaf',
    [
        {'pipeline': 5},
        {'pipeline': [5]},
        {'pipeline': [{'type': 'PackIMUPose', 'odd': 1}]},
        {'pipeline': [{'placements': 3}]},
        {'window_sec': -1.0},
        {'window_sec': [1]},
        {'window_sec': 1e5},
        {'min_label_overlap': 'x'},
        {'pipeline': [{'type': 'PackIMUPose', 'placements': ['odd']}]},
    ],
)
def test_test_data_of_other_types_is_one_error(tmp_path, leaf):
    packing = {
        'type': 'PackIMUPose',
        'placements': ['head'],
        'imu_channels': ['acc'],
    }
    loader = {'dataset': {'pipeline': [packing], 'window_sec': 1.0, **leaf}}
    path = written(tmp_path / 'odd.pth', ENCODER, test_dataloader=loader)
    with pytest.raises(ValueError, match=r'odd\.pth') as caught:
        Preparation.of(init_model(path).cfg, 'odd.pth')
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize('meta', [5, [1], {'classes': 5}, {'classes': [[]]}])
def test_facts_of_other_types(tmp_path, meta):
    path = written(tmp_path / 'odd.pth', ENCODER)
    content = torch.load(path)
    content['meta']['dataset_meta'] = meta
    torch.save(content, path)
    with pytest.raises(ValueError, match=r'odd\.pth: meta\.dataset_meta'):
        init_model(path)


@pytest.mark.parametrize('device', ['nope', 'meta', 'cuda:99', ''])
def test_devices_that_are_not_here(tmp_path, device):
    path = written(tmp_path / 'a.pth', ENCODER)
    with pytest.raises(ValueError, match='is not a device of this machine'):
        init_model(path, device=device)


def test_tensors_that_are_larger_than_their_file(tmp_path):
    path = tmp_path / 'a.pth'
    odd = torch.zeros(1).expand(10**6, 10**6)
    state = {'weight': torch.zeros(2, 2), 'bias': odd}
    itself = []
    itself.append(itself)
    torch.save({'state_dict': state, 'meta': {'x': itself}}, path)
    with pytest.raises(ValueError, match=r'a\.pth holds a tensor of shape'):
        read_checkpoint(str(path))
    state['bias'] = torch.zeros(2)
    torch.save({'state_dict': state, 'meta': {'x': itself}}, path)
    read_checkpoint(str(path))
    state['bias'] = torch.zeros(2, device='meta')
    torch.save({'state_dict': state}, path)
    with pytest.raises(ValueError, match=r'bias is a sparse'):
        check_checkpoint(torch.nn.Linear(2, 2), str(path))


def test_what_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no config mobind/x'):
        init_model('mobind/x.py')  # of MMEngine, with a traceback
    path = tmp_path / 'a.onnx'
    path.write_text('')
    with pytest.raises(ValueError, match='neither a checkpoint'):
        find_parts(path, None)  # "neither a file nor"


def test_checkpoints_of_other_versions_say_so():
    weights = {'meta': {'mobind_mm_version': '9.9.0'}}
    said = pytest.raises(ValueError, match='odd. It was made by mobind_mm 9.9')
    with said, _naming_version(weights):
        raise ValueError('odd.')
    for odd in ({}, {'meta': None}, {'meta': {'mobind_mm_version': 1}}):
        with pytest.raises(ValueError, match='odd.$'), _naming_version(odd):
            raise ValueError('odd.')
