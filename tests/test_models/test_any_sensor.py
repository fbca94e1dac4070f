"""Sensors of any kind and place, in windows of any length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mobind_mm.datasets.motion_capture import (
    SensorErrors,
    captured,
    simulate_sensors,
)
from mobind_mm.datasets.synthetic import Subject
from mobind_mm.datasets.synthetic.motion import perform
from mobind_mm.models import (
    ConvFormer,
    GravityIMUTokenizer,
    LimbTokenizer,
    MoBind,
    SubsetNeck,
    check_backbone,
)
from mobind_mm.models.crops import RandomCrops
from mobind_mm.models.losses import token_info_nce
from mobind_mm.models.tokenizers.gravity_imu_tokenizer import rate_of
from mobind_mm.recordings import STANDARD_GRAVITY

LIMBS = ('left_wrist', 'left_upper_arm', 'head', 'right_foot')
ENCODER = dict(
    type='ConvFormer', conv_channels=(8, 8), embed_dims=16, num_layers=2,
    num_heads=2, ffn_dims=16, conv_dropout=0.0, dropout=0.0, out_dropout=0.0,
    num_segments=5, norm_first=True, positions='relative',
)  # fmt: skip
POSE = dict(
    relative=1.0, velocity=0.3, point_velocity=0.3, bone=1.0, bone_turn=0.3,
    place=1.0,
)  # fmt: skip


def make_model(**changes):
    torch.manual_seed(0)
    return MoBind(
        limbs=LIMBS, imu_rate=25, pose_rate=25, window_sec=5.0,
        imu_tokenizer=dict(type='GravityIMUTokenizer'),
        pose_tokenizer=dict(type='LimbTokenizer', features=POSE),
        imu_backbone=ENCODER, pose_backbone=ENCODER,
        imu_neck=dict(type='SubsetNeck'), pose_neck=dict(type='SubsetNeck'),
        head=dict(type='HierarchicalContrastiveHead'), **changes,
    )  # fmt: skip


def make_inputs(batch=3, samples=125, seed=0):
    torch.manual_seed(seed)
    imu = torch.randn(batch, len(LIMBS), 11, samples)
    imu[:, :, 10] = 1
    return dict(
        imu=imu,
        pose=torch.randn(batch, len(LIMBS), 6, samples),
        imu_mask=torch.ones(batch, len(LIMBS), dtype=torch.bool),
        pose_mask=torch.ones(batch, len(LIMBS), samples, dtype=torch.bool),
    )


def recorded(rate=25.0):
    """Rows (1, 4, 11, T) of exact sensors on somebody who throws a ball."""
    person = Subject.sample(0, 'train', 1)
    plan = [(0, 6, 'throw'), (6, 12, 'walk')]
    motion = perform(person, plan, np.random.default_rng(0))
    times = np.arange(12 * 60 + 1) / 60
    streams = simulate_sensors(
        *captured(motion, times), 60.0, LIMBS, np.random.default_rng(1), rate,
        SensorErrors.perfect(),
    )  # fmt: skip
    rows = [
        np.concatenate([s.channels[c] for c in ('acc', 'gyro', 'quat')], 1)
        for s in streams.values()
    ]
    x = np.stack(rows).transpose(0, 2, 1)
    x = np.concatenate([x, np.ones_like(x[:, :1])], axis=1)
    return torch.from_numpy(x)[None]


def angle(a, b):
    cosine = (a * b).sum(2) / (a.norm(dim=2) * b.norm(dim=2)).clamp(min=1e-9)
    return torch.rad2deg(cosine.clamp(-1, 1).acos())


def without(rows, *channels):
    rows = rows.clone()
    for name in channels:
        rows[:, :, dict(gyro=slice(3, 6), quat=slice(6, 10))[name]] = 0
    return rows


def test_the_vertical_of_a_quaternion_is_exact():
    rows = recorded()
    prepared = GravityIMUTokenizer(rate=25).prepare(rows)
    for limb in range(len(LIMBS)):
        quat = rows[0, limb, 6:10].T.numpy()[:, [1, 2, 3, 0]]
        up = Rotation.from_quat(quat).inv().apply([0, 0, 1])
        np.testing.assert_allclose(prepared[0, limb, 6:9].T, up, atol=1e-5)
    assert (prepared[:, :, 9:] == 1).all()
    np.testing.assert_array_equal(prepared[:, :, :6], rows[:, :, :6])


@pytest.mark.parametrize(
    ('missing', 'known', 'degrees'),
    [(('quat',), (1, 1, 1), 5), (('quat', 'gyro'), (1, 0, 0), 30)],
)
def test_the_vertical_without_a_quaternion(missing, known, degrees):
    """By the gyroscope it is nearly right, by acceleration roughly."""
    rows = recorded()
    tokenizer = GravityIMUTokenizer(rate=25)
    truth = tokenizer.prepare(rows)[:, :, 6:9]
    found = tokenizer.prepare(without(rows, *missing))
    error = angle(found[:, :, 6:9], truth)
    assert error.median() < degrees
    if 'gyro' not in missing:
        coarse = tokenizer.prepare(without(rows, 'quat', 'gyro'))
        assert error.mean() < 0.6 * angle(coarse[:, :, 6:9], truth).mean()
    expected = torch.tensor(known, dtype=torch.float32)
    assert (found[0, :, 9:] == expected[:, None]).all()
    if 'gyro' in missing:
        assert (found[:, :, 3:6] == 0).all()


def test_the_rate_of_a_quaternion():
    """Turning at a constant rate, in closed form; and a recorded one."""
    omega = np.array([0.3, -2.0, 1.1])
    turns = Rotation.from_rotvec(np.outer(np.arange(50) / 25, omega))
    quat = torch.from_numpy(turns.as_quat()[:, [3, 0, 1, 2]])[None]
    found = rate_of(quat * torch.where(torch.arange(50) % 7 > 3, -1, 1)[
        None, :, None], 25.0)  # fmt: skip
    np.testing.assert_allclose(found[0], np.tile(omega, (50, 1)), atol=1e-6)
    rows = recorded(100.0)
    gyro = GravityIMUTokenizer(rate=100).prepare(without(rows, 'gyro'))
    error = (gyro[:, :, 3:6] - rows[:, :, 3:6])[..., 5:-5]
    assert error.std() < 0.03 * rows[:, :, 3:6].std()


def test_channels_do_not_depend_on_how_a_sensor_is_worn():
    rows = recorded()
    turn = Rotation.random(random_state=3)
    worn = rows.clone()
    for first in (0, 3):
        part = rows[0, :, first : first + 3].numpy()
        turned = np.einsum('ij,sjt->sit', turn.inv().as_matrix(), part)
        worn[0, :, first : first + 3] = torch.from_numpy(turned).float()
    quats = Rotation.from_quat(
        rows[0, :, 6:10].permute(0, 2, 1).reshape(-1, 4)[:, [1, 2, 3, 0]]
    )
    quats = (quats * turn).as_quat()[:, [3, 0, 1, 2]]
    worn[0, :, 6:10] = torch.from_numpy(
        quats.reshape(len(LIMBS), -1, 4).transpose(0, 2, 1)
    ).float()
    names = ('acc_norm', 'gyro_norm', 'vertical', 'horizontal', 'turn', 'tilt')
    tokenizer = GravityIMUTokenizer(25, dict.fromkeys(names, 1.0))
    for missing in ((), ('quat',), ('gyro',), ('quat', 'gyro')):
        a, b = (
            tokenizer(tokenizer.prepare(without(x, *missing)))
            for x in (rows, worn)
        )
        assert a.std(dim=3).max() > 0.3
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_vertical_and_horizontal_are_those_of_the_world():
    rows = recorded()
    tokenizer = GravityIMUTokenizer(25, dict(vertical=1, horizontal=1, turn=1))
    found = tokenizer(tokenizer.prepare(rows))[0]
    for limb in range(len(LIMBS)):
        turn = Rotation.from_quat(
            rows[0, limb, 6:10].T.numpy()[:, [1, 2, 3, 0]]
        )
        acc = turn.apply(rows[0, limb, :3].T.numpy())
        gyro = turn.apply(rows[0, limb, 3:6].T.numpy())
        vertical = acc[:, 2] - STANDARD_GRAVITY
        np.testing.assert_allclose(found[limb, 0], vertical, atol=1e-3)
        across = np.linalg.norm(acc[:, :2], axis=1)
        np.testing.assert_allclose(found[limb, 1], across, atol=1e-3)
        np.testing.assert_allclose(found[limb, 2], gyro[:, 2], atol=1e-4)


def test_acceleration_without_gravity_and_orientation_is_said_so():
    rows = without(recorded(), 'quat', 'gyro')
    rows[:, :, 10] = 0
    tokenizer = GravityIMUTokenizer(rate=25)
    prepared = tokenizer.prepare(rows)
    assert (prepared[:, :, 6:] == 0).all()
    channels = tokenizer(prepared)
    norm = rows[:, :, :3].norm(dim=2) * tokenizer.features['acc_norm']
    np.testing.assert_allclose(channels[:, :, 9], norm, atol=1e-4)


def test_channels_are_hidden_in_training_alone():
    rows = recorded().repeat(40, 1, 1, 1)
    tokenizer = GravityIMUTokenizer(25, drop_quat=0.5, drop_gyro=0.5)
    torch.manual_seed(0)
    known = tokenizer.train().prepare(rows)[:, :, 9:, 0]
    assert (known == known[:, :1]).all()  # one device, one set of channels
    share = known[:, 0].mean(dim=0)
    # Without both, nothing but acceleration is known.
    assert share[0] == 1 and 0.5 < share[1] < 0.95
    assert (tokenizer.eval().prepare(rows)[:, :, 9:] == 1).all()
    turned = GravityIMUTokenizer(25, rotate=True).train().prepare(rows)
    assert (turned[0, 0, :3] - rows[0, 0, :3]).abs().max() > 1
    np.testing.assert_allclose(
        turned[:, :, :3].norm(dim=2), rows[:, :, :3].norm(dim=2), atol=1e-3
    )
    mask = torch.ones(40, len(LIMBS), dtype=torch.bool)
    mask[:, 1] = False
    assert (tokenizer.prepare(rows, mask)[:, 1] == 0).all()
    with pytest.raises(ValueError, match='needs 11 rows'):
        tokenizer.prepare(rows[:, :, :6])
    with pytest.raises(ValueError, match='prepare'):
        tokenizer(rows)


def test_limb_features_in_closed_form():
    """A forearm of length 2 turns at 3 rad/s about a shoulder at rest."""
    time = torch.arange(100) / 100
    pose = torch.zeros(1, 2, 6, 100)
    pose[:, :, 2] = 2 * (3 * time).cos()
    pose[:, :, 5] = 2 * (3 * time).sin()
    features = dict.fromkeys(
        ('point_velocity', 'point_acceleration', 'bone', 'bone_turn', 'place'),
        1.0,
    )
    limbs = ('left_hand', 'left_upper_arm')
    channels = LimbTokenizer(limbs, rate=100.0, features=features)(pose)
    hand, arm = channels[0, :, :, 2:-2]
    # The hand's point is beyond the wrist: 1.3 of the forearm.
    speed = hand[:2].norm(dim=0)
    assert speed.mean() == pytest.approx(2 * 3 * 1.3, rel=1e-3)
    turning = hand[2:4].norm(dim=0)
    assert turning.mean() == pytest.approx(2 * 9 * 1.3, rel=1e-2)
    assert hand[4:6].norm(dim=0).mean() == pytest.approx(2.0)
    assert hand[6].mean() == pytest.approx(3.0, rel=1e-2)
    np.testing.assert_allclose(hand[7:, 0], [0, -0.3, 1.3], atol=1e-6)
    assert (arm[:7] == 0).all()
    np.testing.assert_allclose(arm[7:, 0], [0.5, 0.5, 0], atol=1e-6)
    mask = torch.ones(1, 2, 100, dtype=torch.bool)
    mask[:, :, 50] = False
    channels = LimbTokenizer(limbs, rate=100.0, features=features)(pose, mask)
    assert (channels[:, :, :4, 49:52] == 0).all()
    assert (channels[:, :, :, 50] == 0).all()


def test_windows_of_any_whole_number_of_tokens():
    encoder = ConvFormer(**{k: v for k, v in ENCODER.items() if k != 'type'},
                         in_channels=6, rate=25)  # fmt: skip
    check_backbone(encoder, 6)
    assert not any('pos_embed' in name for name in encoder.state_dict())
    encoder.eval()
    for count in (5, 6, 11, 25, 40):
        x = torch.randn(2, 6, 5 * count)
        tokens, local = encoder(x)
        assert tokens.shape == (2, count, 16) and local.shape == (2, 16)
        mask = torch.ones(2, count, dtype=torch.bool)
        again = encoder(x, mask)
        np.testing.assert_allclose(again[1].detach(), local.detach(), 1e-5,
                                   1e-5)  # fmt: skip
    for samples in (20, 127):
        with pytest.raises(ValueError, match='ConvFormer was built for'):
            encoder(torch.randn(2, 6, samples))
    with pytest.raises(ValueError, match="'absolute' or 'relative'"):
        ConvFormer(in_channels=6, rate=25, positions='learned')


def test_segments_that_end_inside_tokens_weigh_them_in_part():
    encoder = ConvFormer(**{k: v for k, v in ENCODER.items() if k != 'type'},
                         in_channels=6, rate=25)  # fmt: skip
    tokens = torch.randn(1, 6, 16)
    pooled = encoder._pool(tokens, None).view(5, 16)
    # Segments of 1.2 tokens: the second is 0.8 of token 1 and 0.4 of token 2.
    expected = (0.8 * tokens[0, 1] + 0.4 * tokens[0, 2]) / 1.2
    np.testing.assert_allclose(pooled[1], expected, atol=1e-5)


def test_relative_attention_is_attention_with_a_bias():
    """By hand, from the weights of one layer."""
    from mobind_mm.models.layers import TransformerLayer

    torch.manual_seed(0)
    layer = TransformerLayer(8, 2, 8, 0.0, True, max_distance=2).eval()
    torch.nn.init.normal_(layer.distance)
    x = torch.randn(1, 5, 8)
    y, attn = layer.norm1(x), layer.self_attn
    qkv = (y @ attn.in_proj_weight.T + attn.in_proj_bias).view(5, 3, 2, 4)
    out = torch.zeros(5, 2, 4)
    for head in range(2):
        q, k, v = (qkv[:, i, head] for i in range(3))
        logits = q @ k.T / 2
        for i in range(5):
            for j in range(5):
                step = max(-2, min(2, j - i)) + 2
                logits[i, j] += layer.distance[head, step]
        out[:, head] = logits.softmax(1) @ v
    expected = x[0] + attn.out_proj(out.flatten(1))
    found = x + layer._attend(layer.norm1(x), None)
    np.testing.assert_allclose(found[0].detach(), expected.detach(), atol=1e-5)


@torch.no_grad()
def test_a_limb_does_not_depend_on_what_else_is_worn():
    model, inputs = make_model().eval(), make_inputs()
    every = model(inputs)
    for limb in range(len(LIMBS)):
        mask = torch.zeros_like(inputs['imu_mask'])
        mask[:, limb] = True
        seen = inputs['pose_mask'] & mask[..., None]
        alone = model({**inputs, 'imu_mask': mask, 'pose_mask': seen})
        for key in ('imu_tokens', 'imu_local', 'pose_tokens', 'pose_local'):
            np.testing.assert_allclose(
                alone[key][:, limb], every[key][:, limb], atol=1e-5
            )
        assert alone['imu'].isfinite().all()
        assert alone['imu'].norm(dim=1).min() > 0
    nothing = model({**inputs, 'imu_mask': torch.zeros_like(mask)})
    assert (nothing['imu'] == 0).all()


@torch.no_grad()
def test_a_sensor_of_unknown_placement_may_be_in_any_row():
    torch.manual_seed(0)
    neck = SubsetNeck(num_limbs=4, embed_dims=16)
    local = torch.zeros(4, 4, 16)
    mask = torch.eye(4, dtype=torch.bool)
    local[mask] = torch.randn(16)
    known, _ = neck(local, mask)
    unknown, _ = neck(local, mask, torch.zeros_like(mask))
    assert (known[0] - known[1]).abs().max() > 1e-4
    np.testing.assert_allclose(unknown, unknown[:1].expand(4, -1), atol=1e-6)
    model, inputs = make_model().eval(), make_inputs()
    placed = torch.zeros_like(inputs['imu_mask'])
    a, b = model(inputs), model({**inputs, 'imu_placed': placed})
    assert (a['imu'] - b['imu']).abs().max() > 1e-4
    assert torch.equal(a['imu_tokens'], b['imu_tokens'])


@torch.no_grad()
def test_short_windows_and_long_clips():
    model = make_model().eval()
    samples = model.predict(make_inputs(samples=50))
    assert samples[0].imu_tokens.shape == (len(LIMBS), 10, 16)
    # Sub-windows are those of the streams that were prepared as a whole.
    inputs = make_inputs(2, 200)
    stream = model.extract_stream(inputs)
    assert stream['imu'].shape[:2] == (2, 16)
    prepared = model.prepare(inputs)
    model.prepare = lambda x: x
    part = {
        k: x if x.ndim == 2 else x[..., 35 : 35 + 125]
        for k, x in prepared.items()
    }
    whole = model(part)
    for key in ('imu', 'imu_tokens', 'pose_tokens'):
        np.testing.assert_allclose(stream[key][:, 7], whole[key], atol=1e-4)


def test_crops_pair_the_same_moments():
    """Every sample says when it is: pairs must agree."""
    when = torch.arange(25).repeat_interleave(5).float()
    inputs = dict(
        imu=when.expand(64, 2, 3, 125).clone(),
        pose=when.expand(64, 2, 6, 125).clone(),
        imu_mask=torch.ones(64, 2, dtype=torch.bool),
        pose_mask=torch.ones(64, 2, 125, dtype=torch.bool),
    )
    crop = RandomCrops(25, min_tokens=5, full_prob=0.0, shift_prob=0.5)
    torch.manual_seed(0)
    lengths, shifts = set(), []
    for _ in range(30):
        out = crop(inputs, dict(imu=5, pose=5))
        imu, pose = out['imu'][:, 0, 0, ::5], out['pose'][:, 0, 0, ::5]
        count = imu.shape[1]
        lengths.add(count)
        assert out['pose_mask'].shape == (64, 2, 5 * count)
        shifts.append(out['token_shift'].float())
        assert torch.equal(out['aligned'], out['token_shift'] == 0)
        assert out['token_shift'].abs().max() <= 0.6 * count
        for row in range(64):
            for n in range(count):
                m = n + int(out['token_shift'][row])
                if 0 <= m < count:
                    assert imu[row, n] == pose[row, m]
    assert min(lengths) >= 5 and len(lengths) > 8
    assert torch.cat(shifts).std() > 1
    whole = RandomCrops(25, full_prob=1.0)(inputs, dict(imu=5, pose=5))
    assert whole['aligned'].all() and whole['imu'] is inputs['imu']
    with pytest.raises(ValueError, match='min_tokens=30'):
        RandomCrops(25, min_tokens=30)


def test_shifted_token_loss_against_a_loop():
    torch.manual_seed(0)
    a, b = torch.randn(4, 6, 8), torch.randn(4, 6, 8)
    mask = torch.rand(4, 6) < 0.7
    shift = torch.tensor([0, 2, -3, 5])
    scale = torch.tensor(4.0)
    found = token_info_nce(a, b, scale, mask, shift)
    expected = []
    cosine = torch.nn.functional.cosine_similarity
    for m in range(4):
        for n in range(6):
            k = n + int(shift[m])
            if not (0 <= k < 6 and mask[m, k]):
                continue
            to_b = scale * cosine(a[m, n][None], b[m])
            to_b = to_b.masked_fill(~mask[m], -torch.inf)
            to_a = scale * cosine(b[m, k][None], a[m])
            expected.append(
                -(to_b.log_softmax(0)[k] + to_a.log_softmax(0)[n]) / 2
            )
    np.testing.assert_allclose(found, torch.stack(expected), atol=1e-5)
    zero, whole = torch.zeros(4, dtype=torch.long), torch.ones_like(mask)
    np.testing.assert_allclose(
        token_info_nce(a, b, scale, whole, zero),
        token_info_nce(a, b, scale, whole),
        atol=1e-5,
    )


def test_training_on_crops_reaches_every_parameter():
    crops = dict(min_tokens=5, full_prob=0.0, shift_prob=0.5)
    model = make_model(random_crops=crops).train()
    inputs = make_inputs(6)
    inputs['imu_placed'] = torch.rand(6, len(LIMBS)) < 0.5
    losses = model(inputs, mode='loss')
    assert set(losses) == {'loss_global', 'loss_local', 'loss_token'}
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()
    with pytest.raises(ValueError, match="positions='relative'"):
        absolute = {**ENCODER, 'positions': 'absolute'}
        MoBind(
            imu_backbone=dict(absolute, in_channels=6, rate=25),
            pose_backbone=dict(absolute, in_channels=6, rate=25),
            head=dict(type='HierarchicalContrastiveHead', global_weight=0),
            random_crops=crops,
        )
