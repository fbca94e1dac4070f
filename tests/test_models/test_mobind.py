"""The algorithm: masks, gradients, modes, sensor identities."""

import pytest
import torch
from tiny_models import parts, spoiled

from mobind_mm.models import MaskedTokenHead
from mobind_mm.models.losses import label_nce
from mobind_mm.registry import MODELS
from mobind_mm.structures import MoBindDataSample

B, S, D, T_IMU, T_POSE = 4, 3, 16, 50, 20
N = 5


pytestmark = pytest.mark.usefixtures('mobind_scope')


def model_cfg(neck='LimbAttentionNeck', **head):
    head = dict(type='HierarchicalContrastiveHead', embed_dims=D, **head)
    cfg = dict(type='MoBind', head=head, **parts())
    if neck:
        cfg['imu_neck'] = cfg['pose_neck'] = dict(
            type=neck, num_limbs=S, embed_dims=D
        )
    return cfg


def batch():
    return dict(
        imu=torch.randn(B, S, 6, T_IMU), pose=torch.randn(B, S, 6, T_POSE)
    )


def masked_batch():
    inputs = batch()
    inputs['imu_mask'] = torch.ones(B, S, dtype=torch.bool)
    inputs['imu_mask'][0, 1] = inputs['imu_mask'][2, :2] = False
    inputs['pose_mask'] = torch.ones(B, S, T_POSE, dtype=torch.bool)
    inputs['pose_mask'][1, 0] = False
    inputs['pose_mask'][3, 2, :9] = False
    return inputs


@pytest.mark.parametrize('tokenizers', [True, False])
@pytest.mark.parametrize('neck', ['LimbAttentionNeck', 'ConcatMLPNeck', None])
@pytest.mark.parametrize('training', [True, False])
def test_what_stands_behind_a_mask_changes_nothing(neck, training, tokenizers):
    weight = 1.0 if neck else 0.0
    cfg = model_cfg(neck, global_weight=weight)
    if not tokenizers:
        cfg['imu_tokenizer'] = cfg['pose_tokenizer'] = None
        cfg['imu_backbone']['in_channels'] = 6
        cfg['pose_backbone']['in_channels'] = 6
    model = MODELS.build(cfg)
    model.train(training)
    inputs = masked_batch()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    clean = model(inputs, mode='tensor')
    statistics = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    other = model(spoiled(inputs), mode='tensor')
    for key in clean:
        torch.testing.assert_close(clean[key], other[key], msg=key)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, statistics[key], msg=key)


@pytest.mark.parametrize('neck', ['LimbAttentionNeck', 'ConcatMLPNeck'])
def test_a_missing_sensor_changes_the_embedding_of_its_clip_only(neck):
    model = MODELS.build(model_cfg(neck)).eval()
    inputs = batch()
    whole = model(inputs)
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[0, 1] = False
    part = model({**inputs, 'imu_mask': mask})
    torch.testing.assert_close(part['imu'][1:], whole['imu'][1:])
    assert (part['imu'][0] - whole['imu'][0]).abs().max() > 1e-3
    assert torch.all(part['imu_local'][0, 1] == 0)


@pytest.mark.parametrize('neck', ['LimbAttentionNeck', 'ConcatMLPNeck'])
def test_aggregation_ignores_what_stands_behind_the_mask(neck):
    neck = MODELS.build(dict(type=neck, num_limbs=S, embed_dims=D))
    torch.nn.init.normal_(neck.norm.bias)
    mask = masked_batch()['imu_mask']
    local = torch.randn(B, S, D)
    spoiled = torch.where(mask[..., None], local, torch.randn(B, S, D))
    for a, b in zip(neck(local, mask), neck(spoiled, mask)):
        torch.testing.assert_close(a, b)
    whole, _ = neck(local, torch.ones_like(mask))
    part, _ = neck(local, mask)
    changed = (whole - part).abs().amax(dim=1) > 1e-3
    assert torch.equal(changed, ~mask.all(dim=1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_aggregation_in_half_precision(dtype):
    neck = MODELS.build(
        dict(type='LimbAttentionNeck', num_limbs=S, embed_dims=D)
    )
    mask = masked_batch()['imu_mask']
    local = torch.randn(B, S, D)
    with torch.autocast('cpu', dtype):
        half, _ = neck(local, mask)
    full, _ = neck(local, mask)
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0.05)


def test_attention_over_one_limb_is_that_limb_wherever_it_sits():
    model = MODELS.build(model_cfg()).eval()
    neck = model.imu_neck
    local = torch.randn(1, S, D)
    for s in range(S):
        mask = torch.arange(S)[None] == s
        clip, _ = neck(local, mask)
        alone = neck.norm(local[:, s]) @ neck.weight[s] + neck.bias[s]
        torch.testing.assert_close(clip, alone)


def test_full_masks_equal_no_masks():
    model = MODELS.build(model_cfg()).eval()
    inputs = batch()
    full = dict(
        imu_mask=torch.ones(B, S, dtype=torch.bool),
        pose_mask=torch.ones(B, S, T_POSE, dtype=torch.bool),
    )
    without = model(inputs)
    for key, value in model({**inputs, **full}).items():
        if value.dtype == torch.bool:
            assert torch.equal(value, without[key])
            continue
        # Frames at the border of a stream have one-sided neighbours.
        torch.testing.assert_close(value, without[key], msg=key)


MASKED = dict(
    num_limbs=S, num_tokens=N, embed_dims=D, num_layers=1, num_heads=2
)


def full_objective():
    cfg = model_cfg(multi_positive_weight=0.2)
    cfg['masked_token_head'] = dict(MASKED, type='MaskedTokenHead')
    return cfg


@pytest.mark.parametrize('neck', ['LimbAttentionNeck', 'ConcatMLPNeck'])
def test_every_parameter_gets_a_gradient(neck):
    cfg = full_objective()
    cfg['imu_neck'] = cfg['pose_neck'] = dict(
        type=neck, num_limbs=S, embed_dims=D
    )
    model = MODELS.build(cfg)
    losses = model(masked_batch(), mode='loss')
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # A bias before a batch norm has no influence.
        idle = 'convs' in name and name.endswith('bias')
        if not idle and name != 'head.logit_scale':
            assert parameter.grad.abs().max() > 0, name


def test_loss_names_and_weights():
    cfg = full_objective()
    model = MODELS.build(cfg).eval()
    inputs = batch()
    losses = model(inputs, mode='loss')
    assert set(losses) == {
        'loss_global',
        'loss_local',
        'loss_token',
        'loss_multi_positive',
        'loss_masked_token',
    }
    model.head.weights['token'] = 1.0
    double = model(inputs, mode='loss')
    torch.testing.assert_close(double['loss_token'], 2 * losses['loss_token'])


def test_labels_pull_limbs_of_one_action_together():
    model = MODELS.build(model_cfg(None, global_weight=0, action_weight=0.5))
    model.eval()
    inputs = masked_batch()
    samples = [MoBindDataSample() for _ in range(B)]
    for sample, label in zip(samples, (3, 1, 3, -1)):
        sample.action = label
    feats = model(inputs, mode='tensor')
    # Of the two windows with one label, limbs that both show.
    terms, project = [], model.head.action_proj
    for name in ('imu', 'pose'):
        mask, x = feats[f'{name}_mask'], feats[f'{name}_local']
        rows = [(i, limb) for i in (0, 1, 2) for limb in range(S)]
        rows = [row for row in rows if mask[row]]
        tokens = torch.stack([x[row] for row in rows])
        labels = torch.tensor([10 * (i != 1) + limb for i, limb in rows])
        terms.append(label_nce(project[name](tokens), labels, 0.1))
    loss = model(inputs, samples, mode='loss')['loss_action']
    torch.testing.assert_close(loss, 0.5 * torch.cat(terms).mean())
    for sample in samples:
        sample.action = -1
    nothing = model(inputs, samples, mode='loss')['loss_action']
    nothing.backward()  # a RuntimeError
    assert nothing == 0 and not project['imu'].weight.grad.any()
    with pytest.raises(ValueError, match='labels. Got 0 for 4 windows'):
        model(inputs, mode='loss')


def test_no_sensor_at_all_still_trains():
    model = MODELS.build(full_objective())
    inputs = masked_batch()
    inputs['imu_mask'][:] = False
    loss = sum(model(inputs, mode='loss').values())
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in model.imu_backbone.named_parameters():
        assert torch.all(parameter.grad == 0), name


def test_sensor_identities_follow_the_sensor_axis():
    """Rows are clip-major: clip 0 limb 0, clip 0 limb 1, ..."""
    head = MaskedTokenHead(**MASKED, dropout=0.0)
    seen = []
    forward = head.forward

    def spy(tokens, sensor, hidden):
        seen.append((tokens, sensor))
        return forward(tokens, sensor, hidden)

    head.forward = spy
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[1, 0] = False
    # Each token carries the index of its sensor.
    tokens = torch.arange(S).float()[None, :, None, None].expand(B, S, N, D)
    head.loss(dict(imu_mask=mask, imu_tokens=tokens))
    rows, sensor = seen[0]
    assert len(rows) == B * S - 1
    torch.testing.assert_close(rows[:, 0, 0], sensor.float())


def test_masked_tokens_are_hidden_from_the_predictor():
    head = MaskedTokenHead(
        num_limbs=S, num_tokens=N, embed_dims=D, num_heads=2, dropout=0.0
    ).eval()
    tokens = torch.randn(2, N, D)
    hidden = head.random_mask(tokens)
    assert torch.equal((~hidden).sum(1), torch.full((2,), int(N * 0.25)))
    spoiled = torch.where(hidden[..., None], 1e3, tokens)
    sensor = torch.tensor([0, 2])
    torch.testing.assert_close(
        head(tokens, sensor, hidden), head(spoiled, sensor, hidden)
    )


def test_limb_names_decide_which_keypoints_are_taken():
    model = MODELS.build(model_cfg()).eval()
    keypoints = torch.randn(B, 17, 2, T_POSE)
    from mobind_mm.skeleton import limb_indices

    limbs = limb_indices('coco', ('left_wrist', 'right_wrist', 'head'))
    pose = torch.stack(
        [
            torch.cat([keypoints[:, i, 0], keypoints[:, i, 1]], dim=1)
            for i in torch.tensor(limbs)
        ],
        dim=1,
    )
    imu = batch()['imu']
    a = model(dict(imu=imu, pose=keypoints))
    b = model(dict(imu=imu, pose=pose))
    torch.testing.assert_close(a['pose'], b['pose'])


def test_order_of_feature_names_changes_nothing():
    """MMEngine sorts dictionaries when it saves a config."""
    cfg = model_cfg()
    model = MODELS.build(cfg).eval()
    for name in ('imu_tokenizer', 'pose_tokenizer'):
        features = cfg[name]['features']
        assert list(features) != sorted(features)
        cfg[name]['features'] = dict(sorted(features.items()))
    again = MODELS.build(cfg).eval()
    again.load_state_dict(model.state_dict())
    inputs = batch()
    for key, value in model(inputs).items():
        assert torch.equal(value, again(inputs)[key]), key


def test_predict_fills_data_samples():
    model = MODELS.build(model_cfg(None, global_weight=0.0)).eval()
    inputs = masked_batch()
    samples = [MoBindDataSample(metainfo=dict(take=str(i))) for i in range(B)]
    out = model(inputs, samples, mode='predict')
    feats = model(inputs)
    for i, sample in enumerate(out):
        assert sample.take == str(i)
        torch.testing.assert_close(sample.imu_embedding, feats['imu'][i])
        assert sample.imu_embedding.shape == (S, D)
        assert torch.equal(sample.imu_mask, inputs['imu_mask'][i])


def test_frozen_statistics_do_not_depend_on_batch_mates():
    model = MODELS.build(model_cfg()).eval()
    inputs = masked_batch()
    whole = model(inputs)
    for i in range(B):
        one = model({k: v[i : i + 1] for k, v in inputs.items()})
        for key in ('imu', 'pose', 'pose_tokens'):
            torch.testing.assert_close(
                one[key][0], whole[key][i], atol=1e-5, rtol=1e-4
            )


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(mode='train'), "mode must be 'tensor'"),
        (dict(imu=torch.zeros(B, S, 7, T_IMU)), 'imu_channels'),
        (dict(imu=torch.zeros(B, S, 6, 40)), 'window_sec'),
        (dict(pose=torch.zeros(B, 26, 2, T_POSE)), '17 keypoints'),
    ],
)
def test_wrong_inputs_name_the_setting(change, message):
    model = MODELS.build(model_cfg())
    mode = change.pop('mode', 'tensor')
    with pytest.raises(ValueError, match=message):
        model({**batch(), **change}, mode=mode)


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda c: c.update(imu_neck=None), 'both imu_neck'),
        (lambda c: c.update(imu_neck=None, pose_neck=None), 'per-limb'),
        (lambda c: c['imu_backbone'].update(window_sec=1.1), 'whole number'),
        (
            lambda c: c['pose_tokenizer'].update(limbs=('tail',)),
            "Unknown limb 'tail'",
        ),
        (
            lambda c: c['pose_tokenizer'].update(features=dict(speed=1)),
            'Unknown limb features',
        ),
        (
            lambda c: c['imu_tokenizer'].update(channels=('acc', 'emg')),
            'Unknown IMU channels',
        ),
        (lambda c: c['imu_neck'].update(num_limbs=2), None),
    ],
)
def test_wrong_configs_name_the_setting(build, message):
    cfg = model_cfg()
    build(cfg)
    with pytest.raises(ValueError, match=message or 'num_limbs'):
        model = MODELS.build(cfg)
        model(batch())
