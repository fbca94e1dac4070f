"""The metric runs synchronisers, in any number of processes alike."""

import csv

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from processes import process_group, spread, warm

from mobind_mm.evaluation import SyncMetric
from mobind_mm.recordings import Recording
from mobind_mm.structures import MoBindDataSample
from mobind_mm.synchronization import SyncResult

CLIPS, WINDOWS = 11, 41
STRIDE = 0.2


class Told:
    """Reads the answer that the test has put into the embeddings."""

    needs_feats, needs_streams = True, True

    def __init__(self, bias=0.0, refuse_above=np.inf):
        self.bias, self.refuse_above = bias, refuse_above

    def __call__(self, streams, feats, max_offset):
        assert isinstance(streams, Recording)
        assert max_offset == 3.0
        assert feats['imu_embedding'].shape == (WINDOWS, 16)
        truth = float(feats['pose_embedding'][0, -1])
        late = abs(truth) > self.refuse_above
        return SyncResult(
            truth + self.bias * truth,
            confidence=0.75,
            abstained=late,
            reason='weak' if late else '',
            rivals=[(0.5, 0.1)],
            offsets=np.array([-1.0, truth]),
            log_posterior=np.array([-5.0, 0.0]),
        )


class NoFeats(Told):
    needs_feats = False

    def __call__(self, streams, feats, max_offset):
        assert feats is None
        return SyncResult(0.0)


def clips():
    rng = np.random.default_rng(0)
    starts = STRIDE * np.arange(WINDOWS)
    code = rng.normal(0, 2.0, 15)
    for index in range(CLIPS):
        offset = float(rng.uniform(-3, 3))
        sample = MoBindDataSample(
            metainfo=dict(
                take=f't{index}',
                subject='1',
                camera=None,
                clip=f't{index}@0',
                window_start=10.0 + offset,
                offset=offset,
                max_offset=3.0,
                streams=Recording(),
            )
        )
        for name, times in (('imu', starts), ('pose', starts + offset)):
            x = np.cos(2 * np.pi * code * times[:, None] + np.arange(15))
            last = 0.0 if name == 'imu' else offset
            x = np.concatenate([x, np.full((WINDOWS, 1), last)], axis=1)
            x = torch.tensor(x, dtype=torch.float64)
            sample.set_data({f'{name}_embedding': x.float()})
            mask = torch.ones(WINDOWS, 1, dtype=torch.bool)
            sample.set_data({f'{name}_mask': mask})
        sample.window_starts = torch.tensor(starts)
        yield sample


def metric(**changes):
    synchronizers = dict(
        told=Told(0.1, refuse_above=2.0),
        vote=dict(type='VoteSynchronizer'),
        signal=NoFeats(),
    )
    return SyncMetric(synchronizers, main='told', num_cases=3, **changes)


def evaluate(built, samples, size=CLIPS, batch=2):
    evaluator = Evaluator(built)
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(size)


def test_keys_values_cases_pictures_and_table(tmp_path):
    samples = list(clips())
    truth = np.array([sample.offset for sample in samples])
    built = metric(dump=tmp_path / 'sync.csv')
    out = evaluate(built, samples)
    error = np.abs(0.1 * truth)
    answered = np.abs(truth) <= 2.0
    assert 0 < answered.sum() < CLIPS
    assert out['sync/num_clips'] == CLIPS
    assert out['sync/num_answered'] == answered.sum()
    assert out['sync/mae_s'] == pytest.approx(error.mean(), rel=1e-5)
    assert out['sync/acc@0.1'] == np.mean(error < 0.1)
    assert out['sync/coverage'] == answered.mean()
    assert out['sync/answered_mae_s'] == pytest.approx(
        error[answered].mean(), rel=1e-5
    )
    assert out['sync/ece'] == pytest.approx(abs(np.mean(error < 0.1) - 0.75))
    zero = pytest.approx(np.abs(truth).mean())
    assert out['sync/zero_mae_s'] == out['sync/signal_mae_s'] == zero
    assert out['sync/floor_mae_s'] < 0.1
    # The vote of perfect embeddings is nearly as good as the floor.
    assert out['sync/vote_acc@0.2'] == 1.0
    assert out['sync/vote_mae_s'] < out['sync/floor_mae_s'] + 0.05

    worst = np.argsort(-error)
    assert [case['take'] for case in built.cases] == [
        f't{i}' for i in worst[:3]
    ]
    case = built.cases[0]
    assert case['offset'] == truth[worst[0]]
    assert case['similarity'].shape == (WINDOWS, WINDOWS)
    assert case['offsets'].shape == case['log_posterior'].shape == (2,)
    pictures = built.pictures()
    kinds = [picture['kind'] for picture in pictures.values()]
    assert sorted(kinds) == ['similarity_matrix'] * 3 + ['sync_curve'] * 3

    with (tmp_path / 'sync.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['take'] for row in rows] == [f't{i}' for i in worst]
    assert float(rows[0]['told_error_s']) == pytest.approx(error.max())
    assert rows[0]['told_reason'] == 'weak'
    assert float(rows[0]['signal_estimate']) == 0.0


def test_order_and_number_of_other_clips_give_nothing_away():
    samples = list(clips())
    forth = evaluate(metric(), samples)
    back = evaluate(metric(), samples[::-1], batch=3)
    assert forth.keys() == back.keys()
    for key, value in forth.items():
        assert back[key] == pytest.approx(value, nan_ok=True), key


def run(rank, folder, queue):
    """Evaluate in 3 processes, then in 2 of them."""
    for world in (3, 2):
        if rank >= world:
            continue
        samples = list(clips())
        # What DefaultSampler does: round robin, padded with the first ones.
        padded = samples + samples[: -len(samples) % world]
        with process_group(rank, world, folder):
            built = metric()
            out = evaluate(built, padded[rank::world])
            if rank == 0:
                queue.put((out, [case['take'] for case in built.cases]))


def test_two_and_three_processes_equal_one(tmp_path):
    built = metric()
    expected = evaluate(built, list(clips()))
    takes = [case['take'] for case in built.cases]
    queue = warm().SimpleQueue()
    spread(run, (str(tmp_path), queue), 3)
    for _ in range(2):
        found, found_takes = queue.get()
        np.testing.assert_equal(found, expected)
        assert found_takes == takes


def test_what_is_missing_is_said():
    sample = next(clips())
    with pytest.raises(ValueError, match="main='fused'"):
        SyncMetric(dict(vote=Told()))
    with pytest.raises(ValueError, match="'zero' names a baseline"):
        SyncMetric(dict(fused=Told(), zero=Told()))
    no_streams = sample.clone()
    del no_streams.streams
    with pytest.raises(ValueError, match='KeepStreams'):
        evaluate(metric(), [no_streams])
    no_offset = sample.clone()
    del no_offset.offset
    with pytest.raises(ValueError, match='SyncClipDataset'):
        evaluate(metric(), [no_offset])
    blind = MoBindDataSample(metainfo=dict(sample.metainfo_items()))
    with pytest.raises(ValueError, match="'told' needs embeddings"):
        evaluate(metric(), [blind])


def test_a_clip_of_one_window_gets_the_axis_of_windows():
    seen = {}

    def synchronize(streams, feats, max_offset):
        seen.update(feats)
        return SyncResult(0.0)

    synchronize.needs_streams = False
    sample = MoBindDataSample(
        metainfo=dict(take='t', window_start=0.0, offset=0.0, max_offset=1.0)
    )
    for name in ('imu', 'pose'):
        sample.set_data({f'{name}_embedding': torch.ones(2, 4)})
        sample.set_data({f'{name}_mask': torch.ones(2, dtype=torch.bool)})
        sample.set_data({f'{name}_tokens': torch.ones(2, 5, 4)})
    built = SyncMetric(dict(fused=synchronize))
    evaluate(built, [sample], size=1)
    assert seen['imu_embedding'].shape == (1, 2, 4)
    assert seen['imu_tokens'].shape == (1, 2, 5, 4)
    assert seen['imu_mask'].shape == (1, 2)
    assert seen['window_starts'].tolist() == [0.0]
    assert built.cases[0]['similarity'] is None
