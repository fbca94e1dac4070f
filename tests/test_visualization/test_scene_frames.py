"""Frames of a data set: who is seen together, at the right moment."""

from types import SimpleNamespace

import numpy as np

from mobind_mm.datasets import SyntheticMotionDataset
from mobind_mm.visualization import draw_skeleton, scene_frames


def build(**changes):
    options = dict(
        split='test',
        num_subjects=4,
        takes_per_subject=2,
        take_sec=6.0,
        people=(1, 3),
        window_sec=2.0,
        stride_sec=2.0,
    )
    return SyntheticMotionDataset(**{**options, **changes})


def test_fullest_scenes_first_at_the_middle_of_the_window():
    dataset = build()
    frames = scene_frames(dataset, limit=2)
    assert len(frames) == 2
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    crowd = {}
    for info in infos:
        if info['window_start'] == 0:
            crowd.setdefault(info['scene'], []).append(info)
    sizes = sorted(map(len, crowd.values()), reverse=True)
    assert [len(f['people']) for f in frames.values()] == sizes[:2]
    for name, frame in frames.items():
        for person, info in zip(frame['people'], crowd[name]):
            pose = info['recording'].pose
            index = np.abs(pose.clock.at(slice(0, 90)) - 1.0).argmin()
            np.testing.assert_array_equal(
                person['keypoints'], pose.keypoints[index]
            )
            assert person['name'] == info['subject']
            assert person['sensors'] == list(info['recording'].imu)
        draw_skeleton(**frame)


def test_reference_windows_and_wrappers():
    gallery = build(role='gallery', people=(3, 3))
    dataset = build()
    wrapped = SimpleNamespace(
        datasets=[gallery, SimpleNamespace(dataset=dataset)]
    )
    expected, frames = (scene_frames(d, limit=9) for d in (dataset, wrapped))
    assert frames.keys() == expected.keys()
    assert scene_frames(gallery) == {}
    assert scene_frames([1, 2, 3]) == {}
