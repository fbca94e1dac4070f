"""Sensors and skeletons as they come: channels, names, layouts."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mobind_mm.datasets.transforms import (
    NormalizeKeypoints,
    PackIMUPose,
    RandomSensorSubset,
    RandomUnplaced,
    ToSpecificForce,
)
from mobind_mm.recordings import STANDARD_GRAVITY
from mobind_mm.skeleton import get_layout

PLACEMENTS = ('left_wrist', 'head', 'left_foot')
OPTIONAL = ('gyro', 'quat')


def sensors(**channels):
    """Results with one sensor per placement: its channels by name."""
    widths = dict(acc=3, gyro=3, quat=4)
    rng = np.random.default_rng(0)
    imu = {
        name: {c: rng.normal(size=(50, widths[c])).astype('f4') for c in has}
        for name, has in channels.items()
    }
    return dict(
        imu=imu,
        imu_meta={name: dict(frame='sensor') for name in imu},
        imu_mask=dict.fromkeys(imu, True),
        imu_rate=25.0, window_sec=2.0, take='t', sample_idx=0,
    )  # fmt: skip


def skeleton(layout='coco', frames=50, seed=0):
    rng = np.random.default_rng(seed)
    shape = (frames, len(get_layout(layout)))
    return dict(
        keypoints=rng.normal(size=(*shape, 2)).astype('f4'),
        scores=np.ones(shape, 'f4'),
        keypoint_mask=np.ones(shape, bool),
        layout=layout, pose_rate=25.0, img_shape=(1080, 1920),
    )  # fmt: skip


def pack(**changes):
    arguments = dict(
        placements=PLACEMENTS, imu_channels=('acc',),
        optional_channels=OPTIONAL, limb_layout='coco', meta_keys=(),
    )  # fmt: skip
    return PackIMUPose(**{**arguments, **changes})


def test_optional_channels_are_zero_where_they_lack():
    results = sensors(left_wrist=('acc', 'gyro'), head=('acc', 'quat'))
    inputs = pack()({**results, **skeleton()})['inputs']
    assert inputs['imu'].shape == (3, 11, 50)
    wrist, head, foot = inputs['imu'].numpy()
    np.testing.assert_array_equal(
        wrist[:3], results['imu']['left_wrist']['acc'].T
    )
    np.testing.assert_array_equal(
        wrist[3:6], results['imu']['left_wrist']['gyro'].T
    )
    assert (wrist[6:10] == 0).all() and (wrist[10] == 1).all()
    assert (head[3:6] == 0).all()
    np.testing.assert_array_equal(head[6:10], results['imu']['head']['quat'].T)
    assert (foot == 0).all()
    assert inputs['imu_mask'].tolist() == [True, True, False]
    assert 'imu_placed' not in inputs
    results['imu_meta']['head']['gravity'] = False
    inputs = pack()({**results, **skeleton()})['inputs']
    assert (inputs['imu'][1, 10] == 0).all()
    # Without optional channels all is as it was.
    plain = pack(optional_channels=(), limb_layout=None)
    inputs = plain({**results, **skeleton()})['inputs']
    assert inputs['imu'].shape == (3, 3, 50)


def test_a_sensor_stands_in_for_a_placement_that_is_free():
    results = sensors(left_forearm=('acc',), head=('acc',))
    stand_ins = dict(left_forearm='left_wrist')
    inputs = pack(stand_ins=stand_ins)({**results, **skeleton()})['inputs']
    assert inputs['imu_mask'].tolist() == [True, True, False]
    np.testing.assert_array_equal(
        inputs['imu'][0, :3], results['imu']['left_forearm']['acc'].T
    )
    assert pack()({**results, **skeleton()})['inputs'][
        'imu_mask'
    ].tolist() == [False, True, False]
    both = sensors(left_forearm=('acc',), left_wrist=('acc',))
    inputs = pack(stand_ins=stand_ins)({**both, **skeleton()})['inputs']
    np.testing.assert_array_equal(
        inputs['imu'][0, :3], both['imu']['left_wrist']['acc'].T
    )
    with pytest.raises(ValueError, match='Unknown limb'):
        pack(stand_ins=dict(tail='left_wrist'))


def test_a_limb_that_a_layout_lacks_is_masked():
    results = {**sensors(left_wrist=('acc',)), **skeleton('h36m')}
    inputs = pack()(results)['inputs']
    assert inputs['pose_mask'].any(dim=1).tolist() == [True, False, True]
    names = get_layout('h36m')
    wrist = results['keypoints'][:, names.index('left_wrist')]
    np.testing.assert_array_equal(inputs['pose'][0, [2, 5]], wrist.T)
    # The foot is the leg, as COCO shows it, whatever else there is.
    for layout in ('coco', 'halpe26'):
        results = {**sensors(left_wrist=('acc',)), **skeleton(layout)}
        inputs = pack()(results)['inputs']
        names = get_layout(layout)
        ankle = results['keypoints'][:, names.index('left_ankle')]
        np.testing.assert_array_equal(inputs['pose'][2, [2, 5]], ankle.T)
    with pytest.raises(ValueError, match="'h36m' has no keypoint"):
        plain = pack(limb_layout=None)
        plain({**sensors(left_wrist=('acc',)), **skeleton('h36m')})


@pytest.mark.parametrize('frame', ['sensor', 'world'])
@pytest.mark.parametrize('gravity', [True, False])
def test_acceleration_becomes_specific_force(frame, gravity):
    turns = Rotation.random(50, random_state=1)
    force = np.random.default_rng(0).normal(0, 5, (50, 3))
    acc = force if gravity else force - turns.inv().apply(
        [0, 0, STANDARD_GRAVITY]
    )  # fmt: skip
    if frame == 'world':
        acc = turns.apply(acc)
    quat = turns.as_quat()[:, [3, 0, 1, 2]]
    channels = dict(acc=acc.astype('f4'), quat=quat.astype('f4'))
    results = dict(
        imu={'head': channels}, imu_mask={'head': True},
        imu_meta={'head': dict(frame=frame, gravity=gravity)},
    )  # fmt: skip
    out = ToSpecificForce()(results)
    np.testing.assert_allclose(out['imu']['head']['acc'], force, atol=1e-4)
    assert out['imu_meta']['head'] == dict(frame='sensor', gravity=True)


def test_without_orientation_acceleration_stays_and_says_so():
    results = sensors(head=('acc',))
    results['imu_meta']['head'] = dict(frame='sensor', gravity=False)
    before = results['imu']['head']['acc'].copy()
    out = ToSpecificForce()(results)
    np.testing.assert_array_equal(out['imu']['head']['acc'], before)
    assert out['imu_meta']['head']['gravity'] is False


def person(bend=0.0):
    """Somebody who stands upright, 100 pixels from shoulders to hips."""
    names = get_layout('coco')
    at = dict(
        nose=(0, -140), left_eye=(6, -146), right_eye=(-6, -146),
        left_ear=(15, -140), right_ear=(-15, -140),
        left_shoulder=(35, -100), right_shoulder=(-35, -100),
        left_elbow=(40, -35), right_elbow=(-40, -35),
        left_wrist=(45, 16), right_wrist=(-45, 16),
        left_hip=(20, 0), right_hip=(-20, 0), left_knee=(20, 85),
        right_knee=(-20, 85), left_ankle=(20, 170), right_ankle=(-20, 170),
    )  # fmt: skip
    frame = np.array([at[name] for name in names], 'f4')
    results = skeleton()
    results['keypoints'] = np.tile(frame, (50, 1, 1))
    return results, names


@pytest.mark.parametrize(
    'seen',
    [
        (),
        ('hip', 'knee', 'ankle'),
        ('shoulder', 'elbow', 'wrist'),
        ('shoulder', 'elbow'),
        ('knee', 'ankle'),
        ('nose', 'eye'),
    ],
)
def test_a_body_has_its_size_whatever_is_seen(seen):
    results, names = person()
    if seen:
        hidden = [not any(part in name for part in seen) for name in names]
        results['keypoint_mask'][:, hidden] = False
    scaled = {k: np.array(v) if isinstance(v, np.ndarray) else v
              for k, v in results.items()}  # fmt: skip
    scaled['keypoints'] = scaled['keypoints'] * 3 + np.float32(400)
    a, b = (NormalizeKeypoints('body')(r) for r in (results, scaled))
    known = a['keypoint_mask']
    assert known.any()
    np.testing.assert_allclose(
        a['keypoints'][known], b['keypoints'][known], atol=1e-4
    )
    i, j = (names.index(f'left_{n}') for n in ('hip', 'shoulder'))
    torso = np.linalg.norm(a['keypoints'][0, i] - a['keypoints'][0, j])
    # Width of the hips and shoulders apart, it is about 1.
    assert torso == pytest.approx(1.0, abs=0.12)


def test_foreshortened_bones_do_not_make_a_body_small():
    results, names = person()
    torso = [i for i, n in enumerate(names) if 'shoulder' in n]
    results['keypoints'][:, torso, 1] = -30  # bends towards the camera
    out = NormalizeKeypoints('body')(results)
    i, j = names.index('left_hip'), names.index('left_knee')
    thigh = np.linalg.norm(out['keypoints'][0, i] - out['keypoints'][0, j])
    assert thigh == pytest.approx(0.85, abs=0.02)
    nobody, _ = person()
    nobody['keypoint_mask'][:] = False
    assert (NormalizeKeypoints('body')(nobody)['keypoints'] == 0).all()


def test_a_random_subset_of_sensors_and_more_limbs():
    counts, kept = [], []
    np.random.seed(0)
    names = ('left_wrist', 'head', 'left_foot', 'pelvis', 'sternum')
    for _ in range(200):
        results = sensors(**dict.fromkeys(names, ('acc',)))
        out = RandomSensorSubset(most=3, more_limbs=2)(results)
        counts.append(len(out['imu']))
        kept.append(len(out['kept_limbs']))
        assert set(out['imu']) == set(out['imu_mask']) == set(out['imu_meta'])
        assert set(out['imu']) <= set(out['kept_limbs'])
    assert set(counts) == {1, 2, 3} and max(kept) == 5
    for count in (1, 2, 3):
        assert counts.count(count) == pytest.approx(67, abs=30)


def test_forgotten_placements_are_packed():
    np.random.seed(0)
    placed = []
    for _ in range(50):
        results = sensors(left_wrist=('acc',), head=('acc',))
        results = RandomUnplaced(0.3)({**results, **skeleton()})
        mask = pack()(results)['inputs']['imu_placed']
        assert mask.shape == (3,) and mask[2]
        placed.append(mask[:2].float().mean())
    assert 0.55 < np.mean(placed) < 0.85
