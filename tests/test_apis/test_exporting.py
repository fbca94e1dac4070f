"""Exported models give what the models give, whatever is missing."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mobind_mm.apis.exporting import (
    describe,
    example_inputs,
    export_model,
    run_exported,
)
from mobind_mm.models import MoBind, MoBindClassifier

REPO = Path(__file__).parents[2]
FORMATS = [
    pytest.param('torch', id='torch'),
    pytest.param(
        'onnx',
        id='onnx',
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(
                None in map(find_spec, ('onnxruntime', 'onnxscript')),
                reason='needs the extra onnx',
            ),
        ],
    ),
]
LIMBS = ('left_wrist', 'right_wrist', 'head')
SHARED = dict(limbs=LIMBS, imu_rate=25, pose_rate=25, window_sec=1.2)
HEAD = dict(type='HierarchicalContrastiveHead')


def encoder(**changes):
    cfg = dict(type='ConvFormer', conv_channels=(8, 8), embed_dims=16)
    return {**cfg, 'num_layers': 1, 'num_heads': 2, 'ffn_dims': 16, **changes}


def any_sensor():
    """The model for any sensor in small: relative positions, gravity."""
    part = encoder(num_segments=3, norm_first=True, positions='relative')
    return MoBind(
        imu_tokenizer=dict(type='GravityIMUTokenizer'),
        pose_tokenizer=dict(
            type='LimbTokenizer',
            features=dict(relative=1.0, velocity=0.3, bone_turn=0.3, place=1),
        ),
        imu_backbone=part,
        pose_backbone=part,
        imu_neck=dict(type='SubsetNeck'),
        pose_neck=dict(type='SubsetNeck'),
        head=HEAD,
        **SHARED,
    )


def published():
    """The published recipe in small: raw channels, all limbs joined."""
    return MoBind(
        pose_tokenizer=dict(type='LimbTokenizer', features=dict(position=1)),
        imu_backbone=encoder(in_channels=7),
        pose_backbone=encoder(),
        imu_neck=dict(type='ConcatMLPNeck'),
        pose_neck=dict(type='ConcatMLPNeck'),
        head=HEAD,
        **dict(SHARED, imu_rate=50),
    )


def classifier():
    return MoBindClassifier(
        num_classes=4,
        imu_tokenizer=dict(type='IMUTokenizer', channels=('acc', 'gyro')),
        pose_tokenizer=dict(type='LimbTokenizer'),
        imu_backbone=encoder(),
        pose_backbone=encoder(),
        **SHARED,
    )


def built(make):
    torch.manual_seed(0)
    model = make()
    for parameter in model.parameters():  # no part starts at zero
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model.eval()


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert found[key].shape == value.shape
        np.testing.assert_allclose(
            found[key].numpy(), value.detach().numpy(), atol=1e-5, rtol=1e-5
        )


def expected_of(model, inputs):
    with torch.no_grad():
        feats = model(inputs)
    if isinstance(feats, torch.Tensor):
        return {'scores': feats.softmax(dim=1)}
    names = {
        'imu_embedding': 'imu',
        'pose_embedding': 'pose',
        'pose_limb_mask': 'pose_mask',
    }
    keys = ('embedding', 'local', 'tokens')
    wanted = [f'{m}_{k}' for m in ('imu', 'pose') for k in keys]
    wanted += ['pose_limb_mask', 'pose_token_mask']
    feats = {name: feats.get(names.get(name, name)) for name in wanted}
    return {name: x for name, x in feats.items() if x is not None}


@pytest.mark.parametrize('format', FORMATS)
@pytest.mark.parametrize(
    'make, lengths',
    [
        (any_sensor, (3, 4, 6)),
        pytest.param(published, (6,), marks=pytest.mark.slow),
        pytest.param(classifier, (6,), marks=pytest.mark.slow),
    ],
)
def test_outputs_are_those_of_the_model(tmp_path, format, make, lengths):
    """For any batch, any window that the model takes, any masks."""
    model = built(make)
    suffix = {'onnx': 'onnx', 'torch': 'pt2'}[format]
    written = export_model(model, tmp_path / f'a.{suffix}')
    assert written.difference < 1e-5
    shape = written.inputs.get('pose')
    assert shape[0] == 'batch' and shape[1:3] == ('3', '6')
    assert shape[3] == ('5*tokens' if len(lengths) > 1 else '30')
    for clips, tokens in zip((1, 2, 4), lengths * 3):
        inputs = example_inputs(model, ('imu', 'pose'), clips, tokens)
        if clips > 1:  # a clip without any limb
            inputs['imu_mask'][1] = inputs['pose_mask'][1] = False
            # What is masked has no influence, were it not a number.
            inputs['imu'][1] = 1e6
        found = run_exported(written.file, inputs)
        assert_equal(found, expected_of(model, inputs))


def test_what_the_file_says_of_a_model_for_any_sensor():
    """Limbs, rows and rates, without asking the package."""
    model = built(any_sensor)
    model.cfg = Config.fromfile(REPO / 'configs/mobind/mobind_real.py')
    facts = describe(model, ('imu', 'pose'), 'a name')
    assert facts['model'] == 'a name' and facts['limbs'] == list(LIMBS)
    assert facts['imu_rate'] == facts['pose_rate'] == 25
    assert facts['window_sec'] == pytest.approx(1.2)
    assert facts['imu_rows'][:4] == [
        *(f'acc_{axis} [m/s^2]' for axis in 'xyz'),
        'gyro_x [rad/s]',
    ]
    assert len(facts['imu_rows']) == model.imu_tokenizer.in_channels
    assert facts['pose_keypoints']['left_wrist'][-1] == 'left_wrist'
    kinds = [step['type'] for step in facts['preparation']]
    assert 'NormalizeKeypoints' in kinds and kinds[-1] == 'PackIMUPose'
    assert json.loads(json.dumps(facts)) == facts


def test_what_cannot_be_exported(tmp_path):
    for make, file, part, message in (
        (any_sensor, 'a.pth', 'model', 'format is not clear'),
        (any_sensor, 'a.pt2', 'head', 'this MoBind has model, imu, pose'),
        (classifier, 'a.pt2', 'imu', 'exported as a whole'),
        (lambda: torch.nn.Linear(1, 1), 'a.pt2', 'model', 'Linear cannot be'),
    ):
        with pytest.raises(ValueError, match=message):
            export_model(make(), tmp_path / file, part=part)
    assert not list(tmp_path.iterdir())


def test_one_modality_alone_is_what_both_give():
    model = built(any_sensor)
    inputs = example_inputs(model, ('imu', 'pose'), 2)
    with torch.no_grad():
        both = model(inputs)
        for name in ('imu', 'pose'):
            alone = model({k: x for k, x in inputs.items() if name in k})
            assert set(alone) == {k for k in both if name in k}
            assert all(torch.equal(alone[k], both[k]) for k in alone)
