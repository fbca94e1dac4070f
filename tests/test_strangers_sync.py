"""A synchroniser from outside works wherever the package's own do."""

import numpy as np
import pytest
from energy_sync import EnergySynchronizer
from mmengine.evaluator import Evaluator

from mobind_mm.evaluation import SyncMetric
from mobind_mm.structures import MoBindDataSample
from mobind_mm.synchronization import (
    build_synchronizer,
    check_synchronizer,
    synchronize_clip,
    synchronize_clocks,
    synchronizer_names,
)
from mobind_mm.synchronization.clips import cut_clip
from mobind_mm.synchronization.conformance import simulate_recording


def test_it_fulfils_the_contract():
    check_synchronizer(EnergySynchronizer())


def test_its_name_is_known():
    assert 'EnergySynchronizer' in synchronizer_names()
    built = build_synchronizer('EnergySynchronizer', step_sec=0.05)
    assert isinstance(built, EnergySynchronizer) and built.step == 0.05
    with pytest.raises(
        ValueError, match=r"did you mean 'EnergySynchronizer'\?.*Known: fused"
    ):
        build_synchronizer('EnergySynchroniser')


def test_it_synchronises_a_recording():
    recording = simulate_recording(3, 70.0, offset=0.7, drift_ppm=400.0)
    sync = build_synchronizer('EnergySynchronizer')
    clock = synchronize_clip(recording, sync, 2.0)
    assert clock.result.offset == pytest.approx(0.7, abs=0.05)
    clock = synchronize_clocks(recording, sync, 2.0, clip_sec=15.0)
    times = np.array([5.0, 65.0])
    np.testing.assert_allclose(
        clock.to_imu_time(times), times * (1 + 4e-4) + 0.7, atol=0.03
    )
    assert not clock.abstained


def test_it_is_evaluated_beside_others():
    evaluator = Evaluator(
        SyncMetric(
            dict(
                energy=dict(type='EnergySynchronizer'),
                correlation='correlation',
            ),
            main='energy',
        )
    )
    offsets = (-1.1, 0.3, 0.9)
    for seed, offset in enumerate(offsets):
        recording = simulate_recording(seed, 20.0, offset)
        sample = MoBindDataSample(
            metainfo=dict(
                take=f't{seed}',
                window_start=0.0,
                offset=offset,
                max_offset=2.0,
                streams=cut_clip(recording, 4.0, 12.0, 2.0),
            )
        )
        evaluator.process([sample])
    metrics = evaluator.evaluate(len(offsets))
    assert metrics['sync/acc@0.1'] == 1.0
    assert metrics['sync/correlation_acc@0.1'] == 1.0
    assert metrics['sync/num_clips'] == 3
