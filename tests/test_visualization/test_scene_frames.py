"""Frames of a data set: who is seen together, at the right moment."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

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


class Altered:
    """The first windows of a data set, changed."""

    role = 'query'
    get_recording = None

    def __init__(self, alter, size=1):
        self.source, self.alter, self.size = build(), alter, size

    def __len__(self):
        return self.size

    def get_data_info(self, idx):
        info = self.source.get_data_info(idx)
        return self.alter(idx, info, info['recording'])


def unseen(info, recording):
    """The same window, of which nobody is in view."""
    scores = np.zeros_like(recording.pose.scores)
    pose = replace(recording.pose, scores=scores)
    return dict(info, recording=replace(recording, pose=pose))


def test_frames_that_show_nobody_are_passed_over():
    size = len(build())
    everybody = Altered(lambda idx, info, recording: info, size)
    first, second, *_ = scene_frames(everybody, limit=9)

    def first_is_empty(idx, info, recording):
        return unseen(info, recording) if info['scene'] == first else info

    assert [*scene_frames(Altered(first_is_empty, size), 1)] == [second]


@pytest.mark.parametrize(
    'alter',
    [
        lambda idx, info, recording: unseen(info, recording),
        # No frame within half a second.
        lambda idx, info, recording: dict(info, window_start=100.0),
    ],
)
def test_nothing_to_show(alter):
    assert scene_frames(Altered(alter)) == {}


def test_a_sensor_without_a_place_in_the_picture():
    def alter(idx, info, recording):
        imu = {**recording.imu, 'tail': next(iter(recording.imu.values()))}
        return dict(info, recording=replace(recording, imu=imu))

    (frame,) = scene_frames(Altered(alter)).values()
    info = build().get_data_info(0)
    assert frame['people'][0]['sensors'] == list(info['recording'].imu)
    draw_skeleton(**frame)
