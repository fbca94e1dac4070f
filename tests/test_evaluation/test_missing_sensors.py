"""Subsets of sensors, where they are put in, and their table."""

from itertools import product

import numpy as np
import pytest
from benchmarking.missing_sensors import (
    is_count,
    keep_sensors,
    packed_placements,
    sensor_subsets,
    summarize_subsets,
    with_keep_sensors,
)
from mmengine.config import Config
from torch.utils.data import ConcatDataset

from mobind_mm.datasets.transforms import KeepSensors

FIVE = ('left_wrist', 'right_wrist', 'left_knee', 'right_knee', 'head')


@pytest.mark.parametrize('num', [1, 3, 5])
def test_subsets_are_all_of_them_once(num):
    subsets = sensor_subsets(FIVE[:num])
    expected = {
        tuple(name for name, used in zip(FIVE, flags) if used)
        for flags in product([0, 1], repeat=num)
        if any(flags)
    }
    assert len(subsets) == len(expected) == 2**num - 1
    assert set(subsets) == expected
    sizes = [len(subset) for subset in subsets]
    assert sizes == sorted(sizes, reverse=True)


def test_limits():
    few = sensor_subsets(FIVE, sizes=[1, 2, 5], max_subsets=4)
    assert [len(subset) for subset in few] == [5] + 4 * [2] + 4 * [1]
    assert len(set(few)) == 9
    assert set(few) <= set(sensor_subsets(FIVE))
    # Spread: no sensor is in all of the pairs.
    pairs = [set(subset) for subset in few if len(subset) == 2]
    assert not set.intersection(*pairs)
    with pytest.raises(ValueError, match=r'\[6\].*5 sensors'):
        sensor_subsets(FIVE, sizes=[1, 6])
    with pytest.raises(ValueError, match='max_subsets'):
        sensor_subsets(FIVE, max_subsets=0)


def pipeline(*placements):
    return [
        dict(type='Other'),
        dict(type='LoadWindow', channels=('acc',)),
        dict(type='mobind_mm.PackIMUPose', placements=placements),
    ]


def test_every_pipeline_of_a_config_gets_the_transform():
    shared = pipeline('head', 'left_wrist')
    cfg = Config(
        dict(
            main=dict(
                dataset=dict(
                    datasets=[
                        dict(type='A', pipeline=shared),
                        dict(type='B', pipeline=shared),
                    ]
                )
            ),
            tasks=dict(
                sync=dict(
                    dataset=dict(dataset=dict(type='A')),
                    pipeline=pipeline('left_wrist', 'pelvis'),
                )
            ),
            other=[dict(type='X'), 3, None, ('a', 'b')],
        )
    )
    before = cfg.pretty_text
    assert packed_placements([cfg.main, cfg.tasks]) == (
        *('head', 'left_wrist', 'pelvis'),
    )
    found = with_keep_sensors(cfg._cfg_dict, ('head',), limbs_too=True)
    step = dict(type='KeepSensors', placements=('head',), limbs_too=True)
    for steps in (
        *(d.pipeline for d in found.main.dataset.datasets),
        found.tasks.sync.pipeline,
    ):
        names = [each['type'].split('.')[-1] for each in steps]
        assert names == ['Other', 'KeepSensors', 'LoadWindow', 'PackIMUPose']
        assert steps[1] == step
    assert found.other == cfg.other
    assert cfg.pretty_text == before  # a copy was changed
    with pytest.raises(ValueError, match='PackIMUPose'):
        packed_placements(dict(type='TinyDataset', pipeline=[]))


class Made:
    """A dataset with a pipeline, as MMEngine's."""

    def __init__(self, *steps):
        self.pipeline = type('Compose', (), dict(transforms=list(steps)))()

    def __len__(self):
        return 1


class Wrapper:
    def __init__(self, dataset):
        self.dataset = dataset


def test_built_datasets_change_what_they_keep():
    steps = [KeepSensors(('head',)) for _ in range(3)]
    concat = ConcatDataset([Made(steps[0]), Made(object(), steps[1])])
    wrapped = Wrapper(Made(steps[2]))
    assert keep_sensors(concat, ('left_wrist', 'head')) == 2
    assert keep_sensors(wrapped, ('pelvis',)) == 1
    assert keep_sensors(Made(), ('head',)) == 0
    assert [step.placements for step in steps] == [
        ('left_wrist', 'head'),
        ('left_wrist', 'head'),
        ('pelvis',),
    ]


def test_table_arithmetic():
    """Against a plain loop; ranks and errors are best when small."""
    rng = np.random.default_rng(0)
    rows = [
        {
            'num_sensors': len(subset),
            'sensors': '+'.join(subset),
            'retrieval/imu2pose_R@1': float(rng.random()),
            'sync/mae_s': float(rng.random()),
            'sync/vote_ece': float(rng.random()),
        }
        for subset in sensor_subsets(FIVE)
    ]
    for metric, best in (
        ('retrieval/imu2pose_R@1', max),
        ('sync/mae_s', min),
        ('sync/vote_ece', min),
    ):
        table = summarize_subsets(rows, metric)
        assert [line['num_sensors'] for line in table] == [5, 4, 3, 2, 1]
        assert [line['subsets'] for line in table] == [1, 5, 10, 10, 5]
        for line in table:
            values = {}
            for row in rows:
                if row['num_sensors'] == line['num_sensors']:
                    values[row['sensors']] = row[metric]
            assert line['mean'] == pytest.approx(
                sum(values.values()) / len(values)
            )
            worst = {max: min, min: max}[best]
            assert line['best'] == best(values.values())
            assert line['worst'] == worst(values.values())
            assert values[line['best_sensors']] == line['best']
            assert values[line['worst_sensors']] == line['worst']


def test_rows_without_a_value_do_not_count():
    rows = [
        dict(num_sensors=1, sensors=name, m=value)
        for name, value in zip(FIVE, (0.2, None, 0.4, float('nan')))
    ]
    rows.append(dict(num_sensors=1, sensors='head'))
    (line,) = summarize_subsets(rows, 'm')
    assert line['subsets'] == 2 and line['mean'] == pytest.approx(0.3)
    assert (line['worst'], line['best']) == (0.2, 0.4)
    assert summarize_subsets(rows[1:2], 'm') == []


def test_counts_are_no_results():
    assert is_count('retrieval/num_windows') and is_count('action/num_queries')
    assert not is_count('action/knn_top1')
