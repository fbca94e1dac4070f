"""Sensors that are removed leave no trace."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recordings import make_recording, make_results, make_sensor
from tiny_models import encoder

from mobind_mm.datasets import transforms as t
from mobind_mm.recordings import Recording
from mobind_mm.registry import MODELS

LIMBS = ('left_wrist', 'right_wrist', 'head')


pytestmark = pytest.mark.usefixtures('mobind_scope')


def steps():
    return [
        t.LoadWindow(channels=('acc', 'gyro')),
        t.ResampleIMU(25),
        t.ResamplePose(20),
        t.NormalizeKeypoints('torso'),
        t.PackIMUPose(LIMBS, ('acc', 'gyro')),
    ]


def run(pipeline, recording):
    results = make_results(recording)
    for step in pipeline:
        results = step(results)
    return results


def model():
    neck = dict(type='LimbAttentionNeck', num_limbs=3, embed_dims=16)
    return MODELS.build(
        dict(
            type='MoBind',
            imu_backbone=encoder(6, 25, window_sec=4.0),
            pose_backbone=encoder(6, 20, window_sec=4.0),
            imu_neck=neck,
            pose_neck=neck,
            head=dict(type='HierarchicalContrastiveHead', embed_dims=16),
        )
    ).eval()


def only(recording, *names):
    return replace(recording, imu={n: recording.imu[n] for n in names})


@pytest.mark.parametrize('place', range(4))
@pytest.mark.parametrize('kept', [('head',), ('left_wrist', 'head')])
def test_as_if_the_others_had_never_been_worn(place, kept):
    recording = make_recording(placements=LIMBS)
    bare = run(steps(), only(recording, *kept))
    wild = make_sensor(np.arange(1000) / 100, acc=np.full((1000, 3), 99.0))
    lost = {name: wild for name in LIMBS if name not in kept}
    spoilt = replace(recording, imu={**recording.imu, **lost})
    pipeline = steps()
    pipeline.insert(place, t.KeepSensors(kept))
    found = run(pipeline, recording if place else spoilt)
    # Sensors that share a clock are resampled in one product, whose last bit
    # depends on its shape on some processors.
    for key, value in bare['inputs'].items():
        torch.testing.assert_close(
            found['inputs'][key], value, rtol=1e-6, atol=1e-6, msg=key
        )
    mask = found['inputs']['imu_mask'].tolist()
    assert mask == [name in kept for name in LIMBS]
    assert found['inputs']['pose_mask'].all()


def test_the_model_sees_the_kept_sensors_alone():
    """Also if what stands behind the mask is large."""
    recording = make_recording(placements=LIMBS)
    pipeline = [t.KeepSensors(('right_wrist',)), *steps()]
    inputs = run(pipeline, recording)['inputs']
    bare = run(steps(), only(recording, 'right_wrist'))['inputs']
    net = model()
    with torch.no_grad():
        inputs = {key: value[None] for key, value in inputs.items()}
        inputs['imu'][:, [0, 2]] = 1e4
        found = net(inputs)
        bare = net({key: value[None] for key, value in bare.items()})
        whole = net(
            {k: v[None] for k, v in run(steps(), recording)['inputs'].items()}
        )
    for key in ('imu', 'imu_tokens', 'imu_local', 'pose'):
        assert torch.equal(found[key], bare[key]), key
    torch.testing.assert_close(
        found['imu_tokens'][:, 1], whole['imu_tokens'][:, 1]
    )
    assert not torch.allclose(found['imu'], whole['imu'])


def test_limbs_without_a_sensor_can_be_masked_in_the_skeleton():
    recording = make_recording(placements=LIMBS)
    keep = t.KeepSensors(('head', 'left_wrist'), limbs_too=True)
    masked = run([keep, *steps()], recording)['inputs']
    full = run(steps(), recording)['inputs']
    assert masked['pose_mask'].all(dim=1).tolist() == [True, False, True]
    assert torch.equal(masked['pose'], full['pose'])
    # Known for the take that lacks the head too: whose it is must not show.
    bare = run([keep, *steps()], only(recording, 'left_wrist'))['inputs']
    assert torch.equal(bare['pose_mask'], masked['pose_mask'])
    assert bare['imu_mask'].tolist() == [True, False, False]


def test_raw_streams_are_removed_too():
    streams = make_recording(placements=LIMBS)
    results = dict(streams=streams, imu_mask=dict.fromkeys(LIMBS, True))
    results = t.KeepSensors(('head', 'pelvis'))(results)
    assert isinstance(results['streams'], Recording)
    assert list(results['streams'].imu) == ['head']
    assert results['streams'].pose is streams.pose
    assert results['imu_mask'] == {'head': True}
    assert list(streams.imu) == list(LIMBS)  # the data set's own is whole


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="'tail'"):
        t.KeepSensors(('tail',))
    with pytest.raises(ValueError, match='empty'):
        t.KeepSensors(())
    packed = run(steps(), make_recording(placements=LIMBS))
    with pytest.raises(ValueError, match='before PackIMUPose'):
        t.KeepSensors(('head',))(packed)
