"""Released weights give the released outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mobind_mm.apis import convert_official, init_model
from mobind_mm.apis.official import official_model_cfg, rename_key
from mobind_mm.registry import MODELS
from mobind_mm.utils.checkpoint import save_checkpoint

ROOT = Path(__file__).parents[2]
PARITY = ROOT.parent / 'shared' / 'parity'
TOOL = 'model_converters/official_to_mm.py'

needs_parity = pytest.mark.skipif(
    not PARITY.is_dir(), reason='reference weights are not here'
)


def close(value, reference):
    reference = torch.from_numpy(np.array(reference))
    error = (value.reshape(reference.shape) - reference).abs().max()
    assert float(error) < 1e-4


@needs_parity
@pytest.mark.parametrize('stage', [1, 2])
def test_converted_weights_equal_the_reference(stage, tmp_path, command):
    source = PARITY / f'mri_tiny_stage{stage}.npz'
    out = tmp_path / 'converted.pth'
    command(TOOL, source, out)
    model = init_model(out)
    assert not model.training
    ref = np.load(source)
    imu = torch.from_numpy(ref['in/imu'])
    pose = torch.from_numpy(ref['in/motion'])
    if stage == 1:
        imu, pose = imu[:, None], pose[:, None]
    with torch.no_grad():
        feats = model(dict(imu=imu, pose=pose), mode='tensor')
        losses = model.head.loss(feats)
    close(feats['imu'], ref['out/cls_i'])
    close(feats['pose'], ref['out/cls_m'])
    close(feats['imu_tokens'], ref['out/token_i'])
    close(feats['pose_tokens'], ref['out/token_m'])
    close(sum(losses.values()), ref['out/total_loss'])
    if stage == 1:
        close(losses['loss_local'], ref['out/loss_g'])
        close(losses['loss_token'] / 0.5, ref['out/loss_l'])
    else:
        close(feats['imu_local'], ref['out/local_i'])
        close(feats['pose_local'], ref['out/local_m'])
        close(losses['loss_global'], ref['out/loss_g'])
        multi = losses['loss_multi_positive'] / 0.2
        close(multi, ref['out/loss_multi_positive'])


@needs_parity
def test_state_dict_file_equals_archive(tmp_path):
    source = PARITY / 'mri_tiny_stage2.npz'
    ref = np.load(source)
    bare = {k[3:]: torch.tensor(ref[k]) for k in ref.files if k[:3] == 'sd/'}
    torch.save(bare, tmp_path / 'bare.pt')
    a = convert_official(source)
    b = convert_official(tmp_path / 'bare.pt', num_heads=4)
    assert a['meta'] == b['meta']
    assert a['state_dict'].keys() == b['state_dict'].keys()
    for key, value in a['state_dict'].items():
        assert torch.equal(value, b['state_dict'][key])


def published(stage):
    """Released state dict shapes at the published size, S = 4."""
    state = {'logit_scale': torch.zeros(())}

    def layers(prefix, ffn):
        layer = torch.nn.TransformerEncoderLayer(256, 8, ffn)
        for i in range(4):
            for key, value in layer.state_dict().items():
                state[f'{prefix}.{i}.{key}'] = value

    def linear(name, *shape):
        state[f'{name}.weight'] = torch.zeros(*shape)
        state[f'{name}.bias'] = torch.zeros(shape[0])

    for name, channels, patch in (
        ('imu_encoder', 7, 10),
        ('motion_encoder', 6, 2),
    ):
        widths = (channels, 32, 64, 128, 128)
        for i in range(4):
            linear(f'{name}.conv{i + 1}', widths[i + 1], widths[i], 5)
            norm = torch.nn.BatchNorm1d(widths[i + 1])
            for key, value in norm.state_dict().items():
                state[f'{name}.bn{i + 1}.{key}'] = value
        weight = torch.zeros(256, 128 * patch)
        state[f'{name}.pre_transformer.weight'] = weight
        state[f'{name}.transformer.pos_emb'] = torch.zeros(1, 25, 256)
        state[f'{name}.transformer.cls_token'] = torch.zeros(1, 1, 256)
        layers(f'{name}.transformer.transformer.layers', 128)
        state[f'{name}.projector.weight'] = torch.zeros(256, 256)
    if stage == 2:
        for name in ('imu_norm', 'motion_norm', 'pre_pred_norm'):
            linear(name, 256)
        for name in ('imu_agg_proj', 'motion_agg_proj'):
            linear(f'{name}.0', 512, 1024)
            linear(f'{name}.2', 256, 512)
        linear('local2global_imu', 256, 256)
        linear('imu_pred', 256, 256)
        state['sensor_id_emb.weight'] = torch.zeros(4, 256)
        state['mask_token'] = torch.zeros(1, 1, 256)
        state['imu_pos_emb'] = torch.zeros(1, 25, 256)
        layers('imu_transformer.layers', 1024)
    return state


@pytest.mark.parametrize('stage, millions', [(1, 3.45), (2, 8.06)])
def test_published_size(stage, millions):
    state = published(stage)
    model = MODELS.build(official_model_cfg(state, {}))
    renamed = {rename_key(k): v for k, v in state.items()}
    renamed.pop(None)
    model.load_state_dict(renamed)
    count = sum(p.numel() for p in model.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize(
    'name, content, error',
    [
        ('gone.pt', None, FileNotFoundError),
        ('text.pt', b'not a checkpoint', ValueError),
        ('text.npz', b'not an archive', ValueError),
        ('other.pt', {'weight': torch.zeros(1)}, ValueError),
    ],
)
def test_what_is_not_a_release_is_refused(tmp_path, name, content, error):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(error, match=name):
        convert_official(path)


def test_config_of_a_checkpoint_is_data_not_a_program(tmp_path):
    touched = tmp_path / 'touched'
    text = f'model = __import__("pathlib").Path({str(touched)!r}).touch()'
    path = tmp_path / 'evil.pth'
    save_checkpoint({'state_dict': {}, 'meta': {'cfg': text}}, path)
    with pytest.raises(ValueError, match='not plain data'):
        init_model(path)
    assert not touched.exists()


@pytest.mark.parametrize(
    'model',
    [
        {'type': 'os.system', 'command': 'exit 0'},
        {
            'type': 'MoBind',
            'data_preprocessor': {'type': 'subprocess.call', 'args': 'x'},
        },
        {'type': 'mmengine.BaseModule'},
    ],
)
def test_config_of_a_checkpoint_builds_registered_models_only(tmp_path, model):
    path = tmp_path / 'evil.pth'
    text = f"model = {model!r}\ndefault_scope = 'os'"
    save_checkpoint({'state_dict': {}, 'meta': {'cfg': text}}, path)
    with pytest.raises(ValueError, match='not a model of mobind_mm'):
        init_model(path)


@pytest.mark.parametrize(
    'missing', ['imu_encoder.conv2.weight', 'motion_encoder.conv1.weight']
)
def test_an_incomplete_release_is_refused(tmp_path, missing):
    state = published(1)
    del state[missing]
    torch.save(state, tmp_path / 'cut.pt')
    with pytest.raises(ValueError, match=r'cut\.pt'):
        convert_official(tmp_path / 'cut.pt')


def test_weights_of_a_wrapped_model_load(tmp_path):
    cfg = {'type': 'ConvFormer', 'in_channels': 3, 'rate': 50}
    state = MODELS.build(cfg).state_dict()
    wrapped = {f'module.{key}': value for key, value in state.items()}
    text = f'model = {cfg!r}'
    path = tmp_path / 'wrapped.pth'
    save_checkpoint({'state_dict': wrapped, 'meta': {'cfg': text}}, path)
    for key, value in init_model(path).state_dict().items():
        assert torch.equal(value, state[key])


def test_weights_of_another_architecture_are_refused(tmp_path):
    small = {'type': 'ConvFormer', 'in_channels': 3, 'rate': 50}
    text = f'model = {small!r}\ndefault_scope = "mobind_mm"'
    wide = MODELS.build({**small, 'in_channels': 6}).state_dict()
    path = tmp_path / 'wide.pth'
    save_checkpoint({'state_dict': wide, 'meta': {'cfg': text}}, path)
    with pytest.raises(
        ValueError, match=r'convs\.0\.weight has shape \(32, 6, 5\)'
    ):
        init_model(path)
    del wide['pos_embed']
    save_checkpoint({'state_dict': wide, 'meta': {'cfg': text}}, path)
    with pytest.raises(ValueError, match='pos_embed is missing'):
        init_model(path)


def test_missing_and_damaged_checkpoints_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.pth'):
        init_model(tmp_path / 'gone.pth')
    (tmp_path / 'cut.pth').write_bytes(b'PK\x03\x04 cut')
    with pytest.raises(ValueError, match=r'cut\.pth cannot be read'):
        init_model(tmp_path / 'cut.pth')
    save_checkpoint({'state_dict': {}}, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='carries no config'):
        init_model(tmp_path / 'bare.pth')
