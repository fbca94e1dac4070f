"""``filter_cfg=dict(subjects=...)`` keeps the windows of some people."""

import pytest

from mobind_mm.datasets import SyntheticMotionDataset


def make(**kwargs):
    return SyntheticMotionDataset(
        num_subjects=3, takes_per_subject=2, take_sec=12.0, **kwargs
    )


def ids(dataset):
    return [
        (dataset.get_data_info(i)['subject'], dataset.get_data_info(i)['take'])
        for i in range(len(dataset))
    ]


def test_subjects_split_the_windows():
    everything = ids(make())
    names = sorted({subject for subject, _ in everything})
    assert len(names) == 3
    parts = [ids(make(filter_cfg=dict(subjects=[n]))) for n in names]
    for name, part in zip(names, parts):
        assert part == [w for w in everything if w[0] == name] and part
    two = ids(make(filter_cfg=dict(subjects=names[:2])))
    assert two == [w for w in everything if w[0] != names[2]]


def test_with_labels_too():
    name = ids(make())[0][0]
    wanted = dict(subjects=[name], labelled=True)
    dataset = make(filter_cfg=wanted, min_label_overlap=0.8)
    assert 0 < len(dataset) < len(make(filter_cfg=dict(subjects=[name])))
    for i in range(len(dataset)):
        assert dataset.get_data_info(i)['action'] >= 0


@pytest.mark.parametrize('subjects', [['nobody'], []])
def test_unknown_subjects_are_named(subjects):
    with pytest.raises(ValueError, match='choose among .*train-000'):
        make(filter_cfg=dict(subjects=subjects))
