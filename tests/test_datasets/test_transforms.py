import numpy as np
import pytest
from programs import python
from recordings import (
    keypoints_at,
    make_recording,
    make_results,
    make_sensor,
    rotation,
)
from scipy.spatial.transform import Rotation

from mobind_mm.datasets import transforms as t
from mobind_mm.recordings import Recording
from mobind_mm.registry import TRANSFORMS
from mobind_mm.skeleton import Limb, limb_indices

PLACEMENTS = ('left_wrist', 'right_wrist', 'head')


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(0)


def loaded(seconds=4.0, imu_rate=50, pose_rate=10, **changes):
    """Results after resampling."""
    recording = changes.pop('recording', make_recording(placements=PLACEMENTS))
    results = t.LoadWindow()(make_results(recording, 2.0, seconds, **changes))
    return t.ResamplePose(pose_rate)(t.ResampleIMU(imu_rate)(results))


def copy_imu(results):
    return {p: dict(c) for p, c in results['imu'].items()}


def test_all_are_registered_and_exported():
    for name in t.__all__:
        if name != 'BaseTransform':
            assert TRANSFORMS.get(name) is getattr(t, name)


# Windows


def test_random_window_covers_the_entry_and_relabels():
    segments = [
        dict(start_s=0.0, end_s=5.0, label=0),
        dict(start_s=5.0, end_s=10.0, label=1),
    ]
    starts = []
    for _ in range(400):
        results = t.RandomWindow()(make_results(segments=segments))
        start = results['window_start']
        starts.append(start)
        assert results['action'] == int(start > 3)
    assert 0 <= min(starts) < 0.2 and 5.8 < max(starts) <= 6
    np.testing.assert_allclose(np.mean(starts), 3, atol=0.3)  # uniform
    for _ in range(100):
        near = t.RandomWindow(0.5)(make_results(start=5.8))['window_start']
        assert 5.3 <= near <= 6.0


def test_random_time_shift_moves_only_the_imu():
    offsets = []
    for _ in range(200):
        results = t.RandomTimeShift(0.5)(make_results(start=0.2))
        assert results['window_start'] == 0.2
        offsets.append(results['offset'])
    assert -0.5 <= min(offsets) < -0.45 and 0.15 < max(offsets) <= 0.2

    shifted = loaded(offset=-0.4)
    later = t.LoadWindow()(make_results(make_recording(), start=2.4))
    later = t.ResampleIMU(50)(later)
    np.testing.assert_allclose(
        shifted['imu']['left_wrist']['acc'],
        later['imu']['left_wrist']['acc'],
        atol=1e-5,
    )
    np.testing.assert_array_equal(shifted['keypoints'], loaded()['keypoints'])


def test_random_speed_plays_both_streams_faster():
    results = t.RandomSpeed((1.5, 1.5))(make_results())
    assert results['speed'] == 1.5
    results = t.ResamplePose(10)(t.ResampleIMU(50)(t.LoadWindow()(results)))
    slow = loaded(seconds=6.0, imu_rate=50 / 1.5)
    fast_imu, slow_imu = (
        results['imu']['left_wrist'],
        slow['imu']['left_wrist'],
    )
    assert fast_imu['quat'].shape == (200, 4)
    np.testing.assert_allclose(fast_imu['quat'], slow_imu['quat'], atol=5e-3)
    np.testing.assert_allclose(
        fast_imu['gyro'], 1.5 * slow_imu['gyro'], rtol=1e-4
    )
    np.testing.assert_allclose(fast_imu['acc'], slow_imu['acc'], atol=0.03)
    expected = keypoints_at(2.0 + 1.5 * np.arange(40) / 10)
    np.testing.assert_allclose(results['keypoints'], expected, atol=0.5)
    # gyro is still the derivative of quat on the new clock.
    turned = rotation(fast_imu['quat'])
    rate = (turned[:-1].inv() * turned[1:]).as_rotvec() * 50
    np.testing.assert_allclose(rate, fast_imu['gyro'][1:], atol=0.05)


def test_random_speed_scales_acceleration_without_gravity():
    stream = make_sensor(np.arange(1000) / 100)
    stream = type(stream)(stream.clock, stream.channels, gravity=False)
    results = make_results(Recording(dict(head=stream)), speed=1.2)
    fast = t.LoadWindow()(results)['imu']['head']['acc']
    first = round((2.0 - 0.5 * 1.2) * 100)
    np.testing.assert_allclose(
        fast, 1.44 * stream.channels['acc'][first : first + len(fast)], 1e-5
    )


def test_random_speed_stays_inside_the_entry():
    for _ in range(50):
        results = t.RandomSpeed((2.0, 3.0))(make_results(start=5.9))
        end = results['window_start'] + 4.0 * results['speed']
        assert results['window_start'] >= 0 and end <= 10 + 1e-9
        assert results['speed'] <= 2.5
        results = t.RandomWindow()(results)
        end = results['window_start'] + 4.0 * results['speed']
        assert results['window_start'] >= 0 and end <= 10 + 1e-9


# IMU


def test_rotation_is_of_the_sensor_not_of_the_world():
    results = loaded()
    before = copy_imu(results)
    after = t.RandomIMURotation(180)(results)['imu']
    for placement in PLACEMENTS:
        old, new = before[placement], after[placement]
        assert np.abs(new['acc'] - old['acc']).max() > 0.1
        for name in ('acc', 'gyro'):
            np.testing.assert_allclose(
                np.linalg.norm(new[name], axis=1),
                np.linalg.norm(old[name], axis=1),
                rtol=1e-4,
                atol=1e-5,
            )
            np.testing.assert_allclose(
                rotation(new['quat']).apply(new[name]),
                rotation(old['quat']).apply(old[name]),
                atol=1e-4,
            )
        assert new['quat'][0, 0] >= 0
    # Each sensor turns by its own rotation.
    moved = [
        Rotation.align_vectors(after[p]['acc'], before[p]['acc'])[0]
        for p in PLACEMENTS
    ]
    assert (moved[0] * moved[1].inv()).magnitude() > 0.05


def test_rotation_angle_and_probability():
    for _ in range(30):
        results = loaded(seconds=0.4)
        before = copy_imu(results)['head']['acc']
        after = t.RandomIMURotation(10)(results)['imu']['head']['acc']
        cos = np.sum(before * after, 1) / np.sum(before**2, 1)
        assert (cos > np.cos(np.deg2rad(10)) - 1e-5).all()
    results = loaded()
    before = copy_imu(results)
    same = t.RandomIMURotation(90, prob=0)(results)['imu']
    assert same['head']['acc'] is before['head']['acc']


def test_acceleration_in_the_world_frame_is_not_turned():
    results = loaded()
    before = copy_imu(results)['head']
    results['imu_meta']['head']['frame'] = 'world'
    after = t.RandomIMURotation(90)(results)['imu']['head']
    np.testing.assert_array_equal(after['acc'], before['acc'])
    assert np.abs(after['gyro'] - before['gyro']).max() > 0.01


def test_noise_has_the_given_spread():
    results = loaded(seconds=8.0)
    before = copy_imu(results)
    after = t.RandomIMUNoise(acc_std=0.5, gyro_bias_std=2.0)(results)['imu']
    acc = [after[p]['acc'] - before[p]['acc'] for p in PLACEMENTS]
    assert np.std(acc) == pytest.approx(0.5, rel=0.1)
    assert np.abs(np.mean(acc, axis=1)).max() < 0.15
    gyro = np.array([after[p]['gyro'] - before[p]['gyro'] for p in PLACEMENTS])
    assert np.ptp(gyro, axis=1).max() < 1e-5  # constant in time
    assert 0.5 < np.std(gyro[:, 0]) < 4
    np.testing.assert_array_equal(
        after['head']['quat'], before['head']['quat']
    )


def test_scale_is_one_factor_a_channel():
    results = loaded()
    before = copy_imu(results)
    after = t.RandomIMUScale((0.5, 2.0))(results)['imu']
    factors = []
    for placement in PLACEMENTS:
        for name in ('acc', 'gyro'):
            ratio = after[placement][name] / before[placement][name]
            assert np.ptp(ratio) < 1e-3
            factors.append(ratio[0, 0])
        assert after[placement]['quat'] is before[placement]['quat']
    assert len(np.unique(np.round(factors, 3))) == 6
    assert min(factors) >= 0.5 and max(factors) <= 2.0


def test_sensor_drop_keeps_the_least_number():
    kept = []
    for _ in range(300):
        results = dict(imu_mask=dict(a=True, b=True, c=False, d=True, e=True))
        mask = t.RandomSensorDrop(0.9, min_sensors=2)(results)['imu_mask']
        assert not mask['c']
        assert sum(mask.values()) >= 2
        kept.append([mask[name] for name in 'abde'])
    # Nobody is protected by its place.
    assert np.ptp(np.mean(kept, axis=0)) < 0.15

    always = dict(imu_mask=dict(a=True, b=False))
    assert t.RandomSensorDrop(1.0, 3)(always)['imu_mask']['a']
    never = dict(imu_mask=dict(a=True, b=True))
    assert all(t.RandomSensorDrop(0.0)(never)['imu_mask'].values())
    for _ in range(50):
        some = dict(imu_mask=dict(head=True, pelvis=True, c=True))
        drop = t.RandomSensorDrop(1.0, 1, ['head', 'pelvis'])
        mask = drop(some)['imu_mask']
        assert mask['c'] and mask['head'] + mask['pelvis'] == 1


# Pose


def moved(results, scale=1.0, shift=(0.0, 0.0)):
    results['keypoints'] = results['keypoints'] * np.float32(
        scale
    ) + np.float32(shift)
    return results


def test_image_mode_divides_by_width_and_height():
    results = loaded()
    expected = results['keypoints'] / [640, 480]
    found = t.NormalizeKeypoints('image')(results)['keypoints']
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize('mode', ['torso', 'bbox'])
def test_modes_without_the_image_ignore_place_and_size(mode):
    normalize = t.NormalizeKeypoints(mode)
    here = normalize(loaded())['keypoints']
    there = normalize(moved(loaded(), 0.3, (200, -90)))['keypoints']
    np.testing.assert_allclose(there, here, atol=1e-4)


def test_torso_mode_has_unit_torso_and_keeps_motion():
    results = loaded()
    drift = np.linspace(0, 90, 40, dtype=np.float32)[:, None, None]
    results['keypoints'] += drift
    results['keypoint_mask'][10:15, 5] = False  # ignored frames
    results['keypoints'][10:15, 5] = 1e6
    found = t.NormalizeKeypoints('torso')(results)['keypoints']
    valid = np.r_[0:10, 15:40]
    shoulders = found[valid][:, [5, 6]].mean(1)
    hips = found[valid][:, [11, 12]].mean(1)
    size = np.linalg.norm(shoulders - hips, axis=1)
    assert np.median(size) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(np.median(hips, axis=0), 0, atol=1e-4)
    assert np.ptp(hips[:, 0]) > 0.2  # the walk through the window remains


def test_bbox_mode_spans_one_unit():
    results = loaded()
    results['keypoint_mask'][:, 3] = False
    results['keypoints'][:, 3] = -1e6
    found = t.NormalizeKeypoints('bbox')(results)
    known = found['keypoints'][found['keypoint_mask']]
    assert np.ptp(known, axis=0).max() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(known.min(0) + known.max(0), 0, atol=1e-4)


@pytest.mark.parametrize('mode', ['torso', 'bbox'])
def test_a_window_that_cannot_be_normalised_is_masked(mode):
    results = loaded()
    unseen = 11 if mode == 'torso' else slice(None)
    results['keypoint_mask'][:, unseen] = False
    results = t.NormalizeKeypoints(mode)(results)
    assert not results['keypoint_mask'].any()
    assert not results['keypoints'].any()


def test_unknown_mode():
    with pytest.raises(ValueError, match="'foot'"):
        t.NormalizeKeypoints('foot')


def test_pose_rotation_and_scale_keep_the_centre_and_the_shape():
    def distances(points):
        return np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)

    before = loaded()['keypoints']
    turned = t.RandomPoseRotation(90)(loaded())['keypoints']
    np.testing.assert_allclose(
        distances(turned), distances(before), rtol=1e-3, atol=1e-2
    )
    assert np.abs(turned - before).max() > 5
    scaled = t.RandomPoseScale((2.0, 2.0))(loaded())['keypoints']
    np.testing.assert_allclose(
        distances(scaled), 2 * distances(before), rtol=1e-3, atol=1e-2
    )
    wide = t.RandomPoseScale((1.0, 1.0), (4.0, 4.0))(loaded())['keypoints']
    spread = wide.std((0, 1)) / before.std((0, 1))
    np.testing.assert_allclose(spread, (2.0, 0.5), rtol=1e-3)
    for found in (turned, scaled):
        np.testing.assert_allclose(
            found.mean((0, 1)), before.mean((0, 1)), rtol=1e-3
        )


def test_smoothing_keeps_lines_and_quietens_noise():
    results = loaded(seconds=8.0)
    time = np.arange(len(results['keypoints']), dtype=np.float32)
    line = np.broadcast_to(
        time[:, None, None], results['keypoints'].shape
    ).copy()
    noise = np.random.default_rng(0).normal(size=line.shape)
    smooth = t.SmoothKeypoints(2 / results['pose_rate'])
    found = smooth({**results, 'keypoints': line})['keypoints']
    np.testing.assert_allclose(found[8:-8], line[8:-8], rtol=1e-5)
    quiet = smooth({**results, 'keypoints': noise})['keypoints'][8:-8]
    # White noise through a Gaussian of sigma samples: 1 / sqrt(2 sqrt(pi)
    # sigma) of the standard deviation remains.
    expected = (2 * np.pi**0.5 * 2) ** -0.5
    assert quiet.std() == pytest.approx(expected, rel=0.05)


def test_keypoint_noise_and_drop():
    before = loaded(seconds=8.0)['keypoints']
    after = t.RandomKeypointNoise(3.0)(loaded(seconds=8.0))['keypoints']
    assert np.std(after - before) == pytest.approx(3.0, rel=0.05)
    shares = []
    for _ in range(100):
        mask = t.RandomKeypointDrop(0.3)(loaded(0.4))['keypoint_mask']
        assert (mask == mask[:1]).all()  # for the whole window
        shares.append(mask.mean())
    assert np.mean(shares) == pytest.approx(0.7, abs=0.05)


def test_augmentations_that_do_not_happen_or_have_no_skeleton():
    before = loaded()['keypoints']
    for make in (
        lambda prob: t.RandomPoseScale(prob=prob),
        lambda prob: t.RandomPoseRotation(30, prob=prob),
        lambda prob: t.RandomKeypointNoise(1.0, prob=prob),
        lambda prob: t.RandomKeypointDrop(0.9, prob=prob),
    ):
        results = make(0)(loaded())
        np.testing.assert_array_equal(results['keypoints'], before)
        assert results['keypoint_mask'].all()
        none = loaded(
            recording=Recording(dict(head=make_sensor(np.arange(1000) / 100)))
        )
        assert make(1)(none)['keypoints'] is None
    assert t.NormalizeKeypoints('torso')(none)['keypoints'] is None


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda: t.RandomIMURotation(-1), 'max_deg'),
        (lambda: t.RandomIMURotation(1, prob=2), 'prob'),
        (lambda: t.RandomIMUNoise(acc_std=-1), 'acc_std'),
        (lambda: t.RandomIMUScale((2, 1)), 'factors'),
        (lambda: t.RandomSpeed((0, 1)), 'factors'),
        (lambda: t.RandomTimeShift(-1), 'max_sec'),
        (lambda: t.RandomWindow(-1), 'max_shift_sec'),
        (lambda: t.RandomKeypointDrop(1.5), 'drop_prob'),
        (lambda: t.RandomPoseScale((1.0,)), 'factors'),
        (lambda: t.RandomPoseScale(aspect_factors=(2, 1)), 'aspect_factors'),
        (lambda: t.SmoothKeypoints(0), 'sigma_sec'),
        (lambda: t.LoadWindow(-1), 'margin_sec'),
        (lambda: t.ResamplePose(-1), 'rate'),
    ],
)
def test_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# Packing


@pytest.mark.slow
@pytest.mark.parametrize(
    'transform', ['RandomIMUScale()', 'RandomIMUNoise(1, 1)']
)
def test_a_seed_fixes_the_draws_of_every_process(transform):
    """The order of a set of names differs by process."""
    code = (
        'import numpy as np\n'
        'from mobind_mm.datasets import transforms as t\n'
        'np.random.seed(0)\n'
        'imu = dict(w=dict(acc=np.ones((2, 3)), gyro=np.ones((2, 3))))\n'
        f'out = t.{transform}(dict(imu=imu, imu_mask=dict(w=True)))\n'
        "print(out['imu']['w']['acc'].sum(), out['imu']['w']['gyro'].sum())"
    )
    printed = {
        python('-c', code, PYTHONHASHSEED=seed).stdout for seed in '0123'
    }
    assert len(printed) == 1


def test_sensors_and_channels_to_load_are_checked():
    with pytest.raises(ValueError, match="'left_wrst'"):
        t.LoadWindow(placements=('left_wrst',))
    with pytest.raises(ValueError, match="'accel'"):
        t.LoadWindow(channels=('accel',))
    with pytest.raises(ValueError, match="'tail'"):
        t.RandomSensorDrop(0.5, placements=('tail',))


def test_packing_order():
    results = loaded()
    limbs = ('head', 'left_wrist', 'right_knee')
    packed = t.PackIMUPose(limbs, ('gyro', 'quat', 'acc'))(results)['inputs']
    index = limb_indices('coco', limbs)
    for row, joints in enumerate(index):
        x = results['keypoints'][:, joints, 0].T
        y = results['keypoints'][:, joints, 1].T
        np.testing.assert_array_equal(packed['pose'][row], [*x, *y])
    wrist = results['imu']['left_wrist']
    np.testing.assert_array_equal(
        packed['imu'][1],
        np.concatenate([wrist['gyro'], wrist['quat'], wrist['acc']], 1).T,
    )
    assert packed['imu_mask'].tolist() == [True, True, False]
    assert not packed['imu'][2].any()


def test_packing_masks():
    results = loaded()
    results['imu_mask']['head'] = False
    results['keypoint_mask'][4:7, 5] = False  # left shoulder
    results['keypoint_mask'][:, 10] = False  # right wrist: never seen
    packed = t.PackIMUPose(PLACEMENTS)(results)['inputs']
    assert packed['imu_mask'].tolist() == [True, True, False]
    assert not packed['imu'][2].any()
    expected = np.ones((3, 40), dtype=bool)
    expected[0, 4:7] = False
    expected[1] = False
    np.testing.assert_array_equal(packed['pose_mask'], expected)
    # Bridged values stay, a keypoint that was never seen is zero.
    assert packed['pose'][0].all()
    assert not packed['pose'][1, [2, 5]].any()
    assert packed['pose'][1, [0, 1, 3, 4]].all()


def test_packing_limbs_with_a_sensor_only():
    results = loaded()
    results['imu_mask']['head'] = False
    pack = t.PackIMUPose(PLACEMENTS, paired_only=True)
    packed = pack(results)['inputs']
    assert packed['pose_mask'].all(axis=1).tolist() == [True, True, False]


def test_packing_a_limb_of_ones_own():
    limb = Limb('left_ear', ('nose', 'left_ear', 'left_eye'))
    packed = t.PackIMUPose([limb])(loaded())
    assert packed['inputs']['pose'].shape == (1, 6, 40)
    assert packed['data_samples'].placements == ('left_ear',)


def test_packing_mistakes():
    with pytest.raises(ValueError, match="'tail'"):
        t.PackIMUPose(['tail'])
    with pytest.raises(ValueError, match='each limb once'):
        t.PackIMUPose(['head', 'head'])
    with pytest.raises(ValueError, match="'baro'"):
        t.PackIMUPose(['head'], ['acc', 'baro'])
    pack = t.PackIMUPose(['head'], ['acc', 'mag'])
    with pytest.raises(
        ValueError, match=r"'take_1': head has no \['mag'\], only \['acc'"
    ):
        pack(loaded())
