"""MoBind's encoders inside MMAction2's recognisers."""

import copy
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from tiny_models import LIMBS, smoothed_loss

pytest.importorskip('mmaction')

import mobind_mm.models.recognizers  # noqa: F401
from mobind_mm.datasets.synthetic.example import write_labelled
from mobind_mm.registry import DATASETS
from mobind_mm.registry import MODELS as OURS
from mobind_mm.skeleton import limb_indices

B, S, D, CLASSES, T_IMU, T_POSE = 6, 3, 16, 5, 50, 20
MODELS = ('imu', 'pose', 'two_stream')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')
    torch.manual_seed(0)


def build(cfg):
    from mmaction.registry import MODELS

    return MODELS.build(copy.deepcopy(cfg))


def parts():
    """Tokenizers and encoders of both modalities."""
    cfg = tiny_models.parts()
    return {
        name: dict(
            tokenizer=cfg[f'{name}_tokenizer'], encoder=cfg[f'{name}_backbone']
        )
        for name in ('imu', 'pose')
    }


def backbone_cfg(name, **kwargs):
    types = dict(imu='IMULimbBackbone', pose='PoseLimbBackbone')
    return dict(
        type=f'mobind_mm.{types[name]}',
        limbs=LIMBS,
        out_dims=8,
        **parts()[name],
        **kwargs,
    )


def model_cfg(name, label_smooth_eps=0.0, **kwargs):
    if name != 'two_stream':
        return dict(
            type='RecognizerGCN',
            backbone=backbone_cfg(name, **kwargs),
            cls_head=dict(
                type='GCNHead',
                num_classes=CLASSES,
                in_channels=8,
                label_smooth_eps=label_smooth_eps,
            ),
        )
    return dict(
        type='MMRecognizer3D',
        backbone=dict(
            type='mobind_mm.TwoStreamBackbone',
            imu=backbone_cfg('imu', **kwargs),
            pose=backbone_cfg('pose', **kwargs),
        ),
        cls_head=dict(
            type='mobind_mm.TwoStreamHead',
            num_classes=CLASSES,
            in_channels=8,
            label_smooth_eps=label_smooth_eps,
        ),
    )


def limb_inputs():
    """What PackIMUPose would give, with holes of every kind."""
    inputs = dict(
        imu=torch.randn(B, S, 6, T_IMU),
        imu_mask=torch.ones(B, S, dtype=torch.bool),
        keypoints=torch.randn(B, 17, 2, T_POSE),
        known=torch.ones(B, 17, T_POSE, dtype=torch.bool),
    )
    inputs['imu_mask'][0, 1] = inputs['imu_mask'][2, :2] = False
    inputs['imu_mask'][4] = False  # no sensor at all
    inputs['known'][1, limb_indices('coco', LIMBS)[0][2]] = False
    inputs['known'][3, 0, :9] = False
    inputs['known'][5] = False  # nobody in view
    index = limb_indices('coco', LIMBS)
    pose = inputs['keypoints'][:, index].transpose(2, 3).flatten(2, 3)
    mask = inputs['known'][:, index].all(dim=2)
    return inputs, dict(
        imu=inputs['imu'],
        imu_mask=inputs['imu_mask'],
        pose=pose,
        pose_mask=mask,
    )


def gcn_inputs(inputs):
    """The same in MMAction2's form: (N, clips, people, T, V, C)."""
    mask = inputs['imu_mask'][:, :, None, None].expand(B, S, 1, T_IMU)
    imu = torch.cat([inputs['imu'], mask.float()], dim=2)
    score = inputs['known'][:, :, None].float() * 0.7
    keypoint = torch.cat([inputs['keypoints'], score], dim=2)
    return dict(
        imu=imu.permute(0, 3, 1, 2)[:, None, None].contiguous(),
        keypoint=keypoint.permute(0, 3, 1, 2)[:, None, None].contiguous(),
    )


def take(name, inputs):
    """Inputs of one of the three models."""
    if name == 'two_stream':
        return dict(inputs)
    return inputs[{'imu': 'imu', 'pose': 'keypoint'}[name]]


def labelled(actions):
    from mmaction.structures import ActionDataSample

    return [ActionDataSample().set_gt_label(a) for a in actions]


def classifier(name):
    """A MoBindClassifier with the same parts."""
    uses = ('imu', 'pose') if name == 'two_stream' else (name,)
    cfg = {}
    for use in uses:
        cfg[f'{use}_backbone'] = parts()[use]['encoder']
        cfg[f'{use}_tokenizer'] = parts()[use]['tokenizer']
    init_default_scope('mobind_mm')
    torch.manual_seed(3)
    model = OURS.build(
        dict(
            type='MoBindClassifier',
            num_classes=CLASSES,
            limbs=LIMBS,
            hidden_dims=8,
            **cfg,
        )
    )
    init_default_scope('mmaction')
    return model, uses


@pytest.mark.parametrize('name', MODELS)
def test_same_weights_give_the_scores_of_the_classifier(name):
    """Joints, channels and masks arrive as MoBindClassifier has them."""
    source, uses = classifier(name)
    model = build(model_cfg(name))
    state = model.state_dict()
    renamed = {}
    for key, value in source.state_dict().items():
        for use in uses:
            at = f'backbone.{use}' if name == 'two_stream' else 'backbone'
            fc = 'cls_head.fc'
            if name == 'two_stream':
                fc = f'cls_head.fcs.{use}'
            for old, new in (
                (f'{use}_backbone', f'{at}.encoder'),
                (f'pools.{use}', f'{at}.pool'),
                (f'classifiers.{use}.2', fc),
            ):
                if key.startswith(old + '.'):
                    renamed[new + key.removeprefix(old)] = value
    assert set(renamed) == set(state)
    model.load_state_dict(renamed)
    inputs, packed = limb_inputs()
    wanted = source.eval()(packed)
    got = model.eval()(take(name, gcn_inputs(inputs)), stage='head')
    rows = dict(imu=[0, 1, 2, 3, 5], pose=[0, 1, 2, 3, 4])
    rows = rows.get(name, range(B))
    for i in rows:
        torch.testing.assert_close(got[i], wanted[i], atol=1e-5, rtol=1e-4)
    samples = labelled([0] * B)
    data = model(take(name, gcn_inputs(inputs)), samples, mode='predict')
    for i in rows:
        torch.testing.assert_close(
            data[i].pred_score, wanted[i].softmax(0), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize('name', MODELS)
@pytest.mark.parametrize('training', [True, False])
def test_what_stands_behind_a_mask_changes_nothing(name, training):
    model = build(model_cfg(name)).train(training)
    inputs = gcn_inputs(limb_inputs()[0])
    spoiled = {}
    for key, x in inputs.items():
        there = x[..., -1:] > 0
        values = torch.where(there, x[..., :-1], 1e3)
        spoiled[key] = torch.cat([values, x[..., -1:]], dim=-1)
    wanted = model(take(name, inputs), stage='head')
    assert torch.equal(model(take(name, spoiled), stage='head'), wanted)


def test_a_missing_modality_equals_doing_without_it():
    model = build(model_cfg('two_stream')).eval()
    inputs = gcn_inputs(limb_inputs()[0])
    both = model(dict(inputs), stage='head')
    pose = model(dict(keypoint=inputs['keypoint']), stage='head')
    imu = model(dict(imu=inputs['imu']), stage='head')
    torch.testing.assert_close(both[4], pose[4])
    torch.testing.assert_close(both[5], imu[5])
    torch.testing.assert_close(both[:4], (imu[:4] + pose[:4]) / 2)
    gone = {key: x.clone() for key, x in inputs.items()}
    gone['imu'][..., -1] = 0
    torch.testing.assert_close(model(dict(gone), stage='head'), pose)
    gone['keypoint'][..., -1] = 0
    assert not model(dict(gone), stage='head').any()
    with pytest.raises(ValueError, match='neither'):
        model({}, stage='head')


def test_people_are_averaged_and_padding_is_not_a_person():
    model = build(model_cfg('pose')).eval()
    inputs, _ = limb_inputs()
    x = gcn_inputs(inputs)['keypoint'][:4]
    two = torch.cat([x, x.flip(0)], dim=2)
    alone = model(x)
    torch.testing.assert_close(model(two), (alone + alone.flip(0)) / 2)
    padded = torch.cat([x, torch.zeros_like(x)], dim=2)
    torch.testing.assert_close(model(padded), alone)
    # Without scores, zeros are missing.
    bare = padded[..., :2] * (padded[..., 2:] > 0)
    torch.testing.assert_close(model(bare), alone)


ACTIONS = [0, 1, 2, 3, 4, 1]


def backward(model, inputs):
    """Losses of a batch, whose gradients are taken."""
    losses = model(inputs, labelled(ACTIONS), mode='loss')
    model.parse_losses(losses)[0].backward()
    return losses


@pytest.mark.parametrize('name', MODELS)
def test_every_parameter_gets_a_gradient(name):
    model = build(model_cfg(name, label_smooth_eps=0.1))
    backward(model, take(name, gcn_inputs(limb_inputs()[0])))
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), key


def test_losses_of_the_two_streams_against_their_definition():
    model = build(model_cfg('two_stream', label_smooth_eps=0.2)).eval()
    inputs = gcn_inputs(limb_inputs()[0])
    losses = model(dict(inputs), labelled(ACTIONS), mode='loss')
    both = model(dict(inputs), stage='head')
    imu = model(dict(imu=inputs['imu']), stage='head')
    pose = model(dict(keypoint=inputs['keypoint']), stage='head')
    for key, logits, rows in (
        ('loss_cls', both, range(B)),
        ('loss_imu', imu, [0, 1, 2, 3, 5]),
        ('loss_pose', pose, [0, 1, 2, 3, 4]),
    ):
        torch.testing.assert_close(
            losses[key], smoothed_loss(logits, ACTIONS, rows)
        )


def test_a_batch_without_a_modality_trains_the_other():
    model = build(model_cfg('two_stream'))
    inputs = gcn_inputs(limb_inputs()[0])
    inputs['imu'][..., -1] = 0
    assert backward(model, dict(inputs))['loss_imu'] == 0
    for key, parameter in model.named_parameters():
        used = '.pose' in key
        assert bool(parameter.grad is not None and parameter.grad.any()) == (
            used
        ), key


def checkpoint(path):
    """A MoBind with the same parts, saved; its state dict."""
    init_default_scope('mobind_mm')
    torch.manual_seed(1)
    model = OURS.build(tiny_models.per_limb())
    init_default_scope('mmaction')
    torch.save({'state_dict': model.state_dict()}, path)
    return model.state_dict()


def pretrained(cfg, path, prefix):
    cfg['encoder']['init_cfg'] = dict(
        type='Pretrained', checkpoint=str(path), prefix=prefix
    )
    return cfg


@pytest.mark.parametrize('dot', ['', '.'])
def test_weights_of_a_mobind_checkpoint_arrive(tmp_path, dot):
    path = tmp_path / 'mobind.pth'
    source = checkpoint(path)
    cfg = model_cfg('two_stream')
    for name in ('imu', 'pose'):
        pretrained(cfg['backbone'][name], path, f'{name}_backbone{dot}')
    model = build(cfg)
    before = copy.deepcopy(model.state_dict())
    model.init_weights()
    state = model.state_dict()
    for name in ('imu', 'pose'):
        part = f'backbone.{name}.encoder.'
        keys = [key for key in state if key.startswith(part)]
        assert len(keys) > 20
        for key in keys:
            old = f'{name}_backbone.' + key.removeprefix(part)
            assert torch.equal(state[key], source[old]), key
        assert not torch.equal(
            before[f'{part}patch_embed.weight'],
            state[f'{part}patch_embed.weight'],
        )


@pytest.mark.parametrize(
    'prefix, message',
    [
        ('backbone.', "nothing under prefix='backbone.'.*pose_backbone"),
        ('imu_backbone.', 'does not fit the model: convs.0.weight has shape'),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, prefix, message):
    """MMEngine itself would log it and start from random weights."""
    path = tmp_path / 'mobind.pth'
    checkpoint(path)
    cfg = model_cfg('pose')
    pretrained(cfg['backbone'], path, prefix)
    with pytest.raises(ValueError, match=message):
        build(cfg).init_weights()


@pytest.mark.parametrize('name', MODELS)
def test_frozen_encoders_stay_as_they_were(name):
    model = build(model_cfg(name, frozen=True)).train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.5
    )
    backward(model, take(name, gcn_inputs(limb_inputs()[0])))
    optimizer.step()
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) == ('encoder' in key), key


def test_clips_of_a_sample_are_averaged_by_probability():
    model = build(model_cfg('two_stream')).eval()
    inputs = gcn_inputs(limb_inputs()[0])
    whole = model(dict(inputs), stage='head').softmax(dim=1)
    # Six samples of one clip, or two samples of three clips.
    clips = {k: x.reshape(2, 3, *x.shape[2:]) for k, x in inputs.items()}
    samples = model(clips, labelled([0, 1]), mode='predict')
    for sample, scores in zip(samples, whole.view(2, 3, -1)):
        torch.testing.assert_close(sample.pred_score, scores.mean(dim=0))


def test_wrong_skeletons_name_the_setting():
    model = build(model_cfg('pose'))
    with pytest.raises(ValueError, match='got 4 channels'):
        model(torch.zeros(2, 1, 1, T_POSE, 17, 4))
    with pytest.raises(ValueError, match='got 25; set layout'):
        model(torch.zeros(2, 1, 1, T_POSE, 25, 3))


def test_limbs_and_rate_are_set_once():
    cfg = backbone_cfg('pose')
    told = copy.deepcopy(cfg)
    for key in ('in_channels', 'rate', 'window_sec'):
        del told['encoder'][key]
    for key in ('limbs', 'rate'):
        del told['tokenizer'][key]
    told.update(rate=20, window_sec=1.0)
    states = []
    for one in (cfg, told):
        torch.manual_seed(0)
        states.append(OURS.build(copy.deepcopy(one)).state_dict())
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
    with pytest.raises(ValueError, match='encoder.rate=50, but the model'):
        OURS.build(dict(told, encoder=dict(told['encoder'], rate=50)))


def test_macro_f1_of_data_samples():
    from sklearn.metrics import f1_score

    from mobind_mm.evaluation.metrics import MacroF1Metric

    rng = np.random.default_rng(0)
    labels, guesses = rng.integers(0, 4, 40), rng.integers(0, 4, 40)
    samples = labelled([int(v) for v in labels])
    for sample, guess in zip(samples, guesses):
        score = torch.zeros(4)
        score[guess] = 1.0
        sample.set_pred_score(score)
    metric = MacroF1Metric()
    metric.process(None, [s.to_dict() for s in samples])
    assert metric.evaluate(40) == {
        'acc/macro_f1': pytest.approx(
            f1_score(labels, guesses, average='macro')
        )
    }


def config_of_the_guide(name, folder):
    guide = Path(__file__).parents[2] / 'docs/recognition.md'
    block = guide.read_text().split(f'<!-- tested: {name} -->')[1]
    config = folder / 'config.py'
    config.write_text(block.split('```')[1].removeprefix('python'))
    return Config.fromfile(config)


def test_own_recordings_as_in_the_guide(tmp_path):
    """docs/recognition.md: a data set of this package in both streams."""
    (tmp_path / 'configs').symlink_to(Path(__file__).parents[2] / 'configs')
    cfg = config_of_the_guide('own', tmp_path)
    for loader in ('train', 'val', 'test'):
        given = cfg[f'{loader}_dataloader'].dataset
        assert given.ann_file == f'annotations/{loader}.json'
        assert given.type == 'mobind_mm.IMUPoseDataset'
    write_labelled(tmp_path / 'study', num_subjects=1, take_sec=10)
    given = cfg.train_dataloader.dataset
    given.data_root = str(tmp_path / 'study')
    dataset = DATASETS.build(given)
    batch = pseudo_collate([dataset[0], dataset[1]])
    model = build(cfg.model)
    batch = model.data_preprocessor(batch, training=True)
    losses = model(**batch, mode='loss')
    assert 2 < losses['loss_cls'] < 3  # log 12 = 2.5


def test_the_example_of_the_guide_builds(tmp_path):
    """docs/recognition.md, in MMAction2's own recipe of ST-GCN++."""
    cfg = config_of_the_guide('mix', tmp_path)
    assert cfg.train_dataloader.dataset.dataset.type == 'PoseDataset'
    model = build(cfg.model)
    losses = model(
        torch.rand(3, 1, 2, 100, 17, 3), labelled([0, 1, 59]), mode='loss'
    )
    assert 3 < losses['loss_cls'] < 6  # log 60 = 4.1
