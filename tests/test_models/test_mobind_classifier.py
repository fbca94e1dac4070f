"""The classifier: masks, gradients, weights of MoBind, chance."""

import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from tiny_models import LIMBS, parts, per_limb, smoothed_loss, spoiled

from mobind_mm.models import LimbTokenPool
from mobind_mm.models.limb_model import encode_limbs
from mobind_mm.registry import MODELS
from mobind_mm.structures import MoBindDataSample

B, S, D, N, CLASSES, T_IMU, T_POSE = 6, 3, 16, 5, 4, 50, 20
USES = [('imu',), ('pose',), ('imu', 'pose')]


pytestmark = pytest.mark.usefixtures('mobind_scope')


def classifier_cfg(uses=('imu', 'pose'), **kwargs):
    used = {k: v for k, v in parts().items() if k.split('_')[0] in uses}
    return dict(
        type='MoBindClassifier',
        num_classes=CLASSES,
        limbs=LIMBS,
        hidden_dims=8,
        dropout=0.0,
        **used,
        **kwargs,
    )


def mobind(seed=1):
    torch.manual_seed(seed)
    return MODELS.build(per_limb())


def batch():
    inputs = dict(
        imu=torch.randn(B, S, 6, T_IMU),
        pose=torch.randn(B, S, 6, T_POSE),
        imu_mask=torch.ones(B, S, dtype=torch.bool),
        pose_mask=torch.ones(B, S, T_POSE, dtype=torch.bool),
    )
    inputs['imu_mask'][0, 1] = inputs['imu_mask'][2, :2] = False
    inputs['imu_mask'][4] = False  # no sensor at all
    inputs['pose_mask'][1, 0] = False
    inputs['pose_mask'][3, 2, :9] = False
    inputs['pose_mask'][5] = False  # nobody in view
    return inputs


def labelled(actions):
    return [MoBindDataSample(metainfo=dict(action=a)) for a in actions]


@pytest.mark.parametrize('uses', USES)
@pytest.mark.parametrize('training', [True, False])
def test_what_stands_behind_a_mask_changes_nothing(uses, training):
    model = MODELS.build(classifier_cfg(uses)).train(training)
    inputs = batch()
    assert torch.equal(model(inputs), model(spoiled(inputs)))


@pytest.mark.parametrize('uses', USES)
def test_a_clip_does_not_depend_on_its_batch_mates(uses):
    model = MODELS.build(classifier_cfg(uses)).eval()
    inputs = batch()
    whole = model(inputs)
    for i in range(B):
        one = model({k: v[i : i + 1] for k, v in inputs.items()})
        torch.testing.assert_close(one[0], whole[i], atol=1e-5, rtol=1e-4)


def test_a_missing_modality_leaves_the_scores_to_the_other():
    model = MODELS.build(classifier_cfg()).eval()
    inputs = batch()
    scores = {name: value for name, (value, _) in model.score(inputs).items()}
    fused = model(inputs)
    assert torch.equal(fused[4], scores['pose'][4])
    assert torch.equal(fused[5], scores['imu'][5])
    both = (scores['imu'] + scores['pose']) / 2
    torch.testing.assert_close(fused[:4], both[:4])
    inputs['imu_mask'][5] = False
    nothing = model(inputs)[5]
    assert torch.equal(nothing, torch.zeros(CLASSES))


def test_one_modality_needs_only_its_inputs():
    for name in ('imu', 'pose'):
        model = MODELS.build(classifier_cfg((name,))).eval()
        inputs = {k: v for k, v in batch().items() if k.startswith(name)}
        assert model(inputs).shape == (B, CLASSES)
        unmasked = model({name: inputs[name]})
        inputs[f'{name}_mask'][:] = True
        torch.testing.assert_close(model(inputs), unmasked)


def test_pool_against_a_loop():
    pool = LimbTokenPool(num_limbs=S, embed_dims=D, out_dims=7)
    torch.nn.init.normal_(pool.bias)
    tokens, local = torch.randn(B, S, N, D), torch.randn(B, S, D)
    limbs = torch.rand(B, S) < 0.6
    limbs[0] = False
    valid = torch.rand(B, S, N) < 0.7
    valid[..., 0] = True
    out = pool(tokens, local, limbs, valid)
    for b in range(B):
        total, count = torch.zeros(7), 0
        for s in range(S):
            if not limbs[b, s]:
                continue
            kept = tokens[b, s][valid[b, s]]
            x = torch.cat([local[b, s], kept.mean(0), kept.max(0)[0]])
            x = torch.nn.functional.layer_norm(x, (3 * D,))
            total += x @ pool.weight[s] + pool.bias[s]
            count += 1
        torch.testing.assert_close(out[b], total / max(count, 1))


@pytest.mark.parametrize('uses', USES)
def test_every_parameter_gets_a_gradient(uses):
    model = MODELS.build(classifier_cfg(uses))
    losses = model(batch(), labelled([0, 1, 2, 3, 0, 1]), mode='loss')
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
    expected = {'loss_action'}
    if len(uses) == 2:
        expected |= {'loss_imu', 'loss_pose'}
    assert set(losses) == expected


def test_loss_against_its_definition():
    """Smoothed cross-entropy, over labelled windows that have something."""
    model = MODELS.build(classifier_cfg(label_smoothing=0.2)).eval()
    inputs, actions = batch(), [0, -1, 2, 3, 0, 1]
    losses = model(inputs, labelled(actions), mode='loss')
    scores = {name: value for name, (value, _) in model.score(inputs).items()}
    for key, logits, rows in (
        ('loss_action', model(inputs), [0, 2, 3, 4, 5]),
        ('loss_imu', scores['imu'], [0, 2, 3, 5]),
        ('loss_pose', scores['pose'], [0, 2, 3, 4]),
    ):
        torch.testing.assert_close(
            losses[key], smoothed_loss(logits, actions, rows)
        )


def test_nothing_labelled_gives_no_loss_and_a_graph():
    model = MODELS.build(classifier_cfg())
    losses = model(batch(), labelled([-1] * B), mode='loss')
    sum(losses.values()).backward()
    assert all(value.item() == 0 for value in losses.values())
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_weights_of_mobind_transfer(tmp_path):
    """By load_from and by init_cfg, every tensor of both backbones."""
    source = mobind()
    path = str(tmp_path / 'mobind.pth')
    torch.save({'state_dict': source.state_dict()}, path)
    wanted = {k: v for k, v in source.state_dict().items() if 'backbone' in k}
    assert len(wanted) > 20
    loaded = MODELS.build(classifier_cfg())
    assert any(
        not torch.equal(loaded.state_dict()[k], v) for k, v in wanted.items()
    )
    load_checkpoint(loaded, path)
    started = MODELS.build(
        classifier_cfg(init_cfg=dict(type='Pretrained', checkpoint=path))
    )
    started.init_weights()
    for model in (loaded, started):
        state = model.state_dict()
        for key, value in wanted.items():
            assert torch.equal(state[key], value), key
    # The features are MoBind's, too.
    inputs = batch()
    feats = source.eval()(inputs)
    loaded.eval()
    for name in ('imu', 'pose'):
        x, mask = loaded.channels(name, inputs[name], inputs[f'{name}_mask'])
        limbs = encode_limbs(getattr(loaded, f'{name}_backbone'), x, mask)
        assert torch.equal(limbs.tokens, feats[f'{name}_tokens'])
        assert torch.equal(limbs.local, feats[f'{name}_local'])
        assert torch.equal(limbs.present, feats[f'{name}_mask'])
    assert torch.equal(limbs.valid, feats['pose_token_mask'])


@pytest.mark.parametrize('uses', USES)
def test_weights_without_a_backbone_are_refused(uses, tmp_path):
    state = {
        k: v
        for k, v in mobind().state_dict().items()
        if not k.startswith(f'{uses[-1]}_backbone')
    }
    path = str(tmp_path / 'half.pth')
    torch.save({'state_dict': state}, path)
    model = MODELS.build(classifier_cfg(uses))
    with pytest.raises(ValueError, match=f'no {uses[-1]}_backbone'):
        load_checkpoint(model, path)


def test_frozen_backbones_stay_as_they_were():
    model = MODELS.build(classifier_cfg(frozen=True)).train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.5
    )
    losses = model(batch(), labelled([0, 1, 2, 3, 0, 1]), mode='loss')
    sum(losses.values()).backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        same = torch.equal(value, before[name])
        assert same == ('backbone' in name), name


def test_constant_inputs_give_chance():
    """Nothing but the input reaches the scores."""
    model = MODELS.build(classifier_cfg()).eval()
    inputs = batch()
    constant = {k: v[:1].expand_as(v).clone() for k, v in inputs.items()}
    samples = labelled([i % CLASSES for i in range(B)])
    out = model(constant, samples, mode='predict')
    labels = {int(sample.pred_label) for sample in out}
    assert len(labels) == 1
    for sample in out:
        torch.testing.assert_close(sample.pred_scores, out[0].pred_scores)


def test_predict_fills_data_samples():
    model = MODELS.build(classifier_cfg()).eval()
    inputs = batch()
    out = model(inputs, labelled([0] * B), mode='predict')
    scores = model(inputs).softmax(dim=1)
    for sample, row in zip(out, scores):
        assert torch.equal(sample.pred_scores, row)
        assert int(sample.pred_label) == int(row.argmax())
    assert len(model(inputs, mode='predict')) == B


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(uses=()), 'Give imu_backbone'),
        (dict(label_smoothing=1.0), 'label_smoothing'),
    ],
)
def test_wrong_configs_name_the_setting(change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(classifier_cfg(**change))


def test_wrong_inputs_name_the_setting():
    model = MODELS.build(classifier_cfg())
    with pytest.raises(ValueError, match="mode must be 'tensor'"):
        model(batch(), mode='train')
    with pytest.raises(ValueError, match='num_classes=4'):
        model(batch(), labelled([4] * B), mode='loss')
    narrow = {k: v[:, :2] for k, v in batch().items()}
    with pytest.raises(ValueError, match='built for 3 limbs, got 2; set limb'):
        model(narrow)
